from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.icareus.api import OPERATIONS, SPECIFICATION, Api

HOUR = 3600
DAY = 24 * HOUR


def samples(operation: str) -> list[Any]:
    examples = SPECIFICATION.at(OPERATIONS[operation].body_pointer.removesuffix("/schema"))["examples"]
    return [example["value"] for example in examples.values()]


@pytest.mark.parametrize("sample", samples("schedules_create"), ids=lambda sample: sample["name"])
async def test_the_samples_create_schedules(api: Api, sample: dict[str, Any]) -> None:
    campaign = await api.create()

    answer = (await api.call("schedules_create", sample, campaignId=campaign)).done

    assert (answer["scheduleId"], answer["campaignId"]) == (81001, campaign)
    assert answer["data"] == {**sample, "scheduleId": 81001, "campaignId": campaign}


@pytest.mark.parametrize("kind", ["video_swap", "active_ad", "switch_in", "in_stream_video", "in_video_overlay"])
async def test_a_campaign_is_active_while_its_schedule_runs(api: Api, kind: str) -> None:
    campaign = await api.create(kind)
    assert await api.active() == []

    await api.schedule(campaign)
    assert await api.active() == [campaign]
    api.sandbox.advance(8 * HOUR - 60)
    assert await api.active() == [campaign]
    api.sandbox.advance(60)
    assert await api.active() == []


async def test_an_active_campaign_shows_what_is_known_of_such(api: Api) -> None:
    campaign = await api.create("in_stream_video")
    await api.schedule(campaign, timeZone=1, duration="10:00")

    assert (await api.call("campaigns_list_active")).json == {
        "campaigns": [
            {
                "campaignId": campaign,
                "campaignName": "API In-Stream Video Example",
                "type": "inStreamVideo",
                "channels": [{"id": 56810, "name": "Channel 56810"}, {"id": 57067, "name": "Channel 57067"}],
                "contentType": 0,
                "endTime": "2019-11-25T21:00:00Z",
                "adProfileId": 682288,
                "adProfile": {"type": 0},
            }
        ]
    }


async def test_active_campaigns_are_filtered_by_type_in_any_case(api: Api) -> None:
    kinds = ["video_swap", "active_ad", "switch_in", "in_stream_video", "in_video_overlay"]
    swap, ad, switch, stream, overlay = [await api.create(kind) for kind in kinds]
    for campaign in (swap, ad, switch, stream, overlay):
        await api.schedule(campaign)

    assert await api.active() == [swap, ad, switch, stream, overlay]
    assert await api.active(campaignType="switchIn,inStreamVideo") == [switch, stream]
    assert await api.active(campaignType="switchin, INVIDEOOVERLAY") == [switch, overlay]
    assert await api.active(campaignType="activead,videoswap") == [swap, ad]
    assert await api.active(campaignType="banner") == []
    assert await api.active(campaignType="", contentType=2) == [swap, ad, switch, stream, overlay]


async def test_another_organizations_campaigns_are_not_listed(api: Api) -> None:
    await api.schedule(await api.create())
    api.credentials = {"organizationId": 300002}
    assert await api.active() == []


async def test_any_of_several_schedules_makes_a_campaign_active(api: Api) -> None:
    campaign = await api.create()
    await api.schedule(campaign, startDate="2019-11-25T11:00", duration="00:30")
    await api.schedule(campaign, startDate="2019-11-25T11:00", duration="02:00")
    assert await api.active() == [campaign]


async def test_an_update_moves_a_schedule(api: Api) -> None:
    campaign = await api.create()
    schedule = await api.schedule(campaign)

    moved = {"startDate": "2019-11-26T12:00", "repeatType": "daily", "dailyRepeatOptions": {"repeatType": 1}}
    answer = await api.call("schedules_update", moved, campaignId=campaign, scheduleId=schedule)

    assert answer.done["data"] == {
        "scheduleId": schedule,
        "campaignId": campaign,
        "name": "Any",
        "duration": "08:00",
        **moved,
    }
    assert await api.active() == []
    on_days = []
    for _ in range(7):
        api.sandbox.advance(DAY)
        on_days.append(bool(await api.active()))
    assert on_days == [True, True, True, True, False, False, True]
    assert api.sandbox.icareus.state()["objects"]["schedule"] == 1


async def test_a_schedule_belongs_to_its_campaign(api: Api) -> None:
    campaign, other = await api.create(), await api.create()
    schedule = await api.schedule(campaign)
    answer = await api.call("schedules_update", {"name": "Mine"}, campaignId=other, scheduleId=schedule)
    assert answer.message == f"Campaign {other} has no schedule {schedule}."
    answer = await api.call("schedules_update", {"name": "Mine"}, campaignId=campaign, scheduleId=9)
    assert answer.message == f"Campaign {campaign} has no schedule 9."


async def test_a_schedule_needs_a_campaign(api: Api) -> None:
    body = {"name": "Any", "startDate": "2019-11-25T12:00", "duration": "08:00"}
    assert (await api.call("schedules_create", body, campaignId=9)).message == "There is no campaign 9."
    assert (await api.call("schedules_create", body)).status == 400


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "The name must not be empty."),
        ({"startDate": "2019-11-31T12:00"}, "startDate 2019-11-31T12:00 is no date."),
        ({"repeatType": "weekly"}, "weeklyRepeatOptions is mandatory when repeatType is weekly."),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, fields: dict[str, Any], message: str) -> None:
    campaign = await api.create()
    body = {"name": "Any", "startDate": "2019-11-25T12:00", "duration": "08:00", **fields}
    assert (await api.call("schedules_create", body, campaignId=campaign)).message == message
    schedule = await api.schedule(campaign)
    assert (await api.call("schedules_update", fields, campaignId=campaign, scheduleId=schedule)).message == message


@pytest.mark.parametrize(
    "fields",
    [
        {"startDate": "2019-11-25T12:00:00"},
        {"startDate": "2019-11-25T12:00Z"},
        {"duration": "24:01"},
        {"duration": "8:00"},
        {"timeZone": 5.5},
        {"endDate": "24.12.2019"},
        {"repeatType": "hourly"},
        {"weeklyRepeatOptions": {"weekDays": [0]}},
        {"yearlyRepeatOptions": {"date": 32}},
        {"monthlyRepeatOptions": {"repeatDayPosition": 5}},
    ],
)
async def test_what_does_not_conform_is_refused(api: Api, fields: dict[str, Any]) -> None:
    body = {"name": "Any", "startDate": "2019-11-25T12:00", "duration": "08:00", **fields}
    answer = await api.call("schedules_create", body, campaignId=await api.create())
    assert (answer.status, answer.json["status"]) == (400, "error")


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_daily_caps_are_kept_by_day(api: Api, at: int) -> None:
    campaign = await api.create()
    caps = [{"day": "2023-12-04", "cap": "2000"}, {"day": "2023-12-05", "cap": 3000}]
    answer = (await api.call("daily_caps_set", caps, at=at, campaignId=campaign)).done
    assert answer["campaignId"] == campaign

    caps = [{"day": "2023-12-05", "cap": 1}, {"day": "2023-12-01", "cap": 5}]
    answer = (await api.call("daily_caps_set", caps, at=at, campaignId=campaign)).done
    assert answer["data"]["dailyCaps"] == [
        {"day": "2023-12-01", "cap": 5},
        {"day": "2023-12-04", "cap": 2000},
        {"day": "2023-12-05", "cap": 1},
    ]


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ([{"day": "2023-11-31", "cap": 1}], "2023-11-31 is no day."),
        ([{"day": "2023-11-30", "cap": -1}], "The cap of 2023-11-30 must not be less than 0."),
    ],
)
async def test_caps_that_make_no_sense_change_nothing(api: Api, caps: list[Any], message: str) -> None:
    campaign = await api.create()
    first = {"day": "2023-12-04", "cap": 7}
    assert (await api.call("daily_caps_set", [first, *caps], campaignId=campaign)).message == message
    assert api.sandbox.icareus.state()["objects"]["cap"] == 0


@pytest.mark.parametrize("caps", [{"day": "2023-12-04", "cap": 7}, [{"day": "2023-12-04"}], [{"cap": "many"}]])
async def test_caps_that_do_not_conform_are_refused(api: Api, caps: Any) -> None:
    answer = await api.call("daily_caps_set", caps, campaignId=await api.create())
    assert (answer.status, answer.json["status"]) == (400, "error")


async def test_caps_need_a_campaign(api: Api) -> None:
    caps = [{"day": "2023-12-04", "cap": 7}]
    assert (await api.call("daily_caps_set", caps, campaignId=9)).message == "There is no campaign 9."


async def test_no_campaign_is_active_on_a_day_whose_cap_is_nothing(api: Api) -> None:
    campaign, other = await api.create(), await api.create()
    for number in (campaign, other):
        await api.schedule(number, repeatType="daily", dailyRepeatOptions={})
    await api.call("daily_caps_set", [{"day": "2019-11-25", "cap": 0}], campaignId=campaign)

    assert await api.active() == [other]
    api.sandbox.advance(DAY)
    assert await api.active() == [campaign, other]


async def test_a_cap_is_used_up_by_showing_and_can_be_raised(api: Api) -> None:
    campaign = await api.create()
    await api.schedule(campaign, duration="24:00")
    # these two overlap, and what they have in common is shown once
    await api.schedule(campaign, startDate="2019-11-25T12:30", duration="02:00")
    await api.call("daily_caps_set", [{"day": "2019-11-25", "cap": HOUR}], campaignId=campaign)

    api.sandbox.advance(HOUR - 60)
    assert await api.active() == [campaign]
    api.sandbox.advance(60)
    assert await api.active() == []
    await api.call("daily_caps_set", [{"day": "2019-11-25", "cap": HOUR + 600}], campaignId=campaign)
    assert await api.active() == [campaign]
    api.sandbox.advance(11 * HOUR)
    assert await api.active() == [campaign]


async def test_the_day_of_a_cap_is_that_of_the_schedules_offset(api: Api) -> None:
    campaign = await api.create()
    await api.schedule(campaign, startDate="2019-11-26T01:00", timeZone=13)
    await api.call("daily_caps_set", [{"day": "2019-11-25", "cap": 0}], campaignId=campaign)
    assert await api.active() == [campaign]
    await api.call("daily_caps_set", [{"day": "2019-11-26", "cap": 0}], campaignId=campaign)
    assert await api.active() == []
