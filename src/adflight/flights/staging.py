"""The flights of a file in SQLite, so that its size is no matter of memory; and questions about all of them at once.

In temporary tables: they are the connection's own, no other process sees them, nothing is written to its database or
waits for its disk, and they are gone with the connection. Values are JSON, in one form each: times in UTC, so that they
compare as texts. Imports nothing of adflight.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import orjson
from attrs import frozen

Fields: TypeAlias = Mapping[str, Any]
"""Values by column, as JSON; None is a value that is to be cleared."""

_PAGE: Final = 1000

_DROP: Final = ("DROP TABLE IF EXISTS temp.staged_order", "DROP TABLE IF EXISTS temp.staged_flight")
_CREATE: Final = (
    """CREATE TEMP TABLE staged_order (
        row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, fields TEXT NOT NULL
    )""",
    """CREATE TEMP TABLE staged_flight (
        row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, order_key TEXT NOT NULL, fields TEXT NOT NULL
    )""",
)
# of an order, each value comes with the row that said it first
_JOINED: Final = "temp.staged_flight AS flight JOIN temp.staged_order AS io ON io.key = flight.order_key"
_OF_ORDER: Final = "json_extract(io.fields, '$.' || {} || '[0]')"
_ROW_OF_ORDER: Final = "json_extract(io.fields, '$.' || {} || '[1]')"
_OF_FLIGHT: Final = "json_extract(flight.fields, '$.' || {})"


@frozen
class StagedFlight:
    """A flight as it was staged."""

    row: int
    key: str
    fields: Fields
    order_key: str
    order: Fields
    """Of its insertion order, from all rows."""


@frozen
class StagedOrder:
    """An insertion order as it was staged."""

    row: int
    """The first that names it."""
    key: str
    rows: int
    """How many name it."""
    fields: Fields
    said_in: Mapping[str, int]
    """The row that says it first, by column."""


@frozen
class Conflict:
    """A column of an insertion order in which an earlier row says something else."""

    column: str
    row: int
    value: Any


@frozen
class Finding:
    """A row that does not go together with another value: of the row itself, of its order, or of another row."""

    row: int
    value: Any
    other_row: int
    other: Any


class Staging:
    """Flights and their insertion orders. Starts empty; what was staged on the connection before is forgotten."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # not as a script, which would commit whatever the connection is in the middle of
        for statement in (*_DROP, *_CREATE):
            connection.execute(statement)

    def forget(self) -> None:
        """Drops everything; the connection stays open."""
        for statement in _DROP:
            self._connection.execute(statement)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Many additions, far quicker than each on its own; within whatever transaction there is."""
        self._connection.execute("SAVEPOINT staging")
        try:
            yield
        finally:
            self._connection.execute("RELEASE staging")

    def add_flight(self, row: int, key: str, order_key: str, fields: Fields) -> int | None:
        """Returns None; or the row that has the key already, and does nothing."""
        cursor = self._connection.execute(
            "INSERT INTO temp.staged_flight VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (row, key, order_key, _text(fields)),
        )
        if cursor.rowcount:
            return None
        query = "SELECT row FROM temp.staged_flight WHERE key = ?"
        (earlier,) = self._connection.execute(query, (key,)).fetchone()
        return int(earlier)

    def add_to_order(self, row: int, key: str, fields: Fields) -> list[Conflict]:
        """Adds what a row says of an insertion order to what earlier ones say; returns where it says something else."""
        query = "SELECT fields FROM temp.staged_order WHERE key = ?"
        found = self._connection.execute(query, (key,)).fetchone()
        if found is None:
            said = {name: (value, row) for name, value in fields.items()}
            self._connection.execute("INSERT INTO temp.staged_order VALUES (?, ?, 1, ?)", (row, key, _text(said)))
            return []
        known = orjson.loads(found[0])
        new = {name: (value, row) for name, value in fields.items() if name not in known}
        self._connection.execute(
            "UPDATE temp.staged_order SET rows = rows + 1, fields = ? WHERE key = ?",
            (_text({**known, **new}) if new else found[0], key),
        )
        return [
            Conflict(name, known[name][1], known[name][0])
            for name, value in fields.items()
            if name in known and known[name][0] != value
        ]

    # what is there

    def count(self) -> tuple[int, int]:
        """How many flights, and how many insertion orders."""
        flights = "SELECT count(*) FROM temp.staged_flight"
        orders = "SELECT count(*) FROM temp.staged_order"
        flight_count, order_count = self._connection.execute(f"SELECT ({flights}), ({orders})").fetchone()
        return flight_count, order_count

    def flights(self) -> Iterator[StagedFlight]:
        """All flights, as the file has them."""
        columns = "flight.row, flight.key, flight.fields, io.key, io.fields"
        query = f"SELECT {columns} FROM {_JOINED} WHERE flight.row > ? ORDER BY flight.row LIMIT {_PAGE}"
        for row, key, fields, order_key, said in self._paged(query):
            yield StagedFlight(row, key, orjson.loads(fields), order_key, _values(said))

    def orders(self) -> Iterator[StagedOrder]:
        """All insertion orders, by the first row that names them."""
        query = f"SELECT row, key, rows, fields FROM temp.staged_order WHERE row > ? ORDER BY row LIMIT {_PAGE}"
        for row, key, rows, said in self._paged(query):
            said_in = {name: row for name, (_, row) in orjson.loads(said).items()}
            yield StagedOrder(row, key, rows, _values(said), said_in)

    def _paged(self, query: str) -> Iterator[tuple[Any, ...]]:
        # a cursor that somebody leaves in its middle would keep the tables from being dropped
        last = 0
        while page := self._connection.execute(query, (last,)).fetchall():
            yield from page
            last = page[-1][0]

    # questions about all rows

    def flights_that_start_too_early(self, order_start: str, start: str) -> Iterator[Finding]:
        """Flights that start before their insertion order."""
        yield from self._against_order("<", order_start, start)

    def flights_that_end_too_late(self, order_end: str, end: str) -> Iterator[Finding]:
        """Flights that end after their insertion order."""
        yield from self._against_order(">", order_end, end)

    def flights_that_disagree(self, of_order: str, of_flight: str) -> Iterator[Finding]:
        """Flights that say something else than their insertion order."""
        yield from self._against_order("<>", of_order, of_flight)

    def flights_of_one_name(self, name: str) -> Iterator[Finding]:
        """Flights of one insertion order with one name, each after the first of them."""
        named = f"SELECT row, order_key AS place, {_OF_FLIGHT.format('?1')} AS name FROM temp.staged_flight AS flight"
        yield from self._namesakes(named, name)

    def orders_of_one_name(self, name: str, place: str | None = None) -> Iterator[Finding]:
        """Insertion orders with one name, or with one name and one value of `place`, each after the first of them."""
        within = "''" if place is None else _OF_ORDER.format("?2")
        named = f"SELECT row, {within} AS place, {_OF_ORDER.format('?1')} AS name FROM temp.staged_order AS io"
        yield from self._namesakes(named, *(column for column in (name, place) if column is not None))

    def orders_of_another(self, column: str) -> Iterator[Finding]:
        """Insertion orders that say something else in a column than the first that says anything there."""
        said = f"SELECT row, {_OF_ORDER.format('?1')} AS value FROM temp.staged_order AS io"
        first = f"SELECT * FROM ({said}) WHERE value IS NOT NULL ORDER BY row LIMIT 1"
        rows = f"SELECT said.row, said.value, first.row, first.value FROM ({said}) AS said, ({first}) AS first"
        yield from self._found(f"{rows} WHERE said.value <> first.value ORDER BY said.row", column)

    def _against_order(self, sign: str, of_order: str, of_flight: str) -> Iterator[Finding]:
        theirs, its = _OF_ORDER.format("?1"), _OF_FLIGHT.format("?2")
        rows = f"flight.row, {its}, {_ROW_OF_ORDER.format('?1')}, {theirs}"
        query = f"SELECT {rows} FROM {_JOINED} WHERE {its} {sign} {theirs} ORDER BY flight.row"
        yield from self._found(query, of_order, of_flight)

    def _namesakes(self, named: str, *columns: str) -> Iterator[Finding]:
        first = "min(row) OVER (PARTITION BY place, name)"
        query = f"SELECT row, name, {first} AS first, name FROM ({named}) WHERE name IS NOT NULL"
        yield from self._found(f"SELECT * FROM ({query}) WHERE row > first ORDER BY row", *columns)

    def _found(self, query: str, *columns: str) -> Iterator[Finding]:
        for found in self._connection.execute(query, columns):
            yield Finding(*found)


def _text(fields: Fields) -> str:
    return orjson.dumps(fields).decode()


def _values(said: str) -> Fields:
    return {name: value for name, (value, _) in orjson.loads(said).items()}
