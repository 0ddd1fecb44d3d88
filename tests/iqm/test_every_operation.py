"""Every operation of the specification is called through the public client and carried out by the sandbox.

A new operation without a call here fails.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.resources import files
from typing import Any, Final, TypeAlias

import pytest
from attrs import frozen

from adflight import IQM, Pager
from adflight.sandbox import Sandbox
from adflight.types.iqm import (
    BidModelAction,
    BidModelActions,
    BidModelAdd,
    BidModelAdditions,
    BidModelInsertionOrderAction,
    BidModelInsertionOrderData,
    BidModelTarget,
    BundleUpdate,
    CampaignStatus,
    Dimension,
    EntityType,
    Launch,
    ReportDownload,
    ReportFileType,
)
from tests.iqm.scene import START, Scene, new_campaign, new_order

SPECIFICATION: Final = json.loads((files("adflight_api.iqm") / "openapi.json").read_text())
METHODS: Final = ("get", "put", "post", "patch", "delete")
OPERATIONS: Final = sorted(
    item[method]["operationId"] for item in SPECIFICATION["paths"].values() for method in METHODS if method in item
)

CREATIVE: Final = Dimension.CREATIVE
NEXT_YEAR: Final = START + timedelta(days=400)


@frozen
class Live:
    """What exists when a call is made."""

    launch: Launch
    refresh_token: str

    @property
    def order(self) -> int:
        return self.launch.insertion_order_id

    @property
    def campaign(self) -> int:
        return self.launch.campaign_id


Act: TypeAlias = Callable[[IQM, Live], Any]
"""Gives what can be awaited: a coroutine, or the pager of a list."""


async def change_bundle(iqm: IQM, live: Live) -> object:
    bundle = await iqm.bid_models.create_bundle(live.campaign, CREATIVE, bundle_name="Best", entity_ids=[676384])
    assert not isinstance(bundle, str)
    update = BundleUpdate(bundle_id=bundle.id, bundle_name="Better")
    return await iqm.bid_models.update_bundles(live.campaign, CREATIVE, bundle_detail_list=[update])


async def delete_bundle(iqm: IQM, live: Live) -> object:
    bundle = await iqm.bid_models.create_bundle(live.campaign, CREATIVE, bundle_name="Best", entity_ids=[676384])
    assert not isinstance(bundle, str)
    return await iqm.bid_models.delete_bundles(live.campaign, CREATIVE, bundle_ids=[bundle.id])


async def change_priority(iqm: IQM, live: Live) -> object:
    await iqm.bid_models.add_priority(live.order, priority=1, campaign_ids=[live.campaign])
    return await iqm.bid_models.update_priority(live.order, priority=2, campaign_ids=[live.campaign])


async def remove_priority(iqm: IQM, live: Live) -> object:
    await iqm.bid_models.add_priority(live.order, priority=1, campaign_ids=[live.campaign])
    return await iqm.bid_models.remove_priority(live.order, campaign_ids=[live.campaign])


def manage(iqm: IQM, live: Live) -> Awaitable[object]:
    best = BidModelAdd(entity_id=676384, entity_type_id=EntityType.ENTITY, bid_multiplier=1.5)
    other = BidModelAdd(entity_id=-1, entity_type_id=EntityType.OTHER, bid_multiplier=1)
    actions = BidModelActions(add=BidModelAdditions(bid_model_entity_details=[best, other]))
    return iqm.bid_models.manage(live.campaign, CREATIVE, action_wise_bid_model_entities=actions)


def manage_for_order(iqm: IQM, live: Live) -> Awaitable[object]:
    request = BidModelInsertionOrderAction(
        action=BidModelAction.ADD,
        bid_model_data=BidModelInsertionOrderData(bid_multiplier=1.5),
        dimension_entity_mappings=[BidModelTarget(campaign_id=live.campaign)],
    )
    return iqm.bid_models.manage_for_insertion_order(live.order, bid_model_requests=[request])


CALLS: Final[dict[str, Act]] = {
    "auth_login": lambda iqm, live: iqm.auth.login(email=Sandbox.EMAIL, password=Sandbox.PASSWORD),
    "auth_refresh": lambda iqm, live: iqm.auth.refresh(refresh_token=live.refresh_token),
    "auth_logout": lambda iqm, live: iqm.auth.logout(),
    "campaigns_get": lambda iqm, live: iqm.campaigns.get(live.campaign, is_spent_required=True),
    "campaigns_list_data": lambda iqm, live: iqm.campaigns.list_data(sort_by="+id", status=["pending"]),
    "campaigns_list": lambda iqm, live: iqm.campaigns.list(search="Spring"),
    "campaigns_get_budget_info": lambda iqm, live: iqm.campaigns.get_budget_info(
        start_time=START, end_time=START + timedelta(days=9), timezone=29, budget_total=100, daily_budget=10
    ),
    "campaigns_list_groups": lambda iqm, live: iqm.campaigns.list_groups(),
    "campaigns_get_start": lambda iqm, live: iqm.campaigns.get_start(),
    "campaigns_rename": lambda iqm, live: iqm.campaigns.rename(live.campaign, campaign_name="Autumn flight"),
    "campaigns_update_end_date": lambda iqm, live: iqm.campaigns.update_end_date(
        campaign_ids=str(live.campaign), end_date=NEXT_YEAR
    ),
    "campaigns_update_budget": lambda iqm, live: iqm.campaigns.update_budget(
        campaign_ids=[live.campaign], total_budget=1200
    ),
    "campaigns_update_status": lambda iqm, live: iqm.campaigns.update_status(
        campaign_ids=live.campaign, status=CampaignStatus.PAUSED
    ),
    "campaigns_update": lambda iqm, live: iqm.campaigns.update(live.campaign, max_bid=12),
    "campaigns_count": lambda iqm, live: iqm.campaigns.count(ow_ids="all"),
    "campaigns_create": lambda iqm, live: iqm.campaigns.create(
        campaign_name="Another",
        is_agreement_checked=True,
        io_id=str(live.order),
        country_id=30100001,
        advertiser_domain="https://brand.example.com",
        creative_type=11,
        creative_ids="676384",
        max_bid=10,
        budget_total=1000,
        budget_day=50,
        start_time=START,
        timezone=29,
        budget_type_id=1,
    ),
    "insertion_orders_list": lambda iqm, live: iqm.insertion_orders.list(sort_by=["-ioStartTime", "+ioId"]),
    "insertion_orders_list_campaigns": lambda iqm, live: iqm.insertion_orders.list_campaigns(
        campaign_ids=[live.campaign]
    ),
    "insertion_orders_list_campaign_reports": lambda iqm, live: iqm.insertion_orders.list_campaign_reports(
        io_ids=[live.order], campaign_ids=[live.campaign]
    ),
    "insertion_orders_create": lambda iqm, live: iqm.insertion_orders.create(
        io_name="Summer", io_start_time=START, io_budget_type_id=1
    ),
    "insertion_orders_duplicate": lambda iqm, live: iqm.insertion_orders.duplicate(
        io_id=live.order, io_existing_campaign_ids=[live.campaign]
    ),
    "insertion_orders_delete": lambda iqm, live: iqm.insertion_orders.delete(io_ids=[live.order]),
    "insertion_orders_update": lambda iqm, live: iqm.insertion_orders.update(live.order, io_name="Winter"),
    "insertion_orders_get": lambda iqm, live: iqm.insertion_orders.get(live.order),
    "insertion_orders_update_end_date": lambda iqm, live: iqm.insertion_orders.update_end_date(
        io_ids=[live.order], io_end_time=NEXT_YEAR, io_timezone_id=29
    ),
    "insertion_orders_update_budget": lambda iqm, live: iqm.insertion_orders.update_budget(
        io_ids=[live.order], budget=2000
    ),
    "bid_models_list_bundles": lambda iqm, live: iqm.bid_models.list_bundles(live.campaign),
    "bid_models_find_modelled_entities": lambda iqm, live: iqm.bid_models.find_modelled_entities(
        dimension_id=CREATIVE, entity_ids=[676384], include_campaign_info=True
    ),
    "bid_models_get_dimension_statistics": lambda iqm, live: iqm.bid_models.get_dimension_statistics(
        live.campaign, start_date=START, end_date=NEXT_YEAR
    ),
    "bid_models_get_spend": lambda iqm, live: iqm.bid_models.get_spend(live.campaign, CREATIVE),
    "bid_models_list": lambda iqm, live: iqm.bid_models.list(live.campaign, CREATIVE),
    "bid_models_include_exclude_device_types": lambda iqm, live: iqm.bid_models.include_exclude_device_types(
        campaign_id=live.campaign, ids=[11], excluded=True
    ),
    "bid_models_include_exclude_exchanges": lambda iqm, live: iqm.bid_models.include_exclude_exchanges(
        campaign_id=live.campaign, ids=[4], excluded=False
    ),
    "bid_models_include_exclude_traffic_sources": lambda iqm, live: iqm.bid_models.include_exclude_traffic_sources(
        campaign_id=live.campaign, ids="11", excluded=True
    ),
    "bid_models_include_exclude_entities": lambda iqm, live: iqm.bid_models.include_exclude_entities(
        live.campaign, CREATIVE, ids=[676384], excluded=True
    ),
    "bid_models_manage": manage,
    "bid_models_create_bundle": lambda iqm, live: iqm.bid_models.create_bundle(
        live.campaign, CREATIVE, bundle_name="Best", entity_ids=[676384]
    ),
    "bid_models_update_bundles": change_bundle,
    "bid_models_delete_bundles": delete_bundle,
    "bid_models_manage_for_insertion_order": manage_for_order,
    "bid_models_add_priority": lambda iqm, live: iqm.bid_models.add_priority(
        live.order, priority=1, campaign_ids=[live.campaign]
    ),
    "bid_models_remove_priority": remove_priority,
    "bid_models_update_priority": change_priority,
    "bid_models_report": lambda iqm, live: iqm.bid_models.report(
        live.campaign, CREATIVE, start_date=START, end_date=NEXT_YEAR
    ),
    "bid_models_download_report": lambda iqm, live: iqm.bid_models.download_report(
        live.campaign, CREATIVE, download=ReportDownload(file_type=ReportFileType.CSV, columns=[])
    ),
    "bid_models_list_dimensions": lambda iqm, live: iqm.bid_models.list_dimensions(),
    "master_list_timezones": lambda iqm, live: iqm.master.list_timezones(),
    "master_list_creative_types": lambda iqm, live: iqm.master.list_creative_types(search="Image"),
}


def test_there_is_a_call_of_every_operation() -> None:
    assert sorted(CALLS) == OPERATIONS


@pytest.mark.parametrize("documented", [False, True], ids=["live paths", "documented paths"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_is_carried_out(scene: Scene, operation: str, documented: bool) -> None:
    iqm = await scene.client(documented_paths=documented)
    log_in = await iqm.auth.login(email=Sandbox.EMAIL, password=Sandbox.PASSWORD)
    order = new_order(budget=5000)
    live = Live(await iqm.launch(order, new_campaign(daily_budget=150)), log_in.refresh_token)
    executions = scene.sandbox.counts.executions
    before = executions[operation]

    answer = await CALLS[operation](iqm, live)

    assert executions[operation] == before + 1
    # typed: nothing came back as plain JSON; the sandbox repeats what a campaign was made with, documented or not
    assert type(answer) is not dict or all(hasattr(value, "to_dict") for value in answer.values())
    assert not set(getattr(answer, "additional_properties", ())) - {"publisherAdCategory"}


LISTS: Final = [name for name in OPERATIONS if "_list" in name or name in ("campaigns_count", "bid_models_report")]


@pytest.mark.parametrize("operation", LISTS)
async def test_a_list_may_be_read_to_its_end(iqm: IQM, operation: str) -> None:
    live = Live(await iqm.launch(new_order(), new_campaign()), "")
    pager: Pager[Any, Any] = CALLS[operation](iqm, live)
    rows = [row async for row in pager]
    pages = [page async for page in pager.pages()]
    assert sum(len(page.rows) for page in pages) == len(rows)
    assert rows or operation == "bid_models_list_bundles"
