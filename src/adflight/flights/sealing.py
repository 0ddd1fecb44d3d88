"""How what stands in a journal becomes text that keeps it exact, and holds no secret.

Imports `entries` and core's redaction; used by `book` and `journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Final

import orjson
from attrs import frozen

from adflight.core.errors import InvalidInput
from adflight.core.redaction import SECRET_NAMES, redact_body, redact_content, redact_url
from adflight.flights.entries import Absent, Adopted, Done, Intent, Outcome, Refused, State, Unknown, Withdrawn


@frozen
class Sealed:
    """An intent as it will be kept: nobody can change it any more, and it holds no secret."""

    intent: Intent
    method: str
    url: str
    body: bytes
    parts: Sequence[tuple[str, bytes, bytes, bytes, int | None]]
    """Key, fields, existing ids, look-up, row."""

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
                part.row,
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
        id_ = outcome.id if isinstance(outcome, (Done, Adopted)) else None
        if id_ is not None and not 0 < id_ < 2**63:
            raise InvalidInput("id", id_, "an id that a vendor gives: above zero, and of 63 bits")
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
