"""An account at a vendor that is a few dictionaries, for tests of plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from adflight.core.options import Watch
from adflight.core.quota import Limiter, Quota
from adflight.flights.columns import Columns, columns_for
from adflight.flights.entries import Done, OpenIntent
from adflight.flights.items import Item, Verdict
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.planning import Plan
from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Told, Write
from adflight.flights.values import CLEAR, Managed
from tests.clock import FakeClock
from tests.flights.observed import Observed

START: Final = datetime(2027, 3, 1, 14, tzinfo=UTC)
END: Final = datetime(2027, 4, 1, tzinfo=UTC)

LISTED: Final = frozenset(
    (
        *("io_name", "io_start_time", "io_end_time", "io_total_budget", "is_auto_sum_io_total_budget"),
        *("io_budget_type_id", "start_time", "end_time", "budget_total", "budget_day", "max_bid"),
    )
)
"""The columns that the lists show."""

ORDER_FIELDS: Final[Mapping[str, Any]] = {"io_start_time": START, "io_end_time": END, "io_timezone_id": 29}
FLIGHT_FIELDS: Final[Mapping[str, Any]] = {
    "is_agreement_checked": True,
    "country_id": 30100001,
    "advertiser_domain": "https://brand.example.com",
    "creative_type": 11,
    "creative_ids": (676384,),
    "max_bid": Decimal("2.50"),
    "budget_total": Decimal("1000"),
    "start_time": START,
    "timezone": 29,
}


def row(key: str, order: str = "Spring", **more: Any) -> dict[str, Any]:
    """A row that has all that a new flight in a new insertion order needs."""
    fields = {"io_name": order, **ORDER_FIELDS, "campaign_name": f"Flight {key}", **FLIGHT_FIELDS}
    return {"key": key, **fields, **more}


class FakePlatform(Observed):
    """See `adflight.flights.platform.Platform`."""

    settled_after: Final = 90.0

    def __init__(
        self, columns: Columns | None = None, quota: Quota | None = None, shows: Iterable[str] = LISTED
    ) -> None:
        super().__init__()
        self.columns = columns_for("iqm") if columns is None else columns
        self.base_url = "https://api.example.com"
        self.account = "ada@example.com"
        self.clock = FakeClock()
        self.limiter = Limiter(quota, clock=self.clock)
        self.live: dict[str, dict[int, Live]] = {ORDER: {}, CAMPAIGN: {}}
        self.shows = frozenset(shows)
        self.zone_reads = 0
        self.reads: list[Needs] = []

    def add(self, kind: str, name: str, parent: int | None = None, **fields: Any) -> int:
        """Something that exists. Its id."""
        id_ = 1 + max(chain_ids(self.live), default=100)
        live = Live(id=id_, parent=parent, name=name, status="running", fields={})
        self.live[kind][id_] = live
        self.set(live, fields)
        return id_

    def set(self, live: Live, fields: Managed) -> None:
        values = {name: None if value is CLEAR else value for name, value in fields.items()}
        name = self.columns.order_name if live.parent is None else self.columns.flight_name
        live.name = str(values.get(name or "", live.name))
        live.fields = {**live.fields, **values}

    async def scope(self) -> str:
        return ""

    async def zones(self) -> Mapping[str, int] | None:
        self.zone_reads += 1
        self.tell("master.list_timezones")
        return {"US/Eastern": 29, "Europe/Berlin": 50}

    async def read(self, needs: Needs) -> Snapshot:
        self.reads.append(needs)
        orders = {}
        for id_, live in self.live[ORDER].items():
            place = live.fields.get(self.columns.order_place or "")
            is_named = live.name in (needs.order_names if place is None else needs.order_places.get(place, ()))
            if is_named or id_ in needs.order_ids:
                orders[id_] = self._shown(live, is_whole=needs.is_full or is_named)
        flights = {}
        for id_, live in self.live[CAMPAIGN].items():
            order = self.live[ORDER][live.parent or 0]
            names = {*needs.flight_names.get(order.id, ()), *needs.flight_names.get(order.name, ())}
            if id_ in needs.flight_ids or live.parent in orders:
                flights[id_] = self._shown(live, is_whole=needs.is_full or live.name in names)
        self.tell("insertion_orders.list_basic")
        return Snapshot(orders, flights)

    def _shown(self, live: Live, *, is_whole: bool) -> Live:
        fields = {name: value for name, value in live.fields.items() if is_whole or name in self.shows}
        return Live(
            id=live.id,
            parent=live.parent,
            name=live.name,
            status=live.status,
            fields=fields,
            is_gone=live.is_gone,
            is_draft=live.is_draft,
            is_whole=is_whole,
        )

    def full_reads(self, needs: Needs) -> int:
        return len(needs.order_ids) + len(needs.flight_ids)

    def writes(self, items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
        for item, managed in items:
            creates = item.verdict is Verdict.CREATE
            if creates or item.verdict is Verdict.CHANGE:
                values = managed if creates else {change.column: change.new for change in item.changes}
                yield Write(
                    operation=f"{item.kind}s.{item.verdict}",
                    kind=item.kind,
                    phase=Phase.ORDER if item.kind == ORDER else Phase.RAISE,
                    targets=(Target(item.key, item.row, item.id, item.parent, values),),
                    values=values,
                    creates=creates,
                    named=item.name if creates else "",
                )

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        raise AssertionError("a plan sends nothing")

    async def read_back(
        self, kind: str, ids: Sequence[int], apart: Mapping[int, Collection[str]] | None = None
    ) -> Mapping[int, Live]:
        return {id_: self.live[kind][id_] for id_ in ids if id_ in self.live[kind]}

    async def namesakes(
        self, intents: Sequence[OpenIntent], *, unfiltered: bool = False
    ) -> Mapping[str, Mapping[int, Live]]:
        raise AssertionError("a plan settles nothing")

    def look_up(self, write: Write, parent: int | None) -> dict[str, Any]:
        return {"name": write.named, "insertion_order": parent}

    async def differences(self, intent: OpenIntent, id: int) -> list[str]:
        raise AssertionError("a plan settles nothing")

    def carry_out(self, write: Write, ids: Mapping[str, int]) -> dict[str, Done]:
        """What the vendor does with a write; `ids` are those of the insertion orders, by key."""
        done = {}
        for target in write.targets:
            if write.creates:
                parent = None if target.parent is None else ids[target.parent]
                done[target.key] = Done(self.add(write.kind, write.named, parent, **write.values))
            else:
                self.set(self.live[write.kind][target.id or 0], write.values)
                done[target.key] = Done()
        return done


def chain_ids(live: Mapping[str, Mapping[int, Live]]) -> Iterator[int]:
    for objects in live.values():
        yield from objects


def verdicts(plan: Plan) -> dict[str, str]:
    """By key, insertion orders by their name."""
    return {item.key: item.verdict.value for item in plan.items}


def counts(plan: Plan) -> Counter[str]:
    return Counter(item.verdict.value for item in plan.items)
