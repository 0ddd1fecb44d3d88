from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adflight import IQM, PagingError
from adflight.core.caller import BoundCaller
from adflight.iqm.look_up import CAMPAIGN_IDENTITY, ORDER_IDENTITY, campaigns_named, differences, insertion_orders_named
from adflight_api.iqm.client import Operations
from tests.core.scripted import ScriptedTransport, ok, session
from tests.iqm.scene import START, new_campaign, new_order


async def orders(iqm: IQM, *names: str) -> list[int]:
    made = [await iqm.insertion_orders.create(io_name=name, io_start_time=START, io_budget_type_id=1) for name in names]
    return [order.io_id for order in made]


async def test_orders_of_exactly_that_name_are_found(iqm: IQM) -> None:
    first, *_, last = await orders(iqm, "Spring", "Spring 2", "spring", "The Spring", "Spring")
    found = await insertion_orders_named(iqm, "Spring")
    assert sorted(found) == [first, last]
    assert {order.io_name for order in found.values()} == {"Spring"}
    assert await insertion_orders_named(iqm, "Summer") == {}


async def test_campaigns_are_those_of_one_order(iqm: IQM) -> None:
    first = await iqm.launch(new_order(), new_campaign())
    await iqm.launch(new_order(), new_campaign())
    another = await iqm.launch(first.insertion_order_id, new_campaign(name="Spring flight 2"))
    assert list(await campaigns_named(iqm, first.insertion_order_id, "Spring flight")) == [first.campaign_id]
    assert list(await campaigns_named(iqm, first.insertion_order_id, "Spring flight 2")) == [another.campaign_id]
    assert await campaigns_named(iqm, 4711, "Spring flight") == {}


async def test_a_list_that_leaves_campaigns_out_counts_for_nothing() -> None:
    row = {"ioId": 7, "ioName": "Spring", "campaignCount": 2, "campaigns": [{"campaignId": 1, "name": "Spring flight"}]}
    answer = ok({"totalRecords": 1, "filteredRecords": 1, "ioCampaignsList": [row]})
    operations = Operations(BoundCaller(session(ScriptedTransport(answer))))
    with pytest.raises(PagingError, match="insertion order 7 counts 2 campaigns, and 1 came"):
        await campaigns_named(operations, 7, "Spring flight")


SAME: list[tuple[Any, Any]] = [
    (10, 10.0),
    (10, "10.00"),
    (Decimal("9.999"), 10),
    (99.999, Decimal("100")),
    (9.985, 9.99),
    (True, 1),
    (False, 0),
    ("1,2,3", "3, 1,2"),
    ("1,2,", "1,2"),
    ("1,2", [2, 1]),
    ("30100001", 30100001),
    ("", None),
    ("", []),
    ("Spring", "Spring"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    (10**40, 10**40),
]


@pytest.mark.parametrize(("sent", "live"), SAME)
def test_what_the_vendor_writes_otherwise_is_the_same(sent: Any, live: Any) -> None:
    assert differences({"field": sent}, {"field": live}, identity=["field"]) == []
    assert differences({"field": live}, {"field": sent}, identity=["field"]) == []


OTHER: list[tuple[Any, Any]] = [
    (10, 10.01),
    (True, 0),
    ("1,2", "1,2,3"),
    ("1,2", "1"),
    ("Spring", "spring"),
    ("Spring", None),
    (0, None),
    (1, "one"),
    ("1,2", [1]),
    ([{"a": 1}], [{"a": 2}]),
]


@pytest.mark.parametrize(("sent", "live"), OTHER)
def test_what_means_something_else_differs(sent: Any, live: Any) -> None:
    assert differences({"field": sent}, {"field": live}, identity=[]) == ["field"]
    assert differences({"field": live}, {"field": sent}, identity=[]) == ["field"]


def test_a_field_that_does_not_come_back_differs_only_when_it_is_part_of_the_identity() -> None:
    assert differences({"a": 1, "b": 2}, {}, identity=["a"]) == ["a"]
    assert differences({}, {"a": 1}, identity=["a"]) == []


async def test_what_was_just_created_is_what_was_sent(iqm: IQM) -> None:
    order, campaign = new_order(budget=1500), new_campaign(max_bid=Decimal("9.995"))
    launch = await iqm.launch(order, campaign)
    live = (await insertion_orders_named(iqm, "Spring"))[launch.insertion_order_id]
    assert differences(order.request().body, live.to_dict(), identity=ORDER_IDENTITY) == []
    sent = campaign.request(launch.insertion_order_id, 1).body
    assert differences(sent, launch.campaign.to_dict(), identity=CAMPAIGN_IDENTITY) == []
