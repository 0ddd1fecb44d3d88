from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from adflight import APIError, AuthenticationError, ConfigurationError, MemoryStore, Options, Token
from adflight.core.clock import SystemClock
from adflight.freewheel.login import Login
from adflight_api.freewheel.api.auth import auth_token
from tests.clock import FakeClock
from tests.core.scripted import Step, answer
from tests.freewheel.scene import CREDENTIALS, ORDER, TOKEN, Scene, scripted

WEEK = 604800
AGAIN = answer(200, {**TOKEN, "access_token": "access-2", "created_at": TOKEN["created_at"] + WEEK})


# what is sent


async def test_a_log_in_is_a_form_and_calls_are_bearer() -> None:
    freewheel, transport, _ = scripted(ORDER)
    await freewheel.insertion_orders.get(7)
    await freewheel.insertion_orders.get(7)

    log_in, *calls = transport.sent
    assert (log_in.method, log_in.url.partition(".com")[2]) == ("POST", "/auth/token")
    assert log_in.content == b"grant_type=password&username=ada%40example.com&password=sandbox-password"
    assert "Authorization" not in log_in.headers
    assert log_in.headers["Accept"] == "application/json"
    assert [call.headers["Authorization"] for call in calls] == ["Bearer access-1"] * 2


async def test_a_token_that_the_user_asks_for_opens_nothing_else() -> None:
    freewheel, transport, _ = scripted(ORDER)
    assert (await freewheel.auth.token(username="bob@example.com", password="another")).expires_in == WEEK
    assert "Authorization" not in transport.sent[0].headers
    assert len(transport.sent) == 1


async def test_log_ins_have_the_clients_options() -> None:
    freewheel, transport, _ = scripted(ORDER, options=Options(timeout=7))
    await freewheel.insertion_orders.get(7)
    assert [request.timeout for request in transport.sent] == [7, 7]


# renewal


async def test_five_hundred_calls_ask_for_one_token(scene: Scene) -> None:
    freewheel = await scene.client()
    await asyncio.gather(*(freewheel.insertion_orders.list() for _ in range(500)))
    assert scene.platform.counts.executions["auth_token"] == 1


async def test_a_token_that_the_service_ended_is_asked_for_again_once(scene: Scene) -> None:
    freewheel = await scene.client()
    await freewheel.insertion_orders.list()
    scene.platform.expire_tokens()
    await asyncio.gather(*(freewheel.insertion_orders.list() for _ in range(100)))
    assert scene.platform.counts.executions["auth_token"] == 2
    assert scene.executions == {"list": 101}


async def test_a_token_ends_after_seven_days(scene: Scene) -> None:
    freewheel = await scene.client()
    await freewheel.insertion_orders.list()
    await scene.clock.sleep(WEEK - 400)
    await freewheel.insertion_orders.list()
    assert scene.platform.counts.executions["auth_token"] == 1
    await scene.clock.sleep(400)
    await freewheel.insertion_orders.list()
    assert scene.platform.counts.executions["auth_token"] == 2
    # nothing had to be refused for that
    assert scene.platform.counts.answers[401] == 0


async def test_a_token_that_is_refused_twice_is_an_error() -> None:
    denied = answer(401, {"Message": "User is not authorized"})
    freewheel, transport, _ = scripted(denied, AGAIN, denied)
    with pytest.raises(AuthenticationError, match="User is not authorized"):
        await freewheel.insertion_orders.get(7)
    assert len(transport.sent) == 4


@pytest.mark.parametrize(
    ("created", "lasts", "lives"),
    [
        (0, WEEK, WEEK),
        # one that the service made before
        (-1000, WEEK, WEEK - 1000),
        # a clock that is ahead of ours
        (+5000, WEEK, WEEK),
        (None, WEEK, WEEK),
        (0, None, None),
    ],
)
async def test_when_a_token_ends(created: int | None, lasts: int | None, lives: int | None) -> None:
    token: dict[str, Any] = {"access_token": "access-1", "token_type": "Bearer", "expires_in": lasts}
    if created is not None:
        token["created_at"] = int(FakeClock.EPOCH) + created
    store = MemoryStore()
    freewheel, transport, _ = scripted(ORDER, token_store=store)
    transport.steps[0] = answer(200, {name: value for name, value in token.items() if value is not None})
    await freewheel.insertion_orders.get(7)
    stored = await store.load()
    assert stored is not None
    assert stored.expires_at == (None if lives is None else FakeClock.EPOCH + lives)


async def test_a_token_outlives_the_client_in_a_store(scene: Scene) -> None:
    store = MemoryStore()
    for _ in range(2):
        await (await scene.client(token_store=store)).insertion_orders.list()
    assert scene.platform.counts.executions["auth_token"] == 1


async def test_a_foreign_refresh_token_is_not_sent() -> None:
    store = MemoryStore(Token("old", refresh="foreign", expires_at=FakeClock.EPOCH))
    freewheel, transport, _ = scripted(ORDER, token_store=store)
    await freewheel.insertion_orders.get(7)
    assert b"foreign" not in (transport.sent[0].content or b"")
    assert transport.sent[-1].headers["Authorization"] == "Bearer access-1"


# refusals


@pytest.mark.parametrize(
    "refusal",
    [
        answer(401, {"Message": "The user name or the password is wrong"}),
        answer(403, {"Message": "User is not authorized with an explicit deny"}),
        answer(400, {"Message": "The grant is invalid"}),
        answer(401, b"<html><title>Denied</title></html>"),
        answer(401),
    ],
)
async def test_a_refusal_says_what_to_check(refusal: Step) -> None:
    freewheel, transport, _ = scripted()
    transport.steps[:] = [refusal]
    with pytest.raises(AuthenticationError) as caught:
        await freewheel.insertion_orders.get(7)
    text = str(caught.value)
    for word in (CREDENTIALS["username"], "FREEWHEEL_USERNAME", "FREEWHEEL_PASSWORD", "180 days", "365"):
        assert word in text
    assert isinstance(caught.value, APIError) and caught.value.operation == "auth.token"
    assert CREDENTIALS["password"] not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    # the same again would be the same again
    assert len(transport.sent) == 1


async def test_every_caller_that_waits_hears_of_it(scene: Scene) -> None:
    freewheel = await scene.client(password="wrong")
    calls = [freewheel.insertion_orders.list() for _ in range(20)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert scene.platform.counts.operations["auth_token"] == 1


async def test_an_answer_without_a_token() -> None:
    freewheel, transport, _ = scripted()
    transport.steps[:] = [answer(200, {"token_type": "Bearer"})]
    with pytest.raises(ConfigurationError, match="no access token"):
        await freewheel.insertion_orders.get(7)


async def test_a_log_in_needs_a_session() -> None:
    login = Login(**CREDENTIALS, store=None, clock=SystemClock(), options=None)
    with pytest.raises(ConfigurationError, match="belongs to no session"):
        await login.log_in()
    assert repr(login) == "<Login>"


def test_the_token_is_in_no_repr() -> None:
    parsed = auth_token.parse(TOKEN)
    assert "access-1" not in repr(parsed)
    assert "sandbox-password" not in repr(auth_token.request(**CREDENTIALS))
