"""Times with a zone of their own or the one that was declared for a file. Imports values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from attrs import frozen

from adflight.flights.values import Unfit

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199

_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?"
    r" ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_OFFSET: Final = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")


def zone_of(name: str) -> tzinfo | None:
    """The zone of an IANA name, of `Z` or of an offset such as +02:00; None when there is none."""
    if name.upper() in ("Z", "UTC"):
        return UTC
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours > 14 or minutes > 59:
            return None
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """All IANA names that this machine knows."""
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def clock_of(name: str) -> tuple[timedelta | None, ...]:
    """What tells zones apart: their offsets in every month of ten years. Empty when this machine does not know it."""
    zone = zone_of(name)
    if zone is None:
        return ()
    months = (datetime(year, month, 1, tzinfo=UTC) for year in range(2026, 2036) for month in range(1, 13))
    return tuple(moment.astimezone(zone).utcoffset() for moment in months)


@frozen
class TimeFormat:
    """How a file writes times."""

    zone: str | None = None
    """Of the times that have none; see `zone_of`."""
    date_format: str | None = None
    """As `datetime.strptime` takes it, a day alone being what comes before its first space; None for ISO 8601."""

    def read(self, cell: object, *, is_end: bool) -> datetime:
        """An aware time in UTC, in whole seconds.

        A day alone is its first moment, where something starts; where it ends, nobody can know whether the day is
        meant to be in it. Raises `Unfit`.
        """
        if isinstance(cell, str):
            return _read(cell, self, is_end)
        if isinstance(cell, datetime):
            return _whole(_aware(cell, self.zone))
        if isinstance(cell, date):
            return _whole(_aware(_of_day(cell, is_end), self.zone))
        raise Unfit(self.expected)

    @property
    def expected(self) -> str:
        if self.date_format is not None:
            return f"a time as declared, {self.date_format}"
        return f"a time in ISO 8601, such as 2027-03-01T09:00{'' if self.zone else '-05:00'}"


@lru_cache(maxsize=4096)
def _read(text: str, times: TimeFormat, is_end: bool) -> datetime:
    # a file repeats its times in most of its rows
    moment, has_time = _iso(text, times) if times.date_format is None else _declared(text, times.date_format, times)
    if not has_time:
        _of_day(moment.date(), is_end)
    return _whole(_aware(moment, times.zone))


def _declared(text: str, date_format: str, times: TimeFormat) -> tuple[datetime, bool]:
    # spreadsheets leave out the time where it is midnight; in which order the parts of a day come is declared
    day = date_format.partition(" ")[0]
    for form in (date_format, day) if "%y" in day.lower() else (date_format,):
        try:
            return datetime.strptime(text, form), any(f"%{letter}" in form for letter in "HIcX")
        except ValueError:
            continue
    raise Unfit(times.expected)


def _iso(text: str, times: TimeFormat) -> tuple[datetime, bool]:
    match = _ISO.fullmatch(text)
    if match is None:
        raise Unfit(f"{times.expected}; another form is declared, as in date_format '%d.%m.%Y %H:%M'")
    zone = None if match[7] is None else zone_of(match[7])
    year, month, day, hour, minute, second = (int(match[place] or 0) for place in range(1, 7))
    try:
        if match[7] is not None and zone is None:
            raise ValueError
        return datetime(year, month, day, hour, minute, second, tzinfo=zone), match[4] is not None
    except ValueError:
        raise Unfit("a time that there is") from None


def _of_day(day: date, is_end: bool) -> datetime:
    if is_end:
        following = day + timedelta(days=1) if day < date.max else day
        raise Unfit(f"a time of day too: does it end where the day begins, {day}T00:00, or with it, {following}T00:00?")
    return datetime.combine(day, time())


def _aware(moment: datetime, zone_name: str | None) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Unfit(f"a year from {FIRST_YEAR} to {LAST_YEAR}")
    if moment.utcoffset() is None:
        zone = None if zone_name is None else zone_of(zone_name)
        if zone is None:
            raise Unfit("a time with its zone, such as 2027-03-01T09:00-05:00, or a zone declared for the file")
        moment = _placed(moment.replace(tzinfo=None), zone, str(zone_name))
    return moment.astimezone(UTC)


def _placed(wall: datetime, zone: tzinfo, name: str) -> datetime:
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise Unfit(f"a time that there is: the clocks of {name} skip this one")
    raise Unfit(f"an offset: on the clocks of {name} this comes twice, {first.isoformat()} and {second.isoformat()}")


def _whole(moment: datetime) -> datetime:
    if moment.microsecond:
        raise Unfit("whole seconds")
    return moment
