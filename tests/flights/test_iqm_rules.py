from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from adflight.flights import CLEAR, Managed
from adflight.flights.iqm_rules import contradictions

DAY = datetime(2027, 3, 1, tzinfo=UTC)
MODELS = [{"entityId": 7, "entityTypeId": 1, "priority": 2}, {"entityId": -1, "entityTypeId": 3, "priority": 1}]
SUM = "is_auto_sum_io_total_budget"


@pytest.mark.parametrize(
    ("order", "campaign", "column"),
    [
        ({SUM: True, "io_total_budget": Decimal(5)}, {}, "io_total_budget"),
        ({"io_budget_type_id": 1, "io_total_impressions": 5}, {}, "io_total_impressions"),
        ({}, {"total_budget_pacing": True, "budget_day": Decimal(5)}, "budget_day"),
        ({}, {"total_budget_pacing": True, "end_time": CLEAR}, "end_time"),
        ({}, {"min_bid": Decimal(3), "max_bid": Decimal(2)}, "min_bid"),
        ({}, {"start_time": DAY, "end_time": DAY + timedelta(days=2), "bid_models_zip": MODELS}, "bid_models_zip"),
    ],
)
def test_what_the_service_refuses(order: Managed, campaign: Managed, column: str) -> None:
    (quarrel,) = contradictions(order, campaign)
    assert (quarrel.column, quarrel.is_doubt) == (column, False)


@pytest.mark.parametrize(
    ("order", "campaign"),
    [
        ({}, {}),
        ({SUM: False, "io_total_budget": Decimal(5)}, {}),
        ({SUM: True, "io_total_budget": CLEAR}, {}),
        ({"io_budget_type_id": 2, "io_total_impressions": 5}, {}),
        ({}, {"total_budget_pacing": True, "budget_day": CLEAR}),
        ({}, {"total_budget_pacing": False, "budget_day": Decimal(5), "end_time": CLEAR}),
        ({}, {"min_bid": Decimal(2), "max_bid": Decimal(2)}),
        ({}, {"min_bid": CLEAR, "max_bid": Decimal(2), "advertiser_domain": "https://brand.example.com"}),
    ],
)
def test_what_it_does_not(order: Managed, campaign: Managed) -> None:
    assert list(contradictions(order, campaign)) == []


def test_an_address_without_its_protocol_is_doubtful() -> None:
    (quarrel,) = contradictions({}, {"advertiser_domain": "brand.example.com"})
    assert quarrel.is_doubt


def test_a_small_daily_budget_is_doubtful_for_multipliers() -> None:
    # the documents count dollars, whatever the account's currency is
    managed: Managed = {"start_time": DAY, "end_time": DAY + timedelta(days=3), "bid_models_zip": MODELS}
    assert not list(contradictions({}, {**managed, "budget_day": Decimal(100)}))
    (quarrel,) = contradictions({}, {**managed, "budget_day": Decimal("99.99")})
    assert (quarrel.column, quarrel.is_doubt) == ("bid_models_zip", True)
