"""Who calls IQM: client ids, people, tokens and workspaces.

Imports answers, gateway, specification and store.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from ..answers import Refused
from ..gateway import Caller, Person, Received, bearer
from ..specification import Operation
from ..store import Row, Store

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PEOPLE", "Gateway"]

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"


PEOPLE = (
    Person("ada@example.com", "sandbox-password", "Ada", (200001, 200011), 9001, "Example Brand"),
    Person("bob@example.com", "sandbox-password-2", "Bob", (200002,), 9002, "Example Agency"),
    Person("grace@example.com", "sandbox-password-3", "Grace", (200003,), 9003, "Example Publisher", on_hold=True),
)
_BY_EMAIL = {person.email: person for person in PEOPLE}


class Gateway:
    """Tokens in the store. Lifetimes are in sandbox seconds; `refresh_lifetime` None is for ever."""

    def __init__(self, store: Store, token_lifetime: float, refresh_lifetime: float | None) -> None:
        self._store = store
        self.token_lifetime = token_lifetime
        self.refresh_lifetime = refresh_lifetime

    def account(self, operation: Operation, request: Received) -> str:
        """The e-mail of whoever calls, or "unknown"."""
        if operation.credentials == "basic":
            fields = _login_fields(operation, request.content)
            row = self._store.get("refresh", fields.get("refresh_token", ""))
            email = row["email"] if row else fields.get("email", "")
            return email if email in _BY_EMAIL else "unknown"
        row = self._store.get("access", bearer(request.headers) or "")
        return str(row["email"]) if row else "unknown"

    def admit(self, operation: Operation, request: Received, now: float) -> Caller:
        """Check the credentials that an operation asks for.

        Raises:
            Refused: 401 without valid credentials or without a workspace, 403 with somebody else's workspace.
        """
        if operation.credentials == "none":
            return Caller(None)
        if operation.credentials == "basic":
            if _basic(request.headers) != (CLIENT_ID, CLIENT_SECRET):
                raise _unauthorized("invalid_client", "The client id or secret is wrong")
            return Caller(None)
        token = bearer(request.headers)
        if token is None:
            raise Refused(401, "Unauthorized", body={"message": "Unauthorized"})
        row = self._store.get("access", token)
        if row is None:
            raise _unauthorized("invalid_token", "The access token is not valid")
        if now >= row["expires"]:
            raise _unauthorized("invalid_token", "The access token has expired")
        person = _BY_EMAIL[row["email"]]
        return Caller(person, _workspace(person, request.headers.get("x-iaa-ow-id")), token, row["refresh"])

    def log_in(self, email: str, password: str, now: float) -> Row:
        """A new pair of tokens with the workspace id.

        Raises:
            Refused: 403 for an unknown person or a wrong password, 400 for an account on hold.
        """
        person = _BY_EMAIL.get(email)
        if person is None or person.password != password:
            raise Refused(403, "The user is unknown or may not enter the workspace.")
        if person.on_hold:
            raise Refused(
                400,
                "The user may not act for this customer",
                reason="The user belongs to no active organization.",
                data={
                    "status": "On Hold",
                    "reason": "Payments of three months are overdue.",
                    "supportEmail": "help@example.com",
                },
            )
        return {**self._issue(person, now), "owId": person.workspaces[0]}

    def refresh(self, token: str, now: float) -> Row:
        """A new pair of tokens for a refresh token, which is used up; without the workspace id.

        Raises:
            Refused: 401 for a refresh token that is unknown, used or expired.
        """
        row = self._store.get("refresh", token)
        if row is None or (row["expires"] is not None and now >= row["expires"]):
            raise _unauthorized("invalid_grant", "The refresh token is not valid")
        self._store.delete("refresh", token)
        return self._issue(_BY_EMAIL[row["email"]], now)

    def log_out(self, caller: Caller) -> None:
        """Make the caller's access token, and the refresh token that came with it, invalid."""
        self._store.delete("access", caller.token)
        self._store.delete("refresh", caller.refresh_token)

    def expire(self, now: float, *, refresh: bool = False) -> None:
        """Let all access tokens expire now, and the refresh tokens too when asked."""
        for kind in ("access", "refresh") if refresh else ("access",):
            for row in list(self._store.all(kind)):
                self._store.put(kind, row["token"], {**row, "expires": now})

    def _issue(self, person: Person, now: float) -> Row:
        access, refresh = str(uuid.uuid4()), str(uuid.uuid4())
        kept: dict[str, Any] = {"email": person.email, "refresh": refresh}
        self._store.put("access", access, {**kept, "token": access, "expires": now + self.token_lifetime})
        end = None if self.refresh_lifetime is None else now + self.refresh_lifetime
        self._store.put("refresh", refresh, {**kept, "token": refresh, "expires": end})
        return {
            "access_token": access,
            "refresh_token": refresh,
            "scope": "read write",
            "token_type": "bearer",
            "expires_in": int(self.token_lifetime),
        }


def _workspace(person: Person, text: str | None) -> int:
    if text is None:
        raise Refused(401, "X-IAA-OW-ID is missing", body={"message": "The header X-IAA-OW-ID is missing"})
    if not text.isascii() or not text.isdigit() or int(text[:18]) not in person.workspaces:
        raise Refused(403, "Not allowed in this workspace")
    return int(text)


def _unauthorized(error: str, description: str) -> Refused:
    return Refused(401, description, body={"error": error, "error_description": description})


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return name, secret


def _login_fields(operation: Operation, content: bytes) -> dict[str, str]:
    """The fields of a log-in or refresh that say whose it is."""
    try:
        if operation.media_type == "application/json":
            body = json.loads(content)
            return {name: value for name, value in body.items() if isinstance(value, str)}
        return dict(parse_qsl(content.decode()))
    except (ValueError, AttributeError, RecursionError):
        return {}
