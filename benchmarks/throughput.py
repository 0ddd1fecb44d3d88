"""Requests per second and CPU per request of all contenders, in rounds that take turns: noise meets all alike."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from benchmarks import payloads
from benchmarks.contenders import ADFLIGHT, AIOHTTP, STOCK, Call, Contender
from benchmarks.report import Section, at_least, ratio
from benchmarks.scale import Scale
from benchmarks.server import Server

GOAL_LEVEL: Final = 100
"""Requests in flight at which the goals hold."""


class Round(NamedTuple):
    requests: float
    """A second."""
    cpu: float
    """Seconds a request, of the client's process."""


Results: TypeAlias = dict[str, dict[int, Round]]
"""By contender and turn."""


async def measure(contenders: Sequence[Contender], scale: Scale) -> list[Section]:
    sections = []
    with Server(payloads.answers()) as server:
        for in_flight in scale.in_flight:
            print(f"{in_flight} in flight ...", file=sys.stderr, flush=True)
            results = await _level(contenders, server, in_flight, scale)
            sections.append(_section(in_flight, results))
        stats = await server.stats()
    turns = {len(rounds) for rounds in results.values()}
    sections[-1].notes.append(
        f"Medians of {max(turns)} turns ({min(turns)} of the slow clients); "
        "each ratio is the median of the ratios within turns. "
        f"The server's own process took {stats.cpu / stats.requests * 1e3:.3f} ms CPU a request ({stats.requests:,} of "
        "them, its start included): the clients are what is waited for as long as that is less than theirs."
    )
    return sections


async def _level(contenders: Sequence[Contender], server: Server, in_flight: int, scale: Scale) -> Results:
    results: Results = {contender.name: {} for contender in contenders}
    async with AsyncExitStack() as stack:
        calls = {
            contender.name: await stack.enter_async_context(contender.open(server.url)) for contender in contenders
        }
        ids = {name: await call() for name, call in calls.items()}
        if len(set(ids.values())) != 1:
            raise AssertionError(f"the contenders do not do the same: {ids}")
        for turn in range(scale.turns):
            # every other turn in the other direction, so that nobody always follows the same one
            for contender in contenders[:: -1 if turn % 2 else 1]:
                if contender.fast or turn % scale.slow_every == 0:
                    results[contender.name][turn] = await _round(calls[contender.name], in_flight, scale.seconds)
    return results


async def _round(call: Call, in_flight: int, seconds: float) -> Round:
    """So many loops that call until the time is over; what is under way then is waited for and counted."""
    done = 0

    async def work(end: float) -> None:
        nonlocal done
        while True:
            await call()
            done += 1
            if time.perf_counter() >= end:
                return

    # connections are made before the clock starts
    await asyncio.gather(*[call() for _ in range(in_flight)])
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*[work(start + seconds) for _ in range(in_flight)])
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Round(done / took, cpu / done)


def _times(ours: dict[int, Round], theirs: dict[int, Round]) -> float:
    """The median of the ratios within turns: what disturbs a whole turn disturbs both."""
    return median(ours[turn].requests / theirs[turn].requests for turn in ours.keys() & theirs.keys())


def _section(in_flight: int, results: Results) -> Section:
    aiohttp, stock, ours = results[AIOHTTP], results[STOCK], results[ADFLIGHT]
    return Section(
        title=f"Creating insertion orders, {in_flight} in flight",
        header=("client", "requests/s", "CPU ms/request", "x hand-written aiohttp", "x stock client"),
        rows=[
            (
                name,
                f"{median(one.requests for one in rounds.values()):,.0f}",
                f"{median(one.cpu for one in rounds.values()) * 1e3:.3f}",
                ratio(_times(rounds, aiohttp)),
                ratio(_times(rounds, stock)),
            )
            for name, rounds in results.items()
        ],
        goals=[
            at_least("requests/s of adflight, x hand-written aiohttp", _times(ours, aiohttp), 0.8),
            at_least("requests/s of adflight, x stock client", _times(ours, stock), 25),
        ]
        if in_flight == GOAL_LEVEL
        else [],
    )
