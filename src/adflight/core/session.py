"""The only place that knows the order of one call's steps:

    credentials -> quota -> hooks -> transport -> judge -> (repeat | UnknownOutcome | error) -> parse

Imports everything else in core; vendors' clients import it. Credentials come before the quota because a log-in needs a
slot of its own: a caller that held one while it waited for a token could lock everybody out.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from adflight.core.answers import Headers, RawAnswer, without_secrets
from adflight.core.attempt import Call, merged, with_query
from adflight.core.clock import Clock, SystemClock
from adflight.core.credentials import Authenticator
from adflight.core.download import fetch
from adflight.core.errors import (
    AdflightError,
    APIError,
    ConfigurationError,
    ConnectionBroken,
    InvalidInput,
    NotSent,
    PartialFailure,
    Timeout,
    TransportError,
    UnknownOutcome,
)
from adflight.core.gate import Gate
from adflight.core.judge import Refusal, Verdict, judge, partial_failure, too_long, unusable
from adflight.core.onlookers import Onlookers, log_attempt
from adflight.core.options import CANCELLED, Attempted, Hook, Options, Watch
from adflight.core.quota import Limiter, Slot
from adflight.core.redaction import SECRET_NAMES, redact_error, redact_values
from adflight.core.repeat import Event, backoff, decide, pause_after_429, retry_after, transport_event
from adflight.core.routing import Router, Routing
from adflight.core.transport import MAX_RESPONSE_SIZE, Transport, WireAnswer, WireRequest
from adflight_api.runtime import Request

T = TypeVar("T")

logger: Final = logging.getLogger("adflight")
logger.addHandler(logging.NullHandler())

SETTLING: Final = 60.0
"""Seconds beyond an attempt's timeout after which a request is taken to be carried out or lost."""

# how often a token may expire while its caller waits for the quota
_MAX_RENEWALS: Final = 5


class Session:
    """One account's way to one service, shared by all its clients and views."""

    def __init__(
        self,
        base_url: str,
        *,
        transport: Transport,
        authenticator: Authenticator,
        limiter: Limiter,
        limiters: Mapping[str, Limiter] | None = None,
        clock: Clock | None = None,
        hooks: Sequence[Hook] = (),
        headers: Mapping[str, str] | None = None,
        documented_paths: bool = False,
        routing: Routing | None = None,
        default_security: tuple[str, ...] = ("bearerAuth",),
        acknowledged: bool = False,
        max_in_flight: int = 500,
        max_body_size: int = MAX_RESPONSE_SIZE,
        secrets: frozenset[str] = SECRET_NAMES,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`limiters` count the quota groups that the service counts apart, by `Operation.quota`, `limiter` the others;
        `headers` go with every request; `documented_paths` prefers a document's path to the one known to be live;
        `routing` is what the user knows better than either; `default_security` names the schemes of operations that the
        specification does not know, `acknowledged` says that they answer with a status in the body; `max_in_flight`
        requests wait for answers at a time; answers of more than `max_body_size` bytes are not decoded; `secrets` are
        the names that errors and hooks mask.

        Raises:
            ConfigurationError: `base_url` is not an http or https URL of a host, or a limit is below 1.
        """
        parts = urlsplit(base_url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or "@" in parts.netloc
            or set(base_url) & set("?#")
        ):
            raise ConfigurationError("base_url: expected http:// or https://, a host and at most a path, no password")
        if max_in_flight < 1:
            raise ConfigurationError(f"max_in_flight={max_in_flight}: expected at least 1")
        if max_body_size < 1:
            raise ConfigurationError(f"max_body_size={max_body_size}: expected at least 1")
        self.base_url: Final = base_url.rstrip("/")
        self.transport: Final = transport
        self.authenticator: Final = authenticator
        self.limiter: Final = limiter
        self._limiters = dict(limiters or {})
        self.clock: Final[Clock] = SystemClock() if clock is None else clock
        self._onlookers = Onlookers(hooks, limiter, self.clock, secrets)
        self.default_security: Final = default_security
        self.acknowledged: Final = acknowledged
        self._headers = dict(headers or {})
        self._router = Router(self.base_url, routing, documented_paths=documented_paths)
        self._max_in_flight = max_in_flight
        self._max_body_size = max_body_size
        self._secrets = secrets
        self._random = random
        self._gate = Gate(max_in_flight)
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    async def aclose(self) -> None:
        """Stops what runs in the background and closes all connections; harmless when repeated."""
        await self.authenticator.aclose()
        await self.transport.aclose()

    def observed(self, observer: Callable[[Attempted], object]) -> AbstractContextManager[None]:
        """Tells `observer` of every attempt that ends within the block, log-ins included; what it raises is logged."""
        return self._onlookers.observed(observer)

    async def call(self, request: Request, parse: Callable[[Any], T], options: Options) -> T:
        """Sends a request until there is an answer that counts, and parses it.

        With `options.raw` the result is a `RawAnswer[T]` instead.

        Raises:
            InvalidInput: the request cannot be sent.
            OperationNotConfigured: nobody knows how to call it; nothing was sent.
            TransportError: no answer came, and sending it again is harmless or it was never sent.
            UnknownOutcome: it may have been carried out, and must not be sent again.
            APIError: the service said no.
            PartialFailure: it was carried out for some items only, unless `options.partial` is "return".
        """
        call = self._begin(request, options)
        while True:
            answer = await self._send(call)
            if isinstance(answer, TransportError):
                failure = await self._after(call, answer, transport_event(answer))
            else:
                verdict = None
                if len(answer.content) > self._max_body_size:
                    answer, verdict = too_long(request.operation, answer, self._max_body_size)
                if self._onlookers.hooked:
                    await self._onlookers.tell(call, answer)
                if verdict is None:
                    verdict = judge(request.operation, answer)
                refusal = verdict.refusal
                if refusal is None:
                    try:
                        value = parse(verdict.value)
                    except Exception as problem:
                        # whatever a parser stumbles over: the request was carried out, and that must not be lost
                        refusal = unusable(f"the answer has a shape that nobody expects ({type(problem).__name__})")
                    else:
                        return self._accept(call, answer, verdict, value)
                failure = await self._after(call, self._refused(call, refusal, answer), refusal.event, answer)
            # raised out here, because what was caught above would become its __context__
            if failure is not None:
                raise failure

    async def download(self, url: str, options: Options) -> bytes:
        """A file of another host, which gets no header of ours, hooks' neither; observed and logged like calls.

        Raises what `fetch` raises.
        """
        return await fetch(
            self.transport, url, options=options, clock=self.clock, tell=self._onlookers.report, jitter=self._random
        )

    def _begin(self, request: Request, options: Options) -> Call:
        method, url = self._router.find(request)
        headers = {**self._headers, **request.headers}
        if options.headers:
            headers = merged(headers, options.headers)
        try:
            content = request.content
        except TypeError as error:
            problem = str(error)
        else:
            deadline = None if options.deadline is None else self.clock.monotonic() + options.deadline
            limiter = self._limiters.get(request.operation.quota, self.limiter) if self._limiters else self.limiter
            return Call(request, options, limiter, method, self.base_url + url, headers, content, deadline)
        raise InvalidInput("body", problem, "values that JSON can carry")

    async def _send(self, call: Call) -> WireAnswer | TransportError:
        """One attempt. A failure is returned, not raised: the exception that was caught must be nobody's context."""
        gate = self._gate_of_this_loop()
        timeout = call.options.timeout
        if call.deadline is None:
            slot = await self._admit(call, gate)
            call.started = self.clock.monotonic()
        else:
            slot = await self._admit_in_time(call, gate, call.deadline)
            call.started = self.clock.monotonic()
            timeout = min(timeout, max(call.deadline - call.started, 0.001))
        if call.options.watch is not None:
            await self._announce(call, call.options.watch, slot, gate)
        wire = WireRequest(call.method, call.url, {}, call.content, timeout, call.options.connect_timeout)
        failure: TransportError
        try:
            if call.options.headers or call.added:
                wire.headers = merged(merged(call.headers, call.added), call.grant.headers)
            else:
                wire.headers = {**call.headers, **call.grant.headers}
            if call.grant.query:
                wire.url = with_query(call.url, call.grant.query)
            return await self.transport.send(wire)
        except NotSent as error:
            if self.transport.certified:
                slot.give_back()
                failure = error
            else:
                failure = ConnectionBroken(str(error))
        except TransportError as error:
            failure = error
        except AdflightError as error:
            # the request or the transport cannot be used: nothing has left
            slot.give_back()
            if call.options.watch is not None or self._onlookers.observers:
                self._onlookers.witness(call, "not sent")
            redact_error(error, call.sent_secrets(self._secrets))
            # the frames below hold credentials, and whoever reports errors with local variables would send them away
            error.__traceback__ = None
            raise
        except asyncio.CancelledError as error:
            if self._onlookers.observers:
                self._onlookers.witness(call, CANCELLED)
            error.__traceback__ = None
            raise
        except Exception as error:
            # not what a transport may raise, so it proves nothing; its text may hold anything
            failure = ConnectionBroken(f"the transport failed ({type(error).__name__})")
        finally:
            # also when cancelled: the service may have counted it; no effect on a slot that was given back
            slot.answered()
            gate.leave()
        # ours name no more of a URL than its path; others may
        redact_error(failure, call.sent_secrets(self._secrets))
        failure.__cause__ = failure.__context__ = failure.__traceback__ = None
        return failure

    async def _announce(self, call: Call, watch: Watch, slot: Slot, gate: Gate) -> None:
        try:
            await watch.sending(lambda: call.show(self._secrets))
        except BaseException:
            slot.give_back()
            gate.leave()
            raise
        call.started = self.clock.monotonic()

    async def _admit(self, call: Call, gate: Gate) -> Slot:
        """Waits for everything that an attempt needs before it may be sent."""
        operation, scope = call.request.operation, call.options.scope
        current, limiter, timeout = self.authenticator.current, call.limiter, call.options.timeout
        for _ in range(_MAX_RENEWALS):
            grant = current(operation, scope)
            if grant is None:
                await self.authenticator.prepare(operation)
            free = limiter.acquire_nowait(timeout)
            slot = await limiter.acquire(timeout) if free is None else free
            if grant is None or free is None:
                # a token may end while its caller waits for the quota
                grant = current(operation, scope)
            if grant is not None:
                break
            slot.give_back()
        else:
            raise ConfigurationError("tokens expire before the quota lets a request through: is the clock right?")
        call.grant = grant
        try:
            if self._onlookers.hooked:
                await self._onlookers.ask(call)
            if not gate.enter_nowait():
                await gate.enter()
                while limiter.paused:  # since it got its slot
                    gate.leave()
                    slot.give_back()
                    slot = await limiter.acquire(timeout)
                    await gate.enter()
        except BaseException:
            slot.give_back()
            raise
        return slot

    async def _admit_in_time(self, call: Call, gate: Gate, deadline: float) -> Slot:
        remaining = deadline - self.clock.monotonic()
        if remaining > 0:
            try:
                async with asyncio.timeout(None) as limit:
                    alarm = asyncio.create_task(self._ring(limit, remaining))
                    try:
                        return await self._admit(call, gate)
                    finally:
                        alarm.cancel()
            except TimeoutError:
                if not limit.expired():
                    raise
        raise Timeout(
            f"{call.request.operation.id}: not sent, because the deadline of {call.options.deadline:g} s passed "
            f"before attempt {call.attempt} could be made"
        )

    async def _ring(self, limit: asyncio.Timeout, seconds: float) -> None:
        # the timeout keeps the event loop's time, we keep the clock's
        await self.clock.sleep(seconds)
        limit.reschedule(asyncio.get_running_loop().time())

    async def _after(
        self, call: Call, failure: AdflightError, event: Event, answer: WireAnswer | None = None
    ) -> AdflightError | None:
        """What to raise after an attempt that failed; None when it is to be made again, now."""
        if self._onlookers.observers or call.options.watch is not None:
            self._onlookers.witness(call, event, None if answer is None else answer.status)
        attempts_left = call.options.max_attempts - call.attempt
        renewable = call.grant.token is not None and not call.refused_before
        action = decide(call.request.repeat, event, attempts_left=attempts_left, renewable=renewable)
        call.refused_before = event == "unauthorized"

        delay = pause = 0.0
        if answer is not None and event in ("rate limited", "server error"):
            pause = retry_after(answer.headers, self.clock.time()) or 0.0
            if event == "rate limited":
                pause = pause or pause_after_429(call.attempt, self._random)
            if pause:
                call.limiter.pause(pause, f"the service asked for it: HTTP {answer.status}")
        if action == "repeat":
            delay = 0.0 if pause else backoff(call.attempt, self._random)
            if call.deadline is not None and self.clock.monotonic() + max(delay, pause) >= call.deadline:
                action = "raise"

        level = {"unknown": logging.WARNING, "raise": logging.DEBUG}.get(action, logging.INFO)
        if logger.isEnabledFor(level):
            self._log(level, call, None if answer is None else answer.status, event, f"{event}, {action}")
        if action == "renew":
            self.authenticator.invalidate(call.grant)
            call.renewals += 1
            return None
        if action == "repeat":
            call.attempt += 1
            if delay:
                await self.clock.sleep(delay)
            return None
        return self._unknown(call, failure) if action == "unknown" else failure

    def _accept(self, call: Call, answer: WireAnswer, verdict: Verdict, value: T) -> T:
        if self._onlookers.observers or call.options.watch is not None:
            self._onlookers.witness(call, "answered", answer.status)
        if logger.isEnabledFor(logging.DEBUG):
            self._log(logging.DEBUG, call, answer.status, "answered", "answered")
        if verdict.partial and call.options.partial == "raise":
            raise self._failed_in_part(call, answer, verdict, value)
        if call.options.raw:
            # the caller's type says so: see adflight_api.runtime.with_raw_response
            return cast(
                T, RawAnswer(answer.status, Headers(answer.headers), answer.content, value, call.show(self._secrets))
            )
        return value

    # errors are made apart from where they are raised: these frames hold credentials

    def _refused(self, call: Call, refusal: Refusal, answer: WireAnswer) -> APIError:
        secrets = self._secrets
        return refusal.error(call.request.operation, answer, call.show(secrets), secrets, call.sent_secrets(secrets))

    def _failed_in_part(self, call: Call, answer: WireAnswer, verdict: Verdict, value: Any) -> PartialFailure:
        operation, shown = call.request.operation, call.show(self._secrets)
        values = call.sent_secrets(self._secrets)
        without = without_secrets(answer, self._secrets, values)
        response = RawAnswer(without.status, without.headers, without.content, value, shown)
        return partial_failure(operation, redact_values(verdict.value, values), value, response, shown)

    def _unknown(self, call: Call, cause: AdflightError) -> UnknownOutcome:
        sent = self.clock.time() - (self.clock.monotonic() - call.started)
        return UnknownOutcome(
            f"{call.request.operation.id} was sent, and it is not known whether it was carried out: {cause}. "
            "Sending it again could do it twice; look for what it would have made first.",
            operation=call.request.operation.id,
            request=call.show(self._secrets),
            sent_at=datetime.fromtimestamp(sent, UTC),
            settled_after=call.options.timeout + SETTLING,
            cause=cause,
            response=cause.response if isinstance(cause, APIError) else None,
        )

    def _gate_of_this_loop(self) -> Gate:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._gate = loop, Gate(self._max_in_flight)
        return self._gate

    def _log(self, level: int, call: Call, status: int | None, outcome: str, text: str) -> None:
        elapsed = self.clock.monotonic() - call.started
        log_attempt(level, call.request.operation.id, call.attempt, status, outcome, text, elapsed)
