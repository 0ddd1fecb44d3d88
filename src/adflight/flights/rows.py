"""The rows of a file, one at a time: of CSV, of JSON lines, or of an iterable. Imports detection, columns and core.

A row is its number and its cells by column name. What a source finds wrong it tells and goes on, as far as that goes.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

from adflight.core.problems import Problem, shown
from adflight.flights.columns import KEY, VENDORS, Columns, columns_for
from adflight.flights.detection import MARK, Detected, Unreadable, opened

Row: TypeAlias = tuple[int, Mapping[str, object]]
Tell: TypeAlias = Callable[[Problem], None]

LONGEST_LINE: Final = 1 << 20
"""Characters; a file without line breaks must not fill the memory."""

_UNKNOWN: Final = 1000
"""Unknown names that are told; each once."""


def rows_of_file(path: Path, detected: Detected, columns: Columns, tell: Tell) -> Generator[Row, None, None]:
    """The rows of a file. Raises `Unreadable` where nothing that follows can be read."""
    if detected.encoding is None:
        raise ValueError(f"{detected} is no file")
    with opened(path, detected.encoding) as text:
        try:
            if detected.kind == "CSV":
                yield from _csv(text, detected, columns, tell)
            else:
                yield from _json_lines(text, columns, tell)
        except UnicodeError:
            raise Unreadable(Problem(None, None, None, "a file that stays as it is while it is read")) from None


def _lines(text: TextIO) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if number == 1:
            line = line.removeprefix(MARK)
        if "\0" in line:
            raise Unreadable(Problem(None, None, None, f"text; line {number} has NUL bytes, the file is damaged"))
        if len(line) >= LONGEST_LINE:
            raise Unreadable(
                Problem(None, None, None, f"lines of less than {LONGEST_LINE:,} characters; line {number} has more")
            )
        yield line


# CSV


def _csv(text: TextIO, detected: Detected, columns: Columns, tell: Tell) -> Iterator[Row]:
    lines = _lines(text)
    if detected.hint:
        next(lines)
    reader = csv.reader(lines, delimiter=detected.separator or ",", strict=True)
    names: list[str] | None = None
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise Unreadable(Problem(number, None, None, _advice(str(error)))) from None
        if not any(cells) or not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _heading(number, cells, columns, tell)
        elif (row := _row(number, names, cells, tell)) is not None:
            yield number, row
    if names is None:
        raise Unreadable(Problem(None, None, None, "a heading and a row for every flight; this file is empty"))


def _advice(error: str) -> str:
    if "field larger" in error:
        limit = f"cells of at most {csv.field_size_limit():,} characters"
        return f"{limit}; is there a quotation mark that is not closed?"
    if "unexpected end" in error:
        return "a closing quotation mark; one in or after this row is open to the end of the file"
    return 'quotation marks around whole cells, and "" for one inside of them'


def _heading(number: int, cells: list[str], columns: Columns, tell: Tell) -> list[str]:
    """The names of the columns; one that cannot be used is empty."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    other = better_vendor(names, columns)
    if other is not None:
        expected = f"columns of {columns.vendor}; these are of {other}: choose --vendor {other}, or a profile of it"
        raise Unreadable(Problem(number, None, shown(",".join(names)), expected))
    if not any(name in columns.by_name for name in names):
        some = ", ".join(column.name for column in columns if column.is_common)
        raise Unreadable(Problem(number, None, shown(",".join(names)), f"a heading with the names of columns: {some}"))
    counts = Counter(names)
    for name, count in counts.items():
        if name and count > 1:
            tell(Problem(number, name, None, f"one column of this name, not {count}"))
        if name and name not in columns.by_name:
            tell(unknown_column(number, name, columns))
    if KEY not in counts:
        tell(Problem(number, KEY, None, "this column, with a name of its own for every flight"))
    seen: set[str] = set()
    usable = []
    for name in names:
        usable.append(name if name in columns.by_name and name not in seen else "")
        seen.add(name)
    return usable


def better_vendor(names: Iterable[str], columns: Columns) -> str | None:
    """The vendor whose columns more of the names are; None where there is no better one."""
    names = frozenset(names)
    known = {vendor: len(names & columns_for(vendor).by_name.keys()) for vendor in VENDORS}
    best = max(known, key=lambda vendor: known[vendor])
    return best if known[best] > len(names & columns.by_name.keys()) else None


def unknown_column(number: int, name: str, columns: Columns) -> Problem:
    """A name that is no column's."""
    near = columns.nearest(name)
    hint = "" if near is None else f"; the nearest is {near}"
    return Problem(number, None, shown(name), f"the name of a column{hint}")


def _row(number: int, names: list[str], cells: list[str], tell: Tell) -> Mapping[str, object] | None:
    if len(cells) != len(names):
        if any(cell.strip() for cell in cells[len(names) :]):
            tell(Problem(number, None, None, f"{len(names)} cells like the heading, not {len(cells)}"))
            return None
        if len(cells) < len(names):
            tell(Problem(number, None, None, f"{len(names)} cells like the heading, only {len(cells)} are there"))
            return None
    return {name: cell for name, cell in zip(names, cells, strict=False) if name}


# JSON lines, and iterables


def _json_lines(text: TextIO, columns: Columns, tell: Tell) -> Iterator[Row]:
    fields = _Fields(columns, tell)
    for number, line in enumerate(_lines(text), 1):
        line = line.strip()
        if not line:
            continue
        try:
            value = _DECODER.decode(line)
        except _Twice as error:
            tell(Problem(number, None, shown(error.args[0]), "one field of this name"))
        except _NoNumber as error:
            tell(Problem(number, None, error.args[0], "a number; JSON has none of this name"))
        except (ValueError, RecursionError, ArithmeticError):
            tell(Problem(number, None, shown(line), "a JSON object in one line"))
        else:
            if isinstance(value, dict):
                yield number, fields.known(number, value)
            else:
                tell(Problem(number, None, shown(value), "a JSON object"))


class _Twice(Exception):
    """An object names a field twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return found


class _NoNumber(Exception):
    """NaN, or an infinity: Python's alone, and no JSON."""


def _refuse(constant: str) -> Any:
    raise _NoNumber(constant)


# money must not become a float on its way
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_refuse)


def rows_of_iterable(rows: Iterable[Mapping[str, object]], columns: Columns, tell: Tell) -> Iterator[Row]:
    """The rows of an iterable of mappings, numbered from 1."""
    fields = _Fields(columns, tell)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            tell(Problem(number, None, shown(row), "a mapping from columns to values"))
        else:
            yield number, fields.known(number, row)


class _Fields:
    """Which fields are columns; each name that is none is told once."""

    def __init__(self, columns: Columns, tell: Tell) -> None:
        self._columns = columns
        self._tell = tell
        self._told: set[str] = set()

    def known(self, number: int, row: Mapping[str, object]) -> Mapping[str, object]:
        by_name = self._columns.by_name
        if row.keys() <= by_name.keys():
            return row
        for name in row:
            if name not in by_name and str(name) not in self._told and len(self._told) < _UNKNOWN:
                self._told.add(str(name))
                self._tell(unknown_column(number, str(name), self._columns))
        return {name: value for name, value in row.items() if name in by_name}
