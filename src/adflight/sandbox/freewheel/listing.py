"""Pages of lists, the same for all of them. Imports world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..store import Row
from ..world import Call

__all__ = ["page_of"]

_USUAL = 10


def page_of(call: Call, name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The page that a request asks for; `name` is that of an item's element."""
    number = int(call.query.get("page") or 1)
    size = int(call.query.get("per_page") or _USUAL)
    shown = list(rows[(number - 1) * size : number * size])
    page: dict[str, Any] = {
        "current_page": number,
        "per_page": size,
        "total_pages": -(-len(rows) // size),
        "total_entries": len(rows),
    }
    # an empty list is no element at all
    return {**page, name: shown} if shown else page
