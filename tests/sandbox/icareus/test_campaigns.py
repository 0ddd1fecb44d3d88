from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.icareus.api import CAMPAIGNS, OPERATIONS, Api

KINDS = list(CAMPAIGNS)
BANNERS = ["active_ad", "switch_in"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_documented_samples_create_campaigns(api: Api, kind: str) -> None:
    answer = (await api.call(f"campaigns_create_{kind}", CAMPAIGNS[kind])).done

    assert answer["campaignId"] == 71001
    assert answer["data"] == {**CAMPAIGNS[kind], "campaignId": 71001, "type": kind.replace("_", "")}


async def test_every_campaign_has_an_id_of_its_own(api: Api) -> None:
    assert [await api.create(kind) for kind in KINDS] == [71001, 71002, 71003, 71004, 71005]
    assert api.sandbox.icareus.state()["objects"]["campaign"] == 5


@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_changes_what_it_names(api: Api, kind: str) -> None:
    campaign = await api.create(kind)

    answer = (await api.call(f"campaigns_update_{kind}", {"cpmPrice": 12.5}, campaignId=campaign)).done

    assert answer["campaignId"] == campaign
    assert answer["data"] == {
        **CAMPAIGNS[kind],
        "cpmPrice": 12.5,
        "campaignId": campaign,
        "type": kind.replace("_", ""),
    }
    assert api.sandbox.icareus.state()["objects"]["campaign"] == 1


async def test_an_update_names_the_campaigns_own_type(api: Api) -> None:
    campaign = await api.create("switch_in")
    answer = await api.call("campaigns_update_active_ad", {"name": "Other"}, campaignId=campaign)
    assert answer.message == f"Campaign {campaign} is not of the type activead."


async def test_what_is_not_there_cannot_be_changed(api: Api) -> None:
    answer = await api.call("campaigns_update_active_ad", {"name": "Other"}, campaignId=9)
    assert answer.message == "There is no campaign 9."


async def test_another_organizations_campaign_is_not_there(api: Api) -> None:
    campaign = await api.create()
    api.credentials = {"organizationId": 300002, "token": "sandbox-organization-secret-2", "userId": 10102}
    answer = await api.call("campaigns_update_video_swap", {"name": "Mine"}, campaignId=campaign)
    assert answer.message == f"There is no campaign {campaign}."


async def test_either_list_of_device_types_excludes_the_other(api: Api) -> None:
    both = {"deviceTypeBlacklist": [13700], "deviceTypeWhitelist": [13701]}
    answer = await api.call("campaigns_create_video_swap", {**CAMPAIGNS["video_swap"], **both})
    assert answer.message == "A campaign has a deviceTypeBlacklist or a deviceTypeWhitelist, never the two."

    campaign = await api.create("active_ad")
    change = {"deviceTypeBlacklist": [13702]}
    data = (await api.call("campaigns_update_active_ad", change, campaignId=campaign)).done["data"]
    assert "deviceTypeWhitelist" not in data
    assert data["deviceTypeBlacklist"] == [13702]
    assert (await api.call("campaigns_update_active_ad", both, campaignId=campaign)).message == answer.message


@pytest.mark.parametrize("kind", BANNERS)
async def test_ad_form_needs_a_tag(api: Api, kind: str) -> None:
    body = {**CAMPAIGNS[kind], "adPlatform": 2}
    missing = await api.call(f"campaigns_create_{kind}", body)
    assert missing.message == "adTagUrl is required when adPlatform is 2."

    campaign = await api.create(kind, adPlatform=2, adTagUrl="https://tags.example.com/1")
    emptied = await api.call(f"campaigns_update_{kind}", {"adTagUrl": ""}, campaignId=campaign)
    assert emptied.message == "adTagUrl is required when adPlatform is 2."


@pytest.mark.parametrize(
    ("kind", "change", "name"),
    [
        ("active_ad", {"adPlatform": 2, "adTagUrl": "https://tags.example.com/1"}, "adPlatform"),
        ("active_ad", {"dataSource": 3}, "dataSource"),
        ("video_swap", {"dataSource": 4}, "dataSource"),
        ("in_stream_video", {"dataSource": 1}, "dataSource"),
    ],
)
async def test_platform_and_data_source_stay_what_they_were(
    api: Api, kind: str, change: dict[str, Any], name: str
) -> None:
    campaign = await api.create(kind)
    answer = await api.call(f"campaigns_update_{kind}", change, campaignId=campaign)
    assert answer.message == f"{name} cannot be changed."


async def test_the_same_data_source_again_is_no_change(api: Api) -> None:
    campaign = await api.create("switch_in", dataSource=None, adPlatform=None)
    same = {"dataSource": 2, "adPlatform": 1}
    assert (await api.call("campaigns_update_switch_in", same, campaignId=campaign)).done


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("video_swap", {"dataSource": 2}),
        ("active_ad", {"dataSource": 1}),
        ("switch_in", {"dataSource": 4}),
        ("switch_in", {"adPlatform": 3}),
        ("switch_in", {"campaignAdvertChannelStatus": "NEWS"}),
        ("video_swap", {"channels": [56810, 57067]}),
        ("video_swap", {"cpmPrice": -1}),
        ("video_swap", {"VASTProfileId": "479862"}),
        ("in_stream_video", {"adProfileId": None}),
        ("active_ad", {"displayTimes": "tomorrow"}),
        ("active_ad", {"targeting": {"params": [{"name": "regionId", "value": 4}]}}),
        ("active_ad", {"targeting": {"params": [{"name": "city", "value": "004"}]}}),
    ],
)
async def test_what_does_not_conform_is_refused(api: Api, kind: str, wrong: dict[str, Any]) -> None:
    body = {name: value for name, value in {**CAMPAIGNS[kind], **wrong}.items() if value is not None}
    answer = await api.call(f"campaigns_create_{kind}", body)
    assert (answer.status, answer.json["status"]) == (400, "error")
    assert next(iter(wrong)) in answer.json["message"]


async def test_a_name_is_not_empty(api: Api) -> None:
    body = {**CAMPAIGNS["video_swap"], "name": " "}
    assert (await api.call("campaigns_create_video_swap", body)).message == "The name must not be empty."


async def test_a_body_cannot_choose_its_own_id_or_type(api: Api) -> None:
    campaign = await api.create(campaignId=5, type="activead", _organization=7)
    answer = await api.call("campaigns_update_video_swap", {"campaignId": 6, "type": "x"}, campaignId=campaign)
    assert (answer.done["campaignId"], answer.done["data"]["type"]) == (campaign, "videoswap")


async def test_a_body_may_travel_in_the_query(api: Api) -> None:
    data = '{"name":"In the query","adProfileId":1,"cpmPrice":0}'
    answer = await api.call("campaigns_create_in_stream_video", data=data)
    assert answer.done["data"]["name"] == "In the query"


async def test_one_of_body_and_data_is_needed(api: Api) -> None:
    assert (await api.call("campaigns_create_in_stream_video")).status == 400


@pytest.mark.parametrize("at", [0, -1])
async def test_the_made_up_path_is_served_too(api: Api, at: int) -> None:
    answer = await api.call("campaigns_create_video_swap", CAMPAIGNS["video_swap"], at=at)
    assert answer.done["campaignId"] == 71001


async def test_a_type_that_is_not_known_is_refused(api: Api) -> None:
    query = {**api.credentials, "action": "addUpdateCampaign", "type": "billboard"}
    status, content = await api.send("POST", "/api/campaign", query, b"{}")
    assert (status, content[:17]) == (400, b'{"status":"error"')


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        ({"organizationId": None}, 401, "Invalid organization."),
        ({"organizationId": 1}, 401, "Invalid organization."),
        ({"token": None}, 401, "Invalid token."),
        ({"token": "guessed"}, 401, "Invalid token."),
        ({"userId": 10102}, 403, "Invalid User Id."),
    ],
)
async def test_credentials_are_checked(api: Api, wrong: dict[str, Any], status: int, message: str) -> None:
    api.credentials.update(wrong)
    for operation in OPERATIONS:
        if operation != "campaigns_list_active":
            answer = await api.call(operation, {}, campaignId=1, scheduleId=1)
            assert (answer.status, answer.json) == (status, {"status": "error", "message": message})


async def test_active_campaigns_need_neither_token_nor_user(api: Api) -> None:
    api.credentials = {"organizationId": api.credentials["organizationId"]}
    assert await api.active() == []
    api.credentials = {}
    assert (await api.call("campaigns_list_active")).status == 401
