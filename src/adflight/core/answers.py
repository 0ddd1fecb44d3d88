"""An answer as it came: what `with_raw_response` returns and what errors carry.

Imports redaction and the transport's data classes; httpx objects are built only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import field, frozen

from adflight.core.redaction import RedactedRequest, redact_content, redact_headers, redact_values
from adflight.core.transport import WireAnswer, WireRequest

if TYPE_CHECKING:
    import httpx

T_co = TypeVar("T_co", covariant=True)


def http_request(request: RedactedRequest) -> httpx.Request:
    """A request without secrets as an httpx object."""
    # httpx costs half of the import time, and only hooks and raw answers need it
    from adflight.core.httpx_bridge import to_httpx_request

    wire = WireRequest(
        method=request.method,
        url=request.url,
        headers=dict(request.headers),
        content=request.content,
        timeout=None,
        connect_timeout=None,
    )
    return to_httpx_request(wire)


def http_response(answer: WireAnswer, request: httpx.Request) -> httpx.Response:
    """An answer as an httpx object."""
    from adflight.core.httpx_bridge import to_httpx_response

    return to_httpx_response(answer, request)


def without_secrets(answer: WireAnswer, secrets: frozenset[str], values: tuple[str, ...] = ()) -> WireAnswer:
    """An answer that errors and hooks may show; `values` are secrets that were sent, and that it may repeat."""
    return WireAnswer(
        status=answer.status,
        headers=Headers(redact_values(redact_headers(answer.headers, secrets), values)),
        content=redact_content(answer.content, secrets, values),
    )


class Headers(Mapping[str, str]):
    """Response headers: names in lower case, looked up in any; can cross to another process."""

    __slots__ = ("_values",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({list(self._values)})"


@frozen
class RawAnswer(Generic[T_co]):
    """An answer as it came, beside what it was parsed to; implements `adflight_api.runtime.RawResponse`."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    content: bytes = field(repr=False)
    """The body, decompressed."""
    parsed: T_co
    """The typed answer; in errors the decoded body, or None."""
    request: RedactedRequest
    """What was sent, without secrets."""

    @property
    def http_response(self) -> httpx.Response:
        """The answer as an httpx object, with its request; the request carries no secrets."""
        answer = WireAnswer(status=self.status, headers=self.headers, content=self.content)
        return http_response(answer, http_request(self.request))
