from __future__ import annotations

import aiohttp
import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.freewheel.caller import Caller

WEEK = 604800


async def test_tokens_live_seven_days(caller: Caller) -> None:
    answer = await caller.log_in()
    assert answer.json.keys() == {"access_token", "token_type", "created_at", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", WEEK)
    caller.sandbox.advance(WEEK - 100)
    info = await caller.send("GET", "/auth/token/info")
    assert info.json["user_id"] == caller.sandbox.freewheel.USER_ID
    assert 0 < info.json["expires_in"] <= 100
    caller.sandbox.advance(100)
    assert (await caller.send("GET", "/insertion_orders")).status == 401


async def test_denials_are_json_whatever_was_asked_for(caller: Caller) -> None:
    caller.sandbox.freewheel.expire_tokens()
    answer = await caller.send("GET", "/insertion_orders")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")
    assert answer.json.keys() == {"Message"}
    answer = await caller.log_in(password="wrong")
    assert (answer.status, answer.json.keys()) == (401, {"Message"})


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
async def test_json_is_not_supported(caller: Caller, accept: str) -> None:
    answer = await caller.send("GET", "/insertion_orders", headers={"Accept": accept})
    assert answer.status == 400
    assert b"json is not supported" in answer.content


async def test_a_body_must_be_xml_of_the_right_root(caller: Caller) -> None:
    for body in ("<insertion_order>", "{}", "<other><name>A</name></other>"):
        assert (await caller.send("POST", "/insertion_order", body)).status == 400
    body = '<!DOCTYPE a [<!ENTITY b "c">]><insertion_order><name>&b;</name></insertion_order>'
    assert (await caller.send("POST", "/insertion_order", body)).status == 400


async def test_unknown_methods_and_paths(caller: Caller) -> None:
    order = await caller.create()
    answer = await caller.send("PATCH", f"/insertion_order/{order}", "<insertion_order/>")
    assert (answer.status, answer.root.tag) == (405, "errors")
    assert (await caller.send("GET", "/insertion_orders/7")).root.tag == "errors"
    assert (await caller.send("GET", "/nothing")).status == 404


async def test_token_requests_have_a_quota_of_their_own(session: aiohttp.ClientSession) -> None:
    async with Sandbox(options=SandboxOptions(start=1_800_000_000)) as sandbox:
        caller = Caller(sandbox, session)
        assert [(await caller.log_in()).status for _ in range(4)] == [200, 200, 200, 429]
        answer = await caller.log_in()
        assert answer.json.keys() == {"Message"}
        assert "Retry-After" not in answer.headers
        assert (await caller.send("GET", "/insertion_orders")).status == 200
        sandbox.advance(1)
        assert (await caller.log_in()).status == 200
