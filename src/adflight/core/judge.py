"""Decides what an answer means: content to parse, or one of the errors of the tree.

Pure. May be imported by the session only; imports errors, answers and the repeat rules' names.

Services say no in many ways: by HTTP status, by `success: false` or a code inside a body that came with 200, by a
reason for each item, by the HTML page of a proxy in between. A success is 2xx by the HTTP status *and* by the body's
own code, which need not be equal; bodies are tried as JSON whatever their Content-Type says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import islice
from typing import Any, Final

import orjson
from attrs import define, field, frozen

from adflight.core.answers import RawAnswer, without_secrets
from adflight.core.errors import (
    APIError,
    AuthenticationError,
    NotFound,
    PartialFailure,
    PermissionDenied,
    RateLimited,
    ServerError,
    ValidationFailed,
)
from adflight.core.redaction import RedactedRequest, redact_body, redact_text, redact_url
from adflight.core.repeat import Event
from adflight.core.transport import WireAnswer
from adflight_api.runtime import Model, Operation, Partial

_MAX_ERRORS: Final = 50
_MAX_LENGTH: Final = 500

_KINDS: Final[Mapping[int, tuple[type[APIError], Event]]] = {
    401: (AuthenticationError, "unauthorized"),
    403: (PermissionDenied, "refused"),
    404: (NotFound, "refused"),
    408: (ServerError, "server error"),
    # a proxy's word for a client that went away; the service behind it may have carried it out
    499: (ServerError, "server error"),
    410: (NotFound, "refused"),
    429: (RateLimited, "rate limited"),
}

_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-cf-id", "cf-ray")


_TEXTS: Final = ("error", "errorMsg", "errorMessage", "message", "error_description", "detail", "reason")
_PLACES: Final = ("field", "errorField", "campaignName")
_NESTED: Final = ("errorObjects", "errors", "error", "responseObject", "data", "reason")

_TITLE: Final = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)


@frozen
class Refusal:
    """An answer that is no success, before it becomes an error."""

    kind: type[APIError]
    event: Event
    reason: str = ""
    """What is wrong, where the body does not say."""
    payload: Any = field(default=None, repr=False)
    """The decoded body, or None."""
    body_code: int | None = None

    def error(
        self, operation: Operation, answer: WireAnswer, request: RedactedRequest, secrets: frozenset[str]
    ) -> APIError:
        """The error to raise, without secrets."""
        shown = without_secrets(answer, secrets)
        errors = messages(self.payload)
        if not errors and self.payload is None:
            errors = _page(shown.content)
        request_id = next((answer.headers[name] for name in _REQUEST_IDS if name in answer.headers), None)
        code = "" if self.body_code in (None, answer.status) else f" (body code {self.body_code})"
        text = "; ".join([self.reason, *errors] if self.reason else errors) or "the service gives no reason"
        tail = f" [request {request_id}]" if request_id else ""
        details: dict[str, Any] = {"undecodable": True} if self.event in ("undecodable", "unusable") else {}
        parsed = None if self.payload is None else redact_body(self.payload, secrets)
        return self.kind(
            f"{operation.id}: HTTP {answer.status}{code}: {text}{tail}",
            status=answer.status,
            body_code=self.body_code,
            errors=errors,
            operation=operation.id,
            request_id=request_id,
            request=request,
            response=RawAnswer(shown.status, shown.headers, shown.content, parsed, request),
            **details,
        )


@define
class Verdict:
    """What an answer means: `value` is what to parse, unless there is a `refusal`."""

    value: Any = field(default=None, repr=False)
    refusal: Refusal | None = None
    partial: bool = False
    """Whether the answer names items that failed."""


def judge(operation: Operation, answer: WireAnswer) -> Verdict:
    """What `answer` means for `operation`."""
    status, content = answer.status, answer.content
    if not 200 <= status < 300:
        return Verdict(None, _refused(status, answer))
    if not content:
        # an envelope that is documented and missing is a body that was lost
        if (status != 204 or operation.identity) and operation.envelope is not None:
            return Verdict(None, Refusal(ServerError, "undecodable", "the body is empty"))
        return Verdict()
    try:
        payload = orjson.loads(content)
    except orjson.JSONDecodeError:
        reason = f"a success whose body of {len(content)} bytes cannot be read as JSON"
        return Verdict(None, Refusal(ServerError, "undecodable", reason))
    if isinstance(payload, dict):
        code = _number(payload.get("statusCode"))
        if code is not None and code >= 400:
            kind, event = _kind(code)
            return Verdict(None, Refusal(kind, event, payload=payload, body_code=code))
        if payload.get("success") is False or (payload.get("status") is False and _bare(operation, payload)):
            return Verdict(None, Refusal(ValidationFailed, "refused", payload=payload, body_code=code))
    value = operation.unwrap(payload)
    if operation.identity and not _identified(operation.identity, value):
        return Verdict(None, unusable(f"the answer names no {' or '.join(operation.identity)}"))
    return Verdict(value, None, operation.partial is not None and _some_failed(operation.partial, value))


def unusable(reason: str) -> Refusal:
    """A success that can be read and has a shape that nobody expects."""
    return Refusal(ServerError, "unusable", reason)


def partial_failure(
    operation: Operation, value: Any, answer: Any, response: RawAnswer[Any], request: RedactedRequest
) -> PartialFailure:
    """The error for an answer that names items that failed; `value` is its content, `answer` its typed form."""
    rule = operation.partial
    assert rule is not None, "only operations that can fail in part are judged to have done so"
    modified, failed = _rows(answer, value, rule.modified), _rows(answer, value, rule.failed)
    reasons = "; ".join(messages(value.get(rule.failed))) or "the service gives no reason"
    return PartialFailure(
        f"{operation.id}: {len(failed)} failed, {len(modified)} changed: {reasons}",
        modified=modified,
        failed=failed,
        answer=answer,
        operation=operation.id,
        request=request,
        response=response,
    )


def messages(payload: Any) -> tuple[str, ...]:
    """What a decoded error body says is wrong, one text an error, each once; whatever shape it has."""
    texts = (redact_text(" ".join(text.split()))[:_MAX_LENGTH] for text in _texts(payload, 8))
    return tuple(islice(dict.fromkeys(filter(None, texts)), _MAX_ERRORS))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    elif isinstance(value, dict) and depth:
        own = ": ".join(text for key in _TEXTS if isinstance(text := value.get(key), str) and text)
        place = next((place for key in _PLACES if isinstance(place := value.get(key), str) and place), None)
        if own:
            yield f"{place}: {own}" if place else own
        for key in _NESTED:
            inner = value.get(key)
            if key == "errors" and isinstance(inner, dict) and not any(map(inner.get, (*_TEXTS, *_NESTED))):
                # {"name": ["too short"]}: the keys are fields
                for field, problem in inner.items():
                    for text in _texts(problem, depth - 1):
                        yield f"{field}: {text}"
            elif key not in _TEXTS or not isinstance(inner, str):
                yield from _texts(inner, depth - 1)


def _page(content: bytes) -> tuple[str, ...]:
    text = content[:20_000].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = f"a page titled {unescape(title[2]).strip()!r}" if title else "a page, not JSON"
    elif text.startswith(("{", "[")):
        # cut-off JSON says nothing to a reader, and may hold anybody's data
        text = ""
    return messages(text[:_MAX_LENGTH])


def _refused(status: int, answer: WireAnswer) -> Refusal:
    try:
        payload = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        payload = None
    if status < 400:
        target = redact_url(answer.headers.get("Location", "nowhere"))
        return Refusal(ServerError, "unusable", f"not followed to {target}; is the base URL right?", payload)
    kind, event = _kind(status)
    body_code = None
    if isinstance(payload, dict):
        inner = payload.get("responseObject")
        body_code = _number(payload.get("statusCode"))
        if body_code is None and isinstance(inner, dict):
            body_code = _number(inner.get("errorCode"))
    return Refusal(kind, event, payload=payload, body_code=body_code)


def _kind(code: int) -> tuple[type[APIError], Event]:
    if code >= 500:
        return ServerError, "server error"
    return _KINDS.get(code, (ValidationFailed, "refused"))


def _identified(names: tuple[str, ...], value: Any) -> bool:
    """Whether an answer says which object was created."""
    if isinstance(value, dict):
        for name in names:
            if _number(value.get(name)) is not None:
                return True
    return False


def _bare(operation: Operation, payload: Mapping[str, Any]) -> bool:
    """Whether an answer lacks its documented envelope; one that reports items that failed is judged by these."""
    return operation.partial is None and operation.envelope is not None and operation.envelope not in payload


def _number(code: Any) -> int | None:
    if type(code) is int:
        return code
    return int(code) if isinstance(code, str) and code.isdecimal() and len(code) < 10 else None


def _some_failed(rule: Partial, value: Any) -> bool:
    # truth values are typed as integers in places, hence no `is`
    return isinstance(value, dict) and (value.get(rule.ok) in (False, "false") or bool(value.get(rule.failed)))


def _rows(answer: Any, value: Mapping[str, Any], wire_name: str) -> tuple[Any, ...]:
    """The rows under a wire name: typed where the typed answer has them."""
    rows: Any = value.get(wire_name)
    if isinstance(answer, Model):
        attribute = next((attribute for attribute, name, _ in answer._wire if name == wire_name), None)
        if attribute is not None:
            rows = getattr(answer, attribute)
    if isinstance(rows, list):
        return tuple(rows)
    return (rows,) if rows else ()
