"""FreeWheel as a vendor of the sandbox: tokens, 20 requests a second, and XML behind a gateway that speaks JSON."""

from __future__ import annotations

from ..answers import Refused, Reply
from ..specification import Operation
from ..vendor import Platform, Vendor
from . import HANDLERS, KINDS
from .gateway import PEOPLE, Gateway

__all__ = ["FREEWHEEL", "FreeWheelPlatform"]


class FreeWheelPlatform(Platform):
    """FreeWheel in a running sandbox."""

    USERNAME = PEOPLE[0].email
    PASSWORD = PEOPLE[0].password
    NETWORK_ID = PEOPLE[0].workspaces[0]
    USER_ID = PEOPLE[0].user_id


def _refuse(refusal: Refused, operation: Operation, path: str) -> Reply:
    if operation.answer_type != "application/xml" and refusal.body is None:
        # how the token service reports errors is not known; the gateway before it is
        return Reply.of(refusal.status, {"Message": refusal.message}, refusal.headers)
    return refusal.reply(operation, path)


def _spellings(path: str) -> tuple[str, ...]:
    # sources differ about the prefix /services, and the suffix is optional
    bare = path.removeprefix("/services").removesuffix(".xml")
    if not bare.startswith("/v3/"):
        return (path,)
    return (bare, f"{bare}.xml", f"/services{bare}", f"/services{bare}.xml")


FREEWHEEL = Vendor(
    name="freewheel",
    prefix="/freewheel",
    platform=FreeWheelPlatform,
    handlers=HANDLERS,
    kinds=KINDS,
    gateway=lambda store, options: Gateway(store, options.freewheel_token_lifetime),
    quotas=lambda options: {"api": options.freewheel_quota, "auth": options.freewheel_auth_quota},
    spellings=_spellings,
    refuse=_refuse,
    busy={"Message": "Too many requests"},
    environment={"FREEWHEEL_USERNAME": PEOPLE[0].email, "FREEWHEEL_PASSWORD": PEOPLE[0].password},
)
