"""Making and changing campaigns of five types, and listing the active ones. Imports campaign and what it imports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Any

from ..answers import Answer
from ..store import Row
from ..world import Call, Handler
from .campaign import TYPES, find, refused, showing
from .schedule import Showing

__all__ = ["HANDLERS"]

_FIRST_ID = 71001
_DATA_SOURCES = {"videoswap": 1, "activead": 2, "switchin": 2}
"""Those that campaigns have unless one is given, by type."""
_AD_FORM = 2
_VOD_AND_LIVE = 0
_PREROLL = 0


def _create(kind: str, call: Call) -> Row:
    return _saved(call, {"campaignId": call.store.next_id("campaign", _FIRST_ID), "type": kind}, call.body)


def _update(kind: str, call: Call) -> Row:
    campaign = find(call, call.query["campaignId"])
    if campaign["type"] != kind:
        raise refused(f"Campaign {campaign['campaignId']} is not of the type {kind}.")
    for name, default in {"adPlatform": 1, "dataSource": _DATA_SOURCES.get(kind)}.items():
        if name in call.body and call.body[name] != campaign.get(name, default):
            raise refused(f"{name} cannot be changed.")
    return _saved(call, campaign, call.body)


def _saved(call: Call, campaign: Row, given: Mapping[str, Any]) -> Row:
    lists = ("deviceTypeBlacklist", "deviceTypeWhitelist")
    if all(given.get(name) for name in lists):
        raise refused("A campaign has a deviceTypeBlacklist or a deviceTypeWhitelist, never the two.")
    if any(given.get(name) for name in lists):
        # the list that is given takes the place of the other
        campaign = {name: value for name, value in campaign.items() if name not in lists}
    own = {"campaignId": campaign["campaignId"], "type": campaign["type"]}
    changed = {**campaign, **given, **own, "_organization": call.workspace}
    if not changed["name"].strip():
        raise refused("The name must not be empty.")
    if changed.get("adPlatform") == _AD_FORM and not changed.get("adTagUrl"):
        raise refused("adTagUrl is required when adPlatform is 2.")
    call.store.put("campaign", changed["campaignId"], changed)
    return {
        "campaignId": changed["campaignId"],
        "data": {name: value for name, value in changed.items() if not name.startswith("_")},
    }


def _list_active(call: Call) -> Answer:
    wanted = {part.strip().lower() for part in call.query.get("campaignType", "").split(",")} - {""}
    listed = []
    # every campaign here is for recorded and live video alike, so that contentType leaves none out
    for campaign in call.store.all("campaign"):
        if campaign["_organization"] == call.workspace and (not wanted or campaign["type"] in wanted):
            current = showing(call, campaign)
            if current is not None:
                listed.append(_active(campaign, current))
    # of the answer that is known, a status is no part
    return Answer({"campaigns": listed}, bare=True)


def _active(campaign: Row, current: Showing) -> Row:
    shown = {
        "campaignId": campaign["campaignId"],
        "campaignName": campaign["name"],
        "type": TYPES[campaign["type"]],
        "channels": [{"id": number, "name": f"Channel {number}"} for number in campaign.get("channels", ())],
        "contentType": _VOD_AND_LIVE,
        "endTime": current[1].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if "adProfileId" in campaign:
        shown["adProfileId"] = campaign["adProfileId"]
    if campaign["type"] == "instreamvideo":
        shown["adProfile"] = {"type": _PREROLL}
    return shown


_NAMES = {
    "video_swap": "videoswap",
    "active_ad": "activead",
    "switch_in": "switchin",
    "in_stream_video": "instreamvideo",
    "in_video_overlay": "invideooverlay",
}

HANDLERS: dict[str, Handler] = {
    **{f"campaigns_create_{name}": partial(_create, kind) for name, kind in _NAMES.items()},
    **{f"campaigns_update_{name}": partial(_update, kind) for name, kind in _NAMES.items()},
    "campaigns_list_active": _list_active,
}
