from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adflight import PagingError
from adflight.flights import iqm_live
from adflight.flights.columns import Level
from adflight.flights.iqm_columns import COLUMNS
from adflight.flights.iqm_live import Shared, Shown
from adflight.flights.iqm_wire import COLUMN_NAMES, NULLS, WIRE_NAMES
from adflight_api.iqm.models import Campaign, CampaignReportRow, InsertionOrder, InsertionOrderCampaign

START = 1_726_518_001
MOMENT = datetime.fromtimestamp(START, UTC)

ORDER: dict[str, Any] = {
    "ioId": 15844,
    "ioName": "Spring",
    "ioStartTime": START * 1000 + 999,
    "ioEndTime": None,
    "ioTimeZoneId": 29,
    "ioTotalBudget": 1000.1,
    "ioBudgetDistributionMethodId": 1,
    "ioBudgetTypeId": 1,
    "ioStatusId": 1,
    "ioTotalImpressions": None,
    "isBudgetAutoSum": False,
}
REPORT: dict[str, Any] = {
    "campaignId": 537599,
    "campaignName": "Banners",
    "ioId": 15844,
    "ioBudgetTypeId": 0,
    "status": "running",
    "startTime": START,
    "endTime": 0,
    "maxBid": 15.0,
    "budgetDay": 0,
    "budgetTotal": 50000.1,
    "budgetTypeId": 1,
    "budgetPacing": False,
}
MEMBER: dict[str, Any] = {
    "id": 537599,
    "campaignId": 537599,
    "name": "Banners",
    "creativeTypeId": 11,
    "campaignTypeId": 1,
    "status": "deleted",
    "startTime": START,
    "createdAt": START,
    "modifiedAt": START * 1000,
    "owId": 1,
    "timezoneId": 29,
    "targetedAudienceIds": None,
}
CAMPAIGN: dict[str, Any] = {
    "id": 537599,
    "ioId": 15844,
    "campaignName": "Banners",
    "advertiserDomain": "https://brand.example.com",
    "creativeType": 11,
    "campaignType": 1,
    "totalBudgetPacing": True,
    "budgetDay": 1199.08,
    "budgetTotal": 50000.0,
    "maxBid": 15.0,
    "timezone": 29,
    "startTime": START,
    "endTime": START + 60,
    "status": "draft",
    "creativeIds": "676384, 676385",
    "maxDayClicks": 0,
    "exchanges": "",
    "countryId": "30100001",
    "prebidAudienceSegmentIdList": [],
    "bidOptimization": 1,
    "userDealId": "7,A-9",
    "whiteListedSiteDomain": "one.example.com\ntwo.example.com",
    "whiteListedStateIds": "30200031",
    "inventoryKeywords": ["Clothing"],
    "scheduling": {"0": [["03:00:00", "05:00:00"]]},
    "minBid": 0.3,
}


def reported(**changes: Any) -> Any:
    return iqm_live.reported(CampaignReportRow.from_dict({**REPORT, **changes}), Shared())


def test_every_column_has_a_name_on_the_wire_and_a_null() -> None:
    for level in (Level.INSERTION_ORDER, Level.CAMPAIGN):
        for column in (column for column in COLUMNS.at(level) if not column.is_apart):
            assert COLUMN_NAMES[WIRE_NAMES[column.name]] == column.name
            if column.clearable and level is Level.CAMPAIGN:
                # null is nothing that the specification lets a campaign's field be
                assert NULLS[column.name] is not None, column.name


def test_a_row_of_insertion_orders_shows_all_of_it() -> None:
    live = iqm_live.order(InsertionOrder.from_dict(ORDER))
    assert (live.id, live.parent, live.name, live.status) == (15844, None, "Spring", "active")
    assert live.is_whole
    assert not live.is_gone
    assert dict(live.fields) == {
        "io_name": "Spring",
        "io_start_time": MOMENT.replace(microsecond=999_000),
        "io_end_time": None,
        "io_total_budget": Decimal("1000.1"),
        "io_total_impressions": None,
        "io_timezone_id": 29,
        "is_auto_sum_io_total_budget": False,
        "io_budget_type_id": 1,
        "io_budget_distribution_method_id": 1,
    }


@pytest.mark.parametrize(
    ("status", "word", "is_gone"),
    [(2, "expired", False), (3, "deleted", True), (9, "9", False), (None, "active", False)],
)
def test_the_state_of_an_insertion_order_is_a_word(status: object, word: str, is_gone: bool) -> None:
    live = iqm_live.order(InsertionOrder.from_dict({**ORDER, "ioStatusId": status}))
    assert (live.status, live.is_gone) == (word, is_gone)


def test_the_list_of_figures_shows_what_plans_compare_first() -> None:
    live = reported()
    assert (live.id, live.parent, live.name, live.status) == (537599, 15844, "Banners", "running")
    assert not live.is_whole
    assert dict(live.fields) == {
        "campaign_name": "Banners",
        "start_time": MOMENT,
        # 0 stands for no end, and for no budget a day
        "end_time": None,
        "max_bid": Decimal(15),
        "budget_day": None,
        "budget_total": Decimal("50000.1"),
        "budget_type_id": 1,
        "total_budget_pacing": False,
    }


def test_what_a_row_leaves_out_or_has_in_another_form_is_not_shown() -> None:
    live = reported(budgetTypeId=0, maxBid="dear", startTime=0, budgetPacing=None)
    assert live.fields.keys() == {"campaign_name", "end_time", "budget_day", "budget_total"}
    assert "max_bid" not in live.fields
    assert live.fields.get("max_bid") is None


@pytest.mark.parametrize("missing", ["campaignId", "ioId", "campaignName"])
def test_a_campaign_that_cannot_be_told_from_others_stops_the_reading(missing: str) -> None:
    with pytest.raises(PagingError, match="came without"):
        reported(**{missing: None})


def test_an_id_may_come_as_text() -> None:
    live = iqm_live.listed(InsertionOrderCampaign.from_dict({**MEMBER, "campaignId": "537599"}), 15844)
    assert live.id == 537599
    assert iqm_live.whole(Campaign.from_dict({**CAMPAIGN, "ioId": "15844"})).parent == 15844


def test_equal_values_are_kept_once() -> None:
    shared = Shared()
    one, two = (iqm_live.reported(CampaignReportRow.from_dict(REPORT), shared) for _ in range(2))
    for name in ("budget_total", "start_time", "max_bid"):
        assert one.fields[name] is two.fields[name]
    for number in range(50_001):
        assert shared.typed("max_bid", number) == number


def test_the_list_by_insertion_order_leaves_out_an_end_that_is_none() -> None:
    live = iqm_live.listed(InsertionOrderCampaign.from_dict(MEMBER), 15844)
    assert live.is_gone
    assert dict(live.fields) == {
        "campaign_name": "Banners",
        "start_time": MOMENT,
        "timezone": 29,
        "creative_type": 11,
        "campaign_type": 1,
        "end_time": None,
    }


def test_a_campaign_that_is_read_by_itself_shows_what_was_sent_with_it() -> None:
    live = iqm_live.whole(Campaign.from_dict(CAMPAIGN))
    assert live.is_whole
    assert live.is_draft
    assert live.parent == 15844
    assert dict(live.fields) == {
        "campaign_name": "Banners",
        "advertiser_domain": "https://brand.example.com",
        "creative_type": 11,
        "campaign_type": 1,
        "total_budget_pacing": True,
        # what the service makes of the total is no budget a day of its own
        "budget_day": None,
        "budget_total": Decimal(50000),
        "max_bid": Decimal(15),
        "timezone": 29,
        "start_time": MOMENT,
        "end_time": datetime.fromtimestamp(START + 60, UTC),
        "creative_ids": (676384, 676385),
        "max_day_clicks": 0,
        "exchanges": None,
        "country_id": 30100001,
        "prebid_audience_segment_id_list": None,
        "bid_optimization": True,
        "user_deal_id": ("7", "A-9"),
        "white_listed_site_domain": ("one.example.com", "two.example.com"),
        "white_listed_state_ids": (30200031,),
        "inventory_keywords": ("Clothing",),
        "scheduling": {"0": [["03:00:00", "05:00:00"]]},
        "min_bid": Decimal("0.3"),
    }


def test_a_campaign_that_was_submitted_was_agreed_to() -> None:
    # a draft, above, may still lack it
    assert iqm_live.whole(Campaign.from_dict({**CAMPAIGN, "status": "paused"})).fields["is_agreement_checked"] is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bidOptimization", 2),
        ("maxDayClicks", 1.5),
        ("maxDayClicks", True),
        ("minBid", float("inf")),
        ("minBid", True),
        ("endTime", "tomorrow"),
        ("conversionType", 7),
        ("creativeIds", 1.5),
        ("timezone", [29]),
    ],
)
def test_a_value_that_its_column_does_not_have_is_not_shown(field: str, value: object) -> None:
    live = iqm_live.whole(Campaign.from_dict({**CAMPAIGN, field: value}))
    assert COLUMN_NAMES[field] not in live.fields


def test_one_id_is_a_list_of_one() -> None:
    live = iqm_live.whole(Campaign.from_dict({**CAMPAIGN, "creativeIds": 676384}))
    assert live.fields["creative_ids"] == (676384,)


def test_shown_values_are_a_mapping() -> None:
    shown = Shown({"b": 1, "a": None})
    assert dict(shown) == {"b": 1, "a": None} == shown
    assert (len(shown), list(shown), repr(shown)) == (2, ["b", "a"], "{'b': 1, 'a': None}")
    with pytest.raises(KeyError):
        shown["c"]
