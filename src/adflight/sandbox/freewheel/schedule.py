"""Schedules: as they are sent, and as lists show them. Imports answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ..answers import Refused

__all__ = ["check", "listed", "text_of"]

_OFFSET = re.compile(r"\(GMT([+-])(\d{2}):(\d{2})\)")


def check(schedule: Mapping[str, Any]) -> None:
    """Whether a schedule can be kept.

    Raises:
        Refused: 422 for what is no ISO 8601 time, and for an end before the start.
    """
    start, end = (_moment(schedule, name) for name in ("start_time", "end_time"))
    if start is not None and end is not None and end <= start:
        raise Refused(422, "The end lies before the start", field="end_time")


def listed(schedule: Mapping[str, Any] | None) -> dict[str, Any]:
    """A schedule with the names that items of lists have, in UTC; unset parts are null."""
    given = schedule or {}
    start, end = (_moment(given, name) for name in ("start_time", "end_time"))
    return {
        "timezone": given.get("time_zone"),
        "start_date": None if start is None else text_of(start),
        "end_date": None if end is None else text_of(end),
    }


def text_of(moment: datetime) -> str:
    """A moment as lists write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(schedule: Mapping[str, Any], name: str) -> datetime | None:
    text = schedule.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone(_offset(schedule.get("time_zone") or "")))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(422, f"{name} is no ISO 8601 time: {text[:40]!r}", field=name) from None


def _offset(label: str) -> timedelta:
    """The offset that a label such as "(GMT-05:00) America - New York" names. Summer time is left out."""
    match = _OFFSET.match(label)
    if match is None:
        return timedelta()
    sign, hours, minutes = match.groups()
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return -size if sign == "-" else size
