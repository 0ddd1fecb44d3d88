"""The token service. Imports the gateway."""

from __future__ import annotations

from ..store import Row
from ..world import Call, Handler
from .gateway import Gateway, denied

__all__ = ["HANDLERS"]


def _gateway(call: Call) -> Gateway:
    assert isinstance(call.world.gateway, Gateway)
    return call.world.gateway


def _token(call: Call) -> Row:
    if call.body["grant_type"] != "password":
        raise denied("The grant type must be password")
    return _gateway(call).log_in(call.body["username"], call.body["password"], call.now)


def _token_info(call: Call) -> Row:
    return _gateway(call).info(call.caller, call.now)


HANDLERS: dict[str, Handler] = {"auth_token": _token, "auth_token_info": _token_info}
