"""How long a fresh interpreter takes to import things, its own start not counted, and the command line to help."""

from __future__ import annotations

import subprocess
import sys
import time

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


_NOTHING = (sys.executable, "-c", "pass")
_ADFLIGHT = (sys.executable, "-c", "from adflight.cli import main; main()")
_COMMANDS = {
    "python -c pass": _NOTHING,
    "adflight --help": (*_ADFLIGHT, "--help"),
    "adflight call --help": (*_ADFLIGHT, "call", "--help"),
    "adflight call iqm campaigns get --help": (*_ADFLIGHT, "call", "iqm", "campaigns", "get", "--help"),
}


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


def measure_help(scale: Scale) -> Section:
    best = dict.fromkeys(_COMMANDS, float("inf"))
    for _ in range(scale.imports):
        for name, command in _COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            best[name] = min(best[name], time.perf_counter() - start)
    nothing = best["python -c pass"]
    goals = [name for name in _COMMANDS if name.endswith("--help")]
    return Section(
        title="Help",
        header=("command", "ms", "x python -c pass"),
        rows=[(name, f"{seconds * 1e3:.0f}", ratio(seconds / nothing)) for name, seconds in best.items()],
        goals=[at_most(f"{name}, ms", best[name] * 1e3, 200) for name in goals],
        notes=[f"Best of {scale.imports} runs each, taking turns, the interpreter's start and end included."],
    )


def _seconds(statement: str) -> float:
    done = subprocess.run([sys.executable, "-c", _TIMED.format(statement)], check=True, capture_output=True, text=True)
    return float(done.stdout)
