"""The rows of a file that failed, as a file of their own, to be corrected and applied again. Imports detection, columns
and kinds.

The file is the source less the rows that are well: same heading, columns, separator, encoding and line breaks, each
row as it stands there, byte for byte. Nothing is added, since whatever is added would have to be taken away again
before it can be read: CSV has no comments, and a column that is no vendor's is refused. What was wrong with each row is
said beside it, by the report.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

import orjson
from attrs import define, field, frozen

from adflight.core.errors import InvalidFile, InvalidInput
from adflight.core.problems import Problem
from adflight.flights.columns import KEY, Columns, columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.detection import MARK, Detected, Unreadable, detect, opened
from adflight.flights.kinds import Formats
from adflight.flights.values import Unfit

Record: TypeAlias = tuple[Mapping[str, object], str]
"""A row's cells by column, and the text that it was read from."""

_FORMATS: Final = Formats()


@frozen
class FailedRows:
    """What was written."""

    rows: int
    """0 when there was nothing to write; then there is no file."""
    missing: tuple[str, ...]
    """Keys, of flights or of insertion orders, that the source does not have: it is another file, or was changed
    since."""
    left_out: int = 0
    """Rows that would be there, but for what is in doubt."""


def write_failed(
    source: str | os.PathLike[str],
    keys: Collection[str],
    path: Path,
    *,
    orders: Collection[str] = (),
    in_doubt: Collection[str] = (),
    orders_in_doubt: Collection[str] = (),
    vendor: str = "iqm",
    declarations: Declarations | None = None,
) -> FailedRows:
    """Writes those rows of a file of flights that failed to a new file, which can be read just as the source can.

    Blocks while it reads; memory stays constant.

    Args:
        source: The file that was applied, CSV or JSON lines.
        keys: Of the flights that failed.
        path: A file that does not exist yet: one that somebody has corrected must not be lost.
        orders: Of insertion orders that failed: all of their rows are written, as any of them may say what is wrong
            with it. Those that are well are found unchanged when they are applied again.
        in_doubt: Of flights that may have been bought: their rows are left out, as another key or name would buy them
            once more.
        orders_in_doubt: Of insertion orders that may have been made: all of their rows are left out.
        vendor: Whose columns it has.
        declarations: As they were for applying it.

    Raises:
        InvalidInput: `path` exists.
        InvalidFile: The source cannot be read any more.
        OSError: The source cannot be opened, or the file not be written.
    """
    columns, source = columns_for(vendor), Path(source)
    if path.exists():
        raise InvalidInput("failed", os.fspath(path), "the name of a file that does not exist yet")
    wanted = _Wanted(columns, frozenset(keys), frozenset(orders), frozenset(in_doubt), frozenset(orders_in_doubt))
    try:
        detected = detect(source, columns, declarations or Declarations())
        rows = _copy(source, detected, wanted, path)
    except (Unreadable, csv.Error, UnicodeError, orjson.JSONDecodeError) as error:
        problem = (
            error.problem if isinstance(error, Unreadable) else Problem(None, None, None, f"a sound file: {error}")
        )
        raise InvalidFile(os.fspath(source), [problem]) from None
    return FailedRows(rows, tuple(sorted(wanted.missing)), wanted.left_out)


@define
class _Wanted:
    """Which rows are to be written."""

    columns: Columns
    keys: frozenset[str]
    orders: frozenset[str]
    in_doubt: frozenset[str]
    orders_in_doubt: frozenset[str]
    left_out: int = field(default=0, init=False)
    _keys_seen: set[str] = field(factory=set, init=False)
    _orders_seen: set[str] = field(factory=set, init=False)

    def __call__(self, cells: Mapping[str, object]) -> bool:
        key = self._name(cells, KEY)
        if key is None:
            return False
        is_wanted = key in self.keys
        if is_wanted:
            self._keys_seen.add(key)
        order = self._order(cells) if self.orders or self.orders_in_doubt else None
        if order in self.orders:
            self._orders_seen.add(order)
            is_wanted = True
        if is_wanted and (key in self.in_doubt or order in self.orders_in_doubt):
            self.left_out += 1
            return False
        return is_wanted

    @property
    def missing(self) -> frozenset[str]:
        """What no row was about."""
        return (self.keys - self._keys_seen) | (self.orders - self._orders_seen)

    def _order(self, cells: Mapping[str, object]) -> str | None:
        own = self._name(cells, self.columns.order_key)
        return self._name(cells, self.columns.order_name) if own is None else own

    def _name(self, cells: Mapping[str, object], column: str) -> str | None:
        """As it was read for the plan, so that what looks the same is the same."""
        try:
            return str(self.columns.by_name[column].kind.read(cells[column], _FORMATS)) or None
        except (KeyError, Unfit):
            return None


def _copy(source: Path, detected: Detected, is_wanted: Callable[[Mapping[str, object]], bool], path: Path) -> int:
    if detected.encoding is None:
        raise ValueError(f"{detected} is no file")
    rows = 0
    with ExitStack() as stack:
        text = stack.enter_context(opened(source, detected.encoding))
        copied: TextIO | None = None
        head, records = (_csv if detected.kind == "CSV" else _json_lines)(text, detected)
        for cells, written in records:
            if not is_wanted(cells):
                continue
            if copied is None:
                # not before there is a row: an empty file is none
                copied = stack.enter_context(_new(path, detected.encoding.codec))
                copied.write(head)
            copied.write(written)
            rows += 1
    return rows


@contextmanager
def _new(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open("x", encoding=encoding, newline="") as file:
        try:
            yield file
        except BaseException:
            # some of the rows would pass for all of them
            path.unlink()
            raise


def _csv(text: TextIO, detected: Detected) -> tuple[str, Iterator[Record]]:
    """What comes before the first row, and the rows."""
    taken: list[str] = []
    head = text.readline() if detected.hint else ""

    def lines() -> Iterator[str]:
        is_first = not head
        while line := text.readline():
            taken.append(line)
            yield line.removeprefix(MARK) if is_first else line
            is_first = False

    reader = csv.reader(lines(), delimiter=detected.separator or ",", strict=True)
    heading: list[str] = []
    for heading in reader:
        head += "".join(taken)
        taken.clear()
        if any(cell.strip() for cell in heading):
            break
    names = [cell.strip() for cell in heading]
    return head, _csv_rows(reader, names, taken)


def _csv_rows(reader: Iterator[list[str]], names: list[str], taken: list[str]) -> Iterator[Record]:
    for cells in reader:
        yield {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}, "".join(taken)
        taken.clear()


def _json_lines(text: TextIO, detected: Detected) -> tuple[str, Iterator[Record]]:
    mark = text.read(1)
    if mark == MARK:
        return mark, _json_rows(text, "")
    return "", _json_rows(text, mark)


def _json_rows(text: TextIO, begun: str) -> Iterator[Record]:
    while line := begun + text.readline():
        begun = ""
        if line.strip():
            row: Any = orjson.loads(line.strip())
            yield {name: cell for name, cell in row.items() if cell is not None} if isinstance(row, dict) else {}, line
