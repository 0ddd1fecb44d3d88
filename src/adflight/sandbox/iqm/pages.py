"""The pages of one list share what it is made from. Imports store and world."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ..store import Row, Store
from ..world import Call

__all__ = ["Listed", "shared"]

_PAGING = ("pageNo", "noOfEntries", "offset")
_KINDS = ("order", "campaign", "model", "bundle")


@dataclass(frozen=True)
class Listed:
    """A whole list, of which a request wants a page."""

    seen: int
    """How many objects there are, whatever the request filters by."""
    rows: list[Row]
    """Those that it asks for, in order."""
    together: Row = field(default_factory=dict)
    """Their figures together, where the list shows them."""


_Remembered: TypeAlias = tuple[tuple[Any, ...], float, Listed]
"""What it was asked for and when things were so, the moment until which it holds, and the list."""

_LAST: WeakKeyDictionary[Store, _Remembered] = WeakKeyDictionary()


def shared(call: Call, make: Callable[[], Listed]) -> Listed:
    """The list that a request wants a page of.

    A long one is remembered for its next page as long as nothing was changed and nothing changes its state by itself:
    otherwise reading it page by page would take quadratic time.
    """
    wish = {name: value for name, value in call.body.items() if name not in _PAGING}
    versions = [call.store.version(kind) for kind in _KINDS]
    about = (call.operation.id, call.person, call.workspace, repr(wish), *versions)
    known = _LAST.get(call.store)
    if known is not None and known[0] == about and call.now < known[1]:
        return known[2]
    listed = make()
    if len(listed.rows) > int(call.body.get("noOfEntries") or 20):
        _LAST[call.store] = about, min(_changes(call), default=math.inf), listed
    return listed


def _changes(call: Call) -> Iterator[float]:
    """The coming moments at which something changes its state by itself."""
    for campaign in call.store.all("campaign"):
        for moment in (campaign.get("_approved") or 0, campaign["endTime"] or 0):
            if moment > call.now:
                yield moment
    for order in call.store.all("order"):
        if (order["ioEndTime"] or 0) > call.now * 1000:
            yield order["ioEndTime"] / 1000
