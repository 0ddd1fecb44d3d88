"""What settling left open, before a plan: in full what the file is about, and of the rest how much there is.

Imports the journal and `progress`; used by `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.text import Text

from adflight.cli.progress import line_of
from adflight.cli.terminal import counted, plain
from adflight.flights.entries import OpenIntent, Run
from adflight.flights.events import Settled
from adflight.flights.platform import CAMPAIGN, ORDER, Platform
from adflight.flights.reading import Flights
from adflight.flights.scheduling import Object

SHOWN: Final = 3
"""Lines of each sort: these are about what was sent before, and the plan comes next."""


def unclear_lines(
    unclear: Sequence[Settled],
    flights: Flights,
    platform: Platform,
    *,
    open_: Iterable[OpenIntent],
    runs: Iterable[Run],
    to_see: str,
) -> Iterator[Text]:
    """The lines to print; `to_see` is the command that shows all of it."""
    objects = {(one.kind, one.key) for one in unclear}
    ours = objects & {*_objects(flights, platform)}
    told = [line for one in unclear if (one.kind, one.key) in ours and (line := line_of(one)) is not None]
    yield from told[:SHOWN]
    if len(told) > SHOWN:
        yield Text(f"and {len(told) - SHOWN:,} more of this file", style="dim")
    requests: dict[int, set[int]] = {}
    for intent in open_:
        if (intent.kind, intent.key) in objects - ours:
            requests.setdefault(intent.run, set()).add(intent.intent)
    files = {run.id: run.file for run in runs}
    for run, of_run in [*requests.items()][:SHOWN]:
        have = "has" if len(of_run) == 1 else "have"
        what = f"{counted(len(of_run), 'request')} of {plain(files[run])} (run {run}) {have} no outcome"
        yield Text(f"{what}, and nothing to do with this file", style="yellow")
    if len(requests) > SHOWN:
        yield Text(f"and those of {counted(len(requests) - SHOWN, 'more run')}", style="yellow")
    if requests or len(told) > SHOWN:
        yield Text(f"All without an outcome: {to_see}", style="dim")


def _objects(flights: Flights, platform: Platform) -> Iterator[Object]:
    kind = ORDER if platform.columns.flight_name is None else CAMPAIGN
    yield from ((kind, flight.key) for flight in flights)
    yield from ((ORDER, order.key) for order in flights.orders())
