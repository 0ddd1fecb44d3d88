from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adflight.flights.columns import Column, Columns, columns_for
from adflight.flights.equality import differing, is_equal, is_summed
from adflight.flights.kinds import Formats
from adflight.flights.values import CLEAR

IQM = columns_for("iqm")
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "live", "filed"),
    [
        ("budget_total", 1000, Decimal("1000.00")),
        ("budget_total", 0.1, Decimal("0.1")),
        ("budget_total", 2.675, Decimal("2.68")),
        ("budget_total", "12.5", Decimal("12.504")),
        ("budget_total", Decimal("1e40"), 10**40),
        ("max_bid", Decimal("2.499"), Decimal("2.50")),
        ("start_time", NOON, NOON.astimezone(timezone(timedelta(hours=-5)))),
        ("start_time", NOON + timedelta(milliseconds=999), NOON),
        ("country_id", "30100001", 30100001),
        ("creative_type", "11", 11),
        ("timezone", "29", 29),
        ("total_impressions", 1000.0, 1000),
        ("total_budget_pacing", 1, True),
        ("total_budget_pacing", "0", False),
        ("total_budget_pacing", "TRUE", True),
        ("creative_ids", ["2", 1], (1, 2)),
        ("creative_ids", 1, (1,)),
        ("creative_ids", [1, 1, 2], (2, 1)),
        ("white_listed_zipcodes", ("10001", " 02134 "), ("02134", "10001")),
        ("frequency_capping", {"1": {"a": 5.0, "b": [1]}}, {"1": {"b": [True], "a": 5}}),
        ("frequency_capping", {"1": Decimal("0.1")}, {"1": 0.1}),
        ("advertiser_domain", " https://brand.example.com ", "https://brand.example.com"),
        ("end_time", None, CLEAR),
        ("end_time", " ", CLEAR),
        ("end_time", "<clear>", CLEAR),
        ("exchanges", (), CLEAR),
        ("exchanges", [], CLEAR),
        ("frequency_capping", {}, CLEAR),
        ("frequency_capping", None, {}),
    ],
)
def test_values_that_are_equal(column: str, live: Any, filed: Any) -> None:
    assert is_equal(IQM.by_name[column], live, filed)


@pytest.mark.parametrize(
    ("column", "live", "filed"),
    [
        ("budget_total", Decimal("999.99"), Decimal(1000)),
        ("budget_total", Decimal("1e40"), 10**40 + 1),
        ("budget_total", "much", Decimal(1000)),
        ("budget_day", 0, CLEAR),
        ("budget_day", None, Decimal(0)),
        ("start_time", NOON + timedelta(seconds=1), NOON),
        ("start_time", "2027-03-01T12:00:00Z", NOON),
        ("country_id", "30100002", 30100001),
        ("total_budget_pacing", 2, True),
        ("total_budget_pacing", "on", True),
        ("total_budget_pacing", False, True),
        ("creative_ids", (1,), (1, 2)),
        ("white_listed_zipcodes", ("2134",), ("02134",)),
        ("frequency_capping", {"1": [1, 2]}, {"1": [2, 1]}),
        ("frequency_capping", {"1": "5"}, {"1": 5}),
        ("campaign_name", "spring", "Spring"),
        ("end_time", NOON, CLEAR),
    ],
)
def test_values_that_differ(column: str, live: Any, filed: Any) -> None:
    assert not is_equal(IQM.by_name[column], live, filed)


CELLS = st.one_of(
    st.booleans(), st.integers(0, 3), st.sampled_from(["", "1", "a", "1, 2", "true", '{"1": {}}', "2027-03-01T12:00Z"])
)


@given(st.sampled_from(list(IQM)), CELLS)
def test_whatever_a_cell_says_equals_itself_and_what_a_journal_keeps_of_it(column: Column, cell: Any) -> None:
    try:
        value = column.kind.read(cell, Formats())
    except Exception:
        return
    assert is_equal(column, value, value)
    if value is not CLEAR and not isinstance(value, (datetime, Decimal)):
        assert is_equal(column, column.kind.stage(value), value)


def test_a_vendor_may_have_an_equality_of_its_own() -> None:
    def exact(column: Column, old: Any, new: Any) -> bool:
        return bool(old == new)

    column = IQM.by_name["budget_total"]
    assert is_equal(column, Decimal("1.001"), Decimal("1.002"))
    assert not is_equal(column, Decimal("1.001"), Decimal("1.002"), exact)
    # empty is empty all the same
    assert is_equal(column, None, CLEAR, exact)
    assert not is_equal(column, None, Decimal(1), exact)


def test_what_a_live_object_does_not_show_does_not_differ() -> None:
    live = {"budget_total": Decimal(1), "end_time": None, "creative_ids": (1, 2)}
    wanted = {"budget_total": Decimal(2), "end_time": "<clear>", "creative_ids": [2, 1], "max_bid": Decimal(5)}
    assert differing(IQM, live, wanted) == ["budget_total"]


@pytest.mark.parametrize(
    ("managed", "live", "summed"),
    [
        ({}, {"is_auto_sum_io_total_budget": True}, True),
        ({}, {"is_auto_sum_io_total_budget": 1}, True),
        ({"is_auto_sum_io_total_budget": True}, {"is_auto_sum_io_total_budget": True}, True),
        ({"is_auto_sum_io_total_budget": False}, {"is_auto_sum_io_total_budget": True}, False),
        ({}, {"is_auto_sum_io_total_budget": False}, False),
        ({}, {}, False),
    ],
)
def test_an_auto_summed_budget_is_the_vendors(managed: Any, live: Any, summed: bool) -> None:
    assert is_summed(IQM, managed, live) is summed


def test_where_nothing_is_summed_everything_is_compared() -> None:
    columns: Columns = evolve(IQM, by_name=list(IQM), summed=None)
    assert not is_summed(columns, {}, {"is_auto_sum_io_total_budget": True})
