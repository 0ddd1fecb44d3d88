"""`adflight flights`: what there is to do with a file of flights before anything is sent."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

from adflight.cli.destinations import writing
from adflight.cli.spool import name_of, readable
from adflight.core.errors import InvalidInput
from adflight.flights.columns import columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.reading import read_flights
from adflight.flights.template import documentation, template

SHOWN = 40
"""Warnings that are shown."""


def write_template(file: Path | None, *, vendor: str, json_lines: bool, all_columns: bool) -> None:
    """Writes a template to a file that is not there yet, or prints it."""
    text = template(columns_for(vendor), json_lines=json_lines, all_columns=all_columns)
    if file is None:
        sys.stdout.write(text)
        return
    if file.exists():
        raise InvalidInput("FILE", str(file), "the name of a file that does not exist yet")
    with writing("FILE", file), file.open("x", encoding="utf-8") as opened:
        opened.write(text)
    of = "" if vendor == "iqm" else f" --vendor {vendor}"
    print(f"Wrote {file}. Next: fill it in, then adflight flights check {quote(str(file))}{of}", file=sys.stderr)


def print_columns(vendor: str) -> None:
    """Prints the page about the columns."""
    sys.stdout.write(documentation(columns_for(vendor)))


def check(file: Path, *, vendor: str, declarations: Declarations) -> None:
    """Says what a file is taken for and has in it; what is doubtful goes to standard error, what is wrong is raised."""
    with readable(file) as path, read_flights(path, vendor=vendor, declarations=declarations) as flights:
        orders = flights.order_count()
        print(f"{name_of(file)}: {flights.detected}")
        print(f"{_counted(len(flights), 'flight')} in {_counted(orders, 'insertion order')}; no problems")
        for warning in flights.warnings[:SHOWN]:
            print(f"warning: {warning}", file=sys.stderr)
        if len(flights.warnings) > SHOWN:
            print(f"and {len(flights.warnings) - SHOWN:,} more warnings", file=sys.stderr)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
