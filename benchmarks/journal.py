"""What it costs to write down a create before it is sent, and its outcome after: one by one, and together."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Done, Intent, Part
from adflight.flights.journal import Journal
from benchmarks.report import Section, at_most
from benchmarks.scale import Scale

GROUPS: Final = (1, 20, 200)
BODY: Final = {f"field{number}": number if number % 2 else f"value {number}" for number in range(30)}
SENT: Final = RedactedRequest("POST", "https://api.example.com/api/v2/cmp/campaigns/add", {}, BODY)


class Cost(NamedTuple):
    """Microseconds a row."""

    wall: float
    cpu: float


async def measure(scale: Scale) -> Section:
    rows = []
    wall: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as directory:
        for group in GROUPS:
            bare = _bare(Path(directory) / f"{group}.db", group, scale.journal_groups)
            intents, outcomes = await _journal(Path(directory) / str(group), group, scale.journal_groups)
            for what, cost in (("bare row", bare), ("intent", intents), ("outcome", outcomes)):
                wall[what, group] = cost.wall
                rows.append((f"{what}, {group} at a time", f"{cost.wall:,.0f}", f"{cost.cpu:,.0f}"))
        opening = await _opening(Path(directory) / str(GROUPS[-1]))
    rows.append((f"opening a journal of {GROUPS[-1] * scale.journal_groups:,} requests", f"{opening:,.0f}", ""))
    return Section(
        title="Journal",
        header=("written durably", "us", "us CPU"),
        rows=rows,
        goals=[
            at_most(f"{what} in a group of 20, x one alone", wall[what, 20] / wall[what, 1], 0.35)
            for what in ("intent", "outcome")
        ],
        notes=[
            "Medians of groups, each on the disk before its callers go on; bare rows are 300 bytes in one table of "
            "SQLite, with no rules. An intent has a body of 30 fields. Both threads' CPU is counted."
        ],
    )


def _bare(path: Path, group: int, turns: int) -> Cost:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE rows (row TEXT)"):
            database.execute(statement)

        def write() -> None:
            database.execute("BEGIN IMMEDIATE")
            for _ in range(group):
                database.execute("INSERT INTO rows VALUES (?)", ("x" * 300,))
            database.execute("COMMIT")

        return _median([_timed(write, group) for _ in range(turns)])


async def _journal(directory: Path, group: int, turns: int) -> tuple[Cost, Cost]:
    intents, outcomes = [], []
    async with await _opened(directory) as journal:
        await journal.begin_run("digest")
        for turn in range(turns):
            keys = [f"row {turn}-{number}" for number in range(group)]
            watch = _Watch(group)
            requests = await asyncio.gather(*(journal.intend(_intent(key)) for key in keys))
            intents.append(watch.read())
            watch = _Watch(group)
            await asyncio.gather(
                *(journal.record(request, {key: Done(request)}) for key, request in zip(keys, requests, strict=True))
            )
            outcomes.append(watch.read())
    return _median(intents), _median(outcomes)


async def _opening(directory: Path) -> float:
    watch = _Watch(1)
    await (await _opened(directory)).aclose()
    return watch.read().wall


async def _opened(directory: Path) -> Journal:
    return await Journal.open("https://api.example.com", "ada@example.com", directory=directory)


def _intent(key: str) -> Intent:
    part = Part(key, {"name": key, "budget": 1000, "max_bid": 2.5}, (), {"name": key, "insertion_order": 7})
    return Intent("campaigns.create", "campaign", (part,), SENT, creates=True, settled_after=90.0)


class _Watch:
    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Cost:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Cost(1e6 * wall / self._rows, 1e6 * cpu / self._rows)


def _timed(work: Callable[[], None], rows: int) -> Cost:
    watch = _Watch(rows)
    work()
    return watch.read()


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(sorted(values)[len(costs) // 2] for values in zip(*costs, strict=True)))
