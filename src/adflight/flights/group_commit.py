"""Steps that many tasks ask for, done by one thread in as few transactions as they fit in.

    steps = GroupCommit("api.example.com-1f0c", open_database, lock.release)
    await steps.start()
    number = await steps.do(lambda: database.execute("INSERT ...").lastrowid)
    await steps.aclose()

Imports `database` and `entries`; used by `journal`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from attrs import define

from adflight.flights.database import Database, Step
from adflight.flights.entries import JournalError

T = TypeVar("T")


@define(eq=False)
class Asked:
    """A step, and who waits for it: nobody after a cancellation."""

    step: Step
    waiting: asyncio.Future[Any] | None


class GroupCommit:
    """The only one that touches a journal's database, from `start` to `aclose`.

    What is asked for in one turn of the event loop shares a transaction, and so does all that is asked for while one
    goes on. A step is done although nobody waits for it any more.
    """

    def __init__(self, name: str, open_database: Callable[[], Database], let_go: Callable[[], None]) -> None:
        """Both are called in the thread; `let_go` at last, whatever happened. `name` is the journal's, for errors."""
        self._name = name
        self._open_database = open_database
        self._let_go = let_go
        self._pid = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._asked: list[Asked] = []
        self._queue: SimpleQueue[list[Asked] | None] = SimpleQueue()
        self._closing = False
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        # a daemon: a program that forgets to close must not hang, and every state of the file is a good one
        self._thread = Thread(target=self._work, name="adflight journal", daemon=True)

    async def start(self) -> None:
        """Opens the database. When that raises, or is cancelled, it is closed."""
        self._thread.start()
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            self._close()
            raise
        except JournalError:
            # so that it can be opened again at once
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Does what is still to be done, and closes the database; harmless when repeated."""
        if os.getpid() == self._pid:
            self._close()
            await asyncio.shield(self._closed)

    async def do(self, work: Callable[[], T], *, undo: Callable[[Step], object] | None = None) -> T:
        """What a step returns, or raises, once its transaction is on the disk.

        `undo` is what a cancellation has done in a step of its own behind it, so that its result is known then.
        """
        waiting: asyncio.Future[T] = self._loop.create_future()
        step = self.ask(work, waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if undo is not None:
                with suppress(JournalError):
                    self.ask(lambda: undo(step))
            raise

    def ask(self, work: Callable[[], object], waiting: asyncio.Future[Any] | None = None) -> Step:
        """Has a step done without waiting for it. Raises `JournalError` once it is closed, or in a forked child."""
        if self._closing:
            raise JournalError(f"the journal {self._name} is closed")
        if os.getpid() != self._pid:
            raise JournalError(f"the journal {self._name} belongs to the process that opened it")
        if not self._asked:
            # whoever else asks in this turn of the loop shares the transaction
            self._loop.call_soon(self._hand_over)
        step = Step(work)
        self._asked.append(Asked(step, waiting))
        return step

    def _hand_over(self) -> None:
        if self._asked:
            self._queue.put(self._asked)
            self._asked = []

    def _close(self) -> None:
        if not self._closing:
            self._hand_over()
            self._closing = True
            self._queue.put(None)

    # the thread

    def _work(self) -> None:
        database: Database | None = None
        try:
            database = self._open_database()
            self._tell(_succeed, self._ready, None)
            while self._serve(database):
                pass
        except Exception as error:
            self._tell(_fail, self._ready, error)
        finally:
            if database is not None:
                database.close()
            self._let_go()
            self._tell(_succeed, self._closed, None)

    def _serve(self, database: Database) -> bool:
        """One transaction, of all that was asked by now; whether there may be more."""
        asked = self._queue.get()
        group: list[Asked] = []
        with suppress(Empty):
            while asked is not None:
                group += asked
                asked = self._queue.get_nowait()
        if group:
            database.transact([one.step for one in group])
            self._tell(deliver, group)
        return asked is not None

    def _tell(self, what: Callable[..., None], *values: Any) -> None:
        # nobody waits any more once the loop is closed
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *values)


def deliver(group: Iterable[Asked]) -> None:
    """Tells those who wait what became of their steps."""
    for one in group:
        if one.waiting is not None:
            if one.step.error is None:
                _succeed(one.waiting, one.step.result)
            else:
                _fail(one.waiting, one.step.error)


def _succeed(waiting: asyncio.Future[Any], value: Any) -> None:
    if not waiting.done():
        waiting.set_result(value)


def _fail(waiting: asyncio.Future[Any], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
