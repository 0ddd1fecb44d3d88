from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adflight.core.alarm import Alarm


@pytest.fixture
async def alarm() -> Alarm:
    return Alarm()


async def seconds_until_it_ends(alarm: Alarm, limit: float | None, work: float = 5.0) -> float:
    """How long `work` lasts under a limit; negative when it came to its end."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        with alarm.limit(None if limit is None else start + limit):
            await asyncio.sleep(work)
    except TimeoutError:
        return loop.time() - start
    return start - loop.time()


@pytest.mark.parametrize("limits", [(0.05, 0.1, 0.15), (0.15, 0.1, 0.05), (0.1, 0.05, 0.15)], ids=str)
async def test_each_limit_ends_at_its_own_time(alarm: Alarm, limits: tuple[float, ...]) -> None:
    took = await asyncio.gather(*(seconds_until_it_ends(alarm, limit) for limit in limits))

    assert all(limit - 0.01 <= seconds < 1 for limit, seconds in zip(limits, took, strict=True))
    assert sorted(limits, key=lambda limit: took[limits.index(limit)]) == sorted(limits)


async def test_what_ends_in_time_or_has_no_limit_is_left_alone(alarm: Alarm) -> None:
    took = await asyncio.gather(
        seconds_until_it_ends(alarm, 0.05, work=0.01),
        seconds_until_it_ends(alarm, None, work=0.15),
        seconds_until_it_ends(alarm, 0.1),
        seconds_until_it_ends(alarm, 5.0, work=0.15),
    )

    assert [seconds < 0 for seconds in took] == [True, True, False, True]


async def test_sets_one_timer_for_many_limits_that_are_met(alarm: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    call_at, set_at = loop.call_at, []

    def noted(when: float, *arguments: Any, **context: Any) -> asyncio.TimerHandle:
        set_at.append(when)
        return call_at(when, *arguments, **context)

    monkeypatch.setattr(loop, "call_at", noted)
    for _ in range(100):
        await seconds_until_it_ends(alarm, 30.0, work=0)

    assert len(set_at) == 1


async def test_a_cancellation_stays_one(alarm: Alarm) -> None:
    running = asyncio.create_task(seconds_until_it_ends(alarm, 0.05))
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()
    await asyncio.sleep(0.06)
    assert await seconds_until_it_ends(alarm, 0.02) > 0


async def test_what_was_cancelled_and_ran_out_of_time_at_once_stays_cancelled(alarm: Alarm) -> None:
    running = asyncio.create_task(seconds_until_it_ends(alarm, 0.05))
    asyncio.get_running_loop().call_later(0, running.cancel)
    await asyncio.sleep(0)
    [limit] = alarm._limits
    limit._expire()
    await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()


async def test_is_over_once_its_task_was_told(alarm: Alarm) -> None:
    """The limit of one block never reaches the next one."""
    with pytest.raises(TimeoutError), alarm.limit(alarm.time() + 0.01):
        await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0

    await asyncio.sleep(0.02)
