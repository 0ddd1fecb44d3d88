from __future__ import annotations

import asyncio
import logging

import pytest

from adflight.core.credentials import Credentials, Grant, MemoryStore, StaticCredentials, Token
from adflight.core.errors import (
    AdflightError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    Timeout,
    UnknownOutcome,
    ValidationFailed,
)
from tests.clock import FakeClock
from tests.core.scripted import SECRET, operation
from tests.core.test_errors import ALL_KINDS, api_error

LIFE = 36_000.0


class Source:
    """Gives out tokens with numbers, slowly; a failure in `failures` is raised instead, once."""

    def __init__(self, clock: FakeClock, *, life: float | None = LIFE, delay: float = 0.0) -> None:
        self.clock = clock
        self.life = life
        self.delay = delay
        self.calls: list[str] = []
        self.failures: list[AdflightError | None] = []
        self.number = 0

    async def log_in(self) -> Token:
        return await self._give("log in", refresh="r0", extra={"owId": 7})

    async def refresh(self, token: Token, /) -> Token:
        # as the service does: neither the organisation nor, here, a new refresh token
        return await self._give(f"refresh {token.refresh}", refresh=None, extra={})

    async def _give(self, call: str, *, refresh: str | None, extra: dict[str, int]) -> Token:
        self.calls.append(call)
        await self.clock.sleep(self.delay)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.number += 1
        expires_at = None if self.life is None else self.clock.time() + self.life
        return Token(f"t{self.number}", refresh, expires_at, extra)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def source(clock: FakeClock) -> Source:
    return Source(clock)


@pytest.fixture
def credentials(source: Source, clock: FakeClock) -> Credentials:
    return Credentials(source, clock=clock)


async def test_the_first_caller_logs_in(credentials: Credentials, source: Source) -> None:
    assert credentials.current() is None
    token = await credentials.token()
    assert (token.access, token.extra) == ("t1", {"owId": 7})
    assert await credentials.token() is token
    assert credentials.current() is token
    assert source.calls == ["log in"]


async def test_500_callers_that_find_no_token_cause_one_log_in(
    credentials: Credentials, source: Source, clock: FakeClock
) -> None:
    source.delay = 1.0
    callers = [asyncio.create_task(credentials.token()) for _ in range(500)]
    await clock.advance(1.0)
    assert {(await caller).access for caller in callers} == {"t1"}
    assert source.calls == ["log in"]


async def test_500_callers_that_find_it_expired_cause_one_refresh(
    credentials: Credentials, source: Source, clock: FakeClock
) -> None:
    await credentials.token()
    await clock.advance(LIFE + 1)
    tokens = await asyncio.gather(*(credentials.token() for _ in range(500)))
    assert {token.access for token in tokens} == {"t2"}
    assert source.calls == ["log in", "refresh r0"]


async def test_500_callers_whose_token_was_refused_cause_one_refresh(credentials: Credentials, source: Source) -> None:
    refused = await credentials.token()

    async def meet_401() -> Token:
        await asyncio.sleep(0)
        credentials.invalidate(refused)
        return await credentials.token()

    tokens = await asyncio.gather(*(meet_401() for _ in range(500)))
    assert {token.access for token in tokens} == {"t2"}
    credentials.invalidate(refused)
    assert credentials.current() is tokens[0], "a late 401 says nothing of the new token"
    assert source.calls == ["log in", "refresh r0"]


async def test_the_organisation_and_the_refresh_token_survive_a_refresh(credentials: Credentials) -> None:
    credentials.invalidate(await credentials.token())
    token = await credentials.token()
    assert (token.access, token.refresh, token.extra) == ("t2", "r0", {"owId": 7})


async def test_before_there_is_a_token_nothing_can_be_invalidated(credentials: Credentials) -> None:
    credentials.invalidate(Token("other"))
    assert (await credentials.token()).access == "t1"


async def test_inside_the_advisory_window_nobody_waits(
    credentials: Credentials, source: Source, clock: FakeClock
) -> None:
    old = await credentials.token()
    source.delay = 5.0
    await clock.advance(LIFE - 299)
    assert [credentials.current() for _ in range(500)] == [old] * 500
    assert await credentials.token() is old
    await clock.advance(5.0)
    assert (await credentials.token()).access == "t2"
    assert source.calls == ["log in", "refresh r0"]


async def test_inside_the_mandatory_window_all_wait(credentials: Credentials, clock: FakeClock) -> None:
    await credentials.token()
    await clock.advance(LIFE - 29)
    assert credentials.current() is None
    assert (await credentials.token()).access == "t2"


async def test_a_renewal_that_fails_early_is_logged_and_tried_again_later(
    credentials: Credentials, source: Source, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    old = await credentials.token()
    await clock.advance(LIFE - 299)
    source.failures = [Timeout("no answer")]
    with caplog.at_level(logging.WARNING, "adflight"):
        for _ in range(10):
            assert credentials.current() is old
            await clock.settle()
    assert [record.getMessage() for record in caplog.records] == ["the token was not renewed early: no answer"]
    await clock.advance(30)
    assert credentials.current() is old
    await clock.settle()
    assert (await credentials.token()).access == "t2"
    assert source.calls == ["log in", "refresh r0", "refresh r0"]


async def test_short_lives_shrink_the_windows(clock: FakeClock) -> None:
    source = Source(clock, life=5.0)
    credentials = Credentials(source, clock=clock)
    token = await credentials.token()
    await clock.advance(3.9)
    assert credentials.current() is token
    assert source.calls == ["log in"]
    await clock.advance(0.9)
    assert credentials.current() is None


@pytest.mark.parametrize("life", [None, 0.0, -100.0])
async def test_a_token_without_a_believable_end_is_served_until_it_is_refused(
    clock: FakeClock, life: float | None
) -> None:
    credentials = Credentials(Source(clock, life=life), clock=clock)
    token = await credentials.token()
    await clock.advance(1e9)
    assert credentials.current() is token
    credentials.invalidate(token)
    assert (await credentials.token()).access == "t2"


REFUSED = [api_error(kind) for kind in (AuthenticationError, PermissionDenied, NotFound, ValidationFailed)]
UNKNOWN = next(error for error in ALL_KINDS if isinstance(error, UnknownOutcome))


@pytest.mark.parametrize("failure", [*REFUSED, UNKNOWN], ids=lambda error: type(error).__name__)
async def test_a_refused_refresh_falls_back_to_a_log_in(
    credentials: Credentials, source: Source, failure: AdflightError
) -> None:
    credentials.invalidate(await credentials.token())
    source.failures = [failure]
    assert (await credentials.token()).access == "t2"
    assert source.calls == ["log in", "refresh r0", "log in"]


@pytest.mark.parametrize("kind", [ServerError, RateLimited])
async def test_a_refresh_that_may_work_later_does_not(
    credentials: Credentials, source: Source, kind: type[APIError]
) -> None:
    credentials.invalidate(await credentials.token())
    source.failures = [api_error(kind)]
    with pytest.raises(kind):
        await credentials.token()
    assert source.calls == ["log in", "refresh r0"]
    assert (await credentials.token()).access == "t2"


@pytest.mark.parametrize("failure", REFUSED, ids=lambda error: type(error).__name__)
async def test_a_refused_log_in_is_an_authentication_error(
    credentials: Credentials, source: Source, failure: APIError
) -> None:
    source.failures = [failure]
    with pytest.raises(AuthenticationError) as raised:
        await credentials.token()
    assert raised.value.status == 400
    assert raised.value.errors == ("no",)
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


async def test_a_failed_log_in_reaches_all_that_wait_and_is_not_remembered(
    credentials: Credentials, source: Source
) -> None:
    source.failures = [Timeout("no answer")]
    outcomes = await asyncio.gather(*(credentials.token() for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Timeout}
    assert all(isinstance(outcome, Timeout) and outcome.while_logging_in for outcome in outcomes)
    assert (await credentials.token()).access == "t1"


async def test_a_caller_that_is_cancelled_does_not_take_the_log_in_with_it(
    credentials: Credentials, source: Source, clock: FakeClock
) -> None:
    source.delay = 1.0
    callers = [asyncio.create_task(credentials.token()) for _ in range(3)]
    await clock.settle()
    callers[0].cancel()
    await clock.advance(1.0)
    assert callers[0].cancelled()
    assert [(await caller).access for caller in callers[1:]] == ["t1", "t1"]
    assert source.calls == ["log in"]


async def test_closing_stops_a_log_in(credentials: Credentials, source: Source, clock: FakeClock) -> None:
    await credentials.aclose()
    source.delay = 1.0
    caller = asyncio.create_task(credentials.token())
    await clock.settle()
    await credentials.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await caller
    assert clock.sleepers == 0


async def test_a_stored_token_is_used(source: Source, clock: FakeClock) -> None:
    stored = Token("stored", "r9", clock.time() + 100)
    credentials = Credentials(source, store=MemoryStore(stored), clock=clock)
    assert await credentials.token() is stored
    assert source.calls == []


async def test_a_stored_token_that_has_expired_is_refreshed(source: Source, clock: FakeClock) -> None:
    store = MemoryStore(Token("stored", "r9", clock.time() - 1, {"owId": 9}))
    credentials = Credentials(source, store=store, clock=clock)
    token = await credentials.token()
    assert (token.access, token.extra) == ("t1", {"owId": 9})
    assert source.calls == ["refresh r9"]
    assert await store.load() is token


async def test_a_token_that_another_process_stored_saves_a_refresh(source: Source, clock: FakeClock) -> None:
    store = MemoryStore()
    credentials = Credentials(source, store=store, clock=clock)
    credentials.invalidate(await credentials.token())
    theirs = Token("theirs", "r9", clock.time() + LIFE)
    await store.save(theirs)
    assert await credentials.token() is theirs
    assert source.calls == ["log in"]


async def test_without_a_refresh_token_a_log_in_follows(source: Source, clock: FakeClock) -> None:
    credentials = Credentials(source, store=MemoryStore(Token("stored", None)), clock=clock)
    credentials.invalidate(await credentials.token())
    assert (await credentials.token()).access == "t1"
    assert source.calls == ["log in"]


class PasswordGrant(Source):
    """Gives out tokens of seven days, without a refresh token."""

    async def log_in(self) -> Token:
        return await self._give("log in", refresh=None, extra={})


async def test_tokens_without_a_refresh_token_are_minted_again(clock: FakeClock) -> None:
    week = 7 * 86_400.0
    source = PasswordGrant(clock, life=week, delay=1.0)
    credentials = Credentials(source, clock=clock)
    callers = [asyncio.create_task(credentials.token()) for _ in range(100)]
    await clock.advance(1.0)
    first = await callers[0]
    assert all([await caller is first for caller in callers])
    await clock.advance(week - 301.0)
    assert await credentials.token() is first

    credentials.invalidate(first)
    callers = [asyncio.create_task(credentials.token()) for _ in range(100)]
    await clock.advance(1.0)
    assert {(await caller).access for caller in callers} == {"t2"}, "a 401 counts, however young the token"
    await clock.advance(week)
    callers = [asyncio.create_task(credentials.token()) for _ in range(100)]
    await clock.advance(1.0)
    assert {(await caller).access for caller in callers} == {"t3"}
    assert source.calls == ["log in"] * 3


async def test_credentials_that_never_change() -> None:
    static = StaticCredentials(
        {
            "organization": Grant({"X-Organization": "7"}, query={"organizationId": "7"}),
            "key": Grant({"X-Key": SECRET}, query={"token": SECRET}),
        }
    )
    both = static.current(operation(security=("organization", "key", "workspace")), {})
    assert dict(both.headers) == {"X-Organization": "7", "X-Key": SECRET}
    assert dict(both.query) == {"organizationId": "7", "token": SECRET}
    assert both.token is None, "no new token would help after a 401"
    asked = operation(security=("organization",))
    assert static.current(asked, {}).query == {"organizationId": "7"}
    assert static.current(asked, {}) is static.current(asked, {"scope": "any"})
    assert not static.current(operation(security=()), {}).query
    await static.prepare(asked)
    static.invalidate(both)
    await static.aclose()
    assert static.current(operation(security=("organization", "key", "workspace")), {}) is both
    assert SECRET not in repr(static) + repr(both)


async def test_forgetting(source: Source, clock: FakeClock) -> None:
    store = MemoryStore()
    credentials = Credentials(source, store=store, clock=clock)
    await credentials.token()
    await credentials.forget()
    assert credentials.current() is None
    assert await store.load() is None
    assert (await credentials.token()).access == "t2"
    assert source.calls == ["log in", "log in"]


async def test_forgetting_ends_a_renewal_that_would_bring_a_token_back(clock: FakeClock) -> None:
    credentials = Credentials(Source(clock, delay=1.0), clock=clock)
    waiting = asyncio.create_task(credentials.token())
    await clock.settle()
    await credentials.forget()
    with pytest.raises(ConfigurationError):
        await waiting
    await clock.advance(2.0)
    assert credentials.current() is None


def test_it_works_again_in_a_second_event_loop() -> None:
    clock = FakeClock()
    source = Source(clock, delay=1.0)
    credentials = Credentials(source, clock=clock)

    async def left_waiting() -> None:
        waiting = asyncio.create_task(credentials.token())
        await clock.settle()
        waiting.cancel()

    asyncio.run(left_waiting())

    async def again() -> Token:
        waiting = asyncio.create_task(credentials.token())
        await clock.advance(1.0)
        await credentials.aclose()
        return await waiting

    assert asyncio.run(again()).access == "t1"
    assert source.calls == ["log in", "log in"]

    async def cached() -> Token:
        return await credentials.token()

    assert asyncio.run(cached()).access == "t1"


def test_a_log_in_that_died_with_its_loop_does_not_block_the_next() -> None:
    clock = FakeClock()
    source = Source(clock, delay=1.0)
    credentials = Credentials(source, clock=clock)
    dead = asyncio.new_event_loop()
    tasks: list[asyncio.Task[Token]] = []

    async def begin() -> None:
        tasks.append(asyncio.create_task(credentials.token()))
        await clock.settle()

    dead.run_until_complete(begin())

    async def again() -> Token:
        await credentials.aclose()
        waiting = asyncio.create_task(credentials.token())
        await clock.advance(2.0)
        return await waiting

    try:
        assert asyncio.run(again()).access == "t1"
    finally:
        for task in asyncio.all_tasks(dead):
            task.cancel()
        dead.run_until_complete(asyncio.sleep(0))
        dead.run_until_complete(asyncio.sleep(0))
        dead.close()
    assert source.calls == ["log in", "log in"]


def test_reprs_hold_no_secret() -> None:
    token = Token(SECRET, SECRET, 1.0, {"owId": 7})
    assert SECRET not in repr(token)
    assert "owId" in repr(token)
    assert SECRET not in repr(Grant({"Authorization": SECRET}, token))
    clock = FakeClock()
    assert SECRET not in repr(Credentials(Source(clock), store=MemoryStore(token), clock=clock))


async def test_the_machines_clock_is_the_default() -> None:
    credentials = Credentials(Source(FakeClock(), life=None))
    assert (await credentials.token()).access == "t1"
