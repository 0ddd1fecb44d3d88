"""`adflight quickstart`: the main job, step by step, with what was sent and what came back."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field
from rich.console import Console
from rich.markup import escape

from adflight.core.errors import AdflightError, InvalidInput, LaunchFailed, UnknownOutcome
from adflight.core.options import Hook
from adflight.core.steps import Event
from adflight.iqm import IQM
from adflight.iqm.launch import Launch
from adflight.iqm.plan import NewCampaign, NewInsertionOrder
from adflight_api.iqm.models import CreativeType

if TYPE_CHECKING:
    import httpx

UNITED_STATES: Final = 30100001
US_EASTERN: Final = 29
BUDGET: Final = Decimal("1.00")
LONGEST: Final = 600
"""Characters of a body that are shown."""


@define
class Quickstart:
    """One run of the quickstart."""

    live: bool
    creative_id: int | None
    advertiser_domain: str
    clean_up: int | None
    yes: bool
    console: Console = field(factory=lambda: Console(soft_wrap=True, highlight=False))
    _events: list[Event] = field(factory=list, init=False)
    _sent: dict[int, float] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def run(self) -> None:
        """Runs it; Ctrl-C ends it with a word on what exists by then."""
        if self.live and self.creative_id is None and self.clean_up is None:
            raise InvalidInput("--creative-id", None, "the id of an approved creative of the account")
        hooks = [Hook(on_request=self._on_request, on_response=self._on_response)]
        live = IQM.from_env(hooks=hooks) if self.live else None
        # asked before there is an event loop, which would keep Ctrl-C from whoever is being asked
        if live is not None and not self._agreed(live):
            self._print("Nothing was sent.")
            return
        try:
            asyncio.run(self._main(live, hooks))
        except (KeyboardInterrupt, UnknownOutcome):
            self._say_what_exists(in_doubt=True)
            raise
        except AdflightError as error:
            self._say_what_exists(in_doubt=isinstance(error, LaunchFailed) and isinstance(error.cause, UnknownOutcome))
            raise

    async def _main(self, live: IQM | None, hooks: list[Hook]) -> None:
        async with AsyncExitStack() as stack:
            iqm = await stack.enter_async_context(await self._sandboxed(stack, hooks) if live is None else live)
            account = f"the sandbox at {iqm.base_url}" if live is None else _account(iqm)
            self._print(f"[bold]adflight quickstart[/bold] on {escape(account)}")
            if self.clean_up is None:
                await self._launch(iqm)
            else:
                await iqm.insertion_orders.delete(io_ids=[self.clean_up])
                self._print(f"\ninsertion order {self.clean_up} and its campaigns are deleted")

    async def _sandboxed(self, stack: AsyncExitStack, hooks: list[Hook]) -> IQM:
        # only here: a live run needs none of the sandbox's dependencies
        from adflight.sandbox import Sandbox, SandboxOptions

        sandbox = await stack.enter_async_context(Sandbox(options=SandboxOptions(approval_delay=2.0)))
        return IQM(
            base_url=sandbox.url,
            client_id=Sandbox.CLIENT_ID,
            client_secret=Sandbox.CLIENT_SECRET,
            email=Sandbox.EMAIL,
            password=Sandbox.PASSWORD,
            hooks=hooks,
            poll_every=1.0,
        )

    async def _launch(self, iqm: IQM) -> None:
        begun = time.monotonic()
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=180 if self.live else 1)
        name = f"adflight quickstart {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        order = NewInsertionOrder(name=name, start=start, end=start + timedelta(days=30), timezone_id=US_EASTERN)
        campaign = NewCampaign(
            name=name,
            start=start,
            end=start + timedelta(days=29),
            timezone_id=US_EASTERN,
            total_budget=BUDGET,
            daily_budget=BUDGET,
            max_bid=BUDGET,
            creative_type=CreativeType.IMAGE,
            creative_ids=[self.creative_id or 676384],
            advertiser_domain=self.advertiser_domain,
            country_id=UNITED_STATES,
            agreement_checked=True,
        )
        launch = await iqm.launch(order, campaign, record=self._record)
        if self.live:
            self._print(f"\nCampaign {launch.campaign_id} is {launch.campaign.status}; a person has to approve it.")
        else:
            await self._wait(launch)
        self._print(
            f"\n[bold green]done[/bold green] in {time.monotonic() - begun:.1f} s: "
            f"insertion order [bold]{launch.insertion_order_id}[/bold], campaign [bold]{launch.campaign_id}[/bold]"
        )
        if self.live:
            self._print("To delete both: " + self._remedy(launch.insertion_order_id))
        else:
            self._print("Next: adflight sandbox, in a terminal of its own, and examples/launch.py against it")

    async def _wait(self, launch: Launch) -> None:
        self._print("\n[bold]waiting until the campaign runs[/bold]")
        await launch.wait_until("running", timeout=60, on_poll=lambda status: self._print(f"   it is {status}"))

    def _agreed(self, iqm: IQM) -> bool:
        if self.yes:
            return True
        what = f"This creates a campaign with a total budget of {BUDGET} (in the account's currency)"
        if self.clean_up is not None:
            what = f"This deletes insertion order {self.clean_up} and all its campaigns"
        if not (self.console.is_terminal and sys.stdin.isatty()):
            raise InvalidInput("--yes", False, f"--yes, where nobody can be asked. {what}, on {_account(iqm)}")
        self._print(f"{escape(what)}, on [bold]{escape(_account(iqm))}[/bold].")
        return self.console.input("Type yes to go on: ").strip().lower() == "yes"

    # what is shown

    def _record(self, event: Event) -> None:
        self._events.append(event)
        step = str(event["step"]).replace("_", " ")
        if event["event"] == "sending":
            doing = "reading the campaign back" if event["step"] == "read_back" else f"creating the {step}"
            self._print(f"\n[bold]{doing}[/bold]")
        elif event["event"] == "refused":
            self._print(f"   [red]the {step} was refused[/red]")
        elif event["event"] == "unknown":
            self._print(
                f"   [yellow]the answer was lost; looking for the {step} in {event['settled_after']:.0f} s, "
                "when it must be settled[/yellow]"
            )
        else:
            found = " (found again after its answer was lost)" if event.get("adopted") else ""
            status = f", {event['status']}" if "status" in event else ""
            self._print(f"   [green]{step} {event['id']}{status}{found}[/green]")

    async def _on_request(self, request: httpx.Request) -> None:
        self._count += 1
        self._print(f"\n[cyan]{self._count:2}  {request.method} {escape(request.url.raw_path.decode())}[/cyan]")
        self._show("sent", request.content)
        self._sent[id(request)] = time.monotonic()

    async def _on_response(self, response: httpx.Response) -> None:
        elapsed = 1000 * (time.monotonic() - self._sent.pop(id(response.request), time.monotonic()))
        color = "green" if response.is_success else "red"
        self._print(f"    [{color}]{response.status_code} {response.reason_phrase}[/{color}] in {elapsed:.0f} ms")
        self._show("received", response.content)

    def _show(self, verb: str, content: bytes) -> None:
        if not content:
            return
        try:
            text = json.dumps(json.loads(content))
        except ValueError:
            text = content.decode(errors="replace")
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
        self._print(f"    [dim]{verb:9}{escape(text)}[/dim]")

    def _say_what_exists(self, *, in_doubt: bool) -> None:
        done: dict[str, Any] = {event["step"]: event["id"] for event in self._events if event["event"] == "done"}
        settled = done.keys() | {event["step"] for event in self._events if event["event"] == "refused"}
        for event in self._events:
            if in_doubt and "sent" in event and event["step"] not in settled:
                step, sent = str(event["step"]).replace("_", " "), event["sent"]
                name = sent.get("ioName") or sent.get("campaignName")
                self._print(
                    f"\nIt is not known whether the {step} {escape(repr(name))} was created: "
                    "look for it before you start again."
                )
        named = [f"{step.replace('_', ' ')} {done[step]}" for step in ("insertion_order", "campaign") if step in done]
        if named:
            self._print(f"\nExists by now: {', '.join(named)}")
            if self.live:
                self._print("To delete it: " + self._remedy(done["insertion_order"]))
            else:
                self._print("It was only in the embedded sandbox, which ends now.")

    def _remedy(self, io_id: int) -> str:
        return f"adflight quickstart --live --clean-up {io_id}"

    def _print(self, text: str) -> None:
        self.console.print(text)


def _account(iqm: IQM) -> str:
    return f"{iqm.email} at {iqm.base_url}"
