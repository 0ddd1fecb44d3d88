from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from adflight.cli import interrupts


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def answer() -> int:
    return 42


def test_it_runs() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert interrupts.run(answer()) == 42
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_does_not_disturb_a_good_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    ended: list[str] = []

    async def busy() -> None:
        try:
            press()
            await asyncio.Event().wait()
        finally:
            press()
            await asyncio.sleep(0)
            ended.append("in good order")

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(busy())
    assert ended == ["in good order"]
    assert capfd.readouterr().err == interrupts.STILL


def test_the_third_leaves_at_once() -> None:
    program = (
        "import asyncio, os, signal; from adflight.cli import interrupts\n"
        "async def stubborn():\n"
        "    for _ in range(3): os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here')\n"
        "interrupts.run(stubborn())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (interrupts.CODE, "", interrupts.STILL)


def test_a_cancellation_of_its_own_is_none_of_ours() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        interrupts.run(gives_up())


def test_a_thread_has_no_interrupts() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(interrupts.run(answer())))
    thread.start()
    thread.join()
    assert found == [42]
