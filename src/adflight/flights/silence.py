"""Whether a service can still be reached, by how the attempts of an apply end. Imports core's types; used by
`dispatching`."""

from __future__ import annotations

from typing import Final

from adflight.core.errors import TransportError
from adflight.core.options import CANCELLED, Attempted

SEVERAL: Final = 5
"""Attempts in a row: one more than a request makes, unless it is told to make more."""

LASTING: Final = 10.0
"""Seconds: longer than a proxy takes to restart, or a network to come back, after which the next attempt is answered.
"""

_UNANSWERED: Final = frozenset({"not sent", "timeout", "broken"})


class Silence:
    """The attempts since the last answer.

    The service is gone when several in a row, over some time and of more than one request, had no answer at all, and
    none was given in between, whatever they were for. A "no" is an answer, as is a 5xx: somebody is there, and other
    rows may fare better. Of many that are under way when a connection breaks each is one, which is why their number
    alone proves nothing, unless nothing is left that could be tried.
    """

    def __init__(self) -> None:
        self.attempts = 0
        self._is_of_one = True
        self._number = 0
        self._since = 0.0
        self._until = 0.0

    def note(self, one: Attempted) -> None:
        """Of each attempt that ends."""
        if one.outcome == CANCELLED:
            return
        if one.outcome not in _UNANSWERED:
            self.attempts = 0
            return
        self._until = one.sent_at + one.elapsed
        if not self.attempts:
            self._since, self._is_of_one = self._until, True
        elif one.number <= self._number:
            # a request counts its attempts up, however many it may make
            self._is_of_one = False
        self._number = one.number
        self.attempts += 1

    @property
    def is_of_several(self) -> bool:
        """Whether more than one request was not answered."""
        return self.attempts >= SEVERAL and not self._is_of_one

    @property
    def is_lasting(self) -> bool:
        """Whether the service is gone, whatever else could be tried."""
        return self.is_of_several and self._until - self._since >= LASTING

    def error(self) -> TransportError:
        """It, in words."""
        last = "the last attempt was" if self.attempts == 1 else f"the last {self.attempts:,} attempts were"
        return TransportError(f"the service cannot be reached any more: {last} not answered")
