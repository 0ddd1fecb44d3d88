"""Icareus's credentials in the query, in front of a small specification."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from adflight.sandbox import Sandbox
from adflight.sandbox.icareus.gateway import PEOPLE
from tests.sandbox.small_vendors import small


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with small() as sandbox:
        yield sandbox
        assert sandbox.crashes == []


def credentials(person: int = 0) -> dict[str, Any]:
    someone = PEOPLE[person]
    return {"organizationId": someone.workspaces[0], "token": someone.password, "userId": someone.user_id}


async def call(sandbox: Sandbox, session: aiohttp.ClientSession, action: str, **query: Any) -> tuple[int, Any]:
    method, path = ("GET", "/api/campaign/v5") if action == "active" else ("POST", "/api/campaign")
    params = {"action": action, "type": "video", **query}
    params = {name: str(value) for name, value in params.items() if value is not None}
    json = None if action == "active" else {"name": "A"}
    async with session.request(method, sandbox.icareus.url + path, params=params, json=json) as response:
        return response.status, await response.json()


async def test_the_constants_are_the_first_organization_s(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    platform = sandbox.icareus
    query = {"organizationId": platform.ORGANIZATION_ID, "token": platform.TOKEN, "userId": platform.USER_ID}
    assert query == credentials()
    assert (await call(sandbox, session, "save", **query))[0] == 200


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        ({"organizationId": 1}, 401, "Invalid organization."),
        ({"organizationId": None}, 401, "Invalid organization."),
        ({"token": "guess"}, 401, "Invalid token."),
        ({"token": None}, 401, "Invalid token."),
        ({"token": PEOPLE[1].password}, 401, "Invalid token."),
        ({"userId": 1}, 403, "Invalid User Id."),
        ({"userId": None}, 403, "Invalid User Id."),
    ],
)
async def test_writes_ask_for_all_three(
    sandbox: Sandbox, session: aiohttp.ClientSession, wrong: dict[str, Any], status: int, message: str
) -> None:
    answer = await call(sandbox, session, "save", **{**credentials(), **wrong})
    assert answer == (status, {"status": "error", "message": message})


async def test_the_list_asks_for_the_organization_alone(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    await call(sandbox, session, "save", **credentials())
    lists = [(await call(sandbox, session, "active", organizationId=person.workspaces[0]))[1] for person in PEOPLE]
    assert [len(found["campaigns"]) for found in lists] == [1, 0]
    assert (await call(sandbox, session, "active"))[0] == 401
    assert sandbox.icareus.counts.busiest == {
        str(PEOPLE[0].workspaces[0]): 2,
        str(PEOPLE[1].workspaces[0]): 1,
        "unknown": 1,
    }


async def test_nothing_expires(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    sandbox.icareus.expire_tokens(refresh=True)
    assert (await call(sandbox, session, "save", **credentials()))[0] == 200
