"""Fetching a file from a host that must not see our credentials.

Imports what the session imports; used by the session, and by the command line.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from math import inf
from typing import Final

from adflight.core.answers import Headers, RawAnswer, without_secrets
from adflight.core.clock import Clock
from adflight.core.errors import (
    AdflightError,
    APIError,
    AuthenticationError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    TransportError,
    ValidationFailed,
)
from adflight.core.onlookers import log_attempt
from adflight.core.options import CANCELLED, Attempted, Options
from adflight.core.redaction import SECRET_NAMES, query_values, redact_error, redact_request
from adflight.core.repeat import Event, backoff, transport_event
from adflight.core.transport import Transport, WireAnswer, WireRequest

_NAME: Final = "download"

_KINDS: Final[dict[int, tuple[type[APIError], Event]]] = {
    401: (AuthenticationError, "unauthorized"),
    403: (PermissionDenied, "refused"),
    404: (NotFound, "refused"),
    408: (ServerError, "server error"),
    410: (NotFound, "refused"),
    429: (RateLimited, "rate limited"),
}


async def fetch(
    transport: Transport,
    url: str,
    *,
    options: Options,
    clock: Clock,
    tell: Callable[[Attempted], object] = lambda attempted: None,
    jitter: Callable[[], float] = random.random,
) -> bytes:
    """The content of a URL, asked for without any header of ours; repeated, and logged, like a read.

    The URL may be signed, so errors show its path only. `tell` is told of each attempt as it ends. Raises
    `InvalidInput`, `TransportError` or `APIError`.
    """
    deadline = inf if options.deadline is None else clock.monotonic() + options.deadline
    attempt = 0
    while True:
        attempt += 1
        started = clock.monotonic()
        timeout = min(options.timeout, max(deadline - started, 0.001))
        request = WireRequest("GET", url, {"Accept": "*/*"}, None, timeout, options.connect_timeout)
        failure: TransportError | APIError
        status: int | None = None
        outcome = "broken"
        try:
            answer = await transport.send(request)
        except TransportError as error:
            failure, outcome = error, transport_event(error)
            if outcome == "not sent" and not transport.certified:
                outcome = "broken"
            redact_error(failure, query_values(url))
        except AdflightError as error:
            outcome = "not sent"
            redact_error(error, query_values(url))
            raise
        except asyncio.CancelledError:
            outcome = CANCELLED
            raise
        else:
            status = answer.status
            if status == 200:
                outcome = "answered"
                log_attempt(logging.DEBUG, _NAME, attempt, status, outcome, outcome, clock.monotonic() - started)
                return answer.content
            failure, outcome = _refusal(url, answer)
        finally:
            tell(_attempted(attempt, outcome, status, clock.time(), clock.monotonic() - started))
        pause = backoff(attempt, jitter)
        is_last = attempt >= options.max_attempts or clock.monotonic() + pause >= deadline
        is_last = is_last or not isinstance(failure, (TransportError, RateLimited, ServerError))
        level, follows = (logging.DEBUG, "raise") if is_last else (logging.INFO, "repeat")
        log_attempt(level, _NAME, attempt, status, outcome, f"{outcome}, {follows}", clock.monotonic() - started)
        if is_last:
            break
        await clock.sleep(pause)
    failure.__cause__ = failure.__context__ = None
    raise failure


def _attempted(number: int, outcome: str, status: int | None, ended: float, elapsed: float) -> Attempted:
    return Attempted(
        operation=_NAME,
        number=number,
        outcome=outcome,
        status=status,
        sent_at=ended - elapsed,
        elapsed=elapsed,
        is_watched=False,
        is_apart=True,
    )


def _refusal(url: str, answer: WireAnswer) -> tuple[APIError, Event]:
    default = ValidationFailed if 400 <= answer.status < 500 else ServerError
    kind, event = _KINDS.get(answer.status, (default, "refused" if default is ValidationFailed else "server error"))
    request = redact_request("GET", url.split("?")[0], {}, None)
    # a page about what was refused names its URL, signature and all
    shown = without_secrets(answer, SECRET_NAMES, query_values(url))
    error = kind(
        f"{_NAME}: HTTP {answer.status}",
        status=answer.status,
        body_code=None,
        errors=(),
        operation=_NAME,
        request_id=None,
        request=request,
        response=RawAnswer(answer.status, Headers(shown.headers), shown.content, None, request),
    )
    return error, event
