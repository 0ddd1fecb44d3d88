from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


@pytest.fixture
async def order(api: Api) -> int:
    return await api.create_order()


@pytest.fixture
async def campaigns(api: Api, order: int) -> list[int]:
    return [await api.create_campaign(order, "One"), await api.create_campaign(order, "Two")]


async def priorities(api: Api, order: int) -> dict[int, int | None]:
    answer = await api.call("insertion_orders_list_campaign_reports", {"ioIdsList": [order]})
    return {row["campaignId"]: row["campaignPriority"] for row in answer.inside["recordsList"]}


async def manage(api: Api, order: int, *requests: dict[str, Any], **more: Any) -> Any:
    body = {"bidModelRequests": list(requests), **more}
    return await api.call("bid_models_manage_for_insertion_order", body, ioId=order)


async def test_priorities_are_given_changed_and_taken(api: Api, order: int, campaigns: list[int]) -> None:
    first, second = campaigns
    body = {"priority": 4, "campaignIds": campaigns}
    assert (await api.call("bid_models_add_priority", body, ioId=order)).inside == "Priority changed"
    assert await priorities(api, order) == {first: 4, second: 4}
    body = {"priority": 2, "campaignIds": [second]}
    await api.call("bid_models_update_priority", body, ioId=order)
    assert await priorities(api, order) == {first: 4, second: 2}
    row = (await api.call("insertion_orders_get", ioId=order)).inside
    assert (row["isIoPrioritise"], row["ioCurrentPriority"]) == (True, 2)
    assert row["ioLastPriorityShift"] is not None
    await api.call("bid_models_remove_priority", query={"campaignIds": f"{first},{second}"}, ioId=order)
    assert await priorities(api, order) == {first: None, second: None}


async def test_only_campaigns_of_the_order_that_may_have_one(api: Api, order: int, campaigns: list[int]) -> None:
    stranger = await api.create_campaign(await api.create_order())
    body = {"priority": 1, "campaignIds": [*campaigns, stranger]}
    assert (await api.call("bid_models_add_priority", body, ioId=order)).status == 422
    api.sandbox.set_campaign_status(campaigns[0], "deleted")
    answer = await api.call("bid_models_add_priority", {"priority": 1, "campaignIds": campaigns}, ioId=order)
    assert (answer.status, answer.message) == (422, "The campaign has a status in which no priority can be given")
    assert (await api.call("bid_models_add_priority", {"priority": 1, "campaignIds": campaigns}, ioId=1)).status == 422


async def test_there_is_nothing_to_change_or_take_at_first(api: Api, order: int, campaigns: list[int]) -> None:
    body = {"priority": 1, "campaignIds": campaigns}
    assert (await api.call("bid_models_update_priority", body, ioId=order)).status == 422
    query = {"campaignIds": str(campaigns[0])}
    assert (await api.call("bid_models_remove_priority", query=query, ioId=order)).status == 422
    assert (await api.call("bid_models_add_priority", {**body, "priority": 11}, ioId=order)).status == 422


async def test_actions_give_change_and_take_priorities(api: Api, order: int, campaigns: list[int]) -> None:
    first, second = campaigns
    add = {"action": "ADD", "bidModelData": {"priority": 1}, "dimensionEntityMappings": [{"campaignId": first}]}
    assert (await manage(api, order, add)).inside == "Priority changed"
    assert await priorities(api, order) == {first: 1, second: None}
    change = {"action": "UPDATE", "bidModelData": {"id": 1, "priority": 2}}
    await manage(api, order, change)
    assert await priorities(api, order) == {first: 2, second: None}
    await manage(api, order, {"action": "DELETE", "bidModelDataIds": [1]})
    assert await priorities(api, order) == {first: None, second: None}


async def test_a_model_of_the_order_applies_to_all_its_campaigns(api: Api, order: int, campaigns: list[int]) -> None:
    target = {"dimensionId": 1, "entityId": 676384}
    add = {"action": "ADD", "bidModelData": {"bidMultiplier": 3}, "dimensionEntityMappings": [target]}
    await manage(api, order, add)
    await manage(api, order, {"action": "UPDATE", "bidModelData": {"id": 1, "bidMultiplier": 4}})

    async def modelled() -> list[Any]:
        found = []
        for campaign in campaigns:
            answer = await api.call("bid_models_list", {"sortBy": "+id"}, campaignId=campaign, dimensionId=1)
            found.append(answer.inside["data"][0].get("bidModelData"))
        return found

    assert await modelled() == [{"id": 1, "bidMultiplier": 4}] * 2
    await manage(api, order, {"action": "DELETE", "bidModelDataIds": [1]})
    assert await modelled() == [None, None]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"action": "ADD", "bidModelData": {"priority": 1}}, "needs a target"),
        ({"action": "ADD", "bidModelData": {"spendRatio": 1}}, "go together"),
        ({"action": "ADD", "dimensionEntityMappings": [{"entityId": 1}]}, "an entity of a dimension"),
        ({"action": "ADD", "dimensionEntityMappings": [{"campaignId": 1}]}, "not in the insertion order"),
        ({"action": "UPDATE", "bidModelData": {"id": 9, "priority": 1}}, "no bid model 9"),
        ({"action": "UPDATE"}, "no bid model None"),
        ({"action": "DELETE"}, "must not be empty"),
        ({"action": "DELETE", "bidModelDataIds": [9]}, "no bid model 9"),
    ],
)
async def test_actions_that_name_nothing(
    api: Api, order: int, campaigns: list[int], request_: dict[str, Any], words: str
) -> None:
    answer = await manage(api, order, request_)
    assert answer.status == 422
    assert words in answer.message


async def test_base_bid_and_exclusions_for_all_campaigns(api: Api, order: int, campaigns: list[int]) -> None:
    exclusion = {"dimensionId": 13, "ids": "78,80", "isExcluded": 1}
    only = {"dimensionId": 13, "ids": "84", "isExcluded": 1, "campaignId": campaigns[1]}
    assert (await manage(api, order, baseBid=2.5, excludeDimensionEntityMappings=[exclusion, only])).status == 200
    for campaign, expected in zip(campaigns, ([78, 80], [78, 80, 84]), strict=True):
        answer = (await api.call("bid_models_list", {}, campaignId=campaign, dimensionId=13)).inside
        assert sorted(row["id"] for row in answer["data"] if row["isExcluded"]) == expected
        assert answer["campaignBidDetails"]["baseBid"] == 2.5
    await manage(api, order, excludeDimensionEntityMappings={**exclusion, "isExcluded": 0})
    answer = (await api.call("bid_models_list", {}, campaignId=campaigns[0], dimensionId=13)).inside
    assert not any(row["isExcluded"] for row in answer["data"])
