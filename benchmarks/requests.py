"""How many requests five jobs take: as a script sends them, as we do, and at the least.

python -m benchmarks.requests
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from adflight import IQM
from adflight.flights.events import Ended
from adflight.flights.planning import plan
from benchmarks.report import Section, at_most
from benchmarks.sandbox import FastClock, SandboxProcess, client

Row: TypeAlias = dict[str, str]

START: Final = datetime(2027, 3, 1, 14, tzinfo=UTC)
SPEED: Final = 60.0
APPROVAL: Final = 60.0
"""Sandbox seconds until a campaign runs."""
POLL: Final = 12.0
"""Seconds between two polls: what IQM's quota makes of it."""


class Job(NamedTuple):
    name: str
    naive: int
    naively: str
    ours: int
    least: int
    why: str


def measure() -> Section:
    jobs = asyncio.run(_jobs())
    return Section(
        title="Requests of five jobs",
        header=("job", "naive", "adflight", "provable minimum"),
        rows=[(job.name, f"{job.naive:,}", f"{job.ours:,}", f"{job.least:,}") for job in jobs],
        goals=[at_most(f"requests beyond the minimum: {job.name}", job.ours - job.least, 0) for job in jobs],
        notes=[
            "Log-ins are not counted: one serves for ten hours, whoever sends it. Counted by the sandbox, reads "
            "included. Every job but the wait begins with what is live, because nothing is bought or changed unseen.",
            "\n".join(f"- {job.name}: naively {job.naively}; at the least {job.why}." for job in jobs),
        ],
    )


def rows(orders: int, per_order: int) -> list[Row]:
    """Flights, alike but for their names."""
    return [
        {
            "key": f"flight-{order}-{number}",
            "io_name": f"Order {order}",
            "io_start_time": START.isoformat(),
            "io_end_time": (START + timedelta(days=60)).isoformat(),
            "io_timezone_id": "29",
            "campaign_name": f"Flight {order}-{number}",
            "start_time": START.isoformat(),
            "end_time": (START + timedelta(days=50)).isoformat(),
            "timezone": "29",
            "budget_total": "1000.00",
            "budget_day": "25.00",
            "max_bid": "2.25",
            "creative_type": "IMAGE",
            "creative_ids": "676384",
            "advertiser_domain": "https://brand.example.com",
            "country_id": "30100001",
            "is_agreement_checked": "yes",
        }
        for order in range(orders)
        for number in range(per_order)
    ]


async def _jobs() -> list[Job]:
    return [
        await _launch(),
        await _budgets(),
        await _extend(),
        await _wait(),
        await _unchanged(),
    ]


class _Account:
    """A sandbox of its own for each job, and what it was sent."""

    def __init__(self, sandbox: SandboxProcess, iqm: IQM, directory: Path) -> None:
        self.sandbox = sandbox
        self.iqm = iqm
        self.directory = directory

    async def apply(self, flights: list[Row]) -> None:
        with await plan(flights, self.iqm, directory=self.directory, label="flights.csv") as planned:
            async for event in planned.apply(directory=self.directory):
                if isinstance(event, Ended) and event.how != "complete":
                    raise AssertionError(f"{event.how}: {event.reason}")

    async def counted(self, work: Awaitable[Any]) -> int:
        before = self._requests()
        await work
        return self._requests() - before

    def _requests(self) -> int:
        counts = self.sandbox.ask("counts")
        return int(counts["requests"]) - int(counts["operations"].get("auth_login", 0))


async def _on_an_account(job: Callable[[_Account], Awaitable[Job]]) -> Job:
    clock = FastClock.now(SPEED)
    with (
        tempfile.TemporaryDirectory() as directory,
        SandboxProcess(clock=clock, quota=None, approval_delay=APPROVAL) as sandbox,
    ):
        async with client(sandbox.url, clock=clock, poll_every=POLL) as iqm:
            return await job(_Account(sandbox, iqm, Path(directory)))


async def _launch() -> Job:
    async def job(account: _Account) -> Job:
        ours = await account.counted(account.apply(rows(10, 20)))
        return Job(
            "launch 200 campaigns in 10 orders",
            2 * 210,
            "each name is searched for, then created",
            ours,
            1 + 210,
            "one look for what may bear the names, and one create for each of 210 objects: IQM has no bulk create",
        )

    return await _on_an_account(job)


async def _budgets() -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(20, 50)
        await account.apply(flights)
        for number, row in enumerate(flights):
            row["budget_total"] = f"{1100 + 100 * (number % 5)}.00"
        ours = await account.counted(account.apply(flights))
        return Job(
            "set five different budgets on 1,000 campaigns",
            2 * 1000,
            "each campaign is read, then updated",
            ours,
            2 + 5,
            "one page of campaigns and one of insertion orders are read, and one bulk update sets one value",
        )

    return await _on_an_account(job)


async def _extend() -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(500, 1)
        await account.apply(flights)
        for row in flights:
            row["io_end_time"] = (START + timedelta(days=67)).isoformat()
        ours = await account.counted(account.apply(flights))
        return Job(
            "extend 500 orders by a week",
            2 * 500,
            "each insertion order is read, then updated",
            ours,
            2 + 1,
            "one page of insertion orders and one of their campaigns are read, and one bulk update sets one end",
        )

    return await _on_an_account(job)


async def _wait() -> Job:
    async def job(account: _Account) -> Job:
        await account.apply(rows(10, 30))
        ids = [row["id"] for row in account.sandbox.ask("objects", "campaign")]
        polls = 0

        def count(_: str) -> None:
            nonlocal polls
            polls += 1

        iqm = account.iqm
        waits = [iqm.wait_until(id_, timeout=600, on_poll=count if id_ == ids[-1] else None) for id_ in ids]
        ours = await account.counted(asyncio.gather(*waits))
        return Job(
            "wait until 300 campaigns run",
            300 * polls,
            "each campaign is read at each poll",
            ours,
            polls,
            "a page of 1,000 campaigns shows all of them at each poll",
        )

    return await _on_an_account(job)


async def _unchanged() -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(100, 20)
        await account.apply(flights)
        ours = await account.counted(account.apply(flights))
        return Job(
            "re-apply an unchanged file of 2,000 rows",
            2100,
            "each object is read",
            ours,
            3,
            "2,000 campaigns are two pages of 1,000, and their insertion orders one",
        )

    return await _on_an_account(job)


if __name__ == "__main__":
    print(measure())
