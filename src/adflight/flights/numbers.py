"""Numbers in the format that was declared for a file; none is guessed. Imports values."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from adflight.flights.values import Unfit

DECIMAL_MARKS: Final = (".", ",")
THOUSANDS_MARKS: Final = (".", ",", " ", "'")

DIGITS: Final = 15
"""As many as a JSON number carries exactly."""

LONGEST: Final = 40
"""Characters of a text that may mean several numbers."""

_CLASSES: Final = {" ": "[ \u00a0\u2009\u202f]", "'": "['\u2019]"}
"""How spreadsheets write the marks that keyboards have in one form only."""

_AMBIGUOUS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
"""One thousand five hundred in half of the world, one and a half in the other."""


def _pattern(decimal: str | None, thousands: str | None) -> re.Pattern[str]:
    mark = None if thousands is None else _CLASSES.get(thousands, re.escape(thousands))
    grouped = "" if mark is None else f"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|"
    fraction = "" if decimal is None else f"(?:{re.escape(decimal)}([0-9]+))?"
    return re.compile(f"([+-]?)({grouped}[0-9]+){fraction}")


@frozen
class NumberFormat:
    """How a file writes numbers; None is not declared."""

    decimal: str | None = None
    thousands: str | None = None
    _reads: re.Pattern[str] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # what is declared for thousands is none for decimals
        assumed = None if self.thousands == "." else "."
        object.__setattr__(self, "_reads", _pattern(self.decimal or assumed, self.thousands))

    def read(self, text: str) -> Decimal:
        """The number. Raises `Unfit`, which shows all that it may mean when that is not clear."""
        match = self._reads.fullmatch(text)
        declared = self.decimal is not None or self.thousands is not None
        if match is None or (not declared and _AMBIGUOUS.fullmatch(text)):
            raise Unfit(self._advice(text))
        number = _number(match)
        if len(number.as_tuple().digits) > DIGITS:
            raise Unfit(f"at most {DIGITS} digits")
        return number

    def _advice(self, text: str) -> str:
        readings: dict[Decimal, str] = {}
        text = text if len(text) <= LONGEST else ""
        # the likelier first
        for decimal in DECIMAL_MARKS if self.decimal is None else (self.decimal,):
            for thousands in (None, *THOUSANDS_MARKS) if self.thousands is None else (self.thousands,):
                if thousands == decimal:
                    continue
                if match := _pattern(decimal, thousands).fullmatch(text):
                    needed = self._needed(match, decimal, thousands)
                    readings.setdefault(_number(match), needed)
        if not readings:
            return f"a number such as {self.example}, without a unit"
        said = " or ".join(f"{number:f} (declare {needed})" for number, needed in readings.items())
        return f"a number in a format that is declared; this may be {said}"

    def _needed(self, match: re.Match[str], decimal: str, thousands: str | None) -> str:
        has_fraction = match[3] is not None
        needed = [f"decimal={decimal!r}"] if has_fraction and self.decimal is None else []
        if thousands is not None and self.thousands is None and not match[2].isdigit():
            needed.append(f"thousands={thousands!r}")
        return " and ".join(needed)

    @property
    def example(self) -> str:
        return f"1234{self.decimal or '.'}56"


def _number(match: re.Match[str]) -> Decimal:
    whole = match[2] if match[2].isdigit() else re.sub("[^0-9]", "", match[2])
    fraction = match[3] if match.re.groups == 3 else None
    return Decimal(f"{match[1]}{whole}{'' if fraction is None else '.'}{fraction or ''}")
