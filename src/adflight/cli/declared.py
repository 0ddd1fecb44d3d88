"""The options of all commands that read a file of flights. Imports cyclopts only, so that help is quick."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from adflight.flights.declarations import Declarations


@Parameter(name="*", group=Group("How the file is written", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Declared:
    """How a file is written, where that is not plain.

    Parameters
    ----------
    zone
        Of times that name none: an IANA name such as Europe/Berlin, or an offset such as +02:00.
    decimal
        The decimal mark, "." or ",".
    thousands
        What stands between groups of three digits: ".", ",", " " or "'".
    date_format
        Of all times, as Python's strptime takes it: "%d.%m.%Y %H:%M".
    encoding
        Any that Python knows; detected by default.
    separator
        comma, semicolon, tab or any other character; detected by default.
    """

    zone: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    date_format: str | None = None
    encoding: str | None = None
    separator: str | None = None

    def declarations(self) -> Declarations:
        """As the reader takes them. Raises `InvalidInput` for what cannot be."""
        from adflight.core.errors import InvalidInput
        from adflight.flights.declarations import Declarations

        try:
            return Declarations(**asdict(self))
        except InvalidInput as error:
            raise InvalidInput(f"--{error.field.replace('_', '-')}", error.value, error.expected) from None
