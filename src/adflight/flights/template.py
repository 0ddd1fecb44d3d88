"""A file of flights to start from, and the page about its columns. Imports columns, kinds and lists."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any, Final

from adflight.flights.columns import KEY, Column, Columns, Level
from adflight.flights.kinds import Amount, Choice, Count, Flag, Formats, Kind, Zone
from adflight.flights.lists import Ids, Json, Texts

_ROWS: Final = 2
"""Enough to see that rows share an insertion order."""

_TITLES: Final[Mapping[Level, str]] = {
    Level.ROW: "Of the row",
    Level.INSERTION_ORDER: "Of the insertion order",
    Level.CAMPAIGN: "Of the campaign",
}

_INTRODUCTION: Final = """\
<!-- Written by `make columns` from the specification and src/adflight/flights. DO NOT EDIT. -->
# The columns of a file of flights: {vendor}

{rows}; the columns may stand in
any order, and those that you do not need may be left out.

- An empty cell (in JSON lines: a field that is missing, or null) is not managed: whatever the vendor has there stays.
- {clear}
- *needed* says what a new object cannot do without; *may change* says what an existing one takes.{shared}
- Times are ISO 8601 with an offset, `2027-03-01T09:00-05:00`. Without an offset the file's zone has to be declared. A
  day alone is its first moment, for a start; for an end it is refused, because it could mean either midnight.
- Numbers have a decimal point and no other marks; another format has to be declared. Money is in the {whose}
  currency.
"""

_SHARED: Final = """ Rows that share an
  insertion order may leave its cells empty, and must not contradict each other."""

_LISTS: Final = "Lists have commas, semicolons, bars or line breaks between their items, ids also spaces; a JSON list"
_OF_KINDS: Final[tuple[tuple[tuple[type[Kind], ...], str], ...]] = (
    ((Ids, Texts), f"{_LISTS} will do too."),
    ((Choice,), "A choice is given by its name, in any case, or by its id."),
    ((Zone,), "A time zone is the vendor's id or its name."),
)


def template(columns: Columns, *, json_lines: bool = False, all_columns: bool = False) -> str:
    """The text of a file with two flights, in one insertion order where they can be, to be overwritten.

    It has no problems.
    """
    used = [column for column in columns if all_columns or column.is_common]
    rows = [_example(columns, used, number) for number in range(1, _ROWS + 1)]
    if json_lines:
        return "".join(json.dumps(_typed(used, row), ensure_ascii=False) + "\n" for row in rows)
    text = StringIO()
    writer = csv.DictWriter(text, [column.name for column in used], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _example(columns: Columns, used: Iterable[Column], number: int) -> dict[str, str]:
    row = {column.name: column.example for column in used if column.is_common and not _is_consent(column.kind)}
    row[KEY] += f"-{number}"
    name = columns.flight_name or columns.order_name
    row[name] += f" {number}"
    return row


def _is_consent(kind: Kind) -> bool:
    # nobody accepts terms for the user
    return isinstance(kind, Flag) and kind.only_true


def _typed(used: Iterable[Column], row: Mapping[str, str]) -> dict[str, Any]:
    return {column.name: _json(column.kind, row[column.name]) if column.name in row else None for column in used}


def _json(kind: Kind, cell: str) -> Any:
    if isinstance(kind, Ids | Texts):
        return kind.read(cell, Formats())
    return json.loads(cell) if isinstance(kind, Amount | Count | Flag | Json) else cell


def documentation(columns: Columns) -> str:
    """A page in Markdown about every column."""
    parts = [_introduction(columns)]
    for level, title in _TITLES.items():
        if columns.at(level):
            parts.append(f"## {title}\n")
            parts.append(_table(columns.at(level)))
    named = [(column.name, column.kind.named) for column in columns if isinstance(column.kind, Choice)]
    if named:
        parts.append("## Choices\n")
        parts.append("".join(f"- `{name}`: {members}\n" for name, members in named))
    return "\n".join(parts)


def _introduction(columns: Columns) -> str:
    order = " or ".join(f"`{name}`" for name in (columns.order_name, columns.order_key))
    is_own = columns.order_key == KEY
    text = _INTRODUCTION.format(
        vendor=columns.vendor,
        rows="One row is one insertion order. Only `key` has to be filled in every row"
        if is_own
        else f"One row is one flight. Only `key` and {order} have to be filled in every row",
        clear="`<clear>` makes a field null, where the table says that it may."
        if any(column.clearable for column in columns)
        else "No field can be made empty, because the vendor knows no way to; `<clear>` is refused.",
        shared="" if is_own else _SHARED,
        whose="insertion order's" if is_own else "account's",
    )
    said = (text for kinds, text in _OF_KINDS if any(isinstance(column.kind, kinds) for column in columns))
    return text + "".join(f"- {each}\n" for each in said)


def _table(columns: Iterable[Column]) -> str:
    heading = ("column", "type", "needed", "may change", "`<clear>`", "default", "example", "meaning")
    rows = [heading, ["---"] * len(heading), *map(_cells, columns)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _cells(column: Column) -> list[str]:
    kind = f"{column.kind.title}, {column.unit}" if column.unit else column.kind.title
    needed, changes, clears = ("yes" if said else "" for said in (column.required, column.changeable, column.clearable))
    example = f"`{column.example}`"
    return [f"`{column.name}`", kind, needed, changes, clears, column.default, example, column.description]
