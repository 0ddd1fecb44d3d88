"""How many requests wait for an answer at a time.

Imports nothing of adflight; the session uses it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class Gate:
    """Lets so many in at a time, in the order of asking.

    An `asyncio.Semaphore` that can be asked without waiting, which is what nearly every call does.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        # while anybody waits, no place is free: each is handed on
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    def enter_nowait(self) -> bool:
        """Whether there was a place, which is taken then."""
        if self._free:
            self._free -= 1
            return True
        return False

    async def enter(self) -> None:
        """Waits for a place. Cancelling the wait costs nothing."""
        if self.enter_nowait():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.pop(turn, None)
            else:
                # it got its place in the moment in which it was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._free += 1
