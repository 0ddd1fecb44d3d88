"""What a cell of a file of flights can say. Imports nothing of adflight."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, TypeAlias


class Clear(Enum):
    """The type of `CLEAR`, what `<clear>` in a cell says: the field is to be null. `x is CLEAR` narrows."""

    CLEAR = "<clear>"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "CLEAR"


CLEAR: Final = Clear.CLEAR

Value: TypeAlias = str | int | bool | Decimal | datetime | tuple[int | str, ...] | Mapping[str, Any] | list[Any] | Clear
"""Money is `Decimal`, times are aware datetimes in UTC and whole seconds, lists of ids tuples; a time zone is the
vendor's id, or as long as no table says which that is, its name."""

Managed: TypeAlias = Mapping[str, Value]
"""Values by column. What is not in it is not managed: whatever it is, it stays."""


def spelled(name: str) -> str:
    """A name in the one form in which names are compared: what looks the same is the same."""
    return unicodedata.normalize("NFC", name)


class Unfit(Exception):
    """A cell that cannot be read; `expected` says what could be."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected
