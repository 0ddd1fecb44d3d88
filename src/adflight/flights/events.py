"""What an apply tells as it goes. Each event is a frozen record; `as_json` makes a line for machines of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import asdict, frozen

Done: TypeAlias = Literal["created", "changed", "adopted", "unchanged"]


@frozen(kw_only=True)
class Began:
    """The plan holds, and sending begins."""

    run: int
    flights: int
    writes: int
    """Requests that are to be sent."""
    committed: Decimal
    """In the account's currency."""
    seconds: float
    """What the quota makes of it, from an empty window."""


@frozen(kw_only=True)
class Settling:
    """Requests of an earlier run, or of this one, have no outcome; they are looked for once they must be settled."""

    open: int
    seconds: float
    """Until it is known what became of them, but for the time that the requests take that look for it."""


@frozen(kw_only=True)
class Settled:
    """What became of one of them."""

    kind: str
    key: str
    how: Literal["adopted", "absent", "done", "unclear"]
    """Found and taken over; not there; there, as sent; or a person has to look: `reason` says why."""
    id: int | None = None
    reason: str = ""


@frozen(kw_only=True)
class Sent:
    """A request has left."""

    request: int
    """Its number in the journal."""
    operation: str
    kind: str
    keys: tuple[str, ...]
    at: datetime


@frozen(kw_only=True)
class RowDone:
    """An object is as its file says. Insertion orders have events of their own, under their own keys."""

    kind: str
    key: str
    row: int
    how: Done
    id: int


@frozen(kw_only=True)
class RowFailed:
    """An object is not as its file says; the others go on."""

    kind: str
    key: str
    row: int
    error: str
    """In words."""
    outcome: Literal["refused", "failed", "withheld", "unknown"]
    """By the plan or the service; not sent or not answered; because of its insertion order; or perhaps carried out."""


@frozen(kw_only=True)
class Ended:
    """The last event. What was not done is done by the next apply."""

    how: Literal["complete", "failed", "stopped"]
    """All applied; some rows failed; or nothing more could be sent, and `reason` says why."""
    reason: str
    done: int
    """Flights that are as the file says."""
    failed: int
    adopted: int
    requests: Mapping[str, int]
    """Sent by this apply, by operation: reads, log-ins and repeats included, but not what its plan took before it."""
    seconds: float


Event: TypeAlias = Began | Settling | Settled | Sent | RowDone | RowFailed | Ended


def as_json(event: Event) -> dict[str, Any]:
    """The event as JSON-able values, with its name under `event`."""
    return {"event": type(event).__name__.lower(), **{name: _plain(value) for name, value in asdict(event).items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float):
        # seconds all of them, and no clock is worth more than a thousandth
        return round(value, 3)
    return value.isoformat() if isinstance(value, datetime) else value
