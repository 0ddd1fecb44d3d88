"""A journal of two runs in which everything happened that a report has to tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from adflight.core.quota import Quota
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import (
    Absent,
    Adopted,
    Attempt,
    Done,
    Intent,
    Outcome,
    Part,
    Refused,
    SideRequest,
    Unknown,
    Withdrawn,
)
from adflight.flights.journal import Journal
from tests.clock import FakeClock
from tests.flights.shelf import URL, opened

ORDER: Final = "insertion_order"
CAMPAIGN: Final = "campaign"
QUOTA: Final = Quota(19, 60.0, "documented 20 a minute, less one")
EVIL: Final = "</script><script>document.title = 'owned'</script>"
FORMULA: Final = '=HYPERLINK("http://evil.example", "x")'
CAMPAIGNS: Final = 60
SECRET: Final = "hunter2hunter2"

PATHS: Final = {
    "insertion_orders.create": "/api/v3/insertion-orders",
    "campaigns.create": "/api/v2/cmp/campaigns/add",
    "campaigns.update_budget": "/api/v2/cmp/campaigns/update-budget",
    "campaigns.update_status": "/api/v2/cmp/campaigns/status",
}


class Applying:
    """What an apply writes into a journal, at the pace of the quota."""

    def __init__(self, journal: Journal, clock: FakeClock) -> None:
        self.journal = journal
        self.clock = clock
        self.looked: list[SideRequest] = []
        self._sent: list[float] = []

    async def request(
        self,
        operation: str,
        kind: str,
        rows: dict[str, dict[str, Any]],
        outcomes: dict[str, Outcome],
        *statuses: int | None,
        creates: bool = False,
        **body: Any,
    ) -> int:
        """Sends one, as often as there are statuses; None is no answer, 0 not sent."""
        await self._wait()
        parts = tuple(Part(key, fields, (), {"name": fields.get("campaign_name", key)}) for key, fields in rows.items())
        sent = RedactedRequest("POST", f"{URL}{PATHS[operation]}?token={SECRET}", {}, body)
        number = await self.journal.intend(Intent(operation, kind, parts, sent, creates=creates, settled_after=90.0))
        for count, status in enumerate(statuses, 1):
            if count > 1:
                await self._wait()
            took = 30.0 if status is None else 0.25 + len(self._sent) % 7 / 20
            said = {429: "rate limited", None: "timeout", 0: "not sent"}.get(status, "answered")
            at = datetime.fromtimestamp(self.clock.time(), UTC)
            if status != 0:
                self._sent.append(self.clock.time())
            await self.journal.attempt(number, Attempt(count, at, said, status or None, took))
            await self.clock.advance(took if status != 429 else 9.0)
        if outcomes:
            await self.journal.record(number, outcomes)
        return number

    async def look(self, operation: str, *statuses: int | None, is_apart: bool = False) -> None:
        """Sends what has no intent."""
        for number, status in enumerate(statuses, 1):
            if not is_apart:
                await self._wait()
            at = datetime.fromtimestamp(self.clock.time(), UTC)
            said = {429: "rate limited", None: "timeout", 0: "not sent"}.get(status, "answered")
            if status != 0 and not is_apart:
                self._sent.append(self.clock.time())
            attempt = Attempt(number, at, said, status or None, 0.5)
            self.looked.append(SideRequest(operation, attempt, is_apart))
            await self.clock.advance(0.5)

    def write_down(self) -> None:
        """As a run does with what its plan took."""
        self.journal.add_side_requests([*self.looked])
        self.looked.clear()

    async def _wait(self) -> None:
        within = [at for at in self._sent if at > self.clock.time() - QUOTA.per]
        if len(within) >= QUOTA.requests:
            await self.clock.advance(within[-QUOTA.requests] + QUOTA.per - self.clock.time())

    def unknown(self, cause: str) -> Unknown:
        return Unknown(datetime.fromtimestamp(self.clock.time(), UTC) - timedelta(seconds=30), 90.0, cause)


async def applied(directory: Path) -> FakeClock:
    """Run 1 stopped, and left a create without an outcome; run 2 settled it, and left others."""
    clock = FakeClock()
    journal = await opened(directory, clock)
    applying = Applying(journal, clock)
    await journal.begin_run("winter.csv")
    await clock.advance(1)
    await applying.request(
        "insertion_orders.create", ORDER, {"winter": {"io_name": "Winter"}}, {"winter": Done(900)}, 200, creates=True
    )
    for number, key in enumerate(("old-1", "old-2", "old-3"), 1):
        await _create(applying, key, Decimal(1000 * number), Done(500 + number))
    lost = await _create(applying, "lost-1", Decimal("750.50"), None, None)
    await journal.record(lost, {"lost-1": applying.unknown("connection reset by peer")})
    await journal.bind(CAMPAIGN, "bound", 777)
    await journal.end_run("stopped")
    await clock.advance(3600)

    await applying.look("auth.login", 200, is_apart=True)
    await applying.look("master.list_timezones", 200)
    await applying.look("insertion_orders.list", 0, 429, 200)
    await journal.begin_run("spring.csv")
    applying.write_down()
    await clock.advance(2)
    await journal.record(lost, {"lost-1": Adopted(504)})
    await _orders(applying)
    await _campaigns(applying)
    await _changes(applying)
    for _ in range(2):
        await applying.look("campaigns.get", 200)
    applying.write_down()
    await clock.advance(12)
    await journal.end_run("failed")
    await clock.advance(60)
    await journal.aclose()
    return clock


async def _create(applying: Applying, key: str, budget: Decimal, outcome: Outcome | None, *statuses: int | None) -> int:
    fields = {"campaign_name": f"Spring {key}", "budget_total": budget, "max_bid": Decimal("2.50")}
    outcomes = {} if outcome is None else {key: outcome}
    return await applying.request(
        "campaigns.create",
        CAMPAIGN,
        {key: fields},
        outcomes,
        *(statuses or (200,)),
        creates=True,
        campaignName=f"Spring {key}",
        budgetTotal=float(budget),
        password=SECRET,
    )


async def _orders(applying: Applying) -> None:
    for number in range(1, 6):
        key = f"order-{number}"
        outcome: Outcome = Refused("400: endTime must be after startTime") if number == 5 else Done(900 + number)
        await applying.request(
            "insertion_orders.create",
            ORDER,
            {key: {"io_name": key, "io_total_budget": Decimal(10000)}},
            {key: outcome},
            400 if number == 5 else 200,
            creates=True,
            ioName=key,
        )


async def _campaigns(applying: Applying) -> None:
    for number in range(1, CAMPAIGNS + 1):
        key, budget = f"row-{number}", Decimal(100 + number)
        match number:
            case 7:
                await _create(applying, EVIL, budget, Refused("422: creative 17 <b>is not approved</b>"), 422)
            case 11:
                await _create(applying, FORMULA, budget, Done(1000 + number), 429, 200)
            case 23:
                await _create(applying, key, budget, Withdrawn("the connection was refused"), 0)
            case 30:
                lost = await _create(applying, key, budget, None, None)
                await applying.journal.record(lost, {key: applying.unknown("timed out after 30 s")})
                await applying.journal.record(lost, {key: Adopted(1000 + number)})
            case 41:
                lost = await _create(applying, key, budget, None, None)
                await applying.journal.record(lost, {key: applying.unknown("connection reset by peer")})
            case 52:
                lost = await _create(applying, key, budget, None, 502)
                await applying.journal.record(lost, {key: applying.unknown("502 Bad Gateway")})
                await applying.journal.record(lost, {key: Absent("looked for twice", "Ada")})
                await _create(applying, key, budget, Done(1000 + number))
            case _:
                await _create(applying, key, budget, Done(1000 + number), *((429, 200) if number == 12 else ()))


async def _changes(applying: Applying) -> None:
    async def budget(key: str, amount: Any, outcome: Outcome, *statuses: int) -> None:
        values = {"budget_total": amount}
        await applying.request("campaigns.update_budget", CAMPAIGN, {key: values}, {key: outcome}, *statuses or (200,))

    await budget("old-1", Decimal("1500.25"), Done())
    await budget("old-2", Decimal(1800), Done())
    await budget("old-3", Decimal(9000), Refused("409: the campaign has expired"), 409)
    await budget("bound", Decimal(400), Done())
    await budget("row-1", Decimal("121.50"), Done())
    running = {f"row-{number}": {"status": "RUNNING"} for number in range(1, 23) if number not in (7, 11)}
    outcomes: dict[str, Outcome] = {key: Done() for key in running}
    outcomes["row-3"] = Absent("read back: it is PAUSED, not RUNNING")
    lost = await applying.request("campaigns.update_status", CAMPAIGN, running, {}, 200, campaignIds=[*range(1, 23)])
    await applying.journal.record(lost, {"row-3": applying.unknown("in neither list of the answer")})
    await applying.journal.record(lost, outcomes)
