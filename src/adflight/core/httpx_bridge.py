"""httpx's side of the transport, and the only hand-written module that imports httpx.

`HttpxTransport` sends through whatever httpx offers (mocks, proxies, one's own transport); `to_httpx_request` and
`to_httpx_response` are what hooks and raw responses show. Imports `adflight.core.transport` and `adflight.core.errors`;
the session imports this module when it is needed, because `import httpx` is slow.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import Final

import httpx

from adflight.core.errors import ConnectionBroken, Timeout, TransportError
from adflight.core.redaction import redact_url
from adflight.core.transport import MAX_RESPONSE_SIZE, WireAnswer, WireRequest, wire_url

# the content that we have is decoded and whole
_HOP_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

_sending: Final = ContextVar("adflight_sending", default=False)


class _WithoutSecrets(logging.Filter):
    """httpx logs every URL of a client, whole; of ours some carry credentials."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _sending.get() and isinstance(record.args, tuple):
            record.args = tuple(redact_url(str(arg)) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


logging.getLogger("httpx").addFilter(_WithoutSecrets())


class HttpxTransport:
    """Sends through an `httpx.AsyncClient` or any `httpx.AsyncBaseTransport`.

        transport = HttpxTransport(httpx.AsyncClient(proxy="http://proxy.example.com:3128"))

    Of a client, its transports, proxies and event hooks count. Its default headers, base URL, cookies and `auth` do
    not: a request goes out exactly as the session made it. Its time limits do not count either.

    What httpx reports of a failure is no evidence (a connection that closes after the request was read has been seen
    as a connect timeout), so it never raises `NotSent`. What is passed must not repeat by itself, as
    httpx-aiohttp's transport does: GET, PUT and DELETE go out again when a connection closes without an answer.

    `max_response_size` is the bytes beyond which an answer, a saved report included, is cut off: 64 MiB by default.
    `aclose()` closes what was passed.
    """

    certified: Final = False

    def __init__(
        self, sender: httpx.AsyncClient | httpx.AsyncBaseTransport, *, max_response_size: int = MAX_RESPONSE_SIZE
    ) -> None:
        self._sender = sender
        self._max_response_size = max_response_size

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {type(self._sender).__name__}>"

    async def send(self, request: WireRequest) -> WireAnswer:
        url = wire_url(request.url)
        where = f"{url.host}:{url.port}"
        failure: TransportError
        ours = _sending.set(True)
        try:
            async with asyncio.timeout(request.timeout):
                return await self._exchange(_with_limits(to_httpx_request(request), request))
        except ConnectionBroken:
            raise
        except (TimeoutError, httpx.TimeoutException):
            failure = Timeout(f"no answer from {where} within {request.timeout} s")
        except Exception as error:
            failure = ConnectionBroken(f"no complete answer came from {where} ({type(error).__name__})")
        finally:
            _sending.reset(ours)
        # raised out here, because httpx's exception, with headers and URL inside, would become its __context__
        raise failure

    async def aclose(self) -> None:
        await self._sender.aclose()

    async def _exchange(self, request: httpx.Request) -> WireAnswer:
        if isinstance(self._sender, httpx.AsyncClient):
            response = await self._sender.send(request, stream=True, auth=None, follow_redirects=False)
        else:
            response = await self._sender.handle_async_request(request)
            response.request = request
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > self._max_response_size:
                    raise ConnectionBroken(f"the answer was cut off: it is longer than {self._max_response_size} bytes")
                pieces.append(piece)
        finally:
            await response.aclose()
        return WireAnswer(response.status_code, response.headers, b"".join(pieces))


def to_httpx_request(request: WireRequest) -> httpx.Request:
    """The same request as an httpx object. Pass a redacted one when anybody but a transport will see it."""
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    return httpx.Request(request.method, request.url, headers=headers, content=request.content)


def to_httpx_response(answer: WireAnswer, request: httpx.Request) -> httpx.Response:
    """The same answer as an httpx object. Its content is decoded, so headers that speak of its encoding are gone."""
    # httpx would refuse text beyond ASCII; aiohttp has read such bytes as surrogates where they are no UTF-8
    headers = [
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in answer.headers.items()
        if name.lower() not in _HOP_HEADERS
    ]
    return httpx.Response(answer.status, headers=headers, content=answer.content, request=request)


def _with_limits(outgoing: httpx.Request, request: WireRequest) -> httpx.Request:
    total = request.timeout
    connect = total if request.connect_timeout is None else request.connect_timeout
    outgoing.extensions["timeout"] = httpx.Timeout(total, connect=connect).as_dict()
    return outgoing
