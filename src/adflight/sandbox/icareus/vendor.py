"""Icareus as a vendor of the sandbox: credentials in the query, and no documented quota."""

from __future__ import annotations

from ..vendor import Platform, Vendor
from . import HANDLERS, KINDS
from .gateway import PEOPLE, Gateway

__all__ = ["ICAREUS", "IcareusPlatform"]


class IcareusPlatform(Platform):
    """Icareus in a running sandbox."""

    ORGANIZATION_ID = PEOPLE[0].workspaces[0]
    TOKEN = PEOPLE[0].password
    USER_ID = PEOPLE[0].user_id


ICAREUS = Vendor(
    name="icareus",
    prefix="/icareus",
    platform=IcareusPlatform,
    handlers=HANDLERS,
    kinds=KINDS,
    gateway=lambda store, options: Gateway(),
    quotas=lambda options: {"api": options.icareus_quota},
    environment={
        "ICAREUS_ORGANIZATION_ID": PEOPLE[0].workspaces[0],
        "ICAREUS_TOKEN": PEOPLE[0].password,
        "ICAREUS_USER_ID": PEOPLE[0].user_id,
    },
)
