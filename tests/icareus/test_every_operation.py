"""Every operation of the specification is called through the public client and carried out by the sandbox.

A new operation without a call here fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from importlib.resources import files
from typing import Any, Final, TypeAlias

import pytest
from attrs import frozen

from adflight import Icareus
from adflight.types.icareus import (
    AdPlatform,
    ContentType,
    DailyCap,
    Targeting,
    TargetingParam,
    VideoSwapDataSource,
)
from tests.icareus.scene import NOW, START, TODAY, Scene

SPECIFICATION: Final = json.loads((files("adflight_api.icareus") / "openapi.json").read_text())
METHODS: Final = ("get", "put", "post", "patch", "delete")
OPERATIONS: Final = sorted(
    item[method]["operationId"] for item in SPECIFICATION["paths"].values() for method in METHODS if method in item
)

NORTH: Final = Targeting(params=[TargetingParam(value="004")])


@frozen
class Live:
    """What exists when a call is made: a campaign of each type, by the end of its operations' names, and a schedule."""

    campaigns: dict[str, int]
    schedule: int


Act: TypeAlias = Callable[[Icareus, Live], Any]
"""Gives what can be awaited: a coroutine, or the pager of a list."""


CALLS: Final[dict[str, Act]] = {
    "campaigns_create_video_swap": lambda icareus, live: icareus.campaigns.create_video_swap(
        name="Swap",
        cpm_price=0,
        vast_profile_id=479862,
        channels=[56810],
        safety_margin=25,
        data_source=VideoSwapDataSource.DIGITA_PLAYLIST,
        targeting=NORTH,
        device_type_blacklist=[13700],
    ),
    "campaigns_create_active_ad": lambda icareus, live: icareus.campaigns.create_active_ad(
        name="Active",
        cpm_price=1.5,
        banner_visible_time=20,
        banner_interaction_time=10,
        display_times=[NOW, NOW + timedelta(hours=4)],
        ad_platform=AdPlatform.AD_FORM,
        ad_tag_url="https://ads.example.com/tag",
        targeting=NORTH,
        device_type_whitelist=[13700],
    ),
    "campaigns_create_switch_in": lambda icareus, live: icareus.campaigns.create_switch_in(
        name="Switch", cpm_price=0, banner_visible_time=15, banner_interaction_time=10, max_shows_per_day=1000
    ),
    "campaigns_create_in_stream_video": lambda icareus, live: icareus.campaigns.create_in_stream_video(
        name="Stream", cpm_price=0, ad_profile_id=682288, channels=[56810, 57067]
    ),
    "campaigns_create_in_video_overlay": lambda icareus, live: icareus.campaigns.create_in_video_overlay(
        name="Overlay", cpm_price=0, ad_profile_id=682289
    ),
    "campaigns_update_video_swap": lambda icareus, live: icareus.campaigns.update_video_swap(
        campaign_id=live.campaigns["video_swap"], safety_margin=30, device_type_whitelist=[1]
    ),
    "campaigns_update_active_ad": lambda icareus, live: icareus.campaigns.update_active_ad(
        campaign_id=live.campaigns["active_ad"], max_shows_per_campaign=80, display_times=[NOW]
    ),
    "campaigns_update_switch_in": lambda icareus, live: icareus.campaigns.update_switch_in(
        campaign_id=live.campaigns["switch_in"], max_shows_per_day=500
    ),
    "campaigns_update_in_stream_video": lambda icareus, live: icareus.campaigns.update_in_stream_video(
        campaign_id=live.campaigns["in_stream_video"], name="Stream in spring"
    ),
    "campaigns_update_in_video_overlay": lambda icareus, live: icareus.campaigns.update_in_video_overlay(
        campaign_id=live.campaigns["in_video_overlay"], cpm_price=9.75
    ),
    "campaigns_list_active": lambda icareus, live: icareus.campaigns.list_active(content_type=ContentType.VOD_AND_LIVE),
    "schedules_create": lambda icareus, live: icareus.schedules.create(
        campaign_id=live.campaigns["active_ad"], name="Once", start_date=START, duration=timedelta(hours=24)
    ),
    "schedules_update": lambda icareus, live: icareus.schedules.update(
        campaign_id=live.campaigns["video_swap"], schedule_id=live.schedule, end_date=date(2030, 1, 1)
    ),
    "daily_caps_set": lambda icareus, live: icareus.daily_caps.set(
        campaign_id=live.campaigns["video_swap"], caps=[DailyCap(day=TODAY, cap=20_000)]
    ),
}


def test_there_is_a_call_of_every_operation() -> None:
    assert sorted(CALLS) == OPERATIONS


async def lives(icareus: Icareus) -> Live:
    prefix = "campaigns_create_"
    none = Live({}, 0)
    made = {name: (await CALLS[name](icareus, none)).campaign_id for name in OPERATIONS if name.startswith(prefix)}
    campaigns = {name.removeprefix(prefix): id_ for name, id_ in made.items()}
    schedule = await icareus.schedules.create(
        campaign_id=campaigns["video_swap"], name="Now", start_date=START, duration=timedelta(hours=8)
    )
    return Live(campaigns, schedule.schedule_id)


@pytest.mark.parametrize("documented", [False, True], ids=["live paths", "documented paths"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_is_carried_out(scene: Scene, operation: str, documented: bool) -> None:
    icareus = await scene.client(documented_paths=documented)
    live = await lives(icareus)
    executions = scene.platform.counts.executions
    before = executions[operation]

    answer = await CALLS[operation](icareus, live)

    assert executions[operation] == before + 1
    assert type(answer) is not dict
    assert not getattr(answer, "additional_properties", None)
    if operation == "daily_caps_set":
        path = "/api/campaign?" if documented else "/api/campaign/v5?"
        assert path in scene.wire.sent[-1].url


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_has_a_raw_form(scene: Scene, icareus: Icareus, operation: str) -> None:
    live = await lives(icareus)

    class Raw:
        campaigns = icareus.with_raw_response.campaigns
        schedules = icareus.with_raw_response.schedules
        daily_caps = icareus.with_raw_response.daily_caps

    raw: Any = Raw()
    answer = await CALLS[operation](raw, live)
    assert answer.status == 200
    assert type(answer.parsed).__name__ in answer.parsed.__repr__()
    assert scene.platform.TOKEN not in f"{answer!r} {answer.request.url} {answer.http_response.request.url}"
