"""The command: which parts are run, where, and what is said when one of them ends before its time.

Imports the rest of the quickstart; used by `app`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Literal, TypeAlias

from attrs import define, field
from rich.console import Console
from rich.markup import escape

from adflight.cli.quickstart.freewheel import FreeWheelPart
from adflight.cli.quickstart.icareus import IcareusPart
from adflight.cli.quickstart.iqm import BUDGET, IQMPart
from adflight.cli.quickstart.part import Part, named
from adflight.cli.quickstart.screen import Screen
from adflight.cli.terminal import colors
from adflight.core.errors import AdflightError, InvalidInput, LaunchFailed, UnknownOutcome
from adflight.iqm import IQM

Vendor: TypeAlias = Literal["iqm", "freewheel", "icareus"]


@define
class Quickstart:
    """One run of the quickstart."""

    vendor: Vendor | None
    """None for all of them, on the sandbox; the real service is always IQM's."""
    live: bool
    creative_id: int | None
    advertiser_domain: str
    clean_up: int | None
    yes: bool
    console: Console = field(factory=lambda: Console(soft_wrap=True, highlight=False, color_system=colors()))
    _screen: Screen = field(init=False)

    @_screen.default
    def _on_console(self) -> Screen:
        return Screen(self.console)

    def run(self) -> None:
        """Runs it; Ctrl-C ends it with a word on what exists by then."""
        self._check()
        iqm = IQMPart(self._screen, creative_id=self.creative_id, advertiser_domain=self.advertiser_domain)
        if not self.live:
            parts: dict[Vendor, Part] = {
                "iqm": iqm,
                "freewheel": FreeWheelPart(self._screen),
                "icareus": IcareusPart(self._screen),
            }
            shown = [part for name, part in parts.items() if self.vendor in (None, name)]
            self._finish(self._on_the_sandbox(shown), shown)
            return
        live = IQM.from_env(hooks=[self._screen.hook])
        # asked before there is an event loop, which would keep Ctrl-C from whoever is being asked
        if self._agreed(live):
            self._finish(self._on_the_service(live, iqm), [iqm])
        else:
            self._screen.say("Nothing was sent.")

    def _check(self) -> None:
        if self.live and self.vendor not in (None, "iqm"):
            raise InvalidInput("--vendor", self.vendor, "iqm with --live: the other vendors are shown on the sandbox")
        if self.live and self.creative_id is None and self.clean_up is None:
            raise InvalidInput("--creative-id", None, "the id of an approved creative of the account")
        if self.clean_up is not None and not self.live:
            raise InvalidInput("--clean-up", self.clean_up, "--live too: the sandbox keeps nothing")

    async def _on_the_sandbox(self, parts: Iterable[Part]) -> None:
        # only here: a live run needs none of the sandbox's dependencies
        from adflight.sandbox import Sandbox, SandboxOptions

        async with Sandbox(options=SandboxOptions(approval_delay=2.0)) as sandbox:
            self._screen.say(f"[bold]adflight quickstart[/bold] on the sandbox at {escape(sandbox.url)}")
            for part in parts:
                await part.run(sandbox)
        self._screen.say("\nNext: adflight sandbox, in a terminal of its own, and the programs in examples/ against it")

    async def _on_the_service(self, live: IQM, part: IQMPart) -> None:
        async with live as iqm:
            self._screen.say(f"[bold]adflight quickstart[/bold] on {escape(_account(iqm))}")
            if self.clean_up is None:
                await part.run_live(iqm)
            else:
                await iqm.insertion_orders.delete(io_ids=[self.clean_up])
                self._screen.say(f"\ninsertion order {self.clean_up} and its campaigns are deleted")

    def _agreed(self, iqm: IQM) -> bool:
        if self.yes:
            return True
        what = f"This creates a campaign with a total budget of {BUDGET} (in the account's currency)"
        if self.clean_up is not None:
            what = f"This deletes insertion order {self.clean_up} and all its campaigns"
        if not (self.console.is_terminal and sys.stdin.isatty()):
            raise InvalidInput("--yes", False, f"--yes, where nobody can be asked. {what}, on {_account(iqm)}")
        self._screen.say(f"{escape(what)}, on [bold]{escape(_account(iqm))}[/bold].")
        return self.console.input("Type yes to go on: ").strip().lower() == "yes"

    def _finish(self, running: Coroutine[Any, Any, None], parts: Sequence[Part]) -> None:
        """Runs to the end, or to where it breaks, and then says what exists."""
        try:
            asyncio.run(running)
        except (KeyboardInterrupt, UnknownOutcome):
            self._say_what_exists(parts, in_doubt=True)
            raise
        except AdflightError as error:
            self._say_what_exists(
                parts, in_doubt=isinstance(error, LaunchFailed) and isinstance(error.cause, UnknownOutcome)
            )
            raise

    def _say_what_exists(self, parts: Sequence[Part], *, in_doubt: bool) -> None:
        for part in parts:
            for what in part.doubts() if in_doubt else ():
                look = ": look for it before you start again" if self.live else ""
                self._screen.say(f"\nIt is not known whether the {escape(what)} was created{look}.")
        made = [part for part in parts if part.exists]
        for part in made:
            self._screen.say(f"\nExists by now at {part.title}: {named(part.exists)}")
            if self.live and isinstance(part, IQMPart):
                self._screen.say(f"To delete it: {part.remedy()}")
        if made and not self.live:
            self._screen.say("It was only in the embedded sandbox, which ends now.")


def _account(iqm: IQM) -> str:
    return f"{iqm.email} at {iqm.base_url}"
