"""A journal's file: where it lies, who holds it, and transactions that are on the disk when they return.

Imports `entries`; `book` says what stands in the file, `journal` brings the steps in groups.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

from attrs import define

from adflight.core.errors import AdflightError, ConfigurationError
from adflight.flights.entries import (
    JournalError,
    JournalHeld,
    moment,
)

_APPLICATION: Final = 0x61644A4C

_FACTS: Final = "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class NoJournal(JournalError):
    """There is none to be read, or nothing in it yet."""

    def __init__(self, message: str = "nothing was ever applied to this account") -> None:
        super().__init__(message)


# where


@define(frozen=True)
class Place:
    """Where the journal of one scope of one account of one service lies."""

    path: Path
    lock: Path
    """What whoever writes any journal of the account holds: two scopes of it are still one account."""
    owner: str
    """A digest of the service, the account, whose name holds an e-mail address, and the scope."""

    @classmethod
    def of(cls, base_url: str, account: str, directory: Path | None, *, scope: str = "") -> Place:
        """In the user's state directory, unless another one is given.

        `scope` is what within the account has names and objects of its own, as IQM's organization workspaces do; empty
        where there is none. Raises `ConfigurationError` for what is no URL or no account.
        """
        try:
            parts = urlsplit(base_url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if not parts.hostname or not account.strip():
            raise ConfigurationError("a journal needs the service's URL and the name of an account")
        # one service, however its URL is written
        if port == {"http": 80, "https": 443}.get(parts.scheme):
            port = None
        host = parts.hostname if port is None else f"{parts.hostname}-{port}"
        whole = "\0".join((parts.scheme, host, parts.path.rstrip("/"), account))
        owner = _digest(f"{whole}\0{scope}" if scope else whole)
        name = re.sub(r"[^a-z0-9.-]", "-", host)
        # absolute, because a program may change its directory
        directory = _state_directory() if directory is None else directory.absolute()
        return cls(directory / f"{name}-{owner[:16]}.journal", directory / f"{name}-{_digest(whole)[:16]}.lock", owner)

    def prepare(self) -> None:
        """Makes the directory, for the user alone. Raises `JournalError` when it cannot be used."""
        directory = self.path.parent
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            if directory == _state_directory():
                os.chmod(directory, 0o700)
        except OSError as error:
            raise _unusable(directory, error) from None

    def create(self) -> None:
        """Makes the file, for the user alone, unless it is there. Raises `JournalError` when it cannot be used."""
        try:
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                _sync_directory(self.path.parent)
            os.chmod(self.path, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _state_directory() -> Path:
    # few need it, and the client never
    from platformdirs import user_state_path

    return user_state_path("adflight", appauthor=False) / "journals"


def _sync_directory(directory: Path) -> None:
    """So that a new file is still there after a power cut."""
    if os.name == "posix":
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _unusable(path: Path, error: OSError) -> JournalError:
    return JournalError(f"the journal cannot be kept in {path}: {error.strerror}. Name a directory that can be written")


# who

if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
    import msvcrt

    def _grab(opened: int) -> None:
        # far behind what stands there: what is locked cannot be read
        os.lseek(opened, 1 << 20, os.SEEK_SET)
        msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _grab(opened: int) -> None:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD: Final[set[int]] = set()


def _let_go() -> None:
    """In a forked child, which would otherwise hold the locks of its parent when that is dead."""
    while _HELD:
        os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


class Lock:
    """A file that one process holds, once, until it releases it or ends, however it ends."""

    def __init__(self, path: Path, now: float) -> None:
        """`now` in epoch seconds. Raises `JournalHeld`, or `JournalError` when the file cannot be used."""
        try:
            self._opened = self._take(path)
            try:
                os.ftruncate(self._opened, 0)
                os.lseek(self._opened, 0, os.SEEK_SET)
                os.write(self._opened, json.dumps({"pid": os.getpid(), "since": now}).encode())
            except BaseException:
                os.close(self._opened)
                raise
        except OSError as error:
            raise _unusable(path, error) from None
        _HELD.add(self._opened)

    @staticmethod
    def _take(path: Path) -> int:
        while True:
            opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _grab(opened)
            except (BlockingIOError, PermissionError):
                held = _held(path, os.read(opened, 200))
                os.close(opened)
                raise held from None
            except BaseException:
                os.close(opened)
                raise
            found = os.fstat(opened)
            if (found.st_dev, found.st_ino) == _identity(path):
                return opened
            # removed in between: another process may lock the next file of that name
            os.close(opened)

    @staticmethod
    def holder(path: Path) -> JournalHeld | None:
        """Who holds it, if anybody does. Raises `JournalError` when the file cannot be used."""
        try:
            opened = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            # to ask for it is the only way to know; nobody else can have it for these microseconds
            _grab(opened)
        except (BlockingIOError, PermissionError):
            return _held(path, os.read(opened, 200))
        except OSError as error:
            raise _unusable(path, error) from None
        finally:
            os.close(opened)
        return None

    def release(self) -> None:
        """Lets others have it; harmless when repeated."""
        opened, self._opened = self._opened, -1
        if opened in _HELD:
            _HELD.discard(opened)
            os.close(opened)


def _held(path: Path, note: bytes) -> JournalHeld:
    pid = since = None
    # its holder may not have written yet
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(note)
        pid, since = int(said["pid"]), moment(said["since"])
    who = "this process" if pid == os.getpid() else "another process" if pid is None else f"process {pid}"
    when = "" if since is None else f" since {since:%Y-%m-%d %H:%M:%S} UTC"
    return JournalHeld(f"the account {path.stem} is held by {who}{when}", pid=pid, since=since)


# what


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
            self._file = _identity(path)
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
        if _identity(self._path) != self._file:
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


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that takes its place."""
    with suppress(FileNotFoundError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None
