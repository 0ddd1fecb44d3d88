from __future__ import annotations

import inspect
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adflight import InvalidFile
from adflight.flights import Column, Level, Managed, columns_for, read_flights
from adflight.flights.freewheel_columns import MODELS, OMITTED, PARTS, Code, Part, equal
from adflight.flights.kinds import Amount, Count, Formats, Time
from adflight.flights.template import documentation, template
from adflight.flights.values import Unfit
from adflight_api.freewheel.api.insertion_orders import insertion_orders_create, insertion_orders_update
from adflight_api.freewheel.models import CurrencyTargetBudget, ImpressionTargetBudget, ScheduleSettings
from tests.programs import ROOT

COLUMNS = columns_for("freewheel")
OF_PARTS = {name: argument for argument, parts in PARTS.items() for name in parts.values()}
ROW: dict[str, Any] = {"key": "a", "name": "Spring", "campaign_id": "501"}
CAP = '{"frequency_cap": [{"value": 3, "type": "IMPRESSION", "period": "DAY"}]}'


def arguments(operation: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(operation.request).parameters)


def problems(*rows: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read_flights(rows, vendor="freewheel")
    return [str(problem) for problem in caught.value.problems]


def warnings(*rows: dict[str, Any]) -> list[str]:
    with read_flights(rows, vendor="freewheel") as flights:
        return [str(warning) for warning in flights.warnings]


def read(name: str, cell: object) -> Any:
    return COLUMNS.by_name[name].kind.read(cell, Formats())


# what they are


def test_every_argument_of_the_create_operation_is_a_column_or_its_parts_are() -> None:
    names = {OF_PARTS.get(column.name, column.name) for column in COLUMNS.at(Level.INSERTION_ORDER)}
    assert names == arguments(insertion_orders_create).keys()
    assert COLUMNS.at(Level.CAMPAIGN) == []


def test_every_part_of_a_set_is_a_column() -> None:
    assert PARTS["schedule"].keys() == {wire for _, wire, _ in ScheduleSettings._wire}
    budget = {wire for model in (CurrencyTargetBudget, ImpressionTargetBudget) for _, wire, _ in model._wire}
    assert PARTS["budget"].keys() | OMITTED.keys() == budget


def test_what_may_change_is_an_argument_of_the_update_operation() -> None:
    columns = COLUMNS.at(Level.INSERTION_ORDER)
    changing = {OF_PARTS.get(column.name, column.name) for column in columns if column.changeable}
    assert changing == arguments(insertion_orders_update).keys() - {"insertion_order_id"}
    assert {column.name for column in columns if not column.changeable} == {
        "campaign_id",
        "currency",
        "primary_trafficker",
    }


def test_what_the_create_operation_cannot_do_without_is_required() -> None:
    demanded = {
        name
        for name, parameter in arguments(insertion_orders_create).items()
        if parameter.default is inspect.Parameter.empty
    }
    assert {column.name for column in COLUMNS.at(Level.INSERTION_ORDER) if column.required} == demanded


def test_what_a_new_one_is_missing() -> None:
    assert COLUMNS.missing(Level.INSERTION_ORDER, {"name": "Spring"}) == ["campaign_id"]
    order: Managed = {"name": "Spring", "campaign_id": 1}
    assert COLUMNS.missing(Level.INSERTION_ORDER, order) == []
    end = datetime(2027, 4, 1, tzinfo=UTC)
    assert COLUMNS.missing(Level.INSERTION_ORDER, {**order, "end_time": end}) == ["start_time", "time_zone"]
    assert COLUMNS.missing(Level.INSERTION_ORDER, {**order, "start_time": end}) == ["time_zone"]


def test_nothing_can_be_cleared() -> None:
    assert [column.name for column in COLUMNS if column.clearable] == []
    assert problems({**ROW, "description": "<clear>"}) == [
        "row 1, description='<clear>': expected a value: this one cannot be null"
    ]


@pytest.mark.parametrize("column", list(COLUMNS), ids=lambda column: column.name)
def test_every_column_is_described_and_its_example_can_be_read(column: Column) -> None:
    assert column.description.endswith(".")
    value = column.kind.read(column.example, Formats())
    assert column.kind.unstage(column.kind.stage(value)) == value
    assert equal(column, value, column.kind.read(column.example, Formats()))
    assert not equal(column, None, value)


def test_kinds_follow_the_specification() -> None:
    kinds = {column.name: type(column.kind) for column in COLUMNS}
    assert kinds["budget_amount"] is kinds["budget_over_delivery"] is Amount
    assert kinds["budget_impressions"] is kinds["campaign_id"] is kinds["brand_id"] is Count
    assert kinds["start_time"] is kinds["end_time"] is Time
    assert kinds["currency"] is Code
    assert {name for name, kind in kinds.items() if kind is Part} == MODELS.keys()
    assert read("budget_amount", "12500.5") == Decimal("12500.5")
    with pytest.raises(Unfit, match="at least 0"):
        read("budget_amount", "-1")
    with pytest.raises(Unfit, match="at least 1"):
        read("campaign_id", "0")


# cells


@pytest.mark.parametrize("cell", ["usd", " USD "])
def test_a_currency_is_three_letters(cell: str) -> None:
    assert read("currency", cell) == "USD"


@pytest.mark.parametrize("cell", ["US", "USDT", "U5D", "€€€", 840])
def test_what_is_no_currency(cell: object) -> None:
    with pytest.raises(Unfit):
        read("currency", cell)


def test_sets_are_what_would_come_back() -> None:
    assert read("delivery", CAP) == {"frequency_cap": [{"value": 3, "type": "IMPRESSION", "period": "DAY"}]}
    minutes = read("delivery", CAP.replace('"DAY"', '"90"'))
    assert minutes["frequency_cap"][0]["period"] == 90
    assert read("assignments", [{"user_id": 1}]) == [{"user_id": 1}]


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("delivery", "3 a day", "JSON"),
        ("delivery", "[]", "JSON with an object"),
        ("delivery", "{}", "JSON with frequency_cap"),
        ("delivery", '{"frequency_cap": []}', "JSON with 1 to 3 items at frequency_cap"),
        ("delivery", '{"frequency_cap": [{"value": 3, "type": "IMPRESSION"}]}', "JSON with period at frequency_cap[0]"),
        ("assignments", "[]", "JSON with at least 1 item"),
        ("assignments", '[{"user_id": "x"}]', "JSON with an integer at [0].user_id"),
        ("assignments", '[{"user_id": 1, "a b": 2}]', "JSON that XML can carry"),
        ("additional_contacts", "[]", "JSON with at least one item, because XML has no empty lists"),
    ],
)
def test_what_is_no_set(name: str, cell: str, expected: str) -> None:
    with pytest.raises(Unfit) as caught:
        read(name, cell)
    assert caught.value.expected.startswith(expected)


def test_of_a_set_counts_what_is_managed() -> None:
    users = COLUMNS.by_name["assignments"]
    live = [
        {"user_id": 2, "user_full_name": "Bob", "primary_user_role": {"role_id": 12, "role_name": "Trafficker"}},
        {"user_id": 1, "user_full_name": "Ada", "primary_user_role": None},
    ]
    assert equal(users, live, [{"user_id": 1}, {"user_id": 2}])
    assert equal(users, live, [{"user_id": 1}, {"user_id": 2, "primary_user_role": {"role_id": 12}}])
    assert not equal(users, live, [{"user_id": 1, "primary_user_role": {"role_id": 12}}, {"user_id": 2}])
    assert not equal(users, live, [{"user_id": 1}])
    assert not equal(users, [], [{"user_id": 1}])


def test_amounts_are_equal_by_value_and_exactly() -> None:
    amount = COLUMNS.by_name["budget_amount"]
    assert equal(amount, Decimal("12500.50"), Decimal("12500.5"))
    assert not equal(amount, Decimal("12500.504"), Decimal("12500.5"))


# rows


def test_every_row_is_an_insertion_order() -> None:
    # as it is in no other vendor's file, two rows with one name have nothing in common
    with read_flights([ROW, {**ROW, "key": "b", "campaign_id": 502}], vendor="freewheel") as flights:
        assert [(order.key, order.row, order.flights, order.fields) for order in flights.orders()] == [
            ("a", 1, 1, {"name": "Spring", "campaign_id": 501}),
            ("b", 2, 1, {"name": "Spring", "campaign_id": 502}),
        ]
        assert [(flight.key, flight.order_key, flight.campaign) for flight in flights] == [
            ("a", "a", {}),
            ("b", "b", {}),
        ]
        assert flights.warnings == ()


def test_a_row_needs_a_key_and_nothing_else() -> None:
    with read_flights([{"key": "a", "budget_amount": 5}], vendor="freewheel") as flights:
        assert [order.fields for order in flights.orders()] == [{"budget_amount": Decimal(5)}]
    own = "expected a name of your own for this flight, another one in every row"
    assert problems({"name": "Spring"}, {"name": "Spring", "campaign_id": 501}) == [
        f"row 1, key: {own}",
        f"row 2, key: {own}",
    ]


def test_a_key_that_is_there_twice_is_told_once() -> None:
    assert problems(ROW, {**ROW, "name": "Autumn", "campaign_id": 502}) == [
        "row 2, key='a': expected a key of its own; row 1 has the same"
    ]


def test_names_that_are_there_twice_in_a_campaign_are_warnings() -> None:
    assert warnings(ROW, {**ROW, "key": "b"}, {**ROW, "key": "c", "campaign_id": 502}) == [
        "row 2, name='Spring': expected a name of its own: row 1 has the same, and after a lost answer none could be "
        "found"
    ]


def test_what_contradicts_itself_is_told() -> None:
    contact = {"contact_type": "Billing", "name": "Ada", "phone": "1", "email": "ada@example.com", "primary": True}
    assert problems(
        {**ROW, "start_time": "2027-03-01T00:00Z", "end_time": "2027-03-01T00:00Z"},
        {**ROW, "key": "b", "budget_amount": 1, "budget_impressions": 1},
        {**ROW, "key": "c", "budget_over_delivery": 1},
    ) == [
        "row 1, end_time='2027-03-01T00:00:00+00:00': expected a time after start_time, 2027-03-01T00:00:00+00:00 in "
        "row 1",
        "row 2, budget_impressions=1: expected none beside budget_amount: a budget counts either money or impressions",
        "row 3, budget_over_delivery='1': expected budget_amount or budget_impressions beside it, which it "
        "is a part of",
    ]
    (said,) = problems({**ROW, "additional_contacts": [contact, {**contact, "name": "Bob"}]})
    assert said.startswith("row 1, additional_contacts=")
    assert said.endswith("expected at most one primary contact")


def test_several_currencies_are_warned_of() -> None:
    rows = [
        {**ROW, "key": key, "name": key, "currency": code}
        for key, code in zip("abcd", ["", "usd", "USD", "EUR"], strict=True)
    ]
    assert warnings(*rows) == ["row 4, currency='EUR': expected USD as in row 2: a plan adds all budgets up as one"]
    assert warnings(*rows[:3]) == []


def test_a_doubtful_time_zone_is_a_warning() -> None:
    schedule = {"start_time": "2027-03-01T00:00Z", "time_zone": "America/New_York"}
    assert warnings({**ROW, **schedule}) == [
        "row 1, time_zone='America/New_York': expected FreeWheel's own name of it, such as (GMT-05:00) America - New "
        "York"
    ]
    assert warnings({**ROW, **schedule, "time_zone": "UTC"}) == []


# files


@pytest.mark.parametrize("json_lines", [False, True])
@pytest.mark.parametrize("all_columns", [False, True])
def test_a_template_has_no_problems(tmp_path: Any, json_lines: bool, all_columns: bool) -> None:
    path = tmp_path / "flights"
    path.write_text(template(COLUMNS, json_lines=json_lines, all_columns=all_columns), encoding="utf-8")
    with read_flights(path, vendor="freewheel") as flights:
        assert len(flights) == flights.order_count() == 2
        assert flights.warnings == ()
        for order in flights.orders():
            assert COLUMNS.missing(Level.INSERTION_ORDER, order.fields) == []


def test_the_page_is_what_the_command_writes() -> None:
    page = documentation(COLUMNS)
    assert (ROOT / "docs/flights-freewheel.md").read_text(encoding="utf-8") == page, "make columns"
    assert all(f"| `{column.name}` |" in page for column in COLUMNS)
    assert "One row is one insertion order." in page
    assert "share" not in page
    assert "Choices" not in page
