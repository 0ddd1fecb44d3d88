"""Every operation of the specification is called through the public client and carried out by the sandbox.

A new operation without a call here fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final, TypeAlias

import pytest
from attrs import frozen

from adflight import FreeWheel, OperationNotConfigured, Pager
from adflight.freewheel import sandbox_routes
from adflight.types.freewheel import (
    CurrencyTargetBudget,
    Delivery,
    FrequencyCap,
    FrequencyCapPeriod,
    FrequencyCapType,
    ImpressionTargetBudget,
    InsertionOrder,
    ScheduleSettings,
    UserAssignment,
    WorkflowStepType,
)
from tests.freewheel.scene import CREDENTIALS, Scene, scripted

SPECIFICATION: Final = json.loads((files("adflight_api.freewheel") / "openapi.json").read_text())
METHODS: Final = ("get", "put", "post", "patch", "delete")
SPECIFIED: Final = {
    item[method]["operationId"]: item[method]["x-adflight"]
    for item in SPECIFICATION["paths"].values()
    for method in METHODS
    if method in item
}
NOT_CONFIGURED: Final = sorted(name for name, about in SPECIFIED.items() if about.get("configured") is False)
CAMPAIGN: Final = 501


@frozen
class Live:
    """What exists when a call is made."""

    order: int
    other: int
    proposed: int


Act: TypeAlias = Callable[[FreeWheel, Live], Any]
"""Gives what can be awaited: a coroutine, or the pager of a list."""


async def lose(freewheel: FreeWheel, live: Live) -> object:
    lost = WorkflowStepType.LOST_DEAL
    return await freewheel.insertion_orders.change_proposal_status(live.proposed, workflow_step_type=lost)


async def unbook(freewheel: FreeWheel, live: Live) -> InsertionOrder:
    await freewheel.insertion_orders.book(live.order)
    return await freewheel.insertion_orders.unbook(live.order)


CALLS: Final[dict[str, Act]] = {
    "auth_token": lambda freewheel, live: freewheel.auth.token(**CREDENTIALS),
    "auth_token_info": lambda freewheel, live: freewheel.auth.token_info(),
    "insertion_orders_list": lambda freewheel, live: freewheel.insertion_orders.list(advertiser_id=3001),
    "insertion_orders_create": lambda freewheel, live: freewheel.insertion_orders.create(
        name="Caf\u00e9 & more",
        campaign_id=CAMPAIGN,
        external_id="0017",
        budget=CurrencyTargetBudget(currency=Decimal("12500.50"), over_delivery_value=1.5),
        schedule=ScheduleSettings(start_time="2026-09-01T00:00", time_zone="(GMT+01:00) CET"),
        delivery=Delivery(
            frequency_cap=[
                FrequencyCap(value=3, type_=FrequencyCapType.IMPRESSION, period=FrequencyCapPeriod.THIRTY_DAYS)
            ]
        ),
        assignments=[UserAssignment(user_id=4711)],
    ),
    "insertion_orders_get": lambda freewheel, live: freewheel.insertion_orders.get(live.order, show="all"),
    "insertion_orders_update": lambda freewheel, live: freewheel.insertion_orders.update(
        live.order, budget=ImpressionTargetBudget(impression=250000)
    ),
    "insertion_orders_delete": lambda freewheel, live: freewheel.insertion_orders.delete(live.order),
    "insertion_orders_list_by_campaign": lambda freewheel, live: freewheel.insertion_orders.list_by_campaign(
        CAMPAIGN, workflow_step_type=WorkflowStepType.NORMAL
    ),
    "insertion_orders_create_in_campaign": lambda freewheel, live: freewheel.insertion_orders.create_in_campaign(
        CAMPAIGN, name="Autumn"
    ),
    "insertion_orders_list_placements": lambda freewheel, live: freewheel.insertion_orders.list_placements(live.order),
    "insertion_orders_book": lambda freewheel, live: freewheel.insertion_orders.book(live.order),
    "insertion_orders_unbook": unbook,
    "insertion_orders_create_proposed": lambda freewheel, live: freewheel.insertion_orders.create_proposed(
        name="Offer", campaign_id=CAMPAIGN, rfp_budget=Decimal("20000.00")
    ),
    "insertion_orders_update_proposed": lambda freewheel, live: freewheel.insertion_orders.update_proposed(
        live.proposed, total_billable_event_goal=1_000_000
    ),
    "insertion_orders_list_variants": lambda freewheel, live: freewheel.insertion_orders.list_variants(live.proposed),
    "insertion_orders_transfer_budget": lambda freewheel, live: freewheel.insertion_orders.transfer_budget(
        live.order, from_insertion_order_id=live.other, amount=Decimal("10.50")
    ),
    "insertion_orders_change_proposal_status": lose,
    "insertion_orders_get_widget": lambda freewheel, live: freewheel.insertion_orders.get_widget(live.order),
}


async def alive(freewheel: FreeWheel) -> Live:
    orders, budget = freewheel.insertion_orders, CurrencyTargetBudget(currency=1000)
    order, other = [await orders.create(name="Spring", campaign_id=CAMPAIGN, budget=budget) for _ in range(2)]
    proposed = await orders.create_proposed(name="Offer", campaign_id=CAMPAIGN)
    return Live(order.id, other.id, proposed.id)


def test_there_is_a_call_of_every_operation() -> None:
    assert CALLS.keys() == SPECIFIED.keys()


@pytest.mark.parametrize("documented", [False, True], ids=["live paths", "documented paths"])
@pytest.mark.parametrize("operation", SPECIFIED)
async def test_an_operation_is_carried_out(scene: Scene, operation: str, documented: bool) -> None:
    freewheel = await scene.client(documented_paths=documented)
    live = await alive(freewheel)
    executions = scene.platform.counts.executions
    before = executions[operation]

    answer = await CALLS[operation](freewheel, live)

    assert executions[operation] == before + 1
    if operation == "insertion_orders_delete":
        assert answer is None
        return
    # typed: nothing came back as a plain dict, nor as an element that nobody described
    assert type(answer) is not dict
    assert not set(answer.additional_properties) - {"placements"}
    # every documented prefix is in use
    paths = {request.url.removeprefix(scene.platform.url).partition("/")[2] for request in scene.wire.sent}
    assert any(path.startswith("v3/" if documented else "services/v3/") for path in paths)


LISTS: Final = [name for name in SPECIFIED if "_list" in name]


@pytest.mark.parametrize("operation", LISTS)
async def test_a_list_may_be_read_to_its_end(freewheel: FreeWheel, operation: str) -> None:
    live = await alive(freewheel)
    pager: Pager[Any, Any] = CALLS[operation](freewheel, live)
    rows = [row async for row in pager.rows(strict=True, size=1)]
    pages = [page async for page in pager.pages(size=1)]
    assert [page.total for page in pages] == [len(rows)] * len(rows)
    assert len(rows) > 1


def test_what_nobody_knows_how_to_call() -> None:
    assert len(NOT_CONFIGURED) == 6
    assert sorted(name.replace(".", "_", 1) for name in sandbox_routes()) == NOT_CONFIGURED


@pytest.mark.parametrize("operation", NOT_CONFIGURED)
@pytest.mark.parametrize("base_url", ["production", "http://127.0.0.1:1"])
async def test_nothing_is_guessed(operation: str, base_url: str) -> None:
    freewheel, transport, _ = scripted(base_url=base_url, allow_low_confidence=True)
    with pytest.raises(OperationNotConfigured, match="routes=") as caught:
        await CALLS[operation](freewheel, Live(1, 2, 3))
    assert caught.value.operation.replace(".", "_", 1) == operation
    assert transport.sent == []
