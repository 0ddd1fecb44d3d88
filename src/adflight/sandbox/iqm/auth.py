"""Log-in, refresh and log-out. Imports the gateway through the world."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler

__all__ = ["HANDLERS"]


def _log_in(call: Call) -> Row:
    if call.body["grantType"] != "password":
        raise Refused(400, "The grant type must be password", field="grantType")
    return call.world.gateway.log_in(call.body["email"], call.body["password"], call.now)


def _refresh(call: Call) -> Row:
    if call.body["grant_type"] != "refresh_token":
        raise Refused(400, "The grant type must be refresh_token", field="grant_type")
    return call.world.gateway.refresh(call.body["refresh_token"], call.now)


def _log_out(call: Call) -> Any:
    call.world.gateway.log_out(call.caller)
    return "The user is logged out."


HANDLERS: dict[str, Handler] = {"auth_login": _log_in, "auth_refresh": _refresh, "auth_logout": _log_out}
