from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

import pytest

from adflight import (
    ConnectionBroken,
    FreeWheel,
    InvalidInput,
    PagingError,
    ServerError,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.freewheel.ensuring import CREATE_ONLY, SHOWN_ON_REQUEST
from adflight.freewheel.insertion_orders import InsertionOrders
from adflight.types.freewheel import (
    AdditionalContact,
    BudgetModel,
    CurrencyTargetBudget,
    Delivery,
    Ensured,
    FrequencyCap,
    ImpressionTargetBudget,
    ScheduleSettings,
    UserAssignment,
)
from adflight_api.freewheel.api.insertion_orders import insertion_orders_create, insertion_orders_update
from tests.core.scripted import ScriptedTransport, answer
from tests.freewheel.scene import Scene, scripted, xml

CAMPAIGN: Final = 501
SPRING: Final[dict[str, Any]] = {"campaign_id": CAMPAIGN, "external_id": "crm-17", "name": "Spring"}
ALL: Final[dict[str, Any]] = {
    **SPRING,
    "description": "Caf\u00e9s & bars",
    "client_po": "PO-17",
    "primary_sales_person": "Ada Example",
    "primary_trafficker": "Bob Example",
    "brand_id": 8801,
    "currency": "EUR",
    "schedule": ScheduleSettings(start_time="2026-09-01T00:00", time_zone="(GMT+01:00) CET"),
    "budget": CurrencyTargetBudget(currency=Decimal("12500.50")),
    "delivery": Delivery(frequency_cap=[FrequencyCap(value=3, type_="IMPRESSION", period="DAY")]),
    "assignments": [UserAssignment(user_id=4712), UserAssignment(user_id=4711)],
    "additional_contacts": [
        AdditionalContact(contact_type="Billing", name="Grace", phone="1", email="grace@example.com")
    ],
}


def bodies(scene: Scene, method: str) -> list[str]:
    """What was written by a method, without the XML declaration."""
    contents = [(sent.content or b"").decode() for sent in scene.wire.sent if sent.method == method]
    return [content.partition("?>\n")[2] for content in contents if content.startswith("<?xml")]


# what it takes and what is fixed


def test_it_takes_what_creating_takes() -> None:
    taken = inspect.signature(InsertionOrders.ensure).parameters
    expected = inspect.signature(InsertionOrders.create).parameters
    assert taken.keys() == expected.keys()
    assert {name: one.annotation for name, one in taken.items()} == {
        **{name: one.annotation for name, one in expected.items()},
        "external_id": "str",
    }
    assert [name for name, one in taken.items() if one.default is inspect.Parameter.empty and name != "self"] == [
        "campaign_id",
        "external_id",
        "name",
    ]


def test_what_is_fixed_is_what_updates_do_not_take() -> None:
    create, update = (
        inspect.signature(module.request).parameters.keys()
        for module in (insertion_orders_create, insertion_orders_update)
    )
    assert create - update == CREATE_ONLY
    assert create > SHOWN_ON_REQUEST


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"external_id": ""}, "external_id"),
        ({"external_id": "  "}, "external_id"),
        ({"external_id": 17}, "external_id"),
        ({"campaign_id": "501"}, "campaign_id"),
        ({"assignments": []}, "assignments"),
        ({"additional_contacts": []}, "additional_contacts"),
        ({"description": "\x00"}, "description"),
        ({"budget": CurrencyTargetBudget(currency=float("nan"))}, "currency"),
    ],
)
async def test_what_cannot_be_wanted_is_refused_before_anything_is_sent(changes: dict[str, Any], field: str) -> None:
    freewheel, transport, _ = scripted()
    with pytest.raises(InvalidInput) as caught:
        await freewheel.insertion_orders.ensure(**{**SPRING, **changes})
    assert caught.value.field == field
    assert transport.sent == []


# absent, present, different


async def test_an_absent_one_is_created(scene: Scene, freewheel: FreeWheel) -> None:
    ensured = await freewheel.insertion_orders.ensure(**ALL)
    assert (ensured.action, ensured.changed, ensured.ignored, ensured.requests) == ("created", (), (), 2)
    order = await freewheel.insertion_orders.get(ensured.insertion_order.id, show="all")
    assert (order.external_id, order.currency, order.campaign_id) == ("crm-17", "EUR", CAMPAIGN)
    assert [user.user_id for user in order.assignments or []] == [4712, 4711]
    assert scene.executions == {"list_by_campaign": 1, "create": 1, "get": 1}


async def test_one_that_is_as_wanted_is_left_alone(scene: Scene, freewheel: FreeWheel) -> None:
    made = (await freewheel.insertion_orders.ensure(**ALL)).insertion_order
    again = {**ALL, "assignments": ALL["assignments"][::-1], "budget": CurrencyTargetBudget(currency=12500.5)}
    for fields in (ALL, again, SPRING, {**ALL, "description": None}):
        ensured = await freewheel.insertion_orders.ensure(**fields)
        assert (ensured.action, ensured.changed, ensured.requests) == ("unchanged", (), 2)
        assert ensured.insertion_order.id == made.id
    assert scene.executions["create"] == 1
    assert "update" not in scene.executions


async def test_what_differs_is_sent_and_nothing_else(scene: Scene, freewheel: FreeWheel) -> None:
    made = (await freewheel.insertion_orders.ensure(**ALL)).insertion_order
    changes = {"name": "Spring 2", "budget": ImpressionTargetBudget(impression=250_000), "client_po": "PO-18"}
    ensured = await freewheel.insertion_orders.ensure(**{**ALL, **changes})
    assert (ensured.action, ensured.requests) == ("updated", 3)
    assert ensured.changed == ("name", "client_po", "budget")
    assert ensured.ignored == ()
    assert ensured.insertion_order.id == made.id
    budget = ensured.insertion_order.budget
    assert budget and (budget.budget_model, budget.impression) == (BudgetModel.IMPRESSION_TARGET, 250_000)
    assert bodies(scene, "PUT") == [
        "<insertion_order><name>Spring 2</name><client_po>PO-18</client_po><budget>"
        "<budget_model>IMPRESSION_TARGET</budget_model><impression>250000</impression></budget></insertion_order>"
    ]
    assert (await freewheel.insertion_orders.ensure(**{**ALL, **changes})).action == "unchanged"


async def test_a_moment_is_the_same_in_every_zone(freewheel: FreeWheel) -> None:
    start = datetime(2026, 9, 1, 7, tzinfo=UTC)
    for zone, action in [(UTC, "created"), (timezone(timedelta(hours=2)), "unchanged")]:
        schedule = ScheduleSettings(start_time=start.astimezone(zone), time_zone="UTC")
        ensured = await freewheel.insertion_orders.ensure(**{**SPRING, "schedule": schedule})
        assert ensured.action == action
    later = ScheduleSettings(start_time=start + timedelta(seconds=1), time_zone="UTC")
    assert (await freewheel.insertion_orders.ensure(**{**SPRING, "schedule": later})).changed == ("schedule",)


async def test_lists_are_sent_whole(scene: Scene, freewheel: FreeWheel) -> None:
    await freewheel.insertion_orders.ensure(**ALL)
    users = [*ALL["assignments"], UserAssignment(user_id=4713)]
    ensured = await freewheel.insertion_orders.ensure(**{**ALL, "assignments": users})
    assert ensured.changed == ("assignments",)
    order = await freewheel.insertion_orders.get(ensured.insertion_order.id, show="all")
    assert [user.user_id for user in order.assignments or []] == [4712, 4711, 4713]
    assert order.primary_sales_person == "Ada Example"


async def test_the_sales_person_is_sent_when_it_is_given(scene: Scene, freewheel: FreeWheel) -> None:
    await freewheel.insertion_orders.ensure(**ALL)
    ensured = await freewheel.insertion_orders.ensure(**{**SPRING, "primary_sales_person": "Grace Example"})
    assert ensured.changed == ("primary_sales_person",)
    assert ensured.insertion_order.primary_sales_person == "Grace Example"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"currency": "USD"},
            r"currency='USD': expected what insertion order 7001001 was created with: currency 'EUR'",
        ),
        ({"primary_trafficker": "Ada Example"}, "primary_trafficker 'Bob Example'; it cannot be changed"),
        (
            {"currency": "USD", "primary_trafficker": "Ada Example", "name": "Other"},
            "primary_trafficker 'Bob Example' and currency 'EUR'",
        ),
    ],
)
async def test_what_is_fixed_is_refused_before_anything_is_written(
    scene: Scene, freewheel: FreeWheel, changes: dict[str, Any], words: str
) -> None:
    await freewheel.insertion_orders.ensure(**ALL)
    with pytest.raises(InvalidInput, match=words) as caught:
        await freewheel.insertion_orders.ensure(**{**ALL, **changes})
    assert caught.value.value == changes[caught.value.field]
    assert "update" not in scene.executions


async def test_two_that_bear_the_external_id_are_refused(scene: Scene, freewheel: FreeWheel) -> None:
    ids = [(await freewheel.insertion_orders.create(**SPRING)).id for _ in range(2)]
    with pytest.raises(InvalidInput, match=f"{ids[0]} and {ids[1]} do") as caught:
        await freewheel.insertion_orders.ensure(**{**SPRING, "name": "Other"})
    assert (caught.value.field, caught.value.value) == ("external_id", "crm-17")
    assert scene.executions == {"create": 2, "list_by_campaign": 1, "get": 2}


async def test_another_campaign_is_another_matter(scene: Scene, freewheel: FreeWheel) -> None:
    await freewheel.insertion_orders.create(**{**SPRING, "campaign_id": 502})
    await freewheel.insertion_orders.create(**{**SPRING, "external_id": "CRM-17"})
    assert (await freewheel.insertion_orders.ensure(**SPRING)).action == "created"


async def test_what_it_costs(scene: Scene, freewheel: FreeWheel) -> None:
    for number in range(120):
        await freewheel.insertion_orders.create(name=f"Flight {number}", campaign_id=CAMPAIGN)
    before = len(scene.wire.sent)
    ensured = await freewheel.insertion_orders.ensure(**SPRING)
    assert (ensured.action, ensured.requests) == ("created", 124)
    assert len(scene.wire.sent) - before == 124


# what the service shows


SHOWN = xml(
    '<insertion_orders current_page="1" per_page="50" total_pages="1" total_entries="3">'
    "<insertion_order><id>1</id><external_id>crm-16</external_id></insertion_order>"
    "<insertion_order><id>2</id><external_id>crm-17</external_id></insertion_order>"
    "<insertion_order><id>3</id><external_id/></insertion_order></insertion_orders>"
)
ONE = xml(
    '<insertion_orders current_page="1" per_page="50" total_pages="1" total_entries="1">'
    "<insertion_order><id>2</id></insertion_order></insertion_orders>"
)


def order(inside: str = "", name: str = "Spring") -> Any:
    return xml(
        f"<insertion_order><id>2</id><name>{name}</name><campaign_id>{CAMPAIGN}</campaign_id>"
        f"<external_id>crm-17</external_id><stage>BOOKED</stage>{inside}</insertion_order>"
    )


def paths(transport: ScriptedTransport) -> list[str]:
    return [f"{sent.method} {sent.url.partition('/v3')[2].partition('?')[0]}" for sent in transport.sent[1:]]


async def test_external_ids_that_lists_do_show_are_not_read_one_by_one() -> None:
    freewheel, transport, _ = scripted(SHOWN, order())
    ensured = await freewheel.insertion_orders.ensure(**SPRING)
    assert (ensured.action, ensured.requests) == ("unchanged", 2)
    assert paths(transport) == [f"GET /campaign/{CAMPAIGN}/insertion_orders", "GET /insertion_orders/2"]


async def test_what_is_not_shown_is_sent() -> None:
    freewheel, transport, _ = scripted(ONE, order())
    ensured = await freewheel.insertion_orders.ensure(**{**SPRING, "delivery": ALL["delivery"], "client_po": "1"})
    assert (ensured.action, ensured.changed, ensured.ignored) == ("updated", ("client_po", "delivery"), ())
    assert "show=all" in transport.sent[2].url
    assert paths(transport)[2:] == ["PUT /insertion_order/2"]


async def test_what_is_fixed_and_not_shown_says_nothing() -> None:
    freewheel, transport, _ = scripted(ONE, order())
    ensured = await freewheel.insertion_orders.ensure(**{**SPRING, "currency": "EUR"})
    assert (ensured.action, len(transport.sent)) == ("unchanged", 3)


async def test_what_the_service_does_not_take_is_told() -> None:
    sold = "<primary_sales_person>Ada</primary_sales_person>"
    freewheel, _, _ = scripted(ONE, order(sold), order(sold, name="Autumn"))
    ensured = await freewheel.insertion_orders.ensure(
        campaign_id=CAMPAIGN, external_id="crm-17", name="Autumn", primary_sales_person="Bob"
    )
    assert (ensured.changed, ensured.ignored) == (("name", "primary_sales_person"), ("primary_sales_person",))


async def test_one_that_the_list_put_into_another_campaign_is_refused() -> None:
    elsewhere = xml(
        "<insertion_order><id>2</id><name>Spring</name><campaign_id>9</campaign_id>"
        "<external_id>crm-17</external_id></insertion_order>"
    )
    freewheel, _, _ = scripted(ONE, elsewhere)
    with pytest.raises(InvalidInput, match="campaign_id 9"):
        await freewheel.insertion_orders.ensure(**SPRING)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        # the list counts more than it carries
        ([xml('<insertion_orders current_page="1" per_page="50" total_pages="1" total_entries="9"/>')], PagingError),
        ([answer(500, {"Message": "failed"})], ServerError),
        ([ONE, answer(500, {"Message": "failed"})], ServerError),
        ([ConnectionBroken("gone")], ConnectionBroken),
    ],
)
async def test_nothing_is_created_unless_every_row_was_seen(steps: list[Any], kind: type[Exception]) -> None:
    freewheel, transport, _ = scripted(*steps)
    with pytest.raises(kind):
        await freewheel.insertion_orders.ensure(**SPRING)
    assert {sent.method for sent in transport.sent[1:]} == {"GET"}


# answers that are lost


async def lost(scene: Scene, freewheel: FreeWheel, **fault: Any) -> Ensured:
    for number in range(3):
        await freewheel.insertion_orders.create(name=f"Flight {number}", campaign_id=CAMPAIGN)
    scene.platform.fault("insertion_orders_create", **fault)
    return await freewheel.insertion_orders.ensure(**ALL)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_after"},
        {"kind": "late", "seconds": 50},
        {"kind": "half_body"},
        {"kind": "invalid_json"},
        {"kind": "status", "status": 503, "carried_out": True},
        {"kind": "html", "carried_out": True},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_a_lost_answer_is_made_up_for(scene: Scene, freewheel: FreeWheel, fault: dict[str, Any]) -> None:
    ensured = await lost(scene, freewheel, **fault)
    # a list and three reads; the create; twice a list and the one order that is new
    assert (ensured.action, ensured.changed, ensured.requests) == ("adopted", (), 4 + 1 + 2 * 2)
    assert ensured.insertion_order.external_id == "crm-17"
    assert scene.executions["create"] == 4
    # the attempt's timeout plus a minute, and a second look
    assert scene.clock.slept == [90, 15]
    assert (await freewheel.insertion_orders.ensure(**ALL)).action == "unchanged"


async def test_one_that_was_never_made_is_reported_and_not_made_again(scene: Scene, freewheel: FreeWheel) -> None:
    scene.platform.fault("insertion_orders_create", kind="cut_before")
    with pytest.raises(UnknownOutcome, match="nothing new") as caught:
        await freewheel.insertion_orders.ensure(**SPRING)
    assert caught.value.absent
    assert "ensure it again" in caught.value.__notes__[0]
    assert "create" not in scene.executions
    assert (await freewheel.insertion_orders.ensure(**SPRING)).action == "created"


async def test_one_that_comes_too_late_is_there_the_next_time(scene: Scene, freewheel: FreeWheel) -> None:
    with pytest.raises(UnknownOutcome):
        await lost(scene, freewheel, kind="late", seconds=500)
    await scene.clock.sleep(500)
    assert (await freewheel.insertion_orders.ensure(**ALL)).action == "unchanged"
    assert scene.executions["create"] == 4


@pytest.mark.parametrize(
    ("kind", "other", "words"),
    [
        ("cut_after", SPRING, "Several new objects bear its name"),
        ("cut_before", {**SPRING, "name": "Not ours"}, "differs from what was sent in name"),
    ],
)
async def test_what_somebody_else_made_meanwhile_is_not_adopted(
    scene: Scene, freewheel: FreeWheel, kind: Any, other: dict[str, Any], words: str
) -> None:
    scene.platform.fault("insertion_orders_create", kind=kind)
    ensuring = asyncio.create_task(freewheel.insertion_orders.ensure(**SPRING))
    while scene.wire.under_way or not bodies(scene, "POST"):
        await asyncio.sleep(0)
    await (await scene.client()).insertion_orders.create(**other)
    with pytest.raises(UnknownOutcome, match=words):
        await ensuring


async def test_a_create_that_is_refused_is_no_mystery(scene: Scene, freewheel: FreeWheel) -> None:
    with pytest.raises(ValidationFailed, match="currency"):
        await freewheel.insertion_orders.ensure(**{**SPRING, "currency": "XXX"})
    assert len(scene.wire.sent) == 3


async def test_an_update_is_repeated_because_that_is_harmless(scene: Scene, freewheel: FreeWheel) -> None:
    await freewheel.insertion_orders.ensure(**SPRING)
    scene.platform.fault("insertion_orders_update", kind="cut_after")
    ensured = await freewheel.insertion_orders.ensure(**{**SPRING, "name": "Spring 2"})
    assert (ensured.action, ensured.insertion_order.name) == ("updated", "Spring 2")
    assert scene.executions["update"] == 2


# several at a time


async def test_many_at_a_time_make_one(scene: Scene, freewheel: FreeWheel) -> None:
    other = await scene.client()
    clients = [freewheel, other, freewheel.with_options(timeout=9)]
    calls = [clients[number % 3].insertion_orders.ensure(**SPRING) for number in range(12)]
    found = await asyncio.gather(*calls)
    assert sorted(ensured.action for ensured in found) == ["created", *["unchanged"] * 11]
    assert scene.executions["create"] == 1


async def test_many_that_are_different_are_each_made(scene: Scene, freewheel: FreeWheel) -> None:
    calls = [freewheel.insertion_orders.ensure(**{**SPRING, "external_id": str(number)}) for number in range(5)]
    assert {ensured.action for ensured in await asyncio.gather(*calls)} == {"created"}
    assert scene.executions["create"] == 5


async def test_a_cancelled_one_leaves_no_lock(scene: Scene, freewheel: FreeWheel) -> None:
    scene.platform.fault("insertion_orders_list_by_campaign", kind="delay", seconds=1000)
    ensuring = asyncio.create_task(freewheel.insertion_orders.ensure(**SPRING))
    while not any("/campaign/" in sent.url for sent in scene.wire.sent):
        await asyncio.sleep(0)
    ensuring.cancel()
    scene.platform.clear_faults()
    with pytest.raises(asyncio.CancelledError):
        await ensuring
    assert (await freewheel.insertion_orders.ensure(**SPRING)).action == "created"


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        # cancelled while the answer is awaited
        ({"kind": "delay_after", "seconds": 1000}, "unchanged"),
        # cancelled while it is waited for the outcome to settle; carried out after the next one has looked
        ({"kind": "late", "seconds": 60}, "unchanged"),
        ({"kind": "cut_after"}, "unchanged"),
        ({"kind": "cut_before"}, "created"),
    ],
    ids=["awaited", "late", "cut_after", "cut_before"],
)
async def test_what_is_cancelled_is_not_made_twice(
    scene: Scene, freewheel: FreeWheel, fault: dict[str, Any], action: str
) -> None:
    scene.platform.fault("insertion_orders_create", **fault)
    ensuring = asyncio.create_task(freewheel.insertion_orders.ensure(**SPRING))
    awaited = fault["kind"] == "delay_after"
    while not bodies(scene, "POST") or (not scene.executions.get("create") if awaited else scene.wire.under_way):
        await asyncio.sleep(0)
    ensuring.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await ensuring
    assert "crm-17 of campaign 501 was being created" in caught.value.__notes__[0]

    ensured = await freewheel.insertion_orders.ensure(**SPRING)
    assert ensured.action == action
    assert scene.executions["create"] == 1
    # that it waited is no reason to wait again
    slept = len(scene.clock.slept)
    await freewheel.insertion_orders.ensure(**SPRING)
    assert len(scene.clock.slept) == slept
