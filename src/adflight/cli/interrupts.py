"""Ctrl-C while coroutines run: the first ends them in good order, and impatience does no harm.

Imports nothing of adflight; used by the commands about flights.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")

CODE: Final = 130
"""The exit code after an interrupt."""

STILL: Final = (
    "\nStill ending: what was sent has some seconds to be answered. Ctrl-C again leaves at once; that is safe, too: "
    "the next apply finds out what became of it.\n"
)

_CURSOR: Final = "\x1b[?25h"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, which would throw a second Ctrl-C into whatever runs.

    The first cancels the coroutine, and is a `KeyboardInterrupt` once that has ended. The second says so, the third
    ends the process where it is, as a crash would: what must not be lost is on the disk by then. So does any that comes
    when the coroutine has ended.
    """
    task: asyncio.Task[T] | None = None
    presses = 0

    async def main() -> T:
        nonlocal task
        task = asyncio.current_task()
        return await coroutine

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            loop = runner.get_loop()
            loop.call_soon_threadsafe(lambda: task is not None and task.cancel())
        elif presses == 2:
            _write(STILL)
        else:
            _leave_at_once()

    is_main = threading.current_thread() is threading.main_thread()
    with asyncio.Runner() as runner:
        before = signal.signal(signal.SIGINT, on_interrupt) if is_main else None
        try:
            return runner.run(main())
        except asyncio.CancelledError:
            if presses:
                raise KeyboardInterrupt from None
            raise
        finally:
            if is_main:
                signal.signal(signal.SIGINT, _leave_at_once if presses else before)


def _leave_at_once(*_: object) -> None:
    _write(_CURSOR if sys.stderr.isatty() else "")
    os._exit(CODE)


def _write(text: str) -> None:
    # not through a stream: it may be in the middle of something
    os.write(2, text.encode())
