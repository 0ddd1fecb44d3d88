"""Who calls FreeWheel: users, and tokens that live seven days and are never refreshed.

Imports answers, gateway, specification and store.
"""

from __future__ import annotations

import uuid

from ..answers import Refused
from ..gateway import Caller, Person, Received, bearer
from ..specification import Operation
from ..store import Row, Store

__all__ = ["PEOPLE", "Gateway"]

PEOPLE = (
    Person("ada@example.com", "sandbox-password", "Ada Example", (500001,), 4711, "Example Network"),
    Person("bob@example.com", "sandbox-password-2", "Bob Example", (500002,), 4712, "Another Network"),
)
"""The workspace is the network."""
_BY_USERNAME = {person.email: person for person in PEOPLE}

# one machine is all that can reach the sandbox
_ADDRESS = "127.0.0.1"


class Gateway:
    """Tokens in the store. `token_lifetime` is in sandbox seconds."""

    def __init__(self, store: Store, token_lifetime: float) -> None:
        self._store = store
        self.token_lifetime = token_lifetime

    def account(self, operation: Operation, request: Received) -> str:
        """The name of the user, or for the token service the address, which is what that one counts by."""
        if operation.quota == "auth":
            return _ADDRESS
        row = self._store.get("token", bearer(request.headers) or "")
        return str(row["username"]) if row else "unknown"

    def admit(self, operation: Operation, request: Received, now: float) -> Caller:
        """Check the token, where an operation asks for one.

        Raises:
            Refused: 401 without a valid token. The gateway speaks JSON, in front of an XML API too.
        """
        if operation.credentials == "none":
            return Caller(None)
        token = bearer(request.headers) or ""
        row = self._store.get("token", token)
        if row is None or now >= row["expires"]:
            raise denied("User is not authorized to access this resource")
        person = _BY_USERNAME[row["username"]]
        return Caller(person, person.workspaces[0], token)

    def log_in(self, username: str, password: str, now: float) -> Row:
        """A new token. Those that were there before stay valid.

        Raises:
            Refused: 401 for an unknown user or a wrong password.
        """
        person = _BY_USERNAME.get(username)
        if person is None or person.password != password:
            raise denied("The user name or the password is wrong")
        token = uuid.uuid4().hex
        row = {"token": token, "username": username, "created": int(now), "expires": now + self.token_lifetime}
        self._store.put("token", token, row)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "created_at": int(now),
            "expires_in": int(self.token_lifetime),
        }

    def info(self, caller: Caller, now: float) -> Row:
        """What is known of the caller's token."""
        row = self._store.get("token", caller.token)
        assert row is not None and caller.person is not None
        return {
            "user_id": caller.person.user_id,
            "expires_in": int(row["expires"] - now),
            "created_at": row["created"],
        }

    def expire(self, now: float, *, refresh: bool = False) -> None:
        """Let all tokens expire now; there are no others."""
        for row in list(self._store.all("token")):
            self._store.put("token", row["token"], {**row, "expires": now})


def denied(message: str, status: int = 401) -> Refused:
    """A refusal as the gateway in front of the service writes it."""
    return Refused(status, message, body={"Message": message})
