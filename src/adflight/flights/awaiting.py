"""What was sent and has no outcome yet, and when the next round is to find out about it. Pure.

Imports what a platform is; used by `dispatching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from attrs import define, frozen

from adflight.flights.platform import Target, Write

GATHER: Final = 300.0
"""Seconds for which requests without an outcome gather, as long as others can be sent, before they share a round."""

_READ_AT_ONCE: Final = 500


@define(eq=False)
class Awaited:
    """A share of a write that was sent, and of which nobody knows yet what became."""

    write: Write
    target: Target
    request: int
    due: float
    """By the monotonic clock: when it must be settled."""
    reason: str
    """What is known of why it is not known."""


@frozen
class Round:
    """What is to be found out together."""

    at: float
    """By the monotonic clock."""
    is_lost: bool
    """Whether it may not have been carried out; else it was answered, and only has to be read back."""
    _awaited: list[Awaited]

    @property
    def due(self) -> list[Awaited]:
        """Those that are settled by then."""
        return [one for one in self._awaited if one.due <= self.at]


class Awaiting:
    """All that is awaited, the earliest first of each sort."""

    def __init__(self) -> None:
        self._lost: list[Awaited] = []
        self.unread: list[Awaited] = []
        """What was answered, and only has to be read back."""

    def __len__(self) -> int:
        return len(self._lost) + len(self.unread)

    def __iter__(self) -> Iterator[Awaited]:
        yield from self.unread
        yield from self._lost

    def add(self, one: Awaited, *, is_lost: bool) -> None:
        """`is_lost` as in `Round`."""
        (self._lost if is_lost else self.unread).append(one)

    def drop(self, known: Iterable[Awaited]) -> None:
        """Forgets those of which it is known now what became."""
        gone = {id(one) for one in known}
        self._lost = [one for one in self._lost if id(one) not in gone]
        self.unread = [one for one in self.unread if id(one) not in gone]

    def next_round(self, now: float, *, is_idle: bool) -> Round | None:
        """`is_idle`: nothing can be sent before it is known what became of something, so that none is added."""
        if self.unread and (is_idle or len(self.unread) >= _READ_AT_ONCE):
            return Round(now, False, self.unread)
        of_lost = inf if not self._lost else self._lost[-1].due if is_idle else self._lost[0].due + GATHER
        of_unread = self.unread[0].due + GATHER if self.unread else inf
        if of_lost < of_unread:
            return Round(of_lost, True, self._lost)
        return Round(of_unread, False, self.unread) if self.unread else None
