"""FreeWheel's users and tokens, in front of a small specification."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from adflight.sandbox import Sandbox
from tests.sandbox.small_vendors import XML, small

DENIED = {"Message": "User is not authorized to access this resource"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with small() as sandbox:
        yield sandbox
        assert sandbox.crashes == []


@pytest.fixture
def fields(sandbox: Sandbox) -> dict[str, str]:
    platform = sandbox.freewheel
    return {"grant_type": "password", "username": platform.USERNAME, "password": platform.PASSWORD}


class Service:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.url = sandbox.freewheel.url
        self.session = session

    async def token(self, fields: Mapping[str, str]) -> tuple[int, Any]:
        async with self.session.post(f"{self.url}/auth/token", data=fields) as response:
            return response.status, await response.json()

    async def get(self, path: str, authorization: str | None) -> tuple[int, Any]:
        headers = {"Accept": XML} | ({} if authorization is None else {"Authorization": authorization})
        async with self.session.get(f"{self.url}{path}", headers=headers) as response:
            is_json = response.headers["Content-Type"] == "application/json"
            return response.status, await response.json() if is_json else await response.text()


@pytest.fixture
def service(sandbox: Sandbox, session: aiohttp.ClientSession) -> Service:
    return Service(sandbox, session)


async def test_a_token_lives_seven_days(sandbox: Sandbox, service: Service, fields: dict[str, str]) -> None:
    status, token = await service.token(fields)
    assert (status, token["token_type"], token["expires_in"]) == (200, "Bearer", 604800)
    assert "refresh_token" not in token
    bearer = f"Bearer {token['access_token']}"
    sandbox.advance(604799 - 60)
    assert (await service.get("/v3/orders.xml", bearer))[0] == 200
    status, info = await service.get("/auth/token/info", bearer)
    assert (status, info["user_id"], info["created_at"]) == (200, sandbox.freewheel.USER_ID, token["created_at"])
    assert 0 <= info["expires_in"] <= 61
    sandbox.advance(61)
    assert await service.get("/v3/orders.xml", bearer) == (401, DENIED)


@pytest.mark.parametrize("authorization", [None, "", "Basic x", "Bearer", "Bearer unknown"])
async def test_without_a_valid_token_the_gateway_answers_json(service: Service, authorization: str | None) -> None:
    for path in ("/v3/orders.xml", "/auth/token/info"):
        assert await service.get(path, authorization) == (401, DENIED)


async def test_tokens_are_case_sensitive_and_do_not_replace_one_another(
    service: Service, fields: dict[str, str]
) -> None:
    tokens = [(await service.token(fields))[1]["access_token"] for _ in range(2)]
    assert tokens[0] != tokens[1]
    for token in tokens:
        assert (await service.get("/v3/orders.xml", f"Bearer {token}"))[0] == 200
    assert (await service.get("/v3/orders.xml", f"Bearer {tokens[0].upper()}x"))[0] == 401


@pytest.mark.parametrize(
    "wrong", [{"password": "guess"}, {"username": "eve@example.com"}, {"grant_type": "client_credentials"}]
)
async def test_wrong_people_get_no_token(service: Service, fields: dict[str, str], wrong: dict[str, str]) -> None:
    status, answer = await service.token({**fields, **wrong})
    assert (status, list(answer)) == (401, ["Message"])


async def test_a_form_that_is_incomplete(service: Service, fields: dict[str, str]) -> None:
    del fields["username"]
    status, answer = await service.token(fields)
    assert (status, list(answer)) == (400, ["Message"])


async def test_tokens_expire_on_demand(sandbox: Sandbox, service: Service, fields: dict[str, str]) -> None:
    bearer = f"Bearer {(await service.token(fields))[1]['access_token']}"
    sandbox.expire_tokens()  # those of IQM
    assert (await service.get("/v3/orders.xml", bearer))[0] == 200
    sandbox.freewheel.expire_tokens()
    assert (await service.get("/v3/orders.xml", bearer))[0] == 401
    assert (await service.token(fields))[0] == 200


async def test_networks_do_not_see_one_another_s_objects(
    sandbox: Sandbox, service: Service, fields: dict[str, str]
) -> None:
    mine = (await service.token(fields))[1]["access_token"]
    theirs = (await service.token({**fields, "username": "bob@example.com", "password": "sandbox-password-2"}))[1]
    url = f"{service.url}/v3/orders.xml"
    headers = {"Accept": XML, "Content-Type": XML, "Authorization": f"Bearer {mine}"}
    async with service.session.post(url, data="<order><name>x</name></order>", headers=headers) as response:
        assert response.status == 201
    assert 'total_entries="0"' in (await service.get("/v3/orders.xml", f"Bearer {theirs['access_token']}"))[1]
    assert 'total_entries="1"' in (await service.get("/v3/orders.xml", f"Bearer {mine}"))[1]


async def test_the_lifetime_is_an_option(session: aiohttp.ClientSession) -> None:
    async with small(freewheel_token_lifetime=10.0) as sandbox:
        platform = sandbox.freewheel
        fields = {"grant_type": "password", "username": platform.USERNAME, "password": platform.PASSWORD}
        _, token = await Service(sandbox, session).token(fields)
        assert token["expires_in"] == 10
