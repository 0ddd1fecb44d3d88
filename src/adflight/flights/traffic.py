"""What a client sent that is no write of an apply, kept until a run writes it down. Imports the entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from struct import Struct
from typing import Final

from attrs import define, field

from adflight.core.options import Attempted
from adflight.flights.entries import Attempt, SideRequest, moment

_ROW: Final = Struct("<IIIHdd?")
"""Operation and outcome as numbers of words, number of the attempt, HTTP status or 0, when it was sent, how long it
took, and whether it is counted apart: 31 bytes, as a plan that reads every object by itself may send a hundred
thousand."""


@define(eq=False)
class Traffic:
    """Attempts without a watch, in the order in which they ended: `client.observed(traffic.add)`.

    Read through as often as one likes, as the journal's entries.
    """

    counts: Counter[str] = field(factory=Counter, init=False)
    """Those that have left, by operation; also of what was taken since."""
    _words: dict[str, int] = field(factory=dict)
    _rows: bytearray = field(factory=bytearray, repr=False)

    def add(self, one: Attempted) -> None:
        """Keeps an attempt, unless whoever watches it does."""
        if one.is_watched:
            return
        if one.has_left:
            self.counts[one.operation] += 1
        operation, outcome = self._word(one.operation), self._word(one.outcome)
        self._rows += _ROW.pack(operation, outcome, one.number, one.status or 0, one.sent_at, one.elapsed, one.is_apart)

    def _word(self, text: str) -> int:
        return self._words.setdefault(text, len(self._words))

    def __iter__(self) -> Iterator[SideRequest]:
        words = [*self._words]
        for operation, outcome, number, status, at, elapsed, is_apart in _ROW.iter_unpack(self._rows):
            attempt = Attempt(number, moment(at), words[outcome], status or None, elapsed)
            yield SideRequest(words[operation], attempt, is_apart)

    def take(self) -> Traffic:
        """All of it, for somebody else to keep: afterwards there is nothing."""
        rows, self._rows = self._rows, bytearray()
        return Traffic({**self._words}, rows)
