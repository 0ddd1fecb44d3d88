from __future__ import annotations

import asyncio

import pytest

from adflight.sandbox.clock import SandboxClock


class Seconds:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


def test_time_passes_faster_and_skips() -> None:
    real = Seconds()
    clock = SandboxClock(60, 1000, real)
    assert clock.now() == 1000
    real.passed = 2
    assert clock.now() == 1120
    clock.advance(30)
    assert clock.now() == 1150


def test_time_never_goes_back() -> None:
    with pytest.raises(ValueError, match="time_scale"):
        SandboxClock(0, 1000)
    with pytest.raises(ValueError, match="forward"):
        SandboxClock(1, 1000).advance(-1)


async def test_sleepers_wake_when_the_clock_is_put_forward() -> None:
    clock = SandboxClock(1, 1000)
    sleepers = [asyncio.create_task(clock.sleep(seconds)) for seconds in (3600, 7200)]
    await asyncio.sleep(0)
    clock.advance(4000)
    await sleepers[0]
    assert not sleepers[1].done()
    clock.advance(4000)
    await sleepers[1]


async def test_sleepers_wake_by_themselves() -> None:
    clock = SandboxClock(3_600_000, 1000)
    await clock.sleep(3600)
    await clock.sleep(-1)
