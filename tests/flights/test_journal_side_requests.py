"""What the journal keeps of requests without an intent, and what it makes of a file of the tables' first version."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adflight.flights.entries import Attempt, Contradiction, Done, JournalError, SideRequest
from adflight.flights.journal import Journal
from adflight.flights.place import Place
from adflight.flights.report import read_report
from adflight.flights.tables import SCHEMA
from tests.clock import FakeClock
from tests.flights.shelf import ACCOUNT, KIND, URL, create, opened

NOW = datetime.fromtimestamp(FakeClock.EPOCH, UTC)
LOG_IN = SideRequest("auth.login", Attempt(1, NOW, "answered", 200, 0.5), True)
LIST = SideRequest("campaigns.list", Attempt(2, NOW + timedelta(seconds=1), "timeout", None, 30.0))


async def side_requests(journal: Journal, run: int = 1) -> list[SideRequest]:
    return [one async for one in journal.side_requests(run)]


async def test_they_are_there_again_as_they_were_written(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        assert await journal.begin_run("spring.csv") == 1
        journal.add_side_requests([LOG_IN, LIST])
        assert await side_requests(journal) == [LOG_IN, LIST]
        await journal.end_run("complete")
        await journal.begin_run("summer.csv")
        journal.add_side_requests((LIST,))
    async with await opened(tmp_path, read_only=True) as journal:
        assert await side_requests(journal, 1) == [LOG_IN, LIST]
        assert await side_requests(journal, 2) == [LIST]
        assert await side_requests(journal, 3) == []
        assert [entry async for entry in journal.history()] == []


async def test_there_may_be_many(tmp_path: Path) -> None:
    many = [SideRequest("campaigns.get", Attempt(1, NOW, "answered", number, 0.1)) for number in range(200, 5200)]
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        journal.add_side_requests(many)
        assert await side_requests(journal) == many


async def test_without_a_run_none_is_written(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        journal.add_side_requests([LOG_IN])
        await journal.begin_run("spring.csv")
        await journal.end_run("complete")
        journal.add_side_requests([LOG_IN])
        assert await side_requests(journal) == []
        with pytest.raises(Contradiction, match="no run has begun"):
            await journal.end_run("complete")


async def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        async with await opened(tmp_path, read_only=True) as reader:
            with pytest.raises(JournalError, match="opened only to be read"):
                reader.add_side_requests([LOG_IN])
    with pytest.raises(JournalError, match="is closed"):
        journal.add_side_requests([LOG_IN])


# a file of the first version


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With a journal of the first version."""
    path = Place.of(URL, ACCOUNT, tmp_path).path
    old = sqlite3.connect(path)
    old.executescript(Path(__file__).with_name("journal_of_version_1.sql").read_text())
    old.execute("PRAGMA journal_mode = WAL")
    old.close()
    return tmp_path


def version(directory: Path) -> int:
    base = sqlite3.connect(Place.of(URL, ACCOUNT, directory).path)
    (found,) = base.execute("PRAGMA user_version").fetchone()
    base.close()
    return int(found)


async def test_an_old_journal_that_is_only_read_has_none(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        assert await side_requests(journal) == []
        report = await read_report(journal)
    assert (len(report.sendings), report.sendings.writes) == (2, 2)
    assert [(one.name, one.has_rows) for one in report.operations] == [("campaigns.create", True)]
    assert version(directory) == 1


async def test_an_old_journal_goes_on_with_the_new_tables(directory: Path) -> None:
    async with await opened(directory) as journal:
        # all that was in it is
        assert await journal.ids(KIND) == {"a": 7}
        assert [(one.key, str(one.unknown.cause)) for one in await journal.open_intents()] == [("b", "it broke")]
        (first, _) = [entry async for entry in journal.history(1)]
        assert [part.row for part in first.parts] == [None]
        assert [(one.outcome, one.status) for one in first.attempts] == [("rate limited", 429), ("answered", 200)]
        assert [one.key async for one in journal.failures(1)] == ["b"]
        assert await side_requests(journal) == []
        assert await journal.begin_run("summer.csv") == 2
        journal.add_side_requests([LOG_IN])
        await journal.record(await journal.intend(create("c")), {"c": Done(8)})
        await journal.end_run("complete")
    assert version(directory) == len(SCHEMA)
    async with await opened(directory, read_only=True) as journal:
        assert (await side_requests(journal, 1), await side_requests(journal, 2)) == ([], [LOG_IN])
        assert await journal.ids(KIND) == {"a": 7, "c": 8}
