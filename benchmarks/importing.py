"""How long a fresh interpreter takes to import things, its own start not counted."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.report import Section, at_most, ratio
from benchmarks.scale import Scale

_CLIENT = "from adflight import IQM; IQM(client_id='a', client_secret='b', email='c', password='d')"
_WAYS = {
    "import httpx": "import httpx",
    "import aiohttp": "import aiohttp",
    "import adflight": "import adflight",
    "import adflight, and aiohttp, which the first call imports": "import adflight, aiohttp",
    "from adflight import IQM, client built": f"import asyncio\nasync def main(): {_CLIENT}\nasyncio.run(main())",
}
_TIMED = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def measure(scale: Scale) -> Section:
    best = dict.fromkeys(_WAYS, float("inf"))
    for _ in range(scale.imports):
        for name, statement in _WAYS.items():
            best[name] = min(best[name], _seconds(statement))
    httpx = best["import httpx"]
    return Section(
        title="Importing",
        header=("statement", "ms", "x import httpx"),
        rows=[(name, f"{seconds * 1e3:.0f}", ratio(seconds / httpx)) for name, seconds in best.items()],
        goals=[at_most("import adflight, x import httpx", best["import adflight"] / httpx, 1.5)],
        notes=[f"Best of {scale.imports} fresh interpreters each, taking turns; their own start is not counted."],
    )


def _seconds(statement: str) -> float:
    done = subprocess.run([sys.executable, "-c", _TIMED.format(statement)], check=True, capture_output=True, text=True)
    return float(done.stdout)
