"""What an insertion order is: its state in time, its budget and how it is found.

Kept with the names of the wire; times are epoch milliseconds. Imports answers, store, world and campaign.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call
from . import campaign as campaigns
from .values import money

__all__ = ["ACTIVE", "DELETED", "EXPIRED", "find", "present", "save", "status_of", "visible"]

ACTIVE, EXPIRED, DELETED = 1, 2, 3


def status_of(order: Row, now: float) -> int:
    """The state at a moment: an active order expires at its end by itself."""
    status = int(order["ioStatusId"])
    end = order["ioEndTime"]
    return EXPIRED if status == ACTIVE and end is not None and now * 1000 >= end else status


def save(call: Call, order: Row) -> None:
    """Keep an insertion order; it counts as modified now, by the caller."""
    changed = {"modifiedByUowId": call.person.user_id, "_modified": int(call.now * 1000)}
    call.store.put("order", order["ioId"], {**order, **changed})


def find(call: Call, order_id: Any, status: int = 422) -> Row:
    """An insertion order of the caller's workspace that is not deleted.

    Raises:
        Refused: With `status` when there is none.
    """
    order = call.store.get("order", order_id)
    if order is None or order["owId"] != call.workspace or order["ioStatusId"] == DELETED:
        raise Refused(status, f"There is no insertion order {order_id}", field="ioId")
    return order


def visible(call: Call, workspaces: Collection[int] | None = None) -> list[Row]:
    """The insertion orders of the given workspaces, as far as the caller may see them; by default of the request's."""
    seen = set(call.person.workspaces) & set(workspaces) if workspaces else {call.workspace}
    return [order for order in call.store.all("order") if order["owId"] in seen]


def present(call: Call, order: Row, members: Collection[Row]) -> Row:
    """An insertion order as it is answered; `members` are its campaigns."""
    shown = {name: value for name, value in order.items() if not name.startswith("_")}
    shown["ioStatusId"] = status_of(order, call.now)
    if order["isAutoSumIoTotalBudget"]:
        live = [member["budgetTotal"] for member in members if campaigns.status_of(member, call.now) != "deleted"]
        shown["ioTotalBudget"] = money(sum(live)) if live else 0
    priorities = [member["_priority"] for member in members if member.get("_priority")]
    shown["ioCurrentPriority"] = min(priorities, default=None)
    shown["isIoPrioritise"] = bool(priorities)
    return shown
