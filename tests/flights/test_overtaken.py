"""What a plan does not know of the journal any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adflight.flights.items import Item, Verdict
from adflight.flights.overtaken import given_up, is_told_otherwise
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.clock import FakeClock
from tests.flights.test_settling import Left, creation
from tests.flights.vendor import InlineJournal, campaign, journal_in, order, planned


def item(key: str, verdict: Verdict, id_: int | None = None, kind: str = CAMPAIGN, **more: Any) -> Item:
    return Item(kind=kind, key=key, row=2, name=f"Flight {key}", verdict=verdict, id=id_, **more)


PLANNED = [
    item("a", Verdict.UNCHANGED, 1, ORDER),
    item("a1", Verdict.CREATE),
    item("a2", Verdict.CHANGE, 12),
    item("a3", Verdict.UNCHANGED, 13, is_adopted=True),
    item("a4", Verdict.REFUSED, 14),
]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[InlineJournal]:
    async with journal_in(tmp_path, FakeClock()) as journal:
        await journal.bind(ORDER, "a", 1)
        await journal.bind(CAMPAIGN, "a2", 12)
        yield journal


async def test_what_was_not_touched_is_as_it_was(journal: InlineJournal) -> None:
    assert not await is_told_otherwise(PLANNED, 0, journal)
    # nothing is sent for what is refused, and other keys are other files'
    await journal.bind(CAMPAIGN, "a4", 15)
    await journal.bind(CAMPAIGN, "b1", 16)
    assert not await is_told_otherwise(PLANNED, 0, journal)


@pytest.mark.parametrize(
    ("kind", "key", "id_"),
    [(ORDER, "a", 2), (CAMPAIGN, "a1", 11), (CAMPAIGN, "a2", 22), (CAMPAIGN, "a3", 13), (CAMPAIGN, "a3", 23)],
)
async def test_a_key_that_was_bound_means_something_else(journal: InlineJournal, kind: str, key: str, id_: int) -> None:
    await journal.bind(kind, key, id_, replacing=(await journal.ids(kind)).get(key), by="ada")
    assert await is_told_otherwise(PLANNED, 0, journal)


async def test_a_key_that_was_released_means_nothing(journal: InlineJournal) -> None:
    await journal.release(CAMPAIGN, "a2", 12, by="ada")
    assert await is_told_otherwise(PLANNED, 0, journal)


async def test_what_was_settled_is_seen_by_its_number(tmp_path: Path) -> None:
    left = Left(tmp_path)
    await left.leave(creation(left, "b1"))
    async with journal_in(tmp_path, left.platform.clock) as journal:
        assert not await is_told_otherwise([], 1, journal)
        assert await is_told_otherwise([], 2, journal)


# what was given up


@pytest.mark.parametrize(
    ("key", "parent", "more", "is_known"),
    [
        ("a1", "a", {}, True),
        ("a1", "a", {"campaign_name": "Another"}, True),
        ("a9", "a", {"campaign_name": "Campaign a1"}, True),
        ("a9", "a", {}, False),
        ("a9", "b", {"campaign_name": "Campaign a1"}, False),
        # its insertion order does not exist yet
        ("a9", "c", {"campaign_name": "Campaign a1"}, False),
    ],
)
async def test_what_was_given_up_is_known_by_its_key_or_its_name(
    tmp_path: Path, key: str, parent: str, more: dict[str, Any], is_known: bool
) -> None:
    left = Left(tmp_path)
    left.vendor.create(ORDER, "Order b", None, order("b").fields)
    await left.leave(creation(left, "a1", "Campaign a1"))
    wishes = [order("a"), order("b"), order("c"), campaign(key, parent, **more)]
    async with journal_in(tmp_path, left.platform.clock) as journal:
        before = await planned(left.platform, wishes, journal)
        assert await given_up(before.items, before.writes, left.platform, journal) == set()
    await left.settle(if_absent="create", by="ada")
    async with journal_in(tmp_path, left.platform.clock) as journal:
        after = await planned(left.platform, wishes, journal)
        found = await given_up(after.items, after.writes, left.platform, journal)
    assert found == ({(CAMPAIGN, key)} if is_known else set())


async def test_what_was_made_after_all_is_not_given_up(tmp_path: Path) -> None:
    left = Left(tmp_path)
    await left.leave(creation(left, "a1", "Campaign a1"))
    await left.settle(if_absent="create", by="ada")
    await left.leave(ids={"a1": left.create("Campaign a1")})
    async with journal_in(tmp_path, left.platform.clock) as journal:
        made = await planned(left.platform, [order("a"), campaign("a9", "a", campaign_name="Campaign a1")], journal)
        assert await given_up(made.items, made.writes, left.platform, journal) == set()
