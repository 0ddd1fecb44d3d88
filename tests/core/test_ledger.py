from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from adflight.core.errors import ConfigurationError
from adflight.core.ledger import LEASE, Ledger
from adflight.core.quota import Limiter, Quota
from tests.clock import FakeClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "quota.db"


def ledger(file: Path, clock: FakeClock, account: str = "ada", requests: int = 2) -> Ledger:
    return Ledger(file, account, requests=requests, per=60.0, clock=clock)


def ruin(file: Path) -> None:
    file.unlink()
    file.mkdir()


def entered(found: str | float) -> str:
    assert isinstance(found, str)
    return found


async def test_two_count_together(file: Path) -> None:
    clock = FakeClock()
    one, two = ledger(file, clock), ledger(file, clock)
    first, second = entered(one.enter()), entered(two.enter())
    assert one.enter() == two.enter() == LEASE
    two.leave(second, counted=True)
    assert one.enter() == 60.0
    one.leave(first, counted=False)
    third = entered(two.enter())
    two.leave(third, counted=True)
    await clock.advance(60.0)
    entered(one.enter())


def test_accounts_do_not_disturb_each_other_and_are_not_named(file: Path) -> None:
    clock = FakeClock()
    full = ledger(file, clock, "ada@example.com", requests=1)
    full.enter()
    full.pause(10)
    entered(ledger(file, clock, "bob@example.com").enter())
    assert b"example.com" not in file.read_bytes()


async def test_a_pause_holds_everybody_up(file: Path) -> None:
    clock = FakeClock()
    one, two = ledger(file, clock), ledger(file, clock)
    one.pause(30)
    one.pause(10)
    assert two.enter() == 30.0
    await clock.advance(30.0)
    entered(two.enter())


async def test_a_dead_process_keeps_no_slot_for_ever(file: Path) -> None:
    clock = FakeClock()
    ledger(file, clock, requests=1).enter()
    await clock.advance(LEASE)
    entered(ledger(file, clock, requests=1).enter())


async def test_a_clock_that_was_wrong_locks_nobody_out(file: Path) -> None:
    clock = FakeClock()
    ahead = FakeClock()
    await ahead.advance(1_000_000.0)
    wrong = ledger(file, ahead, requests=1)
    wrong.enter()
    wrong.pause(10)
    entered(ledger(file, clock, requests=1).enter())


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="quota's file"):
        ledger(tmp_path, FakeClock())


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
    # it looks once a second
    assert max(moments) - min(moments) < 3 * 60.0 + 12


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
    assert other.state().used == 0
    slot.give_back()
    assert other.acquire_nowait() is None
    (await other.acquire()).answered()
    other.pause(20, "told to")
    assert taken.acquire_nowait() is None
    other.quota = Quota(5, 60.0)
    assert other.acquire_nowait() is None, "paused"


async def test_an_answer_is_not_lost_to_the_file(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    limiter = Limiter(Quota(2, 60.0, shared=file), clock=FakeClock(), account="ada")
    slot = await limiter.acquire()
    ruin(file)
    slot.answered()
    limiter.pause(5, "told to")
    assert limiter.state().used == 1
    assert caplog.text.count("cannot be used") == 2


async def test_processes_take_turns(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from adflight.core.ledger import Ledger; "
        "from adflight.core.clock import SystemClock; "
        "ledger = Ledger(Path(sys.argv[1]), 'ada', requests=100, per=600.0, clock=SystemClock()); "
        "[ledger.leave(entry, counted=True) for entry in [ledger.enter() for _ in range(40)] if isinstance(entry, str)]"
    )
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(file)) for _ in range(3)]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM slots").fetchone() == (100,)
    database.close()
