"""What the sandbox remembers: rows by kind and key, in SQLite.

Rows are JSON objects; a Decimal in them is its text in a file. They are kept decoded in memory too, because lists read
thousands of them at a time; SQLite makes them outlive the process when a file is given. Imports nothing of the sandbox.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from copy import copy
from decimal import Decimal
from typing import Any, TypeAlias

__all__ = ["Key", "Row", "Store"]

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = int | str

_Index: TypeAlias = dict[Any, dict[Key, None]]
"""The keys of rows by the value of a field."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (kind TEXT, key BLOB, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences (kind TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""


class Store:
    """Rows by kind and key. `path` is a file, or ":memory:".

    Rows that are handed out by `all` are read only; `get` hands out a copy that may be changed and put back. Nested
    values are replaced, never changed in place, so that a transaction can be undone.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._rows: dict[str, dict[Key, Row]] = {}
        self._having: dict[str, dict[str, _Index]] = {}
        self._versions: Counter[str] = Counter()
        self._part = ""
        self._undo: list[tuple[str, Key, Row | None]] | None = None
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._load()
        except BaseException:
            self._database.close()
            raise

    def part(self, name: str) -> Store:
        """The same database for somebody else: kinds and numbers there have nothing to do with those here."""
        part = copy(self)
        part._part = f"{name}/" if name else ""
        part._undo = None
        return part

    def get(self, kind: str, key: Key) -> Row | None:
        """A copy of a row, or None."""
        row = self._rows.get(self._part + kind, {}).get(key)
        return None if row is None else dict(row)

    def all(self, kind: str) -> Collection[Row]:
        """Every row of a kind, oldest first; not to be changed."""
        return self._rows.get(self._part + kind, {}).values()

    def having(self, kind: str, field: str, value: Any) -> list[Row]:
        """Every row of a kind whose field has a value, by key; not to be changed.

        What is asked for once is found again without looking at all rows.
        """
        kind = self._part + kind
        indices = self._having.setdefault(kind, {})
        if field not in indices:
            index = indices[field] = {}
            for key, row in self._rows.get(kind, {}).items():
                index.setdefault(row.get(field), {})[key] = None
        rows = self._rows.get(kind, {})
        return [rows[key] for key in sorted(indices[field].get(value, ()))]

    def version(self, kind: str) -> int:
        """A number that is another one after any change of any row of a kind."""
        return self._versions[self._part + kind]

    def put(self, kind: str, key: Key, row: Row) -> None:
        """Add or replace a row."""
        kind = self._part + kind
        self._note(kind, key)
        self._set(kind, key, row)
        self._database.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (kind, key, json.dumps(row, default=_exact)),
        ).close()

    def delete(self, kind: str, key: Key) -> None:
        """Remove a row, if it is there."""
        kind = self._part + kind
        self._note(kind, key)
        self._set(kind, key, None)
        self._database.execute("DELETE FROM rows WHERE kind = ? AND key = ?", (kind, key)).close()

    def next_id(self, kind: str, first: int = 1) -> int:
        """A number that no row of this kind ever had."""
        cursor = self._database.execute(
            "INSERT INTO sequences VALUES (?, ?) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            (self._part + kind, first),
        )
        (number,) = cursor.fetchone()
        cursor.close()
        return int(number)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside, or none of them when an exception leaves it."""
        self._undo = []
        self._database.execute("BEGIN").close()
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK").close()
            for kind, key, row in reversed(self._undo):
                self._set(kind, key, row)
            raise
        else:
            self._database.execute("COMMIT").close()
        finally:
            self._undo = None

    def clear(self) -> None:
        """Forget every row of this part; numbers go on from where they were."""
        for kind in [kind for kind in self._rows if kind.rpartition("/")[0] == self._part.removesuffix("/")]:
            del self._rows[kind]
            self._having.pop(kind, None)
            self._versions[kind] += 1
            self._database.execute("DELETE FROM rows WHERE kind = ?", (kind,)).close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _load(self) -> None:
        # A crash of the machine may cost the last rows of a sandbox; a crash of the process costs none.
        self._database.execute("PRAGMA journal_mode=WAL").close()
        self._database.execute("PRAGMA synchronous=NORMAL").close()
        self._database.executescript(_SCHEMA).close()
        for kind, key, body in self._database.execute("SELECT kind, key, body FROM rows ORDER BY kind, key"):
            self._rows.setdefault(kind, {})[key] = json.loads(body)

    def _set(self, kind: str, key: Key, row: Row | None) -> None:
        """A row as it is in memory; None for none."""
        self._versions[kind] += 1
        rows = self._rows.setdefault(kind, {})
        for field, index in self._having.get(kind, {}).items():
            if key in rows:
                index[rows[key].get(field)].pop(key)
            if row is not None:
                index.setdefault(row.get(field), {})[key] = None
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row

    def _note(self, kind: str, key: Key) -> None:
        if self._undo is not None:
            self._undo.append((kind, key, self._rows.get(kind, {}).get(key)))


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
