"""What a terminal needs: a console of the right width, texts that cannot play tricks on it, and a question.

Imports rich, interrupts and core's errors; used by the commands about flights.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from rich.console import Console, RenderableType

from adflight.cli import interrupts
from adflight.core.errors import ConfigurationError
from adflight.flights.items import UNSEEN
from adflight.flights.values import CLEAR

PIPE_WIDTH: Final = 120
"""Columns where there is no terminal that says how many it has."""

LONGEST: Final = 60
"""Characters of a value that are shown."""


def colors() -> Literal["auto"] | None:
    """What rich is to use of them: what the terminal can, unless NO_COLOR says otherwise.

    Then no styles either, of which NO_COLOR says nothing: rich's own way keeps bold and dim, but whoever asks for plain
    text often records it, and no meaning is in a style alone.
    """
    return None if os.environ.get("NO_COLOR") else "auto"


class Screen(Console):
    """A console that raises `BrokenPipeError` when nobody reads any more, where rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise


def console(*, to_stderr: bool = False) -> Console:
    """Standard output or standard error."""
    stream = sys.stderr if to_stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        # a name in Greek must not end an apply in a pipe that takes Latin only
        stream.reconfigure(errors="backslashreplace")
    made = Screen(stderr=to_stderr, highlight=False, markup=False, emoji=False, color_system=colors())
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH
    return made


def show_padded(screen: Console, block: RenderableType) -> None:
    """Shows a table or the like; where there is no terminal, without the blanks that fill up its lines."""
    if screen.is_terminal:
        screen.print(block, soft_wrap=False)
        return
    with screen.capture() as captured:
        screen.print(block, soft_wrap=False)
    for line in captured.get().removesuffix("\n").split("\n"):
        screen.print(line.rstrip(), soft_wrap=True)


def plain(text: str) -> str:
    """A text in one line, in which nothing is left that a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def money(amount: Decimal, *, signed: bool = False) -> str:
    """With two places, or as many as it has, and groups of three digits."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:{'+' if signed else ''},.{places}f}"


def value(given: Any) -> str:
    """A value of a file, or a live one, in a line that is not too long."""
    if given is UNSEEN:
        return "?"
    if given is None or given is CLEAR:
        return "nothing"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, Decimal):
        return money(given)
    if isinstance(given, datetime):
        return f"{given.astimezone(UTC):%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"
    if isinstance(given, tuple):
        text = ", ".join(str(one) for one in given)
        suffix = f"… ({len(given):,})"
    else:
        text = json.dumps(given, default=str) if isinstance(given, (Mapping, list)) else str(given)
        suffix = "…"
    text = plain(text)
    return text if len(text) <= LONGEST else text[: LONGEST - len(suffix)] + suffix


def duration(seconds: float) -> str:
    """Seconds in words, no finer than they matter."""
    whole = round(seconds)
    if whole < 1:
        return "under a second" if seconds > 0 else "no time"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def counted(count: int, what: str) -> str:
    """A number of things, in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def can_ask(screen: Console) -> bool:
    """Whether there is a person to be asked."""
    return screen.is_terminal and sys.stdin is not None and sys.stdin.isatty()


def nobody(question: str) -> ConfigurationError:
    """What is said where there is a question, and nobody to answer it."""
    return ConfigurationError(f"nobody can be asked here, so nothing was sent; to go on without: --yes. {question}")


def agreed(screen: Console, question: str) -> bool:
    """Asks; anything but a yes is a no. Ctrl-C while it waits is a KeyboardInterrupt at once, in a running loop too."""
    # the loop's own handler would only take note of it, and the person would have to press Enter all the same
    with interrupts.at_once():
        screen.print(f"{question} [y/N] ", end="", style="bold", soft_wrap=True)
        screen.file.flush()
        return interrupts.line().strip().lower() in ("y", "yes")
