from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from attrs import evolve

from adflight.core.attempt import with_query
from adflight.core.credentials import Grant, StaticCredentials
from adflight.core.errors import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    ConnectionBroken,
    NotSent,
    PartialFailure,
    ServerError,
    Timeout,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.core.httpx_bridge import HttpxTransport
from adflight.core.options import Hook, Options
from adflight.core.quota import Quota
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import InvalidInput, Partial, Repeat, Request
from tests.core.scripted import BEARER, ScriptedTransport, answer, operation, same, session

TOKEN = 'k/y +&"0123é'
SPELLINGS = (
    TOKEN,
    "k%2Fy%20%2B%26%220123%C3%A9",
    "k%2Fy+%2B%26%220123%C3%A9",
    "k/y +&amp;&quot;0123é",
    r"k/y +&\"0123é",
    r"k/y +&\"0123\u00e9",
)
URL = "https://api.example.com/base/things?type=x&organizationId=***&token=***"


def request(repeat: Repeat = "read", **changes: Any) -> Request:
    return Request(evolve(operation(repeat), **changes), "/things", query={"type": "x"})


async def call(transport: Any, asked: Request | None = None, *, options: Options | None = None, **parts: Any) -> Any:
    key = Grant({}, query={"organizationId": "10", "token": TOKEN})
    opened = session(transport, authenticator=StaticCredentials({BEARER: key}), **parts)
    return await opened.call(asked or request(), same, options or Options(max_attempts=1))


def assert_no_secret(*shown: object) -> None:
    for thing in shown:
        text = (
            thing
            if isinstance(thing, str)
            else f"{thing!r} {thing!s} {vars(thing) if hasattr(thing, '__dict__') else ''}"
        )
        if isinstance(thing, BaseException):
            text += "".join(traceback.format_exception(thing)) + repr(pickle.dumps(thing))
        for spelling in (*SPELLINGS, TOKEN.encode().decode("latin-1"), "0123"):
            assert spelling not in text


@pytest.mark.parametrize(
    ("url", "over", "sent"),
    [
        ("https://a.example.com/b", {"t": "x y&z"}, "https://a.example.com/b?t=x%20y%26z"),
        ("https://a.example.com/b?c=d", {"t": "x", "u": ""}, "https://a.example.com/b?c=d&t=x&u="),
        ("https://a.example.com/b?t=mine&c=d%20e&%74=mine", {"t": "x"}, "https://a.example.com/b?c=d%20e&t=x"),
    ],
)
def test_parameters_take_the_place_of_their_namesakes(url: str, over: Mapping[str, str], sent: str) -> None:
    assert with_query(url, over) == sent


async def test_credentials_are_added_to_the_url_at_the_last_moment() -> None:
    shown: list[httpx.Request] = []

    async def look(seen: httpx.Request) -> None:
        shown.append(seen)
        seen.url = httpx.URL("https://elsewhere.example.com/?token=mine")

    transport = ScriptedTransport()
    assert await call(transport, hooks=[Hook(look)]) == 1
    (sent,) = transport.sent
    assert sent.url == f"https://api.example.com/base/things?type=x&organizationId=10&token={SPELLINGS[1]}"
    assert_no_secret(sent, shown[0].headers, shown[0].content.decode())


async def test_what_hooks_raw_answers_and_logs_show(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def ask(seen: httpx.Request) -> None:
        shown.append(str(seen.url))

    async def tell(seen: httpx.Response) -> None:
        shown.extend([str(seen.request.url), seen.text, str(seen.headers)])
        raise RuntimeError("an observer fails")

    came = answer(200, {"data": {"token": TOKEN, "text": f"it is {TOKEN}"}}, {"X-Echo": SPELLINGS[1]})
    raw = await call(ScriptedTransport(came), hooks=[Hook(ask, tell)], options=Options(raw=True))
    assert raw.request.url == raw.http_response.request.url == URL
    assert raw.content == came.content, "what the service says to the caller is the caller's"
    assert shown[:2] == [URL, URL]
    assert_no_secret(raw.request, str(raw.http_response.request.url), *shown, caplog.text)
    assert "an observer fails" in caplog.text


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 500])
async def test_refusals_that_repeat_the_token(spelling: str, status: int) -> None:
    body = f'{{"status": "error", "message": "bad token {spelling}", "{spelling}": ["{spelling}"]}}'.encode()
    headers = {"Location": f"https://x.example.com/{spelling}?key={spelling}", "X-Request-Id": spelling}
    with pytest.raises(AdflightError) as raised:
        await call(ScriptedTransport(answer(status, body, headers)), request(acknowledged=True))
    error: Any = raised.value
    assert "bad token ***" in str(error) or spelling == TOKEN, "as it stands it is no JSON"
    assert error.request.url == error.response.request.url == URL
    assert_no_secret(error, error.request, error.response, error.response.content.decode(), repr(error.response.parsed))
    assert_no_secret(str(dict(error.response.headers)))


async def test_pages_that_repeat_the_token() -> None:
    page = f"<html><title>no {SPELLINGS[3]}</title></html>".encode()
    with pytest.raises(ServerError, match="a page titled 'no \\*\\*\\*'") as raised:
        await call(ScriptedTransport(answer(502, page)))
    assert_no_secret(raised.value, raised.value.response.content.decode())


async def test_unknown_outcomes() -> None:
    with pytest.raises(UnknownOutcome) as raised:
        await call(ScriptedTransport(answer(500, {"message": TOKEN})), request("create"))
    assert raised.value.request.url == URL
    assert_no_secret(raised.value, raised.value.request, raised.value.cause, raised.value.response)


async def test_partial_failures() -> None:
    rule = Partial(ok="ok", failed="failed", modified="modified")
    came = answer(200, {"ok": False, "failed": [{"reason": f"no {TOKEN}"}], "modified": []})
    with pytest.raises(PartialFailure, match=r"no \*\*\*") as raised:
        await call(ScriptedTransport(came), request("absolute", envelope=None, partial=rule))
    assert raised.value.failed == ({"reason": "no ***"},)
    assert_no_secret(str(raised.value), raised.value.response.content.decode(), raised.value.request)


class ChattyError(ConnectionBroken):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.url = message


@pytest.mark.parametrize(
    "kind",
    [NotSent, Timeout, ConnectionBroken, ChattyError, ConfigurationError, lambda url: InvalidInput("url", url, "")],
)
@pytest.mark.parametrize("repeat", ["read", "create"])
async def test_transports_that_name_the_url(kind: Any, repeat: Repeat) -> None:
    async def fail(sent: WireRequest) -> WireAnswer:
        raise kind(f"{sent.method} {sent.url} failed")

    with pytest.raises(AdflightError, match="token=\\*\\*\\*") as raised:
        await call(ScriptedTransport(fail), request(repeat))
    assert_no_secret(str(raised.value), repr(vars(raised.value)), "".join(traceback.format_exception(raised.value)))


async def test_a_refused_query_token_is_not_renewed() -> None:
    transport = ScriptedTransport(answer(401, {"message": "no"}))
    with pytest.raises(AuthenticationError):
        await call(transport, request(security=(BEARER,)), options=Options())
    assert len(transport.sent) == 1


@pytest.mark.parametrize("form", [True, False])
async def test_passwords_that_a_service_repeats(form: bool) -> None:
    body: dict[str, Any] = {"username": "ada", "password": TOKEN, "secret": 12345678}
    asked = Request(operation(), "/log-in", body=body, form=form)
    body["secret"] = "12345678" if form else body["secret"]
    came = answer(400, {"message": f"{TOKEN} is not the password of ada"})
    with pytest.raises(ValidationFailed, match=r"\*\*\* is not the password of ada") as raised:
        await session(ScriptedTransport(came)).call(asked, same, Options())
    assert_no_secret(raised.value, raised.value.request, raised.value.response)


async def test_keys_in_headers_that_a_service_repeats() -> None:
    async def add(seen: httpx.Request) -> None:
        seen.headers["Cookie"] = "theme=x; session=of-a-hook-42"

    keys = {"x-api-key": f" {TOKEN} ", "Proxy-Authorization": "Basic by-the-proxy", "X-Trace": "trace-42"}
    said = f"{TOKEN}, by-the-proxy, of-a-hook-42 and theme are none of Basic, trace-42"
    opened = session(ScriptedTransport(answer(400, said.encode())), hooks=[Hook(add)])
    with pytest.raises(ValidationFailed) as raised:
        await opened.call(request(), same, Options(headers=keys))
    shown = raised.value.response.content.decode()
    assert shown == "***, ***, *** and theme are none of Basic, trace-42"
    assert_no_secret(raised.value, raised.value.request, raised.value.response)


async def test_nested_fields_that_a_service_repeats() -> None:
    body = {"rows": [{"name": "Spring", "auth": {"Password": TOKEN, "token": ["one-of-two", "abc"]}}]}
    came = answer(400, {"message": f"{TOKEN} or one-of-two, or abc, is not the password of Spring"})
    with pytest.raises(ValidationFailed, match=r"\*\*\* or \*\*\*, or abc, is not the password of Spring") as raised:
        await session(ScriptedTransport(came)).call(Request(operation(), "/things", body=body), same, Options())
    assert_no_secret(raised.value, raised.value.request, raised.value.response)


async def test_nobody_looks_for_secrets_in_a_body_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adflight.core.attempt.secret_values", lambda *arguments: pytest.fail("it was read through"))
    asked = Request(operation("create"), "/things", body={"rows": [{"password": TOKEN}]})
    assert await session(ScriptedTransport()).call(asked, same, Options()) == 1


@pytest.mark.parametrize("repeat", ["read", "create"])
async def test_a_token_that_cannot_be_sent_holds_up_nobody(repeat: Repeat) -> None:
    key = Grant({}, query={"token": "abcd\udcff"})
    transport = ScriptedTransport()
    opened = session(transport, authenticator=StaticCredentials({BEARER: key}), quota=Quota(1, 60.0), max_in_flight=1)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="UTF-8") as raised:
            await opened.call(request(repeat), same, Options())
        assert "abcd" not in str(raised.value)
        assert raised.value.__context__ is None
    assert (transport.sent, opened.limiter.state().used) == ([], 0)


async def test_httpx_does_not_log_it_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mock = httpx.AsyncClient(transport=httpx.MockTransport(lambda asked: httpx.Response(200, json={"data": 1})))
    transport = HttpxTransport(mock)
    assert await call(transport) == 1
    assert "organizationId=10&token=***" in caplog.text
    assert_no_secret(caplog.text)
    caplog.clear()
    await mock.get("https://api.example.com/?token=theirs")
    assert "token=theirs" in caplog.text, "what is not ours is left alone"
    await transport.aclose()
