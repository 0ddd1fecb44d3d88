"""A quota's slots in a file, for processes of one machine that share an account.

Imports the clock, errors, `ledger_file` and `processes`; used by `sharing`. Times are the monotonic clock's, which all
processes of a machine have in common and nobody sets; only what was written before the machine was started again is
brought over by the wall clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from adflight.core.clock import Clock
from adflight.core.errors import ConfigurationError
from adflight.core.ledger_file import Busy, LedgerFile
from adflight.core.processes import boot, is_dead, this_process

LEASE: Final = 300.0
"""Seconds after which a request counts as answered although nobody said so, unless it may take longer."""

BUSY: Final = 0.02
"""Seconds until a file is asked again that somebody else is writing to."""

_SEEK: Final = 1.0
"""Seconds between two looks for processes that have ended."""

_VERSION: Final = 1
"""Of the tables. Before there was any, they had other names and other times, which are of no use to anybody."""

# `written`, when the row was last touched, and `until` are monotonic, `ends` is `until` by the wall clock; `owner` is
# the process whose request is under way, and empty once that was answered
_SCHEMA: Final = (
    "CREATE TABLE taken (account TEXT, entry TEXT PRIMARY KEY, owner TEXT, per REAL, "
    "boot TEXT, written REAL, until REAL, ends REAL) WITHOUT ROWID",
    "CREATE INDEX taken_until ON taken (account, until)",
    "CREATE TABLE paused (account TEXT PRIMARY KEY, boot TEXT, written REAL, until REAL, ends REAL) WITHOUT ROWID",
    f"PRAGMA user_version = {_VERSION}",
)


class Use(NamedTuple):
    """An account at this moment, by all processes together."""

    slots: int
    paused_for: float
    """Seconds; 0 when it is not."""


class Ledger:
    """The slots of one account; every process that opens the same file counts the same ones.

    Raises `ConfigurationError` whenever the file cannot be used. What was to be written then is owed, and written with
    whatever is written next.
    """

    def __init__(self, path: Path | None, account: str, *, requests: int, per: float, clock: Clock) -> None:
        """`path` None is the file that all processes of this user share, in the user's state directory."""
        self._file = LedgerFile(path, self._prepare)
        # an account's name holds an e-mail address
        self._account = sha256(account.encode()).hexdigest()[:32]
        self._requests = requests
        self._per = per
        self._clock = clock
        self._owed: dict[str, float | None] = {}
        """Until when an entry counts; None when it is to be taken back."""
        self._owed_pause = -inf
        self._sought_the_dead = -inf

    @property
    def owes(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._owed) or self._owed_pause > self._clock.monotonic()

    def enter(self, request_timeout: float = 0.0) -> str | float:
        """An entry for one request, which takes at most `request_timeout` seconds, or the seconds until it is worth
        asking again.
        """
        try:
            with self._writing() as (database, now):
                database.execute("DELETE FROM taken WHERE account = ? AND until <= ?", (self._account, now))
                if paused_for := self._paused_for(database, now):
                    return paused_for
                if self._is_full(database):
                    self._count_the_dead(database, now)
                    (first,) = database.execute(
                        "SELECT min(until) FROM taken WHERE account = ?", (self._account,)
                    ).fetchone()
                    return float(first - now)
                entry = uuid4().hex
                lease = max(LEASE, request_timeout) + self._per
                self._put(database, entry, this_process(), now, now + lease)
                return entry
        except Busy:
            return BUSY

    def leave(self, entry: str | None, *, counted: bool) -> None:
        """The request of an entry was answered, or was never sent; one without an entry was sent uncounted."""
        self.owe(entry, counted=counted)
        self.settle()

    def owe(self, entry: str | None, *, counted: bool) -> None:
        """`leave`, to be written later."""
        now = self._clock.monotonic()
        self._owed = {owed: until for owed, until in self._owed.items() if until is None or until > now}
        if counted:
            self._owed[entry or uuid4().hex] = now + self._per
        elif entry is not None:
            self._owed[entry] = None

    def pause(self, seconds: float) -> None:
        """Holds every process up; of several pauses the longest counts."""
        self.owe_pause(seconds)
        self.settle()

    def owe_pause(self, seconds: float) -> None:
        """`pause`, to be written later."""
        self._owed_pause = max(self._owed_pause, self._clock.monotonic() + seconds)

    def settle(self) -> None:
        """Writes what is owed, unless somebody else is writing now."""
        if self.owes:
            with suppress(Busy), self._writing():
                pass

    def use(self) -> Use:
        """For progress displays."""
        with self._file.transaction(write=False) as database:
            now = self._clock.monotonic()
            (slots,) = database.execute(
                "SELECT count(*) FROM taken WHERE account = ? AND until > ?", (self._account, now)
            ).fetchone()
            return Use(slots, self._paused_for(database, now))

    @contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        with self._file.transaction() as database:
            now = self._clock.monotonic()
            for entry, until in self._owed.items():
                if until is None or until <= now:
                    database.execute("DELETE FROM taken WHERE entry = ?", (entry,))
                else:
                    self._put(database, entry, "", now, until)
            if self._owed_pause > now:
                database.execute(
                    "INSERT INTO paused VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET boot = excluded.boot, "
                    "written = excluded.written, until = excluded.until, ends = excluded.ends "
                    "WHERE excluded.until > until",
                    (self._account, boot(), now, self._owed_pause, self._clock.time() + self._owed_pause - now),
                )
            yield database, now
        self._owed.clear()
        self._owed_pause = -inf

    def _put(self, database: sqlite3.Connection, entry: str, owner: str, now: float, until: float) -> None:
        ends = self._clock.time() + until - now
        database.execute(
            "REPLACE INTO taken VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._account, entry, owner, self._per, boot(), now, until, ends),
        )

    def _is_full(self, database: sqlite3.Connection) -> bool:
        # to count them all would take longer the more there are
        query = "SELECT 1 FROM taken WHERE account = ? LIMIT 1 OFFSET ?"
        return database.execute(query, (self._account, self._requests - 1)).fetchone() is not None

    def _count_the_dead(self, database: sqlite3.Connection, now: float) -> None:
        """Requests of processes that have ended count as answered now."""
        if now < self._sought_the_dead + _SEEK:
            return
        self._sought_the_dead = now
        query = "SELECT DISTINCT owner FROM taken WHERE account = ? AND owner <> ''"
        owners = database.execute(query, (self._account,)).fetchall()
        dead = [owner for (owner,) in owners if owner != this_process() and is_dead(owner)]
        database.executemany(
            "UPDATE taken SET owner = '', written = :now, until = min(until, :now + per), "
            "ends = :time + min(until, :now + per) - :now WHERE account = :account AND owner = :owner AND owner <> ''",
            [{"now": now, "time": self._clock.time(), "account": self._account, "owner": owner} for owner in dead],
        )

    def _paused_for(self, database: sqlite3.Connection, now: float) -> float:
        pause = database.execute("SELECT until FROM paused WHERE account = ?", (self._account,)).fetchone()
        return max(float(pause[0] - now), 0.0) if pause is not None else 0.0

    def _prepare(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise ConfigurationError("the quota's file was written by a newer adflight: use that one, or name another")
        if version < _VERSION:
            for statement in _SCHEMA:
                database.execute(statement)
        now = {"now": self._clock.monotonic(), "time": self._clock.time(), "boot": boot()}
        for table in ("taken", "paused"):
            # a monotonic clock begins anew with the machine, by which what was written later is known, too, where
            # there is no better way; the wall clock may be wrong, but not make anybody wait for longer than before
            database.execute(
                f"UPDATE {table} SET boot = :boot, written = :now, "
                "until = :now + max(min(ends - :time, until - written), 0) WHERE boot <> :boot OR written > :now",
                now,
            )
            database.execute(f"DELETE FROM {table} WHERE until <= :now", now)
