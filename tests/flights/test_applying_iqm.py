"""Applies on the sandbox, over HTTP, with everything that can go wrong with an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from adflight import IQM, InvalidInput, PlanOutdated, Quota
from adflight.core.redaction import RedactedRequest
from adflight.flights.comparing import SENT
from adflight.flights.entries import Intent, Part
from adflight.flights.events import Began, Ended, Event, RowDone, RowFailed, Settled, Settling
from adflight.flights.iqm import IQMPlatform
from adflight.flights.iqm_reading import Reading
from adflight.flights.items import Verdict
from adflight.flights.keys import bind, propose_bind, propose_release, release
from adflight.flights.live import Live
from adflight.flights.planning import plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.saved_plan import load_plan
from adflight.flights.settling import settle
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW
from tests.flights.vendor import InlineJournal, brief, of
from tests.iqm.scene import Scene

CREATES: Final = ["insertion_orders_create", "campaigns_create"]
UPDATES: Final = ["insertion_orders_update*", "campaigns_update*"]


def row(key: str, order: str = "Spring", **more: Any) -> dict[str, Any]:
    return {"key": key, **ORDER_ROW, **CAMPAIGN_ROW, "io_name": order, "campaign_name": f"Flight {key}", **more}


ROWS: Final = [row("a1"), row("a2", budget_total=Decimal(500)), row("b1", "Summer"), row("b2", "Summer")]

LATER: Final = [
    row("a1", budget_total=Decimal(2000)),
    row("a2", budget_total=Decimal(400)),
    row("b1", "Summer", end_time=CAMPAIGN_ROW["end_time"] + timedelta(days=1), budget_total=Decimal(2000)),
    row("b2", "Summer", advertiser_domain="https://other.example.com"),
    row("b3", "Summer"),
]


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(quota=(20, 60.0), start=FakeClock.EPOCH)


class Desk:
    """Somebody who applies files, each time with a journal that was just opened."""

    def __init__(self, scene: Scene, iqm: IQM, directory: Path) -> None:
        self.scene = scene
        self.iqm = iqm
        self.sandbox = scene.sandbox
        self.directory = directory
        self.on_event: Callable[[], object] = lambda: None

    async def apply(
        self, rows: Sequence[dict[str, Any]], leave_after: int = -1, leave_at: type[Any] | None = None, **more: Any
    ) -> list[Event]:
        events: list[Event] = []
        async with self.journal() as journal:
            with await plan(rows, self.iqm, journal=journal, label="flights.csv") as made:
                async with aclosing(made.apply(journal=journal, **more)) as told:
                    while len(events) != leave_after and (event := await anext(told, None)) is not None:
                        events.append(event)
                        self.on_event()
                        if leave_at is not None and isinstance(event, leave_at):
                            break
        assert self.sandbox.crashes == []
        return events

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[InlineJournal]:
        scope = str(await self.iqm.workspace())
        where: dict[str, Any] = {"scope": scope, "directory": self.directory, "clock": self.scene.clock}
        async with await InlineJournal.open(self.iqm.base_url, self.iqm.account, **where) as journal:
            yield journal

    async def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Applies until everything is as the file says, and once more, which changes nothing."""
        for _ in range(2):
            events = await self.apply(rows, if_absent="create", by="ada")
            if ended(events).how == "complete":
                break
        assert ended(events).how == "complete", of(events, RowFailed)
        before = self.sandbox.counts.executions.copy()
        events = await self.apply(rows)
        assert ended(events).how == "complete"
        assert set(brief(events, RowDone).values()) == {"unchanged"}
        changed = self.sandbox.counts.executions - before
        assert not [name for name in changed if "create" in name or "update" in name]
        assert await self.names() == sorted((row["io_name"], row["campaign_name"]) for row in rows)

    async def names(self) -> list[tuple[str, str]]:
        """What exists, by the names of insertion order and campaign."""
        orders = {order.io_id: str(order.io_name) async for order in self.iqm.insertion_orders.list()}
        assert len({*orders.values()}) == len(orders)
        listed = self.iqm.insertion_orders.list_campaigns(io_ids=[*orders])
        return sorted([(orders[order.io_id], str(one.name)) async for order in listed for one in order.campaigns or []])


def ended(events: Sequence[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


@pytest.fixture
async def desk(adflight_sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        scene = Scene(adflight_sandbox, stack)
        yield Desk(scene, await scene.client(quota=Quota(19, 60.0)), tmp_path)


async def test_a_file_is_applied_changed_and_applied_again(desk: Desk) -> None:
    events = await desk.apply(ROWS)
    assert isinstance(events[0], Began)
    assert (events[0].flights, events[0].writes, events[0].committed) == (4, 6, Decimal(3500))
    assert brief(events, RowDone) == dict.fromkeys(["Spring", "Summer", "a1", "a2", "b1", "b2"], "created")
    assert ended(events).requests == {"insertion_orders.create": 2, "campaigns.create": 4}
    events = await desk.apply(LATER)
    assert {key: how for key, how in brief(events, RowDone).items() if key not in ("Spring", "Summer")} == {
        "a1": "changed",
        "a2": "changed",
        "b1": "changed",
        "b2": "changed",
        "b3": "created",
    }
    await desk.finish(LATER)
    assert desk.sandbox.counts.executions["campaigns_create"] == 5


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "late", "status", "html", "rate_limited", "half_body"])
@pytest.mark.parametrize("operation", [*CREATES, *UPDATES])
async def test_whatever_happens_to_answers_it_exists_once(desk: Desk, kind: Any, operation: str) -> None:
    rows = ROWS
    if operation in UPDATES:
        await desk.apply(ROWS)
        rows = LATER
    desk.sandbox.fault(operation, kind=kind, times=2, seconds=20.0)
    events = await desk.apply(rows)
    assert {event.outcome for event in of(events, RowFailed)} <= {"unknown", "withheld", "failed"}
    await desk.finish(rows)
    assert desk.sandbox.counts.executions["insertion_orders_create"] == 2
    assert desk.sandbox.counts.executions["campaigns_create"] == len(rows)


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_server_error_is_no_proof(desk: Desk, carried_out: bool) -> None:
    desk.sandbox.fault("campaigns_create", kind="status", status=503, times=3, carried_out=carried_out)
    events = await desk.apply(ROWS, if_absent="create", by="ada")
    assert {event.how for event in of(events, Settled)} == {"adopted" if carried_out else "unclear"}
    await desk.finish(ROWS)
    assert desk.sandbox.counts.executions["campaigns_create"] == 4


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"kind": "status", "status": 400}, "refused"), ({"kind": "cut_before", "times": 4}, "failed")],
)
async def test_money_that_was_not_given_back_is_not_taken_by_another_campaign(
    desk: Desk, fault: dict[str, Any], outcome: str
) -> None:
    before = [row("a1"), row("a2", budget_total=Decimal(500)), row("a3"), row("b1", "Summer")]
    after = [
        row("a1", budget_total=Decimal(500)),
        row("a2", budget_total=Decimal(1000)),
        row("a3", advertiser_domain="https://other.example.com"),
        row("a4"),
        row("b1", "Summer", budget_total=Decimal(2000)),
    ]
    await desk.apply(before)
    desk.sandbox.fault("campaigns_update", **fault)
    # one by one, so that the fault hits what is sent first
    events = await desk.apply(after, concurrency=1)
    assert brief(events, RowFailed) == {"a1": outcome, "a2": "withheld", "a4": "withheld"}
    assert {key for key, how in brief(events, RowDone).items() if how == "changed"} == {"a3", "b1"}
    reason = next(event.error for event in of(events, RowFailed) if event.key == "a2")
    assert reason == (
        "it takes more money, and campaign 'a1' of its insertion order 'Spring' did not give back what was planned"
    )
    assert ended(events).how == "failed"
    await desk.finish(after)


@pytest.mark.parametrize(
    ("operation", "edited"), [("campaigns_create", {"key": "a9"}), ("insertion_orders_create", {"io_key": "spring"})]
)
async def test_a_key_that_is_edited_after_a_lost_answer_buys_nothing_twice(
    desk: Desk, operation: str, edited: dict[str, str]
) -> None:
    desk.sandbox.fault(operation, kind="late", seconds=400.0)
    await desk.apply([row("a1")])
    events = await desk.apply([{**row("a1"), **edited}])
    failed = of(events, RowFailed)[0]
    assert failed.outcome == "unknown" and "which has the same name" in failed.error
    await desk.scene.clock.sleep(400)
    await desk.finish([row("a1")])
    assert desk.sandbox.counts.executions[operation] == 1


async def test_a_persons_word_is_good_for_one_purchase(desk: Desk) -> None:
    """A vendor that answers nothing, and carries everything out much later."""
    desk.sandbox.fault("campaigns_create", kind="late", seconds=600.0, times=None)
    for _ in range(2):
        events = await desk.apply([row("a1")], if_absent="create", by="ada")
        (failed,) = of(events, RowFailed)
        assert failed.outcome == "unknown"
    await desk.scene.clock.sleep(2000)
    assert desk.sandbox.counts.executions["campaigns_create"] == 2, "one, and one that ada has asked for"


async def test_a_clock_that_is_set_forward_gives_nothing_up_too_early(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sandbox.fault("campaigns_create", kind="late", seconds=60.0)
    await desk.apply([row("a1")], leave_at=Settling)
    real = desk.scene.clock.time
    monkeypatch.setattr(desk.scene.clock, "time", lambda: real() + 3600)
    events = await desk.apply([row("a1")], if_absent="create", by="ada")
    assert [event.how for event in of(events, Settled)] == ["adopted"]
    assert desk.sandbox.counts.executions["campaigns_create"] == 1


@pytest.mark.parametrize("edited", [{}, {"key": "a9"}])
async def test_what_was_given_up_is_looked_for_once_more_before_it_is_made(desk: Desk, edited: dict[str, str]) -> None:
    """It comes while somebody reads the plan."""
    await desk.apply([row("seed")])
    desk.sandbox.fault("campaigns_create", kind="late", seconds=400.0)
    await desk.apply([row("a1")])
    async with desk.journal() as journal:
        # released by a person, some 120 s after it was sent
        await release(
            journal, await propose_release(journal, IQMPlatform(desk.iqm), "campaign", "a1", by="ada"), by="ada"
        )
    async with desk.journal() as journal:
        with await plan([{**row("a1"), **edited}], desk.iqm, journal=journal, label="flights.csv") as made:
            assert ["no earlier purchase of it that was given up" in str(warning) for warning in made.warnings] == [
                True
            ]
            await desk.scene.clock.sleep(290)
            with pytest.raises(PlanOutdated, match="did not exist, is 537002"):
                [event async for event in made.apply(journal=journal)]
    assert desk.sandbox.counts.executions["campaigns_create"] == 2


async def test_an_order_that_is_bound_while_somebody_reads_the_plan_buys_nothing_twice(desk: Desk) -> None:
    """There, what was to be created exists."""
    await desk.apply([row("seed")])
    other = await desk.iqm.insertion_orders.create(**{**ORDER_ROW, "io_name": "Other"}, io_budget_type_id=1)
    there = {key: value for key, value in row("a1").items() if key in CAMPAIGN_ROW or key == "campaign_name"}
    there |= {"exchanges": "", "publisher_ad_category": ""}
    await desk.iqm.campaigns.create(io_id=other.io_id, **there)
    with await plan([row("a1")], desk.iqm, directory=desk.directory, label="flights.csv") as made:
        async with desk.journal() as journal:
            await bind(
                journal, await propose_bind(journal, IQMPlatform(desk.iqm), ORDER, "Spring", other.io_id), by="ada"
            )
            with pytest.raises(PlanOutdated, match=f"'Spring': was 15001, is {other.io_id}"):
                [event async for event in made.apply(journal=journal)]
    assert desk.sandbox.counts.executions["campaigns_create"] == 2


async def test_what_is_settled_elsewhere_while_somebody_reads_the_plan_is_no_surprise(desk: Desk) -> None:
    await desk.apply([row("seed")])
    desk.sandbox.fault("campaigns_create", kind="late", seconds=20.0)
    await desk.apply([row("a1")], leave_at=Settling)
    with await plan([row("a1")], desk.iqm, directory=desk.directory, label="flights.csv") as made:
        async with desk.journal() as journal:
            assert [event async for event in settle(journal, IQMPlatform(desk.iqm))]
            events = [event async for event in made.apply(journal=journal)]
    assert brief(events, RowDone) == {"Spring": "unchanged", "a1": "unchanged"}
    assert ended(events).how == "complete"
    assert desk.sandbox.counts.executions["campaigns_create"] == 2


async def test_a_clock_that_is_set_back_hides_no_other_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.apply([row("seed")])
    real = desk.scene.clock.time
    async with desk.journal() as journal:
        with await plan([row("p1", campaign_name="Same")], desk.iqm, journal=journal, label="p.csv") as mine:
            monkeypatch.setattr(desk.scene.clock, "time", lambda: real() - 3600)
            with await plan([row("q1", campaign_name="Same")], desk.iqm, journal=journal, label="q.csv") as theirs:
                assert [event async for event in theirs.apply(journal=journal)]
            with pytest.raises(PlanOutdated, match="q1"):
                [event async for event in mine.apply(journal=journal)]
    assert desk.sandbox.counts.executions["campaigns_create"] == 2


async def test_what_a_closed_client_cannot_send_is_in_no_doubt(desk: Desk) -> None:
    async with desk.journal() as journal:
        with await plan([row("a1")], desk.iqm, journal=journal, label="flights.csv") as made:
            await desk.iqm.aclose()
            events = [event async for event in made.apply(journal=journal)]
        assert (ended(events).how, of(events, RowFailed)) == ("stopped", [])
        assert "closed" in ended(events).reason
        assert await journal.open_intents() == []


async def test_what_was_given_up_and_comes_late_is_warned_of(desk: Desk) -> None:
    desk.sandbox.fault("campaigns_create", kind="late", seconds=400.0)
    await desk.apply([row("a1")])
    await desk.apply([row("a1")], if_absent="create", by="ada")
    await desk.scene.clock.sleep(400)
    async with desk.journal() as journal:
        with await plan([row("a1")], desk.iqm, journal=journal) as made:
            assert made.is_empty
            (warning,) = made.warnings
    assert "no other campaign of its name in its insertion order, and there is 537002: bought twice?" in str(warning)


async def test_tokens_may_expire_at_any_time(desk: Desk) -> None:
    desk.on_event = desk.sandbox.expire_tokens
    events = await desk.apply(ROWS)
    assert ended(events).how == "complete"
    await desk.finish(ROWS)
    assert desk.sandbox.counts.executions["campaigns_create"] == 4


async def test_a_password_that_is_changed_meanwhile_stops_it(desk: Desk) -> None:
    def revoke() -> None:
        desk.sandbox.expire_tokens(refresh=True)
        desk.sandbox.fault("auth_*", kind="status", status=401, times=None)
        desk.on_event = lambda: None

    desk.on_event = revoke
    events = await desk.apply(ROWS)
    assert ended(events).how == "stopped"
    assert "refused the log-in" in ended(events).reason
    assert of(events, RowFailed) == []
    async with desk.journal() as journal:
        assert [run.how for run in await journal.runs()] == ["stopped"]
        assert await journal.open_intents() == []
    desk.sandbox.clear_faults()
    await desk.finish(ROWS)


@pytest.mark.parametrize("is_refreshable", [True, False])
@pytest.mark.parametrize(
    "fault",
    [{"kind": "status", "status": 503}, {"kind": "html"}, {"kind": "rate_limited"}, {"kind": "cut_before"}],
    ids=lambda fault: str(fault["kind"]),
)
async def test_where_no_token_can_be_had_it_stops(desk: Desk, fault: dict[str, Any], is_refreshable: bool) -> None:
    def break_down() -> None:
        desk.sandbox.expire_tokens(refresh=not is_refreshable)
        desk.sandbox.fault("auth_login" if not is_refreshable else "auth_refresh", **fault, times=None)
        desk.on_event = lambda: None

    rows = [row(f"a{number}") for number in range(60)]
    desk.on_event = break_down
    events = await desk.apply(rows)
    assert ended(events).how == "stopped"
    assert ended(events).reason.startswith("no token could be had: ")
    # it is nothing that is wrong with a row
    assert of(events, RowFailed) == []
    # a log-in for the plan, and then once for all rows, with the usual repeats
    asked = [len(desk.scene.wire.headers(path)) for path in ("/ua/login", "/oauth/token")]
    assert asked == ([1, 4] if is_refreshable else [5, 1])
    async with desk.journal() as journal:
        assert [run.how for run in await journal.runs()] == ["stopped"]
        assert await journal.open_intents() == []
    desk.sandbox.clear_faults()
    await desk.finish(rows)
    assert desk.sandbox.counts.executions["campaigns_create"] == 60


async def test_what_an_interrupted_apply_has_made_is_settled_and_not_adopted(desk: Desk) -> None:
    desk.sandbox.fault("campaigns_create", kind="cut_after", times=4)
    async with desk.journal() as journal:
        with await plan(ROWS, desk.iqm, journal=journal, label="flights.csv") as made:
            async with aclosing(made.apply(journal=journal)) as events:
                # by then everything was sent
                while not isinstance(await anext(events), Settling):
                    pass
        lost = {one.key for one in await journal.open_intents()}
        assert lost == {"a1", "a2", "b1", "b2"}
        before = desk.sandbox.counts.operations["campaigns_get"]
        with await plan(ROWS, desk.iqm, journal=journal, label="flights.csv") as made:
            assert {item.key: item.reason for item in made.items if item.verdict is Verdict.CREATE} == dict.fromkeys(
                lost, SENT
            )
            assert made.totals.adopted == 0
            assert desk.sandbox.counts.operations["campaigns_get"] == before
            told = [event async for event in made.apply(journal=journal)]
    assert {event.key: event.how for event in of(told, Settled)} == dict.fromkeys(lost, "adopted")
    assert ended(told).how == "complete"
    assert desk.sandbox.counts.executions["campaigns_create"] == 4


async def test_it_may_be_left_after_any_event(desk: Desk) -> None:
    for number in count(1):
        events = await desk.apply(ROWS, leave_after=number, if_absent="create", by="ada")
        if isinstance(events[-1], Ended):
            break
    await desk.finish(ROWS)
    assert desk.sandbox.counts.executions["insertion_orders_create"] == 2
    assert desk.sandbox.counts.executions["campaigns_create"] == 4


async def test_the_quota_is_used_up_and_never_exceeded(desk: Desk) -> None:
    rows = [row(f"{order}{number}", order) for order in ("Spring", "Summer", "Autumn") for number in range(60)]
    events = await desk.apply(rows)
    assert ended(events).how == "complete"
    writes = 3 + 180
    assert sum(ended(events).requests.values()) == writes
    assert desk.sandbox.counts.answers[429] == 0
    # the log-in and the lists of the plan are in the first window
    assert ended(events).seconds <= 1.02 * (writes + 5) / 19 * 60.0


# workspaces


async def test_a_saved_plan_is_of_one_workspace(desk: Desk, tmp_path: Path) -> None:
    with await plan([row("a1")], desk.iqm, directory=tmp_path) as made:
        made.save(tmp_path / "monday.plan")
    with pytest.raises(
        InvalidInput, match=f"a plan in workspace 200011; this one was made in workspace {Sandbox.OW_ID}"
    ):
        await load_plan(tmp_path / "monday.plan", desk.iqm.with_options(ow_id=200011))
    # the one that the log-in answers with has a number, too
    with await load_plan(tmp_path / "monday.plan", desk.iqm.with_options(ow_id=Sandbox.OW_ID)) as loaded:
        assert [event async for event in loaded.apply(directory=tmp_path)]
    assert await desk.names() == [("Spring", "Flight a1")]


async def test_a_file_may_be_applied_in_each_workspace(desk: Desk, tmp_path: Path) -> None:
    other = Desk(desk.scene, desk.iqm.with_options(ow_id=200011), tmp_path)
    for each in (desk, other, desk, other):
        await each.finish([row("a1")])
        assert await each.names() == [("Spring", "Flight a1")]
    assert desk.scene.executions == {"insertion_orders_create": 2, "campaigns_create": 2}


async def test_what_was_lost_in_one_workspace_is_not_given_up_in_another(desk: Desk, tmp_path: Path) -> None:
    other = Desk(desk.scene, desk.iqm.with_options(ow_id=200011), tmp_path)
    # somebody's process ended before the answer came
    async with desk.journal() as journal:
        await journal.begin_run("flights.csv")
        await journal.intend(
            Intent(
                "insertion_orders.create",
                ORDER,
                (Part("Spring", {"io_name": "Spring"}, (), {"name": "Spring"}),),
                RedactedRequest("POST", desk.iqm.base_url, {}, {"ioName": "Spring"}),
                creates=True,
                settled_after=90.0,
            )
        )
    events = await other.apply([row("a1")], if_absent="create", by="ada")
    assert of(events, Settled) == []
    async with desk.journal() as journal:
        assert [one.key for one in await journal.open_intents()] == ["Spring"]
        with pytest.raises(InvalidInput, match=r"journal=.* in workspace 200011"):
            await propose_release(journal, IQMPlatform(other.iqm), ORDER, "Spring", by="ada", force=True)


async def test_what_cannot_be_looked_for_is_not_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sandbox.fault("campaigns_create", kind="cut_before", times=None)
    await desk.apply([row("a1")])
    desk.sandbox.clear_faults()

    async def nothing(reading: Reading, orders: Iterable[int]) -> AsyncIterator[tuple[int, list[Live]]]:
        for _ in ():
            yield 0, []

    with monkeypatch.context() as patch:
        patch.setattr(Reading, "members", nothing)
        (settled,) = of(await desk.apply([row("a1")], if_absent="create", by="ada"), Settled)
        assert (settled.key, settled.how) == ("a1", "unclear")
        assert settled.reason.startswith("It was not looked for.")
    async with desk.journal() as journal:
        assert [one.key for one in await journal.open_intents()] == ["a1"]
    await desk.finish([row("a1")])


@pytest.mark.parametrize("says_so", ["apply", "release"])
async def test_what_was_lost_in_an_order_that_was_deleted_is_made_in_the_next_one(desk: Desk, says_so: str) -> None:
    await desk.apply([row("seed")])
    desk.sandbox.fault("campaigns_create", kind="cut_before")
    await desk.apply([row("a1")])
    rows, platform = [row("seed"), row("a1")], IQMPlatform(desk.iqm)
    async with desk.journal() as journal:
        gone = [(ORDER, *(await journal.ids(ORDER)).popitem()), (CAMPAIGN, *(await journal.ids(CAMPAIGN)).popitem())]
        await desk.iqm.insertion_orders.delete(io_ids=[gone[0][2]])
        for kind, key, _ in gone if says_so == "apply" else [*gone, (CAMPAIGN, "a1", None)]:
            await release(journal, await propose_release(journal, platform, kind, key, by="ada"), by="ada")
    if says_so == "apply":
        (settled,) = of(await desk.apply(rows), Settled)
        assert settled.how == "unclear", "nobody has said that it may be made again"
    await desk.finish(rows)
