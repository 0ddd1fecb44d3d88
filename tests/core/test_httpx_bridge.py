from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import httpx_aiohttp
import pytest
from multidict import CIMultiDict
from pyreqwest.compatibility.httpx import HttpxTransport as PyreqwestTransport
from pytest_httpx import HTTPXMock

from adflight.core.errors import AdflightError, ConnectionBroken, Timeout
from adflight.core.httpx_bridge import HttpxTransport, to_httpx_request, to_httpx_response
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import InvalidInput
from tests.raw_server import Behaviour, RawServer, answering, cutting, resetting, sending_and_closing, stalling


def direct_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False)


@pytest.fixture(params=[direct_client, httpx.AsyncHTTPTransport], ids=["client", "transport"])
async def transport(
    request: pytest.FixtureRequest,
) -> AsyncIterator[HttpxTransport]:
    create: Callable[[], httpx.AsyncClient | httpx.AsyncHTTPTransport] = request.param
    transport = HttpxTransport(create())
    yield transport
    await transport.aclose()


def request_to(url: str, method: str = "POST", *, timeout: float | None = 5.0) -> WireRequest:
    return WireRequest(method, url, {"Authorization": "Bearer sesame"}, b'{"a":1}', timeout)


async def failure(sending: Awaitable[WireAnswer]) -> AdflightError:
    with pytest.raises(AdflightError) as caught:
        await sending
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "sesame" not in str(caught.value)
    return caught.value


def test_is_not_certified() -> None:
    assert not HttpxTransport(httpx.MockTransport(lambda _: httpx.Response(200))).certified


def test_shows_what_it_wraps() -> None:
    assert repr(HttpxTransport(httpx.AsyncHTTPTransport())) == "<HttpxTransport AsyncHTTPTransport>"


async def test_sends_what_it_was_given_and_returns_what_came(transport: HttpxTransport) -> None:
    async with RawServer(answering(b'{"id":7}', "201 Created", X_Request_Id="abc")) as server:
        answer = await transport.send(request_to(f"{server.url}/campaigns%2F1?name=a%2Cb%20c"))

    assert (answer.status, answer.content) == (201, b'{"id":7}')
    assert answer.headers["x-REQUEST-id"] == "abc"
    [received] = server.received
    assert (received.method, received.target) == ("POST", "/campaigns%2F1?name=a%2Cb%20c")
    assert received.body == b'{"a":1}'
    assert received.headers["authorization"] == "Bearer sesame"


async def test_works_with_pytest_httpx(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(method="POST", url="https://api.example.com/campaigns", json={"id": 7})
    async with httpx.AsyncClient() as client:
        answer = await HttpxTransport(client).send(request_to("https://api.example.com/campaigns"))

    assert answer.content == b'{"id":7}'
    sent = httpx_mock.get_request()
    assert sent is not None
    assert sent.headers["Authorization"] == "Bearer sesame"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx.ConnectError("refused, it says"), ConnectionBroken),
        (httpx.ConnectTimeout("slow, it says"), Timeout),
        (httpx.PoolTimeout("full, it says"), Timeout),
        (httpx.ReadTimeout("slow"), Timeout),
        (httpx.RemoteProtocolError("cut"), ConnectionBroken),
        (httpx.ProxyError("refused"), ConnectionBroken),
        (OSError("a transport of one's own"), ConnectionBroken),
        (TimeoutError("a transport of one's own"), Timeout),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
async def test_never_says_not_sent(httpx_mock: HTTPXMock, raised: Exception, expected: type[AdflightError]) -> None:
    httpx_mock.add_exception(raised)
    async with httpx.AsyncClient() as client:
        error = await failure(HttpxTransport(client).send(request_to("https://api.example.com/?token=sesame")))

    assert type(error) is expected


# Why it never does: what other transports for httpx call a failure to connect, although the request was read


@pytest.mark.parametrize("end", [cutting, resetting], ids=["closed", "reset"])
@pytest.mark.parametrize("reused", [False, True], ids=["new", "reused"])
@pytest.mark.parametrize(
    ("create", "reported", "expected"),
    [
        (httpx_aiohttp.AiohttpTransport, httpx.ConnectTimeout, Timeout),
        (PyreqwestTransport, httpx.ConnectError, ConnectionBroken),
    ],
    ids=["httpx-aiohttp", "pyreqwest"],
)
async def test_a_request_that_was_read_is_not_called_unsent(
    create: Callable[[], httpx.AsyncBaseTransport],
    reported: type[Exception],
    expected: type[AdflightError],
    reused: bool,
    end: Behaviour,
) -> None:
    sender = create()
    transport = HttpxTransport(sender)
    async with RawServer(*[answering()] * reused, end) as server:
        if reused:
            await transport.send(request_to(server.url, "GET"))
        error = await failure(transport.send(request_to(server.url)))
        with pytest.raises(httpx.RequestError) as raised:
            await sender.handle_async_request(httpx.Request("POST", server.url, content=b"{}"))
        await transport.aclose()

    assert [received.method for received in server.received] == ["GET"] * reused + ["POST", "POST"]
    assert type(error) is expected
    assert type(raised.value) is reported


@pytest.mark.parametrize(
    ("create", "times"),
    [(httpx_aiohttp.AiohttpTransport, 2), (PyreqwestTransport, 1)],
    ids=["httpx-aiohttp", "pyreqwest"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_whether_other_transports_repeat_by_themselves(
    create: Callable[[], httpx.AsyncBaseTransport], times: int, method: str
) -> None:
    """httpx-aiohttp does, which is why `HttpxTransport` warns of it."""
    transport = HttpxTransport(create())
    async with RawServer(cutting) as server:
        await failure(transport.send(request_to(server.url, method)))
        await transport.aclose()

    assert [received.method for received in server.received] == [method] * times


async def test_a_refused_connection_is_broken(transport: HttpxTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert type(await failure(transport.send(request_to(f"http://127.0.0.1:{port}")))) is ConnectionBroken


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("end", [cutting, resetting], ids=["closed", "reset"])
async def test_on_a_reused_connection_a_request_is_carried_out_once(
    transport: HttpxTransport, method: str, end: Behaviour
) -> None:
    async with RawServer(answering(), end, answering()) as server:
        await transport.send(request_to(server.url, "GET"))
        error = await failure(transport.send(request_to(server.url, method)))

    assert type(error) is ConnectionBroken
    assert [received.method for received in server.received] == ["GET", method]
    assert server.connections == 1


async def test_half_a_body_is_broken(transport: HttpxTransport) -> None:
    async with RawServer(sending_and_closing(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")) as server:
        error = await failure(transport.send(request_to(server.url)))

    assert type(error) is ConnectionBroken


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["nothing", "half a body"]
)
async def test_the_time_limit_covers_the_whole_attempt(transport: HttpxTransport, data: bytes) -> None:
    async with RawServer(answering(), stalling(data)) as server:
        # on a connection that is there: httpx leaves open one that it is making when the time is up
        await transport.send(request_to(server.url))
        error = await failure(transport.send(request_to(server.url, timeout=0.05)))
        assert server.connections == 1
        await server.until(lambda: server.open == 0)

    assert type(error) is Timeout
    assert "0.05 s" in str(error)


async def test_passes_the_limits_on() -> None:
    seen: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    transport = HttpxTransport(httpx.MockTransport(answer))
    await transport.send(WireRequest("GET", "http://example.com/", {}, None, 30.0, 10.0))
    await transport.send(WireRequest("GET", "http://example.com/", {}, None, 30.0))

    assert seen == [
        {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0},
        {"connect": 30.0, "read": 30.0, "write": 30.0, "pool": 30.0},
    ]


@pytest.mark.parametrize("url", ["/campaigns", "http://example.com/ä"])
async def test_a_url_that_cannot_be_sent_is_refused(transport: HttpxTransport, url: str) -> None:
    assert type(await failure(transport.send(request_to(f"{url}?token=sesame")))) is InvalidInput


async def test_follows_no_redirect_and_sends_no_cookies_or_settings_of_the_client() -> None:
    client = httpx.AsyncClient(
        trust_env=False,
        follow_redirects=True,
        auth=("ada", "open"),
        headers={"X-Extra": "1"},
        params={"extra": "1"},
        base_url="http://example.com/extra",
    )
    transport = HttpxTransport(client)
    redirect = answering(b"", "307 Temporary Redirect", Location="/elsewhere", Set_Cookie="session=1; Path=/")
    async with RawServer(redirect) as server:
        statuses = [(await transport.send(request_to(f"{server.url}/campaigns"))).status for _ in range(2)]
        await transport.aclose()

    assert statuses == [307, 307]
    for received in server.received:
        assert received.target == "/campaigns"
        assert received.headers["authorization"] == "Bearer sesame"
        assert not {"cookie", "x-extra"} & set(received.headers)


@pytest.mark.parametrize("encoding", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
async def test_cuts_off_an_answer_that_is_too_long(encoding: str) -> None:
    start = b"3e9\r\n" if "chunked" in encoding else b""
    data = f"HTTP/1.1 200 OK\r\n{encoding}\r\n\r\n".encode() + start + b"x" * 1001
    transport = HttpxTransport(direct_client(), max_response_size=1000)
    async with RawServer(stalling(data)) as server:
        error = await failure(transport.send(request_to(server.url)))
        await server.until(lambda: server.open == 0)
        await transport.aclose()

    assert type(error) is ConnectionBroken
    assert "1000 bytes" in str(error)


async def test_cancellation_leaks_no_connection(transport: HttpxTransport) -> None:
    async with RawServer(stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")) as server:
        running = [asyncio.create_task(transport.send(request_to(server.url))) for _ in range(5)]
        await server.until(lambda: len(server.received) == 5)
        for task in running:
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        await server.until(lambda: server.open == 0)

    assert {type(result) for result in results} == {asyncio.CancelledError}


async def test_closing_closes_what_was_passed() -> None:
    client = direct_client()

    await HttpxTransport(client).aclose()

    assert client.is_closed


def test_a_request_as_an_httpx_object() -> None:
    request = to_httpx_request(request_to("https://api.example.com/a%2Fb?c=%2C"))

    assert (request.method, str(request.url)) == ("POST", "https://api.example.com/a%2Fb?c=%2C")
    assert request.headers["authorization"] == "Bearer sesame"
    assert request.content == b'{"a":1}'


def test_an_answer_as_an_httpx_object() -> None:
    headers = CIMultiDict(
        [
            ("Content-Type", "application/json"),
            ("CONTENT-ENCODING", "gzip"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Length", "99"),
            ("Via", "one"),
            ("Via", "two"),
        ]
    )
    request = httpx.Request("GET", "https://api.example.com/")

    response = to_httpx_response(WireAnswer(404, headers, b'{"id":7}'), request)

    assert (response.status_code, response.json()) == (404, {"id": 7})
    assert response.request is request
    assert response.headers.get_list("via") == ["one", "two"]
    assert response.headers["content-length"] == "8"
    assert not {"content-encoding", "transfer-encoding"} & set(response.headers)
