from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from adflight.core.errors import ConfigurationError
from adflight.flights import database
from adflight.flights.database import Database, Lock, NoJournal, Place, Step
from adflight.flights.entries import Contradiction, JournalError, JournalHeld
from tests.flights.shelf import ACCOUNT, URL
from tests.programs import ROOT, without_credentials

SCHEMA = (("CREATE TABLE things (name TEXT)",),)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.of(URL, ACCOUNT, tmp_path / "journals")
    place.prepare()
    place.create()
    return place


def opened(
    place: Place, *, opening: Iterable[str] = (), read_only: bool = False, schema: Sequence[Sequence[str]] = SCHEMA
) -> Database:
    return Database(place, schema=schema, opening=opening, read_only=read_only, now=0.0)


def put(base: Database, *names: str) -> list[Step]:
    steps = [Step(lambda name=name: base.execute("INSERT INTO things VALUES (?)", (name,))) for name in names]  # type: ignore[misc]
    base.transact(steps)
    return steps


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# where


def test_the_name_tells_the_service_and_hides_the_account(tmp_path: Path) -> None:
    place = Place.of(URL, ACCOUNT, tmp_path)
    assert place.path.parent == place.lock.parent == tmp_path
    assert Place.of(URL, ACCOUNT, Path("journals")).path.parent == Path.cwd() / "journals"
    assert place.path.name.startswith("api.example.com-") and place.path.suffix == ".journal"
    assert place.lock.name.startswith("api.example.com-") and place.lock.suffix == ".lock"
    assert "ada" not in place.path.name + place.lock.name


def test_one_service_has_one_name_however_its_url_is_written(tmp_path: Path) -> None:
    same = {Place.of(url, "ada", tmp_path).path for url in (URL, f"{URL}/", f"{URL}:443", "https://API.example.com")}
    others = {
        Place.of(url, account, tmp_path).path
        for url, account in (
            ("http://api.example.com", "ada"),
            (f"{URL}:8443", "ada"),
            (f"{URL}/v2", "ada"),
            (URL, "bob"),
            ("http://[::1]:8000", "ada"),
        )
    }
    assert len(same) == 1 and len(others) == 5 and not same & others


def test_scopes_have_files_of_their_own_and_the_accounts_lock(tmp_path: Path) -> None:
    places = [Place.of(URL, ACCOUNT, tmp_path, scope=scope) for scope in ("", "1", "2")]
    assert len({place.path for place in places}) == len({place.owner for place in places}) == 3
    assert {place.lock for place in places} == {Place.of(URL, ACCOUNT, tmp_path).lock}
    assert Place.of(URL, "bob", tmp_path).lock != places[0].lock


@pytest.mark.parametrize(
    ("url", "account"), [("api", "ada"), (URL, " "), ("http://api:port", "ada"), ("http://[", "ada")]
)
def test_a_service_and_an_account_are_needed(url: str, account: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a journal needs"):
        Place.of(url, account, tmp_path)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the rules of other platforms are not ours")
def test_it_lies_in_the_users_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "adflight" / "journals").mkdir(parents=True, mode=0o755)
    place = Place.of(URL, ACCOUNT, None)
    place.prepare()
    assert place.path.parent == tmp_path / "adflight" / "journals"
    assert mode(place.path.parent) == 0o700
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Place.of(URL, ACCOUNT, None).path.parent == tmp_path / ".local" / "state" / "adflight" / "journals"


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_nobody_else_can_read_it(place: Place) -> None:
    os.chmod(place.path, 0o644)
    place.create()
    lock = Lock(place.lock, 0.0)
    base = opened(place)
    put(base, "one")
    assert mode(place.path.parent) == 0o700
    assert {mode(path) for path in place.path.parent.iterdir()} == {0o600}
    assert {path.suffix for path in place.path.parent.iterdir()} == {
        ".journal",
        ".journal-wal",
        ".journal-shm",
        ".lock",
    }
    base.close()
    lock.release()


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may write everywhere."""
    if sys.platform == "win32" or os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.usefixtures("ordinary_user")
def test_a_directory_that_cannot_be_used_is_named() -> None:
    for directory in (Path("/dev/null/journals"), Path("/")):
        place = Place.of(URL, ACCOUNT, directory)
        with pytest.raises(JournalError, match=f"cannot be kept in {directory}.*: .* can be written"):
            place.prepare()
            place.create()
        with pytest.raises(JournalError, match=f"cannot be kept in {directory}"):
            Lock(place.path, 0.0)


# who


def test_a_second_lock_is_refused_also_in_one_process(tmp_path: Path) -> None:
    first = Lock(tmp_path / "lock", 1_700_000_000.0)
    with pytest.raises(JournalHeld, match="by this process since 2023-11-14 22:13:20 UTC") as caught:
        Lock(tmp_path / "lock", 0.0)
    assert caught.value.pid == os.getpid() and caught.value.since is not None
    first.release()
    second = Lock(tmp_path / "lock", 0.0)
    # not even when its number went to the second
    first.release()
    with pytest.raises(JournalHeld):
        Lock(tmp_path / "lock", 0.0)
    second.release()


def test_who_holds_a_lock_can_be_asked_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    assert Lock.holder(path) is None and not path.exists()
    lock = Lock(path, 1_700_000_000.0)
    held = Lock.holder(path)
    assert held is not None and held.pid == os.getpid()
    assert held.since is not None and held.since.timestamp() == 1_700_000_000.0
    lock.release()
    before = path.read_bytes()
    assert Lock.holder(path) is None and path.read_bytes() == before
    Lock(path, 0.0).release()
    with pytest.raises(JournalError, match="lock"):
        Lock.holder(path / "lock")

    def fail(opened: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(database, "_grab", fail)
    with pytest.raises(JournalError, match="lock: No locks available"):
        Lock.holder(path)


@pytest.mark.parametrize("note", ["", "[]", '{"pid": 1}', '{"pid": "x", "since": 1}'])
def test_a_holder_that_has_not_said_who_it_is(note: str, tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", 0.0)
    (tmp_path / "lock").write_text(note)
    with pytest.raises(JournalHeld, match=r"by (another process|process 1)$") as caught:
        Lock(tmp_path / "lock", 0.0)
    assert caught.value.since is None
    lock.release()


def test_a_lock_that_was_removed_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grab, grabbed = database._grab, 0

    def remove_then_grab(opened: int) -> None:
        nonlocal grabbed
        if not grabbed:
            (tmp_path / "lock").unlink()
        grabbed += 1
        grab(opened)

    monkeypatch.setattr(database, "_grab", remove_then_grab)
    lock = Lock(tmp_path / "lock", 0.0)
    with pytest.raises(JournalHeld):
        Lock(tmp_path / "lock", 0.0)
    lock.release()


@pytest.mark.parametrize("name", ["_grab", "os.write"])
def test_a_file_system_without_locks_or_room_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No such luck")

    with monkeypatch.context() as patch:
        patch.setattr(f"adflight.flights.database.{name}", fail)
        with pytest.raises(JournalError, match="lock: No such luck"):
            Lock(tmp_path / "lock", 0.0)
    Lock(tmp_path / "lock", 0.0).release()


def test_what_a_forked_child_does_first_is_to_let_go(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", 0.0)
    database._let_go()
    Lock(tmp_path / "lock", 0.0).release()
    lock.release()


PARENT = """
import os, sys
from pathlib import Path
from adflight.flights.database import Lock

lock = Lock(Path(sys.argv[1]), 0.0)
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=without_credentials(), cwd=ROOT) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        child = int(parent.stdout.readline())
        with pytest.raises(JournalHeld, match=f"process {parent.pid} since"):
            Lock(tmp_path / "lock", 0.0)
        parent.kill()
        parent.wait()
        os.kill(child, 0)
        Lock(tmp_path / "lock", 0.0).release()
        # the child ends with the pipe


# what


def test_a_new_file_is_kept_safe(place: Place) -> None:
    base = opened(place)
    pragmas = {name: base.one(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous", "user_version")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "user_version": 1}
    base.close()


def test_what_was_done_is_there_again(place: Place) -> None:
    base = opened(place)
    assert [step.error for step in put(base, "one", "two")] == [None, None]
    base.close()
    base = opened(place, opening=("DELETE FROM things WHERE name = 'one'",))
    assert base.execute("SELECT name FROM things").fetchall() == [("two",)]
    base.close()


def test_a_file_of_a_newer_adflight_is_left_alone(place: Place) -> None:
    base = opened(place)
    base.close()
    with sqlite3.connect(place.path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    before = place.path.read_bytes()
    with pytest.raises(JournalError, match=r"written by a newer adflight \(tables of version 2; this one knows 1\)"):
        opened(place)
    assert place.path.read_bytes() == before


NEWER = (*SCHEMA, ("ALTER TABLE things ADD COLUMN size INTEGER", "UPDATE things SET size = length(name)"))


def test_a_file_of_an_older_version_gets_the_newer_tables(place: Place) -> None:
    base = opened(place)
    put(base, "one", "three")
    base.close()
    for _ in range(2):
        base = opened(place, schema=NEWER)
        assert (base.version, base.one("PRAGMA user_version")) == (2, (2,))
        assert base.execute("SELECT name, size FROM things").fetchall() == [("one", 3), ("three", 5)]
        base.close()
    with pytest.raises(JournalError, match=r"tables of version 2; this one knows 1"):
        opened(place)


def test_a_new_file_gets_the_tables_of_every_version(place: Place) -> None:
    base = opened(place, schema=NEWER)
    assert base.execute("SELECT name, size FROM things").fetchall() == []
    base.close()


def test_an_older_file_that_is_only_read_stays_as_it_is(place: Place) -> None:
    opened(place).close()
    before = place.path.read_bytes()
    base = opened(place, schema=NEWER, read_only=True)
    assert base.version == 1
    base.close()
    assert place.path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_file_as_it_was(place: Place) -> None:
    base = opened(place)
    put(base, "one")
    base.close()
    with pytest.raises(JournalError, match="cannot be used"):
        opened(place, schema=(*SCHEMA, ("DELETE FROM things", "CREATE TABLE things (name TEXT)")))
    base = opened(place)
    assert base.execute("SELECT name FROM things").fetchall() == [("one",)]
    base.close()


def test_a_file_of_something_else_is_left_alone(place: Place) -> None:
    with sqlite3.connect(place.path) as other:
        other.execute("CREATE TABLE theirs (name TEXT)")
    other.close()
    before = place.path.read_bytes()
    with pytest.raises(JournalError, match="is not a journal of adflight"):
        opened(place)
    assert place.path.read_bytes() == before


def test_a_file_of_another_account_is_left_alone(place: Place, tmp_path: Path) -> None:
    opened(place).close()
    other = Place.of(URL, "bob", tmp_path)
    place.path.rename(other.path)
    with pytest.raises(JournalError, match="belongs to another account"):
        opened(other)


@pytest.mark.parametrize("damage", ["text", "head", "page"])
def test_a_damaged_file_is_named_and_left_alone(damage: str, place: Place) -> None:
    base = opened(place)
    put(base, *(f"thing {number}" * 50 for number in range(100)))
    base.close()
    content = bytearray(place.path.read_bytes())
    if damage == "text":
        content[:] = b"not a database at all" * 100
    elif damage == "head":
        content[100:200] = b"\xff" * 100
    else:
        content[3 * 4096 : 4 * 4096] = bytes(4096)
    place.path.write_bytes(content)
    with pytest.raises(JournalError, match=f"the journal {place.path} is damaged .*left as it is.*restore a copy"):
        opened(place)
    assert place.path.read_bytes() == content


def test_a_check_that_says_no_is_enough(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Database.one
    answers = {"PRAGMA quick_check(1)": ("row 7 missing from index one_id",), "PRAGMA journal_mode = WAL": ("delete",)}
    for statement, problem in (("quick_check", "is damaged"), ("journal_mode", "no write-ahead log")):
        with monkeypatch.context() as patch:
            patch.setattr(
                Database,
                "one",
                lambda self, asked, values=(), statement=statement: (
                    answers[asked] if statement in asked else one(self, asked, values)
                ),
            )
            with pytest.raises(JournalError, match=problem):
                opened(place)
    opened(place).close()


def test_a_directory_that_cannot_be_written_is_named_even_by_who_reads(place: Place) -> None:
    opened(place).close()
    # as SQLite sees a directory in which it cannot make the file
    place.path.with_name(f"{place.path.name}-wal").mkdir()
    said = f"Even to read it, SQLite writes files beside it: make {place.path.parent} writable"
    for read_only in (False, True):
        with pytest.raises(JournalError, match=said):
            opened(place, read_only=read_only)


def test_a_file_that_cannot_be_opened_is_named(place: Place) -> None:
    place.path.unlink()
    with pytest.raises(JournalError, match=f"{place.path} cannot be used: unable to open"):
        opened(place)
    with pytest.raises(NoJournal, match=r"^nothing was ever applied to this account$"):
        opened(place, read_only=True)
    place.create()
    with pytest.raises(NoJournal, match=r"^nothing was ever applied to this account$"):
        opened(place, read_only=True)


def test_a_step_that_is_refused_leaves_the_others(place: Place) -> None:
    base = opened(place)

    def refuse() -> None:
        raise Contradiction("no")

    steps = [Step(refuse), Step(lambda: base.execute("INSERT INTO things VALUES ('one')"))]
    base.transact(steps)
    assert isinstance(steps[0].error, Contradiction) and steps[1].error is None
    assert base.one("SELECT count(*) FROM things") == (1,)
    base.close()


def test_a_step_that_is_refused_half_way_takes_everything_with_it(place: Place) -> None:
    base = opened(place)

    def refuse() -> None:
        base.executemany("INSERT INTO things VALUES (?)", [("half",)])
        raise Contradiction("no")

    steps = [Step(lambda: base.execute("INSERT INTO things VALUES ('one')")), Step(refuse)]
    base.transact(steps)
    assert all(type(step.error) is JournalError and step.result is None for step in steps)
    assert "failed before and must be opened again" in str(put(base, "two")[0].error)
    base.close()
    base = opened(place)
    assert base.one("SELECT count(*) FROM things") == (0,)
    base.close()


def test_on_a_full_disk_the_small_finds_room_and_the_large_does_not(place: Place) -> None:
    base = opened(place)
    pages = base.one("PRAGMA page_count")[0]
    base.execute(f"PRAGMA max_page_count = {pages + 1}")
    small, large, last = put(base, "small", "large" * 10_000, "last")
    assert small.error is None and last.error is None
    assert "is full: nothing was written" in str(large.error)
    base.execute("PRAGMA max_page_count = 1000")
    assert put(base, "large" * 10_000)[0].error is None
    base.close()


def test_when_a_commit_fails_nobody_is_told_otherwise(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    base = opened(place)

    def fail() -> None:
        # whatever is under way is undone with it, so that there is nothing to undo
        base.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(base, "_commit", fail)
    assert "cannot be used: disk I/O error" in str(put(base, "one")[0].error)
    monkeypatch.undo()
    assert "must be opened again" in str(put(base, "one")[0].error)
    base.close()


def test_when_undoing_fails_it_must_be_opened_again(place: Place) -> None:
    base = opened(place)

    class Stubborn:
        in_transaction = True

        def execute(self, statement: str) -> None:
            error = sqlite3.OperationalError(statement)
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    real, base._database = base._database, Stubborn()  # type: ignore[assignment]
    assert "is full" in str(put(base, "one")[0].error)
    base._database = real
    assert "must be opened again" in str(put(base, "one")[0].error)
    base.close()


def test_somebody_elses_transaction_is_waited_for_and_not_taken_for_a_broken_disk(place: Place) -> None:
    base = opened(place)
    base.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(place.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "database is locked" in str(put(base, "one")[0].error)
    other.execute("ROLLBACK")
    other.close()
    assert put(base, "one")[0].error is None
    base.close()


def test_whoever_lost_the_lock_cannot_write(place: Place) -> None:
    base, thief = opened(place), opened(place)
    assert "another process has taken the journal" in str(put(base, "one")[0].error)
    assert put(thief, "one")[0].error is None
    base.close()
    thief.close()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_was_moved_away_is_not_written(gone: bool, place: Place) -> None:
    base = opened(place)
    place.path.rename(place.path.with_suffix(".old"))
    if not gone:
        place.create()
    assert "was moved or removed while it was open" in str(put(base, "one")[0].error)
    base.close()


def test_a_reader_reads_beside_the_holder(place: Place) -> None:
    base = opened(place)
    put(base, "one")
    reader = opened(place, read_only=True)
    step = Step(lambda: reader.one("SELECT count(*) FROM things"))
    reader.transact([step])
    put(base, "two")
    assert step.result == (1,)
    reader.close()
    base.close()
