"""Every operation's own schemas decide what is a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adflight.sandbox.answers import Answer, Refused
from adflight.sandbox.iqm import HANDLERS
from adflight.sandbox.specification import Specification, load
from adflight.sandbox.validation import Validation
from tests.sandbox.api import OPERATIONS, SPECIFICATION, VALIDATION, Api

ORDER = {"ioName": "Spring", "ioStartTime": 1000, "ioBudgetTypeId": 1}


def test_every_operation_is_carried_out() -> None:
    assert set(HANDLERS) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({**ORDER, "ioName": 5}, 400, "ioName"),
        ({"ioName": "Spring"}, 400, None),
        ({**ORDER, "ioBudgetTypeId": 3}, 422, "ioBudgetTypeId"),
        ([], 400, None),
        (b"{", 400, None),
        (b"", 400, None),
        (b"\xff", 400, None),
        (b'{"ioName": "\\ud800", "ioStartTime": 1, "ioBudgetTypeId": 1}', 400, None),
        (b'{"ioName": "A", "ioStartTime": 1, "ioBudgetTypeId": 1, "ioTotalBudget": NaN}', 400, None),
        (b'{"ioName": "A", "ioStartTime": 1, "ioBudgetTypeId": 1, "ioTotalBudget": 1e999}', 400, None),
        (b"[" * 100_000, 400, None),
    ],
)
async def test_bodies_that_are_not_requests(api: Api, body: Any, status: int, field: str | None) -> None:
    answer = await api.call("insertion_orders_create", body)
    assert answer.status == status
    (error,) = answer.json["errorObjects"]
    assert error.get("field") == field
    assert error["error"]


async def test_letters_beyond_ascii_survive(api: Api) -> None:
    order = await api.create_order("Frühling \U0001f338")
    assert (await api.call("insertion_orders_get", ioId=order)).inside["ioName"] == "Frühling \U0001f338"


async def test_the_media_type_has_to_be_right(api: Api) -> None:
    answer = await api.call("insertion_orders_create", ORDER, headers={"Content-Type": "text/plain"})
    assert answer.status == 400
    utf8 = {"Content-Type": "application/json; charset=UTF-8"}
    assert (await api.call("insertion_orders_create", ORDER, headers=utf8)).status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"pgno": 0}, 422),
        ({"pgno": "one"}, 400),
        ({"pgno": "99999999999999999999"}, 400),
        ({"no_of_entries": 1001}, 422),
        ({"order": "up"}, 422),
    ],
)
async def test_query_parameters(api: Api, query: dict[str, Any], status: int) -> None:
    answer = await api.call("campaigns_list", query=query)
    assert answer.status == status
    assert answer.json["responseObject"]["errorField"] == next(iter(query))


async def test_missing_query_parameters(api: Api) -> None:
    answer = await api.call("campaigns_get_budget_info")
    assert (answer.status, answer.message) == (400, "The parameter startTime is missing")


async def test_numbers_and_booleans_in_queries(api: Api) -> None:
    query = {"startTime": 0, "timezone": 29, "dailyBudget": "2.5e0", "fixedDailyBudget": "false"}
    info = (await api.call("campaigns_get_budget_info", query=query)).inside
    assert (info["dailyBudget"], info["fixedDailyBudget"]) == (2.5, False)
    assert (await api.call("campaigns_get_budget_info", query={**query, "dailyBudget": "much"})).status == 400


async def test_path_parameters(api: Api) -> None:
    answer = await api.call("insertion_orders_get", ioId="first")
    assert (answer.status, answer.json["errorObjects"][0]["field"]) == (400, "ioId")


async def test_a_form_that_is_none(api: Api) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"grant_type", b"\xff=1", b"grant_type=refresh_token"):
        assert (await api.call("auth_refresh", body, headers=headers)).status in (400, 401)


def small(**operation: Any) -> Validation:
    return Validation(one(**operation))


def one(path: str = "/thing/{id}", **operation: Any) -> Specification:
    document = {
        "openapi": "3.1.0",
        "components": {"parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {}}}},
        "paths": {
            path: {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "put": {"operationId": "put_thing", "responses": {"200": {"description": "Done."}}, **operation},
            }
        },
    }
    return Specification(document)


def test_header_parameters_and_optional_bodies() -> None:
    parameters = [{"name": "X-Count", "in": "header", "schema": {"type": ["integer", "null"]}}]
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    specification = one(parameters=parameters, requestBody=body)
    validation = Validation(specification)
    (operation,) = specification.operations
    arguments = validation.arguments(operation, {"id": "a"}, {}, {"x-count": "5"}, b"")
    assert (arguments.path, arguments.body) == ({"id": "a"}, None)
    with pytest.raises(Refused) as refusal:
        validation.arguments(operation, {"id": "a"}, {}, {"x-count": "many"}, b"")
    assert (refusal.value.status, refusal.value.field) == (400, "X-Count")


def test_an_operation_without_422_refuses_with_400() -> None:
    parameters = [{"name": "n", "in": "query", "schema": {"type": "integer", "maximum": 3}}]
    specification = one(parameters=parameters)
    with pytest.raises(Refused) as refusal:
        Validation(specification).arguments(specification.operations[0], {"id": "a"}, {"n": "4"}, {}, b"")
    assert refusal.value.status == 400


def test_answers_are_checked_against_the_document() -> None:
    operation = OPERATIONS["auth_login"]
    assert VALIDATION.answer_errors(operation, 200, b'{"success": true}') != []
    assert VALIDATION.answer_errors(operation, 299, b"{}") == ["the status 299 is not documented for auth_login"]
    zones = OPERATIONS["master_list_timezones"]
    assert VALIDATION.answer_errors(zones, 204, b"") == []
    assert VALIDATION.answer_errors(zones, 204, b"{}") != []


def test_credentials_follow_the_document() -> None:
    assert {OPERATIONS[name].credentials for name in ("auth_login", "auth_refresh")} == {"basic"}
    assert OPERATIONS["campaigns_get"].credentials == "bearer"
    assert one(security=[]).operations[0].credentials == "none"


async def test_an_operation_without_credentials_needs_none() -> None:
    from adflight.sandbox.gateway import Received
    from adflight.sandbox.iqm.gateway import Gateway
    from adflight.sandbox.store import Store

    store = Store()
    (operation,) = one(security=[]).operations
    caller = Gateway(store, 60, None).admit(operation, Received({}, {}, b""), 0)
    assert caller.person is None
    store.close()


def test_the_report_s_two_operations_share_a_path() -> None:
    download, report = OPERATIONS["bid_models_download_report"], OPERATIONS["bid_models_report"]
    assert report.paths[0] in download.paths
    assert download.marks == frozenset({"download"})
    assert report.marks == frozenset()


async def test_a_body_that_cannot_be_read_is_for_the_report(api: Api) -> None:
    for body in (b"{", b"5", b"[" * 100_000):
        answer = await api.call("bid_models_report", body, campaignId=1, dimensionId=1)
        assert answer.status == 400
    assert api.sandbox.counts.operations["bid_models_report"] == 3


def test_a_document_is_read_from_a_file(tmp_path: Any) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(SPECIFICATION.document))
    assert load(path).operations == SPECIFICATION.operations
    assert load(str(path)).operations == load(SPECIFICATION.document).operations


def test_flat_answers_have_no_envelope() -> None:
    assert Answer([1]).reply(OPERATIONS["campaigns_list"]).content == b"[1]"
    refusal = Refused(400, "No").reply(OPERATIONS["campaigns_list"], "/x")
    assert json.loads(refusal.content)["responseObject"]["errorMsg"] == "No"
    refusal = Refused(400, "No").reply(OPERATIONS["auth_refresh"], "/x")
    assert json.loads(refusal.content) == {"success": False, "errorObjects": [{"error": "No"}]}
