"""What is shown: headings, outcomes, and every exchange as the clients' hooks see it, without secrets.

Imports core's hook; used by all of the quickstart.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape

from adflight.core.options import Hook

if TYPE_CHECKING:
    import httpx

LONGEST: Final = 600
"""Characters of a body that are shown."""


class Screen:
    """A terminal, in colours, or a pipe, without."""

    def __init__(self, console: Console) -> None:
        self.console: Final = console
        self.hook: Final = Hook(on_request=self._on_request, on_response=self._on_response)
        self._sent: dict[int, float] = {}
        self._count = 0

    def say(self, text: str) -> None:
        """Shows a line; rich's markup in it counts."""
        self.console.print(text)

    def begin(self, doing: str) -> None:
        self.say(f"\n[bold]{escape(doing)}[/bold]")

    def good(self, outcome: str) -> None:
        self.say(f"   [green]{escape(outcome)}[/green]")

    async def _on_request(self, request: httpx.Request) -> None:
        self._count += 1
        self.say(f"\n[cyan]{self._count:2}  {request.method} {escape(request.url.raw_path.decode())}[/cyan]")
        self._show("sent", request.content)
        self._sent[id(request)] = time.monotonic()

    async def _on_response(self, response: httpx.Response) -> None:
        elapsed = 1000 * (time.monotonic() - self._sent.pop(id(response.request), time.monotonic()))
        color = "green" if response.is_success else "red"
        self.say(f"    [{color}]{response.status_code} {response.reason_phrase}[/{color}] in {elapsed:.0f} ms")
        self._show("received", response.content)

    def _show(self, verb: str, content: bytes) -> None:
        if not content:
            return
        try:
            text = json.dumps(json.loads(content))
        except ValueError:
            # XML, a form, a proxy's page: as it is, on one line
            text = " ".join(content.decode(errors="replace").split())
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
        self.say(f"    [dim]{verb:9}{escape(text)}[/dim]")
