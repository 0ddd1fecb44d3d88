"""Several vendors in one process, on one port: what they share, and what each has for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adflight.sandbox import Fault, Sandbox, SandboxOptions
from adflight.sandbox.specification import Specification
from adflight.sandbox.validation import Validation
from adflight.sandbox.vendors import VENDORS
from tests.sandbox.api import Api
from tests.sandbox.small_vendors import ACTIONS, JSON, ORDERS, XML, small

VALIDATIONS = {"freewheel": Validation(Specification(ORDERS)), "icareus": Validation(Specification(ACTIONS))}
ORDER = b"<order><name>Spring</name></order>"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
async def sandbox(settings: dict[str, Any]) -> AsyncIterator[Sandbox]:
    async with small(**settings) as sandbox:
        yield sandbox
        assert sandbox.crashes == []


class Caller:
    """Calls the two small vendors, with credentials."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.token = ""
        platform = sandbox.icareus
        self.organization: dict[str, Any] = {
            "organizationId": platform.ORGANIZATION_ID,
            "token": platform.TOKEN,
            "userId": platform.USER_ID,
        }

    async def send(
        self, url: str, method: str = "GET", content: bytes | None = None, **headers: str
    ) -> tuple[int, str, bytes]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, url, data=content, headers=headers) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.read()

    async def log_in(self, grant: str = "password", **wrong: str) -> int:
        platform = self.sandbox.freewheel
        fields = {"grant_type": grant, "username": platform.USERNAME, "password": platform.PASSWORD, **wrong}
        async with self.session.post(f"{platform.url}/auth/token", data=fields) as response:
            if response.status == 200:
                self.token = (await response.json())["access_token"]
            return response.status

    async def orders(
        self, method: str = "GET", path: str = "/v3/orders.xml", content: bytes | None = None, **headers: str
    ) -> tuple[int, str, bytes]:
        given = {"Accept": XML, "Authorization": f"Bearer {self.token}", **headers}
        if content is not None:
            given.setdefault("Content_Type", XML)
        return await self.send(self.sandbox.freewheel.url + path, method, content, **given)

    async def act(
        self, path: str = "/api/campaign", json: Any = None, method: str = "POST", **query: Any
    ) -> tuple[int, Any]:
        query = {**self.organization, **query}
        params = {name: str(value) for name, value in query.items() if value is not None}
        url = self.sandbox.icareus.url + path
        async with self.session.request(method, url, params=params, json=json) as response:
            return response.status, await response.json(content_type=None)

    async def save(self, json: Any = None, **query: Any) -> tuple[int, Any]:
        return await self.act(json=json, action="save", type="video", **query)


@pytest.fixture
async def caller(sandbox: Sandbox, session: aiohttp.ClientSession) -> Caller:
    caller = Caller(sandbox, session)
    assert await caller.log_in() == 200
    return caller


async def test_each_has_its_own_place_below_one_root(sandbox: Sandbox) -> None:
    assert sandbox.url == sandbox.iqm.url
    assert sandbox.freewheel.url == f"{sandbox.url}/freewheel"
    assert sandbox.icareus.url == f"{sandbox.url}/icareus"
    assert list(sandbox.platforms) == ["iqm", "freewheel", "icareus"]


async def test_a_vendor_that_is_not_served_says_so() -> None:
    async with Sandbox(options=SandboxOptions(quota=None), vendors=VENDORS[:1]) as sandbox:
        with pytest.raises(RuntimeError, match="this sandbox serves no FreeWheel"):
            _ = sandbox.freewheel


async def test_xml_in_and_out(caller: Caller) -> None:
    body = (
        b'<order><name>Spring</name><amount>0.10</amount><contacts><person id="1"/></contacts><tag>a</tag>'
        b"<later>x</later></order>"
    )
    status, media_type, content = await caller.orders("POST", content=body)
    assert (status, media_type) == (201, XML)
    assert content == b'<?xml version="1.0" encoding="UTF-8"?>\n' + body.replace(b"<order>", b"<order><id>1</id>")
    operation = next(item for item in VALIDATIONS["freewheel"].specification.operations if item.id == "orders_create")
    assert VALIDATIONS["freewheel"].answer_errors(operation, 201, content) == []
    assert VALIDATIONS["freewheel"].answer_errors(operation, 201, b"<order/>") != []
    for path in ("/v3/orders/1.xml", "/services/v3/orders/1"):
        assert (await caller.orders(path=path))[::2] == (200, content)
    listed = await caller.orders(path="/services/v3/orders")
    assert listed[2].startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<orders total_entries="1"><order><id>1<')


@pytest.mark.parametrize("prefix", ["", "/services"])
@pytest.mark.parametrize("suffix", ["", ".xml"])
async def test_prefix_and_suffix_may_be_there_or_not(caller: Caller, prefix: str, suffix: str) -> None:
    for noun in ("order", "orders"):
        assert (await caller.orders("POST", f"{prefix}/v3/{noun}{suffix}", ORDER))[0] == 201
    assert (await caller.orders(path=f"{prefix}/v3/orders/2{suffix}"))[0] == 200
    assert (await caller.orders("DELETE", f"{prefix}/v3/order/2{suffix}"))[0] == 200


async def test_an_answer_without_a_body(caller: Caller) -> None:
    await caller.orders("POST", content=ORDER)
    status, _, content = await caller.orders("DELETE", "/services/v3/order/1")
    assert (status, content) == (200, b"")
    status, media_type, content = await caller.orders("DELETE", "/services/v3/order/1")
    assert (status, media_type) == (422, XML)
    assert content.endswith(b'<errors><error field="id">There is no order &lt;1&gt;</error></errors>')


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"{", 400, b"The body cannot be read as XML: it is no XML"),
        (b"<!DOCTYPE order><order/>", 400, b"a DOCTYPE is not accepted"),
        (b"<campaign/>", 400, b"the root element has to be order, not campaign"),
        (b"<order/>", 422, b"name"),
        (b"<order><name>x</name><brand>Acme</brand></order>", 422, b'field="brand"'),
        (b"<order><name>x</name><amount>-1</amount></order>", 422, b'field="amount"'),
        (b"<order><name>x</name><contact>Ada</contact></order>", 422, b'field="contact"'),
    ],
)
async def test_bodies_that_are_refused(caller: Caller, content: bytes, status: int, message: bytes) -> None:
    answer = await caller.orders("POST", content=content)
    assert answer[:2] == (status, XML)
    assert message in answer[2]
    assert b"<errors><error" in answer[2]


async def test_xml_has_to_be_sent_and_asked_for(caller: Caller) -> None:
    for accept in ("application/json", "*/*"):
        status, media_type, content = await caller.orders(Accept=accept)
        assert (status, media_type) == (400, XML)
        assert b"json is not supported" in content
    assert (await caller.orders("POST", content=ORDER, Content_Type=JSON))[0] == 400
    assert (await caller.orders(Accept="text/html, application/xml;q=0.9"))[0] == 200


async def test_actions_are_told_apart(caller: Caller) -> None:
    assert await caller.save({"name": "A"}) == (200, {"status": "ok", "campaignId": 71001})
    # with a campaign it is an update, whatever is in it; without, it is none
    assert await caller.save({"name": "B"}, campaignId=71001) == (200, {"status": "ok", "campaignId": 71001})
    status, answer = await caller.save({})
    assert (status, answer["status"]) == (400, "error")
    assert await caller.save({}, campaignId=1) == (422, {"status": "error", "message": "There is no campaign <1>"})
    executed = caller.sandbox.icareus.counts.executions
    assert executed == {"campaigns_create_video": 1, "campaigns_update_video": 1}
    path = "/api/campaign/save/video/create"
    assert (await caller.act(path, {"name": "C"}))[1]["campaignId"] == 71002
    assert (await caller.act(path, {"name": "C"}, type="audio"))[0] == 400
    assert (await caller.act(path, {"name": "C"}, type="video", action="save"))[0] == 200


async def test_a_fault_hits_one_action_of_a_path(caller: Caller) -> None:
    caller.sandbox.icareus.fault("campaigns_update_video", kind="cut_before")
    assert (await caller.save({"name": "A"}))[0] == 200
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.save({"name": "B"}, campaignId=71001)
    assert caller.sandbox.icareus.counts.executions == {"campaigns_create_video": 1}


@pytest.mark.parametrize("query", [{}, {"action": "save"}, {"action": "erase", "type": "video"}])
async def test_an_action_that_does_not_exist(caller: Caller, query: dict[str, str]) -> None:
    status, answer = await caller.act(json={"name": "A"}, **query)
    assert (status, answer["status"]) == (400, "error")
    assert answer["message"].startswith("The parameter ")
    assert not caller.sandbox.icareus.counts.executions


async def test_a_path_of_one_operation_asks_for_its_action(caller: Caller) -> None:
    assert (await caller.act("/api/campaign/v5", method="GET"))[0] == 400
    assert (await caller.act("/api/campaign/v5", method="GET", action="active"))[1] == {"campaigns": []}
    assert (await caller.act("/api/campaign/active", method="GET"))[0] == 200


async def test_a_list_as_body(caller: Caller) -> None:
    await caller.save({"name": "A"})
    url = "/api/campaign/v5"
    assert (await caller.act(url, [{"name": "x"}], action="caps", campaignId=71001)) == (200, {"status": "ok"})
    assert (await caller.act(url, {"name": "x"}, action="caps", campaignId=71001))[0] == 400
    assert (await caller.act(url, [{"name": 1}], action="caps", campaignId=71001))[0] == 400


async def test_a_body_in_the_query(caller: Caller) -> None:
    assert (await caller.save(data='{"name": "A"}'))[0] == 200
    assert (await caller.save(data='{"name": 1}'))[0] == 400
    assert (await caller.save(data="{"))[0] == 400
    assert (await caller.save())[0] == 400
    # the body wins where there are two
    assert (await caller.save({"name": "A"}, data="{"))[0] == 200


async def test_kinds_numbers_and_counts_are_each_vendor_s_own(caller: Caller) -> None:
    api = Api(caller.sandbox, caller.session)
    await api.log_in()
    campaign = await api.create_campaign(await api.create_order())
    assert (await caller.save({"name": "A"}))[1]["campaignId"] != campaign
    await caller.orders("POST", content=ORDER)
    sandbox = caller.sandbox
    assert sandbox.state()["objects"]["campaign"] == sandbox.state()["objects"]["order"] == 1
    assert sandbox.freewheel.state()["objects"] == {"order": 1}
    assert sandbox.icareus.state()["objects"] == {"campaign": 1}
    assert sandbox.counts.executions == {"auth_login": 1, "insertion_orders_create": 1, "campaigns_create": 1}
    assert sandbox.freewheel.counts.executions == {"auth_token": 1, "orders_create": 1}
    assert sandbox.icareus.counts.answers == {200: 1}
    sandbox.icareus.reset()
    assert sandbox.icareus.state()["objects"] == {"campaign": 0}
    assert sandbox.state()["objects"]["campaign"] == 1
    assert (await caller.orders())[0] == 200
    sandbox.reset()
    assert (await caller.orders())[0] == 401
    assert sandbox.icareus.counts.requests == 0
    assert (await api.call("campaigns_list")).status == 401


async def test_faults_are_each_vendor_s_own(caller: Caller) -> None:
    sandbox = caller.sandbox
    sandbox.freewheel.fault("orders.list", kind="status", status=503)
    sandbox.fault("icareus.*", kind="status", status=502, times=2)
    sandbox.fault("freewheel.orders_list", kind="rate_limited")
    assert [len(platform.state()["faults"]) for platform in sandbox.platforms.values()] == [0, 2, 1]
    status, media_type, content = await caller.orders()
    assert (status, media_type) == (503, XML)
    assert b"<error>A fault of the sandbox" in content
    assert await caller.orders() == (429, JSON, b'{"Message":"Too many requests"}')
    assert (await caller.save({"name": "A"}))[1]["status"] == "error"
    sandbox.icareus.clear_faults()
    assert (await caller.save({"name": "A"}))[0] == 200
    with pytest.raises(ValueError, match=r"there is no operation 'order\.list'; the nearest are orders_list"):
        sandbox.freewheel.fault("order.list", kind="html")
    with pytest.raises(ValueError, match=r"no operation 'orders\.list'"):
        sandbox.fault("orders.list", kind="html")


class TestFaultsFromTheStart:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"faults": (Fault("html", "freewheel.orders.list"), Fault("status", "iqm.campaigns.list"))}

    async def test_they_go_to_their_vendors_and_come_back_with_a_reset(self, caller: Caller) -> None:
        assert (await caller.orders())[0] == 502
        assert (await caller.orders())[0] == 200
        caller.sandbox.freewheel.reset()
        await caller.log_in()
        assert (await caller.orders())[0] == 502
        assert caller.sandbox.state()["faults"][0]["operation"] == "campaigns.list"


async def test_a_connection_is_cut_for_whichever_vendor(caller: Caller) -> None:
    caller.sandbox.freewheel.fault("", kind="cut_connect")
    async with aiohttp.ClientSession() as other:
        with pytest.raises(aiohttp.ClientConnectionError):
            await other.post(f"{caller.sandbox.url}/_sandbox/clock", json={"advance": 0})
    assert (await caller.orders())[0] == 200


async def test_late_requests_follow_the_one_clock(caller: Caller) -> None:
    caller.sandbox.freewheel.fault("orders_create", kind="late", seconds=30)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.orders("POST", content=ORDER)
    caller.sandbox.advance(29)
    assert caller.sandbox.freewheel.state()["objects"] == {"order": 0}
    caller.sandbox.advance(1)
    assert caller.sandbox.freewheel.state()["objects"] == {"order": 1}


class TestQuotas:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"freewheel_quota": (2, 1.0), "freewheel_auth_quota": (3, 1.0), "icareus_quota": (1, 10.0), "start": 1e9}

    async def test_each_vendor_and_each_group_is_counted_by_itself(self, caller: Caller) -> None:
        sandbox = caller.sandbox
        sandbox.freewheel.reset()
        assert [await caller.log_in() for _ in range(4)] == [200, 200, 200, 429]
        assert [(await caller.orders())[0] for _ in range(3)] == [200, 200, 429]
        assert sandbox.freewheel.counts.busiest == {"127.0.0.1": 4, sandbox.freewheel.USERNAME: 3}
        assert [(await caller.save({"name": "A"}))[0] for _ in range(2)] == [200, 429]
        status, answer = await caller.save({"name": "A"})
        assert (status, answer) == (429, {"status": "error", "message": "Too many requests"})
        sandbox.advance(1)
        assert await caller.log_in() == 200
        assert (await caller.orders())[0] == 200
        assert (await caller.save({"name": "A"}))[0] == 429


def test_the_documented_quotas_are_the_defaults() -> None:
    options = SandboxOptions()
    assert options.quota == (20, 60.0)
    assert (options.freewheel_quota, options.freewheel_auth_quota) == ((20, 1.0), (3, 1.0))
    assert options.icareus_quota is None


async def test_each_has_an_administration_of_its_own(caller: Caller) -> None:
    sandbox, session = caller.sandbox, caller.session

    async def admin(method: str, url: str, **body: Any) -> tuple[int, Any]:
        async with session.request(method, url, json=body or None) as response:
            return response.status, await response.json()

    root = f"{sandbox.freewheel.url}/_sandbox"
    status, state = await admin("POST", f"{root}/faults", kind="status", operation="orders.list", times=None)
    assert (status, state["faults"][0]["operation"], state["objects"]) == (200, "orders.list", {"order": 0})
    assert (await admin("POST", f"{root}/faults", kind="status", operation="campaigns.list"))[0] == 400
    assert (await admin("GET", f"{sandbox.url}/_sandbox/state"))[1]["faults"] == []
    assert (await admin("DELETE", f"{root}/faults"))[1]["faults"] == []
    assert (await admin("GET", f"{root}/counts"))[1]["operations"] == {"auth_token": 1}
    before = sandbox.now()
    assert (await admin("POST", f"{root}/clock", advance=60))[1]["now"] >= before + 60
    assert (await admin("POST", f"{root}/tokens/expire"))[0] == 200
    assert (await caller.orders())[0] == 401
    assert (await admin("POST", f"{root}/reset"))[0] == 200
    assert sandbox.freewheel.counts.requests == 0
    # what only one vendor has
    async with session.post(f"{root}/campaigns/status", json={}) as response:
        assert response.status == 404
    fault = {"kind": "status", "operation": "freewheel.orders.list"}
    assert (await admin("POST", f"{sandbox.url}/_sandbox/faults", **fault))[0] == 200
    assert len(sandbox.freewheel.state()["faults"]) == 1


async def test_a_file_keeps_all_of_them(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    database = str(tmp_path / "sandbox.db")
    async with small(database=database) as sandbox:
        caller = Caller(sandbox, session)
        await caller.log_in()
        await caller.orders("POST", content=ORDER.replace(b"</order>", b"<amount>12.50</amount></order>"))
        await caller.save({"name": "A"})
        token = caller.token
    async with small(database=database) as sandbox:
        caller = Caller(sandbox, session)
        caller.token = token
        assert b"<amount>12.50</amount>" in (await caller.orders())[2]
        assert sandbox.icareus.state()["objects"] == {"campaign": 1}
        assert (await caller.save({"name": "A"}))[1]["campaignId"] == 71002
