"""Events on their way from an apply to its reader. Imports the events; used by `applying`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from adflight.flights.events import Event

if TYPE_CHECKING:
    from adflight.flights.dispatching import Dispatcher

ROOM: Final = 1000
"""Events that wait for a slow reader before nothing more is sent."""


class EventQueue:
    """Loses none, and says when its reader is too far behind."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._is_closed = False
        self._room = asyncio.Event()
        self._room.set()
        self.dispatcher: Dispatcher | None = None
        """Is told when there is room again."""

    def tell(self, event: Event) -> None:
        self._waiting.append(event)
        self._news.set()
        if not self.has_room():
            self._room.clear()

    def has_room(self) -> bool:
        return len(self._waiting) < ROOM

    async def room(self) -> None:
        """Waits for it."""
        await self._room.wait()

    def close(self, _: object) -> None:
        self._is_closed = True
        self._news.set()

    async def get(self) -> Event | None:
        """The next event; None after the last."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._news.clear()
            await self._news.wait()
        event = self._waiting.popleft()
        if not self._room.is_set() and self.has_room():
            self._room.set()
            if self.dispatcher is not None:
                self.dispatcher.wake()
        return event
