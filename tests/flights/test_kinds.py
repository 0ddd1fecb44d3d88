from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adflight.flights.kinds import Amount, Choice, Count, Flag, Formats, Kind, Text, Time, Zone
from adflight.flights.lists import Ids, Json, Texts
from adflight.flights.values import Unfit
from adflight.types.iqm import CreativeType

ZONES = {"US/Eastern": 29, "Europe/Berlin": 105}
TYPES = Choice({"ALL": 0, "IMAGE": 11, "TICKER_BANNER": 16})
CAPS = Json(
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["value", "days"],
            "properties": {"value": {"type": "integer"}, "days": {"type": "number"}, "on": {"type": "boolean"}},
        },
    }
)
HOURS = Json({"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}})


def refusal(kind: Kind, cell: object, formats: Formats | None = None) -> str:
    with pytest.raises(Unfit) as caught:
        kind.read(cell, formats or Formats())
    return caught.value.expected


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (Text(), " a b ", "a b"),
        (Text(is_name=True), "Cafe\u0301", "Café"),
        (Amount(), " 2.50 ", Decimal("2.5")),
        (Amount(), 3, Decimal(3)),
        (Amount(), 0.1, Decimal("0.1")),
        (Amount(), 1e3, Decimal(1000)),
        (Amount(), Decimal("1E+3"), Decimal(1000)),
        (Amount(), Decimal("-0.00"), Decimal(0)),
        (Amount(least=Decimal(0)), "0", Decimal(0)),
        (Count(), "17", 17),
        (Count(), "17.0", 17),
        (Count(), Decimal("17"), 17),
        (Count(least=0), 0, 0),
        (Flag(), "Yes", True),
        (Flag(), "0", False),
        (Flag(), False, False),
        (Flag(only_true=True), "TRUE", True),
        (TYPES, "image", 11),
        (TYPES, "Ticker banner", 16),
        (TYPES, "ticker-banner", 16),
        (TYPES, "11", 11),
        (TYPES, 11, 11),
        (TYPES, CreativeType.IMAGE, 11),
        (TYPES, "99", 99),
        (Time(), "2027-03-01T09:00Z ", datetime(2027, 3, 1, 9, tzinfo=UTC)),
        (Zone(), "29", 29),
        (Zone(), 29, 29),
        (Zone(), "Europe/Berlin", "Europe/Berlin"),
        (Zone(), "US/Pacific-New", "US/Pacific-New"),
        (Ids(), "12", (12,)),
        (Ids(), 12, (12,)),
        (Ids(), "12, 34;56|78\n90", (12, 34, 56, 78, 90)),
        (Ids(), "12 34, ", (12, 34)),
        (Ids(), "[12, 34]", (12, 34)),
        (Ids(), [12, "34"], (12, 34)),
        (Texts(), "a b, c;d\r\ne", ("a b", "c", "d", "e")),
        (Texts(), "a ,\r\nb\n", ("a", "b")),
        (Texts(), "a" + " " * 10**6 + "b", ("a" + " " * 10**6 + "b",)),
        (Ids(), "1" + " " * 10**6 + "2", (1, 2)),
        (Texts(), '["a, b", "c"]', ("a, b", "c")),
        (Texts(), ["02134", 10001], ("02134", "10001")),
        (CAPS, '{"1": {"value": 5, "days": 6.5, "on": true}}', {"1": {"value": 5, "days": 6.5, "on": True}}),
        (CAPS, {"1": {"value": 5, "days": Decimal("6.5")}}, {"1": {"value": 5, "days": 6.5}}),
        (HOURS, '[["03:00", "05:00"]]', [["03:00", "05:00"]]),
        (Json({"type": "object"}), '{"a": null}', {"a": None}),
    ],
)
def test_cells_are_read_and_survive_staging(kind: Kind, cell: object, value: Any) -> None:
    read = kind.read(cell, Formats())
    assert read == value
    assert type(read) is type(value)
    assert kind.unstage(kind.stage(read)) == value


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        (Text(), 5, "a text"),
        (Text(), "a\x00b", "a text without control characters"),
        (Text(), "a\ud800b", "a text without halves of surrogate pairs"),
        (Text(is_name=True), " a", "no spaces around it, or it could not be found again"),
        (Text(is_name=True), "a\nb", "a name in one line"),
        (Text(is_name=True), "a" * 256, "at most 255 characters"),
        (Amount(), True, "a number"),
        (Amount(), [1], "a number"),
        (Amount(), float("nan"), "a finite number"),
        (Amount(), Decimal("inf"), "a finite number"),
        (Amount(), 1e300, "at most 15 digits"),
        (Amount(), Decimal("1E-300"), "at most 15 digits"),
        (Amount(), 10**15, "at most 15 digits"),
        (Amount(), "12345678.90123456", "at most 15 digits"),
        (Amount(), Decimal("12345678.90123456"), "at most 15 digits"),
        (Amount(above_zero=True), "0.00", "more than 0"),
        (Amount(least=Decimal(0)), "-1", "at least 0"),
        (Count(), "1.5", "a whole number"),
        (Count(), "US", "a whole number, such as 7"),
        (Count(least=0), "-1", "at least 0"),
        (Flag(), "wahr", "true or false (yes or no, 1 or 0)"),
        (Flag(), 1, "true or false (yes or no, 1 or 0)"),
        (Flag(only_true=True), "no", "true: the service demands it"),
        (TYPES, "picture", "one of ALL (0), IMAGE (11), TICKER_BANNER (16)"),
        (TYPES, True, "one of ALL (0), IMAGE (11), TICKER_BANNER (16)"),
        (TYPES, -1, "one of ALL (0), IMAGE (11), TICKER_BANNER (16)"),
        (Time(), True, "a time in ISO 8601, such as 2027-03-01T09:00-05:00"),
        (Zone(), True, "the vendor's id of a time zone, or the name of one"),
        (Zone(), "Mars", "the vendor's id of a time zone, or the name of one"),
        (Ids(), "12, x", "ids such as 101, 102: whole numbers without any marks"),
        (Ids(), "1.500", "ids such as 101, 102: whole numbers without any marks"),
        (Ids(), [1.5], "a whole number"),
        (Ids(), [-1], "ids such as 101, 102: none is below 0"),
        (Ids(), [True], "ids such as 101, 102"),
        (Ids(), True, "ids such as 101, 102"),
        (Ids(), "12,,34", "ids such as 101, 102, none of them empty"),
        (Texts(), "a;;b", "texts such as first, second, none of them empty"),
        (Ids(), ",12", "ids such as 101, 102, none of them empty"),
        (Ids(), "[]", "ids such as 101, 102, none of them empty"),
        (Ids(), "[12", "JSON"),
        (Ids(), {"a": 1}, "ids such as 101, 102"),
        (Texts(), ["a", 1.5], "texts such as first, second"),
        (Texts(), ["a", " "], "texts such as first, second, none of them empty"),
        (CAPS, "5", "JSON with an object"),
        (CAPS, "{", "JSON"),
        (CAPS, "[" * 10**5, "JSON"),
        (CAPS, "[" * 50 + "]" * 50, "JSON that is not nested as deeply"),
        (CAPS, '{"1": {"value": NaN}}', "JSON"),
        (CAPS, '{"1": {"value": 1e400}}', "JSON"),
        (CAPS, {"a": object()}, "JSON"),
        (CAPS, {5: 5}, "JSON"),
        (CAPS, '{"1": {"value": 5}}', "JSON with days at 1"),
        (CAPS, '{"1": {"value": true, "days": 1}}', "JSON with an integer at 1.value"),
        (HOURS, '[["03:00"]]', "JSON with 2 items at [0]"),
        (HOURS, '[["03:00", 5]]', "JSON with a string at [0][1]"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Kind, cell: object, expected: str) -> None:
    assert refusal(kind, cell) == expected


def test_ids_that_are_not_documented_are_doubtful() -> None:
    assert [bool(TYPES.doubt(value)) for value in (0, 11, 12)] == [False, False, True]


@pytest.mark.parametrize(("amount", "is_doubtful"), [("1000", False), ("1000.10", False), ("1000.001", True)])
def test_a_budget_of_more_than_two_decimals_is_doubtful(amount: str, is_doubtful: bool) -> None:
    assert bool(Amount(is_budget=True).doubt(Decimal(amount))) is is_doubtful
    # a bid may well be finer
    assert not Amount().doubt(Decimal(amount))


def test_time_zones_come_from_the_vendors_table() -> None:
    formats = Formats(zones=ZONES)
    assert Zone().read("US/Eastern", formats) == 29
    assert Zone().read("29", formats) == 29
    said = "the vendor's id of a time zone, or the name of one; "
    assert refusal(Zone(), "America/New_York", formats) == said + "the vendor has this clock as US/Eastern"
    assert refusal(Zone(), "Europe/Berln", formats) == said + "the nearest are Europe/Berlin"


def test_a_misspelt_time_zone_is_told_without_a_table_too() -> None:
    assert "Europe/Berlin" in refusal(Zone(), "Europe/Berln")
