"""What an apply shows while it goes on: a display that keeps up to date, plain lines, lines of JSON, or nothing.

Imports terminal and the events; used by `apply`. What is counted is kept apart from how it is shown.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import orjson
from attrs import Factory, define, evolve, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from adflight.cli.terminal import counted, duration, plain
from adflight.core.clock import Clock
from adflight.core.quota import Limiter
from adflight.flights.events import Began, Ended, Event, RowDone, RowFailed, Sent, Settled, Settling, as_json
from adflight.flights.platform import CAMPAIGN, ORDER

SHOWN: Final = 20
"""Failures that are kept to be shown at the end; the others are counted."""

EVERY: Final = 30.0
"""Seconds between two lines that say how far it is, where there is no terminal."""

MINUTE: Final = 60.0

REFRESHES: Final = 8
"""A second."""

Form: TypeAlias = Literal["display", "lines", "json", "quiet"]

_WORDS: Final = {ORDER: "insertion order", CAMPAIGN: "campaign"}


@define(eq=False)
class Tally:
    """How far an apply is, as its events tell it. `kind` is what a row of the file is."""

    limiter: Limiter
    clock: Clock
    kind: str = CAMPAIGN
    began: Began | None = None
    ended: Ended | None = None
    done: dict[str, int] = Factory(lambda: dict.fromkeys(("created", "changed", "adopted", "unchanged"), 0))
    failed: int = 0
    in_doubt: int = 0
    """Rows of these that were perhaps carried out."""
    failures: list[RowFailed] = field(factory=list)
    """The first ones, insertion orders included."""
    failures_count: int = 0
    to_be_corrected: int = 0
    """Failures that are not just in doubt."""
    orders: int = 0
    """Insertion orders that were created, changed or taken over, where a row is something else."""
    sent: int = 0
    settling: Settling | None = None
    _settled_at: float = 0.0
    _in_flight: set[tuple[str, str]] = field(factory=set)
    _sent_at: deque[float] = field(factory=deque)

    def add(self, event: Event) -> None:
        """Takes note of an event."""
        match event:
            case Began():
                self.began = event
            case Settling():
                self.settling = event if event.open else None
                self._settled_at = self.clock.monotonic() + event.seconds
            case Sent():
                self.sent += 1
                self._sent_at.append(self.clock.monotonic())
                self._in_flight.update((event.kind, key) for key in event.keys)
            case RowDone():
                self._in_flight.discard((event.kind, event.key))
                if event.kind == self.kind:
                    self.done[event.how] += 1
                else:
                    self.orders += event.how != "unchanged"
            case RowFailed():
                self._in_flight.discard((event.kind, event.key))
                self._fail(event)
            case Ended():
                self.ended = event
                self._in_flight.clear()
            case Settled():
                self._in_flight.discard((event.kind, event.key))
                if self.settling is not None:
                    left = self.settling.open - 1
                    self.settling = evolve(self.settling, open=left) if left else None

    def _fail(self, event: RowFailed) -> None:
        self.failed += event.kind == self.kind
        self.in_doubt += event.kind == self.kind and event.outcome == "unknown"
        self.failures_count += 1
        self.to_be_corrected += event.outcome != "unknown"
        if len(self.failures) < SHOWN:
            self.failures.append(event)

    @property
    def rows(self) -> int:
        """Of the file: those that are as it says, and those that are not."""
        return sum(self.done.values()) + self.failed

    @property
    def left(self) -> int:
        """Rows of the file of which nothing is known yet, and for which nothing is under way."""
        if self.began is None:
            return 0
        under_way = sum(kind == self.kind for kind, _ in self._in_flight)
        return max(self.began.flights - self.rows - under_way, 0)

    @property
    def in_flight(self) -> int:
        """Objects that a request is under way for."""
        return len(self._in_flight)

    @property
    def a_minute(self) -> int:
        """Requests of the last minute that changed something."""
        since = self.clock.monotonic() - MINUTE
        while self._sent_at and self._sent_at[0] <= since:
            self._sent_at.popleft()
        return len(self._sent_at)

    @property
    def seconds_left(self) -> float | None:
        """What the quota makes of the requests that are still to be sent; None before that is known."""
        quota = self.limiter.quota
        if self.began is None:
            return None
        left = self.began.writes - self.sent
        if quota is None or left <= 0:
            return 0.0
        at_once = max(quota.requests - self.limiter.state().used, 0)
        return ceil(max(left - at_once, 0) / quota.requests) * quota.per

    @property
    def settles_in(self) -> float:
        """Seconds until requests without an outcome must be settled."""
        return max(self._settled_at - self.clock.monotonic(), 0.0)


# one line an event


def line_of(event: Event) -> Text | None:
    """What is said of an event where lines follow one another; None of those that are only counted."""
    match event:
        case Settling(open=0):
            return None
        case Settling():
            what = f"{counted(event.open, 'request')} without an outcome"
            return Text(f"{what}: what became of that is found out in {duration(event.seconds)}", style="yellow")
        case Settled():
            return _settled(event)
        case RowDone(how="unchanged"):
            return None
        case RowDone():
            what = f"{event.how} {_WORDS.get(event.kind, event.kind)} {event.id}"
            return Text.assemble((plain(event.key), "bold"), f": {what}")
        case RowFailed():
            return failure(event)
    return None


def _settled(event: Settled) -> Text:
    said = {
        "adopted": f"its answer was lost, and it was found: {event.id}",
        "absent": "its answer was lost, and it is not there",
        "done": "its answer was lost, and it was carried out",
        "unclear": "its answer was lost, and somebody has to look",
    }[event.how]
    text = Text.assemble((f"{_WORDS.get(event.kind, event.kind)} {plain(event.key)}", "bold"), f": {said}")
    if event.reason:
        text.append(f" ({plain(event.reason)})", style="dim")
    return text


def failure(event: RowFailed) -> Text:
    """A failed row in words."""
    style = "yellow" if event.outcome in ("withheld", "unknown") else "red"
    where = f"row {event.row}, {plain(event.key)}"
    if event.kind == ORDER:
        where = f"insertion order {plain(event.key)} (row {event.row})"
    return Text.assemble((f"{event.outcome}: ", style), (where, "bold"), f": {plain(event.error)}")


# the display


class _Drawn:
    """The part of the screen that is drawn again and again."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> RenderableType:
        tally = self._tally
        heading = Table.grid(padding=(0, 1, 0, 0))
        if tally.began is None:
            heading.add_row(self._spinner, settling(tally))
            return heading
        total = tally.began.flights
        bar = ProgressBar(total=max(total, 1), completed=tally.rows, width=30)
        heading.add_row(self._spinner, bar, Text(f"{tally.rows:,} of {total:,} rows"))
        lines: list[RenderableType] = [heading, counts(tally), pace(tally)]
        if tally.failures:
            lines.append(Text.assemble(("latest failure: ", "dim"), failure(tally.failures[-1])))
        return Group(*lines)


def outcome(tally: Tally) -> Text:
    """Rows by what became of them, at the end: nothing of what there was none of. Orders count where no row does."""
    parts = [(f"{count:,} {how}", "") for how, count in tally.done.items() if count]
    if tally.failed > tally.in_doubt:
        parts.append((f"{tally.failed - tally.in_doubt:,} failed", "bold red"))
    if tally.in_doubt:
        parts.append((f"{tally.in_doubt:,} in doubt", "bold yellow"))
    if not parts:
        parts = [*([(counted(tally.orders, _WORDS[ORDER]), "")] if tally.orders else []), ("no rows", "")]
    is_cut_short = tally.ended is None or tally.ended.how == "stopped"
    if is_cut_short and tally.left:
        parts.append((f"{tally.left:,} left for the next apply", "bold cyan"))
    return Text(", ").join(Text(text, style=style) for text, style in parts)


def counts(tally: Tally) -> Text:
    """Rows by what became of them, while it goes on."""
    parts = [
        (f"{tally.done['created']:,} created", "green"),
        (f"{tally.done['changed']:,} changed", "yellow"),
        (f"{tally.done['adopted']:,} adopted", "cyan"),
        (f"{tally.done['unchanged']:,} unchanged", "dim"),
        (f"{tally.failed:,} failed", "bold red" if tally.failed else "dim"),
        (f"{tally.in_flight:,} in flight", "" if tally.in_flight else "dim"),
    ]
    return Text("  ").join(Text(text, style=style) for text, style in parts)


def pace(tally: Tally) -> Text:
    """Requests against the quota, the time that is left by it, and what holds everything up."""
    state, quota = tally.limiter.state(), tally.limiter.quota
    if quota is None:
        text = Text(f"{counted(tally.a_minute, 'request')} in the last minute")
    else:
        text = Text(f"{state.used:,} of {counted(quota.requests, 'request')} in {duration(quota.per)}")
        if quota.per != MINUTE:
            text.append(f", {tally.a_minute:,} in the last minute")
    left = tally.seconds_left
    if left:
        text.append(f", about {duration(left)} left by it")
    if state.paused_for:
        text.append(f"\npaused for {duration(state.paused_for)}: {state.reason}", style="yellow")
    if tally.settling is not None:
        text.append("\n").append(settling(tally))
    return text


def settling(tally: Tally) -> Text:
    """What is waited for before anything is known of requests without an outcome."""
    if tally.settling is None:
        return Text("beginning")
    what = f"{counted(tally.settling.open, 'request')} without an outcome"
    when = f"in {duration(tally.settles_in)}" if tally.settles_in else "now"
    return Text(f"{what}: what became of that is found out {when}", style="yellow")


class Quiet:
    """Shows nothing while it goes on. The other forms build on it; each is a context manager within an event loop."""

    def __init__(self, screen: Console, tally: Tally) -> None:
        self._screen = screen
        self._tally = tally
        self._ticking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()

    def show(self, event: Event) -> None:
        """Takes note of an event, and shows it in the form's way."""
        self._tally.add(event)

    async def _tick(self) -> None:
        """Not in a thread, because the limiter belongs to the loop. The next event finds that nobody reads, too."""


class Display(Quiet):
    """What was settled stays, the rest is drawn again and again, from the first event on."""

    def __init__(self, screen: Console, tally: Tally) -> None:
        super().__init__(screen, tally)
        self._live = Live(_Drawn(tally), console=screen, transient=True, auto_refresh=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._live.stop()

    def show(self, event: Event) -> None:
        super().show(event)
        if not self._live.is_started:
            self._live.start(refresh=True)
        if isinstance(event, Settled):
            self._screen.print(line_of(event))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1 / REFRESHES)
            if self._live.is_started:
                self._live.refresh()


class Lines(Quiet):
    """One line for each row that is done or failed, and from time to time one that says how far it is."""

    def show(self, event: Event) -> None:
        super().show(event)
        line = line_of(event)
        if line is not None:
            self._screen.print(line, soft_wrap=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            if self._tally.began is None:
                # what is settled before was said
                continue
            said = Text(f"{self._tally.rows:,} of {self._tally.began.flights:,} rows: ")
            said.append(counts(self._tally)).append("; ").append(pace(self._tally))
            with suppress(BrokenPipeError):
                self._screen.print(said, soft_wrap=True)


class JsonLines(Quiet):
    """One object in a line, on standard output, for machines."""

    def show(self, event: Event) -> None:
        super().show(event)
        sys.stdout.write(orjson.dumps(as_json(event)).decode() + "\n")
        sys.stdout.flush()


FORMS: Final[Mapping[Form, type[Quiet]]] = {"display": Display, "lines": Lines, "json": JsonLines, "quiet": Quiet}
