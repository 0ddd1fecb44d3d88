"""What a journal tells a plan: which keys a file had before, and what an adopted object was seen to have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adflight import InvalidInput
from adflight.flights.database import NoJournal
from adflight.flights.entries import Adopted, Contradiction, Done, Refused, Unknown
from adflight.flights.journal import Journal
from tests.clock import FakeClock
from tests.flights.shelf import KIND, change, create, opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Journal]:
    async with await opened(tmp_path, clock) as journal:
        yield journal


async def run(journal: Journal, clock: FakeClock, file: str, *keys: str) -> None:
    await journal.begin_run(file)
    for number, key in enumerate(keys, 1 + len(await journal.ids(KIND))):
        request = await journal.intend(create(key))
        await journal.record(request, {key: Done(number)})
    await journal.end_run("complete")
    await clock.advance(1)


async def test_the_keys_of_a_file_are_those_that_its_runs_were_about(journal: Journal, clock: FakeClock) -> None:
    assert await journal.keys_of(KIND, "one.csv") == {}
    await run(journal, clock, "one.csv", "a", "b")
    await run(journal, clock, "other.csv", "c")
    await run(journal, clock, "one.csv", "d")
    assert await journal.keys_of(KIND, "one.csv") == {"a": 1, "b": 2, "d": 4}
    assert await journal.keys_of(KIND, "other.csv") == {"c": 3}
    assert await journal.keys_of("insertion_order", "one.csv") == {}
    # a change makes it that file's, too
    await journal.begin_run("other.csv")
    request = await journal.intend(change("a", budget_total=1))
    await journal.record(request, {"a": Refused("no")})
    assert await journal.keys_of(KIND, "other.csv") == {"a": 1, "c": 3}


async def test_what_was_bound_in_a_run_is_its_files(journal: Journal, clock: FakeClock, tmp_path: Path) -> None:
    await journal.begin_run("one.csv")
    await journal.bind(KIND, "a", 7)
    await journal.end_run("complete")
    await clock.advance(1)
    await journal.bind(KIND, "nobody's", 8)
    await clock.advance(1)
    await journal.begin_run("one.csv")
    await journal.bind(KIND, "b", 9)
    assert await journal.keys_of(KIND, "one.csv") == {"a": 7, "b": 9}
    # one that dies ends where the next one begins
    await journal.aclose()
    await clock.advance(1)
    async with await opened(tmp_path, clock) as again:
        await again.begin_run("other.csv")
        await again.bind(KIND, "c", 10)
        assert await again.keys_of(KIND, "one.csv") == {"a": 7, "b": 9}
        assert await again.keys_of(KIND, "other.csv") == {"c": 10}


async def test_what_is_settled_in_a_run_is_that_of_the_file_that_sent_it(journal: Journal, clock: FakeClock) -> None:
    await journal.begin_run("one.csv")
    request = await journal.intend(create("a"))
    await journal.record(request, {"a": Unknown(datetime.fromtimestamp(clock.time(), UTC), 90.0, "reset")})
    await journal.end_run("failed")
    await clock.advance(1)
    await journal.begin_run("other.csv")
    await journal.record(request, {"a": Adopted(1)})
    await journal.end_run("complete")
    assert await journal.keys_of(KIND, "one.csv") == {"a": 1}
    assert await journal.keys_of(KIND, "other.csv") == {}
    await journal.bind(KIND, "by hand", 2)
    assert await journal.files_of(KIND, ["a", "by hand"]) == {"a": "one.csv"}


async def test_what_is_released_is_no_key_any_more(journal: Journal, clock: FakeClock) -> None:
    await run(journal, clock, "one.csv", "a", "b")
    await journal.release(KIND, "a", 1, by="Ada")
    assert await journal.keys_of(KIND, "one.csv") == {"b": 2}


async def test_what_an_adopted_object_was_seen_to_have_counts_as_applied(journal: Journal) -> None:
    await journal.bind(KIND, "a", 7, fields={"country_id": 1})
    assert await journal.applied(KIND, ["a"]) == {"a": {"country_id": 1}}
    # harmless when repeated
    await journal.bind(KIND, "a", 7, fields={"country_id": 2})
    assert await journal.applied(KIND, ["a"]) == {"a": {"country_id": 1}}
    await journal.bind(KIND, "a", 8, replacing=7, by="Ada", fields={"exchanges": (1,)})
    assert await journal.applied(KIND, ["a"]) == {"a": {"exchanges": [1]}}
    with pytest.raises(InvalidInput):
        await journal.bind(KIND, "b", 9, fields={"country_id": object()})
    with pytest.raises(Contradiction):
        await journal.bind(KIND, "b", 8, fields={"country_id": 1})
    assert await journal.applied(KIND, ["b"]) == {}


async def test_none_at_all_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(NoJournal):
        await opened(tmp_path, read_only=True)
