"""A journal's database: transactions that are on the disk when they return.

Imports `entries` and `place`; `book` and `records` say what stands in it, `journal` brings the steps in groups.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from attrs import define

from adflight.core.errors import AdflightError
from adflight.flights.entries import JournalError
from adflight.flights.place import Place, identity

_APPLICATION: Final = 0x61644A4C

_FACTS: Final = "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class NoJournal(JournalError):
    """There is none to be read, or nothing in it yet."""

    def __init__(self, message: str = "nothing was ever applied to this account") -> None:
        super().__init__(message)


@define(eq=False)
class Step:
    """One thing to be done in a transaction, with its result or its error afterwards."""

    work: Callable[[], Any]
    result: Any = None
    error: AdflightError | None = None


class Database:
    """An open database. Whoever opens it holds the lock, unless it is `read_only`."""

    def __init__(
        self, place: Place, *, schema: Sequence[Sequence[str]], opening: Iterable[str], read_only: bool, now: float
    ) -> None:
        """`schema` are the statements that lead from each version of the tables to the next, from none to the first;
        the statements `opening` are executed each time, with `:now` in epoch seconds, unless it is only read.

        Raises `JournalError` for a file that cannot be used; it is left as it is.
        """
        self._path = path = place.path
        self._read_only = read_only
        self._now = now
        self.version = len(schema)
        """Of the tables. A file of an older version gets the newer tables once it is opened to be written."""
        self._holder = uuid4().hex
        self._broken: str | None = None
        if read_only and not path.exists():
            raise NoJournal
        mode = "ro" if read_only else "rw"
        try:
            self._database = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None, cached_statements=64
            )
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        try:
            self._open(place.owner, schema, opening)
            self._file = identity(path)
        except sqlite3.Error as error:
            self._database.close()
            raise self._trouble(error) from None
        except BaseException:
            self._database.close()
            raise

    def _open(self, account: str, schema: Sequence[Sequence[str]], opening: Iterable[str]) -> None:
        (version,) = self.one("PRAGMA user_version")
        (application,) = self.one("PRAGMA application_id")
        fresh = application == version == 0 and self.one("SELECT count(*) FROM sqlite_master") == (0,)
        if not fresh and application != _APPLICATION:
            raise JournalError(f"{self._path} is not a journal of adflight; it was left as it is")
        if version > self.version:
            raise JournalError(
                f"the journal {self._path} was written by a newer adflight (tables of version {version}; "
                f"this one knows {self.version}): use that one"
            )
        if fresh and self._read_only:
            raise NoJournal
        if self.one("PRAGMA quick_check(1)") != ("ok",):
            raise self._damaged("its check failed")
        if not fresh and self.one("SELECT value FROM facts WHERE name = 'account'") != (account,):
            raise JournalError(f"the journal {self._path} belongs to another account, or another scope of it")
        if self._read_only:
            self.version = version
        else:
            self._prepare(account, [*([_FACTS] if fresh else []), *chain(*schema[version:])], opening)

    def _prepare(self, account: str, tables: Iterable[str], opening: Iterable[str]) -> None:
        if self.one("PRAGMA journal_mode = WAL") != ("wal",):
            raise JournalError(
                f"the journal {self._path} cannot be kept safe there (no write-ahead log, as on network drives): "
                "name a directory on a local disk"
            )
        # a commit is on the disk when it returns; macOS needs to be asked twice
        for name in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            self._database.execute(f"PRAGMA {name}")
        self._database.execute("BEGIN IMMEDIATE")
        for statement in tables:
            self._database.execute(statement)
        self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._database.execute(f"PRAGMA user_version = {self.version}")
        self._database.execute("INSERT OR IGNORE INTO facts VALUES ('account', ?)", (account,))
        self._database.execute("REPLACE INTO facts VALUES ('holder', ?)", (self._holder,))
        for statement in opening:
            self._database.execute(statement, {"now": self._now})
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Puts everything into the one file."""
        with suppress(sqlite3.Error):
            self._database.close()

    def transact(self, steps: Sequence[Step]) -> None:
        """Does steps in one transaction, which is on the disk afterwards: all of them that the rules allow, or none."""
        try:
            if self._broken is not None:
                raise JournalError(self._broken)
            self._begin()
            for step in steps:
                written = self._database.total_changes
                try:
                    step.result = step.work()
                except AdflightError as error:
                    if self._database.total_changes != written:
                        # a rule was checked too late: nothing of this may stay
                        raise
                    step.error = error
            self._commit()
        except Exception as error:
            self._give_up(steps, error)

    def _begin(self) -> None:
        if self._read_only:
            self._database.execute("BEGIN")
            return
        self._database.execute("BEGIN IMMEDIATE")
        # the lock is a file of its own, which somebody may have removed
        if self.one("SELECT value FROM facts WHERE name = 'holder'") != (self._holder,):
            raise JournalError(f"another process has taken the journal {self._path} over")
        if identity(self._path) != self._file:
            raise JournalError(f"the journal {self._path} was moved or removed while it was open")

    def _commit(self) -> None:
        self._database.execute("COMMIT")

    def _give_up(self, steps: Sequence[Step], error: Exception) -> None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        try:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        except sqlite3.Error:
            code = sqlite3.SQLITE_IOERR
        if code == sqlite3.SQLITE_FULL and len(steps) > 1:
            # what is small may still find room: an answer must not be lost to the intents beside it
            for step in steps:
                step.result = step.error = None
                self.transact([step])
            return
        for step in steps:
            step.result, step.error = None, self._trouble(error)
        if code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY) and self._broken is None:
            # nobody knows what the disk has
            self._broken = f"the journal {self._path} failed before and must be opened again: {error}"

    def _trouble(self, error: Exception) -> JournalError:
        if isinstance(error, JournalError):
            return JournalError(str(error))
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return JournalError(f"the disk of the journal {self._path} is full: nothing was written to it")
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return self._damaged(str(error))
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
                # it could be told that nobody writes, but nobody can know
                return JournalError(
                    f"the journal {self._path} cannot be used: {error}. Even to read it, SQLite writes files beside "
                    f"it: make {self._path.parent} writable, or copy the journal to a directory that is"
                )
        return JournalError(f"the journal {self._path} cannot be used: {error}")

    def _damaged(self, why: str) -> JournalError:
        return JournalError(
            f"the journal {self._path} is damaged ({why}). It was left as it is. Without it nobody knows what was "
            "bought: restore a copy, or move it away and have objects found by their names"
        )

    def one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        return self._database.execute(statement, values).fetchone()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Only within a step."""
        return self._database.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Only within a step."""
        self._database.executemany(statement, rows)
