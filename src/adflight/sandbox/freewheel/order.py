"""What an insertion order is: how it is kept, found and shown.

Kept under the names of the wire; names with an underscore are the sandbox's own. Imports answers, store, world, budget,
network and schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call
from . import budget as budgets
from . import network
from . import schedule as schedules

__all__ = ["accepted", "blank", "check_campaign", "find", "item", "save", "single", "visible"]

# documented of single answers, in the order in which they were captured
_BASIC = (
    "id",
    "campaign_id",
    "name",
    "description",
    "client_po",
    "brand_id",
    "external_id",
    "primary_sales_person",
    "primary_trafficker",
    "stage",
    "schedule",
    "currency",
    "budget",
)
_PROPOSAL = (
    "workflow_step",
    "rfp_budget",
    "rate_card_id",
    "total_billable_event_goal",
    "total_p2plus_impressions",
    "primary_variant_id",
)
_FULL = ("delivery", "assignments", "additional_contacts", "workflow_step", "workflow_step_owners")
_DECIMALS = ("currency", "over_delivery_value")
# the service decides these; a request that carries one is refused, so that nobody believes it had an effect
_NEVER_WRITTEN = ("id", "insertion_order_id", "stage", "status", "advertiser_id", "created_at", "updated_at")
_FIRST_ID = 7_001_001


def blank(call: Call, campaign_id: int) -> Row:
    """A new insertion order of a campaign, with all that a request may leave out."""
    user = call.person.user_id
    return {
        **dict.fromkeys((*_BASIC, *_PROPOSAL, *_FULL)),
        "id": call.store.next_id("order", _FIRST_ID),
        "campaign_id": campaign_id,
        "stage": "NOT_BOOKED",
        "currency": network.CURRENCIES[0],
        "budget": budgets.EVERGREEN,
        "assignments": [_assigned({"user_id": user})],
        "workflow_step": network.WORKFLOW_STEPS["NORMAL"],
        "workflow_step_owners": [{"user_id": user, "user_group_id": None, "role_id": None}],
        "count_in_revenue_forecast": True,
        "advertiser_id": network.advertiser_of(campaign_id),
        "created_at": _now(call),
        "_network": call.workspace,
        "_is_proposed": False,
    }


def accepted(body: Mapping[str, Any], read_only: tuple[str, ...] = ()) -> Row:
    """The fields of a request, as they are kept. `read_only` are those that this operation does not take.

    Raises:
        Refused: 422 for what breaks a rule.
    """
    for name in (*_NEVER_WRITTEN, *read_only):
        if name in body:
            raise Refused(422, f"{name} cannot be set", field=name)
    fields = {name: value for name, value in body.items() if name in {*_BASIC, *_PROPOSAL, *_FULL} and name != "id"}
    if "name" in fields and not (fields["name"] or "").strip():
        raise Refused(422, "The name must not be empty", field="name")
    if fields.get("currency") is not None and fields["currency"] not in network.CURRENCIES:
        raise Refused(422, "The network does not support this currency", field="currency")
    if fields.get("schedule") is not None:
        schedules.check(fields["schedule"])
    if fields.get("budget") is not None:
        fields["budget"] = budgets.accepted(fields["budget"])
    if fields.get("assignments") is not None:
        fields["assignments"] = [_assigned(user) for user in fields["assignments"]]
    if fields.get("additional_contacts") is not None:
        fields["additional_contacts"] = _contacts(fields["additional_contacts"])
    if fields.get("rfp_budget") is not None:
        fields["rfp_budget"] = budgets.money(fields["rfp_budget"], "rfp_budget")
    return fields


def check_campaign(campaign_id: int, status: int) -> None:
    """Whether there is such a campaign.

    Raises:
        Refused: With `status` when there is none.
    """
    if not network.has_campaign(campaign_id):
        raise Refused(status, f"There is no campaign {campaign_id}", field="campaign_id")


def save(call: Call, order: Row) -> Row:
    """Keep an insertion order; it counts as changed now."""
    order = {**order, "updated_at": _now(call)}
    call.store.put("order", order["id"], order)
    return order


def find(call: Call, order_id: int, status: int = 404, field: str | None = None) -> Row:
    """An insertion order of the caller's network.

    Raises:
        Refused: With `status` when there is none.
    """
    order = call.store.get("order", order_id)
    if order is None or order["_network"] != call.workspace:
        raise Refused(status, f"There is no insertion order {order_id}", field=field)
    return order


def visible(call: Call) -> list[Row]:
    """The insertion orders of the caller's network, oldest first."""
    return [order for order in call.store.all("order") if order["_network"] == call.workspace]


def item(order: Row) -> Row:
    """An insertion order as lists show it: without its external id, for instance."""
    return {
        "id": order["id"],
        "name": order["name"],
        "status": "ACTIVE" if order["stage"] == "BOOKED" else "IN_ACTIVE",
        "stage": order["stage"],
        "advertiser_id": order["advertiser_id"],
        "created_at": order["created_at"],
        "updated_at": order["updated_at"],
        "schedule": schedules.listed(order["schedule"]),
    }


def single(order: Row, *, full: bool = False) -> Row:
    """An insertion order as it is answered by itself; delivery, assignments and costs only in full."""
    names = [*_BASIC, *(_PROPOSAL if order["_is_proposed"] else ())]
    shown = {name: order[name] for name in names}
    if full:
        shown |= {name: order[name] for name in (*_FULL, "count_in_revenue_forecast")}
        shown |= budgets.figures(order)
        # an empty list is no element at all
        shown = {name: value for name, value in shown.items() if value != []}
    if order["budget"] is not None:
        shown["budget"] = {
            name: Decimal(value) if name in _DECIMALS and value is not None else value
            for name, value in order["budget"].items()
        }
    if shown.get("rfp_budget") is not None:
        shown["rfp_budget"] = Decimal(shown["rfp_budget"])
    return shown


def _assigned(user: Mapping[str, Any]) -> Row:
    """A user who works on an insertion order, with what only the service knows; what a request says of that is ignored.

    Raises:
        Refused: 422 for a user or a role that does not exist.
    """
    if user["user_id"] not in network.USERS:
        raise Refused(422, f"There is no user {user['user_id']}", field="user_id")
    assigned: Row = {"user_id": user["user_id"], "user_full_name": network.USERS[user["user_id"]]}
    role = user.get("primary_user_role")
    if role is not None:
        if role["role_id"] not in network.ROLES:
            raise Refused(422, f"There is no role {role['role_id']}", field="role_id")
        assigned["primary_user_role"] = {"role_id": role["role_id"], "role_name": network.ROLES[role["role_id"]]}
    return assigned


def _contacts(contacts: list[Mapping[str, Any]]) -> list[Row]:
    kept = [{**contact, "primary": bool(contact.get("primary"))} for contact in contacts]
    if sum(contact["primary"] for contact in kept) > 1:
        raise Refused(422, "Only one contact can be the primary one", field="primary")
    return kept


def _now(call: Call) -> str:
    return schedules.text_of(datetime.fromtimestamp(call.now, UTC))
