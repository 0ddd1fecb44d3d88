from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api import Api


@pytest.fixture
async def campaigns(api: Api) -> list[int]:
    order = await api.create_order()
    return [await api.create_campaign(order, name) for name in ("One", "Two", "Three")]


def joined(campaigns: list[int]) -> str:
    return ",".join(map(str, campaigns))


async def totals(api: Api, campaigns: list[int]) -> list[float]:
    return [(await api.campaign_row(campaign))["budgetTotal"] for campaign in campaigns]


async def test_a_budget_replaces_the_old_one(api: Api, campaigns: list[int]) -> None:
    body = {"campaignIds": joined(campaigns[:2]), "totalBudget": 2000.005, "totalBudgetUpdateType": "change"}
    answer = (await api.call("campaigns_update_budget", body, at=1)).inside
    assert answer == {
        "modified_data": [{"campaignId": campaign, "totalBudget": 2000.01} for campaign in campaigns[:2]],
        "status": True,
    }
    assert await totals(api, campaigns) == [2000.01, 2000.01, 1500]


async def test_the_documented_path_answers_with_its_own_spelling(api: Api, campaigns: list[int]) -> None:
    body = {"campaignIds": str(campaigns[0]), "dailyBudget": 100, "maxBid": 5, "totalBudget": 9000}
    answer = (await api.call("campaigns_update_budget", body)).inside
    assert answer["modified_data"] == [
        {"campaingId": campaigns[0], "maxBid": 5, "totalBudget": 9000, "dailyBudget": 100}
    ]
    body["dailyBudget"] = 101
    answer = (await api.call("campaigns_update_budget", body, at=1)).inside
    assert answer["modified_data"] == [{"campaignId": campaigns[0], "budgetDay": 101}]


async def test_a_budget_is_added(api: Api, campaigns: list[int]) -> None:
    body = {"campaignIds": joined(campaigns), "totalBudget": 0.5, "totalBudgetUpdateType": "addition"}
    for expected in (1500.5, 1501):
        await api.call("campaigns_update_budget", body)
        assert await totals(api, campaigns) == [expected] * 3


async def test_a_budget_is_shared_out_to_the_cent(api: Api, campaigns: list[int]) -> None:
    body = {"campaignIds": joined(campaigns), "totalBudget": 1000, "totalBudgetUpdateType": "distribution"}
    await api.call("campaigns_update_budget", body)
    assert await totals(api, campaigns) == [333.34, 333.33, 333.33]


async def test_impressions_follow_the_same_modes(api: Api, campaigns: list[int]) -> None:
    for mode, expected in (("change", [100, 100]), ("addition", [200, 200]), ("distribution", [50, 50])):
        body = {"campaignIds": joined(campaigns[:2]), "totalImpressions": 100, "totalBudgetUpdateType": mode}
        await api.call("campaigns_update_budget", body)
        rows = [await api.campaign_row(campaign) for campaign in campaigns[:2]]
        assert [row["totalImpressions"] for row in rows] == expected


async def test_a_day_s_impressions_and_the_end_are_set_too(api: Api, campaigns: list[int]) -> None:
    end = int(api.sandbox.now()) + 86400
    body = {"campaignIds": str(campaigns[0]), "dailyImpressions": 50, "endTime": end, "budgetTypeId": 1}
    answer = (await api.call("campaigns_update_budget", body)).inside
    assert answer["modified_data"] == [{"campaingId": campaigns[0], "endDate": end}]
    assert (await api.campaign_row(campaigns[0]))["maxDayImpressions"] == 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maxBid": 0.5}, "below the least bid of 3"),
        ({"maxBid": 1001}, "between 1.00 and 1000"),
        ({"maxBid": 2}, "below the least bid of 3"),
        ({"dailyBudget": 9999}, "exceeds the total"),
        ({"totalBudget": -1}, "below zero"),
        ({"dailyBudget": -1}, "below zero"),
        ({"endTime": 1}, "before the start"),
        ({"budgetTypeId": 2}, "budget type"),
    ],
)
async def test_one_refused_campaign_does_not_keep_the_others(
    api: Api, campaigns: list[int], change: dict[str, Any], words: str
) -> None:
    await api.call("campaigns_update", {"minBid": 3}, campaignId=campaigns[1])
    body = {"campaignIds": joined([campaigns[1], 1]), "totalBudgetUpdateType": "change", **change}
    answer = await api.call("campaigns_update_budget", body)
    assert answer.json["statusCode"] == 200
    assert answer.inside["status"] is False
    assert "modified_data" not in answer.inside
    first, second = answer.inside["reason"]
    assert words in first["errorMessage"]
    assert (first["id"], first["campaignName"]) == (str(campaigns[1]), "Two")
    assert (second["id"], second["campaignName"]) == ("1", "")


async def test_some_change_and_some_do_not(api: Api, campaigns: list[int]) -> None:
    api.sandbox.set_campaign_status(campaigns[1], "deleted")
    body = {"campaignIds": joined(campaigns), "maxBid": 7}
    answer = (await api.call("campaigns_update_budget", body, at=1)).inside
    assert [row["campaignId"] for row in answer["modified_data"]] == [campaigns[0], campaigns[2]]
    assert [row["id"] for row in answer["reason"]] == [str(campaigns[1])]
    assert answer["status"] is False


async def test_a_paced_campaign_takes_no_budget_a_day(api: Api, campaigns: list[int]) -> None:
    await api.call("campaigns_update", {"totalBudgetPacing": True}, campaignId=campaigns[0])
    body = {"campaignIds": str(campaigns[0]), "dailyBudget": 5}
    assert (await api.call("campaigns_update_budget", body)).inside["status"] is False


@pytest.mark.parametrize("ids", ["", " , ", "one", "12345678901234567890123"])
async def test_ids_have_to_be_ids(api: Api, ids: str) -> None:
    assert (await api.call("campaigns_update_budget", {"campaignIds": ids})).status == 400


async def test_a_new_end(api: Api, campaigns: list[int]) -> None:
    end = int(api.sandbox.now()) + 20 * 86400
    body = {"endDate": end, "campaignIds": joined(campaigns)}
    assert (await api.call("campaigns_update_end_date", body)).inside == {"status": True}
    assert (await api.campaign_row(campaigns[2]))["endTime"] == end
    answer = (await api.call("campaigns_update_end_date", {**body, "endDate": 1})).inside
    assert (answer["status"], len(answer["reason"])) == (False, 3)


async def test_a_later_end_revives_an_expired_campaign(api: Api, campaigns: list[int]) -> None:
    api.sandbox.advance(11 * 86400)
    assert (await api.campaign_row(campaigns[0]))["status"] == "expired"
    body = {"endDate": int(api.sandbox.now()) + 86400, "campaignIds": str(campaigns[0])}
    await api.call("campaigns_update_end_date", body)
    assert (await api.campaign_row(campaigns[0]))["status"] == "running"


async def set_status(api: Api, campaign: int, status: str, **more: Any) -> bool:
    answer = await api.call("campaigns_update_status", {"campaignIds": str(campaign), "status": status, **more})
    return bool(answer.inside["status"])


async def test_pause_resume_reject_delete(api: Api, campaigns: list[int]) -> None:
    campaign = campaigns[0]
    api.sandbox.advance(10)
    for status in ("paused", "running", "rejected", "running", "deleted"):
        assert await set_status(api, campaign, status, rejectionReason="No landing page")
        assert (await api.campaign_row(campaign))["status"] == status
    assert (await api.campaign_row(campaign))["rejectionReason"] == "No landing page"
    assert not await set_status(api, campaign, "running")


async def test_running_approves_a_pending_campaign(api: Api, campaigns: list[int]) -> None:
    assert await set_status(api, campaigns[0], "running")
    assert (await api.campaign_row(campaigns[0]))["status"] == "running"


async def test_expired_campaigns_need_a_new_end_to_run(api: Api, campaigns: list[int]) -> None:
    api.sandbox.advance(11 * 86400)
    assert not await set_status(api, campaigns[0], "running")
    assert not await set_status(api, campaigns[0], "paused")
    assert await set_status(api, campaigns[0], "running", endDate=int(api.sandbox.now()) + 86400)
    assert (await api.campaign_row(campaigns[0]))["status"] == "running"


async def test_drafts_are_submitted_by_a_change_only(api: Api, campaigns: list[int]) -> None:
    api.sandbox.set_campaign_status(campaigns[0], "draft")
    assert not await set_status(api, campaigns[0], "running")


@pytest.mark.parametrize("status", ["draft", "pending", "expired", "completed"])
async def test_states_that_nobody_can_set(api: Api, campaigns: list[int], status: str) -> None:
    body = {"campaignIds": str(campaigns[0]), "status": status}
    assert (await api.call("campaigns_update_status", body)).status == 400
