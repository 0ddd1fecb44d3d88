"""Insertion orders and their placements. Imports budget, order, placement, proposal and listing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import budget as budgets
from . import order as orders
from . import placement as placements
from . import proposal as proposals
from .listing import page_of

__all__ = ["HANDLERS"]

# what a request of a normal insertion order does not take
_OF_PROPOSALS = (
    "workflow_step",
    "workflow_step_owners",
    "rfp_budget",
    "rate_card_id",
    "total_billable_event_goal",
    "total_p2plus_impressions",
    "primary_variant_id",
)
_ON_CREATE_ONLY = ("campaign_id", "currency", "primary_trafficker")


def _list(call: Call) -> Row:
    advertiser = call.query.get("advertiser_id")
    found = [order for order in orders.visible(call) if advertiser in (None, order["advertiser_id"])]
    return page_of(call, "insertion_order", [orders.item(order) for order in found])


def _list_by_campaign(call: Call) -> Row:
    orders.check_campaign(call.path["campaign_id"], 404)
    number, step = call.query.get("id"), call.query.get("workflow_step_type")
    found = [
        order
        for order in orders.visible(call)
        if order["campaign_id"] == call.path["campaign_id"]
        and number in (None, order["id"])
        and step in (None, order["workflow_step"]["workflow_step_type"])
    ]
    return page_of(call, "insertion_order", [orders.item(order) for order in found])


def _get(call: Call) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    return orders.single(order, full=call.query.get("show") == "all")


def _create(call: Call) -> Row:
    orders.check_campaign(call.body["campaign_id"], 422)
    return _created(call, call.body["campaign_id"])


def _create_in_campaign(call: Call) -> Row:
    orders.check_campaign(call.path["campaign_id"], 404)
    return _created(call, call.path["campaign_id"])


def _created(call: Call, campaign_id: int) -> Row:
    fields = orders.accepted(call.body, _OF_PROPOSALS)
    order = orders.save(call, {**orders.blank(call, campaign_id), **fields, "campaign_id": campaign_id})
    placements.add(call, order)
    return orders.single(order)


def _update(call: Call) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    fields = orders.accepted(call.body, (*_OF_PROPOSALS, *_ON_CREATE_ONLY))
    return orders.single(orders.save(call, {**order, **fields}))


def _delete(call: Call) -> None:
    order = orders.find(call, call.path["insertion_order_id"])
    placements.delete(call, order["id"])
    proposals.delete_variants(call, order["id"])
    call.store.delete("order", order["id"])


def _book(call: Call) -> Row:
    return _moved(call, "NOT_BOOKED", "BOOKED")


def _unbook(call: Call) -> Row:
    return _moved(call, "BOOKED", "NOT_BOOKED")


def _moved(call: Call, before: str, after: str) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    if order["stage"] != before:
        raise Refused(422, f"The stage is {order['stage']}, not {before}", field="stage")
    return orders.single(orders.save(call, {**order, "stage": after}))


def _transfer_budget(call: Call) -> Row:
    target = orders.find(call, call.path["insertion_order_id"])
    source_id = call.body["from_insertion_order_id"]
    if source_id == target["id"]:
        raise Refused(422, "An insertion order cannot give to itself", field="from_insertion_order_id")
    source = orders.find(call, source_id, 422, "from_insertion_order_id")
    source, target = budgets.transferred(source, target, Decimal(str(call.body["amount"])))
    orders.save(call, source)
    return orders.single(orders.save(call, target))


def _list_placements(call: Call) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    start, status = call.query.get("name", ""), call.query.get("status")
    found = [
        shown
        for shown in placements.listed(call, order)
        if shown["name"].startswith(start) and status in (None, shown["status"])
    ]
    return page_of(call, "placement", found)


def _get_widget(call: Call) -> dict[str, Any]:
    order = orders.find(call, call.path["insertion_order_id"])
    return {"id": order["id"], "name": order["name"], "placements": len(placements.listed(call, order))}


HANDLERS: dict[str, Handler] = {
    "insertion_orders_list": _list,
    "insertion_orders_list_by_campaign": _list_by_campaign,
    "insertion_orders_get": _get,
    "insertion_orders_create": _create,
    "insertion_orders_create_in_campaign": _create_in_campaign,
    "insertion_orders_update": _update,
    "insertion_orders_delete": _delete,
    "insertion_orders_book": _book,
    "insertion_orders_unbook": _unbook,
    "insertion_orders_transfer_budget": _transfer_budget,
    "insertion_orders_list_placements": _list_placements,
    "insertion_orders_get_widget": _get_widget,
}
