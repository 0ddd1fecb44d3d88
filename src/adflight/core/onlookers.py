"""Who sees a session's attempts: its hooks, the watch of each call, and whoever observes it for a while.

Imports answers, attempt and options; used by the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from adflight.core.answers import http_request, http_response, without_secrets
from adflight.core.attempt import NO_HEADERS, Call
from adflight.core.clock import Clock
from adflight.core.options import CANCELLED, Attempted, Hook
from adflight.core.quota import Limiter
from adflight.core.transport import WireAnswer

logger: Final = logging.getLogger("adflight")


class Onlookers:
    """All of one session. Asked only where `hooked` or `observers` say that somebody looks."""

    def __init__(self, hooks: Iterable[Hook], limiter: Limiter, clock: Clock, secrets: frozenset[str]) -> None:
        """`limiter` counts the account's requests, but for the groups that have one of their own."""
        hooks = tuple(hooks)
        self._asking = [hook.on_request for hook in hooks if hook.on_request is not None]
        self._telling = [hook.on_response for hook in hooks if hook.on_response is not None]
        self.hooked: Final = bool(self._asking or self._telling)
        self.observers: tuple[Callable[[Attempted], object], ...] = ()
        self._limiter = limiter
        self._clock = clock
        self._secrets = secrets

    @contextmanager
    def observed(self, observer: Callable[[Attempted], object]) -> Iterator[None]:
        """Tells `observer` of every attempt that ends within the block."""
        self.observers = (*self.observers, observer)
        try:
            yield
        finally:
            left = [*self.observers]
            left.remove(observer)
            self.observers = tuple(left)

    async def ask(self, call: Call) -> None:
        """Shows hooks what is about to be sent, and lets them add headers."""
        call.added = NO_HEADERS
        call.shown = shown = http_request(call.show(self._secrets))
        before = dict(shown.headers)
        for hook in self._asking:
            await hook(shown)
        call.added = {name: value for name, value in shown.headers.items() if before.get(name) != value}

    async def tell(self, call: Call, answer: WireAnswer) -> None:
        """Shows hooks an answer."""
        values = call.sent_secrets(self._secrets)
        for hook in self._telling:
            try:
                await hook(http_response(without_secrets(answer, self._secrets, values), call.shown))
            except asyncio.CancelledError:
                self.witness(call, CANCELLED, answer.status)
                raise
            except Exception:
                logger.exception("a hook failed; the call goes on", extra={"operation": call.request.operation.id})

    def witness(self, call: Call, outcome: str, status: int | None = None) -> None:
        """Tells the call's watch and the observers how an attempt ended."""
        elapsed = self._clock.monotonic() - call.started
        sent_at, watch, operation = self._clock.time() - elapsed, call.options.watch, call.request.operation.id
        if watch is not None and outcome != CANCELLED:
            watch.answered(outcome, status, sent_at, elapsed)
        if self.observers:
            attempted = Attempted(
                operation=operation,
                number=call.attempt + call.renewals,
                outcome=outcome,
                status=status,
                sent_at=sent_at,
                elapsed=elapsed,
                is_watched=watch is not None,
                is_apart=call.limiter is not self._limiter,
            )
            self.report(attempted)

    def report(self, attempted: Attempted) -> None:
        """Tells the observers of an attempt."""
        for observer in self.observers:
            try:
                observer(attempted)
            except Exception:
                logger.exception("an observer failed; the call goes on", extra={"operation": attempted.operation})


def log_attempt(
    level: int, operation: str, number: int, status: int | None, outcome: str, became: str, elapsed: float
) -> None:
    """Logs how an attempt ended and, in `became`, what follows from it; `elapsed` in seconds."""
    extra = {"operation": operation, "attempt": number, "status": status, "elapsed": elapsed, "outcome": outcome}
    logger.log(level, "%s, attempt %d: %s after %.3f s", operation, number, became, elapsed, extra=extra)
