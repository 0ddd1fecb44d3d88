from __future__ import annotations

import base64
from typing import Any

import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.api import BASIC, Api

LOGIN = {"grantType": "password", "email": Sandbox.EMAIL, "password": Sandbox.PASSWORD}
FORM = {"Authorization": BASIC, "Content-Type": "application/x-www-form-urlencoded"}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def refresh(api: Api, token: str, grant: str = "refresh_token", authorization: str = BASIC) -> Any:
    headers = {**FORM, "Authorization": authorization}
    body = f"grant_type={grant}&refresh_token={token}".encode()
    return await api.call("auth_refresh", body, headers=headers)


async def status(api: Api, **headers: str) -> int:
    return (await api.call("insertion_orders_list", {}, headers=headers)).status


async def test_a_login_answers_tokens_and_the_workspace(api: Api) -> None:
    token = (await api.log_in()).inside
    assert (token["token_type"], token["scope"], token["owId"]) == ("bearer", "read write", Sandbox.OW_ID)
    assert await status(api) == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer x", "Basic %%%", basic("sandbox-client:wrong"), basic("who:sandbox-secret"), "Basic /w=="],
)
async def test_unknown_clients_answer_401(api: Api, authorization: str | None) -> None:
    api.headers = {}
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await api.call("auth_login", LOGIN, headers=headers)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    answer = await refresh(api, "x", authorization=authorization or "")
    assert answer.status == 401


@pytest.mark.parametrize("wrong", [{"password": "guess"}, {"email": "eve@example.com"}])
async def test_wrong_people_answer_403(api: Api, wrong: dict[str, str]) -> None:
    answer = await api.call("auth_login", {**LOGIN, **wrong}, headers={"Authorization": BASIC})
    assert answer.status == 403
    assert answer.json == {
        "success": False,
        "errorObjects": [{"error": "The user is unknown or may not enter the workspace."}],
    }


async def test_an_account_on_hold_answers_400_with_data_beside_the_error(api: Api) -> None:
    answer = await api.log_in("grace@example.com", "sandbox-password-3")
    assert answer.status == 400
    assert answer.json["data"]["status"] == "On Hold"
    assert answer.json["errorObjects"][0]["reason"] == "The user belongs to no active organization."


async def test_other_grants_are_refused(api: Api) -> None:
    answer = await api.call("auth_login", {**LOGIN, "grantType": "magic"}, headers={"Authorization": BASIC})
    assert answer.status == 400
    assert (await refresh(api, api.refresh_token, grant="password")).status == 400


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer unknown"}, {"Authorization": "Basic x"}])
async def test_wrong_tokens_answer_401(api: Api, headers: dict[str, str]) -> None:
    assert await status(api, **headers) == 401


async def test_no_token_answers_401(api: Api) -> None:
    del api.headers["Authorization"]
    answer = await api.call("insertion_orders_list", {})
    assert (answer.status, answer.json) == (401, {"message": "Unauthorized"})


async def test_the_workspace_has_to_be_one_s_own(api: Api) -> None:
    assert await status(api, **{"X-IAA-OW-ID": "200011"}) == 200
    assert await status(api, **{"X-IAA-OW-ID": "200002"}) == 403
    assert await status(api, **{"X-IAA-OW-ID": "mine"}) == 403
    del api.headers["X-IAA-OW-ID"]
    assert await status(api) == 401


async def test_people_do_not_see_one_another_s_objects(api: Api) -> None:
    order = await api.create_order()
    campaign = await api.create_campaign(order)
    await api.log_in("bob@example.com", "sandbox-password-2")
    assert (await api.call("insertion_orders_list", {"isAllOWIds": True})).inside["totalRecords"] == 0
    assert (await api.call("campaigns_get", campaignId=campaign)).status == 400
    assert (await api.call("campaigns_create", api.campaign(order))).status == 400
    body = {"campaignIds": str(campaign), "status": "paused"}
    answer = (await api.call("campaigns_update_status", body)).inside
    assert answer["reason"][0]["campaignName"] == ""


async def test_tokens_expire_and_are_refreshed_once(api: Api) -> None:
    old = dict(api.headers)
    api.sandbox.expire_tokens()
    answer = await api.call("insertion_orders_list", {})
    assert (answer.status, answer.json["error_description"]) == (401, "The access token has expired")
    fresh = (await refresh(api, api.refresh_token)).json
    assert "owId" not in fresh
    assert "data" not in fresh
    assert await status(api, Authorization=f"Bearer {fresh['access_token']}") == 200
    assert await status(api, **old) == 401
    assert (await refresh(api, api.refresh_token)).status == 401
    api.sandbox.expire_tokens(refresh=True)
    assert (await refresh(api, fresh["refresh_token"])).status == 401


async def test_a_log_out_ends_both_tokens(api: Api) -> None:
    assert (await api.call("auth_logout")).inside == "The user is logged out."
    assert await status(api) == 401
    assert (await refresh(api, api.refresh_token)).status == 401


class TestLifetimes:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(quota=None, token_lifetime=60, refresh_lifetime=120)

    async def test_tokens_live_as_long_as_the_options_say(self, api: Api) -> None:
        assert (await api.log_in()).inside["expires_in"] == 60
        api.sandbox.advance(59)
        assert await status(api) == 200
        api.sandbox.advance(1)
        assert await status(api) == 401
        api.sandbox.advance(60)
        assert (await refresh(api, api.refresh_token)).status == 401
