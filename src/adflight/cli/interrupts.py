"""Ctrl-C while coroutines run: the first ends them in good order, and impatience does no harm.

So do the signals by which others end a process: SIGTERM, of service managers and schedulers, and SIGHUP, of a terminal
that closes. Imports the exit codes; used by the commands about flights.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, TypeVar

from adflight.cli.exits import ENDED_BY, Interrupted

T = TypeVar("T")

STILL: Final = (
    "\nStill ending: what was sent has some seconds to be answered. Ctrl-C again leaves at once; that is safe, too: "
    "the next apply finds out what became of it.\n"
)

_CURSOR: Final = "\x1b[?25h"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, which would throw a second Ctrl-C into whatever runs.

    The first signal cancels the coroutine, and is an `Interrupted` once that has ended. The second says so, the third
    ends the process where it is, as a crash would: what must not be lost is on the disk by then. So does any that comes
    when the coroutine has ended. The second is not the last, because service managers send SIGTERM and SIGHUP together.
    """
    task: asyncio.Task[T] | None = None
    came: list[int] = []
    screens = [descriptor for descriptor in (0, 1, 2) if _is_terminal(descriptor)]

    async def main() -> T:
        nonlocal task
        task = asyncio.current_task()
        return await coroutine

    def on_signal(number: int, frame: FrameType | None) -> None:
        _forget_closed(screens)
        came.append(number)
        if len(came) == 1:
            loop = runner.get_loop()
            loop.call_soon_threadsafe(lambda: task is not None and task.cancel())
        elif len(came) == 2:
            _write(STILL)
        else:
            _leave_at_once(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    with asyncio.Runner() as runner:
        before = _handle(on_signal) if is_main else {}
        try:
            return runner.run(main())
        except asyncio.CancelledError:
            if came:
                raise Interrupted(came[0]) from None
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, _leave_at_once if came else handler)


@contextmanager
def at_once() -> Iterator[None]:
    """While somebody is asked: a signal raises `KeyboardInterrupt` where it comes, in a running loop, too."""
    before = _handle(_raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def line() -> str:
    """A line of standard input, within `at_once`."""
    # what has no descriptor stands in for a terminal
    with suppress(AttributeError, OSError):
        if sys.platform != "win32" and os.isatty(descriptor := sys.stdin.fileno()):
            _wait_for(descriptor)
    return sys.stdin.readline()


def _wait_for(descriptor: int) -> None:
    """Until something can be read. To read at once would overlook a signal that comes after the last look for one and
    before the reading begins, until something is typed; this one wakes up."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            selector.register(reading, selectors.EVENT_READ)
            while not any(key.fd == descriptor for key, _ in selector.select()):
                # of a signal that ends nothing
                with suppress(BlockingIOError):
                    os.read(reading, 100)
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


def _handle(handler: Callable[[int, FrameType | None], None]) -> Mapping[int, Any]:
    """Has it handle all that end us; what handled them before. nohup has said already that SIGHUP is not to."""
    heard = [each for each in ENDED_BY if each == signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def _raise(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


def _leave_at_once(number: int, _: FrameType | None) -> None:
    _write(_CURSOR if sys.stderr.isatty() else "")
    os._exit(Interrupted(number).code)


def _write(text: str) -> None:
    # not through a stream: it may be in the middle of something
    with suppress(OSError):
        os.write(2, text.encode())


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _forget_closed(screens: list[int]) -> None:
    """Lets what is shown go nowhere once the terminal is closed: an error then must not keep us from ending well."""
    for descriptor in screens:
        if not _is_terminal(descriptor):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
