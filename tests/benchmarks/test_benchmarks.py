"""The harness runs from end to end, and says what it means. What it measures is no matter for tests."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import flights_file
from benchmarks.contenders import ADFLIGHT, ADFLIGHT_HTTPX, AIOHTTP, HTTPX, STOCK
from benchmarks.report import Section, at_least, at_most, report

ROOT = Path(__file__).resolve().parent.parent.parent


def test_everything_is_measured_and_written(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--results", str(results)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    text = results.read_text(encoding="utf-8")

    assert done.stdout == text
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    core = ["Creating insertion orders, 2 in flight", "Decoding", "Quota", "Journal", "Importing", "Help", "Memory"]
    of_flights = ["Flights: plan and apply", "Flights: an apply at the quota", "Requests of five jobs"]
    assert titles == core + of_flights
    assert "| re-apply an unchanged file of 200 rows | 300 | 2 | 2 |" in text
    for client in (ADFLIGHT, ADFLIGHT_HTTPX, AIOHTTP, HTTPX, STOCK):
        assert f"| {client} |" in text
    assert "answers 429: 0, goal ≤ 0: met" in text
    assert "`python -m benchmarks --smoke`" in text
    assert platform.node() not in text
    assert str(ROOT) not in text and str(Path.home()) not in text


def test_each_goal_stands_beside_its_figure() -> None:
    goals = [at_least("speed", 0.75, 0.8), at_most("time", 1.5, 1.5)]
    section = Section(title="Things", header=("thing", "ms"), rows=[("first", "1")], goals=goals, notes=["A note."])
    assert str(section) == (
        "## Things\n\n| thing | ms |\n| --- | ---: |\n| first | 1 |\n\n"
        "- speed: 0.75, goal ≥ 0.8: **not met**\n- time: 1.50, goal ≤ 1.5: met\n\nA note."
    )
    text = report([section], "a command", 1.0)
    assert "1 of 2 goals met:\n\n- speed: 0.75" in text


@pytest.mark.parametrize(("bound", "met"), [(0.8, True), (0.81, False)])
def test_a_goal_is_met_at_its_bound(bound: float, met: bool) -> None:
    assert at_least("figure", 0.8, bound).met is met
    assert at_most("figure", bound, 0.8).met is met


def test_a_file_of_flights_is_measured() -> None:
    section = flights_file.measure((20, 40))
    assert [row[0] for row in section.rows] == ["20", "40"]
    assert "resident peak at 40 rows" in str(section)
    assert section.goals[0].met
