"""What a run comes to: rows, requests and money. Imports `entries` and `report_rows`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from attrs import define, field

from adflight.flights.entries import Attempt, Entry, PartEntry, Run
from adflight.flights.report_rows import ReportRow, Status, rank, request_of, row_of, status_of

MONEY: Final[Mapping[str, str]] = {"campaign": "budget_total", "insertion_order": "budget_amount"}
"""The column that spends, by kind. Where campaigns spend, an insertion order has none of that name."""

Key: TypeAlias = tuple[str, str]
"""Kind and key."""


@define(kw_only=True)
class Operation:
    """What one operation was used for, in one run."""

    name: str
    requests: int = 0
    sendings: int = 0
    """Repeats counted."""
    rows: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    seconds: float = 0.0
    """From sending to answer, of all sendings together."""


@define(kw_only=True)
class Money:
    """Budgets as sent, in the account's currency; an insertion order's is never added to its campaigns'."""

    created: Decimal = Decimal(0)
    raised: Decimal = Decimal(0)
    """Above what was last applied."""
    lowered: Decimal = Decimal(0)
    """Below what was last applied; above zero."""
    perhaps: Decimal = Decimal(0)
    """What is committed in addition if the requests without an outcome were carried out."""
    refused: Decimal = Decimal(0)
    """What would have been committed by requests that were refused, not sent or not found."""
    unexplained: Decimal = Decimal(0)
    """New budgets where the old ones are unknown: by how much these were raised, or lowered, nobody can say."""
    unexplained_rows: int = 0

    @property
    def committed(self) -> Decimal:
        """In all, as far as old budgets are known."""
        return self.created + self.raised - self.lowered

    @property
    def is_any(self) -> bool:
        """Whether anything was about money."""
        amounts = (self.created, self.raised, self.lowered, self.perhaps, self.refused, self.unexplained_rows)
        return any(amounts)


@define(eq=False)
class Sendings:
    """When what was sent, in order; compact, as there may be a hundred thousand."""

    at: array[float] = field(factory=lambda: array("d"))
    """Epoch seconds."""
    seconds: array[float] = field(factory=lambda: array("d"))
    status: array[int] = field(factory=lambda: array("h"))
    """HTTP statuses; 0 for no answer."""

    def __len__(self) -> int:
        return len(self.at)

    def add(self, attempt: Attempt) -> None:
        self.at.append(attempt.at.timestamp())
        self.seconds.append(attempt.elapsed)
        self.status.append(attempt.status or 0)


_Became: TypeAlias = tuple[Status | None, Status | None]
"""What became of a row's last create, and the worst of its other requests."""

_NOTHING: Final[_Became] = (None, None)


def _became(before: _Became, creates: bool, status: Status) -> _Became:
    # what was given up may be made again in the same run: then that counts
    create, change = before
    return (status, change) if creates else (create, status if change is None else min(change, status, key=rank))


def _together(became: _Became) -> Status:
    return min((status for status in became if status is not None), key=rank)


@define(eq=False)
class Totals:
    """One pass over the history, up to a run."""

    run: Run
    last: dict[Key, int] = field(factory=dict)
    """The last request of each row."""
    became: dict[Key, _Became] = field(factory=dict)
    operations: dict[str, Operation] = field(factory=dict)
    money: Money = field(factory=Money)
    sendings: Sendings = field(factory=Sendings)
    settled: list[ReportRow] = field(factory=list)
    budgets: dict[Key, Decimal | None] = field(factory=dict)
    _alike: dict[_Became, _Became] = field(factory=dict)

    def add(self, entry: Entry) -> None:
        if entry.run == self.run.id:
            self._add_own(entry)
        else:
            self._add_earlier(entry)

    def _add_earlier(self, entry: Entry) -> None:
        for part in entry.parts:
            if part.state in ("done", "adopted"):
                self._note_budget(entry.kind, part)
            if part.state not in ("sending", "unknown") and self._is_of_this_run(part.at):
                # whichever run it is: its answer is not awaited any more
                request = request_of(entry, part, self.run)
                self.settled.append(row_of(entry.run, entry.kind, part.key, [request]))

    def _is_of_this_run(self, at: datetime) -> bool:
        return at > self.run.started and (self.run.ended is None or at <= self.run.ended)

    def _add_own(self, entry: Entry) -> None:
        operation = self.operations.setdefault(entry.operation, Operation(name=entry.operation))
        operation.requests += 1
        operation.sendings += len(entry.attempts)
        operation.rows += len(entry.parts)
        for attempt in entry.attempts:
            operation.seconds += attempt.elapsed
            self.sendings.add(attempt)
        for part in entry.parts:
            status = status_of(entry, part, self.run)
            operation.done += status.is_done
            operation.unknown += status is Status.UNKNOWN
            operation.failed += status.is_failed and status is not Status.UNKNOWN
            key = (entry.kind, part.key)
            self.last[key] = entry.id
            became = _became(self.became.get(key, _NOTHING), entry.creates, status)
            self.became[key] = self._alike.setdefault(became, became)
            self._add_money(entry, part, status)

    def _add_money(self, entry: Entry, part: PartEntry, status: Status) -> None:
        column = MONEY.get(entry.kind, "")
        if column not in part.fields:
            return
        new, old = _amount(part.fields[column]), self.budgets.get((entry.kind, part.key))
        if entry.creates:
            old = Decimal(0)
        delta = None if new is None or old is None else new - old
        if status is Status.UNKNOWN or status is Status.SENDING:
            self.money.perhaps += max(delta if delta is not None else new or Decimal(0), Decimal(0))
        elif not status.is_done:
            self.money.refused += max(delta if delta is not None else new or Decimal(0), Decimal(0))
        elif delta is None:
            self.money.unexplained += new or Decimal(0)
            self.money.unexplained_rows += 1
        elif entry.creates:
            self.money.created += delta
        else:
            self.money.raised += max(delta, Decimal(0))
            self.money.lowered += max(-delta, Decimal(0))
        if status.is_done:
            self._note_budget(entry.kind, part)

    def _note_budget(self, kind: str, part: PartEntry) -> None:
        column = MONEY.get(kind, "")
        if column in part.fields:
            self.budgets[kind, part.key] = _amount(part.fields[column])

    def statuses(self) -> dict[str, dict[Status, int]]:
        counts: dict[str, Counter[Status]] = {}
        for (kind, _), became in self.became.items():
            counts.setdefault(kind, Counter())[_together(became)] += 1
        return {kind: dict(sorted(of.items(), key=lambda pair: rank(pair[0]))) for kind, of in sorted(counts.items())}


def _amount(value: object) -> Decimal | None:
    """None where nothing says how much, as for a budget that was cleared."""
    return Decimal(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None
