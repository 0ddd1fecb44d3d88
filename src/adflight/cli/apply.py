"""`adflight apply`: makes it so, each purchase once, and shows how far it is.

Imports the views and the engine; used by `app`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, nullcontext, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, evolve, field
from rich.console import Console
from rich.text import Text

from adflight.cli import interrupts
from adflight.cli.exits import NOT_SENT, STOPPED, Interrupted
from adflight.cli.further import Further
from adflight.cli.person import person
from adflight.cli.pipes import discard_unread
from adflight.cli.plan import account_of, stopping
from adflight.cli.plan_view import show_plan, with_currency
from adflight.cli.progress import FORMS, Form, Tally, failure, outcome
from adflight.cli.spool import name_of, readable
from adflight.cli.terminal import agreed, can_ask, console, counted, duration, nobody
from adflight.cli.unclear import unclear_lines
from adflight.cli.waiting import saying_why
from adflight.core.errors import AdflightError, ConfigurationError, InvalidInput, NotSent, PlanOutdated
from adflight.flights.declarations import Declarations
from adflight.flights.entries import JournalHeld
from adflight.flights.events import Ended, Event, Settled
from adflight.flights.items import Verdict
from adflight.flights.journal import Journal
from adflight.flights.opening import open_journal
from adflight.flights.planning import Plan, label_of, make_plan, moved
from adflight.flights.platform import CAMPAIGN, ORDER, Platform
from adflight.flights.platforms import platform_for
from adflight.flights.reading import Flights
from adflight.flights.saved_plan import is_plan, load_plan
from adflight.flights.settling import ABSENT, IfAbsent, settle
from adflight.flights.sourcing import read_source
from adflight.flights.traffic import Traffic

if TYPE_CHECKING:
    from adflight.cli.target import Target

CODES: Final = {"complete": 0, "failed": 1, "stopped": STOPPED}
"""Exit codes by how an apply ended."""

MADE_AGAIN: Final = "If it is not there at the next look either, it is bought again."

EventT = TypeVar("EventT", bound=Event)

NOTHING: Final = "nothing was sent"

UNREAD: Final = "nobody reads standard output any more, so it ends here"


@define(kw_only=True)
class ApplyCommand:
    """One `adflight apply`."""

    file: Path
    target: Target
    declarations: Declarations
    vendor: str | None = None
    label: str | None = None
    """See `PlanCommand.label`."""
    yes: bool = False
    max_budget: Decimal | None = None
    if_absent: IfAbsent = "raise"
    wait: float = 0.0
    as_json: bool = False
    quiet: bool = False
    _has_said: bool = field(default=False, init=False)
    """Whether it said how far it was when it was ended before its time."""
    _sending: Tally | None = field(default=None, init=False)
    """What the apply itself has told; None before it."""

    def run(self) -> int:
        """Applies; returns the exit code."""
        # complains before a file is read when none is named
        _ = self.target.words
        try:
            with readable(self.file) as path, stopping(self.target), self._saying_that_nothing_was_sent():
                return interrupts.run(self._run(path))
        except KeyboardInterrupt as interrupt:
            if not self._has_said:
                if self._has_sent:
                    raise
                print(f"Interrupted: {NOTHING}.", file=sys.stderr)
            return Interrupted.code_of(interrupt)
        except BrokenPipeError:
            discard_unread()
            if not self._has_said:
                with suppress(BrokenPipeError):
                    print(f"adflight: {UNREAD}{'' if self._has_sent else f': {NOTHING}'}.", file=sys.stderr)
            return STOPPED

    @property
    def _has_sent(self) -> bool:
        return self._sending is not None and self._sending.sent > 0

    @contextmanager
    def _saying_that_nothing_was_sent(self) -> Iterator[None]:
        """Where that is so, and the error does not say it: reads alone have failed."""
        try:
            yield
        except (BrokenPipeError, ConfigurationError, InvalidInput, NotSent):
            raise
        except (AdflightError, OSError) as error:
            if not self._has_sent:
                error.add_note(f"{NOTHING.capitalize()}.")
            raise

    async def _run(self, path: Path) -> int:
        screen = console(to_stderr=self.as_json or self.quiet)
        async with self.target.open(self.vendor) as client:
            platform, sent = platform_for(client), Traffic()
            # all that is wrong with the file comes before anything that takes time
            with platform.observed(sent.add):
                saved = await load_plan(path, client) if is_plan(path) else None
                if saved is not None and self.label is not None:
                    of = saved.label or "its source"
                    raise InvalidInput("--label", self.label, f"none: this plan was made for {of}")
                flights = await read_source(path, platform, self.declarations) if saved is None else saved.flights
            with flights:
                with platform.observed(sent.add):
                    journal = await self._journal(screen, platform)
                async with journal:
                    # what settling sends belongs to the run, which begins only when somebody has agreed to the plan
                    with platform.observed(sent.add):
                        settled = await self._settle(screen, flights, platform, journal)
                    with nullcontext() if self.quiet else saying_why(platform.limiter):
                        if saved is None:
                            label = label_of(path) if self.label is None else self.label
                            plan = await make_plan(flights, platform, journal, refresh="lists", label=label, sent=sent)
                        else:
                            plan = await self._again(screen, saved, path, journal, sent)
                    if self.if_absent == "create":
                        plan.count_in_doubt()
                    return await self._go(screen, plan, journal, settled)

    # before anything is sent

    async def _journal(self, screen: Console, platform: Platform) -> Journal:
        try:
            return await open_journal(platform, directory=self.target.directory)
        except JournalHeld as held:
            if not self.wait:
                held.add_note("To wait for it: --wait SECONDS.")
                raise
            screen.print(f"{held}; waiting for it, {duration(self.wait)} at most", style="yellow", soft_wrap=True)
        return await open_journal(platform, directory=self.target.directory, wait=self.wait)

    async def _again(self, screen: Console, saved: Plan, path: Path, journal: Journal, sent: Traffic) -> Plan:
        if not (self.quiet or self.as_json):
            created = f"{saved.read_at.astimezone():%Y-%m-%d %H:%M:%S}"
            said = f"A plan of {created}, with the rows that {saved.label or 'its source'} had then."
            screen.print(said, style="dim", soft_wrap=True)
            if _is_newer(path.parent / saved.label, saved):
                advice = f"{saved.label} was changed since; what it says now is not in this plan."
                screen.print(advice, style="bold yellow", soft_wrap=True)
        newer = await saved.again(journal, sent=sent)
        what = moved(saved, newer)
        if what:
            raise PlanOutdated(what)
        return newer

    async def _settle(self, screen: Console, flights: Flights, platform: Platform, journal: Journal) -> list[Settled]:
        """Nothing is given up before the plan was seen and confirmed. What stays open is told in short."""
        settled: list[Settled] = []
        is_short = self._form(screen) in ("display", "lines")

        async def to_be_shown() -> AsyncGenerator[Event, None]:
            async with aclosing(settle(journal, platform)) as events:
                async for event in events:
                    if isinstance(event, Settled):
                        settled.append(event)
                        if is_short and event.how == "unclear":
                            continue
                    yield self._advised(event)

        await self._show_events(screen, self._tally(platform), to_be_shown())
        unclear = [self._advised(event) for event in settled if event.how == "unclear"]
        if is_short and unclear:
            open_, runs = await journal.open_intents(), await journal.runs()
            to_see = self._further.keys
            for line in unclear_lines(unclear, flights, platform, open_=open_, runs=runs, to_see=to_see):
                screen.print(line, soft_wrap=True)
        return settled

    def _advised(self, event: EventT) -> EventT:
        """Without the advice that was taken already."""
        if self.if_absent == "create" and isinstance(event, Settled) and event.reason.endswith(ABSENT):
            return evolve(event, reason=event.reason.removesuffix(ABSENT) + MADE_AGAIN)
        return event

    async def _go(self, screen: Console, plan: Plan, journal: Journal, settled: list[Settled]) -> int:
        """Shows the plan, asks, and sends."""
        self._check_budget(plan)
        if not (self.quiet or self.as_json):
            account = account_of(plan.platform, self.target, has_address=False)
            show_plan(screen, plan, account=account, name=name_of(self.file), currency=self.target.currency)
            screen.print()
        if not self._is_confirmed(screen, plan):
            screen.print("Nothing was sent.")
            return NOT_SENT
        self._sending = tally = self._tally(plan.platform)
        events = plan.apply(
            journal=journal, if_absent=self.if_absent, by=self._by, max_budget=self.max_budget, settled=settled
        )
        try:
            await self._show_events(screen, tally, events)
            self._summarize(screen, tally, plan)
        except asyncio.CancelledError:
            await self._say_how_far("Interrupted", tally, journal)
            raise
        except BrokenPipeError:
            await self._say_how_far(f"adflight: {UNREAD}", tally, journal)
            raise
        return STOPPED if tally.ended is None else CODES[tally.ended.how]

    def _check_budget(self, plan: Plan) -> None:
        if self.max_budget is not None and plan.totals.committed > self.max_budget:
            committed = with_currency(plan.totals.committed, self.target.currency)
            raise InvalidInput("--max-budget", str(self.max_budget), f"no less than what this commits: {committed}")

    def _is_confirmed(self, screen: Console, plan: Plan) -> bool:
        if self.yes or not (sum(plan.totals.writes.values()) or plan.totals.adopted):
            return True
        question = self._question(plan)
        if not can_ask(screen):
            raise nobody(question)
        return agreed(screen, question)

    def _question(self, plan: Plan) -> str:
        said = [f"commit {with_currency(plan.totals.committed, self.target.currency)}"]
        said.append(f"send {counted(sum(plan.totals.writes.values()), 'request')}")
        if plan.totals.adopted:
            said.append(f"take over {counted(plan.totals.adopted, 'object')} that the journal does not know")
        if plan.totals.drafts:
            said.append(f"submit {counted(plan.totals.drafts, 'draft')}")
        what = f"{', '.join(said[:-1])} and {said[-1]}"
        refused = sum(counts.get("refused", 0) for counts in plan.totals.verdicts.values())
        doubtful = sum(plan.totals.in_doubt.values())
        left = [f"{refused:,} that {'is' if refused == 1 else 'are'} refused"] if refused else []
        left += [f"{doubtful:,} in doubt"] if doubtful else []
        without = f", without {' and '.join(left)}" if left else ""
        return f"Apply to {account_of(plan.platform, self.target)}: {what}{without}?"

    # sending

    @property
    def _by(self) -> str:
        """Who says that what was not found may be bought again."""
        return person() if self.if_absent == "create" else ""

    def _tally(self, platform: Platform) -> Tally:
        kind = ORDER if platform.columns.flight_name is None else CAMPAIGN
        return Tally(platform.limiter, platform.clock, kind)

    def _form(self, screen: Console) -> Form:
        if self.as_json:
            return "json"
        if self.quiet:
            return "quiet"
        return "display" if screen.is_terminal and not screen.is_dumb_terminal else "lines"

    async def _show_events(self, screen: Console, tally: Tally, events: AsyncGenerator[Event, None]) -> None:
        task, is_read = asyncio.current_task(), True
        assert task is not None, "commands run in a task"
        try:
            async with aclosing(events):
                with FORMS[self._form(screen)](screen, tally) as shown:
                    async for event in events:
                        if not is_read:
                            tally.add(event)
                            continue
                        try:
                            shown.show(event)
                        except BrokenPipeError:
                            # as the first Ctrl-C: who leaves otherwise is not told what was still answered
                            is_read = False
                            task.cancel()
            if not is_read:
                # where nothing was waited for since
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            if is_read:
                raise
            task.uncancel()
        if not is_read:
            raise BrokenPipeError

    # afterwards

    async def _say_how_far(self, why: str, tally: Tally, journal: Journal) -> None:
        screen = console(to_stderr=True)
        open_ = len(await journal.open_intents())
        self._has_said = True
        far = outcome(tally) if tally.sent else _nothing(tally)
        screen.print(Text.assemble((f"{why}: ", "bold yellow"), far), soft_wrap=True)
        if open_:
            what = f"{counted(open_, 'request')} left without an answer and may have been carried out"
            screen.print(f"{what}: the next apply finds that out first.", soft_wrap=True)
        screen.print(f"Nothing is bought twice. To go on: {self._further.apply}", soft_wrap=True)

    @property
    def _further(self) -> Further:
        return Further(self.file, self.target, self.vendor, self.declarations, self.label)

    def _summarize(self, screen: Console, tally: Tally, plan: Plan) -> None:
        ended = tally.ended
        if ended is None or self.as_json or (self.quiet and ended.how == "complete"):
            return
        failures = tally.failures
        if self._form(screen) == "lines":
            # the plan has said it, and a line of its own
            refused = {(item.kind, item.key) for item in plan.items if item.verdict is Verdict.REFUSED}
            failures = [event for event in failures if (event.kind, event.key) not in refused]
        if failures:
            screen.print("\nNot as the file says:", style="bold")
        for event in failures:
            screen.print(failure(event), soft_wrap=True)
        if tally.failures_count > len(tally.failures):
            screen.print(f"and {tally.failures_count - len(tally.failures):,} more", style="dim")
        if ended.how == "stopped":
            screen.print(f"Stopped: {ended.reason}", style="bold red", soft_wrap=True)
        screen.print(_summary(ended, tally), soft_wrap=True)
        if ended.how == "complete":
            screen.print(f"All rows: {self._further.report}", style="dim", soft_wrap=True)
        else:
            if tally.to_be_corrected:
                failed = self._further.failed(plan.label)
                screen.print(f"Failed rows, to be corrected and applied: {failed}", soft_wrap=True)
            screen.print(f"To go on: {self._further.apply}", soft_wrap=True)
            # after a stop, the next apply looks first
            is_looked_for = ended.how == "failed" and any(event.outcome == "unknown" for event in tally.failures)
            if is_looked_for and self.if_absent == "raise":
                advice = "Whatever you have looked for at the vendor, and is not there, is bought again with"
                screen.print(f"{advice} --if-absent create.", style="yellow", soft_wrap=True)


def _nothing(tally: Tally) -> Text:
    return Text(f"{NOTHING}, {tally.left:,} left for the next apply" if tally.left else NOTHING)


def _is_newer(source: Path, saved: Plan) -> bool:
    """Whether the file that a plan was made of was changed afterwards, if it is still there."""
    try:
        return bool(saved.label) and source.stat().st_mtime > saved.read_at.timestamp()
    except OSError:
        return False


def _summary(ended: Ended, tally: Tally) -> Text:
    styles = {"complete": "bold green", "failed": "bold yellow", "stopped": "bold red"}
    requests = sum(ended.requests.values())
    said = f"{counted(requests, 'request')} in {duration(ended.seconds)}" if requests else "no requests"
    how = "Done: " if ended.how == "complete" else "Ended: "
    return Text.assemble((how, styles[ended.how]), outcome(tally), f"; {said}")
