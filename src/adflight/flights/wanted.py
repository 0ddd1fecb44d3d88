"""What a file names, held against what the journal knows: the ids to ask for, and the names to look for. Pure.

Imports reading, live and platform; used by `comparing`, `remembered` and `planning`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from attrs import Factory, define

from adflight.flights.columns import Columns
from adflight.flights.live import Needs
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.reading import Flight, Order
from adflight.flights.values import Value

Known: TypeAlias = Mapping[str, Mapping[str, int]]
"""The journal's ids: by kind, then by key."""


Place: TypeAlias = int | None
"""Where a name is to be its own: the value of `Columns.order_place`, or a campaign's insertion order."""


@define(eq=False)
class Wanted:
    """The objects of a file: those whose ids are known, and where and under which names the others may exist."""

    columns: Columns
    known: Known
    sent: Mapping[str, Collection[str]]
    """By kind, the keys whose creates have no outcome: what became of them is settled, and not adopted."""
    present: dict[str, set[int]] = Factory(lambda: {ORDER: set(), CAMPAIGN: set()})
    """By kind, the known ids whose keys are in the file."""
    _orders: dict[tuple[Place, str], list[int]] = Factory(dict)
    """Rows of insertion orders without a known id, by place and name."""
    _order_places: set[int] = Factory(set)
    """Where insertion orders are, as far as that matters."""
    _places: dict[str, str | int] = Factory(dict)
    """The id or the name of an insertion order, by its key; one with neither has no campaigns."""
    _names: dict[str, dict[str, int]] = Factory(dict)
    """By key of the insertion order: names of campaigns without a known id, and the first row with each."""
    _twice: dict[tuple[str, str], list[int]] = Factory(dict)
    """Rows, by key of the insertion order and name of the campaign, where there are several."""
    _sent_names: set[tuple[str, str]] = Factory(set)
    """Key of the insertion order and name, of campaigns whose creates have no outcome."""
    _apart: dict[int, tuple[str, ...]] = Factory(dict)
    """Managed columns that only requests of their own show, by known ids of campaigns that have some."""
    _apart_names: dict[str, dict[str, tuple[str, ...]]] = Factory(dict)
    """The same by key of the insertion order and name of the campaign."""

    def place_of(self, fields: Mapping[str, Any]) -> Place:
        """In what an insertion order's name is its own; None where that is the whole account, or not known."""
        place = fields.get(self.columns.order_place or "")
        return place if isinstance(place, int) else None

    def add_order(self, order: Order, applied: Mapping[str, Any]) -> None:
        """All orders come before the first flight."""
        id_ = self.known[ORDER].get(order.key)
        name = order.fields.get(self.columns.order_name)
        place = self.place_of({**applied, **order.fields})
        if place is not None:
            self._order_places.add(place)
        if id_ is not None:
            self.present[ORDER].add(id_)
            self._places[order.key] = id_
        elif isinstance(name, str):
            self._orders.setdefault((place, name), []).append(order.row)
            self._places[order.key] = name

    def add_flight(self, flight: Flight) -> None:
        id_ = self.known[CAMPAIGN].get(flight.key)
        apart = self.columns.apart(flight.campaign)
        if id_ is not None:
            self.present[CAMPAIGN].add(id_)
            if apart:
                self._apart[id_] = apart
            return
        name = named(flight.campaign.get(self.columns.flight_name or ""))
        if name is None or flight.order_key not in self._places:
            return
        first = self._names.setdefault(flight.order_key, {}).setdefault(name, flight.row)
        if first != flight.row:
            self._twice.setdefault((flight.order_key, name), [first]).append(flight.row)
        if flight.key in self.sent[CAMPAIGN]:
            self._sent_names.add((flight.order_key, name))
        if apart:
            self._apart_names.setdefault(flight.order_key, {})[name] = apart

    def rows_named(self, name: str, place: Place | str, kind: str) -> list[int]:
        """The rows without a known id that name an insertion order so, in a place; or a campaign so, by the key of its
        insertion order, where there are several."""
        if kind == CAMPAIGN:
            return self._twice.get((str(place), name), [])
        return self._orders.get((None if isinstance(place, str) else place, name), [])

    def needs(self, more: Iterable[tuple[str, int]], *, is_full: bool) -> Needs:
        """What has to be read; `more` are objects, kind and id, that are in the file no longer."""
        more = list(more)
        names: dict[str | int, dict[str, int]] = {}
        # what bears such a name would be read by itself, and what our own create has made is nothing to be adopted
        passed = self._sent_names - self._twice.keys()
        for key, found in self._names.items():
            looked_for = {name: row for name, row in found.items() if (key, name) not in passed} if passed else found
            names.setdefault(self._places[key], {}).update(looked_for)
        apart: dict[str | int, dict[str, tuple[str, ...]]] = {}
        for key, named_apart in self._apart_names.items():
            apart.setdefault(self._places[key], {}).update(named_apart)
        places: dict[int, set[str]] = {place: set() for place in self._order_places}
        for place, name in self._orders:
            if place is not None:
                places[place].add(name)
        return Needs(
            order_names={name for place, name in self._orders if place is None and self.columns.order_place is None},
            order_places=places,
            order_ids=self.present[ORDER] | {id_ for kind, id_ in more if kind == ORDER},
            flight_names=names,
            flight_ids=self.present[CAMPAIGN] | {id_ for kind, id_ in more if kind == CAMPAIGN},
            apart=self._apart,
            apart_names=apart,
            is_full=is_full,
        )


def named(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None
