"""A command on a terminal of its own: what it asks, somebody answers."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from tests.programs import ADFLIGHT, PATIENCE

CONTROL_C: Final = "\x03"
CONTROL_D: Final = "\x04"


class Terminal:
    """Runs the command; `shown` is all that it has written, standard output and standard error alike."""

    def __init__(self, *arguments: str, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.shown = ""

        def own() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self._process: Final = subprocess.Popen(
            [*ADFLIGHT, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "COLUMNS": "100", "TERM": "dumb"},
            start_new_session=True,
            preexec_fn=own,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def answer(self, *exchanges: Sequence[str]) -> None:
        """Waits for each text to be shown, and types what belongs to it."""
        for asked, typed in exchanges:
            self._read(asked)
            os.write(self._master, f"{typed}\n".encode())

    def press(self, after: str, keys: str) -> None:
        """Waits for a text to be shown, and types what is no line, such as `CONTROL_C`."""
        self._read(after)
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """The exit code, once everything is shown."""
        self._read(None)
        return self._process.wait(PATIENCE)

    def _read(self, until: str | None) -> None:
        deadline = time.monotonic() + PATIENCE
        seen = len(self.shown) if until is not None else 0
        while until is None or until not in self.shown[seen:]:
            ready, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            assert ready, f"waited for {until!r}; shown: {self.shown}"
            try:
                new = os.read(self._master, 65536)
            except OSError:
                new = b""
            if not new:
                assert until is None, f"ended before {until!r}; shown: {self.shown}"
                return
            self.shown += new.decode().replace("\r\n", "\n")
