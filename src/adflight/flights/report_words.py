"""How a report's page says things. Imports nothing of adflight."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Final

_KINDS: Final = {"insertion_order": "insertion order", "campaign": "campaign"}


def e(text: object) -> str:
    return escape(str(text), quote=True)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def kind_word(kind: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " "))


def plural(kind: str, count: int) -> str:
    return f"{kind_word(kind)}{'' if count == 1 else 's'}"


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def amount_text(amount: Decimal, currency: str) -> str:
    sign = "&minus;" if amount < 0 else ""
    unit = f" <small>{e(currency)}</small>" if currency else ""
    return f"{sign}{abs(amount):,.2f}{unit}"


def when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %Y, %H:%M:%S}"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"
