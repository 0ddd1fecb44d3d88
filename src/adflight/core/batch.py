"""Many calls at a time, each outcome with its item.

Imports the generated runtime only; used by the clients.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Final, Generic, Literal, NoReturn, TypeAlias, TypeVar

from attrs import field, frozen

from adflight_api.runtime import InvalidInput

ItemT = TypeVar("ItemT")
T = TypeVar("T")

DEFAULT_CONCURRENCY: Final = 10


@frozen
class Done(Generic[ItemT, T]):
    """A call that returned."""

    item: ItemT
    index: int
    """The item's place in the input, counted from 0."""
    value: T
    ok: Literal[True] = field(default=True, init=False, repr=False)

    def result(self) -> T:
        """What the call returned."""
        return self.value


@frozen
class Failed(Generic[ItemT]):
    """A call that raised."""

    item: ItemT
    index: int
    """The item's place in the input, counted from 0."""
    error: Exception
    ok: Literal[False] = field(default=False, init=False, repr=False)

    def result(self) -> NoReturn:
        """Raises what the call raised."""
        raise self.error


Outcome: TypeAlias = Done[ItemT, T] | Failed[ItemT]
"""What became of one item; `if outcome.ok:` tells a type checker which."""


def map_calls(
    call: Callable[[ItemT], Awaitable[T]],
    items: Iterable[ItemT] | AsyncIterable[ItemT],
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    ordered: bool = False,
) -> AsyncGenerator[Outcome[ItemT, T], None]:
    """Calls `call` with every item, `concurrency` at a time, and yields what became of each.

        async for outcome in map_calls(iqm.campaigns.get, ids, concurrency=20):
            if outcome.ok:
                print(outcome.value.name)
            else:
                print(outcome.item, outcome.error)

    Outcomes come as calls finish; with `ordered`, in the order of the items. `items` may be endless: at most twice
    `concurrency` of them are taken ahead of the reader, and none before the iteration begins.

    Leaving the iteration cancels the calls under way and waits until they are gone: at once with
    `contextlib.aclosing`, else as soon as the generator is collected. Their outcomes, and those that nobody read yet,
    are lost: read on to the end where a call costs money.

    When `items` raises, the outcomes of the items before it are still yielded, then its error is raised. A call that
    raises something other than an `Exception`, a cancellation above all, ends everything with it.

    Raises `InvalidInput` for a concurrency below 1.
    """
    if concurrency < 1:
        raise InvalidInput("concurrency", concurrency, "at least 1")
    return _Batch(call, items, concurrency, ordered=ordered).outcomes()


class _End:
    """Stands for the end of an iterable whose items may be anything."""


_END: Final = _End()


class _Batch(Generic[ItemT, T]):
    """Workers that take items and leave outcomes for one reader.

    Workers rather than a task an item: ten thousand tasks cost more than ten thousand turns of a loop.
    """

    def __init__(
        self,
        call: Callable[[ItemT], Awaitable[T]],
        items: Iterable[ItemT] | AsyncIterable[ItemT],
        concurrency: int,
        *,
        ordered: bool,
    ) -> None:
        self._call = call
        self._items = items
        self._concurrency = concurrency
        self._window = 2 * concurrency
        self._ordered = ordered
        self._taken = 0
        self._delivered = 0
        self._exhausted = False
        self._items_error: Exception | None = None
        self._fatal: BaseException | None = None
        self._finished: deque[Outcome[ItemT, T]] = deque()
        self._waiting: dict[int, Outcome[ItemT, T]] = {}
        """Ordered only: outcomes whose turn has not come."""
        self._workers: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        """Held by the worker that takes an item: an asynchronous iterator serves one at a time."""
        self._room: asyncio.Future[None] | None = None
        self._news: asyncio.Future[None] | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome[ItemT, T], None]:
        iterator = aiter(self._items) if isinstance(self._items, AsyncIterable) else iter(self._items)
        try:
            for _ in range(self._concurrency):
                worker = asyncio.create_task(self._work(iterator))
                self._workers.add(worker)
                worker.add_done_callback(self._worker_ended)
            while self._fatal is None:
                if self._finished:
                    outcome = self._finished.popleft()
                    self._delivered += 1
                    _wake(self._room)
                    yield outcome
                elif self._workers:
                    self._news = asyncio.get_running_loop().create_future()
                    await self._news
                else:
                    break
        finally:
            try:
                await self._stop()
            finally:
                if iterator is not self._items and isinstance(iterator, AsyncGenerator):
                    # nobody else can close it: a pager's, whose prefetching must end with us
                    await iterator.aclose()
        if self._fatal is not None:
            raise self._fatal
        if self._items_error is not None:
            raise self._items_error

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        fatal = asyncio.CancelledError() if worker.cancelled() else worker.exception()
        if self._fatal is None:
            self._fatal = fatal
        _wake(self._news)

    async def _work(self, iterator: Iterator[ItemT] | AsyncIterator[ItemT]) -> None:
        while True:
            async with self._turn:
                item = await self._take(iterator)
                if isinstance(item, _End):
                    return
                index = self._taken
                self._taken += 1
            outcome: Outcome[ItemT, T]
            try:
                outcome = Done(item, index, await self._call(item))
            except Exception as error:
                outcome = Failed(item, index, error)
            self._deliver(outcome)

    async def _take(self, iterator: Iterator[ItemT] | AsyncIterator[ItemT]) -> ItemT | _End:
        if self._taken - self._delivered >= self._window:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        if self._exhausted:
            return _END
        try:
            item = await anext(iterator, _END) if isinstance(iterator, AsyncIterator) else next(iterator, _END)
        except Exception as error:
            self._items_error = error
            item = _END
        # we may have been stopped while we waited for it
        if item is _END or self._exhausted:
            self._exhausted = True
            return _END
        return item

    def _deliver(self, outcome: Outcome[ItemT, T]) -> None:
        if self._ordered:
            self._waiting[outcome.index] = outcome
            while (ready := self._waiting.pop(self._delivered + len(self._finished), None)) is not None:
                self._finished.append(ready)
        else:
            self._finished.append(outcome)
        _wake(self._news)

    async def _stop(self) -> None:
        """Cancels the workers and waits until the last is gone, however often we are cancelled meanwhile."""
        # a call that answers its cancellation with a result or an error must not lead to another call
        self._exhausted = True
        cancelled: asyncio.CancelledError | None = None
        while self._workers:
            for worker in self._workers:
                worker.cancel()
            try:
                await asyncio.wait(self._workers)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
