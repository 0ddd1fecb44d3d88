from __future__ import annotations

from typing import Any

import pytest

from adflight.core.answers import RawAnswer
from adflight.core.caller import BoundCaller
from adflight.core.errors import InvalidInput, UnknownOutcome, ValidationFailed
from adflight.core.options import Options
from adflight.core.session import Session
from adflight_api.runtime import Caller, Paging, Request
from tests.core.scripted import BASIC, SECRET, ScriptedTransport, Step, answer, ok, operation, request, same, session


def caller(*steps: Step, options: Options | None = None) -> tuple[BoundCaller, ScriptedTransport]:
    transport = ScriptedTransport(*steps)
    return BoundCaller(session(transport), options), transport


async def test_it_is_what_resources_call() -> None:
    bound, transport = caller(ok(7))
    as_resources_see_it: Caller = bound
    assert await as_resources_see_it.call(request(), same) == 7
    assert len(transport.sent) == 1
    assert repr(bound) == "<BoundCaller https://api.example.com/base>"


async def test_views_share_everything_but_the_options() -> None:
    bound, transport = caller(ok(7))
    view = bound.with_options(timeout=5).with_options(raw=True)
    assert view.session is bound.session
    assert (view.options, bound.options) == (Options(timeout=5, raw=True), Options())
    raw: Any = await view.call(request(), same)
    assert (type(raw), raw.parsed) == (RawAnswer, 7)
    assert transport.sent[0].timeout == 5


def test_unknown_options_are_refused() -> None:
    bound, _ = caller()
    with pytest.raises(TypeError, match="retries"):
        bound.with_options(retries=3)


ROWS: Paging[Any, Any] = Paging(
    rows=lambda value: value["rows"], total=lambda value: value["total"], page="pageNo", size="noOfEntries"
)


@pytest.mark.parametrize("raw", [False, True])
async def test_pagers(raw: bool) -> None:
    pages = [ok({"rows": [1, 2], "total": 3}), ok({"rows": [3], "total": 3})]
    bound, _ = caller(*pages, *pages[:1], options=Options(raw=raw))
    pager = bound.pager(Request(operation(method="GET"), "/things"), same, ROWS)
    assert [row async for row in pager.rows(size=2)] == [1, 2, 3]
    first: Any = await pager
    assert (first.parsed if raw else first) == {"rows": [1, 2], "total": 3}


async def test_operations_that_the_specification_does_not_know_may_be_acknowledged() -> None:
    transport = ScriptedTransport(answer(200, {"status": "error", "message": "Invalid User Id."}))
    bound = BoundCaller(session(transport, acknowledged=True))
    with pytest.raises(ValidationFailed, match=r"Invalid User Id\."):
        await bound.request("POST", "/api/things")
    # where nobody knows more of it, a text is a text
    assert await caller(*transport.steps)[0].request("POST", "/api/things")


async def test_operations_that_the_specification_does_not_know() -> None:
    bound, transport = caller(ok({"id": 1}))
    result = await bound.request(
        "post",
        "/api/v3/things",
        query={"page": 1, "deep": True, "left": None, "sort": "+name"},
        json={"name": "Spring"},
        envelope="data",
    )
    assert result == {"id": 1}
    (sent,) = transport.sent
    assert sent.method == "POST"
    assert sent.url == "https://api.example.com/base/api/v3/things?page=1&deep=true&sort=%2Bname"
    assert sent.content == b'{"name":"Spring"}'
    assert sent.headers["Authorization"] == f"Bearer {SECRET}-1"


async def test_an_unknown_operation_is_taken_for_a_purchase() -> None:
    bound, transport = caller(answer(503), ok())
    with pytest.raises(UnknownOutcome, match="GET /a was sent"):
        await bound.request("GET", "/a")
    assert await bound.request("GET", "/a", repeat="read") == {"success": True, "data": 1}
    assert len(transport.sent) == 2


async def test_other_credentials_for_an_unknown_operation() -> None:
    bound, transport = caller()
    await bound.request("GET", "/a", security=(BASIC,))
    assert transport.sent[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "path",
    ["", "a", "https://evil.example.com/", "//evil.example.com/", "/a?b=1", "/a#b", "/a b", "/a\r\nb", "/\\x", "/é"],
)
async def test_paths_that_could_lead_elsewhere(path: str) -> None:
    bound, transport = caller()
    with pytest.raises(InvalidInput, match="path"):
        await bound.request("GET", path)
    assert transport.sent == []


@pytest.mark.parametrize("method", ["", "GET /", "GE T", "P\u00d6ST"])
async def test_methods_that_are_none(method: str) -> None:
    bound, _ = caller()
    with pytest.raises(InvalidInput, match="method"):
        await bound.request(method, "/a")


def test_the_session_is_shared() -> None:
    bound, _ = caller()
    assert isinstance(bound.session, Session)
    assert bound.session.default_security == ("bearerAuth",)


async def test_calls_in_xml() -> None:
    transport = ScriptedTransport(answer(200, b"<order><id>5</id><cap>1</cap><cap>2</cap></order>"))
    caller = BoundCaller(session(transport), Options(raw=True))
    document = "<order><name>é</name><password>p</password></order>"
    raw = await caller.request("PUT", "/services/v3/order/5", xml=document, media="xml")
    assert raw.parsed == {"order": {"id": "5", "cap": ["1", "2"]}}
    (sent,) = transport.sent
    assert sent.content == document.encode()
    assert sent.headers["Accept"] == sent.headers["Content-Type"] == "application/xml"
    assert raw.request.body is None
    assert raw.request.content == "<order><name>é</name><password>***</password></order>".encode()


async def test_reading_xml_needs_no_body() -> None:
    transport = ScriptedTransport(answer(200, b"<orders/>"))
    assert await BoundCaller(session(transport)).request("GET", "/orders", media="xml", repeat="read") == {
        "orders": None
    }
    assert (transport.sent[0].content, "Content-Type" in transport.sent[0].headers) == (None, False)


@pytest.mark.parametrize(("media", "body"), [("json", {"xml": "<a/>"}), ("xml", {"json": {}})])
async def test_a_body_in_the_other_media_is_refused(media: Any, body: Any) -> None:
    with pytest.raises(InvalidInput, match=f"a body in {media.upper()}"):
        await BoundCaller(session(ScriptedTransport())).request("PUT", "/a", media=media, **body)
