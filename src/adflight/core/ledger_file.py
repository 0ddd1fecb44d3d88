"""The file of a ledger: made, opened, given up before a fork, and set aside when it is damaged.

Imports errors and the state directory; used by `ledger`.

SQLite's locks are POSIX's: a process loses all those that it holds on a file as soon as it closes any descriptor of
that file, and a fork inherits none, while the connection that it inherits believes that it has them. Whoever does not
hold them is overlooked: the next process that closes the file takes itself for the last, and removes what it writes to.
So nothing here opens the file by hand once it is there, and no connection is open while the process forks.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISVTX
from typing import Final
from weakref import WeakSet, finalize

from adflight.core.errors import ConfigurationError
from adflight.core.state_directory import state_directory

_PATIENCE: Final = 0.005
"""Seconds that the event loop may stand still for somebody else who is writing."""

_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Busy(ConfigurationError):
    """Somebody else is writing; a moment later it may work."""


class LedgerFile:
    """A database that many processes use at once, each for the blink of a transaction."""

    def __init__(self, path: Path | None, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """`path` None is the user's own file, in a directory of its own in the state directory; `prepare` is called in
        a transaction whenever the file was opened. Raises `ConfigurationError` when there is no state directory.
        """
        self._is_own = path is None
        # absolute, because a program may change its directory
        self._path = state_directory() / "quota" / "quota.db" if path is None else path.absolute()
        self._prepare = prepare
        self._database: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._finalizer: Callable[[], object] = lambda: None

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Commits what is done within the block, or nothing of it when that raises.

        Raises:
            Busy: somebody else is writing.
            ConfigurationError: the file cannot be used. One of the user's own that is damaged was set aside.
        """
        with _LOCK:
            try:
                database = self._connection()
                with _transaction(database, write=write):
                    yield database
            except (sqlite3.Error, OSError) as error:
                raise self._trouble(error) from None

    def close(self) -> None:
        """The next transaction opens it again; harmless when repeated."""
        self._database = None
        self._finalizer()

    def _connection(self) -> sqlite3.Connection:
        # a connection does not notice that its file was removed
        if self._database is None or self._opened != _identity(self._path):
            self.close()
            self._database = self._open()
            self._finalizer = finalize(self, self._database.close)
            _OPEN.add(self)
        return self._database

    def _open(self) -> sqlite3.Connection:
        self._create()
        self._opened = _identity(self._path)
        # a limiter may move to another thread with its event loop, and is only ever used in one
        database = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # a power cut may cost the last moments, which nobody counts after it, but not the file
            database.execute("PRAGMA synchronous = NORMAL")
            with _transaction(database):
                self._prepare(database)
        except BaseException:
            database.close()
            raise
        return database

    def _create(self) -> None:
        """SQLite gives the mode of the file to those beside it."""
        if self._is_own:
            self._path.parent.mkdir(0o700, exist_ok=True)
            mode = 0o600
        else:
            mode = _mode_within(self._path.parent)
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))
        except FileExistsError:
            if not self._is_own:
                return
        os.chmod(self._path, mode)

    def _trouble(self, error: sqlite3.Error | OSError) -> ConfigurationError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        file = f"the quota's file {str(self._path)!r}"
        if code in _BUSY:
            return Busy(f"{file} cannot be used: {error}")
        # nobody knows what state it is in
        self.close()
        if code not in _DAMAGED:
            return ConfigurationError(f"{file} cannot be used: {error}")
        if not self._is_own:
            return ConfigurationError(
                f"{file} is damaged ({error}): remove it, and those beside it that begin with its name, "
                "while no program uses it"
            )
        return ConfigurationError(f"{file} is damaged ({error}){self._set_aside()}")

    def _set_aside(self) -> str:
        """With all that lies beside it, at once: what another process leaves or removes there would meet a new file."""
        directory = self._path.parent
        aside = directory.with_name(f"{directory.name}.damaged")
        try:
            # somebody else may have done it, and have made a sound one
            if self._opened == _identity(self._path):
                shutil.rmtree(aside, ignore_errors=True)
                directory.rename(aside)
        except OSError:
            return ""
        return f" and was moved to {str(aside)!r}"


@contextmanager
def _transaction(database: sqlite3.Connection, *, write: bool = True) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # SQLite may have done it already; what went wrong first is what is to be told
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


def _mode_within(directory: Path) -> int:
    """For all who could put another file into the place of this one, too."""
    found = os.stat(directory).st_mode
    others = 0 if found & S_ISVTX else found & 0o022
    return 0o600 | others | others << 1


_OPEN: Final[WeakSet[LedgerFile]] = WeakSet()
_LOCK: Final = threading.RLock()


def _before_fork() -> None:
    # until the fork is done, so that no thread opens one again
    _LOCK.acquire()
    for file in list(_OPEN):
        file.close()
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)
