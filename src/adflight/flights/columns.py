"""What a column is, and which there are for a vendor, each with a module of its own. Imports kinds, values and core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

from attrs import field, frozen

from adflight.core.errors import InvalidInput
from adflight.flights.kinds import Kind
from adflight.flights.values import CLEAR, Managed, Value

KEY: Final = "key"
"""The column with the user's own name of a flight, which every file has."""

VENDORS: Final[Mapping[str, str]] = {
    "iqm": "adflight.flights.iqm_columns",
    "freewheel": "adflight.flights.freewheel_columns",
}
"""The module with each vendor's `COLUMNS`."""


class Level(StrEnum):
    """What a column is about."""

    ROW = "row"
    INSERTION_ORDER = "insertion order"
    CAMPAIGN = "campaign"


@frozen(kw_only=True)
class Column:
    """A column of a file of flights. Its name is that of the argument of the vendor's create and update operations."""

    name: str
    level: Level
    kind: Kind
    description: str
    unit: str = ""
    """Empty when it has none."""
    required: bool = False
    """Whether a flight, or an insertion order, that does not exist yet needs it."""
    needs: tuple[str, ...] = ()
    """What one that does not exist yet needs beside it."""
    changeable: bool = True
    """Whether it may change once the object exists."""
    clearable: bool = True
    """Whether `<clear>` may stand in it."""
    default: str = ""
    """What an empty cell means for a new object, in words; empty when nothing is sent."""
    example: str = ""
    """As it may stand in a cell without any declarations."""
    is_common: bool = False
    """Whether it is in the template by default."""
    is_apart: bool = False
    """Whether neither the vendor's lists nor the object itself show it, but a request of its own."""


@frozen
class Quarrel:
    """A cell that another one contradicts, or that is doubtful by itself."""

    column: str
    """The one to correct."""
    expected: str
    is_doubt: bool = False
    """Whether the vendor may refuse it, or does so plainly."""


Rules = Callable[[Managed, Managed], Iterable[Quarrel]]
"""What a vendor refuses of an insertion order and of a campaign in it, given what is managed of each."""


def _no_rules(order: Managed, campaign: Managed) -> Iterable[Quarrel]:
    return ()


Equal = Callable[[Column, Any, Value], bool]
"""Whether a value that is live, or that was applied, is as the file says; null is None."""


def _by_name(columns: Iterable[Column]) -> dict[str, Column]:
    return {column.name: column for column in columns}


@frozen(kw_only=True)
class Columns:
    """The columns for a vendor's flights."""

    vendor: str
    by_name: Mapping[str, Column] = field(converter=_by_name)
    order_key: str
    """The column with the user's own name of an insertion order; where it is empty, the order's name is its key.

    `KEY` where every row is an insertion order of its own.
    """
    order_name: str
    order_place: str | None = None
    """The column that says in what insertion orders' names are to be their own; None: in the whole account."""
    flight_name: str | None
    """The column with the name of the campaign; None where insertion orders are all there is."""
    spans: Mapping[Level, tuple[str, str]]
    """The columns where objects start and end."""
    uncounted: tuple[str, ...] = ()
    """Columns that cost money which no plan can count, such as impressions to deliver."""
    over: tuple[str, ...] = ()
    """The vendor's words for campaigns that have ended by themselves."""
    agreeing: tuple[str, str] | None = None
    """A column of the insertion order, and one of the campaign that has to say the same."""
    budget: str | None = None
    """The column with what an object may spend in all: raising it is what commits money."""
    currency: str | None = None
    """The insertion order's column with the currency of its budget, where that is not the account's."""
    summed: tuple[str, str] | None = None
    """A budget of the insertion order, and the flag by which the vendor keeps it equal to the sum of its campaigns'."""
    rules: Rules = _no_rules
    equal: Equal | None = None
    """The vendor's own equality of values, where the general one does not do."""
    _apart: frozenset[str] = field(init=False)

    @_apart.default
    def _names_apart(self) -> frozenset[str]:
        return frozenset(column.name for column in self if column.is_apart)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.by_name.values())

    def at(self, level: Level) -> list[Column]:
        return [column for column in self if column.level is level]

    def nearest(self, name: str) -> str | None:
        """The known name that an unknown one resembles most."""
        near = get_close_matches("_".join(name.lower().replace("-", " ").split()), self.by_name, 1)
        return near[0] if near else None

    def missing(self, level: Level, managed: Managed) -> list[str]:
        """The columns that a new object at this level needs, and that are not managed."""
        beside = {name for given in managed for name in self.by_name[given].needs}
        needed = [column.name for column in self.at(level) if column.required or column.name in beside]
        return [name for name in needed if name not in managed]

    def apart(self, managed: Mapping[str, Any]) -> tuple[str, ...]:
        """Of what is managed, the columns that are apart."""
        return () if self._apart.isdisjoint(managed) else tuple(name for name in managed if name in self._apart)

    def stage(self, managed: Managed) -> dict[str, object]:
        """Managed values as JSON, for a database; CLEAR becomes null."""
        return {
            name: None if value is CLEAR else self.by_name[name].kind.stage(value) for name, value in managed.items()
        }

    def unstage(self, staged: Mapping[str, object]) -> dict[str, Value]:
        """What `stage` was given."""
        return {
            name: CLEAR if value is None else self.by_name[name].kind.unstage(value) for name, value in staged.items()
        }


def columns_for(vendor: str) -> Columns:
    """The columns for a vendor's flights. Raises `InvalidInput` when it has none."""
    if vendor not in VENDORS:
        raise InvalidInput("vendor", vendor, f"one of {', '.join(VENDORS)}")
    columns: Columns = import_module(VENDORS[vendor]).COLUMNS
    return columns
