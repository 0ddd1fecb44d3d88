from __future__ import annotations

from pathlib import Path

import pytest

from adflight.core.redaction import MASK
from adflight.flights import journal as module
from adflight.flights.entries import (
    Done,
    Entry,
    JournalError,
    RowFailure,
)
from adflight.flights.records import Records
from tests.flights.shelf import KIND, change, launched, opened


async def test_history_comes_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    async with await opened(tmp_path) as journal:
        await launched(journal, *"abcde")
        await journal.end_run("complete")
        await journal.begin_run("digest")
        await journal.intend(change("a"))
        assert [entry.id async for entry in journal.history()] == [1, 2, 3, 4, 5, 6]
        assert [entry.id async for entry in journal.history(2)] == [6]


def failure(key: str, error: str = "a new one needs max_bid") -> RowFailure:
    return RowFailure(kind=KIND, key=key, row=7, outcome="refused", error=error)


async def test_rows_that_failed_are_kept_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    async with await opened(tmp_path) as journal:
        first = await journal.begin_run("flights.csv")
        for key in ("c", "a", "b"):
            journal.fail_row(failure(key))
        journal.fail_row(failure("a", "once more"))
        await journal.end_run("failed")
        second = await journal.begin_run("flights.csv")
        await journal.end_run("complete")
        kept = [failure("a", "once more"), failure("b"), failure("c")]
        assert [one async for one in journal.failures(first)] == kept
        assert [one async for one in journal.failures(second)] == []
    async with await opened(tmp_path, read_only=True) as journal:
        assert [one async for one in journal.failures(first)] == kept
        with pytest.raises(JournalError, match="only to be read"):
            journal.fail_row(failure("d"))


async def test_a_failed_row_shows_no_secret_and_needs_a_run(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        journal.fail_row(failure("early"))
        run = await journal.begin_run("flights.csv")
        journal.fail_row(failure("a", '{"access_token": "hush"}'))
        assert [one.error async for one in journal.failures(run)] == [f'{{"access_token":"{MASK}"}}']


async def test_history_is_read_by_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[list[int]] = []
    page = Records.history

    def counted(records: Records, run: int | None, after: int, limit: int) -> list[Entry]:
        entries = page(records, run, after, limit)
        pages.append([len(entry.parts) for entry in entries])
        return entries

    monkeypatch.setattr(Records, "history", counted)
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        sizes = [1, 90, 100, 30, 300, 1, 199, 200]
        for number, size in enumerate(sizes):
            keys = [f"{number} {place}" for place in range(size)]
            for place, key in enumerate(keys):
                await journal.bind(KIND, key, number * 1000 + place)
            await journal.record(await journal.intend(change(*keys)), {key: Done() for key in keys})
        assert [len(entry.parts) async for entry in journal.history()] == sizes
    assert pages == [[1, 90, 100], [30], [300], [1, 199], [200], []]
