from __future__ import annotations

import json
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.flights.equality import is_equal
from adflight.flights.iqm_bid_models import DIMENSIONS, changes, needs_criteria, shown
from adflight.flights.iqm_columns import COLUMNS
from adflight.flights.kinds import Formats
from adflight.flights.values import Unfit
from adflight_api.iqm.models import BidModelEntity

COLUMN = "bid_models_creative"
REST = {"entityId": -1, "entityTypeId": 3, "priority": 1}


def entry(entity: int = 7, **values: Any) -> dict[str, Any]:
    return {"entityId": entity, "entityTypeId": 1, **(values or {"bidMultiplier": 2})}


def read(cell: Any) -> Any:
    return COLUMNS.by_name[COLUMN].kind.read(cell, Formats())


def listed(**models: dict[str, Any]) -> list[BidModelEntity]:
    """Rows of a list by entity, as `e7={...}`; what is empty has no bid model."""
    rows = [(int(name[1:]) if name != "rest" else -1, model) for name, model in models.items()]
    return [
        BidModelEntity.from_dict({"id": id_, "name": "x", **({"bidModelData": model} if model else {})})
        for id_, model in rows
    ]


def test_the_dimensions_that_have_entities_have_columns() -> None:
    assert sorted(DIMENSIONS.values()) == [1, 3, 4, 5, 7, 8, 10, 11, 12, 13]
    assert DIMENSIONS["bid_models_publisher_category"] == 5
    assert {column.name for column in COLUMNS if column.is_apart} == DIMENSIONS.keys()


def test_a_cell_has_one_form() -> None:
    cell = [REST, entry(8, bidMultiplier=1.5), entry(7, priority=2)]
    assert read(json.dumps(cell)) == read(cell) == [cell[2], cell[1], REST]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("no json", "JSON"),
        ({}, "an array"),
        ([], "at least one entry for an entity"),
        ([entry()], "one for all others"),
        ([REST], "at least one entry for an entity"),
        ([entry(), entry(priority=1), REST], "one entry for entity 7"),
        ([entry(), REST, REST], "one entry for entity -1"),
        ([{"entityId": 7, "bidMultiplier": 2}, REST], "entityTypeId"),
        ([entry("7"), REST], "an integer"),  # type: ignore[arg-type]
        ([entry(bidMultiplayer=2), REST], "no bidMultiplayer"),
        ([entry(entityTypeId=2, priority=1), REST], "no bundle"),
        ([entry(priority=1, bundleName="x"), REST], "no bundle"),
        ([entry(entityTypeId=4, priority=1), REST], "1 (an entity) or 3"),
        ([entry(0), REST], "the id of an entity"),
        ([entry(-1), REST], "the id of an entity"),
        ([entry(), {**REST, "entityId": 5}], "entityId -1"),
        ([entry(), {"entityId": -1, "entityTypeId": 3}], "something to set at [1]"),
        ([entry(priority=0), REST], "a priority from 1 to 10"),
        ([entry(bidMultiplier=0), REST], "a bidMultiplier from 0.1 to 100"),
        ([entry(spendRatio=0.5, spendRatioTypeId=2), REST], "a spendRatio from 1 to 100"),
        ([entry(spendRatio=50), REST], "spendRatio and spendRatioTypeId together"),
        ([entry(priority=1, spendRatioTypeId=1), REST], "spendRatio and spendRatioTypeId together"),
        ([entry(spendRatio=50, spendRatioTypeId=3), REST], "1 (flexible) or 2 (strict)"),
        ([entry(spendRatio=50, spendRatioTypeId=1), REST], "a priority beside a flexible"),
        ([entry(spendRatio=50, spendRatioTypeId=2), REST], "100 percent together, not 50"),
    ],
)
def test_cells_that_the_service_would_refuse(cell: Any, expected: str) -> None:
    with pytest.raises(Unfit) as caught:
        read(cell)
    assert expected in caught.value.expected


def test_strict_ratios_make_a_hundred() -> None:
    strict = {"spendRatioTypeId": 2}
    rest = {**REST, "spendRatio": 33.34, **strict}
    assert len(read([entry(1, spendRatio=33.33, **strict), entry(2, spendRatio=33.33, **strict), rest])) == 3


def test_only_multipliers_and_priorities_have_criteria() -> None:
    ratios = [entry(spendRatio=60, spendRatioTypeId=2), {"entityId": -1, "entityTypeId": 3, "spendRatio": 40}]
    assert needs_criteria({COLUMN: ratios, "bid_models_state": [entry(), REST]}) == ["bid_models_state"]


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ([entry(), REST], [entry(), REST], True),
        # as a list shows it, without the entry for all others
        ([entry()], [entry(), REST], True),
        ([entry(bidMultiplier=2.0, priority=1)], [entry(), REST], True),
        ([entry(), REST], [entry(), {**REST, "priority": 2}], False),
        ([entry()], [entry(bidMultiplier=2, priority=1), REST], False),
        ([entry(), entry(8)], [entry(), REST], False),
        ([entry()], [entry(), entry(8), REST], False),
        ([], [entry(), REST], False),
        (None, [entry(), REST], False),
        ("?", [entry(), REST], False),
    ],
)
def test_what_an_entry_does_not_name_does_not_count(old: Any, new: Any, is_same: bool) -> None:
    assert is_equal(COLUMNS.by_name[COLUMN], old, new, COLUMNS.equal) is is_same


def test_what_a_list_shows() -> None:
    rows = listed(
        e9={"id": 3, "spendRatio": 50, "spendRatioTypeId": 2, "priority": None},
        e8={},
        e7={"id": 1, "bidMultiplier": 2.5},
        rest={"id": 5, "priority": 4},
    )
    found = shown(rows)
    assert found == [
        entry(7, bidMultiplier=2.5),
        entry(9, spendRatio=50, spendRatioTypeId=2),
        {"entityId": -1, "entityTypeId": 3, "priority": 4},
    ]
    assert json.loads(json.dumps(found)) == found


def test_a_bundle_is_shown_as_what_it_is() -> None:
    found = shown(listed(e7={"id": 1, "priority": 1}, e8={"id": 1, "priority": 1}))
    assert {one["entityTypeId"] for one in found} == {2}


def test_what_is_missing_differs_and_is_too_much_goes_in_one() -> None:
    rows = listed(e7={"id": 1, "bidMultiplier": 1}, e8={"id": 2, "bidMultiplier": 2}, e9={"id": 3, "priority": 1})
    wanted = [entry(6), entry(7), entry(8), REST]
    assert changes(COLUMN, wanted, rows, [entry(8), REST]) == {
        "ADD": {"bidModelEntityDetails": [entry(6)]},
        "UPDATE": {"bidModelEntityDetails": [{"bidModelDataId": 1, "bidMultiplier": 2}]},
        "DELETE": {"bidModelDataId": [3]},
    }
    assert changes(COLUMN, wanted[1:], rows[:2], None)["UPDATE"]
    assert changes(COLUMN, wanted[2:], rows[1:2], None) == {}


def test_the_entry_for_all_others_comes_with_the_first() -> None:
    added = {"ADD": {"bidModelEntityDetails": [entry(), REST]}}
    assert changes(COLUMN, [entry(), REST], listed(e7={}), None) == added
    # where a list shows it, it changes like any other
    rows = listed(e7={"id": 1, "bidMultiplier": 2}, rest={"id": 9, "priority": 3})
    assert changes(COLUMN, [entry(), REST], rows, None) == {
        "UPDATE": {"bidModelEntityDetails": [{"bidModelDataId": 9, "priority": 1}]}
    }


@pytest.mark.parametrize(
    ("rows", "before", "expected"),
    [
        (listed(e7={"id": 1, "priority": 1}, e8={"id": 1, "priority": 1}), None, "no bundle"),
        (listed(e7={"id": 1, "bidMultiplier": 2}), [entry(), {**REST, "priority": 9}], "as it was made"),
    ],
)
def test_what_cannot_be_made_so(rows: list[BidModelEntity], before: Any, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        changes(COLUMN, [entry(), REST], rows, before)
