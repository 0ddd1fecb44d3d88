"""Reading what exists in a FreeWheel network, for plans and after lost answers.

Lists show names and schedules, and no campaigns; single answers show everything. Imports freewheel_values and the
client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final

from attrs import define, field

from adflight.core.errors import InvalidInput, NotFound, PagingError
from adflight.core.paging import ListPager
from adflight.flights.freewheel_values import shown
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.values import spelled
from adflight.freewheel.client import FreeWheel
from adflight_api.freewheel.api.insertion_orders import insertion_orders_list
from adflight_api.freewheel.models import InsertionOrder
from adflight_api.runtime import plain

LIST: Final = "insertion_orders.list"
LIST_BY_CAMPAIGN: Final = "insertion_orders.list_by_campaign"
GET: Final = "insertion_orders.get"

PLACE: Final = "campaign_id"


def live_of(order: InsertionOrder, fields: Mapping[str, Any], *, is_whole: bool) -> Live:
    """An insertion order as it was read."""
    return Live(order.id, None, spelled(order.name), str(plain(order.stage)), fields, is_whole=is_whole)


def reads_by_id(needs: Needs) -> bool:
    """Whether reading each order by itself takes no more requests than lists do."""
    if any(needs.order_places.values()):
        return False
    return needs.is_full or not needs.order_places or len(needs.order_ids) <= len(needs.order_places)


async def get(client: FreeWheel, ids: Iterable[int]) -> dict[int, InsertionOrder]:
    """Insertion orders by id, each with all that it has; one that does not exist is left out."""
    orders = client.insertion_orders
    found: dict[int, InsertionOrder] = {}
    async with aclosing(client.map(lambda id_: orders.get(id_, show="all"), ids)) as outcomes:
        async for outcome in outcomes:
            if outcome.ok or not isinstance(outcome.error, NotFound):
                found[outcome.item] = outcome.result()
    return found


async def namesakes(client: FreeWheel, names: Mapping[int, Collection[str]]) -> dict[int, dict[int, Live]]:
    """What bears one of the names in its campaign, by campaign and id; a campaign that does not exist is left out."""
    reading = Reading(client, Needs(order_places=names))
    gone = await reading.list_campaigns()
    found: dict[int, dict[int, Live]] = {campaign: {} for campaign in names if campaign not in gone}
    for live in reading.found.values():
        found[live.fields[PLACE]][live.id] = live
    return found


@define(eq=False)
class Reading:
    """One reading of what is there."""

    client: FreeWheel
    needs: Needs
    ids: frozenset[int] = field(init=False)
    found: dict[int, Live] = field(factory=dict, init=False)
    seen: set[int] = field(factory=set, init=False)
    """The ids of all orders that were there, also of what nobody asked for."""

    def __attrs_post_init__(self) -> None:
        self.ids = frozenset(self.needs.order_ids)

    async def run(self) -> Snapshot:
        """The insertion orders that a plan needs.

        Raises:
            InvalidInput: A campaign does not exist. What is in it is not taken for nothing: an order that was not seen
                would be bought again.
            PagingError, APIError, TransportError: What the calls raise.
        """
        await self._read()
        return Snapshot(self.found, {})

    async def _read(self) -> None:
        if reads_by_id(self.needs):
            await self._complete(self.ids)
            return
        if not await self._list_all_at_once():
            self.found.clear()
            gone = await self.list_campaigns()
            if gone:
                raise InvalidInput(PLACE, sorted(gone), "campaigns that exist: FreeWheel knows none of these")
            # what no longer is in the file may be anywhere
            elsewhere = self.ids - self.found.keys()
            if len(elsewhere) > 1 and not self.needs.is_full:
                await self._list_network((), at_most=len(elsewhere))
        # what a name adopts is judged field by field; what no list showed may not exist
        unread = {live.id for live in self.found.values() if not live.is_whole and live.id not in self.ids}
        await self._complete(unread | (self.ids if self.needs.is_full else self.ids - self.found.keys()))

    async def list_campaigns(self) -> set[int]:
        """Lists each campaign, and returns those that do not exist."""
        gone: set[int] = set()
        async with aclosing(self.client.map(self._list_campaign, self.needs.order_places)) as outcomes:
            async for outcome in outcomes:
                if outcome.ok or not isinstance(outcome.error, NotFound):
                    outcome.result()
                else:
                    gone.add(outcome.item)
        return gone

    async def _list_campaign(self, campaign: int) -> None:
        names = frozenset(self.needs.order_places[campaign])
        rows: list[InsertionOrder] = []
        async for page in self.client.insertion_orders.list_by_campaign(campaign).pages(strict=True):
            self.seen.update(row.id for row in page.rows)
            rows += (row for row in page.rows if row.id in self.ids or spelled(row.name) in names)
        for row in rows:
            self.found[row.id] = live_of(row, {**shown(row), PLACE: campaign}, is_whole=False)

    async def _list_all_at_once(self) -> bool:
        """Lists the network, where that takes fewer requests. False: its campaigns have to be listed one by one."""
        places = self.needs.order_places
        if len(places) < 2:
            return False
        names = frozenset().union(*places.values())
        return await self._list_network(names, at_most=len(places)) and await self._place()

    async def _list_network(self, names: Collection[str], *, at_most: int) -> bool:
        """Looks for ids and names in the list of everything; False where it is no list of so few pages."""
        request, paging = insertion_orders_list.request(), insertion_orders_list.PAGING
        pager = ListPager(self.client.call, request, insertion_orders_list.parse, paging)
        try:
            async with aclosing(pager.pages(strict=True)) as pages:
                async for page in pages:
                    # a strict reading has a total, and pages that are full but for the last
                    if page.number == 1 and (page.total or 0) > len(page.rows) * at_most:
                        return False
                    for row in page.rows:
                        self.seen.add(row.id)
                        if row.id in self.ids or spelled(row.name) in names:
                            self.found.setdefault(row.id, live_of(row, shown(row), is_whole=False))
        except PagingError:
            # all who use the network change this list, and few a campaign's
            return False
        return True

    async def _place(self) -> bool:
        """Reads the namesakes, of which a list of the network does not show the campaigns; False where one hides it."""
        places = self.needs.order_places
        namesakes = [id_ for id_ in self.found if id_ not in self.ids]
        await self._complete(namesakes)
        for id_ in namesakes:
            live = self.found.get(id_)
            if live is None:
                continue
            if live.fields.get(PLACE) is None:
                return False
            if live.name not in places.get(live.fields[PLACE], ()):
                del self.found[id_]
        return True

    async def _complete(self, ids: Collection[int]) -> None:
        """Reads orders by themselves. What does not exist is not found."""
        orders = await get(self.client, ids)
        for id_ in ids:
            listed = self.found.pop(id_, None)
            if id_ in orders:
                self.seen.add(id_)
                # a list shows moments where a single answer may show a wall clock
                fields = {**(listed.fields if listed is not None else {}), **shown(orders[id_])}
                self.found[id_] = live_of(orders[id_], fields, is_whole=True)
