from __future__ import annotations

import asyncio
import logging
import traceback
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from adflight import (
    IQM,
    AdflightError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    Hook,
    MemoryStore,
    Options,
    Token,
)
from adflight.core.clock import SystemClock
from adflight.core.transport import WireRequest
from adflight.iqm.login import Login
from adflight.sandbox import Sandbox, SandboxOptions
from adflight_api.iqm.api.auth import auth_login
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, Step, answer, ok
from tests.iqm.scene import SECRETS, Scene

BASIC = "Basic " + b64encode(f"{Sandbox.CLIENT_ID}:{Sandbox.CLIENT_SECRET}".encode()).decode()
TOKEN = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600, "owId": 77}
FOUND = answer(200, {"statusCode": 200, "responseObject": {"start_time": 1}})


def scripted(*steps: Step, **settings: Any) -> tuple[IQM, ScriptedTransport, FakeClock]:
    """A client whose answers a test writes."""
    transport, clock = ScriptedTransport(*steps), FakeClock(auto=True)
    given: dict[str, Any] = {
        "client_id": Sandbox.CLIENT_ID,
        "client_secret": Sandbox.CLIENT_SECRET,
        "email": Sandbox.EMAIL,
        "password": Sandbox.PASSWORD,
        "base_url": f"http://{id(transport)}.example.com",
        "quota": None,
    }
    return IQM(**{**given, **settings}, transport=transport, clock=clock), transport, clock


def headers(request: WireRequest) -> dict[str, str]:
    shown = ("Authorization", "X-IAA-OW-ID", "X-IAA-HOST")
    return {name: value for name, value in request.headers.items() if name in shown}


# what is sent


async def test_a_log_in_is_basic_and_calls_are_bearer() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND)
    await iqm.campaigns.get_start()
    await iqm.campaigns.get_start()

    log_in, *calls = transport.sent
    assert (log_in.method, log_in.url.partition(".com")[2]) == ("POST", "/api/v3/ua/login")
    assert headers(log_in) == {"Authorization": BASIC}
    assert log_in.content == b'{"grantType":"password","email":"ada@example.com","password":"sandbox-password"}'
    assert [headers(call) for call in calls] == [{"Authorization": "Bearer access-1", "X-IAA-OW-ID": "77"}] * 2


async def test_a_workspace_host_is_sent_with_every_call() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND, workspace_host="brand.example.com")
    await iqm.campaigns.get_start()
    assert [request.headers["X-IAA-HOST"] for request in transport.sent] == ["brand.example.com"] * 2


async def test_a_workspace_of_ones_own_wins_over_the_log_ins() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND, ow_id=5)
    await iqm.campaigns.get_start()
    assert transport.sent[-1].headers["X-IAA-OW-ID"] == "5"


async def test_a_view_has_a_workspace_of_its_own() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND, workspace_host="brand.example.com")
    view = iqm.with_options(ow_id=6, workspace_host="other.example.com")
    for caller in (iqm, view, view.with_options(timeout=5), view.with_options(ow_id=7), iqm):
        await caller.campaigns.get_start()
    assert [(call.headers["X-IAA-OW-ID"], call.headers["X-IAA-HOST"]) for call in transport.sent[1:]] == [
        ("77", "brand.example.com"),
        ("6", "other.example.com"),
        ("6", "other.example.com"),
        ("7", "other.example.com"),
        ("77", "brand.example.com"),
    ]
    # the token is the same
    assert {call.headers["Authorization"] for call in transport.sent[1:]} == {"Bearer access-1"}


async def test_a_client_knows_its_workspace() -> None:
    iqm, transport, _ = scripted(ok(TOKEN))
    assert await iqm.with_options(ow_id=6).workspace() == 6
    assert transport.sent == []
    assert [await iqm.workspace(), await iqm.with_options(timeout=5).workspace()] == [77, 77]
    assert len(transport.sent) == 1
    named, transport, _ = scripted(ow_id=5)
    assert await named.workspace() == 5
    assert await named.with_options(ow_id=6).workspace() == 6
    assert transport.sent == []


async def test_where_nobody_names_a_workspace_there_is_none() -> None:
    iqm, _, _ = scripted(ok({"access_token": "access-1"}))
    assert await iqm.workspace() is None
    iqm, transport, _ = scripted(token_store=MemoryStore(Token("access-1", extra={"owId": "77"})))
    assert await iqm.workspace() == 77
    assert transport.sent == []


async def test_a_workspace_that_was_told_stays_the_same() -> None:
    refused, again = answer(400, {"error": "invalid_grant"}), ok({**TOKEN, "access_token": "access-3", "owId": 78})
    iqm, transport, clock = scripted(ok(TOKEN), refused, again, FOUND)
    assert await iqm.workspace() == 77
    await clock.advance(3600)
    await iqm.campaigns.get_start()
    assert headers(transport.sent[-1]) == {"Authorization": "Bearer access-3", "X-IAA-OW-ID": "77"}
    assert await iqm.workspace() == 77


async def test_log_ins_have_the_clients_options() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND, options=Options(timeout=7, headers={"X-Extra": "yes"}))
    await iqm.campaigns.get_start()
    assert [(request.timeout, request.headers["X-Extra"]) for request in transport.sent] == [(7, "yes")] * 2


async def test_options_cannot_replace_credentials() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), FOUND)
    await iqm.with_options(headers={"authorization": "Bearer mine", "x-iaa-ow-id": "9"}).campaigns.get_start()
    assert headers(transport.sent[-1]) == {"Authorization": "Bearer access-1", "X-IAA-OW-ID": "77"}
    assert not {"authorization", "x-iaa-ow-id"} & transport.sent[-1].headers.keys()


# renewal


RENEWED = {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 3600}


@pytest.mark.parametrize("renewed", [answer(200, RENEWED), ok(RENEWED)], ids=["flat", "wrapped"])
async def test_a_token_that_ends_is_refreshed_and_keeps_its_workspace(renewed: Step) -> None:
    iqm, transport, clock = scripted(ok(TOKEN), FOUND, renewed, FOUND)
    await iqm.campaigns.get_start()
    await clock.advance(3600)
    await iqm.campaigns.get_start()

    refresh = transport.sent[2]
    assert refresh.url.endswith("/api/v3/ua/oauth/token")
    assert headers(refresh) == {"Authorization": BASIC}
    assert refresh.content == b"grant_type=refresh_token&refresh_token=refresh-1"
    assert headers(transport.sent[3]) == {"Authorization": "Bearer access-2", "X-IAA-OW-ID": "77"}


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refresh_that_is_refused_becomes_a_log_in(status: int) -> None:
    again = ok({**TOKEN, "access_token": "access-3", "owId": 78})
    iqm, transport, clock = scripted(ok(TOKEN), FOUND, answer(status, {"error": "invalid_grant"}), again, FOUND)
    await iqm.campaigns.get_start()
    await clock.advance(3600)
    await iqm.campaigns.get_start()
    assert [request.url.rpartition("/")[2] for request in transport.sent[2:4]] == ["token", "login"]
    assert headers(transport.sent[4]) == {"Authorization": "Bearer access-3", "X-IAA-OW-ID": "78"}


async def test_a_token_that_is_refused_is_renewed_and_the_call_repeated() -> None:
    iqm, transport, _ = scripted(ok(TOKEN), answer(401, {"error": "invalid_token"}), answer(200, RENEWED), FOUND)
    await iqm.campaigns.get_start()
    assert [headers(transport.sent[place])["Authorization"] for place in (1, 3)] == [
        "Bearer access-1",
        "Bearer access-2",
    ]


async def test_a_token_without_an_end_is_used_until_it_is_refused() -> None:
    forever = {"access_token": "access-1", "owId": "not a number"}
    iqm, transport, clock = scripted(ok(forever), FOUND)
    await iqm.campaigns.get_start()
    await clock.advance(10**6)
    await iqm.campaigns.get_start()
    assert len(transport.sent) == 3
    # the service says nothing of a workspace, so we do not either
    assert headers(transport.sent[2]) == {"Authorization": "Bearer access-1"}


async def test_a_log_in_without_a_token_is_said_to_be_one() -> None:
    iqm, _, _ = scripted(ok({"expires_in": 5}))
    with pytest.raises(ConfigurationError, match="holds no access token"):
        await iqm.campaigns.get_start()


async def test_a_store_keeps_the_token_for_the_next_client() -> None:
    store = MemoryStore()
    iqm, _, _ = scripted(ok(TOKEN), FOUND, token_store=store)
    await iqm.campaigns.get_start()
    token = await store.load()
    assert token is not None
    assert (token.access, token.refresh, token.extra) == ("access-1", "refresh-1", {"owId": 77})

    second, transport, _ = scripted(FOUND, token_store=store)
    await second.campaigns.get_start()
    assert [headers(request) for request in transport.sent] == [
        {"Authorization": "Bearer access-1", "X-IAA-OW-ID": "77"}
    ]


async def test_logging_out_forgets_the_token(scene: Scene) -> None:
    store = MemoryStore()
    iqm = await scene.client(token_store=store)
    await iqm.campaigns.get_start()
    old = await store.load()
    await iqm.log_out()
    assert await store.load() is None

    await iqm.campaigns.get_start()
    new = await store.load()
    assert old is not None
    assert new is not None
    assert new.access != old.access
    assert scene.sandbox.counts.executions["auth_login"] == 2


def test_a_log_in_without_a_session_says_so() -> None:
    login = Login(
        client_id="id",
        client_secret="secret",
        email="ada@example.com",
        password="password",
        workspace_host=None,
        ow_id=None,
        store=None,
        clock=SystemClock(),
        options=Options(),
    )
    assert repr(login) == "<Login>"
    assert login.current(auth_login.OPERATION, {}) is not None
    with pytest.raises(ConfigurationError, match="no session"):
        asyncio.run(login.log_in())


# against the sandbox


async def test_five_hundred_calls_that_meet_an_expired_token_cause_one_refresh(scene: Scene) -> None:
    iqm = await scene.client()
    await iqm.campaigns.get_start()
    scene.sandbox.expire_tokens()
    await asyncio.gather(*(iqm.campaigns.get_start() for _ in range(500)))
    counted = scene.sandbox.counts
    assert (counted.executions["auth_login"], counted.executions["auth_refresh"]) == (1, 1)
    assert counted.executions["campaigns_get_start"] == 501
    # each call met the expired token at most once
    assert counted.answers[401] <= 500
    assert {sent["X-IAA-OW-ID"] for sent in scene.wire.headers("/campaign/start")} == {str(Sandbox.OW_ID)}


async def test_five_hundred_first_calls_cause_one_log_in(scene: Scene) -> None:
    iqm = await scene.client()
    await asyncio.gather(*(iqm.campaigns.get_start() for _ in range(500)))
    assert scene.sandbox.counts.executions["auth_login"] == 1


class TestLifetimes:
    @pytest.fixture
    def adflight_sandbox_options(self) -> SandboxOptions:
        return SandboxOptions(quota=None, start=FakeClock.EPOCH, token_lifetime=600)

    async def test_a_token_is_renewed_before_its_end_is_met(self, scene: Scene) -> None:
        iqm = await scene.client()
        for _ in range(10):
            await asyncio.gather(*(iqm.campaigns.get_start() for _ in range(20)))
            await scene.clock.sleep(300)
        counted = scene.sandbox.counts
        assert counted.answers[401] == 0
        assert counted.executions["auth_login"] == 1
        assert 4 <= counted.executions["auth_refresh"] <= 10


async def test_a_refresh_token_that_ended_becomes_a_log_in(scene: Scene) -> None:
    iqm = await scene.client()
    await iqm.campaigns.get_start()
    scene.sandbox.expire_tokens(refresh=True)
    await iqm.campaigns.get_start()
    assert scene.sandbox.counts.executions["auth_login"] == 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"password": "wr0ng-p4ssw0rd"}, "may not enter"),
        ({"email": "nobody@example.com"}, "may not enter"),
        ({"client_secret": "wr0ng-s3cr3t"}, "client id or secret"),
        ({"email": "grace@example.com", "password": "sandbox-password-3"}, "may not act"),
    ],
)
async def test_a_log_in_that_is_refused_says_what_to_do(scene: Scene, settings: dict[str, Any], reason: str) -> None:
    iqm = await scene.client(**settings)
    with pytest.raises(AuthenticationError, match=reason) as caught:
        await iqm.campaigns.get_start()
    text = str(caught.value)
    assert "Check e-mail and password (IQM_EMAIL, IQM_PASSWORD)" in text
    assert settings.get("email", Sandbox.EMAIL) in text
    for secret in (*SECRETS, *settings.values()):
        assert secret not in text or secret.endswith("@example.com")
    assert caught.value.status in (400, 401, 403)
    assert caught.value.operation == "auth.login"


async def test_an_error_of_the_log_in_that_is_no_refusal_stays_what_it_is(scene: Scene) -> None:
    scene.sandbox.fault("auth_login", kind="status", status=503, times=None)
    iqm = await scene.client(options=Options(max_attempts=2))
    with pytest.raises(APIError, match="503") as caught:
        await iqm.campaigns.get_start()
    assert not isinstance(caught.value, AuthenticationError)


async def test_another_persons_workspace_is_refused(iqm: IQM) -> None:
    with pytest.raises(APIError, match="Not allowed in this workspace") as caught:
        await iqm.with_options(ow_id=200002).campaigns.get_start()
    assert caught.value.status == 403
    await iqm.with_options(ow_id=200011).campaigns.get_start()


# secrets


def everything_said(error: BaseException | None) -> str:
    """All that an error and those behind it would show."""
    said = []
    while error is not None:
        said += [str(error), repr(error), *map(repr, error.args), *(repr(value) for value in vars(error).values())]
        said += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    return "\n".join(said)


Failing = Callable[[Scene], Any]

FAILING: dict[str, Failing] = {
    "wrong password": lambda scene: scene.client(password="wr0ng-p4ssw0rd"),
    "no connection": lambda scene: scene.client(base_url="http://127.0.0.1:1", options=Options(max_attempts=1)),
}


@pytest.mark.parametrize("case", FAILING)
async def test_errors_of_the_log_in_hold_no_secret(scene: Scene, caplog: pytest.LogCaptureFixture, case: str) -> None:
    caplog.set_level(logging.DEBUG)
    iqm = await FAILING[case](scene)
    with pytest.raises(AdflightError) as caught:
        await iqm.campaigns.get_start()
    said = everything_said(caught.value) + caplog.text + repr(iqm) + repr(vars(iqm))
    for secret in (*SECRETS, "wr0ng-p4ssw0rd", BASIC.removeprefix("Basic ")):
        assert secret not in said


FAULTS: dict[str, dict[str, Any]] = {
    "status": {"kind": "status", "status": 500},
    "html": {"kind": "html"},
    "refused": {"kind": "status", "status": 401, "times": None},
    "cut": {"kind": "cut_after", "times": None},
    "invalid": {"kind": "invalid_json", "times": None},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", ["auth_login", "auth_refresh", "campaigns_rename"])
async def test_no_secret_is_in_errors_logs_or_hooks(
    scene: Scene, caplog: pytest.LogCaptureFixture, operation: str, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    store = MemoryStore()

    async def on_request(request: Any) -> None:
        seen.append(f"{request!r} {request.url} {request.headers.raw} {request.content!r}")

    async def on_response(response: Any) -> None:
        seen.append(f"{response!r} {response.headers.raw} {response.content!r} {response.request.headers.raw}")

    iqm = await scene.client(hooks=[Hook(on_request, on_response)], options=Options(max_attempts=2), token_store=store)
    tokens: list[Token | None] = []
    if operation == "auth_refresh":
        await iqm.campaigns.get_start()
        tokens.append(await store.load())
        scene.sandbox.expire_tokens()
    scene.sandbox.fault(operation, **FAULTS[fault])
    said = ""
    try:
        await iqm.campaigns.rename(1, campaign_name="Autumn")
    except AdflightError as error:
        said = everything_said(error)
    tokens.append(await store.load())

    said += caplog.text + "".join(seen) + "".join(repr(vars(record)) for record in caplog.records)
    assert "auth.login" in said
    for secret in (*SECRETS, BASIC.removeprefix("Basic ")):
        assert secret not in said
    for token in filter(None, tokens):
        assert token.access not in said
        assert (token.refresh or "none") not in said


async def test_no_repr_holds_a_secret(iqm: IQM) -> None:
    await iqm.campaigns.get_start()
    shown = [repr(iqm), repr(vars(iqm)), repr(iqm.campaigns), repr(vars(iqm._session)), repr(iqm._login.credentials)]
    for secret in SECRETS:
        assert secret not in "".join(shown)
