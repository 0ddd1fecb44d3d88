"""An apply that ends anywhere is finished by the next one, and everything is made exactly once.

The journal runs in the event loop, and so does the vendor; so an apply takes the same turns of the loop each time, and
is ended at each of them in turn: cancelled, left, or killed. A kill leaves the journal's files and the vendor as they
are at that moment. What was on its way then is lost, or arrives afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import aclosing, suppress
from copy import deepcopy
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeAlias

import pytest

from adflight.flights.events import Ended, Event, RowDone
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.flights.shelf import copied
from tests.flights.vendor import (
    InlineJournal,
    Vendor,
    VendorPlatform,
    brief,
    campaign,
    journal_in,
    order,
    planned,
)

End: TypeAlias = Literal["cancelled", "left", "killed"]
Afterwards: TypeAlias = Literal["is lost", "arrives", "arrives late"]

BEFORE: Final = [order("a", 100), campaign("a1", "a", 50), campaign("a2", "a", 10)]
AFTER: Final = [
    order("a", 70),
    order("b", 30),
    campaign("a1", "a", 20),
    campaign("a2", "a", 30),
    campaign("a3", "a", 20),
    campaign("b1", "b", 30),
]
FAULTS: Final[dict[str, list[tuple[str, Any]]]] = {
    "nothing": [],
    "a lost order": [("b", "cut_after")],
    "a lost campaign": [("a3", "cut_after")],
    "lost updates": [("a1", "timeout"), ("a2", "cut_after")],
    "a silent answer": [],
}


class World:
    """The vendor, the disk and the time; they outlive a process."""

    def __init__(self, directory: Path, vendor: Vendor, now: float = 0.0) -> None:
        self.directory = directory
        self.vendor = vendor
        self.now = now
        self.platform: VendorPlatform
        self.journal: InlineJournal

    async def apply(
        self, faults: Iterable[tuple[str, Any]] = (), silent: Iterable[str] = (), leave_after: int = -1, **more: Any
    ) -> list[Event]:
        """One process, which may leave after some events."""
        self.platform = platform = VendorPlatform(self.vendor)
        platform.clock._now = self.now
        platform.faults, platform.silent = [*faults], {*silent}
        events: list[Event] = []
        async with journal_in(self.directory, platform.clock) as self.journal:
            plan = await planned(platform, AFTER, self.journal)
            async with aclosing(plan.apply(journal=self.journal, **more)) as told:
                while len(events) != leave_after and (event := await anext(told, None)) is not None:
                    events.append(event)
        self.now = platform.clock.monotonic()
        return events

    def copy(self, to: Path) -> World:
        """As it is at this moment."""
        now = self.platform.clock.monotonic() if hasattr(self, "platform") else self.now
        return World(copied(self.directory, to), deepcopy(self.vendor), now)

    @property
    def mark(self) -> tuple[Any, ...]:
        """Differs when a kill would leave something else behind."""
        if not hasattr(self, "journal") or self.journal._steps._closed.done():
            return ()
        return self.journal._book._database._database.total_changes, self.vendor.numbers, tuple(self.vendor.on_the_way)


async def before(directory: Path) -> World:
    """A world in which something exists already, and was applied."""
    world = World(directory, Vendor())
    platform = VendorPlatform(world.vendor)
    async with journal_in(directory, platform.clock) as journal:
        plan = await planned(platform, BEFORE, journal)
        events = [event async for event in plan.apply(journal=journal)]
    assert isinstance(events[-1], Ended)
    assert events[-1].how == "complete"
    world.now = platform.clock.monotonic() + 1000.0
    return world


async def finish(world: World, afterwards: Afterwards) -> None:
    """The next applies do the rest, and everything exists once, as the file says."""
    if afterwards == "is lost":
        world.vendor.on_the_way.clear()
    elif afterwards == "arrives":
        world.vendor.all_arrives()
    late = asyncio.create_task(arrives_late(world))
    events = await world.apply(if_absent="create", by="ada")
    late.cancel()
    # whoever did not wait for it finds it now
    world.vendor.all_arrives()
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.how, ended.failed) == ("complete", 0), events
    assert world.vendor.shape() == EXPECTED.shape()
    assert set(world.vendor.creations.values()) == {1}

    sent = world.vendor.numbers
    events = await world.apply()
    assert brief(events, RowDone) == dict.fromkeys([wish.key for wish in AFTER], "unchanged")
    assert world.vendor.numbers == sent
    async with journal_in(world.directory, world.platform.clock) as journal:
        assert await journal.open_intents() == []
        for kind in (ORDER, CAMPAIGN):
            ids = await journal.ids(kind)
            assert {wish.name for wish in AFTER if wish.kind == kind} == {
                world.vendor.objects[kind][id_].name for id_ in ids.values()
            }


async def arrives_late(world: World) -> None:
    """While the next process waits for it."""
    began = world.now
    while not hasattr(world, "platform") or world.platform.clock.monotonic() < began + 50.0:
        await asyncio.sleep(0)
    world.vendor.all_arrives()


def expected() -> Vendor:
    vendor = Vendor()
    ids = {wish.key: vendor.create(ORDER, wish.name, None, wish.fields) for wish in AFTER if wish.kind == ORDER}
    for wish in AFTER:
        if wish.kind == CAMPAIGN:
            vendor.create(CAMPAIGN, wish.name, ids[wish.parent or ""], wish.fields)
    return vendor


EXPECTED: Final = expected()


async def no_task_is_left() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def silent(fault: str) -> list[str]:
    return ["a1", "a2", "a"] if fault == "a silent answer" else []


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """Where hundreds of journals are made quickly: in memory, where that can be had."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as directory:
        yield Path(directory)


@pytest.mark.parametrize("fault", FAULTS)
async def test_cancelled_at_any_turn(places: Path, fault: str) -> None:
    start = await before(places / "start")
    for turn in count():
        world = start.copy(places / str(turn))
        task = asyncio.create_task(world.apply(FAULTS[fault], silent(fault)))
        for _ in range(turn):
            await asyncio.sleep(0)
        if task.done():
            await task
            assert turn > 50
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await no_task_is_left()
        endings: list[Afterwards] = ["is lost", "arrives", "arrives late"]
        for afterwards in endings if world.vendor.on_the_way else endings[:1]:
            await finish(world.copy(places / f"{turn} {afterwards}"), afterwards)


async def killed_at_any_turn(world: World, to: Path, **more: Any) -> list[World]:
    """What an apply leaves when it is killed, at each turn that changes that."""
    left: list[World] = []
    mark: tuple[Any, ...] = ()
    task = asyncio.create_task(world.apply(**more))
    while not task.done():
        await asyncio.sleep(0)
        if world.mark != mark:
            mark = world.mark
            left.append(world.copy(to / str(len(left))))
    await task
    return left


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("afterwards", ["is lost", "arrives", "arrives late"])
async def test_killed_at_any_turn(places: Path, fault: str, afterwards: Afterwards) -> None:
    start = await before(places / "start")
    left = await killed_at_any_turn(start.copy(places / "world"), places, faults=FAULTS[fault], silent=silent(fault))
    assert len(left) > 15
    for one in left:
        await finish(one, afterwards)


@pytest.mark.parametrize("afterwards", ["is lost", "arrives"])
async def test_killed_again_while_it_finishes(places: Path, afterwards: Afterwards) -> None:
    start = await before(places / "start")
    left = await killed_at_any_turn(start.copy(places / "world"), places, faults=FAULTS["a lost campaign"])
    # most is open in the middle
    first = max(left, key=lambda one: len(one.vendor.on_the_way))
    assert len(first.vendor.on_the_way) > 1
    if afterwards == "arrives":
        first.vendor.all_arrives()
    first.vendor.on_the_way.clear()
    (places / "again").mkdir()
    for one in await killed_at_any_turn(first, places / "again", if_absent="create", by="ada"):
        await finish(one, afterwards)


@pytest.mark.parametrize("fault", FAULTS)
async def test_left_after_any_event(places: Path, fault: str) -> None:
    start = await before(places / "start")
    for number in count():
        world = start.copy(places / str(number))
        events = await world.apply(FAULTS[fault], silent(fault), leave_after=number)
        await no_task_is_left()
        if len(events) < number:
            return
        await finish(world, "arrives")
