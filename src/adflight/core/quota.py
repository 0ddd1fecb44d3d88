"""How many requests an account may make, counted as the service counts them.

Imports `clock`, `errors`, `service` and `sharing`. The session takes a slot before every attempt, log-ins too.

Why this is not pyrate-limiter: that counts a request when it asks for permission and cannot change its mind. A service
counts when the request arrives, which is later, and anywhere between sending and answer; so a window that starts at
the permission lets one request too many through whenever answers are slow. Here a slot is held while its request is
under way and for one window after its answer; it comes back at once if the request never left; and one call holds
everybody up when the service asks for that. None of the three can be had from pyrate-limiter's buckets.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

from attrs import field, frozen

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import ConfigurationError
from adflight.core.service import service_of
from adflight.core.sharing import Sharing


def _absolute(shared: Path | bool) -> Path | bool:
    # a program may change its directory
    return shared if isinstance(shared, bool) else Path(shared).absolute()


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
    shared: Path | bool = field(default=True, converter=_absolute)
    """Who counts together. True: all processes of this user on this machine that use the account, in a file in the
    user's state directory; while that cannot be used, a warning says so and this process counts by itself, as it does
    under a clock of its own. A path: all that name it. False: this process. Sharing costs a request some 0.2 ms."""

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
    """Slots that are taken, by all who count together: requests under way, and those answered less than a window ago.
    """
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
"""Seconds between two looks into a shared file that is full: somebody else may have freed a slot."""

_AT_A_TIME: Final = 20
"""Slots that are handed out before other tasks get a turn, because each is written to the file."""


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
        self._sharing = Sharing(quota, account, self._clock)
        self._look_at = -inf
        """When the file is worth another look; nothing that happens here makes it so any sooner."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[Slot, tuple[Sharing, str | None]] = {}
        """With the entry of each, and where it is to be ended, which a new quota does not change."""
        self._answered: deque[float] = deque()
        self._waiting: OrderedDict[asyncio.Future[Slot], float] = OrderedDict()
        """With the timeout of the request of each."""
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
        self._sharing = Sharing(quota, self._account, self._clock)
        self._look_at = -inf
        self._serve()

    @property
    def clock(self) -> Clock:
        return self._clock

    def state(self) -> QuotaState:
        """For progress displays."""
        self._wait()
        used, paused_for = len(self._under_way) + len(self._answered), self._paused_until - self._clock.monotonic()
        reason = self._reason
        if (together := self._sharing.use()) is not None:
            used = max(used, together.slots)
            if together.paused_for > max(paused_for, 0.0) + _LOOK_AGAIN:
                paused_for, reason = together.paused_for, "the service asked another process for it"
        return QuotaState(
            used=used,
            limit=None if self._quota is None else self._quota.requests,
            paused_for=max(paused_for, 0.0),
            reason=reason if paused_for > 0 else None,
            waiting=len(self._waiting),
        )

    @property
    def paused(self) -> bool:
        """By whomever."""
        if self._paused_until > self._clock.monotonic():
            return True
        return (together := self._sharing.use()) is not None and together.paused_for > 0

    def acquire_nowait(self, request_timeout: float = 0.0) -> Slot | None:
        """What `acquire` gives when nobody has to wait for it, else None."""
        if self._quota is None and not self._waiting and self._paused_until == -inf:
            return _UNCOUNTED
        if asyncio.get_running_loop() is self._loop and not self._waiting:
            found = self._ask(request_timeout)
            return found if isinstance(found, Slot) else None
        return None

    async def acquire(self, request_timeout: float = 0.0) -> Slot:
        """Waits until one more request, of at most `request_timeout` seconds, is within the quota. Cancelling the wait
        costs nothing.

        Raises:
            ConfigurationError: the limiter is in use in another event loop, which is still open, or the file of a quota
                that is shared cannot be used.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if not self._waiting and isinstance(slot := self._ask(request_timeout), Slot):
            return slot
        turn: asyncio.Future[Slot] = loop.create_future()
        self._waiting[turn] = request_timeout
        self._serve()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.pop(turn, None)
                self._serve()
            elif turn.exception() is None:
                turn.result().give_back()
            raise

    def pause(self, seconds: float, reason: str) -> None:
        """Holds everybody up. Requests that are under way go on; of several pauses the longest counts."""
        until = self._clock.monotonic() + seconds
        if until > self._paused_until:
            self._paused_until = until
            self._reason = reason
        self._sharing.pause(seconds)

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
        for slot in list(self._under_way):
            self._end(slot, counted=True)
        self._waiting.clear()
        self._alarm = None
        self._loop = loop

    def _ask(self, request_timeout: float) -> Slot | float:
        """A slot, or the seconds until one may be free; infinite when that depends on an answer."""
        if (wait := self._wait()) > 0:
            return wait
        entry = self._sharing.enter(request_timeout)
        if isinstance(entry, float):
            assert self._quota is not None
            # no sooner than after a window can be free what is under way elsewhere
            wait = min(entry, self._quota.per, _LOOK_AGAIN)
            self._look_at = self._clock.monotonic() + wait
            return wait
        slot = Slot(self)
        self._under_way[slot] = self._sharing, entry
        return slot

    def _settle(self, slot: Slot, *, counted: bool) -> None:
        if slot in self._under_way:
            self._end(slot, counted=counted)
            if self._waiting:
                self._serve()

    def _end(self, slot: Slot, *, counted: bool) -> None:
        sharing, entry = self._under_way.pop(slot)
        sharing.leave(entry, counted=counted)
        if not counted:
            self._look_at = -inf
        elif self._quota is not None:
            self._answered.append(self._clock.monotonic())

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
        handed_out = 0
        while self._waiting and wait <= 0 and not (self._sharing.is_on and handed_out == _AT_A_TIME):
            turn, request_timeout = next(iter(self._waiting.items()))
            if not turn.cancelled():
                if (wait := self._look_at - self._clock.monotonic()) > 0:
                    break
                try:
                    found = self._ask(request_timeout)
                except ConfigurationError as error:
                    turn.set_exception(error)
                else:
                    if not isinstance(found, Slot):
                        wait = found
                        break
                    turn.set_result(found)
                handed_out += 1
            del self._waiting[turn]
        if not self._waiting:
            self._silence()
        elif wait < inf:
            self._ring_in(max(wait, 0.0))

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


_limiters: Final[dict[tuple[object, str], list[Limiter]]] = {}
_lock: Final = threading.Lock()


def limiter_for(base_url: str, account: str, quota: Quota | None, clock: Clock | None = None) -> Limiter:
    """The limiter that all clients of this process share for an account.

    It outlives event loops, because the service's count does: the second `asyncio.run` starts where the first ended.
    Event loops that run at the same time, in several threads, each have one of their own, provided that this is called
    inside them; unless the quota is shared (see `Quota.shared`) they do not see each other's requests. The `quota` of
    the latest call holds for everybody.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    clock = SystemClock() if clock is None else clock
    service = service_of(base_url)
    with _lock:
        known = _limiters.setdefault((service, account), [])
        usable = [limiter for limiter in known if limiter.clock == clock and limiter.usable_in(loop)]
        if not usable:
            usable = [Limiter(quota, clock=clock, account="\0".join((*service, account)))]
            known.extend(usable)
        limiter = min(usable, key=lambda limiter: limiter._loop is not loop)
        if loop is not None and limiter._loop is not loop:
            limiter._move_to(loop)
    if limiter.quota != quota:
        limiter.quota = quota
    return limiter
