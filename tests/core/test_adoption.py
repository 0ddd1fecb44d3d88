from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.adoption import Adopted, Created, Finding, Turns, adopt, create_once
from adflight.core.errors import ConnectionBroken, PagingError, UnknownOutcome
from adflight.core.redaction import RedactedRequest
from tests.clock import FakeClock

SENT_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLED_AFTER = 90.0
SECOND_LOOK = 15.0


def unknown() -> UnknownOutcome:
    return UnknownOutcome(
        "the connection broke.",
        request=RedactedRequest("POST", "https://api.example.com/api/v3/cmp/io/add", {}, {"ioName": "Spring"}),
        sent_at=SENT_AT,
        settled_after=SETTLED_AFTER,
        cause=ConnectionBroken("the connection broke"),
        operation="insertion_orders.create",
    )


@frozen
class Thing:
    """An object of the vendor that bears the name from `since` to `until` (seconds after the create was sent)."""

    id: int
    budget: int = 100
    since: float = float("-inf")
    until: float = float("inf")


@define
class World:
    """A vendor that carries out one create as told, among other objects of the same name."""

    ours: Thing | None = None
    """What the create makes; nothing when None."""
    others: list[Thing] = field(factory=list)
    answer: Callable[[], Exception] | None = unknown
    """What is raised after the create; None when it is answered."""
    failing_look_ups: Mapping[int, Exception] = field(factory=dict)
    """By number, counted from 1."""
    clock: FakeClock = field(factory=lambda: FakeClock(auto=True))
    creates: int = 0
    look_ups: list[float] = field(factory=list)
    seen: list[dict[int, Thing]] = field(factory=list)
    records: list[tuple[str, Mapping[str, Any]]] = field(factory=list)
    _sent: float | None = None

    async def create(self) -> str:
        self.creates += 1
        self._sent = self.clock.monotonic()
        if self.answer is not None:
            raise self.answer()
        return "created"

    async def look_up(self) -> Mapping[int, Thing]:
        now = -1.0 if self._sent is None else self.clock.monotonic() - self._sent
        self.look_ups.append(now)
        error = self.failing_look_ups.get(len(self.look_ups))
        if error is not None:
            raise error
        things = self.others if self.ours is None or self._sent is None else [*self.others, self.ours]
        self.seen.append({thing.id: thing for thing in things if thing.since <= now < thing.until})
        return self.seen[-1]

    def differences(self, row: Thing) -> list[str]:
        return ["budget"] if row.budget != 100 else []

    def record(self, step: str, details: Mapping[str, Any]) -> None:
        self.records.append((step, details))

    async def run(self, **changes: Any) -> Created[str] | Adopted[Thing]:
        settings: dict[str, Any] = {
            "look_up": self.look_up,
            "differences": self.differences,
            "clock": self.clock,
            "second_look": SECOND_LOOK,
            "record": self.record,
        }
        return await create_once(self.create, **{**settings, **changes})


OURS = Thing(50, since=0.5)


async def reported(world: World, **changes: Any) -> UnknownOutcome:
    with pytest.raises(UnknownOutcome) as caught:
        await world.run(**changes)
    assert world.creates == 1
    return caught.value


async def test_an_answered_create_is_created() -> None:
    world = World(answer=None, others=[Thing(7)])
    assert await world.run() == Created("created")
    assert (world.creates, len(world.look_ups)) == (1, 1)
    assert world.records == [("sending", {"existing": [7]})]


async def test_a_single_new_equal_object_is_adopted() -> None:
    world = World(OURS)
    outcome = await world.run()
    assert isinstance(outcome, Adopted)
    assert (outcome.id, outcome.row) == (50, OURS)
    assert outcome.unknown.operation == "insertion_orders.create"
    assert world.creates == 1


async def test_looks_up_when_settled_and_again_after_a_pause() -> None:
    world = World(OURS)
    await world.run()
    assert world.look_ups == [-1, SETTLED_AFTER, SETTLED_AFTER + SECOND_LOOK]


async def test_the_settling_time_can_be_given() -> None:
    world = World(OURS)
    await world.run(settle=2.0)
    assert world.look_ups == [-1, 2.0, 2.0 + SECOND_LOOK]


async def test_records_before_sending_and_before_waiting() -> None:
    world = World(OURS, others=[Thing(9), Thing(7)])
    steps: list[tuple[str, int, float]] = []

    async def record(step: str, details: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        steps.append((step, world.creates, world.clock.monotonic()))
        world.record(step, details)

    await world.run(record=record)
    assert steps == [("sending", 0, 0.0), ("unknown", 1, 0.0)]
    assert world.records == [
        ("sending", {"existing": [7, 9]}),
        ("unknown", {"sent_at": "2026-03-01T12:00:00+00:00", "settled_after": 90.0}),
    ]


async def test_recording_is_optional() -> None:
    assert isinstance(await World(OURS).run(record=None), Adopted)


async def test_old_namesakes_do_not_hinder_a_new_one() -> None:
    outcome = await World(OURS, others=[Thing(7), Thing(9)]).run()
    assert isinstance(outcome, Adopted)
    assert outcome.id == 50


async def test_what_the_second_look_up_saw_is_compared_and_adopted() -> None:
    looks = iter([{}, {50: Thing(50, budget=99)}, {50: OURS}])

    async def look_up() -> Mapping[int, Thing]:
        return next(looks)

    outcome = await World().run(look_up=look_up)
    assert isinstance(outcome, Adopted)
    assert outcome.row is OURS


async def test_the_comparison_may_ask_the_service() -> None:
    async def differences(row: Thing) -> list[str]:
        await asyncio.sleep(0)
        return []

    assert isinstance(await World(OURS).run(differences=differences), Adopted)


async def test_goes_on_from_a_record() -> None:
    """Another process adopts with what was recorded before the first one died."""
    world = World(OURS, others=[Thing(7)])
    with pytest.raises(UnknownOutcome):
        await world.create()
    outcome = await adopt(
        unknown(), existing=[7], look_up=world.look_up, differences=world.differences, clock=world.clock
    )
    assert outcome.id == 50


@pytest.mark.parametrize(
    ("world", "message", "absent"),
    [
        (World(), "found nothing new that bears its name", True),
        (
            World(others=[Thing(7), Thing(9)]),
            "found nothing new that bears its name. The name was borne before by 7, 9.",
            True,
        ),
        (World(evolve(OURS, since=100)), "disagree: first nothing bore its name, then 50.", False),
        (World(evolve(OURS, until=100)), "disagree: first 50 bore its name, then nothing.", False),
        (World(OURS, [Thing(51, since=3)]), "Several new objects bear its name: 50, 51.", False),
        (World(OURS, [Thing(51, since=100)]), "disagree: first 50 bore its name, then 50, 51.", False),
        (
            World(Thing(50, since=1, until=100), [Thing(51, since=100)]),
            "disagree: first 50 bore its name, then 51.",
            False,
        ),
        (World(None, [Thing(20), Thing(3, since=5)]), "Only 3 is new under its name, and older", False),
        (
            World(evolve(OURS, budget=99)),
            "One new object bears its name: 50. It differs from what was sent in budget.",
            False,
        ),
    ],
)
async def test_what_is_in_doubt_is_reported(world: World, message: str, absent: bool) -> None:
    world = evolve(world, look_ups=[], seen=[], records=[], clock=FakeClock(auto=True))
    error = await reported(world)
    assert message in str(error)
    assert str(error).startswith(
        "insertion_orders.create was sent at 2026-03-01T12:00:00+00:00, and it is not known whether it was carried "
        "out: the connection broke. "
    )
    assert error.absent is absent
    assert (error.operation, error.sent_at, error.settled_after) == ("insertion_orders.create", SENT_AT, SETTLED_AFTER)
    assert isinstance(error.cause, ConnectionBroken)


async def test_nothing_is_created_when_the_first_look_up_fails() -> None:
    world = World(failing_look_ups={1: PagingError("a row came twice")})
    with pytest.raises(PagingError):
        await world.run()
    assert (world.creates, world.records) == (0, [])


async def test_nothing_is_created_when_it_cannot_be_recorded() -> None:
    def record(step: str, details: Mapping[str, Any]) -> None:
        raise OSError("disk full")

    world = World()
    with pytest.raises(OSError, match="disk full"):
        await world.run(record=record)
    assert world.creates == 0


async def test_an_unknown_outcome_that_cannot_be_recorded_is_reported() -> None:
    def record(step: str, details: Mapping[str, Any]) -> None:
        if step == "unknown":
            raise OSError("disk full")

    world = World(OURS)
    error = await reported(world, record=record)
    assert "could not be recorded (OSError('disk full'))" in str(error)
    assert not error.absent
    assert len(world.look_ups) == 1


@pytest.mark.parametrize("number", [2, 3])
async def test_a_failing_look_up_is_reported(number: int) -> None:
    error = await reported(World(OURS, failing_look_ups={number: PagingError("a row came twice")}))
    assert "Looking for it failed: a row came twice" in str(error)
    assert isinstance(error.__cause__, PagingError)
    assert not error.absent


async def test_a_failing_comparison_is_reported() -> None:
    def differences(row: Thing) -> list[str]:
        raise KeyError("budget")

    error = await reported(World(OURS), differences=differences)
    assert "One new object bears its name: 50. It could not be compared with what was sent: 'budget'" in str(error)


async def test_a_refusal_is_raised_and_nothing_is_looked_up() -> None:
    world = World(answer=lambda: PermissionError("no"))
    with pytest.raises(PermissionError):
        await world.run()
    assert (world.creates, len(world.look_ups)) == (1, 1)


@pytest.mark.parametrize("moment", [0, 60, 95])
async def test_cancelling_while_it_waits_is_not_swallowed(moment: float) -> None:
    world = World(OURS, clock=FakeClock())
    running = asyncio.create_task(world.run())
    await world.clock.advance(moment)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.creates == 1
    assert [step for step, _ in world.records] == ["sending", "unknown"]


# Over many worlds

IDS = st.integers(1, 12)
MOMENTS = st.sampled_from([float("-inf"), 0.0, 30.0, 89.0, 90.0, 91.0, 104.0, 105.0, 106.0, float("inf")])
THINGS = st.builds(Thing, id=IDS, budget=st.sampled_from([100, 99]), since=MOMENTS, until=MOMENTS)
OUTCOMES: dict[str, Callable[[], Exception] | None] = {
    "answered": None,
    "unknown": unknown,
    "refused": lambda: ValueError("refused"),
}


@given(
    ours=st.none() | st.builds(Thing, id=st.just(50), since=MOMENTS.filter(lambda since: since >= 0)),
    others=st.lists(THINGS, max_size=4, unique_by=lambda thing: thing.id),
    answer=st.sampled_from(["answered", "unknown", "unknown", "unknown", "refused"]),
    failing=st.sets(st.integers(1, 3), max_size=1),
    asynchronous=st.booleans(),
)
async def test_nothing_is_adopted_that_is_in_doubt(
    ours: Thing | None, others: list[Thing], answer: str, failing: set[int], asynchronous: bool
) -> None:
    world = World(ours, others, OUTCOMES[answer], {number: PagingError("shifted") for number in failing})
    compared: list[Thing] = []

    def differences(row: Thing) -> list[str] | Awaitable[list[str]]:
        compared.append(row)
        found = world.differences(row)

        async def later() -> list[str]:
            return found

        return later() if asynchronous else found

    outcome: Any
    try:
        outcome = await world.run(differences=differences)
    except (UnknownOutcome, PagingError, ValueError) as error:
        outcome = error

    assert world.creates == (0 if 1 in failing else 1)
    if 1 in failing:
        assert isinstance(outcome, PagingError)
        return
    if answer != "unknown":
        assert isinstance(outcome, Created if answer == "answered" else ValueError)
        assert len(world.look_ups) == 1
        return
    if failing:
        assert isinstance(outcome, UnknownOutcome)
        assert not outcome.absent
        return

    before, first, second = world.seen
    new = [set(look) - set(before) for look in (first, second)]
    certain = (
        new[0] == new[1]
        and len(new[1]) == 1
        and all(min(new[1]) > id_ for id_ in before)
        and second[min(new[1])].budget == 100
    )
    if certain:
        assert isinstance(outcome, Adopted)
        assert {outcome.id} == new[1]
        assert outcome.id not in before
        assert compared == [outcome.row]
    else:
        assert isinstance(outcome, UnknownOutcome)
        assert outcome.absent is (not new[0] and not new[1])
        for id_ in new[1]:
            assert re.search(rf"\b{id_}\b", str(outcome))
    if all(thing.since == float("-inf") for thing in others) and isinstance(outcome, Adopted):
        # when nobody else creates, only what we made can be adopted
        assert outcome.row is ours


@given(st.sets(IDS), st.sets(IDS), st.sets(IDS))
def test_a_candidate_is_new_alone_and_seen_twice(existing: set[int], first: set[int], second: set[int]) -> None:
    finding = Finding.of(existing, first, second)
    if finding.candidate is not None:
        assert not finding.absent
        assert first - existing == second - existing == {finding.candidate}
        assert finding.candidate > max(existing, default=0)
    if finding.absent:
        assert first <= existing
        assert second <= existing


# One at a time


async def test_creates_of_one_name_take_turns() -> None:
    turns = Turns()
    running: list[str] = []
    most: dict[str, int] = {}

    async def work(name: str) -> None:
        async with turns.of(name):
            running.append(name)
            most[name] = max(most.get(name, 0), running.count(name))
            most["all"] = max(most.get("all", 0), len(running))
            await asyncio.sleep(0)
            running.remove(name)

    await asyncio.gather(*(work(name) for name in ["Spring", "Summer"] * 4))
    assert most == {"Spring": 1, "Summer": 1, "all": 2}


async def test_names_that_nobody_waits_for_are_forgotten() -> None:
    turns = Turns()
    lock = turns.of("Spring")
    assert turns.of("Spring") is lock
    forgotten = weakref.ref(lock)
    del lock
    assert forgotten() is None
