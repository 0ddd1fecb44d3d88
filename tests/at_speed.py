"""A program whose clock is fast, so that the waits of adflight pass quickly while its requests are real.

    python tests/at_speed.py 100 examples/launch.py Spring 676384

The asynchronous code under test still waits on the wall clock, as a user's program does, only not as long.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import time

from adflight.core.clock import SystemClock


class FastClock:
    """An `adflight.core.clock.Clock` that runs `speed` times as fast as the machine's, from the present on."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start = time.time()
        self._start_monotonic = time.monotonic()

    def monotonic(self) -> float:
        return self._start_monotonic + self._speed * (time.monotonic() - self._start_monotonic)

    def time(self) -> float:
        return self._start + self.monotonic() - self._start_monotonic

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def main() -> None:
    """Runs the program as if it had been started itself."""
    clock = FastClock(float(sys.argv[1]))
    for name in ("monotonic", "time", "sleep"):
        setattr(SystemClock, name, staticmethod(getattr(clock, name)))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
