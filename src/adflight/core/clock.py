"""The time, as everything that waits sees it.

Imports nothing of adflight; whoever waits takes a `Clock`, so that tests need not.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from attrs import frozen


class Clock(Protocol):
    """Tells the time and waits."""

    def monotonic(self) -> float:
        """Seconds since some moment; never runs backwards."""
        ...

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits, if only for one turn of the event loop."""
        ...


@frozen
class SystemClock:
    """The machine's clock. All instances are equal."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
