"""Who is calling: client ids, people, tokens and workspaces.

Imports answers, specification and store.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import Refused
from .specification import Operation
from .store import Row, Store

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PEOPLE", "Caller", "Gateway", "Person"]

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"


@dataclass(frozen=True)
class Person:
    """Somebody with an account on the platform."""

    email: str
    password: str
    name: str
    workspaces: tuple[int, ...]
    """Organization workspaces; the first is the one that log-in answers."""
    uow_id: int
    organization: str
    on_hold: bool = False


PEOPLE = (
    Person("ada@example.com", "sandbox-password", "Ada", (200001, 200011), 9001, "Example Brand"),
    Person("bob@example.com", "sandbox-password-2", "Bob", (200002,), 9002, "Example Agency"),
    Person("grace@example.com", "sandbox-password-3", "Grace", (200003,), 9003, "Example Publisher", on_hold=True),
)
_BY_EMAIL = {person.email: person for person in PEOPLE}


@dataclass(frozen=True)
class Caller:
    """Who sends a request, in which workspace."""

    person: Person | None
    """None where only the client is known: at log-in and refresh."""
    workspace: int = 0
    token: str = ""
    refresh_token: str = ""


class Gateway:
    """Tokens in the store. Lifetimes are in sandbox seconds; `refresh_lifetime` None is for ever."""

    def __init__(self, store: Store, token_lifetime: float, refresh_lifetime: float | None) -> None:
        self._store = store
        self.token_lifetime = token_lifetime
        self.refresh_lifetime = refresh_lifetime

    def account(self, operation: Operation, headers: Mapping[str, str], body: Mapping[str, str]) -> str:
        """The account that a request counts for: an e-mail, or "unknown". Checks nothing.

        `body` is that of a log-in or refresh.
        """
        if operation.credentials == "basic":
            row = self._store.get("refresh", body.get("refresh_token", ""))
            email = row["email"] if row else body.get("email", "")
            return email if email in _BY_EMAIL else "unknown"
        row = self._store.get("access", _bearer(headers) or "")
        return str(row["email"]) if row else "unknown"

    def admit(self, operation: Operation, headers: Mapping[str, str], now: float) -> Caller:
        """Check the credentials that an operation asks for.

        Raises:
            Refused: 401 without valid credentials or without a workspace, 403 with somebody else's workspace.
        """
        if operation.credentials == "none":
            return Caller(None)
        if operation.credentials == "basic":
            if _basic(headers) != (CLIENT_ID, CLIENT_SECRET):
                raise _unauthorized("invalid_client", "The client id or secret is wrong")
            return Caller(None)
        token = _bearer(headers)
        if token is None:
            raise Refused(401, "Unauthorized", body={"message": "Unauthorized"})
        row = self._store.get("access", token)
        if row is None:
            raise _unauthorized("invalid_token", "The access token is not valid")
        if now >= row["expires"]:
            raise _unauthorized("invalid_token", "The access token has expired")
        person = _BY_EMAIL[row["email"]]
        return Caller(person, _workspace(person, headers.get("x-iaa-ow-id")), token, row["refresh"])

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


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return name, secret
