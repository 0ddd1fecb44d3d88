"""One request and its answer on one of aiohttp's connections, below `aiohttp.ClientSession`.

aiohttp makes and keeps the connections (proxies, TLS, resolving, pooling), writes heads and parses answers. Its
`ClientSession` is left out, because it repeats GET, PUT and DELETE by itself when a reused connection closes without an
answer (a PUT was carried out twice), keeps cookies, follows redirects, and costs nearly half of a call. What is used in
its place is partly undocumented: `check` refuses an aiohttp in which it has changed.

Imports aiohttp, which is slow, and so is imported by the first call. May be imported by `core.transport` only.
"""

from __future__ import annotations

import asyncio
import inspect
import select
from collections.abc import Callable
from math import inf
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from yarl import URL

from adflight.core.alarm import Alarm
from adflight.core.errors import ConfigurationError, ConnectionBroken, NotSent, Timeout, TransportError
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import InvalidInput

# bytes; more than this in one piece blocks the event loop while TLS encrypts it, so it goes out piece by piece
_LARGE_BODY: Final = 1024 * 1024
_PIECE: Final = 64 * 1024

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Connector(aiohttp.TCPConnector):
    """Never uses a connection again on which something arrived while it was idle.

    aiohttp would take it for the answer to the next request: a 429 that nobody asked for, and a create would be
    repeated that the service is carrying out.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close and not _touched(connection):
                return connection
            connection.close()
        return None


def _touched(connection: aiohttp.connector.Connection) -> bool:
    """Whether something arrived, or the end, that the event loop has had no time to read."""
    transport = connection.transport
    socket = None if transport is None else transport.get_extra_info("socket")
    if socket is None:
        return False
    if hasattr(select, "poll"):
        watch = select.poll()
        watch.register(socket.fileno(), select.POLLIN)
        return bool(watch.poll(0))
    return bool(select.select([socket], [], [], 0)[0])


class Exchange:
    """Sends requests and reads their answers; `proxy_for` says through which proxy, `max_size` how long they may be."""

    def __init__(self, connector: aiohttp.TCPConnector, proxy_for: Callable[[URL], URL | None], max_size: int) -> None:
        self.connector: Final = connector
        self._alarm = Alarm()
        self._loop = asyncio.get_running_loop()
        self._proxy_for = proxy_for
        self._max_size = max_size
        self._routes: dict[tuple[str, str], aiohttp.ClientRequest] = {}
        self._limit: float | None = None
        self._connecting = _limit_on_connecting(None)

    async def send(self, request: WireRequest, url: URL) -> WireAnswer:
        """Whatever comes back. Raises what aiohttp raises, or `TransportError`; `failure` says what that proves."""
        route = self._routes.get((url.scheme, url.raw_authority)) or self._route(url)
        due = None if request.timeout is None else self._alarm.time() + request.timeout
        connection = await self._connect(route, request)
        try:
            with self._alarm.limit(due):
                answer, sent = await self._converse(request, url, route, connection)
        except BaseException:
            # cancelled, out of time or broken: whatever still comes on it would be taken for another answer
            connection.close()
            raise
        if sent:
            connection.release()
        else:
            connection.close()
        return answer

    def _route(self, url: URL) -> aiohttp.ClientRequest:
        """What the connector needs to reach a service, with the headers that every request to it carries."""
        origin = URL(f"{url.scheme}://{url.raw_authority}", encoded=True)
        route = aiohttp.ClientRequest("GET", origin, loop=self._loop, proxy=self._proxy_for(url))
        return self._routes.setdefault((url.scheme, url.raw_authority), route)

    async def _connect(self, route: aiohttp.ClientRequest, request: WireRequest) -> aiohttp.connector.Connection:
        limit = request.connect_timeout
        if request.timeout is not None:
            # who connects at the last moment would only send what nobody waits for
            limit = min(request.timeout * 0.9, request.timeout if limit is None else limit)
        if limit != self._limit:
            self._limit, self._connecting = limit, _limit_on_connecting(limit)
        try:
            # its limit is the only one so far: that it ended proves that nothing was sent
            return await self.connector.connect(route, [], self._connecting)
        except TimeoutError:
            # raised out here, because aiohttp's exception, with headers and URL inside, would become its __context__
            pass
        raise NotSent(f"no connection to {route.host}:{route.port} in time")

    async def _converse(
        self, request: WireRequest, url: URL, route: aiohttp.ClientRequest, connection: aiohttp.connector.Connection
    ) -> tuple[WireAnswer, bool]:
        """The answer, and whether the request was sent to its end: the service may have answered before."""
        protocol = connection.protocol
        assert protocol is not None, "only a connection that was let go has none"
        method, content = request.method.upper(), request.content
        protocol.set_response_params(skip_payload=method == "HEAD", read_until_eof=True)
        headers = route.headers.copy()
        for name, value in request.headers.items():
            headers[name] = value
        if content is not None or method in _WITH_BODY:
            headers.setdefault("Content-Type", "application/octet-stream")
        if content is not None or method not in _WITHOUT_BODY:
            headers["Content-Length"] = "0" if content is None else str(len(content))
        if route.proxy is None or url.scheme == "https":
            target = url.raw_path_qs
        else:
            target = str(url.with_user(None).with_fragment(None))

        writer = StreamWriter(protocol, self._loop)
        await writer.write_headers(f"{method} {target} HTTP/1.1", headers)
        if content is not None and len(content) > _LARGE_BODY:
            writing = asyncio.create_task(_write(writer, content, connection))
            try:
                answer = await self._answer(protocol)
            finally:
                sent = writing.done()
                writing.cancel()
        else:
            # not waited for: an answer may come before the service has read it all
            await writer.write(content or b"", drain=False)
            answer = await self._answer(protocol)
            sent = True
        return answer, sent and (writer.transport is None or not writer.transport.get_write_buffer_size())

    async def _answer(self, protocol: ResponseHandler) -> WireAnswer:
        message, payload = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            message, payload = await protocol.read()
        if payload.is_eof():
            # most answers come in one piece with their heads
            content = payload.read_nowait()
            size = len(content)
        else:
            pieces: list[bytes] = []
            size = 0
            async for piece in payload.iter_any():
                size += len(piece)
                if size > self._max_size:
                    break
                pieces.append(piece)
            content = b"".join(pieces)
        if size > self._max_size:
            raise ConnectionBroken(f"the answer was cut off: it is longer than {self._max_size} bytes")
        return WireAnswer(message.code, message.headers, content)


def check() -> None:
    """Refuses an aiohttp in which what is used here has changed: nobody could say what becomes of a request."""
    try:
        for function, arguments in (
            (aiohttp.TCPConnector.connect, ("self", "req", "traces", "timeout")),
            (aiohttp.TCPConnector._get, ("self", "key", "traces")),
            (aiohttp.ClientRequest, ("method", "url", "loop", "proxy")),
            (ResponseHandler.set_response_params, ("self", "skip_payload", "read_until_eof")),
            (ResponseHandler.read, ("self",)),
            (StreamWriter, ("protocol", "loop")),
            (StreamWriter.write_headers, ("self", "status_line", "headers")),
            (StreamWriter.write, ("self", "chunk", "drain")),
        ):
            inspect.signature(function).bind(**dict.fromkeys(arguments))
        known = isinstance(ResponseHandler.should_close, property)
    except (AttributeError, TypeError):
        known = False
    if not known:
        raise ConfigurationError(
            f"aiohttp {aiohttp.__version__} is not known to work: install an older one, or use HttpxTransport"
        )


def failure(error: Exception, request: WireRequest, url: URL) -> TransportError | InvalidInput:
    """What an exception of aiohttp proves. Texts of exceptions that may hold the URL are left out."""
    where = f"{url.host}:{url.port}"
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


def _limit_on_connecting(seconds: float | None) -> aiohttp.ClientTimeout:
    # aiohttp would round more than five seconds up to whole ones
    return aiohttp.ClientTimeout(total=None, connect=seconds, ceil_threshold=inf)


async def _write(writer: StreamWriter, content: bytes, connection: aiohttp.connector.Connection) -> None:
    view = memoryview(content)
    try:
        for start in range(0, len(view), _PIECE):
            await writer.write(view[start : start + _PIECE])
    except Exception:
        # whoever waits for the answer hears of it
        connection.close()
