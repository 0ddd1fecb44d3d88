from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adflight.core.clock import SystemClock
from adflight.core.errors import ConfigurationError
from adflight.core.ledger import BUSY, LEASE, Ledger
from tests.clock import FakeClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "quota.db"


def ledger(file: Path, clock: FakeClock, account: str = "ada", requests: int = 2, per: float = 60.0) -> Ledger:
    return Ledger(file, account, requests=requests, per=per, clock=clock)


@contextmanager
def busy(file: Path) -> Iterator[None]:
    """Somebody is writing."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


class OddClock(FakeClock):
    """One whose two times need not go together."""

    def __init__(self, ahead: float = 0.0) -> None:
        super().__init__()
        self.ahead = ahead

    def time(self) -> float:
        return super().time() + self.ahead


def entered(found: str | float) -> str:
    assert isinstance(found, str)
    return found


async def test_two_count_together(file: Path) -> None:
    clock = FakeClock()
    one, two = ledger(file, clock), ledger(file, clock)
    first, second = entered(one.enter()), entered(two.enter())
    assert one.enter() == two.enter() == LEASE + 60.0
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


async def test_an_account_with_a_short_window_leaves_those_with_long_ones_alone(file: Path) -> None:
    clock = FakeClock()
    daily = ledger(file, clock, "ada", requests=1, per=86_400.0)
    daily.leave(entered(daily.enter()), counted=True)
    entered(ledger(file, clock, "bob", per=1.0).enter())
    assert daily.enter() == 86_400.0


# processes that end


def enter_and_die(file: Path, times: int, per: float) -> None:
    program = (
        "import os, sys; from pathlib import Path; from adflight.core.ledger import Ledger; "
        "from tests.clock import FakeClock; "
        f"ledger = Ledger(Path(sys.argv[1]), 'ada', requests=100, per={per}, clock=FakeClock()); "
        f"[ledger.enter() for _ in range({times})]; os._exit(0)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, cwd=root)


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there")
async def test_what_a_dead_process_had_under_way_counts_as_answered_now(file: Path) -> None:
    enter_and_die(file, 19, per=1.0)
    clock = FakeClock()
    await clock.advance(10.0)
    one = ledger(file, clock, requests=19, per=1.0)
    assert one.use().slots == 19
    assert one.enter() == 1.0
    await clock.advance(0.5)
    assert one.enter() == 0.5, "it is buried once"
    await clock.advance(0.5)
    entered(one.enter())


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there")
async def test_and_for_the_window_that_it_had(file: Path) -> None:
    enter_and_die(file, 2, per=600.0)
    assert ledger(file, FakeClock(), per=60.0).enter() == 600.0


@pytest.mark.parametrize("per", [60.0, 3600.0])
async def test_nobody_keeps_a_slot_for_ever(file: Path, per: float) -> None:
    clock = FakeClock()
    ledger(file, clock, requests=1, per=per).enter()
    other = ledger(file, clock, requests=1, per=per)
    # it may have been answered after that time
    await clock.advance(LEASE + per - 1)
    assert other.enter() == 1.0
    await clock.advance(1.0)
    entered(other.enter())


async def test_a_request_that_takes_longer_is_under_way_for_longer(file: Path) -> None:
    clock = FakeClock()
    one, other = ledger(file, clock, requests=1), ledger(file, clock, requests=1)
    entry = entered(one.enter(1000.0))
    await clock.advance(1000.0)
    assert other.enter() == 60.0
    await clock.advance(61.0)
    second = entered(other.enter())
    other.leave(second, counted=False)
    one.leave(entry, counted=True)
    assert other.enter() == 60.0, "and counts from its answer in any case"


# clocks


@pytest.mark.parametrize("seconds", [61.0, 3600.0, -3600.0])
async def test_the_time_may_be_set(file: Path, seconds: float) -> None:
    clock = OddClock()
    one = ledger(file, clock, requests=1)
    one.leave(entered(one.enter()), counted=True)
    clock.ahead += seconds
    assert one.enter() == ledger(file, clock, requests=1).enter() == 60.0


@pytest.mark.parametrize("boot", ["", "another"])
async def test_what_was_sent_before_the_machine_was_started_again_counts(
    file: Path, boot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adflight.core.ledger.boot", lambda: "")
    before = FakeClock()
    await before.advance(1_000_000.0)
    one = ledger(file, before, requests=1, per=3600.0)
    one.leave(entered(one.enter()), counted=True)
    one.pause(5000.0)

    monkeypatch.setattr("adflight.core.ledger.boot", lambda: boot)
    # two minutes later, of which it has been running for one
    after = OddClock(1_000_060.0)
    await after.advance(60.0)
    assert ledger(file, after, requests=1).use() == (1, 4880.0)
    await after.advance(3480.0)
    assert ledger(file, after, requests=1).use() == (0, 1400.0)


async def test_a_machine_that_has_been_up_for_longer_than_the_last_time(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adflight.core.ledger.boot", lambda: "first")
    one = ledger(file, FakeClock(), requests=1, per=86_400.0)
    one.leave(entered(one.enter()), counted=True)
    monkeypatch.setattr("adflight.core.ledger.boot", lambda: "second")
    after = OddClock(2 * 86_400.0)
    await after.advance(200.0)
    entered(ledger(file, after, requests=1, per=86_400.0).enter())


@pytest.mark.parametrize("ahead", [-1_000_000.0, 1_000_000.0])
async def test_a_clock_that_was_wrong_makes_nobody_wait_for_longer(
    file: Path, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ledger(file, OddClock(ahead), requests=1)
    wrong.leave(entered(wrong.enter()), counted=True)
    monkeypatch.setattr("adflight.core.ledger.boot", lambda: "another")
    assert float(ledger(file, FakeClock(), requests=1).use().slots) == (1 if ahead > 0 else 0)
    if ahead > 0:
        assert ledger(file, FakeClock(), requests=1).enter() == 60.0


async def test_what_is_over_is_removed(file: Path) -> None:
    clock = FakeClock()
    gone = ledger(file, clock, "gone")
    gone.leave(entered(gone.enter()), counted=True)
    gone.pause(10.0)
    await clock.advance(60.0)
    ledger(file, clock, "another").use()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM paused)").fetchone() == (
            0,
            0,
        )


# the file


def test_a_file_of_before_is_of_no_use_and_does_no_harm(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            "CREATE TABLE slots (account TEXT, entry TEXT PRIMARY KEY, until REAL); "
            "CREATE TABLE pauses (account TEXT PRIMARY KEY, until REAL);"
        )
    one = ledger(file, FakeClock(), requests=1)
    one.leave(entered(one.enter()), counted=True)
    assert one.enter() == 60.0


def test_a_file_of_later_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigurationError, match="newer adflight"):
        ledger(file, FakeClock()).enter()


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


async def test_a_file_that_is_busy_is_asked_again(file: Path) -> None:
    clock = FakeClock()
    one = ledger(file, clock, requests=1)
    one.use()
    with busy(file):
        assert one.enter() == BUSY
        assert one.use() == (0, 0.0), "it can be read"
    entered(one.enter())


async def test_what_could_not_be_written_is_written_with_the_next(file: Path) -> None:
    clock = FakeClock()
    one, other = ledger(file, clock), ledger(file, clock)
    answered, taken_back = entered(one.enter()), entered(one.enter())
    with busy(file):
        one.leave(answered, counted=True)
        one.leave(taken_back, counted=False)
        one.pause(10.0)
        one.pause(5.0)
        assert one.owes
    await clock.advance(7.0)
    assert other.use() == (2, 0.0)
    one.settle()
    assert not one.owes
    assert other.use() == (1, 3.0)
    await clock.advance(53.0)
    # by the moment of the answer, not that in which it was written
    assert other.use() == (0, 0.0)


async def test_what_is_owed_for_too_long_is_of_no_use_any_more(file: Path) -> None:
    clock = FakeClock()
    one = ledger(file, clock)
    entry = entered(one.enter())
    with busy(file):
        one.leave(entry, counted=True)
    await clock.advance(60.0)
    one.settle()
    one.owe(None, counted=True)
    await clock.advance(60.0)
    one.owe(None, counted=False)
    assert (one.owes, one.use().slots) == (False, 0)


def test_a_request_that_was_sent_uncounted_counts_afterwards(file: Path) -> None:
    one = ledger(file, FakeClock())
    one.leave(None, counted=True)
    assert one.use().slots == 1


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
    # the child's, which has ended
    assert one.enter() == 60.0


async def test_processes_take_turns(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from adflight.core.ledger import BUSY, Ledger; "
        "from adflight.core.clock import SystemClock; "
        "ledger = Ledger(Path(sys.argv[1]), 'ada', requests=100, per=600.0, clock=SystemClock()); "
        "left = 40\n"
        "while left:\n"
        "    found = ledger.enter()\n"
        "    if found != BUSY: left -= 1\n"
        "    if isinstance(found, str): ledger.leave(found, counted=True)\n"
        "while ledger.owes: ledger.settle()\n"
    )
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(file)) for _ in range(3)]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    assert Ledger(file, "ada", requests=100, per=600.0, clock=SystemClock()).use().slots == 100
