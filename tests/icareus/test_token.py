"""The organization's secret travels in the query of every write, and is shown nowhere."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any, Final, assert_type
from urllib.parse import quote, quote_plus

import httpx
import pytest

from adflight import (
    AdflightError,
    APIError,
    ConnectionBroken,
    Hook,
    HttpxTransport,
    Icareus,
    InvalidInput,
    NotSent,
    Options,
    RateLimited,
    RawResponse,
    ServerError,
    Timeout,
    UnknownOutcome,
)
from adflight.types.icareus import (
    CampaignCreated,
)
from tests.core.scripted import Step, answer
from tests.icareus.scene import (
    CAPPED,
    TODAY,
    TOKEN,
    Scene,
    done,
    new_campaign,
    new_schedule,
    scripted,
)

CREDENTIALS: Final[dict[str, Any]] = {
    "base_url": "https://suite.example.com",
    "organization_id": 1,
    "token": TOKEN,
    "user_id": 2,
}


def spellings(token: str) -> Iterator[str]:
    """Parts of a token that would give it away, in whatever way it is written."""
    yield from (token, quote(token, safe=""), quote_plus(token), quote(token, safe="*"))
    yield "s3cr3t" if token == TOKEN else token


def everything_of(value: Any, seen: set[int] | None = None) -> Iterator[str]:
    """All texts that can be reached from an object, in its repr, its attributes and what it was caused by."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    yield f"{value!r} {value!s}"
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from everything_of(key, seen)
            yield from everything_of(item, seen)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from everything_of(item, seen)
    elif isinstance(value, BaseException):
        yield "".join(traceback.format_exception(value))
        for part in (value.args, value.__cause__, value.__context__, vars(value), getattr(value, "__notes__", ())):
            yield from everything_of(part, seen)
    elif hasattr(value, "http_response"):
        response = value.http_response
        yield from (str(response.request.url), response.text, f"{response.headers} {response.request.headers}")
        yield from everything_of([value.status, value.headers, value.content, value.parsed, value.request], seen)
    elif type(value).__name__ == "RedactedRequest":
        yield from everything_of([value.method, value.url, dict(value.headers), value.body, value.content], seen)
    elif hasattr(value, "items"):
        yield from everything_of(dict(value), seen)


def shows_nothing(value: Any, token: str = TOKEN) -> None:
    shown = list(everything_of(value))
    for secret in spellings(token):
        assert not [text for text in shown if secret in text], secret
    if isinstance(value, BaseException):
        assert all(secret not in repr(pickle.loads(pickle.dumps(value))) for secret in spellings(token))


ECHOES: Final[dict[str, Step]] = {
    "a refusal": answer(200, {"status": "error", "message": f"Invalid token {TOKEN}"}),
    "a refusal in other words": answer(400, {"status": "error", "message": f"?token={quote(TOKEN)}", "token": TOKEN}),
    "a refusal with 401": answer(401, {"status": "error", "message": f"Invalid token {TOKEN}"}),
    "a failure": answer(500, {"status": "error", "message": f"at /api?token={quote_plus(TOKEN)}&x=1"}),
    "a key": answer(400, {"status": "error", "message": "Invalid", TOKEN: {"deep": [TOKEN]}}),
    "a page": answer(502, f"<html><title>GET /?token={quote(TOKEN, safe='')}</title>{TOKEN}</html>".encode()),
    "a page that escapes": answer(502, f"<title>{TOKEN.replace('&', '&amp;')}</title>".encode()),
    "a text": answer(503, f"upstream said: {TOKEN}".encode()),
    "a header": answer(
        400, {"status": "error", "message": "No."}, {"X-Debug": f"token={TOKEN}", "X-Request-Id": TOKEN}
    ),
    "a redirect": answer(
        302, b"", {"Location": f"https://sso.example.com/{quote(TOKEN, safe='')}?token={quote(TOKEN)}"}
    ),
    "a redirect to a fragment": answer(307, b"", {"Location": f"/next#t={quote(TOKEN)}"}),
    "a success without an id": done(data={"token": TOKEN, "url": f"https://x.example.com/?token={TOKEN}"}),
    "a success that cannot be read": answer(200, f'{{"status": "ok", "campaignId": "{TOKEN}'.encode()),
    "a success with the token for an id": done(campaignId=TOKEN),
    "a break": ConnectionBroken(f"GET https://x.example.com/?token={quote(TOKEN, safe='')} failed"),
    "a time limit": Timeout(f"no answer to ?token={TOKEN}"),
    "no connection": NotSent(f"proxy refused ?token={TOKEN}"),
    "a bug": RuntimeError(f"could not send ?token={TOKEN}"),
}


@pytest.mark.parametrize("echo", ECHOES)
async def test_the_token_is_shown_nowhere(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hooked: list[Any] = []

    async def on_request(request: httpx.Request) -> None:
        hooked.extend([str(request.url), dict(request.headers), request.content])

    async def on_response(response: httpx.Response) -> None:
        hooked.extend([dict(response.headers), response.content, str(response.request.url), repr(response)])

    told: list[Any] = []
    icareus, transport = scripted(ECHOES[echo], hooks=[Hook(on_request, on_response)])
    for call in (
        lambda: icareus.launch(new_campaign(), new_schedule(), record=told.append),
        lambda: icareus.launch(7, new_schedule(), record=told.append),
        lambda: icareus.launch(7, 8, {TODAY: 1}, record=told.append),
        lambda: icareus.campaigns.update_video_swap(campaign_id=7, name="S"),
        lambda: icareus.with_raw_response.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1),
        lambda: icareus.request("POST", "/api/campaign", query={"action": "x"}, json={"name": "S"}),
    ):
        try:
            shown = await call()
        except AdflightError as error:
            shows_nothing(error)
        else:
            # only what the service itself sent as content of a success may come back
            assert TOKEN not in repr(getattr(shown, "request", None))
    assert quote(TOKEN, safe="*") in transport.sent[0].url
    shows_nothing([hooked, told, caplog.text, [vars(record) for record in caplog.records]])
    shows_nothing([icareus, icareus.campaigns, icareus.campaigns.list_active(), vars(icareus), icareus._caller])


async def test_the_token_is_not_in_what_resuming_says() -> None:
    told: list[Any] = []
    icareus, _ = scripted(ConnectionBroken("cut"))
    with pytest.raises(UnknownOutcome):
        await icareus.launch(new_campaign(), new_schedule(), record=told.append)
    with pytest.raises(UnknownOutcome) as caught:
        await icareus.launch(new_campaign(), new_schedule(), resume=told)
    shows_nothing([caught.value, told])


async def test_a_token_that_no_url_can_carry_is_not_shown_either() -> None:
    token = "s3cr3t\ud800token"
    icareus, transport = scripted(done(campaignId=1), token=token)
    with pytest.raises(InvalidInput, match=r"credentials=.*token") as caught:
        await icareus.launch(new_campaign(), new_schedule())
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert transport.sent == []


async def test_raw_answers_and_hooks_show_what_was_called_and_not_with_what(scene: Scene) -> None:
    seen: list[httpx.Request] = []

    async def on_request(request: httpx.Request) -> None:
        seen.append(request)

    icareus = await scene.client(hooks=[Hook(on_request)])
    raw = await icareus.with_raw_response.campaigns.create_video_swap(name="S", cpm_price=0, vast_profile_id=1)
    assert_type(raw, RawResponse[CampaignCreated])
    assert raw.parsed.campaign_id == 71001
    for url in (seen[0].url, raw.http_response.request.url):
        masked = dict.fromkeys(["organizationId", "token", "userId"], "***")
        assert dict(url.params) == {"action": "addUpdateCampaign", "type": "videoswap", **masked}
    shows_nothing([raw, seen], scene.platform.TOKEN)


async def test_httpx_logs_no_token_either(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    icareus = await scene.client(transport=HttpxTransport(httpx.AsyncClient()), clock=None)
    launch = await icareus.launch(new_campaign(), new_schedule(), {TODAY: 1})
    assert (launch.campaign_id, scene.executions) == (71001, CAPPED)
    assert "HTTP Request: POST" in caplog.text
    # the sandbox is a server, and has an access log
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    shows_nothing([[record.getMessage(), vars(record)] for record in ours], scene.platform.TOKEN)


async def test_no_connection_shows_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Icareus(**{**CREDENTIALS, "base_url": "http://127.0.0.1:1"}, options=Options(max_attempts=1)) as icareus:
        with pytest.raises(NotSent, match=r"no connection to 127\.0\.0\.1:1") as caught:
            await icareus.launch(new_campaign(), new_schedule())
    shows_nothing([caught.value, caplog.text])


def test_nothing_else_shows_it_either() -> None:
    icareus = Icareus(**CREDENTIALS)
    shows_nothing([icareus, copy.copy(icareus), icareus.with_options(timeout=1), icareus._session.authenticator])
    for kind in (APIError, RateLimited, ServerError):
        assert issubclass(kind, AdflightError)
