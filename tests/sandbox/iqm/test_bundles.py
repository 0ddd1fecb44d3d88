from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


@pytest.fixture
async def campaign(api: Api) -> int:
    return await api.create_campaign(await api.create_order())


async def create(api: Api, campaign: int, name: str, dimension: int = 1, entities: tuple[int, ...] = (1, 2)) -> Any:
    body = {"bundleName": name, "entityIds": list(entities)}
    return await api.call("bid_models_create_bundle", body, campaignId=campaign, dimensionId=dimension)


async def listed(api: Api, campaign: int, **query: Any) -> list[str]:
    answer = await api.call("bid_models_list_bundles", campaignId=campaign, query=query)
    return [bundle["bundleName"] for bundle in answer.inside]


async def test_bundles_are_listed_by_campaign_dimension_and_text(api: Api, campaign: int) -> None:
    other = await api.create_campaign(await api.create_order())
    await create(api, campaign, "Morning papers")
    await create(api, campaign, "Evening papers", 13)
    await create(api, other, "Weeklies")
    assert await listed(api, campaign) == ["Morning papers", "Evening papers"]
    assert await listed(api, campaign, dimensionId=13) == ["Evening papers"]
    assert await listed(api, campaign, searchField="morn") == ["Morning papers"]
    assert (await api.call("bid_models_list_bundles", campaignId=1)).status == 422


async def test_a_dimension_has_ten_bundles_at_most(api: Api, campaign: int) -> None:
    for number in range(10):
        assert (await create(api, campaign, f"Bundle {number}")).status == 200
    answer = await create(api, campaign, "One more")
    assert (answer.status, answer.message) == (422, "A dimension has at most 10 bundles")
    assert (await create(api, campaign, "Elsewhere", 13)).status == 200


async def test_bundles_need_a_name_and_entities(api: Api, campaign: int) -> None:
    assert (await create(api, campaign, " ")).status == 422
    assert (await create(api, campaign, "Empty", entities=())).status == 422
    assert (await create(api, campaign, "x" * 256)).status == 422


async def test_updates_change_what_they_name_or_nothing(api: Api, campaign: int) -> None:
    await create(api, campaign, "One")
    await create(api, campaign, "Two")
    place: dict[str, Any] = {"campaignId": campaign, "dimensionId": 1}
    changes = [{"bundleId": 1, "bundleName": "First"}, {"bundleId": 2, "entityIds": [13, 14]}]
    answer = await api.call("bid_models_update_bundles", {"bundleDetailList": changes}, **place)
    assert answer.inside == "Bundles changed"
    bundles = (await api.call("bid_models_list_bundles", campaignId=campaign)).inside
    assert [(bundle["bundleName"], bundle["entityIds"]) for bundle in bundles] == [("First", [1, 2]), ("Two", [13, 14])]
    changes = [{"bundleId": 1, "bundleName": "Again"}, {"bundleId": 3}]
    assert (await api.call("bid_models_update_bundles", {"bundleDetailList": changes}, **place)).status == 422
    assert await listed(api, campaign) == ["First", "Two"]


@pytest.mark.parametrize("at", [0, 1])
async def test_bundles_are_deleted_on_the_documented_and_the_live_path(api: Api, campaign: int, at: int) -> None:
    await create(api, campaign, "One")
    await create(api, campaign, "Two")
    place: dict[str, Any] = {"campaignId": campaign, "dimensionId": 1}
    answer = await api.call("bid_models_delete_bundles", {"bundleIds": [1]}, at=at, **place)
    assert answer.inside == "Bundles deleted"
    assert await listed(api, campaign) == ["Two"]
    assert (await api.call("bid_models_delete_bundles", {"bundleIds": [2, 1]}, at=at, **place)).status == 422
    assert await listed(api, campaign) == ["Two"]
