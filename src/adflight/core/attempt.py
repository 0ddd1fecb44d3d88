"""One call on its way through its attempts. Pure data; used by the session."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, unquote_plus

import orjson
from attrs import define

from adflight.core.credentials import Grant
from adflight.core.options import Options
from adflight.core.quota import Limiter
from adflight.core.redaction import MASK, RedactedRequest, redact_request, secret_values
from adflight_api.runtime import InvalidInput, Request

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_NO_GRANT: Final = Grant(NO_HEADERS)


@define(eq=False, repr=False)
class Call:
    """One call on its way, through all its attempts."""

    request: Request
    options: Options
    limiter: Limiter
    """Of the operation's quota group: a pause holds up this group and no other."""
    method: str
    url: str
    headers: dict[str, str]
    """Without credentials, and without what hooks add to one attempt."""
    content: bytes | None
    deadline: float | None
    """By the monotonic clock."""
    attempt: int = 1
    """Counted from 1; an attempt with a renewed token is the same attempt."""
    renewals: int = 0
    """How often it was made again with a renewed token."""
    refused_before: bool = False
    """Whether the attempt before failed with 401."""
    grant: Grant = _NO_GRANT
    added: Mapping[str, str] = NO_HEADERS
    """Headers that hooks added."""
    shown: Any = None
    """The `httpx.Request` that the hooks saw."""
    started: float = 0.0
    """When the attempt was sent, by the monotonic clock."""

    def show(self, secrets: frozenset[str]) -> RedactedRequest:
        """What goes out, less its secrets."""
        request, written = self.request, None
        operation = request.operation
        headers = merged(merged(self.headers, self.added), self.grant.headers)
        body = request.body
        if self.content is not None and not request.form:
            if operation.encode is None:
                # what went out rather than what it was made of: a Decimal is a number there
                body = orjson.loads(self.content)
            else:
                written = self.content
                # a document that was passed whole shows in `content` only, where its secrets are masked
                body = body if isinstance(body, dict) else None
        url = with_query(self.url, dict.fromkeys(self.grant.query, MASK)) if self.grant.query else self.url
        return redact_request(self.method, url, headers, body, secrets, written=written)

    def sent_secrets(self, secrets: frozenset[str]) -> tuple[str, ...]:
        """The values that opened the service, or that it was sent, which it may repeat.

        It walks through the body, so that it is nothing for a call that succeeds and that no hook sees.
        """
        headers = merged(merged(self.headers, self.added), self.grant.headers)
        return secret_values(headers, (self.request.body, self.request.query, self.grant.query), secrets)


def merged(headers: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    """`headers` with those of `over` in the place of their namesakes, in whatever case either is written."""
    replaced = {name.lower() for name in over}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **over}


def with_query(url: str, over: Mapping[str, str]) -> str:
    """`url` with the parameters `over` in the place of their namesakes.

    Raises:
        InvalidInput: a value is no text that can be sent, such as one of a broken environment.
    """
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in over]
    try:
        added = [f"{quote(name, safe='')}={quote(value, safe='*')}" for name, value in over.items()]
    except UnicodeEncodeError:
        added = []
    if len(added) < len(over):
        raise InvalidInput("credentials", sorted(over), "texts that UTF-8 can carry")
    return f"{path}?{'&'.join([*kept, *added])}"
