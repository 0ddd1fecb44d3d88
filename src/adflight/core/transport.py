"""How bytes reach a service, and what is known when they do not come back.

`Transport` is all that the session knows of the network; `AiohttpTransport` is the default.
Imports `adflight.core.errors`; `adflight.core.httpx_bridge` has the other transport.

What happened to a request is taken from aiohttp's own exceptions, which were tried against servers that refuse, cut,
stall and reset: only an error that is raised while a connection is being made proves that nothing was sent.

aiohttp and what comes with it (`adflight.core.exchange`) are imported by the first call, because they take longer than
all of adflight.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from attrs import define, field

from adflight.core.errors import ConfigurationError, TransportError
from adflight_api.runtime import InvalidInput

if TYPE_CHECKING:
    import ssl

    from yarl import URL

    from adflight.core.exchange import Connector, Exchange

MAX_RESPONSE_SIZE: Final = 64 * 1024 * 1024
"""Bytes; far above the largest documented page."""


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
    headers: Mapping[str, str] = field(repr=False)
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
        self._exchange: Exchange | None = None
        self._lifetime: AsyncGenerator[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def send(self, request: WireRequest) -> WireAnswer:
        exchange = self._exchange
        if exchange is None or self._loop is not asyncio.get_running_loop() or exchange.connector.closed:
            exchange = await self._open()
        url = wire_url(request.url)
        try:
            return await exchange.send(request, url)
        except (ConfigurationError, TransportError):
            raise
        except Exception as error:
            from adflight.core.exchange import failure

            failed = failure(error, request, url)
        # raised out here, because aiohttp's exception, with headers and URL inside, would become its __context__
        raise failed

    async def aclose(self) -> None:
        self._closed = True
        lifetime, self._lifetime = self._lifetime, None
        if lifetime is None or self._loop is None:
            return
        if self._loop is asyncio.get_running_loop():
            await lifetime.aclose()
        elif self._loop.is_closed():
            await _abandon(self._exchange)
        else:
            self._lifetime = lifetime
            raise ConfigurationError("a client must be closed in the event loop that it was used in")

    async def _open(self) -> Exchange:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConfigurationError("the client is closed")
        if self._loop is not None and self._loop is not loop and not self._loop.is_closed():
            raise ConfigurationError(
                "this client belongs to another event loop, which is still open: "
                "use one client in each event loop, or close the other loop first"
            )
        from adflight.core.exchange import Connector, Exchange, check

        check()
        connector = Connector(
            limit=self._limit, keepalive_timeout=self._keepalive, ssl=True if self._tls is None else self._tls
        )
        # not a method of self: a transport that nobody holds any longer is to go at once, and its generator first
        proxy_for = partial(_proxy_for, self._proxy, self._trust_env)
        old, exchange = self._exchange, Exchange(connector, proxy_for, self._max_response_size)
        # before anything is waited for, or a second task would open one of its own here
        self._loop, self._exchange, self._lifetime = loop, exchange, _lifetime(connector)
        await anext(self._lifetime)
        await _abandon(old)
        return exchange


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


async def _lifetime(connector: Connector) -> AsyncGenerator[None]:
    """Closes the connections with their event loop, which shuts its generators down before it closes."""
    try:
        yield
    finally:
        await connector.close()


async def _abandon(exchange: Exchange | None) -> None:
    """Lets go of what belongs to a loop that was closed without shutting down its generators."""
    if exchange is not None:
        await exchange.connector.close()


def _proxy_for(named: URL | None, trust_env: bool, url: URL) -> URL | None:
    if named is not None or not trust_env:
        return named
    from urllib.request import getproxies, proxy_bypass

    host = url.host or ""
    if is_this_machine(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    text = proxies.get(url.scheme) or proxies.get("all")
    return _proxy_url(text) if text else None


def is_this_machine(host: str) -> bool:
    """Whether a host is this very machine, by its address or its usual name."""
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
