from __future__ import annotations

import csv
import io
from typing import Any

import aiohttp
import pytest

from tests.sandbox.api import Api

PERIOD = {"startDate": 1751001600000, "endDate": 1753593599000, "timeZoneId": 29}


@pytest.fixture
async def campaign(api: Api) -> int:
    campaign = await api.create_campaign(await api.create_order(), creativeIds="7,8,9,10")
    api.sandbox.advance(10)
    return campaign


@pytest.fixture
async def bundle(api: Api, campaign: int) -> int:
    body = {"bundleName": "Papers", "entityIds": [8, 9]}
    answer = await api.call("bid_models_create_bundle", body, campaignId=campaign, dimensionId=1)
    return int(answer.inside["id"])


async def report(api: Api, campaign: int, dimension: int = 1, **body: Any) -> Any:
    return await api.call("bid_models_report", {**PERIOD, **body}, campaignId=campaign, dimensionId=dimension)


async def test_a_report_lists_the_campaign_s_entities_by_impressions(api: Api, campaign: int) -> None:
    page = (await report(api, campaign)).inside
    rows = page["recordsList"]
    assert {row["id"] for row in rows} == {7, 8, 9, 10}
    impressions = [row["impressions"] for row in rows]
    assert impressions == sorted(impressions, reverse=True)
    assert page["recordsTotal"]["impressions"] == sum(impressions)
    assert (page["totalRecords"], page["filteredRecords"], page["recordsTotal"]["totalCount"]) == (4, 4, 1)
    assert (await report(api, campaign)).inside == page
    ascending = (await report(api, campaign, sortBy="+impressions")).inside
    assert ascending["recordsList"] == rows[::-1]


async def test_inventory_rows_say_what_they_are(api: Api, campaign: int) -> None:
    rows = (await report(api, campaign, 2, sortBy="+id")).inside["recordsList"]
    assert {row["inventoryType"] for row in rows} <= {"App", "Site"}
    assert rows[0]["inventoryTrafficType"] in ("app", "web")


async def test_bundles_hold_their_entities(api: Api, campaign: int, bundle: int) -> None:
    page = (await report(api, campaign)).inside
    (row,) = [row for row in page["recordsList"] if "bundleId" in row]
    assert (row["bundleId"], row["bundleName"], row["bundleEntityIds"]) == (bundle, "Papers", [8, 9])
    assert row["impressions"] == sum(member["impressions"] for member in row["entityRecordsList"])
    assert len(page["recordsList"]) == 3
    assert (page["totalRecords"], page["filteredRecords"]) == (4, 4)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"searchField": "creative 7"}, {7, 10, "b1"}),
        ({"searchField": "10"}, {10}),
        ({"searchKeywords": ["7", "no such"]}, {7}),
        ({"bundleIds": [1]}, {"b1"}),
        ({"bundleIds": [2]}, set()),
        ({"responseType": "bundle"}, {"b1"}),
        ({"noOfEntries": 2, "pageNo": 2, "sortBy": "+id"}, {10}),
        ({"sortBy": "-name", "noOfEntries": 1}, {"b1"}),
        ({"performanceFilters": {"conditions": []}}, {7, 10, "b1"}),
        ({"performanceFilters": {"conditions": [{"column": "impressions", "condition": "<", "value": 0}]}}, set()),
    ],
)
async def test_reports_of_some(api: Api, campaign: int, bundle: int, body: dict[str, Any], ids: set[Any]) -> None:
    page = (await report(api, campaign, **body)).inside
    assert {row.get("id", f"b{row.get('bundleId')}") for row in page["recordsList"]} == ids


@pytest.mark.parametrize(
    ("operation", "conditions", "expected"),
    [
        (None, [("impressions", ">=", 0)], 4),
        ("AND", [("impressions", ">", -1), ("clicks", "=", -1)], 0),
        ("or", [("impressions", "!=", -1), ("clicks", "<=", -1)], 4),
    ],
)
async def test_conditions(
    api: Api, campaign: int, operation: str | None, conditions: list[tuple[str, str, float]], expected: int
) -> None:
    filters: dict[str, Any] = {
        "conditions": [{"column": column, "condition": how, "value": value} for column, how, value in conditions]
    }
    if operation:
        filters["operation"] = operation
    page = (await report(api, campaign, performanceFilters=filters)).inside
    assert page["filteredRecords"] == expected


async def test_unknown_metrics_are_refused(api: Api, campaign: int) -> None:
    filters = {"conditions": [{"column": "charm", "condition": "<", "value": 1}]}
    assert (await report(api, campaign, performanceFilters=filters)).status == 422


async def test_parts_of_a_report(api: Api, campaign: int, bundle: int) -> None:
    assert set((await report(api, campaign, responseType="total")).inside) == {"recordsTotal"}
    assert "recordsTotal" not in (await report(api, campaign, responseType="list")).inside
    bare = (await report(api, campaign, skipReporting=True, sortBy="+id")).inside
    assert bare["recordsTotal"] == {"totalCount": 1}
    assert "impressions" not in bare["recordsList"][1]
    assert "impressions" not in bare["recordsList"][0]["entityRecordsList"][0]


async def test_a_campaign_that_never_ran_has_no_figures(api: Api) -> None:
    campaign = await api.create_campaign(await api.create_order())
    page = (await report(api, campaign)).inside
    assert page["recordsTotal"]["impressions"] == page["recordsTotal"]["spent"] == 0
    empty = (await report(api, campaign, 6)).inside
    assert (empty["recordsList"], empty["recordsTotal"]["totalCount"]) == ([], 0)


async def test_a_download_is_a_file_on_another_origin(api: Api, campaign: int, bundle: int) -> None:
    columns = [{"label": "ID", "value": "id"}, {"label": "Paid", "value": "spent"}, {"label": "?", "value": "charm"}]
    body = {**PERIOD, "download": {"fileType": "csv", "columns": columns}}
    place: dict[str, Any] = {"campaignId": campaign, "dimensionId": 1}
    answer = await api.call("bid_models_download_report", body, at=1, **place)
    url = answer.inside["url"]
    assert url.startswith(f"{api.sandbox.files_url}/files/report-1.csv?signature=")
    assert not url.startswith(api.sandbox.url)
    async with aiohttp.ClientSession() as plain, plain.get(url) as response:
        assert (response.status, response.content_type) == (200, "text/csv")
        table = list(csv.reader(io.StringIO(await response.text())))
    assert table[0] == ["ID", "Paid", "?"]
    assert sorted(row[0] for row in table[1:]) == ["10", "7", "8", "9"]
    assert {row[2] for row in table[1:]} == {""}
    async with api.session.get(url, headers=api.headers) as response:
        assert response.status == 200
    assert [download["credentials"] for download in api.sandbox.downloads] == [[], ["authorization", "x-iaa-ow-id"]]
    async with api.session.get(url.partition("?")[0]) as response:
        assert response.status == 403


async def test_the_pseudo_path_is_served_too(api: Api, campaign: int) -> None:
    body = {"download": {"fileType": "csv", "columns": []}}
    answer = await api.call("bid_models_download_report", body, campaignId=campaign, dimensionId=1)
    assert set(answer.inside) == {"url"}


async def test_other_file_types_are_refused(api: Api, campaign: int) -> None:
    body = {"download": {"fileType": "xlsx", "columns": []}}
    answer = await api.call("bid_models_download_report", body, at=1, campaignId=campaign, dimensionId=1)
    assert (answer.status, answer.message) == (422, "The sandbox writes CSV files only")


async def test_dimensions_are_a_tree(api: Api) -> None:
    page = (await api.call("bid_models_list_dimensions")).inside
    assert (page["totalRecords"], [row["id"] for row in page["dimensions"]]) == (5, [1, 2, 6, 9, 13])
    assert [row["id"] for row in page["dimensions"][1]["subdimensions"]] == [3, 4, 5]
    assert "subdimensions" not in page["dimensions"][0]
