"""What a plan says of each object; read through `make_plan`, against a vendor that is a few dictionaries."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from adflight.flights import columns
from adflight.flights.columns import Columns, Level, columns_for
from adflight.flights.items import UNSEEN, Change, Item, Leftover, Verdict
from adflight.flights.journal import Journal
from adflight.flights.kinds import Count
from adflight.flights.planning import Plan, plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.values import CLEAR
from tests.clock import FakeClock
from tests.flights.fake_platform import END, FLIGHT_FIELDS, ORDER_FIELDS, START, FakePlatform, row, verdicts


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


def order(platform: FakePlatform, name: str = "Spring", **more: Any) -> int:
    return platform.add(ORDER, name, io_name=name, **{**ORDER_FIELDS, **more})


def flight(platform: FakePlatform, parent: int, name: str = "Flight a", **more: Any) -> int:
    return platform.add(CAMPAIGN, name, parent, campaign_name=name, **{**FLIGHT_FIELDS, **more})


class Known:
    """A journal with what earlier applies of flights.csv made."""

    def __init__(self, platform: FakePlatform, directory: Path) -> None:
        self._platform = platform
        self.directory = directory

    async def bind(self, kind: str, *keys: tuple[str, int], label: str = "flights.csv", **fields: Any) -> None:
        platform = self._platform
        opened = await Journal.open(platform.base_url, platform.account, directory=self.directory, clock=platform.clock)
        async with opened as journal:
            await journal.begin_run(label)
            for key, id_ in keys:
                await journal.bind(kind, key, id_, fields=fields)
            await journal.end_run("complete")
        await self._platform.clock.advance(1)


@pytest.fixture
def known(platform: FakePlatform, tmp_path: Path) -> Known:
    return Known(platform, tmp_path)


async def planned(
    rows: Iterable[Mapping[str, Any]], platform: FakePlatform, known: Known | None = None, **more: Any
) -> Plan:
    directory = Path("/nonexistent") if known is None else known.directory
    made = await plan(rows, platform, directory=directory, label="flights.csv", **more)
    made.close()
    return made


def item(made: Plan, key: str) -> Item:
    (found,) = [item for item in made.items if item.key == key]
    return found


# matching


async def test_what_nobody_knows_and_nobody_has_is_created(platform: FakePlatform) -> None:
    order(platform, "Autumn")
    made = await planned([row("a"), row("b", "Summer"), row("c")], platform)
    assert [(item.kind, item.key, item.row, item.parent) for item in made.items] == [
        (ORDER, "Spring", 1, None),
        (ORDER, "Summer", 2, None),
        (CAMPAIGN, "a", 1, "Spring"),
        (CAMPAIGN, "b", 2, "Summer"),
        (CAMPAIGN, "c", 3, "Spring"),
    ]
    assert {item.verdict for item in made.items} == {Verdict.CREATE}
    assert item(made, "a").committed == Decimal(1000)
    assert item(made, "Spring").committed == 0
    assert item(made, "a").name == "Flight a"


async def test_one_of_exactly_its_name_is_adopted(platform: FakePlatform) -> None:
    spring = order(platform)
    order(platform, "spring")
    there = flight(platform, spring, budget_total=Decimal(400))
    flight(platform, spring, "Flight A")
    made = await planned([row("a")], platform)
    assert item(made, "Spring").verdict is Verdict.UNCHANGED
    adopted = item(made, "a")
    assert (adopted.verdict, adopted.id, adopted.is_adopted) == (Verdict.CHANGE, there, True)
    assert adopted.changes == (Change("budget_total", Decimal(400), Decimal(1000)),)
    assert adopted.committed == Decimal(600)
    assert made.totals.adopted == 2


async def test_a_deleted_namesake_is_none(platform: FakePlatform) -> None:
    spring = order(platform)
    gone = flight(platform, spring)
    platform.live[CAMPAIGN][gone].is_gone = True
    made = await planned([row("a")], platform)
    assert item(made, "a").verdict is Verdict.CREATE


async def test_a_namesake_in_another_insertion_order_is_none(platform: FakePlatform) -> None:
    order(platform)
    flight(platform, order(platform, "Autumn"))
    made = await planned([row("a")], platform)
    assert item(made, "a").verdict is Verdict.CREATE


async def test_of_several_namesakes_none_is_adopted(platform: FakePlatform) -> None:
    one, other = order(platform), order(platform)
    made = await planned([row("a")], platform)
    refused = item(made, "Spring")
    assert refused.verdict is Verdict.REFUSED
    assert refused.reason.startswith(f"insertion orders {one}, {other} all bear its name")
    # and so nothing in it
    assert item(made, "a").reason == f"its insertion order 'Spring' is refused: {refused.reason}"
    assert made.totals.committed == 0
    assert made.is_empty


async def test_several_campaigns_of_one_name_are_refused(platform: FakePlatform) -> None:
    spring = order(platform)
    one, other = flight(platform, spring), flight(platform, spring)
    made = await planned([row("a"), row("b")], platform)
    assert item(made, "a").reason.startswith(f"campaigns {one}, {other} all bear its name")
    assert verdicts(made) == {"Spring": "unchanged", "a": "refused", "b": "create"}


async def test_many_namesakes_are_not_all_named(platform: FakePlatform) -> None:
    spring = order(platform)
    ids = [flight(platform, spring) for _ in range(12)]
    reason = item(await planned([row("a")], platform), "a").reason
    assert reason.startswith(f"campaigns {', '.join(map(str, ids[:10]))} and 2 more all bear its name")


async def test_two_rows_do_not_share_one_live_campaign(platform: FakePlatform) -> None:
    spring = order(platform)
    there = flight(platform, spring, "Same")
    made = await planned([row("a", campaign_name="Same"), row("b", campaign_name="Same")], platform)
    said = f"campaign {there} could be that of row 1 or of row 2: all have its name"
    assert item(made, "a").reason == item(made, "b").reason == said


async def test_two_orders_of_the_file_do_not_share_a_live_one(platform: FakePlatform) -> None:
    spring = order(platform)
    made = await planned([row("a", io_key="one"), row("b", io_key="two")], platform)
    said = f"insertion order {spring} could be that of row 1 or of row 2: all have its name"
    assert item(made, "one").reason == item(made, "two").reason == said


async def test_two_rows_of_one_name_are_both_made_where_there_is_none(platform: FakePlatform) -> None:
    made = await planned([row("a", campaign_name="Same"), row("b", campaign_name="Same")], platform)
    assert verdicts(made) == {"Spring": "create", "a": "create", "b": "create"}


async def test_what_belongs_to_another_row_is_not_adopted(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    there = flight(platform, spring, "Same")
    await known.bind(CAMPAIGN, ("a", there), campaign_name="Same", **FLIGHT_FIELDS)
    made = await planned([row("a", campaign_name="Same"), row("b", campaign_name="Same")], platform, known)
    assert verdicts(made) == {"Spring": "unchanged", "a": "unchanged", "b": "create"}


async def test_a_renamed_key_buys_nothing_twice(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    there = flight(platform, spring)
    await known.bind(ORDER, ("Spring", spring))
    await known.bind(CAMPAIGN, ("a", there))
    made = await planned([row("A", campaign_name="Flight a")], platform, known)
    refused = item(made, "A")
    assert refused.verdict is Verdict.REFUSED
    assert refused.reason.startswith(
        f"campaign {there} bears its name, and was applied under the key 'a', which is not in this file"
    )
    made = await planned([row("a", io_key="spring")], platform, known)
    assert item(made, "spring").reason.startswith(
        f"insertion order {spring} bears its name, and was applied under the key 'Spring', which is not in this file"
    )


async def test_another_name_under_a_known_key_is_a_rename(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    there = flight(platform, spring)
    await known.bind(ORDER, ("spring", spring), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", there), **FLIGHT_FIELDS)
    made = await planned([row("a", "Sprung", io_key="spring", campaign_name="Banner")], platform, known)
    assert item(made, "spring").changes == (Change("io_name", "Spring", "Sprung"),)
    assert item(made, "a").changes == (Change("campaign_name", "Flight a", "Banner"),)
    assert item(made, "a").committed == 0
    assert not item(made, "a").is_adopted


@pytest.mark.parametrize("how", ["does not exist at the vendor", "was deleted at the vendor (deleted)"])
async def test_what_was_bought_and_is_gone_is_not_bought_again(platform: FakePlatform, known: Known, how: str) -> None:
    spring = order(platform)
    there = flight(platform, spring)
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", there), **FLIGHT_FIELDS)
    live = platform.live[CAMPAIGN][there]
    live.is_gone, live.status = True, "deleted"
    if how.startswith("does not"):
        del platform.live[CAMPAIGN][there]
    made = await planned([row("a")], platform, known)
    assert item(made, "a").verdict is Verdict.REFUSED
    advice = "to have it made anew: adflight keys release a --kind campaign"
    assert item(made, "a").reason == f"campaign {there} {how}; {advice}"


async def test_a_campaign_does_not_move(platform: FakePlatform, known: Known) -> None:
    spring, summer = order(platform), order(platform, "Summer")
    there = flight(platform, spring)
    await known.bind(ORDER, ("Spring", spring), ("Summer", summer))
    await known.bind(CAMPAIGN, ("a", there))
    made = await planned([row("a", "Summer"), row("b")], platform, known)
    assert item(made, "a").reason.startswith(
        f"campaign {there} is in insertion order 'Spring' ({spring}), and the file moves it to 'Summer' ({summer}): "
        "a campaign cannot move. Give the row a key of its own, and another one would be bought there"
    )
    made = await planned([row("a", "Autumn")], platform, known)
    assert item(made, "a").reason.startswith(
        f"campaign {there} is in insertion order 'Spring' ({spring}), and the file moves it to 'Autumn': a campaign "
        "cannot move. If that insertion order was given another name, say in its rows which one it is: io_key "
        "'Spring'. If not, give the row a key of its own, and another one would be bought there"
    )
    # which does it
    made = await planned([row("a", "Autumn", io_key="Spring")], platform, known)
    assert item(made, "a").verdict is not Verdict.REFUSED
    # where the other one is named as well, no name was changed
    made = await planned([row("a", "Autumn"), row("b", "Spring")], platform, known)
    assert item(made, "a").reason.endswith(
        "a campaign cannot move. Give the row a key of its own, and another one would be bought there"
    )


# comparing


async def test_what_lists_do_not_show_is_compared_with_what_was_applied(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    there = flight(platform, spring, advertiser_domain="https://other.example.com")
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", there), **{**FLIGHT_FIELDS, "country_id": 1, "exchanges": CLEAR})
    made = await planned([row("a", exchanges=CLEAR, app_url="https://app.example.com")], platform, known)
    assert (
        item(made, "a").changes
        == (
            Change("country_id", 1, 30100001),
            Change("exchanges", None, CLEAR),
            Change("app_url", UNSEEN, "https://app.example.com"),
        )[::2]
    )


async def test_a_full_refresh_compares_all_that_there_is(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    there = flight(platform, spring, advertiser_domain="https://other.example.com")
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", there), **FLIGHT_FIELDS)
    assert item(await planned([row("a")], platform, known), "a").verdict is Verdict.UNCHANGED
    made = await planned([row("a")], platform, known, refresh="full")
    assert [change.column for change in item(made, "a").changes] == ["advertiser_domain"]
    assert platform.reads[-1].is_full


async def test_an_immutable_column_that_differs_is_refused(platform: FakePlatform) -> None:
    spring = order(platform, io_budget_type_id=1)
    made = await planned([row("a", io_budget_type_id="IMPRESSION", io_total_impressions=5)], platform)
    refused = item(made, "Spring")
    assert refused.verdict is Verdict.REFUSED
    assert refused.reason == "io_budget_type_id cannot change once it exists: it is 1, and the file says 2"
    assert refused.id == spring
    assert refused.changes == ()


async def test_an_immutable_column_that_nobody_can_see_is_left_alone(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    made = await planned([row("a", io_budget_type_id=1)], platform, known)
    assert item(made, "Spring").verdict is Verdict.UNCHANGED


async def test_a_new_object_needs_what_the_vendor_requires(platform: FakePlatform) -> None:
    rows = [{name: value for name, value in row("a").items() if name not in ("max_bid", "timezone")}, row("b")]
    made = await planned(rows, platform)
    assert item(made, "a").reason == "it does not exist yet, and a new one needs max_bid, timezone"
    assert item(made, "b").verdict is Verdict.CREATE
    # without a name nothing can be found or made; what exists under its key as a name is another one
    order(platform, "spring")
    made = await planned([{"key": "a", "io_key": "spring"}], platform)
    assert item(made, "spring").reason.startswith("it does not exist yet, and a new one needs io_name")


async def test_an_existing_object_needs_nothing(platform: FakePlatform, known: Known) -> None:
    spring = order(platform)
    await known.bind(ORDER, ("spring", spring))
    await known.bind(CAMPAIGN, ("a", flight(platform, spring)))
    made = await planned([{"key": "a", "io_key": "spring", "budget_total": 900}], platform, known)
    changed = item(made, "a")
    assert changed.changes == (Change("budget_total", Decimal(1000), Decimal(900)),)
    assert (changed.name, item(made, "spring").name) == ("Flight a", "Spring")
    assert made.totals.released == 100
    assert made.totals.committed == 0


async def test_a_summed_budget_is_not_compared_until_the_file_turns_that_off(platform: FakePlatform) -> None:
    order(platform, io_total_budget=Decimal(3000), is_auto_sum_io_total_budget=True)
    made = await planned([row("a", io_total_budget=5000)], platform)
    assert item(made, "Spring").verdict is Verdict.UNCHANGED
    made = await planned([row("a", io_total_budget=5000, is_auto_sum_io_total_budget=False)], platform)
    assert [change.column for change in item(made, "Spring").changes] == [
        "io_total_budget",
        "is_auto_sum_io_total_budget",
    ]


async def test_a_change_of_a_draft_submits_it(platform: FakePlatform) -> None:
    spring = order(platform)
    for name in ("Flight a", "Flight b"):
        platform.live[CAMPAIGN][flight(platform, spring, name)].is_draft = True
    made = await planned([row("a", max_bid=3), row("b")], platform)
    assert (item(made, "a").is_draft, item(made, "b").is_draft) == (True, False)
    assert made.totals.drafts == 1
    # what could spend nothing may spend all of its budget from now on
    assert made.totals.committed == FLIGHT_FIELDS["budget_total"]
    made = await planned([row("a", max_bid=3, budget_total=400)], platform)
    assert (item(made, "a").committed, made.totals.released) == (Decimal(400), Decimal(0))


async def test_a_budget_that_nobody_can_see_counts_whole(platform: FakePlatform, known: Known) -> None:
    platform.shows -= {"budget_total"}
    spring = order(platform)
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", flight(platform, spring)))
    made = await planned([row("a")], platform, known)
    assert item(made, "a").committed == 1000


# what is left


async def test_what_was_applied_and_is_in_the_file_no_longer_is_left_over(platform: FakePlatform, known: Known) -> None:
    spring, summer = order(platform), order(platform, "Summer", io_total_budget=Decimal(70))
    a, b, c, d = (flight(platform, spring, f"Flight {key}") for key in "abcd")
    e, f = flight(platform, summer, "Flight e"), flight(platform, summer, "Flight f")
    flight(platform, spring, "by hand")
    await known.bind(ORDER, ("Spring", spring), ("Summer", summer), **ORDER_FIELDS)
    await known.bind(CAMPAIGN, ("a", a), ("b", b), ("c", c), ("e", e), **FLIGHT_FIELDS)
    await known.bind(CAMPAIGN, ("d", d), ("f", f), label="another.csv", **FLIGHT_FIELDS)
    platform.live[CAMPAIGN][c].is_gone = True
    made = await planned([row("a")], platform, known)
    assert made.leftovers == (
        Leftover(kind=ORDER, key="Summer", id=summer, name="Summer", status="running", budget=Decimal(70)),
        # of this file; in this file's insertion order; of this file, wherever it is
        Leftover(kind=CAMPAIGN, key="b", id=b, name="Flight b", status="running", budget=Decimal(1000)),
        Leftover(kind=CAMPAIGN, key="d", id=d, name="Flight d", status="running", budget=Decimal(1000)),
        Leftover(kind=CAMPAIGN, key="e", id=e, name="Flight e", status="running", budget=Decimal(1000)),
    )
    assert made.is_empty


async def test_what_has_ended_is_not_looked_for(platform: FakePlatform, known: Known) -> None:
    spring, summer = order(platform), order(platform, "Summer")
    over, on = flight(platform, summer, "over"), flight(platform, summer, "on")
    now = datetime.fromtimestamp(FakeClock.EPOCH, UTC)
    await known.bind(ORDER, ("Spring", spring), **ORDER_FIELDS)
    await known.bind(ORDER, ("Summer", summer), io_end_time=now)
    await known.bind(CAMPAIGN, ("over", over), end_time=now)
    await known.bind(CAMPAIGN, ("on", on), end_time=now + timedelta(days=1))
    made = await planned([row("a")], platform, known)
    assert set(platform.reads[-1].order_ids) == {spring}
    assert set(platform.reads[-1].flight_ids) == {on}
    assert [leftover.key for leftover in made.leftovers] == ["on"]


# insertion orders alone


def orders_only() -> Columns:
    """A vendor whose rows are insertion orders, each with a name of its own within a campaign of the vendor's."""
    iqm = columns_for("iqm")
    kept = [iqm.by_name[name] for name in ("key", "io_name", "io_start_time", "io_end_time")]
    place = evolve(iqm.by_name["io_start_time"], name="campaign_id", kind=Count(), changeable=False)
    budget = evolve(iqm.by_name["budget_total"], level=Level.INSERTION_ORDER)
    return evolve(
        iqm,
        vendor="orders",
        by_name=[*kept, place, budget],
        order_key="key",
        order_place="campaign_id",
        flight_name=None,
        spans={Level.INSERTION_ORDER: ("io_start_time", "io_end_time")},
        agreeing=None,
        summed=None,
        rules=lambda order, campaign: (),
    )


def order_row(key: str, place: int, **more: Any) -> dict[str, Any]:
    fields = {"io_name": "Spring", "io_start_time": START, "io_end_time": END, "budget_total": 50}
    return {"key": key, "campaign_id": place, **fields, **more}


async def test_names_are_their_own_where_the_vendor_places_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("orders_columns")
    vars(module)["COLUMNS"] = orders_only()
    monkeypatch.setitem(sys.modules, "orders_columns", module)
    monkeypatch.setattr(columns, "VENDORS", {"orders": "orders_columns"})
    platform = FakePlatform(columns_for("orders"))
    known = Known(platform, tmp_path)
    fields: dict[str, Any] = {
        "io_name": "Spring",
        "io_start_time": START,
        "io_end_time": END,
        "budget_total": Decimal(50),
    }
    there = platform.add(ORDER, "Spring", **fields, campaign_id=1)
    first = order_row("a", 1)
    rows = [
        first,
        order_row("b", 2),
        order_row("c", 3),
        order_row("d", 3, io_name="Summer"),
        {"key": "e", "io_name": "x"},
    ]
    made = await planned(rows, platform, known)
    assert [item.kind for item in made.items] == [ORDER] * 5
    assert verdicts(made) == {"a": "unchanged", "b": "create", "c": "create", "d": "create", "e": "refused"}
    assert (item(made, "a").id, item(made, "a").is_adopted) == (there, True)
    assert made.totals.committed == 150
    assert platform.reads[-1].order_places == {1: {"Spring"}, 2: {"Spring"}, 3: {"Spring", "Summer"}}
    assert platform.reads[-1].order_names == set()
    # where an order is, the journal knows too
    await known.bind(ORDER, ("a", there), **fields, campaign_id=1)
    made = await planned([{"key": "a", "io_name": "Spring", "budget_total": 60}], platform, known)
    assert platform.reads[-1].order_places == {1: set()}
    assert item(made, "a").changes == (Change("budget_total", Decimal(50), Decimal(60)),)
    assert made.totals.committed == 10


async def test_a_moved_time_is_a_change(platform: FakePlatform) -> None:
    order(platform)
    later = END + timedelta(days=7)
    made = await planned([row("a", io_end_time=later)], platform)
    assert item(made, "Spring").changes == (Change("io_end_time", END, later),)


async def test_an_insertion_order_is_not_made_for_campaigns_that_are_all_refused(platform: FakePlatform) -> None:
    incomplete = {name: value for name, value in row("b", io_name="Autumn").items() if name != "max_bid"}
    with await plan([row("a"), incomplete], platform) as planned:
        assert verdicts(planned) == {
            "Spring": Verdict.CREATE,
            "Autumn": Verdict.REFUSED,
            "a": Verdict.CREATE,
            "b": Verdict.REFUSED,
        }
        assert [item.reason for item in planned.items if item.key == "Autumn"] == ["all its campaigns are refused"]
        assert planned.totals.writes == {"insertion_orders.create": 1, "campaigns.create": 1}
