from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from adflight.flights.database import Database, NoJournal, Step
from adflight.flights.entries import Contradiction, JournalError
from adflight.flights.place import Lock, Place
from tests.flights.shelf import ACCOUNT, URL

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
