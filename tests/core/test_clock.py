from __future__ import annotations

import asyncio
import time

from adflight.core.clock import Clock, SystemClock
from tests.clock import FakeClock


async def test_the_system_clock_is_the_machines() -> None:
    clock: Clock = SystemClock()

    before = (time.monotonic(), time.time())
    await clock.sleep(0)
    after = (clock.monotonic(), clock.time())

    assert before[0] <= after[0] < before[0] + 60
    assert before[1] - 60 < after[1] < before[1] + 60
    assert clock == SystemClock()


async def test_a_fake_clock_wakes_sleepers_in_order() -> None:
    clock = FakeClock()
    log: list[tuple[str, float]] = []

    async def sleep(name: str, *times: float) -> None:
        for seconds in times:
            await clock.sleep(seconds)
            log.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleep("a", 5, 5)), asyncio.create_task(sleep("b", 3, 1, 9))]
    await clock.advance(10)

    assert log == [("b", 3), ("b", 4), ("a", 5), ("a", 10)]
    assert clock.sleepers == 1
    assert clock.time() == FakeClock.EPOCH + 10
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert clock.sleepers == 0
    assert clock.slept == [5, 3, 1, 9, 5]


async def test_an_automatic_clock_leaps_to_the_earliest_sleeper() -> None:
    clock = FakeClock(auto=True)
    log: list[tuple[str, float]] = []

    async def sleep(name: str, *times: float) -> None:
        for seconds in times:
            await clock.sleep(seconds)
            log.append((name, clock.monotonic()))

    await asyncio.gather(sleep("a", 5, 5), sleep("b", 3, 0, 9))

    assert log == [("b", 3), ("b", 3), ("a", 5), ("a", 10), ("b", 12)]
