from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
import pytest

from adflight import (
    IQM,
    CampaignNotRunning,
    ConfigurationError,
    InvalidInput,
    Options,
    Quota,
    ServerError,
    ValidationFailed,
    WaitTimeout,
)
from adflight.core.caller import BoundCaller
from adflight.core.transport import WireAnswer, WireRequest
from adflight.iqm.waiting import BATCH, StatusPoll, pace
from adflight.types.iqm import CampaignStatus
from adflight_api.iqm.client import Operations
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, answer, ok, session
from tests.iqm.scene import Scene, new_campaign, new_order

LIST = "insertion_orders_list_campaigns"


async def campaigns(iqm: IQM, count: int = 1) -> list[int]:
    """Campaigns that are pending."""
    first = await iqm.launch(new_order(), new_campaign())
    rest = [await iqm.launch(first.insertion_order_id, new_campaign(name=f"Flight {n}")) for n in range(1, count)]
    return [first.campaign_id, *(launch.campaign_id for launch in rest)]


# what it waits for


async def test_it_waits_until_a_campaign_runs(scene: Scene, iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)
    seen: list[str] = []
    await iqm.wait_until(campaign, on_poll=seen.append)
    assert seen[0] == "pending"
    assert seen[-1] == "running"
    assert set(seen) == {"pending", "running"}


async def test_it_returns_at_once_when_the_status_is_there(scene: Scene, iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)
    before = scene.clock.monotonic()
    await iqm.wait_until(campaign, CampaignStatus.PENDING)
    await iqm.wait_until(campaign, "Pending")
    assert scene.clock.monotonic() - before <= 1


async def test_a_callback_may_be_a_coroutine(iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)
    seen: list[str] = []

    async def on_poll(status: str) -> None:
        await asyncio.sleep(0)
        seen.append(status)

    await iqm.wait_until(campaign, on_poll=on_poll)
    assert seen[-1] == "running"


async def test_what_a_callback_raises_ends_the_wait(iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)

    def on_poll(status: str) -> None:
        raise LookupError(status)

    with pytest.raises(LookupError, match="pending"):
        await iqm.wait_until(campaign, on_poll=on_poll)


@pytest.mark.parametrize("status", ["rejected", "deleted", "expired", "completed"])
async def test_a_campaign_that_will_not_run_is_an_error(scene: Scene, iqm: IQM, status: str) -> None:
    (campaign,) = await campaigns(iqm)

    def on_poll(found: str) -> None:
        if found == "pending":
            scene.sandbox.set_campaign_status(campaign, status)

    said = f"campaign {campaign} is {status}, so it will not be running"
    with pytest.raises(CampaignNotRunning, match=said) as caught:
        await iqm.wait_until(campaign, on_poll=on_poll, timeout=600)
    assert (caught.value.campaign_id, caught.value.status) == (campaign, status)


@pytest.mark.parametrize("status", ["rejected", "deleted", "expired", "completed", "paused"])
async def test_any_status_may_be_waited_for(scene: Scene, iqm: IQM, status: str) -> None:
    (campaign,) = await campaigns(iqm)
    scene.sandbox.set_campaign_status(campaign, status)
    await iqm.wait_until(campaign, status, timeout=60)


async def test_patience_ends(scene: Scene, iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)
    scene.sandbox.set_campaign_status(campaign, "paused")
    before = scene.clock.monotonic()
    with pytest.raises(WaitTimeout, match=f"campaign {campaign} was still paused after 10 s") as caught:
        await iqm.wait_until(campaign, timeout=10)
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.campaign_id, caught.value.status) == (campaign, "paused")
    assert 10 <= scene.clock.monotonic() - before < 12


async def test_a_launch_waits_for_its_own_campaign(scene: Scene, iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    scene.sandbox.set_campaign_status(launch.campaign_id, "rejected")
    with pytest.raises(CampaignNotRunning):
        await launch.wait_until("running", timeout=60)


# what a poll costs


async def test_all_that_wait_share_one_poll(scene: Scene, iqm: IQM) -> None:
    waited_for = await campaigns(iqm, 20)
    for campaign in waited_for:
        scene.sandbox.set_campaign_status(campaign, "paused")
    before, since = scene.sandbox.counts.operations[LIST], scene.clock.monotonic()

    waits = [asyncio.create_task(iqm.wait_until(campaign)) for campaign in waited_for]
    waits += [asyncio.create_task(iqm.with_options(timeout=9).wait_until(waited_for[0])) for _ in range(20)]
    await scene.clock.sleep(10)
    for campaign in waited_for:
        scene.sandbox.set_campaign_status(campaign, "running")
    await asyncio.gather(*waits)

    polls = scene.sandbox.counts.operations[LIST] - before
    elapsed = scene.clock.monotonic() - since
    assert 10 <= elapsed <= 13
    # one at first for who came first, then one a second for everybody
    assert polls <= elapsed + 2
    assert scene.sandbox.counts.operations["campaigns_get"] == len(waited_for)


@pytest.mark.parametrize(("quota", "seconds"), [(None, 1.0), (Quota(19, 60.0), 4 * 60 / 19), (Quota(1000, 1.0), 1.0)])
def test_the_pace_leaves_most_of_the_quota_to_others(quota: Quota | None, seconds: float) -> None:
    assert pace(quota) == pytest.approx(seconds)


async def test_the_pace_may_be_set(scene: Scene) -> None:
    iqm = await scene.client(poll_every=7.0)
    (campaign,) = await campaigns(iqm)
    scene.sandbox.set_campaign_status(campaign, "paused")
    moments: list[float] = []
    with pytest.raises(WaitTimeout):
        await iqm.wait_until(campaign, timeout=30, on_poll=lambda status: moments.append(scene.clock.monotonic()))
    assert len(moments) == 5
    assert all(later - earlier == pytest.approx(7.0) for earlier, later in pairwise(moments))


async def test_waiting_holds_the_quota(scene: Scene) -> None:
    iqm = await scene.client(quota=Quota(10, 60.0))
    (campaign,) = await campaigns(iqm)
    scene.sandbox.set_campaign_status(campaign, "paused")
    with pytest.raises(WaitTimeout):
        await iqm.wait_until(campaign, timeout=600)
    assert max(scene.sandbox.counts.busiest.values()) <= 10


# the poll on its own


def row(campaign: int, status: str = "Running") -> dict[str, Any]:
    return {"campaignId": campaign, "id": campaign, "status": status}


def listed(*rows: dict[str, Any]) -> WireAnswer:
    order = {"ioId": 1, "campaigns": list(rows)}
    return ok({"totalRecords": 1, "filteredRecords": 1, "ioCampaignsList": [order]})


def polling(
    reply: Callable[[list[int]], WireAnswer], **settings: Any
) -> tuple[StatusPoll, ScriptedTransport, FakeClock]:
    """A poll whose lists are answered by `reply`, which is told the ids that were asked for."""

    async def serve(request: WireRequest) -> WireAnswer:
        if request.method == "GET":
            return answer(400, {"statusCode": 412, "responseObject": {"errorMsg": "no such campaign"}})
        return reply(orjson.loads(request.content or b"")["ids"])

    transport, clock = ScriptedTransport(serve), FakeClock(**settings)
    caller = BoundCaller(session(transport, clock=clock), Options(max_attempts=1))
    return StatusPoll(Operations(caller), clock=clock, every=5.0), transport, clock


async def test_a_request_asks_for_a_thousand() -> None:
    asked: list[int] = []

    def reply(ids: list[int]) -> WireAnswer:
        asked.append(len(ids))
        return listed(*(row(id) for id in ids))

    poll, transport, _ = polling(reply, auto=True)
    await asyncio.gather(*(poll.wait_until(id, "running") for id in range(1, BATCH + 501)))
    assert asked == [1000, 500]
    assert len(transport.sent) == 2


async def test_polls_keep_their_distance() -> None:
    poll, transport, clock = polling(lambda ids: listed(*(row(id, "pending") for id in ids)))
    waits = [asyncio.create_task(poll.wait_until(1, "running"))]
    await clock.settle()
    assert len(transport.sent) == 1

    # who comes later is served with the others
    waits.append(asyncio.create_task(poll.wait_until(2, "running")))
    await clock.advance(4.9)
    assert len(transport.sent) == 1
    await clock.advance(0.1)
    assert len(transport.sent) == 2

    # nobody waits, nobody asks; and who comes then does not ask too early
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    await clock.advance(4.0)
    late = asyncio.create_task(poll.wait_until(3, "pending"))
    await clock.settle()
    assert len(transport.sent) == 2
    await clock.advance(1.0)
    await late
    assert len(transport.sent) == 3
    assert clock.sleepers == 0


async def test_who_is_cancelled_leaves_the_others_waiting() -> None:
    status = "pending"
    poll, _, clock = polling(lambda ids: listed(*(row(id, status) for id in ids)))
    first, second, third = (asyncio.create_task(poll.wait_until(1 + place // 2, "running")) for place in range(3))
    await clock.settle()
    first.cancel()
    await clock.advance(5)
    assert (first.cancelled(), second.done(), third.done()) == (True, False, False)
    status = "running"
    await clock.advance(5)
    await asyncio.gather(second, third)
    assert clock.sleepers == 0


async def test_who_is_cancelled_during_the_request_leaves_the_others_waiting() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def serve(request: WireRequest) -> WireAnswer:
        asked.set()
        await go_on.wait()
        return listed(row(1), row(2))

    transport, clock = ScriptedTransport(serve), FakeClock()
    poll = StatusPoll(Operations(BoundCaller(session(transport, clock=clock))), clock=clock, every=5.0)
    first, second = (asyncio.create_task(poll.wait_until(id, "running")) for id in (1, 2))
    await asked.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go_on.set()
    await second


async def test_who_is_cancelled_as_the_answer_comes_does_not_disturb_it() -> None:
    tasks: list[asyncio.Task[str]] = []

    async def serve(request: WireRequest) -> WireAnswer:
        tasks[0].cancel()
        return listed(row(1))

    transport, clock = ScriptedTransport(serve), FakeClock()
    poll = StatusPoll(Operations(BoundCaller(session(transport, clock=clock))), clock=clock, every=5.0)
    tasks += [asyncio.create_task(poll.status(1)) for _ in range(2)]
    await clock.settle()
    assert tasks[0].cancelled()
    assert tasks[1].result() == "running"


async def test_an_error_of_the_poll_reaches_everybody() -> None:
    replies = [answer(500, {"success": False, "errorObjects": [{"error": "broken"}]})]
    poll, transport, clock = polling(lambda ids: replies.pop() if replies else listed(*map(row, ids)))
    waits = [asyncio.create_task(poll.wait_until(id, "running")) for id in (1, 1, 2)]
    await clock.settle()
    for error in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(error, ServerError)
        assert "broken" in str(error)
    # who tries again is not too early either
    again = asyncio.create_task(poll.wait_until(1, "running"))
    await clock.advance(4.9)
    assert len(transport.sent) == 1
    await clock.advance(0.1)
    await again


async def test_an_error_of_one_campaign_is_its_own() -> None:
    poll, _, clock = polling(lambda ids: listed(row(1)))
    waits = [asyncio.create_task(poll.wait_until(id, "running")) for id in (1, 2)]
    await clock.settle()
    fine, unknown = await asyncio.gather(*waits, return_exceptions=True)
    assert fine is None
    assert isinstance(unknown, ValidationFailed)
    assert "no such campaign" in str(unknown)


@pytest.mark.parametrize(("status", "code"), [(404, 404), (410, 410)])
async def test_a_campaign_that_is_gone_is_deleted(status: int, code: int) -> None:
    async def serve(request: WireRequest) -> WireAnswer:
        gone = answer(status, {"statusCode": code, "responseObject": {"errorMsg": "gone"}})
        return gone if request.method == "GET" else listed()

    clock = FakeClock(auto=True)
    caller = BoundCaller(session(ScriptedTransport(serve), clock=clock))
    poll = StatusPoll(Operations(caller), clock=clock, every=5.0)
    with pytest.raises(CampaignNotRunning, match="deleted"):
        await poll.wait_until(1, "running")
    await poll.wait_until(1, "deleted")


async def test_a_status_that_nobody_knows_is_waited_through() -> None:
    statuses = ["frozen", "thawing", "RUNNING"]
    poll, _, _ = polling(lambda ids: listed(row(1, statuses.pop(0)), row(99)), auto=True)
    seen: list[str] = []
    await poll.wait_until(1, "running", on_poll=seen.append)
    assert seen == ["frozen", "thawing", "running"]


async def test_closing_tells_those_who_wait() -> None:
    poll, _, clock = polling(lambda ids: listed(*(row(id, "pending") for id in ids)))
    waits = [asyncio.create_task(poll.wait_until(id, "running")) for id in (1, 2)]
    await clock.advance(1)
    await poll.aclose()
    for error in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(error, ConfigurationError)
        assert "was closed while campaign" in str(error)
    await poll.aclose()
    assert clock.sleepers == 0


# workspaces and event loops


async def test_each_workspace_has_a_poll_of_its_own(scene: Scene, iqm: IQM) -> None:
    elsewhere = iqm.with_options(ow_id=200011)
    here, there = await iqm.launch(new_order(), new_campaign()), await elsewhere.launch(new_order(), new_campaign())
    await asyncio.gather(here.wait_until(timeout=60), there.wait_until(timeout=60))
    with pytest.raises(ValidationFailed, match="There is no campaign"):
        await iqm.wait_until(there.campaign_id, timeout=60)
    sent = {headers["X-IAA-OW-ID"] for headers in scene.wire.headers("/io/campaign/basic/list")}
    assert sent == {"200001", "200011"}


async def test_closing_the_client_ends_its_views_polls(scene: Scene, iqm: IQM) -> None:
    (campaign,) = await campaigns(iqm)
    scene.sandbox.set_campaign_status(campaign, "paused")
    view = iqm.with_options(workspace_host="brand.example.com")
    asked = asyncio.Event()
    wait = asyncio.create_task(view.wait_until(campaign, on_poll=lambda status: asked.set()))
    await asked.wait()
    await iqm.aclose()
    with pytest.raises(ConfigurationError):
        await wait


def test_a_second_loop_waits_anew() -> None:
    poll, transport, _ = polling(lambda ids: listed(*(row(id, "pending") for id in ids)), auto=True)

    async def wait() -> None:
        await poll.wait_until(1, "pending")

    asyncio.run(wait())
    asyncio.run(wait())
    assert len(transport.sent) == 2


def test_a_second_loop_beside_the_first_is_refused() -> None:
    poll, _, _ = polling(lambda ids: listed(*(row(id, "pending") for id in ids)), auto=True)

    async def wait() -> None:
        await poll.wait_until(1, "pending")

    with asyncio.Runner() as first:
        first.run(wait())
        with asyncio.Runner() as second, pytest.raises(ConfigurationError, match="another event loop"):
            second.run(wait())
        first.run(wait())


def test_a_second_loop_may_close_what_the_first_left() -> None:
    poll, _, _ = polling(lambda ids: listed(*(row(id, "pending") for id in ids)), auto=True)

    async def wait() -> None:
        await poll.wait_until(1, "pending")

    asyncio.run(wait())
    asyncio.run(poll.aclose())
    asyncio.run(wait())


@pytest.mark.parametrize(
    ("wrong", "named"), [(("537001", "running"), "campaign_id="), ((1, "runing"), "status='runing'")]
)
async def test_what_would_be_waited_for_in_vain_is_refused(iqm: IQM, wrong: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        await iqm.wait_until(*wrong)
