"""A quota's slots in a file, for processes of one machine that share an account.

Imports the clock, errors and the state directory; used by `quota`. SQLite gives the one thing that is needed, a lock
that a dead process does not keep. Times are epoch seconds, because other clocks mean nothing to another process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4
from weakref import finalize

from adflight.core.clock import Clock
from adflight.core.errors import ConfigurationError
from adflight.core.state_directory import state_directory

LEASE: Final = 300.0
"""Seconds after which a request counts as answered although nobody said so: its process died."""

_BUSY: Final = 0.05
"""Seconds until a file is asked again that somebody else is writing to."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS slots (account TEXT, entry TEXT PRIMARY KEY, until REAL);
CREATE TABLE IF NOT EXISTS pauses (account TEXT PRIMARY KEY, until REAL);
"""


class Use(NamedTuple):
    """An account at this moment, by all processes together."""

    slots: int
    paused_for: float
    """Seconds; 0 when it is not."""


class Ledger:
    """The slots of one account; every process that opens the same file counts the same ones.

    Raises `ConfigurationError` whenever the file cannot be used.
    """

    def __init__(self, path: Path | None, account: str, *, requests: int, per: float, clock: Clock) -> None:
        """`path` None is the file that all processes of this user share, in the user's state directory."""
        self._path = state_directory() / "quota.db" if path is None else path
        self._is_own = path is None
        # an account's name holds an e-mail address
        self._account = sha256(account.encode()).hexdigest()
        self._requests = requests
        self._per = per
        self._clock = clock
        self._database: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None
        self._close: Callable[[], object] = lambda: None

    def enter(self) -> str | float:
        """An entry for one request, or the seconds until it is worth asking again."""
        try:
            with self._transaction() as database:
                now = self._clock.time()
                # what lies further ahead than any entry may was written under a clock that was wrong
                latest = now + LEASE + self._per
                database.execute("DELETE FROM slots WHERE until <= ? OR until > ?", (now, latest))
                if paused_for := self._paused_for(database, now):
                    return paused_for
                taken, first = database.execute(
                    "SELECT count(*), min(until) FROM slots WHERE account = ?", (self._account,)
                ).fetchone()
                if taken >= self._requests:
                    return float(first - now)
                entry = uuid4().hex
                database.execute("INSERT INTO slots VALUES (?, ?, ?)", (self._account, entry, now + LEASE))
                return entry
        except _Busy:
            return _BUSY

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

    def use(self) -> Use:
        """For progress displays."""
        with self._transaction() as database:
            now = self._clock.time()
            (slots,) = database.execute(
                "SELECT count(*) FROM slots WHERE account = ? AND until > ?", (self._account, now)
            ).fetchone()
            return Use(slots, self._paused_for(database, now))

    def _paused_for(self, database: sqlite3.Connection, now: float) -> float:
        pause = database.execute("SELECT until FROM pauses WHERE account = ?", (self._account,)).fetchone()
        return float(pause[0] - now) if pause is not None and now < pause[0] <= now + LEASE + self._per else 0.0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            database = self._connection()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            kind = _Busy if is_busy else ConfigurationError
            raise kind(f"the quota's file {str(self._path)!r} cannot be used: {error}") from None

    def _connection(self) -> sqlite3.Connection:
        # a connection does not survive a fork, nor does it notice that its file was removed
        if self._database is None or self._opened != self._identity():
            self._close()
            self._database = self._open()
            self._opened = self._identity()
            self._close = finalize(self, _close, self._database, os.getpid())
        return self._database

    def _open(self) -> sqlite3.Connection:
        if self._is_own:
            # its user's alone; SQLite gives the same mode to the files beside it
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(self._path, 0o600)
        # a limiter may move to another thread with its event loop, and is only ever used in one
        database = sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            # losing the last second in a power cut costs nothing: nobody counts after it
            for setting in ("journal_mode = WAL", "synchronous = OFF"):
                database.execute(f"PRAGMA {setting}")
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
        return database

    def _identity(self) -> tuple[int, int, int] | None:
        with suppress(OSError):
            found = os.stat(self._path)
            return os.getpid(), found.st_dev, found.st_ino
        return None


class _Busy(ConfigurationError):
    """Somebody else has been writing for longer than a transaction takes."""


def _close(database: sqlite3.Connection, pid: int) -> None:
    # not in a fork: its parent goes on with it
    if os.getpid() == pid:
        database.close()
