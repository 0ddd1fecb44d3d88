"""A program in a terminal of its own, as a person sits at one: what it shows is waited for, and keys are pressed."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CTRL_C: Final = "\x03"

# the session's leader gets the terminal by taking it, so that Ctrl-C is a signal and no mere character
_TAKE_IT: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


class Terminal:
    """One program at one pseudo-terminal; leaving the block ends it if it is still there."""

    def __init__(
        self,
        *command: str | Path,
        env: Mapping[str, str],
        cwd: Path,
        patience: float,
        size: tuple[int, int] = (40, 120),
    ) -> None:
        self._patience = patience
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, size)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_IT, *map(str, command)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm-256color"},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)
        self.raw = ""
        self._read_to = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._master >= 0:
            os.close(self._master)

    @property
    def text(self) -> str:
        """All that it has shown by now, without colors and movements."""
        return _ESCAPES.sub("", self.raw)

    def expect(self, pattern: str) -> re.Match[str]:
        """Waits until it shows something new that matches. What came before it is read."""
        until = time.monotonic() + self._patience
        while (found := re.search(pattern, self.text[self._read_to :], re.DOTALL)) is None:
            assert self._more(until), f"it never showed {pattern!r}, but:\n{self.text[self._read_to :]}"
        self._read_to += found.end()
        return found

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def finish(self) -> int:
        """Waits for its end. The exit code."""
        until = time.monotonic() + self._patience
        while self._more(until):
            pass
        return self._process.wait(max(until - time.monotonic(), 1.0))

    def send(self, number: int) -> None:
        """Sends the program a signal."""
        self._process.send_signal(number)

    def hang_up(self) -> int:
        """Closes the terminal, as who closes its window, and waits for the program's end. The exit code."""
        os.close(self._master)
        self._master = -1
        return self._process.wait(self._patience)

    def _more(self, until: float) -> bool:
        """Reads what there is; False once there will be no more."""
        ready, _, _ = select.select([self._master], [], [], max(until - time.monotonic(), 0.0))
        if not ready:
            raise TimeoutError(f"nothing more came in {self._patience:.0f} s; it shows:\n{self.text}")
        try:
            read = os.read(self._master, 65536)
        except OSError:
            # Linux's way of saying that nobody has the other end any more
            return False
        self.raw += read.decode(errors="replace")
        return bool(read)
