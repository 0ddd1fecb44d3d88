"""Creating something exactly once, although an answer may be lost.

Sends nothing itself: the caller says how to create, how to look up and how to compare. Imports `clock`, `errors` and
`service`; used by the clients.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from inspect import isawaitable
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from attrs import field, frozen

from adflight.core.clock import Clock
from adflight.core.errors import UnknownOutcome
from adflight.core.service import Service, service_of

CreatedT = TypeVar("CreatedT")
RowT = TypeVar("RowT")

LookUp: TypeAlias = Callable[[], Awaitable[Mapping[int, RowT]]]
"""Finds every row that bears exactly the name, by id. Must raise unless it saw every row (`strict` paging)."""

Compare: TypeAlias = Callable[[RowT], Awaitable[Iterable[str]] | Iterable[str]]
"""Names the fields of a row that differ from what was sent; none when it is what we would have created."""

Record: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[None] | None]
"""Told each step before it happens: its name and JSON-able details."""

logger: Final = logging.getLogger("adflight")

SECOND_LOOK: Final = 15.0
"""Seconds between the two look-ups."""


@frozen
class Created(Generic[CreatedT]):
    """The service answered that it created something."""

    answer: CreatedT


@frozen
class Adopted(Generic[RowT]):
    """The answer was lost; what it created was found."""

    id: int
    row: RowT
    unknown: UnknownOutcome
    """What became of the answer."""


class Turns:
    """Locks by name. Two creates of one name at a time could each adopt what the other made.

        async with turns.of(("insertion order", name)):
            outcome = await create_once(...)

    It keeps this process from competing with itself; it cannot know of another process or person.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: Hashable) -> asyncio.Lock:
        """The lock of this name."""
        return self._locks.setdefault(name, asyncio.Lock())


_TURNS: Final[WeakValueDictionary[tuple[Service, str], Turns]] = WeakValueDictionary()


def turns_for(base_url: str, account: str) -> Turns:
    """The turns that all clients of this process share which use one account; they last as long as any of them."""
    return _TURNS.setdefault((service_of(base_url), account), Turns())


async def create_once(
    create: Callable[[], Awaitable[CreatedT]],
    *,
    look_up: LookUp[RowT],
    differences: Compare[RowT],
    clock: Clock,
    settle: float | None = None,
    second_look: float = SECOND_LOOK,
    record: Record | None = None,
) -> Created[CreatedT] | Adopted[RowT]:
    """Calls `create` once, never twice. When its outcome is unknown, looks for what it made (see `adopt`).

    The ids that bear the name already are noted first; when that look-up fails, its error is raised and nothing was
    created. `record` is told `"sending"` with these ids (`existing`) before the create, and `"unknown"` with `sent_at`
    (ISO 8601) and `settled_after` (seconds) before the waiting begins: with both, `adopt` can go on in another process.
    When it raises before the create, nothing is created.

    Run one at a time for one name (see `Turns`). Raises what `create` raises, and what `adopt` raises.
    """
    existing = frozenset(await look_up())
    await _tell(record, "sending", {"existing": sorted(existing)})
    try:
        return Created(await create())
    except UnknownOutcome as error:
        unknown = error
    try:
        await _tell(record, "unknown", {"sent_at": unknown.sent_at.isoformat(), "settled_after": unknown.settled_after})
    except Exception as error:
        raise _report(unknown, f"Nobody looked for it, because that could not be recorded ({error!r}).") from error
    return await adopt(
        unknown,
        existing=existing,
        look_up=look_up,
        differences=differences,
        clock=clock,
        settle=settle,
        second_look=second_look,
    )


async def adopt(
    unknown: UnknownOutcome,
    *,
    existing: Collection[int],
    look_up: LookUp[RowT],
    differences: Compare[RowT],
    clock: Clock,
    settle: float | None = None,
    second_look: float = SECOND_LOOK,
) -> Adopted[RowT]:
    """Finds what a create whose outcome is unknown has made, given the ids that bore the name before it.

    Waits until the outcome must be settled: `settle` seconds, by default `unknown.settled_after`. They are counted from
    now on the monotonic clock, a little longer than needed, because a wall clock may jump. Looks up twice,
    `second_look` seconds apart, and adopts only when both times exactly one row is new, it is the same one, and no
    field of it differs from what was sent.

    Raises `UnknownOutcome` in every other case, also when a look-up or the comparison fails. Its message says what was
    found; `absent` is set when both look-ups found nothing new. Even then nothing is created again: that is for the
    caller to decide.
    """
    wait = unknown.settled_after if settle is None else settle
    logger.warning(
        "%s: its outcome is unknown; looking for what it made in %.0f s",
        unknown.operation,
        wait,
        extra={"operation": unknown.operation, "outcome": "unknown"},
    )
    await clock.sleep(wait)
    try:
        first = await look_up()
        await clock.sleep(second_look)
        second = await look_up()
    except Exception as error:
        raise _report(unknown, f"Looking for it failed: {error}") from error

    finding = Finding.of(existing, first, second)
    if finding.candidate is None:
        raise _report(unknown, finding.text, absent=finding.absent)
    row = second[finding.candidate]
    try:
        compared = differences(row)
        differing = list(await compared if isawaitable(compared) else compared)
    except Exception as error:
        raise _report(unknown, f"{finding.text} It could not be compared with what was sent: {error}") from error
    if differing:
        raise _report(unknown, f"{finding.text} It differs from what was sent in {', '.join(differing)}.")
    return Adopted(finding.candidate, row, unknown)


@frozen
class Finding:
    """What two look-ups together say. Pure."""

    text: str
    candidate: int | None = None
    """The only row that can be what was created."""
    absent: bool = field(default=False, kw_only=True)

    @classmethod
    def of(cls, existing: Collection[int], first: Iterable[int], second: Iterable[int]) -> Finding:
        """`existing` are the ids before the create, the others those of the two look-ups after it."""
        known = frozenset(existing)
        before, after = frozenset(first) - known, frozenset(second) - known
        old = f" The name was borne before by {_ids(known)}." if known else ""
        if before != after:
            return cls(f"Two look-ups disagree: first {_ids(before)} bore its name, then {_ids(after)}.{old}")
        if not after:
            return cls(f"Two look-ups found nothing new that bears its name.{old}", absent=True)
        if len(after) > 1:
            return cls(f"Several new objects bear its name: {_ids(after)}.{old}")
        (candidate,) = after
        if candidate < max(known, default=candidate):
            # ids ascend, so this one was there before and has only now got the name
            return cls(f"Only {_ids(after)} is new under its name, and older than others.{old}")
        return cls(f"One new object bears its name: {candidate}.{old}", candidate)


def _ids(ids: Iterable[int]) -> str:
    return ", ".join(str(id_) for id_ in sorted(ids)) or "nothing"


def _report(unknown: UnknownOutcome, finding: str, *, absent: bool = False) -> UnknownOutcome:
    return UnknownOutcome(
        f"{unknown.operation} was sent at {unknown.sent_at.isoformat()}, and it is not known whether it was carried "
        f"out: {unknown.cause}. {finding}",
        request=unknown.request,
        sent_at=unknown.sent_at,
        settled_after=unknown.settled_after,
        cause=unknown.cause,
        operation=unknown.operation,
        response=unknown.response,
        absent=absent,
    )


async def _tell(record: Record | None, step: str, details: Mapping[str, Any]) -> None:
    told = record(step, details) if record is not None else None
    if told is not None:
        await told
