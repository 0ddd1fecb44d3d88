from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Any

import aiohttp
import pytest

from adflight.sandbox import Sandbox, SandboxOptions, serve
from tests.sandbox.api import SPECIFICATION, Api


async def post(api: Api, route: str, body: Any = None) -> Any:
    async with api.session.post(f"{api.sandbox.url}/_sandbox/{route}", json=body) as response:
        return response.status, await response.json()


async def get(api: Api, route: str) -> Any:
    async with api.session.get(f"{api.sandbox.url}/_sandbox/{route}") as response:
        return await response.json()


async def test_other_processes_set_up_and_clear_faults(api: Api) -> None:
    fault = {"operation": "campaigns_list", "kind": "status", "status": 503, "times": 2}
    status, state = await post(api, "faults", fault)
    assert (status, state["faults"][0]["kind"]) == (200, "status")
    assert (await api.call("campaigns_list")).status == 503
    async with api.session.delete(f"{api.sandbox.url}/_sandbox/faults") as response:
        assert (await response.json())["faults"] == []
    assert (await api.call("campaigns_list")).status == 200


async def test_other_processes_name_operations_as_the_client_does(api: Api) -> None:
    status, _ = await post(api, "faults", {"operation": "campaigns.list", "kind": "status", "status": 503})
    assert status == 200
    assert (await api.call("campaigns_list")).status == 503


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "status", "operation": "campaigns_lists"}),
        ("faults", {"kind": "status", "operation": None}),
        ("faults", {"sort": "status"}),
        ("faults", None),
        ("clock", {}),
        ("clock", {"advance": "soon"}),
        ("campaigns/status", {"id": 1, "status": "running"}),
    ],
)
async def test_what_the_administration_cannot_do(api: Api, route: str, body: Any) -> None:
    status, answer = await post(api, route, body)
    assert status == 400
    assert answer["error"]


async def test_other_processes_read_counts_and_state(api: Api) -> None:
    await api.create_campaign(await api.create_order())
    counts = await get(api, "counts")
    assert counts["executions"] == {"auth_login": 1, "insertion_orders_create": 1, "campaigns_create": 1}
    assert counts["answers"] == {"200": 3}
    assert sum(number for window in counts["windows"].values() for number in window.values()) == 3
    state = await get(api, "state")
    assert state["objects"] == {"order": 1, "campaign": 1, "bundle": 0, "model": 0, "file": 0}
    assert (state["crashes"], state["downloads"]) == ([], [])


async def test_other_processes_put_the_clock_forward(api: Api) -> None:
    campaign = await api.create_campaign(await api.create_order())
    before = api.sandbox.now()
    _, answer = await post(api, "clock", {"advance": 3600})
    assert answer["now"] >= before + 3600
    assert (await api.campaign_row(campaign))["status"] == "running"


async def test_other_processes_set_states_and_expire_tokens(api: Api) -> None:
    campaign = await api.create_campaign(await api.create_order())
    assert (await post(api, "campaigns/status", {"id": campaign, "status": "rejected"}))[0] == 200
    assert (await api.campaign_row(campaign))["status"] == "rejected"
    assert (await post(api, "tokens/expire"))[0] == 200
    assert (await api.call("campaigns_list")).status == 401
    assert (await post(api, "tokens/expire", {"refresh": True}))[0] == 200


async def test_a_reset_forgets_everything(api: Api) -> None:
    await api.create_order()
    api.sandbox.fault("insertion_orders_create", kind="late", seconds=10, times=None)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.create_order()
    await post(api, "reset")
    api.sandbox.advance(10)
    assert (await api.call("campaigns_list")).status == 401
    await api.log_in()
    assert (await api.call("insertion_orders_list", {})).inside["totalRecords"] == 0
    assert api.sandbox.counts.operations == {"campaigns_list": 1, "auth_login": 1, "insertion_orders_list": 1}


async def test_paths_and_methods_that_do_not_exist(api: Api) -> None:
    async with api.session.get(f"{api.sandbox.url}/api/v3/nothing") as response:
        assert response.status == 404
    async with api.session.get(f"{api.sandbox.url}/api/v3/ua/login") as response:
        assert response.status == 405


async def test_a_sandbox_that_does_not_run_says_so() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    await sandbox.stop()
    async with sandbox:
        with pytest.raises(RuntimeError, match="running already"):
            await sandbox.start()


async def test_a_port_that_is_taken(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await Sandbox(port).start()


async def test_stopping_cuts_whoever_waits(session: aiohttp.ClientSession) -> None:
    async with Sandbox(options=SandboxOptions(quota=None)) as sandbox:
        api = Api(sandbox, session)
        await api.log_in()
        sandbox.fault("insertion_orders_list", kind="delay", seconds=3600)
        call = asyncio.create_task(api.call("insertion_orders_list", {}))
        while sandbox.state()["faults"]:
            await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientConnectionError):
        await call


async def test_a_valid_request_to_an_unknown_operation_says_so(session: aiohttp.ClientSession) -> None:
    document = dict(SPECIFICATION.document)
    paths = dict(document["paths"])
    listed = paths["/api/v3/cmp/io/basic/list"]["post"]
    paths["/api/v3/cmp/io/new"] = {"post": {**listed, "operationId": "insertion_orders_new"}}
    document["paths"] = paths
    async with Sandbox(options=SandboxOptions(quota=None, specification=document)) as sandbox:
        api = Api(sandbox, session)
        await api.log_in()
        url = f"{sandbox.url}/api/v3/cmp/io/new"
        async with session.post(url, json={"pageNo": 0}, headers=api.headers) as response:
            assert response.status == 422
        async with session.post(url, json={"pageNo": 1}, headers=api.headers) as response:
            assert response.status == 501
            error = (await response.json())["errorObjects"][0]["error"]
            assert error == "The request is valid; the sandbox does not carry out insertion_orders_new"


async def test_errors_of_the_sandbox_itself_are_told(session: aiohttp.ClientSession, caplog: Any) -> None:
    from adflight.sandbox.iqm import HANDLERS

    original = HANDLERS["campaigns_list"]
    HANDLERS["campaigns_list"] = lambda call: 1 / 0
    try:
        async with Sandbox(options=SandboxOptions(quota=None)) as sandbox:
            api = Api(sandbox, session)
            await api.log_in()
            answer = await api.call("campaigns_list")
            assert answer.status == 500
            assert "ZeroDivisionError" in sandbox.crashes[0]
            assert sandbox.counts.executions["campaigns_list"] == 0
    finally:
        HANDLERS["campaigns_list"] = original
    assert "the sandbox failed at campaigns_list" in caplog.text


def test_serving_ends_with_an_interrupt() -> None:
    def interrupt(sandbox: Sandbox) -> None:
        assert sandbox.url.startswith("http://127.0.0.1:")
        os.kill(os.getpid(), signal.SIGINT)

    serve(0, SandboxOptions(), interrupt)


def test_serving_without_being_told() -> None:
    interrupted = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupted.start()
    serve(0)
    interrupted.join()
