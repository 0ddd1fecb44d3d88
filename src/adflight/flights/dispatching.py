"""Carries out a schedule: many writes at a time, and what has no outcome settled in rounds that they share.

Imports `scheduling`, `sending`, `awaiting`, `settling`, `silence` and the events; used by `applying`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from math import inf
from typing import Any, Final, Literal

from adflight.core.adoption import SECOND_LOOK
from adflight.core.errors import AdflightError
from adflight.core.options import Attempted
from adflight.flights.awaiting import Awaited, Awaiting
from adflight.flights.entries import JournalError, RowFailure, Unknown, moment
from adflight.flights.events import Event, RowDone, RowFailed, Settled, Settling
from adflight.flights.items import Item, Verdict
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER, Platform, Target, Write
from adflight.flights.scheduling import Object, Schedule
from adflight.flights.sending import Fate, Sending
from adflight.flights.settling import conclude, together
from adflight.flights.silence import Silence

GRACE: Final = 5.0
"""Seconds for which one that is cancelled waits for the answers of what is at the service: each is a request that
nobody has to look for."""

_STOPPED: Final = "the apply stopped before it was known what became of it; the next one finds out"


class Dispatcher:
    """One apply's writes on their way. Used once."""

    def __init__(
        self,
        items: Iterable[Item],
        schedule: Schedule,
        ids: Mapping[str, dict[str, int]],
        *,
        journal: Journal,
        platform: Platform,
        tell: Callable[[Event], None],
        concurrency: int,
    ) -> None:
        """`items` are those that have writes; `ids`, by kind and key, grow with what is created."""
        self.results: Final[Counter[tuple[str, str]]] = Counter()
        """Objects by kind, and by "done", "failed" and "adopted"."""
        self.stopped: AdflightError | None = None
        """Why nothing more can be sent."""
        self.has_room: Callable[[], bool] = lambda: True
        """Whether more may be sent, because somebody listens."""
        self._items: dict[Object, Item] = {(item.kind, item.key): item for item in items}
        self._schedule = schedule
        self._ids = ids
        self._journal = journal
        self._platform = platform
        self._clock = platform.clock
        self._tell = tell
        self._concurrency = concurrency
        self._under_way: dict[asyncio.Task[None], Sending | None] = {}
        self._round: asyncio.Task[None] | None = None
        self._scribe: asyncio.Task[None] | None = None
        self._reported: list[Sending] = []
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = inf
        self._awaited = Awaiting()
        self._unsent: list[tuple[Sending, Fate]] = []
        """What never left, because there was no connection, and there has been none since."""
        self._silence = Silence()
        self._adopted: set[Object] = set()
        self._is_settling_told = False
        self._changed = asyncio.Event()
        self._is_cancelled = False
        self._mistake: BaseException | None = None

    # rows

    def done(self, item: Item, how: Literal["created", "changed", "adopted", "unchanged"], id_: int) -> None:
        """Tells that an object is as planned."""
        self.results[item.kind, "done"] += 1
        self.results[item.kind, "adopted"] += how == "adopted"
        self._tell(RowDone(kind=item.kind, key=item.key, row=item.row, how=how, id=id_))

    def failed(
        self, kind: str, key: str, row: int, error: str, outcome: Literal["refused", "failed", "withheld", "unknown"]
    ) -> None:
        """Tells that one is not."""
        self.results[kind, "failed"] += 1
        self._items.pop((kind, key), None)
        # a journal that cannot be written ends the apply elsewhere
        with suppress(JournalError):
            self._journal.fail_row(RowFailure(kind=kind, key=key, row=row, outcome=outcome, error=error))
        self._tell(RowFailed(kind=kind, key=key, row=row, error=error, outcome=outcome))

    # the loop

    def wake(self) -> None:
        """There is room again."""
        self._changed.set()

    async def run(self) -> None:
        """Sends everything that can be sent, and settles what can be settled.

        When it is cancelled, nothing more is sent, and what is not answered within `GRACE` is unknown in the journal.
        """
        try:
            with self._platform.observed(self._observe):
                await self._send_all()
        except asyncio.CancelledError:
            await self._hear_out()
            raise
        finally:
            await self._abort()
            await self._leave_words()
        if self.stopped is None:
            for item in [*self._items.values()]:
                self.failed(item.kind, item.key, item.row, "there is no request that makes it so", "failed")

    async def _send_all(self) -> None:
        while True:
            if self.stopped is not None:
                self._let_go()
            self._fail_unsent()
            self._start_writes()
            self._tell_withheld()
            self._stop_in_silence()
            self._start_round()
            if self._mistake is not None:
                raise self._mistake
            if self._is_over:
                break
            await self._changed.wait()
            self._changed.clear()

    @property
    def _is_idle(self) -> bool:
        """Whether nothing can be sent before it is known what became of something."""
        return not self._under_way and not self._schedule.ready

    @property
    def _is_over(self) -> bool:
        if self._under_way:
            return False
        return self.stopped is not None or (self._schedule.is_over and not self._awaited)

    def _start_writes(self) -> None:
        while self.stopped is None and len(self._under_way) < self._concurrency and self.has_room():
            write = self._schedule.take()
            if write is None:
                return
            parent, ids = self._resolved(write)
            if parent is None or ids is None:
                reason = "the vendor's id of what it is about is not known"
                for target in write.targets:
                    self._conclude_failed(write, target, reason, "failed")
                continue
            sending = Sending(
                write,
                ids,
                parent or None,
                journal=self._journal,
                platform=self._platform,
                tell=self._tell,
                is_halted=lambda: self._is_cancelled or self.stopped is not None,
                turned_away=self._changed.set,
            )
            self._begin(self._carry_out(sending), sending)

    def _resolved(self, write: Write) -> tuple[int | None, list[int] | None]:
        """The insertion order's id, 0 where there is none or many, and the objects' ids; None what is not known."""
        known: list[int | None] = []
        if not write.creates:
            known = [self._ids[write.kind].get(target.key, target.id) for target in write.targets]
        parents = {target.parent for target in write.targets} - {None} if write.kind == CAMPAIGN else set()
        parent = self._ids[ORDER].get(str(*parents), None if write.creates else 0) if len(parents) == 1 else 0
        ids = [id_ for id_ in known if id_ is not None]
        return parent, ids if len(ids) == len(known) else None

    def _begin(self, work: Coroutine[Any, Any, None], sending: Sending | None) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._under_way[task] = sending
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if task is self._round:
            self._round = None
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, AdflightError):
                self._stop(error)
            else:
                self._mistake = self._mistake or error
        self._changed.set()

    async def _carry_out(self, sending: Sending) -> None:
        try:
            fates = await sending.carry_out()
        finally:
            self._reported.append(sending)
            if self._scribe is None or self._scribe.done():
                self._scribe = asyncio.create_task(self._report())
        if sending.fatal is not None:
            self._stop(sending.fatal)
        for fate in fates:
            self._note(sending, fate)

    async def _report(self) -> None:
        """Writes attempts down for reports. Nobody waits for that but the end."""
        while self._reported:
            reported, self._reported = self._reported, []
            # a journal that cannot be written shows that elsewhere
            with suppress(JournalError):
                await together(sending.note_attempts() for sending in reported)

    def _stop(self, error: AdflightError) -> None:
        if self.stopped is None:
            self.stopped = error
        self._let_go()

    def _let_go(self) -> None:
        """Lets go on what is at the service, because its answers count, and nothing else."""
        for task, sending in self._under_way.items():
            if sending is None or sending.is_waiting:
                _cancel(task)

    async def _hear_out(self) -> None:
        """Waits for the answers of what is at the service, but not for long."""
        self._is_cancelled = True
        patience = asyncio.create_task(self._ring(GRACE))
        try:
            while self._under_way and not patience.done():
                self._let_go()
                await self._changed.wait()
                self._changed.clear()
        finally:
            patience.cancel()

    async def _abort(self) -> None:
        ending = [*self._under_way, *filter(None, [self._timer])]
        # what was answered is being written down
        answered = [task for task, sending in self._under_way.items() if sending is not None and sending.is_concluded]
        for task in set(ending) - set(answered):
            _cancel(task)
        tasks = [*ending, *filter(None, [self._scribe])]
        while tasks:
            # whoever cancelled us has done so: what was sent has to be written down first
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks)
            tasks = [task for task in (*tasks, *filter(None, [self._scribe])) if not task.done()]

    async def _leave_words(self) -> None:
        """What was not found out stays open, as unknown."""
        lost = Unknown(moment(self._clock.time()), self._platform.settled_after, "it was not read back")
        for one in self._awaited.unread:
            with suppress(JournalError, asyncio.CancelledError):
                await self._journal.record(one.request, {one.target.key: lost})
        for one in self._awaited if self.stopped is not None else ():
            if (one.write.kind, one.target.key) in self._items:
                self.failed(one.write.kind, one.target.key, one.target.row, _STOPPED, "unknown")

    # a service that is gone

    def _observe(self, one: Attempted) -> None:
        self._silence.note(one)
        if self._silence.is_lasting:
            self._changed.set()

    def _fail_unsent(self) -> None:
        """What could not be sent has failed where others are answered; where none is, the service may be gone."""
        is_alone = self._is_idle and not self._silence.is_of_several
        if is_alone or not self._silence.attempts:
            unsent, self._unsent = self._unsent, []
            for sending, fate in unsent:
                self._conclude_failed(sending.write, fate.target, fate.reason, "failed")

    def _stop_in_silence(self) -> None:
        is_tried_out = bool(self._unsent) and self._is_idle and self._silence.is_of_several
        if self._silence.is_lasting or is_tried_out:
            self._stop(self._silence.error())

    # what became of them

    def _note(self, sending: Sending, fate: Fate) -> None:
        write, target = sending.write, fate.target
        match fate.how:
            case "done":
                self._conclude_done(write, target, fate.id, "created" if write.creates else "changed")
            case "lost" | "unread":
                assert sending.request is not None, "what was not sent has an outcome"
                now, is_lost = self._clock.monotonic(), fate.how == "lost"
                due = now + (sending.settled_after if is_lost else 0.0)
                self._awaited.add(Awaited(write, target, sending.request, due, fate.reason), is_lost=is_lost)
            case "unsent":
                self._unsent.append((sending, fate))
            case how:
                self._conclude_failed(write, target, fate.reason, how)

    def _conclude_done(
        self, write: Write, target: Target, id_: int | None, how: Literal["created", "changed", "adopted"]
    ) -> None:
        if id_ is not None:
            self._ids[write.kind][target.key] = id_
        what = (write.kind, target.key)
        item = self._items.get(what)
        if item is None:
            self._schedule.conclude(write, target, is_done=True)
            return
        if how == "adopted":
            self._adopted.add(what)
        if self._schedule.conclude(write, target, is_done=True):
            del self._items[what]
            if item.is_adopted or what in self._adopted:
                how = "adopted"
            elif item.verdict is Verdict.CREATE:
                how = "created"
            self.done(item, how, self._ids[write.kind][target.key])

    def _conclude_failed(
        self, write: Write, target: Target, error: str, outcome: Literal["refused", "failed", "withheld", "unknown"]
    ) -> None:
        self._schedule.conclude(write, target, is_done=False)
        if (write.kind, target.key) in self._items:
            self.failed(write.kind, target.key, target.row, error, outcome)

    def _tell_withheld(self) -> None:
        for one in self._schedule.withheld():
            target = one.target
            if (one.write.kind, target.key) in self._items:
                self.failed(one.write.kind, target.key, target.row, one.reason, "withheld")

    # rounds

    def _start_round(self) -> None:
        if self.stopped is not None or self._round is not None:
            return
        now, is_idle = self._clock.monotonic(), self._is_idle
        round_ = self._awaited.next_round(now, is_idle=is_idle)
        if round_ is None:
            return
        wait = round_.at - now
        if round_.is_lost and is_idle and not self._is_settling_told:
            self._is_settling_told = True
            looks = SECOND_LOOK if any(one.write.creates for one in round_.due) else 0.0
            self._tell(Settling(open=len(round_.due), seconds=max(wait, 0.0) + looks))
        if wait > 0:
            self._ring_in(wait)
            return
        self._is_settling_told = False
        self._round = self._begin(self._settle(round_.due, is_lost=round_.is_lost), None)

    def _ring_in(self, seconds: float) -> None:
        at = self._clock.monotonic() + seconds
        if self._timer is not None and not self._timer.done():
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = asyncio.create_task(self._ring(seconds)), at

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._changed.set()

    async def _settle(self, due: Collection[Awaited], *, is_lost: bool) -> None:
        """One round, shared by all that are due."""
        awaited = {(one.request, one.target.key): one for one in due}
        open_ = [one for one in await self._journal.open_intents() if (one.intent, one.key) in awaited]
        assert len(open_) == len(awaited), "what is awaited is open in the journal"
        answered = () if is_lost else awaited.keys()
        # nobody can have looked yet for what was lost only now, so that no create is given up
        found = await conclude(open_, self._journal, self._platform, answered=answered)
        if self._silence.is_lasting:
            # whoever could not ask has found out nothing
            found = [(intent, event) for intent, event in found if event.how != "unclear"]
        self._awaited.drop(awaited[one.intent, one.key] for one, _ in found)
        for intent, event in found:
            if is_lost:
                self._tell(event)
            self._resolve(awaited[intent.intent, intent.key], event, is_lost=is_lost)

    def _resolve(self, one: Awaited, event: Settled, *, is_lost: bool) -> None:
        """What a round found out about one of them."""
        write, target = one.write, one.target
        match event.how:
            case "adopted":
                self._conclude_done(write, target, event.id, "adopted")
            case "done":
                self._conclude_done(write, target, None, "changed")
            case "absent":
                reason = f"{one.reason}; {event.reason}" if one.reason else event.reason
                self._conclude_failed(write, target, reason, "failed" if is_lost else "refused")
            case "unclear":
                self._conclude_failed(write, target, event.reason, "unknown")


def _cancel(task: asyncio.Task[None]) -> None:
    # once: it may be writing down by now what it leaves behind
    if not task.cancelling():
        task.cancel()
