from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adflight.flights.events import Began, Ended, RowDone, RowFailed, Sent
from adflight.flights.journal import Journal
from tests.flights.vendor import VendorPlatform, applied, brief, campaign, journal_in, of, order


@pytest.fixture
def platform() -> VendorPlatform:
    return VendorPlatform()


@pytest.fixture
async def journal(platform: VendorPlatform, tmp_path: Path) -> AsyncIterator[Journal]:
    async with journal_in(tmp_path, platform.clock) as opened:
        yield opened


WISHES = [order("a"), order("b"), campaign("a1", "a"), campaign("a2", "a", 20), campaign("b1", "b")]


async def test_it_makes_what_is_not_there_once(platform: VendorPlatform, journal: Journal) -> None:
    events = await applied(platform, WISHES, journal)
    assert isinstance(events[0], Began)
    assert brief(events, RowDone) == dict.fromkeys(["a", "b", "a1", "a2", "b1"], "created")
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.how, ended.done, ended.failed, ended.adopted) == ("complete", 3, 0, 0)
    assert ended.requests == {"insertion_orders.create": 2, "campaigns.create": 3}
    assert len(of(events, Sent)) == 5
    assert [run.how for run in await journal.runs()] == ["complete"]

    again = await applied(platform, WISHES, journal)
    assert brief(again, RowDone) == dict.fromkeys(["a", "b", "a1", "a2", "b1"], "unchanged")
    assert len(platform.sent) == 5


@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "late"])
@pytest.mark.parametrize("key", ["a", "a1"])
async def test_a_lost_create(platform: VendorPlatform, journal: Journal, fault: str, key: str) -> None:
    platform.faults = [(key, fault)]
    events = await applied(platform, WISHES, journal)
    if fault == "cut_after":
        assert brief(events, RowDone)[key] == "adopted"
        assert events[-1].how == "complete"  # type: ignore[union-attr]
    else:
        assert brief(events, RowFailed)[key] == "unknown"
        platform.vendor.all_arrives()
        events = await applied(platform, WISHES, journal, if_absent="create", by="ada")
        assert events[-1].how == "complete"  # type: ignore[union-attr]
    assert set(platform.vendor.creations.values()) == {1}
