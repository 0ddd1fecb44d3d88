from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from adflight import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectionBroken,
    FreeWheel,
    Hook,
    NotFound,
    OperationNotConfigured,
    Options,
    PagingError,
    PermissionDenied,
    RateLimited,
    Route,
    ServerError,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.freewheel import PRODUCTION, STAGING
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from adflight.types.freewheel import BudgetModel, Stage
from adflight_api.freewheel.api.insertion_orders import insertion_orders_get
from tests.core.scripted import ScriptedTransport, Step, answer
from tests.freewheel.scene import CREDENTIALS, ORDER, TOKEN, Scene, scripted, xml


def path(transport: ScriptedTransport) -> str:
    return transport.sent[-1].url.partition("://")[2].partition("/")[2]


# settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("FREEWHEEL_USERNAME", "FREEWHEEL_PASSWORD", "FREEWHEEL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_all_missing_variables_are_named_at_once(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="not set: FREEWHEEL_USERNAME, FREEWHEEL_PASSWORD"):
        FreeWheel.from_env()
    with pytest.raises(ConfigurationError, match=r"not set: FREEWHEEL_PASSWORD$"):
        FreeWheel.from_env(username="ada@example.com")


async def test_a_client_comes_from_the_environment(scene: Scene, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FREEWHEEL_USERNAME", CREDENTIALS["username"])
    environment.setenv("FREEWHEEL_PASSWORD", CREDENTIALS["password"])
    environment.setenv("FREEWHEEL_BASE_URL", scene.platform.url)
    async with FreeWheel.from_env(clock=scene.clock, transport=scene.wire) as freewheel:
        assert (await freewheel.auth.token_info()).user_id == scene.platform.USER_ID


def test_settings_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FREEWHEEL_BASE_URL", "staging")
    assert FreeWheel.from_env(**CREDENTIALS).base_url == STAGING
    freewheel = FreeWheel.from_env(**CREDENTIALS, base_url="https://other.example.com/", options=Options(timeout=3))
    assert (freewheel.base_url, freewheel.options.timeout) == ("https://other.example.com", 3)


def test_empty_credentials_are_named_and_others_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        FreeWheel(username="", password="correct-horse")
    assert str(caught.value) == "missing: username"


def test_both_hosts_have_names() -> None:
    assert FreeWheel(**CREDENTIALS).base_url == PRODUCTION == "https://api.freewheel.tv"
    assert FreeWheel(**CREDENTIALS, base_url="production").base_url == PRODUCTION
    assert FreeWheel(**CREDENTIALS, base_url="staging").base_url == STAGING == "https://api.stg.freewheel.tv"
    with pytest.raises(ConfigurationError, match="base_url"):
        FreeWheel(**CREDENTIALS, base_url="sandbox")


def test_a_client_may_be_shown() -> None:
    freewheel = FreeWheel(**CREDENTIALS)
    assert repr(freewheel) == "<FreeWheel https://api.freewheel.tv>"
    assert repr(freewheel.insertion_orders) == "<InsertionOrders>"


# where requests go


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "services/v3/insertion_orders/7"),
        ({"suffix": ".xml"}, "services/v3/insertion_orders/7.xml"),
        ({"prefix": "/v3"}, "v3/insertion_orders/7"),
        ({"prefix": "/v3", "suffix": ".xml"}, "v3/insertion_orders/7.xml"),
        ({"prefix": ""}, "insertion_orders/7"),
        ({"documented_paths": True}, "v3/insertion_orders/7.xml"),
        ({"documented_paths": True, "prefix": "/services/v3"}, "services/v3/insertion_orders/7.xml"),
        ({"documented_paths": True, "suffix": ".xml"}, "v3/insertion_orders/7.xml"),
        ({"routes": {"insertion_orders.get": Route("POST", "/a/{insertion_order_id}/b")}, "suffix": ".xml"}, "a/7/b"),
    ],
)
async def test_prefix_suffix_and_routes(settings: Mapping[str, Any], expected: str) -> None:
    freewheel, transport, _ = scripted(ORDER, **settings)
    assert (await freewheel.insertion_orders.get(7)).name == "Spring"
    assert path(transport) == expected
    assert transport.sent[-1].method == ("POST" if "routes" in settings else "GET")
    # the token service has neither
    assert transport.sent[0].url.endswith(".example.com/auth/token")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"prefix": "v3"}, "expected two paths"),
        ({"suffix": "?a=b"}, "suffix='\\?a=b': expected the end of a path"),
        ({"routes": {"insertion_orders.buy": Route("PUT", "/a")}}, "no such operation"),
    ],
)
def test_what_cannot_be_a_way_is_refused(settings: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        FreeWheel(**CREDENTIALS, **settings)


@pytest.mark.parametrize("base_url", ["production", "staging"])
@pytest.mark.parametrize("operation", ["book", "unbook"])
async def test_what_is_known_too_badly_needs_an_opt_in(operation: str, base_url: str) -> None:
    freewheel, transport, _ = scripted(ORDER, base_url=base_url)
    with pytest.raises(OperationNotConfigured, match="allow_low_confidence=True"):
        await getattr(freewheel.insertion_orders, operation)(7)
    assert transport.sent == []

    freewheel, transport, _ = scripted(ORDER, base_url=base_url, allow_low_confidence=True)
    await getattr(freewheel.insertion_orders, operation)(7)
    assert path(transport) == f"services/v3/insertion_order/7/{operation}"


async def test_what_is_asked_for_and_sent_is_xml() -> None:
    freewheel, transport, _ = scripted(ORDER)
    await freewheel.insertion_orders.update(7, name="Caf\u00e9 & more")
    sent = transport.sent[-1]
    assert (sent.headers["Accept"], sent.headers["Content-Type"]) == ("application/xml", "application/xml")
    written = "<insertion_order><name>Caf\u00e9 &amp; more</name></insertion_order>"
    assert (sent.content or b"").decode() == f'<?xml version="1.0" encoding="UTF-8"?>\n{written}'


# views and calls


async def test_views_ensure_too(scene: Scene, freewheel: FreeWheel) -> None:
    view = freewheel.with_options(timeout=5)
    await view.insertion_orders.ensure(campaign_id=501, external_id="17", name="Spring")
    assert {sent.timeout for sent in scene.wire.sent if "insertion_order" in sent.url} == {5}


async def test_raw_answers_are_the_xml_that_came(freewheel: FreeWheel) -> None:
    order = await freewheel.insertion_orders.create(name="Spring", campaign_id=501)
    raw = await freewheel.with_raw_response.insertion_orders.get(order.id)
    assert raw.status == 200
    assert raw.content.startswith(b"<?xml")
    assert raw.parsed.stage is Stage.NOT_BOOKED
    assert raw.parsed.budget and raw.parsed.budget.budget_model is BudgetModel.EVERGREEN


async def test_other_calls(freewheel: FreeWheel) -> None:
    order = await freewheel.insertion_orders.create(name="Spring", campaign_id=501)
    read = await freewheel.call(insertion_orders_get.request(order.id), insertion_orders_get.parse)
    assert read.id == order.id
    info = await freewheel.request("GET", "/auth/token/info", repeatable=True)
    assert info["user_id"] == FreeWheelPlatform.USER_ID
    found = [outcome.result().id async for outcome in freewheel.map(freewheel.insertion_orders.get, [order.id] * 3)]
    assert found == [order.id] * 3


# paging


async def test_lists_are_read_to_their_end_in_the_largest_pages(scene: Scene, freewheel: FreeWheel) -> None:
    for number in range(120):
        await freewheel.insertion_orders.create(name=f"Flight {number}", campaign_id=501)
    before = len(scene.wire.sent)
    pages = [page async for page in freewheel.insertion_orders.list_by_campaign(501).pages(strict=True)]
    assert [len(page.rows) for page in pages] == [50, 50, 20]
    assert [page.total for page in pages] == [120] * 3
    assert len({row.id for page in pages for row in page.rows}) == 120
    queries = [sent.url.partition("?")[2] for sent in scene.wire.sent[before:]]
    assert queries == [f"per_page=50&page={number}" for number in (1, 2, 3)]
    first = await freewheel.insertion_orders.list(per_page=7, page=2)
    assert (first.current_page, first.total_pages, len(first.insertion_order or [])) == (2, 18, 7)


async def test_an_empty_list_is_one_empty_page(freewheel: FreeWheel) -> None:
    pages = [page async for page in freewheel.insertion_orders.list().pages(strict=True)]
    assert [(list(page.rows), page.total) for page in pages] == [([], 0)]


async def test_a_list_that_does_not_add_up_is_an_error_when_it_must() -> None:
    short = xml('<insertion_orders current_page="1" per_page="50" total_pages="1" total_entries="3"/>')
    freewheel, _, _ = scripted(short)
    with pytest.raises(PagingError, match="counts 3 rows and carries none"):
        [row async for row in freewheel.insertion_orders.list().rows(strict=True)]


# errors


DOCTYPE = b'<!DOCTYPE a [<!ENTITY b "c">]><insertion_order><id>7</id><name>&b;</name></insertion_order>'
DEEP = b"<insertion_order>" + b"<a>" * 70 + b"</a>" * 70 + b"</insertion_order>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (DOCTYPE, "DOCTYPE"),
        (DEEP, "64"),
        (b"<html><body>Welcome</body></html>", "starts like HTML"),
        (b'{"Message": "Welcome"}', "JSON"),
        (b"<insertion_order><id>7</id>", "cut off"),
        (b"", "the body is empty"),
    ],
    ids=["DOCTYPE", "depth", "HTML", "JSON", "half", "nothing"],
)
async def test_a_success_that_cannot_be_read_says_why(content: bytes, words: str) -> None:
    freewheel, _, _ = scripted(answer(200, content), options=Options(max_attempts=1))
    with pytest.raises(ServerError, match=words) as caught:
        await freewheel.insertion_orders.get(7)
    assert caught.value.undecodable
    with pytest.raises(UnknownOutcome, match=words):
        await freewheel.insertion_orders.create(name="Spring", campaign_id=501)


async def test_a_body_over_the_size_is_not_read() -> None:
    freewheel, _, _ = scripted(ORDER, max_body_size=100 + len(str(TOKEN)))
    await freewheel.insertion_orders.get(7)
    large = xml(f"<insertion_order><name>{'x' * 1000}</name></insertion_order>")
    freewheel, _, _ = scripted(large, max_body_size=500, options=Options(max_attempts=1))
    with pytest.raises(ServerError, match="500"):
        await freewheel.insertion_orders.get(7)


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (xml("<errors><error>The name is missing</error></errors>", 422), ValidationFailed, "The name is missing"),
        (xml("<errors><error>There is no insertion order 7</error></errors>", 404), NotFound, "no insertion order 7"),
        (xml("<errors><error>json is not supported</error></errors>", 400), ValidationFailed, "json is not supported"),
        (answer(403, {"Message": "explicit deny"}), PermissionDenied, "explicit deny"),
        (answer(429, {"Message": "Too many requests"}), RateLimited, "Too many requests"),
        (xml("<errors><error>Held by another request</error></errors>", 408), ServerError, "Held by another"),
        (answer(502, b"<html><title>Bad gateway</title></html>"), ServerError, "Bad gateway"),
        (answer(422, DOCTYPE), ValidationFailed, "422"),
    ],
)
async def test_refusals_in_any_form_have_words(step: Step, kind: type[APIError], words: str) -> None:
    freewheel, _, _ = scripted(step, options=Options(max_attempts=1))
    with pytest.raises(kind, match=words) as caught:
        await freewheel.insertion_orders.get(7)
    assert caught.value.operation == "insertion_orders.get"


async def test_an_order_that_is_held_is_asked_for_again() -> None:
    held = xml("<errors><error>Held by another request</error></errors>", 408)
    freewheel, transport, _ = scripted(held, ORDER)
    await freewheel.insertion_orders.update(7, name="Spring")
    assert [sent.method for sent in transport.sent[1:]] == ["PUT", "PUT"]


async def test_a_delete_is_not_repeated() -> None:
    freewheel, transport, _ = scripted(ConnectionBroken("gone"))
    with pytest.raises(UnknownOutcome):
        await freewheel.insertion_orders.delete(7)
    assert len(transport.sent) == 2


# secrets


async def test_secrets_are_nowhere(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def on_request(request: Any) -> None:
        seen.append(f"{request.url} {dict(request.headers)} {request.content!r}")

    async def on_response(response: Any) -> None:
        seen.append(f"{response.request.url} {dict(response.headers)} {response.content!r}")

    freewheel = await scene.client(hooks=[Hook(on_request=on_request, on_response=on_response)])
    await freewheel.insertion_orders.list()
    token = next(sent.headers["Authorization"] for sent in scene.wire.sent if "Authorization" in sent.headers)
    with pytest.raises(NotFound) as missing:
        await freewheel.insertion_orders.get(7)
    other = await scene.client(password="wr0ng-p4ssword", hooks=[Hook(on_request=on_request, on_response=on_response)])
    with pytest.raises(AuthenticationError) as refused:
        await other.insertion_orders.list()

    raised = [caught.value for caught in (missing, refused)]
    shown = [*seen, caplog.text, repr(freewheel), repr(freewheel.insertion_orders), *map(str, raised)]
    shown += ["".join(traceback.format_exception(error)) + repr(vars(error)) for error in raised]
    shown += [str(pickle.dumps(error)) for error in raised]
    for secret in (token.removeprefix("Bearer "), CREDENTIALS["password"], "wr0ng-p4ssword"):
        assert [text for text in shown if secret in text] == []
    assert any("grant_type" in text for text in seen)
