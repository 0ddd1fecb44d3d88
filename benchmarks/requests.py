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
SPEED: Final = 10.0
APPROVAL: Final = 40.0
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
    spare: int = 0
    """Requests that are sent beyond the least, for a reason."""


def measure(share: int = 1) -> Section:
    """`share` is the part of the flights with which the jobs are only seen to run."""
    jobs = asyncio.run(_jobs(share))
    return Section(
        title="Requests of five jobs",
        header=("job", "naive", "adflight", "provable minimum"),
        rows=[(job.name, f"{job.naive:,}", f"{job.ours:,}", f"{job.least:,}") for job in jobs],
        goals=[at_most(f"requests beyond the minimum: {job.name}", job.ours - job.least, job.spare) for job in jobs],
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


async def _jobs(share: int) -> list[Job]:
    return [
        await _launch(10, 20 // share),
        await _budgets(20, 50 // share),
        await _extend(500 // share),
        await _wait(10, 30 // share),
        await _unchanged(100, 20 // share),
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


async def _launch(orders: int, per_order: int) -> Job:
    objects = orders + orders * per_order

    async def job(account: _Account) -> Job:
        ours = await account.counted(account.apply(rows(orders, per_order)))
        return Job(
            f"launch {orders * per_order} campaigns in {orders} orders",
            2 * objects,
            "each name is searched for, then created",
            ours,
            1 + objects,
            "one look for what may bear the names, and a create for each object: IQM has none in bulk",
        )

    return await _on_an_account(job)


async def _budgets(orders: int, per_order: int) -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(orders, per_order)
        await account.apply(flights)
        for number, row in enumerate(flights):
            row["budget_total"] = f"{1100 + 100 * (number % 5)}.00"
        ours = await account.counted(account.apply(flights))
        return Job(
            f"set five different budgets on {len(flights):,} campaigns",
            2 * len(flights),
            "each campaign is read, then updated",
            ours,
            2 + 5,
            "one page of campaigns and one of insertion orders are read, and one bulk update sets one value",
        )

    return await _on_an_account(job)


async def _extend(orders: int) -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(orders, 1)
        await account.apply(flights)
        for row in flights:
            row["io_end_time"] = (START + timedelta(days=67)).isoformat()
        ours = await account.counted(account.apply(flights))
        return Job(
            f"extend {orders} orders by a week",
            2 * orders,
            "each insertion order is read, then updated",
            ours,
            2 + 1,
            "one page of insertion orders and one of their campaigns are read, and one bulk update sets one end; its "
            "answer names no insertion order, so we read them once more",
            spare=1,
        )

    return await _on_an_account(job)


async def _wait(orders: int, per_order: int) -> Job:
    async def job(account: _Account) -> Job:
        await account.apply(rows(orders, per_order))
        ids = [row["id"] for row in account.sandbox.ask("objects", "campaign")]
        polls = 0

        def count(_: str) -> None:
            nonlocal polls
            polls += 1

        iqm = account.iqm
        waits = [iqm.wait_until(id_, timeout=600, on_poll=count if id_ == ids[-1] else None) for id_ in ids]
        ours = await account.counted(asyncio.gather(*waits))
        return Job(
            f"wait until {len(ids)} campaigns run",
            len(ids) * polls,
            "each campaign is read at each poll",
            ours,
            polls,
            "a page of 1,000 campaigns shows all of them at each poll",
        )

    return await _on_an_account(job)


async def _unchanged(orders: int, per_order: int) -> Job:
    async def job(account: _Account) -> Job:
        flights = rows(orders, per_order)
        await account.apply(flights)
        ours = await account.counted(account.apply(flights))
        return Job(
            f"re-apply an unchanged file of {len(flights):,} rows",
            orders + len(flights),
            "each object is read",
            ours,
            1 + -(-len(flights) // 1000),
            "all campaigns are read, in pages of 1,000, and all insertion orders",
        )

    return await _on_an_account(job)


if __name__ == "__main__":
    print(measure())
