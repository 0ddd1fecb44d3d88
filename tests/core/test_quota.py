from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from itertools import count
from math import inf, nan

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight.core.clock import SystemClock
from adflight.core.errors import ConfigurationError
from adflight.core.quota import Limiter, Quota, QuotaState, Slot, limiter_for
from tests.clock import FakeClock

QUOTA = Quota(3, 60.0, "documented")

_accounts = count()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> Limiter:
    return Limiter(QUOTA, clock=clock)


@pytest.fixture
def account() -> Iterator[str]:
    yield f"account {next(_accounts)}"


async def granted(limiter: Limiter, clock: FakeClock, log: list[float]) -> None:
    with await limiter.acquire():
        log.append(clock.monotonic())


# Quotas


@pytest.mark.parametrize(("requests", "per"), [(0, 60.0), (-1, 60.0), (1, 0.0), (1, -1.0), (1, inf), (1, nan)])
def test_an_impossible_quota_is_refused(requests: int, per: float) -> None:
    with pytest.raises(ConfigurationError, match="quota"):
        Quota(requests, per)


def test_a_quota_says_where_it_comes_from() -> None:
    assert str(QUOTA) == "3 requests in 60 s (documented)"
    assert str(Quota(1, 0.5)) == "1 requests in 0.5 s (set by the caller)"


# One window


async def test_as_many_at_once_as_the_quota_allows(limiter: Limiter, clock: FakeClock) -> None:
    log: list[float] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(7):
            group.create_task(granted(limiter, clock, log))
        await clock.advance(59.9)
        assert log == [0.0] * 3
        await clock.advance(60.1)

    assert log == [0.0] * 3 + [60.0] * 3 + [120.0]


async def test_a_slot_is_free_one_window_after_the_answer(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    log: list[float] = []
    slot = await limiter.acquire()
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(600.0)
    assert log == [], "a request that is under way keeps its slot"

    slot.answered()
    slot.answered()
    slot.give_back()
    await clock.advance(59.0)
    assert log == []
    await clock.advance(1.0)
    await waiting

    assert log == [660.0]


async def test_a_request_that_was_not_sent_gives_its_slot_back(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    log: list[float] = []
    slot = await limiter.acquire()
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.settle()

    slot.give_back()
    slot.give_back()
    await waiting

    assert log == [0.0]


async def test_nobody_jumps_the_queue(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    (await limiter.acquire()).answered()
    log: list[str] = []

    async def call(name: str, delay: float) -> None:
        await clock.sleep(delay)
        with await limiter.acquire():
            log.append(name)

    # comes in the very moment in which the slot is free, and before the limiter itself looks
    newcomer = asyncio.create_task(call("newcomer", 60.0))
    await clock.settle()
    patient = asyncio.create_task(call("patient", 0.0))
    await clock.advance(120.0)
    await asyncio.gather(newcomer, patient)

    assert log == ["patient", "newcomer"]


async def test_an_earlier_moment_is_not_slept_through(limiter: Limiter, clock: FakeClock) -> None:
    (await limiter.acquire()).answered()
    first, second = await limiter.acquire(), await limiter.acquire()
    log: list[float] = []
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(10.0)
    assert clock.sleepers == 1
    second.answered()
    await clock.advance(10.0)
    first.give_back()
    await waiting

    assert log == [20.0]
    assert clock.sleepers == 0


async def test_leaving_in_any_way_counts_as_answered(limiter: Limiter) -> None:
    with pytest.raises(TimeoutError), await limiter.acquire():
        raise TimeoutError

    assert limiter.state().used == 1


# Cancellation


async def test_a_cancelled_wait_costs_nothing(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    (await limiter.acquire()).answered()
    log: list[float] = []
    given_up = asyncio.create_task(limiter.acquire())
    patient = asyncio.create_task(granted(limiter, clock, log))
    await clock.settle()
    assert limiter.state().waiting == 2

    given_up.cancel()
    await clock.advance(60.0)
    await patient

    assert given_up.cancelled()
    assert log == [60.0]
    assert limiter.state() == QuotaState(used=1, limit=1, paused_for=0.0, reason=None, waiting=0)


async def test_when_nobody_waits_any_more_nothing_is_left_running(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    (await limiter.acquire()).answered()
    waiting = asyncio.create_task(limiter.acquire())
    await clock.settle()
    assert clock.sleepers == 1

    waiting.cancel()
    await clock.settle()

    assert clock.sleepers == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelled_in_the_moment_of_the_grant(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    slot = await limiter.acquire()
    unlucky = asyncio.create_task(limiter.acquire())
    next_one = asyncio.create_task(limiter.acquire())
    await clock.settle()

    slot.give_back()
    unlucky.cancel()
    await clock.settle()

    assert unlucky.cancelled()
    assert next_one.done()


async def test_a_wait_that_was_just_cancelled_is_passed_over(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    slot = await limiter.acquire()
    given_up = asyncio.create_task(limiter.acquire())
    next_one = asyncio.create_task(limiter.acquire())
    await clock.settle()

    given_up.cancel()
    slot.give_back()
    await clock.settle()

    assert given_up.cancelled()
    assert next_one.done()
    assert limiter.state().used == 1


async def test_a_request_cancelled_under_way_may_have_been_counted(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)

    async def call() -> None:
        with await limiter.acquire():
            await clock.sleep(1000.0)

    running = asyncio.create_task(call())
    await clock.advance(5.0)
    running.cancel()
    log: list[float] = []
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(100.0)
    await waiting

    assert log == [65.0]


# Pauses


@pytest.mark.parametrize("quota", [QUOTA, None], ids=str)
async def test_a_pause_holds_everybody_up(quota: Quota | None, clock: FakeClock) -> None:
    limiter = Limiter(quota, clock=clock)
    log: list[float] = []
    under_way = await limiter.acquire()
    limiter.pause(30.0, "429 Too Many Requests")
    limiter.pause(10.0, "shorter")
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(10.0)
    under_way.give_back()
    await clock.settle()
    assert log == []
    assert limiter.state() == QuotaState(
        used=0, limit=3 if quota else None, paused_for=20.0, reason="429 Too Many Requests", waiting=1
    )

    await clock.advance(20.0)
    await waiting

    assert log == [30.0]
    assert limiter.state().reason is None


async def test_a_pause_also_holds_those_who_wait_already(clock: FakeClock) -> None:
    limiter = Limiter(Quota(1, 60.0), clock=clock)
    (await limiter.acquire()).answered()
    log: list[float] = []
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(59.0)

    limiter.pause(100.0, "Retry-After")
    await clock.advance(100.0)
    await waiting

    assert log == [159.0]


# Changing the quota


async def test_without_a_quota_nothing_is_counted(clock: FakeClock) -> None:
    limiter = Limiter(None, clock=clock)
    for _ in range(1000):
        (await limiter.acquire()).answered()

    assert limiter.state() == QuotaState(used=0, limit=None, paused_for=0.0, reason=None, waiting=0)


async def test_a_new_quota_counts_at_once(limiter: Limiter, clock: FakeClock) -> None:
    for _ in range(3):
        (await limiter.acquire()).answered()
    log: list[float] = []
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(1.0)

    limiter.quota = Quota(4, 60.0)
    await waiting
    assert log == [1.0]

    limiter.quota = Quota(1, 10.0)
    waiting = asyncio.create_task(granted(limiter, clock, log))
    await clock.advance(10.0)
    await waiting
    assert log == [1.0, 11.0]

    limiter.quota = None
    assert limiter.state().used == 0


# Random traffic


@frozen
class Call:
    """One caller: seconds until it asks, until the service counts its request, and until it answers."""

    ask: float
    travel: float
    work: float
    end: str
    patience: float | None


QUARTERS = st.integers(0, 60).map(lambda quarters: quarters / 4)
CALLS = st.builds(
    Call,
    ask=QUARTERS,
    travel=QUARTERS,
    work=QUARTERS,
    end=st.sampled_from(["answered", "answered", "answered", "broken", "not sent"]),
    patience=st.none() | QUARTERS,
)


async def play(quota: Quota, calls: list[Call], pauses: list[tuple[float, float]]) -> None:
    """What a service counts of random calls, some cancelled, some never sent."""
    clock = FakeClock(auto=True)
    limiter = Limiter(quota, clock=clock)
    arrivals: list[float] = []
    asked: list[int] = []
    served: dict[int, float] = {}
    paused: list[tuple[float, float]] = []

    async def attempt(number: int, call: Call) -> None:
        asked.append(number)
        with await limiter.acquire() as slot:
            now = served[number] = clock.monotonic()
            assert not any(start <= now < end for start, end in paused)
            assert limiter.state().used <= quota.requests
            if call.end == "not sent":
                slot.give_back()
                return
            await clock.sleep(call.travel)
            arrivals.append(clock.monotonic())
            await clock.sleep(call.work)
            if call.end == "answered":
                slot.answered()

    async def run(number: int, call: Call) -> None:
        await clock.sleep(call.ask)
        task = asyncio.create_task(attempt(number, call))
        if call.patience is not None:
            await clock.sleep(call.patience)
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def pause(after: float, seconds: float) -> None:
        await clock.sleep(after)
        paused.append((clock.monotonic(), clock.monotonic() + seconds))
        limiter.pause(seconds, "asked to")

    async with asyncio.TaskGroup() as group:
        for number, call in enumerate(calls):
            group.create_task(run(number, call))
        for after, seconds in pauses:
            group.create_task(pause(after, seconds))

    for end in arrivals:
        assert sum(end - quota.per < arrival <= end for arrival in arrivals) <= quota.requests
    moments = [served[number] for number in asked if number in served]
    assert moments == sorted(moments), "served in the order of asking"
    assert {number for number, call in enumerate(calls) if call.patience is None} <= served.keys()
    assert limiter.state().waiting == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    # whatever happened, no slot is lost for good
    await clock.sleep(quota.per + sum(seconds for _, seconds in pauses))
    assert limiter.state().used == 0


@settings(deadline=None, max_examples=150)
@given(
    requests=st.integers(1, 4),
    per=st.integers(1, 80).map(lambda quarters: quarters / 4),
    calls=st.lists(CALLS, min_size=1, max_size=14),
    pauses=st.lists(st.tuples(QUARTERS, QUARTERS), max_size=2),
)
def test_the_service_never_counts_more_than_the_quota(
    requests: int, per: float, calls: list[Call], pauses: list[tuple[float, float]]
) -> None:
    asyncio.run(play(Quota(requests, per), calls, pauses))


@settings(deadline=None, max_examples=50)
@given(requests=st.integers(1, 5), calls=st.integers(1, 30), latency=QUARTERS)
def test_no_slot_is_idle_while_somebody_waits(requests: int, calls: int, latency: float) -> None:
    async def play() -> list[float]:
        clock = FakeClock(auto=True)
        limiter = Limiter(Quota(requests, 60.0), clock=clock)
        starts: list[float] = []

        async def call() -> None:
            with await limiter.acquire():
                starts.append(clock.monotonic())
                await clock.sleep(latency)

        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                group.create_task(call())
        return starts

    assert asyncio.run(play()) == [(60.0 + latency) * (number // requests) for number in range(calls)]


# One limiter an account


async def test_clients_of_one_account_share_a_limiter(account: str) -> None:
    first = limiter_for("https://api.example.com/", account, QUOTA)

    for spelling in ("https://api.example.com", "https://API.example.com:443/"):
        assert limiter_for(spelling, account, QUOTA) is first
    assert limiter_for("https://api.example.com", account + "b", QUOTA) is not first
    assert limiter_for("https://stage.example.com", account, QUOTA) is not first
    assert isinstance(first.clock, SystemClock)


async def test_another_clock_means_another_limiter(account: str, clock: FakeClock) -> None:
    first = limiter_for("https://api.example.com", account, QUOTA, clock)

    assert limiter_for("https://api.example.com", account, QUOTA, clock) is first
    assert limiter_for("https://api.example.com", account, QUOTA) is not first


async def test_the_latest_quota_holds(account: str) -> None:
    first = limiter_for("https://api.example.com", account, QUOTA)
    assert first.quota == QUOTA

    assert limiter_for("https://api.example.com", account, None) is first
    assert first.quota is None


def test_the_count_outlives_an_event_loop(account: str, clock: FakeClock) -> None:
    async def use_up() -> None:
        limiter = limiter_for("https://api.example.com", account, QUOTA, clock)
        for _ in range(3):
            (await limiter.acquire()).answered()

    async def go_on() -> list[float]:
        limiter = limiter_for("https://api.example.com", account, QUOTA, clock)
        log: list[float] = []
        waiting = asyncio.create_task(granted(limiter, clock, log))
        await clock.advance(60.0)
        await waiting
        return log

    asyncio.run(use_up())

    assert asyncio.run(go_on()) == [60.0]


def test_a_client_keeps_its_limiter_in_the_next_event_loop(clock: FakeClock, limiter: Limiter) -> None:
    async def use_up() -> None:
        for _ in range(3):
            (await limiter.acquire()).answered()

    asyncio.run(use_up())
    log: list[float] = []

    async def go_on() -> None:
        waiting = asyncio.create_task(granted(limiter, clock, log))
        await clock.advance(60.0)
        await waiting

    asyncio.run(go_on())

    assert log == [60.0]


def test_what_was_under_way_in_a_dead_event_loop_counts(clock: FakeClock) -> None:
    limiter = Limiter(Quota(2, 60.0), clock=clock)

    async def take() -> Slot:
        return await limiter.acquire()

    asyncio.run(take()).answered()
    asyncio.run(clock.advance(30.0))
    lost = asyncio.run(take())
    log: list[float] = []

    async def go_on() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(granted(limiter, clock, log))
            await clock.settle()
            lost.give_back()
            await clock.advance(100.0)

    asyncio.run(go_on())

    assert log == [60.0, 90.0]


async def test_event_loops_that_run_together_have_their_own(account: str) -> None:
    def elsewhere() -> tuple[Limiter, str]:
        async def look() -> tuple[Limiter, str]:
            theirs = limiter_for("https://api.example.com", account, QUOTA)
            assert limiter_for("https://api.example.com", account, QUOTA) is theirs
            with pytest.raises(ConfigurationError) as caught:
                await ours.acquire()
            return theirs, str(caught.value)

        return asyncio.run(look())

    ours = limiter_for("https://api.example.com", account, QUOTA)
    theirs, message = await asyncio.to_thread(elsewhere)

    assert theirs is not ours
    assert "another event loop" in message
    # the other loop is closed, so its limiter could be had; ours is the one that we share
    assert limiter_for("https://api.example.com", account, QUOTA) is ours
    gc.collect()


async def test_whoever_cancels_the_alarm_does_not_stop_it_for_good(limiter: Limiter, clock: FakeClock) -> None:
    for _ in range(QUOTA.requests):
        (await limiter.acquire()).answered()
    waiting = asyncio.create_task(limiter.acquire())
    await clock.settle()
    for task in asyncio.all_tasks() - {asyncio.current_task(), waiting}:
        task.cancel()
    await clock.settle()
    again = asyncio.create_task(limiter.acquire())
    await clock.advance(60)
    assert waiting.done()
    assert again.done()


def test_clients_made_outside_an_event_loop_share_a_limiter(account: str, clock: FakeClock) -> None:
    first = limiter_for("https://api.example.com", account, QUOTA, clock)
    assert limiter_for("https://api.example.com", account, QUOTA, clock) is first

    async def use() -> bool:
        (await first.acquire()).answered()
        return limiter_for("https://api.example.com", account, QUOTA, clock) is first

    assert asyncio.run(use())
    assert limiter_for("https://api.example.com", account, QUOTA, clock) is first
    assert first.state().used == 1
