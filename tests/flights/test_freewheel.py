from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from adflight import ConnectionBroken, FreeWheel, InvalidInput, NotFound, UnknownOutcome, ValidationFailed
from adflight.core.redaction import RedactedRequest
from adflight.flights import Managed, read_flights
from adflight.flights.entries import (
    Done,
    OpenIntent,
)
from adflight.flights.freewheel import FreeWheelPlatform
from adflight.flights.items import UNSEEN, Change, Item, Verdict
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.platform import ORDER, Phase, Platform, Target, Write
from adflight.flights.scheduling import Schedule
from adflight.flights.template import template
from adflight.types.freewheel import CurrencyTargetBudget, ScheduleSettings
from tests.core.scripted import answer
from tests.flights.observed import counting
from tests.freewheel.conftest import adflight_sandbox_options, freewheel, scene  # noqa: F401
from tests.freewheel.scene import Scene, scripted, xml

CAMPAIGN: Final = 501
START: Final = datetime(2027, 3, 1, 14, tzinfo=UTC)
END: Final = datetime(2027, 4, 1, 4, tzinfo=UTC)
NEW_YORK: Final = "(GMT-05:00) America - New York"
SPRING: Final[dict[str, Any]] = {"key": "a", "name": "Spring", "campaign_id": CAMPAIGN}
ALL: Final[dict[str, Any]] = {
    **SPRING,
    "description": "Cafés & bars\r\nand more",
    "client_po": "PO-17",
    "external_id": "crm-17",
    "primary_sales_person": "Ada Example",
    "primary_trafficker": "Bob Example",
    "brand_id": 8801,
    "currency": "EUR",
    "start_time": "2027-03-01T09:00-05:00",
    "end_time": "2027-04-01T00:00-04:00",
    "time_zone": NEW_YORK,
    "budget_amount": "12500.50",
    "budget_over_delivery": "1.5",
    "delivery": '{"frequency_cap": [{"value": 3, "type": "IMPRESSION", "period": "DAY"}]}',
    "assignments": '[{"user_id": 4712, "primary_user_role": {"role_id": 12}}, {"user_id": 4711}]',
    "additional_contacts": '[{"contact_type": "Billing", "name": "Grace", "phone": "1", "email": "g@example.com"}]',
}


class Attempts:
    """What a journal would see."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.outcomes: list[str] = []

    async def sending(self, request: Callable[[], RedactedRequest]) -> None:
        shown = request()
        self.sent.append(f"{shown.method} {shown.url.rpartition('/services/v3/')[2]}")

    def answered(self, outcome: str, status: int | None, sent_at: float, elapsed: float) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def platform(freewheel: FreeWheel) -> FreeWheelPlatform:  # noqa: F811
    return FreeWheelPlatform(freewheel)


def managed(*rows: Mapping[str, Any]) -> dict[str, Managed]:
    """What a file says, by key."""
    with read_flights(rows, vendor="freewheel") as flights:
        return {order.key: dict(order.fields) for order in flights.orders()}


def needs(rows: Iterable[Managed], ids: Iterable[int] = (), **more: Any) -> Needs:
    """Of rows without known ids, and of known ids."""
    places: dict[int, set[str]] = {}
    for row in rows:
        campaign = row["campaign_id"]
        assert isinstance(campaign, int)
        places.setdefault(campaign, set()).add(str(row["name"]))
    return Needs(order_places={**places, **more.pop("places", {})}, order_ids=tuple(ids), **more)


def item_of(key: str, wanted: Managed, live: Live | None, platform: Platform) -> Item:
    """A plan in small."""
    item = Item(kind=ORDER, key=key, row=1, name=str(wanted.get("name", key)), verdict=Verdict.CREATE)
    if live is None:
        return item
    equal = platform.columns.equal
    assert equal is not None
    item.id = live.id
    for name, value in wanted.items():
        old = live.fields.get(name, UNSEEN)
        if old is UNSEEN or not equal(platform.columns.by_name[name], old, value):
            item.changes += (Change(name, old, value),)
    item.verdict = Verdict.CHANGE if item.changes else Verdict.UNCHANGED
    return item


async def put(platform: FreeWheelPlatform, key: str, wanted: Managed, live: Live | None = None, **more: Any) -> Any:
    """Sends what is needed, and returns what was told of it; None when nothing is needed."""
    orders = {} if live is None else {live.id: live}
    writes = [*platform.writes([(item_of(key, wanted, live, platform), wanted)], Snapshot(orders, {}))]
    if not writes:
        return None
    (write,) = writes
    ids = [] if write.creates else [live.id] if live is not None else []
    return (await platform.send(write, ids, None, more.get("watch", Attempts())))[key]


async def made(platform: FreeWheelPlatform, row: Mapping[str, Any]) -> int:
    ((key, wanted),) = managed(row).items()
    done = await put(platform, key, wanted)
    assert isinstance(done, Done)
    assert done.id is not None
    return done.id


async def whole(platform: FreeWheelPlatform, id_: int) -> Live:
    return (await platform.read_back(ORDER, [id_]))[id_]


def bodies(scene: Scene, method: str) -> list[str]:  # noqa: F811
    contents = [(sent.content or b"").decode() for sent in scene.wire.sent if sent.method == method]
    return [content.partition("?>\n")[2] for content in contents if content.startswith("<?xml")]


# what it is


async def test_an_account_is_the_clients(platform: FreeWheelPlatform, freewheel: FreeWheel, scene: Scene) -> None:  # noqa: F811
    known: Platform = platform
    assert known.account == freewheel.account == scene.platform.USERNAME
    assert known.base_url == freewheel.base_url
    assert known.limiter is freewheel.limiter
    assert known.clock is scene.clock
    assert known.settled_after == freewheel.options.timeout + 60
    assert known.columns.vendor == "freewheel"
    assert await known.zones() is None


# from a file to the vendor, and back


async def test_a_template_is_applied_once(platform: FreeWheelPlatform, scene: Scene, tmp_path: Any) -> None:  # noqa: F811
    file = tmp_path / "flights.csv"
    file.write_text(template(platform.columns, all_columns=True))
    with read_flights(file, vendor="freewheel") as flights:
        rows = {order.key: dict(order.fields) for order in flights.orders()}
    before = await platform.read(needs(rows.values()))
    assert (before.orders, before.flights) == ({}, {})
    ids = {key: (await put(platform, key, wanted)).id for key, wanted in rows.items()}
    with counting(platform) as requests:
        lists = await platform.read(needs([], ids.values(), places={CAMPAIGN: ()}))
    assert requests == {"insertion_orders.list_by_campaign": 1}
    with counting(platform) as requests:
        full = await platform.read(needs([], ids.values(), places={CAMPAIGN: ()}, is_full=True))
    assert requests == {"insertion_orders.get": 2}
    for key, wanted in rows.items():
        assert item_of(key, wanted, full.orders[ids[key]], platform).verdict is Verdict.UNCHANGED
        # a list shows no more
        listed = {name: wanted[name] for name in lists.orders[ids[key]].fields}
        assert listed.keys() == {"campaign_id", "name", "start_time", "end_time", "time_zone"}
        assert item_of(key, listed, lists.orders[ids[key]], platform).verdict is Verdict.UNCHANGED
    assert scene.executions == {"list_by_campaign": 2, "create": 2, "get": 2}


async def test_all_columns_arrive(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    id_ = await made(platform, ALL)
    assert bodies(scene, "POST") == [
        "<insertion_order><name>Spring</name><campaign_id>501</campaign_id>"
        "<description>Cafés &amp; bars&#13;\nand more</description><client_po>PO-17</client_po>"
        "<external_id>crm-17</external_id><primary_sales_person>Ada Example</primary_sales_person>"
        "<primary_trafficker>Bob Example</primary_trafficker><brand_id>8801</brand_id><currency>EUR</currency>"
        "<schedule><start_time>2027-03-01T14:00:00Z</start_time><end_time>2027-04-01T04:00:00Z</end_time>"
        f"<time_zone>{NEW_YORK}</time_zone></schedule>"
        "<budget><budget_model>CURRENCY_TARGET</budget_model><currency>12500.5</currency>"
        "<over_delivery_value>1.5</over_delivery_value></budget>"
        "<delivery><frequency_cap><value>3</value><type>IMPRESSION</type><period>DAY</period></frequency_cap></delivery>"
        "<assignments><assigned_user><user_id>4712</user_id>"
        "<primary_user_role><role_id>12</role_id></primary_user_role></assigned_user>"
        "<assigned_user><user_id>4711</user_id></assigned_user></assignments>"
        "<additional_contacts><additional_contact><contact_type>Billing</contact_type><name>Grace</name>"
        "<phone>1</phone><email>g@example.com</email></additional_contact></additional_contacts></insertion_order>"
    ]
    live = await whole(platform, id_)
    assert (live.id, live.parent, live.name, live.status) == (id_, None, "Spring", "NOT_BOOKED")
    assert (live.is_whole, live.is_gone, live.is_draft) == (True, False, False)
    (wanted,) = managed(ALL).values()
    assert item_of("a", wanted, live, platform).verdict is Verdict.UNCHANGED
    assert live.fields["budget_amount"] == Decimal("12500.50")
    assert live.fields["budget_impressions"] is None
    assert live.fields["start_time"] == START


CHANGES: Final[dict[str, tuple[Any, str]]] = {
    "name": ("Summer", "<name>Summer</name>"),
    "description": ("New", "<description>New</description>"),
    "brand_id": (8802, "<brand_id>8802</brand_id>"),
    "end_time": (
        "2027-05-01T00:00Z",
        "<schedule><start_time>2027-03-01T14:00:00Z</start_time><end_time>2027-05-01T00:00:00Z</end_time>"
        f"<time_zone>{NEW_YORK}</time_zone></schedule>",
    ),
    "budget_amount": (
        "13000",
        "<budget><budget_model>CURRENCY_TARGET</budget_model><currency>13000</currency>"
        "<over_delivery_value>1.5</over_delivery_value></budget>",
    ),
    "assignments": (
        '[{"user_id": 4713}]',
        "<assignments><assigned_user><user_id>4713</user_id></assigned_user></assignments>",
    ),
}


@pytest.mark.parametrize("column", CHANGES)
async def test_a_change_sends_what_differs(platform: FreeWheelPlatform, scene: Scene, column: str) -> None:  # noqa: F811
    id_ = await made(platform, ALL)
    value, body = CHANGES[column]
    (wanted,) = managed({**ALL, column: value}).values()
    assert await put(platform, "a", wanted, await whole(platform, id_)) == Done()
    assert bodies(scene, "PUT") == [f"<insertion_order>{body}</insertion_order>"]
    assert await put(platform, "a", wanted, await whole(platform, id_)) is None
    assert scene.executions == {"create": 1, "get": 2, "update": 1}


async def test_what_is_written_is_counted_one_by_one(platform: FreeWheelPlatform) -> None:
    rows = managed(SPRING, {**SPRING, "key": "b", "name": "Autumn"})
    live = Live(7, None, "Spring", "BOOKED", {"name": "Spring", "campaign_id": CAMPAIGN})
    other = Live(8, None, "Autumn", "BOOKED", {"name": "Autumn", "campaign_id": 502})
    hidden = Live(9, None, "Autumn", "BOOKED", {"name": "Autumn"})
    refused = Item(kind=ORDER, key="c", row=3, name="x", verdict=Verdict.REFUSED)
    items = [
        (item_of("a", rows["a"], live, platform), rows["a"]),
        (item_of("b", rows["b"], None, platform), rows["b"]),
        (item_of("d", {**rows["a"], "name": "Summer"}, live, platform), rows["a"]),
        (refused, rows["a"]),
    ]
    create, update = platform.writes(items, Snapshot({7: live, 8: other, 9: hidden}, {}))
    assert (create.operation, create.kind, create.phase) == ("insertion_orders.create", ORDER, Phase.ORDER)
    assert (create.creates, create.named, create.place, create.existing) == (True, "Autumn", CAMPAIGN, (9,))
    assert create.targets[0].fields == create.values == rows["b"]
    assert platform.look_up(create, None) == {"campaign_id": CAMPAIGN, "name": "Autumn"}
    assert (update.operation, update.creates, update.values) == ("insertion_orders.update", False, {"name": "Summer"})
    assert update.targets[0].id == 7


async def test_creates_of_one_name_take_turns_in_a_campaign_only(platform: FreeWheelPlatform) -> None:
    cells: list[dict[str, Any]] = [SPRING, {**SPRING, "key": "b", "campaign_id": 502}, {**SPRING, "key": "c"}]
    items = [(item_of(key, row, None, platform), row) for key, row in managed(*cells).items()]
    schedule = Schedule(platform.writes(items, Snapshot({}, {})))
    taken = [schedule.take(), schedule.take(), schedule.take()]
    assert [None if write is None else write.place for write in taken] == [501, 502, None]


# what a row does not manage of a set


async def test_what_is_not_managed_of_a_set_stays(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    id_ = await made(platform, ALL)
    listed = (await platform.read(needs([], [id_, 1], places={CAMPAIGN: ()}))).orders[id_]
    # a list shows the schedule, not the budget
    (wanted,) = managed({"key": "a", "start_time": "2027-03-02T00:00Z", "budget_amount": 9}).values()
    watch = Attempts()
    assert await put(platform, "a", wanted, listed, watch=watch) == Done()
    assert watch.sent == [f"PUT insertion_order/{id_}"]
    live = await whole(platform, id_)
    assert live.fields["end_time"] == END
    assert live.fields["budget_over_delivery"] == Decimal("1.5")
    assert live.fields["budget_amount"] == 9
    assert live.fields["start_time"] == datetime(2027, 3, 2, tzinfo=UTC)


async def test_an_end_can_be_extended_by_itself(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    id_ = await made(platform, ALL)
    listed = (await platform.read(needs([], [id_, 1], places={CAMPAIGN: ()}))).orders[id_]
    reads = scene.executions.get("get", 0)
    (wanted,) = managed({"key": "a", "end_time": "2027-04-08T04:00Z"}).values()
    assert await put(platform, "a", wanted, listed) == Done()
    assert scene.executions.get("get", 0) == reads
    live = await whole(platform, id_)
    assert (live.fields["start_time"], live.fields["time_zone"]) == (START, NEW_YORK)


async def test_wall_clocks_are_kept_as_they_are(platform: FreeWheelPlatform, freewheel: FreeWheel) -> None:  # noqa: F811
    schedule = ScheduleSettings(start_time="2027-03-01T00:00", end_time="2027-03-05T00:00", time_zone=NEW_YORK)
    order = await freewheel.insertion_orders.create(name="Spring", campaign_id=CAMPAIGN, schedule=schedule)
    live = await whole(platform, order.id)
    # no moment, so nothing is shown; the list knows it
    assert live.fields.keys().isdisjoint({"start_time", "end_time"})
    full = await platform.read(needs(managed(SPRING).values()))
    assert full.orders[order.id].is_whole
    assert full.orders[order.id].fields["start_time"] == datetime(2027, 3, 1, 5, tzinfo=UTC)
    (wanted,) = managed({"key": "a", "end_time": "2027-03-06T00:00Z"}).values()
    assert await put(platform, "a", wanted, live) == Done()
    kept = (await freewheel.insertion_orders.get(order.id)).schedule
    assert kept is not None
    assert (kept.start_time, kept.end_time) == ("2027-03-01T00:00", datetime(2027, 3, 6, tzinfo=UTC))


async def test_a_set_that_is_not_there_cannot_be_changed_in_part(
    platform: FreeWheelPlatform,
    scene: Scene,  # noqa: F811
) -> None:
    id_ = await made(platform, SPRING)
    (wanted,) = managed({"key": "a", "end_time": "2027-03-06T00:00Z"}).values()
    with pytest.raises(InvalidInput, match="start_time=None: expected one beside the other times"):
        await put(platform, "a", wanted, await whole(platform, id_))
    assert scene.executions.get("update") is None


async def test_money_can_give_way_to_impressions(platform: FreeWheelPlatform) -> None:
    id_ = await made(platform, {**SPRING, "budget_amount": 5, "budget_over_delivery": 2})
    (wanted,) = managed({"key": "a", "budget_impressions": 1000}).values()
    assert await put(platform, "a", wanted, await whole(platform, id_)) == Done()
    live = await whole(platform, id_)
    parts = ("budget_amount", "budget_impressions", "budget_over_delivery")
    assert [live.fields[name] for name in parts] == [None, 1000, 2]


async def test_an_over_delivery_goes_with_its_goal(platform: FreeWheelPlatform) -> None:
    id_ = await made(platform, {**SPRING, "budget_amount": 5})
    (wanted,) = managed({"key": "a", "budget_amount": 5, "budget_over_delivery": 2}).values()
    assert await put(platform, "a", wanted, await whole(platform, id_)) == Done()
    assert (await whole(platform, id_)).fields["budget_over_delivery"] == 2
    alone = Write(
        operation="insertion_orders.update",
        kind=ORDER,
        phase=Phase.ORDER,
        targets=(Target("a", 1, id_, None, wanted),),
        values={"budget_over_delivery": Decimal(2)},
    )
    with pytest.raises(InvalidInput, match="a goal beside it"):
        await platform.send(alone, [id_], None, Attempts())


async def test_what_the_service_does_not_take_is_not_told_as_done(platform: FreeWheelPlatform) -> None:
    order = "<insertion_order><id>7</id><name>{}</name><stage>BOOKED</stage><schedule/>{}</insertion_order>"
    budget = "<budget><budget_model>CURRENCY_TARGET</budget_model><currency>1</currency></budget>"
    client, _, _ = scripted(xml(order.format("Spring", budget), 201), xml(order.format("Autumn", "")), answer(200, {}))
    async with client:
        scripted_platform = FreeWheelPlatform(client)
        (wanted,) = managed({**SPRING, "budget_amount": 2, "budget_over_delivery": 1}).values()
        assert await put(scripted_platform, "a", wanted) == Done(7, ignored=("budget_amount",))
        live = Live(7, None, "Spring", "BOOKED", {"name": "Autumn", "campaign_id": CAMPAIGN})
        (wanted,) = managed(SPRING).values()
        assert await put(scripted_platform, "a", wanted, live) is None


# what the calls raise


async def test_what_is_refused_is_raised(platform: FreeWheelPlatform) -> None:
    (wanted,) = managed({**SPRING, "campaign_id": 100_000}).values()
    with pytest.raises(ValidationFailed):
        await put(platform, "a", wanted)
    with pytest.raises(NotFound):
        await put(platform, "a", wanted, Live(1, None, "x", "BOOKED", {"campaign_id": 100_000}))


async def test_a_campaign_that_does_not_exist_is_not_an_empty_one(platform: FreeWheelPlatform) -> None:
    rows = managed(
        SPRING, {**SPRING, "key": "b", "campaign_id": 100_000}, {**SPRING, "key": "c", "campaign_id": 100_001}
    )
    for number in range(151):
        await made(platform, {**SPRING, "name": f"Other {number}"})
    with pytest.raises(InvalidInput, match=r"campaign_id=\[100000, 100001\]: expected campaigns that exist"):
        await platform.read(needs(rows.values()))


# lost answers


async def lost(platform: FreeWheelPlatform, scene: Scene, row: Mapping[str, Any], **fault: Any) -> OpenIntent:  # noqa: F811
    """A create without an outcome, as a journal has it."""
    ((key, wanted),) = managed(row).items()
    snapshot = await platform.read(needs([wanted]))
    (write,) = platform.writes([(item_of(key, wanted, None, platform), wanted)], snapshot)
    scene.platform.fault("insertion_orders_create", **fault)
    with pytest.raises(UnknownOutcome) as caught:
        await platform.send(write, [], None, Attempts())
    return OpenIntent(
        intent=1,
        run=1,
        operation=write.operation,
        kind=write.kind,
        key=key,
        creates=True,
        fields=write.targets[0].fields,
        existing=write.existing,
        look_up=platform.look_up(write, None),
        state="unknown",
        unknown=caught.value,
        settle=platform.settled_after,
    )


async def test_a_lost_create_is_found_by_its_name(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    await made(platform, {**SPRING, "key": "z", "campaign_id": 502})
    intent = await lost(platform, scene, ALL, kind="cut_after")
    other = await lost(platform, scene, {**SPRING, "key": "b", "name": "Autumn"}, kind="cut_before")
    scene.platform.clear_faults()
    found = await platform.namesakes([intent, other])
    ((id_, live),) = found["a"].items()
    assert live.name == "Spring"
    assert found["b"] == {}
    assert await platform.differences(intent, id_) == []
    assert scene.executions["create"] == 2
    # somebody changes it meanwhile
    ((key, wanted),) = managed({**ALL, "budget_amount": 1, "client_po": "PO-18"}).items()
    await put(platform, key, wanted, await whole(platform, id_))
    assert await platform.differences(intent, id_) == ["client_po", "budget_amount"]


async def test_a_lost_create_in_a_campaign_that_is_gone_is_not_absent(
    platform: FreeWheelPlatform,
    scene: Scene,  # noqa: F811
) -> None:
    intent = await lost(platform, scene, SPRING, kind="cut_before")
    scene.platform.fault("insertion_orders_list_by_campaign", kind="status", status=404)
    assert await platform.namesakes([intent]) == {}


async def test_a_lost_update_is_repeated(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    id_ = await made(platform, SPRING)
    live = await whole(platform, id_)
    scene.platform.fault("insertion_orders_update", kind="cut_after", times=1)
    watch = Attempts()
    (wanted,) = managed({**SPRING, "name": "Summer"}).values()
    assert await put(platform, "a", wanted, live, watch=watch) == Done()
    assert watch.sent == [f"PUT insertion_order/{id_}"] * 2
    assert watch.outcomes[-1] == "answered"


async def test_what_does_not_exist_is_left_out(platform: FreeWheelPlatform, freewheel: FreeWheel) -> None:  # noqa: F811
    id_ = await made(platform, SPRING)
    await freewheel.insertion_orders.delete(id_)
    assert await platform.read_back(ORDER, [id_, 1]) == {}
    with counting(platform) as requests:
        snapshot = await platform.read(needs([], [id_], places={CAMPAIGN: ()}))
    assert (snapshot.orders, requests) == ({}, {"insertion_orders.get": 1})


async def test_errors_of_reads_are_raised(platform: FreeWheelPlatform, scene: Scene) -> None:  # noqa: F811
    scene.platform.fault("insertion_orders_get", kind="cut_before", times=None)
    with pytest.raises(ConnectionBroken):
        await platform.read_back(ORDER, [1])


# how it is read


async def test_names_count_within_a_campaign(platform: FreeWheelPlatform, freewheel: FreeWheel) -> None:  # noqa: F811
    ids = {place: await made(platform, {**SPRING, "campaign_id": place}) for place in (1, 2, 3)}
    for _ in range(52):
        await freewheel.insertion_orders.create(name="Other", campaign_id=9)
    rows = managed(*({**SPRING, "key": str(place), "campaign_id": place} for place in (1, 2)))
    with counting(platform) as requests:
        snapshot = await platform.read(needs(rows.values()))
    # two pages of the network are no more than two lists of campaigns; the third's namesake had to be looked at
    assert requests == {"insertion_orders.list": 2, "insertion_orders.get": 3}
    assert {live.fields["campaign_id"]: id_ for id_, live in snapshot.orders.items()} == {1: ids[1], 2: ids[2]}
    assert all(live.is_whole for live in snapshot.orders.values())


async def test_a_large_network_is_read_campaign_by_campaign(platform: FreeWheelPlatform, freewheel: FreeWheel) -> None:  # noqa: F811
    for _ in range(101):
        await freewheel.insertion_orders.create(name="Other", campaign_id=9)
    id_ = await made(platform, SPRING)
    known = await made(platform, {**SPRING, "campaign_id": 502, "name": "Autumn"})
    with counting(platform) as requests:
        snapshot = await platform.read(needs(managed(SPRING).values(), [known], places={502: ()}))
    assert requests == {
        "insertion_orders.list": 1,
        "insertion_orders.list_by_campaign": 2,
        "insertion_orders.get": 1,
    }
    assert {live.id: live.is_whole for live in snapshot.orders.values()} == {id_: True, known: False}
    assert snapshot.orders[known].fields["campaign_id"] == 502


ROW: Final = "<insertion_order><id>7</id><name>Spring</name><stage>BOOKED</stage><schedule/></insertion_order>"


def page(*rows: str, total: int) -> Any:
    counts = f'current_page="1" per_page="50" total_pages="1" total_entries="{total}"'
    return xml(f"<insertion_orders {counts}>{''.join(rows)}</insertion_orders>")


@pytest.mark.parametrize(
    "network",
    [
        [page(ROW, total=2), page(total=2)],
        # found, and it does not say where it is
        [page(ROW, total=1), xml(ROW)],
    ],
    ids=["changing", "hiding"],
)
async def test_a_network_that_does_not_add_up_is_read_campaign_by_campaign(network: list[Any]) -> None:
    client, transport, _ = scripted(*network, page(ROW, total=1), page(total=0), xml(ROW))
    async with client:
        rows = managed(SPRING, {**SPRING, "key": "b", "campaign_id": 502})
        snapshot = await FreeWheelPlatform(client).read(needs(rows.values()))
    (live,) = snapshot.orders.values()
    assert live.fields["campaign_id"] in (501, 502)
    assert live.is_whole
    assert len(transport.sent) == 6


async def test_a_namesake_that_vanishes_meanwhile_is_not_there() -> None:
    client, _, _ = scripted(page(ROW, total=1), answer(404, b""))
    async with client:
        rows = managed(SPRING, {**SPRING, "key": "b", "campaign_id": 502})
        assert (await FreeWheelPlatform(client).read(needs(rows.values()))).orders == {}


async def test_what_moved_or_vanished_is_looked_at(platform: FreeWheelPlatform) -> None:
    known = await made(platform, {**SPRING, "campaign_id": 502, "name": "Autumn"})
    # the file says that it is in another campaign
    snapshot = await platform.read(needs(managed(SPRING).values(), [known]))
    assert snapshot.orders.keys() == {known}
    assert snapshot.orders[known].fields["campaign_id"] == 502
    assert (await platform.read(needs(managed(SPRING).values(), [1]))).orders == {}


async def test_many_that_are_elsewhere_are_read_at_once(platform: FreeWheelPlatform) -> None:
    ids = [await made(platform, {**SPRING, "campaign_id": 502, "name": name}) for name in ("Spring", "b", "c")]
    wanted = needs(managed(SPRING).values(), ids)
    with counting(platform) as requests:
        snapshot = await platform.read(wanted)
    assert requests == {"insertion_orders.list_by_campaign": 1, "insertion_orders.list": 1}
    assert snapshot.orders.keys() == set(ids)
    for number in range(148):
        await made(platform, {**SPRING, "campaign_id": 503, "name": str(number)})
    with counting(platform) as requests:
        snapshot = await platform.read(wanted)
    # four pages would be more than three orders
    assert requests == {
        "insertion_orders.list_by_campaign": 1,
        "insertion_orders.list": 1,
        "insertion_orders.get": 3,
    }
    assert snapshot.orders.keys() == set(ids)


async def test_what_reading_everything_costs(platform: FreeWheelPlatform) -> None:
    ids = [await made(platform, {**SPRING, "name": name}) for name in ("Autumn", "Winter")]
    some = needs(managed(SPRING).values(), ids)
    assert platform.full_reads(some) == 2
    with counting(platform) as requests:
        snapshot = await platform.read(needs(managed(SPRING).values(), ids, is_full=True))
    assert requests == {"insertion_orders.list_by_campaign": 1, "insertion_orders.get": 2}
    assert all(live.is_whole for live in snapshot.orders.values())
    # one of a campaign is read by itself anyway
    assert platform.full_reads(needs([], ids[:1], places={CAMPAIGN: ()})) == 0
    assert platform.full_reads(needs([], ids, places={CAMPAIGN: ()}, is_full=True)) == 2
    with counting(platform) as requests:
        await platform.read(needs([], ids))
        await platform.read(Needs())
    assert requests == {"insertion_orders.get": 2}


async def test_a_budget_of_another_kind_shows_nothing(platform: FreeWheelPlatform, freewheel: FreeWheel) -> None:  # noqa: F811
    order = await freewheel.insertion_orders.create(name="Spring", campaign_id=CAMPAIGN)
    live = await whole(platform, order.id)
    parts = ("budget_amount", "budget_impressions", "budget_over_delivery", "start_time", "end_time", "time_zone")
    assert [live.fields[name] for name in parts] == [None] * 6
    await freewheel.insertion_orders.update(order.id, budget=CurrencyTargetBudget(currency=Decimal("0.1")))
    assert (await whole(platform, order.id)).fields["budget_amount"] == Decimal("0.1")
