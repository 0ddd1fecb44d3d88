"""Time limits that share one timer.

A timer of asyncio's for each call is nearly always cancelled, and setting, cancelling and clearing it away costs a
sixth of the call. Imports nothing of adflight; the transport uses it.
"""

from __future__ import annotations

import asyncio
from math import inf


class Alarm:
    """Ends what takes too long, by the time of the event loop in which it was made.

    async with asyncio.timeout(None) as limit:
        alarm.set(limit, 30.0)
        try:
            return await answer()
        finally:
            alarm.unset(limit)
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf

    def set(self, limit: asyncio.Timeout, seconds: float | None) -> None:
        """Lets `limit` expire that many seconds from now, unless it is `unset` before; None: never."""
        if seconds is None:
            return
        due = self._due[limit] = self._loop.time() + seconds
        if due < self._rings_at:
            self._ring_at(due)

    def unset(self, limit: asyncio.Timeout) -> None:
        # the timer stays: it looks for the next limit when it rings, which is once in many calls
        self._due.pop(limit, None)

    def _ring_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        now = self._rings_at
        for limit in [limit for limit, due in self._due.items() if due <= now]:
            del self._due[limit]
            limit.reschedule(now)
        self._timer, self._rings_at = None, inf
        if self._due:
            self._ring_at(min(self._due.values()))
