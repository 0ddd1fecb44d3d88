from __future__ import annotations

import asyncio
import gc
import os
import socket
import warnings
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter

from adflight.core import exchange
from adflight.core.errors import AdflightError, ConfigurationError, ConnectionBroken, NotSent, Timeout, TransportError
from adflight.core.transport import AiohttpTransport, WireAnswer, WireRequest, wire_url
from adflight_api.runtime import InvalidInput
from tests.raw_server import (
    Behaviour,
    Exchange,
    RawServer,
    answering,
    cutting,
    resetting,
    sending,
    sending_and_closing,
    stalling,
)

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.aclose()


def request_to(
    url: str,
    method: str = "POST",
    content: bytes | None = b'{"a":1}',
    *,
    timeout: float | None = 5.0,
    connect_timeout: float | None = None,
) -> WireRequest:
    headers = {"Accept": "application/json", "Authorization": "Bearer sesame"}
    return WireRequest(method, url, headers, content, timeout, connect_timeout)


async def failure(sending: Awaitable[WireAnswer]) -> AdflightError:
    with pytest.raises(AdflightError) as caught:
        await sending
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "sesame" not in str(error)
    return error


async def test_sends_what_it_was_given_and_returns_what_came(transport: AiohttpTransport) -> None:
    async with RawServer(answering(b'{"id":7}', "201 Created", X_Request_Id="abc")) as server:
        answer = await transport.send(request_to(f"{server.url}/campaigns%2F1?name=a%2Cb%20c"))

    assert (answer.status, answer.content) == (201, b'{"id":7}')
    assert answer.headers["x-REQUEST-id"] == "abc"
    [received] = server.received
    assert (received.method, received.target) == ("POST", "/campaigns%2F1?name=a%2Cb%20c")
    assert received.body == b'{"a":1}'
    assert received.headers["authorization"] == "Bearer sesame"


def test_a_request_shows_no_secrets() -> None:
    assert "sesame" not in repr(request_to("http://example.com/?token=sesame"))
    assert repr(AiohttpTransport(proxy="http://ada:sesame@proxy.example.com")) == "<AiohttpTransport>"


# What happened to a request


def test_is_certified() -> None:
    assert AiohttpTransport.certified


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("end", [cutting, resetting], ids=["closed", "reset"])
async def test_on_a_reused_connection_a_request_is_carried_out_once(
    transport: AiohttpTransport, method: str, end: Behaviour
) -> None:
    async with RawServer(answering(), end, answering()) as server:
        await transport.send(request_to(server.url, "GET", None))
        error = await failure(transport.send(request_to(server.url, method)))

    assert type(error) is ConnectionBroken
    assert [received.method for received in server.received] == ["GET", method]
    assert server.connections == 1, "the failing request should have reused the connection"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_aiohttp_left_alone_carries_it_out_twice(method: str) -> None:
    async with RawServer(answering(), cutting, answering()) as server, aiohttp.ClientSession() as session:
        await (await session.get(server.url)).read()
        await (await session.request(method, server.url)).read()

    assert [received.method for received in server.received] == ["GET", method, method]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "behaviour",
    [
        cutting,
        resetting,
        sending_and_closing(b"HTTP/1.1 200 OK\r\nContent-"),
        sending(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    ],
    ids=["closed", "reset", "half a head", "no HTTP"],
)
async def test_a_request_that_was_read_but_not_answered_is_broken(
    transport: AiohttpTransport, method: str, behaviour: Behaviour
) -> None:
    async with RawServer(behaviour) as server:
        error = await failure(transport.send(request_to(server.url, method)))

    assert type(error) is ConnectionBroken
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: deflate\r\n\r\nhello",
    ],
    ids=["counted", "chunked", "not deflated"],
)
async def test_half_a_body_is_broken(transport: AiohttpTransport, data: bytes) -> None:
    async with RawServer(sending_and_closing(data)) as server:
        error = await failure(transport.send(request_to(server.url)))

    assert type(error) is ConnectionBroken


async def test_a_connection_that_closes_at_once_is_broken(transport: AiohttpTransport) -> None:
    """Whether the request was read is unknown."""
    accepted = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with accepted:
        port = accepted.sockets[0].getsockname()[1]
        error = await failure(transport.send(request_to(f"http://127.0.0.1:{port}")))

    assert type(error) is ConnectionBroken


async def test_a_refused_connection_is_not_sent(transport: AiohttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    error = await failure(transport.send(request_to(f"http://127.0.0.1:{port}/?token=sesame")))

    assert type(error) is NotSent
    assert f"127.0.0.1:{port}" in str(error)


async def test_a_name_that_does_not_resolve_is_not_sent(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)

    error = await failure(transport.send(request_to("http://api.example.com/")))

    assert type(error) is NotSent
    assert "api.example.com:80" in str(error)
    assert "Name or service not known" in str(error)


async def test_a_failed_tls_handshake_is_not_sent(transport: AiohttpTransport) -> None:
    async def speak_plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(transport.send(request_to(f"https://127.0.0.1:{port}")))

    assert type(error) is NotSent


@pytest.mark.parametrize(
    ("timeout", "connect_timeout"), [(5.0, 0.05), (None, 0.05), (0.05, 5.0), (0.05, None)], ids=str
)
async def test_no_connection_in_time_is_not_sent(
    transport: AiohttpTransport, timeout: float | None, connect_timeout: float | None
) -> None:
    released = asyncio.Event()

    async def shake_no_hands(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    async with await asyncio.start_server(shake_no_hands, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await failure(transport.send(request_to(url, timeout=timeout, connect_timeout=connect_timeout)))
        released.set()

    assert type(error) is NotSent


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["nothing", "half a body"]
)
async def test_no_answer_in_time_is_a_timeout(transport: AiohttpTransport, data: bytes) -> None:
    async with RawServer(stalling(data)) as server:
        error = await failure(transport.send(request_to(server.url, timeout=0.05)))
        await server.until(lambda: server.open == 0)

    assert type(error) is Timeout
    assert "0.05 s" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "/campaigns",
        "ftp://example.com/campaigns",
        "http:///campaigns",
        "http://example.com:port/campaigns",
        "http://example.com/campaigns HTTP/1.1\r\nX-Smuggled: 1",
        "http://example.com/campaigns/ä",
    ],
)
async def test_a_url_that_cannot_be_sent_is_refused(transport: AiohttpTransport, url: str) -> None:
    error = await failure(transport.send(request_to(f"{url}?token=sesame")))

    assert type(error) is InvalidInput


async def test_an_address_that_aiohttp_refuses_is_refused(transport: AiohttpTransport) -> None:
    error = await failure(transport.send(request_to("http://127.1/campaigns?token=sesame")))

    assert type(error) is InvalidInput
    assert "/campaigns" in str(error)


def test_a_wire_url_stays_as_it_is() -> None:
    assert str(wire_url("https://api.example.com/a%2Fb?c=%2C,+")) == "https://api.example.com/a%2Fb?c=%2C,+"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (aiohttp.TCPConnector, "connect"),
        (aiohttp.TCPConnector, "_get"),
        (ResponseHandler, "set_response_params"),
        (ResponseHandler, "should_close"),
        (ResponseHandler, "read"),
        (StreamWriter, "write_headers"),
        (StreamWriter, "write"),
    ],
    ids=str,
)
async def test_refuses_an_aiohttp_in_which_what_it_uses_has_changed(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    async def changed(self: object, other: object, arguments: object) -> None: ...

    monkeypatch.setattr(owner, name, changed)
    async with RawServer(answering()) as server:
        error = await failure(transport.send(request_to(server.url)))

    assert type(error) is ConfigurationError
    assert aiohttp.__version__ in str(error)
    assert server.connections == 0


# What goes out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("content", [None, b"", b'{"a":1}'], ids=["no body", "empty body", "body"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"accept": "text/csv", "ACCEPT-ENCODING": "identity", "User-Agent": "ours", "content-type": "text/csv"}],
    ids=["its own", "given"],
)
async def test_sends_what_a_client_session_would(
    transport: AiohttpTransport, method: str, content: bytes | None, headers: dict[str, str]
) -> None:
    async with RawServer(answering(b"")) as server, aiohttp.ClientSession() as session:
        await transport.send(WireRequest(method, f"{server.url}/a?b=c#d", headers, content))
        await (await session.request(method, f"{server.url}/a?b=c#d", headers=headers, data=content)).read()

    ours, theirs = server.received
    assert (ours.method, ours.target, ours.headers, ours.body) == (
        theirs.method,
        theirs.target,
        theirs.headers,
        theirs.body,
    )


async def test_a_header_goes_out_once_however_it_is_written(transport: AiohttpTransport) -> None:
    headers = {"accept": "text/csv", "Accept": "application/json", "content-length": "99"}
    async with RawServer(answering()) as server:
        await transport.send(WireRequest("POST", server.url, headers, b"{}"))

    assert server.received[0].headers["accept"] == "application/json"
    assert server.received[0].headers["content-length"] == "2"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"X-Name": "a\r\nX-Smuggled: 1"}),
        ("GET", {"X-Name: 1\r\nX-Smuggled": "1"}),
        ("GET / HTTP/1.1\r\nX-Smuggled: 1\r\n\r\nGET", {}),
    ],
    ids=["value", "name", "method"],
)
async def test_nothing_can_smuggle_a_header_in(
    transport: AiohttpTransport, method: str, headers: dict[str, str]
) -> None:
    async with RawServer(answering()) as server:
        error = await failure(transport.send(WireRequest(method, server.url, headers)))
        await server.until(lambda: server.open == 0)

    assert isinstance(error, ConnectionBroken)
    assert server.received == []


async def test_a_password_in_a_url_goes_into_a_header() -> None:
    async with RawServer(answering()) as server:
        transport = AiohttpTransport(proxy=server.url)
        await transport.send(WireRequest("GET", "http://ada:open%21@api.example.com/a?b=%2C#d", {}))
        await transport.aclose()

    assert server.received[0].target == "http://api.example.com/a?b=%2C"
    assert server.received[0].headers["authorization"] == "Basic YWRhOm9wZW4h"


# What it leaves alone


async def test_follows_no_redirect(transport: AiohttpTransport) -> None:
    async with RawServer(answering(b"", "307 Temporary Redirect", Location="/elsewhere")) as server:
        answer = await transport.send(request_to(server.url))

    assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")
    assert len(server.received) == 1


async def test_keeps_no_cookies(transport: AiohttpTransport) -> None:
    async with RawServer(answering(Set_Cookie="session=1; Path=/")) as server:
        await transport.send(request_to(server.url))
        await transport.send(request_to(server.url))

    assert [received.headers.get("cookie") for received in server.received] == [None, None]


async def test_takes_no_password_from_netrc(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password open\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with RawServer(answering()) as server:
        await transport.send(WireRequest("GET", server.url, {}))

    assert "authorization" not in server.received[0].headers


# Bodies


async def test_what_arrives_unasked_is_not_the_next_answer(transport: AiohttpTransport) -> None:
    unasked = b"HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"
    answered = asyncio.Event()

    async def twice(exchange: Exchange) -> None:
        await answering()(exchange)
        await answered.wait()
        exchange.send(unasked)

    async with RawServer(twice, answering(b"7")) as server, asyncio.timeout(5):
        await transport.send(request_to(server.url, "GET", None))
        assert transport._exchange is not None
        [[(idle, _)]] = transport._exchange.connector._conns.values()
        answered.set()
        # nothing but the idle connection itself knows that something arrived
        while not idle.should_close:
            await asyncio.sleep(0)
        answer = await transport.send(request_to(server.url))
        assert (answer.status, answer.content) == (200, b"7")
        assert [(request.connection, request.method) for request in server.received] == [(0, "GET"), (1, "POST")]


async def test_reuses_the_connection(transport: AiohttpTransport) -> None:
    async with RawServer(answering(b"{}"), answering(b"", "204 No Content"), answering(b"[]")) as server:
        for _ in range(3):
            await transport.send(request_to(server.url))

    assert server.connections == 1


async def test_decompresses(transport: AiohttpTransport) -> None:
    async with RawServer(answering(zlib.compress(b"[1, 2, 3]"), Content_Encoding="deflate")) as server:
        answer = await transport.send(request_to(server.url))

    assert answer.content == b"[1, 2, 3]"


async def test_sends_large_bodies_without_a_warning(transport: AiohttpTransport) -> None:
    content = b"x" * (2 * 1024 * 1024)
    async with RawServer(answering()) as server:
        await transport.send(request_to(server.url, content=content))

    assert server.received[0].body == content


@pytest.mark.parametrize("large", [1024, 2**30], ids=["in pieces", "in one piece"])
async def test_an_answer_may_come_before_the_body_was_read(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(exchange, "_LARGE_BODY", large)
    ended: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # no byte of the body is taken off the wire before the answer is gone
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await answered.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        ended.append(await reader.read())
        writer.close()

    answered = asyncio.Event()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0, limit=2**26) as server, asyncio.timeout(5):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        answer = await transport.send(request_to(url, content=b"x" * 32 * 1024 * 1024))
        assert transport._exchange is not None
        idle = transport._exchange.connector._conns
        assert not idle, "what is left of the body would run into the next request"
        answered.set()
        while not ended:
            await asyncio.sleep(0.01)

    assert answer.status == 413


async def test_a_large_body_that_cannot_be_written_is_broken(transport: AiohttpTransport) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await failure(transport.send(request_to(url, content=b"x" * 32 * 1024 * 1024)))

    assert type(error) is ConnectionBroken


async def test_passes_over_what_comes_before_the_answer(transport: AiohttpTransport) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    whole = b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n7"
    async with RawServer(sending(interim + whole)) as server:
        answers = [await transport.send(request_to(server.url)) for _ in range(2)]

    assert [(answer.status, answer.content) for answer in answers] == [(201, b"7")] * 2
    assert server.connections == 1


async def test_the_answer_to_head_has_no_body(transport: AiohttpTransport) -> None:
    async with RawServer(sending(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), answering(b"7")) as server:
        head = await transport.send(request_to(server.url, "HEAD", None))
        answer = await transport.send(request_to(server.url))

    assert (head.status, head.content, answer.content) == (200, b"", b"7")
    assert server.connections == 1


async def test_a_body_may_come_in_pieces_and_end_with_the_connection(transport: AiohttpTransport) -> None:
    async def piecemeal(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(3):
            await asyncio.sleep(0.01)
            exchange.send(b"ab")
        exchange.close()

    async with RawServer(piecemeal, answering(b"7")) as server:
        answers = [(await transport.send(request_to(server.url))).content for _ in range(2)]

    assert answers == [b"ababab", b"7"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 1001),
        stalling(
            b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"x" * 99999)
        ),
        stalling(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001),
    ],
    ids=["counted", "compressed", "chunked"],
)
async def test_cuts_off_an_answer_that_is_too_long(behaviour: Behaviour) -> None:
    transport = AiohttpTransport(max_response_size=1000)
    async with RawServer(behaviour) as server:
        error = await failure(transport.send(request_to(server.url)))
        await server.until(lambda: server.open == 0)
        await transport.aclose()

    assert type(error) is ConnectionBroken
    assert "1000 bytes" in str(error)


async def test_an_answer_may_be_as_long_as_the_limit() -> None:
    transport = AiohttpTransport(max_response_size=1000)
    chunked = sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")
    async with RawServer(answering(b"x" * 1000), chunked) as server:
        sizes = [len((await transport.send(request_to(server.url))).content) for _ in range(2)]
        await transport.aclose()

    assert sizes == [1000, 1000]
    assert server.connections == 1


# Proxies


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_honours_proxy_variables(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with RawServer(answering()) as proxy:
        monkeypatch.setenv(variable, f"http://ada:open%21@127.0.0.1:{proxy.port}")
        for _ in range(2):
            await transport.send(request_to("http://api.example.com/campaigns"))

    assert [received.target for received in proxy.received] == ["http://api.example.com/campaigns"] * 2
    assert {received.headers["proxy-authorization"] for received in proxy.received} == {"Basic YWRhOm9wZW4h"}
    assert {received.headers["authorization"] for received in proxy.received} == {"Bearer sesame"}


@pytest.mark.parametrize(
    ("name", "variables", "trust_env"),
    [
        ("127.0.0.1", {}, True),
        ("localhost", {}, True),
        ("api.example.com", {"NO_PROXY": "example.com"}, True),
        ("api.example.com", {}, False),
    ],
    ids=["address", "localhost", "excepted", "not trusted"],
)
async def test_goes_directly(
    monkeypatch: pytest.MonkeyPatch, name: str, variables: dict[str, str], trust_env: bool
) -> None:
    looked_up: list[str] = []

    async def look_up(host: str, *_: object, **__: object) -> object:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "stop here")

    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    transport = AiohttpTransport(trust_env=trust_env)
    async with RawServer(answering()) as server:
        if name == "127.0.0.1":
            await transport.send(request_to(server.url))
        else:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
            await failure(transport.send(request_to(f"http://{name}/")))
        await transport.aclose()

    assert looked_up == ([] if name == "127.0.0.1" else [name])


async def test_a_proxy_can_be_named() -> None:
    async with RawServer(answering()) as proxy:
        transport = AiohttpTransport(proxy=f"127.0.0.1:{proxy.port}")
        await transport.send(request_to("http://api.example.com/campaigns"))
        await transport.aclose()

    assert proxy.received[0].target == "http://api.example.com/campaigns"


async def test_a_proxy_that_cannot_be_reached_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = AiohttpTransport(proxy=f"http://ada:sesame@127.0.0.1:{port}")

    error = await failure(transport.send(request_to("https://api.example.com/")))
    await transport.aclose()

    assert type(error) is NotSent
    assert f"proxy 127.0.0.1:{port}" in str(error)


async def test_a_proxy_that_refuses_is_not_sent() -> None:
    async with RawServer(answering(b"", "407 Proxy Authentication Required")) as proxy:
        transport = AiohttpTransport(proxy=proxy.url)
        error = await failure(transport.send(request_to("https://api.example.com/?token=sesame")))
        await transport.aclose()

    assert type(error) is NotSent
    assert "407" in str(error)
    assert [(received.method, received.target) for received in proxy.received] == [("CONNECT", "api.example.com:443")]


async def test_a_proxy_of_an_unknown_kind_is_refused(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")

    error = await failure(transport.send(request_to("https://api.example.com/")))

    assert type(error) is ConfigurationError
    assert "socks5" in str(error)


# Cancellation, closing, event loops


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"], ids=["head", "body"]
)
async def test_cancellation_leaks_no_connection(transport: AiohttpTransport, data: bytes) -> None:
    async with RawServer(stalling(data)) as server:
        running = [asyncio.create_task(transport.send(request_to(server.url))) for _ in range(10)]
        await server.until(lambda: len(server.received) == 10)
        for task in running:
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        await server.until(lambda: server.open == 0)

    assert {type(result) for result in results} == {asyncio.CancelledError}


async def test_cancellation_while_a_large_body_goes_out_leaks_nothing(transport: AiohttpTransport) -> None:
    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started.set()
        await reader.readuntil(b"\r\n\r\n")
        await hung_up.wait()
        writer.close()

    started, hung_up = asyncio.Event(), asyncio.Event()
    async with await asyncio.start_server(read_nothing, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running = asyncio.create_task(transport.send(request_to(url, content=b"x" * 32 * 1024 * 1024)))
        await started.wait()
        others = asyncio.all_tasks()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.sleep(0)
        assert transport._exchange is not None
        connector = transport._exchange.connector
        assert running.cancelled()
        assert not connector._acquired
        assert not connector._conns
        assert all(task.done() for task in others if "_write" in repr(task))
        hung_up.set()


async def test_closing_closes_all_connections() -> None:
    transport = AiohttpTransport()
    async with RawServer(answering()) as server:
        await transport.send(request_to(server.url))
        await transport.aclose()
        await transport.aclose()
        await server.until(lambda: server.open == 0)
        error = await failure(transport.send(request_to(server.url)))

    assert type(error) is ConfigurationError
    assert "closed" in str(error)


async def test_closing_unused_is_harmless() -> None:
    await AiohttpTransport().aclose()


async def test_closing_under_a_running_request_breaks_it() -> None:
    transport = AiohttpTransport()
    async with RawServer(stalling()) as server:
        running = asyncio.create_task(transport.send(request_to(server.url)))
        await server.until(lambda: len(server.received) == 1)
        await transport.aclose()
        with pytest.raises(ConnectionBroken):
            await running


async def one_call(transport: AiohttpTransport) -> int:
    async with RawServer(answering()) as server:
        answer = await transport.send(request_to(server.url))
    return answer.status


def test_works_in_one_event_loop_after_another() -> None:
    transport = AiohttpTransport()

    assert [asyncio.run(one_call(transport)) for _ in range(3)] == [200, 200, 200]

    asyncio.run(transport.aclose())
    # warnings are errors: a connection that was left open would speak up here
    gc.collect()


def test_a_forgotten_transport_closes_with_its_event_loop() -> None:
    async def forget() -> None:
        await one_call(AiohttpTransport())
        gc.collect()

    asyncio.run(forget())
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.parametrize("then", ["send", "close"])
def test_gets_over_an_event_loop_that_was_closed_roughly(then: str) -> None:
    transport = AiohttpTransport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        rough = asyncio.new_event_loop()
        rough.run_until_complete(one_call(transport))
        rough.close()
        if then == "send":
            assert asyncio.run(one_call(transport)) == 200
        asyncio.run(transport.aclose())
        gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
def test_many_calls_at_once_get_over_a_closed_event_loop() -> None:
    transport = AiohttpTransport()

    async def last() -> None:
        async def answer_when_all_have_come(exchange: Exchange) -> None:
            await server.until(lambda: len(server.received) == 10)
            await answering()(exchange)

        async with RawServer(answer_when_all_have_come) as server:
            await asyncio.gather(*(transport.send(request_to(server.url)) for _ in range(10)))
            assert len(server.received) == 10
        await transport.aclose()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        rough = asyncio.new_event_loop()
        rough.run_until_complete(one_call(transport))
        rough.close()
        asyncio.run(last())
        gc.collect()


async def test_says_that_another_event_loop_is_still_open(transport: AiohttpTransport) -> None:
    def elsewhere(action: Callable[[], Awaitable[object]]) -> str:
        async def run() -> None:
            await action()

        with pytest.raises(ConfigurationError) as caught:
            asyncio.run(run())
        return str(caught.value)

    async with RawServer(answering()) as server:
        request = request_to(server.url)
        await transport.send(request)
        refused = await asyncio.to_thread(elsewhere, lambda: transport.send(request))
        not_closed = await asyncio.to_thread(elsewhere, transport.aclose)
        await transport.send(request)

    assert "another event loop" in refused
    assert "event loop" in not_closed
    assert server.connections == 1


async def test_opens_anew_when_its_generators_were_shut_down(transport: AiohttpTransport) -> None:
    async with RawServer(answering()) as server:
        await transport.send(request_to(server.url))
        await asyncio.get_running_loop().shutdown_asyncgens()
        with warnings.catch_warnings():
            # asyncio does not expect generators after that
            warnings.simplefilter("ignore", ResourceWarning)
            answer = await transport.send(request_to(server.url))

    assert answer.status == 200
    assert server.connections == 2


def test_errors_are_transport_errors() -> None:
    assert all(issubclass(kind, TransportError) for kind in (NotSent, Timeout, ConnectionBroken))


@pytest.mark.parametrize("poll", [True, False])
async def test_what_arrived_unasked_and_was_not_read_yet_is_not_the_next_answer(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, poll: bool
) -> None:
    if not poll:  # as on Windows
        monkeypatch.delattr("select.poll")
    exchanges: list[Exchange] = []

    async def first(exchange: Exchange) -> None:
        exchanges.append(exchange)
        await answering()(exchange)

    async with RawServer(first, answering(b"7")) as server:
        await transport.send(request_to(server.url, "GET", None))
        # past the event loop, which is busy with something else
        os.write(
            exchanges[0].writer.get_extra_info("socket").fileno(),
            b"HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n",
        )
        answer = await transport.send(request_to(server.url))
        assert (answer.status, answer.content) == (200, b"7")
        assert [(request.connection, request.method) for request in server.received] == [(0, "GET"), (1, "POST")]


async def test_a_connection_that_ended_unnoticed_is_not_used(transport: AiohttpTransport) -> None:
    exchanges: list[Exchange] = []

    async def first(exchange: Exchange) -> None:
        exchanges.append(exchange)
        await answering()(exchange)

    async with RawServer(first, answering(b"7")) as server:
        await transport.send(request_to(server.url, "GET", None))
        exchanges[0].writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert (await transport.send(request_to(server.url))).content == b"7"
