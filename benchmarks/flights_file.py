"""How quickly a file of flights is read and checked, and in how much memory: each reading in a process of its own.

python -m benchmarks.flights_file [COUNT ...]        a table, at 1,000, 10,000 and 100,000 rows unless told otherwise
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from adflight.flights import read_flights
from benchmarks.memory import resident
from benchmarks.report import Section, at_most

ROOT = Path(__file__).resolve().parent.parent
COUNTS = (1_000, 10_000, 100_000)
PER_ORDER = 20
LIMIT = 300
"""MiB of the whole process."""


class Reading(NamedTuple):
    checked: float
    """Seconds to read, check and stage all rows."""
    read_again: float
    """Seconds to go through the staged flights."""
    resident: float
    """MiB at the peak."""


def measure(counts: tuple[int, ...] = COUNTS) -> Section:
    """Reads a CSV file of each size."""
    rows = []
    readings = {}
    with tempfile.TemporaryDirectory() as directory:
        for count in counts:
            path = Path(directory) / f"{count}.csv"
            write(path, count)
            readings[count] = reading = _run(path)
            speeds = (f"{count / seconds:,.0f}" for seconds in (reading.checked, reading.read_again))
            rows.append((f"{count:,}", f"{path.stat().st_size / 1024**2:.1f}", *speeds, f"{reading.resident:.0f}"))
    small, large = readings[counts[0]], readings[counts[-1]]
    times = counts[-1] / counts[0]
    return Section(
        title="A file of flights",
        header=("rows", "MiB", "checked rows/s", "read again rows/s", "peak resident MiB"),
        rows=rows,
        goals=[
            at_most(f"resident peak at {counts[-1]:,} rows, in MiB", large.resident, LIMIT),
            at_most(f"time a row at {times:g} x the rows", large.checked / times / small.checked, 1.2),
        ],
        notes=[f"CSV with 17 columns, {PER_ORDER} flights an insertion order, rows of the orders interleaved."],
    )


def write(path: Path, count: int) -> None:
    """Writes a file of so many flights."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows(_rows(count))


def _rows(count: int) -> Iterator[tuple[object, ...]]:
    yield (
        *(
            "key",
            "io_name",
            "io_start_time",
            "io_end_time",
            "io_timezone_id",
            "campaign_name",
            "start_time",
            "end_time",
        ),
        *("timezone", "budget_total", "budget_day", "max_bid", "creative_type", "creative_ids", "advertiser_domain"),
        *("country_id", "is_agreement_checked"),
    )
    orders = max(1, count // PER_ORDER)
    for number in range(count):
        start, end = f"2027-03-{1 + number % 28:02}T09:00-05:00", f"2027-05-{1 + number % 28:02}T00:00-04:00"
        yield (
            *(f"flight-{number}", f"Order {number % orders}", "2027-03-01T00:00-05:00", "2027-06-01T00:00-04:00"),
            *("US/Eastern", f"Campaign {number}", start, end, "29", f"{100 + number % 900}.50", "25.00", "2.25"),
            *("IMAGE", f"{676384 + number}, 676383", "https://brand.example.com", "30100001", "yes"),
        )


def _run(path: Path) -> Reading:
    command = [sys.executable, "-m", "benchmarks.flights_file", "--read", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return Reading(*json.loads(done.stdout))


def _read(path: str) -> Reading:
    start = time.perf_counter()
    with read_flights(path) as flights:
        checked = time.perf_counter()
        count = sum(1 for _ in flights)
        if count != len(flights):
            raise AssertionError(f"{count} instead of {len(flights)}")
        return Reading(checked - start, time.perf_counter() - checked, resident())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(_read(sys.argv[2])))
    else:
        print(measure(tuple(map(int, sys.argv[1:])) or COUNTS))
