"""A file of flights, read, checked as a whole, and staged. Imports the rest of this package.

What is wrong is told all at once; what is only doubtful is a warning.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from attrs import frozen

from adflight.core.errors import InvalidFile
from adflight.core.problems import Problem, shown
from adflight.flights.columns import KEY, Column, Columns, Level, Quarrel, columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.detection import Detected, Unreadable, detect
from adflight.flights.kinds import Formats
from adflight.flights.rows import Row, rows_of_file, rows_of_iterable
from adflight.flights.staging import Finding, Staging
from adflight.flights.values import CLEAR, Managed, Unfit, Value

Source: TypeAlias = str | os.PathLike[str] | Iterable[Mapping[str, object]]
"""A file's path, or rows as mappings from columns to cells: texts as in a file, or values of Python's types."""

KEPT: Final = 100_000
"""Problems, and warnings, that are kept; the others are counted."""

_BATCH: Final = 1000
_OWN_KEY: Final = "a name of your own for this flight, another one in every row"


@frozen
class Flight:
    """One row: what should be, as far as the file manages it.

    Values are typed: `Decimal`, aware datetimes in UTC, ids as tuples, `CLEAR`; a column that is not in a mapping is
    not managed. Columns bear the names of the arguments of the vendor's create and update operations.
    """

    key: str
    row: int
    """As a spreadsheet counts it."""
    order_key: str
    """Of its insertion order, which other rows may share."""
    insertion_order: Managed
    """From all rows of the order together."""
    campaign: Managed


@frozen
class Order:
    """An insertion order, as the rows that name it describe it together."""

    key: str
    row: int
    """The first that names it."""
    flights: int
    """How many rows name it."""
    fields: Managed


@frozen
class Flights:
    """The flights of a file that was found to be sound, in the order of its rows.

    Can be read any number of times, row by row, however many there are, until it is closed.
    """

    columns: Columns
    detected: Detected
    warnings: tuple[Problem, ...]
    """What is doubtful, by row."""
    _staging: Staging
    _own: sqlite3.Connection | None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets the flights; a connection that was given stays open."""
        if self._own is None:
            self._staging.forget()
        else:
            self._own.close()

    def __len__(self) -> int:
        return self._staging.count()[0]

    def __iter__(self) -> Iterator[Flight]:
        unstage = self.columns.unstage
        for staged in self._staging.flights():
            order = unstage(staged.order)
            yield Flight(staged.key, staged.row, staged.order_key, order, unstage(staged.fields))

    def orders(self) -> Iterator[Order]:
        """The insertion orders, by the first row that names them."""
        for staged in self._staging.orders():
            yield Order(staged.key, staged.row, staged.rows, self.columns.unstage(staged.fields))

    def order_count(self) -> int:
        """How many insertion orders there are."""
        return self._staging.count()[1]


def read_flights(
    source: Source,
    *,
    vendor: str = "iqm",
    declarations: Declarations | None = None,
    zones: Mapping[str, int] | None = None,
    connection: sqlite3.Connection | None = None,
) -> Flights:
    """Reads a file of flights, CSV or JSON lines, or an iterable of rows, and checks all of it.

        with read_flights("flights.csv", declarations=Declarations(zone="Europe/Berlin")) as flights:
            for flight in flights:
                print(flight.key, flight.campaign.get("budget_total"))

    Sends nothing. Blocks while it reads: some 10,000 rows a second, in constant memory.

    Args:
        vendor: Whose columns it has.
        declarations: How it is written, where that is not plain; see `Declarations`.
        zones: The vendor's ids of time zones by name, as `iqm.master.list_timezones()` lists them. Without it, names of
            time zones stay as they are.
        connection: A database whose temporary tables take the rows; by default a temporary file's.

    Raises:
        InvalidFile: With everything that is wrong.
        InvalidInput: There is no such vendor.
        OSError: The file cannot be opened.
    """
    columns = columns_for(vendor)
    used = sqlite3.connect("", check_same_thread=False) if connection is None else connection
    own = used if connection is None else None
    reading = _Reading(columns, declarations or Declarations(), zones, Staging(used))
    try:
        detected = reading.read(source)
    except BaseException:
        reading.staging.forget()
        if own is not None:
            own.close()
        raise
    return Flights(columns, detected, reading.warnings.by_row(), reading.staging, own)


class _Told:
    """Problems, or warnings: the first many kept, all of them counted."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self.count = 0

    def __call__(self, problem: Problem) -> None:
        self.count += 1
        if len(self._kept) < KEPT:
            self._kept.append(problem)

    def by_row(self) -> tuple[Problem, ...]:
        return tuple(sorted(self._kept, key=lambda problem: problem.row or 0))


class _Reading:
    """One file on its way to the staging."""

    def __init__(
        self, columns: Columns, declarations: Declarations, zones: Mapping[str, int] | None, staging: Staging
    ) -> None:
        self.staging = staging
        self.problems = _Told()
        self.warnings = _Told()
        self._columns = columns
        self._declarations = declarations
        self._formats = Formats(declarations.numbers, declarations.times, zones)
        self._is_csv = False

    def read(self, source: Source) -> Detected:
        detected = Detected("rows")
        file = "the rows"
        try:
            if isinstance(source, (str, os.PathLike)):
                path = Path(source)
                file = os.fspath(source)
                detected = detect(path, self._columns, self._declarations)
                self._is_csv = detected.kind == "CSV"
                with closing(rows_of_file(path, detected, self._columns, self.problems)) as rows:
                    self._stage_all(rows)
            else:
                self._stage_all(rows_of_iterable(source, self._columns, self.problems))
        except Unreadable as unreadable:
            self.problems(unreadable.problem)
        self._check_orders()
        self._check_together()
        if not self.problems.count and not self.staging.count()[0]:
            self.problems(Problem(None, None, None, "at least one flight; there is none"))
        if self.problems.count:
            said = "" if detected.encoding is None else str(detected)
            raise InvalidFile(file, self.problems.by_row(), count=self.problems.count, detected=said)
        if detected.encoding is not None and detected.encoding.is_assumed:
            expected = "UTF-8, or an encoding that is declared; it was taken for Windows-1252, so look at its letters"
            self.warnings(Problem(None, None, None, expected))
        return detected

    def _stage_all(self, rows: Iterator[Row]) -> None:
        is_more = True
        while is_more:
            is_more = False
            with self.staging.batch():
                for number, cells in islice(rows, _BATCH):
                    self._stage(number, cells)
                    is_more = True

    # one row

    def _stage(self, number: int, cells: Mapping[str, object]) -> None:
        fields: dict[Level, dict[str, Value]] = {Level.ROW: {}, Level.INSERTION_ORDER: {}, Level.CAMPAIGN: {}}
        filled = {name: cell for name, cell in cells.items() if not _is_empty(cell)}
        for name, cell in filled.items():
            column = self._columns.by_name[name]
            try:
                value = self._value(column, cell)
            except Unfit as unfit:
                self.problems(Problem(number, name, shown(cell), unfit.expected))
            else:
                fields[column.level][name] = value
                doubt = "" if value is CLEAR else column.kind.doubt(value)
                if doubt:
                    self.warnings(Problem(number, name, shown(cell), doubt))
        self._check_campaign(number, filled, fields[Level.CAMPAIGN])
        # without the column, it is the heading that was told of
        self._stage_fields(number, filled, fields, has_key=KEY in cells or not self._is_csv)

    def _value(self, column: Column, cell: object) -> Value:
        if cell is CLEAR or (isinstance(cell, str) and cell.strip() == CLEAR.value):
            if not column.clearable:
                raise Unfit("a value: this one cannot be null")
            return CLEAR
        return column.kind.read(cell, self._formats)

    def _stage_fields(
        self,
        number: int,
        filled: Mapping[str, object],
        fields: Mapping[Level, Mapping[str, Value]],
        *,
        has_key: bool,
    ) -> None:
        row, order = fields[Level.ROW], fields[Level.INSERTION_ORDER]
        if KEY not in filled and has_key:
            self.problems(Problem(number, KEY, None, _OWN_KEY))
        columns = self._columns
        if columns.order_key == KEY:
            # its own order; where another row has the key, both describe nothing together
            if KEY in row and self._stage_flight(number, str(row[KEY]), str(row[KEY]), {}):
                self.staging.add_to_order(number, str(row[KEY]), columns.stage(order))
            return
        by = columns.order_key if columns.order_key in filled else columns.order_name
        if by not in filled:
            self.problems(Problem(number, by, None, "the insertion order that the flight belongs to"))
        order_key = row.get(by, order.get(by))
        if order_key is None:
            return
        for conflict in self.staging.add_to_order(number, str(order_key), columns.stage(order)):
            said = "cleared" if conflict.value is None else shown(conflict.value)
            expected = f"what row {conflict.row} says of the same insertion order: {said}"
            self.problems(Problem(number, conflict.column, shown(filled[conflict.column]), expected))
        if KEY in row:
            self._stage_flight(number, str(row[KEY]), str(order_key), fields[Level.CAMPAIGN])

    def _stage_flight(self, number: int, key: str, order_key: str, campaign: Managed) -> bool:
        """Whether the key is the row's own."""
        earlier = self.staging.add_flight(number, key, order_key, self._columns.stage(campaign))
        if earlier is not None:
            self.problems(Problem(number, KEY, shown(key), f"a key of its own; row {earlier} has the same"))
        return earlier is None

    def _check_campaign(self, number: int, filled: Mapping[str, object], campaign: Managed) -> None:
        start, end = self._columns.spans.get(Level.CAMPAIGN, ("", ""))
        if _is_early(campaign.get(end), campaign.get(start)):
            expected = f"a time after {start}, {shown(filled[start])}"
            self.problems(Problem(number, end, shown(filled[end]), expected))
        for quarrel in self._columns.rules({}, campaign):
            self._tell(quarrel, number, filled[quarrel.column])

    def _tell(self, quarrel: Quarrel, number: int, value: object) -> None:
        tell = self.warnings if quarrel.is_doubt else self.problems
        tell(Problem(number, quarrel.column, shown(value), quarrel.expected))

    # all rows

    def _check_orders(self) -> None:
        start, end = self._columns.spans[Level.INSERTION_ORDER]
        for staged in self.staging.orders():
            order = self._columns.unstage(staged.fields)
            if _is_early(order.get(end), order.get(start)):
                expected = f"a time after {start}, {staged.fields[start]} in row {staged.said_in[start]}"
                self.problems(Problem(staged.said_in[end], end, shown(staged.fields[end]), expected))
            for quarrel in self._columns.rules(order, {}):
                self._tell(quarrel, staged.said_in[quarrel.column], staged.fields[quarrel.column])

    def _check_together(self) -> None:
        columns = self._columns
        order_start, order_end = columns.spans[Level.INSERTION_ORDER]
        if Level.CAMPAIGN in columns.spans:
            start, end = columns.spans[Level.CAMPAIGN]
            for found in self.staging.flights_that_start_too_early(order_start, start):
                self._warn(found, start, "a time in the insertion order, which starts {0.other} (row {0.other_row})")
            for found in self.staging.flights_that_end_too_late(order_end, end):
                self._warn(found, end, "a time in the insertion order, which ends {0.other} (row {0.other_row})")
        if columns.agreeing is not None:
            for found in self.staging.flights_that_disagree(*columns.agreeing):
                expected = f"{found.other}, like {columns.agreeing[0]} in row {found.other_row}"
                self.problems(Problem(found.row, columns.agreeing[1], shown(found.value), expected))
        if columns.currency is not None:
            for found in self.staging.orders_of_another(columns.currency):
                self._warn(
                    found, columns.currency, "{0.other} as in row {0.other_row}: a plan adds all budgets up as one"
                )
        alike = "a name of its own: row {0.other_row} has the same, and after a lost answer none could be found"
        for found in self.staging.orders_of_one_name(columns.order_name, columns.order_place):
            self._warn(found, columns.order_name, alike)
        if columns.flight_name is not None:
            for found in self.staging.flights_of_one_name(columns.flight_name):
                self._warn(found, columns.flight_name, alike)

    def _warn(self, found: Finding, column: str, expected: str) -> None:
        self.warnings(Problem(found.row, column, shown(found.value), expected.format(found)))


def _is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _is_early(end: Value | None, start: Value | None) -> bool:
    return isinstance(end, datetime) and isinstance(start, datetime) and end <= start
