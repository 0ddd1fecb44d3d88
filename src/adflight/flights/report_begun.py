"""What is known of rows before they can be told, away from the memory. Imports `entries` and `report_rows`."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator

from adflight.flights.entries import RowFailure
from adflight.flights.report_rows import Request


class Begun:
    """Requests and failures by row, in a file that nobody else can see: between a create and the one status list for
    all campaigns of a run there may be a hundred thousand rows, and as many may fail."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        # it is gone with the connection, so nothing of it has to be safe
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE begun (kind TEXT, key TEXT, number INTEGER, request BLOB, PRIMARY KEY (kind, key, number))"
            " WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE failed (kind TEXT, key TEXT, row INTEGER, outcome TEXT, error TEXT, PRIMARY KEY (kind, key))"
            " WITHOUT ROWID"
        )

    def add(self, kind: str, key: str, request: Request) -> None:
        row = (kind, key, request.number, pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
        self._database.execute("INSERT INTO begun VALUES (?, ?, ?, ?)", row)

    def take(self, kind: str, key: str) -> list[Request]:
        """In their order; afterwards there are none."""
        rows = self._database.execute(
            "SELECT request FROM begun WHERE kind = ? AND key = ? ORDER BY number", (kind, key)
        ).fetchall()
        if rows:
            self._database.execute("DELETE FROM begun WHERE kind = ? AND key = ?", (kind, key))
        return [pickle.loads(request) for (request,) in rows]

    def fail(self, failure: RowFailure) -> None:
        row = (failure.kind, failure.key, failure.row, failure.outcome, failure.error)
        self._database.execute("INSERT INTO failed VALUES (?, ?, ?, ?, ?)", row)

    def failure(self, kind: str, key: str) -> RowFailure | None:
        """A row's."""
        found = self._database.execute("SELECT * FROM failed WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else _failure(*found)

    def failures(self) -> Iterator[RowFailure]:
        """All of them, by their rows in the file, each row's insertion order first."""
        for found in self._database.execute("SELECT * FROM failed ORDER BY row, kind DESC, key"):
            yield _failure(*found)

    def close(self) -> None:
        self._database.close()


def _failure(kind: str, key: str, row: int, outcome: str, error: str) -> RowFailure:
    return RowFailure(kind=kind, key=key, row=row, outcome=outcome, error=error)
