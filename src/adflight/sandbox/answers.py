"""Answers and refusals, and how each envelope writes them down.

Imports specification and xml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from .specification import Operation
from .xml import document, escape, quote

__all__ = ["Answer", "Refused", "Reply", "html_page", "retry_after"]


@dataclass(frozen=True)
class Reply:
    """A response as it goes out."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, payload: object, headers: Mapping[str, str] | None = None) -> Reply:
        """A JSON response."""
        content = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(status, content, {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def xml(cls, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """A response in XML."""
        return cls(status, content, {"Content-Type": "application/xml", **(headers or {})})


@dataclass(frozen=True)
class Answer:
    """What a handler answers when the plain content does not say it all."""

    content: Any
    code: int = 200
    """The service's own status code in the body, where the envelope has one."""
    bare: bool = False
    """Whether this one goes without the envelope."""

    def reply(self, operation: Operation) -> Reply:
        """The answer in the operation's envelope."""
        if self.bare:
            return Reply.of(operation.success, self.content)
        if operation.envelope == "v2":
            return Reply.of(200, {"statusCode": self.code, "responseObject": self.content})
        if operation.envelope == "v3":
            return Reply.of(200, {"success": True, "data": self.content})
        if operation.envelope == "acknowledged":
            return Reply.of(operation.success, {"status": "ok", **(self.content or {})})
        return Reply.of(operation.success, self.content)


class Refused(Exception):
    """The request is refused.

    `status` is the HTTP status and `code` the one in the body where they differ. `body` replaces the body that the
    operation's envelope would make.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int | None = None,
        field: str | None = None,
        reason: str | None = None,
        data: Any = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or status
        self.field = field
        self.reason = reason
        self.data = data
        self.body = body
        self.headers = headers

    def reply(self, operation: Operation, path: str) -> Reply:
        """The refusal as the operation's envelope reports errors. `path` is that of the request."""
        if operation.answer_type == "application/xml" and self.body is None:
            # no source shows what errors look like in XML; this is the sandbox's own form
            field = f' field="{quote(self.field)}"' if self.field else ""
            content = document(f"<errors><error{field}>{escape(self.message)}</error></errors>")
            return Reply.xml(self.status, content, self.headers)
        return Reply.of(self.status, self.body or self._body(operation, path), self.headers)

    def _body(self, operation: Operation, path: str) -> dict[str, Any]:
        if operation.envelope == "acknowledged":
            return {"status": "error", "message": self.message}
        # flat answers carry a statusCode beside their content, and have no error body of their own
        if operation.envelope == "v2" or (operation.envelope == "flat" and operation.credentials == "bearer"):
            detail: dict[str, Any] = {"errorMsg": self.message, "errorCode": self.code}
            if self.field:
                detail["errorField"] = self.field
            detail["description"] = f"uri={path}"
            return {"statusCode": self.code, "responseObject": detail}
        error = {"error": self.message, "reason": self.reason, "field": self.field}
        error = {name: value for name, value in error.items() if value is not None}
        body: dict[str, Any] = {"success": False}
        if self.data is not None:
            body["data"] = self.data
        body["errorObjects"] = error if str(self.status) in operation.single_errors else [error]
        return body


def retry_after(style: str | None, seconds: float, now: float) -> dict[str, str]:
    """The Retry-After header as seconds, as a date, or not at all. `now` is in epoch seconds."""
    if style is None:
        return {}
    whole = max(0, -int(-seconds // 1))
    return {"Retry-After": str(whole) if style == "seconds" else formatdate(now + whole, usegmt=True)}


def html_page(status: int) -> Reply:
    """An error page such as a proxy in front of the service sends."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>gateway</body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
