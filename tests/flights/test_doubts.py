from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adflight.flights.planning import plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.values import CLEAR
from tests.flights.fake_platform import END, FLIGHT_FIELDS, ORDER_FIELDS, FakePlatform, row


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


async def warnings(rows: Iterable[Mapping[str, Any]], platform: FakePlatform) -> list[str]:
    with await plan(rows, platform, directory=Path("/nonexistent")) as planned:
        return [str(warning) for warning in planned.warnings]


async def test_a_sound_file_has_none(platform: FakePlatform) -> None:
    assert await warnings([row("a", io_total_budget=2000), row("b")], platform) == []


async def test_an_insertion_order_with_less_than_its_campaigns(platform: FakePlatform) -> None:
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS, io_total_budget=Decimal(1500))
    # of the file, by hand, and gone
    platform.add(CAMPAIGN, "Flight b", spring, **FLIGHT_FIELDS)
    platform.add(CAMPAIGN, "by hand", spring, **{**FLIGHT_FIELDS, "budget_total": Decimal(70)})
    gone = platform.add(CAMPAIGN, "gone", spring, **FLIGHT_FIELDS)
    platform.live[CAMPAIGN][gone].is_gone = True
    said = "row 1, io_total_budget={}: expected at least {}, what its campaigns may spend in all: it stops them before"
    rows = [row("a"), {"key": "b", "io_name": "Spring", "campaign_name": "Flight b"}]
    assert await warnings(rows, platform) == [said.format(1500, 2070)]
    # as the file will have it
    rows[0]["io_total_budget"] = "2069.99"
    assert await warnings(rows, platform) == [said.format("2069.99", 2070)]
    rows[0]["io_total_budget"] = "2070"
    assert await warnings(rows, platform) == []
    # without one of its own there is nothing to hold them
    rows[0]["io_total_budget"] = CLEAR
    assert await warnings(rows, platform) == []


async def test_a_budget_that_the_vendor_sums_is_not_the_files_to_say(platform: FakePlatform) -> None:
    platform.add(ORDER, "Spring", **ORDER_FIELDS, io_total_budget=Decimal(10), is_auto_sum_io_total_budget=True)
    assert await warnings([row("a")], platform) == []
    assert await warnings([row("a", io_total_budget=50)], platform) == [
        "row 1, io_total_budget=50: expected is_auto_sum_io_total_budget=false with it: while that is true, the vendor "
        "sums the campaigns' budgets instead"
    ]
    assert await warnings([row("a", "Summer", is_auto_sum_io_total_budget=True)], platform) == []


async def test_a_campaign_that_ends_after_its_insertion_order_as_it_is(platform: FakePlatform) -> None:
    platform.add(ORDER, "Spring", **ORDER_FIELDS)
    late = END + timedelta(days=1)
    part = {name: value for name, value in row("a", end_time=late).items() if name != "io_end_time"}
    said = f"row 1, end_time={late.isoformat()}: expected a time in the insertion order, which ends {END.isoformat()}"
    assert await warnings([part], platform) == [said]
    # where the file says both, it is told once
    assert len(await warnings([row("a", end_time=late)], platform)) == 1
    # what is live may be the one that is late
    spring = platform.add(ORDER, "Summer", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight b", spring, **FLIGHT_FIELDS, end_time=late)
    assert await warnings([row("b", "Summer")], platform) == [said]


async def test_a_draft_that_is_submitted(platform: FakePlatform) -> None:
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    draft = platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS)
    platform.live[CAMPAIGN][draft].is_draft = True
    assert await warnings([row("a")], platform) == []
    assert await warnings([row("a", max_bid=3)], platform) == [
        "row 1, 'Flight a': expected no draft: changing this campaign submits it, and it may spend"
    ]
    platform.live[ORDER][spring].is_draft = True
    (first, _) = await warnings([row("a", max_bid=3, io_end_time=END + timedelta(days=1))], platform)
    assert first == "row 1, 'Spring': expected no draft: changing this insertion order submits it, and it may spend"


async def test_a_budget_that_nobody_can_see(platform: FakePlatform) -> None:
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight a", spring, **{**FLIGHT_FIELDS, "budget_total": None})
    live = platform.live[CAMPAIGN][102]
    live.fields = {name: value for name, value in live.fields.items() if name != "budget_total"}
    assert await warnings([row("a")], platform) == [
        "row 1, budget_total=1000: expected a budget whose old value can be read; all of it is counted as committed"
    ]


async def test_impressions_whose_price_nobody_knows(platform: FakePlatform) -> None:
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS, total_impressions=1000)
    assert await warnings([row("a", total_impressions=1000)], platform) == []
    assert await warnings([row("a", total_impressions=250000)], platform) == [
        "row 1, total_impressions=250000: expected a number whose price is known: it was 1000, and what the change "
        "costs is not counted"
    ]


async def test_a_campaign_that_is_over_and_gets_another_end(platform: FakePlatform) -> None:
    spring = platform.add(ORDER, "Spring", **{**ORDER_FIELDS, "io_end_time": END + timedelta(days=60)})
    flight = platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS)
    later = {"key": "a", "io_name": "Spring", "campaign_name": "Flight a", "end_time": END + timedelta(days=30)}
    assert await warnings([later], platform) == []
    platform.live[CAMPAIGN][flight].status = "expired"
    assert await warnings([later], platform) == [
        "row 1, 'Flight a': expected no campaign that is expired: with another end it may spend what is left of "
        "its budget"
    ]


async def test_a_start_that_is_past(platform: FakePlatform) -> None:
    past = datetime.fromtimestamp(platform.clock.time(), UTC) - timedelta(days=400)
    rows = [row(key, start_time=past) for key in ("a", "b", "c")]
    said = (
        f"start_time='{past.isoformat()}': expected a time to come: this is past, and it begins at once if the vendor"
    )

    async def found(*rows: Mapping[str, Any]) -> list[str]:
        return [told for told in await warnings(rows, platform) if "to come" in told]

    assert await found(row("z"), *rows) == [f"row 2, {said} takes it; so in 2 more rows"]
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS)
    assert await found(rows[0]) == [f"row 1, {said} takes it"]
    # what has begun as it was to begin is well
    platform.add(CAMPAIGN, "Flight b", spring, **{**FLIGHT_FIELDS, "start_time": past})
    assert await found(rows[1]) == []
