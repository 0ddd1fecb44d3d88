"""How much more memory ten times the rows take: each reading in a process of its own, which this module also is.

python -m benchmarks.memory pager|map URL COUNT [traced]
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

from adflight import IQM
from benchmarks import payloads
from benchmarks.report import Section, at_most
from benchmarks.scale import Scale
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parent.parent
FLAT = 1.1
"""At most so much of the small reading's memory may the large one take."""


class Peak(NamedTuple):
    """In MiB."""

    resident: float
    """Of the whole process, interpreter and modules included."""
    traced: float
    """Of what Python allocated while it read; 0 when that was not traced, which slows everything down."""


def measure(scale: Scale) -> Section:
    rows = []
    goals = []
    with Server(payloads.answers(), rows=payloads.rows()) as server:
        for kind, title, counts in (
            ("pager", "rows through the pager", scale.rows),
            ("map", "outcomes of iqm.map over an endless generator", scale.items),
        ):
            small, large = (_peak(kind, server.url, count) for count in counts)
            for count, peak in zip(counts, (small, large), strict=True):
                rows.append((f"{count:,} {title}", f"{peak.resident:.1f}", f"{peak.traced:.2f}"))
            times = counts[1] // counts[0]
            goals.append(at_most(f"resident peak at {times} x the {title}", large.resident / small.resident, FLAT))
            goals.append(at_most(f"traced peak at {times} x the {title}", large.traced / small.traced, FLAT))
    return Section(
        title="Memory",
        header=("reading", "peak resident MiB", "peak traced MiB"),
        rows=rows,
        goals=goals,
        notes=[
            "Each reading in two fresh processes, one of them traced by tracemalloc; pages of 1,000 insertion orders."
        ],
    )


def _peak(kind: str, url: str, count: int) -> Peak:
    resident, traced = (_run(kind, url, str(count), *tracing) for tracing in ((), ("traced",)))
    return Peak(resident.resident, traced.traced)


def _run(*arguments: str) -> Peak:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *arguments], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return Peak(*json.loads(done.stdout))


async def _read(kind: str, url: str, count: int) -> None:
    async with payloads.client(url) as iqm:
        # what the first call imports and opens is not what is asked about
        await payloads.create(iqm)
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        seen = 0
        async for _ in _rows(iqm, count) if kind == "pager" else _outcomes(iqm, count):
            seen += 1
        if seen != count:
            raise AssertionError(f"{seen} instead of {count}")


def _rows(iqm: IQM, count: int) -> AsyncIterator[Any]:
    return aiter(iqm.insertion_orders.list(search=str(count)))


async def _outcomes(iqm: IQM, count: int) -> AsyncIterator[Any]:
    async def create(number: int) -> Any:
        return await payloads.create(iqm, f"Order {number}")

    async with aclosing(iqm.map(create, itertools.count(), concurrency=100)) as outcomes:
        for _ in range(count):
            outcome = await anext(outcomes)
            yield outcome.result()


def resident() -> float:
    """The peak of this process, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # the other figure may be our parent's, from before this program was started
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _main(kind: str, url: str, count: str, *tracing: str) -> None:
    if tracing:
        tracemalloc.start()
    asyncio.run(_read(kind, url, int(count)))
    traced = tracemalloc.get_traced_memory()[1] / 1024**2 if tracing else 0.0
    print(json.dumps(Peak(resident(), traced)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
