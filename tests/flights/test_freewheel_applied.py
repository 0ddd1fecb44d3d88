"""Plans and applies of FreeWheel's insertion orders, from rows to the sandbox's, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from adflight import FreeWheel
from adflight.core.options import Watch
from adflight.flights.entries import Done
from adflight.flights.events import Ended, Event, RowDone, RowFailed
from adflight.flights.freewheel import FreeWheelPlatform
from adflight.flights.items import UNSEEN, Change, Verdict
from adflight.flights.journal import Journal
from adflight.flights.planning import Plan, plan
from adflight.flights.platform import ORDER, Told, Write
from adflight.flights.report import read_report
from adflight.flights.report_charts import use_of
from adflight.flights.saved_plan import load_plan
from adflight.freewheel import QUOTA
from adflight.types.freewheel import CurrencyTargetBudget
from tests.flights.vendor import InlineJournal, brief, of
from tests.freewheel.conftest import adflight_sandbox_options, freewheel, scene  # noqa: F401
from tests.freewheel.scene import Scene

Row = dict[str, Any]

SPRING: Final[Row] = {
    "key": "spring",
    "name": "Spring",
    "campaign_id": 501,
    "start_time": "2027-03-01T09:00-05:00",
    "end_time": "2027-04-01T00:00-04:00",
    "time_zone": "(GMT-05:00) America - New York",
    "budget_amount": "12500.50",
    "budget_over_delivery": "1.5",
    "description": "Cafés & bars",
    "delivery": '{"frequency_cap": [{"value": 3, "type": "IMPRESSION", "period": "DAY"}]}',
    "assignments": '[{"user_id": 4712}]',
}
SUMMER: Final[Row] = {"key": "summer", "name": "Summer", "campaign_id": 501, "budget_impressions": 1000}
# a name is its own within a campaign only
OTHER: Final[Row] = {"key": "other", "name": "Spring", "campaign_id": 502, "currency": "EUR", "budget_amount": "10"}
ROWS: Final = (SPRING, SUMMER, OTHER)
MADE: Final = {"spring": "created", "summer": "created", "other": "created"}


class Desk:
    """Plans and applies of one account, with its journal."""

    def __init__(self, client: FreeWheel, directory: Path) -> None:
        self.client = client
        self.directory = directory
        self.journal: Journal

    async def open(self) -> None:
        client = self.client
        self.journal = await InlineJournal.open(
            client.base_url, client.account, directory=self.directory, clock=client.clock
        )

    async def plan(self, rows: Sequence[Row], **more: Any) -> Plan:
        return await plan(rows, self.client, journal=self.journal, label="flights.csv", **more)

    async def apply(self, rows: Sequence[Row], **more: Any) -> list[Event]:
        with await self.plan(rows) as planned:
            return [event async for event in planned.apply(journal=self.journal, **more)]

    async def verdicts(self, rows: Sequence[Row]) -> dict[str, str]:
        with await self.plan(rows) as planned:
            return {item.key: item.verdict.value for item in planned.items}


@pytest.fixture
async def desk(freewheel: FreeWheel, tmp_path: Path) -> AsyncIterator[Desk]:  # noqa: F811
    opened = Desk(freewheel, tmp_path)
    await opened.open()
    yield opened
    await opened.journal.aclose()


def ended(events: Sequence[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


def changed(planned: Plan) -> dict[str, tuple[Change, ...]]:
    return {item.key: item.changes for item in planned.items if item.changes}


def with_(row: Row, **cells: Any) -> Row:
    return {**row, **cells}


# once, and then never again


async def test_everything_is_made_once(desk: Desk, scene: Scene) -> None:  # noqa: F811
    with await desk.plan(ROWS) as planned:
        assert {item.verdict for item in planned.items} == {Verdict.CREATE}
        assert {item.kind for item in planned.items} == {ORDER}
        assert planned.totals.committed == Decimal("12510.50")
        assert planned.totals.writes == {"insertion_orders.create": 3}
        assert "create" not in scene.executions
        events = [event async for event in planned.apply(journal=desk.journal)]
    assert brief(events, RowDone) == MADE
    assert (ended(events).how, ended(events).done) == ("complete", 3)
    ids = await desk.journal.ids(ORDER)
    with await desk.plan(ROWS) as again:
        assert again.is_empty
        assert {item.key: item.id for item in again.items} == ids
    with await desk.plan(ROWS, refresh="full") as full:
        assert full.is_empty
    assert brief(await desk.apply(ROWS), RowDone) == dict.fromkeys(MADE, "unchanged")
    assert scene.executions["create"] == 3
    assert "update" not in scene.executions


async def test_impressions_whose_price_nobody_knows_are_told_of(desk: Desk) -> None:
    more = {**SUMMER, "key": "autumn", "name": "Autumn", "budget_impressions": 10**12}
    with await desk.plan([SPRING, SUMMER, more]) as planned:
        said = (
            "budget_impressions=2 rows: expected budgets whose price is known: of what these commit, nothing is counted"
        )
        assert [str(warning) for warning in planned.warnings] == [said]
    await desk.apply(ROWS)
    with await desk.plan([with_(SUMMER, budget_impressions=10**12)]) as planned:
        (warning,) = planned.warnings
    assert str(warning).startswith("row 1, budget_impressions=1000000000000: expected a number whose price is known")


async def test_a_change_sends_what_differs(desk: Desk, scene: Scene) -> None:  # noqa: F811
    await desk.apply(ROWS)
    later = "2027-04-08T00:00-04:00"
    rows = [
        with_(SPRING, end_time=later, budget_amount="13000"),
        SUMMER,
        with_(OTHER, client_po="PO-17", assignments='[{"user_id": 4713}]'),
    ]
    with await desk.plan(rows) as planned:
        assert changed(planned) == {
            "spring": (
                Change("end_time", datetime(2027, 4, 1, 4, tzinfo=UTC), datetime(2027, 4, 8, 4, tzinfo=UTC)),
                Change("budget_amount", Decimal("12500.5"), Decimal(13000)),
            ),
            # nobody told of it yet, and no list shows it
            "other": (Change("client_po", UNSEEN, "PO-17"), Change("assignments", UNSEEN, [{"user_id": 4713}])),
        }
        assert planned.totals.committed == Decimal("499.5")
        events = [event async for event in planned.apply(journal=desk.journal)]
    assert brief(events, RowDone) == {"spring": "changed", "summer": "unchanged", "other": "changed"}
    assert scene.executions["update"] == 2
    assert set((await desk.verdicts(rows)).values()) == {"unchanged"}
    spring = await desk.client.insertion_orders.get((await desk.journal.ids(ORDER))["spring"], show="all")
    assert spring.schedule is not None
    assert spring.schedule.end_time == datetime(2027, 4, 8, 4, tzinfo=UTC)


async def test_a_row_may_manage_an_end_alone(desk: Desk) -> None:
    await desk.apply(ROWS)
    rows = [{"key": "spring", "end_time": "2027-05-01T00:00Z", "budget_amount": 1}]
    assert brief(await desk.apply(rows), RowDone) == {"spring": "changed"}
    spring = await desk.client.insertion_orders.get((await desk.journal.ids(ORDER))["spring"])
    assert spring.schedule is not None
    assert spring.schedule.start_time == datetime(2027, 3, 1, 14, tzinfo=UTC)
    assert spring.budget
    assert (spring.budget.currency, spring.budget.over_delivery_value) == (Decimal(1), Decimal("1.5"))
    assert await desk.verdicts(rows) == {"spring": "unchanged"}


async def test_a_new_name_is_a_rename(desk: Desk, scene: Scene) -> None:  # noqa: F811
    await desk.apply(ROWS)
    before = await desk.journal.ids(ORDER)
    rows = [with_(SPRING, name="Autumn"), with_(SUMMER, name="Spring"), OTHER]
    with await desk.plan(rows) as planned:
        assert changed(planned) == {
            "spring": (Change("name", "Spring", "Autumn"),),
            "summer": (Change("name", "Summer", "Spring"),),
        }
    assert brief(await desk.apply(rows), RowDone) == {"spring": "changed", "summer": "changed", "other": "unchanged"}
    assert await desk.journal.ids(ORDER) == before
    assert scene.executions["create"] == 3
    assert set((await desk.verdicts(rows)).values()) == {"unchanged"}


async def test_what_is_in_the_file_no_more_is_told_of(desk: Desk) -> None:
    await desk.apply(ROWS)
    with await desk.plan([SPRING]) as planned:
        assert [(left.key, left.name, left.status) for left in planned.leftovers] == [
            ("other", "Spring", "NOT_BOOKED"),
            ("summer", "Summer", "NOT_BOOKED"),
        ]
        assert planned.is_empty


# what is there already


async def test_what_exists_is_taken_over(desk: Desk, freewheel: FreeWheel, scene: Scene) -> None:  # noqa: F811
    budget = CurrencyTargetBudget(currency=Decimal(10))
    there = await freewheel.insertion_orders.create(campaign_id=502, name="Spring", currency="EUR", budget=budget)
    with await desk.plan([OTHER, SPRING]) as planned:
        assert [(item.id, item.verdict, item.is_adopted) for item in planned.items] == [
            (there.id, Verdict.UNCHANGED, True),
            (None, Verdict.CREATE, False),
        ]
        assert planned.totals.committed == Decimal("12500.50")
    # also where something of it has to change
    events = await desk.apply([with_(OTHER, budget_amount="11"), SPRING])
    assert brief(events, RowDone) == {"other": "adopted", "spring": "created"}
    assert (await desk.journal.ids(ORDER))["other"] == there.id
    assert scene.executions["create"] == 2
    assert set((await desk.verdicts([with_(OTHER, budget_amount="11"), SPRING])).values()) == {"unchanged"}


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("campaign_id", 503, "campaign_id cannot change once it exists: it is 502, and the file says 503"),
        ("currency", "GBP", "currency cannot change once it exists"),
    ],
)
async def test_what_cannot_change_is_refused(desk: Desk, scene: Scene, column: str, value: Any, said: str) -> None:  # noqa: F811
    await desk.apply(ROWS)
    rows = [SPRING, with_(OTHER, **{column: value})]
    with await desk.plan(rows) as planned:
        assert [item.verdict for item in planned.items] == [Verdict.UNCHANGED, Verdict.REFUSED]
        assert said in planned.items[1].reason
    assert ended(await desk.apply(rows)).how == "failed"
    assert scene.executions["create"] == 3


async def test_two_of_one_name_are_refused(desk: Desk, freewheel: FreeWheel, scene: Scene) -> None:  # noqa: F811
    for _ in range(2):
        await freewheel.insertion_orders.create(campaign_id=501, name="Spring")
    with await desk.plan(ROWS) as planned:
        assert [item.verdict.value for item in planned.items] == ["refused", "create", "create"]
        assert "all bear its name" in planned.items[0].reason


async def test_a_new_one_needs_a_campaign(desk: Desk) -> None:
    row = {"key": "a", "name": "A", "end_time": "2027-05-01T00:00Z"}
    with await desk.plan([row]) as planned:
        assert "a new one needs campaign_id, start_time, time_zone" in planned.items[0].reason


async def test_one_that_was_deleted_is_refused(desk: Desk, freewheel: FreeWheel) -> None:  # noqa: F811
    await desk.apply(ROWS)
    await freewheel.insertion_orders.delete((await desk.journal.ids(ORDER))["spring"])
    with await desk.plan(ROWS) as planned:
        assert [item.verdict.value for item in planned.items] == ["refused", "unchanged", "unchanged"]
        assert "adflight keys release spring --kind insertion_order" in planned.items[0].reason


# lost answers, and crashes


@pytest.mark.parametrize("kind", ["cut_after", "half_body", "invalid_json"])
async def test_a_lost_create_is_found(desk: Desk, scene: Scene, kind: Any) -> None:  # noqa: F811
    scene.platform.fault("insertion_orders_create", kind=kind, times=2)
    events = await desk.apply(ROWS)
    assert ended(events).how == "complete"
    assert sorted(brief(events, RowDone).values()) == ["adopted", "adopted", "created"]
    assert scene.executions["create"] == 3
    assert set((await desk.verdicts(ROWS)).values()) == {"unchanged"}


async def test_one_that_never_came_to_be_is_a_persons_to_decide(desk: Desk, scene: Scene) -> None:  # noqa: F811
    scene.platform.fault("insertion_orders_create", kind="cut_before")
    events = await desk.apply(ROWS)
    assert list(brief(events, RowFailed).values()) == ["unknown"]
    (failed,) = of(events, RowFailed)
    again = await desk.apply(ROWS)
    assert brief(again, RowFailed) == {failed.key: "unknown"}
    assert scene.executions["create"] == 2
    given_up = await desk.apply(ROWS, if_absent="create", by="Ada Example")
    assert brief(given_up, RowDone) == {**dict.fromkeys(MADE, "unchanged"), failed.key: "created"}
    assert scene.executions["create"] == 3


@pytest.mark.parametrize("turns", [*range(60, 400, 20)])
async def test_an_apply_that_is_ended_anywhere_is_finished_by_the_next(
    desk: Desk,
    scene: Scene,  # noqa: F811
    turns: int,
) -> None:
    scene.platform.fault("insertion_orders_create", kind="cut_after")
    task = asyncio.create_task(desk.apply(ROWS))
    for _ in range(turns):
        if task.done():
            break
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    # the process is another one
    await desk.journal.aclose()
    await desk.open()
    events = await desk.apply(ROWS, if_absent="create", by="Ada Example")
    assert (ended(events).how, ended(events).done) == ("complete", 3), events
    assert scene.executions["create"] == 3
    assert set((await desk.verdicts(ROWS)).values()) == {"unchanged"}
    assert await desk.journal.open_intents() == []


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "html"}, {"kind": "cut_before"}])
async def test_where_no_token_can_be_had_it_stops(
    desk: Desk,
    scene: Scene,  # noqa: F811
    fault: dict[str, Any],
) -> None:
    rows = many(60)
    with await desk.plan(rows) as planned:
        scene.platform.expire_tokens()
        scene.platform.fault("auth_token", **fault, times=None)
        events = [event async for event in planned.apply(journal=desk.journal)]
    assert ended(events).how == "stopped"
    assert ended(events).reason.startswith("no token could be had: ")
    assert of(events, RowFailed) == []
    # one for the plan, and then once for all rows, with the usual repeats
    assert len(scene.wire.headers("/auth/token")) == 5
    assert await desk.journal.open_intents() == []
    scene.platform.clear_faults()
    assert ended(await desk.apply(rows)).how == "complete"
    assert scene.executions["create"] == 60


async def test_a_lost_change_is_read_back(desk: Desk, scene: Scene) -> None:  # noqa: F811
    await desk.apply(ROWS)
    scene.platform.fault("insertion_orders_update", kind="cut_after", times=None)
    rows: list[Row] = [with_(SPRING, budget_amount="1", assignments='[{"user_id": 4713}]'), SUMMER, OTHER]
    events = await desk.apply(rows)
    scene.platform.clear_faults()
    assert (ended(events).how, brief(events, RowDone).get("spring")) == ("complete", "changed")
    assert set((await desk.verdicts(rows)).values()) == {"unchanged"}


async def test_a_saved_plan_is_applied(desk: Desk, tmp_path: Path) -> None:
    with await desk.plan(ROWS) as planned:
        planned.save(tmp_path / "plan.json")
    with await load_plan(tmp_path / "plan.json", desk.client) as loaded:
        events = [event async for event in loaded.apply(journal=desk.journal)]
    assert brief(events, RowDone) == MADE


class Deaf(FreeWheelPlatform):
    """Of a service that takes no budget with a new order."""

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told:
        told = await super().send(write, ids, parent, watch)
        return {key: evolve(said, ignored=("budget_amount",)) for key, said in told.items() if isinstance(said, Done)}


async def test_what_the_service_does_not_take_is_sent_again(desk: Desk) -> None:
    rows = [SPRING, SUMMER]
    with await plan(rows, Deaf(desk.client), journal=desk.journal) as planned:
        events = [event async for event in planned.apply(journal=desk.journal)]
    assert brief(events, RowDone) == {"spring": "created", "summer": "created"}
    with await desk.plan(rows) as planned:
        assert changed(planned) == {"spring": (Change("budget_amount", UNSEEN, Decimal("12500.5")),)}


async def test_what_the_service_refuses_fails_one_row(desk: Desk) -> None:
    events = await desk.apply([SPRING, with_(SUMMER, assignments='[{"user_id": 1}]')])
    assert brief(events, RowDone) == {"spring": "created"}
    assert brief(events, RowFailed) == {"summer": "refused"}


def many(count: int) -> list[Row]:
    return [with_(SUMMER, key=f"k{number}", name=f"Order {number}") for number in range(count)]


async def test_requests_are_few(desk: Desk) -> None:
    rows = many(120)
    assert ended(await desk.apply(rows)).requests == {"insertion_orders.create": 120}
    with await desk.plan(rows) as planned:
        assert planned.is_empty
        assert planned.totals.reads == {"insertion_orders.list_by_campaign": 3}


async def test_a_report_has_log_ins_and_does_not_count_them_against_the_quota(
    scene: Scene,  # noqa: F811
    tmp_path: Path,
) -> None:
    desk = Desk(await scene.client(quota=QUOTA), tmp_path)
    await desk.open()
    await desk.apply(ROWS)
    report = await read_report(desk.journal)
    await desk.journal.aclose()
    assert {one.name: (one.sendings, one.has_rows) for one in report.operations} == {
        "insertion_orders.create": (3, True),
        "insertion_orders.list": (1, False),
        "auth.token": (1, False),
    }
    assert len(report.sendings) == scene.platform.counts.requests
    assert sum(report.sendings.is_apart) == 1
    assert use_of(report.sendings, 60.0, 0.0, 0.0).peak == 4


async def test_it_goes_at_the_quotas_pace(scene: Scene, tmp_path: Path) -> None:  # noqa: F811
    desk = Desk(await scene.client(quota=QUOTA), tmp_path)
    await desk.open()
    rows = many(115)
    with await desk.plan(rows) as planned:
        assert planned.totals.seconds == 6
        events = [event async for event in planned.apply(journal=desk.journal)]
    await desk.journal.aclose()
    # the plan's own read is in the first window
    assert ended(events).seconds == pytest.approx(6, abs=0.12)
    assert scene.platform.counts.answers[429] == 0


async def test_whatever_goes_wrong_each_is_made_once(desk: Desk, scene: Scene) -> None:  # noqa: F811
    rows = many(60)
    for kind in ("cut_after", "late", "cut_before", "rate_limited", "html"):
        more: dict[str, Any] = {"seconds": 30.0} if kind == "late" else {}
        scene.platform.fault("insertion_orders_create", kind=kind, times=4, **more)
    scene.platform.fault("insertion_orders_list_by_campaign", kind="cut_after", times=2)
    done: dict[str, str] = {}
    for _ in range(3):
        done = brief(await desk.apply(rows, if_absent="create", by="Ada Example"), RowDone)
        if len(done) == len(rows):
            break
    assert done.keys() == {row["key"] for row in rows}
    there = [order.name async for order in desk.client.insertion_orders.list_by_campaign(501)]
    assert sorted(there) == sorted(row["name"] for row in rows)
    assert scene.executions["create"] == len(rows)
    with await desk.plan(rows) as planned:
        assert planned.is_empty
