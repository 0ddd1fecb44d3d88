"""One vendor's part of the quickstart: it shows its steps as they happen, and knows at any moment what they have made.

Imports `screen` and core's steps; the vendors' parts build on it, and `command` runs them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.markup import escape

from adflight.cli.quickstart.screen import Screen
from adflight.core.steps import Event

if TYPE_CHECKING:
    from adflight.sandbox import Sandbox


class Part(ABC):
    """What is remembered are events such as a launch records: its steps, and what became of each."""

    title: ClassVar[str]
    steps: ClassVar[Mapping[str, str]]
    """What each step does, in words."""
    outcomes: ClassVar[Mapping[str, str]] = {}
    """What is said of a step that is done, where it is not its own id that tells most."""
    objects: ClassVar[tuple[str, ...]]
    """The steps that make something with an id of its own."""
    names: ClassVar[tuple[str, ...]] = ("name",)
    """The fields of what is sent that may hold the name of what is made."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._events: list[Event] = []
        self._begun = 0.0

    @abstractmethod
    async def run(self, sandbox: Sandbox) -> None:
        """Shows it on the sandbox."""

    def begin(self, what: str) -> None:
        """Says what is going to be shown, and starts the watch."""
        self._begun = time.monotonic()
        self.screen.say(f"\n[bold magenta]{self.title}[/bold magenta]: {escape(what)}")

    def end(self) -> None:
        """Says what was made, and how long it took."""
        made = named(self.exists, "[bold]{}[/bold]")
        self.screen.say(f"\n[bold green]done[/bold green] in {time.monotonic() - self._begun:.2f} s: {made}")

    def record(self, event: Event) -> None:
        """Shows an event and remembers it; a launch may have it as its `record`."""
        self._events.append(event)
        step = _words(event["step"])
        if event["event"] == "sending":
            self.screen.begin(self.steps[event["step"]])
        elif event["event"] == "refused":
            self.screen.say(f"   [red]{step}: refused[/red]")
        elif event["event"] == "unknown":
            self.screen.say(f"   [yellow]the answer was lost; {self.after_unknown(event)}[/yellow]")
        else:
            done = self.outcomes.get(event["step"], f"{step} {event['id']}")
            status = f", {event['status']}" if "status" in event else ""
            found = " (found again after its answer was lost)" if event.get("adopted") else ""
            self.screen.good(f"{done}{status}{found}")

    def after_unknown(self, event: Event) -> str:
        """What happens when an answer was lost: for most vendors nothing."""
        return f"whether it was carried out is settled in {event['settled_after']:.0f} s"

    @property
    def exists(self) -> dict[str, int]:
        """What it has made by now: ids by step."""
        done = {event["step"]: event["id"] for event in self._events if event["event"] == "done"}
        return {step: done[step] for step in self.objects if step in done}

    def doubts(self) -> Iterator[str]:
        """What was sent, and of which nobody knows whether it was made."""
        settled = {event["step"] for event in self._events if event["event"] in ("done", "refused")}
        for event in self._events:
            if event["event"] == "sending" and event["step"] in self.objects and event["step"] not in settled:
                name = next((f" {event['sent'][field]!r}" for field in self.names if field in event["sent"]), "")
                yield f"{_words(event['step'])}{name}"


def named(made: Mapping[str, int], form: str = "{}") -> str:
    """Steps with the ids of what they have made."""
    return ", ".join(f"{_words(step)} {form.format(id_)}" for step, id_ in made.items())


def _words(step: str) -> str:
    return step.replace("_", " ")
