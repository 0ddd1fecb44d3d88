from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.iqm.plan import check_together
from adflight.types.iqm import BudgetDistributionMethod, BudgetType, PlanWarning
from tests.iqm.scene import START, new_campaign, new_order


def test_what_decides_about_money_is_always_sent() -> None:
    sent = new_order().request().body
    assert sent == {
        "ioName": "Spring",
        "ioStartTime": 1_700_086_400_000,
        "ioEndTime": 1_702_678_400_000,
        "ioTimeZoneId": 29,
        "ioBudgetTypeId": BudgetType.BUDGET,
        "ioBudgetDistributionMethodId": BudgetDistributionMethod.MANUAL,
        "isAutoSumIoTotalBudget": True,
    }
    campaign = new_campaign(pacing=True, daily_budget=None).request(7, BudgetType.IMPRESSION).body
    assert (campaign["ioId"], campaign["budgetTypeId"], campaign["totalBudgetPacing"]) == (7, 2, True)
    assert (campaign["startTime"], campaign["countryId"], campaign["creativeIds"]) == (
        1_700_086_400,
        "30100001",
        "676384,676385",
    )
    # empty means all of them, and has to be said
    assert (campaign["exchanges"], campaign["publisherAdCategory"]) == ("", "")


@pytest.mark.parametrize(
    ("fields", "sums"),
    [({}, True), ({"budget": 5}, False), ({"auto_sum": False}, False), ({"auto_sum": False, "budget": 5}, False)],
)
def test_a_budget_is_the_sum_unless_it_is_given(fields: dict[str, Any], sums: bool) -> None:
    order = new_order(**fields)
    order.check()
    assert order.request().body["isAutoSumIoTotalBudget"] is sums
    assert order.request().body.get("ioTotalBudget") == fields.get("budget")


@pytest.mark.parametrize(
    ("fields", "field", "value"),
    [
        ({"budget": 5, "auto_sum": True}, "insertion_order.budget", 5),
        ({"impressions": 9}, "insertion_order.impressions", 9),
        ({"end": START - timedelta(days=1)}, "insertion_order.end", "2023-11-14T22:13:20+00:00"),
        ({"start": "2030-01-01"}, "insertion_order.start", "2030-01-01"),
        ({"start": None}, "insertion_order.start", None),
        ({"name": "x" * 256}, "insertion_order.name", "x" * 256),
        ({"name": "Spring "}, "insertion_order.name", "Spring "),
        ({"name": 7}, "insertion_order.name", 7),
        ({"budget": "5"}, "insertion_order.budget", "5"),
    ],
)
def test_what_an_order_is_refused_for_is_named(fields: dict[str, Any], field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_order(**fields).check()
    assert (caught.value.field, caught.value.value) == (field, value)
    assert field in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field", "value"),
    [
        ({"pacing": True}, "campaign.daily_budget", 50),
        ({"pacing": True, "daily_budget": None, "end": None}, "campaign.end", None),
        ({"end": START}, "campaign.end", START.isoformat()),
        ({"agreement_checked": False}, "campaign.agreement_checked", False),
        ({"agreement_checked": "yes"}, "campaign.agreement_checked", "yes"),
        ({"creative_ids": ""}, "campaign.creative_ids", ""),
        ({"creative_ids": iter(())}, "campaign.creative_ids", ()),
    ],
)
def test_what_a_campaign_is_refused_for_is_named(fields: dict[str, Any], field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_campaign(**fields).check()
    assert (caught.value.field, caught.value.value) == (field, value)


def test_an_open_end_is_fine() -> None:
    new_order(end=None).check()
    new_campaign(end=None).check()
    assert "endTime" not in new_campaign(end=None).request(1, BudgetType.BUDGET).body


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"daily_budget": None}, "campaign.daily_budget"),
        ({"advertiser_domain": "brand.example.com"}, "campaign.advertiser_domain='brand.example.com'"),
    ],
)
def test_what_the_service_may_refuse_is_warned_of(fields: dict[str, Any], named: str) -> None:
    with pytest.warns(PlanWarning, match=named):
        new_campaign(**fields).check()


def test_a_campaign_has_its_orders_budget_type() -> None:
    check_together(BudgetType.IMPRESSION, None, None, new_campaign(budget_type=BudgetType.IMPRESSION))
    with pytest.raises(InvalidInput) as caught:
        check_together(BudgetType.IMPRESSION, None, None, new_campaign(budget_type=BudgetType.BUDGET))
    assert caught.value.field == "campaign.budget_type"


@pytest.mark.parametrize(
    ("start", "end", "campaign", "named"),
    [
        (START + timedelta(hours=1), None, {}, "campaign.start="),
        (None, START + timedelta(days=28), {}, "campaign.end="),
        (None, START + timedelta(days=28), {"end": None}, "campaign.end=None"),
    ],
)
def test_a_campaign_outside_its_order_is_warned_of(
    start: datetime | None, end: datetime | None, campaign: dict[str, Any], named: str
) -> None:
    with pytest.warns(PlanWarning, match=named):
        check_together(BudgetType.BUDGET, start, end, new_campaign(**campaign))


def test_a_campaign_inside_its_order_is_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_together(BudgetType.BUDGET, START, START + timedelta(days=30), new_campaign())


def test_a_plan_may_be_sent_more_than_once() -> None:
    campaign = new_campaign(creative_ids=(number for number in (1, 2)), more={"state_ids": iter(["7", "8"])})
    assert campaign.request(1, 1).body == campaign.request(1, 1).body
    assert campaign.request(1, 1).body["stateIds"] == "7,8"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"io_id": 5}, r"campaign.more\['io_id'\]=5"),
        ({"nonsense": 5}, r"campaign.more=\['nonsense'\].*nonsense"),
    ],
)
def test_further_arguments_are_those_of_the_operation(more: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        new_campaign(more=more).request(1, BudgetType.BUDGET)


def test_times_are_moments_whatever_their_zone() -> None:
    elsewhere = START.astimezone(datetime.now(UTC).astimezone().tzinfo)
    assert new_order(start=elsewhere).request().body == new_order().request().body


@pytest.mark.parametrize("name", ["total_budget", "daily_budget", "max_bid"])
def test_money_is_a_number(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"campaign\.{name}='abc': expected an amount"):
        new_campaign(**{name: "abc"}).check()


@pytest.mark.parametrize("name", ["total_budget", "daily_budget", "max_bid"])
@pytest.mark.parametrize("money", [0, -5, float("nan")])
def test_money_is_more_than_nothing(name: str, money: float) -> None:
    with pytest.raises(InvalidInput, match=rf"campaign\.{name}=.*more than 0"):
        new_campaign(**{name: money}).check()
