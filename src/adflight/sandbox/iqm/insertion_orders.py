"""Making, changing, copying and deleting insertion orders. Imports order and campaign and what they import."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from . import order as orders
from .values import id_list, money

__all__ = ["HANDLERS", "members_of"]

_FIRST_ID = 15001
_ECHOED = (
    "ioId",
    "ioName",
    "ioStartTime",
    "ioEndTime",
    "ioTotalBudget",
    "ioTimeZoneId",
    "ioBudgetTypeId",
    "ioBudgetDistributionMethodId",
    "isAutoSumIoTotalBudget",
    "ioTotalImpressions",
)


def members_of(call: Call, order_id: int) -> list[Row]:
    """The campaigns of an insertion order, deleted ones included."""
    return call.store.having("campaign", "ioId", order_id)


def _create(call: Call) -> Row:
    body = call.body
    auto_sum = body.get("isAutoSumIoTotalBudget", True)
    if auto_sum and body.get("ioTotalBudget") is not None:
        raise Refused(422, "A budget cannot be given while the automatic sum is on", field="ioTotalBudget")
    if not body["ioName"].strip():
        raise Refused(422, "The name must not be empty", field="ioName")
    order: Row = {
        "ioId": call.store.next_id("order", _FIRST_ID),
        "ioName": body["ioName"],
        "owId": call.workspace,
        "createdByUowId": call.person.user_id,
        "ioStartTime": int(body["ioStartTime"]),
        "ioEndTime": _integer(body.get("ioEndTime")),
        "ioTotalBudget": money(body.get("ioTotalBudget")),
        "ioTimeZoneId": _integer(body.get("ioTimeZoneId")),
        "isAutoSumIoTotalBudget": auto_sum,
        "ioBudgetDistributionMethodId": _integer(body.get("ioBudgetDistributionMethodId", 1)),
        "ioBudgetTypeId": int(body["ioBudgetTypeId"]),
        "ioTotalImpressions": _integer(body.get("ioTotalImpressions")),
        "ioStatusId": int(body.get("ioStatusId", orders.ACTIVE)),
        "ioNextPerformanceCheck": None,
        "ioLastPriorityShift": None,
        "_created": int(call.now * 1000),
    }
    orders.save(call, order)
    shown = orders.present(call, order, ())
    return {name: shown[name] for name in _ECHOED}


def _get(call: Call) -> Row:
    order = orders.find(call, call.path["ioId"])
    return orders.present(call, order, members_of(call, order["ioId"]))


def _update(call: Call) -> str:
    order = orders.find(call, call.path["ioId"])
    body = call.body
    members = [member for member in members_of(call, order["ioId"]) if member["status"] != "deleted"]
    if body.get("ioBudgetTypeId", order["ioBudgetTypeId"]) != order["ioBudgetTypeId"] and members:
        raise Refused(422, "The budget type cannot change while the order has campaigns", field="ioBudgetTypeId")
    for name in ("ioStartTime", "ioEndTime", "ioTimeZoneId", "ioTotalImpressions", "ioBudgetTypeId", "ioStatusId"):
        if name in body:
            order[name] = int(body[name])
    for name in ("ioName", "isAutoSumIoTotalBudget", "ioBudgetDistributionMethodId"):
        if name in body:
            order[name] = body[name]
    # beside the automatic sum a budget is taken and counts for nothing, as the documented sample shows
    if "ioTotalBudget" in body:
        order["ioTotalBudget"] = money(body["ioTotalBudget"])
    if order["ioStatusId"] == orders.DELETED:
        _delete_members(call, order["ioId"])
    orders.save(call, order)
    return f"{order['ioName']} was saved"


def _update_end_date(call: Call) -> str:
    found = [orders.find(call, number) for number in id_list(call.body["ioIdsList"], "ioIdsList")]
    for order in found:
        order["ioEndTime"] = int(call.body["ioEndTime"])
        order["ioTimeZoneId"] = int(call.body["ioTimezoneId"])
        orders.save(call, order)
    return "The end date was updated"


def _update_budget(call: Call) -> str:
    body = call.body
    adds = body.get("budgetUpdateType", "set") == "add"
    found = [orders.find(call, number) for number in id_list(body["ioIdsList"], "ioIdsList")]
    for order in found:
        if order["ioBudgetTypeId"] != body.get("ioBudgetTypeId", order["ioBudgetTypeId"]):
            raise Refused(422, f"Order {order['ioId']} has another budget type", field="ioBudgetTypeId")
        field, amount = _amount(order, body)
        order[field] = money((order[field] or 0) + amount) if adds else amount
        if field == "ioTotalImpressions":
            order[field] = int(order[field])
        orders.save(call, order)
    return "The budget was updated"


def _amount(order: Row, body: Row) -> tuple[str, Any]:
    """The field that a change of budget is about, and the amount."""
    if order["ioBudgetTypeId"] == 1:
        if body.get("budget") is None:
            raise Refused(422, "The budget is missing", field="budget")
        if order["isAutoSumIoTotalBudget"]:
            raise Refused(422, f"The budget of order {order['ioId']} is the sum of its campaigns", field="budget")
        return "ioTotalBudget", money(body["budget"])
    if body.get("ioTotalImpressions") is None:
        raise Refused(422, "The number of impressions is missing", field="ioTotalImpressions")
    return "ioTotalImpressions", int(body["ioTotalImpressions"])


def _duplicate(call: Call) -> Row:
    body = call.body
    order = orders.find(call, body["ioId"])
    wanted = id_list(body["ioExistingCampaignIds"], "ioExistingCampaignIds") if body["ioExistingCampaignIds"] else []
    sources = {member["id"]: member for member in members_of(call, order["ioId"])}
    for number in wanted:
        if number not in sources:
            raise Refused(422, f"Campaign {number} is not in the insertion order", field="ioExistingCampaignIds")
    copy = {
        **order,
        "ioId": call.store.next_id("order", _FIRST_ID),
        "ioName": f"{order['ioName']} copy",
        "createdByUowId": call.person.user_id,
        "_created": int(call.now * 1000),
    }
    for name in ("ioStartTime", "ioEndTime", "ioTimeZoneId"):
        if name in body:
            copy[name] = int(body[name])
    orders.save(call, copy)
    copies = [_copy_campaign(call, sources[number], copy["ioId"]) for number in wanted]
    return {"duplicatedCampaignIds": copies, "duplicatedIOId": copy["ioId"]}


def _copy_campaign(call: Call, source: Row, order_id: int) -> int:
    own = campaigns.blank(call)
    settings = campaigns.accepted(source)
    copy = {**own, **settings, "ioId": order_id, "campaignName": f"{source['campaignName']} copy"}
    campaigns.save(call, campaigns.submitted(copy, call.now, call.world))
    return int(copy["id"])


def _delete(call: Call) -> str:
    found = [orders.find(call, number) for number in id_list(call.body["ioIdsList"], "ioIdsList")]
    for order in found:
        orders.save(call, {**order, "ioStatusId": orders.DELETED})
        _delete_members(call, order["ioId"])
    return f"{len(found)} insertion orders were deleted"


def _delete_members(call: Call, order_id: int) -> None:
    for member in members_of(call, order_id):
        campaigns.save(call, {**member, "status": "deleted"})


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


HANDLERS: dict[str, Handler] = {
    "insertion_orders_create": _create,
    "insertion_orders_get": _get,
    "insertion_orders_update": _update,
    "insertion_orders_update_end_date": _update_end_date,
    "insertion_orders_update_budget": _update_budget,
    "insertion_orders_duplicate": _duplicate,
    "insertion_orders_delete": _delete,
}
