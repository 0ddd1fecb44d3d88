from __future__ import annotations

from typing import Any

import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.api import Api


@pytest.fixture
async def order(api: Api) -> int:
    return await api.create_order("Spring")


async def test_a_new_campaign_is_pending_and_then_runs_and_then_expires(api: Api, order: int) -> None:
    body = api.campaign(order)
    answer = await api.call("campaigns_create", body)
    assert answer.json["statusCode"] == 201
    assert answer.inside == {"data": 537001, "message": "The campaign is saved.", "status": "pending"}
    assert (await api.campaign_row(537001))["status"] == "pending"
    api.sandbox.advance(api.sandbox.options.approval_delay)
    assert (await api.campaign_row(537001))["status"] == "running"
    api.sandbox.advance(10 * 86400)
    assert (await api.campaign_row(537001))["status"] == "expired"


async def test_a_campaign_answers_what_was_sent_normalised(api: Api, order: int) -> None:
    sent: dict[str, Any] = {
        "maxBid": 10.005,
        "budgetTotal": 1500.555,
        "creativeIds": " 3, 4,,5 ",
        "exchanges": "27, 21",
        "ioId": str(order),
        "countryId": 30100001,
        "whiteListedStateIds": "30200031, 30200032",
        "blackListedSiteDomain": "news.example.com\nbrand.example.com",
        "inventoryKeywords": ["Clothing"],
        "startTime": float(int(api.sandbox.now())),
    }
    row = await api.campaign_row(await api.create_campaign(order, **sent))
    assert (row["maxBid"], row["budgetTotal"]) == (10.01, 1500.56)
    assert (row["creativeIds"], row["exchanges"], row["countryId"]) == ("3,4,5", "27,21", "30100001")
    assert row["whiteListedStateIds"] == "30200031,30200032"
    assert row["blackListedSiteDomain"] == sent["blackListedSiteDomain"]
    assert (row["ioId"], row["ioName"], row["campaignTypeId"]) == (order, "Spring", 1)
    assert (row["userEmail"], row["owId"]) == (Sandbox.EMAIL, Sandbox.OW_ID)
    assert row["inventoryKeywords"] == ["Clothing"]
    assert row["startTime"] == int(sent["startTime"])
    assert not [name for name in row if name.startswith("_")]
    assert "spent" not in row


async def test_what_only_the_service_sets_cannot_be_sent(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order, dspMargin="high", owId=1, status="running", _approved=0)
    await api.call("campaigns_update", {"status": "deleted", "id": 1, "createDate": 1}, campaignId=campaign)
    row = await api.campaign_row(campaign)
    assert (row["dspMargin"], row["owId"], row["status"], row["id"]) == (0, Sandbox.OW_ID, "pending", campaign)


async def test_the_budget_type_is_the_orders_when_none_is_sent(api: Api) -> None:
    order = await api.create_order(ioBudgetTypeId=2)
    campaign = await api.create_campaign(order, budgetTypeId=None)
    assert (await api.campaign_row(campaign))["budgetTypeId"] == 2


@pytest.mark.parametrize(
    ("settings", "code", "field"),
    [
        ({"isAgreementChecked": False}, 412, "isAgreementChecked"),
        ({"ioId": 1}, 400, "ioId"),
        ({"ioId": "first"}, 400, "ioId"),
        ({"budgetTypeId": 2}, 412, "budgetTypeId"),
        ({"campaignName": " "}, 412, "campaignName"),
        ({"advertiserDomain": "brand.example.com"}, 412, "advertiserDomain"),
        ({"maxBid": 0.99}, 412, "maxBid"),
        ({"maxBid": 1000.01}, 412, "maxBid"),
        ({"minBid": 3, "maxBid": 2.5}, 412, "maxBid"),
        ({"endTime": 5, "startTime": 5}, 412, "endTime"),
        ({"totalBudgetPacing": True}, 400, "budgetDay"),
        ({"totalBudgetPacing": True, "budgetDay": None, "endTime": None}, 400, "endTime"),
    ],
)
async def test_campaigns_against_the_rules_are_refused(
    api: Api, order: int, settings: dict[str, Any], code: int, field: str
) -> None:
    answer = await api.call("campaigns_create", api.campaign(order, **settings))
    assert answer.status == 400
    detail = answer.json["responseObject"]
    assert (answer.json["statusCode"], detail["errorCode"], detail["errorField"]) == (code, code, field)
    assert detail["description"] == "uri=/api/v2/cmp/campaigns/add"
    assert (await api.call("campaigns_list")).json["recordsTotal"] == 0
    assert api.sandbox.counts.executions["campaigns_create"] == 0


async def test_a_campaign_without_creatives_fails_with_a_bare_500(api: Api, order: int) -> None:
    answer = await api.call("campaigns_create", api.campaign(order, creativeIds=""))
    assert (answer.status, answer.message) == (500, "Internal error")


async def test_a_paced_campaign_has_no_budget_a_day(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order, totalBudgetPacing=True, budgetDay=None)
    assert (await api.campaign_row(campaign))["budgetDay"] == 0
    other = await api.create_campaign(order)
    await api.call("campaigns_update", {"totalBudgetPacing": True}, campaignId=other)
    row = await api.campaign_row(other)
    assert (row["totalBudgetPacing"], row["budgetDay"]) == (True, 0)
    both = {"totalBudgetPacing": True, "budgetDay": 5}
    assert (await api.call("campaigns_update", both, campaignId=other)).status == 400


async def test_unknown_campaigns_answer_400_on_v2_and_422_on_v3(api: Api) -> None:
    assert (await api.call("campaigns_get", campaignId=1)).status == 400
    assert (await api.call("campaigns_update", {}, campaignId=1)).status == 400
    assert (await api.call("campaigns_rename", {"campaignName": "New"}, campaignId=1)).status == 422
    assert (await api.call("campaigns_get", campaignId="one")).status == 400


async def test_an_update_leaves_a_running_campaign_running_and_submits_a_draft(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)
    api.sandbox.advance(10)
    answer = await api.call("campaigns_update", {"campaignName": "Renamed", "maxBid": 2.345}, campaignId=campaign)
    assert (answer.json["statusCode"], answer.inside["status"]) == (201, "running")
    row = await api.campaign_row(campaign)
    assert (row["campaignName"], row["maxBid"]) == ("Renamed", 2.35)
    api.sandbox.set_campaign_status(campaign, "draft")
    api.sandbox.advance(10)
    assert (await api.campaign_row(campaign))["status"] == "draft"
    answer = await api.call("campaigns_update", {}, campaignId=campaign)
    assert answer.inside["status"] == "pending"
    api.sandbox.advance(10)
    assert (await api.campaign_row(campaign))["status"] == "running"


async def test_a_campaign_moves_to_another_order_of_the_same_kind(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)
    other, wrong = await api.create_order("Other"), await api.create_order(ioBudgetTypeId=2)
    assert (await api.call("campaigns_update", {"ioId": wrong}, campaignId=campaign)).status == 400
    assert (await api.call("campaigns_update", {"ioId": str(other)}, campaignId=campaign)).status == 200
    assert (await api.campaign_row(campaign))["ioName"] == "Other"


async def test_deleted_campaigns_do_not_change(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)
    api.sandbox.set_campaign_status(campaign, "deleted")
    assert (await api.call("campaigns_update", {}, campaignId=campaign)).status == 400
    assert (await api.call("campaigns_rename", {"campaignName": "New"}, campaignId=campaign)).status == 422


async def test_a_campaign_is_renamed(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)
    answer = await api.call("campaigns_rename", {"campaignName": "New"}, campaignId=campaign)
    assert answer.inside == {"message": "The campaign is renamed"}
    assert (await api.campaign_row(campaign))["campaignName"] == "New"
    assert (await api.call("campaigns_rename", {"campaignName": " "}, campaignId=campaign)).status == 422


async def test_modelled_creatives_stay_with_their_campaign(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order, creativeIds="7,8")
    model = {"priority": 1, "bidMultiplier": 2}
    added = [{"entityId": 7, "entityTypeId": 1, **model}, {"entityId": -1, "entityTypeId": 3, **model}]
    body = {"actionWiseBidModelEntities": {"ADD": {"bidModelEntityDetails": added}}}
    assert (await api.call("bid_models_manage", body, campaignId=campaign, dimensionId=1)).status == 200
    answer = await api.call("campaigns_update", {"creativeIds": "8,9"}, campaignId=campaign)
    assert (answer.status, answer.json["statusCode"]) == (400, 400)
    assert (await api.call("campaigns_update", {"creativeIds": "7,9"}, campaignId=campaign)).status == 200


async def test_spend_is_told_when_asked_for_and_is_reproducible(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)

    async def spent() -> float:
        answer = await api.call("campaigns_get", campaignId=campaign, query={"isSpentRequired": "true"})
        return float(answer.inside["spent"])

    assert await spent() == 0
    api.sandbox.advance(10)
    first = await spent()
    assert first > 0
    assert await spent() == first
    api.sandbox.set_campaign_status(campaign, "rejected")
    assert await spent() == 0


async def test_states_are_set_from_outside(api: Api, order: int) -> None:
    campaign = await api.create_campaign(order)
    with pytest.raises(ValueError, match="no campaign 1"):
        api.sandbox.set_campaign_status(1, "running")
    with pytest.raises(ValueError, match="no state 'gone'"):
        api.sandbox.set_campaign_status(campaign, "gone")


class TestWithADelay:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(quota=None, approval_delay=3600, start=1_700_000_000)

    async def test_approval_takes_as_long_as_the_options_say(self, api: Api, order: int) -> None:
        campaign = await api.create_campaign(order)
        row = await api.campaign_row(campaign)
        assert 1_700_000_000 <= row["createDate"] < 1_700_000_100
        api.sandbox.advance(3500)
        assert (await api.campaign_row(campaign))["status"] == "pending"
        api.sandbox.advance(100)
        assert (await api.campaign_row(campaign))["status"] == "running"
