"""Decides what an answer means: content to parse, or one of the errors of the tree.

Pure. May be imported by the session only; imports errors, answers and the repeat rules' names.

Services say no in many ways: by HTTP status, by `success: false` or a code inside a body that came with 200, by a
reason for each item, by the HTML page of a proxy in between. A success is 2xx by the HTTP status *and* by the body's
own code, which need not be equal; bodies are tried as what the operation speaks whatever their Content-Type says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import define, field, frozen

from adflight.core.answers import RawAnswer, without_secrets
from adflight.core.error_bodies import complaints, messages, read, read_xml
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
from adflight.core.redaction import RedactedRequest, redact_body, redact_url, redact_values
from adflight.core.repeat import Event
from adflight.core.transport import WireAnswer
from adflight_api.runtime import Model, Operation, Partial

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

# something before the service did not let the request through
_TURNED_AWAY: Final = (401, 403, 429)

# how a filter in between refuses; one that reads answers does so after the service has carried it out
_FILTERED: Final = (400, 403, 406, 409)

_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-cf-id", "cf-ray")


@frozen
class Refusal:
    """An answer that is no success, before it becomes an error."""

    kind: type[APIError]
    event: Event
    reason: str = field(default="", repr=False)
    """What is wrong, where the body does not say."""
    payload: Any = field(default=None, repr=False)
    """The decoded body, or None."""
    body_code: int | None = None

    def error(
        self,
        operation: Operation,
        answer: WireAnswer,
        request: RedactedRequest,
        secrets: frozenset[str],
        values: tuple[str, ...] = (),
    ) -> APIError:
        """The error to raise, without what goes by a name of `secrets` or is one of `values`."""
        shown = without_secrets(answer, secrets, values)
        parsed = redact_values(redact_body(self.payload, secrets), values)
        # a page may spell them in characters that only reading it undoes
        errors = redact_values(complaints(operation, parsed, shown.content), values)
        request_id = next((shown.headers[name] for name in _REQUEST_IDS if name in shown.headers), None)
        code = "" if self.body_code in (None, answer.status) else f" (body code {self.body_code})"
        text = (
            "; ".join([redact_values(self.reason, values), *errors] if self.reason else errors)
            or "the service gives no reason"
        )
        tail = f" [request {request_id}]" if request_id else ""
        details: dict[str, Any] = {"undecodable": True} if self.event in ("undecodable", "unusable") else {}
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
    if operation.acknowledged:
        return _acknowledged(operation, answer)
    status, content = answer.status, answer.content
    if not 200 <= status < 300:
        return Verdict(None, _refused(operation, answer))
    if not content or content.isspace():
        # what is documented and missing was lost on the way
        if operation.identity or (status != 204 and _has_content(operation)):
            return Verdict(None, Refusal(ServerError, "undecodable", "the body is empty"))
        return Verdict()
    decode = operation.decode or (orjson.loads if operation.media == "json" else read_xml)
    try:
        payload = decode(content)
    except ValueError as error:
        reason = f"a success whose body of {len(content)} bytes cannot be read as {operation.media.upper()}"
        if decode is orjson.loads:
            return Verdict(None, Refusal(ServerError, "undecodable", reason))
        # a gateway's JSON, or an error in XML, says more
        return Verdict(None, Refusal(ServerError, "undecodable", f"{reason}: {error}", read(operation, content)))
    if isinstance(payload, dict):
        code = _number(payload.get("statusCode"))
        if code is not None and code >= 400:
            kind, event = _kind(code)
            return Verdict(None, Refusal(kind, event, payload=payload, body_code=code))
        if payload.get("success") is False or (payload.get("status") is False and _bare(operation, payload)):
            return Verdict(None, Refusal(ValidationFailed, "refused", payload=payload, body_code=code))
    return _success(operation, operation.unwrap(payload))


def _acknowledged(operation: Operation, answer: WireAnswer) -> Verdict:
    """What an answer means whose body says itself whether it was carried out, whatever the HTTP status."""
    status, payload = answer.status, read(operation, answer.content)
    said = payload.get("status") if isinstance(payload, dict) else None
    succeeded = 200 <= status < 300
    if said == "error":
        # with 5xx the service says that it failed, not that it refused: it may have failed after it carried it out.
        # Hence a create that ends so is an UnknownOutcome
        kind, event = _kind(status) if status >= 400 else (ValidationFailed, "refused")
        return Verdict(None, Refusal(kind, event, payload=payload))
    if said == "ok" and (succeeded or (status >= 400 and status not in _TURNED_AWAY)):
        return _success(operation, payload)
    if said == "ok" and status >= 400 and operation.repeat not in ("read", "absolute"):
        # who is to be believed? What is believed to be turned away would be sent again
        return Verdict(None, unusable("the body says that it was carried out"))
    if not succeeded:
        return Verdict(None, _refused(operation, answer))
    if operation.repeat == "read" and isinstance(payload, dict) and said is None:
        # a list may come without: there is nothing that it could acknowledge
        return _success(operation, payload)
    return Verdict(None, unusable("the answer does not say whether it was carried out: no status ok or error"))


def _success(operation: Operation, value: Any) -> Verdict:
    if operation.identity and not _identified(operation.identity, value):
        return Verdict(None, unusable(f"the answer names no {' or '.join(operation.identity)}"))
    return Verdict(value, None, operation.partial is not None and _some_failed(operation.partial, value))


def too_long(operation: Operation, answer: WireAnswer, limit: int) -> tuple[WireAnswer, Verdict]:
    """An answer of more than `limit` bytes, cut off there, and what it means, which only its status says."""
    cut = WireAnswer(answer.status, answer.headers, answer.content[:limit])
    if 200 <= answer.status < 300:
        reason = f"the answer of {len(answer.content)} bytes was not read; max_body_size allows {limit}"
        return cut, Verdict(None, unusable(reason))
    return cut, Verdict(None, _refused(operation, cut))


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


def _refused(operation: Operation, answer: WireAnswer) -> Refusal:
    status, payload = answer.status, read(operation, answer.content)
    if status < 400:
        target = redact_url(answer.headers.get("Location", "nowhere"))
        return Refusal(ServerError, "unusable", f"not followed to {target}; is the base URL right?", payload)
    is_page = payload is None and answer.content.lstrip().startswith(b"<")
    if is_page and status in _FILTERED and operation.repeat not in ("read", "absolute"):
        return Refusal(ServerError, "undecodable", "a page of something in between, which may have seen an answer")
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
    # the first that is there, because no other one is read
    found = next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 20:
        found = int(found)
    return type(found) is int and 0 < found < 2**63


def _has_content(operation: Operation) -> bool:
    """Whether a success without a body is none."""
    return operation.envelope is not None or (operation.decode is not None and operation.repeat == "read")


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
