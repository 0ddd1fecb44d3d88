from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adflight.flights.freewheel_values import arguments, differing, is_partial, shown, with_rest
from adflight.flights.values import CLEAR
from adflight.types.freewheel import CurrencyTargetBudget, ImpressionTargetBudget, ScheduleSettings
from adflight_api.freewheel.api.insertion_orders import insertion_orders_get
from adflight_api.freewheel.xml_elements import CODEC

START = datetime(2027, 3, 1, tzinfo=UTC)


def live(inside: str) -> Any:
    text = f"<insertion_order><id>7</id><name>Spring</name><stage>BOOKED</stage>{inside}</insertion_order>"
    return insertion_orders_get.parse(CODEC.decode("InsertionOrder", text.encode()))


def fields(inside: str) -> dict[str, Any]:
    return {name: value for name, value in shown(live(inside)).items() if name != "name"}


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", {}),
        ("<brand_id/><description></description>", {"brand_id": None, "description": None}),
        ("<schedule/>", {"start_time": None, "end_time": None, "time_zone": None}),
        ("<schedule>soon</schedule>", {}),
        (
            "<schedule><start_time>2027-03-01T01:00:00.5+01:00</start_time><end_time/></schedule>",
            {"start_time": START, "end_time": None},
        ),
        (
            "<schedule><start_time>2027-03-01T00:00</start_time><time_zone>UTC</time_zone></schedule>",
            {"time_zone": "UTC"},
        ),
        (
            "<schedule><start_date>2027-03-01T00:00:00Z</start_date><timezone/></schedule>",
            {"start_time": START, "time_zone": None},
        ),
        ("<budget/>", {"budget_amount": None, "budget_impressions": None, "budget_over_delivery": None}),
        (
            "<budget><budget_model>EVERGREEN</budget_model><impression/><over_delivery_value/></budget>",
            {"budget_amount": None, "budget_impressions": None, "budget_over_delivery": None},
        ),
        (
            "<budget><budget_model>IMPRESSION_TARGET</budget_model><impression>5</impression></budget>",
            {"budget_amount": None, "budget_impressions": 5},
        ),
        (
            "<budget><budget_model>BOTH</budget_model><impression>5</impression><currency>0.10</currency></budget>",
            {"budget_amount": Decimal("0.10"), "budget_impressions": 5},
        ),
        (
            "<budget><budget_model>CURRENCY_TARGET</budget_model><currency>a lot</currency></budget>",
            {"budget_impressions": None},
        ),
        ("<delivery/>", {"delivery": None}),
        ("<stage>X</stage><count_in_revenue_forecast>true</count_in_revenue_forecast>", {}),
    ],
)
def test_what_an_answer_shows(inside: str, expected: dict[str, Any]) -> None:
    found = fields(inside)
    assert {name: found[name] for name in expected} == expected
    # an answer without a schedule shows that there is none
    assert found.keys() - expected.keys() <= {"start_time", "end_time", "time_zone"}


def test_what_is_not_shown_does_not_differ() -> None:
    wanted = {"name": "Spring", "brand_id": 1, "client_po": "PO-17", "description": CLEAR}
    assert differing(wanted, {"name": "Spring", "client_po": None, "description": "x"}) == ["client_po"]


def test_the_rest_of_a_set_comes_from_the_file_and_then_from_what_is_live() -> None:
    live_fields = {"end_time": START, "time_zone": None, "budget_amount": Decimal(1), "budget_over_delivery": None}
    changed = with_rest({"start_time": START}, {"start_time": START, "time_zone": "UTC"}, live_fields)
    assert changed == {"start_time": START, "end_time": START, "time_zone": "UTC"}
    assert not is_partial(changed)
    assert is_partial({"start_time": START, "time_zone": "UTC"})
    # never the other goal
    goal = with_rest({"budget_impressions": 5}, {"budget_impressions": 5}, live_fields)
    assert goal == {"budget_impressions": 5, "budget_over_delivery": CLEAR}
    assert not is_partial(goal)
    assert is_partial({"budget_impressions": 5})
    assert not is_partial({"name": "Spring"})
    assert arguments(goal) == {"budget": ImpressionTargetBudget(impression=5)}


def test_what_is_known_not_to_be_there_is_not_sent() -> None:
    schedule: dict[str, Any] = {"start_time": START, "time_zone": "UTC", "end_time": CLEAR}
    assert arguments({"name": "Spring", **schedule}) == {
        "name": "Spring",
        "schedule": ScheduleSettings(start_time=START, time_zone="UTC"),
    }
    order = live("<schedule/><budget/>")
    assert arguments({"budget_amount": Decimal(5)}, order) == {"budget": CurrencyTargetBudget(currency=Decimal(5))}
