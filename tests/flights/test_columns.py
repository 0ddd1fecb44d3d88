from __future__ import annotations

import inspect
import json
from importlib.resources import files
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.flights import CLEAR, Column, Level, Managed, columns_for
from adflight.flights.iqm_columns import OMITTED
from adflight.flights.kinds import Amount, Count, Flag, Formats, Text
from adflight.flights.lists import Ids, Json, Texts
from adflight_api.iqm.api.campaigns import campaigns_create, campaigns_update
from adflight_api.iqm.api.insertion_orders import insertion_orders_create, insertion_orders_update

COLUMNS = columns_for("iqm")
SCHEMAS: dict[str, Any] = json.loads((files("adflight_api.iqm") / "openapi.json").read_bytes())["components"]["schemas"]
CREATES = {Level.INSERTION_ORDER: insertion_orders_create, Level.CAMPAIGN: campaigns_create}
UPDATES = {Level.INSERTION_ORDER: insertion_orders_update, Level.CAMPAIGN: campaigns_update}


def arguments(operation: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(operation.request).parameters)


@pytest.mark.parametrize("level", CREATES)
def test_every_argument_of_the_create_operation_is_a_column(level: Level) -> None:
    names = {column.name for column in COLUMNS.at(level) if not column.is_apart}
    assert names == arguments(CREATES[level]).keys() - OMITTED.keys()


def test_what_is_left_out_is_there_to_be_left_out() -> None:
    assert OMITTED.keys() <= {name for operation in CREATES.values() for name in arguments(operation)}


@pytest.mark.parametrize("level", CREATES)
def test_what_may_change_is_an_argument_of_the_update_operation(level: Level) -> None:
    own = [column for column in COLUMNS.at(level) if not column.is_apart]
    changing = {column.name for column in own if column.changeable}
    fixed = {column.name for column in own} - changing
    assert changing <= arguments(UPDATES[level]).keys()
    assert (
        fixed
        == {
            Level.INSERTION_ORDER: {"io_budget_type_id", "io_budget_distribution_method_id"},
            Level.CAMPAIGN: {"budget_type_id"},
        }[level]
    )


@pytest.mark.parametrize("level", CREATES)
def test_what_the_create_operation_cannot_do_without_is_required(level: Level) -> None:
    demanded = {
        name
        for name, parameter in arguments(CREATES[level]).items()
        if parameter.default is inspect.Parameter.empty and name not in OMITTED
    }
    required = {column.name for column in COLUMNS.at(level) if column.required}
    # the one has a default, the other the documents demand
    assert required - {"io_timezone_id"} == demanded - {"io_budget_type_id"}


@pytest.mark.parametrize("column", list(COLUMNS), ids=lambda column: column.name)
def test_every_column_is_described_and_its_example_can_be_read(column: Column) -> None:
    assert column.description.endswith(".")
    assert not any(wire in column.description for schema in SCHEMAS.values() for wire in camel_names(schema)) or (
        isinstance(column.kind, Json)
    )
    assert column.kind.title
    value = column.kind.read(column.example, Formats())
    assert column.kind.unstage(column.kind.stage(value)) == value


def camel_names(schema: dict[str, Any]) -> list[str]:
    return [wire for wire in schema.get("properties", {}) if wire != wire.lower()]


def test_kinds_follow_the_specification() -> None:
    kinds = {name: type(COLUMNS.by_name[name].kind) for name in COLUMNS.by_name}
    assert kinds["total_impressions"] is Count
    assert kinds["total_cpm"] is Amount
    assert kinds["is_tv_ad"] is Flag
    assert kinds["app_url"] is Text
    assert kinds["white_listed_state_ids"] is kinds["pmp_deal_ids"] is kinds["exchanges"] is Ids
    assert kinds["white_listed_zipcodes"] is kinds["white_listed_ip"] is kinds["inventory_urls"] is Texts
    assert kinds["frequency_capping"] is kinds["white_listed_geo_radius_details"] is Json
    assert COLUMNS.by_name["max_bid"].unit == "the account's currency"
    assert COLUMNS.by_name["max_day_clicks"].unit == "clicks"
    assert COLUMNS.by_name["country_id"].unit == ""


def test_what_is_required_cannot_be_cleared() -> None:
    assert [column.name for column in COLUMNS if column.clearable and column.required] == []
    assert COLUMNS.by_name["budget_day"].clearable
    assert not COLUMNS.by_name["campaign_type"].clearable


def test_nested_shapes_are_checked() -> None:
    caps = COLUMNS.by_name["frequency_capping"].kind
    assert isinstance(caps, Json)
    assert caps.schema["additionalProperties"]["required"] == ["frequencyCapValue", "frequencyCapDuration"]


def test_the_nearest_name() -> None:
    assert COLUMNS.nearest("Budget Total") == "budget_total"
    assert COLUMNS.nearest("campaignName") == "campaign_name"
    assert COLUMNS.nearest("zzz") is None


def test_what_a_new_object_is_missing() -> None:
    order: Managed = {"io_name": "Spring", "io_timezone_id": 29}
    assert COLUMNS.missing(Level.INSERTION_ORDER, order) == ["io_start_time"]
    assert "max_bid" in COLUMNS.missing(Level.CAMPAIGN, {})


def test_clear_and_absence_survive_staging() -> None:
    staged = COLUMNS.stage({"budget_day": CLEAR, "max_bid": COLUMNS.by_name["max_bid"].kind.read("2.50", Formats())})
    assert staged == {"budget_day": None, "max_bid": "2.5"}
    assert COLUMNS.unstage(staged)["budget_day"] is CLEAR
    assert not CLEAR
    assert repr(CLEAR) == "CLEAR"


def test_a_vendor_without_flights_is_refused() -> None:
    with pytest.raises(InvalidInput, match="vendor='icareus': expected one of iqm"):
        columns_for("icareus")
