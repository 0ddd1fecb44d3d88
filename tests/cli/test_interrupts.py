from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from adflight.cli import interrupts
from adflight.cli.exits import ENDED_BY, Interrupted


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def end_by(number: int) -> None:
    async def busy() -> None:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    interrupts.run(busy())


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
    assert (done.returncode, done.stdout, done.stderr) == (Interrupted().code, "", interrupts.STILL)


@pytest.mark.parametrize("number", ENDED_BY)
def test_signals_end_it_in_good_order_and_with_their_code(number: int) -> None:
    before = {each: signal.getsignal(each) for each in ENDED_BY}
    with pytest.raises(Interrupted) as ended:
        end_by(number)
    assert ended.value.code == 128 + number
    for each, handler in before.items():
        assert signal.signal(each, handler) is not handler, "what comes now leaves at once"


def test_nohup_is_kept() -> None:
    program = (
        "import asyncio, os, signal; from adflight.cli import interrupts\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "async def busy():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    await asyncio.sleep(0)\n"
        "    print('still here')\n"
        "interrupts.run(busy())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "still here\n", "")


def test_one_that_comes_too_late_leaves_with_the_code_of_an_interrupt() -> None:
    program = (
        "import asyncio, os, signal, sys; from adflight.cli import interrupts\n"
        "async def busy():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.Event().wait()\n"
        "try: interrupts.run(busy())\n"
        "except KeyboardInterrupt: os.kill(os.getpid(), signal.SIGINT)\n"
        "print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (Interrupted().code, "", "")


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


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_cursor_comes_back(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)

    async def stubborn() -> None:
        for _ in range(3):
            press()
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(stubborn())
    assert left == [Interrupted().code]
    assert capfd.readouterr().err == interrupts.STILL + ("\x1b[?25h" if is_terminal else "")
