"""A plan, carried out: what is open is settled first, then the plan is checked, then it is sent.

    async for event in plan.apply():
        print(event)

Imports `dispatching`, `settling`, `traffic`, the journal and the events; sends nothing itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from adflight.core.errors import AdflightError, InvalidInput, OverBudget, PlanOutdated
from adflight.core.options import Attempted
from adflight.flights.applicable import Applicable
from adflight.flights.dispatching import Dispatcher
from adflight.flights.entries import Contradiction, JournalError, SideRequest
from adflight.flights.event_queue import EventQueue
from adflight.flights.events import Began, Ended, Event, Settled
from adflight.flights.items import Item, Verdict
from adflight.flights.journal import Journal
from adflight.flights.opening import check_journal, open_journal
from adflight.flights.overtaken import given_up, is_told_otherwise
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.scheduling import Object, Schedule
from adflight.flights.settling import IfAbsent, belonging_to, settle, together

CONCURRENCY: Final = 50
"""Requests under way at a time, at most; the quota's, where that is less."""

STALE: Final = 300.0
"""Seconds after which a plan is made anew before anything is sent."""


async def apply(
    plan: Applicable,
    journal: Journal | None = None,
    *,
    directory: Path | None = None,
    wait: float | None = 0.0,
    if_absent: IfAbsent = "raise",
    by: str = "",
    max_budget: Decimal | None = None,
    concurrency: int | None = None,
    settled: Iterable[Settled] | None = None,
) -> AsyncGenerator[Event]:
    """Carries out a plan, each request once, and tells what happens; the last event is `Ended`.

        async for event in apply(plan, max_budget=Decimal(5000)):
            ...

    Leaving the iteration, or cancelling it, ends the apply: nothing more is sent, what is at the service has some
    seconds to be answered (`dispatching.GRACE`), and what is not is in the journal, for the next apply to settle. Who
    cancels is told of those answers before the `CancelledError`; leave by `contextlib.aclosing` to know when all is
    done. A slow reader holds the sending up; no event is lost.

    Args:
        journal: The account's, open; by default it is opened, and closed at the end.
        directory: Where it lies, if not in the user's state directory.
        wait: Seconds for which to wait while another process has it open; None waits without end.
        if_absent: What becomes of the file's creates that earlier applies left without an answer, and whose objects are
            not there: they are reported, or with "create" and a person's name in `by` made again. What is lost in this
            apply is only reported: nobody can have looked for it yet.
        max_budget: What the plan may commit, in the account's currency.
        concurrency: Requests under way at a time.
        settled: What `settle` has told of this open journal just now: what it left unclear is not looked for again,
            unless it may be given up.

    Raises:
        InvalidInput: The journal is of another account or scope.
        OverBudget: It commits more.
        PlanOutdated: What exists has changed in a way that the plan does not explain.
        JournalHeld: Another process is at it.
        JournalError: The journal cannot be used.
        AdflightError: What reading raises, before anything is sent. Later errors are events.
    """
    if concurrency is not None and concurrency < 1:
        raise InvalidInput("concurrency", concurrency, "at least 1")
    _check_budget(plan, max_budget, is_made_again=if_absent == "create")
    events = EventQueue()
    apply_ = _Apply(
        plan, events, if_absent=if_absent, by=by, max_budget=max_budget, concurrency=concurrency, settled=settled
    )
    task = asyncio.create_task(apply_.run(journal, directory, wait))
    task.add_done_callback(events.close)
    try:
        while (event := await events.get()) is not None:
            yield event
        await task
    except asyncio.CancelledError:
        task.cancel()
        await _end_of(task)
        while (event := await events.get()) is not None:
            yield event
        raise
    finally:
        task.cancel()
        await _end_of(task)


def _check_budget(plan: Applicable, max_budget: Decimal | None, *, is_made_again: bool = False) -> None:
    if max_budget is None:
        return
    totals = plan.totals
    committed = totals.committed + totals.committed_in_doubt if is_made_again else totals.committed
    try:
        is_over = committed > max_budget
    except (ArithmeticError, TypeError):
        # nothing is more than what is no number, and nothing is less
        raise InvalidInput("max_budget", max_budget, "an amount of money, such as Decimal(5000)") from None
    if is_over:
        raise OverBudget(max_budget, committed)


async def _end_of(task: asyncio.Task[None]) -> None:
    """Waits for the end of what was cancelled, however often we are cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled():
        # whoever wanted to know was told, or has left
        task.exception()
    if cancelled is not None:
        raise cancelled


class _Apply:
    """One apply, in a task of its own."""

    def __init__(
        self,
        plan: Applicable,
        events: EventQueue,
        *,
        if_absent: IfAbsent,
        by: str,
        max_budget: Decimal | None,
        concurrency: int | None,
        settled: Iterable[Settled] | None,
    ) -> None:
        self._plan = plan
        self._platform = platform = plan.platform
        self._events = events
        self._if_absent: IfAbsent = if_absent
        self._by = by
        self._max_budget = max_budget
        quota = platform.limiter.quota
        self._concurrency = concurrency or min(CONCURRENCY, CONCURRENCY if quota is None else quota.requests)
        self._began_at = platform.clock.monotonic()
        self._requests: Counter[str] = Counter()
        """Those that have left, by operation."""
        self._unclear: dict[Object, str] = {}
        """What stays open of earlier runs, and why."""
        self._is_settled = settled is not None and if_absent == "raise"
        if settled is not None and self._is_settled:
            self._unclear = {(one.kind, one.key): one.reason for one in settled if one.how == "unclear"}
        self._dispatcher: Dispatcher

    async def run(self, journal: Journal | None, directory: Path | None, wait: float | None) -> None:
        if journal is not None:
            await check_journal(journal, self._platform)
            ended = await self._in_a_run(journal)
        else:
            own = await open_journal(self._platform, directory=directory, wait=wait)
            try:
                ended = await self._in_a_run(own)
            finally:
                closing = asyncio.ensure_future(own.aclose())
                await _end_of(closing)
        self._events.tell(ended)

    async def _in_a_run(self, journal: Journal) -> Ended:
        earlier = await journal.runs()
        number = await journal.begin_run(self._plan.label)
        how = "stopped"
        try:
            # what the plan took counts against the same quota, however long that or a person's look at it lasted
            journal.add_side_requests(self._plan.sent.take())
            with self._platform.observed(partial(self._note, journal)):
                await self._bring_up_to_date(journal, last_run=earlier[-1].id if earlier else 0)
                ended = await self._send(journal, number)
            how = ended.how
        except asyncio.CancelledError:
            how = "interrupted"
            raise
        finally:
            # on a disk that is full the run stays without an end, as that of a process that died
            with suppress(JournalError):
                await journal.end_run(how)
        return ended

    def _note(self, journal: Journal, one: Attempted) -> None:
        """Of each attempt that ends in the run."""
        if one.has_left:
            self._requests[one.operation] += 1
        if not one.is_watched:
            # a journal that cannot be written ends the apply elsewhere
            with suppress(JournalError):
                journal.add_side_requests((SideRequest.of(one),))

    # before anything is sent

    async def _bring_up_to_date(self, journal: Journal, *, last_run: int) -> None:
        """Settles what is open, and makes the plan anew where it may not hold any more."""
        plan = self._plan
        is_overtaken = (
            plan.last_run != last_run
            or self._is_stale
            or await is_told_otherwise(plan.items, plan.open_intents, journal)
            # what may have come since it was looked for has to be looked for just now
            or bool(await given_up(plan.items, plan.writes, plan.platform, journal))
        )
        is_settled = False if self._is_settled else await self._settle(journal)
        if is_overtaken or is_settled:
            newer = await self._plan.again(journal)
            self._keep_unclear(newer)
            moved = self._plan.moved(newer)
            if moved:
                raise PlanOutdated(moved)
            _check_budget(newer, self._max_budget)
            self._plan = newer

    @property
    def _is_stale(self) -> bool:
        plan, clock = self._plan, self._platform.clock
        # neither clock can be trusted alone: one may be set, the other stands still while a machine sleeps
        age = clock.time() - plan.read_at.timestamp()
        return plan.is_loaded or age < 0 or max(age, clock.monotonic() - plan.read_on) > STALE

    async def _settle(self, journal: Journal) -> bool:
        """Whether anything is known now that was not."""
        is_settled = False
        keys = {(item.kind, item.key) for item in self._plan.items}
        whose = await belonging_to(self._plan.label, keys, journal)
        settling = settle(journal, self._platform, if_absent=self._if_absent, by=self._by, whose=whose)
        async for event in settling:
            if isinstance(event, Settled):
                if event.how == "unclear":
                    self._unclear[event.kind, event.key] = event.reason
                else:
                    is_settled = True
            await self._tell(event)
        return is_settled

    def _keep_unclear(self, newer: Applicable) -> None:
        """What a request without an outcome may have made is no surprise, and nothing is sent for it."""
        for index, item in enumerate(self._plan.items):
            if (item.kind, item.key) in self._unclear or (ORDER, item.parent) in self._unclear:
                newer.items[index] = item

    async def _tell(self, event: Event) -> None:
        await self._events.room()
        self._events.tell(event)

    # sending

    async def _send(self, journal: Journal, number: int) -> Ended:
        plan = self._plan
        schedule = Schedule(plan.writes())
        flights = self._flights
        begun = Began(
            run=number,
            flights=sum(item.kind == flights for item in plan.items),
            writes=sum(plan.totals.writes.values()),
            committed=plan.totals.committed,
            seconds=plan.totals.seconds,
        )
        await self._tell(begun)
        ids = {kind: await journal.ids(kind) for kind in (ORDER, CAMPAIGN)}
        self._dispatcher = dispatcher = Dispatcher(
            [item for item in plan.items if item.verdict in (Verdict.CREATE, Verdict.CHANGE)],
            schedule,
            ids,
            journal=journal,
            platform=self._platform,
            tell=self._events.tell,
            concurrency=self._concurrency,
        )
        await self._tell_what_is_clear(schedule)
        await self._adopt(journal, schedule, ids)
        dispatcher.has_room = self._events.has_room
        self._events.dispatcher = dispatcher
        await dispatcher.run()
        return self._ended(dispatcher)

    @property
    def _flights(self) -> str:
        """What the journal calls a row."""
        return ORDER if self._platform.columns.flight_name is None else CAMPAIGN

    async def _fail(self, schedule: Schedule, item: Item, error: str, outcome: Any) -> None:
        schedule.fail(item.kind, item.key, item.parent)
        await self._events.room()
        self._dispatcher.failed(item.kind, item.key, item.row, error, outcome)

    async def _tell_what_is_clear(self, schedule: Schedule) -> None:
        """Rows for which nothing is sent."""
        for item in self._plan.items:
            unclear = self._unclear.get((item.kind, item.key))
            if unclear is not None:
                await self._fail(schedule, item, unclear, "unknown")
            elif item.verdict is Verdict.REFUSED:
                await self._fail(schedule, item, item.reason, "refused")
            elif item.verdict is Verdict.UNCHANGED and not item.is_adopted and item.id is not None:
                await self._events.room()
                self._dispatcher.done(item, "unchanged", item.id)

    async def _adopt(self, journal: Journal, schedule: Schedule, ids: Mapping[str, dict[str, int]]) -> None:
        """Binds what exists under its name to its key."""
        adopted = ((item, fields) for item, fields in self._plan.adoptions() if self._is_to_be_bound(item))
        for item, problem in await together(_bind(journal, item, fields) for item, fields in adopted):
            if problem:
                await self._fail(schedule, item, problem, "unknown")
                continue
            assert item.id is not None, "what is adopted exists"
            ids[item.kind][item.key] = item.id
            if item.verdict is Verdict.UNCHANGED:
                await self._events.room()
                self._dispatcher.done(item, "adopted", item.id)

    def _is_to_be_bound(self, item: Item) -> bool:
        return item.verdict is not Verdict.REFUSED and (item.kind, item.key) not in self._unclear

    def _ended(self, dispatcher: Dispatcher) -> Ended:
        results, flights = dispatcher.results, self._flights
        has_failed = any(how == "failed" and count for (_, how), count in results.items())
        return Ended(
            how="stopped" if dispatcher.stopped else "failed" if has_failed else "complete",
            reason="" if dispatcher.stopped is None else _why(dispatcher.stopped),
            done=results[flights, "done"],
            failed=results[flights, "failed"],
            adopted=results[flights, "adopted"],
            requests=dict(self._requests),
            seconds=self._platform.clock.monotonic() - self._began_at,
        )


def _why(stopped: AdflightError) -> str:
    # an error of the connection does not say for what it was
    return f"no token could be had: {stopped}" if stopped.while_logging_in else str(stopped)


async def _bind(journal: Journal, item: Item, fields: Mapping[str, Any]) -> tuple[Item, str]:
    """An item that is adopted, and why it cannot be."""
    assert item.id is not None, "what is adopted exists"
    try:
        await journal.bind(item.kind, item.key, item.id, fields=fields)
    except (Contradiction, InvalidInput) as error:
        return item, str(error)
    return item, ""
