"""IQM as a vendor of the sandbox: at the root, with client ids, workspaces and 20 requests a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..vendor import Platform, Vendor
from ..world import World
from . import HANDLERS, KINDS, set_campaign_status
from .gateway import CLIENT_ID, CLIENT_SECRET, PEOPLE, Gateway

__all__ = ["IQM", "IQMPlatform"]


class IQMPlatform(Platform):
    """IQM in a running sandbox."""

    CLIENT_ID = CLIENT_ID
    CLIENT_SECRET = CLIENT_SECRET
    EMAIL = PEOPLE[0].email
    PASSWORD = PEOPLE[0].password
    OW_ID = PEOPLE[0].workspaces[0]

    def set_campaign_status(self, campaign_id: int, status: str) -> None:
        """Put a campaign into a state, as the platform's own people could.

        Raises:
            ValueError: There is no such campaign or no such state.
        """
        set_campaign_status(self.engine.world, campaign_id, status, self.engine.clock.now())


def _set_status(world: World, body: Mapping[str, Any], now: float) -> None:
    set_campaign_status(world, int(body["id"]), str(body["status"]), now)


IQM = Vendor(
    name="iqm",
    prefix="",
    platform=IQMPlatform,
    handlers=HANDLERS,
    kinds=KINDS,
    gateway=lambda store, options: Gateway(store, options.token_lifetime, options.refresh_lifetime),
    quotas=lambda options: {"api": options.quota},
    document=lambda options: options.specification,
    busy={"message": "Too many requests"},
    environment={
        "IQM_CLIENT_ID": CLIENT_ID,
        "IQM_CLIENT_SECRET": CLIENT_SECRET,
        "IQM_EMAIL": PEOPLE[0].email,
        "IQM_PASSWORD": PEOPLE[0].password,
    },
    actions={"campaigns/status": _set_status},
)
