from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest
from attrs import evolve

from adflight import IQM, InvalidInput, PagingError, UnknownOutcome, ValidationFailed
from adflight.core.redaction import RedactedRequest
from adflight.flights import iqm_reading
from adflight.flights.entries import (
    Done,
    OpenIntent,
    Refused,
)
from adflight.flights.items import Item
from adflight.flights.live import Needs, Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER, Platform, Write
from adflight.flights.sealing import (
    decode,
    encode,
)
from adflight.flights.values import CLEAR
from adflight.sandbox import Sandbox, SandboxOptions
from adflight_api.runtime import UNSET
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, ok
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW, START, WEEK, Account, changed, created
from tests.flights.observed import counting
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
    with counting(platform) as requests:
        empty = await platform.read(Needs(order_names=["Spring"]))
    assert empty.orders == {} and empty.flights == {}
    assert requests == {"auth.login": 1, "insertion_orders.list": 1}
    account.sent()

    rows = [created("spring", ORDER_ROW), created("banners", CAMPAIGN_ROW, parent="spring")]
    said = await account.carry_out(rows, empty)
    assert account.sent() == Counter(insertion_orders_create=1, campaigns_create=1)
    order, campaign = said["spring"].id, said["banners"].id

    with counting(platform) as requests:
        snapshot = await platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    assert requests == {"insertion_orders.list": 1, "insertion_orders.list_campaign_reports": 1}
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


def by(requests: Mapping[str, int]) -> Counter[str]:
    """Counts by operation as the sandbox names them."""
    return Counter({name.replace(".", "_"): count for name, count in requests.items()})


async def looked(account: Account, needs: Needs, **requests: int) -> Snapshot:
    """A snapshot that took these requests, as observers are told, too."""
    account.sent()
    with counting(account.platform) as told:
        snapshot = await account.platform.read(needs)
    assert account.sent() == by(told) == Counter(requests)
    return snapshot


# reading


async def test_nothing_is_asked_for_nothing(account: Account) -> None:
    snapshot = await looked(account, Needs())
    assert (snapshot.orders, snapshot.flights) == ({}, {})


async def test_one_name_is_searched_for(account: Account) -> None:
    order = await account.order("Spring")
    await account.order("Spring 2")
    other = await account.order("Spring")
    snapshot = await looked(
        account, Needs(order_names=["Spring"]), insertion_orders_list=1, insertion_orders_list_campaign_reports=1
    )
    # the search finds the second too, and every one that bears the name counts
    assert list(snapshot.orders) == [order, other]


async def test_many_names_and_ids_are_one_list_of_a_small_workspace(account: Account) -> None:
    orders = [await account.order(f"Order {number}") for number in range(5)]
    needs = Needs(order_names=["Order 0", "Order 1", "Elsewhere"], order_ids=[orders[3]])
    snapshot = await looked(account, needs, insertion_orders_list=1, insertion_orders_list_campaign_reports=1)
    assert sorted(snapshot.orders) == [orders[0], orders[1], orders[3]]


@pytest.mark.parametrize(("names", "requests"), [(2, 1 + 2 + 1), (5, 4)])
async def test_a_large_workspace_is_read_or_searched_whichever_is_less(
    account: Account, monkeypatch: pytest.MonkeyPatch, names: int, requests: int
) -> None:
    monkeypatch.setattr(iqm_reading, "MOST", 3)
    # four pages: one is read, and three are left, or the names and what is not known of the ids
    orders = [await account.order(f"Order {chr(ord('a') + number)}") for number in range(11)]
    wanted = {f"Order {chr(ord('a') + number)}" for number in range(names)}
    account.sent()
    reading = iqm_reading.Reading(account.iqm)
    if names == 2:
        found = await reading.orders({"Order zz", "Order k"}, [orders[0]])
        # a search finds parts of words; of the id nothing is left to be asked for
        assert list(found) == [orders[0], orders[10]]
    else:
        found = await reading.orders(wanted, [])
        assert list(found) == orders[:5]
        assert account.sent() == {"insertion_orders_list": requests}


async def test_campaigns_are_a_thousand_on_a_page_of_a_thousand_insertion_orders(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iqm_reading, "MOST", 2)
    orders = [await account.order(f"Order {number}") for number in range(3)]
    campaigns = [await account.campaign(orders[number % 3], f"Campaign {number}") for number in range(5)]
    snapshot = await looked(
        account, Needs(order_ids=orders), insertion_orders_list=2, insertion_orders_list_campaign_reports=3
    )
    assert sorted(snapshot.flights) == campaigns
    assert [snapshot.flights[id_].parent for id_ in campaigns] == [orders[number % 3] for number in range(5)]


async def test_what_was_deleted_is_found_and_what_never_was_is_not(account: Account) -> None:
    order, gone = await account.order(), await account.order("Gone")
    kept, deleted = await account.campaign(order), await account.campaign(order, "Deleted")
    await account.campaign(gone, "With it")
    await account.iqm.insertion_orders.delete(io_ids=[gone])
    await account.delete(deleted)
    needs = Needs(order_ids=[order, gone, 4711], flight_ids=[kept, deleted, 4711])
    snapshot = await looked(
        account,
        needs,
        insertion_orders_list=2,
        insertion_orders_list_campaign_reports=1,
        insertion_orders_list_campaigns=1,
    )
    assert {id_: live.is_gone for id_, live in snapshot.orders.items()} == {order: False, gone: True}
    assert {id_: live.is_gone for id_, live in snapshot.flights.items()} == {kept: False, deleted: True}


async def test_a_campaign_that_was_moved_is_found_where_it_is(account: Account) -> None:
    order, other = await account.order(), await account.order("Other")
    campaign = await account.campaign(order)
    await account.iqm.campaigns.update(campaign, io_id=other)
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    assert snapshot.flights[campaign].parent == other
    assert list(snapshot.orders) == [order]


async def test_what_may_be_adopted_is_read_whole(account: Account) -> None:
    order, named = await account.order(), await account.order("Named")
    known, single = await account.campaign(order, "Known"), await account.campaign(order, "Single")
    for _ in range(2):
        await account.campaign(order, "Twice")
    other = await account.campaign(named, "Single", white_listed_state_ids=[30200031], max_day_clicks=7)
    needs = Needs(
        order_names=["Named"],
        order_ids=[order],
        flight_names={order: ["Known", "Single", "Twice", "None"], "Named": {"Single"}},
        flight_ids=[known],
    )
    snapshot = await looked(
        account, needs, insertion_orders_list=1, insertion_orders_list_campaign_reports=1, campaigns_get=2
    )
    assert {id_ for id_, live in snapshot.flights.items() if live.is_whole} == {single, other}
    shown = snapshot.flights[other].fields
    expected = {**CAMPAIGN_ROW, "campaign_name": "Single", "white_listed_state_ids": (30200031,), "max_day_clicks": 7}
    assert {name: shown[name] for name in expected} == expected


async def test_a_full_reading_costs_a_request_for_each_known_campaign(account: Account) -> None:
    order = await account.order()
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    await account.delete(campaigns[2])
    needs = Needs(order_ids=[order], flight_ids=campaigns, is_full=True)
    assert account.platform.full_reads(needs) == 3
    snapshot = await looked(
        account,
        needs,
        insertion_orders_list=1,
        insertion_orders_list_campaign_reports=1,
        insertion_orders_list_campaigns=1,
        campaigns_get=2,
    )
    assert [snapshot.flights[id_].is_whole for id_ in campaigns] == [True, True, False]


async def test_repeats_are_counted_too(account: Account) -> None:
    order = await account.order()
    account.sandbox.fault("insertion_orders.list", kind="status", times=1)
    snapshot = await looked(
        account, Needs(order_ids=[order]), insertion_orders_list=2, insertion_orders_list_campaign_reports=1
    )
    assert list(snapshot.orders) == [order]


async def test_zones_are_read_once(account: Account) -> None:
    assert (await account.platform.zones())["US/Eastern"] == 29
    account.sent()
    await account.platform.zones()
    assert account.sent().total() == 0


def test_the_platform_is_its_clients(account: Account) -> None:
    platform: Platform = account.platform
    assert platform.columns.vendor == "iqm"
    assert (platform.base_url, platform.clock, platform.limiter) == (
        account.iqm.base_url,
        account.iqm.clock,
        account.iqm.limiter,
    )
    assert platform.account == account.iqm.account == Sandbox.EMAIL
    assert platform.settled_after == 90
    assert repr(platform) == f"<IQMPlatform {account.iqm.base_url}>"


# changing


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


async def test_a_bulk_answer_that_names_failures_is_returned(account: Account) -> None:
    order = await account.order()
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=campaigns))
    await account.delete(campaigns[1])
    rows = [changed(f"c{id_}", id_, ("max_bid", Decimal("2.5"), Decimal(3)), parent="o") for id_ in campaigns]
    said = await account.carry_out(rows, snapshot)
    assert list(said.values()) == [Done(), Refused("A deleted campaign cannot be changed"), Done()]


async def test_ends_of_campaigns_are_read_back(account: Account) -> None:
    order, end = await account.order(), CAMPAIGN_ROW["end_time"]
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=campaigns))
    await account.delete(campaigns[2])
    account.sent()
    rows = [changed(f"c{id_}", id_, ("end_time", end, end + WEEK), parent="o") for id_ in campaigns]
    said = await account.carry_out(rows, snapshot)
    assert said == {f"c{campaigns[0]}": Done(), f"c{campaigns[1]}": Done(), f"c{campaigns[2]}": ANY}
    back = await account.platform.read_back(CAMPAIGN, [*campaigns, 4711])
    assert {id_: (live.is_gone, live.fields["end_time"]) for id_, live in back.items()} == {
        campaigns[0]: (False, end + WEEK),
        campaigns[1]: (False, end + WEEK),
        campaigns[2]: (True, end),
    }
    assert account.sent() == Counter(
        campaigns_update_end_date=1, insertion_orders_list_campaign_reports=1, insertion_orders_list_campaigns=2
    )


async def test_everything_that_a_campaign_is_to_be_is_one_request(account: Account) -> None:
    order = await account.order()
    campaign = await account.campaign(order)
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    account.sent()
    changes = {
        "campaign_name": "Other",
        "budget_total": Decimal(1500),
        "end_time": CLEAR,
        "budget_day": CLEAR,
        "creative_ids": (676386,),
        "white_listed_state_ids": (30200031, 30200032),
        "country_id": 30100002,
    }
    row = changed("c", campaign, *((name, None, value) for name, value in changes.items()), parent="o")
    assert await account.carry_out([row], snapshot) == {"c": Done()}
    assert account.sent() == Counter(campaigns_update=1)
    (live,) = (await account.platform.read_back(CAMPAIGN, [campaign])).values()
    assert live.is_whole
    assert {name: live.fields[name] for name in changes} == {
        name: None if value is CLEAR else value for name, value in changes.items()
    }


async def test_pacing_in_the_place_of_a_budget_a_day(account: Account) -> None:
    order = await account.order()
    campaign = await account.campaign(order)
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    row = changed("c", campaign, ("total_budget_pacing", False, True), ("budget_day", 50, CLEAR), parent="o")
    assert await account.carry_out([row], snapshot) == {"c": Done()}
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=[campaign]))
    assert snapshot.flights[campaign].fields["budget_day"] is None
    assert snapshot.flights[campaign].fields["total_budget_pacing"] is True


async def test_what_lists_do_not_show_is_read_back_whole(account: Account) -> None:
    order = await account.order()
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    snapshot = await account.platform.read(Needs(order_ids=[order], flight_ids=campaigns))
    rows = [changed(f"c{id_}", id_, ("max_day_impressions", 0, 500), parent="o") for id_ in campaigns[:2]]
    await account.carry_out(rows, snapshot)
    account.sent()
    back = await account.platform.read_back(CAMPAIGN, campaigns)
    assert account.sent() == Counter(campaigns_get=2, insertion_orders_list_campaign_reports=1)
    assert [back[id_].is_whole for id_ in campaigns] == [True, True, False]
    assert back[campaigns[0]].fields["max_day_impressions"] == 500


async def test_what_another_session_knew_is_looked_for_first(account: Account) -> None:
    order = await account.order()
    campaigns = [await account.campaign(order, f"Campaign {number}") for number in range(3)]
    await account.delete(campaigns[0])
    account.sent()
    back = await account.platform.read_back(CAMPAIGN, [*campaigns, 4711])
    assert account.sent() == Counter(insertion_orders_list_campaigns=1, insertion_orders_list_campaign_reports=1)
    assert {id_: live.is_gone for id_, live in back.items()} == dict(zip(campaigns, [True, False, False], strict=True))
    assert "budget_total" in back[campaigns[1]].fields


async def test_one_campaign_that_does_not_exist_is_left_out(account: Account) -> None:
    assert await account.platform.read_back(CAMPAIGN, [4711]) == {}
    campaign = await account.campaign(await account.order())
    account.sandbox.fault("campaigns.get", kind="status", status=422, times=1)
    with pytest.raises(ValidationFailed):
        await account.platform.read_back(CAMPAIGN, [campaign])


async def test_insertion_orders_are_read_back_deleted_ones_too(account: Account) -> None:
    order, gone = await account.order(), await account.order("Gone")
    await account.iqm.insertion_orders.delete(io_ids=[gone])
    back = await account.platform.read_back(ORDER, [order, gone, 4711])
    assert {id_: live.is_gone for id_, live in back.items()} == {order: False, gone: True}


async def test_budgets_of_insertion_orders_are_set_together(account: Account) -> None:
    orders = [
        await account.order(f"Order {number}", is_auto_sum_io_total_budget=False, io_total_budget=100 + number)
        for number in range(2)
    ]
    summed = await account.order("Summed")
    snapshot = await account.platform.read(Needs(order_ids=[*orders, summed]))
    account.sent()
    rows = [changed(f"o{id_}", id_, ("io_total_budget", 100, Decimal(500))) for id_ in orders]
    # two alone would be as many requests as one for both and one for each
    said = await account.carry_out(
        [*rows, changed("s", summed, ("io_end_time", ORDER_ROW["io_end_time"], START + WEEK))], snapshot
    )
    assert account.sent() == Counter(insertion_orders_update_budget=1, insertion_orders_update=1)
    assert said == {f"o{orders[0]}": None, f"o{orders[1]}": None, "s": Done()}
    back = await account.platform.read_back(ORDER, [*orders, summed])
    assert [live.fields["io_total_budget"] for live in back.values()] == [500, 500, 0]
    assert back[summed].fields["io_end_time"] == START + WEEK


async def test_an_insertion_order_whose_null_is_refused_says_so(account: Account) -> None:
    order = await account.order()
    snapshot = await account.platform.read(Needs(order_ids=[order]))
    row = changed("o", order, ("io_end_time", ORDER_ROW["io_end_time"], CLEAR))
    with pytest.raises(ValidationFailed, match="null"):
        await account.carry_out([row], snapshot)


# creating


async def test_a_campaign_takes_the_budget_type_of_its_insertion_order(account: Account) -> None:
    order = await account.order("Counted", io_budget_type_id=2, io_total_impressions=1000)
    (write,) = account.platform.writes([created("c", CAMPAIGN_ROW, parent="o")], Snapshot({}, {}))
    account.sent()
    told = await account.send(write, {"o": order})
    # nobody has read the order yet
    assert account.sent() == Counter(insertion_orders_list=1, campaigns_create=1)
    assert isinstance(told["c"], Done)
    await account.send(write, {"o": order})
    assert account.sent() == Counter(campaigns_create=1)
    with pytest.raises(InvalidInput, match="insertion_order"):
        await account.send(write, {"o": 4711})


async def test_a_create_without_an_answer_is_found_again(account: Account) -> None:
    order = await account.order()
    writes = {write.kind: write for write in account.platform.writes(rows_of_both(), Snapshot({}, {}))}
    opened: list[OpenIntent] = []
    for write in writes.values():
        account.sandbox.fault(write.operation, kind="cut_after", times=1)
        with pytest.raises(UnknownOutcome) as caught:
            await account.send(write, {"spring": order})
        look_up = account.platform.look_up(write, None if write.kind == ORDER else order)
        opened.append(open_intent(write, caught.value, look_up))
    for number in range(2):
        opened.append(evolve(opened[1], key=f"none {number}", look_up={"name": "None", "io_id": order}))
    # its insertion order is not shown, so nobody knows what is in it
    opened.append(evolve(opened[1], key="elsewhere", look_up={"name": "Banners", "io_id": 4711}))
    account.sent()
    with pytest.raises(InvalidInput, match="one kind"):
        await account.platform.namesakes(opened)
    found = dict(await account.platform.namesakes(opened[:1]))
    assert account.sent() == Counter(insertion_orders_list=1)
    found.update(await account.platform.namesakes(opened[1:-1]))
    assert account.sent() == Counter(insertion_orders_list_campaigns=1)
    found.update(await account.platform.namesakes(opened[-1:]))
    assert account.sent() == Counter(insertion_orders_list_campaigns=1, insertion_orders_list=2)
    assert await account.platform.namesakes([]) == {}
    with pytest.MonkeyPatch.context() as patched:
        listing = iqm_reading.Reading._list_orders
        # a search that misses
        patched.setattr(
            iqm_reading.Reading, "_list_orders", lambda self, **how: listing(self, **(how and {"io_ids": [4711]}))
        )
        assert await account.platform.namesakes(opened[:1]) == {"spring": {}}
        whole = await account.platform.namesakes(opened[:1], unfiltered=True)
        assert whole["spring"].keys() == found["spring"].keys()
    assert {key: len(namesakes) for key, namesakes in found.items()} == {
        # the one that was there before, and the one without an answer
        "spring": 2,
        "banners": 1,
        "none 0": 0,
        "none 1": 0,
    }
    (campaign,) = found["banners"].values()
    assert (campaign.name, campaign.parent) == ("Banners", order)

    assert await account.platform.differences(opened[0], max(found["spring"])) == []
    assert await account.platform.differences(opened[1], campaign.id) == []
    await account.iqm.campaigns.update(campaign.id, budget_total=77, creative_ids=[1])
    assert await account.platform.differences(opened[1], campaign.id) == ["creative_ids", "budget_total"]
    # what was in a deleted one was deleted with it
    await account.iqm.insertion_orders.delete(io_ids=[order])
    assert await account.platform.namesakes(opened[1:]) == {"banners": {}, "none 0": {}, "none 1": {}}
    assert "io_name" in await account.platform.differences(opened[0], 4711)


def rows_of_both() -> list[tuple[Item, dict[str, Any]]]:
    return [created("spring", ORDER_ROW), created("banners", CAMPAIGN_ROW, parent="spring")]


def open_intent(write: Write, unknown: UnknownOutcome, look_up: dict[str, Any]) -> OpenIntent:
    """What a journal would tell of it."""
    request = evolve(unknown.request, body=decode(encode("body", unknown.request.body)))
    kept = UnknownOutcome(
        "lost",
        request=request,
        sent_at=unknown.sent_at,
        settled_after=unknown.settled_after,
        cause=unknown.cause,
        operation=unknown.operation,
        response=None,
    )
    (target,) = write.targets
    return OpenIntent(
        intent=1,
        run=1,
        operation=write.operation,
        kind=write.kind,
        key=target.key,
        creates=True,
        fields=target.fields,
        existing=write.existing,
        look_up=look_up,
        state="unknown",
        unknown=kept,
        settle=0.0,
    )


TOKEN: dict[str, Any] = {"access_token": "t", "refresh_token": "r", "expires_in": 9999, "owId": 1}


def scripted(*answers: Any) -> IQM:
    """A client that gets these answers' content, after its log-in."""
    settings: dict[str, Any] = dict.fromkeys(("client_id", "client_secret", "email", "password"), "x")
    return IQM(**settings, quota=None, transport=ScriptedTransport(ok(TOKEN), *map(ok, answers)))


def reports(*ids: int, total: int, order: int = 7) -> dict[str, Any]:
    """A page of campaigns with their figures."""
    rows = [{"campaignId": id_, "campaignName": "Banners", "ioId": order, "status": "running"} for id_ in ids]
    return {"totalRecords": total, "filteredRecords": total, "recordsList": rows}


async def test_where_a_list_leaves_campaigns_out_another_is_read() -> None:
    whole = {"ioId": 7, "ioName": "Spring", "campaignCount": 1, "campaigns": [{"campaignId": 1, "name": "Banners"}]}
    lists = {
        "totalRecords": 2,
        "filteredRecords": 2,
        "ioCampaignsList": [whole, {**whole, "ioId": 8, "campaignCount": 2}],
    }
    async with scripted(lists, reports(2, 3, total=2, order=8)) as iqm:
        reading = iqm_reading.Reading(iqm)
        with counting(iqm) as requests:
            assert [(order, [live.id for live in found]) async for order, found in reading.members([7, 8, 9])] == [
                (7, [1]),
                (8, [2, 3]),
            ]
        assert requests.total() - requests["auth.login"] == 2


async def test_campaigns_of_other_insertion_orders_are_none_of_ours() -> None:
    # the documents call the ids a filter, and say that the others come after them
    async with scripted({**reports(1, total=2), "recordsList": [*rows(1), *rows(2, order=8)]}) as iqm:
        assert list(await iqm_reading.Reading(iqm).campaigns([7], [])) == [1]
        assert list(await iqm_reading.Reading(iqm).campaigns([7], [2])) == [1, 2]


def rows(*ids: int, order: int = 7) -> list[Any]:
    return list(reports(*ids, total=0, order=order)["recordsList"])


async def test_a_list_that_changes_while_it_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iqm_reading, "MOST", 1)
    first, second = reports(1, total=2), reports(2, total=2)
    async with scripted(first, reports(2, total=3), first, second) as iqm:
        reading = iqm_reading.Reading(iqm)
        with counting(iqm) as requests:
            assert list(await reading.campaigns([7], [])) == [1, 2]
        assert requests["insertion_orders.list_campaign_reports"] == 4
    async with scripted(*[first, reports(2, total=3)] * 3) as iqm:
        with pytest.raises(PagingError, match="changed while it was read"):
            await iqm_reading.Reading(iqm).campaigns([7], [])


@pytest.mark.parametrize(
    ("missing", "value", "told"),
    [
        ("campaignName", UNSET, "its name"),
        ("campaignName", None, "its name"),
        ("ioId", UNSET, "its id"),
        ("ioId", None, "its id"),
        ("ioId", "?", "its id"),
    ],
)
async def test_a_campaign_that_might_be_meant_stops_the_reading(missing: str, value: object, told: str) -> None:
    (row,) = rows(1)
    row[missing] = value
    if value is UNSET:
        del row[missing]
    async with scripted({**reports(total=1), "recordsList": [row]}) as iqm:
        with pytest.raises(PagingError, match=f"without {told}"):
            await iqm_reading.Reading(iqm).campaigns([7], [])


@pytest.mark.parametrize("kind", [ORDER, CAMPAIGN])
async def test_an_answer_that_names_what_was_there_has_made_nothing_that_is_known(account: Account, kind: str) -> None:
    order = await account.order("Other")
    campaign = await account.campaign(order, "Other")
    # nobody asked for these, but they were seen
    snapshot = await account.platform.read(Needs(order_names=["Spring", "Summer"], order_ids=[order]))
    assert campaign in snapshot.flights
    spring, banners = account.platform.writes(rows_of_both(), snapshot)
    write = spring if kind == ORDER else banners
    said = await account.send(write, {"spring": order})
    made = said[write.targets[0].key]
    assert isinstance(made, Done) and made.id not in (order, campaign)
    answer: Any = {"ioId": order} if kind == ORDER else {"data": campaign, "status": "pending"}
    with pytest.MonkeyPatch.context() as patched:
        call = account.platform._lenient.call

        async def old(request: Any, parse: Any, **more: Any) -> Any:
            await call(request, parse, **more)
            return parse(answer)

        patched.setattr(account.platform._lenient, "call", old)
        assert await account.send(write, {"spring": order}) == {write.targets[0].key: None}


async def test_what_a_list_brings_along_is_not_taken_for_what_was_asked_for() -> None:
    order = {"ioId": 8, "ioName": "Other", "ioBudgetTypeId": None, "ioStatusId": 1, "ioStartTime": 1, "ioEndTime": None}
    orders = {"totalRecords": 1, "filteredRecords": 1, "ioBasicDetailsList": [order]}
    member = {"campaignId": 1, "name": "Banners", "status": "running"}
    grouped = {"ioId": 8, "ioName": "Other", "campaignCount": 1, "campaigns": [member]}
    async with scripted(orders) as iqm:
        lost = UnknownOutcome(
            "lost",
            request=RedactedRequest("POST", "/", {}, {"ioName": "Spring"}),
            sent_at=START,
            settled_after=90,
            cause=None,
            operation="insertion_orders.create",
            response=None,
        )
        account = Account(iqm, ANY)
        write, campaign = account.platform.writes(rows_of_both(), Snapshot({}, {}))
        assert await account.platform.differences(open_intent(write, lost, {}), 7) == ["io_name"]
        # one whose budget type the service does not tell takes no campaign
        with pytest.raises(InvalidInput, match="budget type"):
            await account.send(campaign, {"spring": 8})
    async with scripted({"totalRecords": 1, "filteredRecords": 1, "ioCampaignsList": [grouped]}) as iqm:
        assert await iqm_reading.Reading(iqm).strays({2}) == {}
        assert list(await iqm_reading.Reading(iqm).strays({1})) == [1]


async def test_a_name_is_found_however_its_letters_are_composed(account: Account) -> None:
    composed, apart = unicodedata.normalize("NFC", "Frühling"), unicodedata.normalize("NFD", "Frühling")
    rows = [created("spring", {**ORDER_ROW, "io_name": apart}), created("banners", CAMPAIGN_ROW, parent="spring")]
    said = await account.carry_out(rows, await account.platform.read(Needs()))
    order = said["spring"].id
    snapshot = await account.platform.read(Needs(order_names=[composed], flight_names={composed: ["Banners"]}))
    assert {id_: live.name for id_, live in snapshot.orders.items()} == {order: composed}
    assert list(snapshot.flights) == [said["banners"].id]
