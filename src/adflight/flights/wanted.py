"""What a file names, held against what the journal knows: the ids to ask for, and the names to look for. Pure.

Imports reading, live and platform; used by `comparing` and `planning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from attrs import Factory, define

from adflight.flights.columns import Columns
from adflight.flights.live import Needs
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.reading import Flight, Order
from adflight.flights.values import Value

Known: TypeAlias = Mapping[str, Mapping[str, int]]
"""The journal's ids: by kind, then by key."""


@define(eq=False)
class Wanted:
    """The objects of a file: those whose ids are known, and where and under which names the others may exist."""

    columns: Columns
    known: Known
    present: dict[str, set[int]] = Factory(lambda: {ORDER: set(), CAMPAIGN: set()})
    """By kind, the known ids whose keys are in the file."""
    order_rows: dict[str, list[tuple[str, int]]] = Factory(dict)
    """Key and row of insertion orders without a known id, by name."""
    _places: dict[str, str | int] = Factory(dict)
    """The id or the name of an insertion order, by its key; one with neither has no campaigns."""
    _names: dict[str, dict[str, int]] = Factory(dict)
    """By key of the insertion order: names of campaigns without a known id, and the first row with each."""
    _twice: dict[tuple[str, str], list[int]] = Factory(dict)
    """Rows, by key of the insertion order and name of the campaign, where there are several."""

    def add_order(self, order: Order) -> None:
        """All orders come before the first flight."""
        id_ = self.known[ORDER].get(order.key)
        name = order.fields.get(self.columns.order_name)
        if id_ is not None:
            self.present[ORDER].add(id_)
            self._places[order.key] = id_
        elif isinstance(name, str):
            self.order_rows.setdefault(name, []).append((order.key, order.row))
            self._places[order.key] = name

    def add_flight(self, flight: Flight) -> None:
        id_ = self.known[CAMPAIGN].get(flight.key)
        if id_ is not None:
            self.present[CAMPAIGN].add(id_)
            return
        name = named(flight.campaign.get(self.columns.flight_name or ""))
        if name is None or flight.order_key not in self._places:
            return
        first = self._names.setdefault(flight.order_key, {}).setdefault(name, flight.row)
        if first != flight.row:
            self._twice.setdefault((flight.order_key, name), [first]).append(flight.row)

    def flight_rows(self, order_key: str, name: str) -> list[int]:
        """The rows without a known id that name a campaign so, where there are several."""
        return self._twice.get((order_key, name), [])

    def needs(self, more: Iterable[tuple[str, int]], *, is_full: bool) -> Needs:
        """What has to be read; `more` are objects, kind and id, that are in the file no longer."""
        more = list(more)
        names: dict[str | int, dict[str, int]] = {}
        for key, found in self._names.items():
            names.setdefault(self._places[key], {}).update(found)
        return Needs(
            order_names=self.order_rows.keys(),
            order_ids=self.present[ORDER] | {id_ for kind, id_ in more if kind == ORDER},
            flight_names=names,
            flight_ids=self.present[CAMPAIGN] | {id_ for kind, id_ in more if kind == CAMPAIGN},
            is_full=is_full,
        )


def named(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None
