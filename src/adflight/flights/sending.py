"""One write on its way: its intent on the disk before it leaves, its outcome as soon as it is known.

Imports the journal and the platform's types; used by `dispatching`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from adflight.core.errors import AdflightError, APIError, InvalidInput, NotSent, UnknownOutcome
from adflight.core.options import CANCELLED
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import (
    Attempt,
    Contradiction,
    Done,
    Intent,
    JournalError,
    Outcome,
    Part,
    Refused,
    Unknown,
    Unsettled,
    Withdrawn,
    moment,
)
from adflight.flights.events import Sent
from adflight.flights.journal import Journal
from adflight.flights.platform import Platform, Target, Told, Write
from adflight.flights.settling import ADVICE, ends_everything

Became: TypeAlias = Literal["done", "refused", "failed", "unknown", "unsent", "lost", "unread"]
"""The first four are final. Unsent: there was no connection in any attempt. Lost: perhaps carried out, to be looked for
once it is settled. Unread: answered, and the answer does not say what became of it."""

_TURNED_AWAY: Final = frozenset(("not sent", "rate limited", "unauthorized", "refused"))
"""How an attempt ends that was certainly not carried out, in the words of `Watch.answered`."""


@frozen
class Fate:
    """What became of one key's share of a write."""

    target: Target
    how: Became
    id: int | None = None
    """Of what was created."""
    reason: str = ""


class Halted(AdflightError):
    """Nothing more may be sent."""


class Sending:
    """A `Watch` over one write, and the write's whole way. Used once."""

    def __init__(
        self,
        write: Write,
        ids: Sequence[int],
        parent: int | None,
        *,
        journal: Journal,
        platform: Platform,
        tell: Callable[[Sent], None],
        is_halted: Callable[[], bool],
        turned_away: Callable[[], object] = lambda: None,
    ) -> None:
        """Once `is_halted`, none leaves any more; `turned_away` is called when one may have to wait to be repeated."""
        self.write: Final = write
        self.request: int | None = None
        """Its number in the journal; None until it is about to leave."""
        self.is_pending = False
        """Whether an attempt may be at the service at this moment."""
        self.is_concluded = False
        """Whether it is known what became of it, if not yet written down."""
        self.settled_after = platform.settled_after
        """Seconds after which it must be settled."""
        self.fatal: AdflightError | None = None
        """What shows that nothing else can be sent either."""
        self._ids = ids
        self._parent = parent
        self._journal = journal
        self._platform = platform
        self._tell = tell
        self._is_halted = is_halted
        self._turned_away = turned_away
        self._attempts: deque[Attempt] = deque()
        """Those that are not written down."""
        self._count = 0
        self._left_at = 0.0
        self._lost_at: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it may be left alone without losing anything that it could tell."""
        return not self.is_pending and not self.is_concluded and self._lost_at is None

    async def carry_out(self) -> list[Fate]:
        """Sends it. What became of it is on the disk before this returns, and when it is cancelled, too.

        Raises `JournalError` when that is not so: the request stays open then, and what else it raises is a mistake in
        a platform.
        """
        try:
            told = await self._platform.send(self.write, self._ids, self._parent, self)
        except asyncio.CancelledError:
            await self._leave_word()
            raise
        except Exception as error:
            self.is_concluded = True
            return await self._failed(error)
        self.is_concluded = True
        return await (self._seen() if told is None else self._answered(told))

    async def note_attempts(self) -> None:
        """Writes down, for reports, how often it was sent. Raises `JournalError`."""
        while self.request is not None and self._attempts:
            await self._journal.attempt(self.request, self._attempts.popleft())

    # what the session tells

    async def sending(self, request: Callable[[], RedactedRequest]) -> None:
        """See `Watch`."""
        self._check_halted()
        if self.request is None:
            self.request = await self._journal.intend(self._intent(request()))
            self._check_halted()
            at = moment(self._platform.clock.time())
            keys = tuple(target.key for target in self.write.targets)
            operation, kind = self.write.operation, self.write.kind
            self._tell(Sent(request=self.request, operation=operation, kind=kind, keys=keys, at=at))
        else:
            # whoever took the journal over while this one waited to be repeated may have sent it, too
            await self.note_attempts()
            self._check_halted()
        self.is_pending = True
        self._left_at = self._platform.clock.time()

    def answered(self, outcome: str, status: int | None, sent_at: float, elapsed: float) -> None:
        """See `Watch`."""
        self._count += 1
        self._attempts.append(Attempt(self._count, moment(sent_at), outcome, status, elapsed))
        if outcome in _TURNED_AWAY:
            self.is_pending = False
        elif outcome != "answered":
            self.is_pending, self._lost_at = False, sent_at
        if self.is_waiting:
            self._turned_away()

    def _check_halted(self) -> None:
        if self._is_halted():
            raise Halted("the apply stopped before it was sent")

    def _intent(self, request: RedactedRequest) -> Intent:
        write, platform = self.write, self._platform
        look_up: dict[str, Any] = platform.look_up(write, self._parent) if write.creates else {}
        parts = tuple(Part(one.key, one.fields, write.existing, look_up, one.row) for one in write.targets)
        return Intent(
            write.operation,
            write.kind,
            parts,
            request,
            creates=write.creates,
            settled_after=platform.settled_after,
        )

    # what became of it

    async def _answered(self, told: Told) -> list[Fate]:
        assert self.request is not None, f"{self.write.operation} was sent without a watch"
        is_unsure = self._lost_at is not None and not self.write.creates
        outcomes: dict[str, Outcome] = {}
        fates: list[Fate] = []
        for target in self.write.targets:
            said = told.get(target.key)
            reason = said.reason if isinstance(said, Refused) else ""
            if is_unsure or (said is None and self.write.creates):
                # what was sent before, and not answered, may still set the values after this answer
                outcomes[target.key] = self._unknown(
                    "an earlier sending was not answered" if is_unsure else "no id of anything new"
                )
                fates.append(Fate(target, "lost", reason=reason))
            elif said is None:
                fates.append(Fate(target, "unread"))
            elif isinstance(said, Refused):
                outcomes[target.key] = said
                fates.append(Fate(target, "refused", reason=reason))
            else:
                outcomes[target.key] = said if self.write.creates else Done(facts=said.facts)
                fates.append(Fate(target, "done", said.id if self.write.creates else None))
        if not outcomes:
            return fates
        return fates if (refused := await self._record(outcomes)) is None else self._all("unknown", refused)

    async def _seen(self) -> list[Fate]:
        """Nothing had to be sent: what it was to set was there when it was looked at."""
        assert self.request is None, f"{self.write.operation} was sent, and its answer is missing"
        kind = self.write.kind
        try:
            for target in self.write.targets:
                await self._journal.note(kind, target.key, target.fields)
        except (Contradiction, InvalidInput) as error:
            return self._all("unknown", f"{error}. {ADVICE}")
        return [Fate(target, "done") for target in self.write.targets]

    async def _failed(self, error: Exception) -> list[Fate]:
        """The outcome of a write that raised."""
        if isinstance(error, AdflightError) and ends_everything(error, self.write.operation):
            self.fatal = error
        text = str(error)
        is_for_later = self.fatal is not None or isinstance(error, Halted)
        if self.request is None:
            if not isinstance(error, AdflightError):
                raise error
            return [] if is_for_later else self._all("unknown" if isinstance(error, Unsettled) else "failed", text)
        outcome: Outcome
        how: Became
        if isinstance(error, UnknownOutcome):
            outcome, how = Unknown.of(error), "lost"
            self.settled_after = max(self.settled_after, error.settled_after)
        elif self.is_pending or self._lost_at is not None:
            outcome, how = self._unknown(text), "lost"
        elif isinstance(error, APIError) and not error.while_logging_in:
            outcome, how = Refused(text), "refused"
        else:
            outcome, how = Withdrawn(text), "unsent" if isinstance(error, NotSent) else "failed"
        refused = await self._record({target.key: outcome for target in self.write.targets})
        if not isinstance(error, AdflightError):
            raise error
        if refused is not None:
            return self._all("unknown", refused)
        # a row that the next apply simply goes on with has not failed
        return [] if is_for_later and how != "lost" else self._all(how, text)

    async def _record(self, outcomes: Mapping[str, Outcome]) -> str | None:
        """Writes outcomes down; why not, if the journal knows that they cannot be."""
        assert self.request is not None
        try:
            await self._journal.record(self.request, outcomes)
        except (Contradiction, InvalidInput) as error:
            # whatever it did, it is not what the answer says
            unknown = self._unknown(str(error))
            await self._journal.record(self.request, {target.key: unknown for target in self.write.targets})
            return f"{error}. {ADVICE}"
        return None

    async def _leave_word(self) -> None:
        """Cancelled: says whether anything has left. Nothing but a broken disk keeps that from being written."""
        if self.request is None:
            return
        outcome: Outcome = Withdrawn("interrupted before it was sent")
        if self.is_pending or self._lost_at is not None:
            outcome = self._unknown("interrupted before its answer")
        if self.is_pending:
            # the session tells a watch of answers only
            took = self._platform.clock.time() - self._left_at
            self._attempts.append(Attempt(self._count + 1, moment(self._left_at), CANCELLED, elapsed=max(took, 0.0)))
        with suppress(JournalError, asyncio.CancelledError):
            await self._journal.record(self.request, {target.key: outcome for target in self.write.targets})

    def _unknown(self, cause: str) -> Unknown:
        # of several sendings, the last that may have been carried out
        last = self._left_at if self.is_pending else self._lost_at
        return Unknown(moment(self._left_at if last is None else last), self.settled_after, cause)

    def _all(self, how: Became, reason: str) -> list[Fate]:
        return [Fate(target, how, reason=reason) for target in self.write.targets]
