from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.core.adoption import SECOND_LOOK
from adflight.core.errors import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    ConnectionBroken,
    InvalidInput,
    NotSent,
    OverBudget,
    PermissionDenied,
    PlanOutdated,
    RateLimited,
    ServerError,
)
from adflight.core.options import Watch
from adflight.core.quota import Quota
from adflight.flights import event_queue
from adflight.flights.applicable import Applicable
from adflight.flights.dispatching import GRACE
from adflight.flights.entries import Contradiction, JournalError, JournalHeld
from adflight.flights.events import Began, Ended, Event, RowDone, RowFailed, Sent, Settled, Settling
from adflight.flights.items import Verdict
from adflight.flights.journal import Journal
from adflight.flights.planning import plan
from adflight.flights.platform import CAMPAIGN, ORDER, Told, Write
from adflight.flights.settling import settle
from tests.core.scripted import SHOWN
from tests.flights.fake_platform import FakePlatform, row
from tests.flights.shelf import ACCOUNT, URL
from tests.flights.vendor import (
    VendorPlatform,
    Wish,
    applied,
    brief,
    campaign,
    journal_in,
    of,
    of_log_in,
    order,
    planned,
    refusal,
)


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


async def ended_of(
    platform: VendorPlatform, journal: Journal, wishes: list[Wish], **more: Any
) -> tuple[Ended, list[Event]]:
    events = await applied(platform, wishes, journal, **more)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert len(of(events, Ended)) == 1
    return ended, events


async def existing(platform: VendorPlatform, journal: Journal) -> None:
    """All wishes, applied."""
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"
    platform.sent.clear()


# before anything is sent


@pytest.mark.parametrize("amount", [Decimal("NaN"), float("nan"), "5000"])
async def test_a_budget_that_is_no_amount(platform: VendorPlatform, journal: Journal, amount: Any) -> None:
    with pytest.raises(InvalidInput, match="expected an amount of money"):
        await applied(platform, WISHES, journal, max_budget=amount)
    assert platform.sent == []


async def test_a_plan_over_the_budget_is_refused_before_the_journal_is_opened(
    platform: VendorPlatform, journal: Journal
) -> None:
    made = await planned(platform, WISHES, journal)
    with pytest.raises(OverBudget, match=r"at least 40, which"):
        await anext(made.apply(journal=journal, max_budget=Decimal("39.99")))
    assert await journal.runs() == []
    # what may be bought once more counts beside it
    made.totals = evolve(made.totals, committed_in_doubt=Decimal(1))
    with pytest.raises(OverBudget, match=r"at least 41, which"):
        await anext(made.apply(journal=journal, max_budget=Decimal(40), if_absent="create", by="Ada"))
    with pytest.raises(InvalidInput, match="concurrency=0"):
        await anext(made.apply(journal=journal, concurrency=0))
    assert [event async for event in made.apply(journal=journal, max_budget=Decimal(40))][-1].how == "complete"


async def test_a_plan_that_was_made_anew_is_held_against_the_budget_again(
    platform: VendorPlatform, journal: Journal
) -> None:
    made = await planned(platform, WISHES, journal)
    made.is_loaded = True
    made.wishes = [*WISHES[:-1], campaign("b1", "b", 1000)]
    with pytest.raises(OverBudget):
        await anext(made.apply(journal=journal, max_budget=Decimal(40)))
    assert platform.sent == []
    assert [run.how for run in await journal.runs()] == ["stopped"]


async def test_an_outdated_plan_is_refused(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, WISHES, journal)
    made.is_loaded, made.surprises = True, ["campaign 'a1' costs 7 more"]
    with pytest.raises(PlanOutdated, match="a1"):
        await anext(made.apply(journal=journal))
    assert platform.sent == []


@pytest.mark.parametrize("why", ["it is fresh", "it is old", "another was applied", "another died"])
async def test_a_plan_is_made_anew_when_it_may_not_hold(platform: VendorPlatform, journal: Journal, why: str) -> None:
    if why == "another died":
        await journal.begin_run("other")
    made = await planned(platform, WISHES, journal)
    if why == "another died":
        await journal._put(lambda: journal._book._database.execute("UPDATE runs SET how = 'died'"))
    if why == "it is old":
        await platform.clock.sleep(301)
    if why == "another was applied":
        await applied(platform, WISHES[:1], journal)
    events = [event async for event in made.apply(journal=journal)]
    assert events[-1].how == "complete"
    assert made.plans == (why != "it is fresh")
    assert events[-1].requests.get("lists", 0) == 2 * made.plans
    assert set(platform.vendor.creations.values()) == {1}


async def side_requests(journal: Journal, run: int = 1) -> list[str]:
    return [one.operation async for one in journal.side_requests(run)]


async def test_what_a_plan_took_is_written_down_once(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, WISHES, journal)
    for _ in range(2):
        events = [event async for event in made.apply(journal=journal)]
    # the second run made it anew by itself
    assert [await side_requests(journal, run) for run in (1, 2)] == [["lists", "lists"]] * 2
    assert events[-1].requests == {"lists": 2}


@pytest.mark.parametrize(("age", "looks"), [(300, 2), (301, 4)])
async def test_what_a_plan_took_is_the_runs_however_long_ago_that_was(
    platform: VendorPlatform, journal: Journal, age: float, looks: int
) -> None:
    made = await planned(platform, WISHES, journal)
    await platform.clock.sleep(age)
    started = datetime.fromtimestamp(platform.clock.time(), UTC)
    assert [event async for event in made.apply(journal=journal)][-1].how == "complete"
    earlier = [one async for one in journal.side_requests(1) if one.attempt.at < started]
    assert len(earlier) == 2
    # an old one is made anew
    assert await side_requests(journal) == ["lists"] * looks


async def test_all_that_a_run_sends_is_counted_and_written_down(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a1", "cut_after"), ("b1", "rate limited"), ("a2", "not sent"), ("a", "cut_after")]
    made = await planned(platform, WISHES, journal)
    events = [event async for event in made.apply(journal=journal)]
    assert events[-1].how == "complete"
    looks = await side_requests(journal)
    assert looks[:2] == ["lists", "lists"]
    assert Counter(looks[2:]) == platform.reads and platform.reads.total() > 2
    writes = {"insertion_orders.create": 2, "campaigns.create": 4}
    assert events[-1].requests == {**writes, **platform.reads}
    # what was watched is where it was intended, and nowhere else
    attempts = [one.outcome async for entry in journal.history() for one in entry.attempts]
    assert len(attempts) - attempts.count("not sent") == sum(writes.values())


async def test_what_is_sent_outside_of_a_run_is_none_of_it(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, WISHES, journal)
    platform.tell("before")
    async for event in made.apply(journal=journal):
        if isinstance(event, Began):
            platform.tell("during")
            platform.tell("watched by somebody", is_watched=True)
    platform.tell("after")
    assert await side_requests(journal) == ["lists", "lists", "during"]
    assert event.requests.keys() & {"before", "during", "watched by somebody", "after"} == {
        "during",
        "watched by somebody",
    }
    assert platform.observers == []


async def test_it_opens_and_closes_the_journal_itself(platform: VendorPlatform, tmp_path: Path) -> None:
    async with journal_in(tmp_path / "unused", platform.clock) as empty:
        made = await planned(platform, WISHES, empty)
    async for event in made.apply(directory=tmp_path, wait=1.0, by="ada"):
        if isinstance(event, Ended):
            # it can be opened at once
            async with await Journal.open(URL, ACCOUNT, directory=tmp_path, clock=platform.clock) as opened:
                assert [run.how for run in await opened.runs()] == ["complete"]
    assert event.how == "complete"


async def test_a_journal_that_is_held_is_said_so(platform: VendorPlatform, journal: Journal, tmp_path: Path) -> None:
    made = await planned(platform, WISHES, journal)
    with pytest.raises(JournalHeld):
        await anext(made.apply(directory=tmp_path))


# what is refused, fails, or is not known


async def test_rows_for_which_nothing_is_sent_are_told_first(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, WISHES, journal)
    refused = {"b", "b1"}
    for item in made.items:
        if item.key in refused:
            item.verdict, item.reason = Verdict.REFUSED, "there are two"
    made._writes = [write for write in made._writes if write.targets[0].key not in refused]
    events = [event async for event in made.apply(journal=journal)]
    assert brief(events[1:3], RowFailed) == dict.fromkeys(refused, "refused")
    assert events[1].error == "there are two"
    assert (events[-1].how, events[-1].done, events[-1].failed) == ("failed", 2, 1)


async def test_a_refused_order_withholds_its_rows_and_no_others(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a", "refused")]
    ended, events = await ended_of(platform, journal, WISHES)
    assert brief(events, RowFailed) == {"a": "refused", "a1": "withheld", "a2": "withheld"}
    assert brief(events, RowDone) == {"b": "created", "b1": "created"}
    assert (ended.how, ended.done, ended.failed) == ("failed", 1, 2)
    assert [run.how for run in await journal.runs()] == ["failed"]
    ended, events = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_an_order_is_not_lowered_when_its_campaigns_were_not(platform: VendorPlatform, journal: Journal) -> None:
    await existing(platform, journal)
    wishes = [order("a", 50), WISHES[1], campaign("a1", "a", 5), WISHES[3], WISHES[4]]
    platform.faults = [("a1", "refused")]
    ended, events = await ended_of(platform, journal, wishes)
    assert brief(events, RowFailed) == {"a1": "refused", "a": "withheld"}
    assert ended.how == "failed"
    ended, _ = await ended_of(platform, journal, wishes)
    assert ended.how == "complete"
    assert [write.operation for _, write in platform.sent[-2:]] == [
        "campaigns.update_budget_total",
        "insertion_orders.update_io_total_budget",
    ]


async def test_a_bulk_answer_is_settled_row_by_row(platform: VendorPlatform, journal: Journal) -> None:
    await existing(platform, journal)
    wishes = [*WISHES[:2], campaign("a1", "a", 30), campaign("a2", "a", 30), campaign("b1", "b", 30)]
    platform.refuses, platform.silent = {"a2": "too much"}, {"b1"}
    ended, events = await ended_of(platform, journal, wishes)
    assert len(platform.sent) == 1
    assert brief(events, RowFailed) == {"a2": "refused"}
    assert {key: how for key, how in brief(events, RowDone).items() if key in ("a1", "b1")} == {
        "a1": "changed",
        "b1": "changed",
    }
    assert platform.reads == {"read_back": 1}
    assert (ended.done, ended.failed) == (2, 1)
    assert [one async for one in journal.history()][-1].parts[1].reason == "too much"


async def test_what_was_read_back_and_is_not_as_sent_is_refused_in_words(
    platform: VendorPlatform, journal: Journal
) -> None:
    await existing(platform, journal)
    platform.silent = {"a1"}
    platform.faults = [("a1", "ignored")]
    ended, events = await ended_of(platform, journal, [*WISHES[:2], campaign("a1", "a", 30), *WISHES[3:]])
    (failed,) = of(events, RowFailed)
    assert (failed.outcome, failed.error) == ("refused", "budget_total is 10, not 30")
    assert ended.how == "failed"
    assert await journal.open_intents() == []


async def test_an_answer_that_could_not_be_read_back_stays_open(platform: VendorPlatform, journal: Journal) -> None:
    await existing(platform, journal)
    platform.silent = {"a1"}
    platform.faults = [("read_back", ConnectionBroken("broken"))]
    wishes = [*WISHES[:2], campaign("a1", "a", 30), *WISHES[3:]]
    _, events = await ended_of(platform, journal, wishes)
    assert brief(events, RowFailed) == {"a1": "unknown"}
    ended, events = await ended_of(platform, journal, wishes)
    assert ended.how == "complete"
    assert [event.how for event in of(events, Settled)] == ["done"]


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "timeout", "server error", "late"])
@pytest.mark.parametrize("times", [1, 4])
async def test_an_update_that_was_not_answered_is_read_back_once_it_is_settled(
    platform: VendorPlatform, journal: Journal, fault: str, times: int
) -> None:
    await existing(platform, journal)
    began = platform.clock.monotonic()
    platform.faults = [("a1", fault)] * times
    ended, events = await ended_of(platform, journal, [*WISHES[:2], campaign("a1", "a", 30), *WISHES[3:]])
    assert platform.clock.monotonic() - began >= 90.0
    if times == 4 and fault in ("cut_before", "late"):
        assert brief(events, RowFailed) == {"a1": "failed"}
    else:
        assert ended.how == "complete"
        assert brief(events, RowDone)["a1"] == "changed"
    assert ended.requests["campaigns.update_budget_total"] == min(times + 1, 4)
    assert await journal.open_intents() == []


async def test_a_request_that_never_left_may_be_made_again_at_once(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a1", "not sent")] * 4 + [("b1", "rate limited")]
    ended, events = await ended_of(platform, journal, WISHES)
    assert brief(events, RowFailed) == {"a1": "failed"}
    # of the others one each, and one that was told to wait
    assert ended.requests["campaigns.create"] == 2 + 1
    attempts = {part.key: len(one.attempts) for one in [one async for one in journal.history()] for part in one.parts}
    assert attempts == {"a": 1, "b": 1, "a1": 4, "a2": 1, "b1": 2}
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_what_fails_before_it_leaves_leaves_no_trace(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a1", InvalidInput("budget", "x", "a number"))]
    _, events = await ended_of(platform, journal, WISHES)
    assert brief(events, RowFailed) == {"a1": "failed"}
    assert "a1" not in {part.key for one in [one async for one in journal.history()] for part in one.parts}


async def test_lost_creates_share_their_looks(platform: VendorPlatform, journal: Journal) -> None:
    wishes = [order("a"), *(campaign(f"a{number}", "a") for number in range(40))]
    platform.faults = [(f"a{number}", "cut_after") for number in range(0, 40, 4)]
    ended, events = await ended_of(platform, journal, wishes)
    assert (ended.how, ended.adopted) == ("complete", 10)
    assert platform.reads == {"namesakes": 2, "differences": 10}
    assert [event.how for event in of(events, Settled)] == ["adopted"] * 10
    (settling,) = of(events, Settling)
    assert (settling.open, settling.seconds) == (10, 90.0 + SECOND_LOOK)


async def test_an_absent_create_is_made_again_when_a_person_says_so(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a", "cut_before"), ("b1", "cut_before")]
    ended, events = await ended_of(platform, journal, WISHES, if_absent="create", by="ada")
    assert {event.key: event.how for event in of(events, Settled)} == {"a": "unclear", "b1": "unclear"}
    assert brief(events, RowFailed)["b1"] == "unknown", "nobody can have looked for it yet"
    ended, events = await ended_of(platform, journal, WISHES, if_absent="create", by="ada")
    assert ended.how == "complete"
    assert {event.key: event.how for event in of(events, Settled)} == {"a": "absent", "b1": "absent"}
    assert set(platform.vendor.creations.values()) == {1}
    given_up = [part for one in [one async for one in journal.history()] for part in one.parts if part.by]
    assert sorted((part.key, part.by) for part in given_up) == [("a", "ada"), ("b1", "ada")]


async def test_what_another_file_has_lost_is_not_given_up(platform: VendorPlatform, journal: Journal) -> None:
    async def events_of_other(*wishes: Wish, **more: Any) -> list[Event]:
        plan = await planned(platform, [order("z"), *wishes], journal)
        plan.label = "other.csv"
        return [event async for event in plan.apply(journal=journal, **more)]

    platform.faults = [("b1", "cut_before"), ("z1", "cut_before")]
    await ended_of(platform, journal, WISHES)
    await events_of_other(campaign("z1", "z"))
    # the row's key was edited since: it is the file's all the same
    events = await events_of_other(campaign("z9", "z"), if_absent="create", by="ada")
    assert {event.key: event.how for event in of(events, Settled)} == {"b1": "unclear", "z1": "absent"}
    assert [one.key for one in await journal.open_intents()] == ["b1"]
    ended, events = await ended_of(platform, journal, WISHES, if_absent="create", by="ada")
    assert (ended.how, [event.how for event in of(events, Settled)]) == ("complete", ["absent"])


async def test_without_a_name_nothing_is_given_up(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("b1", "cut_before")]
    _, events = await ended_of(platform, journal, WISHES, if_absent="create", by=" ")
    (failed,) = of(events, RowFailed)
    assert failed.outcome == "unknown"
    assert 'if_absent="create" with your name' in failed.error
    assert "adflight keys release" in failed.error
    # and it is not sent by the next one either
    sent = len(platform.sent)
    _, events = await ended_of(platform, journal, WISHES)
    assert brief(events, RowFailed) == {"b1": "unknown"}
    assert len(platform.sent) == sent


async def test_what_was_just_looked_for_is_not_looked_for_again(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("b1", "cut_before")]
    await applied(platform, WISHES, journal)
    settled = [event async for event in settle(journal, platform) if isinstance(event, Settled)]
    platform.reads.clear()
    ended, events = await ended_of(platform, journal, WISHES, settled=settled)
    assert (ended.how, platform.reads, of(events, Settled)) == ("failed", {}, [])
    assert [(event.key, event.outcome, event.error) for event in of(events, RowFailed)] == [
        ("b1", "unknown", settled[0].reason)
    ]
    assert set(platform.vendor.creations.values()) == {1}
    # what may be given up is, after looks of its own
    ended, events = await ended_of(platform, journal, WISHES, settled=settled, if_absent="create", by="ada")
    assert (ended.how, platform.reads) == ("complete", {"namesakes": 2})


async def test_an_id_that_is_another_keys_is_not_believed(platform: VendorPlatform, journal: Journal) -> None:
    real = platform._told
    platform._told = lambda write, made: real(write, 101 if write.kind == CAMPAIGN else made)  # type: ignore[method-assign]
    wishes = [order("a"), campaign("a1", "a"), campaign("a2", "a")]
    _, events = await ended_of(platform, journal, wishes, concurrency=1)
    assert brief(events, RowFailed) == {"a2": "unknown"}
    assert "101 is 'a1' already" in of(events, RowFailed)[0].error
    assert [one.state for one in await journal.open_intents()] == ["unknown"]


async def test_a_create_without_an_id_is_looked_for(platform: VendorPlatform, journal: Journal) -> None:
    real = platform._told
    platform._told = lambda write, made: {} if write.kind == CAMPAIGN else real(write, made)  # type: ignore[method-assign]
    ended, events = await ended_of(platform, journal, [order("a"), campaign("a1", "a")])
    assert ended.how == "complete"
    assert brief(events, RowDone)["a1"] == "adopted"


# adoptions


async def test_what_exists_under_its_name_is_adopted(platform: VendorPlatform, journal: Journal) -> None:
    io = platform.vendor.create(ORDER, "Order a", None, WISHES[0].fields)
    same = platform.vendor.create(CAMPAIGN, "Campaign a1", io, WISHES[2].fields)
    other = platform.vendor.create(CAMPAIGN, "Campaign a2", io, {**WISHES[3].fields, "budget_total": Decimal(1)})
    platform.vendor.creations.clear()
    ended, events = await ended_of(platform, journal, WISHES)
    assert {key: how for key, how in brief(events, RowDone).items() if key[0] == "a"} == dict.fromkeys(
        ["a", "a1", "a2"], "adopted"
    )
    assert (ended.adopted, ended.done) == (2, 3)
    assert {event.key: event.id for event in of(events, RowDone) if event.key[0] == "a"} == {
        "a": io,
        "a1": same,
        "a2": other,
    }
    assert platform.vendor.objects[CAMPAIGN][other].fields["budget_total"] == Decimal(20)


async def test_what_cannot_be_bound_is_told(platform: VendorPlatform, journal: Journal) -> None:
    io = platform.vendor.create(ORDER, "Order a", None, WISHES[0].fields)
    made = await planned(platform, WISHES, journal)
    await journal.bind(ORDER, "somebody's", io)
    events = [event async for event in made.apply(journal=journal)]
    assert brief(events, RowFailed) == {"a": "unknown", "a1": "withheld", "a2": "withheld"}


# what stops everything


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("no more tokens"),
        refusal(AuthenticationError, 401, "auth.login"),
        refusal(PermissionDenied, 403, "auth.login"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_accounts_errors_stop_everything(
    platform: VendorPlatform, journal: Journal, error: AdflightError
) -> None:
    platform.faults = [("a1", error)]
    ended, events = await ended_of(platform, journal, WISHES, concurrency=1)
    assert (ended.how, ended.reason) == ("stopped", str(error))
    assert ended.failed == 0
    assert brief(events, RowDone) == {"a": "created", "b": "created"}
    assert [run.how for run in await journal.runs()] == ["stopped"]
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"


@pytest.mark.parametrize(
    "error",
    [
        of_log_in(refusal(ServerError, 503, "auth.login")),
        of_log_in(refusal(RateLimited, 429, "auth.login")),
        of_log_in(NotSent("no connection")),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_where_no_token_can_be_had_rows_are_left_for_later(
    platform: VendorPlatform, journal: Journal, error: AdflightError
) -> None:
    platform.faults = [("a1", error)]
    ended, events = await ended_of(platform, journal, WISHES, concurrency=1)
    assert (ended.how, ended.reason) == ("stopped", f"no token could be had: {error}")
    assert (ended.failed, of(events, RowFailed)) == (0, [])
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"


async def test_a_missing_permission_for_one_operation_fails_its_rows_only(
    platform: VendorPlatform, journal: Journal
) -> None:
    platform.faults = [("a1", refusal(PermissionDenied, 403, "campaigns.create"))]
    ended, events = await ended_of(platform, journal, WISHES)
    assert ended.how == "failed"
    assert brief(events, RowFailed) == {"a1": "failed"}


@pytest.mark.parametrize("concurrency", [1, 4, 50])
async def test_a_service_that_is_gone_stops_everything_and_fails_no_row(
    platform: VendorPlatform, journal: Journal, concurrency: int
) -> None:
    """In the middle: what was at the service then is in doubt, and what could not be sent is left for later."""
    orders = [order(f"o{number}") for number in range(20)]
    wishes = [*orders, *(campaign(f"{one.key} {number}", one.key) for one in orders for number in range(3))]
    answers = chain(repeat(None, 14), ["timeout", "cut_before", "cut_after"], repeat("not sent"))
    platform.latency = 0.1
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(platform, "_fault", lambda _: next(answers))
        ended, events = await ended_of(platform, journal, wishes, concurrency=concurrency)
    assert ended.how == "stopped"
    assert ended.reason.startswith("the service cannot be reached any more: the last ")
    assert brief(events, RowFailed) == {"o14": "unknown", "o15": "unknown", "o16": "unknown"}
    assert {one.key for one in await journal.open_intents()} == {"o14", "o15", "o16"}
    assert (await journal.ids(ORDER)).keys() == {f"o{number}" for number in range(14)}
    ended, _ = await ended_of(platform, journal, wishes, if_absent="create", by="ada")
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_a_few_that_can_not_be_sent_fail_alone(platform: VendorPlatform, journal: Journal) -> None:
    """Others are answered after them, or they are the last."""
    platform.latency = 10.0
    platform.faults = [("a", "not sent")] * 4
    ended, events = await ended_of(platform, journal, WISHES, concurrency=2)
    assert ended.how == "failed"
    assert brief(events, RowFailed) == {"a": "failed", "a1": "withheld", "a2": "withheld"}
    assert brief(events, RowDone) == {"b": "created", "b1": "created"}
    platform.faults = [("a", "not sent")] * 4
    ended, events = await ended_of(platform, journal, WISHES)
    assert brief(events, RowFailed) == {"a": "failed", "a1": "withheld", "a2": "withheld"}


async def test_one_that_is_never_answered_stops_nothing_however_often_it_is_sent(
    platform: VendorPlatform, journal: Journal
) -> None:
    await applied(platform, WISHES, journal)
    platform.max_attempts = 10
    platform.latency = 5.0
    platform.faults = [("a1", "timeout")] * 10
    wishes = [campaign("a1", "a", 30), *(wish for wish in WISHES if wish.key != "a1")]
    ended, events = await ended_of(platform, journal, wishes)
    assert (ended.how, ended.reason) == ("complete", "")
    assert brief(events, RowDone)["a1"] == "changed"


async def test_what_cannot_be_looked_for_because_the_service_is_gone_stays_open(
    platform: VendorPlatform, journal: Journal
) -> None:
    await applied(platform, WISHES[:2], journal)
    wishes = [*WISHES[:2], *(campaign(f"a{number}", "a") for number in range(6))]
    platform.faults = [(f"a{number}", "cut_after") for number in range(6)]

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> Any:
        platform.tell("namesakes", "not sent")
        raise NotSent("no connection")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(platform, "namesakes", namesakes)
        ended, events = await ended_of(platform, journal, wishes)
    assert ended.how == "stopped"
    assert of(events, Settled) == []
    assert brief(events, RowFailed) == {f"a{number}": "unknown" for number in range(6)}
    ended, events = await ended_of(platform, journal, wishes)
    assert (ended.how, [event.how for event in of(events, Settled)]) == ("complete", ["adopted"] * 6)
    assert set(platform.vendor.creations.values()) == {1}


async def test_what_is_under_way_when_it_stops_is_waited_for(platform: VendorPlatform, journal: Journal) -> None:
    platform.latency = 5.0
    wishes = [order("a"), *(campaign(f"a{number}", "a") for number in range(6))]
    platform.delays["a5"] = 1.0
    platform.faults = [("a5", ConfigurationError("no"))]
    ended, events = await ended_of(platform, journal, wishes, concurrency=6)
    assert ended.how == "stopped"
    assert brief(events, RowDone) == dict.fromkeys(["a", "a0", "a1", "a2", "a3", "a4"], "created")
    assert await journal.open_intents() == []


async def test_what_is_lost_when_it_stops_is_told_and_stays_open(platform: VendorPlatform, journal: Journal) -> None:
    await existing(platform, journal)
    wishes = [*WISHES[:2], campaign("a1", "a", 30), campaign("a2", "a", 31), *WISHES[4:], campaign("b2", "b")]
    platform.latency = 1.0
    platform.silent = {"a2"}
    platform.faults = [("a1", "timeout"), ("b2", ConfigurationError("no"))]
    ended, events = await ended_of(platform, journal, wishes, concurrency=2)
    assert ended.how == "stopped"
    assert brief(events, RowFailed)["a2"] == "unknown"
    assert {one.key: one.state for one in await journal.open_intents()}["a2"] == "unknown"
    ended, _ = await ended_of(platform, journal, wishes)
    assert ended.how == "complete"


async def test_a_full_disk_stops_everything_before_more_is_sent(platform: VendorPlatform, journal: Journal) -> None:
    book = journal._book
    intend, calls = book.intend, count(1)

    def full(*arguments: Any) -> int:
        if next(calls) > 3:
            raise JournalError("the disk is full")
        return intend(*arguments)

    book.intend = full  # type: ignore[assignment, method-assign]
    ended, _ = await ended_of(platform, journal, WISHES)
    assert (ended.how, ended.reason) == ("stopped", "the disk is full")
    assert len(platform.sent) == 3
    book.intend = intend  # type: ignore[method-assign]
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_an_outcome_that_cannot_be_written_leaves_the_request_open(
    platform: VendorPlatform, journal: Journal
) -> None:
    book = journal._book
    record = book.record

    def full(*arguments: Any) -> None:
        raise JournalError("the disk is full")

    book.record = full  # type: ignore[assignment, method-assign]
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "stopped"
    assert {one.state for one in await journal.open_intents()} == {"sending"}
    book.record = record  # type: ignore[method-assign]
    ended, _ = await ended_of(platform, journal, WISHES)
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_what_would_be_sent_again_when_it_stops_is_not(platform: VendorPlatform, journal: Journal) -> None:
    await existing(platform, journal)
    platform.latency, platform.delays["b2"] = 5.0, 1.0
    platform.faults = [("a1", "server error"), ("b2", ConfigurationError("no"))]
    wishes = [*WISHES[:2], campaign("a1", "a", 30), *WISHES[3:], campaign("b2", "b")]
    ended, events = await ended_of(platform, journal, wishes)
    assert (ended.how, len(platform.sent)) == ("stopped", 1)
    assert brief(events, RowFailed) == {"a1": "unknown"}
    assert [one.state for one in await journal.open_intents()] == ["unknown"]
    ended, _ = await ended_of(platform, journal, wishes)
    assert ended.how == "complete"


async def test_what_waits_to_be_sent_again_when_it_stops_is_withdrawn(
    platform: VendorPlatform, journal: Journal
) -> None:
    await applied(platform, WISHES[:2], journal)
    platform.delays["b1"] = 0.5
    platform.faults = [("a1", "rate limited"), ("b1", ConfigurationError("no"))]
    ended, events = await ended_of(platform, journal, [*WISHES[:3], WISHES[4]])
    assert (ended.how, of(events, RowFailed)) == ("stopped", [])
    last = [one async for one in journal.history()][-1]
    assert [(part.key, part.state) for part in last.parts] == [("a1", "withdrawn")]
    assert [attempt.outcome for attempt in last.attempts] == ["rate limited"]


@pytest.mark.parametrize("creates", [True, False])
async def test_a_mistake_after_sending_leaves_the_request_open(
    platform: VendorPlatform, journal: Journal, creates: bool
) -> None:
    wishes = WISHES
    if not creates:
        await existing(platform, journal)
        wishes = [*WISHES[:2], campaign("a1", "a", 30), *WISHES[3:]]
    platform.faults = [("a1", "mistake")]
    with pytest.raises(ZeroDivisionError):
        await applied(platform, wishes, journal)
    assert [(one.key, one.state) for one in await journal.open_intents()] == [("a1", "unknown")]
    ended, _ = await ended_of(platform, journal, wishes)
    assert ended.how == "complete"
    assert set(platform.vendor.creations.values()) == {1}


async def test_an_object_is_told_of_once_however_many_requests_it_takes(
    platform: VendorPlatform, journal: Journal
) -> None:
    await existing(platform, journal)
    end = datetime(2027, 4, 1, tzinfo=UTC)
    wishes = [
        *WISHES[:2],
        campaign("a1", "a", 30, end_time=end),
        campaign("a2", "a", 40, end_time=end.replace(day=2)),
        campaign("b1", "b", 50, end_time=end.replace(day=3)),
    ]
    platform.faults = [("a2", "refused"), ("b1", "refused"), ("b1", "refused")]
    ended, events = await ended_of(platform, journal, wishes)
    assert len(platform.sent) == 6
    assert brief(events, RowFailed) == {"a2": "refused", "b1": "refused"}
    assert len(of(events, RowFailed)) == 2
    assert {key: how for key, how in brief(events, RowDone).items() if how != "unchanged"} == {"a1": "changed"}
    assert (ended.done, ended.failed) == (1, 2)


async def test_what_needs_an_id_that_nobody_knows_is_not_sent(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, [*WISHES[:2], *WISHES[2:4]], journal)
    made._writes = [write for write in made._writes if write.kind == CAMPAIGN or write.targets[0].key == "b"]
    events = [event async for event in made.apply(journal=journal)]
    assert brief(events, RowFailed) == dict.fromkeys(["a1", "a2", "a"], "failed")
    assert of(events, RowFailed)[0].error == "the vendor's id of what it is about is not known"


async def test_what_is_lost_early_is_settled_while_the_others_are_sent(tmp_path: Path) -> None:
    platform = VendorPlatform(quota=Quota(19, 60.0))
    wishes = [order("a"), order("b"), *(campaign(f"a{number}", "a") for number in range(400))]
    platform.faults = [("a0", "cut_after"), ("b", "cut_after"), ("a200", "cut_after")]
    async with journal_in(tmp_path, platform.clock) as journal:
        ended, events = await ended_of(platform, journal, wishes)
        assert ended.how == "complete"
        kinds = [type(event).__name__ for event in events]
        assert kinds.index("Settled") < len(kinds) - 1 - kinds[::-1].index("Sent")
        # one round for the first two, with a look at each kind, and one for the last
        assert platform.reads == {"namesakes": 6, "differences": 3}
        platform.reads.clear()
        # what was answered and not named waits in the same way, unless it is much
        platform.silent = {f"a{number}" for number in range(5)}
        later = [*wishes[:2], *(campaign(f"a{number}", "a", 100 + number) for number in range(400))]
        ended, events = await ended_of(platform, journal, later)
        assert ended.how == "complete"
        assert platform.reads == {"read_back": 1}


async def test_it_ends_however_often_it_is_cancelled(platform: VendorPlatform, journal: Journal) -> None:
    platform.latency = 5.0
    task = asyncio.create_task(applied(platform, WISHES, journal))
    while not platform.under_way:
        await asyncio.sleep(0)
    for _ in range(6):
        task.cancel()
        await asyncio.sleep(0)
    with suppress(asyncio.CancelledError):
        await task
    assert [run.how for run in await journal.runs()] == ["interrupted"]
    assert {one.state for one in await journal.open_intents()} <= {"unknown"}
    ended, _ = await ended_of(platform, journal, WISHES, if_absent="create", by="ada")
    assert ended.how == "complete"


@pytest.mark.parametrize("leaving", ["cancelled", "left"])
async def test_what_is_at_the_service_when_it_is_left_is_heard_out(
    platform: VendorPlatform, journal: Journal, leaving: str
) -> None:
    await applied(platform, WISHES[:2], journal)
    platform.latency = GRACE - 1
    wishes = [*WISHES[:2], *(campaign(f"a{number}", "a") for number in range(6))]
    platform.faults = [("a1", "rate limited"), ("a2", "timeout")]
    made = await planned(platform, wishes, journal)
    events: list[Event] = []
    with suppress(asyncio.CancelledError):
        async with aclosing(made.apply(journal=journal, concurrency=4)) as told:
            async for event in told:
                events.append(event)
                if not isinstance(event, Sent) or len(of(events, Sent)) < 4:
                    continue
                if leaving == "left":
                    break
                asyncio.current_task().cancel()  # type: ignore[union-attr]
    assert [write.targets[0].key for _, write in platform.sent[2:]] == ["a0", "a1", "a2", "a3"]
    assert [(one.key, one.state) for one in await journal.open_intents()] == [("a2", "unknown")]
    assert (await journal.ids(CAMPAIGN)).keys() == {"a0", "a3"}
    if leaving == "cancelled":
        assert {key for key, how in brief(events, RowDone).items() if how == "created"} == {"a0", "a3"}
    assert [run.how for run in await journal.runs()][-1] == "interrupted"


async def test_nobody_who_leaves_waits_for_long(platform: VendorPlatform, journal: Journal) -> None:
    await applied(platform, WISHES[:2], journal)
    platform.latency = GRACE + 1
    platform.faults = [("a1", "rate limited")]
    task = asyncio.create_task(applied(platform, WISHES, journal))
    while platform.under_way < 3:
        await asyncio.sleep(0)
    began = platform.clock.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert platform.clock.monotonic() - began == GRACE
    assert {one.state for one in await journal.open_intents()} == {"unknown"}


async def test_what_was_cut_off_after_it_was_turned_away_has_both_attempts(
    platform: VendorPlatform, journal: Journal
) -> None:
    await applied(platform, WISHES[:2], journal)
    platform.latency, platform.faults = 2 * GRACE, [("a1", "rate limited")]
    task = asyncio.create_task(applied(platform, WISHES[:3], journal))
    while len(platform.sent) < 4:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    last = [one async for one in journal.history()][-1]
    assert [(one.number, one.outcome) for one in last.attempts] == [(1, "rate limited"), (2, "cancelled")]


async def test_a_row_without_a_request_is_not_done(platform: VendorPlatform, journal: Journal) -> None:
    made = await planned(platform, WISHES, journal)
    made._writes = [write for write in made._writes if write.targets[0].key != "a1"]
    events = [event async for event in made.apply(journal=journal)]
    assert brief(events, RowFailed) == {"a1": "failed"}
    assert events[-1].how == "failed"


async def test_a_mistake_in_a_platform_is_raised(platform: VendorPlatform, journal: Journal) -> None:
    platform.faults = [("a1", ZeroDivisionError("oh"))]
    made = await planned(platform, WISHES, journal)
    with pytest.raises(ZeroDivisionError):
        async for _ in made.apply(journal=journal):
            pass
    assert [run.how for run in await journal.runs()] == ["stopped"]


# the quota, the reader


async def test_the_quota_is_kept_busy_and_never_exceeded(journal: Journal, tmp_path: Path) -> None:
    platform = VendorPlatform(quota=Quota(19, 60.0))
    platform.latency = 0.2
    orders = [order(letter) for letter in "abcdefgh"]
    wishes = [*orders, *(campaign(f"{one.key}{number}", one.key) for one in orders for number in range(47))]
    async with journal_in(tmp_path / "own", platform.clock) as own:
        ended, _ = await ended_of(platform, own, wishes)
    assert (ended.how, ended.done) == ("complete", 8 * 47)
    times = [at for at, _ in platform.sent]
    assert len(times) == 8 * 48
    # as the service counts: no more than 19 in any minute
    assert all(later - earlier >= 60.0 for earlier, later in zip(times, times[19:], strict=False))
    bound = (len(times) - 1) // 19 * 60.0
    assert ended.seconds <= 1.02 * bound


async def test_no_more_are_under_way_than_told(platform: VendorPlatform, journal: Journal) -> None:
    platform.latency = 1.0
    wishes = [order("a"), *(campaign(f"a{number}", "a") for number in range(20))]
    await ended_of(platform, journal, wishes, concurrency=3)
    assert platform.most_under_way == 3


async def test_a_slow_reader_holds_it_up_and_loses_nothing(
    platform: VendorPlatform, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queue, "ROOM", 4)
    wishes = [order("a"), *(campaign(f"a{number}", "a") for number in range(30))]
    made = await planned(platform, wishes, journal)
    events: list[Event] = []
    async for event in made.apply(journal=journal, concurrency=2):
        events.append(event)
        for _ in range(100):
            await asyncio.sleep(0)
        told = len(of(events, Sent))
        assert len(platform.sent) <= told + 8
    assert len(of(events, RowDone)) == 31
    again = await planned(platform, wishes, journal)
    assert len(of([event async for event in again.apply(journal=journal)], RowDone)) == 31


@pytest.mark.parametrize("afterwards", ["is lost", "arrives"])
async def test_an_open_journal_serves_the_apply_after_one_that_was_interrupted(tmp_path: Path, afterwards: str) -> None:
    for turn in count(1):
        platform = VendorPlatform()
        async with journal_in(tmp_path / str(turn), platform.clock) as journal:
            task = asyncio.create_task(applied(platform, WISHES, journal))
            for _ in range(turn):
                await asyncio.sleep(0)
            if task.done():
                break
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert "sending" not in {one.state for one in await journal.open_intents()}
            assert {run.how for run in await journal.runs()} <= {"interrupted", "complete"}
            if afterwards == "arrives":
                platform.vendor.all_arrives()
            platform.vendor.on_the_way.clear()
            ended, _ = await ended_of(platform, journal, WISHES, if_absent="create", by="ada")
            assert ended.how == "complete"
            assert set(platform.vendor.creations.values()) == {1}
    assert turn > 20


async def test_a_run_that_goes_on_is_left_alone(platform: VendorPlatform, journal: Journal) -> None:
    await journal.begin_run("another")
    made = await planned(platform, WISHES, journal)
    with pytest.raises(Contradiction, match="has not ended"):
        await anext(made.apply(journal=journal))
    task = asyncio.ensure_future(anext(made.apply(journal=journal)))
    for _ in range(20):
        task.cancel()
        await asyncio.sleep(0)
    assert [run.how for run in await journal.runs()] == [""]


async def test_one_that_is_cancelled_before_it_begins_ends_no_other(tmp_path: Path) -> None:
    """Whenever that is, and whichever of the two has begun."""
    for turn in range(12):
        platform = VendorPlatform()
        async with journal_in(tmp_path / str(turn), platform.clock) as journal:
            first = asyncio.create_task(applied(platform, WISHES, journal))
            await asyncio.sleep(0)
            second = asyncio.create_task(applied(platform, [order("z")], journal))
            for _ in range(turn):
                await asyncio.sleep(0)
            second.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            assert of(first.result(), RowFailed) == []
            assert "" not in {run.how for run in await journal.runs()}


async def test_a_plan_of_a_file_is_applied(tmp_path: Path) -> None:
    platform = CarryingPlatform()
    rows = [row("a"), row("b", budget_total=Decimal(20)), row("c", "Summer")]
    async with await Journal.open(platform.base_url, platform.account, directory=tmp_path) as journal:
        with await plan(rows, platform, journal=journal) as first:
            assert first.totals.committed == Decimal(2020)
            events = [event async for event in first.apply(journal=journal)]
            typed: Applicable = first
            assert typed.label == ""
        assert brief(events, RowDone) == dict.fromkeys(["Spring", "Summer", "a", "b", "c"], "created")
        assert isinstance(events[0], Began)
        assert (events[0].flights, events[0].writes, events[0].committed) == (3, 5, Decimal(2020))
        with await plan(rows, platform, journal=journal) as second:
            assert second.is_empty
            events = [event async for event in second.apply(journal=journal)]
        assert set(brief(events, RowDone).values()) == {"unchanged"}


class CarryingPlatform(FakePlatform):
    """Does what it is told, at once."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, int] = {}

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told:
        await watch.sending(lambda: SHOWN)
        told = self.carry_out(write, {write.targets[0].parent or "": parent or 0})
        watch.answered("answered", 200, self.clock.time(), 0.0)
        return told
