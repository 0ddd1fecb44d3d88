from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import evolve

from adflight.core.errors import ConfigurationError, OperationNotConfigured
from adflight.core.options import Options
from adflight.core.quota import Quota
from adflight.core.routing import Catalogue, Route, Router, Routing
from adflight_api.iqm.api.campaigns import campaigns_get
from adflight_api.runtime import Operation, Repeat, Request
from tests.core.scripted import FixedAuthenticator, ScriptedTransport, answer, operation, same, session

LIVE = "https://api.example.com"


def orders(name: str, path: str, method: str = "GET", repeat: Repeat = "relative", **changes: Any) -> Operation:
    return evolve(operation(repeat), id=f"orders.{name}", method=method, path=path, **changes)


GET = orders("get", "/v3/orders/{order_id}.xml", repeat="read", live_path="/services/v3/orders/{order_id}")
TOKEN = orders("token", "/auth/token", "POST")
MOVE = orders("move", "/v3/orders/{order_id}/moves/{move}.xml", configured=False)
BOOK = orders(
    "book", "/v3/orders/{order_id}/book.xml", "PUT", confidence="low", live_path="/services/v3/orders/{order_id}/book"
)
LOOK = evolve(BOOK, id="orders.look", repeat="read")
KNOWN = {each.id: each for each in (GET, TOKEN, MOVE, BOOK, LOOK)}

MOVED = Request(MOVE, "/v3/orders/5/moves/a%2Fb.xml", segments={"order_id": "5", "move": "a%2Fb"}, query={"x": "+"})


def request(asked: Operation) -> Request:
    live_path = asked.live_path and asked.live_path.format(order_id=5)
    return Request(asked, asked.path.format(order_id=5), live_path, segments={"order_id": "5"})


def found(asked: Request, base_url: str = LIVE, *, documented_paths: bool = False, **parts: Any) -> tuple[str, str]:
    return Router(base_url, Routing(KNOWN, **parts), documented_paths=documented_paths).find(asked)


def test_without_routing_requests_go_where_the_specification_says() -> None:
    assert Router(LIVE).find(request(GET)) == ("GET", "/services/v3/orders/5")
    assert Router(LIVE, documented_paths=True).find(request(GET)) == ("GET", "/v3/orders/5.xml")
    assert found(request(GET)) == ("GET", "/services/v3/orders/5")
    assert found(request(GET), documented_paths=True) == ("GET", "/v3/orders/5.xml")


@pytest.mark.parametrize(
    ("prefixes", "suffix", "path"),
    [
        ({"/services/v3": "/v3"}, "", "/v3/orders/5"),
        ({"/services/v3": "/v3"}, ".xml", "/v3/orders/5.xml"),
        ({"/services/v3": "/services/v3"}, ".xml", "/services/v3/orders/5.xml"),
        ({"/services/v3": ""}, "", "/orders/5"),
        ({"/services/v": "/v"}, ".xml", "/services/v3/orders/5"),
        ({"/services": "/gateway", "/services/v3": "/v3"}, "", "/gateway/v3/orders/5"),
    ],
)
def test_prefixes_and_suffix(prefixes: dict[str, str], suffix: str, path: str) -> None:
    assert found(request(GET), prefixes=prefixes, suffix=suffix) == ("GET", path)
    assert found(request(TOKEN), prefixes=prefixes, suffix=suffix) == ("POST", "/auth/token")


def test_documented_paths_have_prefixes_and_suffixes_of_their_own() -> None:
    routed = found(request(GET), documented_paths=True, prefixes={"/v3": "/v4"}, suffix=".xml")
    assert routed == ("GET", "/v4/orders/5.xml"), "it ends with one suffix"


def test_calls_that_no_specification_knows_stay_as_they_are() -> None:
    asked = Request(orders("?", "/services/v3/things"), "/services/v3/things")
    assert found(asked, prefixes={"/services/v3": "/v3"}, suffix=".xml")[1] == "/services/v3/things"


def test_a_route_is_filled_with_the_arguments() -> None:
    route = Route("patch", "/x/{move}/of/{order_id}")
    routed = found(MOVED, prefixes={"/x": "/y"}, suffix=".xml", routes={"orders.move": route})
    assert routed == ("PATCH", "/x/a%2Fb/of/5?x=%2B")


@pytest.mark.parametrize("base_url", [LIVE, "http://127.0.0.1:8000/freewheel"])
def test_what_nobody_knows_how_to_call_is_not_sent(base_url: str) -> None:
    with pytest.raises(OperationNotConfigured) as raised:
        Router(base_url).find(MOVED)
    assert raised.value.operation == "orders.move"
    assert 'routes={"orders.move": Route("PUT", "/.../{order_id}/{move}/...")}' in str(raised.value)
    with pytest.raises(OperationNotConfigured):
        found(MOVED, base_url, allow_low_confidence=True, routes={"orders.book": Route("PUT", "/x/{order_id}")})


@pytest.mark.parametrize("host", ["api.example.com", "127.0.0.1.example.com", "10.0.0.1", "localhost.example.com"])
def test_writes_of_low_confidence_need_an_opt_in(host: str) -> None:
    with pytest.raises(OperationNotConfigured, match="set allow_low_confidence=True") as raised:
        Router(f"https://{host}").find(request(BOOK))
    assert "PUT /services/v3/orders/{order_id}/book" in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    with pytest.raises(OperationNotConfigured):
        found(request(BOOK), f"https://{host}")
    sent = ("PUT", "/services/v3/orders/5/book")
    assert found(request(BOOK), allow_low_confidence=True) == sent
    assert found(request(BOOK), routes={"orders.book": Route("PUT", "/b/{order_id}")}) == ("PUT", "/b/5")
    assert Router(f"https://{host}").find(request(LOOK)) == sent, "reads do no harm"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_this_machine_is_no_live_host(host: str) -> None:
    assert Router(f"http://{host}:8000/freewheel").find(request(BOOK))[0] == "PUT"


BOTH = "expected {order_id} and {move}, each once"


@pytest.mark.parametrize(
    ("name", "route", "problem"),
    [
        ("orders.sell", Route("PUT", "/a"), "no such operation; expected one of orders.book, orders.get, orders.look"),
        ("orders.get", Route("PUT IT", "/a/{order_id}"), "method 'PUT IT': expected a word, such as PUT"),
        ("orders.get", Route("", "/a/{order_id}"), "method '': expected a word"),
        ("orders.get", Route("PUT", "a/{order_id}"), "expected an encoded path that begins with one slash"),
        ("orders.get", Route("PUT", "//a/{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "https://a.example.com/{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/a/{order_id}?b=c"), "without a query"),
        ("orders.get", Route("PUT", "/a b/{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/ä/{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/a/../{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/a/{order_id}}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/a\r\n/{order_id}"), "expected an encoded path"),
        ("orders.get", Route("PUT", "/a"), "path '/a': expected {order_id}, each once"),
        ("orders.move", Route("PUT", "/a/{order_id}"), BOTH),
        ("orders.move", Route("PUT", "/a/{order_id}/{move}/{move}"), BOTH),
        ("orders.move", Route("PUT", "/a/{order_id}/{move}/{more}"), BOTH),
        ("orders.token", Route("PUT", "/a/{order_id}"), "expected no placeholders"),
    ],
)
def test_routes_that_cannot_be(name: str, route: Route, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Routing(KNOWN, routes={name: route})
    assert f"routes[{name!r}]: " in str(raised.value)
    assert problem in str(raised.value)


@pytest.mark.parametrize("path", ["v3", "/v3/", "/", "//v3", "/v3?a", "/{x}", "/v3/.."])
def test_prefixes_that_cannot_be(path: str) -> None:
    with pytest.raises(ConfigurationError, match="prefixes"):
        Routing(KNOWN, prefixes={path: "/v3"})
    with pytest.raises(ConfigurationError, match="prefixes"):
        Routing(KNOWN, prefixes={"/v3": path})


@pytest.mark.parametrize("suffix", ["?a", " .xml", "/..", "é"])
def test_suffixes_that_cannot_be(suffix: str) -> None:
    with pytest.raises(ConfigurationError, match="expected the end of a path"):
        Routing(KNOWN, prefixes={"/v3": "/v3"}, suffix=suffix)


def test_a_suffix_needs_prefixes() -> None:
    with pytest.raises(ConfigurationError, match="they say which paths get it"):
        Routing(KNOWN, suffix=".xml")


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Routing(KNOWN, prefixes={"a": "b"}, suffix="?", routes={"x": Route("", ""), "orders.get": Route("", "")})
    assert [part in str(raised.value) for part in ("prefixes['a']", "suffix", "'x'", "method", "path ''")] == [True] * 5


def test_the_operations_of_a_generated_package() -> None:
    catalogue = Catalogue("adflight_api.iqm")
    assert catalogue["campaigns.get"] is campaigns_get.OPERATION
    assert {"campaigns.get", "insertion_orders.create"} < set(catalogue)
    assert "campaigns.sell" not in catalogue
    assert len(catalogue) == len(list(catalogue))
    assert {name: each.id for name, each in catalogue.items()} == {name: name for name in catalogue}
    assert repr(catalogue) == "<Catalogue of adflight_api.iqm>"
    assert repr(Routing(catalogue)).startswith("Routing(prefixes={}")


# through a session


async def test_the_method_that_went_out_is_the_one_that_is_shown() -> None:
    transport = ScriptedTransport(answer(200, {"data": 1}))
    routing = Routing(KNOWN, routes={"orders.move": Route("PATCH", "/m/{order_id}/{move}")})
    raw: Any = await session(transport, routing=routing).call(MOVED, same, Options(raw=True))
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("PATCH", "https://api.example.com/base/m/5/a%2Fb?x=%2B")
    assert (raw.request.method, raw.request.url) == (sent.method, sent.url)


@pytest.mark.parametrize("asked", [MOVED, request(BOOK)])
async def test_nothing_happens_before_an_operation_is_configured(asked: Request) -> None:
    authenticator, transport = FixedAuthenticator(), ScriptedTransport()
    authenticator.valid = False
    open_session = session(transport, authenticator=authenticator, quota=Quota(1, 60.0))
    with pytest.raises(OperationNotConfigured):
        await open_session.call(asked, same, Options())
    assert (transport.sent, authenticator.prepared, open_session.limiter.state().used) == ([], 0, 0)
