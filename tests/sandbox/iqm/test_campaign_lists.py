from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


@pytest.fixture
async def campaigns(api: Api) -> list[int]:
    """Pending, running, video, deleted."""
    order = await api.create_order("Spring")
    made = []
    for name, settings in (
        ("Alpha flight", {"conversionIds": "77, 78"}),
        ("beta", {"budgetTotal": 10, "campaignType": 2}),
        ("Gamma Flight", {"creativeType": 14}),
        ("Delta", {}),
    ):
        made.append(await api.create_campaign(order, name, **settings))
        api.sandbox.advance(1)
    api.sandbox.set_campaign_status(made[1], "running")
    api.sandbox.set_campaign_status(made[3], "deleted")
    return made


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({}, [2, 1, 0]),
        ({"sortBy": "+id"}, [0, 1, 2]),
        ({"sortBy": "-name"}, [2, 1, 0]),
        ({"sortBy": "+status,-id"}, [2, 0, 1]),
        ({"sortBy": "+modifiedDate"}, [0, 2, 1]),
        ({"limit": 2}, [2, 1]),
        ({"limit": 2, "pageNo": 2}, [0]),
        ({"searchField": "flight"}, [2, 0]),
        ({"searchField": "537002"}, [1]),
        ({"status": "pending, running"}, [2, 1, 0]),
        ({"status": "RUNNING"}, [1]),
        ({"status": "deleted"}, [3]),
        ({"conversionId": 78}, [0]),
        ({"owIds": "200011"}, []),
        ({"owIds": "200001,200011"}, [2, 1, 0]),
    ],
)
async def test_data(api: Api, campaigns: list[int], query: dict[str, Any], places: list[int]) -> None:
    page = (await api.call("campaigns_list_data", query=query)).inside
    assert [row["id"] for row in page["data"]] == [campaigns[place] for place in places]
    if "conversionId" in query:
        assert page["data"][0]["conversionId"] == 78


async def test_data_rows(api: Api, campaigns: list[int]) -> None:
    page = (await api.call("campaigns_list_data", query={"sortBy": "+id", "limit": 1})).inside
    (row,) = page["data"]
    assert (page["totalRecords"], page["filteredRecords"]) == (3, 3)
    assert (row["name"], row["campaignType"], row["creativeTypeId"]) == ("Alpha flight", "CPM", 11)
    assert row["created"] == row["modifiedDate"]


async def test_a_plus_sign_that_arrives_as_a_blank_is_refused(api: Api) -> None:
    url = f"{api.sandbox.url}/api/v2/cmp/campaigns/data"
    async with api.session.get(f"{url}?sortBy=+id", headers=api.headers) as response:
        assert response.status == 422
    async with api.session.get(f"{url}?sortBy=%2Bid", headers=api.headers) as response:
        assert response.status == 200


async def test_unknown_states_and_columns_are_refused(api: Api) -> None:
    assert (await api.call("campaigns_list_data", query={"status": "sleeping"})).status == 422
    assert (await api.call("campaigns_list", query={"sort_by": "+id"})).status == 422


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({}, [0, 1, 2]),
        ({"order": "desc"}, [2, 1, 0]),
        ({"order": "asc", "sort_by": "total_budget"}, [1, 0, 2]),
        ({"no_of_entries": 2, "pgno": 2}, [2]),
        ({"creative_type_ids": "14"}, [2]),
        ({"search_field": "BET"}, [1]),
        ({"status": "running"}, [1]),
        ({"ow_ids": "200002"}, []),
    ],
)
async def test_summaries(api: Api, campaigns: list[int], query: dict[str, Any], places: list[int]) -> None:
    page = (await api.call("campaigns_list", query=query)).json
    assert [row["id"] for row in page["data"]] == [str(campaigns[place]) for place in places]


async def test_a_summary_has_no_envelope_and_two_kinds_of_case(api: Api, campaigns: list[int]) -> None:
    page = (await api.call("campaigns_list", query={"no_of_entries": 1})).json
    (row,) = page.pop("data")
    assert page == {
        "statusCode": 200,
        "recordsTotal": 3,
        "pageNumber": 1,
        "pageSize": 1,
        "draw": 0,
        "recordsFiltered": 3,
    }
    assert (row["creative_type"], row["campaign_type"], row["owId"]) == ("Image", "CPM", 200001)


async def test_counts_by_state(api: Api, campaigns: list[int]) -> None:
    rows = (await api.call("campaigns_count", {})).inside
    assert [row["order"] for row in rows] == [0, 1, 2, 5, 6, 3, 7, 8]
    counts = {row["status_key"]: row["status_count"] for row in rows}
    assert counts == {
        "running": 1, "pending": 2, "paused": 0, "deleted": 1, "expired": 0, "draft": 0, "rejected": 0, "all": 4,
    }  # fmt: skip
    assert rows[-1]["status_label"] == "ALL"


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"owIds": "all"}, 4),
        ({"owIds": "200011"}, 0),
        ({"owIds": "all", "ioIds": "15001"}, 4),
        ({"owIds": "all", "ioIds": "1"}, 0),
        ({"campaignTypeIds": "2"}, 1),
        ({"searchField": "flight"}, 2),
    ],
)
async def test_counts_of_some(api: Api, campaigns: list[int], body: dict[str, Any], total: int) -> None:
    assert (await api.call("campaigns_count", body)).inside[-1]["status_count"] == total


async def test_counts_leave_out_what_expired_long_ago(api: Api, campaigns: list[int]) -> None:
    end = (await api.campaign_row(campaigns[0]))["endTime"]
    api.sandbox.advance(30 * 86400)
    for moment, expired in ((end - 1, 3), (end + 100, 0)):
        rows = (await api.call("campaigns_count", {"campaignExpiredAfterEpoch": moment * 1000})).inside
        assert {row["status_key"]: row["status_count"] for row in rows}["expired"] == expired


async def test_groups_are_misspelt(api: Api, campaigns: list[int]) -> None:
    await api.create_order("Empty")
    deleted = await api.create_order("Gone")
    await api.call("insertion_orders_delete", {"ioIdsList": [deleted]})
    first, second = (await api.call("campaigns_list_groups")).inside
    assert [row["id"] for row in first["campaings"]] == campaigns[:3]
    assert (first["campaignCount"], first["rootParentId"], second["campaings"]) == (3, "200001", [])
    (group, _) = (await api.call("campaigns_list_groups", query={"status": "running", "owIds": "200001"})).inside
    assert [row["id"] for row in group["campaings"]] == campaigns[1:2]


async def test_a_budget_is_spread_over_its_days(api: Api) -> None:
    query = {"budgetTotal": 100, "startTime": 1610211600, "endTime": 1610211600 + 3 * 86400, "timezone": 29}
    info = (await api.call("campaigns_get_budget_info", query=query)).inside
    assert (info["dailyBudget"], info["fixedDailyBudget"], info["budgetTotal"]) == (33.33, False, 100)
    assert info["graphInfo"][0] == {"date": "2021-01-09T17:00:00.000+0000", "amount": 33.33, "type": "projected"}
    assert len(info["graphInfo"]) == 3


async def test_a_budget_a_day_makes_a_total(api: Api) -> None:
    query = {"dailyBudget": 5, "startTime": 0, "timezone": 29}
    info = (await api.call("campaigns_get_budget_info", query=query)).inside
    assert (info["budgetTotal"], info["fixedDailyBudget"], info["endTime"]) == (35, True, 7 * 86400)
    assert (await api.call("campaigns_get_budget_info", query={**query, "startTime": -1})).status == 400
    without = {"startTime": 0, "timezone": 29, "fixedDailyBudget": "true"}
    assert (await api.call("campaigns_get_budget_info", query=without)).inside["dailyBudget"] == 0


async def test_some_start(api: Api) -> None:
    start = (await api.call("campaigns_get_start")).inside["start_time"]
    assert abs(start - api.sandbox.now()) < 60


async def test_reference_lists(api: Api) -> None:
    zones = (await api.call("master_list_timezones")).inside["data"]
    assert {"id": 29, "name": "US/Eastern", "label": "US/Eastern"} in zones
    kinds = (await api.call("master_list_creative_types")).inside
    assert [row["id"] for row in kinds["creativeTypeList"]] == [11, 13, 14, 15, 17]
    every = (await api.call("master_list_creative_types", query={"displayAllType": "true"})).inside
    assert (every["totalRecords"], every["creativeTypeList"][0]["id"]) == (6, 0)
    some = (
        await api.call("master_list_creative_types", query={"creativeTypeIds": "11,14", "searchField": "vid"})
    ).inside
    assert [row["name"] for row in some["creativeTypeList"]] == ["Video"]
