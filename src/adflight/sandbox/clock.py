"""The sandbox's time: it can run faster than the wall's, and it can be put forward.

Everything in the sandbox that has to do with time asks this clock: approvals, expiry, tokens, quotas, delays. Imports
nothing of the sandbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["SandboxClock"]


class SandboxClock:
    """Seconds since the epoch, as the sandbox sees them.

    With `scale` 60 a sandbox minute passes in a second. `start` is the first moment, in epoch seconds.
    `monotonic` is where real seconds come from.
    """

    def __init__(self, scale: float, start: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        if scale <= 0:
            raise ValueError(f"time can only go forward: time_scale must be above 0, not {scale}")
        self.scale = scale
        self._monotonic = monotonic
        self._start = start
        self._origin = monotonic()
        self._skipped = 0.0
        self._moved: asyncio.Future[None] | None = None

    def now(self) -> float:
        """The present, in epoch seconds."""
        return self._start + self._skipped + (self._monotonic() - self._origin) * self.scale

    def advance(self, seconds: float) -> None:
        """Put the clock forward; whoever sleeps until then wakes up."""
        if seconds < 0:
            raise ValueError(f"time can only go forward, not by {seconds} seconds")
        self._skipped += seconds
        if self._moved is not None:
            self._moved.set_result(None)
            self._moved = None

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` of the sandbox's time have passed, by themselves or by `advance`."""
        end = self.now() + seconds
        while (left := end - self.now()) > 0:
            if self._moved is None:
                self._moved = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._moved], timeout=left / self.scale)
