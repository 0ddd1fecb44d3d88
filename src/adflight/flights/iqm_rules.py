"""What IQM refuses of cells that each could be right. Imports columns and values.

Only cells that are managed count: what the live object holds in the place of the others is for the plan to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from adflight.flights.columns import Quarrel
from adflight.flights.values import CLEAR, Managed
from adflight_api.iqm.models.budget_type import BudgetType


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
    domain = campaign.get("advertiser_domain")
    if isinstance(domain, str) and "://" not in domain:
        yield Quarrel("advertiser_domain", "its protocol too, such as https://brand.example.com", is_doubt=True)


def _is_given(managed: Managed, name: str) -> bool:
    return managed.get(name, CLEAR) is not CLEAR
