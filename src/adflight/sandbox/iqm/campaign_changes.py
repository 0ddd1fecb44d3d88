"""Changing several campaigns at once, where some may fail. Imports campaign, campaigns and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from .campaigns import bid_problem
from .values import id_list, money

__all__ = ["HANDLERS"]

_SETTABLE = ("running", "rejected", "paused", "deleted")


class _Failed(Exception):
    """One campaign is not changed; the message says why."""


def _each(call: Call, change: Callable[[Row], Row]) -> Row:
    """Change every campaign that the request names.

    `change` returns what `modified_data` tells, or raises `_Failed`.
    """
    reasons: list[Row] = []
    modified: list[Row] = []
    for number in id_list(call.body["campaignIds"], "campaignIds", 400):
        campaign = call.store.get("campaign", number)
        try:
            if campaign is None or campaign["owId"] != call.workspace:
                raise _Failed("There is no such campaign")
            if campaign["status"] == "deleted":
                raise _Failed("A deleted campaign cannot be changed")
            modified.append({"campaignId": number, **change(campaign)})
        except _Failed as failure:
            name = campaign["campaignName"] if campaign is not None and campaign["owId"] == call.workspace else ""
            reasons.append({"errorMessage": str(failure), "id": str(number), "campaignName": name})
    answer: Row = {"reason": reasons} if reasons else {}
    if modified:
        answer["modified_data"] = modified
    return {**answer, "status": not reasons}


def _update_end_date(call: Call) -> Row:
    end = int(call.body["endDate"])

    def change(campaign: Row) -> Row:
        if end <= campaign["startTime"]:
            raise _Failed("The end lies before the start")
        campaigns.save(call, {**campaign, "endTime": end})
        return {"endDate": end}

    answer = _each(call, change)
    return answer if answer.get("reason") else {"status": True}


def _update_status(call: Call) -> Row:
    body = call.body
    wish = body["status"]
    if wish not in _SETTABLE:
        raise Refused(400, f"Campaigns cannot be made {wish}", field="status")

    def change(campaign: Row) -> Row:
        now_is = campaigns.status_of(campaign, call.now)
        changed = {**campaign, "status": wish, "_approved": min(campaign.get("_approved", call.now), call.now)}
        if wish == "running":
            changed["endTime"] = int(body.get("endDate", campaign["endTime"]))
            if now_is == "draft":
                raise _Failed("A draft has to be submitted first")
            if changed["endTime"] and changed["endTime"] <= call.now:
                raise _Failed("The campaign's end has passed; a new end is needed")
        elif wish == "paused" and now_is not in ("running", "pending", "paused"):
            raise _Failed(f"A campaign that is {now_is} cannot be paused")
        elif wish == "rejected":
            changed["rejectionReason"] = body.get("rejectionReason", "")
        campaigns.save(call, changed)
        return {}

    answer = _each(call, change)
    return answer if answer.get("reason") else {"status": True}


def _update_budget(call: Call) -> Row:
    body = call.body
    mode = body.get("totalBudgetUpdateType", "change")
    shares = _shares(body, "totalBudget", mode, 100)
    impressions = _shares(body, "totalImpressions", mode, 1)

    def change(campaign: Row) -> Row:
        # a share is taken even when its campaign is refused: it is not given to the others
        share, count = next(shares), next(impressions)
        if body.get("budgetTypeId", campaign["budgetTypeId"]) != campaign["budgetTypeId"]:
            raise _Failed("The budget type differs from that of the campaign")
        changed = dict(campaign)
        if share is not None:
            changed["budgetTotal"] = money(share + (campaign["budgetTotal"] if mode == "addition" else 0))
        if count is not None:
            changed["totalImpressions"] = int(count + (campaign["totalImpressions"] if mode == "addition" else 0))
        for name, kept in (("dailyBudget", "budgetDay"), ("maxBid", "maxBid")):
            if name in body:
                changed[kept] = money(body[name])
        for name, kept in (("dailyImpressions", "maxDayImpressions"), ("endTime", "endTime")):
            if name in body:
                changed[kept] = int(body[name])
        _check(campaign, changed)
        campaigns.save(call, changed)
        return _modified(call, campaign, changed)

    answer = _each(call, change)
    if call.served_path.endswith("update_budget"):
        for row in answer.get("modified_data", ()):
            row["campaingId"] = row.pop("campaignId")
    return answer


def _check(campaign: Row, changed: Row) -> None:
    problem = bid_problem(changed, changed["maxBid"]) if changed["maxBid"] != campaign["maxBid"] else None
    if problem:
        raise _Failed(problem)
    if changed["budgetTotal"] < 0 or changed["budgetDay"] < 0:
        raise _Failed("A budget cannot be below zero")
    if changed["totalBudgetPacing"] and changed["budgetDay"]:
        raise _Failed("A paced total budget excludes a budget a day")
    if changed["budgetDay"] > changed["budgetTotal"]:
        raise _Failed("The budget a day exceeds the total budget")
    if changed["endTime"] and changed["endTime"] <= changed["startTime"]:
        raise _Failed("The end lies before the start")


def _modified(call: Call, campaign: Row, changed: Row) -> Row:
    # the documented answer and the later one name the budget a day differently, as they do the campaign
    daily = "dailyBudget" if call.served_path.endswith("update_budget") else "budgetDay"
    names = {"maxBid": "maxBid", "budgetTotal": "totalBudget", "budgetDay": daily, "endTime": "endDate"}
    return {shown: changed[kept] for kept, shown in names.items() if changed[kept] != campaign[kept]}


def _shares(body: Row, field: str, mode: str, unit: int) -> Any:
    """For each campaign in turn, what it gets of an amount, whose least part is 1 / `unit`; None when none is given."""
    amount = body.get(field)
    campaigns_named = len(id_list(body["campaignIds"], "campaignIds", 400))
    if amount is None or mode != "distribution":
        return iter([amount] * campaigns_named)
    parts = round(amount * unit)
    each, rest = divmod(parts, campaigns_named)
    return iter([(each + (place < rest)) / unit for place in range(campaigns_named)])


HANDLERS: dict[str, Handler] = {
    "campaigns_update_end_date": _update_end_date,
    "campaigns_update_status": _update_status,
    "campaigns_update_budget": _update_budget,
}
