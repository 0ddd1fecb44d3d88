from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from adflight.core.errors import ConfigurationError
from adflight.core.ledger_file import Busy, LedgerFile

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and forks are POSIX's")


def table(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS rows (row)")


def add(file: LedgerFile) -> None:
    with file.transaction() as database:
        database.execute("INSERT INTO rows VALUES (1)")


def rows(file: LedgerFile) -> int:
    with file.transaction(write=False) as database:
        return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "quota.db"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "adflight" / "quota" / "quota.db"


def use_elsewhere(path: Path) -> None:
    """As a program does that opens the file, writes to it, and ends."""
    program = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "database.execute('INSERT INTO rows VALUES (2)'); database.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_a_second_one_does_not_make_the_first_be_overlooked(own: Path) -> None:
    first, second = LedgerFile(None, table), LedgerFile(None, table)
    add(first)
    add(second)
    use_elsewhere(own)
    assert own.with_name("quota.db-wal").exists(), "whoever ends last removes it"
    add(first)
    # a third sees what the first wrote
    assert rows(LedgerFile(None, table)) == 4


@POSIX
def test_no_connection_is_open_while_the_process_forks(path: Path) -> None:
    file = LedgerFile(path, table)
    add(file)
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    with warnings.catch_warnings():
        # newer Pythons warn of threads, which is what this is not about
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        # so that it ends with its parent
        os.close(from_parent)
        add(file)
        os.write(from_child, b"x")
        os.read(to_child, 1)
        os._exit(0 if rows(file) == 4 else 1)
    os.read(to_parent, 1)
    # the parent ends, as it were, and a stranger must not take itself for the last
    file.close()
    use_elsewhere(path)
    assert path.with_name("quota.db-wal").exists()
    add(file)
    os.write(from_parent, b"x")
    assert os.waitpid(child, 0)[1] == 0
    for opened in (to_child, from_parent, to_parent, from_child):
        os.close(opened)


@POSIX
def test_a_fork_waits_for_a_transaction(path: Path) -> None:
    file = LedgerFile(path, table)
    order: list[str] = []

    def write() -> None:
        with file.transaction() as database:
            writing.set()
            # until the fork, which is under way, waits
            forking.wait()
            database.execute("INSERT INTO rows VALUES (1)")
            order.append("written")

    writing, forking = threading.Event(), threading.Event()
    thread = threading.Thread(target=write)
    thread.start()
    writing.wait()
    forking.set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os._exit(0 if order == ["written"] and rows(file) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()


@POSIX
def test_the_users_own_file_is_for_nobody_else(own: Path) -> None:
    own.parent.mkdir(parents=True)
    # as somebody may have made it
    own.touch(0o644)
    used = LedgerFile(None, table)
    add(used)
    assert {path.name: path.stat().st_mode & 0o777 for path in own.parent.iterdir()} == {
        "quota.db": 0o600,
        "quota.db-shm": 0o600,
        "quota.db-wal": 0o600,
    }


@POSIX
@pytest.mark.parametrize(("directory", "file"), [(0o755, 0o600), (0o775, 0o660), (0o777, 0o666), (0o1777, 0o600)])
def test_a_named_one_is_for_those_of_its_directory(tmp_path: Path, directory: int, file: int) -> None:
    tmp_path.chmod(directory)
    add(LedgerFile(tmp_path / "quota.db", table))
    assert (tmp_path / "quota.db").stat().st_mode & 0o777 == file


def test_a_program_may_change_its_directory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    file = LedgerFile(Path("quota.db"), table)
    (path.parent / "elsewhere").mkdir()
    monkeypatch.chdir(path.parent / "elsewhere")
    add(file)
    assert path.exists()


def test_who_finds_it_busy_does_not_wait(path: Path) -> None:
    file = LedgerFile(path, table)
    add(file)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="locked"):
            add(file)
        assert rows(file) == 1, "it can be read all the same"
    add(file)


def test_a_failure_undoes_all_and_is_told(path: Path) -> None:
    file = LedgerFile(path, table)
    with pytest.raises(ZeroDivisionError), file.transaction() as database:
        database.execute("INSERT INTO rows VALUES (1)")
        _ = 1 / 0
    assert rows(file) == 0
    with pytest.raises(ConfigurationError, match="something real"), file.transaction() as database:
        # as SQLite does on a full disk
        database.execute("ROLLBACK")
        raise sqlite3.OperationalError("something real")
    add(file)


def test_a_file_that_was_removed_is_made_again(path: Path) -> None:
    file = LedgerFile(path, table)
    add(file)
    for made in path.parent.iterdir():
        made.unlink()
    add(file)
    assert rows(LedgerFile(path, table)) == 1


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="quota's file"):
        add(LedgerFile(tmp_path, table))


def test_ones_own_that_is_damaged_is_set_aside(own: Path) -> None:
    aside = own.parent.with_name("quota.damaged")
    for number in range(2):
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(bytes([number]) * 5000)
        file = LedgerFile(None, table)
        with pytest.raises(ConfigurationError, match=r"is damaged \(.*\) and was moved to .*quota\.damaged"):
            add(file)
        assert (aside / "quota.db").read_bytes() == bytes([number]) * 5000
        add(file)
        assert rows(LedgerFile(None, table)) == 1
        file.close()


def test_a_sound_one_that_took_its_place_stays(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LedgerFile(None, table)
    with pytest.raises(ConfigurationError, match="is damaged"), file.transaction():
        other = own.with_name("other")
        own.with_name("other").write_bytes(b"sound")
        other.replace(own)
        error = sqlite3.DatabaseError("malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    assert own.read_bytes() == b"sound"


def test_where_it_cannot_be_set_aside_the_damage_is_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError

    own.parent.mkdir(parents=True)
    own.write_bytes(b"\0" * 5000)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ConfigurationError, match=r"is damaged \([^)]*\)$"):
        add(LedgerFile(None, table))


def test_a_named_one_that_is_damaged_is_left_to_the_user(path: Path) -> None:
    path.write_bytes(b"\0" * 5000)
    with pytest.raises(ConfigurationError, match=r"is damaged .*: remove it"):
        add(LedgerFile(path, table))
    assert path.read_bytes() == b"\0" * 5000
