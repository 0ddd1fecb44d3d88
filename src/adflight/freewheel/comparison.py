"""Telling what of an insertion order is not as somebody wants it.

Imports the generated client; used by `ensuring` and by flights. What is wanted is taken as it would come back: written
for the wire and read again, like the other side. So 12500.5 is 12500.50, 00:00+02:00 is 22:00Z of the day before, and
an empty text is null. A wall-clock text says nothing of a moment, and is equal to the same text only. Of an object
those fields count that are wanted, of a list every item, in any order: none of the documented lists has one that means
something.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from adflight_api.freewheel.api.insertion_orders import insertion_orders_get
from adflight_api.freewheel.models import InsertionOrder
from adflight_api.freewheel.xml_elements import CODEC
from adflight_api.runtime import UNSET, Model, Request


def as_read(request: Request) -> InsertionOrder:
    """The insertion order that a request to create one asks for; what it does not say is UNSET.

    Raises:
        InvalidInput: It cannot be written.
    """
    return insertion_orders_get.parse(CODEC.decode("InsertionOrder", request.content or b""))


@frozen
class Comparison:
    """Names of fields, by what was found; those that are equal are in neither."""

    different: tuple[str, ...]
    unseen: tuple[str, ...]
    """The live one leaves them out: they are empty, or just not shown."""

    @classmethod
    def of(cls, names: Iterable[str], wanted: InsertionOrder, live: InsertionOrder) -> Comparison:
        """Compares the fields of these names."""
        unequal = [name for name in names if not same(getattr(wanted, name), getattr(live, name))]
        unseen = tuple(name for name in unequal if getattr(live, name) is UNSET)
        return cls(tuple(name for name in unequal if name not in unseen), unseen)


def same(wanted: Any, live: Any) -> bool:
    """Whether a value is as it is wanted, where both are as read."""
    if wanted is None or live in (None, UNSET):
        return wanted is None and live in (None, UNSET)
    if isinstance(wanted, Model):
        return isinstance(live, Model) and all(same(value, _field(live, name)) for name, value in _fields(wanted))
    if isinstance(wanted, list):
        return isinstance(live, list) and _same_items(wanted, list(live))
    return bool(wanted == live)


def _same_items(wanted: list[Any], live: list[Any]) -> bool:
    for item in wanted:
        place = next((place for place, other in enumerate(live) if same(item, other)), None)
        if place is None:
            return False
        del live[place]
    return not live


def _fields(model: Model) -> list[tuple[str, Any]]:
    known = [(name, getattr(model, name)) for name, _, _ in model._wire]
    return [(name, value) for name, value in known if value is not UNSET] + list(model.additional_properties.items())


def _field(model: Model, name: str) -> Any:
    return getattr(model, name, model.additional_properties.get(name, UNSET))
