"""Faults over raw TCP and plain aiohttp: what arrives, and what was carried out."""

from __future__ import annotations

import asyncio
import json
import os
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adflight.sandbox import Fault, Sandbox, SandboxOptions
from adflight.sandbox.answers import Reply
from adflight.sandbox.connections import Connections, Exchange
from adflight.sandbox.faults import Faults
from tests.sandbox.api import OPERATIONS, Api

CREATE = "insertion_orders_create"
IDS = list(OPERATIONS)
BODY = {"ioName": "Spring", "ioStartTime": 1000, "ioBudgetTypeId": 1}


async def executions(api: Api) -> int:
    return api.sandbox.counts.executions[CREATE]


async def orders(api: Api) -> int:
    return int((await api.call("insertion_orders_list", {})).inside["totalRecords"])


async def raw(api: Api, *, send_body: bool = True) -> bytes:
    """Create an order over a bare socket; what came back until the connection was closed."""
    host, _, port = api.sandbox.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = json.dumps(BODY).encode()
    head = [
        "POST /api/v3/cmp/io/add HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in api.headers.items()),
    ]
    writer.write("\r\n".join([*head, "", ""]).encode() + (content if send_body else b""))
    received = b""
    try:
        while chunk := await reader.read(65536):
            received += chunk
            if received.endswith(b"}"):
                break
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    return received


async def test_cut_before_nothing_is_carried_out(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="cut_before", times=2)
    for send_body in (False, True):
        assert await raw(api, send_body=send_body) == b""
        assert (await executions(api), api.sandbox.counts.operations[CREATE]) == (0, 0)
    assert (await raw(api)).startswith(b"HTTP/1.1 200 OK")
    assert await executions(api) == 1


async def test_cut_after_it_is_carried_out(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="cut_after")
    assert await raw(api) == b""
    assert (await executions(api), await orders(api)) == (1, 1)


async def test_late_it_appears_afterwards(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="late", seconds=30)
    assert await raw(api) == b""
    assert (await executions(api), await orders(api)) == (0, 0)
    api.sandbox.advance(29)
    assert (await executions(api), await orders(api)) == (0, 0)
    api.sandbox.advance(1)
    assert (await executions(api), await orders(api)) == (1, 1)


async def test_what_is_late_happens_by_the_clock_not_by_the_request(api: Api) -> None:
    api.sandbox.fault("campaigns_create", kind="late", seconds=30)
    order = await api.create_order()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.call("campaigns_create", api.campaign(order))
    api.sandbox.advance(100)
    row = (await api.call("campaigns_list")).json["data"][0]
    created = (await api.campaign_row(int(row["id"])))["createDate"]
    assert 65 <= api.sandbox.now() - created <= 80
    assert row["status"] == "running"


async def test_a_connection_that_is_gone_already_cannot_be_cut() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    exchange = Exchange(Connections(lambda: False), ("127.0.0.1", 1), receive)
    await exchange.cut()
    await exchange.half(Reply(200, b"{}"))


async def test_a_refused_request_is_refused_at_once_even_if_it_would_be_late(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="late", seconds=30)
    assert (await api.call(CREATE, BODY, headers={"Authorization": "Bearer none"})).status == 401


async def test_half_a_body(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="half_body")
    head, _, body = (await raw(api)).partition(b"\r\n\r\n")
    announced = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    assert int(announced[0].split(b":")[1]) // 2 == len(body) > 0
    assert await executions(api) == 1
    api.sandbox.fault(CREATE, kind="half_body")
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.call(CREATE, BODY)
    assert await executions(api) == 2


async def test_a_connection_cut_when_it_is_opened(api: Api) -> None:
    api.sandbox.fault("", kind="cut_connect")
    assert await raw(api) == b""
    assert api.sandbox.counts.operations[CREATE] == 0
    assert (await raw(api)).startswith(b"HTTP/1.1 200")


async def test_an_operation_is_named_as_the_client_names_it(api: Api) -> None:
    api.sandbox.fault("insertion_orders.create", kind="cut_after")
    assert await raw(api) == b""
    with pytest.raises(ValueError, match="the nearest are insertion_orders_create"):
        api.sandbox.fault("insertion_order.create", kind="cut_after")


async def test_a_fault_from_the_start_for_no_operation(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    sandbox = Sandbox(options=SandboxOptions(faults=(Fault("status", "nope"),), database=str(file)))
    with pytest.raises(ValueError, match="there is no operation 'nope'"):
        await sandbox.start()
    # SQLite's write-ahead log lies beside it for as long as a connection is open
    assert os.listdir(tmp_path) == [file.name]


async def test_a_reused_connection_that_closes_unanswered(api: Api) -> None:
    await api.create_order()
    api.sandbox.fault(CREATE, kind="cut_after", times=2)
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await api.call(CREATE, BODY)
    assert await executions(api) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_statuses_in_the_operation_s_own_error_body(api: Api, status: int) -> None:
    api.sandbox.fault(CREATE, kind="status", status=status)
    api.sandbox.fault("campaigns_get", kind="status", status=status, carried_out=True)
    answer = await api.call(CREATE, BODY)
    assert (answer.status, answer.json["success"]) == (status, False)
    order = await api.create_order()
    campaign = await api.create_campaign(order)
    answer = await api.call("campaigns_get", campaignId=campaign)
    assert (answer.status, answer.json["statusCode"]) == (status, status)
    assert api.sandbox.counts.executions == {
        "auth_login": 1, CREATE: 1, "campaigns_create": 1, "campaigns_get": 1,
    }  # fmt: skip
    assert answer.headers["X-Request-Id"].startswith("sandbox-")


async def test_a_status_without_one_is_500(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="status", carried_out=True)
    assert (await api.call(CREATE, BODY)).status == 500
    assert await executions(api) == 1


async def test_a_proxy_s_page(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="html")
    api.sandbox.fault(CREATE, kind="html", status=200, carried_out=True)
    for status, carried_out in ((502, 0), (200, 1)):
        answer = await api.call(CREATE, BODY)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert answer.content.startswith(b"<html>")
        assert await executions(api) == carried_out


async def test_json_that_breaks_off(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    sandbox.fault("auth_login", kind="invalid_json")
    body = {"grantType": "password", "email": sandbox.EMAIL, "password": sandbox.PASSWORD}
    auth = {"Authorization": "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="}
    async with session.post(f"{sandbox.url}/api/v3/ua/login", json=body, headers=auth) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        with pytest.raises(json.JSONDecodeError):
            json.loads(await response.read())
    assert sandbox.counts.executions["auth_login"] == 1


@pytest.mark.parametrize("kind", ["rate_limited", "status"])
@pytest.mark.parametrize("style", [None, "seconds", "date"])
async def test_retry_after(api: Api, kind: Any, style: Any) -> None:
    api.sandbox.fault(CREATE, kind=kind, status=503, retry_after=style, seconds=2.5)
    answer = await api.call(CREATE, BODY)
    assert answer.status == (429 if kind == "rate_limited" else 503)
    header = answer.headers.get("Retry-After")
    if style == "date":
        moment = parsedate_to_datetime(str(header))
        assert 0 < (moment - datetime.fromtimestamp(api.sandbox.now(), UTC)).total_seconds() < 4
    else:
        assert header == {None: None, "seconds": "3"}[style]
    assert await executions(api) == 0


@pytest.mark.parametrize(("kind", "carried_out"), [("delay", 0), ("delay_after", 1)])
async def test_delays(api: Api, kind: Any, carried_out: int) -> None:
    api.sandbox.fault(CREATE, kind=kind, seconds=3600)
    call = asyncio.create_task(api.call(CREATE, BODY))
    while not (api.sandbox.state()["faults"] == [] and await executions(api) == carried_out):
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not call.done()
    assert await executions(api) == carried_out
    api.sandbox.advance(3600)
    assert (await call).status == 200
    assert await executions(api) == 1


async def test_a_delayed_request_is_carried_out_although_nobody_waits(api: Api) -> None:
    api.sandbox.fault(CREATE, kind="delay", seconds=3600)
    call = asyncio.create_task(api.call(CREATE, BODY))
    while api.sandbox.state()["faults"]:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    api.sandbox.advance(3600)
    while await executions(api) == 0:
        await asyncio.sleep(0)
    assert await orders(api) == 1


async def test_a_body_that_never_arrives_is_nothing(api: Api) -> None:
    host, _, port = api.sandbox.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v3/cmp/io/add HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await orders(api) == 0


class TestChoosing:
    def take(self, faults: Faults, operation: str = CREATE) -> str | None:
        fault = faults.take([operation], ["status"])
        return fault.operation if fault else None

    def test_by_operation_and_in_order(self) -> None:
        faults = Faults(IDS, [Fault("status", "campaigns_*"), Fault("status", CREATE), Fault("status")])
        assert [self.take(faults) for _ in range(3)] == [CREATE, "*", None]
        assert self.take(faults, "campaigns_get") == "campaigns_*"
        assert faults.pending() == []

    @pytest.mark.parametrize("name", ["campaigns.get", "campaigns_get", "campaigns.g*", "*.get"])
    def test_by_either_name_of_an_operation(self, name: str) -> None:
        fault = Fault("status", name)
        assert self.take(Faults(IDS, [fault])) is None
        assert self.take(Faults(IDS, [fault]), "campaigns_get") == name

    def test_by_count(self) -> None:
        faults = Faults(IDS, [Fault("status", skip=2, times=2)])
        assert [self.take(faults) is not None for _ in range(6)] == [False, False, True, True, False, False]
        always = Faults(IDS, [Fault("status", times=None)])
        assert all(self.take(always) for _ in range(10))
        always.clear()
        assert self.take(always) is None

    def test_by_chance_and_reproducibly(self) -> None:
        def hits(seed: int) -> list[bool]:
            faults = Faults(IDS, [Fault("status", times=None, probability=0.3)], seed)
            return [self.take(faults) is not None for _ in range(1000)]

        assert 200 < sum(hits(1)) < 400
        assert hits(1) == hits(1) != hits(2)

    @pytest.mark.parametrize("name", ["campaign_gets", "campaign.gets", "campaign?gets", ""])
    def test_an_operation_that_does_not_exist(self, name: str) -> None:
        faults = Faults(IDS)
        with pytest.raises(ValueError, match=f"there is no operation '{re.escape(name)}'; the nearest are ") as caught:
            faults.add(Fault("status", name))
        assert not name or "campaigns_get" in str(caught.value)
        assert faults.pending() == []

    @pytest.mark.parametrize("name", ["*", ""])
    def test_a_connection_has_no_operation(self, name: str) -> None:
        Fault("cut_connect", name).check(IDS)
        with pytest.raises(ValueError, match="cut_connect has no operation"):
            Fault("cut_connect", CREATE).check(IDS)

    def test_what_no_fault_is(self) -> None:
        kind: Any = "earthquake"
        with pytest.raises(ValueError, match="there is no fault 'earthquake'"):
            Fault(kind)
        style: Any = "soon"
        with pytest.raises(ValueError, match="retry_after"):
            Fault("status", retry_after=style)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cut_after", Fault("cut_after")),
        ("cut_after:insertion_orders_create:times=2", Fault("cut_after", CREATE, 2)),
        ("cut_after:insertion_orders.create", Fault("cut_after", "insertion_orders.create")),
        (
            "status:*:status=503:probability=0.5:times=all:retry_after=date:seconds=2.5:skip=1:carried_out=yes",
            Fault("status", "*", None, 0.5, 1, 503, 2.5, "date", True),
        ),
    ],
)
def test_faults_are_read_from_a_line(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


def test_lines_that_are_no_faults() -> None:
    with pytest.raises(ValueError, match="a fault has no 'colour'"):
        Fault.parse("status:colour=red")
    with pytest.raises(ValueError, match="no fault 'statuss'"):
        Fault.parse("statuss")


class TestFromTheStart:
    @pytest.fixture
    def options(self) -> SandboxOptions:
        return SandboxOptions(quota=None, faults=(Fault("status", "auth_login", status=503),))

    async def test_faults_of_the_options_come_back_at_a_reset(self, sandbox: Sandbox, api: Api) -> None:
        assert api.headers == {}
        assert sandbox.counts.answers == {503: 1}
        assert (await api.log_in()).status == 200
        sandbox.fault(kind="status")
        sandbox.clear_faults()
        sandbox.reset()
        assert (await api.log_in()).status == 503
