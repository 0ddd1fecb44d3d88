from __future__ import annotations

from decimal import Decimal

import pytest

from adflight.flights import CLEAR, Managed
from adflight.flights.iqm_rules import contradictions

SUM = "is_auto_sum_io_total_budget"


@pytest.mark.parametrize(
    ("order", "campaign", "column"),
    [
        ({SUM: True, "io_total_budget": Decimal(5)}, {}, "io_total_budget"),
        ({"io_budget_type_id": 1, "io_total_impressions": 5}, {}, "io_total_impressions"),
        ({}, {"total_budget_pacing": True, "budget_day": Decimal(5)}, "budget_day"),
        ({}, {"total_budget_pacing": True, "end_time": CLEAR}, "end_time"),
        ({}, {"min_bid": Decimal(3), "max_bid": Decimal(2)}, "min_bid"),
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
