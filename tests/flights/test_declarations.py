from __future__ import annotations

from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from adflight import InvalidInput
from adflight.flights import Declarations
from adflight.flights.numbers import NumberFormat
from adflight.flights.times import TimeFormat


def test_nothing_is_declared_by_default() -> None:
    nothing = Declarations()
    assert nothing.numbers == NumberFormat()
    assert nothing.times == TimeFormat()
    with pytest.raises(FrozenInstanceError):
        nothing.zone = "UTC"  # type: ignore[misc]


def test_what_is_declared_is_how_cells_are_read() -> None:
    said = Declarations(zone="Europe/Berlin", decimal=",", thousands=".", date_format="%d.%m.%Y %H:%M")
    assert said.numbers == NumberFormat(",", ".")
    assert said.times == TimeFormat("Europe/Berlin", "%d.%m.%Y %H:%M")


@pytest.mark.parametrize(("said", "separator"), [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("|", "|")])
def test_separators_have_names(said: str, separator: str) -> None:
    assert Declarations(separator=said).separator == separator


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Europe/Berln"},
        {"decimal": ";"},
        {"thousands": "_"},
        {"decimal": ",", "thousands": ","},
        {"date_format": "%H:%M"},
        {"date_format": "%d.%m."},
        {"date_format": "%A %d.%m. %j"},
        {"date_format": "%m/%Y"},
        {"date_format": "%"},
        {"date_format": "%Q"},
        {"encoding": "utf-9"},
        {"encoding": "base64"},
        {"encoding": "undefined"},
        {"separator": "ab"},
        {"separator": ""},
        {"separator": "x"},
        {"separator": '"'},
        {"separator": "\n"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Declarations(**wrong)
    assert caught.value.field == [*wrong][-1]
