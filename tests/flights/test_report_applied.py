"""Reports of real applies, on the sandbox: they say what the apply said, and what the sandbox saw."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adflight import IQM, Quota
from adflight.flights import dispatching
from adflight.flights.events import Ended, Event, RowDone, RowFailed, Sent
from adflight.flights.planning import plan
from adflight.flights.report import Report, read_report
from adflight.flights.report_charts import use_of
from adflight.flights.report_rows import ReportRow, Status
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW
from tests.flights.vendor import InlineJournal
from tests.iqm.scene import Scene

QUOTA = Quota(19, 60.0)
WORKSPACE = 200001


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(quota=(20, 60.0), start=FakeClock.EPOCH)


@pytest.fixture
async def scene(adflight_sandbox: Sandbox) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        yield Scene(adflight_sandbox, stack)


def row(number: int, **more: Any) -> dict[str, Any]:
    names = {"key": f"row {number}", "io_name": f"Order {number % 3}", "campaign_name": f"Flight {number}"}
    return {**ORDER_ROW, **CAMPAIGN_ROW, **names, **more}


async def applied(
    scene: Scene, iqm: IQM, directory: Path, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Event], Report, dict[str, ReportRow]]:
    """The events of an apply, and what is reported of it afterwards."""
    where: dict[str, Any] = {"scope": str(WORKSPACE), "directory": directory, "clock": scene.clock}
    async with await InlineJournal.open(iqm.base_url, iqm.account, **where) as journal:
        with await plan(rows, iqm, journal=journal, label="flights.csv") as made:
            events = [event async for event in made.apply(journal=journal)]
        report = await read_report(journal, clock=scene.clock)
        return events, report, {row.key: row async for row in report.rows()}


def by_operation(report: Report) -> Counter[str]:
    """What was sent, by operation as the sandbox names it."""
    counts: Counter[str] = Counter()
    for one in report.operations:
        counts[one.name.replace(".", "_")] += one.sendings
    return counts


async def test_what_is_sent_again_with_a_renewed_token_is_a_repeat_of_reads_and_writes(
    scene: Scene, tmp_path: Path
) -> None:
    iqm = await scene.client(ow_id=WORKSPACE)
    assert [zone async for zone in iqm.master.list_timezones()]
    scene.sandbox.expire_tokens()
    with pytest.MonkeyPatch.context() as patched:
        intend = InlineJournal.intend

        async def late(journal: InlineJournal, intent: Any) -> int:
            scene.sandbox.expire_tokens()
            patched.undo()
            return await intend(journal, intent)

        patched.setattr(InlineJournal, "intend", late)
        _, report, _ = await applied(scene, iqm, tmp_path, [row(1)])
    repeated = {one.name: (one.has_rows, one.requests, one.sendings) for one in report.operations if one.repeats}
    (read,) = repeated.keys() - {"insertion_orders.create"}
    assert repeated == {read: (False, 1, 2), "insertion_orders.create": (True, 1, 2)}


async def test_a_report_says_what_the_apply_said(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    scene.sandbox.fault("campaigns_create", kind="cut_after", times=2)
    scene.sandbox.fault("campaigns_create", kind="rate_limited", times=1, skip=5)
    rows = [row(number, budget_total=Decimal(100 + number)) for number in range(30)]
    events, report, told = await applied(scene, iqm, tmp_path, rows)
    done = {event.key: event for event in events if isinstance(event, RowDone)}
    assert not [event for event in events if isinstance(event, RowFailed)]
    assert {key: (row.status.value, row.id) for key, row in told.items()} == {
        key: (event.how, event.id) for key, event in done.items()
    }
    assert {key: row.row for key, row in told.items()} == {key: event.row for key, event in done.items()}
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.how, report.ended) == ("complete", "complete")
    assert report.adopted == ended.adopted == 2
    # not one request that the sandbox saw is missing, and no other is there
    counts = scene.sandbox.counts
    assert by_operation(report) == counts.operations
    assert len(report.sendings) == sum(counts.operations.values()) == counts.requests
    assert {one.name for one in report.operations if one.has_rows} == {"insertion_orders.create", "campaigns.create"}
    assert {"auth.login", "campaigns.get"} <= {one.name for one in report.operations if not one.has_rows}
    assert report.money.committed == sum(one["budget_total"] for one in rows)
    assert use_of(report.sendings, QUOTA.per, 0.0, 0.0).peak <= QUOTA.requests


async def test_a_report_of_changes(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    await applied(scene, iqm, tmp_path, [row(number) for number in range(6)])
    changed = [row(number, budget_total=Decimal(900 if number < 2 else 1100)) for number in range(6)]
    _, report, told = await applied(scene, iqm, tmp_path, changed)
    assert report.run.id == 2
    assert {row.status for row in told.values()} == {Status.CHANGED}
    assert (report.money.raised, report.money.lowered, report.money.unexplained_rows) == (Decimal(400), Decimal(200), 0)
    assert {row.id for row in told.values() if row.kind == "campaign"} == {
        campaign.id async for campaign in iqm.campaigns.list()
    }


async def test_a_report_of_failures(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    scene.sandbox.fault("campaigns_create", kind="status", status=400, times=1)
    events, report, told = await applied(scene, iqm, tmp_path, [row(number) for number in range(4)])
    (failed,) = [event for event in events if isinstance(event, RowFailed)]
    assert told[failed.key].status is Status.REFUSED
    assert "400" in told[failed.key].error
    assert report.counts()[Status.REFUSED] == 1
    assert report.ended == "ended, with rows that failed"


async def test_a_report_of_what_was_never_sent(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    scene.sandbox.fault("insertion_orders_create", kind="status", status=400, times=1)
    events, report, told = await applied(scene, iqm, tmp_path, [row(number) for number in range(6)])
    failed = {event.key: event for event in events if isinstance(event, RowFailed)}
    assert {event.outcome for event in failed.values()} == {"refused", "withheld"}
    assert {key: (one.status.value, one.row) for key, one in told.items() if one.status.is_failed} == {
        key: (event.outcome, event.row) for key, event in failed.items()
    }
    withheld = [one for one in told.values() if one.status is Status.WITHHELD]
    assert [(one.error, one.requests) for one in withheld] == [(failed[one.key].error, ()) for one in withheld]
    assert report.counts()[Status.WITHHELD] == len(withheld) == 2


async def test_a_report_has_every_request_of_a_plan_and_its_apply(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    counts = scene.sandbox.counts
    # zones by name are a request for the plan; look-ups and read-backs are some for lost answers, and some are repeated
    rows = [row(number, timezone="US/Eastern", io_timezone_id="US/Eastern") for number in range(8)]
    scene.sandbox.fault("campaigns_create", kind="cut_after", times=2)
    scene.sandbox.fault("insertion_orders_list", kind="status", status=503, times=1)
    scene.sandbox.fault("auth_login", kind="rate_limited", times=1)
    events, report, _ = await applied(scene, iqm, tmp_path, rows)
    assert by_operation(report) == counts.operations
    assert {"auth_login": 2, "master_list_timezones": 1}.items() <= counts.operations.items()
    assert counts.operations["campaigns_get"] > 0
    assert sum(one.repeats for one in report.operations if not one.has_rows) == 2
    assert use_of(report.sendings, QUOTA.per, 0.0, 0.0).peak <= QUOTA.requests
    before = counts.operations.copy()

    # a change whose answer is lost is read back; the plan lists what there is
    scene.sandbox.fault("campaigns_update*", kind="cut_after", times=4)
    changed = [{**one, "budget_total": Decimal(2000)} for one in rows]
    events, report, _ = await applied(scene, iqm, tmp_path, changed)
    assert by_operation(report) == counts.operations - before
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.how == "complete"
    # what was sent for the plan is not the apply's, and is all that the report has beside
    plan_took = by_operation(report) - Counter({name.replace(".", "_"): n for name, n in ended.requests.items()})
    assert plan_took.keys() == {
        *("master_list_timezones", "insertion_orders_list", "insertion_orders_list_campaign_reports"),
    }
    assert ended.requests.keys() > {one.name for one in report.operations if one.has_rows}


async def test_what_an_interrupted_apply_had_on_its_way_is_in_its_report(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # its answer is not waited for
    monkeypatch.setattr(dispatching, "GRACE", 0.0)
    iqm = await scene.client(quota=QUOTA, ow_id=WORKSPACE)
    scene.sandbox.fault("campaigns_create", kind="delay_after", times=1, seconds=20.0)
    where: dict[str, Any] = {"scope": str(WORKSPACE), "directory": tmp_path, "clock": scene.clock}
    async with await InlineJournal.open(iqm.base_url, iqm.account, **where) as journal:
        with await plan([row(1)], iqm, journal=journal, label="flights.csv") as made:
            async with aclosing(made.apply(journal=journal)) as events:
                async for event in events:
                    if isinstance(event, Sent) and event.operation == "campaigns.create":
                        while not scene.sandbox.counts.operations["campaigns_create"]:
                            await asyncio.sleep(0.01)
                        break
        report = await read_report(journal, clock=scene.clock)
        (told,) = [one async for one in report.rows() if one.kind == "campaign"]
    assert by_operation(report) == scene.sandbox.counts.operations
    assert (told.status, [one.outcome for one in told.requests[0].attempts]) == (Status.UNKNOWN, ["cancelled"])
