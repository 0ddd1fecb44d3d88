from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight.flights.times import TimeFormat, clock_of, zone_names, zone_of
from adflight.flights.values import Unfit

ISO = "a time in ISO 8601, such as 2027-03-01T09:00"
OTHER = "; another form is declared, as in date_format '%d.%m.%Y %H:%M'"
PLAIN = TimeFormat()
BERLIN = TimeFormat("Europe/Berlin")
GERMAN = TimeFormat("Europe/Berlin", "%d.%m.%Y %H:%M")


def refusal(cell: object, times: TimeFormat = PLAIN, *, is_end: bool = False) -> str:
    with pytest.raises(Unfit) as caught:
        times.read(cell, is_end=is_end)
    return caught.value.expected


@pytest.mark.parametrize(
    ("cell", "times", "hour"),
    [
        ("2027-03-01T09:00-05:00", PLAIN, 14),
        ("2027-03-01T09:00:00-0500", PLAIN, 14),
        ("2027-03-01 09:00 -05", PLAIN, 14),
        ("2027-03-01t14:00z", PLAIN, 14),
        ("2027-03-01T15:00", BERLIN, 14),
        ("2027-03-01T15:00+01:00", BERLIN, 14),
        ("2027-03-01T16:00", TimeFormat("+02:00"), 14),
        ("2027-03-01", BERLIN, -1),
        ("2027-03-01+01:00", PLAIN, -1),
        ("01.03.2027 15:00", GERMAN, 14),
        ("01.03.2027", TimeFormat("UTC", "%d.%m.%Y"), 0),
        ("01.03.2027", GERMAN, -1),
        ("03/01/2027 09:00 -0500", TimeFormat(None, "%m/%d/%Y %H:%M %z"), 14),
        (datetime(2027, 3, 1, 15), BERLIN, 14),
        (datetime(2027, 3, 1, 9, tzinfo=timezone(-timedelta(hours=5))), PLAIN, 14),
        (date(2027, 3, 1), BERLIN, -1),
    ],
)
def test_times_are_instants(cell: object, times: TimeFormat, hour: int) -> None:
    moment = times.read(cell, is_end=False)
    assert moment == datetime(2027, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("cell", ["2027-03-01T09:00", datetime(2027, 3, 1)])
def test_a_time_without_a_zone_needs_a_declared_one(cell: object) -> None:
    assert refusal(cell) == "a time with its zone, such as 2027-03-01T09:00-05:00, or a zone declared for the file"


@pytest.mark.parametrize("cell", ["2027-03-31", date(2027, 3, 31)])
def test_a_day_alone_is_no_end(cell: object) -> None:
    said = "a time of day too: does it end where the day begins, 2027-03-31T00:00, or with it, 2027-04-01T00:00?"
    assert refusal(cell, BERLIN, is_end=True) == said
    assert refusal("31.03.2027", GERMAN, is_end=True) == said
    assert BERLIN.read("2027-03-31T00:00", is_end=True) == datetime(2027, 3, 30, 22, tzinfo=UTC)


def test_the_last_day_of_all_is_no_end_either() -> None:
    assert refusal(date.max, is_end=True).startswith("a time of day too")


def test_times_that_the_clocks_skip_or_repeat() -> None:
    assert refusal("2027-03-28T02:30", BERLIN) == "a time that there is: the clocks of Europe/Berlin skip this one"
    assert refusal("2027-10-31T02:30", BERLIN) == (
        "an offset: on the clocks of Europe/Berlin this comes twice, "
        "2027-10-31T02:30:00+02:00 and 2027-10-31T02:30:00+01:00"
    )
    assert BERLIN.read("2027-10-31T02:30+01:00", is_end=False) == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "times", "expected"),
    [
        ("tomorrow", PLAIN, f"{ISO}-05:00{OTHER}"),
        ("01.03.2027", BERLIN, ISO + OTHER),
        ("2027-W09-1", PLAIN, f"{ISO}-05:00{OTHER}"),
        ("20270301", PLAIN, f"{ISO}-05:00{OTHER}"),
        ("46082.375", PLAIN, f"{ISO}-05:00{OTHER}"),
        ("2027-03-01T09:00:00.5Z", PLAIN, f"{ISO}-05:00{OTHER}"),
        (1803888000, PLAIN, "a time in ISO 8601, such as 2027-03-01T09:00-05:00"),
        ("2027-02-29T09:00Z", PLAIN, "a time that there is"),
        ("2027-02-28T24:00Z", PLAIN, "a time that there is"),
        ("2027-02-28T09:00+20:00", PLAIN, "a time that there is"),
        ("0207-02-28T09:00Z", PLAIN, "a year from 1970 to 2199"),
        ("9999-12-31T23:59-14:00", PLAIN, "a year from 1970 to 2199"),
        ("31.02.2027", GERMAN, "a time as declared, %d.%m.%Y %H:%M"),
        ("1", TimeFormat("UTC", "%d %m %Y"), "a time as declared, %d %m %Y"),
        ("09:00", GERMAN, "a time as declared, %d.%m.%Y %H:%M"),
        ("2027-03-01T09:00Z", GERMAN, "a time as declared, %d.%m.%Y %H:%M"),
        (datetime(2027, 3, 1, microsecond=1, tzinfo=UTC), PLAIN, "whole seconds"),
    ],
)
def test_what_is_no_time_is_refused(cell: object, times: TimeFormat, expected: str) -> None:
    assert refusal(cell, times) == expected


def test_zones() -> None:
    assert zone_of("utc") is UTC
    assert zone_of("Z") is UTC
    assert zone_of("-0530") == timezone(-timedelta(hours=5, minutes=30))
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert [zone_of(name) for name in ("+15:00", "+01:75", "Europe", "../etc/passwd", "", "nowhere")] == [None] * 6
    assert "Europe/Berlin" in zone_names()
    assert clock_of("Europe/Berlin") == clock_of("Europe/Vienna") != clock_of("Europe/London")
    assert clock_of("nowhere") == ()


@settings(deadline=None)
@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.timezones()).map(
        lambda moment: moment.replace(microsecond=0)
    )
)
def test_whatever_is_written_with_an_offset_is_read_back(moment: datetime) -> None:
    offset = moment.utcoffset() or timedelta()
    # the offsets of old have seconds, which ISO 8601 has not
    if offset.seconds % 60 == 0:
        assert PLAIN.read(moment.isoformat(), is_end=True) == moment.astimezone(UTC)
