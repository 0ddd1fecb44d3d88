"""Measures everything, prints it as Markdown and writes benchmarks/RESULTS.md: `python -m benchmarks [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import decoding, flights_scale, importing, journal, memory, quota, requests, throughput, torture
from benchmarks.contenders import contenders
from benchmarks.report import Section, report
from benchmarks.scale import FULL, QUICK, SMOKE, Scale
from benchmarks.stock import stock_client

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="scale", action="store_const", const=QUICK, help="a look in about a minute")
    size.add_argument("--smoke", dest="scale", action="store_const", const=SMOKE, help="only see that everything runs")
    parser.add_argument("--results", type=Path, help="the file to write; RESULTS.md here, for a full run, unless given")
    given = parser.parse_args(arguments)
    scale: Scale = given.scale or FULL

    start = time.perf_counter()
    sections = [*asyncio.run(_measure(scale)), *_flights(scale)]
    command = "python -m benchmarks" + ("" if scale is FULL else f" --{scale.name}")
    text = report(sections, command, time.perf_counter() - start)
    print(text)
    results = given.results or (RESULTS if scale is FULL else None)
    if results is not None:
        results.write_text(f"{text}\n", encoding="utf-8")


async def _measure(scale: Scale) -> list[Section]:
    _say("generating the stock client ...")
    with stock_client() as stock:
        sections = await throughput.measure(contenders(stock), scale)
        _say("decoding ...")
        sections.append(decoding.measure(stock, scale))
    _say("quota ...")
    sections.append(await quota.measure(scale))
    _say("journal ...")
    sections.append(await journal.measure(scale))
    _say("importing ...")
    sections.append(importing.measure(scale))
    sections.append(importing.measure_help(scale))
    _say("memory ...")
    sections.append(memory.measure(scale))
    return sections


def _flights(scale: Scale) -> Iterator[Section]:
    _say("flights ...")
    yield flights_scale.measure(scale.flights)
    yield flights_scale.measure_quota(*scale.flights_at_quota)
    yield requests.measure(scale.jobs)
    if scale.torture:
        yield torture.measure(scale.torture)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
