"""What became of one row of a run. Imports `entries`; used by the rest of the report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import evolve, field, frozen

from adflight.flights.entries import Attempt, Entry, PartEntry, RowFailure, Run, goes_on


class Status(StrEnum):
    """What became of a row, in a word; the worst first. Of a row with several requests, the worst."""

    UNKNOWN = "unknown"
    """It may have been carried out."""
    REFUSED = "refused"
    """By the plan, or by the service."""
    NOT_SENT = "not sent"
    NOT_DONE = "not done"
    """A change whose answer was lost, and that is not there."""
    ABSENT = "absent"
    """A create whose answer was lost, and that was looked for and not found."""
    WITHHELD = "withheld"
    """Because its insertion order, or a campaign of it, is not as planned."""
    LEFT = "left"
    """The run ended before it was sent: the next apply does it."""
    SENDING = "under way"
    """The run has not ended, and no answer is there yet."""
    ADOPTED = "adopted"
    """Made by a request whose answer was lost, and found."""
    CREATED = "created"
    CHANGED = "changed"

    @property
    def is_done(self) -> bool:
        """Whether everything that was sent for the row is known to be there."""
        return self in _DONE

    @property
    def is_failed(self) -> bool:
        """Whether the row is not as its file says, as far as is known."""
        return self not in _DONE and self is not Status.SENDING and self is not Status.LEFT


_DONE: Final = frozenset((Status.ADOPTED, Status.CREATED, Status.CHANGED))
_CUT_SHORT: Final = frozenset(("interrupted", "stopped", "died"))
"""How runs end that leave some of their rows to the next one."""
_LOST: Final = frozenset((Status.UNKNOWN, Status.SENDING, Status.ADOPTED, Status.ABSENT, Status.NOT_DONE))
"""What requests come to that were under way when their run ended."""
_RANKS: Final[Mapping[Status, int]] = {status: rank for rank, status in enumerate(Status)}


def rank(status: Status) -> int:
    """The worse, the lower."""
    return _RANKS[status]


@frozen(kw_only=True)
class Request:
    """A request as it concerns one row."""

    number: int
    """In the journal."""
    operation: str
    creates: bool
    method: str
    url: str
    """Without secrets."""
    body: Any = field(repr=False)
    """As it was sent, without secrets; shared by the rows of a bulk request."""
    rows: int
    """How many rows it was about."""
    row: int | None
    """Which one of the file this is, if the journal knows it."""
    at: datetime
    """When it was written down, right before it was sent."""
    settled: datetime
    """When its status became this one."""
    status: Status
    id: int | None
    error: str
    """In words; empty when it was carried out."""
    fields: Mapping[str, Any] = field(repr=False)
    """The row's values, by column."""
    attempts: tuple[Attempt, ...]


@frozen(kw_only=True)
class ReportRow:
    """What became of one row, or of one insertion order."""

    run: int
    """An earlier one's for what only this run could settle."""
    kind: str
    key: str
    status: Status
    id: int | None
    """The vendor's; None as long as nobody knows it."""
    attempts: int
    """How often anything was sent for it, as far as the run came to write it down: see `was_perhaps_sent`."""
    error: str
    """In words; empty when all is done."""
    at: datetime
    """Of the latest that is known of it; the beginning of the run where nothing was sent for it."""
    requests: tuple[Request, ...]
    """None where it failed before anything was sent for it."""
    row: int | None = None
    """Of the file, as a spreadsheet counts it; None where only an adflight that did not keep it sent something."""

    @property
    def was_perhaps_sent(self) -> bool:
        """Whether something may have been sent for it beside `attempts`: what a run sends just before its process ends
        is not written down any more."""
        return any(request.status in _LOST and not any(map(has_left, request.attempts)) for request in self.requests)


def status_of(entry: Entry, part: PartEntry, run: Run) -> Status:
    """What became of a row's share of a request; `run` is the request's."""
    match part.state:
        case "done":
            return Status.CREATED if entry.creates else Status.CHANGED
        case "adopted":
            return Status.ADOPTED
        case "refused":
            return Status.REFUSED
        case "withdrawn":
            # where a row failed by it, the run has said so besides
            return Status.LEFT if run.how in _CUT_SHORT else Status.NOT_SENT
        case "absent":
            return Status.ABSENT if entry.creates else Status.NOT_DONE
        case "sending" if goes_on(run):
            return Status.SENDING
    return Status.UNKNOWN


def _error(status: Status, part: PartEntry) -> str:
    match status:
        case Status.REFUSED:
            return part.reason or "refused without a reason"
        case Status.NOT_SENT | Status.LEFT:
            return f"not sent: {part.reason}" if part.reason else "not sent"
        case Status.ABSENT:
            given_up = f" (given up by {part.by})" if part.by else ""
            return f"its answer was lost, and it was not found: {part.reason}{given_up}"
        case Status.NOT_DONE:
            return f"its answer was lost, and it was not carried out: {part.reason}"
        case Status.UNKNOWN:
            return f"it may have been carried out: {part.cause or 'the journal ends before the answer'}"
    return ""


def request_of(entry: Entry, part: PartEntry, run: Run) -> Request:
    """A row's share of a request."""
    status = status_of(entry, part, run)
    return Request(
        number=entry.id,
        operation=entry.operation,
        creates=entry.creates,
        method=entry.request.method,
        url=entry.request.url,
        body=entry.request.body,
        rows=len(entry.parts),
        row=part.row,
        at=entry.at,
        settled=part.at,
        status=status,
        id=part.id,
        error=_error(status, part),
        fields=part.fields,
        attempts=entry.attempts,
    )


def row_of(run: int, kind: str, key: str, requests: list[Request], known: int | None = None) -> ReportRow:
    """A row of all its requests; `known` is its id as the journal knows it by now."""
    # what was given up may be made again in the same run: then that counts
    made = next((request for request in reversed(requests) if request.creates), None)
    counted = [request for request in requests if not request.creates or request is made]
    return ReportRow(
        run=run,
        kind=kind,
        key=key,
        status=min((request.status for request in counted), key=rank),
        id=next((request.id for request in reversed(requests) if request.id is not None), known),
        attempts=sum(has_left(attempt) for request in requests for attempt in request.attempts),
        error="; ".join(dict.fromkeys(request.error for request in counted if request.error)),
        at=max(request.settled for request in requests),
        requests=tuple(requests),
        row=requests[-1].row,
    )


_FAILURES: Final[Mapping[str, Status]] = {
    "refused": Status.REFUSED,
    "failed": Status.NOT_SENT,
    "withheld": Status.WITHHELD,
    "unknown": Status.UNKNOWN,
}


def status_of_failure(failure: RowFailure) -> Status:
    """What became of a row of which no request tells that it failed."""
    return _FAILURES[failure.outcome]


def unsent(run: Run, failure: RowFailure, known: int | None) -> ReportRow:
    """A row that failed without any request; `known` is its id as the journal knows it by now."""
    return ReportRow(
        run=run.id,
        kind=failure.kind,
        key=failure.key,
        status=status_of_failure(failure),
        id=known,
        attempts=0,
        error=failure.error,
        at=run.started,
        requests=(),
        row=failure.row,
    )


def with_failure(row: ReportRow, failure: RowFailure) -> ReportRow:
    """A row with requests, and what the run said of its failure."""
    if not row.status.is_failed:
        # what was sent went through, and something else did not
        return evolve(row, status=status_of_failure(failure), error=failure.error, row=failure.row)
    # both say the same; where an answer was lost, the run says what was found, and elsewhere the fuller words tell more
    is_fuller = len(failure.error) > len(row.error)
    is_unknown = row.status is Status.UNKNOWN and failure.outcome == "unknown"
    return evolve(row, error=failure.error if is_unknown or is_fuller else row.error, row=failure.row)


def has_left(attempt: Attempt) -> bool:
    """Whether it may have reached the service, which then has counted it."""
    return attempt.outcome != "not sent"


def never_left(entry: Entry) -> bool:
    """Whether a request was written down, and is known not to have been sent: what nobody knows of may have been."""
    return not any(map(has_left, entry.attempts)) and all(part.state == "withdrawn" for part in entry.parts)
