"""When a schedule runs: the arithmetic of its recurrence, in the fields of the wire.

A schedule has one showing on each day that its rule names, from its first day to its last. A showing begins at the
schedule's time of day, lasts for its duration, which is a day at most, and ends in full even when that is after the
last day. All of it happens on the wall clock of one UTC offset, which knows no summer time.

Where the document is silent: weeks, months and years are counted from those of the first day, weeks begin on Sunday,
the last day is one that counts, a day that a month does not have is left out, and no weekdays means never.

Imports nothing of the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeAlias

__all__ = ["Schedule", "Showing", "read"]

Showing: TypeAlias = tuple[datetime, datetime]
"""Beginning and end; the end does not belong to it."""

_DAY = timedelta(days=1)
_OPTIONS = {
    "daily": "dailyRepeatOptions",
    "weekly": "weeklyRepeatOptions",
    "monthly": "monthlyRepeatOptions",
    "yearly": "yearlyRepeatOptions",
}


@dataclass(frozen=True)
class Schedule:
    """A schedule that can be asked."""

    start: datetime
    """The beginning of the first day's showing, if there is one, in the schedule's own offset."""
    duration: timedelta
    last_day: date
    recurs: Callable[[date], bool]
    """Whether the rule names a day; for days from the first to the last."""

    def showing(self, day: date) -> Showing | None:
        """The showing that begins on a day."""
        if not (self.start.date() <= day <= self.last_day and self.recurs(day)):
            return None
        begin = datetime.combine(day, self.start.timetz())
        return begin, begin + self.duration

    def showings(self, begin: datetime, end: datetime) -> list[Showing]:
        """All that is shown between two moments, of which one may be part of a showing."""
        first, last = (moment.astimezone(self.start.tzinfo).date() for moment in (begin, end))
        days = (first - _DAY + number * _DAY for number in range((last - first).days + 2))
        found = [showing for day in days if (showing := self.showing(day))]
        parts = [(max(one, begin), min(two, end)) for one, two in found]
        return [(one, two) for one, two in parts if one < two]

    def current(self, moment: datetime) -> Showing | None:
        """The showing that is under way."""
        today = moment.astimezone(self.start.tzinfo).date()
        for day in (today, today - _DAY):
            showing = self.showing(day)
            if showing and showing[0] <= moment < showing[1]:
                return showing
        return None


def read(fields: Mapping[str, Any]) -> Schedule:
    """A schedule from its wire fields, which conform to the specification.

    Raises:
        ValueError: Something is missing or makes no sense; says what.
    """
    zone = timezone(timedelta(hours=_within("timeZone", fields.get("timeZone", 0), -12, 14)))
    start = _parsed(datetime.fromisoformat, "startDate", fields["startDate"]).replace(tzinfo=zone)
    hours, minutes = fields["duration"].split(":")
    if "endDate" in fields:
        last_day = _parsed(date.fromisoformat, "endDate", fields["endDate"])
    else:
        last_day = _a_year_after(start.date())
    if last_day < start.date():
        raise ValueError("endDate lies before startDate")
    repeat = fields.get("repeatType", "never")
    options = _OPTIONS.get(repeat)
    if options and options not in fields:
        raise ValueError(f"{options} is mandatory when repeatType is {repeat}")
    rule = _rule(repeat, start.date(), fields[options] if options else {})
    return Schedule(start, timedelta(hours=int(hours), minutes=int(minutes)), last_day, rule)


def _rule(repeat: str, first: date, options: Mapping[str, Any]) -> Callable[[date], bool]:
    if repeat == "daily":
        return _daily(first, options)
    if repeat == "weekly":
        return _weekly(first, options)
    if repeat == "monthly":
        return _monthly(first, options)
    if repeat == "yearly":
        return _yearly(first, options)
    return lambda day: day == first


def _daily(first: date, options: Mapping[str, Any]) -> Callable[[date], bool]:
    if options.get("repeatType", 0) == 1:
        return lambda day: 2 <= _weekday(day) <= 6
    every = _every("repeatDays", options)
    return lambda day: (day - first).days % every == 0


def _weekly(first: date, options: Mapping[str, Any]) -> Callable[[date], bool]:
    every, weekdays = _every("repeatWeeks", options), frozenset(options.get("weekDays", ()))
    return lambda day: _weekday(day) in weekdays and (_week(day) - _week(first)) % every == 0


def _monthly(first: date, options: Mapping[str, Any]) -> Callable[[date], bool]:
    every = _every("repeatMonth", options)
    if options.get("repeatType", 0) == 1:
        named = _nth_weekday(options)
    else:
        number = _within("repeatDayOfMonth", options.get("repeatDayOfMonth", 1), 1, 31)

        def named(day: date) -> bool:
            return day.day == number

    return lambda day: named(day) and (_month(day) - _month(first)) % every == 0


def _yearly(first: date, options: Mapping[str, Any]) -> Callable[[date], bool]:
    every = _every("repeatYear", options)
    month = _within("month", options.get("month", 1), 1, 12)
    if options.get("repeatType", 0) == 1:
        named = _nth_weekday(options)
    else:
        number: int = options.get("date", 1)

        def named(day: date) -> bool:
            return day.day == number

    return lambda day: day.month == month and named(day) and (day.year - first.year) % every == 0


def _nth_weekday(options: Mapping[str, Any]) -> Callable[[date], bool]:
    position: int = options.get("repeatDayPosition", 1)
    weekday: int = options.get("day", 1)

    def named(day: date) -> bool:
        if _weekday(day) != weekday:
            return False
        if position == -1:
            return (day + 7 * _DAY).month != day.month
        return (day.day - 1) // 7 + 1 == position

    return named


def _weekday(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1


def _week(day: date) -> int:
    """The number of a week, which begins on Sunday; the first day that Python has is a Monday."""
    return day.toordinal() // 7


def _month(day: date) -> int:
    return day.year * 12 + day.month


def _a_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def _every(name: str, options: Mapping[str, Any]) -> int:
    return _within(name, options.get(name, 1), 1, 10_000)


def _within(name: str, number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError(f"{name} must lie between {least} and {most}")
    return number


def _parsed(parse: Callable[[str], Any], name: str, text: str) -> Any:
    try:
        value = parse(text)
    except ValueError:
        raise ValueError(f"{name} {text} is no date") from None
    if not 1970 <= value.year <= 9000:
        raise ValueError(f"{name} {text} is out of reach")
    return value
