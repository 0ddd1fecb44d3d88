"""How bytes reach a service, and what is known when they do not come back.

`Transport` is all that the session knows of the network; `AiohttpTransport` is the default.
Imports `adflight.core.errors`; `adflight.core.httpx_bridge` has the other transport.

What happened to a request is taken from aiohttp's own exceptions, which were tried against servers that refuse, cut,
stall and reset: only an error that is raised while a connection is being made proves that nothing was sent.

aiohttp and what comes with it are imported by the first call, because they take longer than all of adflight.
"""

from __future__ import annotations

import asyncio
import io
import ipaddress
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from attrs import define, field

from adflight.core.errors import ConfigurationError, ConnectionBroken, NotSent, Timeout, TransportError
from adflight_api.runtime import InvalidInput

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from yarl import URL

MAX_RESPONSE_SIZE: Final = 64 * 1024 * 1024
"""Bytes; far above the largest documented page."""

# aiohttp warns when it is handed more than this in one piece, and blocks the event loop while it writes it
_LARGE_BODY: Final = 1024 * 1024


@define
class WireRequest:
    """A request as it goes out, credentials included: `repr` shows none of it but the method."""

    method: str
    url: str
    """Absolute and percent-encoded."""
    headers: dict[str, str]
    content: bytes | None = None
    timeout: float | None = None
    """Seconds for the whole attempt, from waiting for a connection to the last byte of the answer; None: no limit."""
    connect_timeout: float | None = None
    """Seconds until there is a connection; None: as long as `timeout`."""

    def __repr__(self) -> str:
        return f"<WireRequest {self.method}>"


@define
class WireAnswer:
    """An answer as it came, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names are looked up in any case."""
    content: bytes = field(repr=False)
    """Decompressed."""


class Transport(Protocol):
    """Sends one request once: repeats nothing, follows no redirect, keeps no cookie."""

    @property
    def certified(self) -> bool:
        """Whether its `NotSent` may be believed, because it passed the fault tests."""
        ...

    async def send(self, request: WireRequest) -> WireAnswer:
        """Whatever the service answers.

        Raises:
            NotSent: not a byte of the request has left.
            Timeout, ConnectionBroken: no complete answer came; the request may have been carried out.
            InvalidInput: the URL cannot be sent; nothing has left.
            ConfigurationError: the transport cannot be used here; nothing has left.
        """
        ...

    async def aclose(self) -> None:
        """Closes all connections; harmless when repeated."""
        ...


class AiohttpTransport:
    """The default transport, on aiohttp.

    Proxies come from the usual environment variables (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`; never for
    this machine itself) unless `trust_env` is off or `proxy` names one; certificates from the system (or
    `SSL_CERT_FILE`) unless `tls` brings its own. `limit` is the most connections at a time (0: no limit, the session
    has one of its own), `keepalive` the seconds that an idle connection stays open, `max_response_size` the bytes
    beyond which an answer, a saved report included, is cut off: 64 MiB by default.

    It opens its connections in the event loop of the first call. When that loop closes, they close with it, and the
    next call, in another loop, opens new ones.
    """

    certified: Final = True

    def __init__(
        self,
        *,
        limit: int = 0,
        keepalive: float = 15.0,
        max_response_size: int = MAX_RESPONSE_SIZE,
        trust_env: bool = True,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._max_response_size = max_response_size
        self._trust_env = trust_env
        self._proxy = None if proxy is None else _proxy_url(proxy)
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._lifetime: AsyncGenerator[None] | None = None
        self._closed = False
        self._proxies: dict[tuple[str, str | None], URL | None] = {}
        self._limits: tuple[float | None, float | None] | None = None
        self._client_timeout: aiohttp.ClientTimeout | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def send(self, request: WireRequest) -> WireAnswer:
        session = self._session
        if session is None or self._loop is not asyncio.get_running_loop() or session.closed:
            session = await self._open()
        url = wire_url(request.url)
        content = request.content
        try:
            response = await session.request(
                request.method,
                url,
                data=content if content is None or len(content) <= _LARGE_BODY else io.BytesIO(content),
                headers=request.headers,
                allow_redirects=False,
                timeout=self._timeout(request),
                proxy=self._proxy_for(url),
            )
            try:
                return WireAnswer(response.status, response.headers, await self._read(response))
            finally:
                response.release()
        except (ConfigurationError, TransportError):
            raise
        except Exception as error:
            failure = _judge(error, request, url)
        # raised out here, because aiohttp's exception, with headers and URL inside, would become its __context__
        raise failure

    async def aclose(self) -> None:
        self._closed = True
        lifetime, self._lifetime = self._lifetime, None
        if lifetime is None or self._loop is None:
            return
        if self._loop is asyncio.get_running_loop():
            await lifetime.aclose()
        elif self._loop.is_closed():
            await self._abandon(self._session)
        else:
            self._lifetime = lifetime
            raise ConfigurationError("a client must be closed in the event loop that it was used in")

    async def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConfigurationError("the client is closed")
        if self._loop is not None and self._loop is not loop and not self._loop.is_closed():
            raise ConfigurationError(
                "this client belongs to another event loop, which is still open: "
                "use one client in each event loop, or close the other loop first"
            )
        import aiohttp

        session = aiohttp.ClientSession(
            connector=_connector(self._limit, self._keepalive, self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            # aiohttp's own reading of the environment would add a password from ~/.netrc to a request that carries
            # one already (which it then refuses), and would ask two threads on every call: see _proxy_for
            trust_env=False,
        )
        if not hasattr(session, "_retry_connection"):
            await session.close()
            raise ConfigurationError(
                f"aiohttp {aiohttp.__version__} can no longer be kept from repeating requests by itself: "
                "install an older one, or use HttpxTransport"
            )
        # aiohttp repeats GET, PUT and DELETE when a reused connection closes without an answer: a PUT was carried
        # out twice. Whether to repeat is the session's decision.
        session._retry_connection = False
        old = self._session
        # before anything is waited for, or a second task would open a session of its own here
        self._loop, self._session, self._lifetime = loop, session, _lifetime(session)
        await anext(self._lifetime)
        await self._abandon(old)
        return session

    async def _abandon(self, session: aiohttp.ClientSession | None) -> None:
        """Lets go of what belongs to a loop that was closed without shutting down its generators."""
        if session is not None and session.connector is not None:
            connector = session.connector
            session.detach()
            await connector.close()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        length = response.content_length
        if length is not None and length <= self._max_response_size and "Content-Encoding" not in response.headers:
            return await response.read()
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > self._max_response_size:
                response.close()
                raise ConnectionBroken(f"the answer was cut off: it is longer than {self._max_response_size} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def _timeout(self, request: WireRequest) -> aiohttp.ClientTimeout:
        limits = (request.timeout, request.connect_timeout)
        if self._client_timeout is None or limits != self._limits:
            import aiohttp

            total, connect = limits
            if total is not None:
                # of two limits that end together the wrong one might speak: only the one on connecting proves that
                # nothing was sent
                connect = min(total * 0.9, total if connect is None else connect)
            # aiohttp would round longer ones to whole seconds, which lets the two end together again
            self._client_timeout = aiohttp.ClientTimeout(total=total, connect=connect, ceil_threshold=float("inf"))
            self._limits = limits
        return self._client_timeout

    def _proxy_for(self, url: URL) -> URL | None:
        if self._proxy is not None or not self._trust_env:
            return self._proxy
        key = (url.scheme, url.host)
        if key not in self._proxies:
            self._proxies[key] = _proxy_from_env(url.scheme, url.host or "")
        return self._proxies[key]


@lru_cache(maxsize=1024)
def wire_url(url: str) -> URL:
    """A URL that is sent exactly as it is written.

    Raises:
        InvalidInput: it is not an absolute http URL, or holds what could end the request line. The message shows the
            path only, because a query may hold credentials.
    """
    from yarl import URL

    # not quoted again: quoting anew would change what the generated request has encoded
    if url.isascii() and url.isprintable() and " " not in url:
        try:
            parsed = URL(url, encoded=True)
            if parsed.scheme in ("http", "https") and parsed.raw_host:
                return parsed
        except ValueError:
            pass
    raise InvalidInput("url", urlsplit(url).path, "an absolute, percent-encoded http or https URL")


def _connector(limit: int, keepalive: float, tls: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    import aiohttp

    class Connector(aiohttp.TCPConnector):
        """Never uses a connection again on which something arrived while it was idle.

        aiohttp would take it for the answer to the next request: a 429 that nobody asked for, and a create would be
        repeated that the service is carrying out.
        """

        async def _get(self, key: Any, traces: Any) -> Any:
            while (connection := await super()._get(key, traces)) is not None:
                if connection.protocol is not None and not connection.protocol.should_close:
                    return connection
                connection.close()
            return None

    return Connector(limit=limit, keepalive_timeout=keepalive, ssl=True if tls is None else tls)


async def _lifetime(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    """Ends the session with its event loop, which shuts its generators down before it closes."""
    try:
        yield
    finally:
        await session.close()


def _proxy_from_env(scheme: str, host: str) -> URL | None:
    from urllib.request import getproxies, proxy_bypass

    if _is_this_machine(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    text = proxies.get(scheme) or proxies.get("all")
    return _proxy_url(text) if text else None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _proxy_url(text: str) -> URL:
    from yarl import URL

    url = URL(text if "://" in text else f"http://{text}")
    if url.scheme not in ("http", "https"):
        raise ConfigurationError(f"proxies of the kind {url.scheme!r} are not supported; http and https are")
    return url


def _judge(error: Exception, request: WireRequest, url: URL) -> TransportError | InvalidInput:
    """What an exception of aiohttp proves. Texts of exceptions that may hold the URL are left out."""
    import aiohttp

    where = f"{url.host}:{url.port}"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return NotSent(f"no connection to {where} in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        via = "proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        return NotSent(f"no connection to {via}{error.host}:{error.port}: {error.os_error}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return NotSent(f"no connection to {where}: the proxy answered {error.status}")
    if isinstance(error, aiohttp.InvalidURL):
        return InvalidInput("url", url.path, "an address that can be reached")
    if isinstance(error, TimeoutError):
        return Timeout(f"no answer from {where} within {request.timeout} s")
    return ConnectionBroken(f"the connection to {where} broke before the answer was complete ({_name(error)})")


def _name(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
