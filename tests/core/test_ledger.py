from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import warnings
from contextlib import closing
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


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
async def test_the_users_own_file_is_for_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    own = tmp_path / "adflight" / "quota.db"
    own.parent.mkdir()
    # as it was made before
    own.touch(0o644)
    used = Ledger(None, "ada", requests=2, per=60.0, clock=FakeClock())
    used.enter()
    assert {path.name: path.stat().st_mode & 0o777 for path in own.parent.iterdir()} == {
        "quota.db": 0o600,
        "quota.db-shm": 0o600,
        "quota.db-wal": 0o600,
    }


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
        ledger(tmp_path, FakeClock()).enter()


async def test_what_all_use_is_known_to_each(file: Path) -> None:
    clock = FakeClock()
    one, two = ledger(file, clock, requests=5), ledger(file, clock, requests=5)
    one.leave(entered(one.enter()), counted=True)
    two.enter()
    assert one.use() == two.use() == (2, 0.0)
    two.pause(70)
    assert one.use() == (2, 70.0)
    await clock.advance(60.0)
    assert one.use() == (1, 10.0)


def test_a_file_that_is_written_to_for_long_is_asked_again(file: Path) -> None:
    waiting = ledger(file, FakeClock())
    waiting.use()
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert 0 < float(waiting.enter()) < 1
        with pytest.raises(ConfigurationError, match="locked"):
            waiting.use()
    entered(waiting.enter())


def test_a_file_that_was_removed_is_made_again(file: Path) -> None:
    clock = FakeClock()
    one = ledger(file, clock, requests=1)
    one.enter()
    for made in file.parent.iterdir():
        made.unlink()
    entered(one.enter())
    assert ledger(file, clock).use().slots == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_counts_with_its_parent(file: Path) -> None:
    clock = FakeClock()
    one = ledger(file, clock, requests=3)
    one.enter()
    with warnings.catch_warnings():
        # newer Pythons warn of threads, which is what this is not about
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os._exit(0 if isinstance(one.enter(), str) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert one.use().slots == 2
    entered(one.enter())
    assert one.enter() == LEASE


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
    assert (os.listdir(state.parent), "quota.db" in os.listdir(state)) == (["adflight"], True)


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
