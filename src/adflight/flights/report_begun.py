"""Rows of which more requests are to come, away from the memory. Imports `report_rows`."""

from __future__ import annotations

import pickle
import sqlite3

from adflight.flights.report_rows import Request


class Begun:
    """Requests by row, in a file that nobody else can see: between a create and the one status list for all campaigns
    of a run there may be a hundred thousand rows."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        # it is gone with the connection, so nothing of it has to be safe
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE begun (kind TEXT, key TEXT, number INTEGER, request BLOB, PRIMARY KEY (kind, key, number))"
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

    def close(self) -> None:
        self._database.close()
