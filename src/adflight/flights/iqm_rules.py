"""What IQM refuses of cells that each could be right. Imports columns, iqm_bid_models and values.

Only cells that are managed count: what the live object holds in the place of the others is for the plan to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from adflight.flights.columns import Quarrel
from adflight.flights.iqm_bid_models import needs_criteria
from adflight.flights.values import CLEAR, Managed
from adflight_api.iqm.models.budget_type import BudgetType

_LEAST_RUN: Final = timedelta(days=3)
_LEAST_DAILY: Final = Decimal(100)


def contradictions(order: Managed, campaign: Managed) -> Iterator[Quarrel]:
    """What is wrong, and what doubtful, worded as what was expected."""
    if order.get("is_auto_sum_io_total_budget") is True and _is_given(order, "io_total_budget"):
        yield Quarrel("io_total_budget", "none, while is_auto_sum_io_total_budget keeps it equal to its campaigns' sum")
    if order.get("io_budget_type_id") == BudgetType.BUDGET and _is_given(order, "io_total_impressions"):
        yield Quarrel("io_total_impressions", "none, unless io_budget_type_id is IMPRESSION")
    if campaign.get("total_budget_pacing") is True:
        if _is_given(campaign, "budget_day"):
            yield Quarrel("budget_day", "none, because total_budget_pacing spreads the total budget")
        if campaign.get("end_time") is CLEAR:
            yield Quarrel("end_time", "an end, because total_budget_pacing spreads the total budget until then")
    least, most = campaign.get("min_bid"), campaign.get("max_bid")
    if isinstance(least, Decimal) and isinstance(most, Decimal) and least > most:
        yield Quarrel("min_bid", f"at most max_bid, {most}")
    yield from _of_bid_models(campaign)
    domain = campaign.get("advertiser_domain")
    if isinstance(domain, str) and "://" not in domain:
        yield Quarrel("advertiser_domain", "its protocol too, such as https://brand.example.com", is_doubt=True)


def _of_bid_models(campaign: Managed) -> Iterator[Quarrel]:
    start, end, daily = (campaign.get(name) for name in ("start_time", "end_time", "budget_day"))
    for name in needs_criteria(campaign):
        if isinstance(start, datetime) and isinstance(end, datetime) and end - start < _LEAST_RUN:
            yield Quarrel(name, "no multiplier and no priority, for which a campaign has to run for three days")
        if isinstance(daily, Decimal) and daily < _LEAST_DAILY:
            expected = "a budget_day of 100 dollars, without which the service takes no multiplier and no priority"
            yield Quarrel(name, expected, is_doubt=True)


def _is_given(managed: Managed, name: str) -> bool:
    return managed.get(name, CLEAR) is not CLEAR
