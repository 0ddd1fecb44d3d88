"""Bid models of campaigns, planned and applied on the sandbox, over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from adflight import Quota
from adflight.flights.events import Ended, Event, RowDone, RowFailed, Settled
from adflight.flights.items import UNSEEN, Change
from adflight.flights.planning import full_refresh_cost, plan
from adflight.flights.saved_plan import load_plan
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW
from tests.flights.test_applying_iqm import Desk, ended
from tests.flights.vendor import brief, of
from tests.iqm.scene import Scene

CREATIVE: Final = "bid_models_creative"
STATE: Final = "bid_models_state"
LIST: Final = "bid_models_list"
MANAGE: Final = "bid_models_manage"
REST: Final = {"entityId": -1, "entityTypeId": 3, "bidMultiplier": 1, "priority": 1}


def model(entity: int, multiplier: float = 1.5, **more: Any) -> dict[str, Any]:
    return {"entityId": entity, "entityTypeId": 1, "bidMultiplier": multiplier, **more}


FIRST: Final = [model(676384), model(676385, 2), REST]


def row(key: str = "a", /, **more: Any) -> dict[str, Any]:
    row = {"key": key, **ORDER_ROW, **CAMPAIGN_ROW, "budget_day": Decimal(100), "campaign_name": f"Flight {key}"}
    return {**row, **more}


def writes(events: Sequence[Event]) -> dict[str, int]:
    return {name: count for name, count in ended(events).requests.items() if ".list" not in name}


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(quota=(20, 60.0), start=FakeClock.EPOCH)


class Bids(Desk):
    def sent(self) -> Counter[str]:
        """What was received since the last look, of bid models and of what creates and changes."""
        operations = self.sandbox.counts.operations
        found = Counter(
            {
                name: count
                for name, count in operations.items()
                if name.startswith("bid_models") or "create" in name or "update" in name
            }
        )
        operations.clear()
        return found

    async def campaign(self, key: str = "a") -> int:
        async with self.journal() as journal:
            return (await journal.ids("campaign"))[key]

    async def models(self, dimension: int = 1, key: str = "a") -> dict[int, dict[str, Any]]:
        """By entity, without their ids."""
        listed = self.iqm.bid_models.list(await self.campaign(key), dimension)
        found = {row.id: row.bid_model_data.to_dict() async for row in listed if row.bid_model_data}
        self.sandbox.counts.operations.clear()
        return {entity: {name: values[name] for name in values if name != "id"} for entity, values in found.items()}

    async def ids(self, search: str | None = None, dimension: int = 1) -> dict[int, int]:
        """Of bid models, by entity."""
        listed = self.iqm.bid_models.list(await self.campaign(), dimension, search=search)
        return {row.id: row.bid_model_data.id async for row in listed if row.bid_model_data}

    async def manage(self, dimension: int = 1, **actions: Any) -> None:
        """What somebody else does."""
        path = f"/api/v3/bm/campaigns/{await self.campaign()}/bid-models/{dimension}"
        await self.iqm.request("PUT", path, json={"actionWiseBidModelEntities": actions})

    async def changes(self, rows: Sequence[dict[str, Any]], **more: Any) -> dict[str, tuple[Change, ...]]:
        async with self.journal() as journal:
            with await plan(rows, self.iqm, journal=journal, label="flights.csv", **more) as planned:
                return {item.key: item.changes for item in planned.items if item.changes}

    async def nothing_is_left(self, rows: Sequence[dict[str, Any]]) -> None:
        """Applying once more changes nothing, and looks at no bid model."""
        self.sandbox.counts.operations.clear()
        events = await self.apply(rows)
        assert ended(events).how == "complete"
        assert set(brief(events, RowDone).values()) == {"unchanged"}
        assert self.sent() == {}


@pytest.fixture
async def desk(adflight_sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bids]:
    async with AsyncExitStack() as stack:
        scene = Scene(adflight_sandbox, stack)
        yield Bids(scene, await scene.client(quota=Quota(19, 60.0)), tmp_path)


async def test_a_new_campaign_gets_its_bid_models_once_it_is_made(desk: Bids) -> None:
    rows = [row(**{CREATIVE: FIRST}), row("b")]
    events = await desk.apply(rows)
    assert brief(events, RowDone) == {"Spring": "created", "a": "created", "b": "created"}
    assert writes(events) == {"insertion_orders.create": 1, "campaigns.create": 2, "bid_models.manage": 1}
    assert desk.sent() == {"insertion_orders_create": 1, "campaigns_create": 2, LIST: 1, MANAGE: 1}
    assert await desk.models() == {676384: {"bidMultiplier": 1.5}, 676385: {"bidMultiplier": 2}}
    await desk.nothing_is_left(rows)


async def test_what_changes_is_one_request_for_each_campaign_and_dimension(desk: Bids) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    states = [model(30200031, 3, priority=2), REST]
    later = [row(**{CREATIVE: [model(676384, 1.75), model(676386), REST], STATE: states})]
    changes = await desk.changes(later)
    assert changes["a"] == (
        Change(CREATIVE, FIRST, [model(676384, 1.75), model(676386), REST]),
        Change(STATE, UNSEEN, states),
    )
    desk.sent()
    events = await desk.apply(later)
    assert brief(events, RowDone) == {"Spring": "unchanged", "a": "changed"}
    assert writes(events) == {"bid_models.manage": 2}
    assert desk.sent() == {LIST: 2, MANAGE: 2}
    # one changed, one removed, one added
    assert await desk.models() == {676384: {"bidMultiplier": 1.75}, 676386: {"bidMultiplier": 1.5}}
    assert await desk.models(10) == {30200031: {"bidMultiplier": 3, "priority": 2}}
    await desk.nothing_is_left(later)
    # what the file does not name is not managed
    await desk.nothing_is_left([row(**{STATE: states})])
    assert len(await desk.models()) == 2


async def test_bid_models_go_with_other_changes_after_them(desk: Bids) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    desk.sent()
    later = [row(budget_total=Decimal(2000), **{CREATIVE: [model(676384), REST]})]
    events = await desk.apply(later)
    assert writes(events) == {"campaigns.update": 1, "bid_models.manage": 1}
    assert list(await desk.models()) == [676384]
    await desk.nothing_is_left(later)


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "late", "half_body"])
async def test_whatever_happens_to_the_answer_it_is_applied_once(desk: Bids, kind: Any, is_new: bool) -> None:
    rows = [row(**{CREATIVE: FIRST})]
    if not is_new:
        await desk.apply(rows)
        rows = [row(**{CREATIVE: [model(676384, 3), model(676386), REST]})]
    desk.sandbox.fault(MANAGE, kind=kind, seconds=20.0)
    before = desk.sandbox.counts.executions[MANAGE]
    events = await desk.apply(rows)
    (settled,) = of(events, Settled)
    # what the look shows is what the row is told
    assert settled.how == ("absent" if kind == "cut_before" else "done")
    if kind == "cut_before":
        (failed,) = of(events, RowFailed)
        assert (failed.key, failed.outcome) == ("a", "failed")
        assert CREATIVE in failed.error
        events = await desk.apply(rows)
    assert ended(events).how == "complete"
    assert desk.sandbox.counts.executions[MANAGE] - before == 1
    assert sorted(await desk.models()) == ([676384, 676385] if is_new else [676384, 676386])
    await desk.nothing_is_left(rows)


async def test_it_may_be_left_after_any_event(desk: Bids) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    rows = [row(**{CREATIVE: [model(676384, 3), model(676386), REST], STATE: [model(30200031), REST]})]
    desk.sandbox.fault(MANAGE, kind="cut_after")
    settled: list[Settled] = []
    for number in count(1):
        events = await desk.apply(rows, leave_after=number)
        settled += of(events, Settled)
        if isinstance(events[-1], Ended):
            break
    assert ended(events).how == "complete"
    assert "done" in {event.how for event in settled}
    assert desk.sandbox.counts.executions[MANAGE] == 3
    assert sorted(await desk.models()) == [676384, 676386]
    assert await desk.models(10) == {30200031: {"bidMultiplier": 1.5}}
    await desk.nothing_is_left(rows)


async def test_nothing_is_sent_where_somebody_else_has_made_it_so(desk: Bids) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    (id_,) = (await desk.ids("676384")).values()
    changed = {"bidModelDataId": id_, "bidMultiplier": 4}
    await desk.manage(UPDATE={"bidModelEntityDetails": [changed]})
    rows = [row(**{CREATIVE: [model(676384, 4), model(676385, 2), REST]})]
    desk.sent()
    events = await desk.apply(rows)
    assert brief(events, RowDone) == {"Spring": "unchanged", "a": "changed"}
    assert desk.sent() == {LIST: 1}
    assert writes(events) == {}
    await desk.nothing_is_left(rows)


async def test_what_no_list_shows_cannot_change(desk: Bids) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    desk.sent()
    events = await desk.apply([row(**{CREATIVE: [*FIRST[:2], {**REST, "priority": 2}]})])
    (failed,) = of(events, RowFailed)
    assert failed.outcome == "failed"
    assert "as it was made" in failed.error
    assert desk.sent() == {LIST: 1}


async def test_a_refusal_is_that_row_s(desk: Bids) -> None:
    rows = [row(budget_day=Decimal(50), **{CREATIVE: FIRST}), row("b")]
    events = await desk.apply(rows)
    (failed,) = of(events, RowFailed)
    assert (failed.key, failed.outcome) == ("a", "refused")
    assert "below 100 dollars" in failed.error
    assert desk.sandbox.counts.executions["campaigns_create"] == 2
    rows[0]["budget_day"] = Decimal(100)
    assert ended(await desk.apply(rows)).how == "complete"
    assert desk.sandbox.counts.executions["campaigns_create"] == 2
    await desk.nothing_is_left(rows)


async def test_bundles_are_left_alone(desk: Bids) -> None:
    await desk.apply([row()])
    bundle = {"entityId": -2, "entityTypeId": 2, "priority": 1, "bundleName": "both", "entityIds": [676384, 676385]}
    await desk.manage(ADD={"bidModelEntityDetails": [bundle, REST]})
    desk.sent()
    events = await desk.apply([row(**{CREATIVE: FIRST})])
    assert "bundle" in of(events, RowFailed)[0].error
    assert desk.sent() == {LIST: 1}
    assert len(await desk.models()) == 2


async def test_full_reads_and_adoptions_look_at_the_dimensions_that_the_file_names(desk: Bids, tmp_path: Path) -> None:
    states = [model(30200031), REST]
    rows = [row(**{CREATIVE: FIRST, STATE: states}), row("b")]
    await desk.apply(rows)
    async with desk.journal() as journal:
        cost = await full_refresh_cost(rows, desk.iqm, journal=journal, label="flights.csv")
    # two campaigns, and two dimensions
    assert cost.requests == 4
    desk.sent()
    assert await desk.changes(rows, refresh="full") == {}
    assert desk.sent() == {LIST: 2}
    await desk.manage(10, DELETE={"bidModelDataId": [*(await desk.ids(dimension=10)).values()]})
    assert await desk.changes(rows) == {}
    (change,) = (await desk.changes(rows, refresh="full"))["a"]
    assert (change.column, change.old) == (STATE, [])
    # another machine, whose journal knows nothing
    other = Bids(desk.scene, desk.iqm, tmp_path / "other")
    desk.sent()
    (change,) = (await other.changes(rows))["a"]
    assert (change.column, change.old) == (STATE, [])
    assert desk.sent() == {LIST: 2}
    assert await other.changes([row(**{CREATIVE: FIRST}), row("b")]) == {}
    assert ended(await other.apply([row(**{CREATIVE: [FIRST[0], REST]}), row("b")])).how == "complete"
    assert list(await other.models()) == [676384]


async def test_who_may_not_read_bid_models_may_do_everything_else(desk: Bids) -> None:
    rows = [row(**{CREATIVE: FIRST}), row("b")]
    desk.sandbox.fault(LIST, kind="status", status=403, times=None)
    events = await desk.apply(rows)
    assert ended(events).how == "failed"
    assert brief(events, RowDone) == {"Spring": "created", "b": "created"}
    (failed,) = of(events, RowFailed)
    assert (failed.key, failed.outcome) == ("a", "failed")
    assert "403" in failed.error
    desk.sandbox.clear_faults()
    assert ended(await desk.apply(rows)).how == "complete"
    await desk.nothing_is_left(rows)


async def test_what_cannot_be_read_back_is_looked_at_before_it_is_sent_again(desk: Bids) -> None:
    rows = [row(**{CREATIVE: FIRST})]
    desk.sandbox.fault(MANAGE, kind="cut_after")

    def deny() -> None:
        if desk.sandbox.counts.executions[MANAGE]:
            desk.sandbox.fault(LIST, kind="status", status=403)
            desk.on_event = lambda: None

    desk.on_event = deny
    events = await desk.apply(rows)
    (failed,) = of(events, RowFailed)
    assert "is not shown" in failed.error
    assert desk.sandbox.counts.executions[MANAGE] == 1
    assert ended(await desk.apply(rows)).how == "complete"
    assert desk.sandbox.counts.executions[MANAGE] == 1
    await desk.nothing_is_left(rows)


async def test_a_saved_plan_keeps_them(desk: Bids, tmp_path: Path) -> None:
    await desk.apply([row(**{CREATIVE: FIRST})])
    rows = [row(**{CREATIVE: [model(676384, 1.25), REST]})]
    async with desk.journal() as journal:
        with await plan(rows, desk.iqm, journal=journal, label="flights.csv") as planned:
            assert planned.totals.writes == {"bid_models.manage": 1}
            planned.save(tmp_path / "plan.json")
        with await load_plan(tmp_path / "plan.json", desk.iqm) as loaded:
            assert [item.changes for item in loaded.items] == [item.changes for item in planned.items]
            events = [event async for event in loaded.apply(journal=journal)]
    assert ended(events).how == "complete"
    assert await desk.models() == {676384: {"bidMultiplier": 1.25}}
