"""What a journal tells of its runs, for reports: of any version, and written nothing. Synchronous, in one thread.

Imports `entries`, `database`, `sealing` and `tables`; used by `journal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from math import inf
from typing import Any, Final

from adflight.core.redaction import RedactedRequest
from adflight.flights.database import Database
from adflight.flights.entries import Attempt, Entry, PartEntry, RowFailure, Run, SideRequest, moment
from adflight.flights.sealing import decode
from adflight.flights.tables import WITH_ROWS, WITH_SIDE_REQUESTS

_OF_INTENTS: Final = "id, run, at, operation, kind, creates, method, url, body"
"""What an entry needs of one."""


class Records:
    """What an open database has of runs that were begun, and of what they sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self) -> list[Run]:
        rows = self._database.execute("SELECT id, file, started, ended, how FROM runs ORDER BY id")
        return [Run(id_, file, moment(a), None if b is None else moment(b), how) for id_, file, a, b, how in rows]

    def failures(self, run: int, after: tuple[str, str], limit: int) -> list[RowFailure]:
        """`limit` of them at most, by kind and key, from the one after `after` on."""
        rows = self._database.execute(
            "SELECT kind, key, row, outcome, error FROM failures WHERE run = ? AND (kind, key) > (?, ?)"
            " ORDER BY kind, key LIMIT ?",
            (run, *after, limit),
        ).fetchall()
        return [RowFailure(kind=kind, key=key, row=row, outcome=how, error=why) for kind, key, row, how, why in rows]

    def side_requests(self, run: int, after: int, limit: int) -> list[tuple[int, SideRequest]]:
        """`limit` of them at most, with their numbers, from the one after `after` on; none of an older version."""
        if self._database.version < WITH_SIDE_REQUESTS:
            return []
        rows = self._database.execute(
            "SELECT id, operation, apart, number, at, outcome, status, elapsed FROM side_requests"
            " WHERE run = ? AND id > ? ORDER BY id LIMIT ?",
            (run, after, limit),
        ).fetchall()
        return [
            (id_, SideRequest(operation, Attempt(number, moment(at), *more), bool(is_apart)))
            for id_, operation, is_apart, number, at, *more in rows
        ]

    def history(self, run: int | None, after: int, limit: int) -> list[Entry]:
        """From the entry after `after` on, as many as have `limit` parts together, but at least one; whole ones."""
        rows = self._database.execute(
            f"SELECT {_OF_INTENTS}, (SELECT count(*) FROM parts WHERE intent = intents.id) FROM intents"
            " WHERE id > ?1 AND (?2 IS NULL OR run = ?2) ORDER BY id LIMIT ?3",
            (after, run, limit),
        )
        entries: list[Entry] = []
        with closing(rows):
            for *intent, parts in rows:
                limit -= parts
                if limit < 0 and entries:
                    break
                entries.append(self._entry(intent))
        return entries

    def settled_in(self, run: int) -> list[Entry]:
        rows = self._database.execute(
            f"SELECT {_OF_INTENTS} FROM intents WHERE id IN (SELECT intent FROM parts JOIN runs ON runs.id = ?"
            " WHERE run < runs.id AND state NOT IN ('sending', 'unknown') AND at > started"
            " AND at <= coalesce(ended, at)) ORDER BY id",
            (run,),
        )
        return [self._entry(intent) for intent in rows.fetchall()]

    def done_since(self, run: int) -> set[tuple[str, str]]:
        # of several later runs the last that was about it counts
        rows = self._database.execute(
            "WITH undone AS (SELECT kind, key FROM failures WHERE run = ?1 UNION"
            " SELECT kind, key FROM parts WHERE run = ?1 AND state NOT IN ('done', 'adopted')),"
            " later AS (SELECT kind, key, run, state IN ('done', 'adopted') AS done FROM parts WHERE run > ?1 UNION ALL"
            " SELECT kind, key, run, 0 FROM failures WHERE run > ?1)"
            " SELECT kind, key FROM later WHERE (kind, key) IN undone GROUP BY kind, key"
            " HAVING max(run * done) > max(run * (1 - done))",
            (run,),
        )
        return {(kind, key) for kind, key in rows}

    def applied_before(self, run: int, columns: Mapping[str, str]) -> dict[tuple[str, str], Any]:
        # what was applied to the object that a key meant before says nothing of the one that it means now
        parted = self._database.execute(
            "SELECT kind, key, max(until) FROM ids WHERE until <= (SELECT started FROM runs WHERE id = ?)"
            " GROUP BY kind, key",
            (run,),
        )
        since = {(kind, key): until for kind, key, until in parted}
        rows = self._database.execute(
            "SELECT kind, key, at, fields, facts FROM parts WHERE run < ?1 AND state IN ('done', 'adopted') AND"
            " (kind, key) IN (SELECT kind, key FROM parts WHERE run = ?1 AND creates = 0) ORDER BY intent",
            (run,),
        )
        values: dict[tuple[str, str], Any] = {}
        for kind, key, at, fields, facts in rows:
            sent, column = decode(fields), columns.get(kind)
            if column not in sent or at <= since.get((kind, key), -inf):
                continue
            if column in decode(facts).get("ignored", ()):
                # it is something else since then, and nobody knows what
                values.pop((kind, key), None)
            else:
                values[kind, key] = sent[column]
        return values

    def _entry(self, intent: Sequence[Any]) -> Entry:
        id_, run, at, operation, kind, creates, method, url, body = intent
        return Entry(
            id=id_,
            run=run,
            at=moment(at),
            operation=operation,
            kind=kind,
            creates=bool(creates),
            request=RedactedRequest(method, url, {}, decode(body)),
            parts=tuple(self._parts(id_)),
            attempts=tuple(self._attempts(id_)),
        )

    def _parts(self, intent: int) -> Iterator[PartEntry]:
        row = "row" if self._database.version >= WITH_ROWS else "NULL"
        rows = self._database.execute(
            f"SELECT key, fields, state, at, id, facts, reason, cause, by, {row} FROM parts WHERE intent = ?", (intent,)
        )
        for key, fields, state, at, id_, facts, *more in rows:
            yield PartEntry(key, decode(fields), state, moment(at), id_, decode(facts), *more)

    def _attempts(self, intent: int) -> Iterator[Attempt]:
        rows = self._database.execute(
            "SELECT number, at, outcome, status, elapsed FROM attempts WHERE intent = ? ORDER BY at, number", (intent,)
        )
        for number, at, *more in rows:
            yield Attempt(number, moment(at), *more)
