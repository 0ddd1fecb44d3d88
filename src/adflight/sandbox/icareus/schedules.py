"""Schedules of campaigns, and how much is shown on single days. Imports campaign and what it imports."""

from __future__ import annotations

from datetime import date

from ..store import Row
from ..world import Call, Handler
from . import schedule
from .campaign import cap_key, find, refused

__all__ = ["HANDLERS"]

_FIRST_ID = 81001


def _create(call: Call) -> Row:
    campaign = find(call, call.query["campaignId"])
    number = call.store.next_id("schedule", _FIRST_ID)
    return _saved(call, {"scheduleId": number, "campaignId": campaign["campaignId"]})


def _update(call: Call) -> Row:
    campaign = find(call, call.query["campaignId"])
    row = call.store.get("schedule", call.query["scheduleId"])
    if row is None or row["campaignId"] != campaign["campaignId"]:
        raise refused(f"Campaign {campaign['campaignId']} has no schedule {call.query['scheduleId']}.")
    return _saved(call, row)


def _saved(call: Call, kept: Row) -> Row:
    row = {**kept, **call.body, "scheduleId": kept["scheduleId"], "campaignId": kept["campaignId"]}
    if not row["name"].strip():
        raise refused("The name must not be empty.")
    try:
        schedule.read(row)
    except ValueError as error:
        raise refused(f"{error}.") from None
    call.store.put("schedule", row["scheduleId"], row)
    return {"scheduleId": row["scheduleId"], "campaignId": row["campaignId"], "data": row}


def _set_caps(call: Call) -> Row:
    number = find(call, call.query["campaignId"])["campaignId"]
    for entry in call.body:
        day, cap = entry["day"], int(entry["cap"])
        try:
            date.fromisoformat(day)
        except ValueError:
            raise refused(f"{day} is no day.") from None
        if cap < 0:
            raise refused(f"The cap of {day} must not be less than 0.")
        call.store.put("cap", cap_key(number, day), {"campaignId": number, "day": day, "cap": cap})
    caps = [{"day": row["day"], "cap": row["cap"]} for row in call.store.all("cap") if row["campaignId"] == number]
    return {"campaignId": number, "data": {"dailyCaps": sorted(caps, key=lambda cap: str(cap["day"]))}}


HANDLERS: dict[str, Handler] = {
    "schedules_create": _create,
    "schedules_update": _update,
    "daily_caps_set": _set_caps,
}
