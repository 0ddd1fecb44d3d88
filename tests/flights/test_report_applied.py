"""Reports of real applies, on the sandbox: they say what the apply said, and what the sandbox saw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adflight import IQM, Quota
from adflight.flights.events import Ended, Event, RowDone, RowFailed
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
    where: dict[str, Any] = {"scope": str(await iqm.workspace()), "directory": directory, "clock": scene.clock}
    async with await InlineJournal.open(iqm.base_url, iqm.account, **where) as journal:
        with await plan(rows, iqm, journal=journal, label="flights.csv") as made:
            events = [event async for event in made.apply(journal=journal)]
        report = await read_report(journal, clock=scene.clock)
        return events, report, {row.key: row async for row in report.rows()}


async def test_a_report_says_what_the_apply_said(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA)
    scene.sandbox.fault("campaigns_create", kind="cut_after", times=2)
    scene.sandbox.fault("campaigns_create", kind="rate_limited", times=1, skip=5)
    rows = [row(number, budget_total=Decimal(100 + number)) for number in range(30)]
    events, report, told = await applied(scene, iqm, tmp_path, rows)
    done = {event.key: event for event in events if isinstance(event, RowDone)}
    assert not [event for event in events if isinstance(event, RowFailed)]
    assert {key: (row.status.value, row.id) for key, row in told.items()} == {
        key: (event.how, event.id) for key, event in done.items()
    }
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.how, report.ended) == ("complete", "complete")
    assert report.adopted == ended.adopted == 2
    # not one request that the sandbox saw is missing, and no other is there
    seen = scene.sandbox.counts.operations
    assert {one.name: one.sendings for one in report.operations} == {
        name: seen[name] for name in ("insertion_orders.create", "campaigns.create")
    }
    assert report.money.committed == sum(one["budget_total"] for one in rows)
    assert use_of(report.sendings, QUOTA.per, 0.0, 0.0).peak <= QUOTA.requests


async def test_a_report_of_changes(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA)
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
    iqm = await scene.client(quota=QUOTA)
    scene.sandbox.fault("campaigns_create", kind="status", status=400, times=1)
    events, report, told = await applied(scene, iqm, tmp_path, [row(number) for number in range(4)])
    (failed,) = [event for event in events if isinstance(event, RowFailed)]
    assert told[failed.key].status is Status.REFUSED
    assert "400" in told[failed.key].error
    assert report.counts()[Status.REFUSED] == 1
    assert report.ended == "ended, with rows that failed"


async def test_a_report_of_what_was_never_sent(scene: Scene, tmp_path: Path) -> None:
    iqm = await scene.client(quota=QUOTA)
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
