from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, assert_type

import pytest

from adflight.core.client import Client, Connection, check_credentials, from_environment
from adflight.core.errors import ConfigurationError, InvalidInput, OperationNotConfigured, ServerError
from adflight.core.options import Attempted, Hook, Options
from adflight.core.quota import Limiter, Quota
from adflight.core.routing import Route, Routing
from adflight_api.runtime import Caller, Operation, RawResponse, Request, Resource, with_raw_response
from tests.clock import FakeClock
from tests.core.scripted import BEARER, FixedAuthenticator, ScriptedTransport, answer, ok, operation

ID = operation()


def parse(value: Any) -> int:
    return int(value)


class Things(Resource):
    async def do(self, number: int = 0) -> int:
        return await self._caller.call(Request(ID, "/things", body={"number": number}), parse)


class ThingsRaw:
    def __init__(self, things: Things) -> None:
        self.do = with_raw_response(things.do)


class Operations:
    _caller: Caller

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def things(self) -> Things:
        return Things(self._caller)


class OperationsRaw:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def things(self) -> ThingsRaw:
        return ThingsRaw(Things(self._caller))


class Vendor(Client[OperationsRaw], Operations):
    def __init__(
        self,
        user: str = "ada",
        *,
        base_url: str = "https://api.example.com/",
        quota: Quota | None = None,
        limiters: Mapping[str, Limiter] | None = None,
        routing: Routing | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        self.authenticator = FixedAuthenticator()
        super().__init__(
            base_url,
            self.authenticator,
            user,
            raw_operations=OperationsRaw,
            quota=quota,
            limiters=limiters,
            routing=routing,
            default_security=(BEARER, "more"),
            **connection,
        )


async def test_a_client_is_a_context() -> None:
    transport = ScriptedTransport(ok(5))
    async with Vendor(transport=transport) as vendor:
        assert await vendor.things.do() == 5
    assert (transport.closed, vendor.authenticator.closed) == (1, 1)
    await vendor.aclose()


def test_what_a_client_tells_about_itself() -> None:
    vendor = Vendor()
    assert (vendor.base_url, repr(vendor), vendor.options) == (
        "https://api.example.com",
        "<Vendor https://api.example.com>",
        Options(),
    )


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="with_raw_response"):
        Vendor(options=Options(raw=True))
    with pytest.raises(ConfigurationError, match="base_url"):
        Vendor(base_url="example.com")
    with pytest.raises(ConfigurationError, match=r"missing: user, token$") as raised:
        check_credentials(user="", password="s3cr3t", token=None)
    assert "s3cr3t" not in str(raised.value)
    check_credentials(user="ada")


async def test_a_client_that_is_observed_tells_of_its_views_too() -> None:
    told: list[Attempted] = []
    vendor = Vendor(transport=ScriptedTransport(ok(5)))
    view = vendor.with_options(max_attempts=1)
    with view.observed(told.append):
        await vendor.things.do(1)
        await view.things.do(2)
        await vendor.with_raw_response.things.do(3)
        await vendor.request("GET", "/others", repeatable=True)
    await vendor.things.do(4)
    assert [one.operation for one in told] == ["things.do"] * 3 + ["GET /others"]


async def test_views() -> None:
    transport = ScriptedTransport(ok(5))
    vendor = Vendor(transport=transport, options=Options(timeout=9))
    view = vendor.with_options(max_attempts=1, deadline=60)
    assert_type(view, Vendor)
    assert await view.things.do() == 5
    assert (vendor.options, view.options) == (Options(timeout=9), Options(timeout=9, max_attempts=1, deadline=60))
    assert view.turns is vendor.turns
    scoped = view._view({"timeout": 3}, {"workspaceId": "8"})._view({}, {"other": "9"})
    await scoped.things.do()
    assert scoped.options.scope == {"workspaceId": "8", "other": "9"}
    assert [(sent.timeout, sent.headers["X-Workspace"]) for sent in transport.sent] == [(9, "7"), (3, "8")]


def test_options_that_cannot_be() -> None:
    wrong: Any = {"colour": "red", "raw": True}
    with pytest.raises(TypeError, match="colour, raw"):
        Vendor().with_options(**wrong)
    with pytest.raises(InvalidInput, match="timeout=0"):
        Vendor().with_options(timeout=0)


async def test_raw_answers() -> None:
    vendor = Vendor(transport=ScriptedTransport(ok(5)))
    raw = await vendor.with_options(timeout=3).with_raw_response.things.do(1)
    assert_type(raw, RawResponse[int])
    assert (raw.parsed, raw.content) == (5, b'{"success":true,"data":5}')


@pytest.mark.parametrize(("repeatable", "attempts"), [(True, 2), (False, 1)])
async def test_calls_that_no_specification_knows(repeatable: bool, attempts: int) -> None:
    transport = ScriptedTransport(answer(500), ok(5))
    vendor = Vendor(transport=transport, clock=FakeClock(auto=True))
    calling = vendor.request("get", "/more", query={"a": 1}, json=[2], repeatable=repeatable)
    if repeatable:
        assert await calling == {"success": True, "data": 5}
    else:
        with pytest.raises(Exception, match="not known whether it was carried out"):
            await calling
    assert len(transport.sent) == attempts
    sent = transport.sent[0]
    assert (sent.method, sent.url, sent.content) == ("GET", "https://api.example.com/more?a=1", b"[2]")
    assert "Bearer" in sent.headers["Authorization"]


async def test_requests_of_operation_modules() -> None:
    number = await Vendor(transport=ScriptedTransport(ok("5"))).call(Request(ID, "/things"), parse)
    assert_type(number, int)
    assert number == 5


async def test_many_calls() -> None:
    vendor = Vendor(transport=ScriptedTransport(ok(5)))
    found = [outcome.result() async for outcome in vendor.map(vendor.things.do, [1, 2, 3], concurrency=2, ordered=True)]
    assert found == [5, 5, 5]


async def test_settings_reach_the_session() -> None:
    seen: list[str] = []

    async def look(shown: Any) -> None:
        seen.append(str(shown.url))

    known: dict[str, Operation] = {ID.id: ID}
    clock = FakeClock(auto=True)
    tokens = Limiter(None, clock=clock)
    vendor = Vendor(
        base_url="https://settings.example.com",
        quota=Quota(5, 60.0),
        limiters={"api": tokens},
        routing=Routing(known, routes={ID.id: Route("PUT", "/elsewhere")}),
        transport=ScriptedTransport(answer(200, b"x" * 100)),
        hooks=[Hook(look)],
        max_in_flight=3,
        max_body_size=50,
        documented_paths=True,
        clock=clock,
    )
    with pytest.raises(ServerError, match="max_body_size allows 50"):
        await vendor.things.do()
    assert seen == ["https://settings.example.com/elsewhere"]
    assert vendor.clock is clock
    assert vendor._session.limiter.quota == Quota(5, 60.0)
    assert vendor._session.limiter.state().used == 0, "its group has a limiter of its own"
    unknown = Request(operation("create"), "/things")
    unknown.operation = Operation("a.b", "POST", "/b", "test", "create", None, configured=False)
    with pytest.raises(OperationNotConfigured):
        await vendor.call(unknown, parse)


def test_clients_of_one_account_share_quota_and_turns() -> None:
    clock = FakeClock()
    first, other = (Vendor(user, quota=Quota(5, 60.0), clock=clock) for user in "ab")
    second = Vendor("a", quota=Quota(5, 60.0), clock=clock, base_url="https://API.example.com:443")
    assert first._session.limiter is second._session.limiter is not other._session.limiter
    assert first.turns is second.turns is not other.turns


REQUIRED = {"user": "VENDOR_USER", "password": "VENDOR_PASSWORD"}
OPTIONAL = {"base_url": "VENDOR_BASE_URL", "number": "VENDOR_NUMBER"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in (*REQUIRED.values(), *OPTIONAL.values()):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def test_the_environment_fills_what_is_not_given(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VENDOR_USER", "ada")
    environment.setenv("VENDOR_PASSWORD", "p")
    environment.setenv("VENDOR_BASE_URL", "")
    environment.setenv("VENDOR_NUMBER", "7")
    options = Options()
    found = from_environment({"user": "bob", "options": options}, REQUIRED, OPTIONAL, numbers=["number"])
    assert found == {"user": "bob", "password": "p", "number": 7, "options": options}
    assert from_environment({"number": 8}, REQUIRED, OPTIONAL, numbers=["number"])["number"] == 8
    environment.delenv("VENDOR_NUMBER")
    assert "number" not in from_environment({}, REQUIRED, OPTIONAL, numbers=["number"])


def test_all_missing_variables_are_named_at_once(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as raised:
        from_environment({}, REQUIRED, OPTIONAL)
    assert str(raised.value) == "environment variables are not set: VENDOR_USER, VENDOR_PASSWORD"
    with pytest.raises(ConfigurationError, match=r"not set: VENDOR_PASSWORD$"):
        from_environment({"user": "ada", "password": ""}, REQUIRED, OPTIONAL)


def test_a_number_is_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VENDOR_NUMBER", "many")
    with pytest.raises(ConfigurationError, match="VENDOR_NUMBER: expected a whole number") as raised:
        from_environment({"user": "ada", "password": "p"}, REQUIRED, OPTIONAL, numbers=["number"])
    assert "many" not in str(raised.value)
