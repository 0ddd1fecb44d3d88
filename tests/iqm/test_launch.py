from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adflight import IQM, APIError, Hook, InvalidInput, LaunchFailed, Quota, UnknownOutcome, ValidationFailed
from adflight.core.steps import Event
from adflight.iqm.launch import Launch
from adflight.types.iqm import BudgetType, CampaignStatus, PlanWarning
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, Step, ok
from tests.iqm.scene import START, Scene, new_campaign, new_order

ONCE = {"insertion_orders_create": 1, "campaigns_create": 1}
ORDER_ONLY = {"insertion_orders_create": 1, "campaigns_create": 0}
NOTHING = {"insertion_orders_create": 0, "campaigns_create": 0}

CREATES = ["insertion_orders_create", "campaigns_create"]


def brief(events: list[Event]) -> list[tuple[str, str]]:
    return [(str(event["step"]), str(event["event"])) for event in events]


SMOOTH = [
    ("insertion_order", "sending"),
    ("insertion_order", "done"),
    ("campaign", "sending"),
    ("campaign", "done"),
    ("read_back", "sending"),
    ("read_back", "done"),
]


async def launched(scene: Scene, iqm: IQM, launch: Launch) -> None:
    """What a launch returned is what the service has, once."""
    order = await iqm.insertion_orders.get(launch.insertion_order_id)
    campaign = await iqm.campaigns.get(launch.campaign_id)
    assert (order.io_name, campaign.campaign_name) == ("Spring", "Spring flight")
    assert campaign.io_id == launch.insertion_order_id
    assert scene.executions == ONCE


# when nothing goes wrong


async def test_it_creates_an_order_and_a_campaign_and_reads_it_back(scene: Scene, iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())

    await launched(scene, iqm, launch)
    assert launch.campaign.status == CampaignStatus.PENDING
    assert launch.campaign.start_time == START
    assert launch.campaign.creative_ids == "676384,676385"
    assert launch.adopted == ()
    assert repr(launch) == (f"<Launch insertion_order_id={launch.insertion_order_id} campaign_id={launch.campaign_id}>")
    await launch.wait_until(timeout=60)
    assert (await iqm.campaigns.get(launch.campaign_id)).status == CampaignStatus.RUNNING


@pytest.mark.parametrize("budget_type", BudgetType)
async def test_the_campaigns_budget_type_is_its_orders(iqm: IQM, budget_type: BudgetType) -> None:
    impressions = 100_000 if budget_type == BudgetType.IMPRESSION else None
    launch = await iqm.launch(new_order(budget_type=budget_type, impressions=impressions), new_campaign())
    order = await iqm.insertion_orders.get(launch.insertion_order_id)
    assert (order.io_budget_type_id, launch.campaign.budget_type_id) == (budget_type, budget_type)


async def test_an_order_may_have_a_budget_of_its_own(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(budget=Decimal("1500.50")), new_campaign())
    order = await iqm.insertion_orders.get(launch.insertion_order_id)
    assert (order.io_total_budget, order.is_auto_sum_io_total_budget) == (1500.5, False)


async def test_a_campaign_may_go_into_an_order_that_exists(scene: Scene, iqm: IQM) -> None:
    first = await iqm.launch(new_order(budget_type=BudgetType.IMPRESSION), new_campaign())
    second = await iqm.launch(first.insertion_order_id, new_campaign(name="Another"))
    assert second.insertion_order_id == first.insertion_order_id
    assert second.campaign.budget_type_id == BudgetType.IMPRESSION
    assert scene.executions == {"insertion_orders_create": 1, "campaigns_create": 2}


async def test_an_order_that_does_not_exist_is_named(scene: Scene, iqm: IQM) -> None:
    with pytest.raises(InvalidInput, match="insertion_order=4711"):
        await iqm.launch(4711, new_campaign())
    assert scene.executions == NOTHING


async def test_further_arguments_are_sent(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign(more={"state_ids": [1, 2], "impression_capping": 3}))
    assert launch.campaign.impression_capping == 3
    assert launch.campaign.to_dict()["stateIds"] == "1,2"


async def test_iterators_are_not_used_up_by_looking_at_them(scene: Scene, iqm: IQM) -> None:
    campaign = new_campaign(creative_ids=iter([1, 2]), exchanges=(id for id in (4, 5)), more={"state_ids": iter([7])})
    launch = await iqm.launch(new_order(), campaign)
    await launched(scene, iqm, launch)
    assert (launch.campaign.creative_ids, launch.campaign.exchanges) == ("1,2", "4,5")
    assert launch.campaign.to_dict()["stateIds"] == "7"


async def test_two_launches_of_one_name_in_one_client_do_not_adopt_each_others(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_after", times=2)
    launches = await asyncio.gather(*(iqm.launch(new_order(), new_campaign()) for _ in range(2)))
    assert len({launch.insertion_order_id for launch in launches}) == 2
    assert len({launch.campaign_id for launch in launches}) == 2
    assert scene.executions == {"insertion_orders_create": 2, "campaigns_create": 2}


# the record


async def test_two_launches_of_one_name_in_two_clients_do_not_adopt_each_others(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_before")
    another = await scene.client()
    first, second = await asyncio.gather(
        iqm.launch(new_order(), new_campaign(name="A")),
        another.launch(new_order(), new_campaign(name="B")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in (first, second)) == ["Launch", "UnknownOutcome"]
    assert scene.executions == ONCE


async def test_an_id_is_a_number(scene: Scene, iqm: IQM) -> None:
    order: Any = "15001"
    with pytest.raises(InvalidInput, match="insertion_order='15001'"):
        await iqm.launch(order, new_campaign())
    assert scene.executions == NOTHING


async def test_each_step_is_recorded_before_and_after_it_happens(scene: Scene, iqm: IQM) -> None:
    events: list[Event] = []
    executed: list[dict[str, int]] = []

    def record(event: Event) -> None:
        events.append(json.loads(json.dumps(event)))
        executed.append(scene.executions)

    launch = await iqm.launch(new_order(), new_campaign(), record=record)

    assert brief(events) == SMOOTH
    assert executed == [NOTHING, ORDER_ONLY, ORDER_ONLY, ONCE, ONCE, ONCE]
    assert [event.get("id") for event in events] == [
        None,
        launch.insertion_order_id,
        None,
        *[launch.campaign_id] * 3,
    ]
    assert (events[0]["sent"]["ioName"], events[0]["existing"]) == ("Spring", [])
    assert events[2]["sent"]["ioId"] == launch.insertion_order_id
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in events)


async def test_a_record_may_be_kept_by_a_coroutine(iqm: IQM) -> None:
    events: list[Event] = []

    async def record(event: Event) -> None:
        await asyncio.sleep(0)
        events.append(event)

    await iqm.launch(new_order(), new_campaign(), record=record)
    assert brief(events) == SMOOTH


async def test_nothing_is_sent_when_it_cannot_be_recorded(scene: Scene, iqm: IQM) -> None:
    def full(event: Event) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await iqm.launch(new_order(), new_campaign(), record=full)
    assert scene.executions == NOTHING


# what is refused before anything is sent


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "budget types": ({}, {"budget_type": BudgetType.IMPRESSION}, "campaign.budget_type=<BudgetType.IMPRESSION: 2>"),
    "paced with a daily budget": ({}, {"pacing": True}, "campaign.daily_budget=50"),
    "paced without an end": ({}, {"pacing": True, "daily_budget": None, "end": None}, "campaign.end=None"),
    "a budget beside the sum": ({"budget": 1000, "auto_sum": True}, {}, "insertion_order.budget=1000"),
    "impressions for money": ({"impressions": 5}, {}, "insertion_order.impressions=5"),
    "an order that ends first": ({"end": START}, {}, "insertion_order.end='2023-11-15T"),
    "a campaign that ends first": ({}, {"end": START - timedelta(hours=1)}, "campaign.end='2023-11-15T"),
    "a naive start": ({"start": datetime(2030, 1, 1)}, {}, "insertion_order.start=datetime"),
    "a naive end": ({}, {"end": datetime(2030, 1, 1)}, "campaign.end=datetime"),
    "no agreement": ({}, {"agreement_checked": False}, "campaign.agreement_checked=False"),
    "no creatives": ({}, {"creative_ids": []}, r"campaign.creative_ids=\[\]"),
    "no name": ({"name": " "}, {}, "insertion_order.name=' '"),
    "no campaign name": ({}, {"name": ""}, "campaign.name=''"),
    "an unknown argument": ({}, {"more": {"colour": 1}}, r"campaign.more=\['colour'\]"),
    "an argument twice": ({}, {"more": {"max_bid": 1}}, r"campaign.more\['max_bid'\]=1"),
    "money that is no number": ({}, {"total_budget": float("nan")}, "campaign.total_budget=nan"),
    "an order's money that is no number": ({"budget": float("inf")}, {}, "io_total_budget=inf"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_would_be_refused_is_not_sent(scene: Scene, iqm: IQM, case: str) -> None:
    order, campaign, named = REFUSED[case]
    with pytest.raises(InvalidInput, match=named):
        await iqm.launch(new_order(**order), new_campaign(**campaign))
    assert scene.sandbox.counts.requests == 0


async def test_a_budget_type_that_differs_from_an_existing_orders_is_not_sent(scene: Scene, iqm: IQM) -> None:
    first = await iqm.launch(new_order(), new_campaign())
    with pytest.raises(InvalidInput, match=r"campaign\.budget_type=<BudgetType\.IMPRESSION: 2>"):
        await iqm.launch(first.insertion_order_id, new_campaign(name="Two", budget_type=BudgetType.IMPRESSION))
    assert scene.executions == ONCE


async def test_what_json_cannot_carry_is_found_before_an_order_is_made(scene: Scene, iqm: IQM) -> None:
    with pytest.raises(InvalidInput, match=r"campaign\.more"):
        await iqm.launch(new_order(), new_campaign(more={"scheduling": {"0": object()}}))
    assert scene.executions == NOTHING


async def test_what_is_probably_not_meant_is_warned_of_and_sent(scene: Scene, iqm: IQM) -> None:
    with pytest.warns(PlanWarning, match="before its insertion order's start"):
        await iqm.launch(new_order(), new_campaign(start=START - timedelta(days=1)))
    assert scene.executions == ONCE


# when answers are lost


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("kind", ["cut_after", "half_body", "invalid_json"])
async def test_what_was_created_without_an_answer_is_adopted(scene: Scene, iqm: IQM, operation: str, kind: Any) -> None:
    scene.sandbox.fault(operation, kind=kind)
    events: list[Event] = []

    launch = await iqm.launch(new_order(), new_campaign(), record=events.append)

    await launched(scene, iqm, launch)
    step = "insertion_order" if operation == "insertion_orders_create" else "campaign"
    assert launch.adopted == (step,)
    assert (step, "unknown") in brief(events)
    assert [event["adopted"] for event in events if (event["step"], event["event"]) == (step, "done")] == [True]
    assert scene.clock.monotonic() >= 90


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_of_the_server_proves_nothing(scene: Scene, iqm: IQM, operation: str, status: int) -> None:
    scene.sandbox.fault(operation, kind="status", status=status, carried_out=True)
    launch = await iqm.launch(new_order(), new_campaign())
    await launched(scene, iqm, launch)


@pytest.mark.parametrize("operation", CREATES)
async def test_what_is_carried_out_late_is_waited_for(scene: Scene, iqm: IQM, operation: str) -> None:
    scene.sandbox.fault(operation, kind="late", seconds=80)
    launch = await iqm.launch(new_order(), new_campaign())
    await launched(scene, iqm, launch)


def scripted(*answers: Step) -> IQM:
    """A client whose service answers what it is told to, after the log-in."""
    transport = ScriptedTransport(ok({"access_token": "access", "owId": 1}), *answers)
    return IQM(
        client_id="id",
        client_secret="secret",
        email="ada@example.com",
        password="password",
        base_url=f"http://{id(transport)}.example.com",
        quota=None,
        transport=transport,
        clock=FakeClock(auto=True),
    )


async def test_an_answer_without_an_id_is_looked_up() -> None:
    nothing = ok({"totalRecords": 0, "filteredRecords": 0, "ioBasicDetailsList": []})
    iqm = scripted(nothing, ok({"ioName": "Spring"}), nothing)
    with pytest.raises(UnknownOutcome, match="the answer names no ioId") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert caught.value.response is not None
    assert b"Spring" in caught.value.response.content


async def test_an_order_that_does_not_tell_its_budget_type_is_not_guessed_at() -> None:
    row = {"ioId": 7, "ioName": "Spring", "ioStartTime": "soon", "ioEndTime": None}
    iqm = scripted(ok({"totalRecords": 1, "filteredRecords": 1, "ioBasicDetailsList": [row]}))
    with pytest.raises(InvalidInput, match="ioBudgetTypeId"):
        await iqm.launch(7, new_campaign())


async def test_what_appears_between_the_look_ups_is_reported_not_adopted(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="late", seconds=100)
    with pytest.raises(UnknownOutcome, match="disagree") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert not caught.value.absent
    assert scene.executions == ORDER_ONLY


async def test_an_order_that_was_not_created_is_reported_as_absent(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_before")
    with pytest.raises(UnknownOutcome, match="nothing new that bears its name") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert caught.value.absent
    assert caught.value.operation == "insertion_orders.create"
    assert caught.value.request.body["ioName"] == "Spring"
    assert scene.executions == NOTHING


async def test_a_campaign_that_was_not_created_carries_its_order(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("campaigns_create", kind="cut_before")
    with pytest.raises(LaunchFailed, match="it is not known whether the campaign was created") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert isinstance(caught.value.cause, UnknownOutcome)
    assert caught.value.cause.absent
    assert (await iqm.insertion_orders.get(caught.value.insertion_order_id or 0)).io_name == "Spring"
    assert (caught.value.step, caught.value.campaign_id) == ("campaign", None)
    assert scene.executions == ORDER_ONLY


@pytest.mark.parametrize("path", ["/io/add", "/campaigns/add"])
async def test_a_create_that_never_left_is_made_again(scene: Scene, iqm: IQM, path: str) -> None:
    scene.wire.unreachable = [path, path]
    launch = await iqm.launch(new_order(), new_campaign())
    await launched(scene, iqm, launch)
    assert launch.adopted == ()


async def test_an_old_namesake_is_not_adopted(scene: Scene, iqm: IQM) -> None:
    old = await iqm.launch(new_order(), new_campaign())
    scene.sandbox.fault("insertion_orders_create", kind="cut_before")
    with pytest.raises(UnknownOutcome, match=f"borne before by {old.insertion_order_id}") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert caught.value.absent
    assert scene.executions == ONCE


async def test_a_new_one_beside_an_old_namesake_is_adopted(scene: Scene, iqm: IQM) -> None:
    old = await iqm.launch(new_order(), new_campaign())
    scene.sandbox.fault("insertion_orders_create", kind="cut_after")
    new = await iqm.launch(new_order(), new_campaign())
    assert new.insertion_order_id > old.insertion_order_id
    assert scene.executions == {"insertion_orders_create": 2, "campaigns_create": 2}


async def test_of_two_candidates_none_is_adopted(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_after")
    another = await scene.client()

    async def somebody_else(event: Event) -> None:
        if event["event"] == "unknown":
            await another.insertion_orders.create(io_name="Spring", io_start_time=START, io_budget_type_id=1)

    with pytest.raises(UnknownOutcome, match="Several new objects bear its name: 15001, 15002"):
        await iqm.launch(new_order(), new_campaign(), record=somebody_else)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"io_start_time": START - timedelta(days=1)}, "ioStartTime"),
        ({"io_budget_type_id": BudgetType.IMPRESSION}, "ioBudgetTypeId"),
        ({"io_timezone_id": 30}, "ioTimeZoneId"),
    ],
)
async def test_an_order_that_differs_is_not_adopted(scene: Scene, iqm: IQM, fields: dict[str, Any], named: str) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_before")
    another = await scene.client()

    async def somebody_else(event: Event) -> None:
        if event["event"] == "unknown":
            sent: dict[str, Any] = {"io_name": "Spring", "io_start_time": START, "io_budget_type_id": 1}
            sent |= {"io_end_time": START + timedelta(days=30), "io_timezone_id": 29}
            await another.insertion_orders.create(**{**sent, **fields})

    with pytest.raises(UnknownOutcome, match=f"differs from what was sent in {named}"):
        await iqm.launch(new_order(), new_campaign(), record=somebody_else)


@pytest.mark.parametrize("change", [{"max_bid": 11}, {"budget_total": 999}, {"creative_ids": "676384"}])
async def test_a_campaign_that_differs_is_not_adopted(scene: Scene, iqm: IQM, change: dict[str, Any]) -> None:
    scene.sandbox.fault("campaigns_create", kind="cut_after")

    async def somebody_changes_it(event: Event) -> None:
        if event["event"] == "unknown":
            (order,) = (await another.insertion_orders.list_campaigns()).io_campaigns_list
            await another.campaigns.update(order.campaigns[0].campaign_id, **change)

    another = await scene.client()
    with pytest.raises(LaunchFailed, match="differs from what was sent in"):
        await iqm.launch(new_order(), new_campaign(), record=somebody_changes_it)
    assert scene.executions == ONCE


# when the campaign fails after the order was made


async def test_a_refused_campaign_carries_the_order(scene: Scene, iqm: IQM) -> None:
    with pytest.raises(LaunchFailed, match="the campaign was not created") as caught:
        await iqm.launch(new_order(), new_campaign(max_bid=100_000))
    failure = caught.value
    assert isinstance(failure.cause, ValidationFailed)
    assert failure.__cause__ is failure.cause
    assert (failure.step, failure.campaign_id) == ("campaign", None)
    assert scene.executions == ORDER_ONLY
    # it can be mended and continued with the order that exists
    launch = await iqm.launch(failure.insertion_order_id or 0, new_campaign())
    await launched(scene, iqm, launch)


@pytest.mark.parametrize(("step", "executions"), [("insertion_order", ORDER_ONLY), ("campaign", ONCE)])
async def test_a_record_that_cannot_be_kept_does_not_lose_what_was_made(
    scene: Scene, iqm: IQM, step: str, executions: dict[str, int]
) -> None:
    def full(event: Event) -> None:
        if (event["step"], event["event"]) == (step, "done"):
            raise OSError("no space left on device")

    with pytest.raises(LaunchFailed, match="no space left") as caught:
        await iqm.launch(new_order(), new_campaign(), record=full)
    assert isinstance(caught.value.cause, OSError)
    assert caught.value.insertion_order_id
    assert (caught.value.campaign_id is not None) == (step == "campaign")
    assert scene.executions == executions


@pytest.mark.parametrize("operation", CREATES)
async def test_what_was_refused_may_be_mended_and_continued(scene: Scene, iqm: IQM, operation: str) -> None:
    scene.sandbox.fault(operation, kind="status", status=422)
    events: list[Event] = []
    with pytest.raises((ValidationFailed, LaunchFailed)):
        await iqm.launch(new_order(), new_campaign(), record=events.append)
    assert events[-1]["event"] == "refused"
    slept = len(scene.clock.slept)

    order = new_order(end=START + timedelta(days=60)) if operation == CREATES[0] else new_order()
    campaign = new_campaign() if operation == CREATES[0] else new_campaign(max_bid=11)
    launch = await iqm.launch(order, campaign, resume=events)
    await launched(scene, iqm, launch)
    assert len(scene.clock.slept) == slept, "nothing had to be settled"


async def test_a_refusal_does_not_settle_what_was_lost_before_it(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="late", seconds=10_000)
    events: list[Event] = []
    with pytest.raises(UnknownOutcome):
        await iqm.launch(new_order(), new_campaign(), record=events.append)
    scene.sandbox.fault("insertion_orders_create", kind="status", status=422)
    with pytest.raises(ValidationFailed):
        await iqm.launch(new_order(), new_campaign(), resume=events, if_absent="create", record=events.append)
    scene.sandbox.advance(10_000)

    launch = await iqm.launch(new_order(), new_campaign(), resume=events, if_absent="create", record=events.append)
    assert launch.adopted == ("insertion_order",)
    await launched(scene, iqm, launch)


async def test_a_refusal_is_told_although_it_cannot_be_recorded(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="status", status=422)

    def full(event: Event) -> None:
        if event["event"] == "refused":
            raise OSError("no space left on device")

    with pytest.raises(ValidationFailed):
        await iqm.launch(new_order(), new_campaign(), record=full)


async def test_a_refused_order_is_an_error_of_the_service(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="status", status=422)
    with pytest.raises(ValidationFailed):
        await iqm.launch(new_order(), new_campaign())
    assert scene.executions == NOTHING


async def test_a_campaign_that_cannot_be_read_back_is_named(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("campaigns_get", kind="status", status=403)
    events: list[Event] = []
    with pytest.raises(LaunchFailed, match="could not be read back") as caught:
        await iqm.launch(new_order(), new_campaign(), record=events.append)
    assert caught.value.step == "read_back"
    assert caught.value.campaign_id is not None
    assert isinstance(caught.value.cause, APIError)
    # continuing only reads
    launch = await iqm.launch(new_order(), new_campaign(), resume=events)
    assert launch.campaign_id == caught.value.campaign_id
    await launched(scene, iqm, launch)


# going on where an earlier launch ended


class Killed(BaseException):
    """Ends a process in a test."""


@pytest.mark.parametrize("faulty", [None, *CREATES])
@pytest.mark.parametrize("kept", range(1, 8))
async def test_a_launch_whose_record_ends_anywhere_is_continued(
    scene: Scene, iqm: IQM, faulty: str | None, kept: int
) -> None:
    """The process died after its `kept`-th line; what came after that line had happened, or had not: both are tried."""
    if faulty is not None:
        scene.sandbox.fault(faulty, kind="cut_after")
    events: list[Event] = []

    def record(event: Event) -> None:
        if len(events) == kept:
            raise Killed
        events.append(json.loads(json.dumps(event)))

    if kept > len(SMOOTH) - (faulty is None):
        await iqm.launch(new_order(), new_campaign(), record=record)
    else:
        # the next line could not be written any more: what it tells of has happened
        with pytest.raises(Killed):
            await iqm.launch(new_order(), new_campaign(), record=record)
    assert all(times <= 1 for times in scene.executions.values())

    another = await scene.client()
    launch = await another.launch(new_order(), new_campaign(), resume=events)
    await launched(scene, another, launch)


@pytest.mark.parametrize(("kept", "executed"), [(1, NOTHING), (3, ORDER_ONLY)])
async def test_what_was_about_to_be_sent_is_not_sent_again_unasked(
    scene: Scene, iqm: IQM, kept: int, executed: dict[str, int]
) -> None:
    """The process died after it had written that it was about to send, and before it sent."""
    events: list[Event] = []

    def record(event: Event) -> None:
        events.append(event)
        if len(events) == kept:
            raise Killed

    with pytest.raises(Killed):
        await iqm.launch(new_order(), new_campaign(), record=record)
    assert scene.executions == executed

    another = await scene.client()
    with pytest.raises((UnknownOutcome, LaunchFailed)) as caught:
        await another.launch(new_order(), new_campaign(), resume=events)
    unknown = caught.value.cause if isinstance(caught.value, LaunchFailed) else caught.value
    assert isinstance(unknown, UnknownOutcome)
    assert unknown.absent
    assert "None" not in str(unknown)
    assert scene.executions == executed

    again = list(events)
    launch = await another.launch(new_order(), new_campaign(), resume=events, if_absent="create", record=again.append)
    await launched(scene, another, launch)
    # and the longer record is a record, too
    assert (await another.launch(new_order(), new_campaign(), resume=again)).campaign_id == launch.campaign_id
    assert scene.executions == ONCE


@pytest.mark.parametrize("operation", CREATES)
async def test_what_appears_at_the_last_moment_is_not_created_again(scene: Scene, iqm: IQM, operation: str) -> None:
    """Two look-ups found nothing, and `if_absent` says to create; then it is there."""
    scene.sandbox.fault(operation, kind="late", seconds=10_000)
    events: list[Event] = []

    def record(event: Event) -> None:
        if event["event"] == "unknown":
            raise Killed
        events.append(event)

    with pytest.raises(Killed):
        await iqm.launch(new_order(), new_campaign(), record=record)
    path = "/io/basic/list" if operation == "insertion_orders_create" else "/io/campaign/basic/list"
    asked = 0

    async def carry_out_before_the_third(request: httpx.Request) -> None:
        nonlocal asked
        asked += request.url.path.endswith(path)
        if asked == 3:
            asked += 1
            scene.sandbox.advance(10_000)

    another = await scene.client(hooks=[Hook(on_request=carry_out_before_the_third)])
    with pytest.raises((UnknownOutcome, LaunchFailed), match="only now"):
        await another.launch(new_order(), new_campaign(), resume=events, if_absent="create", record=events.append)
    assert scene.executions[operation] == 1

    launch = await another.launch(new_order(), new_campaign(), resume=events, if_absent="create")
    await launched(scene, another, launch)


async def test_continuing_adopts_what_the_dead_process_made(scene: Scene, iqm: IQM) -> None:
    events: list[Event] = []
    await iqm.launch(new_order(), new_campaign(), record=events.append)
    before = scene.clock.monotonic()
    launch = await iqm.launch(new_order(), new_campaign(), resume=events[:1], record=events.append)
    assert launch.adopted == ("insertion_order",)
    # when a request was sent that waited for the quota is in no record, so the whole time has to pass
    assert scene.clock.monotonic() - before >= 90
    assert scene.executions == {"insertion_orders_create": 1, "campaigns_create": 2}
    assert brief(events)[len(SMOOTH) :] == SMOOTH[1:]


async def test_a_request_whose_loss_was_recorded_is_not_waited_for_twice(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_after")
    events: list[Event] = []
    await iqm.launch(new_order(), new_campaign(), record=events.append)
    before = scene.clock.monotonic()
    launch = await iqm.launch(new_order(), new_campaign(), resume=events[:2])
    assert launch.adopted == ("insertion_order",)
    assert scene.clock.monotonic() - before < 60


async def test_a_clock_that_is_set_forward_gives_nothing_up_too_early(
    scene: Scene, iqm: IQM, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.sandbox.fault("campaigns_create", kind="late", seconds=60)
    events: list[Event] = []

    def record(event: Event) -> None:
        events.append(event)
        if event["event"] == "unknown":
            raise Killed

    with pytest.raises(Killed):
        await iqm.launch(new_order(), new_campaign(), record=record)
    real = scene.clock.time
    monkeypatch.setattr(scene.clock, "time", lambda: real() + 3600.0)
    launch = await iqm.launch(new_order(), new_campaign(), resume=events, if_absent="create")
    assert launch.adopted == ("campaign",)
    await launched(scene, iqm, launch)


@pytest.mark.parametrize("kept", [2, 4])
async def test_a_finished_step_is_not_looked_up_again(scene: Scene, iqm: IQM, kept: int) -> None:
    events: list[Event] = []
    first = await iqm.launch(new_order(), new_campaign(), record=events.append)
    before = scene.sandbox.counts.operations["insertion_orders_list"]
    await iqm.launch(new_order(), new_campaign(), resume=events[:kept])
    assert scene.sandbox.counts.operations["insertion_orders_list"] == before
    assert scene.executions["insertion_orders_create"] == 1
    assert first.insertion_order_id


@pytest.mark.parametrize(
    ("order", "campaign", "kept", "named"),
    [
        ({"timezone_id": 30}, {}, 1, "ioTimeZoneId"),
        ({"name": "Summer"}, {}, 5, "ioName"),
        ({}, {"total_budget": 2000}, 3, "budgetTotal"),
        ({}, {"name": "Other", "max_bid": 9}, 5, "campaignName', 'maxBid"),
    ],
)
async def test_another_plan_is_refused_before_anything_is_sent(
    scene: Scene, iqm: IQM, order: dict[str, Any], campaign: dict[str, Any], kept: int, named: str
) -> None:
    events: list[Event] = []
    await iqm.launch(new_order(), new_campaign(), record=events.append)
    sent = scene.sandbox.counts.requests
    with pytest.raises(InvalidInput, match=f"resume=.*{named}"):
        await iqm.launch(new_order(**order), new_campaign(**campaign), resume=events[:kept])
    assert scene.sandbox.counts.requests == sent


async def test_a_record_of_another_order_is_refused(scene: Scene, iqm: IQM) -> None:
    events: list[Event] = []
    first = await iqm.launch(new_order(), new_campaign(), record=events.append)
    other = await iqm.insertion_orders.create(io_name="Other", io_start_time=START, io_budget_type_id=1)
    with pytest.raises(InvalidInput, match=r"resume=\['ioId'\]"):
        await iqm.launch(other.io_id, new_campaign(), resume=events)
    # the same order by its id is the same launch
    launch = await iqm.launch(first.insertion_order_id, new_campaign(), resume=events)
    assert launch.campaign_id == first.campaign_id


async def test_a_record_without_its_order_is_refused_before_an_order_is_made(scene: Scene, iqm: IQM) -> None:
    events: list[Event] = []
    await iqm.launch(new_order(), new_campaign(), record=events.append)
    sent = scene.sandbox.counts.requests
    with pytest.raises(InvalidInput, match="what became of the insertion order"):
        await iqm.launch(new_order(), new_campaign(), resume=events[2:])
    assert scene.sandbox.counts.requests == sent


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"step": "insertion_order"},
        {"step": "insertion_order", "event": "sending", "at": "today", "sent": {}, "existing": []},
        {"step": "insertion_order", "event": "done", "id": "none"},
        {"step": "campaign", "event": "unknown", "sent_at": "2030-01-01T00:00:00+00:00"},
    ],
)
async def test_what_is_no_record_is_refused(scene: Scene, iqm: IQM, event: Event) -> None:
    with pytest.raises(InvalidInput, match="resume="):
        await iqm.launch(new_order(), new_campaign(), resume=[event])
    assert scene.sandbox.counts.requests == 0


async def test_lines_of_later_versions_are_passed_over(scene: Scene, iqm: IQM) -> None:
    line = {"step": "insertion_order", "event": "thinking", "at": "2030-01-01T00:00:00+00:00"}
    launch = await iqm.launch(new_order(), new_campaign(), resume=[line])
    await launched(scene, iqm, launch)


async def test_a_cancelled_launch_leaves_a_record_that_can_be_continued(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="cut_after")
    events: list[Event] = []
    lost = asyncio.Event()

    def record(event: Event) -> None:
        events.append(event)
        if event["event"] == "unknown":
            lost.set()

    scene.clock.auto = False
    task = asyncio.create_task(iqm.launch(new_order(), new_campaign(), record=record))
    await lost.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    scene.clock.auto = True
    assert brief(events) == [("insertion_order", "sending"), ("insertion_order", "unknown")]
    launch = await iqm.launch(new_order(), new_campaign(), resume=events)
    await launched(scene, iqm, launch)


async def test_a_launch_that_is_cancelled_while_it_sends_can_be_continued(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("insertion_orders_create", kind="delay_after", seconds=3600)
    events: list[Event] = []
    task = asyncio.create_task(iqm.launch(new_order(), new_campaign(), record=events.append))
    while not scene.executions["insertion_orders_create"]:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    launch = await iqm.launch(new_order(), new_campaign(), resume=events)
    await launched(scene, iqm, launch)


# names are looked up among many


async def test_a_cancelled_launch_says_what_it_leaves_behind(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("campaigns_create", kind="cut_after")
    waiting = asyncio.Event()

    def record(event: Event) -> None:
        if (event["step"], event["event"]) == ("campaign", "unknown"):
            waiting.set()

    scene.clock.auto = False
    launch = asyncio.create_task(iqm.launch(new_order(), new_campaign(), record=record))
    await waiting.wait()
    launch.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await launch
    (word,) = caught.value.__notes__
    assert "insertion order 15001 exists; the campaign: sent, outcome unknown" in word


async def test_what_is_no_campaign_is_refused(scene: Scene, iqm: IQM) -> None:
    swapped: Any = new_order()
    with pytest.raises(InvalidInput, match="a NewCampaign"):
        await iqm.launch(new_order(), swapped)
    assert scene.executions == NOTHING


async def test_names_are_compared_exactly(scene: Scene, iqm: IQM) -> None:
    for name in ("spring", "Spring 2", "A Spring"):
        await iqm.insertion_orders.create(io_name=name, io_start_time=START, io_budget_type_id=1)
    scene.sandbox.fault("insertion_orders_create", kind="cut_after")
    launch = await iqm.launch(new_order(), new_campaign())
    assert (await iqm.insertion_orders.get(launch.insertion_order_id)).io_name == "Spring"


async def test_a_launch_holds_the_quota(scene: Scene) -> None:
    iqm = await scene.client(quota=Quota(5, 60.0))
    await iqm.launch(new_order(), new_campaign())
    assert max(scene.sandbox.counts.busiest.values()) <= 5
