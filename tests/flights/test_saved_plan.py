from __future__ import annotations

import stat
from pathlib import Path

from adflight.flights.planning import moved, plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.saved_plan import is_plan, load_plan
from tests.flights.fake_platform import END, START, FakePlatform, row


async def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    platform = FakePlatform()
    order = platform.add(ORDER, "Spring", io_start_time=START, io_end_time=END, io_timezone_id=29)
    platform.add(CAMPAIGN, "Flight a", order, budget_total=row("a")["budget_total"] / 2)
    file = tmp_path / "monday.plan"
    with await plan([row("a"), row("b", "Summer"), row("c")], platform, label="flights.csv") as planned:
        planned.save(file)
        assert is_plan(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with load_plan(file, platform) as loaded:
            assert loaded.to_json() == planned.to_json()
            assert list(loaded.flights) == list(planned.flights)
            assert list(loaded.flights.orders()) == list(planned.flights.orders())
            assert loaded.totals == planned.totals
            assert loaded.warnings == planned.warnings
            assert moved(loaded, await loaded.again(None)) == []
