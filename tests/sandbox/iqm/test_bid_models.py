from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api

PERIOD = {"startDate": 1751001600000, "endDate": 1753593599000}
OTHER = {"entityId": -1, "entityTypeId": 3, "priority": 1, "bidMultiplier": 1}
HALF = {"priority": 1, "bidMultiplier": 2, "spendRatio": 50, "spendRatioTypeId": 2}


@pytest.fixture
async def campaign(api: Api) -> int:
    order = await api.create_order()
    campaign = await api.create_campaign(order, creativeIds="7,8,9", creativeType=14)
    api.sandbox.advance(10)
    return campaign


async def manage(api: Api, campaign: int, dimension: int = 1, **actions: Any) -> Any:
    details = {
        name: changes if name == "DELETE" else {"bidModelEntityDetails": changes} for name, changes in actions.items()
    }
    body = {"actionWiseBidModelEntities": details}
    return await api.call("bid_models_manage", body, campaignId=campaign, dimensionId=dimension)


async def rows(api: Api, campaign: int, dimension: int = 1, **body: Any) -> list[dict[str, Any]]:
    answer = await api.call("bid_models_list", body, campaignId=campaign, dimensionId=dimension)
    return list(answer.inside["data"])


async def models(api: Api, campaign: int) -> dict[int, dict[str, Any]]:
    listed = await rows(api, campaign, sortBy="+id")
    return {row["id"]: row["bidModelData"] for row in listed if row["modelled"]}


async def test_a_campaign_s_own_creatives_are_listed_with_figures(api: Api, campaign: int) -> None:
    answer = (await api.call("bid_models_list", PERIOD, campaignId=campaign, dimensionId=1)).inside
    assert sorted(row["id"] for row in answer["data"]) == [7, 8, 9]
    assert (answer["totalRecords"], answer["filteredRecords"], answer["total"]["totalCount"]) == (3, 3, 3)
    row = answer["data"][0]
    assert (row["name"], row["creativeType"], row["creativeStatus"]) == ("creative 7", "Video", "Running")
    assert (row["isExcluded"], row["modelled"], row["targeted"]) == (0, False, True)
    assert answer["total"]["impressions"] == sum(row["impressions"] for row in answer["data"])
    assert sum(row["spentDistribution"] for row in answer["data"]) == pytest.approx(100)
    bids = answer["campaignBidDetails"]
    assert (bids["baseBid"], bids["maxBid"], bids["currentPriority"]) == (10, 10, 1)
    again = (await api.call("bid_models_list", PERIOD, campaignId=campaign, dimensionId=1)).inside
    assert again["data"] == answer["data"]
    later = (await api.call("bid_models_list", {**PERIOD, "endDate": 0}, campaignId=campaign, dimensionId=1)).inside
    assert later["data"] != answer["data"]


async def test_figures_can_be_skipped(api: Api, campaign: int) -> None:
    answer = (await api.call("bid_models_list", {"skipReporting": True}, campaignId=campaign, dimensionId=1)).inside
    assert answer["total"] == {"totalCount": 3}
    assert "impressions" not in answer["data"][0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"sortBy": "-id"}, [9, 8, 7]),
        ({"sortBy": "+name", "noOfEntries": 2, "pageNo": 2}, [9]),
        ({"searchField": "creative 8"}, [7, 8, 9]),
        ({"searchField": "8"}, [8]),
        ({"sortBy": "-bidMultiplier,+id"}, [7, 8, 9]),
    ],
)
async def test_lists_of_entities(api: Api, campaign: int, body: dict[str, Any], expected: list[int]) -> None:
    assert [row["id"] for row in await rows(api, campaign, **body)] == expected


@pytest.mark.parametrize(
    ("dimension", "settings", "names"),
    [
        (3, {"userDealId": "1,b", "pmpDealIds": [2]}, {1: "deal 1", 2: "deal 2"}),
        (5, {"publisherAdCategory": "112"}, {112: "publisher category 112"}),
        (6, {}, {}),
        (7, {"trafficType": "11,99"}, {11: "App", 99: "traffic type 99"}),
        (8, {"deviceType": "15"}, {15: "device type 15"}),
        (10, {"stateIds": "1", "whiteListedStateIds": "2"}, {1: "state 1", 2: "state 2"}),
        (11, {"whiteListedCityIds": "3"}, {3: "city 3"}),
        (12, {"whiteListedZipcodes": "20001"}, {20001: "zip code 20001"}),
        (13, {"exchanges": "1,27"}, {1: "iQM", 27: "exchange 27"}),
        (13, {"exchanges": ""}, {1: "iQM", 78: "Magnite", 80: "Equativ", 84: "Vidazoo"}),
    ],
)
async def test_dimensions_follow_the_campaign(
    api: Api, campaign: int, dimension: int, settings: dict[str, Any], names: dict[int, str]
) -> None:
    await api.call("campaigns_update", settings, campaignId=campaign)
    listed = await rows(api, campaign, dimension)
    assert {row["id"]: row["name"] for row in listed} == names


async def test_inventory_is_invented(api: Api, campaign: int) -> None:
    sites = await rows(api, campaign, 4)
    assert len(sites) >= 1
    assert all(row["name"].endswith(".example.com") for row in sites)


async def test_unknown_campaigns_and_dimensions(api: Api, campaign: int) -> None:
    assert (await api.call("bid_models_list", {}, campaignId=1, dimensionId=1)).status == 422
    assert (await api.call("bid_models_list", {}, campaignId=campaign, dimensionId=99)).status == 422
    body = {"dimensionId": 99, "entityIds": [1]}
    answer = await api.call("bid_models_find_modelled_entities", body)
    assert (answer.status, type(answer.json["errorObjects"])) == (422, dict)


async def test_models_are_added_changed_and_removed(api: Api, campaign: int) -> None:
    added = [{"entityId": 7, "entityTypeId": 1, **HALF}, {**OTHER, **HALF, "entityId": -1}]
    answer = await manage(api, campaign, ADD=added)
    assert answer.inside == "Bid models changed"
    assert await models(api, campaign) == {7: {"id": 1, **HALF}}
    await manage(
        api, campaign, UPDATE=[{"bidModelDataId": 1, "priority": 3}, {"bidModelDataId": 1, "bidMultiplier": 9}]
    )
    assert (await models(api, campaign))[7] == {"id": 1, **HALF, "priority": 3, "bidMultiplier": 9}
    assert [row["id"] for row in await rows(api, campaign, sortBy="-priority,-id")] == [7, 9, 8]
    await manage(api, campaign, DELETE={"bidModelDataId": [1, 2]})
    assert await models(api, campaign) == {}


async def test_a_dimension_s_models_are_removed_together(api: Api, campaign: int) -> None:
    await manage(api, campaign, ADD=[{"entityId": 7, "entityTypeId": 1, "priority": 1}, OTHER])
    await manage(api, campaign, DELETE={"deleteDimensionId": 1})
    assert await models(api, campaign) == {}


async def test_bundles_are_made_and_modelled(api: Api, campaign: int) -> None:
    added = [{"entityId": -2, "entityTypeId": 2, "bundleName": "Papers", "entityIds": [7, 8], "priority": 4}, OTHER]
    await manage(api, campaign, ADD=added)
    (bundle,) = (await api.call("bid_models_list_bundles", campaignId=campaign)).inside
    assert bundle == {
        "bundleId": 1, "bundleName": "Papers", "dimensionId": 1, "entityIds": [7, 8], "modellingApplied": True,
    }  # fmt: skip
    assert set(await models(api, campaign)) == {7, 8}
    change = {"bidModelDataId": 1, "bundleId": 1, "bundleName": "Dailies", "entityIds": [8, 9], "priority": 5}
    await manage(api, campaign, UPDATE=[change])
    assert {number: model["priority"] for number, model in (await models(api, campaign)).items()} == {8: 5, 9: 5}
    (bundle,) = (await api.call("bid_models_list_bundles", campaignId=campaign)).inside
    assert (bundle["bundleName"], bundle["entityIds"]) == ("Dailies", [8, 9])
    await manage(api, campaign, ADD=[{"entityId": 8, "entityTypeId": 1, "priority": 1}], DELETE={"bundleIds": [1]})
    assert set(await models(api, campaign)) == {8}
    assert (await api.call("bid_models_list_bundles", campaignId=campaign)).inside == []


async def test_an_existing_bundle_is_modelled(api: Api, campaign: int) -> None:
    body = {"bundleName": "Papers", "entityIds": [7]}
    made = (await api.call("bid_models_create_bundle", body, campaignId=campaign, dimensionId=1)).inside
    assert made == {"message": "Bundle created", "id": 1}
    await manage(api, campaign, ADD=[{"entityId": 1, "entityTypeId": 2, "priority": 1}, OTHER])
    assert set(await models(api, campaign)) == {7}


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ({"ADD": [{"entityId": 7, "entityTypeId": 1, "priority": 1}]}, "type other is missing"),
        ({"ADD": [{**OTHER, "entityId": -2}]}, "has the entity id -1"),
        ({"ADD": [OTHER, {**OTHER}]}, "has a bid model already"),
        ({"ADD": [OTHER, {"entityId": 5, "entityTypeId": 2}]}, "no bundle 5"),
        ({"ADD": [OTHER, {"entityId": -5, "entityTypeId": 2, "entityIds": [1]}]}, "name must not be empty"),
        ({"ADD": [OTHER, {"entityId": -5, "entityTypeId": 2, "bundleName": "x"}]}, "must not be empty"),
        ({"ADD": [{**OTHER, "spendRatio": 50}]}, "go together"),
        ({"ADD": [{**OTHER, "spendRatioTypeId": 1}]}, "go together"),
        ({"ADD": [{**OTHER, "spendRatio": 0.5, "spendRatioTypeId": 1}]}, "at least 1"),
        ({"ADD": [{**OTHER, "spendRatio": 50, "spendRatioTypeId": 2}]}, "make 100 percent"),
        ({"ADD": [{"entityId": -1, "entityTypeId": 3, "spendRatio": 50, "spendRatioTypeId": 1}]}, "needs a priority"),
        ({"UPDATE": [{"bidModelDataId": 5, "priority": 1}]}, "no bid model 5"),
        ({"DELETE": {"bidModelDataId": [5]}}, "no bid model 5"),
        ({"DELETE": {"bundleIds": [5]}}, "no bundle 5"),
    ],
)
async def test_changes_against_the_rules_change_nothing(
    api: Api, campaign: int, actions: dict[str, Any], words: str
) -> None:
    answer = await manage(api, campaign, **actions)
    assert answer.status == 422
    assert words in answer.message
    assert (await api.call("bid_models_list_bundles", campaignId=campaign)).inside == []
    assert await models(api, campaign) == {}


async def test_a_model_of_an_entity_has_no_bundle(api: Api, campaign: int) -> None:
    await manage(api, campaign, ADD=[OTHER])
    answer = await manage(api, campaign, UPDATE=[{"bidModelDataId": 1, "bundleName": "x"}])
    assert (answer.status, answer.message) == (422, "Bid model 1 is not that of a bundle")


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"endTime": 2 * 86400}, 422),
        ({"endTime": None, "budgetDay": None}, 200),
        ({"budgetDay": 99}, 422),
        ({"budgetDay": None, "budgetTotal": 999}, 422),
        ({"budgetDay": None, "budgetTotal": 1001}, 200),
    ],
)
async def test_multipliers_need_three_days_and_a_hundred_dollars(
    api: Api, settings: dict[str, Any], status: int
) -> None:
    if settings.get("endTime"):
        settings = {**settings, "endTime": int(api.sandbox.now()) + settings["endTime"]}
    campaign = await api.create_campaign(await api.create_order(), **settings)
    assert (await manage(api, campaign, ADD=[OTHER])).status == status
    ratio_only = {"entityId": -1, "entityTypeId": 3, "spendRatio": 100, "spendRatioTypeId": 2}
    assert (await manage(api, campaign, ADD=[ratio_only], DELETE={"deleteDimensionId": 1})).status == 200


async def test_inclusions_and_the_base_bid_go_without_models(api: Api, campaign: int) -> None:
    body = {"inclusionExclusionEntityMap": {"INCLUDE": [55], "EXCLUDE": [8]}, "baseBid": 3.333}
    assert (await api.call("bid_models_manage", body, campaignId=campaign, dimensionId=1)).status == 200
    answer = (await api.call("bid_models_list", {}, campaignId=campaign, dimensionId=1)).inside
    assert {row["id"]: row["isExcluded"] for row in answer["data"]} == {7: 0, 8: 1, 9: 0, 55: 0}
    assert answer["campaignBidDetails"]["baseBid"] == 3.33


async def test_deleted_campaigns_are_not_modelled(api: Api, campaign: int) -> None:
    await manage(api, campaign, ADD=[{"entityId": 7, "entityTypeId": 1, "priority": 1}, OTHER])
    api.sandbox.set_campaign_status(campaign, "deleted")
    assert (await manage(api, campaign, ADD=[OTHER])).status == 422
    body = {"dimensionId": 1, "entityIds": [7]}
    assert (await api.call("bid_models_find_modelled_entities", body)).inside == {"modelledEntityIds": []}


async def test_modelled_entities_are_found_across_campaigns(api: Api, campaign: int) -> None:
    await manage(api, campaign, ADD=[{"entityId": 7, "entityTypeId": 1, "priority": 1}, OTHER])
    other = await api.create_campaign(await api.create_order())
    added = [{"entityId": -9, "entityTypeId": 2, "bundleName": "x", "entityIds": [7], "priority": 1}, OTHER]
    await manage(api, other, ADD=added)
    body = {"dimensionId": 1, "entityIds": [7, 8], "includeCampaignInfo": True}
    assert (await api.call("bid_models_find_modelled_entities", body)).inside == {
        "modelledEntityIds": [7],
        "modelledCampaignDetails": [
            {"entityId": 7, "campaignIds": [campaign, other]},
            {"entityId": 8, "campaignIds": []},
        ],
    }


async def test_statistics_by_dimension(api: Api, campaign: int) -> None:
    await manage(api, campaign, ADD=[{"entityId": 7, "entityTypeId": 1, "priority": 1}, OTHER])
    counted = (await api.call("bid_models_get_dimension_statistics", campaignId=campaign)).inside
    assert counted["1"] == {"totalCount": 3, "modelledCount": 1, "modelledIds": [7]}
    assert counted["3"] == {"totalCount": 0, "modelledCount": 0, "modelledIds": None}
    query = {"attributes": "totalCount, modelledCount"}
    counted = (await api.call("bid_models_get_dimension_statistics", campaignId=campaign, query=query)).inside
    assert counted["8"] == {"totalCount": 4, "modelledCount": 0}
    query = {"attributes": "average"}
    assert (await api.call("bid_models_get_dimension_statistics", campaignId=campaign, query=query)).status == 422


async def test_spend_by_entity(api: Api, campaign: int) -> None:
    spent = (await api.call("bid_models_get_spend", campaignId=campaign, dimensionId=1)).inside["entityWiseSpent"]
    assert set(spent) == {"7", "8", "9"}
    assert 0 < sum(spent.values()) <= 1500


@pytest.mark.parametrize(
    ("operation", "dimension", "label"),
    [
        ("device_types", 8, "Device types"),
        ("exchanges", 13, "Exchanges"),
        ("traffic_sources", 7, "Traffic sources"),
    ],
)
async def test_blocking_and_allowing(api: Api, campaign: int, operation: str, dimension: int, label: str) -> None:
    for excluded, word in ((1, "blocked"), (0, "allowed")):
        body = {"ids": "12, 11", "isExcluded": excluded, "campaignId": campaign}
        answer = await api.call(f"bid_models_include_exclude_{operation}", body)
        assert answer.inside == {"message": f"{label} {word}"}
        listed = {row["id"]: row["isExcluded"] for row in await rows(api, campaign, dimension)}
        assert (listed[11], listed[12]) == (excluded, excluded)
    unknown = {"ids": "1", "isExcluded": 1, "campaignId": 1}
    assert (await api.call(f"bid_models_include_exclude_{operation}", unknown)).status == 400
    nothing = {"ids": "", "isExcluded": 1, "campaignId": campaign}
    assert (await api.call(f"bid_models_include_exclude_{operation}", nothing)).status == 400


async def test_entities_are_included_and_excluded_on_both_paths(api: Api, campaign: int) -> None:
    place: dict[str, Any] = {"campaignId": campaign, "dimensionId": 1}
    for at, excluded, text in ((0, 1, "Entities blocked"), (1, 0, "Entities targeted")):
        body = {"ids": "7", "isExcluded": excluded}
        assert (await api.call("bid_models_include_exclude_entities", body, at=at, **place)).inside == text
        assert {row["id"]: row["isExcluded"] for row in await rows(api, campaign)}[7] == excluded
