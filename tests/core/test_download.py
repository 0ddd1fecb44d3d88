from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from adflight.core.clock import Clock
from adflight.core.download import fetch
from adflight.core.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
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
from adflight.core.options import Attempted, Options
from adflight.core.transport import AiohttpTransport, WireAnswer, WireRequest
from tests.clock import FakeClock
from tests.core.scripted import SECRET, ScriptedTransport, Step, answer, session
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


async def test_a_page_that_names_the_address_shows_no_part_of_its_query() -> None:
    url = "https://files.example.com/report.csv?X-Credential=AKIA123%2F4&X-Signature=deadbeef&anew"
    page = f"<h1>403</h1> {url} was refused, because {url.replace('&', '&amp;')} has the signature deadbeef"
    transport = ScriptedTransport(answer(403, page.encode(), {"Location": f"{url}&again=1"}))
    with pytest.raises(PermissionDenied) as caught:
        await fetch(transport, url, options=Options(), clock=FakeClock(auto=True))
    path = "https://files.example.com/report.csv?***"
    shown = caught.value.response
    assert shown.content.decode() == f"<h1>403</h1> {path} was refused, because {path} has the signature ***"
    assert shown.headers["location"] == f"{path}&again=1"


@pytest.mark.parametrize("kind", [ConnectionBroken, ConfigurationError])
async def test_a_transport_that_names_the_address_shows_its_path_only(kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"report.csv\?\*\*\* failed"):
        await fetched(kind(f"{URL} failed"), max_attempts=1)


async def test_each_attempt_is_told_and_logged_like_a_calls(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "adflight")
    told: list[Attempted] = []
    clock = FakeClock(auto=True)
    started = clock.time()

    async def slowly(sent: WireRequest) -> WireAnswer:
        await clock.sleep(2)
        return answer(503)

    transport = ScriptedTransport(slowly, NotSent("no connection"), answer(429), FILE)
    made = session(transport, clock=clock)
    with made.observed(told.append):
        assert await made.download(URL, Options()) == b"a,b\n1,2\n"
    assert [(one.number, one.outcome, one.status) for one in told] == [
        (1, "server error", 503),
        (2, "not sent", None),
        (3, "rate limited", 429),
        (4, "answered", 200),
    ]
    assert {(one.operation, one.is_watched, one.is_apart) for one in told} == {("download", False, True)}
    assert (told[0].sent_at, told[0].elapsed) == (started, 2.0)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "download, attempt 1: server error, repeat after 2.000 s"),
        ("INFO", "download, attempt 2: not sent, repeat after 0.000 s"),
        ("INFO", "download, attempt 3: rate limited, repeat after 0.000 s"),
        ("DEBUG", "download, attempt 4: answered after 0.000 s"),
    ]
    assert vars(caplog.records[0])["status"] == 503
    assert vars(caplog.records[3])["outcome"] == "answered"


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (answer(302), "server error"),
        (answer(401), "unauthorized"),
        (answer(404), "refused"),
        (answer(422), "refused"),
        (Timeout("t"), "timeout"),
        (NotSent("of a transport that is not certified"), "broken"),
        (InvalidInput("url", "x", "a URL"), "not sent"),
        (ZeroDivisionError(), "broken"),
        (asyncio.CancelledError(), "cancelled"),
    ],
    ids=str,
)
async def test_how_the_last_attempt_ended_is_told(step: Step, outcome: str) -> None:
    told: list[Attempted] = []
    options, clock = Options(max_attempts=1), FakeClock()
    with pytest.raises(BaseException):  # noqa: B017 - whatever it is
        await fetch(ScriptedTransport(step, certified=False), URL, options=options, clock=clock, tell=told.append)
    assert [(one.outcome, one.number) for one in told] == [(outcome, 1)]


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
