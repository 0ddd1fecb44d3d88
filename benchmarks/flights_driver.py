"""A program that applies a file of flights, and dies where it is told to: python -m benchmarks.flights_driver.

It reads its settings as a line of JSON once everything is imported, so that it can be started in advance. It writes
each event as a line of JSON, and ends with 0 when all is applied. A death is a SIGKILL from itself: nothing runs
afterwards, as when the machine loses its power between two instructions.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

import adflight
from adflight import IQM, FreeWheel
from adflight.core.transport import AiohttpTransport, WireAnswer, WireRequest
from adflight.flights.database import Database
from adflight.flights.entries import JournalError, JournalHeld
from adflight.flights.events import Ended, as_json
from adflight.flights.planning import plan
from adflight.sandbox.specification import load
from benchmarks.sandbox import READS, FastClock, client, freewheel

HELD: Final = 75
"""How it ends when another process has the journal."""

POINTS: Final = (
    "commit",
    "committed",
    "send",
    "leaving",
    "answered",
    "reading",
    "waiting",
    "opening",
)
"""Where it can die: before a transaction of the journal is on the disk, and after; before a request that changes
something leaves, while its answer is on its way, and before the answer is written down; before an answer to a question
is used; while it waits for what must be settled; and while the journal's file is prepared."""


def _pair(given: Any) -> Any:
    return None if given is None else tuple(given)


@frozen(kw_only=True)
class Settings:
    file: str
    url: str
    vendor: str = "iqm"
    directory: str
    clock: dict[str, float]
    wait: float = 0.0
    """Seconds for which to wait for the journal."""
    concurrency: int | None = None
    manner: str = ""
    """How it is to die, for whoever started it."""
    die: tuple[str, int] | None = field(default=None, converter=_pair)
    """One of `POINTS`, and the how manieth time."""
    file_size: int | None = None
    """Bytes that no file may outgrow."""
    pages: int | None = None
    """Pages that the journal may not outgrow: what SQLite then reports is a full disk."""
    quota: tuple[int, float] | None = field(default=None, converter=_pair)
    options: dict[str, Any] = field(factory=dict)
    """What else `Plan.apply` takes."""


class Death:
    """Counts how often a point was reached, and comes at the chosen one."""

    def __init__(self, die: tuple[str, int] | None) -> None:
        self._point, self._left = die or ("", 0)

    def at(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)


class DyingTransport:
    """The default transport, with deaths around what it sends."""

    certified: Final = True

    def __init__(self, death: Death, vendor: str) -> None:
        self._inner = AiohttpTransport()
        self._death = death
        paths = (
            path for item in load(vendor=vendor).operations if not item.id.startswith(READS) for path in item.paths
        )
        patterns = (re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path)) for path in paths)
        self._changes = re.compile(f"https?://[^/]+(?:/freewheel)?(?:{'|'.join(patterns)})(?:[?].*)?$")

    async def send(self, request: WireRequest) -> WireAnswer:
        changes = self._changes.match(request.url) is not None and request.method != "GET"
        if changes:
            self._death.at("send")
            asyncio.get_running_loop().call_later(0.0015, self._death.at, "leaving")
        answer = await self._inner.send(request)
        self._death.at("answered" if changes else "reading")
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


def _around(owner: type, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    original = getattr(owner, name)

    def replaced(*given: Any, **named: Any) -> Any:
        before()
        result = original(*given, **named)
        after()
        return result

    setattr(owner, name, replaced)


async def _apply(settings: Settings) -> int:
    death = Death(settings.die)
    fast = FastClock(**settings.clock)

    class Clock(FastClock):
        async def sleep(self, seconds: float) -> None:
            if seconds >= 10:
                asyncio.get_running_loop().call_later(seconds / self.speed / 2, death.at, "waiting")
            await super().sleep(seconds)

    _around(Database, "_commit", lambda: death.at("commit"), lambda: death.at("committed"))
    _around(Database, "_prepare", lambda: None, lambda: death.at("opening"))
    if settings.pages is not None:
        pages = settings.pages
        _cap(Database, pages)
    if settings.file_size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # only the soft limit, which is taken back at the end: whoever measures coverage writes a file, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (settings.file_size, resource.RLIM_INFINITY))

    clock = Clock(fast.speed, fast.start, fast.monotonic_start)
    quota = None if settings.quota is None else adflight.Quota(*settings.quota)
    directory = Path(settings.directory)
    transport = DyingTransport(death, settings.vendor)
    if settings.vendor == "freewheel":
        account: IQM | FreeWheel = freewheel(settings.url, clock=clock, transport=transport)
    else:
        account = client(settings.url, clock=clock, quota=quota, transport=transport)
    async with account:
        with await plan(settings.file, account, directory=directory) as made:
            _tell({"event": "planned", "writes": dict(made.totals.writes), "verdicts": _plain(made.totals.verdicts)})
            events = made.apply(
                directory=directory,
                wait=settings.wait,
                if_absent="create",
                by="torture",
                concurrency=settings.concurrency,
                **settings.options,
            )
            how = "nothing"
            async for event in events:
                _tell(as_json(event))
                if isinstance(event, Ended):
                    how = event.how
            return 0 if how == "complete" else 1


def _cap(database: type[Database], pages: int) -> None:
    original: Callable[..., None] = database._prepare

    def capped(self: Database, *given: Any) -> None:
        original(self, *given)
        self.one(f"PRAGMA max_page_count = {pages}")

    setattr(database, "_prepare", capped)  # noqa: B010


def _plain(counts: Any) -> Any:
    return {str(kind): {str(verdict): count for verdict, count in of.items()} for kind, of in counts.items()}


def _tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def main() -> int:
    line = sys.stdin.readline()
    if not line:
        # nobody needed it
        return 0
    settings = Settings(**json.loads(line))
    try:
        return asyncio.run(_apply(settings))
    except JournalHeld as error:
        _tell({"event": "held", "reason": str(error)})
        return HELD
    except (JournalError, adflight.AdflightError) as error:
        _tell({"event": "raised", "error": type(error).__name__, "reason": str(error)})
        return 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    sys.exit(main())
