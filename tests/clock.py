"""A clock that moves only when a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

# turns of the event loop in which tasks get to where they wait; longer than any chain of awaits in our code
_TURNS: Final = 20


class FakeClock:
    """An `adflight.core.clock.Clock` for tests.

    `await clock.advance(seconds)` wakes sleepers in the order of their moments and lets the others run in between.
    With `auto=True` nobody has to: once all tasks have had their turns, time leaps to the earliest sleeper's moment.
    It stands still while `busy` says that something outside the loop, such as a socket, has to come first, and
    `on_leap` is told the seconds of each leap. `slept` lists what was asked for, in seconds.
    """

    EPOCH: Final = 1_700_000_000.0

    def __init__(
        self,
        *,
        auto: bool = False,
        busy: Callable[[], bool] = lambda: False,
        on_leap: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self.auto = auto
        self._busy = busy
        self._on_leap = on_leap
        self.slept: list[float] = []
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._quiet_turns = 0
        self._driven_by: asyncio.AbstractEventLoop | None = None

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep."""
        return len(self._sleepers)

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self.EPOCH + self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        sleeper = (self._now + seconds, next(self._order), loop.create_future())
        heappush(self._sleepers, sleeper)
        if self.auto:
            self._quiet_turns = _TURNS
            if self._driven_by is not loop:
                self._driven_by = loop
                loop.call_soon(self._drive, loop)
        try:
            await sleeper[2]
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapify(self._sleepers)

    def _wake_next(self) -> None:
        moment, _, woken = heappop(self._sleepers)
        before, self._now = self._now, max(self._now, moment)
        self._on_leap(self._now - before)
        if not woken.done():
            woken.set_result(None)

    def _drive(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._sleepers:
            self._driven_by = None
            return
        if self._busy():
            self._quiet_turns = _TURNS
        elif self._quiet_turns:
            self._quiet_turns -= 1
        else:
            self._wake_next()
            self._quiet_turns = _TURNS
        loop.call_soon(self._drive, loop)

    async def advance(self, seconds: float) -> None:
        """Lets `seconds` pass."""
        until = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._wake_next()
            await self.settle()
        self._now = until

    def jump(self, seconds: float) -> None:
        """As after the machine was asleep: `seconds` have passed, and nobody ran."""
        self._now += seconds

    async def settle(self) -> None:
        """Lets tasks run without letting time pass."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
