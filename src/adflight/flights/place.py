"""Where the journal of an account lies, and who holds it: files of the user's alone.

Imports `entries`; `database` opens what lies there, `journal` takes the lock first.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import define

from adflight.core.clock import Clock
from adflight.core.errors import ConfigurationError
from adflight.core.service import service_of
from adflight.core.state_directory import state_path
from adflight.flights.entries import JournalError, JournalHeld, JournalUnusable, moment

logger: Final = logging.getLogger("adflight")

LOOK_AGAIN: Final = 1.0
"""Seconds between two looks whether a journal that is waited for is free."""

ASKING: Final = 0.005
"""Seconds after which whoever only asked whether a journal is held has let it go."""

_ASKERS: Final = 20
"""How many of these may come one after the other."""


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
        where there is none. Raises `ConfigurationError` for what is no URL or no account, and where nobody knows the
        user's home.
        """
        service = service_of(base_url)
        if not service.host or not account.strip():
            raise ConfigurationError("a journal needs the service's URL and the name of an account")
        whole = "\0".join((*service, account))
        owner = _digest(f"{whole}\0{scope}" if scope else whole)
        name = re.sub(r"[^a-z0-9.-]", "-", service.host)
        # absolute, because a program may change its directory
        directory = _state_directory() if directory is None else directory.absolute()
        return cls(directory / f"{name}-{owner[:16]}.journal", directory / f"{name}-{_digest(whole)[:16]}.lock", owner)

    def prepare(self) -> None:
        """Makes the directory, for the user alone. Raises `JournalUnusable` when it cannot be used."""
        directory = self.path.parent
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            if directory == _state_directory():
                os.chmod(directory, 0o700)
        except OSError as error:
            raise _unusable(directory, error) from None

    def create(self) -> None:
        """Makes the file, for the user alone, unless it is there. Raises `JournalUnusable` when it cannot be used."""
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
    return state_path() / "journals"


def _sync_directory(directory: Path) -> None:
    """So that a new file is still there after a power cut."""
    if os.name == "posix":
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _unusable(path: Path, error: OSError) -> JournalUnusable:
    return JournalUnusable(
        f"the journal cannot be kept in {path}: {error.strerror}. Name a directory that can be written, as with "
        "XDG_STATE_HOME or HOME in the environment"
    )


# who holds it

if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
    import msvcrt

    def _grab(opened: int) -> None:
        # far behind what stands there: what is locked cannot be read
        os.lseek(opened, 1 << 20, os.SEEK_SET)
        msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)

    # there is no other lock
    _ask = _grab

else:
    import fcntl

    def _grab(opened: int) -> None:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _ask(opened: int) -> None:
        # shared: fails exactly while somebody holds it, and two that ask do not disturb one another
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)


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
        """`now` in epoch seconds. Raises `JournalHeld`, or `JournalUnusable` when the file cannot be used.

        So it does while somebody only asks who is its `holder`: see there whether anybody is.
        """
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
            if (found.st_dev, found.st_ino) == identity(path):
                return opened
            # removed in between: another process may lock the next file of that name
            os.close(opened)

    @staticmethod
    def holder(path: Path) -> JournalHeld | None:
        """Who holds it, if anybody does. Raises `JournalUnusable` when the file cannot be used."""
        try:
            opened = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            # to ask for it is the only way to know; nobody can take it for these microseconds
            _ask(opened)
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


async def hold(place: Place, wait: float | None, clock: Clock) -> Lock:
    """Makes what is to lie at a place, and takes the account for this process.

    `wait` are the seconds for which to wait while another holds it; None waits without end. Raises `JournalHeld`, or
    `JournalError` when the place cannot be used.
    """
    place.prepare()
    until = None if wait is None else clock.monotonic() + wait
    told, asked = False, 0
    while True:
        try:
            lock = Lock(place.lock, clock.time())
        except JournalHeld as error:
            if asked < _ASKERS and Lock.holder(place.lock) is None:
                asked += 1
                await clock.sleep(ASKING)
                continue
            left = LOOK_AGAIN if until is None else until - clock.monotonic()
            if left <= 0:
                raise
            if not told:
                logger.info("waiting until it is let go: %s", error)
                told = True
            await clock.sleep(min(left, LOOK_AGAIN))
            continue
        try:
            place.create()
        except JournalError:
            lock.release()
            raise
        return lock


def _held(path: Path, note: bytes) -> JournalHeld:
    pid = since = None
    # its holder may not have written yet
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(note)
        pid, since = int(said["pid"]), moment(said["since"])
    who = "this process" if pid == os.getpid() else "another process" if pid is None else f"process {pid}"
    when = "" if since is None else f" since {since:%Y-%m-%d %H:%M:%S} UTC"
    return JournalHeld(f"the journal {path.stem} is held by {who}{when}", pid=pid, since=since)


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that takes its place."""
    with suppress(FileNotFoundError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None
