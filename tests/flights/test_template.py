from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from adflight.flights import columns_for, read_flights
from adflight.flights.template import documentation, template
from tests.programs import ROOT

COLUMNS = columns_for("iqm")


@pytest.mark.parametrize("json_lines", [False, True])
@pytest.mark.parametrize("all_columns", [False, True])
def test_a_template_has_no_problems(tmp_path: Path, json_lines: bool, all_columns: bool) -> None:
    path = tmp_path / "flights"
    path.write_text(template(COLUMNS, json_lines=json_lines, all_columns=all_columns), encoding="utf-8")
    with read_flights(path) as flights:
        first, second = flights
        assert flights.order_count() == 1
        assert flights.warnings == ()
    assert first.key != second.key
    assert first.campaign["campaign_name"] != second.campaign["campaign_name"]
    # only the user can accept the terms
    assert COLUMNS.missing(COLUMNS.by_name["max_bid"].level, first.campaign) == ["is_agreement_checked"]
    assert COLUMNS.missing(COLUMNS.by_name["io_name"].level, first.insertion_order) == []


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    read = []
    for json_lines in (False, True):
        path = tmp_path / f"flights-{json_lines}"
        path.write_text(template(COLUMNS, json_lines=json_lines), encoding="utf-8")
        with read_flights(path) as flights:
            read.append([(flight.key, flight.insertion_order, flight.campaign) for flight in flights])
    assert read[0] == read[1]


def test_json_lines_have_the_types_of_json() -> None:
    first = json.loads(template(COLUMNS, json_lines=True).splitlines()[0])
    assert first["max_bid"] == 2.5
    assert first["creative_ids"] == [676384]


def test_all_columns_are_all() -> None:
    first = json.loads(template(COLUMNS, json_lines=True, all_columns=True).splitlines()[0])
    assert [*first] == [*COLUMNS.by_name]
    heading = next(csv.reader(template(COLUMNS, all_columns=True).splitlines()))
    assert heading == [*COLUMNS.by_name]


def test_the_page_is_what_the_command_writes() -> None:
    page = documentation(COLUMNS)
    assert (ROOT / "docs/flights-iqm.md").read_text(encoding="utf-8") == page, "make columns"
    assert all(f"| `{column.name}` |" in page for column in COLUMNS)
