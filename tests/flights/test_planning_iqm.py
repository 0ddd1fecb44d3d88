"""Plans against IQM's sandbox, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import adflight
from adflight import Quota
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Intent, Part
from adflight.flights.iqm import IQMPlatform
from adflight.flights.items import UNSEEN, Change, Verdict
from adflight.flights.journal import Journal
from adflight.flights.opening import open_journal
from adflight.flights.planning import Plan, full_refresh_cost, moved
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.flights.fake_platform import counts, verdicts
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW, WEEK, Account
from tests.iqm.scene import Scene

READS = {
    "insertion_orders_list",
    "insertion_orders_list_campaigns",
    "insertion_orders_list_campaign_reports",
    "campaigns_get",
    "master_list_timezones",
}


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(quota=None, start=FakeClock.EPOCH)


@pytest.fixture
async def account(adflight_sandbox: Sandbox) -> AsyncIterator[Account]:
    async with AsyncExitStack() as stack:
        scene = Scene(adflight_sandbox, stack)
        account = Account(await scene.client(), adflight_sandbox)
        yield account
        assert adflight_sandbox.crashes == []


@pytest.fixture
async def journal(account: Account, tmp_path: Path) -> AsyncIterator[Journal]:
    platform = account.platform
    async with await open_journal(platform, directory=tmp_path) as journal:
        yield journal


def row(key: str, order: str = "Spring", **more: Any) -> dict[str, Any]:
    return {"key": key, **ORDER_ROW, **CAMPAIGN_ROW, "io_name": order, "campaign_name": f"Banners {key}", **more}


async def applied(planned: Plan, account: Account, journal: Journal) -> None:
    """What `apply` does while nothing goes wrong."""
    await journal.begin_run(planned.label)
    for item, fields in planned.adoptions():
        assert item.id is not None
        await journal.bind(item.kind, item.key, item.id, fields=fields)
    for write in sorted(planned.writes(), key=lambda write: write.phase):
        parts = tuple(Part(target.key, target.fields, write.existing) for target in write.targets)
        sent = RedactedRequest("POST", account.platform.base_url, {}, {})
        intent = Intent(write.operation, write.kind, parts, sent, creates=write.creates, settled_after=90.0)
        request = await journal.intend(intent)
        told = await account.send(write, await journal.ids(ORDER))
        await journal.record(request, {key: done for key, done in told.items() if done is not None})
    await journal.end_run("complete")


async def test_a_plan_sends_no_write_and_no_read_too_many(account: Account, journal: Journal) -> None:
    order = await account.order()
    await account.campaign(order, "Banners a", budget_total=Decimal(400))
    account.sent()
    rows = [row("a"), row("b"), row("c", "Summer")]
    with await adflight.plan(rows, account.iqm, journal=journal) as planned:
        assert verdicts(planned) == {
            "Spring": "unchanged",
            "Summer": "create",
            "a": "change",
            "b": "create",
            "c": "create",
        }
        # that the terms are accepted, nothing shows; but only a draft can be without it
        assert planned.items[2].changes == (Change("budget_total", Decimal(400), Decimal("1000.00")),)
        assert planned.totals.committed == 2600
        list(planned.writes())
    sent = account.sent()
    assert sent.keys() <= READS
    assert dict(sent) == {name.replace(".", "_"): count for name, count in planned.totals.reads.items()}
    # one list of insertion orders, one of campaigns, and the one that is adopted
    assert sent.total() == 3


async def test_what_is_applied_is_unchanged(account: Account, journal: Journal) -> None:
    order = await account.order()
    await account.campaign(order, "Banners a", budget_total=Decimal(400), advertiser_domain="https://a.example.com")
    rows = [
        row("a"),
        row("b", exchanges="27, 21", frequency_capping={"1": {"frequencyCapValue": 5, "frequencyCapDuration": 6}}),
        row("c", "Summer", io_total_budget=5000, end_time=CAMPAIGN_ROW["end_time"] - WEEK, total_budget_pacing=True),
    ]
    del rows[2]["budget_day"]
    with await adflight.plan(rows, account.iqm, journal=journal, label="flights.csv") as planned:
        await applied(planned, account, journal)
        account.sent()
        again = await planned.again(journal)
        assert counts(again) == {"unchanged": 5}
        assert again.is_empty
        assert moved(planned, again) == []
        # of what is known, lists tell enough
        assert dict(account.sent()) == {"insertion_orders_list": 1, "insertion_orders_list_campaign_reports": 1}
        with await adflight.plan(rows, account.iqm, journal=journal, label="flights.csv", refresh="full") as full:
            assert [(item.key, item.changes) for item in full.items if item.changes] == []
        assert account.sent()["campaigns_get"] == 3


async def test_what_somebody_changes_meanwhile_moves(account: Account, journal: Journal) -> None:
    rows = [row("a"), row("b")]
    with await adflight.plan(rows, account.iqm, journal=journal, label="flights.csv") as planned:
        await applied(planned, account, journal)
        again = await planned.again(journal)
        ids = await journal.ids(CAMPAIGN)
        await account.iqm.campaigns.update_budget(campaign_ids=[ids["a"]], total_budget=1500)
        await account.delete(ids["b"])
        newer = await again.again(journal)
        assert moved(again, newer) == [
            "campaign 'a', budget_total: was as the file says, is 1500.0, and the file says 1000",
            f"campaign 'b': was unchanged, is refused: campaign {ids['b']} was deleted at the vendor (deleted); "
            "to have it made anew: adflight keys release b --kind campaign",
        ]
        assert newer.totals.released == 500


async def test_time_zones_are_asked_for_when_a_row_names_one(account: Account, tmp_path: Path) -> None:
    with await adflight.plan([row("a")], account.iqm, directory=tmp_path):
        assert "master_list_timezones" not in account.sent()
    rows = [row("a", timezone="US/Eastern"), row("b", timezone="US/Eastern", io_timezone_id="US/Eastern")]
    del rows[0]["io_timezone_id"]
    with await adflight.plan(rows, account.iqm, directory=tmp_path) as planned:
        assert account.sent()["master_list_timezones"] == 1
        assert [type(flight.campaign["timezone"]) for flight in planned.flights] == [int, int]


async def test_a_full_refresh_costs_what_it_says(
    account: Account, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("a"), row("b")]
    with await adflight.plan(rows, account.iqm, journal=journal) as planned:
        await applied(planned, account, journal)
    ids = await journal.ids(CAMPAIGN)
    await account.iqm.campaigns.update(ids["a"], advertiser_domain="https://other.example.com")
    account.sent()
    platform = IQMPlatform(account.iqm)
    monkeypatch.setattr(platform.limiter, "_quota", Quota(1, 60.0))
    cost = await full_refresh_cost(rows, platform, journal=journal)
    assert (cost.requests, cost.seconds) == (2, 60.0)
    monkeypatch.undo()
    assert account.sent() == {}
    (await adflight.plan(rows, platform, journal=journal)).close()
    lists = account.sent().total()
    with await adflight.plan(rows, platform, journal=journal, refresh="full") as planned:
        assert account.sent().total() == lists + cost.requests
        assert planned.items[1].changes == (
            Change("advertiser_domain", "https://other.example.com", "https://brand.example.com"),
        )


async def test_a_saved_plan_is_made_anew_before_it_is_applied(
    account: Account, journal: Journal, tmp_path: Path
) -> None:
    file = tmp_path / "monday.plan"
    with await adflight.plan([row("a")], account.iqm, journal=journal, label="flights.csv") as planned:
        planned.save(file)
    account.sent()
    with await adflight.load_plan(file, account.iqm) as loaded:
        assert account.sent() == {}
        newer = await loaded.again(journal)
        assert loaded.moved(newer) == []
        await applied(newer, account, journal)
        assert {item.verdict for item in (await newer.again(journal)).items} == {Verdict.UNCHANGED}


async def test_a_known_campaign_of_which_nothing_was_applied_is_sent_what_nobody_can_see(
    account: Account, journal: Journal
) -> None:
    order = await account.order()
    there = await account.campaign(order, "Banners a")
    await journal.bind(CAMPAIGN, "a", there)
    with await adflight.plan([row("a")], account.iqm, journal=journal) as planned:
        unseen = {change.column for change in planned.items[1].changes}
        assert unseen == {
            *("timezone", "creative_type", "creative_ids", "advertiser_domain", "country_id", "is_agreement_checked")
        }
        assert {change.old for change in planned.items[1].changes} == {UNSEEN}
        assert planned.totals.committed == 0
