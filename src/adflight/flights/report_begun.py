"""What is known of rows before they can be told, away from the memory. Imports `entries` and `report_rows`."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from adflight.core.errors import AdflightError
from adflight.flights.entries import RowFailure
from adflight.flights.report_rows import Request


class Begun:
    """Requests and failures by row, in a file that nobody else can see: between a create and the one status list for
    all campaigns of a run there may be a hundred thousand rows, and as many may fail.

    What a thousand rows share, the body of a bulk request, is kept once. Without room for the file, everything raises
    `AdflightError`.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._body: tuple[int, Any] = (0, None)
        """The last that was kept or read, and its request's number."""
        # it is gone with the connection, so nothing of it has to be safe
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE begun (kind TEXT, key TEXT, number INTEGER, request BLOB, PRIMARY KEY (kind, key, number))"
            " WITHOUT ROWID",
            "CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB)",
            "CREATE TABLE failed (kind TEXT, key TEXT, row INTEGER, outcome TEXT, error TEXT, PRIMARY KEY (kind, key))"
            " WITHOUT ROWID",
        ):
            self._do(statement)

    def add(self, kind: str, key: str, request: Request) -> None:
        """The rows of a request come one after the other."""
        if self._body[0] != request.number:
            self._body = (request.number, request.body)
            self._do("INSERT OR IGNORE INTO bodies VALUES (?, ?)", (request.number, _packed(request.body)))
        row = (kind, key, request.number, _packed(evolve(request, body=None)))
        self._do("INSERT INTO begun VALUES (?, ?, ?, ?)", row)

    def take(self, kind: str, key: str) -> list[Request]:
        """In their order; afterwards there are none."""
        rows = self._do("SELECT request FROM begun WHERE kind = ? AND key = ? ORDER BY number", (kind, key))
        if rows:
            self._do("DELETE FROM begun WHERE kind = ? AND key = ?", (kind, key))
        return [self._whole(pickle.loads(request)) for (request,) in rows]

    def _whole(self, request: Request) -> Request:
        if self._body[0] != request.number:
            ((body,),) = self._do("SELECT body FROM bodies WHERE number = ?", (request.number,))
            self._body = (request.number, pickle.loads(body))
        return evolve(request, body=self._body[1])

    def fail(self, failure: RowFailure) -> None:
        row = (failure.kind, failure.key, failure.row, failure.outcome, failure.error)
        self._do("INSERT INTO failed VALUES (?, ?, ?, ?, ?)", row)

    def failure(self, kind: str, key: str) -> RowFailure | None:
        """A row's."""
        found = self._do("SELECT * FROM failed WHERE kind = ? AND key = ?", (kind, key))
        return _failure(*found[0]) if found else None

    def failures(self) -> Iterator[RowFailure]:
        """All of them, by their rows in the file, each row's insertion order first."""
        with _room():
            for found in self._database.execute("SELECT * FROM failed ORDER BY row, kind DESC, key"):
                yield _failure(*found)

    def close(self) -> None:
        self._database.close()

    def _do(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with _room():
            return self._database.execute(statement, values).fetchall()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise AdflightError(
            f"the rows of the report found no room in a temporary file ({error}): free some on the disk of the "
            "temporary directory, or name another directory (TMPDIR; on Windows TEMP)"
        ) from None


def _packed(value: Any) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _failure(kind: str, key: str, row: int, outcome: str, error: str) -> RowFailure:
    return RowFailure(kind=kind, key=key, row=row, outcome=outcome, error=error)
