"""What a run comes to: rows, requests and money. Imports `entries` and `report_rows`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import define, field

from adflight.flights.entries import Attempt, Entry, PartEntry, Run, SideRequest
from adflight.flights.report_rows import ReportRow, Status, has_left, never_left, rank, request_of, row_of, status_of

MONEY: Final[Mapping[str, str]] = {"campaign": "budget_total", "insertion_order": "budget_amount"}
"""The column that spends, by kind. Where campaigns spend, an insertion order has none of that name."""


@define(kw_only=True)
class Operation:
    """What one operation was used for, in one run."""

    name: str
    has_rows: bool = True
    """Whether its requests were for rows: intended, and with an outcome for each. Reads and log-ins are not."""
    requests: int = 0
    """That were begun."""
    unsent: int = 0
    """Those of them that never left, as far as they have rows."""
    unsent_rows: int = 0
    sendings: int = 0
    """Repeats counted."""
    repeats: int = 0
    rows: int = 0
    """0, like what follows, where it has none."""
    done: int = 0
    failed: int = 0
    unknown: int = 0
    seconds: float = 0.0
    """From sending to answer, of all sendings together."""

    @property
    def sent(self) -> int:
        """The requests that were sent, or may have been; repeats are not counted."""
        return self.requests - self.unsent if self.has_rows else min(self.requests, self.sendings)


@define(kw_only=True)
class Money:
    """Budgets as sent, in the account's currency; an insertion order's is never added to its campaigns', and counts
    only where insertion orders are all there is."""

    created: Decimal = Decimal(0)
    raised: Decimal = Decimal(0)
    """Above what was last applied."""
    lowered: Decimal = Decimal(0)
    """Below what was last applied; above zero."""
    perhaps: Decimal = Decimal(0)
    """What is committed in addition if the requests without an outcome were carried out."""
    refused: Decimal = Decimal(0)
    """What would have been committed by requests that were refused, not sent or not found, or of which the service
    took the rest only."""
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
    """When what was sent, the writes before the others; compact, as there may be a hundred thousand."""

    at: array[float] = field(factory=lambda: array("d"))
    """Epoch seconds."""
    seconds: array[float] = field(factory=lambda: array("d"))
    status: array[int] = field(factory=lambda: array("h"))
    """HTTP statuses; 0 for no answer."""
    is_write: array[int] = field(factory=lambda: array("b"))
    """1 for what was sent for rows, 0 for reads and log-ins."""
    is_apart: array[int] = field(factory=lambda: array("b"))
    """1 for what counts against a quota of its own."""

    def __len__(self) -> int:
        return len(self.at)

    @property
    def writes(self) -> int:
        """How many were sent for rows."""
        return sum(self.is_write)

    def add(self, attempt: Attempt, *, is_write: bool, is_apart: bool = False) -> None:
        self.at.append(attempt.at.timestamp())
        self.seconds.append(attempt.elapsed)
        self.status.append(attempt.status or 0)
        self.is_write.append(is_write)
        self.is_apart.append(is_apart)


_ORDER: Final = tuple(Status)
_WIDTH: Final = 4
_NONE: Final = (1 << _WIDTH) - 1


class Tally:
    """What is kept of every row: its last request, what became of its last create, and the worst of its other ones.

    In one number, as there may be a hundred thousand.
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, int]] = {}
        self._late: set[tuple[str, str]] = set()

    def add(self, kind: str, key: str, request: int, status: Status, *, creates: bool) -> None:
        """Requests come in their order."""
        rows = self._rows.setdefault(kind, {})
        before = rows.get(key, _NONE << _WIDTH | _NONE)
        create, change = before >> _WIDTH & _NONE, before & _NONE
        if creates:
            # what was given up may be made again in the same run: then that counts
            create = rank(status)
        else:
            change = min(change, rank(status))
        rows[key] = (request << _WIDTH | create) << _WIDTH | change

    def fail(self, kind: str, key: str, status: Status) -> None:
        """What the run said of a row that failed; after all requests, which know better where they failed or were
        settled only after the run."""
        rows = self._rows.setdefault(kind, {})
        before = rows.get(key, _NONE << _WIDTH | _NONE)
        if key not in rows or not (_worst(before).is_failed or (kind, key) in self._late):
            rows[key] = before & ~_NONE | min(before & _NONE, rank(status))

    def settle_late(self, kind: str, key: str) -> None:
        """Of a row: a request was settled only after the run, so that the run could not know how."""
        self._late.add((kind, key))

    def status(self, kind: str, key: str) -> Status:
        """Of a row that is there."""
        return _worst(self._rows[kind][key])

    def is_without_request(self, kind: str, key: str) -> bool:
        """Whether a row is there, and failed without any request."""
        return key in self._rows.get(kind, {}) and not self.last(kind, key)

    def last(self, kind: str, key: str) -> int:
        """The number of its last request; 0 for none."""
        return self._rows.get(kind, {}).get(key, 0) >> 2 * _WIDTH

    def unmade(self, kind: str) -> Iterator[str]:
        """The keys of rows without a create."""
        return (key for key, kept in self._rows[kind].items() if kept >> _WIDTH & _NONE == _NONE)

    def statuses(self) -> dict[str, dict[Status, int]]:
        """How many rows, by kind and status."""
        counts = {kind: Counter(map(_worst, rows.values())) for kind, rows in sorted(self._rows.items())}
        return {kind: dict(sorted(of.items(), key=lambda pair: rank(pair[0]))) for kind, of in counts.items()}


def _worst(kept: int) -> Status:
    return _ORDER[min(kept >> _WIDTH & _NONE, kept & _NONE)]


@define(eq=False)
class Totals:
    """One pass over the history of a run, after what it settled of earlier ones."""

    run: Run
    budgets: dict[tuple[str, str], object] = field(factory=dict)
    """By kind and key, what was last applied of `MONEY`: before the run, and by it so far."""
    next_began: datetime | None = None
    """When the run after it began."""
    rows: Tally = field(factory=Tally)
    operations: dict[tuple[str, bool], Operation] = field(factory=dict)
    """By name, and whether it was for rows."""
    money: Money = field(factory=Money)
    sendings: Sendings = field(factory=Sendings)
    settled: list[ReportRow] = field(factory=list)

    def add_side_request(self, one: SideRequest) -> None:
        """One of the run."""
        operation, is_repeat = self._operation(one.operation, has_rows=False), one.attempt.number > 1
        operation.requests += not is_repeat
        if not has_left(one.attempt):
            return
        operation.repeats += is_repeat
        operation.sendings += 1
        operation.seconds += one.attempt.elapsed
        self.sendings.add(one.attempt, is_write=False, is_apart=one.is_apart)

    def _operation(self, name: str, *, has_rows: bool) -> Operation:
        return self.operations.setdefault((name, has_rows), Operation(name=name, has_rows=has_rows))

    def add_settled(self, entry: Entry) -> None:
        """One of an earlier run."""
        for part in entry.parts:
            if part.state not in ("sending", "unknown") and self._is_of_this_run(part.at):
                # whichever run it is: its answer is not awaited any more
                request = request_of(entry, part, self.run)
                self.settled.append(row_of(entry.run, entry.kind, part.key, [request]))

    def _is_of_this_run(self, at: datetime) -> bool:
        return at > self.run.started and (self.run.ended is None or at <= self.run.ended)

    def add(self, entry: Entry) -> None:
        """One of the run, in their order."""
        operation = self._operation(entry.operation, has_rows=True)
        operation.requests += 1
        operation.rows += len(entry.parts)
        if never_left(entry):
            operation.unsent += 1
            operation.unsent_rows += len(entry.parts)
        sent = [*filter(has_left, entry.attempts)]
        operation.sendings += len(sent)
        operation.repeats += max(len(sent) - 1, 0)
        for attempt in sent:
            operation.seconds += attempt.elapsed
            self.sendings.add(attempt, is_write=True)
        for part in entry.parts:
            status = status_of(entry, part, self.run)
            operation.done += status.is_done
            operation.unknown += status is Status.UNKNOWN
            operation.failed += status.is_failed and status is not Status.UNKNOWN
            self.rows.add(entry.kind, part.key, entry.id, status, creates=entry.creates)
            if part.at > (self.run.ended or self.next_began or part.at):
                self.rows.settle_late(entry.kind, part.key)
            self._add_money(entry, part, status)

    def _add_money(self, entry: Entry, part: PartEntry, status: Status) -> None:
        column = MONEY.get(entry.kind, "")
        if column not in part.fields:
            return
        new, old = _amount(part.fields[column]), _amount(self.budgets.get((entry.kind, part.key)))
        if entry.creates:
            old = Decimal(0)
        delta = None if new is None or old is None else new - old
        is_ignored = column in part.facts.get("ignored", ())
        if status is Status.UNKNOWN or status is Status.SENDING:
            self.money.perhaps += max(delta if delta is not None else new or Decimal(0), Decimal(0))
        elif not status.is_done or is_ignored:
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
            # what the service made of it instead is not known
            self.budgets[entry.kind, part.key] = None if is_ignored else part.fields[column]


def _amount(value: object) -> Decimal | None:
    """None where nothing says how much, as for a budget that was cleared."""
    return Decimal(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None
