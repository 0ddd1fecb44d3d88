"""What a campaign is, how it is found, and when it is active.

Kept with the names of the wire. Imports answers, schedule, store and world.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call
from . import schedule
from .schedule import Schedule, Showing

__all__ = ["TYPES", "cap_key", "find", "refused", "showing"]

TYPES = {
    "videoswap": "videoswap",
    "activead": "activead",
    "switchin": "switchIn",
    "instreamvideo": "inStreamVideo",
    "invideooverlay": "inVideoOverlay",
}
"""How the types of campaigns are written in a list of active ones, by how they are written everywhere else."""

_PACE = 1.0
"""Impressions a second of a campaign that is shown. Invented: the service has no report to take it from."""


def refused(message: str) -> Refused:
    """A refusal by a rule of the service.

    It comes with HTTP 200, as that of a failed log-in does in the suite's Login API. What cannot be read is refused
    with 400, and wrong credentials with 401 and 403, as in its Teams API; the body is always the same.
    """
    return Refused(200, message)


def find(call: Call, campaign_id: Any) -> Row:
    """A campaign of the caller's organization.

    Raises:
        Refused: There is none.
    """
    campaign = call.store.get("campaign", campaign_id)
    if campaign is None or campaign["_organization"] != call.workspace:
        raise refused(f"There is no campaign {campaign_id}.")
    return campaign


def cap_key(campaign_id: int, day: str) -> str:
    """The key of a daily cap in the store; `day` as on the wire."""
    return f"{campaign_id} {day}"


def showing(call: Call, campaign: Row) -> Showing | None:
    """What makes a campaign active now: a showing that is under way on a day whose cap is not used up."""
    number, now = campaign["campaignId"], datetime.fromtimestamp(call.now, UTC)
    schedules = [schedule.read(row) for row in call.store.all("schedule") if row["campaignId"] == number]
    for one in schedules:
        current = one.current(now)
        if current is None:
            continue
        local = now.astimezone(one.start.tzinfo)
        cap = call.store.get("cap", cap_key(number, local.date().isoformat()))
        if cap is None or _shown(schedules, datetime.combine(local, time(), local.tzinfo), now) < cap["cap"]:
            return current
    return None


def _shown(schedules: list[Schedule], midnight: datetime, now: datetime) -> float:
    """Impressions since midnight; showings of several schedules at one time count once."""
    spent, counted = timedelta(), midnight
    for begin, end in sorted(part for one in schedules for part in one.showings(midnight, now)):
        spent += max(end - max(begin, counted), timedelta())
        counted = max(counted, end)
    return spent.total_seconds() * _PACE
