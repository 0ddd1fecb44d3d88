from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from adflight.flights.live import Needs
from adflight.flights.platform import Platform
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW, WEEK, Account, changed, created
from tests.iqm.scene import Scene


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(quota=None, start=FakeClock.EPOCH)


@pytest.fixture
async def account(adflight_sandbox: Sandbox) -> AsyncIterator[Account]:
    async with AsyncExitStack() as stack:
        scene = Scene(adflight_sandbox, stack)
        account = Account(await scene.client(), adflight_sandbox)
        yield account
        assert adflight_sandbox.crashes == []


async def test_what_is_created_is_read_as_it_was_meant(account: Account) -> None:
    platform: Platform = account.platform
    empty = await platform.read(Needs(order_names=["Spring"]))
    assert empty.orders == {} and empty.flights == {}
    assert empty.requests == {"insertion_orders.list": 1}
    account.sent()

    rows = [created("spring", ORDER_ROW), created("banners", CAMPAIGN_ROW, parent="spring")]
    said = await account.carry_out(rows, empty)
    assert account.sent() == Counter(insertion_orders_create=1, campaigns_create=1)
    order, campaign = said["spring"].id, said["banners"].id

    snapshot = await platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    assert snapshot.requests == {"insertion_orders.list": 1, "insertion_orders.list_campaign_reports": 1}
    live = snapshot.orders[order]
    assert (live.name, live.parent, live.status, live.is_whole) == ("Spring", None, "active", True)
    assert {name: live.fields[name] for name in ORDER_ROW} == dict(ORDER_ROW)
    flight = snapshot.flights[campaign]
    assert (flight.name, flight.parent, flight.status) == ("Banners", order, "pending")
    assert not flight.is_whole
    assert dict(flight.fields) == {
        **{name: CAMPAIGN_ROW[name] for name in ("campaign_name", "start_time", "end_time", "max_bid")},
        **{name: CAMPAIGN_ROW[name] for name in ("budget_day", "budget_total")},
        "budget_type_id": 1,
        "total_budget_pacing": False,
    }


async def test_equal_ends_of_many_insertion_orders_are_one_request(account: Account) -> None:
    orders = [await account.order(f"Order {number}") for number in range(3)]
    snapshot = await account.platform.read(Needs(order_ids=orders))
    account.sent()
    end = ORDER_ROW["io_end_time"]
    said = await account.carry_out(
        [changed(f"o{order}", order, ("io_end_time", end, end + WEEK)) for order in orders], snapshot
    )
    assert account.sent() == Counter(insertion_orders_update_end_date=1)
    assert said == {f"o{order}": None for order in orders}
    back = await account.platform.read_back("insertion_order", orders)
    assert [live.fields["io_end_time"] for live in back.values()] == [end + WEEK] * 3


async def test_equal_budgets_of_many_campaigns_are_one_request(account: Account) -> None:
    order = await account.order()
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=campaigns))
    account.sent()
    said = await account.carry_out(
        [changed(f"c{id_}", id_, ("budget_total", 1000, 1200), ("max_bid", 2, 3), parent="o") for id_ in campaigns],
        snapshot,
    )
    assert account.sent() == Counter(campaigns_update_budget=1)
    assert len([done for done in said.values() if done is not None]) == 3
    back = await account.platform.read_back("campaign", campaigns)
    assert account.sent() == Counter(insertion_orders_list_campaign_reports=1)
    assert {live.fields["budget_total"] for live in back.values()} == {1200}
