from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


async def order_row(api: Api, order: int) -> dict[str, Any]:
    return dict((await api.call("insertion_orders_get", ioId=order)).inside)


async def test_a_new_order_echoes_ten_fields_and_sums_to_zero(api: Api) -> None:
    body = {"ioName": "Spring", "ioStartTime": 1690898148000, "ioBudgetTypeId": 1}
    assert (await api.call("insertion_orders_create", body)).inside == {
        "ioId": 15001,
        "ioName": "Spring",
        "ioStartTime": 1690898148000,
        "ioEndTime": None,
        "ioTotalBudget": 0,
        "ioTimeZoneId": None,
        "ioBudgetTypeId": 1,
        "ioBudgetDistributionMethodId": 1,
        "isAutoSumIoTotalBudget": True,
        "ioTotalImpressions": None,
    }


async def test_the_documented_sample_is_refused_because_of_its_budget(api: Api) -> None:
    body = {
        "ioName": "Order 1",
        "ioStartTime": 1690898148000,
        "ioEndTime": 1690898888000,
        "ioTotalBudget": 1000,
        "ioTimeZoneId": 29,
        "isAutoSumIoTotalBudget": True,
        "ioBudgetTypeId": 1,
        "ioBudgetDistributionMethodId": 1,
    }
    answer = await api.call("insertion_orders_create", body)
    assert (answer.status, answer.message) == (422, "A budget cannot be given while the automatic sum is on")
    own = {**body, "isAutoSumIoTotalBudget": False, "ioTotalBudget": 1000.006}
    assert (await api.call("insertion_orders_create", own)).inside["ioTotalBudget"] == 1000.01


async def test_an_order_without_a_name_is_refused(api: Api) -> None:
    body = {"ioName": " ", "ioStartTime": 1, "ioBudgetTypeId": 1}
    assert (await api.call("insertion_orders_create", body)).status == 422


async def test_the_automatic_sum_follows_the_campaigns_that_are_not_deleted(api: Api) -> None:
    order = await api.create_order()
    first = await api.create_campaign(order, budgetTotal=1000.555)
    await api.create_campaign(order, budgetTotal=499.5)
    assert (await order_row(api, order))["ioTotalBudget"] == 1500.06
    await api.call("campaigns_update_status", {"campaignIds": str(first), "status": "deleted"})
    assert (await order_row(api, order))["ioTotalBudget"] == 499.5


async def test_an_order_has_all_documented_properties(api: Api) -> None:
    order = await api.create_order(ioEndTime=9_999_999_999_999)
    row = await order_row(api, order)
    assert row["owId"] == api.sandbox.OW_ID
    assert row["createdByUowId"] == row["modifiedByUowId"] == 9001
    assert (row["ioStatusId"], row["isIoPrioritise"], row["ioCurrentPriority"]) == (1, False, None)


async def test_an_order_expires_at_its_end(api: Api) -> None:
    order = await api.create_order(ioEndTime=int(api.sandbox.now() * 1000) + 60_000)
    assert (await order_row(api, order))["ioStatusId"] == 1
    api.sandbox.advance(61)
    assert (await order_row(api, order))["ioStatusId"] == 2


async def test_an_update_changes_what_it_names(api: Api) -> None:
    order = await api.create_order(ioEndTime=2_000)
    changes = {"ioName": "Summer", "ioEndTime": 5_000, "ioBudgetTypeId": 2, "isAutoSumIoTotalBudget": False}
    answer = await api.call("insertion_orders_update", {**changes, "ioTotalBudget": 10.126}, ioId=order)
    assert answer.inside == "Summer was saved"
    row = await order_row(api, order)
    assert {name: row[name] for name in changes} == changes
    assert (row["ioStartTime"], row["ioTotalBudget"]) == (1_000, 10.13)


async def test_the_budget_type_stays_while_there_are_campaigns(api: Api) -> None:
    order = await api.create_order()
    await api.create_campaign(order)
    answer = await api.call("insertion_orders_update", {"ioBudgetTypeId": 2}, ioId=order)
    assert answer.status == 422
    assert (await api.call("insertion_orders_update", {"ioBudgetTypeId": 1}, ioId=order)).status == 200


async def test_an_order_can_be_deleted_by_its_status(api: Api) -> None:
    order = await api.create_order()
    campaign = await api.create_campaign(order)
    await api.call("insertion_orders_update", {"ioStatusId": 3}, ioId=order)
    assert (await api.campaign_row(campaign))["status"] == "deleted"


async def test_ends_are_set_for_several_orders_or_for_none(api: Api) -> None:
    orders = [await api.create_order(), await api.create_order()]
    body = {"ioIdsList": orders, "ioEndTime": 7_000, "ioTimezoneId": 420}
    assert (await api.call("insertion_orders_update_end_date", body)).inside == "The end date was updated"
    rows = [await order_row(api, order) for order in orders]
    assert [(row["ioEndTime"], row["ioTimeZoneId"]) for row in rows] == [(7_000, 420)] * 2
    unknown = {**body, "ioIdsList": [*orders, 1], "ioEndTime": 8_000}
    assert (await api.call("insertion_orders_update_end_date", unknown)).status == 422
    assert (await order_row(api, orders[0]))["ioEndTime"] == 7_000


async def test_budgets_are_set_or_added(api: Api) -> None:
    order = await api.create_order(isAutoSumIoTotalBudget=False)
    for mode, amount, expected in (("add", 100.006, 100.01), ("add", 1, 101.01), ("set", 7, 7)):
        body = {"ioIdsList": [order], "budget": amount, "budgetUpdateType": mode}
        assert (await api.call("insertion_orders_update_budget", body)).status == 200
        assert (await order_row(api, order))["ioTotalBudget"] == expected


async def test_impressions_are_set_or_added(api: Api) -> None:
    order = await api.create_order(ioBudgetTypeId=2, ioTotalImpressions=100)
    for mode, expected in (("add", 350), ("set", 250)):
        body = {"ioIdsList": [order], "ioTotalImpressions": 250, "budgetUpdateType": mode, "ioBudgetTypeId": 2}
        assert (await api.call("insertion_orders_update_budget", body)).status == 200
        assert (await order_row(api, order))["ioTotalImpressions"] == expected


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({}, {"budget": 5}),
        ({"isAutoSumIoTotalBudget": False}, {}),
        ({"isAutoSumIoTotalBudget": False}, {"budget": 5, "ioBudgetTypeId": 2}),
        ({"ioBudgetTypeId": 2}, {"budget": 5}),
    ],
)
async def test_budgets_that_do_not_fit_are_refused(api: Api, settings: dict[str, Any], change: dict[str, Any]) -> None:
    order = await api.create_order(**settings)
    body = {"ioIdsList": [order], "budgetUpdateType": "set", **change}
    assert (await api.call("insertion_orders_update_budget", body)).status == 422


async def test_a_copy_has_copies_of_the_campaigns_named(api: Api) -> None:
    order = await api.create_order("Spring")
    wanted = await api.create_campaign(order, "One", budgetTotal=321)
    await api.create_campaign(order, "Two")
    api.sandbox.advance(100)
    assert (await api.campaign_row(wanted))["status"] == "running"
    body = {"ioId": order, "ioExistingCampaignIds": [wanted], "ioStartTime": 5, "ioEndTime": 4, "ioTimeZoneId": 105}
    made = (await api.call("insertion_orders_duplicate", body)).inside
    copy = await order_row(api, made["duplicatedIOId"])
    assert (copy["ioName"], copy["ioStartTime"], copy["ioEndTime"], copy["ioTimeZoneId"]) == ("Spring copy", 5, 4, 105)
    (number,) = made["duplicatedCampaignIds"]
    campaign = await api.campaign_row(number)
    assert campaign["ioId"] == made["duplicatedIOId"]
    assert (campaign["campaignName"], campaign["budgetTotal"], campaign["status"]) == ("One copy", 321, "pending")
    assert copy["ioTotalBudget"] == 321


async def test_a_copy_without_campaigns_keeps_the_times(api: Api) -> None:
    order = await api.create_order(ioEndTime=2_000)
    made = (await api.call("insertion_orders_duplicate", {"ioId": order, "ioExistingCampaignIds": []})).inside
    assert made["duplicatedCampaignIds"] == []
    copy = await order_row(api, made["duplicatedIOId"])
    assert (copy["ioStartTime"], copy["ioEndTime"]) == (1_000, 2_000)


async def test_campaigns_of_other_orders_are_not_copied(api: Api) -> None:
    order, other = await api.create_order(), await api.create_order()
    stranger = await api.create_campaign(other)
    body = {"ioId": order, "ioExistingCampaignIds": [stranger]}
    assert (await api.call("insertion_orders_duplicate", body)).status == 422
    assert (await api.call("insertion_orders_list", {})).inside["totalRecords"] == 2


async def test_deleted_orders_take_their_campaigns_along(api: Api) -> None:
    orders = [await api.create_order(), await api.create_order()]
    campaign = await api.create_campaign(orders[0])
    answer = await api.call("insertion_orders_delete", {"ioIdsList": orders})
    assert answer.inside == "2 insertion orders were deleted"
    assert (await api.campaign_row(campaign))["status"] == "deleted"
    assert (await api.call("insertion_orders_get", ioId=orders[0])).status == 422
    assert (await api.call("insertion_orders_list", {})).inside["ioBasicDetailsList"] == []
    deleted = (await api.call("insertion_orders_list", {"ioStatusIdsList": [3]})).inside
    assert [row["ioId"] for row in deleted["ioBasicDetailsList"]] == orders[::-1]


async def test_orders_of_other_workspaces_are_unknown(api: Api) -> None:
    order = await api.create_order()
    other = {"X-IAA-OW-ID": "200011"}
    assert (await api.call("insertion_orders_get", ioId=order, headers=other)).status == 422
    assert (await api.call("insertion_orders_list", {}, headers=other)).inside["totalRecords"] == 0
