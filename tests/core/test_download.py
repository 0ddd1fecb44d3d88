from __future__ import annotations

import logging
from typing import Any

import pytest

from adflight.core.clock import Clock
from adflight.core.download import fetch
from adflight.core.errors import (
    APIError,
    AuthenticationError,
    ConnectionBroken,
    InvalidInput,
    NotFound,
    NotSent,
    PermissionDenied,
    RateLimited,
    ServerError,
    Timeout,
    TransportError,
    ValidationFailed,
)
from adflight.core.options import Options
from adflight.core.transport import AiohttpTransport
from tests.clock import FakeClock
from tests.core.scripted import SECRET, ScriptedTransport, Step, answer
from tests.raw_server import RawServer, answering, cutting

URL = f"https://files.example.com/report.csv?X-Signature={SECRET}&token={SECRET}"
FILE = answer(200, b"a,b\n1,2\n")


async def fetched(*steps: Step, clock: Clock | None = None, **options: Any) -> tuple[bytes, ScriptedTransport]:
    transport = ScriptedTransport(*steps)
    clock = FakeClock(auto=True) if clock is None else clock
    content = await fetch(transport, URL, options=Options(**options), clock=clock, jitter=lambda: 0.5)
    return content, transport


async def test_a_file_is_asked_for_without_any_header_of_ours() -> None:
    content, transport = await fetched(FILE, timeout=7, connect_timeout=3, headers={"X-Extra": "yes"})
    assert content == b"a,b\n1,2\n"
    (sent,) = transport.sent
    assert (sent.method, sent.url, sent.content) == ("GET", URL, None)
    assert sent.headers == {"Accept": "*/*"}
    assert (sent.timeout, sent.connect_timeout) == (7, 3)


@pytest.mark.parametrize(
    "failure",
    [
        NotSent("no connection"),
        Timeout("no answer"),
        ConnectionBroken("cut"),
        answer(500),
        answer(503),
        answer(408),
        answer(429),
        answer(302, headers={"Location": "https://elsewhere.example.com"}),
    ],
    ids=str,
)
async def test_what_may_pass_is_tried_again(failure: Step) -> None:
    clock = FakeClock(auto=True)
    content, transport = await fetched(failure, failure, FILE, clock=clock)
    assert content == b"a,b\n1,2\n"
    assert len(transport.sent) == 3
    assert len(clock.slept) == 2
    assert 0 < clock.slept[0] < clock.slept[1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ValidationFailed), (401, AuthenticationError), (403, PermissionDenied), (404, NotFound), (410, NotFound)],
)
async def test_a_refusal_is_final(status: int, kind: type[APIError]) -> None:
    transport = ScriptedTransport(answer(status, {"error": "expired", "token": SECRET}, {"Set-Cookie": SECRET}))
    with pytest.raises(kind, match=f"download: HTTP {status}") as caught:
        await fetch(transport, URL, options=Options(), clock=FakeClock(auto=True))
    error = caught.value
    assert type(error) is kind
    assert len(transport.sent) == 1
    assert (error.status, error.operation, error.request.method) == (status, "download", "GET")
    assert error.request.url == "https://files.example.com/report.csv"
    assert error.response.status == status
    assert b"expired" in error.response.content
    for shown in (error, error.request, error.response, error.response.content, dict(error.response.headers)):
        assert SECRET not in f"{shown!s} {shown!r}"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (answer(503), ServerError),
        (answer(429), RateLimited),
        (ConnectionBroken("cut"), ConnectionBroken),
    ],
    ids=str,
)
async def test_attempts_end(failure: Step, kind: type[Exception]) -> None:
    transport = ScriptedTransport(failure)
    with pytest.raises(kind) as caught:
        await fetch(transport, URL, options=Options(max_attempts=3), clock=FakeClock(auto=True))
    assert len(transport.sent) == 3
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_a_deadline_covers_all_attempts() -> None:
    clock = FakeClock(auto=True)
    transport = ScriptedTransport(answer(503))
    with pytest.raises(ServerError):
        await fetch(
            transport,
            URL,
            options=Options(deadline=5, timeout=4, max_attempts=100),
            clock=clock,
            jitter=lambda: 1.0,
        )
    assert clock.monotonic() < 5
    assert 1 < len(transport.sent) < 100
    assert transport.sent[0].timeout == 4
    last = transport.sent[-1].timeout
    assert last is not None
    assert last < 4


async def test_nothing_of_the_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TransportError):
        await fetched(ConnectionBroken("cut"), max_attempts=2)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("url", ["", "report.csv", "/report.csv", "file:///etc/passwd", "https://", "https://a b/"])
async def test_an_address_is_a_whole_web_address(url: str) -> None:
    transport = AiohttpTransport()
    with pytest.raises(InvalidInput, match="url="):
        await fetch(transport, url, options=Options(), clock=FakeClock(auto=True))
    await transport.aclose()


async def test_it_goes_over_the_wire() -> None:
    async with RawServer(cutting, answering(b"whole", "503 Busy"), answering(b"whole")) as server:
        transport = AiohttpTransport()
        content = await fetch(transport, f"{server.url}/f?s=1", options=Options(), clock=FakeClock(auto=True))
        await transport.aclose()
    assert content == b"whole"
    assert [request.target for request in server.received] == ["/f?s=1"] * 3
    for request in server.received:
        assert not request.headers.keys() & {"authorization", "cookie", "x-iaa-ow-id", "x-iaa-host"}


async def test_a_transport_of_ones_own_may_not_raise_anything_else() -> None:
    with pytest.raises(RuntimeError, match="bug"):
        await fetched(RuntimeError("a bug"))
