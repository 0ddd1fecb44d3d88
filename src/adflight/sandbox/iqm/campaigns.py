"""Reading, making and changing single campaigns. Imports campaign, order and figures and what they import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..answers import Answer, Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from . import order as orders
from .figures import delivery

__all__ = ["HANDLERS", "bid_problem"]

LEAST_BID, MOST_BID = 1.0, 1000.0


def bid_problem(campaign: Mapping[str, Any], bid: float) -> str | None:
    """What is wrong with a highest bid, in words, or None."""
    least = campaign.get("minBid")
    if least and bid < least:
        return f"The highest bid is below the least bid of {least}"
    if not LEAST_BID <= bid <= MOST_BID:
        return "Bids of this kind of campaign lie between 1.00 and 1000"
    return None


def _get(call: Call) -> Row:
    campaign = campaigns.find(call, call.path["campaignId"], 400)
    shown = campaigns.present(call, campaign)
    if call.query.get("isSpentRequired"):
        shown["spent"] = delivery(call, campaign)["spent"]
    return shown


def _create(call: Call) -> Answer:
    body = call.body
    if not body["isAgreementChecked"]:
        raise _refused("The agreement must be accepted", "isAgreementChecked")
    order = _order(call, body["ioId"])
    settings = {"budgetTypeId": order["ioBudgetTypeId"], **campaigns.accepted(body), "ioId": order["ioId"]}
    _check(settings, settings, order)
    campaign = campaigns.submitted({**campaigns.blank(call), **settings}, call.now, call.world)
    campaigns.save(call, campaign)
    return _saved(call, campaign)


def _update(call: Call) -> Answer:
    campaign = campaigns.find(call, call.path["campaignId"], 400)
    if campaign["status"] == "deleted":
        raise _refused("A deleted campaign cannot be changed", "campaignId")
    changes = campaigns.accepted(call.body)
    if "ioId" in changes:
        changes["ioId"] = _order(call, changes["ioId"])["ioId"]
    changed = {**campaign, **changes}
    if changed["totalBudgetPacing"] and "budgetDay" not in changes:
        changed["budgetDay"] = 0
    _check(changes, changed, call.store.get("order", changed["ioId"]) or {})
    _check_modelled(call, campaign, changes)
    if campaign["status"] == "draft":
        changed = campaigns.submitted(changed, call.now, call.world)
    campaigns.save(call, changed)
    return _saved(call, changed)


def _rename(call: Call) -> Row:
    campaign = campaigns.find(call, call.path["campaignId"], 422)
    name = call.body["campaignName"]
    if not name.strip():
        raise Refused(422, "The name must not be empty", field="campaignName")
    if campaign["status"] == "deleted":
        raise Refused(422, "A deleted campaign cannot be changed", field="campaignId")
    campaigns.save(call, {**campaign, "campaignName": name})
    return {"message": "The campaign is renamed"}


def _saved(call: Call, campaign: Row) -> Answer:
    status = campaigns.status_of(campaign, call.now)
    return Answer({"data": campaign["id"], "message": "The campaign is saved.", "status": status}, code=201)


def _order(call: Call, order_id: Any) -> Row:
    text = str(order_id).strip()
    return orders.find(call, int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text, 400)


def _check(given: Mapping[str, Any], whole: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    """The service's rules. `given` are the fields of the request, `whole` those of the resulting campaign."""
    if given.get("creativeIds") == "":
        # without a creative the service fails, and does not say why
        raise Refused(500, "Internal error")
    if not str(whole.get("campaignName", "")).strip():
        raise _refused("The name must not be empty", "campaignName")
    if not str(whole["advertiserDomain"]).lower().startswith(("http://", "https://")):
        raise _refused("The advertiser's domain must begin with its protocol", "advertiserDomain")
    problem = bid_problem(whole, whole["maxBid"])
    if problem and "maxBid" in given:
        raise _refused(problem, "maxBid")
    if whole.get("totalBudgetPacing"):
        if "budgetDay" in given:
            raise Refused(400, "A paced total budget excludes a budget a day", field="budgetDay")
        if not whole.get("endTime"):
            raise Refused(400, "A paced total budget needs an end", field="endTime")
    if whole["budgetTypeId"] != order.get("ioBudgetTypeId"):
        raise _refused("The budget type differs from that of the insertion order", "budgetTypeId")
    if given.keys() & {"startTime", "endTime"} and whole.get("endTime") and whole["endTime"] <= whole["startTime"]:
        raise _refused("The end lies before the start", "endTime")


def _check_modelled(call: Call, campaign: Row, changes: Mapping[str, Any]) -> None:
    """Creatives with a bid model of their own stay with the campaign."""
    if "creativeIds" not in changes:
        return
    kept = set(changes["creativeIds"].split(","))
    for model in call.store.all("model"):
        own = model.get("campaignId") == campaign["id"] and model["dimensionId"] == 1 and model["entityTypeId"] == 1
        if own and str(model["entityId"]) not in kept:
            raise Refused(400, "A bid model uses creativeIds, so they stay with the campaign", field="creativeIds")


def _refused(message: str, field: str) -> Refused:
    return Refused(400, message, code=412, field=field)


HANDLERS: dict[str, Handler] = {
    "campaigns_get": _get,
    "campaigns_create": _create,
    "campaigns_update": _update,
    "campaigns_rename": _rename,
}
