"""FreeWheel for plans and applies: every flight is an insertion order of a campaign that is there already.

The vendor has no request for several of them. Imports freewheel_columns, _values and _reading, and the client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from adflight.core.options import Watch
from adflight.flights.columns import Columns
from adflight.flights.entries import Done, OpenIntent
from adflight.flights.freewheel_columns import COLUMNS
from adflight.flights.freewheel_reading import PLACE, Reading, get, live_of, namesakes, reads_by_id
from adflight.flights.freewheel_values import arguments, differing, is_partial, shown, with_rest
from adflight.flights.items import Item, Verdict
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.of_client import OfClient
from adflight.flights.platform import ORDER, Phase, Target, Told, Write
from adflight.flights.values import Managed
from adflight.freewheel.client import FreeWheel
from adflight_api.freewheel.api.insertion_orders import insertion_orders_create, insertion_orders_update
from adflight_api.freewheel.models import InsertionOrder

CREATE = "insertion_orders.create"
UPDATE = "insertion_orders.update"


class FreeWheelPlatform(OfClient[FreeWheel]):
    """A FreeWheel account; an `adflight.flights.platform.Platform`.

    Insertion orders are found by name within their campaign. Reading takes one request for every 50 orders of a
    campaign, or of the network where that is less, and one for each order whose name nobody here is known to have given
    it. A change takes one request; one of a goal without `budget_over_delivery` takes two, because FreeWheel would
    reset what it is not told.
    """

    def __init__(self, client: FreeWheel) -> None:
        super().__init__(client)
        self._seen: Collection[int] = ()
        """The ids that were there when the last snapshot was read."""

    @property
    def columns(self) -> Columns:
        return COLUMNS

    async def zones(self) -> Mapping[str, int] | None:
        return None

    async def read(self, needs: Needs) -> Snapshot:
        reading = Reading(self._client, needs)
        snapshot = await reading.run()
        self._seen = reading.seen
        return snapshot

    def full_reads(self, needs: Needs) -> int:
        return 0 if reads_by_id(needs) and not needs.is_full else len(needs.order_ids)

    def writes(self, items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
        """One for each order that is made or changed."""
        for item, managed in items:
            if item.verdict is Verdict.CREATE:
                yield _create(item, managed, snapshot)
            elif item.verdict is Verdict.CHANGE:
                yield _update(item, managed, snapshot)

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told:
        """What an answer shows otherwise than it was sent is not confirmed: it has to be read back."""
        (target,) = write.targets
        if write.creates:
            request = insertion_orders_create.request(**arguments(write.values))
            made: Any = await self._client.call(request, insertion_orders_create.parse, watch=watch)
            if not isinstance(made, InsertionOrder) or not isinstance(made.id, int) or made.id in self._seen:
                # whatever was there before is not what this has made, and would be paid for unseen
                return {target.key: None}
            # it exists, whatever else is to be said of it; what it is not like is sent again by the next apply
            return {target.key: Done(made.id, ignored=tuple(differing(write.values, shown(made))))}
        (id_,) = ids
        live = await self._client.insertion_orders.get(id_, show="all") if is_partial(write.values) else None
        request = insertion_orders_update.request(id_, **arguments(write.values, live))
        changed: Any = await self._client.call(request, insertion_orders_update.parse, watch=watch)
        is_told = isinstance(changed, InsertionOrder) and not differing(write.values, shown(changed))
        return {target.key: Done() if is_told else None}

    async def read_back(
        self, kind: str, ids: Sequence[int], apart: Mapping[int, Collection[str]] | None = None
    ) -> Mapping[int, Live]:
        orders = await get(self._client, ids)
        return {id_: live_of(order, shown(order), is_whole=True) for id_, order in orders.items()}

    async def namesakes(
        self, intents: Sequence[OpenIntent], *, unfiltered: bool = False
    ) -> Mapping[str, Mapping[int, Live]]:
        names: dict[int, set[str]] = {}
        for intent in intents:
            names.setdefault(intent.look_up[PLACE], set()).add(intent.look_up["name"])
        found = await namesakes(self._client, names)
        return {
            intent.key: {
                id_: live for id_, live in found[intent.look_up[PLACE]].items() if live.name == intent.look_up["name"]
            }
            for intent in intents
            # where the campaign is not found, neither is it known that nothing is in it
            if intent.look_up[PLACE] in found
        }

    def look_up(self, write: Write, parent: int | None) -> dict[str, Any]:
        return {PLACE: write.values[PLACE], "name": write.named}

    async def differences(self, intent: OpenIntent, id: int) -> list[str]:
        order = await self._client.insertion_orders.get(id, show="all")
        return differing(intent.fields, shown(order))


def _create(item: Item, managed: Managed, snapshot: Snapshot) -> Write:
    name, place = managed[COLUMNS.order_name], managed[PLACE]
    # where the campaign is not shown it may be this one
    alike = (live for live in snapshot.orders.values() if live.name == name)
    return Write(
        operation=CREATE,
        kind=ORDER,
        phase=Phase.ORDER,
        targets=(Target(item.key, item.row, None, None, managed),),
        values=managed,
        creates=True,
        named=str(name),
        place=place if isinstance(place, int) else None,
        existing=tuple(sorted(live.id for live in alike if live.fields.get(PLACE, place) == place)),
    )


def _update(item: Item, managed: Managed, snapshot: Snapshot) -> Write:
    changed = {change.column: change.new for change in item.changes}
    live = snapshot.orders.get(item.id or 0)
    return Write(
        operation=UPDATE,
        kind=ORDER,
        phase=Phase.ORDER,
        targets=(Target(item.key, item.row, item.id, None, changed),),
        values=with_rest(changed, managed, {} if live is None else live.fields),
    )
