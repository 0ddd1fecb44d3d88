"""What stands in a journal, in the terms of whoever writes it, and how values become text that keeps them exact.

Imports core's errors and redaction; used by `book` and `journal`.

    AdflightError
    └── JournalError          the journal's file or its disk cannot be used; nothing may be sent
        ├── JournalHeld       another process, or this one, has the journal open
        └── Contradiction     what was to be written contradicts what is known
            └── Unsettled     an earlier request for the key may still have been carried out
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Final, Literal, TypeAlias

import orjson
from attrs import field, frozen

from adflight.core.errors import AdflightError, InvalidInput, UnknownOutcome
from adflight.core.redaction import SECRET_NAMES, RedactedRequest, redact_body, redact_content, redact_url


class JournalError(AdflightError):
    """The journal cannot be used, as on a full disk: what was to be written was not, and must not be sent.

    Unless an `outcome` says otherwise by failing: that what it tells about was sent, and the next run settles it.
    """


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


@frozen
class Known:
    """What a key means."""

    kind: str
    key: str
    id: int
    since: datetime
    by: str
    """Who said so, where a person did."""


# as it is kept


@frozen
class Sealed:
    """An intent as it will be kept: nobody can change it any more, and it holds no secret."""

    intent: Intent
    method: str
    url: str
    body: bytes
    parts: Sequence[tuple[str, bytes, bytes, bytes]]
    """Key, fields, existing ids, look-up."""

    @classmethod
    def of(cls, intent: Intent, secrets: frozenset[str]) -> Sealed:
        """Raises `InvalidInput` for what cannot be kept."""
        keys = [part.key for part in intent.parts]
        if not keys or len(set(keys)) < len(keys):
            raise InvalidInput("intent.parts", keys, "one or more, each with a key of its own")
        for text in (intent.operation, intent.kind, *keys):
            if not text or text.encode("utf-8", "ignore").decode() != text:
                raise InvalidInput("intent", text, "an operation, a kind and keys that are texts of Unicode")
        parts = [
            (
                part.key,
                encode("fields", part.fields, secrets),
                orjson.dumps(sorted(part.existing)),
                encode("look_up", part.look_up, secrets),
            )
            for part in intent.parts
        ]
        request = intent.request
        body = encode("request.body", request.body, secrets)
        return cls(intent, request.method, redact_url(request.url, secrets), body, parts)


@frozen
class SealedOutcome:
    """An outcome as it will be kept."""

    outcome: Outcome
    state: State
    columns: Mapping[str, Any]
    """Values by the names of the table's columns."""

    @classmethod
    def of(cls, outcome: Outcome, secrets: frozenset[str]) -> SealedOutcome:
        """Raises `InvalidInput` for what cannot be kept."""
        match outcome:
            case Done(id_, facts, ignored):
                kept = {**facts, "ignored": [*ignored]} if ignored else facts
                return cls(outcome, "done", {"id": id_, "facts": encode("facts", kept, secrets)})
            case Adopted(id_, facts, ignored, by):
                kept = {**facts, "ignored": [*ignored]} if ignored else facts
                return cls(outcome, "adopted", {"id": id_, "facts": encode("facts", kept, secrets), "by": by})
            case Refused(reason):
                return cls(outcome, "refused", {"reason": without_secrets(reason, secrets)})
            case Withdrawn(reason):
                return cls(outcome, "withdrawn", {"reason": without_secrets(reason, secrets)})
            case Absent(reason, by):
                return cls(outcome, "absent", {"reason": without_secrets(reason, secrets), "by": by})
            case Unknown(sent_at, settled_after, cause):
                if sent_at.tzinfo is None:
                    raise InvalidInput("sent_at", sent_at, "a datetime with a zone")
                when = {"sent_at": sent_at.timestamp(), "settled_after": settled_after}
                return cls(outcome, "unknown", {**when, "cause": without_secrets(cause, secrets)})


# values as text

_DECIMAL: Final = "$decimal"
_DATETIME: Final = "$datetime"
_DATE: Final = "$date"
_OBJECT: Final = "$object"
_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    _DECIMAL: Decimal,
    _DATETIME: datetime.fromisoformat,
    _DATE: date.fromisoformat,
}
_TAGS: Final = frozenset((*_READ, _OBJECT))


def encode(name: str, value: Any, secrets: frozenset[str] = SECRET_NAMES) -> bytes:
    """A value as text, without secrets: what JSON knows, Decimals, dates and aware datetimes, each exactly.

    Raises `InvalidInput`, with `name`, for everything else: NaN, naive datetimes, integers beyond 64 bits.
    """
    try:
        tagged = _tagged(value)
        text = orjson.dumps(tagged)
        return orjson.dumps(redact_body(tagged, secrets)) if _may_hold(text, secrets) else text
    except (TypeError, RecursionError) as error:
        # the value is not shown: it may hold what was to be masked
        raise InvalidInput(name, type(value).__name__, f"values that a journal can keep ({error})") from None


def _may_hold(text: bytes, secrets: frozenset[str]) -> bool:
    """Whether a secret's name may stand in it: hardly ever, and looking for it properly takes ten times as long."""
    bare = text.decode().lower().replace("-", "").replace("_", "")
    return any(name in bare or not name.isascii() for name in secrets)


def decode(text: bytes) -> Any:
    """The value that was encoded; enums come back as what stands for them."""
    return _untagged(orjson.loads(text))


def without_secrets(text: str, secrets: frozenset[str] = SECRET_NAMES) -> str:
    """A reason or a cause with masked credentials."""
    return redact_content(text.encode("utf-8", "replace"), secrets).decode()


def _tagged(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        tagged = {key: _tagged(item) for key, item in value.items()}
        return tagged if _TAGS.isdisjoint(tagged) else {_OBJECT: tagged}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_tagged(item) for item in value]
    if isinstance(value, Enum):
        return _tagged(value.value)
    if isinstance(value, (float, Decimal)):
        if not isfinite(value):
            raise TypeError(f"not {value}")
        return value if isinstance(value, float) else {_DECIMAL: str(value)}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("no datetime without a zone")
        return {_DATETIME: value.isoformat()}
    if isinstance(value, date):
        return {_DATE: value.isoformat()}
    raise TypeError(f"no {type(value).__name__}")


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, inner),) = value.items()
        if tag in _READ:
            return _READ[tag](inner)
        if tag == _OBJECT:
            value = inner
    return {key: _untagged(item) for key, item in value.items()}


def moment(seconds: float) -> datetime:
    """Epoch seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)
