"""Planning and applying files of flights, against the sandbox in a process of its own, the client in another.

python -m benchmarks.flights_scale [COUNT ...]       a table, at 1,000, 10,000 and 100,000 rows unless told otherwise
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from adflight.core.quota import Quota
from adflight.flights.events import Began, Ended
from adflight.flights.planning import Plan, plan
from benchmarks import flights_file
from benchmarks.memory import resident
from benchmarks.report import Section, at_most, ratio
from benchmarks.sandbox import ROOT, FastClock, SandboxProcess, client

COUNTS = (1_000, 10_000, 100_000)
LIMIT = 300
"""MiB of the whole process."""
QUOTA = (20, 60.0)
SPEED = 10.0
"""Of the clocks where the quota is measured: its minute passes in six seconds."""


class Stage(NamedTuple):
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of the client's process."""
    service: float
    """Seconds of the sandbox's."""
    requests: int
    resident: float
    """MiB at the peak so far."""


class Reading(NamedTuple):
    plan: Stage
    """Of a file of which nothing exists."""
    apply: Stage
    plan_again: Stage
    """Of the same file, when all of it exists."""


class Bound(NamedTuple):
    writes: int
    bound: float
    """Sandbox seconds."""
    took: float
    refused: int
    """With 429."""


def measure(counts: tuple[int, ...] = COUNTS) -> Section:
    """Plans, applies and plans again a file of each size."""
    rows = []
    readings: dict[int, Reading] = {}
    for count in counts:
        print(f"{count:,} flights ...", file=sys.stderr, flush=True)
        readings[count] = reading = _read(count)
        for name, stage in zip(("plan", "apply", "plan again"), reading, strict=True):
            rows.append(
                (
                    f"{count:,}, {name}",
                    f"{count / stage.wall:,.0f}",
                    f"{1e3 * stage.cpu / count:.3f}",
                    f"{1e3 * stage.service / count:.3f}",
                    f"{stage.requests:,}",
                    f"{stage.resident:.0f}",
                )
            )
    small, large = readings[counts[-2]], readings[counts[-1]]
    times = counts[-1] / counts[-2]
    goals = [at_most(f"resident peak at {counts[-1]:,} rows, in MiB", large.plan_again.resident, LIMIT)]
    for name, one, other in zip(("plan", "apply", "plan again"), small, large, strict=True):
        goals.append(at_most(f"CPU a row of {name} at {times:g} x the rows", other.cpu / times / one.cpu, 1.2))
        goals.append(at_most(f"time a row of {name} at {times:g} x the rows", other.wall / times / one.wall, 1.2))
    return Section(
        title="Flights: plan and apply",
        header=(
            "rows, what",
            "rows/s",
            "CPU ms/row",
            "sandbox CPU ms/row",
            "requests",
            "peak resident MiB",
        ),
        rows=rows,
        goals=goals,
        notes=[
            f"A CSV file with 17 columns, {flights_file.PER_ORDER} flights an insertion order, the quota off, "
            "50 requests in flight; every intent and every outcome is on the disk before the next step. Each size in a "
            "fresh process, and the sandbox in another: where its CPU is the larger one, it is what is waited for."
        ],
    )


def measure_quota(flights: int = 190, speed: float = SPEED) -> Section:
    """How close an apply comes to the time that the quota allows at best; clocks run `speed` times as fast."""
    found = _at_quota(flights, speed)
    return Section(
        title="Flights: an apply at the quota",
        header=("writes", "quota", "bound s", "took s", "x bound", "429"),
        rows=[
            (
                str(found.writes),
                f"{QUOTA[0]} in {QUOTA[1]:g} s",
                f"{found.bound:.0f}",
                f"{found.took:.1f}",
                ratio(found.took / found.bound),
                str(found.refused),
            )
        ],
        goals=[
            at_most("wall time of an apply, x the quota's bound", found.took / found.bound, 1.02),
            at_most("answers 429 to an apply", found.refused, 0),
        ],
        notes=[
            f"The sandbox with IQM's own quota; its minute and the client's pass in {60 / speed:g} s. From an empty "
            "window, as after a pause between plan and apply."
        ],
    )


def _read(count: int) -> Reading:
    with tempfile.TemporaryDirectory() as directory, SandboxProcess(quota=None) as sandbox:
        path = Path(directory) / "flights.csv"
        flights_file.write(path, count)
        command = [sys.executable, "-m", "benchmarks.flights_scale", "--work", sandbox.url, str(path)]
        working = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert working.stdin is not None and working.stdout is not None
        stages = []
        cpu, requests = sandbox.ask("cost")[0], 0
        for _ in Reading._fields:
            working.stdin.write("go on\n")
            working.stdin.flush()
            line = working.stdout.readline()
            if not line:
                raise AssertionError(f"the client has died: {working.wait()}")
            wall, own, peak = json.loads(line)
            now, total = sandbox.ask("cost")[0], sandbox.ask("counts")["requests"]
            stages.append(Stage(wall, own, now - cpu, total - requests, peak))
            cpu, requests = now, total
        working.communicate()
        made = len(sandbox.ask("objects", "campaign"))
        if made != count:
            raise AssertionError(f"{made} campaigns instead of {count}")
        return Reading(*stages)


def _at_quota(flights: int, speed: float) -> Bound:
    clock = FastClock.now(speed)
    with tempfile.TemporaryDirectory() as directory, SandboxProcess(clock=clock, quota=QUOTA) as sandbox:
        path = Path(directory) / "flights.csv"
        flights_file.write(path, flights)
        return asyncio.run(_apply_at_quota(sandbox, clock, path))


async def _apply_at_quota(sandbox: SandboxProcess, clock: FastClock, path: Path) -> Bound:
    async with client(sandbox.url, clock=clock, quota=Quota(*QUOTA)) as iqm:
        planned = await plan(path, iqm, directory=path.parent)
        # what was read leaves the window
        await clock.sleep(1.1 * QUOTA[1])
        start = clock.monotonic()
        async for event in planned.apply(directory=path.parent):
            match event:
                case Began(writes=writes):
                    pass
                case Ended(how=how, reason=reason):
                    if how != "complete":
                        raise AssertionError(f"{how}: {reason}")
        took = clock.monotonic() - start
        planned.close()
    refused = sandbox.ask("counts")["answers"].get("429", 0)
    return Bound(writes, (writes - 1) // QUOTA[0] * QUOTA[1], took, refused)


# the client's process


async def _work(url: str, path: Path) -> None:
    async with client(url) as iqm:
        planned = await _stage(plan(path, iqm, directory=path.parent))
        await _stage(_apply(planned, path.parent))
        planned.close()
        again = await _stage(plan(path, iqm, directory=path.parent))
        if not again.is_empty:
            raise AssertionError(f"applying it again would do something: {again.totals}")
        again.close()


async def _stage(work: Any) -> Any:
    await asyncio.to_thread(sys.stdin.readline)
    wall, cpu = time.perf_counter(), _cpu()
    result = await work
    print(json.dumps([time.perf_counter() - wall, _cpu() - cpu, resident()]), flush=True)
    return result


async def _apply(planned: Plan, directory: Path) -> None:
    async for event in planned.apply(directory=directory):
        if isinstance(event, Ended) and event.how != "complete":
            raise AssertionError(f"{event.how}: {event.reason}")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(_work(sys.argv[2], Path(sys.argv[3])))
    else:
        print(measure(tuple(map(int, sys.argv[1:])) or COUNTS))
        print()
        print(measure_quota())
