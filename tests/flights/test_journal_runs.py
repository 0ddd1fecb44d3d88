"""Runs of a journal whose disk fails for a while, and their names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from adflight import InvalidInput
from adflight.flights.entries import Contradiction, JournalError
from adflight.flights.journal import Journal
from tests.clock import FakeClock
from tests.flights.shelf import opened

FullDisk: TypeAlias = Callable[[Journal], AbstractContextManager[None]]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    @contextmanager
    def full(journal: Journal) -> Any:
        database = journal._book._database

        def commit() -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(database, "_commit", commit)
            yield

    return full


async def test_a_run_whose_end_found_no_room_is_ended_by_the_next(tmp_path: Path, full_disk: FullDisk) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        await journal.begin_run("a")
        with full_disk(journal):
            with pytest.raises(JournalError, match="is full"):
                await journal.end_run("failed")
            ended = clock.time()
            clock.jump(60.0)
            with pytest.raises(JournalError, match="is full"):
                await journal.begin_run("b")
        assert await journal.begin_run("b") == 2
        first, second = await journal.runs()
        assert first.ended is not None
        assert (first.how, first.ended.timestamp(), second.how) == ("failed", ended, "")
        # nobody has ended this one
        with pytest.raises(Contradiction, match="run 2 has not ended"):
            await journal.begin_run("c")
        await journal.end_run("complete")
        assert await journal.begin_run("c") == 3


async def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        with pytest.raises(InvalidInput, match="UTF-8"):
            await journal.begin_run("caf\udce9.csv")
        assert await journal.runs() == []
        assert await journal.begin_run("café.csv") == 1
