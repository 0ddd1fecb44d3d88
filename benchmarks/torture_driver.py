"""The processes that apply flights under torture, as whoever starts and kills them sees them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from benchmarks.sandbox import ROOT

PATIENCE: Final = 120.0
"""Real seconds without an event after which an applying process hangs."""


class Spares:
    """Processes that are started in advance: who is killed is followed at once, not when all is imported."""

    def __init__(self) -> None:
        self._spare: subprocess.Popen[str] | None = None

    def take(self) -> subprocess.Popen[str]:
        taken, self._spare = self._spare or self._new(), self._new()
        return taken

    def close(self) -> None:
        if self._spare is not None:
            self._spare.communicate()
            self._spare = None

    @staticmethod
    def _new() -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "benchmarks.flights_driver"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


@define(eq=False)
class Driver:
    """A process that applies the file, and what it has told so far."""

    settings: dict[str, Any]
    spares: Spares
    events: list[dict[str, Any]] = field(factory=list)
    process: subprocess.Popen[str] = field(init=False)
    _kill_after: int | None = None
    _reader: threading.Thread = field(init=False)
    _heard: float = field(init=False)

    def start(self, *, kill_after: int | None = None) -> None:
        """`kill_after` so many events it is killed."""
        self._kill_after = kill_after
        self._heard = time.monotonic()
        self.process = self.spares.take()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(self.settings) + "\n")
        self.process.stdin.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.events.append(json.loads(line))
                self._heard = time.monotonic()
            if self._kill_after is not None and len(self.events) >= self._kill_after:
                self.kill()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    @property
    def has_begun(self) -> bool:
        return any(event["event"] == "began" for event in list(self.events))

    @property
    def is_over(self) -> bool:
        if self.process.poll() is None and time.monotonic() - self._heard > PATIENCE:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"it hangs after {self.events[-3:]}: {self.finish()[1]}")
        return self.process.poll() is not None

    def wait(self) -> tuple[int, str]:
        """As `finish`, once it is over."""
        while not self.is_over:
            time.sleep(0.002)
        return self.finish()

    def wait_for(self, event: str) -> None:
        """Until it has told one of that name."""
        while not self.count(event):
            if self.is_over:
                raise AssertionError(f"it ended without {event}: {self.events} {self.finish()[1]}")
            time.sleep(0.002)

    def count(self, event: str, **fields: Any) -> int:
        """How many such events it has told."""
        wish = {"event": event, **fields}
        return sum(wish.items() <= told.items() for told in map(_hashable, list(self.events)))

    def finish(self) -> tuple[int, str]:
        """How it ended, and what it wrote to standard error."""
        assert self.process.stderr is not None
        errors = self.process.stderr.read()
        status = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return status, errors


def _hashable(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if isinstance(value, (str, int, float))}


def kill_later(driver: Driver, seconds: float, is_after_begin: bool) -> None:
    """Kills it so many seconds from now on, or from when it begins to send."""
    while is_after_begin and not driver.has_begun:
        if driver.process.poll() is not None:
            return
        time.sleep(0.001)
    time.sleep(seconds)
    if driver.process.poll() is None:
        driver.kill()
