"""What a plan warns of: what would cost money, or not be spent, without any line of the file saying so. Pure.

Imports equality and the contract's types; used by `comparing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import define

from adflight.core.problems import Problem, shown
from adflight.flights.columns import Columns, Level
from adflight.flights.equality import is_summed
from adflight.flights.items import UNSEEN, Item, Verdict
from adflight.flights.live import Live
from adflight.flights.platform import ORDER
from adflight.flights.reading import Flight
from adflight.flights.values import Managed

_NONE: Final[Mapping[str, Any]] = {}


@define(eq=False)
class _Frame:
    """What an insertion order holds its campaigns to."""

    item: Item
    end: datetime | None
    is_end_live: bool
    budget: Decimal | None
    """Its own; None where it has none, or is kept equal to its campaigns' sum."""
    spent: Decimal = Decimal(0)
    """What its campaigns may spend in all."""


class Doubts:
    """Looks at each object as it is compared."""

    def __init__(self, columns: Columns, now: datetime | None = None) -> None:
        """Without `now`, aware, nothing is past."""
        self.found: Final[list[Problem]] = []
        self._columns = columns
        self._frames: dict[str, _Frame] = {}
        self._counted: set[int] = set()
        self._unpriced: Counter[str] = Counter()
        """What is made without a budget in money, by the column that has a number instead."""
        self._now = now
        self._past: dict[str, list[tuple[int, datetime]]] = {}
        """Rows, by the column of a start that is to be set, and is past."""

    def order(self, item: Item, managed: Managed, live: Live | None) -> None:
        """An insertion order; `live` is None for one that is made, or refused."""
        if item.verdict is Verdict.REFUSED:
            return
        self._tell_of(item, managed)
        if self._columns.flight_name is None:
            return
        shown_live = _NONE if live is None else live.fields
        end = self._columns.spans[Level.INSERTION_ORDER][1]
        budget = None
        if self._columns.summed is not None:
            name, flag = self._columns.summed
            if is_summed(self._columns, managed, shown_live):
                self._tell_summed(item, managed)
            elif managed.get(flag) is not True:
                budget = _amount(managed.get(name, shown_live.get(name)))
        self._frames[item.key] = _Frame(item, _time(managed.get(end, shown_live.get(end))), end not in managed, budget)

    def flight(self, item: Item, flight: Flight, order: Item, live: Live | None, applied: Mapping[str, Any]) -> None:
        """A campaign; `live` is None for one that is made, or refused."""
        frame = self._frames.get(order.key)
        if item.verdict is Verdict.REFUSED or frame is None:
            return
        managed, shown_live = flight.campaign, _NONE if live is None else live.fields
        if frame.budget is not None:
            name = self._columns.budget or ""
            frame.spent += _amount(managed.get(name, shown_live.get(name, applied.get(name)))) or 0
            if live is not None:
                self._counted.add(live.id)
        end = self._columns.spans[Level.CAMPAIGN][1]
        ends = _time(managed.get(end, shown_live.get(end)))
        # where the file says both, reading it has warned already
        if ends and frame.end and ends > frame.end and (frame.is_end_live or end not in managed):
            expected = f"a time in the insertion order, which ends {frame.end.isoformat()}"
            self._tell(item, end, ends.isoformat(), expected)
        self._tell_of(item, managed)

    def revived(self, item: Item, live: Live) -> None:
        """A campaign that is over, and gets another end: it spends again what is left of its budget."""
        end = self._columns.spans[Level.CAMPAIGN][1]
        if live.status in self._columns.over and any(change.column == end for change in item.changes):
            expected = f"no campaign that is {live.status}: with another end it may spend what is left of its budget"
            self._tell(item, None, shown(item.name), expected)

    def namesakes(self, item: Item, ids: Sequence[int]) -> None:
        """A known campaign, and those that bear its name in its insertion order and are nobody's: one that was made
        again because it was not there may have come late."""
        if ids:
            others = ", ".join(map(str, ids))
            expected = f"no other campaign of its name in its insertion order, and there is {others}: bought twice?"
            self._tell(item, None, shown(item.name), expected)

    def given_up(self, items: Iterable[Item], found: Collection[tuple[str, str]]) -> None:
        """What is to be made, and was sent before; `found` are kind and key of what a person said was not there."""
        for item in items if found else ():
            if (item.kind, item.key) in found:
                expected = "no earlier purchase of it that was given up: that may still have come late"
                self._tell(item, None, shown(item.name), expected)

    def finish(self, flights: Iterable[Live]) -> tuple[Problem, ...]:
        """All of them, by row; `flights` are all campaigns that were read."""
        frames = {frame.item.id: frame for frame in self._frames.values() if frame.budget is not None}
        for live in flights if frames else ():
            frame = frames.get(live.parent) if live.parent is not None else None
            if frame is not None and not live.is_gone and live.id not in self._counted:
                frame.spent += _amount(live.fields.get(self._columns.budget or "")) or 0
        for frame in self._frames.values():
            if frame.budget is not None and frame.budget < frame.spent and self._columns.summed:
                expected = f"at least {frame.spent}, what its campaigns may spend in all: it stops them before"
                self._tell(frame.item, self._columns.summed[0], frame.budget, expected)
        for column, starts in self._past.items():
            row, start = starts[0]
            others = "" if len(starts) == 1 else f"; so in {len(starts) - 1:,} more rows"
            expected = f"a time to come: this is past, and it begins at once if the vendor takes it{others}"
            self.found.append(Problem(row, column, shown(start.isoformat()), expected))
        for column, count in self._unpriced.items():
            rows = "1 row" if count == 1 else f"{count} rows"
            expected = "budgets whose price is known: of what these commit, nothing is counted"
            self.found.append(Problem(None, column, rows, expected))
        return tuple(sorted(self.found, key=lambda problem: problem.row or 0))

    def _tell_summed(self, item: Item, managed: Managed) -> None:
        name, flag = self._columns.summed or ("", "")
        if _amount(managed.get(name)) is not None:
            expected = f"{flag}=false with it: while that is true, the vendor sums the campaigns' budgets instead"
            self._tell(item, name, managed[name], expected)

    def _tell_of(self, item: Item, managed: Managed) -> None:
        """What applying an item does beside what its changes say."""
        self._tell_past(item, managed)
        budget = self._columns.budget
        if item.verdict is Verdict.CREATE and _amount(managed.get(budget or "")) is None:
            self._unpriced.update(column for column in self._columns.uncounted if _is_number(managed.get(column)))
        for change in item.changes:
            if change.column == budget and change.old is UNSEEN:
                expected = "a budget whose old value can be read; all of it is counted as committed"
                self._tell(item, change.column, change.new, expected)
            elif change.column in self._columns.uncounted:
                old = "not known" if change.old is UNSEEN else shown(change.old)
                expected = f"a number whose price is known: it was {old}, and what the change costs is not counted"
                self._tell(item, change.column, change.new, expected)
        if item.is_draft:
            what = "insertion order" if item.kind == ORDER else "campaign"
            self._tell(item, None, shown(item.name), f"no draft: changing this {what} submits it, and it may spend")

    def _tell_past(self, item: Item, managed: Managed) -> None:
        level = Level.INSERTION_ORDER if item.kind == ORDER else Level.CAMPAIGN
        column = self._columns.spans[level][0]
        start = _time(managed.get(column))
        is_set = item.verdict is Verdict.CREATE or any(change.column == column for change in item.changes)
        if is_set and start is not None and self._now is not None and start < self._now:
            self._past.setdefault(column, []).append((item.row, start))

    def _tell(self, item: Item, column: str | None, value: object, expected: str) -> None:
        self.found.append(Problem(item.row, column, value if isinstance(value, str) else shown(value), expected))


def _amount(value: Any) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _time(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None
