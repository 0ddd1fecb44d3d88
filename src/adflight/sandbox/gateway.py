"""Who is calling: what the engine asks of a vendor's gateway, and what all gateways share.

Each vendor has a gateway of its own. Imports specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .specification import Operation

__all__ = ["Caller", "Gateway", "Person", "Received", "bearer"]


@dataclass(frozen=True)
class Person:
    """Somebody with an account on a platform."""

    email: str
    password: str
    """Or the secret that the platform has in its place."""
    name: str
    workspaces: tuple[int, ...]
    """The numbers of the organizations whose objects the person may see; the first is the person's own."""
    user_id: int
    organization: str
    on_hold: bool = False


@dataclass(frozen=True)
class Caller:
    """Who sends a request, in which workspace."""

    person: Person | None
    """None where nobody in particular has to be known, as at log-in."""
    workspace: int = 0
    token: str = ""
    refresh_token: str = ""


@dataclass(frozen=True)
class Received:
    """What a gateway sees of a request."""

    headers: Mapping[str, str]
    """By lower-case names."""
    query: Mapping[str, str]
    content: bytes


class Gateway(Protocol):
    """Knows a vendor's credentials, and keeps its tokens where it has some."""

    def account(self, operation: Operation, request: Received) -> str:
        """The account whose quota a request counts against. Checks nothing; nobody in particular is "unknown"."""
        ...

    def admit(self, operation: Operation, request: Received, now: float) -> Caller:
        """Check the credentials that an operation asks for.

        Raises:
            Refused: They are missing or wrong.
        """
        ...

    def expire(self, now: float, *, refresh: bool = False) -> None:
        """Let all access tokens expire now, and the refresh tokens too when asked."""
        ...


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of the Authorization header, if there is one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
