from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.error_bodies import messages
from adflight.core.errors import APIError, NotFound, PermissionDenied, ServerError, ValidationFailed
from adflight.core.judge import judge
from adflight.core.redaction import SECRET_NAMES
from adflight.core.transport import WireAnswer
from tests.core.scripted import SHOWN, answer, operation


def _refuse(content: bytes) -> Any:
    raise ValueError("a document type, which is refused")


XML = evolve(operation(envelope=None), media="xml", decode=_refuse)


def error_of(came: WireAnswer) -> APIError:
    refusal = judge(XML, came).refusal
    assert refusal is not None
    return refusal.error(XML, came, SHOWN, SECRET_NAMES)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        pytest.param(
            b"<errors><error>Name is blank</error><error>Budget is blank</error></errors>",
            ("Name is blank", "Budget is blank"),
            id="a list",
        ),
        pytest.param(b"<error>no such campaign</error>", ("no such campaign",), id="a text"),
        pytest.param(
            b'<Error code="17"><Message>no such campaign</Message></Error>', ("code 17: no such campaign",), id="a code"
        ),
        pytest.param(b"<response><error_code>17</error_code></response>", ("code 17",), id="only a code"),
        pytest.param(
            b"<r><Fault><FaultString>broken</FaultString></Fault><data><name>x</name></data></r>",
            ("broken",),
            id="among other things",
        ),
        pytest.param(
            b"<errors><error><field>name</field><text>is blank</text></error></errors>",
            ("field: name", "text: is blank"),
            id="errors in words of their own",
        ),
        pytest.param(
            b"<insertion_order><name>is blank</name><budget>  </budget><cap>x</cap><cap>y</cap></insertion_order>",
            ("name: is blank", "cap: x", "cap: y"),
            id="no telling name anywhere",
        ),
        pytest.param(b'<a b="c">text</a>', ("b: c", "text"), id="attributes and text"),
        pytest.param(b"<a><token>s3cr3t</token></a>", ("token: ***",), id="secrets"),
        pytest.param(b"<a/>", (), id="nothing"),
        pytest.param(b"<a>" * 20 + b"deep" + b"</a>" * 20, (), id="too deep to be read by anybody"),
        pytest.param(b"<a>" + b"<error>x</error>" * 2 + b"<code>5</code></a>", ("x",), id="each once"),
        pytest.param(b'{"Message": "User is not authorized"}', ("User is not authorized",), id="a gateway"),
        pytest.param(b'{"errors": [{"message": "a"}, {"message": "b"}]}', ("a", "b"), id="V4"),
        pytest.param(b"<html><head><title>502 Bad</title></head></html>", ("a page titled '502 Bad'",), id="XHTML"),
        pytest.param(b"<html><br><h1>Oops</h1>", ("a page titled 'Oops'",), id="HTML"),
        pytest.param(b"<errors><error>cut o", (), id="cut off"),
        pytest.param(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", (), id="a document type"),
        pytest.param(b"upstream timed out", ("upstream timed out",), id="text"),
        pytest.param(b"x" * 100_000, ("x" * 500,), id="a long text"),
        pytest.param(b"", (), id="no body"),
    ],
)
def test_what_an_xml_operation_is_told(body: bytes, errors: tuple[str, ...]) -> None:
    error = error_of(answer(422, body))
    assert (type(error), error.errors) == (ValidationFailed, errors)
    assert str(error) == f"things.do: HTTP 422: {'; '.join(errors) or 'the service gives no reason'}"


def test_the_decoded_error_comes_along_without_secrets() -> None:
    body = b"<error><message>no</message><access_token a='1'>s3cr3t</access_token></error>"
    error = error_of(answer(403, body))
    assert isinstance(error, PermissionDenied)
    assert error.response.parsed == {"error": {"message": "no", "access_token": "***"}}
    assert error.response.content == b"<error><message>no</message><access_token a='1'>***</access_token></error>"


def test_json_operations_do_not_read_xml() -> None:
    refusal = judge(operation(), answer(404, b"<error>no</error>")).refusal
    assert refusal is not None
    error = refusal.error(operation(), answer(404, b"<error>no</error>"), SHOWN, SECRET_NAMES)
    assert isinstance(error, NotFound)
    assert error.errors == ("a page, not JSON",)


@pytest.mark.parametrize(
    ("body", "tail"),
    [
        (b"<!DOCTYPE a><a/>", ""),
        (b'{"Message": "not authorized"}', "; not authorized"),
        (b"<errors><error>no</error></errors>", "; no"),
    ],
)
def test_a_success_that_cannot_be_decoded_says_why(body: bytes, tail: str) -> None:
    error = error_of(answer(200, body))
    assert isinstance(error, ServerError)
    assert error.undecodable
    assert str(error) == (
        f"things.do: HTTP 200: a success whose body of {len(body)} bytes cannot be read as XML: "
        f"a document type, which is refused{tail}"
    )


def test_a_success_is_decoded_by_the_operation() -> None:
    asked = evolve(XML, decode=lambda content: {"id": int(content)})
    assert judge(asked, answer(200, b"17")).value == {"id": 17}


@pytest.mark.parametrize(
    ("changes", "status", "success"),
    [
        ({"repeat": "read"}, 200, False),
        ({"repeat": "read"}, 204, True),
        ({"repeat": "absolute"}, 200, True),
        ({"repeat": "create", "identity": ("id",)}, 200, False),
        ({"repeat": "create", "identity": ("id",)}, 204, False),
        ({"repeat": "read", "decode": None}, 200, True),
        ({"repeat": "read", "envelope": "data", "decode": None, "media": "json"}, 200, False),
    ],
)
def test_bodies_that_were_lost(changes: dict[str, Any], status: int, success: bool) -> None:
    verdict = judge(evolve(XML, **changes), answer(status))
    assert (verdict.refusal is None) is success


@pytest.mark.parametrize("content", [b"", b" ", b"<status>deleted</status>", b"<insertion_order/>"])
def test_where_no_body_is_documented_any_xml_will_do(content: bytes) -> None:
    assert judge(evolve(XML, repeat="relative", decode=None), answer(200, content)).refusal is None


@pytest.mark.parametrize("content", [b"<html><body/></html>", b"<html><br></html>", b'{"Message": "no"}', b"OK"])
def test_a_proxys_page_is_no_answer(content: bytes) -> None:
    refusal = judge(evolve(XML, decode=None), answer(200, content)).refusal
    assert refusal is not None
    assert refusal.event == "undecodable"


@given(st.integers(300, 599), st.text(alphabet="<>/ab!&;'\"[] errorcode=", max_size=60))
def test_no_body_is_too_odd(status: int, body: str) -> None:
    assert error_of(answer(status, body.encode())).status == status


def test_a_body_that_repeats_itself_is_not_read_to_its_end() -> None:
    assert messages(["no"] * 999 + ["never", "read"]) == ("no", "never")
