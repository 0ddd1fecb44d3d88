"""The recurrence of schedules, against a plain reading of the document: day after day, with a calendar in hand."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight.sandbox.icareus.schedule import read

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SUNDAY, SATURDAY = 1, 7
NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

weekdays = st.integers(SUNDAY, SATURDAY)
positions = st.sampled_from([-1, 1, 2, 3, 4])
every = st.integers(1, 5)


def options(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An options object, of which anything may be left to its default."""
    return st.fixed_dictionaries({}, optional=fields)


rules = st.one_of(
    st.sampled_from([{}, {"repeatType": "never"}]),
    options(repeatType=st.integers(0, 1), repeatDays=every).map(
        lambda chosen: {"repeatType": "daily", "dailyRepeatOptions": chosen}
    ),
    options(repeatWeeks=every, weekDays=st.lists(weekdays, unique=True)).map(
        lambda chosen: {"repeatType": "weekly", "weeklyRepeatOptions": chosen}
    ),
    options(
        repeatType=st.integers(0, 1),
        repeatDayOfMonth=st.integers(1, 31),
        repeatDayPosition=positions,
        day=weekdays,
        repeatMonth=every,
    ).map(lambda chosen: {"repeatType": "monthly", "monthlyRepeatOptions": chosen}),
    options(
        repeatType=st.integers(0, 1),
        date=st.integers(1, 31),
        repeatDayPosition=positions,
        day=weekdays,
        month=st.integers(1, 12),
        repeatYear=st.integers(1, 3),
    ).map(lambda chosen: {"repeatType": "yearly", "yearlyRepeatOptions": chosen}),
)


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(st.datetimes(datetime(2019, 1, 1), datetime(2032, 12, 31)))
    minutes = draw(st.integers(0, 24 * 60))
    fields: dict[str, Any] = {
        "name": "Any",
        "startDate": f"{start:%Y-%m-%dT%H:%M}",
        "duration": f"{minutes // 60:02}:{minutes % 60:02}",
        **draw(rules),
    }
    if draw(st.booleans()):
        fields["endDate"] = str(start.date() + draw(st.integers(0, 900)) * DAY)
    if draw(st.booleans()):
        fields["timeZone"] = draw(st.integers(-12, 14))
    return fields


def last_day(fields: dict[str, Any]) -> date:
    first = date.fromisoformat(fields["startDate"][:10])
    if "endDate" in fields:
        return date.fromisoformat(fields["endDate"])
    return first.replace(year=first.year + 1, day=28 if (first.month, first.day) == (2, 29) else first.day)


def is_weekday(day: date, number: int) -> bool:
    return f"{day:%A}" == NAMES[number - 1]


def is_at(day: date, position: int, number: int) -> bool:
    """Whether a day is, say, the second Tuesday of its month."""
    month = [one for one in calendar.Calendar().itermonthdates(day.year, day.month) if one.month == day.month]
    of_kind = [one for one in month if is_weekday(one, number)]
    return of_kind[position - 1 if position > 0 else -1] == day


def days_of(fields: dict[str, Any]) -> Iterator[date]:
    """The days with a showing, found by going through all days one by one and counting what goes by."""
    repeat = fields.get("repeatType", "never")
    chosen = fields.get(f"{repeat}RepeatOptions", {})
    by_weekday = chosen.get("repeatType", 0) == 1
    at = (chosen.get("repeatDayPosition", 1), chosen.get("day", 1))
    day = date.fromisoformat(fields["startDate"][:10])
    days = weeks = months = years = 0
    while day <= last_day(fields):
        if repeat == "never":
            found = days == 0
        elif repeat == "daily":
            is_workday = f"{day:%A}" not in ("Saturday", "Sunday")
            found = is_workday if by_weekday else days % chosen.get("repeatDays", 1) == 0
        elif repeat == "weekly":
            named = any(is_weekday(day, number) for number in chosen.get("weekDays", []))
            found = named and weeks % chosen.get("repeatWeeks", 1) == 0
        elif repeat == "monthly":
            named = is_at(day, *at) if by_weekday else day.day == chosen.get("repeatDayOfMonth", 1)
            found = named and months % chosen.get("repeatMonth", 1) == 0
        else:
            named = is_at(day, *at) if by_weekday else day.day == chosen.get("date", 1)
            found = named and day.month == chosen.get("month", 1) and years % chosen.get("repeatYear", 1) == 0
        if found:
            yield day
        day += DAY
        days += 1
        weeks += f"{day:%A}" == "Sunday"
        months += day.day == 1
        years += (day.day, day.month) == (1, 1)


def minutes_of(fields: dict[str, Any]) -> tuple[str, int, int]:
    """The time of day, the duration in minutes and the offset in hours."""
    hours, minutes = map(int, fields["duration"].split(":"))
    return fields["startDate"][11:], hours * 60 + minutes, fields.get("timeZone", 0)


@settings(max_examples=300, deadline=None)
@given(schedules())
def test_showings_begin_on_the_days_that_the_rule_names(fields: dict[str, Any]) -> None:
    schedule = read(fields)
    first = date.fromisoformat(fields["startDate"][:10])
    around = [first + number * DAY for number in range(-40, 940)]

    assert [day for day in around if schedule.showing(day)] == list(days_of(fields))


@settings(deadline=None)
@given(schedules(), st.data())
def test_a_moment_is_covered_from_beginning_to_end_of_a_showing(fields: dict[str, Any], data: st.DataObject) -> None:
    begins, length, offset = minutes_of(fields)
    days = list(days_of(fields))
    day = data.draw(st.sampled_from(days)) if days else date.fromisoformat(fields["startDate"][:10])
    wall = datetime.fromisoformat(f"{day}T{begins}") + data.draw(st.integers(-3 * 1440, 3 * 1440)) * MINUTE
    moment = (wall - timedelta(hours=offset)).replace(tzinfo=UTC)

    covered = [
        begin
        for begin in (datetime.fromisoformat(f"{day}T{begins}") for day in days)
        if begin <= wall < begin + length * MINUTE
    ]
    current = read(fields).current(moment)
    shown = current and (current[0].replace(tzinfo=None), current[1] - current[0])

    assert shown == ((covered[-1], length * MINUTE) if covered else None)


@settings(deadline=None)
@given(schedules(), st.data())
def test_what_is_shown_between_two_moments_is_what_is_current_there(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    schedule = read(fields)
    begin = schedule.start.astimezone(UTC) + data.draw(st.integers(-2 * 1440, 60 * 1440)) * MINUTE
    end = begin + data.draw(st.integers(0, 2 * 1440)) * MINUTE
    moment = begin + data.draw(st.integers(-1440, 3 * 1440)) * MINUTE

    parts = schedule.showings(begin, end)

    inside = any(one <= moment < two for one, two in parts)
    assert inside == (begin <= moment < end and schedule.current(moment) is not None)
    assert all(begin <= one < two <= end for one, two in parts)


def covers(fields: dict[str, Any], moment: str) -> bool:
    schedule = {"name": "One", "startDate": "2019-11-25T12:00", "duration": "08:00", **fields}
    return read(schedule).current(datetime.fromisoformat(moment)) is not None


def test_a_schedule_runs_once_unless_it_repeats() -> None:
    assert not covers({}, "2019-11-25T11:59Z")
    assert covers({}, "2019-11-25T12:00Z")
    assert covers({}, "2019-11-25T19:59Z")
    assert not covers({}, "2019-11-25T20:00Z")
    assert not covers({}, "2019-11-26T12:00Z")


def test_the_offset_says_whose_noon_it_is() -> None:
    assert covers({"timeZone": 1}, "2019-11-25T11:00Z")
    assert not covers({"timeZone": -1}, "2019-11-25T12:00Z")
    assert covers({"timeZone": -1}, "2019-11-25T13:00Z")


def test_a_day_and_a_night_cover_all_hours() -> None:
    whole = {"startDate": "2019-11-25T18:00", "duration": "24:00", "repeatType": "daily", "dailyRepeatOptions": {}}
    assert all(covers(whole, f"2019-11-{day}T17:59Z") for day in (26, 27, 28))
    assert all(covers(whole, f"2019-11-{day}T18:00Z") for day in (25, 26, 27))


def test_the_last_showing_ends_after_the_last_day() -> None:
    late = {"startDate": "2019-11-25T20:00", "endDate": "2019-11-26", "repeatType": "daily", "dailyRepeatOptions": {}}
    assert covers(late, "2019-11-27T03:59Z")
    assert not covers(late, "2019-11-27T20:00Z")


def test_one_and_seven_are_the_weekend() -> None:
    weekend = {"repeatType": "weekly", "weeklyRepeatOptions": {"weekDays": [1, 7]}}
    days = ["2019-11-29", "2019-11-30", "2019-12-01", "2019-12-02"]
    assert [covers(weekend, f"{day}T12:00Z") for day in days] == [False, True, True, False]


def test_every_other_week_counts_from_sunday() -> None:
    options = {"repeatWeeks": 2, "weekDays": [1, 7]}
    weekend = {"startDate": "2019-11-30T12:00", "repeatType": "weekly", "weeklyRepeatOptions": options}
    days = ["2019-11-30", "2019-12-01", "2019-12-07", "2019-12-08", "2019-12-14", "2019-12-15"]
    assert [covers(weekend, f"{day}T12:00Z") for day in days] == [True, False, False, True, True, False]


def test_it_ends_after_a_year_unless_told() -> None:
    yearly = {
        "startDate": "2020-02-29T12:00",
        "repeatType": "monthly",
        "monthlyRepeatOptions": {"repeatDayOfMonth": 28},
    }
    assert covers(yearly, "2021-02-28T12:00Z")
    assert not covers(yearly, "2021-03-28T12:00Z")


def test_a_month_without_the_day_has_no_showing() -> None:
    monthly = {"repeatType": "monthly", "monthlyRepeatOptions": {"repeatDayOfMonth": 31}}
    assert covers(monthly, "2019-12-31T12:00Z")
    assert not any(covers(monthly, f"2020-02-{day}T12:00Z") for day in (28, 29))


@pytest.mark.parametrize(
    ("position", "weekday", "days"),
    [(2, 3, ["2019-12-10", "2020-02-11"]), (-1, 6, ["2019-12-27", "2020-02-28"]), (4, 1, ["2019-12-22", "2020-02-23"])],
)
def test_a_weekday_has_a_position_in_its_month(position: int, weekday: int, days: list[str]) -> None:
    options = {"repeatType": 1, "repeatDayPosition": position, "day": weekday, "repeatMonth": 2}
    start = {"startDate": "2019-12-01T12:00", "endDate": "2020-03-31"}
    schedule = read(
        {"name": "One", "duration": "08:00", **start, "repeatType": "monthly", "monthlyRepeatOptions": options}
    )
    all_days = [date(2019, 12, 1) + number * DAY for number in range(122)]
    assert [str(day) for day in all_days if schedule.showing(day)] == days


def test_a_date_comes_back_every_so_many_years() -> None:
    options = {"month": 12, "date": 24, "repeatYear": 2}
    eve = {"endDate": "2024-12-31", "repeatType": "yearly", "yearlyRepeatOptions": options}
    assert [year for year in range(2018, 2028) if covers(eve, f"{year}-12-24T12:00Z")] == [2019, 2021, 2023]
    assert not covers(eve, "2021-12-25T12:00Z")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"startDate": "2019-02-29T12:00"}, "startDate 2019-02-29T12:00 is no date"),
        ({"startDate": "0001-01-01T12:00"}, "startDate 0001-01-01T12:00 is out of reach"),
        ({"endDate": "2019-13-01"}, "endDate 2019-13-01 is no date"),
        ({"endDate": "2019-11-24"}, "endDate lies before startDate"),
        ({"timeZone": 15}, "timeZone must lie between -12 and 14"),
        ({"repeatType": "daily"}, "dailyRepeatOptions is mandatory when repeatType is daily"),
        ({"repeatType": "weekly"}, "weeklyRepeatOptions is mandatory when repeatType is weekly"),
        ({"repeatType": "monthly"}, "monthlyRepeatOptions is mandatory when repeatType is monthly"),
        ({"repeatType": "yearly"}, "yearlyRepeatOptions is mandatory when repeatType is yearly"),
        ({"repeatType": "daily", "dailyRepeatOptions": {"repeatDays": 0}}, "repeatDays must lie between 1 and 10000"),
        (
            {"repeatType": "monthly", "monthlyRepeatOptions": {"repeatDayOfMonth": 32}},
            "repeatDayOfMonth must lie between 1 and 31",
        ),
        ({"repeatType": "yearly", "yearlyRepeatOptions": {"month": 13}}, "month must lie between 1 and 12"),
    ],
)
def test_what_makes_no_sense_is_told(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        covers(fields, "2019-11-25T12:00Z")


def test_showings_are_in_the_schedules_own_offset() -> None:
    schedule = read({"name": "One", "startDate": "2019-11-25T12:00", "duration": "08:00", "timeZone": -5})
    zone = timezone(timedelta(hours=-5))
    assert schedule.showing(date(2019, 11, 25)) == (
        datetime(2019, 11, 25, 12, tzinfo=zone),
        datetime(2019, 11, 25, 20, tzinfo=zone),
    )
