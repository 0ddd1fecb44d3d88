from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adflight.cli.arguments import alternatives, kind_of


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("int", "-5", -5),
        ("PathId", "537599", "537599"),
        ("Number | None", "12.50", Decimal("12.50")),
        ("str | None", "", ""),
        ("int | str", "17", 17),
        ("str | int | None", "17a", "17a"),
        ("CommaList", "1, 2", ["1", "2"]),
        ("CommaList | None", "", ""),
        ("CommaList", '["a,b", 3]', ["a,b", 3]),
        ("Sequence[int]", "1,2", [1, 2]),
        ("Sequence[int | str] | None", "1,b", [1, "b"]),
        ("datetime", "2027-03-01T09:00-05:00", datetime(2027, 3, 1, 14, tzinfo=UTC)),
        ("datetime | None", "2027-03-01T09:00Z", datetime(2027, 3, 1, 9, tzinfo=UTC)),
        (
            "Iterable[datetime] | None",
            "2027-03-01T09:00Z, 2027-03-02T09:00Z",
            [datetime(2027, 3, 1, 9, tzinfo=UTC), datetime(2027, 3, 2, 9, tzinfo=UTC)],
        ),
        ("date", "2027-03-01", date(2027, 3, 1)),
        ("timedelta", "04:30", timedelta(hours=4, minutes=30)),
        ("CreativeType | int", "image", 11),
        ("CreativeType | int", "99", 99),
        ("BudgetUpdateMode | str", "addition", "addition"),
        ("BudgetUpdateMode | str", "something-new", "something-new"),
        ("Sequence[CreativeType | int] | None", "image,14", [11, 14]),
        ("Sequence[CampaignStatus | str] | None", "running", ["running"]),
        ("Mapping[str, FrequencyCap] | None", '{"1": {"frequencyCapValue": 2}}', {"1": {"frequencyCapValue": 2}}),
        ("Sequence[GeoArea] | None", '[{"type": "circle"}]', [{"type": "circle"}]),
    ],
)
def test_texts_become_what_the_methods_take(annotation: str, text: str, value: Any) -> None:
    assert kind_of(annotation, "iqm").read(text) == value


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        ("int", "five", "a whole number"),
        ("Number", "1,5", "a number, as in 12.50"),
        ("Number", "NaN", "a number, as in 12.50"),
        ("Number", "1e3", "a number, as in 12.50"),
        ("datetime", "2027-03-01T09:00", "a time with its zone, as in 2027-03-01T09:00-05:00"),
        ("datetime", "tomorrow", "a time with its zone, as in 2027-03-01T09:00-05:00"),
        ("date", "1.3.2027", "a day, as in 2027-03-01"),
        ("timedelta", "4", "hours and minutes, as in 04:30"),
        ("Sequence[int]", "1;2", "a list, separated by commas: each a whole number"),
        ("Sequence[int]", "[1,", "a list, separated by commas: each a whole number"),
        ("CreativeType | int", "picture", "one of all (0), image (11)"),
        ("Sequence[GeoArea]", "circle", "JSON"),
    ],
)
def test_what_is_none_says_what_would_do(annotation: str, text: str, expected: str) -> None:
    kind = kind_of(annotation, "iqm")
    with pytest.raises(ValueError):
        kind.read(text)
    assert kind.expected.startswith(expected)


def test_help_says_how_things_are_written() -> None:
    shown = {
        annotation: (kind.metavar, kind.hint)
        for annotation in ("bool", "Number", "CommaList", "BudgetUpdateMode | str", "Sequence[GeoArea]", "date")
        for kind in [kind_of(annotation, "iqm")]
    }
    assert shown == {
        "bool": ("", ""),
        "Number": ("NUMBER", ""),
        "CommaList": ("LIST", "separated by commas"),
        "BudgetUpdateMode | str": ("CHOICE", "one of change, addition, distribution"),
        "Sequence[GeoArea]": ("JSON", shown["Sequence[GeoArea]"][1]),
        "date": ("DATE", "as in 2027-03-01"),
    }
    assert shown["Sequence[GeoArea]"][1].startswith("with type, unit, address")
    joined = kind_of("CampaignType | str | Iterable[CampaignType | str] | None", "icareus")
    assert (joined.read("activead,banner"), joined.hint[:33]) == (
        ["activead", "banner"],
        "separated by commas: videoswap, a",
    )


def test_unions_hold_unions() -> None:
    assert alternatives("A | Sequence[B | C] | None") == ["A", "Sequence[B | C]", "None"]
