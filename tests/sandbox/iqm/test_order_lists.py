from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


async def ids(api: Api, body: dict[str, Any]) -> list[int]:
    answer = await api.call("insertion_orders_list", body)
    return [row["ioId"] for row in answer.inside["ioBasicDetailsList"]]


@pytest.fixture
async def orders(api: Api) -> list[int]:
    return [
        await api.create_order("Spring sale", ioEndTime=3_000),
        await api.create_order("Summer Sale", ioBudgetTypeId=2),
        await api.create_order("autumn", ioStartTime=500, ioEndTime=9_000_000_000_000),
    ]


async def test_rows_have_the_documented_fields(api: Api, orders: list[int]) -> None:
    page = (await api.call("insertion_orders_list", {"ioIdList": [orders[1]]})).inside
    assert (page["totalRecords"], page["filteredRecords"]) == (3, 1)
    assert page["ioBasicDetailsList"] == [
        {
            "ioId": orders[1],
            "ioName": "Summer Sale",
            "ioStartTime": 1_000,
            "ioEndTime": None,
            "ioTimeZoneId": 29,
            "ioTotalBudget": 0,
            "ioBudgetDistributionMethodId": 1,
            "ioBudgetTypeId": 2,
            "ioStatusId": 1,
            "ioTotalImpressions": None,
            "isBudgetAutoSum": True,
        }
    ]


async def test_newest_orders_come_first(api: Api, orders: list[int]) -> None:
    assert await ids(api, {}) == orders[::-1]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"searchField": "SALE"}, [1, 0]),
        ({"searchField": "summer flight"}, [1]),
        ({"searchField": "of"}, []),
        ({"searchField": " "}, [2, 1, 0]),
        ({"searchField": "15003"}, [2]),
        ({"ioBudgetTypeIdsList": [2]}, [1]),
        ({"ioStatusIdsList": [2]}, [0]),
        ({"ioStatusIdsList": [1, 2], "ioBudgetTypeIdsList": [1]}, [2, 0]),
        ({"sortBy": "+ioName"}, [2, 0, 1]),
        ({"sortBy": "-ioEndTime,+ioId"}, [2, 0, 1]),
        ({"sortBy": "ioStartTime,-ioId"}, [2, 1, 0]),
        ({"sortBy": "+ioId", "ids": [15003]}, [2, 0, 1]),
        ({"sortBy": "+ioId", "noOfEntries": 2}, [0, 1]),
        ({"sortBy": "+ioId", "noOfEntries": 2, "pageNo": 2}, [2]),
        ({"sortBy": "+ioId", "noOfEntries": 2, "pageNo": 1, "offset": 1}, [1, 2]),
        ({"sortBy": "+ioId", "noOfEntries": 2, "pageNo": 3}, []),
        ({"owIdList": [200011]}, []),
        ({"owIdList": [200001]}, [2, 1, 0]),
        ({"isAllOWIds": True}, [2, 1, 0]),
        ({"isAllOwIds": True}, [2, 1, 0]),
    ],
)
async def test_filters_order_and_pages(api: Api, orders: list[int], body: dict[str, Any], places: list[int]) -> None:
    assert await ids(api, body) == [orders[place] for place in places]


async def test_all_workspaces_are_those_of_the_caller(api: Api, orders: list[int]) -> None:
    api.headers["X-IAA-OW-ID"] = "200011"
    own = await api.create_order("elsewhere")
    assert await ids(api, {}) == [own]
    assert await ids(api, {"isAllOWIds": True}) == [own, *orders[::-1]]
    assert await ids(api, {"owIdList": [200002]}) == []


async def test_a_column_that_the_list_does_not_have_is_refused(api: Api) -> None:
    answer = await api.call("insertion_orders_list", {"sortBy": "+ioBudgetTypeId"})
    assert answer.status == 422
    assert answer.json["errorObjects"][0]["field"] == "sortBy"


async def test_campaigns_come_grouped_by_order(api: Api) -> None:
    first, second = await api.create_order("One"), await api.create_order("Two")
    gone = await api.create_order("Gone")
    await api.call("insertion_orders_delete", {"ioIdsList": [gone]})
    flight = await api.create_campaign(first, "Flight", whiteListedAudienceIds="880001, 880002")
    open_end = await api.create_campaign(second, "Open", endTime=None, creativeType=14)
    page = (await api.call("insertion_orders_list_campaigns", {})).inside
    assert (page["totalRecords"], page["filteredRecords"]) == (2, 2)
    newest, oldest = page["ioCampaignsList"]
    assert (newest["ioId"], newest["campaignCount"], newest["uowId"]) == (second, 1, 9001)
    assert "endTime" not in newest["campaigns"][0]
    (row,) = oldest["campaigns"]
    assert row["id"] == row["campaignId"] == flight
    assert row["modifiedAt"] // 1000 == row["createdAt"]
    assert row["targetedAudienceIds"] == [880001, 880002]
    assert newest["campaigns"][0]["targetedAudienceIds"] is None
    assert newest["campaigns"][0]["id"] == open_end


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {1: [], 0: [0, 1]}),
        ({"status": ["pending"]}, {0: [0, 1]}),
        ({"status": ["running"]}, {}),
        ({"status": ["deleted"]}, {0: [2]}),
        ({"creativeTypeIds": [14]}, {0: [1]}),
        ({"campaignTypeIds": [2]}, {}),
        ({"ids": [537001]}, {0: [0]}),
        ({"ioIds": [15002]}, {1: []}),
        ({"ioBudgetTypeIds": [1]}, {0: [0, 1]}),
        ({"ioBudgetTypeIds": [2]}, {1: []}),
        ({"searchField": "video"}, {0: [1]}),
        ({"searchField": "Two"}, {1: []}),
        ({"sortBy": "+ioId"}, {0: [0, 1], 1: []}),
        ({"sortBy": "+campaignId"}, {1: [], 0: [0, 1]}),
        ({"sortBy": "+isRecordTargeted"}, {0: [0, 1], 1: []}),
        ({"ioIdsList": [15001]}, {0: [0, 1], 1: []}),
        ({"noOfEntries": 1, "pageNo": 2}, {0: [0, 1]}),
        ({"owIds": [200011]}, {}),
    ],
)
async def test_grouped_filters(api: Api, body: dict[str, Any], expected: dict[int, list[int]]) -> None:
    orders = [await api.create_order("One"), await api.create_order("Two", ioBudgetTypeId=2)]
    campaigns = [
        await api.create_campaign(orders[0], "Image"),
        await api.create_campaign(orders[0], "Video", creativeType=14),
        await api.create_campaign(orders[0], "Gone"),
    ]
    await api.call("campaigns_update_status", {"campaignIds": str(campaigns[2]), "status": "deleted"})
    page = (await api.call("insertion_orders_list_campaigns", body)).inside
    seen = [(row["ioId"], [member["id"] for member in row["campaigns"]]) for row in page["ioCampaignsList"]]
    assert seen == [(orders[order], [campaigns[place] for place in places]) for order, places in expected.items()]


async def test_reports_need_orders(api: Api) -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"ioIdsList": []})
    for body in bodies:
        answer = await api.call("insertion_orders_list_campaign_reports", body)
        assert (answer.status, answer.message) == (422, "The list ioIdsList must not be empty")


async def test_reports_show_campaign_order_and_figures(api: Api) -> None:
    order = await api.create_order("Spring")
    campaign = await api.create_campaign(order, "Flight", creativeType=14, timezone=420, budgetTotal=5000)
    body = {"ioIdsList": [order]}
    (row,) = (await api.call("insertion_orders_list_campaign_reports", body)).inside["recordsList"]
    assert (row["spent"], row["impressions"], row["bidImpressions"]) == (0, 0, 0)
    api.sandbox.advance(60)
    page = (await api.call("insertion_orders_list_campaign_reports", body)).inside
    (row,) = page["recordsList"]
    assert (row["campaignId"], row["campaignName"], row["ioId"], row["ioName"]) == (campaign, "Flight", order, "Spring")
    assert (row["campaignType"], row["creativeType"], row["campaignTimezone"]) == ("cpv", "Video", "US/Alaska")
    assert (row["creativesCount"], row["ioTotalBudget"], row["status"]) == (2, 5000, "running")
    assert 0 < row["clicks"] <= row["impressions"] <= row["bidImpressions"]
    assert row["spent"] == pytest.approx(row["mediaSpent"] + row["dataCost"])
    assert page["recordsTotal"]["spent"] == row["spent"]
    assert page["recordsTotal"]["budgetTotal"] == 5000
    assert set(row) == set(page["recordsTotal"])
    spent = (await api.call("campaigns_get", campaignId=campaign, query={"isSpentRequired": "true"})).inside["spent"]
    assert spent == row["spent"]


async def test_nothing_more_than_the_budget_is_spent(api: Api) -> None:
    order = await api.create_order()
    await api.create_campaign(order, budgetTotal=3)
    api.sandbox.advance(60)
    answer = await api.call("insertion_orders_list_campaign_reports", {"ioIdsList": [order]})
    assert 2 < answer.inside["recordsList"][0]["spent"] <= 3


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, [1, 0]),
        ({"sortBy": "+campaignName"}, [0, 1]),
        ({"sortBy": "-dailyImpressions,+campaignId"}, [0, 1]),
        ({"campaignIds": "537001, 537003"}, [0]),
        ({"budgetTypeIdList": [2]}, []),
        ({"creativeTypeIds": "14,15"}, [1]),
        ({"timezoneId": 420}, [1]),
        ({"campaignStatusList": ["pending"]}, [1, 0]),
        ({"campaignStatusList": ["running"]}, []),
        ({"campaignStatusList": ["deleted"]}, [2]),
        ({"searchField": "video"}, [1]),
        ({"owIds": "200011"}, []),
        ({"pageNo": 2, "noOfEntries": 1}, [0]),
    ],
)
async def test_report_filters(api: Api, body: dict[str, Any], places: list[int]) -> None:
    order, other = await api.create_order(), await api.create_order()
    campaigns = [
        await api.create_campaign(order, "Image"),
        await api.create_campaign(order, "Video", creativeType=14, timezone=420),
        await api.create_campaign(order, "Gone"),
    ]
    await api.create_campaign(other)
    await api.call("campaigns_update_status", {"campaignIds": str(campaigns[2]), "status": "deleted"})
    page = (await api.call("insertion_orders_list_campaign_reports", {"ioIdsList": [order], **body})).inside
    assert [row["campaignId"] for row in page["recordsList"]] == [campaigns[place] for place in places]


async def test_the_next_page_shows_what_has_changed_since(api: Api) -> None:
    order = await api.create_order()
    made = [await api.create_campaign(order, f"Flight {number}") for number in range(5)]

    async def page(number: int, **body: Any) -> list[tuple[int, str]]:
        wish = {"ioIdsList": [order], "noOfEntries": 2, "pageNo": number, "sortBy": "+campaignId", **body}
        rows = (await api.call("insertion_orders_list_campaign_reports", wish)).inside["recordsList"]
        return [(row["campaignId"], row["status"]) for row in rows]

    assert await page(1) == [(made[0], "pending"), (made[1], "pending")]
    assert await page(2) == [(made[2], "pending"), (made[3], "pending")]
    # what becomes so by itself
    api.sandbox.advance(10)
    assert await page(2, campaignStatusList=["running"]) == [(made[2], "running"), (made[3], "running")]
    # what somebody changes
    await api.call("campaigns_update_status", {"campaignIds": str(made[1]), "status": "deleted"})
    assert await page(2) == [(made[3], "running"), (made[4], "running")]
    await api.call("insertion_orders_update", {"ioEndTime": 2_000_000_000_000}, ioId=order)
    await api.create_campaign(order, "Flight 5")
    assert len(await page(3)) == 1
    api.sandbox.advance(20 * 86400)
    assert (await page(1))[0] == (made[0], "expired")


async def test_budgets_that_are_sums_sort_as_they_are_shown(api: Api) -> None:
    small, large, own = await api.create_order("a"), await api.create_order("b"), await api.create_order("c")
    await api.call("insertion_orders_update", {"isAutoSumIoTotalBudget": False, "ioTotalBudget": 2000}, ioId=own)
    for order, budget in ((small, 1000), (large, 1500), (large, 1500)):
        await api.create_campaign(order, budgetTotal=budget)
    assert await ids(api, {"sortBy": "-ioTotalBudget"}) == [large, own, small]
    assert await ids(api, {"sortBy": "+ioTotalBudget"}) == [small, own, large]
