"""The flights that are applied under torture, and what the sandbox has to show for them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import asdict, frozen

PER_ORDER: Final = 10

_START: Final = datetime(2027, 3, 1, 14, tzinfo=UTC)
"""In the sandbox's future, however long the torture takes."""


class Row(Protocol):
    def row(self) -> dict[str, str]: ...


@frozen
class Wanted:
    """A flight as a row of the file describes it."""

    key: str
    order_key: str
    order: str
    order_end: datetime
    name: str
    end: datetime
    budget: str
    daily: str
    bid: str
    creative: int

    def row(self) -> dict[str, str]:
        return {
            "key": self.key,
            "io_key": self.order_key,
            "io_name": self.order,
            "io_start_time": _START.isoformat(),
            "io_end_time": self.order_end.isoformat(),
            "io_timezone_id": "29",
            "campaign_name": self.name,
            "start_time": _START.isoformat(),
            "end_time": self.end.isoformat(),
            "timezone": "29",
            "budget_total": self.budget,
            "budget_day": self.daily,
            "max_bid": self.bid,
            "creative_type": "IMAGE",
            "creative_ids": str(self.creative),
            "advertiser_domain": "https://brand.example.com",
            "country_id": "30100001",
            "is_agreement_checked": "yes",
        }

    def live(self) -> dict[str, Any]:
        """What the sandbox has to show for it."""
        return {
            "campaignName": self.name,
            "startTime": int(_START.timestamp()),
            "endTime": int(self.end.timestamp()),
            "timezone": 29,
            "budgetTotal": float(self.budget),
            "budgetDay": float(self.daily),
            "maxBid": float(self.bid),
            "creativeIds": str(self.creative),
            "advertiserDomain": "https://brand.example.com",
            "countryId": "30100001",
        }


def flights(count: int, chance: random.Random, *, per_order: int = PER_ORDER) -> list[Wanted]:
    """So many of them, the rows of the insertion orders mixed."""
    orders = max(1, count // per_order)
    return [
        Wanted(
            key=f"flight-{number}",
            order_key=f"order-{number % orders}",
            order=f"Order {number % orders}",
            order_end=_START + timedelta(days=90),
            name=f"Flight {number}",
            end=_START + timedelta(days=chance.randrange(10, 80)),
            budget=f"{chance.randrange(100, 1000)}.50",
            daily="25.00",
            bid="2.25",
            creative=676000 + number,
        )
        for number in range(count)
    ]


def changed(wanted: list[Wanted], chance: random.Random) -> list[Wanted]:
    """The same flights, most of them otherwise: names, ends, budgets, bids, and those of their insertion orders."""
    later, renamed = set(), set()
    for order in sorted({one.order_key for one in wanted}):
        later.update([order] if chance.random() < 0.5 else [])
        renamed.update([order] if chance.random() < 0.3 else [])
    return [
        _changed(one, chance, is_later=one.order_key in later, is_renamed=one.order_key in renamed) for one in wanted
    ]


def _changed(one: Wanted, chance: random.Random, *, is_later: bool, is_renamed: bool) -> Wanted:
    values = asdict(one)
    if is_later:
        values["order_end"] += timedelta(days=7)
    if is_renamed:
        values["order"] += " (new)"
    if chance.random() < 0.2:
        values["name"] += " (new)"
    if chance.random() < 0.3:
        values["end"] += timedelta(days=chance.choice((-1, 3)))
    if chance.random() < 0.6:
        values["budget"] = chance.choice(("150.00", "800.25", "1200.00"))
    if chance.random() < 0.2:
        values["bid"] = "3.10"
    if chance.random() < 0.1:
        values["creative"] += 50_000
    return Wanted(**values)


def write(path: Path, wanted: Sequence[Row]) -> None:
    # whoever reads it at this moment reads one or the other
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one.row()) + "\n" for one in wanted)
    new.replace(path)


@frozen
class WantedOrder:
    """An insertion order of FreeWheel's, as a row of its file describes it."""

    key: str
    campaign: int
    name: str
    end: datetime
    budget: str

    def row(self) -> dict[str, str]:
        return {
            "key": self.key,
            "campaign_id": str(self.campaign),
            "name": self.name,
            "start_time": _START.isoformat(),
            "end_time": self.end.isoformat(),
            "time_zone": "UTC",
            "budget_amount": self.budget,
        }


def orders(count: int, chance: random.Random, *, per_campaign: int = PER_ORDER) -> list[WantedOrder]:
    """Insertion orders of FreeWheel's, so many to a campaign; their names are their own only there."""
    campaigns = max(1, count // per_campaign)
    return [
        WantedOrder(
            key=f"order-{number}",
            campaign=501 + number % campaigns,
            name=f"Order {number // campaigns}",
            end=_START + timedelta(days=chance.randrange(10, 80)),
            budget=f"{chance.randrange(100, 1000)}.50",
        )
        for number in range(count)
    ]
