from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adflight.core import processes
from adflight.core.processes import boot, is_dead, this_process

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells most of it")

PROGRAM = "from adflight.core.processes import this_process; print(this_process(), flush=True); input()"


@pytest.fixture(autouse=True)
def described_anew() -> None:
    processes._described.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can tell there")
def test_a_process_lives_until_it_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        name = child.stdout.readline().strip()
        assert name != this_process()
        assert (is_dead(name), is_dead(this_process())) == (False, False)
        child.kill()
        if sys.platform == "linux":
            # nobody has asked for what became of it
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert is_dead(name)
        child.wait()
        assert is_dead(name)


@ON_LINUX
def test_its_number_may_be_another_ones_by_now() -> None:
    space, pid, started = this_process().split(" ")
    assert is_dead(f"{space} {pid} {int(started) - 1}")
    assert not is_dead(f"{space} {pid} "), "nobody knows when it was started"


@ON_LINUX
def test_one_that_cannot_be_seen_from_here_is_not_dead() -> None:
    space, _, started = this_process().split(" ")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert is_dead(f"{space} {gone.pid} {started}")
    assert not is_dead(f"{boot()}/pid:[1] {gone.pid} {started}"), "another container's"
    assert not is_dead("")


@ON_LINUX
def test_another_users_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not is_dead(this_process())


@ON_LINUX
def test_with_the_proc_of_another_container_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "readlink", lambda path: "1")
    assert this_process() == ""


def test_a_system_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    boot.cache_clear()
    try:
        assert boot() == ""
        if sys.platform == "linux":
            assert this_process() == ""
    finally:
        boot.cache_clear()
