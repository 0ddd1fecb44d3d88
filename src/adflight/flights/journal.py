"""What was to be sent, and what became of it, on the disk before anything is sent.

    async with await Journal.open(base_url, account) as journal:
        for one in await journal.open_intents():
            ...                                                     # settle it, before anything like it is sent
        await journal.begin_run(digest)
        request = await journal.intend(Intent("campaigns.create", "campaign", (Part("row 1", fields),), ...))
        ...                                                         # send it
        await journal.record(request, {"row 1": Done(id=537599)})
        await journal.end_run("complete")

Imports `book`, `records`, `group_commit`, `place` and what they import; sends nothing itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from attrs import evolve

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import InvalidInput
from adflight.core.redaction import SECRET_NAMES
from adflight.flights.book import Book
from adflight.flights.database import Database, Step
from adflight.flights.entries import (
    Attempt,
    Entry,
    Intent,
    JournalError,
    Known,
    OpenIntent,
    Outcome,
    RowFailure,
    Run,
    SideRequest,
    Unknown,
    goes_on,
)
from adflight.flights.group_commit import GroupCommit
from adflight.flights.place import Lock, Place, hold
from adflight.flights.records import Records
from adflight.flights.sealing import (
    Sealed,
    SealedOutcome,
    encode,
    without_secrets,
)
from adflight.flights.tables import AT_OPENING, SCHEMA

T = TypeVar("T")

_PAGE: Final = 200
"""Rows that are read at once: failures, or requests' parts, which a bulk request may have more of by itself."""

_SIDE_PAGE: Final = 2000
"""The same of side requests, which are short."""


class Journal:
    """The journal of one scope of one account of one service. While it is open, no other process opens one of that
    account to write.

    Each method that writes returns once what it wrote is on the disk, together with what others wrote in the meantime.
    A caller that is cancelled while it waits loses nothing: the row is written all the same. What the rules forbid
    raises `Contradiction` (or its kind `Unsettled`), what the disk refuses `JournalError`, what cannot be kept
    `InvalidInput`; in all three cases nothing was written.
    """

    def __init__(self, place: Place, lock: Lock | None, clock: Clock, secrets: frozenset[str]) -> None:
        """Use `open`."""
        self.path: Final = place.path
        """The file; those beside it whose names begin like its own belong to it."""
        self._place = place
        self._lock = lock
        self._clock = clock
        self._secrets = secrets
        self._quiet_since = clock.monotonic()
        self._first_request: int | None = None
        """Of those that were intended here."""
        self._book: Book
        self._records: Records
        self._steps = GroupCommit(place.path.stem, self._open_database, self._let_go)

    @classmethod
    async def open(
        cls,
        base_url: str,
        account: str,
        *,
        scope: str = "",
        directory: Path | None = None,
        wait: float | None = 0.0,
        read_only: bool = False,
        clock: Clock | None = None,
        secrets: frozenset[str] = SECRET_NAMES,
    ) -> Self:
        """Opens the journal, and makes it when there is none.

        `scope` is what within the account has names and objects of its own, such as IQM's organization workspace; see
        `Platform.scope`. `directory` is the user's state directory by default. `wait` are the seconds for which to wait
        while another holds the account, whatever the scope; None waits without end. With `read_only` it is opened
        beside whoever holds it, and cannot be written. `secrets` are the names that are masked (see `secret_names`).

        Raises:
            ConfigurationError: `base_url` is not a URL, or `account` is empty.
            JournalHeld: another process, or this one, has one of the account open; says which and since when.
            JournalError: the directory or the file cannot be used, is damaged, of another account or scope, or newer
                than this adflight; it is left as it is. `NoJournal` with `read_only` when nothing was ever applied.
        """
        clock = SystemClock() if clock is None else clock
        place = Place.of(base_url, account, directory, scope=scope)
        journal = cls(place, None if read_only else await hold(place, wait, clock), clock, secrets)
        await journal._steps.start()
        return journal

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path.stem}>"

    async def aclose(self) -> None:
        """Writes what is still to be written, closes the file and lets others have it; harmless when repeated."""
        await self._steps.aclose()

    def is_of(self, base_url: str, account: str, *, scope: str = "") -> bool:
        """Whether it belongs to this account, and to this scope of it; all as `open` takes them."""
        return Place.of(base_url, account, self.path.parent, scope=scope).owner == self._place.owner

    @property
    def quiet_for(self) -> float:
        """Seconds for which certainly nothing was sent, by the monotonic clock: since it was opened, or since a request
        was intended here, or its answer lost."""
        return self._clock.monotonic() - self._quiet_since

    # runs

    async def begin_run(self, file: str) -> int:
        """Begins an apply; `file` is a digest of what is applied. The run's number. When it is cancelled, the run has
        ended, "interrupted".

        Raises `Contradiction` while another run has not ended, and `InvalidInput` for a digest that is no text. A run
        of this journal whose end the disk refused is ended by it, as it was to be.
        """
        try:
            file.encode()
        except UnicodeEncodeError:
            raise InvalidInput("file", file, "a text that can be written as UTF-8") from None
        now = self._clock.time()
        interrupt = partial(self._interrupt, now)
        return await self._put(lambda: self._book.begin_run(file, now), undo=interrupt)

    def _interrupt(self, now: float, begun: Step) -> None:
        if begun.error is None:
            self._book.end_run("interrupted", now)

    async def end_run(self, how: str) -> None:
        """Ends it, `how` in a word: "complete", "stopped". Raises `Contradiction` when none has begun.

        Where it raises another `JournalError`, the next run ends it.
        """
        now = self._clock.time()
        await self._put(lambda: self._book.end_run(how, now))

    async def runs(self) -> list[Run]:
        """All runs, the earliest first. One without an end goes on: another process, or this one, is at it."""
        runs = await self._steps.do(lambda: self._records.runs())
        if self._lock is not None or not runs or not goes_on(runs[-1]) or self._is_somebody_at(runs[-1]):
            return runs
        # its end may have been written since
        runs = [one for one in await self._steps.do(lambda: self._records.runs()) if one.id <= runs[-1].id]
        return [evolve(one, how="died") if goes_on(one) else one for one in runs]

    def _is_somebody_at(self, run: Run) -> bool:
        # who took the account only after the run had begun is at another one, perhaps of another scope
        holder = Lock.holder(self._place.lock)
        return holder is not None and holder.since is not None and holder.since <= run.started

    def fail_row(self, failure: RowFailure) -> None:
        """Has it written down, for reports, that a row failed; what the disk makes of it, the next step tells."""
        self._check_writable()
        clean = evolve(failure, error=without_secrets(failure.error, self._secrets))
        self._steps.ask(lambda: self._book.fail_row(clean))

    async def failures(self, run: int) -> AsyncIterator[RowFailure]:
        """The rows that failed in a run, by kind and key. Memory stays constant."""
        after = ("", "")
        while page := await self._steps.do(partial(self._records.failures, run, after, _PAGE)):
            for failure in page:
                yield failure
            after = (page[-1].kind, page[-1].key)

    def add_side_requests(self, requests: Iterable[SideRequest]) -> None:
        """Has written down what the run sends, or has sent, without an intent; see `fail_row`.

        `requests` are read in another thread, and perhaps more than once.
        """
        self._check_writable()
        self._steps.ask(lambda: self._book.add_side_requests(requests))

    async def side_requests(self, run: int) -> AsyncIterator[SideRequest]:
        """What a run sent without an intent, as it was written down. Memory stays constant.

        There are none of runs of the adflight that did not write them down yet.
        """
        after = 0
        while page := await self._steps.do(partial(self._records.side_requests, run, after, _SIDE_PAGE)):
            for _, one in page:
                yield one
            after = page[-1][0]

    # requests

    async def intend(self, intent: Intent) -> int:
        """Writes down what is about to be sent. The request's number, for `record` and `attempt`.

        Send it only after this has returned. When it is cancelled, nothing may be sent, and the journal says so.

        Raises:
            Unsettled: an earlier create for the key has no outcome, or an earlier run's request has none; or a create
                that was given up seems to have been carried out after all.
            Contradiction: a create for a key whose id is known, another request for one whose id is not known, or no
                run has begun.
            InvalidInput: it holds what cannot be kept.
            JournalError: the disk.
        """
        sealed, now = Sealed.of(intent, self._secrets), self._clock.time()
        withdraw = partial(self._withdraw, now)
        request = await self._put(lambda: self._book.intend(sealed, now), undo=withdraw)
        self._quiet_since = self._clock.monotonic()
        self._first_request = min(request, self._first_request or request)
        return request

    def _withdraw(self, now: float, intended: Step) -> None:
        self._book.withdraw(intended.result, "cancelled before it was sent", now)

    async def record(self, request: int, outcomes: Mapping[str, Outcome]) -> None:
        """Writes down what became of a request, by key; of a bulk request as many keys as are known.

        `Done` and `Adopted` also remember ids and the fields that count as applied. All of the outcomes are written, or
        none. Call it as soon as there is an answer, before awaiting anything else: then no cancellation loses it.

        Raises:
            Contradiction: the request is settled for a key, or its answer was lost, so that it can no longer be done or
                refused; an id is another key's, or the key has another; a create is given up by nobody.
            InvalidInput: an outcome holds what cannot be kept.
            JournalError: the disk. The outcome is not written, and the request stays open.
        """
        sealed = {key: SealedOutcome.of(outcome, self._secrets) for key, outcome in outcomes.items()}
        now = self._clock.time()
        is_own = self._first_request is not None and request >= self._first_request
        if is_own and any(isinstance(outcome, Unknown) for outcome in outcomes.values()):
            # it may have left long after it was intended
            self._quiet_since = self._clock.monotonic()
        await self._put(lambda: self._book.record(request, sealed, now))

    async def attempt(self, request: int, attempt: Attempt) -> None:
        """Writes down one sending of a request, for reports. Raises `Contradiction` for an unknown request."""
        clean = evolve(attempt, outcome=without_secrets(attempt.outcome, self._secrets))
        await self._put(lambda: self._book.attempt(request, clean))

    async def open_intents(self) -> list[OpenIntent]:
        """What has no outcome, the earliest first, one a key. At the start of a run, all that is to be settled.

        Later it also has what this process has under way.
        """
        now = self._clock.time()
        return await self._steps.do(lambda: self._book.open_intents(now))

    async def history(self, run: int | None = None) -> AsyncIterator[Entry]:
        """Every request, of one run or of all, the earliest first, and what became of it. Memory stays constant."""
        after = 0
        while page := await self._steps.do(partial(self._records.history, run, after, _PAGE)):
            for entry in page:
                yield entry
            after = page[-1].id

    async def settled_in(self, run: int) -> list[Entry]:
        """The requests of earlier runs whose outcome became known, for some key at least, while a run went on."""
        return await self._steps.do(lambda: self._records.settled_in(run))

    async def done_since(self, run: int) -> set[tuple[str, str]]:
        """By kind and key, what a run did not do and a later one did, without failing in anything else of it."""
        return await self._steps.do(lambda: self._records.done_since(run))

    async def applied_before(self, run: int, columns: Mapping[str, str]) -> dict[tuple[str, str], Any]:
        """By kind and key, what earlier runs last applied of one column of each kind, for all that a run changes."""
        return await self._steps.do(lambda: self._records.applied_before(run, columns))

    # objects

    async def ids(self, kind: str) -> dict[str, int]:
        """The vendor's ids by key."""
        return await self._steps.do(lambda: self._book.ids(kind))

    async def given_up(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Keys and look-ups of the creates that a person gave up as not there, where the key means nothing now."""
        return await self._steps.do(lambda: self._book.given_up(kind))

    async def known(self, kind: str) -> list[Known]:
        """What each key means, and since when, by key."""
        return await self._steps.do(lambda: self._book.known(kind))

    async def keys_of(self, kind: str, file: str) -> dict[str, int]:
        """The ids by key of what was applied or bound in runs of `file`."""
        return await self._steps.do(lambda: self._book.keys_of(kind, file))

    async def files_of(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """The file, by key, from which each was applied last; only of those for which something was sent."""
        return await self._steps.do(lambda: self._book.files_of(kind, keys))

    async def applied(self, kind: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What was last applied, by key and field; keys without anything are left out."""
        keys = tuple(keys)
        return await self._steps.do(lambda: self._book.applied(kind, keys))

    async def bind(
        self,
        kind: str,
        key: str,
        id: int,
        *,
        replacing: int | None = None,
        by: str = "",
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Says which object of the vendor's a key means: one that was there before, and whose adoption was confirmed.

        Harmless when repeated. Where the key has another id, that must be told as `replacing`, `by` a person; what was
        applied to it is forgotten. `fields`, by column, are what it was seen to have: they count as applied.

        Raises:
            Unsettled: a request for the key has no outcome.
            Contradiction: the key has another id, or the id is another key's, or nobody replaces it.
        """
        now, seen = self._clock.time(), encode("fields", fields or {}, self._secrets)
        await self._put(lambda: self._book.bind(kind, key, id, replacing=replacing, by=by, now=now, fields=seen))

    async def note(self, kind: str, key: str, fields: Mapping[str, Any]) -> None:
        """Says what the object of a key was seen to have, so that nothing had to be sent: it counts as applied.

        Raises:
            Unsettled: a request of an earlier run for the key has no outcome.
            Contradiction: the key has no id.
        """
        now, seen = self._clock.time(), encode("fields", fields, self._secrets)
        await self._put(lambda: self._book.note(kind, key, seen, now))

    async def release(self, kind: str, key: str, id: int, *, by: str) -> None:
        """Says that a key no longer means `id`, as after somebody deleted that: it may be created again.

        Raises `Unsettled` while a request for the key has no outcome, `Contradiction` when it has another id or `by`
        names nobody.
        """
        now = self._clock.time()
        await self._put(lambda: self._book.release(kind, key, id, by=by, now=now))

    # the writer

    def _check_writable(self) -> None:
        if self._lock is None:
            raise JournalError(f"the journal {self.path.stem} was opened only to be read")

    async def _put(self, work: Callable[[], T], *, undo: Callable[[Step], object] | None = None) -> T:
        self._check_writable()
        return await self._steps.do(work, undo=undo)

    def _open_database(self) -> Database:
        now, read_only = self._clock.time(), self._lock is None
        database = Database(self._place, schema=SCHEMA, opening=AT_OPENING, read_only=read_only, now=now)
        self._book, self._records = Book(database), Records(database)
        return database

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
