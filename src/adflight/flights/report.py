"""What became of an apply, row by row, out of its journal. Imports `journal` and its
own parts, `report_rows` and `report_totals`; sends nothing.

    async with await Journal.open(base_url, account, read_only=True) as journal:
        report = await read_report(journal)
        print(report.run.id, report.ended, report.counts())
        async for row in report.rows():
            print(row.kind, row.key, row.status, row.error)

A journal knows what changes something: reads and log-ins are not in it, and neither are rows for which nothing was
sent, such as those that were right already or that the plan refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import InvalidInput
from adflight.flights.entries import OpenIntent, Run, moment
from adflight.flights.journal import Journal
from adflight.flights.report_rows import ReportRow, Request, Status, goes_on, rank, request_of, row_of
from adflight.flights.report_totals import Key, Money, Operation, Sendings, Totals
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
    unclear: tuple[Unclear, ...]
    settled: tuple[ReportRow, ...]
    """Rows of earlier runs that this one settled."""
    read_at: datetime
    _journal: Journal = field(repr=False)
    _last: Mapping[Key, int] = field(repr=False)
    _ids: Mapping[str, Mapping[str, int]] = field(repr=False)

    def counts(self) -> Counter[Status]:
        """How many rows and insertion orders, by status."""
        return sum((Counter(counts) for counts in self.statuses.values()), Counter())

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
        # about in the order of the file, whose rows the journal does not count
        rows.sort(key=lambda row: (_urgency(row), row.requests[0].number))
        return rows[:most]

    async def rows(self) -> AsyncIterator[ReportRow]:
        """First those that this run settled for earlier ones, then its own, by their last request.

        Only rows between their first and their last request are in memory.
        """
        for row in self.settled:
            yield row
        begun: dict[Key, list[Request]] = {}
        async for entry in self._journal.history(self.run.id):
            for part in entry.parts:
                key = (entry.kind, part.key)
                last = self._last.get(key)
                if last is None or entry.id > last:
                    # the run goes on while it is read
                    continue
                requests = begun.pop(key, [])
                requests.append(request_of(entry, part, self.run))
                if entry.id < last:
                    begun[key] = requests
                else:
                    yield row_of(self.run.id, *key, requests, self._ids[entry.kind].get(part.key))


async def read_report(journal: Journal, run: int | None = None, *, clock: Clock | None = None) -> Report:
    """Reads what became of a run, by default of the latest; the journal may be open for reading only.

    Everything before that run is read, too, for budgets as they were, and for what the run settled of earlier ones.
    Keeps some 300 bytes a row, and nothing of what was sent.

    Raises `InvalidInput` when there is no such run, and `JournalError`.
    """
    runs = {one.id: one for one in await journal.runs()}
    if not runs:
        raise InvalidInput("run", run, "a run; nothing was ever applied to this account")
    chosen = runs.get(max(runs) if run is None else run)
    if chosen is None:
        raise InvalidInput("run", run, f"one of {', '.join(map(str, sorted(runs)[-20:]))}")
    open_intents = await journal.open_intents()
    totals = Totals(chosen)
    async for entry in journal.history():
        if entry.run > chosen.id:
            break
        totals.add(entry)
    # what a run that goes on has under way is no riddle
    died = {one.id for one in runs.values() if not goes_on(one)}
    unclear = tuple(_unclear(one) for one in open_intents if one.state != "sending" or one.run in died)
    statuses = totals.statuses()
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
        last=totals.last,
        ids={kind: await journal.ids(kind) for kind in statuses},
    )


def _urgency(row: ReportRow) -> int:
    return rank(row.status) if row.status.is_failed else len(Status)


_WORDS: Final = {"failed": "ended, with rows that failed", "stopped": "stopped before its end"}
"""For what a run that ended says of itself, where that is not plain."""


def _ended(run: Run) -> str:
    if run.ended is not None:
        return _WORDS.get(run.how, run.how)
    return "has not ended: it goes on, or its process died" if goes_on(run) else "its process died"


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
