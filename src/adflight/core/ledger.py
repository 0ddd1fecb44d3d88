"""A quota's slots in a file, for processes of one machine that share an account. Used by `quota`; imports the clock.

SQLite gives the one thing that is needed, a lock that a dead process does not keep. Times are epoch seconds, because
other clocks mean nothing to another process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from adflight.core.clock import Clock
from adflight.core.errors import ConfigurationError

LEASE: Final = 300.0
"""Seconds after which a request counts as answered although nobody said so: its process died."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS slots (account TEXT, entry TEXT PRIMARY KEY, until REAL);
CREATE TABLE IF NOT EXISTS pauses (account TEXT PRIMARY KEY, until REAL);
"""


class Ledger:
    """The slots of one account; every process that opens the same file counts the same ones."""

    def __init__(self, path: Path, account: str, *, requests: int, per: float, clock: Clock) -> None:
        self._path = path
        # an account's name holds an e-mail address
        self._account = sha256(account.encode()).hexdigest()
        self._requests = requests
        self._per = per
        self._clock = clock
        with self._transaction() as database:
            database.executescript(_SCHEMA)

    def enter(self) -> str | float:
        """An entry for one request, or the seconds until it is worth asking again."""
        now = self._clock.time()
        with self._transaction() as database:
            # what lies further ahead than any entry may was written under a clock that was wrong
            latest = now + LEASE + self._per
            database.execute("DELETE FROM slots WHERE until <= ? OR until > ?", (now, latest))
            pause = database.execute("SELECT until FROM pauses WHERE account = ?", (self._account,)).fetchone()
            if pause is not None and now < pause[0] <= latest:
                return float(pause[0] - now)
            taken, first = database.execute(
                "SELECT count(*), min(until) FROM slots WHERE account = ?", (self._account,)
            ).fetchone()
            if taken >= self._requests:
                return float(first - now)
            entry = uuid4().hex
            database.execute("INSERT INTO slots VALUES (?, ?, ?)", (self._account, entry, now + LEASE))
            return entry

    def leave(self, entry: str, *, counted: bool) -> None:
        """The request of an entry was answered, or was never sent."""
        with self._transaction() as database:
            if counted:
                until = self._clock.time() + self._per
                database.execute("UPDATE slots SET until = ? WHERE entry = ?", (until, entry))
            else:
                database.execute("DELETE FROM slots WHERE entry = ?", (entry,))

    def pause(self, seconds: float) -> None:
        """Holds every process up; of several pauses the longest counts."""
        until = self._clock.time() + seconds
        with self._transaction() as database:
            database.execute(
                "INSERT INTO pauses VALUES (?, ?) "
                "ON CONFLICT (account) DO UPDATE SET until = max(until, excluded.until)",
                (self._account, until),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            # a connection for each: one that is kept would not survive a fork
            with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = OFF")
                database.execute("BEGIN IMMEDIATE")
                yield database
                if database.in_transaction:
                    database.execute("COMMIT")
        except sqlite3.Error as error:
            raise ConfigurationError(f"the quota's file {str(self._path)!r} cannot be used: {error}") from None
