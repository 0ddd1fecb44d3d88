from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adflight.core.credentials import Grant, MemoryStore, Token
from adflight.core.errors import AuthenticationError, ConfigurationError, ServerError, ValidationFailed
from adflight.core.login import BearerLogin
from adflight.core.options import Options
from adflight.core.session import Session
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import Request
from tests.clock import FakeClock
from tests.core.scripted import (
    BASIC,
    BEARER,
    SECRET,
    ScriptedTransport,
    Step,
    answer,
    ok,
    operation,
    request,
    same,
    session,
)

WEEK = 7 * 86_400.0
LOG_IN = Request(operation(security=(BASIC,), envelope=None), "/auth/token", body={"user": "ada"}, form=True)


class Login(BearerLogin):
    words = True

    async def log_in(self) -> Token:
        refused = (lambda reason: f"ada may not: {reason}. Check her password.") if self.words else None
        token = await self.send(LOG_IN, same, refused=refused)
        return Token(token["access_token"], expires_at=self.clock.time() + WEEK)


def opened(*steps: Step, **settings: Any) -> tuple[Session, Login, ScriptedTransport, FakeClock]:
    transport, clock = ScriptedTransport(*steps), FakeClock(auto=True)
    login = Login(**{"store": None, "clock": clock, "options": None, **settings})
    open_session = session(transport, clock=clock, authenticator=login)
    login.bind(open_session)
    return open_session, login, transport, clock


def token(number: int) -> Step:
    return answer(200, {"access_token": f"{SECRET}-{number}"})


async def call(open_session: Session, options: Options | None = None) -> Any:
    return await open_session.call(request(), same, options or Options())


async def test_a_token_opens_calls_until_it_ends() -> None:
    open_session, _, transport, clock = opened(token(1), ok(1), ok(2), token(2), ok(3))
    assert [await call(open_session), await call(open_session)] == [1, 2]
    await clock.advance(WEEK)
    assert await call(open_session) == 3
    assert [sent.headers.get("Authorization", "")[-8:] for sent in transport.sent] == [
        "",
        "456789-1",
        "456789-1",
        "",
        "456789-2",
    ]


async def test_what_opens_without_a_token() -> None:
    open_session, _, transport, _ = opened(token(1), ok(), without_token=Grant({"Authorization": "Basic x"}))
    await call(open_session)
    assert transport.sent[0].headers["Authorization"] == "Basic x"


async def test_a_token_that_is_refused_is_minted_again_once_for_all() -> None:
    minted = 0

    async def serve(sent: WireRequest) -> WireAnswer:
        nonlocal minted
        await asyncio.sleep(0)
        if sent.url.endswith("/auth/token"):
            minted += 1
            return answer(200, {"access_token": f"{SECRET}-{minted}"})
        return ok(2) if sent.headers["Authorization"] == f"Bearer {SECRET}-2" else answer(401)

    open_session, _, _, _ = opened(serve)
    assert await asyncio.gather(*(call(open_session) for _ in range(20))) == [2] * 20
    assert minted == 2


async def test_scopes_are_granted_anew() -> None:
    open_session, login, _, _ = opened(token(1), ok())
    await call(open_session)
    asked = operation(security=(BEARER,))
    assert login.current(asked, {}) is login.current(asked, {})
    assert login.current(asked, {"workspace": "7"}) is not login.current(asked, {})


async def test_a_token_of_a_store_that_claims_to_be_refreshable() -> None:
    clock = FakeClock(auto=True)
    store = MemoryStore(Token("old", refresh="r", expires_at=clock.time() - 1))
    open_session, _, transport, _ = opened(token(1), ok(5), store=store, clock=clock)
    assert await call(open_session) == 5
    assert len(transport.sent) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_a_refused_log_in_reads_well(status: int) -> None:
    open_session, _, _, _ = opened(answer(status, {"message": "no such user."}))
    with pytest.raises(AuthenticationError) as raised:
        await call(open_session)
    assert str(raised.value) == "ada may not: no such user. Check her password."
    assert (raised.value.status, raised.value.errors) == (status, ("no such user.",))


async def test_a_refusal_without_words() -> None:
    open_session, login, _, _ = opened(answer(422, {"message": "no"}))
    login.words = False
    with pytest.raises(ValidationFailed):
        await login.log_in()
    with pytest.raises(AuthenticationError, match="the log-in was refused"):
        await call(open_session)


async def test_a_failure_is_no_refusal() -> None:
    open_session, _, _, _ = opened(answer(503), options=Options(max_attempts=1))
    with pytest.raises(ServerError):
        await call(open_session)


async def test_it_belongs_to_one_session() -> None:
    login = Login(store=None, clock=None, options=None)
    assert repr(login) == "<Login>"
    with pytest.raises(ConfigurationError, match="no session"):
        await login.log_in()
    await login.aclose()
