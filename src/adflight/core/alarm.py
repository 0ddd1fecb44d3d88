"""Time limits that share one timer.

A timer of asyncio's for each call is nearly always cancelled, and setting, cancelling and clearing it away costs a
sixth of the call. Imports nothing of adflight; the transport uses it.
"""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Any, Final


class Alarm:
    """Ends what takes too long, by the time of the event loop in which it was made.

    with alarm.limit(alarm.time() + 30.0):
        return await answer()
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time: Final = self._loop.time
        self._limits: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf

    def limit(self, due: float | None) -> Limit:
        """What `asyncio.timeout_at` gives, as a plain context manager; None: no limit."""
        return Limit(self, inf if due is None else due)

    def _set(self, limit: Limit) -> None:
        self._limits.add(limit)
        if limit.due < self._rings_at:
            self._ring_at(limit.due)

    def _ring_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        now = self._rings_at
        for limit in [limit for limit in self._limits if limit.due <= now]:
            self._limits.discard(limit)
            limit._expire()
        self._timer, self._rings_at = None, inf
        if self._limits:
            self._ring_at(min(limit.due for limit in self._limits))


class Limit:
    """Cancels the task that is inside when the time is over, and makes a `TimeoutError` of that."""

    __slots__ = ("_alarm", "_cancelling", "_expired", "_task", "due")

    def __init__(self, alarm: Alarm, due: float) -> None:
        self._alarm = alarm
        self._expired = False
        self.due: Final = due

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "only tasks can be cancelled"
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        if self.due < inf:
            self._alarm._set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # the timer stays: it looks for the next limit when it rings, which is once in many calls
        self._alarm._limits.discard(self)
        # a task that somebody else cancels as well stays cancelled
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
