"""Draws the help of every command for `help_pages`.

    python -m adflight.cli.help_rendering [--check]

Part of `make generate` and of `make check-generated`: much of it comes from the specifications. Imports the commands.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from io import StringIO

from cyclopts import App
from rich.console import Console

from adflight.cli.app import app
from adflight.cli.call import app_for
from adflight.cli.help_pages import FILE, WIDTH


def rendered() -> dict[str, str]:
    """Every page by its command: "", "plan", "call iqm campaigns get"."""
    pages = {" ".join(command): _page(app, command) for command in _commands(app)}
    pages |= {" ".join(("call", *command)): _page(app_for(command), command) for command in _calls()}
    return dict(sorted(pages.items()))


def _commands(app: App, *above: str) -> Iterator[tuple[str, ...]]:
    yield above
    for name in _names(app):
        yield from _commands(app[name], *above, name)


def _calls(*above: str) -> Iterator[tuple[str, ...]]:
    """Each level is there only for who names the one above it."""
    yield above
    app = app_for(above)
    for name in above:
        app = app[name]
    for name in _names(app) if len(above) < 3 else ():
        yield from _calls(*above, name)


def _names(app: App) -> Iterator[str]:
    return (name for name in app if not name.startswith("-"))


def _page(app: App, command: Sequence[str]) -> str:
    drawn = StringIO()
    # each named, because rich would ask the environment of whoever draws, and CI sets NO_COLOR
    console = Console(
        file=drawn, width=WIDTH, force_terminal=True, color_system="standard", no_color=False, legacy_windows=False
    )
    app.help_print([*command], console=console)
    return re.sub(r"[ \t]+$", "", drawn.getvalue(), flags=re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Writes the file, or with `--check` says whether it is as it would be written; the exit code."""
    content = json.dumps(rendered(), indent=0, ensure_ascii=False).encode() + b"\n"
    if "--check" not in arguments:
        FILE.write_bytes(content)
        return 0
    if FILE.read_bytes() == content:
        return 0
    print(f"{FILE.name} is not what the commands say of themselves: make generate", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
