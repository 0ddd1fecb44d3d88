"""Proposed insertion orders and their variants, in a form of the sandbox's own.

Imports listing, network, order and placement.
"""

from __future__ import annotations

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import network
from . import order as orders
from . import placement as placements
from .listing import page_of

__all__ = ["HANDLERS", "delete_variants"]

_FIRST_VARIANT = 9001
_VARIANTS = ("first variant", "second variant")
_OF_THE_WORKFLOW = ("workflow_step", "workflow_step_owners")
_ON_CREATE_ONLY = ("campaign_id", "currency", "primary_trafficker")


def delete_variants(call: Call, order_id: int) -> None:
    """Remove the variants of an insertion order."""
    for variant in _variants_of(call, order_id):
        call.store.delete("variant", variant["id"])


def _create(call: Call) -> Row:
    campaign_id = call.body["campaign_id"]
    orders.check_campaign(campaign_id, 422)
    fields = orders.accepted(call.body, (*_OF_THE_WORKFLOW, "primary_variant_id"))
    order = {**orders.blank(call, campaign_id), **fields}
    order |= {"stage": "PROPOSAL", "workflow_step": network.WORKFLOW_STEPS["PROPOSAL"], "_is_proposed": True}
    order["primary_variant_id"] = _add_variants(call, order)
    order = orders.save(call, order)
    placements.add(call, order)
    return orders.single(order)


def _update(call: Call) -> Row:
    order = _proposed(call)
    fields = orders.accepted(call.body, (*_OF_THE_WORKFLOW, *_ON_CREATE_ONLY))
    known = {variant["id"] for variant in _variants_of(call, order["id"])}
    if fields.get("primary_variant_id", order["primary_variant_id"]) not in known:
        raise Refused(422, "The insertion order has no such variant", field="primary_variant_id")
    return orders.single(orders.save(call, {**order, **fields}))


def _list_variants(call: Call) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    shown = [{"id": variant["id"], "name": variant["name"]} for variant in _variants_of(call, order["id"])]
    return page_of(call, "variant", shown)


def _change_status(call: Call) -> Row:
    order = _proposed(call)
    step = call.body["workflow_step_type"]
    changed = {**order, "workflow_step": network.WORKFLOW_STEPS[step]}
    if step == "NORMAL":
        # from here on it is an insertion order as any other
        changed["stage"] = "NOT_BOOKED"
    return orders.single(orders.save(call, changed))


def _proposed(call: Call) -> Row:
    order = orders.find(call, call.path["insertion_order_id"])
    if order["stage"] != "PROPOSAL":
        raise Refused(422, f"The stage is {order['stage']}, not PROPOSAL", field="stage")
    return order


def _add_variants(call: Call, order: Row) -> int:
    """Give a new proposal its variants; returns the primary one's id."""
    numbers = [call.store.next_id("variant", _FIRST_VARIANT) for _ in _VARIANTS]
    for number, name in zip(numbers, _VARIANTS, strict=True):
        variant = {"id": number, "name": f"{order['name']}, {name}", "_order": order["id"]}
        call.store.put("variant", number, variant)
    return numbers[0]


def _variants_of(call: Call, order_id: int) -> list[Row]:
    return [variant for variant in call.store.all("variant") if variant["_order"] == order_id]


HANDLERS: dict[str, Handler] = {
    "insertion_orders_create_proposed": _create,
    "insertion_orders_update_proposed": _update,
    "insertion_orders_list_variants": _list_variants,
    "insertion_orders_change_proposal_status": _change_status,
}
