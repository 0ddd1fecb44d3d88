"""Plans as the view shows them, made by hand: no vendor is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from attrs import define, field

from adflight.core.quota import Limiter, Quota
from adflight.flights.comparing import SENT
from adflight.flights.detection import Detected
from adflight.flights.items import UNSEEN, Change, Item, Leftover, Totals, Verdict
from adflight.flights.platform import CAMPAIGN, ORDER

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@define
class FakePlatform:
    account: str = "client-1 ops@example.com"
    base_url: str = "https://api.example.com"
    limiter: Limiter = field(factory=lambda: Limiter(Quota(19, 60.0, "documented 20 a minute, less one")))


@define
class FakeFlights:
    detected: Detected = field(factory=lambda: Detected("rows"))


@define
class FakePlan:
    """What the view takes of a plan."""

    items: list[Item]
    totals: Totals
    leftovers: tuple[Leftover, ...] = ()
    warnings: tuple[object, ...] = ()
    open_intents: int = 0
    label: str = "flights.csv"
    read_at: datetime = NOON
    platform: FakePlatform = field(factory=FakePlatform)
    flights: FakeFlights = field(factory=FakeFlights)


def order(key: str, verdict: Verdict = Verdict.UNCHANGED, **more: Any) -> Item:
    return Item(**{"kind": ORDER, "key": key, "row": 2, "name": key, "verdict": verdict, **more})


def flight(key: str, parent: str, verdict: Verdict = Verdict.UNCHANGED, **more: Any) -> Item:
    given = {"kind": CAMPAIGN, "key": key, "row": 3, "name": f"Campaign {key}", "verdict": verdict, "parent": parent}
    return Item(**{**given, **more})


def plan_of(items: Iterable[Item], writes: Mapping[str, int] | None = None, **more: Any) -> FakePlan:
    items = list(items)
    verdicts: dict[str, Counter[str]] = {ORDER: Counter(), CAMPAIGN: Counter()}
    for item in items:
        verdicts[item.kind][item.verdict] += 1
    totals = Totals(
        verdicts=verdicts,
        adopted=sum(item.is_adopted for item in items),
        drafts=sum(item.is_draft for item in items),
        committed=sum((max(item.committed, Decimal(0)) for item in items), Decimal(0)),
        released=sum((max(-item.committed, Decimal(0)) for item in items), Decimal(0)),
        writes=writes or {},
        reads={"insertion_orders.list": 1, "insertion_orders.list_campaigns": 2},
        seconds=60.0 if writes else 0.0,
    )
    return FakePlan(items, totals, **more)


def of_every_sort() -> FakePlan:
    """A plan in which everything happens that can."""
    end = Change("io_end_time", NOON, datetime(2027, 4, 1, tzinfo=UTC))
    items = [
        order("Spring sale", Verdict.CHANGE, id=51234, changes=(end,)),
        order("Autumn", Verdict.CREATE),
        order("Quiet", id=51236),
        flight("spring-banners-1", "Spring sale", Verdict.CREATE, committed=Decimal(1000)),
        flight(
            "spring-banners-2",
            "Spring sale",
            Verdict.CHANGE,
            id=537001,
            changes=(
                Change("budget_total", Decimal(1000), Decimal("1200.50")),
                Change("max_bid", UNSEEN, Decimal("2.125")),
                Change("creative_ids", (676384, 676385), tuple(range(676384, 676484))),
            ),
            committed=Decimal("200.50"),
            is_draft=True,
        ),
        flight("spring-video", "Spring sale", Verdict.REFUSED, id=537002, row=7, reason="creative_type cannot change"),
        *(flight(f"same-{number}", "Spring sale", id=538000 + number) for number in range(120)),
        flight("autumn-1", "Autumn", Verdict.CREATE, committed=Decimal("10799.50"), reason=SENT),
        flight("autumn-2", "Autumn", Verdict.UNCHANGED, id=537003, is_adopted=True),
        flight("autumn-3", "Autumn", Verdict.CHANGE, id=537004, committed=Decimal(-50)),
        flight("quiet-1", "Quiet", id=537005),
    ]
    leftovers = (
        Leftover(kind=CAMPAIGN, key="old-1", id=530001, name="Old 1", status="running", budget=Decimal(7500)),
        Leftover(kind=CAMPAIGN, key="", id=530002, name="Old 2", status="paused", budget=None),
    )
    writes = {"campaigns.create": 2, "insertion_orders.create": 1, "insertion_orders.update": 1}
    return plan_of(
        items,
        writes,
        leftovers=leftovers,
        warnings=("row 3, campaign_name='Süd': expected a name of its own: row 2 has the same",),
        open_intents=2,
    )
