from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from adflight_api import runtime
from adflight_api.iqm import models
from adflight_api.iqm.api.auth import auth_login, auth_refresh
from adflight_api.iqm.api.bid_models import (
    bid_models_delete_bundles,
    bid_models_get_dimension_statistics,
    bid_models_report,
)
from adflight_api.iqm.api.campaigns import (
    campaigns_get,
    campaigns_list_data,
    campaigns_rename,
    campaigns_update_budget,
    campaigns_update_end_date,
)
from adflight_api.iqm.api.insertion_orders import insertion_orders_create, insertion_orders_list
from adflight_api.iqm.client import Operations, OperationsWithRawResponse
from adflight_api.runtime import UNSET, AdflightError, InvalidInput, Operation, Paging, RepeatByField, Request

MOMENT = datetime(2027, 1, 31, 12, 30, tzinfo=UTC)
CLASSES = [getattr(models, name) for name in models.__all__]
MODELS = [item for item in CLASSES if issubclass(item, runtime.Model)]
ID_AND_NAME = runtime.reader(("id", "name"))


def operation(**changes: Any) -> Operation:
    facts: dict[str, Any] = {
        "id": "orders.update",
        "method": "POST",
        "path": "/orders",
        "source": "000 L1",
        "repeat": "create",
        "envelope": None,
    }
    return Operation(**(facts | changes))


# UNSET


def test_unset_never_goes_out() -> None:
    operation = Operation("t.do", "POST", "/t", "test", "read", None)
    with pytest.raises(TypeError, match="not JSON serializable"):
        _ = Request(operation, "/t", body={"name": UNSET}).content
    with pytest.raises(InvalidInput, match="leave it out"):
        runtime.to_text(UNSET)


def test_unset_is_false_and_one() -> None:
    assert not UNSET
    assert repr(UNSET) == "UNSET"
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET


def test_unset_narrows() -> None:
    name: str | runtime.Unset = models.Campaign.from_dict({"campaignName": "Spring"}).campaign_name

    if name is not UNSET:
        upper: str = name.upper()

    assert upper == "SPRING"


# Errors


def test_invalid_input_says_what_would_do_and_survives_pickling() -> None:
    error: InvalidInput = pickle.loads(pickle.dumps(InvalidInput("max_bid", float("nan"), "a finite number")))

    assert issubclass(InvalidInput, AdflightError)
    assert issubclass(InvalidInput, ValueError)
    assert (error.field, error.expected) == ("max_bid", "a finite number")
    assert str(error) == "max_bid=nan: expected a finite number"


# Python values to wire values


@pytest.mark.parametrize(
    ("convert", "value", "wire"),
    [
        (runtime.to_seconds, datetime(2027, 1, 31, 12, 30, 0, 999999, tzinfo=UTC), 1801398600),
        (runtime.to_seconds, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1),
        (runtime.to_milliseconds, datetime(2027, 1, 31, 12, 30, 0, 123999, tzinfo=UTC), 1801398600123),
        (runtime.to_seconds, datetime(2027, 1, 31, 14, 30, tzinfo=timezone(timedelta(hours=2))), 1801398600),
        (runtime.to_number, 5, 5),
        (runtime.to_number, Decimal("1.10"), Decimal("1.10")),
        (runtime.to_flag, True, 1),
        (runtime.to_flag, 0, 0),
        (runtime.path_id, 537599, "537599"),
        (runtime.path_id, "-1", "-1"),
        (runtime.path_id, models.Dimension.INVENTORY, "2"),
        (runtime.path_text, "a b/ü", "a%20b%2F%C3%BC"),
        (runtime.comma, 5, "5"),
        (runtime.comma, "5, 6", "5, 6"),
        (runtime.comma, models.BudgetType.IMPRESSION, "2"),
        (runtime.comma, (number for number in (5, 6)), "5,6"),
        (runtime.comma, [models.CampaignStatus.RUNNING, models.CreativeType.IMAGE, "x"], "running,11,x"),
        (runtime.newline, ["a,b", "c"], "a,b\nc"),
        (runtime.comma_milliseconds, [MOMENT, MOMENT], "1801398600000,1801398600000"),
        (runtime.to_date, date(2027, 1, 31), "2027-01-31"),
        (runtime.to_hours_minutes, timedelta(hours=8, minutes=5), "08:05"),
        (runtime.to_hours_minutes, timedelta(days=1), "24:00"),
        (runtime.to_hours_minutes, timedelta(), "00:00"),
        (
            runtime.to_iso_8601,
            datetime(2027, 1, 31, 14, 30, tzinfo=timezone(timedelta(hours=2))),
            "2027-01-31T12:30:00Z",
        ),
        (runtime.to_iso_8601, "2027-01-31T12:30", "2027-01-31T12:30"),
    ],
)
def test_values_are_written_for_the_wire(convert: Callable[[str, Any], Any], value: Any, wire: Any) -> None:
    written = convert("field", value)

    assert written == wire
    assert type(written) is type(wire)


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (runtime.to_seconds, datetime(2027, 1, 31)),
        (runtime.to_milliseconds, datetime(2027, 1, 31)),
        (runtime.to_seconds, 1801398600),
        (runtime.to_milliseconds, "2027-01-31"),
        (runtime.to_number, float("nan")),
        (runtime.to_number, float("inf")),
        (runtime.to_number, Decimal("NaN")),
        (runtime.to_number, Decimal("sNaN")),
        (runtime.to_number, 10**400),
        (runtime.to_number, True),
        (runtime.to_number, "5"),
        (runtime.to_flag, 2),
        (runtime.to_flag, "1"),
        (runtime.path_id, "update-end-date"),
        (runtime.path_id, "5/../6"),
        (runtime.path_id, "\N{ARABIC-INDIC DIGIT FIVE}"),
        (runtime.path_id, "5.0"),
        (runtime.path_id, ""),
        (runtime.path_id, "-"),
        (runtime.path_id, 5.0),
        (runtime.path_id, True),
        (runtime.path_text, ""),
        (runtime.path_text, ".."),
        (runtime.comma, []),
        (runtime.comma, ["a", ""]),
        (runtime.comma, ["1,2"]),
        (runtime.comma, [1, None]),
        (runtime.comma, [True]),
        (runtime.comma, b"12"),
        (runtime.comma, True),
        (runtime.comma, 1.5),
        (runtime.newline, ["a\nb"]),
        (runtime.comma_milliseconds, MOMENT),
        (runtime.comma_milliseconds, "1801398600000"),
        (runtime.comma_milliseconds, [1801398600000]),
        (runtime.comma_milliseconds, [datetime(2027, 1, 31)]),
        (runtime.comma_milliseconds, []),
        (runtime.to_date, MOMENT),
        (runtime.to_date, "2027-01-31"),
        (runtime.to_hours_minutes, timedelta(hours=24, minutes=1)),
        (runtime.to_hours_minutes, timedelta(minutes=-1)),
        (runtime.to_hours_minutes, timedelta(seconds=90)),
        (runtime.to_hours_minutes, "08:00"),
        (runtime.to_iso_8601, datetime(2027, 1, 31)),
        (runtime.to_iso_8601, 1801398600),
    ],
)
def test_values_that_could_be_misread_are_refused(convert: Callable[[str, Any], Any], value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert("field", value)

    assert caught.value.field == "field"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (models.BudgetType.BUDGET, "1"),
        (models.CampaignStatus.DRAFT, "draft"),
    ],
)
def test_query_values_are_text(value: object, text: str) -> None:
    assert runtime.to_text(value) == text


def test_containers_of_models_become_json() -> None:
    message = models.Message(message="Saved.")

    written = runtime.plain({models.CampaignStatus.DRAFT: [message], 5: (1, {2}), "text": "a", "bytes": b"a"})

    assert written == {"draft": [{"message": "Saved."}], "5": [1, [2]], "text": "a", "bytes": b"a"}


@pytest.mark.parametrize(
    ("hours", "minutes", "offset", "wire"),
    [
        (2, 0, None, ("2027-01-31T12:30", 2)),
        (-11, 0, None, ("2027-01-31T12:30", -11)),
        (2, 0, -1, ("2027-01-31T09:30", -1)),
        (5, 30, 0, ("2027-01-31T07:00", 0)),
    ],
)
def test_a_wall_clock_has_an_offset(hours: int, minutes: int, offset: int | None, wire: tuple[str, int]) -> None:
    moment = MOMENT.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))

    assert runtime.to_local_minutes("start", moment, "zone", offset) == wire


@pytest.mark.parametrize(
    ("value", "offset", "field"),
    [
        (datetime(2027, 1, 31), None, "start"),
        ("2027-01-31T12:30", None, "start"),
        (MOMENT.replace(tzinfo=timezone(timedelta(hours=5, minutes=30))), None, "start"),
        (MOMENT.replace(second=1), None, "start"),
        (MOMENT.replace(microsecond=1), 0, "start"),
        (MOMENT, 24, "zone"),
        (MOMENT, True, "zone"),
        (MOMENT, 1.5, "zone"),
    ],
)
def test_a_wall_clock_that_the_wire_cannot_show_is_refused(value: Any, offset: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        runtime.to_local_minutes("start", value, "zone", offset)

    assert caught.value.field == field


# Wire values to Python values


@pytest.mark.parametrize(
    ("read", "wire", "value"),
    [
        (runtime.from_date, "2027-01-31", date(2027, 1, 31)),
        (runtime.from_hours_minutes, "24:00", timedelta(days=1)),
        (runtime.from_iso_8601, "2027-01-31T12:30:00Z", MOMENT),
        (runtime.to_decimal, "1.10", Decimal("1.10")),
        (runtime.to_decimal, 0.1, Decimal("0.1")),
        (runtime.to_decimal, Decimal("1.10"), Decimal("1.10")),
    ],
)
def test_texts_become_what_they_say(read: Callable[[Any], Any], wire: object, value: object) -> None:
    assert read(wire) == value


@pytest.mark.parametrize(
    "read", [runtime.from_date, runtime.from_hours_minutes, runtime.from_iso_8601, runtime.to_decimal]
)
@pytest.mark.parametrize("value", [None, UNSET, "soon", [], {}, "2027-01-31T12:30", "99999999999999:00"])
def test_texts_that_say_something_else_are_kept(read: Callable[[Any], Any], value: object) -> None:
    assert read(value) is value


@pytest.mark.parametrize("value", [0, -1, 1801398600])
def test_epochs_go_both_ways(value: int) -> None:
    assert runtime.to_seconds("field", runtime.from_seconds(value)) == value
    assert runtime.to_milliseconds("field", runtime.from_milliseconds(value * 1000 + 123)) == value * 1000 + 123


def test_epochs_are_moments_with_a_time_zone() -> None:
    assert runtime.from_seconds(1801398600) == runtime.from_milliseconds(1801398600000) == MOMENT
    assert runtime.from_seconds(0).tzinfo is UTC


@pytest.mark.parametrize("read", [runtime.from_seconds, runtime.from_milliseconds])
@pytest.mark.parametrize("value", [None, UNSET, "soon", [], {}, 10**20, float("inf")])
def test_what_is_no_epoch_is_kept(read: Callable[[Any], Any], value: object) -> None:
    assert read(value) is value


@pytest.mark.parametrize(("value", "read"), [("12", 12), (12, 12), ("b", "b"), (None, None), (1.5, 1.5)])
def test_numbers_in_text_become_integers(value: object, read: object) -> None:
    assert runtime.to_integer(value) == read


@pytest.mark.parametrize("value", [99, "odd", None, UNSET, [1], {"a": 1}])
def test_open_enums_keep_what_they_do_not_know(value: object) -> None:
    read = runtime.member_of(models.BudgetType)

    assert read(2) is models.BudgetType.IMPRESSION
    assert read(value) is value


def test_enums_may_fold_case() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert runtime.member_of(Colour, fold_case=True)("Red") is Colour.RED
    assert runtime.member_of(Colour, fold_case=True)("Blue") == "Blue"
    assert runtime.member_of(Colour)("Red") == "Red"


def test_enums_fold_the_case_of_their_own_values_too() -> None:
    class Kind(StrEnum):
        SWITCH_IN = "switchIn"

    read = runtime.member_of(Kind, fold_case=True)
    assert [read("switchIn"), read("switchin"), read("SWITCHIN")] == [Kind.SWITCH_IN] * 3


@pytest.mark.parametrize(
    ("wire", "values", "rest"),
    [
        ({"id": 1, "name": "a"}, [1, "a"], {}),
        ({"name": "a", "x": 2, "id": 1}, [1, "a"], {"x": 2}),
        ({"id": 1}, [1, UNSET], {}),
        ({"x": 2}, [UNSET, UNSET], {"x": 2}),
    ],
)
def test_objects_are_taken_apart(wire: dict[str, Any], values: list[Any], rest: dict[str, Any]) -> None:
    read, unknown = ID_AND_NAME(wire)

    assert list(read) == values
    assert unknown == rest


def test_an_object_of_one_field_is_taken_apart() -> None:
    assert runtime.reader(("id",))({"id": 1}) == ((1,), {})


# Models


def test_missing_fields_are_unset_and_stay_away() -> None:
    campaign = models.Campaign.from_dict({"id": 5})

    for attribute in ("campaign_name", "start_time", "status", "country_id"):
        assert getattr(campaign, attribute) is UNSET
    assert campaign.to_dict() == {"id": 5}


def test_unknown_fields_are_kept() -> None:
    wire = {"id": 5, "novelty": {"a": [1]}}

    assert models.Campaign.from_dict(wire).additional_properties == {"novelty": {"a": [1]}}
    assert models.Campaign.from_dict(wire).to_dict() == wire


@pytest.mark.parametrize("model", MODELS)
def test_models_tolerate_wrong_types(model: type[Any]) -> None:
    for wrong in (None, "text", 5, 1.5, True, [], [1], {}, {"a": 1}):
        read = model.from_dict(dict.fromkeys((wire for _, wire, _ in model._wire), wrong))

        assert read.additional_properties == {}
        assert repr(read).startswith(f"{model.__name__}(")


@pytest.mark.parametrize("wrong", [None, "text", [], 5])
def test_answers_of_a_wrong_type_are_kept(wrong: object) -> None:
    for operation in (campaigns_get, bid_models_get_dimension_statistics):
        parsed: object = operation.parse(wrong)
        assert parsed is wrong


def test_a_second_name_is_read_and_the_first_is_written() -> None:
    page = models.BidModelPage.from_dict({"recordsList": [{"id": 5}], "totalRecords": 1})

    assert page.additional_properties == {}
    assert set(page.to_dict()) == {"data", "totalRecords"}


def test_null_is_not_unset() -> None:
    report = models.CampaignReportRow.from_dict({"eCPM": None})

    assert report.ecpm is None
    assert report.to_dict() == {"eCPM": None}


def test_unions_pick_the_row_that_fits() -> None:
    page = models.ReportPage.from_dict({"recordsList": [{"bundleId": 7, "bundleName": "B"}, {"id": 5, "name": "E"}]})

    assert page.records_list is not UNSET
    bundle, entity = page.records_list

    assert type(bundle) is models.ReportBundleRow
    assert type(entity) is models.ReportEntityRow
    assert bundle.additional_properties == entity.additional_properties == {}


def test_maps_with_numeric_keys_have_integers_for_keys() -> None:
    statistics = bid_models_get_dimension_statistics.parse({"2": {}, "odd": {}})

    assert list(statistics) == [2, "odd"]
    assert all(type(item) is models.DimensionStatistics for item in statistics.values())
    assert runtime.plain(statistics) == {"2": {}, "odd": {}}


def test_naive_times_in_models_are_refused_when_written() -> None:
    campaign = models.Campaign.from_dict({})
    campaign.start_time = datetime(2027, 1, 31)

    with pytest.raises(InvalidInput, match="start_time="):
        campaign.to_dict()


def test_models_compare_by_value() -> None:
    assert models.Message.from_dict({"message": "a"}) == models.Message(message="a")
    assert models.Message.from_dict({"message": "a"}) != models.Message(message="b")


def test_reprs_show_no_secret() -> None:
    wire = {"access_token": "hush", "refresh_token": "secret", "scope": "read"}

    shown = repr(models.AccessToken.from_dict(wire))

    assert shown == "AccessToken(access_token=***, refresh_token=***, scope='read')"


# Requests


def test_a_request_prefers_the_live_path() -> None:
    request = campaigns_update_budget.request(campaign_ids=[1, 2])

    assert request.url == "/api/v2/cmp/campaigns/update-budget"
    assert request.documented_url == "/api/v2/cmp/campaigns/update_budget"
    assert campaigns_get.request(5).url == campaigns_get.request("5").documented_url == "/api/v2/cmp/campaign/5"


def test_plus_signs_in_a_query_stay_plus_signs() -> None:
    request = campaigns_list_data.request(sort_by="+id", search="a b&c=ü", status=["running", "paused"])

    assert request.url == (
        "/api/v2/cmp/campaigns/data?searchField=a%20b%26c%3D%C3%BC&sortBy=%2Bid&status=running%2Cpaused"
    )


def test_plus_signs_in_a_body_stay_as_they_are() -> None:
    assert insertion_orders_list.request(sort_by="+ioId").body["sortBy"] == "+ioId"


def test_bodies_are_json_unless_they_are_forms() -> None:
    login = auth_login.request(email="ada@example.com", password="a b")
    refresh = auth_refresh.request(refresh_token="a&b +")
    read = campaigns_get.request(5)

    assert json.loads(login.content or b"") == {"grantType": "password", "email": "ada@example.com", "password": "a b"}
    assert login.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    assert refresh.content == b"grant_type=refresh_token&refresh_token=a%26b+%2B"
    assert refresh.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert read.content is None
    assert read.headers == {"Accept": "application/json"}


def test_decimals_are_sent_as_numbers() -> None:
    request = campaigns_update_budget.request(campaign_ids=5, total_budget=Decimal("49.90"), end_time=MOMENT)

    assert json.loads(request.content or b"") == {
        "campaignIds": "5",
        "totalBudget": 49.9,
        "totalBudgetUpdateType": "change",
        "endTime": 1801398600,
    }


def test_what_json_cannot_say_is_refused() -> None:
    request = Request(operation(), "/orders", body={"field": object()})

    with pytest.raises(TypeError):
        assert request.content


@pytest.mark.parametrize(
    "build",
    [
        lambda: campaigns_get.request("update-end-date"),
        lambda: campaigns_rename.request("1/../2", campaign_name="a"),
        lambda: campaigns_update_end_date.request(campaign_ids=[], end_date=MOMENT),
        lambda: campaigns_update_end_date.request(campaign_ids=5, end_date=datetime(2027, 1, 31)),
        lambda: campaigns_update_budget.request(campaign_ids=5, total_budget=float("nan")),
    ],
)
def test_requests_that_could_mean_something_else_are_not_built(build: Callable[[], Request]) -> None:
    with pytest.raises(InvalidInput):
        build()


def test_the_repr_of_a_request_hides_body_and_query() -> None:
    request = auth_login.request(email="ada@example.com", password="hush")

    assert repr(request) == "<Request auth.login: POST /api/v3/ua/login>"
    assert "secret" not in repr(campaigns_list_data.request(search="secret"))


# Repeating


@pytest.mark.parametrize(
    ("mode", "repeat"),
    [
        (models.BudgetUpdateMode.CHANGE, "absolute"),
        ("change", "absolute"),
        (models.BudgetUpdateMode.ADDITION, "relative"),
        ("distribution", "relative"),
        ("novelty", "relative"),
    ],
)
def test_a_field_may_decide_about_repeating(mode: str, repeat: str) -> None:
    request = campaigns_update_budget.request(campaign_ids=5, total_budget=1, total_budget_update_type=mode)

    assert request.repeat == repeat
    assert request.body["totalBudgetUpdateType"] == mode


def test_the_mode_that_decides_is_always_sent() -> None:
    request = campaigns_update_budget.request(campaign_ids=5, total_budget=1)

    assert request.body["totalBudgetUpdateType"] == "change"
    assert request.repeat == "absolute"


def test_most_operations_know_what_repeating_does() -> None:
    assert campaigns_get.request(5).repeat == "read"
    assert bid_models_delete_bundles.OPERATION.repeat == "relative"
    assert Request(operation(repeat=RepeatByField("mode", {"set": "absolute"})), "/", body={}).repeat == "relative"


# Envelopes and paging


def test_envelopes_are_taken_off() -> None:
    wrapped = operation(envelope="data")

    assert wrapped.unwrap({"success": True, "data": [1]}) == [1]
    assert wrapped.unwrap({"success": True}) == {"success": True}
    assert wrapped.unwrap([1]) == [1]
    assert operation().unwrap({"data": [1]}) == {"data": [1]}


def test_pages_are_asked_for_in_the_query() -> None:
    paging: Paging[Any, Any] = Paging(rows=list, page="pgno", size="limit")
    request = Request(operation(), "/orders", query={"status": "open", "offset": "40"})

    paged = request.paged(paging, {"pgno": 2, "limit": 1000, "offset": None})

    assert paged.query == {"status": "open", "pgno": "2", "limit": "1000"}
    assert request.query == {"status": "open", "offset": "40"}
    assert Request(operation(), "/orders").paged(paging, {"pgno": 1}).url == "/orders?pgno=1"


def test_pages_are_asked_for_in_the_body() -> None:
    request = insertion_orders_list.request(offset=40, search="Spring")

    paged = request.paged(insertion_orders_list.PAGING, {"pageNo": 2, "noOfEntries": 1000, "offset": None})

    assert paged.body == {"searchField": "Spring", "pageNo": 2, "noOfEntries": 1000}
    assert request.body == {"searchField": "Spring", "offset": 40}


def test_paging_finds_rows_total_and_key() -> None:
    paging = insertion_orders_list.PAGING
    answer = insertion_orders_list.parse({"ioBasicDetailsList": [{"ioId": 5}], "filteredRecords": 7})
    nothing = insertion_orders_list.parse({})

    assert paging.total is not None
    assert paging.key is not None
    assert [paging.key(row) for row in paging.rows(answer)] == [5]
    assert paging.total(answer) == 7
    assert paging.rows(nothing) is UNSET
    assert paging.total(nothing) is UNSET
    assert (paging.max_size, paging.sort, paging.ascending) == (1000, "sortBy", "+ioId")
    assert bid_models_report.PAGING.key is None


# Resources


class Recorder:
    """A caller that sends nothing: calls answer what was prepared, pagers are the request and the paging."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def call(self, request: Request, parse: Callable[[Any], Any], /) -> Any:
        self.requests.append(request)
        return parse(self.answer)

    def pager(self, request: Request, parse: Callable[[Any], Any], paging: Any, /) -> Any:
        return request, paging


async def test_resources_send_through_their_caller() -> None:
    recorder = Recorder({"id": 5, "status": "RUNNING"})

    campaign = await Operations(recorder).campaigns.get(5, is_spent_required=True)
    raw: object = await OperationsWithRawResponse(recorder).campaigns.get(5)

    assert campaign.status is models.CampaignStatus.RUNNING
    assert [request.url for request in recorder.requests] == [
        "/api/v2/cmp/campaign/5?isSpentRequired=true",
        "/api/v2/cmp/campaign/5",
    ]
    assert raw == campaign


def test_lists_are_pagers() -> None:
    pager: Any = Operations(Recorder(None)).insertion_orders.list(search="Spring")

    assert pager == (insertion_orders_list.request(search="Spring"), insertion_orders_list.PAGING)


def test_a_resource_shows_no_caller() -> None:
    assert repr(Operations(Recorder(None)).campaigns) == "<Campaigns>"


def test_required_arguments_are_required() -> None:
    build: Any = insertion_orders_create.request

    with pytest.raises(TypeError, match="io_start_time"):
        build(io_name="Spring")


# Laziness


def loaded(code: str) -> list[str]:
    program = f"import sys\n{code}\nprint(*(name for name in sys.modules if name.startswith('adflight_api')))"
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()


def test_one_operation_imports_its_own_models_only() -> None:
    modules = loaded("from adflight_api.iqm.api.campaigns import campaigns_rename")

    # the second is the default of an argument of another operation of the same resource
    assert {name for name in modules if name.startswith("adflight_api.iqm.models.")} == {
        "adflight_api.iqm.models.message",
        "adflight_api.iqm.models.budget_update_mode",
    }
    assert [name for name in modules if name.startswith("adflight_api.iqm.api.campaigns.")] == [
        "adflight_api.iqm.api.campaigns.campaigns_rename"
    ]


def test_the_client_imports_no_operation_before_it_is_asked_for() -> None:
    modules = loaded("from adflight_api.iqm.client import Operations; Operations(None)")

    operations = [name for name in modules if name.startswith("adflight_api.iqm.api.") and name.count(".") == 4]
    assert operations == []
    # defaults of arguments
    enums = {"budget_update_mode", "insertion_order_budget_update_mode"}
    assert {name.rsplit(".", 1)[1] for name in modules if name.startswith("adflight_api.iqm.models.")} == enums


def test_models_are_imported_when_they_are_used() -> None:
    modules = loaded("from adflight_api.iqm import models; models.Message")

    assert [name for name in modules if name.startswith("adflight_api.iqm.models.")] == [
        "adflight_api.iqm.models.message"
    ]


def test_models_are_listed_without_being_imported() -> None:
    assert dir(models) == sorted(models.__all__)
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = models.Nonsense  # an attribute that is looked up when it is used
