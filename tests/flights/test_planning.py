from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Intent, Part
from adflight.flights.items import Verdict
from adflight.flights.journal import Journal
from adflight.flights.planning import Plan, plan
from adflight.flights.platform import ORDER
from tests.flights.fake_platform import FakePlatform, row, verdicts


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
async def journal(platform: FakePlatform, tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(platform.base_url, platform.account, directory=tmp_path, clock=platform.clock) as it:
        yield it


async def applied(planned: Plan, platform: FakePlatform, journal: Journal) -> None:
    """What `apply` does, as far as a plan can see it."""
    await journal.begin_run(planned.label)
    for item, fields in planned.adoptions():
        assert item.id is not None
        await journal.bind(item.kind, item.key, item.id, fields=fields)
    for write in sorted(planned.writes(), key=lambda write: write.phase):
        parts = tuple(Part(target.key, target.fields) for target in write.targets)
        sent = RedactedRequest("POST", platform.base_url, {}, {})
        intent = Intent(write.operation, write.kind, parts, sent, creates=write.creates, settled_after=90.0)
        request = await journal.intend(intent)
        await journal.record(request, platform.carry_out(write, await journal.ids(ORDER)))
    await journal.end_run("complete")


async def test_what_was_applied_is_unchanged(platform: FakePlatform, journal: Journal) -> None:
    rows = [row("a"), row("b", budget_total=Decimal("500.5")), row("c", "Summer", total_budget_pacing=False)]
    with await plan(rows, platform, journal=journal, label="flights.csv") as planned:
        assert verdicts(planned) == dict.fromkeys(("Spring", "Summer", "a", "b", "c"), "create")
        assert planned.totals.committed == Decimal("2500.5")
        assert planned.totals.writes == {"insertion_orders.create": 2, "campaigns.create": 3}
        assert planned.totals.seconds == 0
        assert not planned.is_empty
        await applied(planned, platform, journal)
        again = await planned.again(journal)
        assert {item.verdict for item in again.items} == {Verdict.UNCHANGED}
        assert again.is_empty
        assert again.totals.writes == {}
