"""Placements, which live and die with their insertion order. Imports store and world."""

from __future__ import annotations

from ..store import Row
from ..world import Call

__all__ = ["add", "delete", "listed"]

_FIRST_ID = 8_100_001
_KINDS = ("pre-roll", "mid-roll")


def add(call: Call, order: Row) -> None:
    """Give a new insertion order its placements. Nothing here can create others, and deleting is to show."""
    for kind in _KINDS:
        number = call.store.next_id("placement", _FIRST_ID)
        placement = {"id": number, "name": f"{order['name']}, {kind}", "_order": order["id"]}
        call.store.put("placement", number, placement)


def delete(call: Call, order_id: int) -> None:
    """Remove the placements of an insertion order."""
    for placement in _of(call, order_id):
        call.store.delete("placement", placement["id"])


def listed(call: Call, order: Row) -> list[Row]:
    """The placements of an insertion order as they are shown: active while it is booked, and scheduled like it."""
    status = "ACTIVE" if order["stage"] == "BOOKED" else "IN_ACTIVE"
    return [
        {"id": placement["id"], "name": placement["name"], "status": status, "schedule": order["schedule"]}
        for placement in _of(call, order["id"])
    ]


def _of(call: Call, order_id: int) -> list[Row]:
    return [placement for placement in call.store.all("placement") if placement["_order"] == order_id]
