"""The kinds of values that columns have: how a cell is read, how a value is staged. Imports numbers, times and values.

A cell is a text, or from JSON lines and the Python API a value that has its type already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, ClassVar, Final

from attrs import field, frozen

from adflight.flights.numbers import DIGITS, NumberFormat
from adflight.flights.times import TimeFormat, clock_of, zone_names
from adflight.flights.values import Unfit, Value, spelled

LONGEST_NAME: Final = 255

A_ZONE: Final = "the vendor's id of a time zone, or the name of one"
"""What is expected of a zone, in words."""

_OLD_AREAS: Final = ("Brazil", "Canada", "Chile", "Mexico", "US")

# thousands of flights have the same few amounts and times; one object does for all of them
_amount: Final = lru_cache(maxsize=4096)(Decimal)
_moment: Final = lru_cache(maxsize=4096)(datetime.fromisoformat)

_TRUE: Final = frozenset(("true", "yes", "1"))
_FALSE: Final = frozenset(("false", "no", "0"))


@frozen
class Formats:
    """What reading a cell depends on."""

    numbers: NumberFormat = field(factory=NumberFormat)
    times: TimeFormat = field(factory=TimeFormat)
    zones: Mapping[str, int] | None = None
    """The vendor's ids of time zones, by their names."""


class Kind(ABC):
    """Of the values of a column. `read` raises `Unfit`."""

    title: ClassVar[str]
    example: ClassVar[str]

    @abstractmethod
    def read(self, cell: object, formats: Formats) -> Value: ...

    def doubt(self, value: Value) -> str:
        """What is expected in the place of a value that may be meant and may not; empty where there is no doubt."""
        return ""

    def stage(self, value: Value) -> Any:
        """The value as JSON."""
        return value

    def unstage(self, staged: Any) -> Value:
        """What `stage` was given."""
        value: Value = staged
        return value


@frozen
class Text(Kind):
    """Text as it stands, spaces around it aside where they can mean nothing."""

    title = "text"
    example = "text"
    is_name: bool = False
    """Whether objects are found by it: then it has to be exact, short, and in one normal form."""

    def read(self, cell: object, formats: Formats) -> Value:
        text = text_of(cell, "a text")
        if not self.is_name:
            return text.strip()
        if text != text.strip():
            raise Unfit("no spaces around it, or it could not be found again")
        return name_of(text)


def text_of(cell: object, expected: str) -> str:
    """A text that can be sent. Raises `Unfit`."""
    if not isinstance(cell, str):
        raise Unfit(expected)
    if not cell.isascii():
        try:
            cell.encode()
        except UnicodeEncodeError:
            raise Unfit(f"{expected} without halves of surrogate pairs") from None
    if not cell.isprintable() and any(ord(letter) < 32 and letter not in "\t\r\n" for letter in cell):
        raise Unfit(f"{expected} without control characters")
    return cell


def name_of(text: str) -> str:
    """A name or key in its normal form: what looks the same is the same. Raises `Unfit`."""
    if any(letter in text for letter in "\t\r\n"):
        raise Unfit("a name in one line")
    text = spelled(text)
    if len(text) > LONGEST_NAME:
        raise Unfit(f"at most {LONGEST_NAME} characters")
    return text


@frozen
class Amount(Kind):
    """A number that may have decimals, such as money."""

    title = "number"
    example = "12.50"
    above_zero: bool = False
    least: Decimal | None = None
    is_budget: bool = False

    def read(self, cell: object, formats: Formats) -> Value:
        number = number_of(cell, formats)
        if self.above_zero and number <= 0:
            raise Unfit("more than 0")
        if self.least is not None and number < self.least:
            raise Unfit(f"at least {self.least}")
        return number

    def doubt(self, value: Value) -> str:
        # no vendor documents how exact its budgets are, and IQM's samples show both 1199.08 and 169089.909
        exact = isinstance(value, Decimal) and value == round(value, 2)
        return "" if exact or not self.is_budget else "at most two decimals; what becomes of more is not documented"

    def stage(self, value: Value) -> Any:
        # one form for equal amounts
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value

    def unstage(self, staged: Any) -> Value:
        return _amount(staged)


def number_of(cell: object, formats: Formats) -> Decimal:
    """A finite number of no more digits than JSON carries exactly. Raises `Unfit`."""
    if isinstance(cell, str):
        return formats.numbers.read(cell.strip())
    if isinstance(cell, bool) or not isinstance(cell, (int, float, Decimal)):
        raise Unfit("a number")
    if isinstance(cell, int) and abs(cell) >= 10**DIGITS:
        raise Unfit(f"at most {DIGITS} digits")
    # repr has the digits that the float was written with
    number = Decimal(float.__repr__(cell)) if isinstance(cell, float) else Decimal(cell)
    if not number.is_finite():
        raise Unfit("a finite number")
    if number and (len(number.as_tuple().digits) > DIGITS or not -DIGITS <= number.adjusted() < DIGITS):
        raise Unfit(f"at most {DIGITS} digits")
    return number or Decimal(0)


@frozen
class Count(Kind):
    """A whole number."""

    title = "whole number"
    example = "1000"
    least: int | None = None

    def read(self, cell: object, formats: Formats) -> Value:
        whole = whole_of(cell, formats)
        if self.least is not None and whole < self.least:
            raise Unfit(f"at least {self.least}")
        return whole


def whole_of(cell: object, formats: Formats) -> int:
    """Raises `Unfit`."""
    # the common case first
    if isinstance(cell, str) and cell.isascii() and cell.isdecimal() and len(cell) <= DIGITS:
        return int(cell)
    if isinstance(cell, str) and not any(map(str.isdecimal, cell)):
        raise Unfit("a whole number, such as 7")
    number = number_of(cell, formats)
    if number != number.to_integral_value():
        raise Unfit("a whole number")
    return int(number)


@frozen
class Flag(Kind):
    """True or false."""

    title = "true or false"
    example = "true"
    only_true: bool = False

    def read(self, cell: object, formats: Formats) -> Value:
        text = cell.strip().lower() if isinstance(cell, str) else None
        value = cell if isinstance(cell, bool) else True if text in _TRUE else False if text in _FALSE else None
        if value is None:
            raise Unfit("true or false (yes or no, 1 or 0)")
        if self.only_true and not value:
            raise Unfit("true: the service demands it")
        return value


@frozen
class Choice(Kind):
    """One of the values that the vendor documents, by name or id, or another id."""

    title = "choice"
    members: Mapping[str, int] = field(hash=False)
    """Ids by name."""

    def read(self, cell: object, formats: Formats) -> Value:
        if isinstance(cell, str):
            name = "_".join(cell.upper().replace("-", " ").replace("_", " ").split())
            if name in self.members:
                return self.members[name]
            cell = int(name) if name.isascii() and name.isdecimal() and len(name) < DIGITS else None
        if isinstance(cell, bool) or not isinstance(cell, int) or not 0 <= cell < 10**9:
            raise Unfit(f"one of {self.named}")
        return int(cell)

    def doubt(self, value: Value) -> str:
        # the vendor may have more by now
        return "" if value in self.members.values() else f"one of {self.named}; it is sent as it is"

    @property
    def named(self) -> str:
        return ", ".join(f"{name} ({number})" for name, number in self.members.items())


@frozen
class Time(Kind):
    """A moment, to the second."""

    title = "time"
    example = "2027-03-01T09:00-05:00"
    is_end: bool = False

    def read(self, cell: object, formats: Formats) -> Value:
        return formats.times.read(cell.strip() if isinstance(cell, str) else cell, is_end=self.is_end)

    def stage(self, value: Value) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    def unstage(self, staged: Any) -> Value:
        return _moment(staged)


@frozen
class Zone(Kind):
    """A time zone: the vendor's id, or a name, which its table turns into one."""

    title = "time zone"
    example = "US/Eastern"

    def read(self, cell: object, formats: Formats) -> Value:
        if isinstance(cell, int) and not isinstance(cell, bool) and 0 < cell < 10**9:
            return cell
        name = cell.strip() if isinstance(cell, str) else ""
        if name.isascii() and name.isdecimal() and len(name) < 10:
            return int(name)
        if formats.zones is None:
            if _may_be_zone(name):
                return name
            hint = _nearest(name, zone_names())
        else:
            if name in formats.zones:
                return formats.zones[name]
            names = frozenset(formats.zones)
            hint = _same_clock(name, names) or _nearest(name, names)
        raise Unfit(f"{A_ZONE}{hint}")


def _may_be_zone(name: str) -> bool:
    area, _, place = name.partition("/")
    # names that the vendor uses, and that not every machine has any more
    return name in zone_names() or (area in _OLD_AREAS and place.replace("-", "_").isidentifier())


# a file repeats its mistakes in most of its rows
@lru_cache(maxsize=1024)
def _nearest(name: str, names: frozenset[str]) -> str:
    near = get_close_matches(name, sorted(names), 3)
    return f"; the nearest are {', '.join(near)}" if near else ""


@lru_cache(maxsize=1024)
def _same_clock(name: str, names: frozenset[str]) -> str:
    clock = clock_of(name)
    alike = [other for other in sorted(names) if clock and clock_of(other) == clock]
    return f"; the vendor has this clock as {', '.join(alike[:3])}" if alike else ""
