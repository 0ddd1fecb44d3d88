"""`adflight plan`: what applying a file would do. Nothing is changed.

Imports the views and the planner; used by `app`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define
from rich.console import Console

from adflight.cli import interrupts
from adflight.cli.destinations import check_place, writing
from adflight.cli.exits import FAILED, NOT_SENT, NOT_THERE, STOPPED, leave, say_whose
from adflight.cli.further import Further
from adflight.cli.plan_view import show_plan
from adflight.cli.spool import name_of, readable
from adflight.cli.terminal import agreed, can_ask, console, counted, duration, nobody
from adflight.cli.waiting import saying_why
from adflight.core.errors import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    InvalidInput,
    NotSent,
    PlanOutdated,
)
from adflight.flights.columns import VENDORS
from adflight.flights.database import NoJournal
from adflight.flights.declarations import Declarations
from adflight.flights.entries import JournalHeld, JournalUnusable
from adflight.flights.items import Verdict
from adflight.flights.planning import Plan, Refresh, full_refresh_cost, plan
from adflight.flights.platform import Platform
from adflight.flights.platforms import platform_for
from adflight.flights.saved_plan import is_plan

if TYPE_CHECKING:
    from adflight.cli.target import Target


@contextmanager
def stopping(target: Target) -> Iterator[None]:
    """Turns what does not let it go on into a message and its exit code; bad input is main's, as is a lost reader."""
    if target.vendor is not None and target.vendor not in VENDORS:
        raise ConfigurationError(
            f"profile {target.profile!r} is of {target.vendor}, which has no flights; to call single operations: "
            f"adflight call {target.vendor}"
        )
    try:
        yield
    except (BrokenPipeError, ConfigurationError, InvalidInput):
        raise
    except NotSent as error:
        leave(error, STOPPED, NOT_THERE)
    except AuthenticationError as error:
        say_whose(error, target.profile)
        leave(error, STOPPED)
    except (JournalHeld, JournalUnusable, NoJournal, PlanOutdated) as error:
        leave(error, NOT_SENT)
    except (AdflightError, OSError) as error:
        leave(error, STOPPED)


def account_of(platform: Platform, target: Target, *, has_address: bool = True) -> str:
    """Whose account it is, in words: vendor, person, and how it was named; without the address where that follows."""
    words = target.words if has_address else target.words.partition(" at ")[0]
    named = f"profile {target.profile}" if target.profile else words
    return f"{platform.columns.vendor} account {platform.account} ({named})"


@define(kw_only=True)
class PlanCommand:
    """One `adflight plan`."""

    file: Path
    target: Target
    declarations: Declarations
    vendor: str | None = None
    label: str | None = None
    """Under which name the journal keeps what the file is about; None: the file's own."""
    refresh: Refresh = "lists"
    as_json: bool = False
    save: Path | None = None
    yes: bool = False

    def run(self) -> int:
        """Shows the plan; returns the exit code."""
        # complains before a file is read when none is named
        _ = self.target.words
        if self.save is not None:
            check_place("--save", self.save)
            if self.save.exists() and not is_plan(self.save):
                # the file of flights itself, by a slip of the hand
                expected = "a file that does not exist yet, or a plan, which it replaces"
                raise InvalidInput("--save", str(self.save), expected)
        with readable(self.file) as path, stopping(self.target):
            return interrupts.run(self._run(path))

    async def _run(self, path: Path) -> int:
        screen = console(to_stderr=self.as_json)
        async with self.target.open(self.vendor) as client:
            how: dict[str, Any] = {
                "declarations": self.declarations,
                "directory": self.target.directory,
                "label": self.label,
            }
            if self.refresh == "full":
                cost = await full_refresh_cost(path, client, **how)
                if not self._may_refresh(screen, cost.requests, cost.seconds):
                    screen.print("Nothing was read.")
                    return NOT_SENT
            with saying_why(platform_for(client).limiter):
                made = await plan(path, client, refresh=self.refresh, **how)
            with made:
                return self._show(screen, made)

    def _may_refresh(self, screen: Console, requests: int, seconds: float) -> bool:
        time = f", and by the quota {duration(seconds)}" if seconds else ""
        what = f"Reading each object by itself takes {counted(requests, 'request')} more{time}."
        if self.yes:
            screen.print(what, style="dim")
            return True
        if not can_ask(screen):
            raise nobody(what)
        return agreed(screen, f"{what} Go on?")

    def _show(self, screen: Console, made: Plan) -> int:
        if self.save is not None:
            with writing("--save", self.save):
                made.save(self.save)
        if self.as_json:
            told = {**made.to_json(), "profile": self.target.profile, "currency": self.target.currency or None}
            sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
            sys.stdout.flush()
            return self._code(made)
        account = account_of(made.platform, self.target, has_address=False)
        show_plan(screen, made, account=account, name=name_of(self.file), currency=self.target.currency)
        screen.print()
        screen.print(self._next(made), style="bold", soft_wrap=True)
        return self._code(made)

    def _code(self, made: Plan) -> int:
        # an apply would end with the same
        return FAILED if made.is_all_refused else 0

    def _next(self, made: Plan) -> str:
        if made.is_all_refused:
            return f"Nothing can be applied: {counted(_refused(made), 'row')} refused."
        if made.is_empty:
            return "Nothing to do: everything is as the file says."
        further = Further(self.file, self.target, self.vendor, self.declarations, self.label)
        return f"To apply it: {further.apply if self.save is None else further.apply_saved(self.save)}"


def _refused(made: Plan) -> int:
    """Rows of the file: one that is the first of its insertion order is refused with it."""
    return len({item.row for item in made.items if item.verdict is Verdict.REFUSED})
