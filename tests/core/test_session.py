from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import httpx
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight.core.answers import RawAnswer
from adflight.core.clock import SystemClock
from adflight.core.credentials import Credentials, Grant, Token
from adflight.core.errors import (
    AdflightError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectionBroken,
    InvalidInput,
    NotSent,
    PartialFailure,
    PermissionDenied,
    RateLimited,
    ServerError,
    Timeout,
    TransportError,
    UnknownOutcome,
)
from adflight.core.options import Hook, Options
from adflight.core.quota import Limiter, Quota, Slot
from adflight.core.redaction import secret_names
from adflight.core.session import SETTLING, Session
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import Operation, Partial, Repeat, RepeatByField, Request
from tests.clock import FakeClock
from tests.core.scripted import (
    BASIC,
    SECRET,
    FixedAuthenticator,
    ScriptedTransport,
    Step,
    answer,
    ok,
    operation,
    request,
    same,
    session,
)

PLAIN = Options()
REPEATS: tuple[Repeat, ...] = get_args(Repeat)
HARMLESS: tuple[Repeat, ...] = ("read", "absolute")
DANGEROUS: tuple[Repeat, ...] = ("relative", "create")


async def call(transport: ScriptedTransport, repeat: Repeat = "read", options: Options = PLAIN, **parts: Any) -> Any:
    return await session(transport, **parts).call(request(repeat, {"name": "Spring"}), same, options)


# What is sent


async def test_one_call_to_the_wire_and_back() -> None:
    transport = ScriptedTransport(ok({"id": 5}))
    open_session = session(transport, headers={"User-Agent": "adflight"})
    asked = Request(operation("create"), "/things", query={"sortBy": "+name"}, body={"name": "Spring"})
    assert await open_session.call(asked, lambda value: value["id"], PLAIN) == 5
    assert transport.sent == [
        WireRequest(
            "POST",
            "https://api.example.com/base/things?sortBy=%2Bname",
            {
                "User-Agent": "adflight",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {SECRET}-1",
                "X-Workspace": "7",
            },
            b'{"name":"Spring"}',
            30.0,
            10.0,
        )
    ]


@pytest.mark.parametrize(("documented", "path"), [(False, "/live"), (True, "/documented")])
async def test_live_or_documented_paths(documented: bool, path: str) -> None:
    transport = ScriptedTransport()
    asked = Request(operation(), "/documented", live_path="/live")
    await session(transport, documented_paths=documented).call(asked, same, PLAIN)
    assert transport.sent[0].url == f"https://api.example.com/base{path}"


async def test_options_reach_the_wire() -> None:
    transport = ScriptedTransport()
    options = Options(
        timeout=5,
        connect_timeout=1,
        scope={"workspaceId": "200001"},
        headers={"accept": "text/csv", "AUTHORIZATION": "mine", "X-Trace": "1"},
    )
    await call(transport, options=options)
    (sent,) = transport.sent
    assert (sent.timeout, sent.connect_timeout) == (5, 1)
    assert sent.headers == {
        "Content-Type": "application/json",
        "accept": "text/csv",
        "X-Trace": "1",
        "Authorization": f"Bearer {SECRET}-1",
        "X-Workspace": "200001",
    }


async def test_what_json_cannot_carry_is_refused_before_anything_is_sent() -> None:
    transport = ScriptedTransport()
    with pytest.raises(InvalidInput, match="not JSON serializable") as raised:
        await session(transport).call(Request(operation(), "/a", body={"a": object()}), same, PLAIN)
    assert transport.sent == []
    assert raised.value.__context__ is None


def written(body: dict[str, str]) -> bytes:
    return "".join(f"<{name}>{value}</{name}>" for name, value in body.items()).encode()


async def test_an_operation_may_write_and_read_its_own_media() -> None:
    seen: list[httpx.Request] = []

    async def look(shown: httpx.Request) -> None:
        seen.append(shown)

    asked = evolve(operation(envelope=None), media="xml", encode=written, decode=lambda content: content.decode())
    transport = ScriptedTransport(answer(200, b"<id>5</id>"))
    body = {"cost": Decimal("1.50"), "secret": "s3cr3t"}
    raw: Any = await session(transport, hooks=[Hook(look)]).call(
        Request(asked, "/things", body=body), same, Options(raw=True)
    )
    assert transport.sent[0].content == b"<cost>1.50</cost><secret>s3cr3t</secret>"
    assert transport.sent[0].headers["Content-Type"] == transport.sent[0].headers["Accept"] == "application/xml"
    assert (raw.parsed, raw.request.body) == ("<id>5</id>", {"cost": Decimal("1.50"), "secret": "***"})
    assert seen[0].content == raw.request.content == b"<cost>1.50</cost><secret>***</secret>"


@pytest.mark.parametrize("repeat", REPEATS)
async def test_a_success_that_is_too_long_is_not_decoded(repeat: Repeat) -> None:
    seen: list[bytes] = []

    async def look(response: httpx.Response) -> None:
        seen.append(response.content)

    transport = ScriptedTransport(answer(200, b"[" * 100))
    with pytest.raises((UnknownOutcome, ServerError)) as raised:
        await call(transport, repeat, max_body_size=10, hooks=[Hook(on_response=look)])
    error: Any = raised.value
    assert isinstance(error, UnknownOutcome) is (repeat in DANGEROUS)
    assert "the answer of 100 bytes was not read; max_body_size allows 10" in str(error)
    assert error.response.content == b"[" * 10
    assert len(transport.sent) == 1, "the next answer would be as long"
    assert seen == [b"[" * 10]


async def test_a_refusal_that_is_too_long_is_one() -> None:
    with pytest.raises(PermissionDenied, match=r"HTTP 403: xxxxx$") as raised:
        await call(ScriptedTransport(answer(403, b"x" * 100)), max_body_size=5)
    assert raised.value.response.content == b"xxxxx"


async def test_a_failure_that_is_acknowledged_may_have_come_after_the_deed() -> None:
    asked = Request(evolve(operation("create", envelope=None), acknowledged=True), "/things")
    transport = ScriptedTransport(answer(503, {"status": "error", "message": "try later"}))
    with pytest.raises(UnknownOutcome, match="try later"):
        await session(transport).call(asked, same, PLAIN)
    assert len(transport.sent) == 1


async def test_an_answer_of_just_the_size_is_read() -> None:
    assert await call(ScriptedTransport(answer(200, b'{"data":1}')), max_body_size=10) == 1


@pytest.mark.parametrize(
    "url",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://a:b@api.example.com",
        "https://x.org/?a=1",
        "https://x.org?",
        "https://x.org/#",
        "https://x.org/#a",
    ],
)
def test_base_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as raised:
        Session(url, transport=ScriptedTransport(), authenticator=FixedAuthenticator(), limiter=Limiter(None))
    assert "a:b" not in str(raised.value)


def test_a_session_tells_no_secrets_about_itself() -> None:
    assert repr(session(ScriptedTransport())) == "<Session https://api.example.com/base>"


async def test_the_machines_clock_is_the_default() -> None:
    plain = Session(
        "http://127.0.0.1:1", transport=ScriptedTransport(), authenticator=FixedAuthenticator(), limiter=Limiter(None)
    )
    assert plain.clock == SystemClock()
    assert await plain.call(request(), same, PLAIN) == 1


async def test_closing() -> None:
    transport, authenticator = ScriptedTransport(), FixedAuthenticator()
    await session(transport, authenticator=authenticator).aclose()
    assert (transport.closed, authenticator.closed) == (1, 1)


# What is repeated, and what is not


def failures() -> Iterator[tuple[str, Step, type[AdflightError]]]:
    yield "timeout", Timeout("no answer"), Timeout
    yield "broken", ConnectionBroken("cut"), ConnectionBroken
    for status in (500, 502, 503, 504, 408):
        yield str(status), answer(status), ServerError
    yield "500 in a success", answer(200, {"statusCode": 500}), ServerError
    yield "half a body", answer(200, b'{"success": tr'), ServerError
    yield "HTML", answer(200, b"<html><title>Welcome</title></html>"), ServerError
    yield "foreign exception", OSError(f"https://{SECRET}@x.example.com"), ConnectionBroken


UNCLEAR = list(failures())
unclear = pytest.mark.parametrize(("step", "kind"), [row[1:] for row in UNCLEAR], ids=[row[0] for row in UNCLEAR])


@unclear
@pytest.mark.parametrize("repeat", HARMLESS)
async def test_what_is_harmless_is_repeated(repeat: Repeat, step: Step, kind: type[AdflightError]) -> None:
    transport, clock = ScriptedTransport(step, step, ok(7)), FakeClock(auto=True)
    assert await call(transport, repeat, clock=clock) == 7
    assert len(transport.sent) == 3
    assert clock.slept == [0.25, 0.5]


@unclear
@pytest.mark.parametrize("repeat", HARMLESS)
async def test_attempts_are_capped(repeat: Repeat, step: Step, kind: type[AdflightError]) -> None:
    transport = ScriptedTransport(step)
    with pytest.raises(kind) as raised:
        await call(transport, repeat, Options(max_attempts=3))
    assert len(transport.sent) == 3
    assert_scrubbed(raised.value)


@unclear
@pytest.mark.parametrize("repeat", DANGEROUS)
async def test_what_could_buy_twice_is_never_repeated(repeat: Repeat, step: Step, kind: type[AdflightError]) -> None:
    transport, clock = ScriptedTransport(step), FakeClock(auto=True)

    async def slowly(_: WireRequest) -> WireAnswer:
        await clock.sleep(5)
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, WireAnswer)
        return step

    transport.steps = [slowly]
    with pytest.raises(UnknownOutcome) as raised:
        await call(transport, repeat, Options(timeout=20), clock=clock)
    error = raised.value
    assert len(transport.sent) == 1
    assert isinstance(error.cause, kind)
    assert error.operation == "things.do"
    assert error.request.body == {"name": "Spring"}
    assert error.request.headers["Authorization"] == "***"
    assert error.sent_at == datetime.fromtimestamp(FakeClock.EPOCH, UTC), "when it was sent, not when it failed"
    assert error.settled_after == 20 + SETTLING
    assert (error.response is not None) == isinstance(step, WireAnswer)
    assert not error.absent
    assert_scrubbed(error)
    assert_scrubbed(error.cause)


def assert_scrubbed(error: BaseException) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    for shown in (str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(copy))):
        assert SECRET not in shown
    assert SECRET.encode() not in pickle.dumps(error)


@pytest.mark.parametrize("repeat", REPEATS)
async def test_what_was_not_sent_is_repeated_always(repeat: Repeat) -> None:
    transport = ScriptedTransport(NotSent("refused"), NotSent("refused"), ok(7))
    assert await call(transport, repeat) == 7
    assert len(transport.sent) == 3


@pytest.mark.parametrize("repeat", REPEATS)
async def test_what_is_never_sent_is_raised_as_that(repeat: Repeat) -> None:
    with pytest.raises(NotSent) as raised:
        await call(ScriptedTransport(NotSent("refused")), repeat)
    assert_scrubbed(raised.value)


async def test_only_a_certified_transport_is_believed() -> None:
    transport = ScriptedTransport(NotSent("refused"), ok(), certified=False)
    with pytest.raises(UnknownOutcome) as raised:
        await call(transport, "create")
    assert type(raised.value.cause) is ConnectionBroken
    assert len(transport.sent) == 1


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize(
    ("came", "kind"),
    [(answer(403), PermissionDenied), (answer(422), APIError), (answer(200, {"success": False}), APIError)],
)
async def test_a_clear_no_is_raised_at_once(repeat: Repeat, came: WireAnswer, kind: type[APIError]) -> None:
    transport = ScriptedTransport(came)
    with pytest.raises(kind) as raised:
        await call(transport, repeat)
    assert len(transport.sent) == 1
    assert raised.value.request.body == {"name": "Spring"}
    assert_scrubbed(raised.value)


@pytest.mark.parametrize(
    ("asked", "kind", "attempts"), [("addition", UnknownOutcome, 1), ("change", int, 2), ("odd", UnknownOutcome, 1)]
)
async def test_a_mode_in_the_body_decides(asked: str, kind: type[Any], attempts: int) -> None:
    transport = ScriptedTransport(answer(503), ok(7))
    mode = operation(RepeatByField("mode", {"change": "absolute", "addition": "relative"}))
    try:
        outcome: object = await session(transport).call(Request(mode, "/a", body={"mode": asked}), same, PLAIN)
    except UnknownOutcome as error:
        outcome = error
    assert isinstance(outcome, kind)
    assert len(transport.sent) == attempts


def fails(_: Any) -> Any:
    raise KeyError("id")


@pytest.mark.parametrize("repeat", REPEATS)
async def test_a_success_of_an_unknown_shape_is_not_lost(repeat: Repeat) -> None:
    transport = ScriptedTransport(ok({"odd": 1}))
    with pytest.raises(AdflightError, match="KeyError") as raised:
        await session(transport).call(request(repeat), fails, PLAIN)
    error = raised.value
    assert len(transport.sent) == 1
    if repeat in DANGEROUS:
        assert isinstance(error, UnknownOutcome)
        assert error.response is not None
        assert error.response.content == b'{"success":true,"data":{"odd":1}}'
    else:
        assert isinstance(error, ServerError)
        assert error.undecodable
    assert_scrubbed(error)


steps = st.sampled_from(
    [
        Timeout("t"),
        ConnectionBroken("b"),
        NotSent("n"),
        answer(500),
        answer(429),
        answer(401),
        answer(403),
        answer(200, b"{"),
        ok(),
    ]
)


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=8), st.sampled_from(REPEATS), st.integers(1, 5))
def test_whatever_happens_nothing_is_bought_twice(script: list[Step], repeat: Repeat, max_attempts: int) -> None:
    """Every attempt but the last is one that certainly did nothing, unless doing it twice is harmless."""

    async def run() -> None:
        transport = ScriptedTransport(*script)
        open_session = session(transport, quota=Quota(3, 60.0))
        try:
            outcome: object = await open_session.call(request(repeat), same, Options(max_attempts=max_attempts))
        except AdflightError as error:
            outcome = error
        played = (script + script[-1:] * 20)[: len(transport.sent)]
        certain = {id(step) for step in script if isinstance(step, NotSent)}
        certain |= {id(step) for step in script if isinstance(step, WireAnswer) and step.status in (401, 403, 429)}
        if repeat in DANGEROUS:
            assert all(id(step) in certain for step in played[:-1])
            if isinstance(outcome, UnknownOutcome):
                assert id(played[-1]) not in certain
        else:
            assert not isinstance(outcome, UnknownOutcome)
        assert (outcome == 1) == (isinstance(played[-1], WireAnswer) and played[-1].content == ok().content)
        counted = [step for step in played if not (isinstance(step, WireAnswer) and step.status == 401)]
        assert len(counted) <= max_attempts
        assert open_session.limiter.state().used <= 3
        assert transport.under_way == 0

    asyncio.run(run())


# 401


@pytest.mark.parametrize("repeat", REPEATS)
async def test_a_401_renews_the_token_once(repeat: Repeat) -> None:
    transport, authenticator = ScriptedTransport(answer(401), ok(7)), FixedAuthenticator()
    assert await call(transport, repeat, Options(max_attempts=1), authenticator=authenticator) == 7
    assert [sent.headers["Authorization"] for sent in transport.sent] == [f"Bearer {SECRET}-1", f"Bearer {SECRET}-2"]
    assert authenticator.prepared == 1


async def test_a_401_twice_in_a_row_is_an_error() -> None:
    transport = ScriptedTransport(answer(401, {"message": "Unauthorized"}))
    with pytest.raises(AuthenticationError, match="Unauthorized") as raised:
        await call(transport)
    assert len(transport.sent) == 2
    assert_scrubbed(raised.value)


async def test_a_401_after_something_else_renews_again() -> None:
    transport = ScriptedTransport(answer(401), answer(500), answer(401), ok(7))
    assert await call(transport) == 7


async def test_a_401_of_a_log_in_is_final() -> None:
    transport, authenticator = ScriptedTransport(answer(401)), FixedAuthenticator()
    authenticator.valid = False
    asked = Request(operation(security=(BASIC,)), "/log-in", body={"password": SECRET})
    with pytest.raises(AuthenticationError) as raised:
        await session(transport, authenticator=authenticator).call(asked, same, PLAIN)
    assert len(transport.sent) == 1
    assert authenticator.prepared == 0, "a log-in never waits for a token"
    assert_scrubbed(raised.value)


LOG_IN = operation("absolute", security=(BASIC,))


class Vendor:
    """An authenticator as vendors write them: its log-in is a call of the same session."""

    def __init__(self, clock: FakeClock) -> None:
        self.credentials = Credentials(self, clock=clock)
        self.session: Session

    async def log_in(self) -> Token:
        return await self.session.call(Request(LOG_IN, "/log-in"), lambda value: Token(value, "r"), PLAIN)

    async def refresh(self, token: Token, /) -> Token:
        return await self.session.call(Request(LOG_IN, "/refresh"), lambda value: Token(value, "r"), PLAIN)

    def current(self, operation: Operation, scope: object, /) -> Grant | None:
        if BASIC in operation.security:
            return Grant({"Authorization": "Basic x"})
        token = self.credentials.current()
        return None if token is None else Grant({"Authorization": f"Bearer {token.access}"}, token)

    async def prepare(self, operation: Operation, /) -> None:
        await self.credentials.token()

    def invalidate(self, grant: Grant, /) -> None:
        self.credentials.invalidate(grant.token)

    async def aclose(self) -> None:
        await self.credentials.aclose()


class Service:
    """Answers 401 to any token but the last that it gave out."""

    def __init__(self) -> None:
        self.given = 0
        self.count: dict[str, int] = {}

    async def __call__(self, sent: WireRequest) -> WireAnswer:
        path = sent.url.rpartition("/")[2]
        self.count[path] = self.count.get(path, 0) + 1
        await asyncio.sleep(0)
        if path != "things":
            self.given += 1
            return ok(f"token-{self.given}")
        return ok(7) if sent.headers["Authorization"] == f"Bearer token-{self.given}" else answer(401)


def vendor_session(service: Service, clock: FakeClock, quota: Quota | None = None) -> Session:
    vendor = Vendor(clock)
    vendor.session = session(ScriptedTransport(service), clock=clock, authenticator=vendor, quota=quota)
    return vendor.session


async def test_500_calls_that_meet_a_401_cause_one_refresh() -> None:
    service = Service()
    open_session = vendor_session(service, FakeClock(auto=True))
    await open_session.call(request("create"), same, PLAIN)
    service.given += 1
    answers = await asyncio.gather(*(open_session.call(request("create"), same, PLAIN) for _ in range(500)))
    assert answers == [7] * 500
    assert service.count == {"log-in": 1, "refresh": 1, "things": 1 + 500 + 500}


async def test_more_callers_than_slots_cannot_lock_the_log_in_out() -> None:
    """The log-in needs a slot of its own while everybody waits for it."""
    service, clock = Service(), FakeClock(auto=True)
    open_session = vendor_session(service, clock, Quota(2, 60.0))
    answers = await asyncio.wait_for(
        asyncio.gather(*(open_session.call(request(), same, PLAIN) for _ in range(5))), timeout=10
    )
    assert answers == [7] * 5
    assert service.count == {"log-in": 1, "things": 5}
    assert clock.monotonic() == 120.0, "six requests, two in each minute"


class Forgetful(FixedAuthenticator):
    """Has a token or has none, as its script says; at the end of the script it has one."""

    def __init__(self, *script: bool) -> None:
        super().__init__()
        self.script = list(script)

    def current(self, operation: Operation, scope: Any, /) -> Grant | None:
        if self.script and not self.script.pop(0):
            return None
        return super().current(operation, scope)


async def test_a_token_that_ends_while_its_caller_queues_is_replaced() -> None:
    transport = ScriptedTransport(ok(7))
    authenticator = Forgetful(True, True, False, True)
    open_session = session(transport, authenticator=authenticator, quota=Quota(1, 60.0))
    await open_session.call(request(), same, PLAIN)
    assert await open_session.call(request(), same, PLAIN) == 7
    assert authenticator.script == [], "it was asked again after the wait"
    assert open_session.limiter.state().used == 1, "unused slots went back"


async def test_tokens_that_always_end_too_early_are_reported() -> None:
    transport = ScriptedTransport()
    with pytest.raises(ConfigurationError, match="clock"):
        await call(transport, authenticator=Forgetful(*[False] * 99))
    assert transport.sent == []


# 429 and the quota


@pytest.mark.parametrize("repeat", REPEATS)
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"Retry-After": "86400"}, 300.0),
        ({"Retry-After": "0"}, 3.75),
        ({}, 3.75),
    ],
)
async def test_a_429_pauses_the_account_and_is_repeated(
    repeat: Repeat, headers: dict[str, str], seconds: float
) -> None:
    clock = FakeClock()
    transport = ScriptedTransport(answer(429, None, headers), ok(7))
    open_session = session(transport, clock=clock)
    first = asyncio.create_task(open_session.call(request(repeat), same, PLAIN))
    await clock.settle()
    second = asyncio.create_task(open_session.call(request(repeat), same, PLAIN))
    await clock.settle()
    state = open_session.limiter.state()
    assert state.paused_for == pytest.approx(seconds)
    assert state.reason == "the service asked for it: HTTP 429"
    await clock.advance(seconds - 0.5)
    assert len(transport.sent) == 1, "others wait as well"
    await clock.advance(0.5)
    assert [await first, await second] == [7, 7]


async def test_a_429_also_holds_back_who_waits_for_a_place() -> None:
    async def refuse(_: WireRequest) -> WireAnswer:
        await asyncio.sleep(0)
        return answer(429, None, {"Retry-After": "7"})

    clock = FakeClock()
    transport = ScriptedTransport(refuse, ok(7))
    open_session = session(transport, clock=clock, quota=Quota(100, 60.0), max_in_flight=1)
    tasks = [asyncio.create_task(open_session.call(request("create"), same, PLAIN)) for _ in range(5)]
    await clock.advance(6.9)
    assert len(transport.sent) == 1
    await clock.advance(0.1)
    assert await asyncio.gather(*tasks) == [7] * 5
    assert len(transport.sent) == 6


async def test_the_quota_is_told_how_long_a_request_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    ask = Limiter._ask

    def heard(limiter: Limiter, request_timeout: float) -> Slot | float:
        told.append(request_timeout)
        return ask(limiter, request_timeout)

    monkeypatch.setattr(Limiter, "_ask", heard)
    clock = FakeClock(auto=True)
    open_session = session(ScriptedTransport(), clock=clock, quota=Quota(1, 60.0))
    for _ in range(2):
        await open_session.call(request(), same, Options(timeout=1000.0))
    assert set(told) == {1000.0}


async def test_each_quota_group_has_a_limiter() -> None:
    clock = FakeClock()
    tokens = Limiter(Quota(1, 1.0), clock=clock)
    transport = ScriptedTransport(answer(429, None, {"Retry-After": "7"}), ok(7))
    open_session = session(transport, clock=clock, quota=Quota(2, 60.0), limiters={"auth": tokens})
    token_request = Request(evolve(operation(security=(BASIC,)), quota="auth"), "/auth/token")
    minting = asyncio.create_task(open_session.call(token_request, same, PLAIN))
    await clock.settle()
    assert (tokens.state().paused_for, open_session.limiter.state().paused_for) == (7.0, 0.0)
    assert await call_twice(open_session) == [7, 7], "a pause of one group holds up no other"
    await clock.advance(7)
    assert await minting == 7
    assert (tokens.state().used, open_session.limiter.state().used) == (1, 2)
    waiting = asyncio.create_task(open_session.call(request(), same, PLAIN))
    await clock.advance(52.9)
    assert not waiting.done()
    await clock.advance(0.1)
    assert await waiting == 7


async def call_twice(open_session: Session) -> list[Any]:
    return [await open_session.call(request(), same, PLAIN) for _ in range(2)]


async def test_an_unknown_quota_group_counts_with_the_rest() -> None:
    other = Limiter(None)
    open_session = session(ScriptedTransport(), quota=Quota(2, 60.0), limiters={"auth": other})
    await open_session.call(Request(evolve(operation(), quota="reports"), "/things"), same, PLAIN)
    assert open_session.limiter.state().used == 1


async def test_a_429_that_stays_is_raised_and_still_pauses_the_others() -> None:
    transport = ScriptedTransport(answer(429, None, {"Retry-After": "7"}))
    open_session = session(transport)
    with pytest.raises(RateLimited) as raised:
        await open_session.call(request("create"), same, Options(max_attempts=2))
    assert len(transport.sent) == 2
    assert open_session.limiter.state().paused_for == 7.0
    assert_scrubbed(raised.value)


@pytest.mark.parametrize(("repeat", "kind"), [("read", ServerError), ("create", UnknownOutcome)])
async def test_a_503_may_ask_for_a_pause_but_proves_nothing(repeat: Repeat, kind: type[AdflightError]) -> None:
    transport, clock = ScriptedTransport(answer(503, None, {"Retry-After": "9"})), FakeClock(auto=True)
    open_session = session(transport, clock=clock)
    with pytest.raises(kind):
        await open_session.call(request(repeat), same, Options(max_attempts=2))
    assert len(transport.sent) == (2 if repeat == "read" else 1)
    assert open_session.limiter.state().paused_for == 9.0


@pytest.mark.parametrize(
    ("step", "used"),
    [
        (ok(), 1),
        (answer(500), 1),
        (Timeout("t"), 1),
        (OSError(), 1),
        (NotSent("n"), 0),
        (InvalidInput("url", "x", "another"), 0),
        (ConfigurationError("closed"), 0),
    ],
)
async def test_slots_are_used_by_what_the_service_may_have_counted(step: Step, used: int) -> None:
    open_session = session(ScriptedTransport(step), quota=Quota(5, 60.0))
    outcome = await asyncio.gather(
        open_session.call(request("create"), same, Options(max_attempts=1)), return_exceptions=True
    )
    assert len(outcome) == 1
    assert open_session.limiter.state().used == used


# Deadlines


async def test_a_deadline_covers_waiting_for_the_quota() -> None:
    clock = FakeClock()
    open_session = session(ScriptedTransport(), clock=clock, quota=Quota(1, 60.0))
    await open_session.call(request(), same, PLAIN)
    late = asyncio.create_task(open_session.call(request("create"), same, Options(deadline=10)))
    await clock.advance(9.9)
    assert not late.done()
    await clock.advance(0.1)
    with pytest.raises(Timeout, match="not sent, because the deadline of 10 s passed before attempt 1") as raised:
        await late
    assert_scrubbed(raised.value)
    assert (open_session.limiter.state().waiting, clock.sleepers) == (0, 0)


async def test_a_deadline_covers_waiting_for_a_token() -> None:
    clock = FakeClock()

    async def stuck(_: WireRequest) -> WireAnswer:
        await clock.sleep(1000)
        return ok("token")

    vendor = Vendor(clock)
    vendor.session = session(ScriptedTransport(stuck), clock=clock, authenticator=vendor)
    late = asyncio.create_task(vendor.session.call(request("create"), same, Options(deadline=10)))
    await clock.advance(10)
    with pytest.raises(Timeout, match="deadline"):
        await late
    await vendor.aclose()


async def test_a_deadline_shortens_attempts_and_ends_repeats() -> None:
    clock = FakeClock(auto=True)

    async def slow(sent: WireRequest) -> WireAnswer:
        assert sent.timeout is not None
        await clock.sleep(sent.timeout)
        raise Timeout("no answer")

    transport = ScriptedTransport(slow)
    with pytest.raises(Timeout, match="no answer"):
        await call(transport, options=Options(timeout=4, deadline=10, max_attempts=99), clock=clock)
    assert [sent.timeout for sent in transport.sent] == [4, 4, pytest.approx(1.25)]
    assert clock.monotonic() == pytest.approx(10)


async def test_a_deadline_that_passes_while_a_create_is_under_way_leaves_it_unknown() -> None:
    clock = FakeClock(auto=True)

    async def slow(sent: WireRequest) -> WireAnswer:
        assert sent.timeout == 3
        await clock.sleep(sent.timeout)
        raise Timeout("no answer")

    with pytest.raises(UnknownOutcome) as raised:
        await call(ScriptedTransport(slow), "create", Options(deadline=3), clock=clock)
    assert raised.value.settled_after == 30 + SETTLING, "the service does not know of our deadline"


async def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    clock = FakeClock(auto=True)
    with pytest.raises(RateLimited):
        await call(
            ScriptedTransport(answer(429, None, {"Retry-After": "60"})), options=Options(deadline=10), clock=clock
        )
    assert clock.monotonic() == 0


async def test_a_deadline_that_has_passed_sends_nothing_more() -> None:
    clock = FakeClock()

    async def slow(_: WireRequest) -> WireAnswer:
        await clock.advance(10)
        return answer(401)

    transport = ScriptedTransport(slow)
    with pytest.raises(Timeout, match="attempt 1"):
        await call(transport, options=Options(deadline=10), clock=clock)
    assert len(transport.sent) == 1


async def test_a_deadline_is_not_in_the_way_of_those_that_keep_it() -> None:
    clock = FakeClock(auto=True)
    assert await call(ScriptedTransport(answer(503), ok(7)), options=Options(deadline=10), clock=clock) == 7
    await clock.settle()
    assert clock.sleepers == 0


async def test_a_timeout_of_someone_else_is_no_deadline() -> None:
    async def fail(_: httpx.Request) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await call(ScriptedTransport(), options=Options(deadline=10), hooks=[Hook(on_request=fail)])


# Cancellation and what is in flight


async def test_cancelling_leaves_nothing_behind() -> None:
    clock = FakeClock()

    async def hang(_: WireRequest) -> WireAnswer:
        await clock.sleep(1000)
        return ok()

    transport = ScriptedTransport(hang)
    open_session = session(transport, clock=clock, quota=Quota(5, 60.0), max_in_flight=1)
    tasks = [asyncio.create_task(open_session.call(request("create"), same, PLAIN)) for _ in range(3)]
    await clock.settle()
    assert open_session.limiter.state().used == 3
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert open_session.limiter.state().used == 1, "the one that was sent counts, the two that waited do not"
    transport.steps = [ok(7)]
    assert await open_session.call(request(), same, PLAIN) == 7


@given(st.integers(0, 40))
@settings(deadline=None)
def test_cancelling_at_any_moment_leaves_nothing_behind(turns: int) -> None:
    async def run() -> None:
        clock = FakeClock(auto=True)

        async def answers(_: WireRequest) -> WireAnswer:
            await asyncio.sleep(0)
            return answer(503)

        transport = ScriptedTransport(answers)
        authenticator = FixedAuthenticator()
        authenticator.valid = False
        open_session = session(
            transport, clock=clock, quota=Quota(2, 1.0), max_in_flight=1, authenticator=authenticator
        )
        options = Options(deadline=1000)
        tasks = [asyncio.create_task(open_session.call(request(), same, options)) for _ in range(4)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert transport.under_way == 0
        state = open_session.limiter.state()
        assert state.waiting == 0
        transport.steps = [ok(7)]
        authenticator.valid = True
        assert await asyncio.wait_for(open_session.call(request(), same, PLAIN), timeout=10) == 7
        await clock.sleep(2.0)
        assert open_session.limiter.state().used == 0

    asyncio.run(run())


async def test_no_more_than_so_many_are_in_flight() -> None:
    async def turn(_: WireRequest) -> WireAnswer:
        await asyncio.sleep(0)
        return ok(7)

    transport = ScriptedTransport(turn)
    open_session = session(transport, max_in_flight=3)
    assert await asyncio.gather(*(open_session.call(request(), same, PLAIN) for _ in range(20))) == [7] * 20
    assert transport.most_under_way == 3


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_in_flight=0"):
        session(ScriptedTransport(), max_in_flight=0)
    with pytest.raises(ConfigurationError, match="max_body_size=0"):
        session(ScriptedTransport(), max_body_size=0)


def test_a_second_event_loop() -> None:
    async def turn(_: WireRequest) -> WireAnswer:
        await asyncio.sleep(0)
        return ok(7)

    open_session = session(ScriptedTransport(turn), max_in_flight=1)

    async def some() -> list[Any]:
        return await asyncio.gather(*(open_session.call(request(), same, PLAIN) for _ in range(5)))

    assert asyncio.run(some()) == [7] * 5
    assert asyncio.run(some()) == [7] * 5


# Hooks


class Observer:
    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.responses: list[httpx.Response] = []

    async def request(self, request: httpx.Request) -> None:
        self.requests.append(request)

    async def response(self, response: httpx.Response) -> None:
        self.responses.append(response)

    @property
    def hook(self) -> Hook:
        return Hook(self.request, self.response)


async def test_hooks_run_once_an_attempt_and_see_no_secrets() -> None:
    seen = Observer()
    transport = ScriptedTransport(Timeout("t"), answer(401), answer(200, {"data": {"access_token": SECRET, "id": 1}}))
    asked = Request(operation(), "/things", query={"token": SECRET}, body={"password": SECRET, "name": "Spring"})
    result = await session(transport, hooks=[seen.hook]).call(asked, same, PLAIN)
    assert result == {"access_token": SECRET, "id": 1}, "what the caller gets is whole"
    assert [shown.method for shown in seen.requests] == ["POST"] * 3
    assert [response.status_code for response in seen.responses] == [401, 200]
    assert seen.responses[1].request is seen.requests[2]
    assert seen.responses[1].json() == {"data": {"access_token": "***", "id": 1}}
    for shown in seen.requests:
        assert str(shown.url) == "https://api.example.com/base/things?token=***"
        assert shown.content == b'{"password":"***","name":"Spring"}'
        assert SECRET not in repr(shown.headers.raw)


async def test_what_is_shown_is_what_went_out() -> None:
    seen: list[bytes] = []

    async def look(shown: httpx.Request) -> None:
        seen.append(shown.content)

    transport = ScriptedTransport()
    open_session = session(transport, hooks=[Hook(on_request=look)])
    await open_session.call(request(body={"budget": Decimal("1.50")}), same, Options())
    assert seen == [b'{"budget":1.5}'] == [sent.content for sent in transport.sent]


async def test_hooks_may_add_headers_but_no_credentials() -> None:
    async def add(shown: httpx.Request) -> None:
        shown.headers["X-Trace"] = f"{len(transport.sent) + 1}"
        shown.headers["authorization"] = "stolen"
        shown.headers["Accept"] = "text/csv"

    transport = ScriptedTransport(answer(503), answer(403))
    with pytest.raises(PermissionDenied) as raised:
        await call(transport, hooks=[Hook(on_request=add)])
    assert [sent.headers["x-trace"] for sent in transport.sent] == ["1", "2"]
    for sent in transport.sent:
        assert {name.lower(): value for name, value in sent.headers.items()} == {
            "accept": "text/csv",
            "authorization": f"Bearer {SECRET}-1",
            "content-type": "application/json",
            "x-trace": sent.headers["x-trace"],
            "x-workspace": "7",
        }
        # names that differ only in case would go out twice
        assert len({name.lower() for name in sent.headers}) == len(sent.headers)
    assert raised.value.request.headers["x-trace"] == "2"


async def test_a_hook_may_veto_and_nothing_is_sent() -> None:
    async def veto(_: httpx.Request) -> None:
        raise RuntimeError("not today")

    transport = ScriptedTransport()
    open_session = session(transport, hooks=[Hook(on_request=veto)], quota=Quota(5, 60.0))
    with pytest.raises(RuntimeError, match="not today"):
        await open_session.call(request("create"), same, PLAIN)
    assert transport.sent == []
    assert open_session.limiter.state().used == 0


@pytest.mark.parametrize("value", ["caf\xe9", "caf\udce9"], ids=["UTF-8", "Latin-1"])
async def test_a_header_beyond_ascii_does_not_lose_a_purchase(value: str) -> None:
    seen = Observer()
    transport = ScriptedTransport(answer(200, {"data": 7}, {"Server": value}))
    assert await session(transport, hooks=[seen.hook]).call(request("create"), same, PLAIN) == 7
    assert len(seen.responses) == 1


async def test_a_redirect_to_nowhere_does_not_lose_a_purchase() -> None:
    with pytest.raises(UnknownOutcome):
        await call(ScriptedTransport(answer(302, None, {"Location": "http://["})), repeat="create")


async def test_tracebacks_with_local_variables_show_no_credentials() -> None:
    with pytest.raises(UnknownOutcome) as raised:
        await call(ScriptedTransport(ConnectionBroken("cut")), repeat="create")
    for error in (raised.value, raised.value.cause):
        assert error is not None
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert SECRET not in "".join(shown.format())


async def test_a_failing_observer_does_not_lose_a_purchase(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: httpx.Response) -> None:
        raise RuntimeError("oops")

    assert await call(ScriptedTransport(ok(7)), "create", hooks=[Hook(on_response=fail)]) == 7
    (record,) = caplog.records
    assert record.getMessage() == "a hook failed; the call goes on"
    assert vars(record)["operation"] == "things.do"


# What comes back


async def test_raw_answers() -> None:
    transport = ScriptedTransport(answer(201, {"data": 7}, {"X-Request-Id": "r1"}))
    raw: Any = await call(transport, options=Options(raw=True))
    assert isinstance(raw, RawAnswer)
    assert (raw.status, raw.content, raw.parsed) == (201, b'{"data":7}', 7)
    assert raw.headers["X-REQUEST-ID"] == "r1"
    assert raw.http_response.json() == {"data": 7}
    assert SECRET not in repr(raw)
    assert SECRET.encode() not in pickle.dumps(raw)


PARTLY = operation("absolute", envelope="responseObject", partial=Partial("status", "reason", "modified_data"))
PARTLY_ANSWER = answer(
    200, {"responseObject": {"status": False, "reason": [{"id": "4"}], "modified_data": [{"id": 5}]}}
)


async def test_failures_of_single_items_are_raised() -> None:
    with pytest.raises(PartialFailure) as raised:
        await session(ScriptedTransport(PARTLY_ANSWER)).call(Request(PARTLY, "/a"), same, PLAIN)
    error = raised.value
    assert (error.failed, error.modified) == (({"id": "4"},), ({"id": 5},))
    assert error.response.parsed == error.answer
    assert error.operation == "things.do"
    assert_scrubbed(error)


async def test_failures_of_single_items_are_returned_on_request() -> None:
    open_session = session(ScriptedTransport(PARTLY_ANSWER))
    result: Any = await open_session.call(Request(PARTLY, "/a"), same, Options(partial="return"))
    assert result["reason"] == [{"id": "4"}]


async def test_a_vendors_own_secrets_are_masked() -> None:
    open_session = session(ScriptedTransport(answer(403)), secrets=secret_names("pin"))
    with pytest.raises(PermissionDenied) as raised:
        await open_session.call(Request(operation(), "/a", body={"PIN": 1234}), same, PLAIN)
    assert raised.value.request.body == {"PIN": "***"}


# Logging


async def test_every_attempt_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(auto=True)

    async def slow(_: WireRequest) -> WireAnswer:
        await clock.sleep(1.5)
        return ok({"password": SECRET})

    asked = Request(operation(), "/things", query={"token": SECRET}, body={"password": SECRET})
    open_session = session(ScriptedTransport(answer(503), answer(401), slow), clock=clock)
    with caplog.at_level(logging.DEBUG, "adflight"):
        await open_session.call(asked, same, PLAIN)
    fields = [
        {name: vars(record)[name] for name in ("operation", "attempt", "status", "elapsed", "outcome")}
        for record in caplog.records
    ]
    assert fields == [
        {"operation": "things.do", "attempt": 1, "status": 503, "elapsed": 0.0, "outcome": "server error"},
        {"operation": "things.do", "attempt": 2, "status": 401, "elapsed": 0.0, "outcome": "unauthorized"},
        {"operation": "things.do", "attempt": 2, "status": 200, "elapsed": 1.5, "outcome": "answered"},
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "things.do, attempt 1: server error, repeat after 0.000 s",
        "things.do, attempt 2: unauthorized, renew after 0.000 s",
        "things.do, attempt 2: answered after 1.500 s",
    ]
    assert all(SECRET not in repr(vars(record)) for record in caplog.records)


async def test_an_unknown_outcome_is_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "adflight"), pytest.raises(UnknownOutcome):
        await call(ScriptedTransport(TransportError("odd")), "create")
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "adflight")
    assert vars(record)["status"] is None


def test_sent_at_is_aware() -> None:
    async def run() -> datetime:
        with pytest.raises(UnknownOutcome) as raised:
            await call(ScriptedTransport(Timeout("t")), "create")
        return raised.value.sent_at

    assert asyncio.run(run()).utcoffset() == timedelta(0)


async def stall(request: WireRequest) -> WireAnswer:
    headers = dict(request.headers)
    await asyncio.sleep(60)
    raise AssertionError(headers)


async def close(request: WireRequest) -> WireAnswer:
    headers = dict(request.headers)
    raise ConfigurationError(f"the client is closed, {len(headers)}")


@pytest.mark.parametrize(
    "step",
    [
        stall,
        close,
        answer(400, {"message": f"no {SECRET}-1"}),
        answer(403, None, {"X-Echo": f"Bearer {SECRET}-1"}),
        answer(302, None, {"Location": f"https://x.org/?t={SECRET}-1"}),
        answer(200, {"success": True, "data": {"ok": False, "failed": [1], "modified": []}}),
    ],
)
async def test_no_frame_of_what_a_call_raises_holds_credentials(step: Step) -> None:
    asked = Request(operation("create", partial=Partial("ok", "failed", "modified")), "/things", body={})
    with pytest.raises((AdflightError, TimeoutError)) as raised:
        async with asyncio.timeout(0.01):
            await session(ScriptedTransport(step)).call(asked, same, PLAIN)
    frames: list[traceback.FrameSummary] = []
    failed: BaseException | None = raised.value
    while failed is not None:
        frames += traceback.TracebackException.from_exception(failed, capture_locals=True).stack
        failed = failed.__cause__
    # those of this test hold what it answers with
    ours = [frame for frame in frames if "adflight/core" in frame.filename]
    assert "call" in {frame.name for frame in ours}
    assert SECRET not in "".join(str(frame.locals) for frame in ours)
