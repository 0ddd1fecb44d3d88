"""What is to happen to each insertion order and each flight of a file, by what is live and what was applied. Pure.

    comparison = Comparison(wanted, snapshot)
    items = [comparison.order(order, applied) for order in flights.orders()]
    items += [comparison.flight(flight, applied) for flight in flights]

An object is the one whose id the journal knows for its key; without one, the only live one that bears exactly its name,
in the workspace or in its insertion order. Whatever else could be meant is refused, and nothing is sent for it.

Imports equality, wanted and the contract's types.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from shlex import quote
from typing import Any, Final, TypeAlias

from adflight.core.problems import shown
from adflight.flights.columns import Level
from adflight.flights.doubts import Doubts
from adflight.flights.equality import is_equal, is_summed
from adflight.flights.items import UNSEEN, Change, Item, Leftover, Verdict
from adflight.flights.live import Live, Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.reading import Flight, Order
from adflight.flights.values import CLEAR, Managed, Value
from adflight.flights.wanted import Place, Wanted, named

Applied: TypeAlias = Mapping[str, Any]
"""What was last applied to an object, by column."""

SENT: Final = "it was sent before, and what became of it is not known yet; applying finds that out first"

NOTHING: Final[Mapping[str, Any]] = {}

_LEVELS: Final = {ORDER: Level.INSERTION_ORDER, CAMPAIGN: Level.CAMPAIGN}
_TITLES: Final = {ORDER: "insertion order", CAMPAIGN: "campaign"}
_NONE: Final = Decimal(0)
_SHOWN: Final = 10
"""Ids, or rows, that a reason names."""


class Refusal(Exception):
    """Why nothing can be sent for an object."""


class Comparison:
    """One file against one snapshot. First all orders, then the flights; both as the file has them."""

    def __init__(self, wanted: Wanted, snapshot: Snapshot, now: datetime | None = None) -> None:
        """`now`, aware, tells what is past."""
        self.doubts: Final = Doubts(wanted.columns, now)
        self._wanted = wanted
        self._columns = wanted.columns
        self._snapshot = snapshot
        self._live: Mapping[str, dict[int, Live]] = {ORDER: snapshot.orders, CAMPAIGN: snapshot.flights}
        self._namesakes = {kind: self._by_name(kind) for kind in self._live}
        self._keys: dict[str, dict[int, str]] = {}
        self._orders: dict[str, Item] = {}
        self._filled: set[str] = set()
        self._reasons: dict[str, str] = {}

    # what is to happen

    def order(self, order: Order, applied: Applied = NOTHING) -> Item:
        """Of an insertion order."""
        name = named(order.fields.get(self._columns.order_name))
        place = self._wanted.place_of(order.fields)
        item = Item(kind=ORDER, key=order.key, row=order.row, name=name or order.key, verdict=Verdict.CREATE)
        try:
            live = self._found(item, None, name, place)
            self._judge(item, order.fields, live, applied)
        except Refusal as refusal:
            live = None
            _refuse(item, str(refusal))
        self._orders[order.key] = item
        self.doubts.order(item, order.fields, live)
        if self._columns.flight_name is None:
            _forget(item, live)
        return item

    def flight(self, flight: Flight, applied: Applied = NOTHING) -> Item:
        """Of a campaign."""
        order = self._orders[flight.order_key]
        name = named(flight.campaign.get(self._columns.flight_name or ""))
        item = Item(
            kind=CAMPAIGN,
            key=flight.key,
            row=flight.row,
            name=name or flight.key,
            verdict=Verdict.CREATE,
            parent=order.key,
        )
        try:
            if order.verdict is Verdict.REFUSED:
                raise Refusal(self._withheld(order))
            live = self._found(item, order, name, order.id)
            self._judge(item, flight.campaign, live, applied)
        except Refusal as refusal:
            live = None
            _refuse(item, str(refusal))
        if item.verdict is not Verdict.REFUSED:
            self._filled.add(order.key)
        self.doubts.flight(item, flight, order, live, applied)
        if live is not None:
            self.doubts.revived(item, live)
        if live is not None and not item.is_adopted:
            found = self._namesakes[CAMPAIGN].get((live.parent, live.name), ())
            owned = self._owned(CAMPAIGN, found)
            self.doubts.namesakes(item, [id_ for id_ in found if id_ not in owned])
        _forget(item, live)
        return item

    def refuse_empty(self) -> None:
        """After the last flight: an insertion order is not made for campaigns that are all refused."""
        for item in self._orders.values():
            if item.verdict is Verdict.CREATE and item.key not in self._filled:
                _refuse(item, "all its campaigns are refused")

    def _withheld(self, order: Item) -> str:
        # one text for all of its campaigns
        if order.key not in self._reasons:
            self._reasons[order.key] = f"its insertion order {shown(order.key)} is refused: {order.reason}"
        return self._reasons[order.key]

    # which one it is

    def _found(self, item: Item, order: Item | None, name: str | None, place: Place) -> Live | None:
        """The live object; None where there is none yet. Raises `Refusal`."""
        id_ = self._wanted.known[item.kind].get(item.key)
        if id_ is None and item.key in self._wanted.sent[item.kind]:
            item.reason = SENT
            return None
        if id_ is None:
            return None if name is None else self._adopted(item, order, place)
        item.id = id_
        what = f"{_TITLES[item.kind]} {id_}"
        live = self._live[item.kind].get(id_)
        if live is None or live.is_gone:
            how = "does not exist at the vendor" if live is None else f"was deleted at the vendor ({live.status})"
            raise Refusal(f"{what} {how}; to have it made anew: adflight keys release {_shell(item)}")
        if order is not None and live.parent != order.id:
            there = shown(order.key) if order.id is None else f"{shown(order.key)} ({order.id})"
            raise Refusal(
                f"{what} is in insertion order {self._named_order(live.parent)}, and the file moves it to {there}: "
                f"a campaign cannot move. {self._instead(order, live.parent)}"
            )
        return live

    def _instead(self, order: Item, parent: int | None) -> str:
        """What to do: a new name, perhaps, was meant for an insertion order that no row names any more."""
        buy = "ive the row a key of its own, and another one would be bought there"
        key = None
        if order.id is None and parent not in self._wanted.present[ORDER]:
            key = next((key for key, id_ in self._wanted.known[ORDER].items() if id_ == parent), None)
        if key is None:
            return f"G{buy}"
        which = f"{self._columns.order_key} {shown(key)}"
        return (
            f"If that insertion order was given another name, say in its rows which one it is: {which}. If not, g{buy}"
        )

    def _adopted(self, item: Item, order: Item | None, place: Place) -> Live | None:
        if place is None and (item.kind == CAMPAIGN or self._columns.order_place is not None):
            # there is nothing yet in which it could be
            return None
        found = self._namesakes[item.kind].get((place, item.name), ())
        owned = self._owned(item.kind, found)
        free = [id_ for id_ in found if id_ not in owned]
        what = f"{_TITLES[item.kind]}{'' if len(free) == 1 else 's'} {_some(free, ', ')}"
        rows = self._wanted.rows_named(item.name, place if order is None else order.key, item.kind)
        if free and len(rows) > 1:
            raise Refusal(f"{what} could be that of row {_some(rows, ' or of row ')}: all have its name")
        if len(free) > 1:
            raise Refusal(
                f"{what} all bear its name, and the journal knows none of them; to say which it is: "
                f"adflight keys bind {_shell(item, 'ID')}"
            )
        if free:
            return self._live[item.kind][free[0]]
        if owned:
            id_, key = next(iter(owned.items()))
            raise Refusal(
                f"{_TITLES[item.kind]} {id_} bears its name, and was applied under the key {shown(key)}, which is not "
                "in this file: is it the same? Then give it that key again; else give it another name"
            )
        return None

    def _by_name(self, kind: str) -> dict[tuple[Place, str], list[int]]:
        """Ids by place and name, without those that are gone, or known and in the file."""
        found: dict[tuple[Place, str], list[int]] = {}
        present = self._wanted.present[kind]
        for id_ in sorted(self._live[kind]):
            live = self._live[kind][id_]
            if not live.is_gone and id_ not in present:
                place = self._wanted.place_of(live.fields) if kind == ORDER else live.parent
                found.setdefault((place, live.name), []).append(id_)
        return found

    def _owned(self, kind: str, ids: Collection[int]) -> dict[int, str]:
        """Those of the ids that the journal knows by keys that the file does not have."""
        if not ids:
            return {}
        keys = self._keys_by_id(kind)
        return {id_: keys[id_] for id_ in ids if id_ in keys}

    def _keys_by_id(self, kind: str) -> dict[int, str]:
        """Keys that are not in the file, by their known ids."""
        if kind not in self._keys:
            present = self._wanted.present[kind]
            self._keys[kind] = {id_: key for key, id_ in self._wanted.known[kind].items() if id_ not in present}
        return self._keys[kind]

    def _named_order(self, id_: int | None) -> str:
        live = None if id_ is None else self._snapshot.orders.get(id_)
        return str(id_) if live is None else f"{shown(live.name)} ({id_})"

    # what differs

    def _judge(self, item: Item, managed: Managed, live: Live | None, applied: Applied) -> None:
        budget = self._columns.budget
        if live is None:
            missing = self._columns.missing(_LEVELS[item.kind], managed)
            if missing:
                raise Refusal(f"it does not exist yet, and a new one needs {', '.join(missing)}")
            item.committed = _amount(managed.get(budget or ""))
            return
        item.id = live.id
        if item.name == item.key or item.name == live.name:
            # one text for both, where the file does not say another one
            item.name = live.name
        item.is_adopted = item.key not in self._wanted.known[item.kind]
        item.changes = tuple(self._changes(managed, live, applied))
        item.verdict = Verdict.CHANGE if item.changes else Verdict.UNCHANGED
        item.is_draft = live.is_draft and bool(item.changes)
        for change in item.changes:
            if change.column == budget:
                item.committed = _amount(change.new) - _amount(change.old)
        if item.is_draft:
            # it could spend nothing before
            item.committed = _amount(managed.get(budget or "", live.fields.get(budget or "")))

    def _changes(self, managed: Managed, live: Live, applied: Applied) -> Iterator[Change]:
        columns = self._columns
        left = columns.summed[0] if columns.summed and is_summed(columns, managed, live.fields) else None
        for name, value in managed.items():
            if name == left:
                continue
            old = _old(name, live, applied, is_name=name in (columns.order_name, columns.flight_name))
            column = columns.by_name[name]
            if old is not UNSEEN and is_equal(column, old, value, columns.equal):
                continue
            if column.changeable:
                yield Change(name, old, value)
            elif old is not UNSEEN:
                new = "null" if value is CLEAR else shown(value)
                raise Refusal(f"{name} cannot change once it exists: it is {shown(old)}, and the file says {new}")

    # what is left

    def leftovers(self, earlier: Iterable[tuple[str, str, int]]) -> Iterator[Leftover]:
        """What is live and in the file no longer. `earlier` are kind, key and id of what was applied from it before and
        is not in it."""
        wanted = {(kind, id_): key for kind, key, id_ in earlier}
        orders = {item.id for item in self._orders.values()}
        # what the journal knows in the file's own insertion orders may have been applied from it under another name
        for id_, key in self._keys_by_id(CAMPAIGN).items():
            live = self._snapshot.flights.get(id_)
            if live is not None and live.parent in orders:
                wanted[CAMPAIGN, id_] = key
        for (kind, id_), key in sorted(wanted.items(), key=lambda one: (one[0][0] != ORDER, one[1])):
            live = self._live[kind].get(id_)
            if live is not None and not live.is_gone:
                yield Leftover(
                    kind=kind, key=key, id=id_, name=live.name, status=live.status, budget=self._budget(kind, live)
                )

    def _budget(self, kind: str, live: Live) -> Decimal | None:
        own, summed = self._columns.budget, self._columns.summed
        names = [name for name in (own, summed and summed[0]) if name]
        found = [live.fields[name] for name in names if name in live.fields]
        return next((value for value in found if isinstance(value, Decimal)), None)


def _some(numbers: Sequence[int], between: str) -> str:
    more = "" if len(numbers) <= _SHOWN else f" and {len(numbers) - _SHOWN:,} more"
    return between.join(map(str, numbers[:_SHOWN])) + more


def _shell(item: Item, *more: str) -> str:
    return " ".join((quote(item.key), *more, "--kind", item.kind))


def _refuse(item: Item, reason: str) -> None:
    item.verdict, item.reason = Verdict.REFUSED, reason
    item.changes, item.committed = (), _NONE
    item.is_adopted = item.is_draft = False


def _forget(item: Item, live: Live | None) -> None:
    # of what stays as it is nobody needs the values any more, and there may be a hundred thousand
    if item.verdict is Verdict.UNCHANGED and live is not None:
        live.fields = NOTHING


def _old(name: str, live: Live, applied: Applied, *, is_name: bool) -> Any:
    if name in live.fields:
        return live.fields[name]
    if is_name:
        return live.name
    old = applied.get(name, UNSEEN)
    # so a journal keeps that it was cleared
    return None if old == CLEAR.value else old


def _amount(value: Value | Any) -> Decimal:
    """Money that an object may spend; what is not known counts as nothing, so that all of the new one is committed."""
    return value if isinstance(value, Decimal) else _NONE
