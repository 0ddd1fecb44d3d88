"""What is wrong with a row of a file, in words. Imports nothing; used by the errors, and by whatever reads files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from attrs import frozen

LONGEST = 80
"""Characters of a value that are shown."""


def shown(value: object) -> str:
    """A value as messages show it: in one line, and not too long."""
    text = (
        str(value)
        if isinstance(value, (Decimal, date))
        else repr(value[: 2 * LONGEST] if isinstance(value, str) else value)
    )
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


@frozen
class Problem:
    """One thing that is wrong, or in a warning doubtful, and what would do instead."""

    row: int | None
    """As a spreadsheet counts it: the heading is row 1. Of JSON lines the line, of an iterable the item, from 1. None
    when it is about the whole file."""
    column: str | None
    """None when it is about the whole row."""
    value: str | None
    """What stands there, as `shown` shows it; None when nothing does."""
    expected: str

    def __str__(self) -> str:
        place = [] if self.row is None else [f"row {self.row}"]
        if self.column is not None:
            place.append(self.column if self.value is None else f"{self.column}={self.value}")
        elif self.value is not None:
            place.append(self.value)
        return f"{', '.join(place)}: expected {self.expected}" if place else f"expected {self.expected}"
