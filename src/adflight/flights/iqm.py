"""IQM's insertion orders and campaigns, for plans and applies.

Imports the client, what a platform is, and the rest of `iqm_*`; imported by the engine for IQM's clients only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from adflight.core.errors import InvalidInput, NotFound, PagingError, ValidationFailed
from adflight.core.options import Watch
from adflight.flights.columns import Columns
from adflight.flights.entries import Done, OpenIntent
from adflight.flights.iqm_bid_models import DIMENSIONS, changes
from adflight.flights.iqm_columns import COLUMNS
from adflight.flights.iqm_live import REPORTED
from adflight.flights.iqm_reading import MOST, Reading
from adflight.flights.iqm_sending import request, told
from adflight.flights.iqm_wire import COLUMN_NAMES
from adflight.flights.iqm_writing import BID_MODELS, CREATES, writes
from adflight.flights.items import Item
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.of_client import OfClient
from adflight.flights.platform import CAMPAIGN, ORDER, Told, Write
from adflight.flights.values import Managed
from adflight.iqm.client import IQM
from adflight.iqm.look_up import CAMPAIGN_IDENTITY, ORDER_IDENTITY, differences
from adflight_api.iqm.api.bid_models import bid_models_manage
from adflight_api.iqm.models import BidModelActions

_LOOKED_FOR: Final = {ORDER: ORDER_IDENTITY, CAMPAIGN: CAMPAIGN_IDENTITY}


class IQMPlatform(OfClient[IQM]):
    """Implements `flights.platform.Platform` on a client, which stays the caller's to close."""

    def __init__(self, client: IQM) -> None:
        super().__init__(client)
        # a bulk answer that names failures is an answer
        self._lenient = client.with_options(partial="return")
        self._zones: Mapping[str, int] | None = None
        self._budget_types: dict[int, int] = {}
        """Of insertion orders, by id."""
        self._parents: Mapping[int, Live] = {}
        """The campaigns of the last snapshot, whose insertion orders are known."""
        self._seen: Mapping[str, Collection[int]] = {ORDER: (), CAMPAIGN: ()}
        """The ids that were there when that was read, by kind."""
        self._unlisted: set[int] = set()
        """Campaigns that were changed where lists do not show it."""

    @property
    def columns(self) -> Columns:
        return COLUMNS

    async def scope(self) -> str:
        """The workspace; see `Platform.scope`."""
        workspace = await self._client.workspace()
        return "" if workspace is None else str(workspace)

    async def zones(self) -> Mapping[str, int]:
        """The ids of time zones by name, read once."""
        if self._zones is None:
            self._zones = {zone.name: zone.id async for zone in self._client.master.list_timezones()}
        return self._zones

    # what is there

    async def read(self, needs: Needs) -> Snapshot:
        """See `Platform.read`. A campaign whose name is needed is whole when it alone bears it."""
        reading = Reading(self._client)
        snapshot = await reading.snapshot(needs)
        self._learn(snapshot.orders.values())
        self._parents = snapshot.flights
        self._seen = reading.seen
        return snapshot

    def full_reads(self, needs: Needs) -> int:
        """One for each campaign, and one for each dimension of its bid models that the file manages; lists show all of
        an insertion order."""
        return len(frozenset(needs.flight_ids)) + sum(map(len, needs.apart.values()))

    async def read_back(
        self, kind: str, ids: Sequence[int], apart: Mapping[int, Collection[str]] | None = None
    ) -> Mapping[int, Live]:
        """See `Platform.read_back`."""
        reading = Reading(self._client)
        if kind == ORDER:
            return await reading.orders((), ids)
        wanted = frozenset(ids)
        alone = wanted & self._unlisted if len(wanted) > 1 else wanted
        found = await self._alone(reading, alone)
        found |= await self._listed(reading, wanted - alone)
        for id_, columns in sorted((apart or {}).items()):
            if id_ in found and not found[id_].is_gone:
                # what cannot be read is not shown, and then it is looked at just before it is sent again
                with suppress(NotFound, ValidationFailed, PagingError, InvalidInput):
                    await reading.see_apart(found, [(id_, column) for column in sorted(columns)])
        return found

    async def _alone(self, reading: Reading, ids: Iterable[int]) -> dict[int, Live]:
        found: dict[int, Live] = {}
        for id_ in sorted(ids):
            try:
                found |= await reading.whole([id_])
            except (NotFound, ValidationFailed) as error:
                # so it answers for what does not exist, too
                if await reading.strays({id_}):
                    raise error from None
        return found

    async def _listed(self, reading: Reading, ids: frozenset[int]) -> dict[int, Live]:
        """Campaigns with what the list of figures shows; deleted ones with less."""
        parents = {id_: live.parent for id_ in ids if (live := self._parents.get(id_)) is not None}
        strays = await reading.strays(ids - parents.keys())
        parents.update((id_, live.parent) for id_, live in strays.items() if not live.is_gone)
        found: dict[int, Live] = {}
        # by insertion order, so that a request names few of them
        ordered = sorted((parent, id_) for id_, parent in parents.items() if parent is not None)
        for start in range(0, len(ordered), MOST):
            chunk = ordered[start : start + MOST]
            orders = {parent for parent, _ in chunk}
            numbers = [id_ for _, id_ in chunk]
            listed = await reading.campaigns(orders, numbers, ids=numbers)
            found.update((id_, listed[id_]) for id_ in listed.keys() & ids)
        # moved or deleted since
        missing = parents.keys() - found.keys() - strays.keys()
        return strays | await reading.strays(missing) | found

    # what is to be there

    def writes(self, items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
        """See `Platform.writes`."""
        return writes(items, snapshot)

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        """See `Platform.send`. Never sends what adds to budgets, or distributes them."""
        if write.operation == BID_MODELS:
            return await self._send_bid_models(write, ids[0], watch)
        budget_type = None
        if write.operation == CREATES[CAMPAIGN] and parent is not None and "budget_type_id" not in write.values:
            budget_type = await self._budget_type(parent)
        change, parse = request(write, ids, parent, budget_type)
        self._note_unlisted(write, ids)
        said = told(write, ids, await self._lenient.call(change, parse, watch=watch), self._seen[write.kind])
        if write.operation == CREATES[ORDER]:
            for made in said.values():
                if isinstance(made, Done) and made.id is not None:
                    self._budget_types[made.id] = change.body["ioBudgetTypeId"]
        return said

    async def _send_bid_models(self, write: Write, campaign: int, watch: Watch) -> Told | None:
        """Sends what its bid models lack at this moment: adding is nothing to be repeated blindly."""
        ((column, wanted),) = write.values.items()
        rows = await Reading(self._client).bid_models(campaign, column)
        actions = changes(column, wanted, rows, write.before.get(column))
        if not actions:
            return None
        change = bid_models_manage.request(
            campaign, DIMENSIONS[column], action_wise_bid_model_entities=BidModelActions.from_dict(actions)
        )
        return told(write, [campaign], await self._client.call(change, bid_models_manage.parse, watch=watch))

    def _note_unlisted(self, write: Write, ids: Sequence[int]) -> None:
        if write.kind == CAMPAIGN and not write.creates:
            for target, id_ in zip(write.targets, ids, strict=True):
                if not target.fields.keys() <= REPORTED.keys():
                    self._unlisted.add(id_)

    async def _budget_type(self, order: int) -> int:
        if order not in self._budget_types:
            self._learn((await Reading(self._client).orders((), [order])).values())
        if order not in self._budget_types:
            raise InvalidInput("insertion_order", order, "an insertion order whose budget type the service tells")
        return self._budget_types[order]

    def _learn(self, orders: Iterable[Live]) -> None:
        for order in orders:
            if "io_budget_type_id" in order.fields:
                self._budget_types[order.id] = order.fields["io_budget_type_id"]

    # what became of creates

    def look_up(self, write: Write, parent: int | None) -> dict[str, Any]:
        """The name, and of a campaign the id of its insertion order."""
        return {"name": write.named} if write.kind == ORDER else {"name": write.named, "io_id": parent}

    async def namesakes(
        self, intents: Sequence[OpenIntent], *, unfiltered: bool = False
    ) -> Mapping[str, Mapping[int, Live]]:
        """See `Platform.namesakes`. The intents are all of one kind: keys are unique only within one."""
        kinds = {intent.kind for intent in intents}
        if len(kinds) > 1:
            raise InvalidInput("intents", sorted(kinds), "creates of one kind at a time")
        places = {intent.key: (intent.look_up.get("io_id"), intent.look_up["name"]) for intent in intents}
        found: dict[tuple[int | None, str], dict[int, Live]] = {place: {} for place in places.values()}
        seen: set[int | None] = set()
        async for order, named in self._named(kinds, found, unfiltered=unfiltered):
            seen.add(order)
            for live in named:
                if (order, live.name) in found:
                    found[order, live.name][live.id] = live
        if missing := {order for order, _ in found if order is not None} - seen:
            orders = await Reading(self._client).orders((), missing)
            # one that was deleted has no campaigns any more: IQM deletes them with it
            seen.update(id_ for id_, order in orders.items() if order.is_gone)
        return {key: found[place] for key, place in places.items() if place[0] in seen}

    async def _named(
        self, kinds: Collection[str], places: Collection[tuple[int | None, str]], *, unfiltered: bool
    ) -> AsyncIterator[tuple[int | None, Iterable[Live]]]:
        """Everything that may bear one of these names, and more, by insertion order, as far as that can be seen."""
        reading = Reading(self._client)
        if ORDER in kinds:
            orders = await reading.orders({name for _, name in places}, (), unfiltered=unfiltered)
            self._learn(orders.values())
            yield None, orders.values()
        if CAMPAIGN in kinds:
            async for members in reading.members({parent for parent, _ in places if parent is not None}):
                yield members

    async def differences(self, intent: OpenIntent, id: int) -> list[str]:
        """The columns in which an object differs from what a create sent; all, where it does not exist any more."""
        sent: Mapping[str, Any] = intent.unknown.request.body
        shown = await self._shown(intent.kind, id)
        names = list(sent) if shown is None else differences(sent, shown, identity=_LOOKED_FOR[intent.kind])
        return [COLUMN_NAMES.get(name, name) for name in names]

    async def _shown(self, kind: str, id_: int) -> dict[str, Any] | None:
        """An object as the service shows it, by wire names."""
        if kind == CAMPAIGN:
            return (await self._client.campaigns.get(id_)).to_dict()
        async for row in self._client.insertion_orders.list(io_ids=[id_]).rows(strict=True):
            if row.io_id == id_:
                return row.to_dict()
        return None
