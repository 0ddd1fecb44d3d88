"""What becomes of requests that an earlier process left without an outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.core.adoption import SECOND_LOOK
from adflight.core.errors import AdflightError, ConfigurationError, ConnectionBroken, PagingError
from adflight.flights.entries import Intent, JournalError, OpenIntent, Part, Unknown
from adflight.flights.events import RowDone, RowFailed, Settled, Settling
from adflight.flights.live import Live
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.settling import settle, together
from adflight.flights.values import CLEAR
from tests.core.scripted import SHOWN
from tests.flights.vendor import (
    InlineJournal,
    VendorPlatform,
    applied,
    brief,
    campaign,
    journal_in,
    of_log_in,
    order,
)


class Left:
    """A journal that an earlier process left, and the vendor."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.platform = VendorPlatform()
        self.vendor = self.platform.vendor
        self.io = self.vendor.create(ORDER, "Order a", None, order("a").fields)

    async def leave(self, *intents: Intent, ids: Mapping[str, int] | None = None) -> None:
        """The earlier process: it sent these, and died."""
        async with journal_in(self.directory, self.platform.clock) as journal:
            if "a" not in await journal.ids(ORDER):
                await journal.bind(ORDER, "a", self.io)
            for key, id_ in (ids or {}).items():
                await journal.bind(CAMPAIGN, key, id_)
            await journal.begin_run("flights.csv")
            for intent in intents:
                await journal.intend(intent)

    async def settle(self, **more: Any) -> list[Settled]:
        """The next one."""
        async with journal_in(self.directory, self.platform.clock) as self.journal:
            events = [event async for event in settle(self.journal, self.platform, **more)]
            assert [type(event) for event in events[:1]] in ([], [Settling])
            self.settling = events[:1]
            self.open = await self.journal.open_intents()
            self.ids = await self.journal.ids(CAMPAIGN)
            self.applied = await self.journal.applied(CAMPAIGN, self.ids)
            return [event for event in events[1:] if isinstance(event, Settled)]

    def create(self, name: str, budget: int = 10) -> int:
        return self.vendor.create(CAMPAIGN, name, self.io, fields_of(name, budget))


def fields_of(name: str, budget: int = 10) -> dict[str, Any]:
    return {"campaign_name": name, "budget_total": Decimal(budget)}


def creation(left: Left, key: str, name: str = "Spring", budget: int = 10, existing: tuple[int, ...] = ()) -> Intent:
    part = Part(key, fields_of(name, budget), existing, {"name": name, "parent": left.io})
    return Intent("campaigns.create", CAMPAIGN, (part,), SHOWN, creates=True, settled_after=90.0)


def change(*keys: str, kind: str = CAMPAIGN, **fields: Any) -> Intent:
    parts = tuple(Part(key, fields) for key in keys)
    return Intent("campaigns.update_budget", kind, parts, SHOWN, settled_after=90.0)


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return Left(tmp_path)


async def test_nothing_open_takes_no_time(left: Left) -> None:
    await left.leave()
    assert await left.settle() == []
    assert left.settling == []
    assert left.platform.clock.slept == []


async def test_what_was_made_is_adopted_once_it_must_be_settled(left: Left) -> None:
    await left.leave(creation(left, "a1"))
    made = left.create("Spring")
    began = left.platform.clock.monotonic()
    (event,) = await left.settle()
    assert event == Settled(kind=CAMPAIGN, key="a1", how="adopted", id=made)
    assert left.settling == [Settling(open=1, seconds=90.0 + SECOND_LOOK)]
    assert left.platform.clock.monotonic() - began == 90.0 + SECOND_LOOK
    assert (left.open, left.ids, left.applied) == ([], {"a1": made}, {"a1": fields_of("Spring")})
    assert await left.settle() == []


async def test_what_is_not_there_stays_open_until_a_person_gives_it_up(left: Left) -> None:
    await left.leave(creation(left, "a1"))
    for more in ({}, {"if_absent": "create"}, {"by": "ada"}, {"if_absent": "create", "by": "  "}):
        (event,) = await left.settle(**more)
        assert event.how == "unclear"
        assert "Two look-ups found nothing new" in event.reason
        assert 'if_absent="create"' in event.reason
        assert len(left.open) == 1
    (event,) = await left.settle(if_absent="create", by="ada")
    assert event.how == "absent"
    assert left.open == []


@pytest.mark.parametrize("found", ["several", "an older one", "it differs", "only one look"])
async def test_what_is_doubtful_stays_open(left: Left, found: str) -> None:
    first = left.create("Another")
    known = left.create("Spring")
    await left.leave(creation(left, "a1", existing=(known,)))
    if found == "several":
        left.create("Spring")
        left.create("Spring")
    elif found == "an older one":
        left.vendor.change(CAMPAIGN, [first], {"campaign_name": "Spring"})
    elif found == "it differs":
        left.create("Spring", 11)
    else:
        namesakes = left.platform.namesakes

        async def once(intents: Sequence[OpenIntent], *, unfiltered: bool = False) -> Mapping[str, Mapping[int, Live]]:
            seen = await namesakes(intents, unfiltered=unfiltered)
            left.vendor.objects[CAMPAIGN].clear()
            return seen

        left.create("Spring")
        left.platform.namesakes = once  # type: ignore[method-assign]
    (event,) = await left.settle(if_absent="create", by="ada")
    assert event.how == "unclear"
    words = {
        "several": "Several new objects",
        "an older one": "older than others",
        "it differs": "differs from what was sent in budget_total",
        "only one look": "Two look-ups disagree",
    }
    assert words[found] in event.reason
    assert len(left.open) == 1


async def test_a_search_that_misses_a_name_lets_nothing_be_given_up(left: Left) -> None:
    await left.leave(creation(left, "a1"))
    left.create("Spring")
    everything = left.platform.namesakes
    looks: list[bool] = []

    async def missed(intents: Sequence[OpenIntent], *, unfiltered: bool = False) -> Mapping[str, Mapping[int, Live]]:
        looks.append(unfiltered)
        return await everything(intents) if unfiltered else {one.key: {} for one in intents}

    left.platform.namesakes = missed  # type: ignore[method-assign]
    (event,) = await left.settle(if_absent="create", by="ada")
    assert (event.how, looks) == ("unclear", [False, True])
    assert "Two look-ups disagree" in event.reason
    assert len(left.open) == 1


async def test_two_creates_never_adopt_the_same_object(left: Left) -> None:
    other = creation(left, "a2")
    # written down otherwise than the first, so that the journal does not see that the names are equal
    look_up = {**other.parts[0].look_up, "version": 0}
    await left.leave(creation(left, "a1"), evolve(other, parts=(evolve(other.parts[0], look_up=look_up),)))
    left.create("Spring")
    events = await left.settle(if_absent="create", by="ada")
    assert [event.how for event in events] == ["unclear", "unclear"]
    assert "may as well be what was made for 'a2'" in events[0].reason
    assert "may as well be what was made for 'a1'" in events[1].reason
    assert left.ids == {}


async def test_what_is_another_keys_is_no_candidate(left: Left) -> None:
    other = left.create("Spring")
    await left.leave(creation(left, "a1"), ids={"a2": other})
    made = left.create("Spring")
    (event,) = await left.settle()
    assert (event.how, event.id) == ("adopted", made)


@pytest.mark.parametrize("before", [True, False])
async def test_what_was_deleted_is_no_candidate_and_yet_seen(left: Left, before: bool) -> None:
    """A namesake that a key was released from, in a list that shows deleted ones; or what was made, deleted since."""
    gone = left.create("Spring") if before else 0
    await left.leave(creation(left, "a1"))
    gone = gone or left.create("Spring")
    left.vendor.objects[CAMPAIGN][gone].is_gone = True
    (event,) = await left.settle()
    assert (event.how, left.ids) == ("unclear", {})
    assert "nothing new that bears its name. " in event.reason
    assert f"Deleted by now, and of its name: {gone}." in event.reason
    (event,) = await left.settle(if_absent="create", by="ada")
    assert (event.how, left.ids, left.open) == ("absent", {}, [])
    assert f"of its name: {gone}." in event.reason


async def test_what_was_made_is_adopted_beside_what_was_deleted(left: Left) -> None:
    known, gone = left.create("Spring"), left.create("Spring")
    await left.leave(creation(left, "a1", existing=(known,)))
    made = left.create("Spring")
    for id_ in (known, gone):
        left.vendor.objects[CAMPAIGN][id_].is_gone = True
    (event,) = await left.settle()
    assert (event.how, event.id) == ("adopted", made)


async def test_what_is_deleted_between_two_looks_is_absent(left: Left) -> None:
    await left.leave(creation(left, "a1"))
    made = left.create("Spring")
    namesakes = left.platform.namesakes

    async def once(intents: Sequence[OpenIntent], *, unfiltered: bool = False) -> Mapping[str, Mapping[int, Live]]:
        seen = await namesakes(intents, unfiltered=unfiltered)
        left.vendor.objects[CAMPAIGN][made].is_gone = True
        return seen

    left.platform.namesakes = once  # type: ignore[method-assign]
    (event,) = await left.settle()
    assert event.how == "unclear"
    assert f"nothing new that bears its name. Deleted by now, and of its name: {made}." in event.reason


async def test_kinds_may_share_keys(left: Left) -> None:
    part = Part("a1", {"io_name": "Spring"}, (), {"name": "Spring", "parent": None})
    intent = Intent("insertion_orders.create", ORDER, (part,), SHOWN, creates=True, settled_after=90.0)
    await left.leave(intent, creation(left, "a1"))
    io = left.vendor.create(ORDER, "Spring", None, {"io_name": "Spring"})
    made = left.create("Spring")
    events = await left.settle()
    assert {event.kind: (event.how, event.id) for event in events} == {
        ORDER: ("adopted", io),
        CAMPAIGN: ("adopted", made),
    }


@pytest.mark.parametrize("error", [ConnectionBroken("broken"), PagingError("pages repeat")])
async def test_a_look_that_failed_says_nothing(left: Left, error: AdflightError) -> None:
    await left.leave(creation(left, "a1"))
    left.platform.faults = [("namesakes", error)]
    (event,) = await left.settle(if_absent="create", by="ada")
    assert (event.how, event.reason) == ("unclear", f"Looking for it failed: {error}")
    left.create("Spring")
    left.platform.faults = [("differences", error)]
    (event,) = await left.settle()
    assert event.how == "unclear"
    assert f"could not be compared with what was sent: {error}" in event.reason
    assert len(left.open) == 1


async def test_what_was_not_looked_for_is_not_absent(left: Left) -> None:
    await left.leave(creation(left, "a1"))

    async def nothing(intents: Sequence[OpenIntent], *, unfiltered: bool = False) -> Mapping[str, Mapping[int, Live]]:
        return {}

    left.platform.namesakes = nothing  # type: ignore[method-assign]
    (event,) = await left.settle(if_absent="create", by="ada")
    assert event.how == "unclear"
    assert "It was not looked for." in event.reason


@pytest.mark.parametrize("what", ["namesakes", "differences", "read_back"])
async def test_what_is_wrong_with_the_account_is_raised(left: Left, what: str) -> None:
    existing = left.create("Summer")
    await left.leave(change("a2", budget_total=Decimal(1)), creation(left, "a1"), ids={"a2": existing})
    left.create("Spring")
    left.platform.faults = [(what, ConfigurationError("no token"))]
    with pytest.raises(ConfigurationError):
        await left.settle()


# updates


async def test_updates_are_read_back_all_at_once(left: Left) -> None:
    done, other, deleted = left.create("Spring", 20), left.create("Summer", 20), left.create("Autumn", 20)
    await left.leave(
        change("a1", "a2", "a3", budget_total=Decimal(20)),
        change("a1", end_time=datetime(2027, 4, 1, tzinfo=UTC)),
        ids={"a1": done, "a2": other, "a3": deleted},
    )
    left.vendor.change(CAMPAIGN, [other], {"budget_total": Decimal(10)})
    del left.vendor.objects[CAMPAIGN][deleted]
    events = await left.settle()
    assert left.platform.reads == {"read_back": 1}
    assert left.settling == [Settling(open=4, seconds=90.0)]
    assert [(event.key, event.how, event.reason) for event in events] == [
        ("a1", "done", ""),
        ("a2", "absent", "budget_total is 10, not 20"),
        ("a3", "absent", f"campaign {deleted} does not exist any more"),
        ("a1", "absent", "end_time is not shown"),
    ]
    assert left.open == []
    assert left.applied["a1"] == {"budget_total": Decimal(20)}


def set_forward(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sets the wall clock an hour forward, at once."""
    real = left.platform.clock.time
    monkeypatch.setattr(left.platform.clock, "time", lambda: real() + 3600.0)


async def test_an_update_is_not_read_back_too_early_by_a_clock_that_was_set(
    left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left.leave(change("a1", budget_total=Decimal(20)), ids={"a1": left.create("Spring")})
    # looked at once, so that it is known since when it is lost
    left.platform.faults = [("read_back", ConnectionBroken("broken"))]
    await left.settle()
    set_forward(left, monkeypatch)
    await left.settle()
    assert left.settling == [Settling(open=1, seconds=90.0)]


async def test_only_what_may_be_given_up_is_waited_for_whatever_the_clock_says(
    left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    await left.leave(creation(left, "a1"))
    await left.settle()
    set_forward(left, monkeypatch)
    await left.settle()
    assert left.settling == [Settling(open=1, seconds=SECOND_LOOK)], "it stays open"
    await left.settle(if_absent="create", by="ada")
    assert left.settling == [Settling(open=1, seconds=90.0 + SECOND_LOOK)]


async def test_what_this_very_journal_has_lost_is_waited_for(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = left.platform.clock
    async with journal_in(left.directory, clock) as journal:
        await clock.sleep(1000.0)
        await journal.bind(ORDER, "a", left.io)
        await journal.begin_run("flights.csv")
        request = await journal.intend(creation(left, "a1"))
        lost = Unknown(datetime.fromtimestamp(clock.time(), UTC), 90.0, "timeout")
        await journal.record(request, {"a1": lost})
        set_forward(left, monkeypatch)
        settling, _ = [event async for event in settle(journal, left.platform, if_absent="create", by="ada")]
    assert settling == Settling(open=1, seconds=90.0 + SECOND_LOOK)


async def test_null_is_told_as_null(left: Left) -> None:
    made = left.create("Spring")
    await left.leave(change("a1", budget_total=CLEAR, end_time=datetime(2027, 4, 1, tzinfo=UTC)), ids={"a1": made})
    left.vendor.change(CAMPAIGN, [made], {"end_time": None})
    (event,) = await left.settle()
    assert event.reason == "budget_total is 10, not null; end_time is null, not 2027-04-01 00:00:00+00:00"


async def test_a_budget_that_is_a_sum_is_not_compared(left: Left) -> None:
    await left.leave(change("a", kind=ORDER, io_total_budget=Decimal(5)))
    left.vendor.change(ORDER, [left.io], {"io_total_budget": Decimal(7), "is_auto_sum_io_total_budget": True})
    (event,) = await left.settle()
    assert (event.how, event.reason) == ("done", "")


async def test_a_key_whose_id_was_taken_from_it_is_given_up(left: Left) -> None:
    made = left.create("Spring")
    await left.leave(change("a1", budget_total=Decimal(20)), ids={"a1": made})
    async with journal_in(left.directory, left.platform.clock) as journal:
        await journal._put(lambda: journal._book._database.execute("UPDATE ids SET until = 1 WHERE key = 'a1'"))
    (event,) = await left.settle()
    assert (event.how, event.reason) == ("absent", "its id was taken from it")


async def test_reading_back_may_fail(left: Left) -> None:
    await left.leave(change("a1", budget_total=Decimal(20)), ids={"a1": left.create("Spring")})
    left.platform.faults = [("read_back", ConnectionBroken("broken"))]
    (event,) = await left.settle()
    assert (event.how, event.reason) == ("unclear", "Reading it back failed: broken")
    assert len(left.open) == 1


async def test_without_a_token_nothing_is_found_out(left: Left) -> None:
    await left.leave(change("a1", budget_total=Decimal(20)), ids={"a1": left.create("Spring")})
    left.platform.faults = [("read_back", of_log_in(ConnectionBroken("broken")))]
    with pytest.raises(ConnectionBroken):
        await left.settle()
    (event,) = await left.settle()
    assert event.how == "absent"


# the journal


async def test_what_the_journal_does_not_believe_stays_open(left: Left) -> None:
    await left.leave(creation(left, "a1"))
    made = left.create("Spring")
    differences = left.platform.differences

    async def meanwhile(intent: OpenIntent, id: int) -> list[str]:
        await left.journal.bind(CAMPAIGN, "somebody's", made)
        return await differences(intent, id)

    left.platform.differences = meanwhile  # type: ignore[method-assign]
    (event,) = await left.settle()
    assert event.how == "unclear"
    assert 'is "somebody\'s" already' in event.reason
    assert len(left.open) == 1


async def test_a_full_disk_is_raised(left: Left) -> None:
    await left.leave(creation(left, "a1"), creation(left, "a2", "Summer"))
    left.create("Spring")
    async with journal_in(left.directory, left.platform.clock) as journal:

        def full(*arguments: Any) -> None:
            raise JournalError("the disk is full")

        journal._book.record = full  # type: ignore[assignment, method-assign]
        with pytest.raises(JournalError, match="full"):
            [event async for event in settle(journal, left.platform)]


async def test_steps_are_taken_in_turns() -> None:
    async def step(number: int) -> int:
        return number

    assert await together(step(number) for number in range(1_200)) == [*range(1_200)]


@pytest.fixture
async def open_journal(left: Left) -> AsyncIterator[InlineJournal]:
    await left.leave(creation(left, "a1", "Campaign a1"))
    async with journal_in(left.directory, left.platform.clock) as journal:
        yield journal


async def test_an_apply_settles_first_and_plans_anew(left: Left, open_journal: InlineJournal) -> None:
    wishes = [order("a"), campaign("a1", "a")]
    made = left.create("Campaign a1")
    left.vendor.creations.clear()
    events = await applied(left.platform, wishes, open_journal)
    assert [type(event).__name__ for event in events[:2]] == ["Settling", "Settled"]
    assert brief(events, RowDone) == {"a": "unchanged", "a1": "unchanged"}
    assert (await open_journal.ids(CAMPAIGN))["a1"] == made
    assert left.vendor.creations[CAMPAIGN, "Campaign a1"] == 0


async def test_what_is_unclear_is_not_sent_and_no_surprise(left: Left, open_journal: InlineJournal) -> None:
    wishes = [order("a"), campaign("a1", "a"), campaign("a2", "a")]
    left.create("Campaign a1", 9)
    left.vendor.creations.clear()
    events = await applied(left.platform, wishes, open_journal)
    assert brief(events, RowFailed) == {"a1": "unknown"}
    assert brief(events, RowDone) == {"a": "unchanged", "a2": "created"}
    assert left.vendor.creations == {(CAMPAIGN, "Campaign a2"): 1}
