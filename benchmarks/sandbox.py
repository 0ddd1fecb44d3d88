"""The sandbox in a process of its own, with a fast clock that other processes share, and its handle.

A client that is killed takes nothing of it along, and costs it no time. The process runs this file as a module:
python -m benchmarks.sandbox SETTINGS, then one question a line, each answered with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from attrs import asdict, frozen

from adflight import IQM, FreeWheel, Quota
from adflight.core.clock import Clock, SystemClock
from adflight.sandbox import Fault, Sandbox, SandboxOptions
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform

ROOT: Final = Path(__file__).absolute().parent.parent

READS: Final = ("auth_", "master_", "insertion_orders_get", "insertion_orders_list", "campaigns_get", "campaigns_list")
"""How the operations begin that change nothing."""


@frozen
class FastClock:
    """An `adflight.core.clock.Clock` that runs `speed` times as fast as the machine's from a moment on, and shows the
    same in every process that is told that moment."""

    speed: float
    start: float
    """In epoch seconds."""
    monotonic_start: float
    """The same moment of the machine's monotonic clock."""

    @classmethod
    def now(cls, speed: float) -> FastClock:
        return cls(speed, time.time(), time.monotonic())

    def monotonic(self) -> float:
        return self.monotonic_start + self.speed * (time.monotonic() - self.monotonic_start)

    def time(self) -> float:
        return self.start + self.monotonic() - self.monotonic_start

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class SandboxProcess:
    """Starts the process, and ends it by closing its input. `options` are those of `SandboxOptions`."""

    def __init__(self, *, clock: FastClock | None = None, faults: Iterable[str] = (), **options: Any) -> None:
        self.clock: Final = clock or FastClock.now(1.0)
        settings = {"clock": asdict(self.clock), "faults": list(faults), "options": options}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sandbox", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.url: Final[str] = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, what: str, value: Any = None) -> Any:
        """See `_Questions`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, value]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the sandbox has died")
        return json.loads(line)

    def executions(self, vendor: str = "iqm") -> dict[str, int]:
        """How often each operation that changes something was carried out."""
        executions = self.ask("counts", vendor)["executions"]
        return {name: count for name, count in executions.items() if not name.startswith(READS)}


def freewheel(url: str, *, clock: Clock, **more: Any) -> FreeWheel:
    """A client of FreeWheel on a sandbox of that URL, without a quota."""
    return FreeWheel(
        username=FreeWheelPlatform.USERNAME,
        password=FreeWheelPlatform.PASSWORD,
        base_url=f"{url}/freewheel",
        quota=None,
        clock=clock,
        **more,
    )


def client(url: str, *, clock: Clock | None = None, quota: Quota | None = None, **more: Any) -> IQM:
    """A client on a sandbox, with the credentials that it documents."""
    return IQM(
        client_id=Sandbox.CLIENT_ID,
        client_secret=Sandbox.CLIENT_SECRET,
        email=Sandbox.EMAIL,
        password=Sandbox.PASSWORD,
        base_url=url,
        quota=quota,
        clock=clock or SystemClock(),
        **more,
    )


class _Questions:
    """What the process may be asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def counts(self, vendor: str | None) -> Any:
        """What was counted, of IQM unless told otherwise."""
        counts = vars(self._sandbox.platforms[vendor or "iqm"].counts)
        plain = {name: value for name, value in counts.items() if name != "windows"}
        return {name: value if isinstance(value, int) else dict(value) for name, value in plain.items()}

    def objects(self, kind: str) -> Any:
        """All rows of a kind, as they are kept; a vendor's name may stand before it."""
        vendor, _, kind = kind.rpartition(".")
        engine = self._sandbox.platforms[vendor or "iqm"].engine
        engine.catch_up()
        return list(engine.world.store.all(kind))

    def late(self, _: None) -> Any:
        """How many requests are still to be carried out late."""
        engines = [platform.engine for platform in self._sandbox.platforms.values()]
        for engine in engines:
            engine.catch_up()
        return sum(len(engine._late) for engine in engines)

    def fault(self, text: str) -> None:
        self._sandbox.add_fault(Fault.parse(text))

    def clear_faults(self, _: None) -> None:
        for platform in self._sandbox.platforms.values():
            platform.clear_faults()

    def advance(self, seconds: float) -> Any:
        return self._sandbox.advance(seconds)

    def expire_tokens(self, _: None) -> None:
        self._sandbox.expire_tokens()

    def crashes(self, _: None) -> Any:
        return self._sandbox.crashes

    def cost(self, _: None) -> Any:
        """CPU seconds so far, and the peak of resident memory in MiB."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return [used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]


async def _serve(settings: dict[str, Any]) -> None:
    clock = FastClock(**settings["clock"])
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in settings["options"].items()}
    faults = tuple(Fault.parse(text) for text in settings["faults"])
    own: dict[str, Any] = {"time_scale": clock.speed, "start": clock.time(), "faults": faults}
    options = SandboxOptions(**{**own, **given})
    loop = asyncio.get_running_loop()
    async with Sandbox(options=options) as sandbox:
        print(json.dumps(sandbox.url), flush=True)
        questions = _Questions(sandbox)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            what, value = json.loads(line)
            print(json.dumps(getattr(questions, what)(value)), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
