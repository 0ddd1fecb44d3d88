"""What applying needs of a plan. Imports what a plan is made of; used by `applying`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol, Self

from adflight.flights.items import Item, Totals
from adflight.flights.journal import Journal
from adflight.flights.platform import Platform, Write
from adflight.flights.traffic import Traffic


class Applicable(Protocol):
    """What is needed of a plan."""

    @property
    def platform(self) -> Platform: ...

    @property
    def label(self) -> str: ...

    @property
    def items(self) -> list[Item]: ...

    @property
    def totals(self) -> Totals: ...

    @property
    def read_at(self) -> datetime:
        """When it began to be read."""
        ...

    @property
    def read_on(self) -> float:
        """The same, by the monotonic clock."""
        ...

    @property
    def last_run(self) -> int | None:
        """The journal's latest run then; None while it went on."""
        ...

    @property
    def open_intents(self) -> int:
        """How many requests the journal knew to be without an outcome then, one a key."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether it comes from a file."""
        ...

    def writes(self) -> Iterator[Write]: ...

    def adoptions(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        """What is taken over, and what of it is as the file says."""
        ...

    @property
    def sent(self) -> Traffic:
        """What was sent to make it."""
        ...

    async def again(self, journal: Journal) -> Self:
        """Made anew, from the same flights."""
        ...

    def moved(self, newer: Self) -> list[str]:
        """What a newer plan would do that this one does not explain."""
        ...
