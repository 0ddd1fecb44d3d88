"""What may have been created is never sent again, whatever comes in the place of an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from adflight import (
    ConnectionBroken,
    Icareus,
    Timeout,
    UnknownOutcome,
)
from adflight.sandbox import Fault
from adflight.types.icareus import (
    DailyCap,
)
from tests.core.scripted import answer
from tests.icareus.scene import (
    ATTACHED,
    NOW,
    START,
    TODAY,
    Scene,
    done,
    new_campaign,
    new_schedule,
    scripted,
)

LOST: Final[dict[str, tuple[dict[str, Any], int]]] = {
    "cut after it was carried out": ({"kind": "cut_after"}, 1),
    "cut before it was read": ({"kind": "cut_before"}, 0),
    "half an answer": ({"kind": "half_body"}, 1),
    "an answer that breaks off": ({"kind": "invalid_json"}, 1),
    "late": ({"kind": "late", "seconds": 10.0}, 1),
    "an error, carried out": ({"kind": "status", "status": 500, "carried_out": True}, 1),
    "an error, not carried out": ({"kind": "status", "status": 503}, 0),
    "a gateway's page": ({"kind": "html", "status": 502}, 0),
    "a gateway's page, carried out": ({"kind": "html", "status": 504, "carried_out": True}, 1),
    "a success that is a page": ({"kind": "html", "status": 200, "carried_out": True}, 1),
    "a page that says to wait": ({"kind": "status", "status": 503, "retry_after": "seconds", "seconds": 1.0}, 0),
    "a request that timed out": ({"kind": "status", "status": 408, "carried_out": True}, 1),
}

CREATES: Final[dict[str, Callable[[Icareus, int], Any]]] = {
    "campaigns_create_video_swap": lambda icareus, campaign: icareus.campaigns.create_video_swap(
        name="S", cpm_price=0, vast_profile_id=1
    ),
    "campaigns_create_active_ad": lambda icareus, campaign: icareus.campaigns.create_active_ad(
        name="S", cpm_price=0, banner_visible_time=1, banner_interaction_time=1
    ),
    "campaigns_create_switch_in": lambda icareus, campaign: icareus.campaigns.create_switch_in(
        name="S", cpm_price=0, banner_visible_time=1, banner_interaction_time=1
    ),
    "campaigns_create_in_stream_video": lambda icareus, campaign: icareus.campaigns.create_in_stream_video(
        name="S", cpm_price=0, ad_profile_id=1
    ),
    "campaigns_create_in_video_overlay": lambda icareus, campaign: icareus.campaigns.create_in_video_overlay(
        name="S", cpm_price=0, ad_profile_id=1
    ),
    "schedules_create": lambda icareus, campaign: icareus.schedules.create(
        campaign_id=campaign, name="S", start_date=START, duration=timedelta(hours=1)
    ),
    "daily_caps_set": lambda icareus, campaign: icareus.daily_caps.set(
        campaign_id=campaign, caps=[DailyCap(day=TODAY, cap=1)]
    ),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("operation", CREATES)
async def test_what_may_have_been_carried_out_is_not_sent_again(
    scene: Scene, icareus: Icareus, operation: str, lost: str
) -> None:
    made = await icareus.campaigns.create_in_video_overlay(name="First", cpm_price=0, ad_profile_id=1)
    fault, carried_out = LOST[lost]
    before = scene.platform.counts.executions[operation]
    received = scene.platform.counts.operations[operation]
    scene.platform.fault(operation, **fault)

    with pytest.raises(UnknownOutcome) as caught:
        await CREATES[operation](icareus, made.campaign_id)

    scene.sandbox.advance(3600)
    assert scene.platform.counts.executions[operation] - before == carried_out
    assert scene.platform.counts.operations[operation] - received <= 1
    assert caught.value.operation.replace(".", "_") == operation
    assert abs(caught.value.sent_at - NOW) < timedelta(minutes=5)
    assert caught.value.settled_after == 90


@pytest.mark.parametrize("operation", CREATES)
async def test_an_answer_that_takes_too_long_is_unknown(scene: Scene, icareus: Icareus, operation: str) -> None:
    made = await icareus.campaigns.create_in_video_overlay(name="First", cpm_price=0, ad_profile_id=1)
    before = scene.platform.counts.executions[operation]
    scene.platform.fault(operation, kind="delay", seconds=3600)
    with pytest.raises(UnknownOutcome):
        await CREATES[operation](icareus.with_options(timeout=0.1), made.campaign_id)
    scene.sandbox.advance(3600)
    assert scene.platform.counts.executions[operation] - before <= 1


@pytest.mark.parametrize("operation", CREATES)
async def test_what_surely_did_not_happen_is_sent_again(scene: Scene, icareus: Icareus, operation: str) -> None:
    made = await icareus.campaigns.create_in_video_overlay(name="First", cpm_price=0, ad_profile_id=1)
    before = scene.platform.counts.executions[operation]
    scene.platform.fault(operation, kind="rate_limited", retry_after="seconds", seconds=5)
    scene.wire.unreachable = ["addUpdate"]
    await CREATES[operation](icareus, made.campaign_id)
    assert scene.platform.counts.executions[operation] - before == 1


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'"ok"', b"<html>done</html>", b'{"status": "ok"', b"{}"])
async def test_a_success_that_says_nothing_is_unknown(content: bytes) -> None:
    for status in (200, 201, 204):
        icareus, transport = scripted(answer(status, content))
        with pytest.raises(UnknownOutcome):
            await icareus.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
        assert len(transport.sent) == 1


@pytest.mark.parametrize("id_", [None, "", "new", "7 1", True, 7.5, 0, -1, [7], {"id": 7}])
async def test_a_success_without_a_number_for_an_id_is_unknown(id_: Any) -> None:
    for name in ("campaignId", "id"):
        icareus, transport = scripted(done(**{name: id_}, data={"campaignId": 7}))
        with pytest.raises(UnknownOutcome, match="names no campaignId or id") as caught:
            await icareus.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
        assert len(transport.sent) == 1
        # for whoever looks it up
        assert caught.value.response is not None
        assert b'"campaignId":7' in caught.value.response.content


@pytest.mark.parametrize("failure", [Timeout("slow"), ConnectionBroken("cut"), RuntimeError("a bug")])
async def test_whatever_a_transport_raises_is_unknown(failure: Exception) -> None:
    icareus, transport = scripted(failure)
    with pytest.raises(UnknownOutcome):
        await icareus.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
    assert len(transport.sent) == 1


async def test_a_deadline_does_not_make_it_certain() -> None:
    icareus, transport = scripted(ConnectionBroken("cut"))
    with pytest.raises(UnknownOutcome):
        await icareus.with_options(deadline=1).campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
    assert len(transport.sent) == 1


async def test_changes_are_sent_again(scene: Scene, icareus: Icareus) -> None:
    launch = await icareus.launch(new_campaign(), new_schedule())
    for kind in ("cut_after", "cut_before", "half_body"):
        for operation in ("campaigns_update_video_swap", "schedules_update", "campaigns_list_active"):
            scene.platform.add_fault(Fault(kind, operation))
        await icareus.campaigns.update_video_swap(campaign_id=launch.campaign_id, name=kind)
        await icareus.schedules.update(
            campaign_id=launch.campaign_id, schedule_id=launch.schedule_id, duration=timedelta(hours=5)
        )
        assert [row.campaign_name async for row in icareus.campaigns.list_active()] == [kind]
    assert scene.platform.state()["objects"] == {"campaign": 1, "schedule": 1, "cap": 0}
    counted = {name: times for name, times in scene.executions.items() if "update" not in name}
    assert counted == ATTACHED
