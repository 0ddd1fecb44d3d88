"""Reading a source of flights beside the event loop; the vendor is asked for its time zones when a row names one.

Imports reading and platform; used by `planning`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import NoneType
from typing import Any, Final, TypeVar

from adflight.core.errors import InvalidInput
from adflight.flights.declarations import Declarations
from adflight.flights.kinds import Zone
from adflight.flights.platform import Platform
from adflight.flights.reading import Flights, Source, read_flights

T = TypeVar("T")

_BATCH: Final = 1000


async def read_source(source: Source, platform: Platform, declarations: Declarations | None = None) -> Flights:
    """Reads and checks flights as `read_flights` does, in a thread; an iterable gives its rows in the caller's.

    The table of time zones costs a request, and is read only when a row has a zone's name in the place of its id.
    Raises what `read_flights` raises, but `InvalidInput` for a file that cannot be opened, and what calls raise.
    """
    _check(source, declarations)
    columns = platform.columns
    beside = _Beside()
    rows: Source = source
    if not isinstance(source, (str, os.PathLike)):
        rows = beside.rows(source)
    zones = _Zones(platform, beside) if any(isinstance(column.kind, Zone) for column in columns) else None
    reading = asyncio.ensure_future(
        asyncio.to_thread(read_flights, rows, vendor=columns.vendor, declarations=declarations, zones=zones)
    )
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        beside.stop()
        # the thread cannot be stopped where it is; what it reads nobody wants any more
        reading.add_done_callback(_forget)
        raise
    except OSError as error:
        # of the file itself; what comes of an iterable is its own
        if isinstance(source, (str, os.PathLike)) and error.filename is not None:
            expected = "a file that exists" if isinstance(error, FileNotFoundError) else f"a file ({error.strerror})"
            raise InvalidInput("source", os.fspath(source), expected) from None
        raise


def _check(source: object, declarations: object) -> None:
    if not isinstance(source, (str, os.PathLike, Iterable)):
        raise InvalidInput("source", source, "a file's path, or rows")
    if not isinstance(declarations, (Declarations, NoneType)):
        raise InvalidInput("declarations", declarations, "adflight.flights.Declarations")


def _forget(reading: asyncio.Future[Flights]) -> None:
    if not reading.cancelled() and reading.exception() is None:
        reading.result().close()


class _Beside:
    """Lets a thread ask the event loop for something, and wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # both belong to the loop, so that nothing can come between looking and doing
        self._stopped = False
        self._answering: asyncio.Task[Any] | None = None

    def stop(self) -> None:
        """Whatever is asked for, and whatever will be, is refused; only in the loop."""
        self._stopped = True
        if self._answering is not None:
            self._answering.cancel()

    def ask(self, answer: Callable[[], Awaitable[T]]) -> T:
        """What the loop answers; only in the thread. Raises `concurrent.futures.CancelledError` once it is stopped."""
        return asyncio.run_coroutine_threadsafe(self._answer(answer), self._loop).result()

    async def _answer(self, answer: Callable[[], Awaitable[T]]) -> T:
        if self._stopped:
            raise asyncio.CancelledError
        self._answering = asyncio.current_task()
        try:
            return await answer()
        finally:
            self._answering = None

    def rows(self, source: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
        """The rows of an iterable that may be at home in the loop's thread, such as a cursor's."""
        rows = iter(source)

        async def batch() -> list[Mapping[str, object]]:
            return list(islice(rows, _BATCH))

        while got := self.ask(batch):
            yield from got


class _Zones(Mapping[str, int]):
    """The vendor's ids of time zones by name; read when somebody looks."""

    def __init__(self, platform: Platform, beside: _Beside) -> None:
        self._platform = platform
        self._beside = beside
        self._table: Mapping[str, int] | None = None

    @property
    def _read(self) -> Mapping[str, int]:
        if self._table is None:
            self._table = self._beside.ask(self._platform.zones) or {}
        return self._table

    def __getitem__(self, name: str) -> int:
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)
