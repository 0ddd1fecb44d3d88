"""Which requests make IQM's insertion orders and campaigns as a plan says, and when each may be sent. Pure.

Imports grouping, items, and what a platform is. Only requests that set values are made, never those that add to budgets
or distribute them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from attrs import define, field, frozen

from adflight.flights.grouping import grouped
from adflight.flights.iqm_bid_models import DIMENSIONS
from adflight.flights.items import UNSEEN, Change, Item, Verdict
from adflight.flights.live import Fields, Live, Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Write
from adflight.flights.values import CLEAR, Managed, Value
from adflight_api.iqm.models import BudgetType

MOST: Final = 1000
"""Objects that one request changes."""

CREATES: Final[Mapping[str, str]] = {ORDER: "insertion_orders.create", CAMPAIGN: "campaigns.create"}
SINGLE: Final[Mapping[str, str]] = {ORDER: "insertion_orders.update", CAMPAIGN: "campaigns.update"}
ORDER_END: Final = "insertion_orders.update_end_date"
ORDER_BUDGET: Final = "insertion_orders.update_budget"
CAMPAIGN_END: Final = "campaigns.update_end_date"
CAMPAIGN_BUDGET: Final = "campaigns.update_budget"
BID_MODELS: Final = "bid_models.manage"

MONEY: Final = frozenset(("budget_total", "budget_day", "max_bid", "total_impressions", "max_day_impressions"))
"""What one bulk request sets of campaigns, together."""

_AUTO_SUM: Final = "is_auto_sum_io_total_budget"
_BUDGETS: Final = ("io_total_budget", "io_total_impressions")
_TOTALS: Final = ("budget_total", "total_impressions")
_LIMITS: Final = ("io_end_time", "end_time", "budget_day")

_Part: TypeAlias = tuple[str, frozenset[tuple[str, Value]]]
"""A bulk operation and what it sets."""


@frozen
class _Share:
    """What is to be changed of one object in one phase. There may be a hundred thousand."""

    item: Item
    changes: Sequence[Change]
    parts: frozenset[_Part]
    """What can be shared with others; empty when something of it cannot."""

    @property
    def values(self) -> dict[str, Value]:
        return {change.column: change.new for change in self.changes}

    def target(self, sent: Managed) -> Target:
        """The target of a write that sends these values, and perhaps not all of the share's."""
        item = self.item
        changes = [change for change in self.changes if change.column in sent]
        fields: Managed = {change.column: change.new for change in changes}
        if fields == sent:
            # mostly so, and then one mapping does for all
            fields = sent
        return Target(item.key, item.row, item.id, item.parent, fields, _money(item, changes))


@define(eq=False)
class _Writes:
    snapshot: Snapshot
    shares: dict[tuple[str, Phase], list[_Share]] = field(factory=dict, init=False)
    order_ids: dict[str, int | None] = field(factory=dict, init=False)
    """By key, of the insertion orders that came so far."""
    _by_name: dict[str, Mapping[str, Sequence[Live]]] = field(factory=dict, init=False)
    _known: dict[frozenset[_Part], frozenset[_Part]] = field(factory=dict, init=False)

    def of(self, item: Item, managed: Managed) -> Iterator[Write]:
        """What can be said of an item without the others."""
        if item.kind == ORDER:
            self.order_ids[item.key] = item.id
        if item.verdict is Verdict.CREATE:
            beside = [Change(name, UNSEEN, managed[name]) for name in DIMENSIONS if name in managed]
            yield self._create(
                item, {name: managed[name] for name in managed if name not in DIMENSIONS} if beside else managed
            )
        elif item.verdict is Verdict.CHANGE:
            beside = [change for change in item.changes if change.column in DIMENSIONS]
            if not beside or len(beside) < len(item.changes):
                self._change(item)
        else:
            return
        for change in beside:
            yield _beside(item, change)

    def together(self) -> Iterator[Write]:
        """All changes."""
        for (kind, phase), shares in self.shares.items():
            found = grouped([share.parts for share in shares], MOST)
            for position in found.alone:
                values = shares[position].values
                yield _write(SINGLE[kind], kind, phase, values, shares[position : position + 1])
            for (operation, part), positions in found.together:
                yield _write(operation, kind, phase, dict(part), [shares[position] for position in positions])

    def _create(self, item: Item, managed: Managed) -> Write:
        return Write(
            operation=CREATES[item.kind],
            kind=item.kind,
            phase=Phase.ORDER if item.kind == ORDER else Phase.RAISE,
            targets=(Target(item.key, item.row, None, item.parent, managed, 0 if item.kind == ORDER else 1),),
            values=managed,
            creates=True,
            named=item.name,
            existing=self._existing(item),
        )

    def _existing(self, item: Item) -> tuple[int, ...]:
        """The ids that bear the name of what is to be created, where it is to be."""
        is_order = item.kind == ORDER
        parent = None if is_order else self.order_ids.get(item.parent or "", UNSEEN)
        if parent is None and not is_order:
            return ()
        named = self._named(item.kind).get(item.name, ())
        # where its insertion order is not known, whatever bears the name: an id too many is never taken for a new one
        return tuple(sorted(live.id for live in named if parent is UNSEEN or live.parent == parent))

    def _named(self, kind: str) -> Mapping[str, Sequence[Live]]:
        if kind not in self._by_name:
            by_name: dict[str, list[Live]] = {}
            for live in (self.snapshot.orders if kind == ORDER else self.snapshot.flights).values():
                by_name.setdefault(live.name, []).append(live)
            self._by_name[kind] = by_name
        return self._by_name[kind]

    def _change(self, item: Item) -> None:
        live = (self.snapshot.orders if item.kind == ORDER else self.snapshot.flights).get(item.id or 0)
        shown: Fields = live.fields if live is not None else {}
        parts_of = _order_parts if item.kind == ORDER else _campaign_parts
        for phase, changes in _phases(item):
            values = {change.column: change.new for change in changes}
            # a bulk request might leave a draft a draft
            parts = frozenset() if item.is_draft else parts_of(values, {**shown, **_news(item)})
            share = _Share(item, changes, self._known.setdefault(parts, parts))
            self.shares.setdefault((item.kind, phase), []).append(share)


def _beside(item: Item, change: Change) -> Write:
    """The bid models of one dimension: one request, whatever is to be added, changed and removed."""
    values = {change.column: change.new}
    return Write(
        operation=BID_MODELS,
        kind=item.kind,
        phase=Phase.BESIDE,
        targets=(Target(item.key, item.row, item.id, item.parent, values),),
        values=values,
        looks=1,
        before={} if change.old is UNSEEN else {change.column: change.old},
    )


def _write(operation: str, kind: str, phase: Phase, values: Managed, shares: Iterable[_Share]) -> Write:
    targets = tuple(share.target(values) for share in shares)
    return Write(operation=operation, kind=kind, phase=phase, targets=targets, values=values)


def writes(items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
    """See `Platform.writes`."""
    found = _Writes(snapshot)
    for item, managed in items:
        yield from found.of(item, managed)
    yield from found.together()


def _news(item: Item) -> dict[str, Value]:
    return {change.column: change.new for change in item.changes}


# what can be shared


def _campaign_parts(values: Managed, after: Mapping[str, Any]) -> frozenset[_Part]:
    money = {name: value for name, value in values.items() if name in MONEY}
    end = {name: value for name, value in values.items() if name == "end_time"}
    # bulk requests carry no null
    if len(money) + len(end) < len(values) or CLEAR in values.values():
        return frozenset()
    return frozenset(
        _part(operation, part) for operation, part in ((CAMPAIGN_BUDGET, money), (CAMPAIGN_END, end)) if part
    )


def _order_parts(values: Managed, after: Mapping[str, Any]) -> frozenset[_Part]:
    """`after` is what the insertion order is to show once everything is done."""
    parts = set()
    left = set(values)
    zone = after.get("io_timezone_id")
    if "io_end_time" in values and zone is not None:
        # that request sets both; the zone is the one that the order has, or is to have
        parts.add(_part(ORDER_END, {"io_end_time": values["io_end_time"], "io_timezone_id": zone}))
        left -= {"io_end_time", "io_timezone_id"}
    counted = "io_total_impressions" if after.get("io_budget_type_id") == BudgetType.IMPRESSION else "io_total_budget"
    if counted in left and after.get(_AUTO_SUM) is False and after.get("io_budget_type_id") is not None:
        parts.add(_part(ORDER_BUDGET, {counted: values[counted]}))
        left.discard(counted)
    return frozenset() if left or CLEAR in values.values() else frozenset(parts)


def _part(operation: str, values: Managed) -> _Part:
    return operation, frozenset(values.items())


# when


def _phases(item: Item) -> Iterator[tuple[Phase, Sequence[Change]]]:
    if item.kind == CAMPAIGN:
        changes: Sequence[Change] = item.changes
        if any(change.column in DIMENSIONS for change in changes):
            changes = [change for change in changes if change.column not in DIMENSIONS]
        money = _money(item, changes)
        lowers = money < 0 or (not money and all(_direction(change) < 0 for change in changes))
        yield Phase.LOWER if lowers else Phase.RAISE, changes
        return
    lowered = {change.column for change in item.changes if _direction(change) < 0}
    if any(change.column == _AUTO_SUM for change in item.changes):
        # whose the budget is and what it is are one thing
        whose = {_AUTO_SUM, *_BUDGETS}
        lowered = lowered | whose if lowered & whose else lowered
    first = [change for change in item.changes if change.column not in lowered]
    last = [change for change in item.changes if change.column in lowered]
    if first or not last:
        yield Phase.ORDER, first
    if last:
        yield Phase.LOWER_ORDER, last


def _money(item: Item, changes: Iterable[Change]) -> Literal[-1, 0, 1]:
    """See `Target.money`. A bid, a budget a day or an end say how fast a campaign spends what its total allows."""
    if item.kind == ORDER:
        return 0
    if item.is_draft:
        # it could spend nothing before
        return 1
    totals = [_direction(change) for change in changes if change.column in _TOTALS]
    if not totals:
        return 0
    # of two totals, or where nobody knows the old one, what may be more is more
    return -1 if max(totals) < 0 else 1


def _direction(change: Change) -> int:
    """1 where an object may spend more or longer, -1 for the opposite, 0 for neither or when nobody knows."""
    old, new = change.old, None if change.new is CLEAR else change.new
    if old is UNSEEN:
        return 0
    if change.column in _LIMITS:
        # without an end it runs on, and without a budget a day there is no limit but the total
        return (old is not None) - (new is not None) or _sign(old, new)
    if change.column == "io_start_time":
        return _sign(new, old)
    if change.column in ("total_impressions", "max_day_impressions") and not new:
        return 0
    return _sign(old, new) if change.column in MONEY or change.column in _BUDGETS else 0


def _sign(smaller: Any, greater: Any) -> int:
    """1 when they are in this order, -1 in the other."""
    if smaller is None or greater is None:
        return 0
    return int(smaller < greater) - int(greater < smaller)
