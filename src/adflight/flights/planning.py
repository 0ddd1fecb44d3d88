"""What applying a file would do, cost and take. Reads, and sends no write.

    async with IQM.from_env() as iqm:
        with await plan("flights.csv", iqm) as planned:
            print(planned.totals.committed, planned.totals.writes)

Imports the rest of this package, but for settling and applying, which `Plan.apply` imports when it is called.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, get_args

from attrs import define, field, frozen

from adflight.core.errors import InvalidInput
from adflight.core.problems import Problem
from adflight.flights.comparing import Comparison
from adflight.flights.database import NoJournal
from adflight.flights.declarations import Declarations
from adflight.flights.entries import moment
from adflight.flights.items import Item, Leftover, Totals, Verdict
from adflight.flights.journal import Journal
from adflight.flights.live import Snapshot
from adflight.flights.moving import moved
from adflight.flights.opening import check_journal, open_journal
from adflight.flights.overtaken import given_up
from adflight.flights.platform import CAMPAIGN, ORDER, Platform, Write
from adflight.flights.platforms import Account, platform_for
from adflight.flights.reading import KEPT, Flights, Source
from adflight.flights.remembered import earlier_of, known_of, last_run_of, pages, wanted_of, with_files
from adflight.flights.sourcing import read_source
from adflight.flights.tallying import seconds_for, totals_of
from adflight.flights.traffic import Traffic
from adflight.flights.values import Managed

if TYPE_CHECKING:
    from adflight.flights.events import Event, Settled

__all__ = ["FullRefresh", "Plan", "Refresh", "full_refresh_cost", "make_plan", "moved", "plan"]

Refresh: TypeAlias = Literal["lists", "full"]
"""Whether lists will do, or each object that exists is read by itself too, for the fields that no list shows."""

_SENT: Final = (Verdict.CREATE, Verdict.CHANGE)


@define(eq=False, kw_only=True)
class Plan:
    """What applying a file would do. Made by `plan`, or read from a file by `load_plan`.

    Holds the flights until it is closed; leaving a `with` block closes it.
    """

    platform: Platform = field(repr=False)
    scope: str
    """What of the account it is for; see `Platform.scope`."""
    flights: Flights = field(repr=False)
    label: str
    """The file's name, under which the journal keeps what is applied; empty for rows without one."""
    refresh: Refresh
    items: list[Item] = field(repr=False)
    """The insertion orders by the first row that names them, then the flights as the file has them."""
    leftovers: tuple[Leftover, ...] = field(repr=False)
    """What is live, was applied from this file before, and is in it no longer; and what other files have in its
    insertion orders (`Leftover.file`). Nothing is done to it. What has ended by what was last applied is not looked
    for."""
    warnings: tuple[Problem, ...] = field(repr=False)
    """What is doubtful, of the file first."""
    totals: Totals
    open_intents: int
    """Requests of earlier applies without an outcome, one a key; applying settles them first."""
    read_at: datetime
    """When reading began, of the journal and of what is live; aware."""
    read_on: float
    """The same, in seconds of the monotonic clock."""
    last_run: int | None
    """The latest run that the journal knew of then, 0 for none; None while it went on."""
    snapshot: Snapshot | None = field(repr=False)
    """What was read, without the fields of what stays as it is; None of a plan that was loaded."""
    sent: Traffic = field(factory=Traffic, repr=False)
    """The requests that it took, for the run that carries it out; none of a plan that was loaded."""
    _is_closed: bool = field(default=False, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets the flights; harmless when repeated."""
        self._is_closed = True
        self.flights.close()

    @property
    def is_loaded(self) -> bool:
        """Whether it was read from a file, so that it has to be made anew before anything is sent."""
        return self.snapshot is None

    @property
    def is_empty(self) -> bool:
        """Whether applying would send nothing, adopt nothing and settle nothing."""
        sends = any(item.verdict in _SENT or item.is_adopted for item in self.items)
        return not sends and not self.open_intents

    @property
    def is_all_refused(self) -> bool:
        """Whether applying would send nothing, and end with rows that the plan refuses; requests of other files that
        have no outcome are settled all the same."""
        sends = any(item.verdict in _SENT or item.is_adopted for item in self.items)
        return not sends and any(item.verdict is Verdict.REFUSED for item in self.items)

    def managed(self) -> Iterator[tuple[Item, Managed]]:
        """Each item with all that the file manages of it."""
        items, flights = iter(self.items), self.flights
        yield from zip(islice(items, flights.order_count()), (order.fields for order in flights.orders()), strict=True)
        if flights.columns.flight_name is not None:
            yield from zip(items, (flight.campaign for flight in flights), strict=True)

    def writes(self) -> Iterator[Write]:
        """The requests that applying sends, in no particular order.

        Raises `InvalidInput` for a plan that was loaded: it is made anew (`again`) before anything is sent.
        """
        if self.snapshot is None:
            raise InvalidInput("plan", self.label, "a plan that was made anew from it, by `again`")
        yield from self.platform.writes(self._concerned(), self.snapshot)

    def _concerned(self) -> Iterator[tuple[Item, Managed]]:
        """All insertion orders, and the flights that have to be sent."""
        is_quiet = not any(item.verdict in _SENT for item in self.items)
        for item, managed in () if is_quiet else self.managed():
            if item.kind == ORDER or item.verdict in _SENT:
                yield item, managed

    def adoptions(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        """The items that are taken over, and what was seen to be as the file says: it counts as applied once their keys
        are bound (`Journal.bind(..., fields=...)`)."""
        if any(item.is_adopted for item in self.items):
            for item, managed in self.managed():
                if item.is_adopted:
                    differing = {change.column for change in item.changes}
                    yield item, {name: value for name, value in managed.items() if name not in differing}

    def count_in_doubt(self) -> None:
        """Makes `totals` those of an apply that makes again what is in doubt, once it was looked for and is not there.

        Raises `InvalidInput` for a plan that was loaded, as `writes` does.
        """
        quota = self.platform.limiter.quota
        self.totals = totals_of(self.items, self.writes(), self.totals.reads, quota, is_made_again=True)

    def moved(self, newer: Plan) -> list[str]:
        """What a newer plan for the same flights says otherwise; see `moved`."""
        return moved(self, newer)

    async def again(self, journal: Journal | None, *, sent: Traffic | None = None) -> Plan:
        """A plan for the same flights from what is live and known now; they stay open until either is closed."""
        return await make_plan(self.flights, self.platform, journal, refresh=self.refresh, label=self.label, sent=sent)

    def apply(
        self,
        *,
        journal: Journal | None = None,
        directory: Path | None = None,
        wait: float | None = 0.0,
        if_absent: Literal["raise", "create"] = "raise",
        by: str = "",
        max_budget: Any = None,
        concurrency: int | None = None,
        settled: Iterable[Settled] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Does it, each request once; see `adflight.flights.applying.apply`.

        async for event in planned.apply():
            print(event)

        Raises `InvalidInput` at once for a plan that was closed, or an `if_absent` that there is not.
        """
        if self._is_closed:
            raise InvalidInput("plan", self.label, "one that is not closed: apply it within its `with` block")
        if if_absent not in ("raise", "create"):
            raise InvalidInput("if_absent", if_absent, "'raise' or 'create'")
        applied: AsyncGenerator[Event, None] = import_module("adflight.flights.applying").apply(
            self,
            journal=journal,
            directory=directory,
            wait=wait,
            if_absent=if_absent,
            by=by,
            max_budget=max_budget,
            concurrency=concurrency,
            settled=settled,
        )
        return applied

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file that holds all of it, for `load_plan`; see `adflight.flights.saved_plan`."""
        from adflight.flights.saved_plan import save

        save(self, Path(path))

    def to_json(self) -> dict[str, Any]:
        """The plan for machines, JSON-able; see `adflight.flights.plan_json`."""
        from adflight.flights.plan_json import plan_json

        described: dict[str, Any] = plan_json(self)
        return described


@frozen
class FullRefresh:
    """What `refresh="full"` costs beyond lists."""

    requests: int
    """One for each object that exists, as far as the journal knows; more where others turn out to be adopted."""
    seconds: float
    """What the quota makes of them, from an empty window."""


async def plan(
    source: Source,
    client: Account,
    *,
    declarations: Declarations | None = None,
    refresh: Refresh = "lists",
    journal: Journal | None = None,
    directory: Path | None = None,
    label: str | None = None,
) -> Plan:
    """Reads flights and the live state, and says what applying them would do. Sends no write.

        with await plan("flights.csv", iqm, declarations=Declarations(zone="Europe/Berlin")) as planned:
            for item in planned.items:
                print(item.verdict, item.key, item.changes)

    Args:
        source: A file's path, or rows; see `read_flights`.
        client: The account: a client of IQM or FreeWheel.
        declarations: How the file is written, where that is not plain.
        refresh: "lists" compares what lists do not show with what was last applied; "full" reads each object that
            exists by itself, too: `full_refresh_cost` tells what that takes.
        journal: The account's, open; by default it is opened beside whoever holds it. None yet counts as empty.
        directory: Where journals are; by default the user's state directory.
        label: Names the file in the journal; by default its own name.

    Raises:
        InvalidFile: With everything that is wrong; nothing was sent.
        InvalidInput: There are no flights for this client, the journal is another's, or an argument is none.
        JournalError: The journal is damaged, or cannot be read.
        AdflightError: What reading the account raises.
    """
    _check(refresh, label or "")
    platform, sent = platform_for(client), Traffic()
    with platform.observed(sent.add):
        if journal is not None:
            await check_journal(journal, platform)
        flights = await read_source(source, platform, declarations)
    try:
        async with AsyncExitStack() as stack:
            with platform.observed(sent.add):
                opened = await stack.enter_async_context(_readable(platform, journal, directory))
            named = label_of(source) if label is None else label
            return await make_plan(flights, platform, opened, refresh=refresh, label=named, sent=sent)
    except BaseException:
        flights.close()
        raise


async def make_plan(
    flights: Flights,
    platform: Platform,
    journal: Journal | None,
    *,
    refresh: Refresh = "lists",
    label: str = "",
    sent: Traffic | None = None,
) -> Plan:
    """The plan for flights that were read. None is the journal of an account to which nothing was ever applied.

    `sent` is what was sent for it before, as for the file's time zones; what reading takes is added.

    Raises `InvalidInput` for a journal that is not the platform's, and what reading raises.
    """
    _check(refresh, label)
    sent = Traffic() if sent is None else sent
    with platform.observed(sent.add):
        if journal is not None:
            await check_journal(journal, platform)
        scope = await platform.scope()
    read_at, read_on = moment(platform.clock.time()), platform.clock.monotonic()
    last_run = 0 if journal is None else await last_run_of(journal)
    # before what keys mean: whoever settles one in between is seen to have done so
    open_intents = 0 if journal is None else len(await journal.open_intents())
    known = await known_of(journal)
    wanted = await wanted_of(flights, known, journal)
    earlier = await earlier_of(journal, label, wanted, read_at)
    needs = wanted.needs(((kind, id_) for kind, _, id_ in earlier), is_full=refresh == "full")
    with platform.observed(sent.add):
        snapshot = await platform.read(needs)
    comparison = Comparison(wanted, snapshot, read_at)
    items: list[Item] = []
    async for orders, applied in pages(flights.orders(), journal, ORDER, known):
        items += [comparison.order(order, applied.get(order.key, {})) for order in orders]
    if flights.columns.flight_name is not None:
        async for rows, applied in pages(iter(flights), journal, CAMPAIGN, known):
            items += [comparison.flight(flight, applied.get(flight.key, {})) for flight in rows]
        comparison.refuse_empty()
    leftovers = await with_files(comparison.leftovers(earlier), earlier, journal, label)
    planned = Plan(
        platform=platform,
        scope=scope,
        flights=flights,
        label=label,
        refresh=refresh,
        items=items,
        leftovers=leftovers,
        warnings=(),
        totals=totals_of((), (), sent.counts, None),
        open_intents=open_intents,
        read_at=read_at,
        read_on=read_on,
        last_run=last_run,
        snapshot=snapshot,
        sent=sent,
    )
    planned.totals = totals_of(items, planned.writes(), sent.counts, platform.limiter.quota)
    if journal is not None:
        comparison.doubts.given_up(items, await given_up(items, planned.writes, platform, journal))
    doubts = comparison.doubts.finish(snapshot.flights.values())
    planned.warnings = tuple(islice(chain(flights.warnings, doubts), KEPT))
    return planned


async def full_refresh_cost(
    source: Source,
    client: Account,
    *,
    declarations: Declarations | None = None,
    journal: Journal | None = None,
    directory: Path | None = None,
    label: str | None = None,
) -> FullRefresh:
    """What `plan` with `refresh="full"` sends more than with "lists", and how long that takes. The same arguments.

    Reads the file and the journal; of the account at most its table of time zones.
    """
    _check("full", label or "")
    platform = platform_for(client)
    if journal is not None:
        await check_journal(journal, platform)
    with await read_source(source, platform, declarations) as flights:
        async with _readable(platform, journal, directory) as opened:
            wanted = await wanted_of(flights, await known_of(opened), opened)
            named, now = label_of(source) if label is None else label, moment(platform.clock.time())
            earlier = await earlier_of(opened, named, wanted, now)
            needs = wanted.needs(((kind, id_) for kind, _, id_ in earlier), is_full=True)
            requests = platform.full_reads(needs)
    return FullRefresh(requests, seconds_for(requests, platform.limiter.quota))


def label_of(source: Source) -> str:
    """The name under which a journal keeps what is applied from a source: that of the file."""
    # a journal holds text only, and so do plans in JSON: bytes of a name that are none are spelled out
    name = Path(source).name if isinstance(source, (str, os.PathLike)) else ""
    return name.encode("utf-8", "backslashreplace").decode()


def _check(refresh: str, label: str = "") -> None:
    if refresh not in get_args(Refresh):
        raise InvalidInput("refresh", refresh, "'lists' or 'full'")
    try:
        label.encode()
    except UnicodeEncodeError:
        raise InvalidInput("label", label, "a text that can be written as UTF-8") from None


@asynccontextmanager
async def _readable(platform: Platform, given: Journal | None, directory: Path | None) -> AsyncIterator[Journal | None]:
    if given is not None:
        yield given
        return
    try:
        journal = await open_journal(platform, directory=directory, read_only=True)
    except NoJournal:
        yield None
        return
    async with journal:
        yield journal
