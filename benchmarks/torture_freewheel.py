"""The torture of FreeWheel's insertion orders, which exist under a given campaign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from benchmarks.torture import LATE, Torture, counted
from benchmarks.torture_flights import WantedOrder

FAULTS: Final = (
    "cut_before:freewheel.*:times=all:probability=0.05",
    "cut_after:freewheel.insertion_orders_create*:times=all:probability=0.04",
    f"late:freewheel.insertion_orders_create*:times=all:probability=0.01:seconds={LATE}",
    "rate_limited:freewheel.*:times=all:probability=0.02:retry_after=seconds:seconds=2",
    "status:freewheel.*:times=all:probability=0.01:status=503",
    "status:freewheel.*:times=all:probability=0.01:status=502:carried_out=true",
)


class FreeWheelTorture(Torture):
    """One network at FreeWheel."""

    vendor = "freewheel"

    @property
    def account(self) -> tuple[str, str, str]:
        return f"{self.sandbox.url}/freewheel", FreeWheelPlatform.USERNAME, ""

    def problems(self, wanted: Sequence[WantedOrder]) -> Iterator[str]:
        live = {row["id"]: row for row in self.sandbox.ask("objects", "freewheel.order")}
        yield from self.sandbox.ask("crashes")
        names = [f"{row['campaign_id']} {row['name']}" for row in live.values()]
        yield from counted("insertion orders", names, [f"{one.campaign} {one.name}" for one in wanted])
        ids, _, still_open = self.journal()
        if still_open:
            yield f"the journal has {len(still_open)} open intents: {still_open[:5]}"
        for one in wanted:
            row = live.get(ids.get(one.key, 0), {})
            found = (row.get("campaign_id"), row.get("name"), *_terms(row))
            if found != (one.campaign, one.name, one.end, Decimal(one.budget)):
                yield f"{one} is {row}"
        if set(ids.values()) != set(live):
            yield f"the journal knows {set(ids.values()) ^ set(live)} that are not there, or does not"


def _terms(row: dict[str, Any]) -> tuple[Any, Any]:
    schedule, budget = row.get("schedule") or {}, row.get("budget") or {}
    end = schedule.get("end_time")
    return end and datetime.fromisoformat(end), budget.get("currency") and Decimal(budget["currency"])
