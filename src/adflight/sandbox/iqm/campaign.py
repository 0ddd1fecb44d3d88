"""What a campaign is: its state in time, how it is kept and how it is found.

A kept campaign has the fields that `campaigns_get` answers and what else was sent; times are epoch seconds. Names that
begin with an underscore are the sandbox's own and are never sent. Imports answers, store, world and values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, World
from .values import comma, money

__all__ = [
    "CREATIVE_TYPES",
    "STATUSES",
    "accepted",
    "blank",
    "by_order",
    "find",
    "present",
    "save",
    "status_of",
    "submitted",
    "visible",
]

STATUSES = ("running", "pending", "paused", "deleted", "expired", "draft", "rejected", "completed")
CREATIVE_TYPES = {
    0: "All",
    11: "Image",
    13: "HTML",
    14: "Video",
    15: "Native",
    16: "Ticker Banner",
    17: "Audio",
    18: "GOTV",
}

_FIRST_ID = 537001
_MONEY = {"budgetDay", "budgetTotal", "maxBid", "minBid", "targetCPI", "totalCPM"}
_COMMA = {
    "exchanges",
    "publisherAdCategory",
    "carriers",
    "networkType",
    "deviceType",
    "trafficType",
    "manufacturer",
    "os",
}
_COMMA |= {"osVersion", "whiteListedZipcodes", "blackListedZipcodes", "userDealId", "groupDealId"}

_SETTABLE: dict[str, Any] = {
    "campaignName": "",
    "advertiserDomain": "",
    "creativeType": 11,
    "campaignType": 1,
    "totalBudgetPacing": False,
    "isTvAd": False,
    "budgetDay": 0,
    "budgetTotal": 0,
    "maxBid": 0,
    "timezone": 29,
    "startTime": 0,
    "endTime": 0,
    "creativeIds": "",
    "conversionType": "None",
    "bidOptimization": True,
    "bidPacing": True,
    "isBidShading": False,
    "impressionCapping": 0,
    "maxDayImpressions": 0,
    "maxDayClicks": 0,
    "maxDayConversions": 0,
    "totalImpressions": 0,
    "totalClicks": 0,
    "totalConversions": 0,
    "deviceType": "13,15,11,12",
    "trafficType": "11,12",
    "exchanges": "",
    "countryId": "",
    "conversionTypeId": 0,
    "ioId": 0,
    "prebidAudienceSegmentIdList": [],
    "budgetTypeId": 1,
    "isAdvanceAudioVideoTargeted": False,
}
_FIXED: dict[str, Any] = {
    "parentOrganizationName": "Example Holding",
    "dspMargin": 0,
    "platformMargin": 0,
    "userDealMargin": 0,
    "spentScale": False,
    "isLocationWithOrFilter": True,
    "locationDetails": {},
    "isCampaignFromNewPlatform": True,
    "isUnapprovedAudienceTargeted": False,
    "isAllAudienceUnapproved": False,
    "isEstimatorAvailable": True,
    "isEditAccess": True,
    "isMarginSet": False,
    "isApprovalAccess": False,
    "isParentInvoiceTemplateSet": True,
}
_READ_ONLY = {
    "id",
    "owId",
    "uowId",
    "organizationName",
    "userName",
    "userEmail",
    "status",
    "createDate",
    "ioName",
    "spent",
}
_READ_ONLY |= {"rejectionReason", "campaignTypeId", "isAgreementChecked", *_FIXED}


def blank(call: Call) -> Row:
    """A campaign with the service's defaults that the caller made just now."""
    person = call.person
    return {
        **_SETTABLE,
        **_FIXED,
        "id": call.store.next_id("campaign", _FIRST_ID),
        "owId": call.workspace,
        "uowId": person.user_id,
        "organizationName": person.organization,
        "userName": person.name,
        "userEmail": person.email,
        "createDate": int(call.now),
    }


def accepted(body: Mapping[str, Any]) -> Row:
    """What of a request's fields is kept, as the service normalises it."""
    kept = {name: _normal(name, value) for name, value in body.items() if name not in _READ_ONLY and name[:1] != "_"}
    if "countryId" in kept:
        kept["countryId"] = str(kept["countryId"])
    return kept


def _normal(name: str, value: Any) -> Any:
    if name in _MONEY:
        return money(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and (name in _COMMA or name.endswith("Ids")):
        return comma(value)
    return value


def submitted(campaign: Row, now: float, world: World) -> Row:
    """The campaign as pending, to be approved after the approval delay."""
    return {**campaign, "status": "pending", "_approved": now + world.options.approval_delay}


def status_of(campaign: Row, now: float) -> str:
    """The state at a moment: approval and the end come by themselves."""
    status = str(campaign["status"])
    if status == "pending" and now >= campaign["_approved"]:
        status = "running"
    if status == "running" and campaign["endTime"] and now >= campaign["endTime"]:
        status = "expired"
    return status


def save(call: Call, campaign: Row) -> None:
    """Keep a campaign; it counts as modified now."""
    call.store.put("campaign", campaign["id"], {**campaign, "_modified": call.now})


def find(call: Call, campaign_id: Any, status: int) -> Row:
    """A campaign of the caller's workspace.

    Raises:
        Refused: With `status` when there is none.
    """
    campaign = call.store.get("campaign", campaign_id)
    if campaign is None or campaign["owId"] != call.workspace:
        raise Refused(status, f"There is no campaign {campaign_id}", field="campaignId")
    return campaign


def visible(call: Call, workspaces: Collection[int] | None = None) -> list[Row]:
    """The campaigns of the given workspaces as far as the caller may see them; of the request's own by default."""
    seen = set(call.person.workspaces) & set(workspaces) if workspaces else {call.workspace}
    return [campaign for campaign in call.store.all("campaign") if campaign["owId"] in seen]


def by_order(campaigns: Collection[Row]) -> dict[int, list[Row]]:
    """Campaigns by insertion order."""
    grouped: dict[int, list[Row]] = {}
    for campaign in campaigns:
        grouped.setdefault(campaign["ioId"], []).append(campaign)
    return grouped


def present(call: Call, campaign: Row) -> Row:
    """A campaign as it is answered."""
    order = call.store.get("order", campaign["ioId"]) or {}
    shown = {name: value for name, value in campaign.items() if not name.startswith("_")}
    shown["status"] = status_of(campaign, call.now)
    shown["campaignTypeId"] = campaign["campaignType"]
    shown["ioName"] = order.get("ioName", "")
    return shown
