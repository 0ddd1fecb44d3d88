"""What the user says of how a file is written. Imports numbers, times and core."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import field, frozen

from adflight.core.errors import InvalidInput
from adflight.flights.numbers import DECIMAL_MARKS, THOUSANDS_MARKS, NumberFormat
from adflight.flights.times import TimeFormat, zone_of

SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}

# a day, hour and minute that tell all parts of a format apart
_SAMPLE: Final = datetime(2027, 11, 23)
# alike in all but the year, the day of the week included
_OTHER_YEAR: Final = _SAMPLE.replace(year=2038)


def _separator(given: str | None) -> str | None:
    return None if given is None else SEPARATORS.get(given, given)


@frozen(kw_only=True)
class Declarations:
    """How a file is written, where it is not as ISO 8601 and JSON would have it. None declares nothing.

        Declarations(zone="Europe/Berlin", decimal=",", thousands=".", date_format="%d.%m.%Y %H:%M")

    Raises `InvalidInput` for what cannot be.
    """

    zone: str | None = None
    """Of times that name none: an IANA name, `UTC`, or an offset such as +02:00."""
    decimal: str | None = None
    """The decimal mark, `.` or `,`."""
    thousands: str | None = None
    """What stands between groups of three digits: `.`, `,`, a space (of any kind) or an apostrophe."""
    date_format: str | None = None
    """Of all times, as `datetime.strptime` takes it: "%d.%m.%Y %H:%M"; of a day alone, what comes before the space. ISO
    8601 is then none of the formats."""
    encoding: str | None = None
    """Any that Python knows; detected by default."""
    separator: str | None = field(default=None, converter=_separator)
    """Of the cells of a CSV file: `comma`, `semicolon`, `tab` or any other character; detected by default."""

    def __attrs_post_init__(self) -> None:
        if self.zone is not None and zone_of(self.zone) is None:
            raise InvalidInput("zone", self.zone, "an IANA name such as Europe/Berlin, or an offset such as +02:00")
        if self.decimal not in (None, *DECIMAL_MARKS):
            raise InvalidInput("decimal", self.decimal, "'.' or ','")
        if self.thousands not in (None, *THOUSANDS_MARKS):
            raise InvalidInput("thousands", self.thousands, "'.', ',', ' ' or \"'\"")
        if self.decimal is not None and self.decimal == self.thousands:
            raise InvalidInput("thousands", self.thousands, "another mark than that of decimals")
        if self.date_format is not None and not _tells_the_day(self.date_format):
            raise InvalidInput("date_format", self.date_format, "year, month and day, such as '%d.%m.%Y %H:%M'")
        if self.encoding is not None and not _is_known(self.encoding):
            raise InvalidInput("encoding", self.encoding, "a text encoding that Python knows, such as 'windows-1252'")
        if self.separator is not None and (
            len(self.separator) != 1 or self.separator.isalnum() or self.separator in "\"'\r\n\0 _<>"
        ):
            raise InvalidInput("separator", self.separator, "'comma', 'semicolon', 'tab' or another single character")

    @property
    def numbers(self) -> NumberFormat:
        return NumberFormat(self.decimal, self.thousands)

    @property
    def times(self) -> TimeFormat:
        return TimeFormat(self.zone, self.date_format)


def _tells_the_day(date_format: str) -> bool:
    try:
        written = _SAMPLE.strftime(date_format)
        if written == _OTHER_YEAR.strftime(date_format):
            return False
        read = datetime.strptime(written, date_format)
    except (ValueError, UnicodeError):
        return False
    return read.replace(tzinfo=None) == _SAMPLE


def _is_known(encoding: str) -> bool:
    try:
        "a".encode(encoding)
    except (LookupError, ValueError):
        return False
    return True
