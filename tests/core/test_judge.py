from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.answers import Headers, RawAnswer
from adflight.core.error_bodies import messages
from adflight.core.errors import (
    APIError,
    AuthenticationError,
    NotFound,
    PartialFailure,
    PermissionDenied,
    RateLimited,
    ServerError,
    ValidationFailed,
)
from adflight.core.judge import judge, partial_failure, unusable
from adflight.core.redaction import SECRET_NAMES
from adflight.core.repeat import Event
from adflight.core.transport import WireAnswer
from adflight_api.runtime import UNSET, Model, Operation, Partial, Repeat, Unset
from tests.core.scripted import SHOWN, answer, operation

V2 = operation(envelope="responseObject")
V3 = operation(envelope="data")
FLAT = operation(envelope=None)

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway &amp; more</title></head><body>Bearer x</body></html>"


def error_of(asked: Operation, came: WireAnswer) -> APIError:
    refusal = judge(asked, came).refusal
    assert refusal is not None
    return refusal.error(asked, came, SHOWN, SECRET_NAMES)


@pytest.mark.parametrize(
    ("asked", "came", "value"),
    [
        pytest.param(V3, answer(200, {"success": True, "data": {"id": 1}}), {"id": 1}, id="v3"),
        pytest.param(V2, answer(200, {"statusCode": 200, "responseObject": [1]}), [1], id="v2"),
        pytest.param(V2, answer(200, {"statusCode": 201, "responseObject": {"data": 1}}), {"data": 1}, id="X2"),
        pytest.param(V2, answer(201, {"statusCode": "200", "responseObject": 5}), 5, id="codes as text"),
        pytest.param(FLAT, answer(200, {"statusCode": 200, "data": [1]}), {"statusCode": 200, "data": [1]}, id="flat"),
        pytest.param(V3, answer(200, {"access_token": "x"}), {"access_token": "x"}, id="envelope missing"),
        pytest.param(V3, answer(200, [1, 2]), [1, 2], id="bare list"),
        pytest.param(V3, answer(200, {"success": True, "data": "saved"}), "saved", id="text"),
        pytest.param(V3, answer(204), None, id="no content"),
        pytest.param(FLAT, answer(200), None, id="empty where nothing is documented"),
        pytest.param(V3, answer(200, {"success": None, "data": 1}), 1, id="success without a value"),
        pytest.param(V3, answer(200, {"data": {"success": False}}), {"success": False}, id="a field inside"),
        pytest.param(V3, answer(200, {"data": 1, "status": False}), 1, id="a status beside the content"),
        pytest.param(FLAT, answer(200, {"status": False}), {"status": False}, id="a status that is content"),
        pytest.param(
            V3, answer(200, {"data": 1}, {"Content-Type": "application/mediaType"}), 1, id="odd content type (X32)"
        ),
    ],
)
def test_successes(asked: Operation, came: WireAnswer, value: Any) -> None:
    verdict = judge(asked, came)
    assert (verdict.refusal, verdict.partial) == (None, False)
    assert verdict.value == value


Refused = tuple[type[APIError], Event, int | None, tuple[str, ...]]

REFUSALS: list[tuple[str, WireAnswer, Refused]] = [
    # HTTP statuses
    ("401", answer(401, {"message": "Unauthorized"}), (AuthenticationError, "unauthorized", None, ("Unauthorized",))),
    ("403", answer(403, {"success": False}), (PermissionDenied, "refused", None, ())),
    ("404", answer(404), (NotFound, "refused", None, ())),
    ("410", answer(410), (NotFound, "refused", None, ())),
    ("408", answer(408), (ServerError, "server error", None, ())),
    ("499", answer(499), (ServerError, "server error", None, ())),
    ("redirect to nowhere", answer(302, None, {"Location": "http://["}), (ServerError, "unusable", None, ())),
    ("412", answer(412), (ValidationFailed, "refused", None, ())),
    ("429", answer(429, b"slow down"), (RateLimited, "rate limited", None, ("slow down",))),
    ("503", answer(503), (ServerError, "server error", None, ())),
    ("520", answer(520, b"\xff\xfe"), (ServerError, "server error", None, ("\ufffd\ufffd",))),
    ("999", answer(999), (ServerError, "server error", None, ())),
    # the service's own words
    (
        "v3 list",
        answer(422, {"success": False, "errorObjects": [{"error": "Io name exists", "field": "ioName"}]}),
        (ValidationFailed, "refused", None, ("ioName: Io name exists",)),
    ),
    ("status", answer(200, {"status": False, "reason": "no"}), (ValidationFailed, "refused", None, ("no",))),
    (
        "v3 object (B7)",
        answer(400, {"success": False, "errorObjects": {"error": "bad dimension", "reason": "unknown"}}),
        (ValidationFailed, "refused", None, ("bad dimension: unknown",)),
    ),
    (
        "v2",
        answer(400, {"statusCode": 412, "responseObject": {"errorMsg": "maxBid", "errorCode": 412, "errorField": "m"}}),
        (ValidationFailed, "refused", 412, ("m: maxBid",)),
    ),
    (
        "v2, code inside only",
        answer(400, {"responseObject": {"errorMsg": "no", "errorCode": 4001}}),
        (ValidationFailed, "refused", 4001, ("no",)),
    ),
    (
        "log-in on hold (Q9)",
        answer(400, {"success": False, "data": {"status": "On Hold"}, "errorObjects": [{"error": "on hold"}]}),
        (ValidationFailed, "refused", None, ("on hold",)),
    ),
    (
        "text as data",
        answer(400, {"success": False, "data": "IO Ids list can not be empty."}),
        (ValidationFailed, "refused", None, ("IO Ids list can not be empty.",)),
    ),
    (
        "OAuth",
        answer(401, {"error": "invalid_token", "error_description": "expired"}),
        (AuthenticationError, "unauthorized", None, ("invalid_token: expired",)),
    ),
    (
        "fields",
        answer(422, {"errors": {"name": ["too short", "taken"], "bid": "no number"}}),
        (ValidationFailed, "refused", None, ("name: too short", "name: taken", "bid: no number")),
    ),
    (
        "a gateway's JSON",
        answer(403, {"errors": [{"message": "denied"}, {"message": "denied"}, "really"]}),
        (PermissionDenied, "refused", None, ("denied", "really")),
    ),
    ("HTML", answer(502, HTML), (ServerError, "server error", None, ("a page titled '502 Bad Gateway & more'",))),
    ("no title", answer(502, b"<html></html>"), (ServerError, "server error", None, ("a page, not JSON",))),
    ("cut-off JSON", answer(500, b'{"a": '), (ServerError, "server error", None, ())),
    # refused inside a success
    ("X4", answer(200, {"success": False}), (ValidationFailed, "refused", None, ())),
    (
        "X4 with a code",
        answer(200, {"statusCode": 403, "responseObject": {"errorMsg": "no"}}),
        (PermissionDenied, "refused", 403, ("no",)),
    ),
    ("401 in a success", answer(200, {"statusCode": 401}), (AuthenticationError, "unauthorized", 401, ())),
    ("429 in a success", answer(200, {"statusCode": "429"}), (RateLimited, "rate limited", 429, ())),
    ("500 in a success", answer(200, {"statusCode": 500}), (ServerError, "server error", 500, ())),
    ("code and success", answer(200, {"statusCode": 200, "success": False}), (ValidationFailed, "refused", 200, ())),
    # successes that cannot be read
    ("HTML as 200", answer(200, HTML), (ServerError, "undecodable", None, ("a page titled '502 Bad Gateway & more'",))),
    ("half a body", answer(200, b'{"success": true, "da'), (ServerError, "undecodable", None, ())),
    ("empty body", answer(200), (ServerError, "undecodable", None, ())),
    ("NaN", answer(200, b'{"data": NaN}'), (ServerError, "undecodable", None, ())),
    (
        "redirect",
        answer(302, None, {"Location": "https://x.example.com/?token=a"}),
        (ServerError, "unusable", None, ()),
    ),
    ("100", answer(100), (ServerError, "unusable", None, ())),
]


@pytest.mark.parametrize(("came", "refused"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals(came: WireAnswer, refused: Refused) -> None:
    refusal = judge(V3, came).refusal
    assert refusal is not None
    error = error_of(V3, came)
    assert (type(error), refusal.event, error.body_code, error.errors) == refused
    assert error.status == came.status
    assert error.operation == "things.do"
    assert all(text in str(error) for text in error.errors)
    if isinstance(error, ServerError):
        assert error.undecodable == (refusal.event in ("undecodable", "unusable"))


@pytest.mark.parametrize(
    ("came", "text"),
    [
        (
            answer(400, {"statusCode": 412, "responseObject": {"errorMsg": "no"}}, {"X-Request-Id": "r-1"}),
            "things.do: HTTP 400 (body code 412): no [request r-1]",
        ),
        (answer(400, {"statusCode": 400}), "things.do: HTTP 400: the service gives no reason"),
        (answer(200), "things.do: HTTP 200: the body is empty"),
        (
            answer(200, b"{"),
            "things.do: HTTP 200: a success whose body of 1 bytes cannot be read as JSON",
        ),
        (
            answer(302, None, {"Location": "https://x.example.com/?token=a"}),
            "things.do: HTTP 302: not followed to https://x.example.com/?token=***; is the base URL right?",
        ),
        (answer(304), "things.do: HTTP 304: not followed to nowhere; is the base URL right?"),
    ],
)
def test_messages_read_well(came: WireAnswer, text: str) -> None:
    assert str(error_of(V3, came)) == text


@pytest.mark.parametrize("name", ["x-request-id", "X-Correlation-ID", "X-Amzn-RequestId", "CF-Ray"])
def test_request_ids(name: str) -> None:
    assert error_of(V3, answer(500, None, {name: "r-1"})).request_id == "r-1"


def test_errors_carry_the_answer_without_secrets() -> None:
    error = error_of(V3, answer(403, {"token": "abc", "message": "no"}, {"Set-Cookie": "s=abc", "Via": "1.1 x"}))
    assert error.response.parsed == {"token": "***", "message": "no"}
    assert error.response.content == b'{"token":"***","message":"no"}'
    assert dict(error.response.headers) == {"set-cookie": "***", "via": "1.1 x"}
    assert error.response.request is error.request is SHOWN
    assert b"abc" not in pickle.dumps(error)


def test_a_shape_that_nobody_expects() -> None:
    refusal = unusable("odd")
    error = refusal.error(V3, answer(200, {"data": 1}), SHOWN, SECRET_NAMES)
    assert isinstance(error, ServerError)
    assert error.undecodable
    assert str(error) == "things.do: HTTP 200: odd"


def test_texts_are_bounded() -> None:
    many = [{"error": f"{number} " + "x" * 1000} for number in range(1000)]
    texts = messages({"errorObjects": many})
    assert len(texts) == 50
    assert max(map(len, texts)) <= 500
    assert messages([[[[[[[[[["deep"]]]]]]]]]]) == ()
    assert (
        messages({"data": {"data": {"data": {"data": {"data": {"data": {"data": {"data": {"data": "deep"}}}}}}}}}) == ()
    )


def test_texts_hold_no_credentials() -> None:
    assert messages({"message": "bad header\n Bearer abcdefghijklmnopqrst"}) == ("bad header Bearer ***",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "success",
                    "statusCode",
                    "responseObject",
                    "data",
                    "errorObjects",
                    "errors",
                    "error",
                    "reason",
                    "field",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
contents = st.one_of(json_values.map(orjson.dumps), st.binary(max_size=40), st.just(HTML))
PARTIAL = operation(envelope="responseObject", partial=Partial(ok="status", failed="reason", modified="data"))


@given(st.integers(100, 999), contents, st.sampled_from([V2, V3, FLAT, PARTIAL]))
def test_every_answer_is_judged(status: int, content: bytes, asked: Operation) -> None:
    came = WireAnswer(status, Headers({}), content)
    verdict = judge(asked, came)
    if verdict.refusal is None:
        assert 200 <= status < 300
        assert not content or orjson.loads(content) is not Ellipsis
    else:
        error = error_of(asked, came)
        assert (error.status, error.response.status) == (status, status)
        assert str(error).startswith(f"things.do: HTTP {status}")
    if verdict.partial:
        response = RawAnswer(status, Headers({}), content, None, SHOWN)
        assert isinstance(partial_failure(asked, verdict.value, None, response, SHOWN), PartialFailure)


# the samples are those of document 000, with the braces that it lost

RULE = Partial(ok="status", failed="reason", modified="modified_data")
BUDGETS = operation("absolute", envelope="responseObject", partial=RULE)
REASONS = [
    {"errorMessage": "max bid cannot be less than minimum bid 3.0", "id": "4120", "campaignName": "Test"},
    {"errorMessage": "max bid cannot be less than 1.00", "id": "4121", "campaignName": "Copy"},
]
CHANGED = [{"campaignId": 1, "maxBid": 34}]


@define
class Budgets(Model):
    _wire: ClassVar[tuple[tuple[str, str, Callable[[str, Any], Any] | None], ...]] = (
        ("other", "other", None),
        ("reasons", "reason", None),
        ("modified_data", "modified_data", None),
    )
    reasons: list[str] | Unset = UNSET
    modified_data: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = field(factory=dict)


def carried_out(value: Any) -> bool:
    return judge(BUDGETS, answer(200, {"statusCode": 200, "responseObject": value})).partial


@pytest.mark.parametrize(
    ("value", "partial"),
    [
        ({"status": False, "reason": REASONS, "modified_data": CHANGED}, True),
        ({"status": False}, True),
        ({"status": 0}, True),
        ({"status": "false"}, True),
        ({"reason": REASONS}, True),
        ({"status": True, "reason": REASONS}, True),
        ({"status": True, "reason": [], "modified_data": CHANGED}, False),
        ({"status": True}, False),
        ({}, False),
        ("saved", False),
    ],
)
def test_items_that_failed_are_never_overlooked(value: Any, partial: bool) -> None:
    assert carried_out(value) is partial


def partly(value: dict[str, Any], typed: Any) -> PartialFailure:
    response = RawAnswer(200, Headers({}), b"", typed, SHOWN)
    return partial_failure(BUDGETS, value, typed, response, SHOWN)


def test_a_partial_failure_carries_typed_rows() -> None:
    typed = Budgets(reasons=["typed reason"], modified_data=["typed row"])
    error = partly({"status": False, "reason": REASONS, "modified_data": CHANGED}, typed)
    assert (error.failed, error.modified, error.answer) == (("typed reason",), ("typed row",), typed)
    assert str(error) == (
        "things.do: 1 failed, 1 changed: Test: max bid cannot be less than minimum bid 3.0; "
        "Copy: max bid cannot be less than 1.00"
    )


def test_a_partial_failure_carries_raw_rows_where_there_are_no_typed_ones() -> None:
    error = partly({"status": False, "reason": REASONS[0], "modified_data": CHANGED}, None)
    assert (error.failed, error.modified) == ((REASONS[0],), tuple(CHANGED))


def test_a_partial_failure_of_a_model_that_lacks_the_field() -> None:
    rule = operation("absolute", partial=Partial(ok="status", failed="lost", modified="modified_data"))
    value = {"status": False, "lost": ["raw"]}
    typed = Budgets(modified_data=["typed row"])
    error = partial_failure(rule, value, typed, RawAnswer(200, Headers({}), b"", typed, SHOWN), SHOWN)
    assert (error.failed, error.modified) == (("raw",), ("typed row",))


def test_a_partial_failure_without_rows() -> None:
    error = partly({"status": False}, Budgets())
    assert (error.failed, error.modified) == ((), ())
    assert str(error) == "things.do: 0 failed, 0 changed: the service gives no reason"


NAMELESS: list[Any] = [None, [], "ok", {}, {"id": None}, {"id": "x"}, {"id": 0}, {"id": 2**63}]


@pytest.mark.parametrize("payload", [*({"success": True, "data": data} for data in NAMELESS), [], "ok", {}])
def test_a_create_without_an_id_is_no_success(payload: Any) -> None:
    create = evolve(operation("create"), identity=("id", "Id"))
    verdict = judge(create, answer(200, payload))
    assert verdict.refusal is not None
    assert (verdict.refusal.event, verdict.refusal.reason) == ("unusable", "the answer names no id or Id")


@pytest.mark.parametrize("status", [400, 403, 406, 409])
def test_a_page_in_the_place_of_an_answer_is_no_proof_that_nothing_was_bought(status: int) -> None:
    events: dict[Repeat, str] = {"create": "undecodable", "relative": "undecodable", "absolute": "refused"}
    for repeat, event in events.items():
        refusal = judge(operation(repeat), answer(status, HTML)).refusal
        assert refusal is not None
        assert refusal.event == event
    refusal = judge(operation("create"), answer(status, {"message": "no"})).refusal
    assert refusal is not None
    assert refusal.event == "refused"
    assert judge(operation("create"), answer(404, HTML)).refusal != refusal


@pytest.mark.parametrize("data", [{"id": 7}, {"Id": "7"}])
def test_a_create_with_an_id_is_one(data: Any) -> None:
    create = evolve(operation("create"), identity=("id", "Id"))
    assert judge(create, answer(200, {"success": True, "data": data})).value == data


def test_no_content_is_no_success_of_a_create() -> None:
    verdict = judge(evolve(operation("create"), identity=("id",)), answer(204))
    assert verdict.refusal is not None
    assert verdict.refusal.event == "undecodable"


ACKNOWLEDGED = evolve(operation("create", envelope=None), acknowledged=True, identity=("campaignId", "id"))
NO = {"status": "error", "message": "Invalid User Id."}
DONE = {"status": "ok", "campaignId": 7}


@pytest.mark.parametrize(
    ("status", "kind", "event"),
    [
        (200, ValidationFailed, "refused"),
        (201, ValidationFailed, "refused"),
        (302, ValidationFailed, "refused"),
        (400, ValidationFailed, "refused"),
        (401, AuthenticationError, "unauthorized"),
        (403, PermissionDenied, "refused"),
        (404, NotFound, "refused"),
        (408, ServerError, "server error"),
        (429, RateLimited, "rate limited"),
        (500, ServerError, "server error"),
        (503, ServerError, "server error"),
    ],
)
def test_an_acknowledgement_that_says_error(status: int, kind: type[APIError], event: Event) -> None:
    verdict = judge(ACKNOWLEDGED, answer(status, NO))
    assert verdict.refusal is not None
    assert verdict.refusal.event == event
    error = error_of(ACKNOWLEDGED, answer(status, NO))
    assert (type(error), error.errors) == (kind, ("Invalid User Id.",))


@pytest.mark.parametrize("status", [200, 201, 207, 400, 404, 412, 500, 503])
def test_an_acknowledgement_that_says_ok(status: int) -> None:
    assert judge(ACKNOWLEDGED, answer(status, DONE)).value == DONE


@pytest.mark.parametrize(
    ("status", "event"), [(302, "unusable"), (401, "unauthorized"), (403, "refused"), (429, "rate limited")]
)
@pytest.mark.parametrize("repeat", ["create", "relative"])
def test_an_acknowledgement_that_contradicts_its_status(status: int, event: Event, repeat: Repeat) -> None:
    verdict = judge(evolve(ACKNOWLEDGED, repeat="absolute"), answer(status, DONE))
    assert verdict.refusal is not None
    assert verdict.refusal.event == event
    # what may have been created, or added, must not be sent again
    verdict = judge(evolve(ACKNOWLEDGED, repeat=repeat), answer(status, DONE))
    assert verdict.refusal is not None
    assert verdict.refusal.event == "unusable"


@pytest.mark.parametrize("payload", [None, b"<html>", [], "ok", {}, {"status": "OK?"}, {"campaignId": 7}])
def test_a_success_that_acknowledges_nothing(payload: Any) -> None:
    verdict = judge(ACKNOWLEDGED, answer(200, payload))
    assert verdict.refusal is not None
    assert verdict.refusal.event == "unusable"
    assert "no status ok or error" in str(error_of(ACKNOWLEDGED, answer(200, payload)))
    verdict = judge(ACKNOWLEDGED, answer(502, payload))
    assert verdict.refusal is not None
    assert verdict.refusal.event == "server error"


def test_an_acknowledged_create_without_an_id_is_no_success() -> None:
    verdict = judge(ACKNOWLEDGED, answer(200, {"status": "ok", "data": {}}))
    assert verdict.refusal is not None
    assert (verdict.refusal.event, verdict.refusal.reason) == ("unusable", "the answer names no campaignId or id")


@pytest.mark.parametrize("id_", [None, "", "abc", "7x", "٣", True, 7.0, 0, -1, "0", [], {}, "1" * 5000])
def test_what_is_no_id_identifies_nothing(id_: Any) -> None:
    for also in ({}, {"id": 7}):
        verdict = judge(ACKNOWLEDGED, answer(200, {"status": "ok", "campaignId": id_, **also}))
        assert verdict.refusal is not None
        assert verdict.refusal.event == "unusable"


@pytest.mark.parametrize("done", [{"campaignId": 7}, {"campaignId": "7"}, {"id": 7}, {"campaignId": "71001234567890"}])
def test_what_is_an_id_identifies(done: dict[str, Any]) -> None:
    assert judge(ACKNOWLEDGED, answer(200, {"status": "ok", **done})).refusal is None


def test_a_list_may_come_without_acknowledgement() -> None:
    listing = evolve(operation("read", envelope=None), acknowledged=True)
    assert judge(listing, answer(200, {"campaigns": []})).value == {"campaigns": []}
    assert judge(listing, answer(200, NO)).refusal is not None
    assert judge(listing, answer(200, {"status": "pending"})).refusal is not None
    assert judge(listing, answer(200, [])).refusal is not None
