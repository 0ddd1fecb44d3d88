"""Fetching a file from a host that must not see our credentials. Imports what the session imports; used by clients."""

from __future__ import annotations

import random
from collections.abc import Callable

from adflight.core.answers import Headers, RawAnswer, without_secrets
from adflight.core.clock import Clock
from adflight.core.errors import APIError, NotFound, PermissionDenied, ServerError, TransportError, ValidationFailed
from adflight.core.options import Options
from adflight.core.redaction import SECRET_NAMES, redact_request
from adflight.core.repeat import backoff
from adflight.core.transport import Transport, WireAnswer, WireRequest


async def fetch(
    transport: Transport, url: str, *, options: Options, clock: Clock, jitter: Callable[[], float] = random.random
) -> bytes:
    """The content of a URL, asked for without any header of ours; repeated like a read.

    The URL may be signed, so errors show its path only. Raises `InvalidInput`, `TransportError` or `APIError`.
    """
    for attempt in range(1, options.max_attempts + 1):
        failure: TransportError | APIError
        try:
            answer = await transport.send(
                WireRequest("GET", url, {"Accept": "*/*"}, None, options.timeout, options.connect_timeout)
            )
        except TransportError as error:
            failure = error
        else:
            if answer.status == 200:
                return answer.content
            failure = _refusal(url, answer)
            if not isinstance(failure, ServerError):
                break
        if attempt < options.max_attempts:
            await clock.sleep(backoff(attempt, jitter))
    failure.__cause__ = failure.__context__ = None
    raise failure


def _refusal(url: str, answer: WireAnswer) -> APIError:
    kinds: dict[int, type[APIError]] = {403: PermissionDenied, 404: NotFound, 410: NotFound}
    default = ValidationFailed if 400 <= answer.status < 500 else ServerError
    request = redact_request("GET", url.split("?")[0], {}, None)
    shown = without_secrets(answer, SECRET_NAMES)
    return kinds.get(answer.status, default)(
        f"download: HTTP {answer.status}",
        status=answer.status,
        body_code=None,
        errors=(),
        operation="download",
        request_id=None,
        request=request,
        response=RawAnswer(answer.status, Headers(shown.headers), shown.content, None, request),
    )
