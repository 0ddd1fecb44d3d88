"""What a journal knows of a file's flights: their ids, what was last applied to them, and what the file has lost.

Imports the journal, the flights and `wanted`; used by `planning`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar

from attrs import evolve

from adflight.flights.comparing import Applied
from adflight.flights.items import Leftover
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, KINDS, ORDER
from adflight.flights.reading import Flight, Flights, Order
from adflight.flights.wanted import Known, Wanted

RowT = TypeVar("RowT", Order, Flight)

PAGE: Final = 1000
"""Rows that are looked up at once."""


async def last_run_of(journal: Journal) -> int | None:
    """The number of the latest run, 0 for none; None while it goes on."""
    runs = await journal.runs()
    return 0 if not runs else runs[-1].id if runs[-1].how else None


async def known_of(journal: Journal | None) -> Known:
    """Ids by kind and key; none of an account to which nothing was ever applied."""
    return {kind: {} if journal is None else await journal.ids(kind) for kind in (ORDER, CAMPAIGN)}


async def _creates_of(journal: Journal | None) -> dict[str, set[str]]:
    """By kind, the keys whose creates have no outcome."""
    open_ = [] if journal is None else await journal.open_intents()
    return {kind: {one.key for one in open_ if one.creates and one.kind == kind} for kind in (ORDER, CAMPAIGN)}


async def earlier_of(journal: Journal | None, label: str, wanted: Wanted, now: datetime) -> list[tuple[str, str, int]]:
    """Kind, key and id of what was applied from this file before and is not in it; rows without a name have no before.

    What has ended spends nothing any more, and years of it would have to be read each time.
    """
    found: list[tuple[str, str, int]] = []
    if journal is None or not label:
        return found
    for level, (_, end) in wanted.columns.spans.items():
        kind = KINDS[level]
        keys = await journal.keys_of(kind, label)
        gone = iter([(key, id_) for key, id_ in keys.items() if id_ not in wanted.present[kind]])
        while page := dict(islice(gone, PAGE)):
            for key, applied in (await journal.applied(kind, page)).items():
                if isinstance(ended := applied.get(end), datetime) and ended <= now:
                    del page[key]
            found += [(kind, key, id_) for key, id_ in page.items()]
    return found


async def with_files(
    leftovers: Iterable[Leftover], earlier: Iterable[tuple[str, str, int]], journal: Journal | None, label: str
) -> tuple[Leftover, ...]:
    """What is left over, told apart from what is so only in an insertion order that other files have, too."""
    own, leftovers = {*earlier}, [*leftovers]
    others = [one.key for one in leftovers if one.kind == CAMPAIGN and (one.kind, one.key, one.id) not in own]
    files = {} if journal is None or not others else await journal.files_of(CAMPAIGN, others)
    return tuple(
        evolve(one, file=files[one.key]) if one.key in files and files[one.key] != label else one for one in leftovers
    )


async def wanted_of(flights: Flights, known: Known, journal: Journal | None) -> Wanted:
    """What has to be read for the flights, once each was looked at."""
    wanted = Wanted(flights.columns, known, await _creates_of(journal))
    # of an order that a file does not place, the journal knows where it was
    placing = None if flights.columns.order_place is None else journal
    async for orders, applied in pages(flights.orders(), placing, ORDER, known):
        for order in orders:
            wanted.add_order(order, applied.get(order.key, {}))
    if flights.columns.flight_name is not None:
        async for rows, _ in pages(iter(flights), None, CAMPAIGN, known):
            for flight in rows:
                wanted.add_flight(flight)
    return wanted


async def pages(
    rows: Iterator[RowT], journal: Journal | None, kind: str, known: Known
) -> AsyncIterator[tuple[Sequence[RowT], dict[str, Applied]]]:
    """Rows and what was applied to them, in turns of the event loop that keep nobody waiting for long."""
    while page := list(islice(rows, PAGE)):
        keys = [row.key for row in page if row.key in known[kind]]
        if journal is not None and keys:
            yield page, {**await journal.applied(kind, keys)}
        else:
            yield page, {}
            await asyncio.sleep(0)
