"""Who calls Icareus: an organization, its secret and a user, all of them in the query of each request.

Imports answers, gateway and specification.
"""

from __future__ import annotations

from ..answers import Refused
from ..gateway import Caller, Person, Received
from ..specification import Operation

__all__ = ["PEOPLE", "Gateway"]

PEOPLE = (
    Person("ada@example.com", "sandbox-organization-secret", "Ada Example", (300001,), 10101, "Example Broadcaster"),
    Person("bob@example.com", "sandbox-organization-secret-2", "Bob Example", (300002,), 10102, "Another Broadcaster"),
)
"""The password is the organization's secret, the workspace its number."""
_BY_ORGANIZATION = {str(person.workspaces[0]): person for person in PEOPLE}


class Gateway:
    """Knows the organizations. There is nothing to log in to, and nothing that expires."""

    def account(self, operation: Operation, request: Received) -> str:
        """The number of the organization, or "unknown"."""
        organization = request.query.get("organizationId", "")
        return organization if organization in _BY_ORGANIZATION else "unknown"

    def admit(self, operation: Operation, request: Received, now: float) -> Caller:
        """Check those credentials that an operation asks for.

        Raises:
            Refused: 401 for an organization that is unknown or has another secret, 403 for a user who is not of it.
        """
        person = _BY_ORGANIZATION.get(request.query.get("organizationId", ""))
        if person is None:
            raise Refused(401, "Invalid organization.")
        if "token" in operation.keys and request.query.get("token") != person.password:
            raise Refused(401, "Invalid token.")
        if "userId" not in operation.keys:
            return Caller(None, person.workspaces[0])
        if request.query.get("userId") != str(person.user_id):
            raise Refused(403, "Invalid User Id.")
        return Caller(person, person.workspaces[0])

    def expire(self, now: float, *, refresh: bool = False) -> None:
        """Nothing: an organization's secret has no end."""
