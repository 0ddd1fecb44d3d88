"""Fetching a file from a host that must not see our credentials. Imports what the session imports; used by clients."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf
from typing import Final

from adflight.core.answers import Headers, RawAnswer, without_secrets
from adflight.core.clock import Clock
from adflight.core.errors import (
    APIError,
    AuthenticationError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    TransportError,
    ValidationFailed,
)
from adflight.core.options import Options
from adflight.core.redaction import SECRET_NAMES, redact_request
from adflight.core.repeat import backoff
from adflight.core.transport import Transport, WireAnswer, WireRequest

_KINDS: Final[dict[int, type[APIError]]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    408: ServerError,
    410: NotFound,
    429: RateLimited,
}


async def fetch(
    transport: Transport, url: str, *, options: Options, clock: Clock, jitter: Callable[[], float] = random.random
) -> bytes:
    """The content of a URL, asked for without any header of ours; repeated like a read.

    The URL may be signed, so errors show its path only. Raises `InvalidInput`, `TransportError` or `APIError`.
    """
    deadline = inf if options.deadline is None else clock.monotonic() + options.deadline
    attempt = 0
    while True:
        attempt += 1
        failure: TransportError | APIError
        timeout = min(options.timeout, max(deadline - clock.monotonic(), 0.001))
        try:
            answer = await transport.send(
                WireRequest("GET", url, {"Accept": "*/*"}, None, timeout, options.connect_timeout)
            )
        except TransportError as error:
            failure = error
        else:
            if answer.status == 200:
                return answer.content
            failure = _refusal(url, answer)
            if not isinstance(failure, (RateLimited, ServerError)):
                break
        pause = backoff(attempt, jitter)
        if attempt >= options.max_attempts or clock.monotonic() + pause >= deadline:
            break
        await clock.sleep(pause)
    failure.__cause__ = failure.__context__ = None
    raise failure


def _refusal(url: str, answer: WireAnswer) -> APIError:
    default = ValidationFailed if 400 <= answer.status < 500 else ServerError
    request = redact_request("GET", url.split("?")[0], {}, None)
    shown = without_secrets(answer, SECRET_NAMES)
    return _KINDS.get(answer.status, default)(
        f"download: HTTP {answer.status}",
        status=answer.status,
        body_code=None,
        errors=(),
        operation="download",
        request_id=None,
        request=request,
        response=RawAnswer(answer.status, Headers(shown.headers), shown.content, None, request),
    )
