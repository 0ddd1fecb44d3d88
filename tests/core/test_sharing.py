from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adflight.core.clock import SystemClock
from adflight.core.errors import ConfigurationError
from adflight.core.ledger import Ledger
from adflight.core.ledger_file import LedgerFile
from adflight.core.quota import Limiter, Quota
from adflight.core.sharing import Sharing
from tests.clock import FakeClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "quota.db"


@contextmanager
def busy(file: Path) -> Iterator[None]:
    """Somebody is writing."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def ruin(file: Path) -> None:
    for path in file.parent.iterdir():
        path.unlink()
    file.mkdir()


def sharers(count: int, quota: Quota, clock: FakeClock) -> list[Limiter]:
    return [Limiter(quota, clock=clock, account="ada") for _ in range(count)]


async def is_full(limiter: Limiter, clock: FakeClock) -> bool:
    asking = asyncio.create_task(limiter.acquire())
    await clock.settle()
    if asking.done():
        (await asking).give_back()
        return False
    asking.cancel()
    return True


async def test_limiters_share_what_one_of_them_may_use(file: Path) -> None:
    clock = FakeClock(auto=True)
    limiters = [Limiter(Quota(3, 60.0, shared=file), clock=clock, account="ada") for _ in range(2)]
    moments: list[float] = []

    async def request(limiter: Limiter) -> None:
        with await limiter.acquire():
            moments.append(clock.monotonic())

    await asyncio.gather(*(request(limiter) for limiter in limiters for _ in range(6)))
    assert len(moments) == 12
    assert all(later - earlier >= 60.0 for earlier, later in zip(moments, moments[3:], strict=False))
    assert max(moments) - min(moments) == 3 * 60.0


async def test_a_wait_that_is_cancelled_takes_nothing(file: Path) -> None:
    clock = FakeClock()
    taken = Limiter(Quota(1, 60.0, shared=file), clock=clock, account="ada")
    slot = await taken.acquire()
    other = Limiter(Quota(1, 60.0, shared=file), clock=clock, account="ada")
    waiting = asyncio.create_task(other.acquire())
    await clock.advance(2.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert other.state().used == 1, "the other one's"
    slot.give_back()
    (await other.acquire()).answered()
    other.pause(20, "told to")
    assert taken.acquire_nowait() is None
    other.quota = Quota(5, 60.0)
    assert other.acquire_nowait() is None, "paused"
    assert (other.state().paused_for, other.state().reason) == (20.0, "told to")


async def test_a_pause_of_another_process_is_shown(file: Path) -> None:
    clock = FakeClock()
    one, other = (Limiter(Quota(3, 60.0, shared=file), clock=clock, account="ada") for _ in range(2))
    for limiter in (one, other):
        (await limiter.acquire()).answered()
    one.pause(20, "told to")
    shown = other.state()
    assert (shown.used, shown.paused_for, shown.reason) == (2, 20.0, "the service asked another process for it")
    await clock.advance(20.0)
    assert (other.state().paused_for, other.state().reason) == (0.0, None)


async def test_a_slot_that_is_free_at_once_is_counted_together(file: Path) -> None:
    clock = FakeClock()
    one, other = (Limiter(Quota(2, 60.0, shared=file), clock=clock, account="ada") for _ in range(2))
    (await one.acquire()).answered()
    (await other.acquire()).answered()
    assert one.acquire_nowait() is None
    assert one.state().used == 2
    await clock.advance(60.0)
    slot = one.acquire_nowait()
    assert slot is not None
    assert other.state().used == 1
    one.quota = Quota(4, 60.0, shared=file)
    slot.give_back()
    assert other.state().used == 0, "given back in spite of the new quota"


async def test_a_file_that_was_asked_for_has_to_be_usable(tmp_path: Path) -> None:
    limiter = Limiter(Quota(2, 60.0, shared=tmp_path), clock=FakeClock(), account="ada")
    with pytest.raises(ConfigurationError, match="quota's file"):
        await limiter.acquire()
    assert limiter.state().used == 0


# by default


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "adflight"


async def test_everybody_on_the_machine_counts_together(state: Path) -> None:
    limiters = [Limiter(Quota(2, 60.0), account="ada") for _ in range(2)]
    for limiter in limiters:
        (await limiter.acquire()).answered()
    assert [limiter.acquire_nowait() for limiter in limiters] == [None, None]
    (await Limiter(Quota(2, 60.0), account="bob").acquire()).answered()
    assert (os.listdir(state.parent), os.listdir(state)) == (["adflight"], ["quota"])


async def test_a_clock_of_ones_own_and_who_wants_to_count_alone(state: Path) -> None:
    for limiter in (Limiter(Quota(2, 60.0), clock=FakeClock()), Limiter(Quota(2, 60.0, shared=False))):
        (await limiter.acquire()).answered()
    assert os.listdir(state.parents[1]) == []


async def test_where_no_state_can_be_kept_a_process_counts_alone(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    state.parent.write_text("")
    limiter = Limiter(Quota(2, 60.0), account="ada")
    for _ in range(2):
        (await limiter.acquire()).answered()
    assert limiter.acquire_nowait() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be used: Not a directory; this process counts its requests by itself" in caplog.text


# queues


async def test_they_are_served_in_the_order_of_asking(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(2, 60.0, shared=file), clock)
    first, _ = [await one.acquire() for _ in range(2)]
    order: list[str] = []

    async def request(name: str) -> None:
        await other.acquire()
        order.append(name)

    waiting = [asyncio.create_task(request("early"))]
    await clock.advance(0.3)
    first.give_back()
    waiting.append(asyncio.create_task(request("late")))
    await clock.advance(1.0)
    assert order == ["early"]
    assert other.state().waiting == 1
    for task in waiting:
        task.cancel()


async def test_however_many_wait_one_asks_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    enter = Ledger.enter

    def counted(ledger: Ledger, request_timeout: float = 0.0) -> str | float:
        nonlocal asked
        asked += 1
        return enter(ledger, request_timeout)

    clock = FakeClock()
    one, other = sharers(2, Quota(50, 60.0, shared=file), clock)
    slots = [await one.acquire() for _ in range(50)]
    monkeypatch.setattr(Ledger, "enter", counted)
    tasks = [asyncio.create_task(other.acquire()) for _ in range(50)]
    await clock.advance(30.0)
    assert asked <= 31
    for slot in slots:
        slot.answered()
    asked = 0
    await clock.advance(60.0)
    assert all(task.done() for task in tasks)
    assert asked <= 61 + 50


async def test_a_short_window_is_used_in_full(file: Path) -> None:
    clock = FakeClock(auto=True)
    limiters = sharers(2, Quota(5, 0.2, shared=file), clock)
    moments: list[float] = []

    async def request(limiter: Limiter) -> None:
        with await limiter.acquire():
            moments.append(clock.monotonic())
            await clock.sleep(0.02)

    await asyncio.gather(*(request(limiter) for limiter in limiters for _ in range(50)))
    assert max(moments) == pytest.approx(19 * 0.22, rel=0.01)


async def test_a_file_that_breaks_while_somebody_waits(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(1, 60.0, shared=file), clock)
    (await one.acquire()).answered()
    waiting = [asyncio.create_task(other.acquire()) for _ in range(2)]
    await clock.advance(1.0)
    ruin(file)
    await clock.advance(2.0)
    for task in waiting:
        with pytest.raises(ConfigurationError, match="quota's file"):
            await task
    assert other.state().waiting == 0


async def test_given_up_in_the_moment_in_which_the_file_breaks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(1, 60.0, shared=file), clock)
    (await one.acquire()).answered()
    waiting = asyncio.create_task(other.acquire())
    await clock.advance(1.0)

    def refuse(sharing: Sharing, request_timeout: float) -> str:
        waiting.cancel()
        raise ConfigurationError("broken")

    monkeypatch.setattr(Sharing, "enter", refuse)
    await clock.advance(1.0)
    with pytest.raises((asyncio.CancelledError, ConfigurationError)):
        await waiting
    assert other.state().used == 1


# files that fail for a while


async def test_an_answer_does_not_wait_for_a_busy_file(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(1, 60.0, shared=file), clock)
    slot = await one.acquire()
    with busy(file):
        slot.answered()
        await clock.advance(1.0)
    await clock.advance(0.1)
    # the other one knows, although this one asks for nothing more
    assert await is_full(other, clock)
    await clock.advance(58.9)
    await other.acquire()


async def test_a_pause_is_told_as_soon_as_the_file_is_free(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(2, 60.0, shared=file), clock)
    for limiter in (one, other):
        (await limiter.acquire()).give_back()
    with busy(file):
        one.pause(20.0, "told to")
    await clock.advance(0.1)
    assert (other.paused, other.acquire_nowait()) == (True, None)
    await clock.advance(20.0)
    assert not other.paused


def test_outside_an_event_loop_it_is_told_with_the_next_request(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(2, 60.0, shared=file), clock)

    async def take_and_give_back(limiter: Limiter) -> None:
        (await limiter.acquire()).give_back()

    for limiter in (one, other):
        asyncio.run(take_and_give_back(limiter))
    with busy(file):
        one.pause(20.0, "told to")
    one.pause(10.0, "told to")
    assert other.paused


class Breaking:
    """A file that cannot be used while it is broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_broken = False
        self._connect = LedgerFile._connection
        monkeypatch.setattr(LedgerFile, "_connection", lambda file: self.connection(file))

    def connection(self, file: LedgerFile) -> sqlite3.Connection:
        if self.is_broken:
            raise sqlite3.OperationalError("database or disk is full")
        return self._connect(file)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    return Breaking(monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """In the place of the system's, under which a quota is shared by default."""
    clock = FakeClock()
    for name in ("monotonic", "time"):
        monkeypatch.setattr(SystemClock, name, lambda _, name=name: getattr(clock, name)())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: clock.sleep(seconds))
    return clock


async def test_a_failure_that_passes_is_forgotten(
    state: Path, clock: FakeClock, breaking: Breaking, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    one, other = (Limiter(Quota(3, 60.0), account="ada") for _ in range(2))
    slot = await one.acquire()
    (await other.acquire()).give_back()
    breaking.is_broken = True
    for _ in range(2):
        (await one.acquire()).answered()
    slot.answered()
    one.pause(1.0, "told to")
    await clock.advance(6.0)
    assert one.acquire_nowait() is None, "it counts by itself"
    assert other.state().used == 0
    assert other.paused is False
    breaking.is_broken = False
    await clock.advance(4.0)
    waiting = asyncio.create_task(one.acquire())
    await clock.advance(50.0)
    (await waiting).answered()
    assert "database or disk is full; this process counts its requests by itself" in caplog.text
    assert len(caplog.records) == 2, "each of them says it once"

    breaking.is_broken = True
    await clock.advance(60.0)
    (await one.acquire()).answered()
    assert len(caplog.records) == 3, "it had worked in between"


async def test_what_was_sent_meanwhile_counts_afterwards(state: Path, clock: FakeClock, breaking: Breaking) -> None:
    one, other = (Limiter(Quota(3, 60.0), account="ada") for _ in range(2))
    (await one.acquire()).give_back()
    breaking.is_broken = True
    for _ in range(2):
        (await one.acquire()).answered()
    breaking.is_broken = False
    await clock.advance(5.0)
    (await one.acquire()).answered()
    assert await is_full(other, clock)


async def test_a_damaged_file_is_made_anew(state: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    (state / "quota").mkdir(parents=True)
    (state / "quota" / "quota.db").write_bytes(b"\0" * 5000)
    one, other = (Limiter(Quota(3, 60.0), account="ada") for _ in range(2))
    (await one.acquire()).answered()
    (await other.acquire()).answered()
    await clock.advance(5.0)
    (await one.acquire()).answered()
    assert other.state().used == 3
    assert "was moved to" in caplog.text


async def test_a_named_file_is_relied_on_and_its_failures_with_answers_told_once(
    file: Path, breaking: Breaking, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    (one,) = sharers(1, Quota(3, 60.0, shared=file), clock)
    slots = [await one.acquire() for _ in range(2)]
    breaking.is_broken = True
    for slot in slots:
        slot.answered()
    assert one.state().used == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(ConfigurationError, match="disk is full"):
        await one.acquire()
    breaking.is_broken = False
    await clock.advance(1.0)
    (await one.acquire()).answered()
    (other,) = sharers(1, Quota(3, 60.0, shared=file), clock)
    assert await is_full(other, clock)
    assert other.state().used == 3


async def test_a_file_that_breaks_while_it_is_busy(
    file: Path, breaking: Breaking, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    (one,) = sharers(1, Quota(3, 60.0, shared=file), clock)
    slot = await one.acquire()
    with busy(file):
        slot.answered()
        await clock.settle()
        breaking.is_broken = True
        await clock.advance(1.0)
    assert "disk is full" in caplog.text
    assert clock.sleepers == 0


async def test_a_python_without_sqlite_counts_by_itself(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "adflight.core.ledger", None)
    limiter = Limiter(Quota(2, 60.0), account="ada")
    (await limiter.acquire()).answered()
    assert limiter.state().used == 1
    assert "this Python cannot keep a quota in a file" in caplog.text


# what a process leaves behind


def test_what_was_under_way_in_a_dead_event_loop_counts_for_everybody(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(1, 60.0, shared=file), clock)

    async def take() -> None:
        await one.acquire()

    async def look() -> None:
        assert await is_full(one, clock)
        await clock.advance(60.0)
        (await other.acquire()).answered()

    asyncio.run(take())
    asyncio.run(look())


async def test_switching_the_quota_off_ends_what_is_under_way(file: Path) -> None:
    clock = FakeClock()
    one, other = sharers(2, Quota(1, 60.0, shared=file), clock)
    slot = await one.acquire()
    one.quota = None
    slot.give_back()
    (await other.acquire()).answered()


def test_a_program_may_change_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quota = Quota(2, 60.0, shared=Path("quota.db"))
    assert quota.shared == tmp_path / "quota.db"
