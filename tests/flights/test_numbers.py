from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adflight.flights.numbers import DIGITS, NumberFormat
from adflight.flights.values import Unfit


def refusal(text: str, decimal: str | None = None, thousands: str | None = None) -> str:
    with pytest.raises(Unfit) as caught:
        NumberFormat(decimal, thousands).read(text)
    return caught.value.expected


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "number"),
    [
        ("1000", None, None, "1000"),
        ("1.5", None, None, "1.5"),
        ("2.50", None, None, "2.50"),
        ("-3", None, None, "-3"),
        ("+0.125", None, None, "0.125"),
        ("1234.567", None, None, "1234.567"),
        ("1.500", ".", None, "1.500"),
        ("1,5", ",", None, "1.5"),
        ("1.500", None, ".", "1500"),
        ("1.500", None, ",", "1.500"),
        ("1,500", None, ",", "1500"),
        ("1,500.25", None, ",", "1500.25"),
        ("1.234.567,89", ",", ".", "1234567.89"),
        ("1234567,89", ",", ".", "1234567.89"),
        ("1 234,5", ",", " ", "1234.5"),
        ("1\u00a0234,5", ",", " ", "1234.5"),
        ("1\u202f234,5", ",", " ", "1234.5"),
        ("1'234.50", ".", "'", "1234.50"),
        ("1\u2019234.50", ".", "'", "1234.50"),
    ],
)
def test_numbers_of_a_format(text: str, decimal: str | None, thousands: str | None, number: str) -> None:
    assert NumberFormat(decimal, thousands).read(text) == Decimal(number)


def test_a_number_that_may_be_two_is_shown_as_both() -> None:
    assert refusal("1.500") == (
        "a number in a format that is declared; this may be 1.500 (declare decimal='.') or 1500 (declare thousands='.')"
    )
    assert refusal("1,500") == (
        "a number in a format that is declared; this may be 1500 (declare thousands=',') or 1.500 (declare decimal=',')"
    )
    assert refusal("1,5") == "a number in a format that is declared; this may be 1.5 (declare decimal=',')"
    assert refusal("1'500") == 'a number in a format that is declared; this may be 1500 (declare thousands="\'")'


def test_what_is_declared_is_not_advised_again() -> None:
    assert refusal("1.500,25", decimal=",") == (
        "a number in a format that is declared; this may be 1500.25 (declare thousands='.')"
    )
    assert refusal("1.500,25", thousands=".") == (
        "a number in a format that is declared; this may be 1500.25 (declare decimal=',')"
    )
    assert refusal("1.5", decimal=",") == "a number such as 1234,56, without a unit"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1e5",
        "€ 5",
        "5 EUR",
        "1..5",
        ".5",
        "5.",
        "1,2,3",
        "0.500,1",
        "--1",
        "٣",
        "NaN",
        "inf",
        "1" * 1000 + ",5",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    assert refusal(text) == "a number such as 1234.56, without a unit"


def test_groups_have_three_digits() -> None:
    assert refusal("12,34,567", thousands=",") == "a number such as 1234.56, without a unit"


def test_a_number_has_no_more_digits_than_the_wire_carries() -> None:
    assert NumberFormat().read("9" * DIGITS) == Decimal("9" * DIGITS)
    assert refusal("9" * (DIGITS + 1)) == "at most 15 digits"


@settings(deadline=None)
@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**10), max_value=10**10),
    st.sampled_from([(None, None), (".", None), (",", None), (".", ","), (",", "."), (",", " "), (".", "'")]),
)
def test_whatever_is_written_in_a_declared_format_is_read_back(
    number: Decimal, marks: tuple[str | None, str | None]
) -> None:
    decimal, thousands = marks
    text = f"{number:,f}" if thousands else f"{number:f}"
    text = text.replace(",", "T").replace(".", "D").replace("T", thousands or "").replace("D", decimal or ".")
    assert NumberFormat(decimal, thousands).read(text) == number


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,' -+", max_size=12))
def test_what_is_read_without_a_declaration_has_one_meaning(text: str) -> None:
    try:
        number = NumberFormat().read(text)
    except Unfit:
        return
    for thousands in (".", ",", " ", "'"):
        try:
            other = NumberFormat(thousands=thousands).read(text)
        except Unfit:
            continue
        assert other == number
