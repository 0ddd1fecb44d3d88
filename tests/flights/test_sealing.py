from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.errors import InvalidInput
from adflight.core.redaction import MASK, SECRET_NAMES, RedactedRequest, secret_names
from adflight.flights.entries import (
    Adopted,
    Done,
    Refused,
    Unknown,
)
from adflight.flights.sealing import (
    Sealed,
    SealedOutcome,
    decode,
    encode,
)
from tests.flights.shelf import create

names = st.text(max_size=5) | st.sampled_from(["$decimal", "$datetime", "$date", "$object"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])).map(
        lambda at: at.replace(fold=0)
    )
    | st.dates()
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


@given(values)
def test_a_value_comes_back_exactly(value: Any) -> None:
    back = decode(encode("value", value, frozenset()))
    # 1.0, Decimal("1.00") and 1 are equal, and are not the same
    assert back == value and repr(back) == repr(value)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


class Colour(Enum):
    RED = "red"


def test_enums_and_tuples_come_back_as_what_stands_for_them() -> None:
    assert decode(encode("value", {"colour": Colour.RED, "sizes": (1, 2)})) == {"colour": "red", "sizes": [1, 2]}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        Decimal("Infinity"),
        datetime(2027, 3, 1),
        object(),
        b"bytes",
        {1: "number as a name"},
        2**64,
        "lone \ud800 surrogate",
        nested(300),
        nested(3000),
    ],
)
def test_what_cannot_be_kept_is_refused_and_not_shown(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"budget.*values that a journal can keep"):
        encode("budget", [value])


def test_dates_are_no_datetimes() -> None:
    assert decode(encode("day", date(2027, 3, 1))) == date(2027, 3, 1)


def test_secrets_are_masked() -> None:
    assert decode(encode("body", {"password": "swordfish", "list": [{"accessToken": "x"}]})) == {
        "password": MASK,
        "list": [{"accessToken": MASK}],
    }
    outcome = SealedOutcome.of(
        Refused('Authorization: Bearer abcdefghijklmnop1234 and "password": "swordfish"'), SECRET_NAMES
    )
    assert "abcdefgh" not in str(outcome.columns) and "swordfish" not in str(outcome.columns)
    request = RedactedRequest("POST", "https://ada:swordfish@example.com/?pin=1234", {"Cookie": "x"}, {"pin": 1234})
    intent = create()
    sealed = Sealed.of(evolve(intent, request=request), secret_names("pin"))
    assert "swordfish" not in sealed.url and "1234" not in sealed.url and b"1234" not in sealed.body


def test_an_intent_needs_keys_that_are_texts() -> None:
    intent = create()
    for parts in ((), intent.parts * 2, create("").parts, create("\ud800").parts):
        with pytest.raises(InvalidInput):
            Sealed.of(evolve(intent, parts=parts), SECRET_NAMES)


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(InvalidInput, match="with a zone"):
        SealedOutcome.of(Unknown(datetime(2027, 3, 1), 90.0, "broken"), SECRET_NAMES)


@pytest.mark.parametrize("id_", [0, -1, 2**63])
@pytest.mark.parametrize("kind", [Done, Adopted])
def test_an_id_that_no_vendor_gives_cannot_be_kept(kind: type[Done | Adopted], id_: int) -> None:
    with pytest.raises(InvalidInput, match="id="):
        SealedOutcome.of(kind(id_), SECRET_NAMES)
