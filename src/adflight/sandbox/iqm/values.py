"""How IQM normalises what it is sent. Imports answers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..answers import Refused

__all__ = ["comma", "id_list", "ids_of", "money"]

_CENT = Decimal("0.01")


def money(amount: float | None) -> float | None:
    """An amount to two places."""
    if amount is None:
        return None
    value = Decimal(repr(amount))
    return float(value.quantize(_CENT, ROUND_HALF_UP)) if abs(value) < 10**20 else float(amount)


def comma(text: str) -> str:
    """A comma string without blanks and empty parts."""
    return ",".join(part.strip() for part in text.split(",") if part.strip())


def ids_of(text: str | None) -> list[int]:
    """The numbers in a comma string; other parts, such as textual deal ids, are left out."""
    parts = (part.strip() for part in (text or "").split(","))
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19]


def id_list(value: str | Iterable[Any] | None, field: str, status: int = 422) -> list[int]:
    """Ids that a request names, as a list or as a comma string, without repetitions.

    Raises:
        Refused: With `status` when there is none, or one is no number.
    """
    parts = value.split(",") if isinstance(value, str) else list(value or ())
    texts = [str(int(part) if isinstance(part, float) else part).strip() for part in parts]
    texts = [text for text in texts if text]
    if not texts:
        raise Refused(status, f"The list {field} must not be empty", field=field)
    for text in texts:
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
            raise Refused(status, f"{field}: {text[:40]!r} is no id", field=field)
    return list(dict.fromkeys(int(text) for text in texts))
