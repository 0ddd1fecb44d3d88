"""What stands in a journal, in the terms of whoever writes it.

Imports core's errors, options and redaction; `sealing` makes text of it.

    AdflightError
    └── JournalError          the journal's file or its disk cannot be used; nothing may be sent
        ├── JournalHeld       another process, or this one, has the journal open
        └── Contradiction     what was to be written contradicts what is known
            └── Unsettled     an earlier request for the key may still have been carried out
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from adflight.core.errors import AdflightError, UnknownOutcome
from adflight.core.options import Attempted
from adflight.core.redaction import RedactedRequest


class JournalError(AdflightError):
    """The journal cannot be used, as on a full disk: what was to be written was not, and must not be sent.

    Unless an `outcome` says otherwise by failing: that what it tells about was sent, and the next run settles it.
    """


class JournalUnusable(JournalError):
    """Its place is no good, as a directory that cannot be written: it was not opened, and nothing was sent."""


class JournalHeld(JournalError):
    """Somebody has the journal open already; the lock ends with that process at the latest."""

    def __init__(self, message: str, *, pid: int | None, since: datetime | None) -> None:
        super().__init__(message)
        self.pid = pid
        """Of the process that holds it, as its machine counts; None when it has not said so yet."""
        self.since = since
        """When it took the journal: an aware datetime in UTC, or None."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _held, (self.args[0], self.pid, self.since)


def _held(message: str, pid: int | None, since: datetime | None) -> JournalHeld:
    return JournalHeld(message, pid=pid, since=since)


class Contradiction(JournalError):
    """What was to be written contradicts what the journal knows. Nothing was written."""


class Unsettled(Contradiction):
    """An earlier request for the key may still have been carried out: settle it first (`Journal.open_intents`)."""


# what is written


@frozen
class Part:
    """One key's share of a request."""

    key: str
    """The user's own, unique within a kind."""
    fields: Mapping[str, Any] = field(factory=dict)
    """Values by column, as they count as applied once the request is done."""
    existing: tuple[int, ...] = ()
    """The ids that bear the name before a create."""
    look_up: Mapping[str, Any] = field(factory=dict)
    """What finds a new object again, such as its name and its insertion order's id."""
    row: int | None = None
    """Of the file that says so, where there is one."""


@frozen
class Intent:
    """A request that is about to be sent, for one key or, in bulk, for many."""

    operation: str
    """The operation's public name, tag.method: `campaigns.create`."""
    kind: str
    """What the keys name: "insertion_order", "campaign"."""
    parts: tuple[Part, ...]
    request: RedactedRequest = field(repr=False)
    """With the body as it will be sent; headers are not kept."""
    creates: bool = field(default=False, kw_only=True)
    """Whether each key's object comes to be by it. Otherwise it sets values, and sending it twice is harmless, or it is
    made anew from what was read just before; requests that add to budgets or distribute them are not for a journal."""
    settled_after: float = field(kw_only=True)
    """Seconds after it was sent by which the service has either carried it out or never will."""


@frozen
class Done:
    """The service said that it carried it out, or the values were read back."""

    id: int | None = None
    """Of what was created; None for other requests."""
    facts: Mapping[str, Any] = field(factory=dict)
    """What else the answer said that is worth keeping."""
    ignored: tuple[str, ...] = ()
    """Fields that the answer shows otherwise than they were sent: they do not count as applied."""


@frozen
class Refused:
    """The service said no. Settles only the sending that it answers."""

    reason: str


@frozen
class Withdrawn:
    """It was never sent."""

    reason: str


@frozen
class Unknown:
    """No answer that counts came: it may have been carried out, and stays open."""

    sent_at: datetime
    """Aware."""
    settled_after: float
    """Seconds after `sent_at`."""
    cause: str

    @classmethod
    def of(cls, error: UnknownOutcome) -> Unknown:
        """What an error says."""
        return cls(error.sent_at, error.settled_after, str(error.cause or error))


@frozen
class Adopted:
    """What a create made was found, although its answer was lost."""

    id: int
    facts: Mapping[str, Any] = field(factory=dict)
    ignored: tuple[str, ...] = ()
    """Fields that it may have otherwise than they were sent: they do not count as applied."""
    by: str = ""
    """Who says so, where a person does."""


@frozen
class Absent:
    """It was looked for after it was settled, and not found: evidence, not proof."""

    reason: str
    by: str = ""
    """Who gives it up. A create needs a person's name: it may be made again afterwards."""


Outcome: TypeAlias = Done | Refused | Withdrawn | Unknown | Adopted | Absent

State: TypeAlias = Literal["sending", "unknown", "done", "refused", "withdrawn", "adopted", "absent"]


# what is read


@frozen
class OpenIntent:
    """A key's share of a request without an outcome: what the next run has to settle before it sends anything for the
    key. `adopt(it.unknown, existing=it.existing, settle=it.settle, ...)` looks for what a create has made.
    """

    intent: int
    """Shared by the keys of a bulk request."""
    run: int
    operation: str
    kind: str
    key: str
    creates: bool
    fields: Mapping[str, Any]
    existing: tuple[int, ...]
    look_up: Mapping[str, Any]
    state: State
    """"sending" when nothing at all is known about the answer, or "unknown"."""
    unknown: UnknownOutcome = field(repr=False)
    """With the request, when it was sent (or, while "sending", intended), and what was seen instead of an answer."""
    settle: float
    """Seconds from the moment when this was read until it must be settled."""


@frozen
class Attempt:
    """One sending of a request; repeats have one each."""

    number: int
    at: datetime
    outcome: str
    """In a word: "answered", "timeout", "rate limited"."""
    status: int | None = None
    """The HTTP status, if an answer came."""
    elapsed: float = 0.0
    """Seconds."""


@frozen
class SideRequest:
    """A sending that no intent stands for, as it changes nothing that is planned: a read, a log-in, or their repeat."""

    operation: str
    """tag.method, as in `campaigns.list`."""
    attempt: Attempt
    is_apart: bool = False
    """Whether the service counts it against a quota of its own, as FreeWheel does log-ins."""

    @classmethod
    def of(cls, one: Attempted) -> SideRequest:
        """What an observer is told."""
        attempt = Attempt(one.number, moment(one.sent_at), one.outcome, one.status, one.elapsed)
        return cls(one.operation, attempt, one.is_apart)


@frozen
class PartEntry:
    """What became of one key's share of a request."""

    key: str
    fields: Mapping[str, Any]
    state: State
    at: datetime
    """When it got into that state."""
    id: int | None
    facts: Mapping[str, Any]
    reason: str
    """Why it was refused, withdrawn or given up."""
    cause: str
    """What was seen instead of an answer, if its outcome is or was unknown."""
    by: str
    """Who gave it up, or said what it made."""
    row: int | None
    """Of the file; None also where the adflight of that time did not keep it."""


@frozen
class Entry:
    """A request with all that became of it."""

    id: int
    run: int
    at: datetime
    """When it was intended."""
    operation: str
    kind: str
    creates: bool
    request: RedactedRequest = field(repr=False)
    parts: tuple[PartEntry, ...]
    attempts: tuple[Attempt, ...]


@frozen(kw_only=True)
class RowFailure:
    """An object that a run left otherwise than its file says, whether or not a request was sent for it."""

    kind: str
    key: str
    row: int
    """Of the file."""
    outcome: str
    """In a word; see `events.RowFailed`."""
    error: str
    """In words."""


@frozen
class Run:
    """One apply."""

    id: int
    file: str
    """A digest of what was applied."""
    started: datetime
    ended: datetime | None
    """None while it goes on, and for ever when its process died."""
    how: str
    """How it ended, in a word of its own; "" while it goes on, "died" when its process did."""


def goes_on(run: Run) -> bool:
    """Whether a run has not ended, as far as is known."""
    return run.ended is None and not run.how


@frozen
class Known:
    """What a key means."""

    kind: str
    key: str
    id: int
    since: datetime
    by: str
    """Who said so, where a person did."""


def moment(seconds: float) -> datetime:
    """Epoch seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)
