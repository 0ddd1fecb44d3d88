"""Everything goes wrong at once, and what the file says exists all the same, each flight once.

The processes and the sandbox are those of benchmarks/torture.py, which does the same at length.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adflight import Quota
from adflight.flights.events import Ended, RowDone
from adflight.flights.planning import plan
from adflight.sandbox import Sandbox, SandboxOptions
from benchmarks import torture
from benchmarks.flights_driver import HELD
from benchmarks.sandbox import FastClock, SandboxProcess
from benchmarks.torture import Torture
from benchmarks.torture_flights import flights, orders
from benchmarks.torture_freewheel import FAULTS as FREEWHEEL_FAULTS
from benchmarks.torture_freewheel import FreeWheelTorture
from tests.clock import FakeClock
from tests.iqm.scene import Scene

SEED = 4


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    """One in which nothing goes wrong that a test does not ask for."""
    with torture.sandbox(FastClock.now(torture.SPEED), faults=()) as process:
        yield process


@pytest.fixture
def account(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Torture]:
    with Torture(sandbox, tmp_path, SEED) as torture:
        yield torture


def test_everything_exists_once_whoever_is_killed(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    story, done = torture.run(30, 3, SEED, tmp_path, more_kills=2)
    assert story.killed == 5
    assert (done["insertion_orders_create"], done["campaigns_create"]) == (3, 30)


def test_two_processes_apply_one_file_at_once(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    story, done = torture.run(20, 1, SEED, tmp_path, processes=2)
    assert story.killed >= 1
    assert (done["insertion_orders_create"], done["campaigns_create"]) == (2, 20)
    assert story.ended["ended complete"] >= 2


def test_insertion_orders_of_freewheel_exist_once_too(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    clock = FastClock.now(torture.SPEED)
    with (
        torture.sandbox(clock, faults=FREEWHEEL_FAULTS, seed=SEED) as sandbox,
        FreeWheelTorture(sandbox, tmp_path, SEED) as account,
    ):
        wanted = orders(20, account.chance)
        account.apply(wanted, kills=2)
        account.check(wanted)
        account.check_again(wanted)


def test_it_may_die_anywhere(account: Torture, sandbox: SandboxProcess) -> None:
    wanted = flights(24, account.chance, per_order=6)
    # the last of them finds something to settle
    for point in ("opening", "reading", "commit", "committed", "send", "leaving", "answered", "waiting"):
        times = 1 if point in ("opening", "reading", "waiting") else 4
        assert account.once(wanted, die=(point, times), concurrency=2)[0] == -signal.SIGKILL, point
    account.apply(wanted, kills=0)
    account.check(wanted)
    assert sandbox.executions() == {"insertion_orders_create": 4, "campaigns_create": 24}


def test_a_second_process_is_refused_and_a_patient_one_goes_on(account: Torture, sandbox: SandboxProcess) -> None:
    wanted = flights(4, account.chance, per_order=2)
    # the first one's last answer comes when the sandbox's clock is put forward
    sandbox.ask("fault", "delay_after:campaigns_create:skip=3:seconds=100000")
    first, patient = account.driver(wanted), account.driver(wanted, wait=100_000.0)
    first.start()
    first.wait_for("sent")
    patient.start()
    assert account.once(wanted)[0] == HELD
    patient.wait_for("planned")
    sandbox.ask("advance", 100_000.0)
    assert (first.wait()[0], patient.wait()[0]) == (0, 0)
    assert patient.count("rowdone", how="unchanged") == 6
    assert sandbox.executions() == {"insertion_orders_create": 2, "campaigns_create": 4}
    account.check(wanted)


@pytest.mark.parametrize("limit", [{"pages": 28}, {"file_size": 400_000}])
def test_a_full_disk_stops_it_and_loses_nothing(
    account: Torture, sandbox: SandboxProcess, limit: dict[str, int]
) -> None:
    wanted = flights(60, account.chance)
    status, last = account.once(wanted, **limit)
    assert (status, last["event"], last["how"]) == (1, "ended", "stopped")
    made = sandbox.executions()["campaigns_create"]
    assert 0 < made < 60
    account.apply(wanted, kills=0)
    account.check(wanted)
    assert sandbox.executions() == {"insertion_orders_create": 6, "campaigns_create": 60}


def test_the_check_sees_what_is_wrong(account: Torture) -> None:
    wanted = flights(4, account.chance, per_order=2)
    account.apply(wanted, kills=0)
    account.check(wanted)
    for wrong in (wanted[1:], flights(4, account.chance, per_order=2), [*wanted, *flights(6, account.chance)[5:]]):
        with pytest.raises(AssertionError, match="problems"):
            account.check(wrong)


async def test_a_laptop_is_closed_for_an_hour_in_mid_apply(tmp_path: Path) -> None:
    options = SandboxOptions(quota=(20, 60.0), token_lifetime=1800.0, start=FakeClock.EPOCH)
    wanted = flights(50, random.Random(SEED))
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(options=options))
        scene = Scene(sandbox, stack)
        iqm = await scene.client(quota=Quota(20, 60.0))
        planned = stack.enter_context(await plan([one.row() for one in wanted], iqm, directory=tmp_path))
        # what was at the service then is carried out, but its answers find nobody
        sandbox.fault("campaigns_create", kind="cut_after", skip=17, times=3)
        done = 0
        async for event in planned.apply(directory=tmp_path, if_absent="create", by="Ada"):
            done += isinstance(event, RowDone)
            if isinstance(event, RowDone) and done == 22:
                scene.clock.jump(3600)
                sandbox.advance(3600)
        assert isinstance(event, Ended)
        assert (event.how, event.done, event.adopted) == ("complete", 50, 3)
        assert scene.executions == {"insertion_orders_create": 5, "campaigns_create": 50}
        assert sandbox.counts.answers[429] == 0
        assert max(sandbox.counts.busiest.values()) == 20
        assert [sandbox.counts.executions[name] for name in ("auth_login", "auth_refresh")] == [1, 1]
        planned = stack.enter_context(await plan([one.row() for one in wanted], iqm, directory=tmp_path))
        assert planned.is_empty
