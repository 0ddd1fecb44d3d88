"""What a launch is to create, and what can be known to be wrong with it before anything is sent. Pure.

Imports the generated operations and the errors; used by `launch`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import field, frozen

from adflight.core.errors import InvalidInput
from adflight_api.iqm.api.campaigns import campaigns_create
from adflight_api.iqm.api.insertion_orders import insertion_orders_create
from adflight_api.iqm.models import BudgetDistributionMethod, BudgetType, CampaignType, CreativeType
from adflight_api.runtime import CommaList, Request

Money: TypeAlias = Decimal | float
"""An amount in the account's currency, which no answer of IQM names."""


def _kept(value: Any) -> Any:
    """An iterator as a tuple: a plan may be sent, compared and sent again."""
    return tuple(value) if isinstance(value, Iterator) else value


def _all_kept(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _kept(value) for name, value in values.items()}


class PlanWarning(UserWarning):
    """Something in a launch that the service may refuse, or that is probably not meant."""


@frozen(kw_only=True)
class NewInsertionOrder:
    """An insertion order to be created (document 001, step 2). Times are datetimes with a time zone."""

    name: str
    start: datetime
    timezone_id: int
    """The vendor's id; see `iqm.master.list_timezones()`."""
    end: datetime | None = None
    budget: Money | None = None
    """A budget of its own; without one it is kept equal to the sum over its campaigns."""
    impressions: int | None = None
    """Impressions to deliver; for `budget_type` IMPRESSION."""
    budget_type: BudgetType = BudgetType.BUDGET
    distribution: BudgetDistributionMethod = BudgetDistributionMethod.MANUAL
    auto_sum: bool | None = None
    """Whether the budget is the sum over the campaigns; by default it is unless `budget` is given."""

    @property
    def sums(self) -> bool:
        return self.budget is None if self.auto_sum is None else self.auto_sum

    def request(self) -> Request:
        """The create request; what decides about money is always in it."""
        return insertion_orders_create.request(
            io_name=self.name,
            io_start_time=self.start,
            io_end_time=self.end,
            io_timezone_id=self.timezone_id,
            io_total_budget=self.budget,
            io_total_impressions=self.impressions,
            io_budget_type_id=self.budget_type,
            io_budget_distribution_method_id=self.distribution,
            is_auto_sum_io_total_budget=self.sums,
        )

    def check(self) -> None:
        """Raises `InvalidInput` for what the documents say is refused."""
        _check_name("insertion_order.name", self.name)
        _check_times("insertion_order", self.start, self.end)
        _check_money("insertion_order.budget", self.budget)
        if self.sums and self.budget is not None:
            raise InvalidInput(
                "insertion_order.budget", self.budget, "no budget while auto_sum keeps it equal to its campaigns' sum"
            )
        if self.budget_type == BudgetType.BUDGET and self.impressions is not None:
            raise InvalidInput("insertion_order.impressions", self.impressions, "budget_type=BudgetType.IMPRESSION")


@frozen(kw_only=True)
class NewCampaign:
    """A campaign to be created (document 001, step 3). Times are datetimes with a time zone."""

    name: str
    start: datetime
    timezone_id: int
    total_budget: Money
    max_bid: Money
    """The most to pay for a thousand impressions."""
    creative_type: CreativeType | int
    creative_ids: CommaList = field(converter=_kept)
    advertiser_domain: str
    """With its protocol: https://brand.example.com."""
    country_id: int
    agreement_checked: bool
    """That you accept the vendor's terms for this campaign: must be True, and only you can say so."""
    end: datetime | None = None
    daily_budget: Money | None = None
    pacing: bool = False
    """Whether the total budget is spent evenly; then there is no daily budget, and there must be an end."""
    budget_type: BudgetType | None = None
    """By default that of the insertion order, with which it has to agree."""
    campaign_type: CampaignType = CampaignType.ADVANCED
    exchanges: CommaList = field(default="", converter=_kept)
    """Exchange ids; "" for all."""
    publisher_categories: CommaList = field(default="", converter=_kept)
    """Publisher category ids; "" for all."""
    more: Mapping[str, Any] = field(factory=dict, converter=_all_kept)
    """Any other argument of `iqm.campaigns.create`, such as `state_ids`."""

    def request(self, io_id: int, budget_type: BudgetType | int) -> Request:
        """The create request within an insertion order. Raises `InvalidInput` for what cannot be sent."""
        arguments: dict[str, Any] = {
            "campaign_name": self.name,
            "is_agreement_checked": self.agreement_checked,
            "io_id": io_id,
            "country_id": str(self.country_id),
            "advertiser_domain": self.advertiser_domain,
            "creative_type": self.creative_type,
            "creative_ids": self.creative_ids,
            "exchanges": self.exchanges,
            "publisher_ad_category": self.publisher_categories,
            "max_bid": self.max_bid,
            "budget_total": self.total_budget,
            "start_time": self.start,
            "timezone": self.timezone_id,
            "end_time": self.end,
            "total_budget_pacing": self.pacing,
            "budget_day": self.daily_budget,
            "budget_type_id": budget_type,
            "campaign_type": self.campaign_type,
        }
        for name, value in self.more.items():
            if name in arguments:
                raise InvalidInput(f"campaign.more[{name!r}]", value, "the field of NewCampaign that says the same")
            arguments[name] = value
        try:
            return campaigns_create.request(**arguments)
        except TypeError as error:
            names = sorted(self.more)
            raise InvalidInput("campaign.more", names, f"arguments of iqm.campaigns.create ({error})") from None

    def check(self) -> None:
        """Raises `InvalidInput` for what the documents say is refused; warns (`PlanWarning`) of what may be."""
        _check_name("campaign.name", self.name)
        _check_times("campaign", self.start, self.end)
        if self.agreement_checked is not True:
            raise InvalidInput("campaign.agreement_checked", self.agreement_checked, "True: the service demands it")
        for name, money in (
            ("total_budget", self.total_budget),
            ("daily_budget", self.daily_budget),
            ("max_bid", self.max_bid),
        ):
            _check_money(f"campaign.{name}", money)
            if money is not None and not money > 0:
                raise InvalidInput(f"campaign.{name}", money, "more than 0")
        if self.pacing and self.daily_budget is not None:
            raise InvalidInput(
                "campaign.daily_budget", self.daily_budget, "none, because pacing spreads the total budget"
            )
        if self.pacing and self.end is None:
            raise InvalidInput("campaign.end", self.end, "an end, because pacing spreads the total budget until then")
        if not self.creative_ids and self.creative_ids != 0:
            raise InvalidInput("campaign.creative_ids", self.creative_ids, "at least one creative")
        if not self.pacing and self.daily_budget is None:
            _warn("campaign.daily_budget: the service may demand one while pacing is off")
        if "://" not in self.advertiser_domain:
            _warn(f"campaign.advertiser_domain={self.advertiser_domain!r}: the service expects the protocol with it")


def check_together(
    order_type: BudgetType | int, start: datetime | None, end: datetime | None, campaign: NewCampaign
) -> None:
    """What a campaign and its insertion order have to agree on; `start` and `end` are the order's."""
    if campaign.budget_type is not None and campaign.budget_type != order_type:
        expected = f"{order_type!r}, like its insertion order"
        raise InvalidInput("campaign.budget_type", campaign.budget_type, expected)
    if start is not None and campaign.start < start:
        _warn(f"campaign.start={campaign.start.isoformat()}: before its insertion order's start, {start.isoformat()}")
    if end is not None and (campaign.end is None or campaign.end > end):
        _warn(f"campaign.end={campaign.end}: after its insertion order's end, {end.isoformat()}")


def _check_name(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(name, value, "a name")
    if value != value.strip():
        raise InvalidInput(name, value, "a name without spaces around it, or it could not be found again")
    if len(value) > 255:
        raise InvalidInput(name, value, "at most 255 characters")


def _check_money(name: str, value: object) -> None:
    if value is not None and not isinstance(value, (Decimal, float, int)):
        raise InvalidInput(name, value, "an amount as a Decimal or a number")


def _check_times(prefix: str, start: object, end: object) -> None:
    for name, value in (("start", start), ("end", end)):
        if value is None and name == "end":
            continue
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise InvalidInput(f"{prefix}.{name}", value, "a datetime with a time zone")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise InvalidInput(f"{prefix}.end", end.isoformat(), f"a time after its start, {start.isoformat()}")


def _warn(message: str) -> None:
    warnings.warn(message, PlanWarning, stacklevel=4)
