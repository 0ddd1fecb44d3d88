from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from adflight import (
    AdflightError,
    ConnectionBroken,
    Hook,
    Icareus,
    InvalidInput,
    LaunchFailed,
    NotSent,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.core.steps import Event
from adflight.types.icareus import Launch, NewCampaign
from tests.core.scripted import Step, answer
from tests.icareus.scene import (
    ATTACHED,
    CAMPAIGN,
    CAPPED,
    CAPS,
    NOTHING,
    TODAY,
    Scene,
    done,
    new_campaign,
    new_schedule,
    scripted,
)

STEPS = {"campaigns_create_video_swap": "campaign", "schedules_create": "schedule", "daily_caps_set": "daily_caps"}
BEFORE = {"campaign": NOTHING, "schedule": CAMPAIGN, "daily_caps": ATTACHED}
AFTER = {"campaign": CAMPAIGN, "schedule": ATTACHED, "daily_caps": CAPPED}

SMOOTH = [(step, event) for step in AFTER for event in ("sending", "done")]
NO = answer(200, {"status": "error", "message": "No."})


def brief(events: list[Event]) -> list[tuple[str, str]]:
    return [(str(event["step"]), str(event["event"])) for event in events]


def launch(icareus: Icareus, **settings: Any) -> Any:
    return icareus.launch(new_campaign(), new_schedule(), CAPS, **settings)


async def launched(scene: Scene, icareus: Icareus, launch: Launch) -> None:
    """What a launch returned is what the service has, once."""
    assert scene.executions == CAPPED
    (row,) = [row async for row in icareus.campaigns.list_active()]
    assert (row.campaign_id, row.campaign_name) == (launch.campaign_id, "Spring")
    assert scene.platform.state()["objects"] == {"campaign": 1, "schedule": 1, "cap": 2}


# when nothing goes wrong


async def test_it_creates_a_campaign_with_a_schedule_and_caps(scene: Scene, icareus: Icareus) -> None:
    result = await launch(icareus)
    assert result == Launch(71001, 81001, tuple(sorted(CAPS)))
    await launched(scene, icareus, result)


async def test_caps_may_be_left_out(scene: Scene, icareus: Icareus) -> None:
    assert await icareus.launch(new_campaign(), new_schedule()) == Launch(71001, 81001)
    assert scene.executions == ATTACHED


@pytest.mark.parametrize(
    "campaign",
    [
        NewCampaign.active_ad(name="S", cpm_price=0, banner_visible_time=1, banner_interaction_time=1),
        NewCampaign.switch_in(name="S", cpm_price=0, banner_visible_time=1, banner_interaction_time=1),
        NewCampaign.in_stream_video(name="S", cpm_price=0, ad_profile_id=1),
        NewCampaign.in_video_overlay(name="S", cpm_price=0, ad_profile_id=1),
    ],
)
async def test_a_campaign_may_be_of_any_type(icareus: Icareus, campaign: NewCampaign) -> None:
    made = await icareus.launch(campaign, new_schedule())
    (row,) = [row async for row in icareus.campaigns.list_active()]
    assert row.campaign_id == made.campaign_id


async def test_what_exists_is_given_by_its_id(scene: Scene, icareus: Icareus) -> None:
    first = await icareus.launch(new_campaign(), new_schedule())
    second = await icareus.launch(first.campaign_id, new_schedule(name="Mornings"))
    assert second == Launch(first.campaign_id, first.schedule_id + 1)
    third = await icareus.launch(first.campaign_id, second.schedule_id, {TODAY: 1})
    assert third == Launch(first.campaign_id, second.schedule_id, (TODAY,))
    assert await icareus.launch(first.campaign_id, second.schedule_id) == second
    assert scene.executions == {**CAPPED, "schedules_create": 2}


# what is refused before anything is sent


SWAPPED: Any = new_schedule()


@pytest.mark.parametrize(
    ("campaign", "schedule", "caps", "named"),
    [
        (SWAPPED, new_schedule(), None, "campaign=NewSchedule.*expected a NewCampaign, or the id"),
        ("71001", new_schedule(), None, "campaign='71001': expected a NewCampaign, or the id of one that exists"),
        (True, new_schedule(), None, "campaign=True"),
        (71001, new_campaign(), None, "schedule=NewCampaign.*expected a NewSchedule, or the id"),
        (71001, None, None, "schedule=None"),
        (new_campaign(), 81001, None, "a campaign that is new has no schedule yet"),
        (new_campaign(name=""), new_schedule(), None, "campaign.name=''"),
        (new_campaign(), new_schedule(duration=timedelta()), None, "schedule.duration"),
        (new_campaign(), new_schedule(), {}, r"daily_caps=\{\}"),
        (new_campaign(), new_schedule(), {TODAY: -1}, r"daily_caps\["),
        (new_campaign(ad_breaks=[object()]), new_schedule(), None, "campaign=.*object.*values that JSON can carry"),
        (71001, new_schedule(name="\ud800"), None, "schedule=.*values that JSON can carry"),
    ],
)
async def test_what_would_be_refused_is_not_sent(
    scene: Scene, icareus: Icareus, campaign: Any, schedule: Any, caps: Any, named: str
) -> None:
    told: list[Event] = []
    with pytest.raises(InvalidInput, match=named):
        await icareus.launch(campaign, schedule, caps, record=told.append)
    assert (scene.platform.counts.requests, told) == (0, [])


# the record


async def test_each_step_is_recorded_before_and_after_it_happens(scene: Scene, icareus: Icareus) -> None:
    events: list[Event] = []
    executed: list[dict[str, int]] = []

    def record(event: Event) -> None:
        events.append(json.loads(json.dumps(event)))
        executed.append(scene.executions)

    await launch(icareus, record=record)

    assert brief(events) == SMOOTH
    assert executed == [NOTHING, CAMPAIGN, CAMPAIGN, ATTACHED, ATTACHED, CAPPED]
    assert [event.get("id") for event in events] == [None, 71001, None, 81001, None, 71001]
    assert [event["sent"] for event in events if event["event"] == "sending"] == [
        {
            "action": "addUpdateCampaign",
            "type": "videoswap",
            "name": "Spring",
            "cpmPrice": 12.5,
            "VASTProfileId": 479862,
        },
        {
            "action": "addUpdateCampaignSchedule",
            "campaignId": "71001",
            "name": "Evenings",
            "startDate": "2023-11-14T21:13",
            "timeZone": 0,
            "duration": "04:00",
            "repeatType": "daily",
            "dailyRepeatOptions": {},
        },
        {
            "action": "addUpdateCampaignDailyCaps",
            "campaignId": "71001",
            "rows": [{"day": "2023-11-14", "cap": 20000}, {"day": "2023-11-15", "cap": 3000}],
        },
    ]
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in events)


async def test_a_record_may_be_kept_by_a_coroutine(icareus: Icareus) -> None:
    events: list[Event] = []

    async def record(event: Event) -> None:
        await asyncio.sleep(0)
        events.append(event)

    await launch(icareus, record=record)
    assert brief(events) == SMOOTH


@pytest.mark.parametrize("step", AFTER)
async def test_nothing_is_sent_when_it_cannot_be_recorded(scene: Scene, icareus: Icareus, step: str) -> None:
    def full(event: Event) -> None:
        if event["step"] == step:
            raise OSError("no space left on device")

    with pytest.raises((OSError, LaunchFailed), match="no space left on device") as caught:
        await launch(icareus, record=full)
    assert scene.executions == BEFORE[step]
    assert isinstance(caught.value, LaunchFailed) == (step != "campaign")


@pytest.mark.parametrize("step", AFTER)
async def test_a_full_disk_loses_no_id(scene: Scene, icareus: Icareus, step: str) -> None:
    def full(event: Event) -> None:
        if (event["step"], event["event"]) == (step, "done"):
            raise OSError("no space left on device")

    with pytest.raises(LaunchFailed, match="could not be recorded: no space left on device") as caught:
        await launch(icareus, record=full)
    failure = caught.value
    assert isinstance(failure.cause, OSError)
    assert failure.campaign_id == 71001
    assert failure.schedule_id == (None if step == "campaign" else 81001)
    assert scene.executions == AFTER[step]
    # and what is left can be done
    schedule = failure.schedule_id or new_schedule()
    await icareus.launch(71001, schedule, None if step == "daily_caps" else CAPS)
    assert scene.executions == CAPPED


@pytest.mark.parametrize("operation", STEPS)
async def test_a_refusal_is_told_although_it_cannot_be_recorded(scene: Scene, icareus: Icareus, operation: str) -> None:
    scene.platform.fault(operation, kind="status", status=422)

    def full(event: Event) -> None:
        if event["event"] == "refused":
            raise OSError("no space left on device")

    with pytest.raises((ValidationFailed, LaunchFailed), match="HTTP 422"):
        await launch(icareus, record=full)


@pytest.mark.parametrize("operation", STEPS)
async def test_a_lost_answer_is_told_although_it_cannot_be_recorded(
    scene: Scene, icareus: Icareus, operation: str
) -> None:
    scene.platform.fault(operation, kind="cut_after")
    events: list[Event] = []

    def full(event: Event) -> None:
        if event["event"] == "unknown":
            raise OSError("no space left on device")
        events.append(event)

    with pytest.raises((UnknownOutcome, LaunchFailed), match="it is not known whether"):
        await launch(icareus, record=full)
    with pytest.raises((UnknownOutcome, LaunchFailed), match=r"it is not known whether|record ends before the answer"):
        await launch(icareus, resume=events)
    assert scene.executions == AFTER[STEPS[operation]]


# when answers are lost


def cause(error: BaseException) -> BaseException:
    return error.cause if isinstance(error, LaunchFailed) and error.cause else error


@pytest.mark.parametrize("operation", STEPS)
@pytest.mark.parametrize(
    ("kind", "carried_out"),
    [("cut_after", True), ("half_body", True), ("invalid_json", True), ("late", True), ("cut_before", False)],
)
async def test_a_lost_answer_is_for_a_person(
    scene: Scene, icareus: Icareus, operation: str, kind: Any, carried_out: bool
) -> None:
    scene.platform.fault(operation, kind=kind, seconds=10.0)
    step, events = STEPS[operation], list[Event]()

    with pytest.raises((UnknownOutcome, LaunchFailed)) as caught:
        await launch(icareus, record=events.append)

    scene.sandbox.advance(3600)
    assert isinstance(caught.value, UnknownOutcome) == (step == "campaign")
    unknown = cause(caught.value)
    assert isinstance(unknown, UnknownOutcome)
    assert unknown.operation.replace(".", "_") == operation
    assert not unknown.absent
    assert brief(events)[-2:] == [(step, "sending"), (step, "unknown")]
    assert scene.executions == (AFTER if carried_out else BEFORE)[step]

    # nor does going on send it again
    sent = scene.platform.counts.requests
    again = list(events)
    with pytest.raises((UnknownOutcome, LaunchFailed)) as resumed:
        await launch(await scene.client(), resume=events, record=again.append)
    assert scene.platform.counts.requests == sent
    assert again == events
    lost = cause(resumed.value)
    assert isinstance(lost, UnknownOutcome)
    assert (lost.operation, lost.sent_at, lost.settled_after) == (unknown.operation, unknown.sent_at, 90)
    assert isinstance(lost.cause, AdflightError)
    assert getattr(resumed.value, "exists", {}) == getattr(caught.value, "exists", {})


@pytest.mark.parametrize("operation", STEPS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_of_the_server_proves_nothing(
    scene: Scene, icareus: Icareus, operation: str, status: int
) -> None:
    scene.platform.fault(operation, kind="status", status=status, carried_out=True)
    with pytest.raises((UnknownOutcome, LaunchFailed)) as caught:
        await launch(icareus)
    assert isinstance(cause(caught.value), UnknownOutcome)
    assert scene.executions == AFTER[STEPS[operation]]


@pytest.mark.parametrize("operation", STEPS)
async def test_what_surely_did_not_happen_is_sent_again(scene: Scene, icareus: Icareus, operation: str) -> None:
    scene.platform.fault(operation, kind="rate_limited")
    scene.wire.unreachable = ["addUpdateCampaign&", "addUpdateCampaignSchedule", "addUpdateCampaignDailyCaps"]
    await launched(scene, icareus, await launch(icareus))


@pytest.mark.parametrize("made", [{}, {"campaignId": "new"}, {"data": {"campaignId": 7}}, {"campaignId": "9" * 25}])
async def test_a_campaign_without_an_id_gets_no_schedule(made: dict[str, Any]) -> None:
    icareus, transport = scripted(done(**made))
    with pytest.raises(UnknownOutcome, match="names no campaignId or id"):
        await launch(icareus)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("made", [{}, {"scheduleId": None}, {"campaignId": 7}])
async def test_a_schedule_without_an_id_is_not_sent_again(made: dict[str, Any]) -> None:
    icareus, transport = scripted(done(campaignId="7"), done(**made))
    events: list[Event] = []
    with pytest.raises(LaunchFailed, match="names no scheduleId or id") as caught:
        await launch(icareus, record=events.append)
    assert (caught.value.campaign_id, caught.value.schedule_id, len(transport.sent)) == (7, None, 2)
    with pytest.raises(LaunchFailed):
        await launch(icareus, resume=events)
    assert len(transport.sent) == 2


# failures after the campaign, and what they say


FAILURES: dict[str, Step] = {
    "refused": NO,
    "turned away": answer(403, {"status": "error", "message": "Invalid User Id."}),
    "not known": answer(500, b"<title>Oops</title>"),
    "not acknowledged": answer(200, {"data": 1}),
    "never sent": NotSent("no connection to the service"),
    "cut": ConnectionBroken("the connection broke"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", ["schedule", "daily_caps"])
async def test_every_failure_after_the_campaign_carries_the_ids(failure: str, step: str) -> None:
    before = [done(campaignId=71001), done(scheduleId=81001)][: 1 if step == "schedule" else 2]
    icareus, _ = scripted(*before, FAILURES[failure])
    with pytest.raises(LaunchFailed) as caught:
        await launch(icareus)
    error = caught.value
    assert (error.step, error.campaign_id) == (step, 71001)
    assert error.schedule_id == (None if step == "schedule" else 81001)
    assert error.exists == {"campaign": 71001, **({} if step == "schedule" else {"schedule": 81001})}
    assert error.__cause__ is error.cause
    assert isinstance(error.cause, AdflightError)
    # the failure itself says what to do
    assert not hasattr(error.cause, "__notes__")


async def test_a_hook_that_fails_carries_the_ids(scene: Scene) -> None:
    async def on_request(request: httpx.Request) -> None:
        if "Schedule" in str(request.url):
            raise ValueError("the hook has a mistake")

    icareus = await scene.client(hooks=[Hook(on_request)])
    with pytest.raises(LaunchFailed, match="the schedule was not created: the hook has a mistake") as caught:
        await launch(icareus)
    assert caught.value.campaign_id == 71001
    assert scene.executions == CAMPAIGN


CUT = ConnectionBroken("the connection broke")
FULL = OSError("no space left on device")

LOOK = "After 2023-11-14 22:14:50 UTC, when it has happened or never will, look"

SAID: list[tuple[str, list[Any], str, str]] = [
    (
        "the schedule is refused",
        [done(campaignId=71001), NO],
        "",
        "campaign 71001 exists; the schedule was not created: schedules.create: HTTP 200: No. "
        "To go on: launch(71001, schedule, daily_caps).",
    ),
    (
        "the caps are refused",
        [done(campaignId=71001), done(scheduleId=81001), NO],
        "",
        "campaign 71001 and schedule 81001 exist; the daily caps were not set: daily_caps.set: HTTP 200: No. "
        "To go on: launch(71001, 81001, daily_caps).",
    ),
    (
        "the schedule is lost",
        [done(campaignId=71001), CUT],
        "",
        "campaign 71001 exists; it is not known whether the schedule was created: schedules.create was sent, and it is "
        "not known whether it was carried out: the connection broke. Sending it again could do it twice; look for what "
        f"it would have made first. {LOOK} at campaign 71001 in "
        "the Icareus Suite. If it has the schedule: launch(71001, <its id>, daily_caps); if it has none: launch(71001, "
        "schedule, daily_caps); both without resume=.",
    ),
    (
        "the caps are lost",
        [done(campaignId=71001), done(scheduleId=81001), CUT],
        "",
        "campaign 71001 and schedule 81001 exist; it is not known whether the daily caps were set: daily_caps.set was "
        "sent, and it is not known whether it was carried out: the connection broke. Sending it again could do it "
        f"twice; look for what it would have made first. {LOOK} "
        "at campaign 71001 in the Icareus Suite, and set what is missing with daily_caps.set.",
    ),
    (
        "the campaign cannot be recorded",
        [done(campaignId=71001)],
        "campaign",
        "campaign 71001 exists; the campaign was created, which could not be recorded: no space left on device. "
        "To go on: launch(71001, schedule, daily_caps).",
    ),
    (
        "the caps cannot be recorded",
        [done(campaignId=71001), done(scheduleId=81001), done()],
        "daily_caps",
        "campaign 71001 and schedule 81001 exist; the daily caps were set, which could not be recorded: no space left "
        "on device. Nothing is left to do.",
    ),
]


@pytest.mark.parametrize(("answers", "unrecorded", "said"), [case[1:] for case in SAID], ids=[case[0] for case in SAID])
async def test_what_a_failure_says(answers: list[Any], unrecorded: str, said: str) -> None:
    def record(event: Event) -> None:
        if (event["step"], event["event"]) == (unrecorded, "done"):
            raise FULL

    icareus, _ = scripted(*answers)
    with pytest.raises(LaunchFailed) as caught:
        await launch(icareus, record=record)
    assert str(caught.value) == said


async def test_what_a_lost_campaign_says() -> None:
    icareus, _ = scripted(CUT)
    with pytest.raises(UnknownOutcome) as caught:
        await launch(icareus)
    assert caught.value.__notes__ == [
        f"{LOOK} for it in the Icareus Suite. If it is there: "
        "launch(<its id>, schedule, daily_caps); if it is not, launch again; both without resume=."
    ]


@pytest.mark.parametrize("step", AFTER)
async def test_a_record_may_raise_what_looks_like_a_mistake_of_ours(scene: Scene, icareus: Icareus, step: str) -> None:
    def record(event: Event) -> None:
        if (event["step"], event["event"]) == (step, "done"):
            raise InvalidInput("record", event, "something else")

    with pytest.raises(LaunchFailed, match="something else") as caught:
        await launch(icareus, record=record)
    assert caught.value.campaign_id == 71001
    assert scene.executions == AFTER[step]


async def test_caps_that_become_wrong_meanwhile_lose_no_id(scene: Scene, icareus: Icareus) -> None:
    caps = dict(CAPS)

    def record(event: Event) -> None:
        caps[TODAY] = -1

    with pytest.raises(LaunchFailed, match="the daily caps were not set: daily_caps") as caught:
        await icareus.launch(new_campaign(), new_schedule(), caps, record=record)
    assert caught.value.exists == {"campaign": 71001, "schedule": 81001}
    assert scene.executions == ATTACHED


async def test_a_refused_campaign_is_an_error_of_the_service(scene: Scene, icareus: Icareus) -> None:
    scene.platform.fault("campaigns_create_video_swap", kind="status", status=422)
    with pytest.raises(ValidationFailed):
        await launch(icareus)
    assert scene.executions == NOTHING


# going on where an earlier launch ended


class Killed(BaseException):
    """Ends a process in a test."""


@pytest.mark.parametrize("cancelled", [False, True], ids=["killed", "cancelled"])
@pytest.mark.parametrize("written", [False, True], ids=["before the line", "after the line"])
@pytest.mark.parametrize("line", range(len(SMOOTH)))
async def test_a_launch_that_ends_anywhere_is_continued_or_reported(
    scene: Scene, icareus: Icareus, line: int, written: bool, cancelled: bool
) -> None:
    """The process dies when it is about to write a line, or has just written it."""
    events: list[Event] = []
    stopped = asyncio.Event()

    async def record(event: Event) -> None:
        if written or len(events) < line:
            events.append(json.loads(json.dumps(event)))
        if len(events) == line + written and brief([event]) == [SMOOTH[line]]:
            stopped.set()
            if not cancelled:
                raise Killed
            await asyncio.Event().wait()

    task = asyncio.ensure_future(launch(icareus, record=record))
    await stopped.wait()
    task.cancel()
    with pytest.raises((Killed, asyncio.CancelledError)):
        await task
    step, event = SMOOTH[line]
    happened = BEFORE[step] if event == "sending" else AFTER[step]
    assert scene.executions == happened

    another = await scene.client()
    last_is_sending = bool(events) and events[-1]["event"] == "sending"
    if last_is_sending:
        # nobody knows whether it was sent, and no look-up will tell
        with pytest.raises((UnknownOutcome, LaunchFailed)) as caught:
            await launch(another, resume=events)
        assert scene.executions == happened
        ids = getattr(caught.value, "exists", {})
        assert ids == {event["step"]: event["id"] for event in events if event["event"] == "done"}
        # a person has looked: what exists is given by its id
        campaign = ids.get("campaign") or (71001 if happened != NOTHING else new_campaign())
        schedule = ids.get("schedule") or (81001 if happened in (ATTACHED, CAPPED) else new_schedule())
        caps = CAPS if happened != CAPPED else None
        resumed = await another.launch(campaign, schedule, caps)
    else:
        resumed = await launch(another, resume=events)
    await launched(scene, another, resumed)


async def test_a_finished_launch_is_not_repeated(scene: Scene, icareus: Icareus) -> None:
    events: list[Event] = []
    first = await launch(icareus, record=events.append)
    sent, again = scene.platform.counts.requests, list[Event]()
    assert await launch(icareus, resume=iter(events), record=again.append) == first
    assert (scene.platform.counts.requests, again) == (sent, [])


@pytest.mark.parametrize("operation", STEPS)
async def test_what_was_refused_may_be_mended_and_continued(scene: Scene, icareus: Icareus, operation: str) -> None:
    scene.platform.fault(operation, kind="status", status=422)
    events: list[Event] = []
    with pytest.raises((ValidationFailed, LaunchFailed)):
        await launch(icareus, record=events.append)
    step = STEPS[operation]
    assert brief(events)[-1] == (step, "refused")
    assert "HTTP 422" in events[-1]["error"]

    campaign = new_campaign(cpm_price=11) if step == "campaign" else new_campaign()
    schedule = new_schedule(name="Mornings") if step == "schedule" else new_schedule()
    caps = {TODAY: 20_000, date(2030, 1, 1): 5} if step == "daily_caps" else CAPS
    resumed = await icareus.launch(campaign, schedule, caps, resume=events, record=events.append)
    await launched(scene, icareus, resumed)
    assert await icareus.launch(campaign, schedule, caps, resume=events) == resumed


@pytest.mark.parametrize(
    ("campaign", "schedule", "caps", "kept", "named"),
    [
        (new_campaign(name="Summer"), new_schedule(), CAPS, 1, "name"),
        (new_campaign(cpm_price=1, vast_profile_id=2), new_schedule(), CAPS, 6, "VASTProfileId', 'cpmPrice"),
        (NewCampaign.in_stream_video(name="Spring", cpm_price=12.5, ad_profile_id=1), new_schedule(), CAPS, 2, "type"),
        (new_campaign(), new_schedule(utc_offset=1), CAPS, 4, "startDate', 'timeZone"),
        (71002, new_schedule(), CAPS, 3, "campaignId"),
        (new_campaign(), new_schedule(), {TODAY: 1}, 6, "rows"),
    ],
)
async def test_another_plan_is_refused_before_anything_is_sent(
    scene: Scene, icareus: Icareus, campaign: Any, schedule: Any, caps: Any, kept: int, named: str
) -> None:
    events: list[Event] = []
    await launch(icareus, record=events.append)
    sent = scene.platform.counts.requests
    with pytest.raises(InvalidInput, match=f"resume=.*{named}"):
        await icareus.launch(campaign, schedule, caps, resume=events[:kept])
    assert scene.platform.counts.requests == sent


@pytest.mark.parametrize("missing", [slice(2, None), slice(3, None), slice(4, None), slice(5, None)])
async def test_a_record_without_its_beginning_is_refused_before_anything_is_made(
    scene: Scene, icareus: Icareus, missing: slice
) -> None:
    events: list[Event] = []
    await launch(icareus, record=events.append)
    sent = scene.platform.counts.requests
    with pytest.raises(InvalidInput, match="a record that says what became of the campaign before it"):
        await launch(icareus, resume=events[missing])
    assert scene.platform.counts.requests == sent


async def test_a_person_s_answer_continues_a_record(scene: Scene, icareus: Icareus) -> None:
    scene.platform.fault("campaigns_create_video_swap", kind="cut_after")
    events: list[Event] = []
    with pytest.raises(UnknownOutcome):
        await launch(icareus, record=events.append)
    # found by a person, and given in the place of the campaign; the record may go on
    resumed = await icareus.launch(71001, new_schedule(), CAPS, resume=events, record=events.append)
    await launched(scene, icareus, resumed)
    assert await icareus.launch(71001, new_schedule(), CAPS, resume=events) == resumed


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"step": "campaign"},
        {"step": "campaign", "event": "sending", "at": "today", "sent": {}, "existing": []},
        {"step": "schedule", "event": "done", "id": "none"},
        {"step": "daily_caps", "event": "unknown", "sent_at": "2030-01-01T00:00:00+00:00"},
    ],
)
async def test_what_is_no_record_is_refused(scene: Scene, icareus: Icareus, event: Event) -> None:
    with pytest.raises(InvalidInput, match="resume="):
        await launch(icareus, resume=[event])
    assert scene.platform.counts.requests == 0


# cancellation


@pytest.mark.parametrize("operation", STEPS)
async def test_a_launch_that_is_cancelled_while_it_sends_says_what_it_leaves(
    scene: Scene, icareus: Icareus, operation: str
) -> None:
    scene.platform.fault(operation, kind="delay_after", seconds=3600)
    events: list[Event] = []
    task = asyncio.ensure_future(launch(icareus, record=events.append))
    while not scene.executions.get(operation):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    step = STEPS[operation]
    standing = {
        "campaign": "",
        "schedule": "campaign 71001 exists; ",
        "daily_caps": "campaign 71001 exists; schedule 81001 exists; ",
    }[step]
    words = step.replace("_", " ")
    assert caught.value.__notes__ == [
        f"launch: {standing}the {words}: sent, outcome unknown. "
        "Do not launch again: look for it, or continue with resume=."
    ]
    assert brief(events)[-1] == (step, "sending")
    with pytest.raises((UnknownOutcome, LaunchFailed), match="record ends before the answer"):
        await launch(icareus, resume=events)
    assert scene.executions == AFTER[step]


async def test_a_launch_that_is_cancelled_before_it_sends_leaves_no_word(icareus: Icareus) -> None:
    async def record(event: Event) -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(icareus.launch(71001, new_schedule(), record=record))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not hasattr(caught.value, "__notes__")
