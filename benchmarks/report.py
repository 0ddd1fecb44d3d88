"""Figures as Markdown, each goal beside its figure."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from attrs import field, frozen


@frozen
class Goal:
    figure: str
    value: float
    bound: str
    met: bool

    def __str__(self) -> str:
        return f"{self.figure}: {ratio(self.value)}, goal {self.bound}: {'met' if self.met else '**not met**'}"


def at_least(figure: str, value: float, bound: float) -> Goal:
    return Goal(figure, value, f"≥ {bound:g}", value >= bound)


def at_most(figure: str, value: float, bound: float) -> Goal:
    return Goal(figure, value, f"≤ {bound:g}", value <= bound)


def ratio(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"


@frozen
class Section:
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    notes: list[str] = field(factory=list)

    def __str__(self) -> str:
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)], *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        goals = "\n".join(f"- {goal}" for goal in self.goals)
        return "\n\n".join(filter(None, [f"## {self.title}", table, goals, *self.notes]))


def report(sections: Iterable[Section], command: str, took: float) -> str:
    sections = list(sections)
    goals = [goal for section in sections for goal in section.goals]
    summary = f"{sum(goal.met for goal in goals)} of {len(goals)} goals met"
    missed = [f"- {goal}" for goal in goals if not goal.met]
    return "\n\n".join(
        [
            "# Results of the benchmarks",
            f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, in {took:.0f} s, on {machine()}. "
            "Client and server share the machine, perhaps with others: read the figures as ratios.",
            "\n".join([f"{summary}{':' if missed else '.'}", *([""] if missed else []), *missed]),
            *map(str, sections),
        ]
    )


def machine() -> str:
    """What the figures depend on, and nothing that names the machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "httpx", "orjson", "openapi-python-client"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kind = f"{platform.system()} {platform.machine()}"
    processor = next((f" ({model})" for model in _models()), "")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores of {kind}{processor}, {python}, {packages}"


def _models() -> Iterable[str]:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip() != "unknown":
                yield value.strip()
