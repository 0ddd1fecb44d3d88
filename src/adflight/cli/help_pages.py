"""Help that was drawn beforehand: the parser, and what draws its boxes, take a third of a second to be imported.

`help_rendering` has written every page to a file, at one width and in color. What does not fit, or is no page, is the
parser's to answer. Imports nothing of adflight; used by `main`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

WIDTH: Final = 80

FILE: Final = Path(__file__).with_name("help_pages.json")
_FLAGS: Final = ("--help", "-h")
_STYLES: Final = re.compile(r"\x1b\[[0-9;]*m")


def page_for(arguments: Sequence[str]) -> str | None:
    """The page that a command line asks for, as standard output can show it; None for the parser to answer."""
    if (arguments and arguments[-1] not in _FLAGS) or _columns() < WIDTH:
        return None
    import json

    # the specifications' own spelling is right, too
    command = " ".join(arguments[:-1]).replace("_", "-")
    page: str | None = json.loads(FILE.read_bytes()).get(command)
    return page if page is None or _has_colors() else _STYLES.sub("", page)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns
    except (OSError, ValueError):
        return WIDTH


def _has_colors() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
