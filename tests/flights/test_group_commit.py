from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adflight.core.errors import InvalidInput
from adflight.flights.database import Step
from adflight.flights.entries import (
    Done,
    JournalError,
    Unsettled,
)
from adflight.flights.journal import Journal
from tests.flights.shelf import KIND, copied, create, opened


async def test_those_who_ask_together_share_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        sizes: list[int] = []
        database = journal._book._database
        transact = database.transact

        def counted(steps: Sequence[Step]) -> None:
            sizes.append(len(steps))
            transact(steps)

        monkeypatch.setattr(database, "transact", counted)
        numbers = await asyncio.gather(*(journal.intend(create(f"row {number}")) for number in range(20)))
        assert sizes == [20] and numbers == list(range(1, 21))
        outcomes = await asyncio.gather(
            *(journal.intend(create(key)) for key in ("row 1", "new", "row 2")), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [Unsettled, int, Unsettled]


async def test_nobody_is_told_before_it_is_on_the_disk(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        database, reached, go = journal._book._database, threading.Event(), threading.Event()
        commit = database._commit

        def held() -> None:
            reached.set()
            go.wait(10)
            commit()

        database._commit = held  # type: ignore[method-assign]
        intending = asyncio.create_task(journal.intend(create()))
        await asyncio.to_thread(reached.wait, 10)
        assert not intending.done()
        async with await opened(copied(tmp_path, tmp_path / "left")) as early:
            assert await early.open_intents() == []
        go.set()
        assert await intending == 1


async def test_a_cancelled_create_is_recorded_and_said_not_to_have_been_sent(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        tasks = [asyncio.create_task(journal.intend(create(key))) for key in ("a", "b")]
        await asyncio.sleep(0)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert await tasks[1] == 2
        entries = [entry async for entry in journal.history()]
        assert [(entry.parts[0].key, entry.parts[0].state) for entry in entries] == [
            ("a", "withdrawn"),
            ("b", "sending"),
        ]
        # one that was refused has nothing to withdraw
        again = asyncio.create_task(journal.intend(create("b")))
        await asyncio.sleep(0)
        again.cancel()
        with pytest.raises(asyncio.CancelledError):
            await again
        assert await journal.intend(create("a")) == 3


async def test_a_cancelled_outcome_is_recorded(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        request = await journal.intend(create())
        recording = asyncio.create_task(journal.record(request, {"row 1": Done(9)}))
        await asyncio.sleep(0)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording
        assert await journal.ids(KIND) == {"row 1": 9}


async def test_another_process_must_not_use_it(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        journal._steps._pid += 1
        with pytest.raises(JournalError, match="belongs to the process that opened it"):
            await journal.ids(KIND)
        await journal.aclose()
        journal._steps._pid -= 1
        assert await journal.ids(KIND) == {}


async def test_closing_flushes_and_refuses_what_comes_later(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin_run("digest")
    tasks = [asyncio.create_task(journal.intend(create(key))) for key in ("a", "b")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await journal.aclose()
    await journal.aclose()
    assert await tasks[0] == 1
    with suppress(asyncio.CancelledError):
        await tasks[1]
    with pytest.raises(JournalError, match="is closed"):
        await journal.ids(KIND)
    assert {Path(name).suffix for name in os.listdir(tmp_path)} == {".journal", ".lock"}
    async with await opened(tmp_path) as journal:
        assert [one.key for one in await journal.open_intents()] == ["a", "b"]
        assert "example.com" in repr(journal) and "ada" not in repr(journal)


async def test_a_full_disk_stops_an_intent_before_it_is_sent(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        request = await journal.intend(create("a"))
        database = journal._book._database
        pages = await journal._steps.do(lambda: database.one("PRAGMA page_count")[0])
        await journal._steps.do(lambda: database.execute(f"PRAGMA max_page_count = {pages}").fetchone())
        large = create("b", text="x" * 20_000)
        outcomes = await asyncio.gather(
            journal.intend(large), journal.record(request, {"a": Done(1)}), return_exceptions=True
        )
        assert isinstance(outcomes[0], JournalError) and "is full: nothing was written" in str(outcomes[0])
        assert outcomes[1] is None
        assert await journal.open_intents() == []
        await journal._steps.do(lambda: database.execute("PRAGMA max_page_count = 10000").fetchone())
        assert await journal.intend(large) == 2


async def test_what_cannot_be_kept_is_refused_before_it_is_asked_for(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        with pytest.raises(InvalidInput):
            await journal.intend(create(budget=float("nan")))
        assert await journal.open_intents() == []


async def test_a_damaged_file_does_not_keep_the_lock(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.aclose()
    content = journal.path.read_bytes()
    journal.path.write_bytes(b"x" * 5000)
    for _ in range(2):
        with pytest.raises(JournalError, match="is damaged"):
            await opened(tmp_path)
    journal.path.write_bytes(content)
    await (await opened(tmp_path)).aclose()
    journal.path.unlink()
    journal.path.mkdir()
    for _ in range(2):
        with pytest.raises(JournalError):
            await opened(tmp_path)


async def test_a_file_that_cannot_be_made_does_not_keep_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise JournalError("no")

    with monkeypatch.context() as patch:
        patch.setattr("adflight.flights.database.Place.create", fail)
        for _ in range(2):
            with pytest.raises(JournalError, match="no"):
                await opened(tmp_path)
    await (await opened(tmp_path)).aclose()


async def test_an_opening_that_is_cancelled_leaves_nothing_open(tmp_path: Path) -> None:
    opening = asyncio.create_task(opened(tmp_path))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    writers = [thread for thread in threading.enumerate() if thread.name == "adflight journal"]
    for writer in writers:
        await asyncio.to_thread(writer.join, 10)
    await (await opened(tmp_path)).aclose()


def test_a_loop_that_is_gone_is_not_told(tmp_path: Path) -> None:
    async def forget() -> Journal:
        journal = await opened(tmp_path)
        await journal.begin_run("digest")
        return journal

    journal = asyncio.run(forget())
    journal._steps._close()
    journal._steps._thread.join(10)
    assert not journal._steps._thread.is_alive()
