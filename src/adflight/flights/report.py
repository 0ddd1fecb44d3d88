"""What became of an apply, row by row, out of its journal. Imports `journal` and its
own parts, `report_rows` and `report_totals`; sends nothing.

    async with await Journal.open(base_url, account, read_only=True) as journal:
        report = await read_report(journal)
        print(report.run.id, report.ended, report.counts())
        async for row in report.rows():
            print(row.kind, row.key, row.status, row.error)

Rows that failed are in it whether or not anything was sent for them: also those that the plan refused, or that were
withheld because of their insertion orders. Rows that were right already are not. Reads and log-ins have no rows; the
report counts them (`operations`, `sendings`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import InvalidInput
from adflight.flights.database import NoJournal
from adflight.flights.entries import OpenIntent, Run, goes_on, moment
from adflight.flights.journal import Journal
from adflight.flights.report_begun import Begun
from adflight.flights.report_rows import (
    ReportRow,
    Status,
    rank,
    request_of,
    row_of,
    status_of_failure,
    unsent,
    with_failure,
)
from adflight.flights.report_totals import MONEY, Money, Operation, Sendings, Tally, Totals
from adflight.flights.report_words import plural


@frozen(kw_only=True)
class Unclear:
    """A request of any run without an outcome. The next apply looks for it; where it finds no answer, a person must."""

    run: int
    request: int
    operation: str
    kind: str
    key: str
    creates: bool
    sent_at: datetime
    settled_from: datetime
    """From when on looking for it tells something."""
    cause: str
    look_up: Mapping[str, Any]


@define(eq=False, kw_only=True)
class Report:
    """What became of one run. `rows` reads them from the journal, which has to stay open for it."""

    run: Run
    ended: str
    """How it ended, in words."""
    statuses: Mapping[str, Mapping[Status, int]]
    """How many rows, by kind and status; without `settled`."""
    operations: tuple[Operation, ...]
    """By how often they were sent."""
    money: Money
    sendings: Sendings
    """All that the run's client sent for it, from reading for its plan on."""
    unclear: tuple[Unclear, ...]
    settled: tuple[ReportRow, ...]
    """Rows of earlier runs that this one settled."""
    read_at: datetime
    _journal: Journal = field(repr=False)
    _tally: Tally = field(repr=False)
    _ids: Mapping[str, Mapping[str, int]] = field(repr=False)

    def counts(self) -> Counter[Status]:
        """How many rows and insertion orders, by status."""
        return sum((Counter(counts) for counts in self.statuses.values()), Counter())

    @property
    def note(self) -> str:
        """What it cannot tell, in a sentence; empty where that is nothing."""
        if self.run.how in ("complete", "failed"):
            return ""
        if goes_on(self.run):
            return "Rows that it has not come to yet are not counted here."
        return "Rows that it did not come to are not counted here; the next apply does them."

    @property
    def adopted(self) -> int:
        """How many objects were found and taken over in this run, whichever run sent for them."""
        return self.counts()[Status.ADOPTED] + sum(row.status is Status.ADOPTED for row in self.settled)

    @property
    def seconds(self) -> float | None:
        """How long it took; None when it has not ended."""
        return None if self.run.ended is None else (self.run.ended - self.run.started).total_seconds()

    def in_words(self) -> str:
        """What became of it, in a sentence."""
        parts = []
        for kind, counts in self.statuses.items():
            total, done = sum(counts.values()), sum(count for status, count in counts.items() if status.is_done)
            said = f"{done:,}" if done == total else f"{done:,} of {total:,}"
            parts.append(f"{said} {plural(kind, total)}")
        if not parts:
            return "Nothing had to be sent" if self.run.ended else "Nothing was sent yet"
        counts = self.counts()
        failed = sum(count for status, count in counts.items() if status.is_failed and status is not Status.UNKNOWN)
        tail = [f"{failed:,} failed"] if failed else []
        tail += [f"{counts[Status.UNKNOWN]:,} may have been carried out"] if counts[Status.UNKNOWN] else []
        tail += [f"{counts[Status.LEFT]:,} left for the next apply"] if counts[Status.LEFT] else []
        tail += [f"{counts[Status.SENDING]:,} under way"] if counts[Status.SENDING] else []
        return f"{' and '.join(parts)} went through" + (f"; {', '.join(tail)}" if tail else "")

    async def first(self, most: int) -> list[ReportRow]:
        """The first so many rows: those that failed before the others, the worst first."""
        kept: dict[int, list[ReportRow]] = {}
        async for row in self.rows():
            alike = kept.setdefault(_urgency(row), [])
            if len(alike) < most:
                alike.append(row)
        rows = [row for alike in kept.values() for row in alike]
        rows.sort(key=_place)
        return rows[:most]

    async def rows(self) -> AsyncIterator[ReportRow]:
        """First those that this run settled for earlier ones, then its own, by their last request, then those that
        failed without one, by their rows in the file.

        Memory stays constant. Raises `AdflightError` where a temporary file finds no room.
        """
        for row in self.settled:
            yield row
        begun = Begun()
        try:
            async for failure in self._journal.failures(self.run.id):
                begun.fail(failure)
            async for row in self._own_rows(begun):
                yield row
            for failure in begun.failures():
                # the run may go on while it is read: what was not counted is left out
                if self._tally.is_without_request(failure.kind, failure.key):
                    yield unsent(self.run, failure, self._ids[failure.kind].get(failure.key))
        finally:
            begun.close()

    async def done_since(self) -> set[tuple[str, str]]:
        """Those rows, by kind and key, that failed in this run and went through in a later one."""
        return await self._journal.done_since(self.run.id)

    async def _own_rows(self, begun: Begun) -> AsyncIterator[ReportRow]:
        async for entry in self._journal.history(self.run.id):
            for part in entry.parts:
                kind, key = entry.kind, part.key
                last = self._tally.last(kind, key)
                # the run may go on while it is read: what is later than what was counted is left out
                if entry.id < last:
                    begun.add(kind, key, request_of(entry, part, self.run))
                elif entry.id == last:
                    requests = [*begun.take(kind, key), request_of(entry, part, self.run)]
                    row = row_of(self.run.id, kind, key, requests, self._ids[kind].get(key))
                    failure = begun.failure(kind, key)
                    has_failed = self._tally.status(kind, key).is_failed
                    yield row if failure is None or not has_failed else with_failure(row, failure)


async def read_report(journal: Journal, run: int | None = None, *, clock: Clock | None = None) -> Report:
    """Reads what became of a run, by default of the latest; the journal may be open for reading only.

    Of earlier runs only what it bears on is read: budgets as they were, and requests that it settled.
    Keeps some 200 bytes a row, and nothing of what was sent.

    Raises `InvalidInput` when there is no such run, `NoJournal` when there is none at all, and `JournalError`.
    """
    runs = {one.id: one for one in await journal.runs()}
    if not runs:
        raise NoJournal
    chosen = runs.get(max(runs) if run is None else run)
    if chosen is None:
        raise InvalidInput("run", run, f"one of {', '.join(map(str, sorted(runs)[-20:]))}")
    open_intents = await journal.open_intents()
    totals = Totals(
        chosen,
        await journal.applied_before(chosen.id, MONEY),
        min((one.started for one in runs.values() if one.id > chosen.id), default=None),
    )
    for entry in await journal.settled_in(chosen.id):
        totals.add_settled(entry)
    async for entry in journal.history(chosen.id):
        totals.add(entry)
    async for failure in journal.failures(chosen.id):
        totals.rows.fail(failure.kind, failure.key, status_of_failure(failure))
    async for one in journal.side_requests(chosen.id):
        totals.add_side_request(one)
    # what a run that goes on has under way is no riddle
    died = {one.id for one in runs.values() if not goes_on(one)}
    unclear = tuple(_unclear(one) for one in open_intents if one.state != "sending" or one.run in died)
    statuses = totals.rows.statuses()
    return Report(
        run=chosen,
        ended=_ended(chosen),
        statuses=statuses,
        operations=tuple(sorted(totals.operations.values(), key=lambda one: (-one.sendings, one.name))),
        money=totals.money,
        sendings=totals.sendings,
        unclear=unclear,
        settled=tuple(totals.settled),
        read_at=moment((clock or SystemClock()).time()),
        journal=journal,
        tally=totals.rows,
        ids={kind: await _ids(journal, kind, totals) for kind in statuses},
    )


async def _ids(journal: Journal, kind: str, totals: Totals) -> dict[str, int]:
    """Of rows that were there before: of the others, what made them says it. What a later run made was not there."""
    end = totals.run.ended or totals.next_began
    ids = {known.key: known.id for known in await journal.known(kind) if end is None or known.since <= end}
    return {key: ids[key] for key in totals.rows.unmade(kind) if key in ids}


def _natural(key: str) -> list[tuple[int, str]]:
    """ "row 9" before "row 10", as a person counts."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", key)]


def _place(row: ReportRow) -> tuple[int, bool, int, int, list[tuple[int, str]]]:
    """The worst first, then in the order of the file, about so where the journal has no numbers of its rows."""
    number = row.requests[0].number if row.requests else 0
    return _urgency(row), row.row is None, row.row or 0, number, _natural(row.key)


def _urgency(row: ReportRow) -> int:
    return rank(row.status) if row.status.is_failed else len(Status)


_WORDS: Final = {"failed": "ended, with rows that failed", "stopped": "stopped before its end"}
"""For what a run that ended says of itself, where that is not plain."""


def _ended(run: Run) -> str:
    if run.ended is not None:
        return _WORDS.get(run.how, run.how)
    return "goes on" if goes_on(run) else "its process died"


def _unclear(one: OpenIntent) -> Unclear:
    unknown = one.unknown
    return Unclear(
        run=one.run,
        request=one.intent,
        operation=one.operation,
        kind=one.kind,
        key=one.key,
        creates=one.creates,
        sent_at=unknown.sent_at,
        settled_from=unknown.sent_at + timedelta(seconds=unknown.settled_after),
        cause=str(unknown.cause),
        look_up=one.look_up,
    )
