"""How many requests an account may make, counted as the service counts them.

Imports `clock`, `errors` and, when it is shared, `ledger`. The session takes a slot before every attempt, log-ins too.

Why this is not pyrate-limiter: that counts a request when it asks for permission and cannot change its mind. A service
counts when the request arrives, which is later, and anywhere between sending and answer; so a window that starts at
the permission lets one request too many through whenever answers are slow. Here a slot is held while its request is
under way and for one window after its answer; it comes back at once if the request never left; and one call holds
everybody up when the service asks for that. None of the three can be had from pyrate-limiter's buckets.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import ConfigurationError

if TYPE_CHECKING:
    from adflight.core.ledger import Ledger

logger: Final = logging.getLogger("adflight")


@frozen
class Quota:
    """At most `requests` requests in any `per` seconds.

        Quota(19, 60.0, "documented 20 a minute, less one")

    `source` says where the figures come from. Counting is exact, so one request less than documented is margin enough
    for what else uses the account, such as a person at the vendor's own pages.
    """

    requests: int = field()
    per: float = field()
    source: str = "set by the caller"
    shared: Path | None = None
    """A file on this machine; all processes that name it count together. None counts in this one only."""

    def __attrs_post_init__(self) -> None:
        if self.requests < 1 or not 0 < self.per < inf:
            raise ConfigurationError(
                f"a quota of {self.requests} requests in {self.per} s: expected at least one request, "
                "and a time above zero; None switches counting off"
            )

    def __str__(self) -> str:
        return f"{self.requests} requests in {self.per:g} s ({self.source})"


class QuotaState(NamedTuple):
    """A limiter at this moment."""

    used: int
    """Slots that are taken: requests under way, and those answered less than a window ago."""
    limit: int | None
    paused_for: float
    """Seconds until the pause ends; 0 when there is none."""
    reason: str | None
    """Why it is paused."""
    waiting: int
    """How many callers wait for a slot."""


class Slot:
    """Permission for one request.

    A context manager: a slot that is left without a word counts as answered, which is right for a request that timed
    out, broke or was cancelled, because the service may have counted it.
    """

    __slots__ = ("_limiter",)

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *error: object) -> None:
        self.answered()

    def answered(self) -> None:
        """The service has counted the request by now; the slot is free again one window from now."""
        self._limiter._settle(self, counted=True)

    def give_back(self) -> None:
        """The request was never sent; the slot is free at once."""
        self._limiter._settle(self, counted=False)


class _Uncounted(Slot):
    """What everybody gets while nothing is counted."""

    __slots__ = ()

    def __init__(self) -> None:
        """Belongs to no limiter."""

    def answered(self) -> None:
        """Nothing to free."""

    def give_back(self) -> None:
        """Nothing to free."""


_UNCOUNTED: Final = _Uncounted()

_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks into a shared file that is full."""


class Limiter:
    """Gives out the slots of one account's quota, in the order of asking; None does not count, yet pauses.

    with await limiter.acquire() as slot:
        try:
            answer = await transport.send(request)
        except NotSent:
            slot.give_back()
            raise
    """

    def __init__(self, quota: Quota | None, *, clock: Clock | None = None, account: str = "") -> None:
        self._quota = quota
        self._clock: Clock = SystemClock() if clock is None else clock
        self._account = account
        self._ledger = self._open_ledger()
        self._entries: dict[Slot, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: set[Slot] = set()
        self._answered: deque[float] = deque()
        self._waiting: OrderedDict[asyncio.Future[Slot], None] = OrderedDict()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = inf
        self._paused_until = -inf
        self._reason: str | None = None

    @property
    def quota(self) -> Quota | None:
        return self._quota

    @quota.setter
    def quota(self, quota: Quota | None) -> None:
        self._quota = quota
        self._ledger = self._open_ledger()
        self._serve()

    @property
    def clock(self) -> Clock:
        return self._clock

    def state(self) -> QuotaState:
        """For progress displays."""
        self._wait()
        paused_for = max(self._paused_until - self._clock.monotonic(), 0.0)
        return QuotaState(
            used=len(self._under_way) + len(self._answered),
            limit=None if self._quota is None else self._quota.requests,
            paused_for=paused_for,
            reason=self._reason if paused_for else None,
            waiting=len(self._waiting),
        )

    @property
    def paused(self) -> bool:
        return self._paused_until > self._clock.monotonic()

    def acquire_nowait(self) -> Slot | None:
        """What `acquire` gives when nobody has to wait for it, else None."""
        if self._quota is None and not self._waiting and self._paused_until == -inf:
            return _UNCOUNTED
        if self._ledger is not None:
            return None
        if asyncio.get_running_loop() is self._loop and not self._waiting and self._wait() <= 0:
            return self._take()
        return None

    async def acquire(self) -> Slot:
        """Waits until one more request is within the quota. Cancelling the wait costs nothing.

        Raises:
            ConfigurationError: the limiter is in use in another event loop, which is still open, or the file of a quota
                that is shared cannot be used.
        """
        slot = await self._acquire_here()
        ledger = self._ledger
        if ledger is None:
            return slot
        try:
            while not isinstance(entry := ledger.enter(), str):
                # another process may free a slot sooner than the file can tell
                await self._clock.sleep(min(entry, _LOOK_AGAIN))
        except BaseException:
            slot.give_back()
            raise
        self._entries[slot] = entry
        return slot

    def _open_ledger(self) -> Ledger | None:
        quota = self._quota
        if quota is None or quota.shared is None:
            return None
        # sqlite3 takes a while to import, and few share a quota among processes
        from adflight.core.ledger import Ledger

        return Ledger(quota.shared, self._account, requests=quota.requests, per=quota.per, clock=self._clock)

    async def _acquire_here(self) -> Slot:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if not self._waiting and self._wait() <= 0:
            return self._take()
        turn: asyncio.Future[Slot] = loop.create_future()
        self._waiting[turn] = None
        self._serve()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.pop(turn, None)
                self._serve()
            else:
                turn.result().give_back()
            raise

    def pause(self, seconds: float, reason: str) -> None:
        """Holds everybody up. Requests that are under way go on; of several pauses the longest counts."""
        until = self._clock.monotonic() + seconds
        if until > self._paused_until:
            self._paused_until = until
            self._reason = reason
        if self._ledger is not None:
            with _answer_first():
                self._ledger.pause(seconds)

    def usable_in(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Whether no event loop but this one uses it; closed ones do not count."""
        return self._loop is None or self._loop is loop or self._loop.is_closed()

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.usable_in(loop):
            raise ConfigurationError(
                "this client's quota is being counted in another event loop, which is still open: "
                "use one client in each event loop, made inside it, or close the other loop first"
            )
        # what was under way when the last loop died may have been counted
        self._answered.extend([self._clock.monotonic()] * len(self._under_way))
        self._under_way.clear()
        self._waiting.clear()
        self._alarm = None
        self._loop = loop

    def _take(self) -> Slot:
        slot = Slot(self)
        self._under_way.add(slot)
        return slot

    def _settle(self, slot: Slot, *, counted: bool) -> None:
        if slot not in self._under_way:
            return
        self._under_way.discard(slot)
        entry = self._entries.pop(slot, None)
        if entry is not None and self._ledger is not None:
            with _answer_first():
                self._ledger.leave(entry, counted=counted)
        if counted and self._quota is not None:
            self._answered.append(self._clock.monotonic())
        if self._waiting:
            self._serve()

    def _wait(self) -> float:
        """Seconds until a slot may be free; infinite when that depends on an answer."""
        now = self._clock.monotonic()
        quota = self._quota
        if quota is None:
            self._answered.clear()
        else:
            while self._answered and self._answered[0] + quota.per <= now:
                self._answered.popleft()
        if self._paused_until > now:
            return self._paused_until - now
        self._paused_until = -inf
        if quota is None or len(self._under_way) + len(self._answered) < quota.requests:
            return 0.0
        return self._answered[0] + quota.per - now if self._answered else inf

    def _serve(self) -> None:
        """Hands out what is free, and sees to it that somebody looks again when more may be."""
        wait = 0.0
        while self._waiting and (wait := self._wait()) <= 0:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.cancelled():
                turn.set_result(self._take())
        if not self._waiting:
            self._silence()
        elif wait < inf:
            self._ring_in(wait)

    def _ring_in(self, seconds: float) -> None:
        at = self._clock.monotonic() + seconds
        # one that rings too early only looks once more
        if self._loop is not None and (self._alarm is None or self._alarm.done() or at < self._alarm_at):
            self._silence()
            self._alarm = self._loop.create_task(self._ring(seconds))
            self._alarm_at = at

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._alarm = None
        self._serve()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


@contextmanager
def _answer_first() -> Iterator[None]:
    # an answer has come, perhaps that of a purchase, and must not be lost to a file: the entry ends by itself
    try:
        yield
    except ConfigurationError as error:
        logger.warning("%s", error, extra={"outcome": type(error).__name__})


_limiters: Final[dict[tuple[str, str], list[Limiter]]] = {}
_lock: Final = threading.Lock()


def limiter_for(base_url: str, account: str, quota: Quota | None, clock: Clock | None = None) -> Limiter:
    """The limiter that all clients of this process share for an account.

    It outlives event loops, because the service's count does: the second `asyncio.run` starts where the first ended.
    Event loops that run at the same time, in several threads, each have one of their own, provided that this is called
    inside them, and do not see each other's requests: divide the quota between them. The `quota` of the latest call
    holds for everybody.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    clock = SystemClock() if clock is None else clock
    with _lock:
        known = _limiters.setdefault((base_url.rstrip("/"), account), [])
        usable = [limiter for limiter in known if limiter.clock == clock and limiter.usable_in(loop)]
        if not usable:
            usable = [Limiter(quota, clock=clock, account=f"{base_url.rstrip('/')} {account}")]
            known.extend(usable)
        limiter = min(usable, key=lambda limiter: limiter._loop is not loop)
        if loop is not None and limiter._loop is not loop:
            limiter._move_to(loop)
    if limiter.quota != quota:
        limiter.quota = quota
    return limiter
