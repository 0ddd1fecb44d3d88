"""Reading IQM's insertion orders and campaigns for a plan, in the fewest requests. Every list is read strictly.

Imports the client, `iqm_live` and what a platform is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar

from adflight.core.errors import InvalidInput, PagingError, PermissionDenied
from adflight.core.paging import ListPager
from adflight.flights import iqm_live
from adflight.flights.iqm_bid_models import DIMENSIONS, shown
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.values import spelled
from adflight.iqm.client import IQM
from adflight_api.iqm.api.bid_models import bid_models_list
from adflight_api.iqm.api.campaigns import campaigns_get
from adflight_api.iqm.api.insertion_orders import (
    insertion_orders_list,
    insertion_orders_list_campaign_reports,
    insertion_orders_list_campaigns,
)
from adflight_api.iqm.models import (
    BidModelEntity,
    CampaignReportList,
    CampaignReportRow,
    CampaignStatus,
    InsertionOrder,
    InsertionOrderList,
    InsertionOrderStatus,
)
from adflight_api.runtime import Page, Paging, Request

MOST: Final = 1000
"""Rows of a page, and ids that one request names."""

_CONCURRENCY: Final = 20
_REPEATS: Final = 2

T = TypeVar("T")
AnswerT = TypeVar("AnswerT")
RowT = TypeVar("RowT")
ItemT = TypeVar("ItemT")


def chunks(values: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    """As many at a time as one request names."""
    everything = list(values)
    for start in range(0, len(everything), MOST):
        yield everything[start : start + MOST]


class Reading:
    """One look at an account."""

    def __init__(self, client: IQM) -> None:
        self.seen: Final[Mapping[str, set[int]]] = {ORDER: set(), CAMPAIGN: set()}
        """The ids of all that lists showed, by kind, also of what nobody asked for."""
        self._client = client

    async def snapshot(self, needs: Needs) -> Snapshot:
        """All that `needs` asks for."""
        orders = await self.orders(needs.order_names, needs.order_ids)
        known = frozenset(needs.flight_ids)
        flights = await self.campaigns((order.id for order in orders.values() if not order.is_gone), known)
        flights |= await self.strays(known - flights.keys())
        alone = list(_adopted(flights.values(), orders, needs, known))
        if needs.is_full:
            alone += [id_ for id_ in known & flights.keys() if not flights[id_].is_gone]
        flights |= await self.whole(sorted(alone))
        await self.see_apart(flights, _apart(sorted(alone), flights, orders, needs))
        return Snapshot(orders, flights)

    # insertion orders

    async def orders(
        self, names: Collection[str], ids: Collection[int], *, unfiltered: bool = False
    ) -> dict[int, Live]:
        """The insertion orders with these ids, deleted ones too, and those of the workspace with these names.

        `unfiltered` reads the list of all for the names, however long it is, instead of searching for them.
        """
        wanted = frozenset(names)
        missing = set(ids)
        found: dict[int, Live] = {}

        def keep(rows: Iterable[InsertionOrder]) -> None:
            for row in rows:
                self.seen[ORDER].add(row.io_id)
                if row.io_id in missing or spelled(row.io_name) in wanted:
                    found[row.io_id] = iqm_live.order(row)
                    missing.discard(row.io_id)

        if unfiltered:
            keep(await self._orders())
        elif not await self._whole_workspace(wanted, missing, keep):
            # the search is fuzzy, so names are compared here
            for form in sorted(wanted | {unicodedata.normalize("NFD", name) for name in wanted}):
                keep(await self._orders(search=form))
            for chunk in chunks(sorted(missing)):
                keep(await self._orders(io_ids=chunk))
        # the list leaves out deleted ones unless it is asked for them
        for chunk in chunks(sorted(missing)):
            keep(await self._orders(io_ids=chunk, io_status_ids=[InsertionOrderStatus.DELETED]))
        return found

    async def _whole_workspace(
        self, names: Collection[str], missing: Collection[int], keep: Callable[[Iterable[InsertionOrder]], None]
    ) -> bool:
        """Whether the list of all insertion orders was read to its end, being shorter than looking for each name."""
        if len(names) + len(missing) <= 1 or not names:
            return False
        pager = self._list_orders()

        async def read() -> bool:
            async with aclosing(pager.pages(strict=True, size=MOST)) as pages:
                async for page in pages:
                    keep(page.rows)
                    if page.number == 1 and _pages_left(page) > len(names) + -(-len(missing) // MOST):
                        return False
            return True

        return await _steady(read)

    async def _orders(self, **arguments: Any) -> list[InsertionOrder]:
        pager = self._list_orders(**arguments)

        async def read() -> list[InsertionOrder]:
            return [row async for row in pager.rows(strict=True, size=MOST)]

        return await _steady(read)

    def _list_orders(self, **arguments: Any) -> ListPager[InsertionOrderList, InsertionOrder]:
        listing = insertion_orders_list
        return self._pager(listing.request(**arguments), listing.parse, listing.PAGING)

    # campaigns

    async def campaigns(
        self, orders: Iterable[int], known: Collection[int], *, ids: Sequence[int] | None = None
    ) -> dict[int, Live]:
        """The campaigns of insertion orders, with their money; no deleted ones. `ids` asks for some of them only.

        The documents do not say whether that list leaves out other insertion orders, or has theirs last: of these only
        `known` campaigns are returned.
        """
        shared = iqm_live.Shared()
        wanted = frozenset(orders)
        listing = insertion_orders_list_campaign_reports
        found: dict[int, Live] = {}

        def is_ours(row: CampaignReportRow) -> bool:
            if isinstance(row.campaign_id, int):
                self.seen[CAMPAIGN].add(row.campaign_id)
            # what does not say where it belongs is nothing to be passed over: it stops the reading
            return not isinstance(row.io_id, int) or row.io_id in wanted or row.campaign_id in known

        for chunk in chunks(sorted(wanted)):
            pager = self._pager(listing.request(io_ids=chunk, campaign_ids=ids), listing.parse, listing.PAGING)

            async def read(pager: ListPager[CampaignReportList, CampaignReportRow] = pager) -> list[Live]:
                async with aclosing(pager.rows(strict=True, size=MOST, prefetch=1)) as rows:
                    return [iqm_live.reported(row, shared) async for row in rows if is_ours(row)]

            found.update((live.id, live) for live in await _steady(read))
        return found

    async def strays(self, ids: Collection[int]) -> dict[int, Live]:
        """Campaigns wherever they are, deleted ones too; those that do not exist are left out."""
        found: dict[int, Live] = {}
        listing = insertion_orders_list_campaigns
        for chunk in chunks(sorted(ids)):
            request = listing.request(campaign_ids=chunk, campaign_statuses=list(CampaignStatus))
            async for order in self._pager(request, listing.parse, listing.PAGING).rows(strict=True, size=MOST):
                for row in order.campaigns or ():
                    live = iqm_live.listed(row, order.io_id)
                    self.seen[CAMPAIGN].add(live.id)
                    if live.id in ids:
                        found[live.id] = live
        return found

    async def members(self, orders: Iterable[int]) -> AsyncIterator[tuple[int, list[Live]]]:
        """Insertion orders with their campaigns: in one request for a thousand orders, without their money.

        An insertion order of which that list counts others than it has is read as `campaigns` does, page by page. One
        that it does not have at all is left out: neither is it known then that nothing is in it.
        """
        listing = insertion_orders_list_campaigns
        doubtful: list[int] = []
        for chunk in chunks(sorted(orders)):
            pager = self._pager(listing.request(io_ids=chunk), listing.parse, listing.PAGING)
            async for order in pager.rows(strict=True, size=MOST):
                rows = order.campaigns or []
                if order.campaign_count != len(rows):
                    doubtful.append(order.io_id)
                    continue
                yield order.io_id, [iqm_live.listed(row, order.io_id) for row in rows]
        campaigns = (await self.campaigns(doubtful, ())).values()
        for id_ in doubtful:
            yield id_, [live for live in campaigns if live.parent == id_]

    async def whole(self, ids: Iterable[int]) -> dict[int, Live]:
        """Campaigns, each read by itself. Raises what reading one raises."""
        found: dict[int, Live] = {}
        async with aclosing(self._client.map(self._whole, ids, concurrency=_CONCURRENCY)) as outcomes:
            async for outcome in outcomes:
                found[outcome.item] = outcome.result()
        return found

    async def _whole(self, id_: int) -> Live:
        return iqm_live.whole(await self._client.call(campaigns_get.request(id_), campaigns_get.parse))

    async def see_apart(self, flights: Mapping[int, Live], columns: Iterable[tuple[int, str]]) -> None:
        """Lets campaigns show what only requests of their own do: by id, each of these columns."""

        async def see(one: tuple[int, str]) -> None:
            id_, column = one
            rows = await self.bid_models(id_, column)
            iqm_live.beside(flights[id_], {column: shown(rows)})

        async with aclosing(self._client.map(see, columns, concurrency=_CONCURRENCY)) as outcomes:
            async for outcome in outcomes:
                outcome.result()

    async def bid_models(self, campaign: int, column: str) -> list[BidModelEntity]:
        """The entities of a campaign's dimension with their bid models, all of them.

        Raises `InvalidInput` where the account may not read them: that says nothing of what else it may do.
        """
        listing = bid_models_list
        request = listing.request(campaign, DIMENSIONS[column], skip_reporting=True)
        pager = self._pager(request, listing.parse, listing.PAGING)

        async def read() -> list[BidModelEntity]:
            return [row async for row in pager.rows(strict=True, size=MOST)]

        try:
            return await _steady(read)
        except PermissionDenied as error:
            if error.operation != listing.OPERATION.id:
                raise
            raise InvalidInput(column, campaign, f"a campaign whose bid models may be read ({error})") from error

    def _pager(
        self, request: Request, parse: Callable[[Any], AnswerT], paging: Paging[AnswerT, RowT]
    ) -> ListPager[AnswerT, RowT]:
        return ListPager(self._client.call, request, parse, paging)


async def _steady(read: Callable[[], Awaitable[T]]) -> T:
    """Reads once more what has changed while it was read: a list of many pages takes minutes under a quota."""
    for _ in range(_REPEATS):
        with suppress(PagingError):
            return await read()
    return await read()


def _pages_left(page: Page[Any, Any]) -> int:
    # strictly read, a list says how many rows it has
    return -(-((page.total or 0) - len(page.rows)) // MOST)


def _adopted(
    flights: Iterable[Live], orders: Mapping[int, Live], needs: Needs, known: Collection[int]
) -> Iterator[int]:
    """The campaigns that bear a name whose id is not known, where there is no doubt which is meant."""
    wanted = {
        order.id: frozenset((*needs.flight_names.get(order.name, ()), *needs.flight_names.get(order.id, ())))
        for order in orders.values()
    }
    namesakes: dict[tuple[int | None, str], list[int]] = {}
    for live in flights:
        if live.id not in known and not live.is_gone and live.name in wanted.get(live.parent or 0, ()):
            namesakes.setdefault((live.parent, live.name), []).append(live.id)
    return (ids[0] for ids in namesakes.values() if len(ids) == 1)


def _apart(
    ids: Iterable[int], flights: Mapping[int, Live], orders: Mapping[int, Live], needs: Needs
) -> Iterator[tuple[int, str]]:
    """Campaigns and columns that only requests of their own show."""
    for id_ in ids if needs.apart or needs.apart_names else ():
        live, order = flights[id_], orders.get(flights[id_].parent or 0)
        columns = set(needs.apart.get(id_, ()))
        for place in (order.name, order.id) if order is not None and id_ not in needs.flight_ids else ():
            columns.update(needs.apart_names.get(place, {}).get(live.name, ()))
        yield from ((id_, column) for column in sorted(columns))
