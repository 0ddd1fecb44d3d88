"""Log-in, refresh and log-out. Imports the gateway."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from .gateway import Gateway

__all__ = ["HANDLERS"]


def _gateway(call: Call) -> Gateway:
    assert isinstance(call.world.gateway, Gateway)
    return call.world.gateway


def _log_in(call: Call) -> Row:
    if call.body["grantType"] != "password":
        raise Refused(400, "The grant type must be password", field="grantType")
    return _gateway(call).log_in(call.body["email"], call.body["password"], call.now)


def _refresh(call: Call) -> Row:
    if call.body["grant_type"] != "refresh_token":
        raise Refused(400, "The grant type must be refresh_token", field="grant_type")
    return _gateway(call).refresh(call.body["refresh_token"], call.now)


def _log_out(call: Call) -> Any:
    _gateway(call).log_out(call.caller)
    return "The user is logged out."


HANDLERS: dict[str, Handler] = {"auth_login": _log_in, "auth_refresh": _refresh, "auth_logout": _log_out}
