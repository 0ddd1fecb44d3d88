"""The generator on a small specification: what it writes, and what it refuses instead of leaving it out."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.codegen import ROOT

COMMAND = ROOT / "openapi" / "codegen" / "generate.py"
GENERATED = ROOT / "generated" / "adflight_api"
SHOP = dedent(
    """\
    openapi: 3.1.0
    info: {title: Shop, version: '1'}
    tags: [{name: orders, description: Orders}]
    paths:
      /orders/{orderId}:
        put:
          tags: [orders]
          operationId: orders_update
          summary: Change an order
          x-adflight: {source: "000 L1-2", repeat: {field: mode, values: {set: absolute, add: relative}}, envelope: v3}
          parameters:
            - {name: orderId, in: path, required: true, description: Order id., schema: {type: integer}}
            - {name: dryRun, in: query, description: Whether to try only., schema: {type: boolean}}
          requestBody:
            required: true
            content:
              application/json:
                schema: {$ref: '#/components/schemas/OrderUpdate'}
          responses:
            '200':
              description: The order.
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      success: {type: boolean}
                      data: {$ref: '#/components/schemas/Order'}
    components:
      schemas:
        OrderUpdate:
          type: object
          description: A change.
          required: [amount]
          properties:
            amount: {type: number, description: Amount.}
            mode: {type: string, default: set, description: Add or set.}
        Order:
          type: object
          description: An order.
          required: [id]
          properties:
            id: {type: integer, description: Order id.}
            createdAt: {type: integer, x-adflight-unit: seconds, description: When it was made.}
            lines: {type: array, items: {type: integer}, description: Ids of its lines.}
    """
)
DOCUMENT: dict[str, Any] = yaml.safe_load(SHOP)

Change = Callable[[dict[str, Any]], object]


class Shop:
    """A specification that tests change, and what comes of it."""

    def __init__(self, folder: Path, codegen: Callable[[str], Any]) -> None:
        self.folder = folder
        self.error = codegen("specification").SpecificationError
        self.codegen = codegen
        self.document = deepcopy(DOCUMENT)

    @property
    def operation(self) -> Any:
        return self.document["paths"]["/orders/{orderId}"]["put"]

    def properties(self, component: str) -> Any:
        return self.document["components"]["schemas"][component]["properties"]

    def write(self) -> Path:
        path = self.folder / "shop.yaml"
        path.write_text(yaml.safe_dump(self.document, sort_keys=False), encoding="utf-8")
        return path

    def generate(self) -> Path:
        """The folder of the generated package."""
        self.codegen("generate").generate([self.write()], self.folder)
        return self.folder / "adflight_api"

    def refusal(self) -> str:
        with pytest.raises(self.error) as caught:
            self.generate()
        return str(caught.value)


@pytest.fixture
def shop(tmp_path: Path, codegen: Callable[[str], Any]) -> Shop:
    return Shop(tmp_path, codegen)


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


def called(package: Path, code: str) -> list[str]:
    """What a program prints that uses the package."""
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    program = f"from adflight_api.shop.api.orders import orders_update\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# What is written


def test_an_operation_builds_requests_and_reads_answers(shop: Shop) -> None:
    code = """
request = orders_update.request("5", amount=1.5, dry_run=True)
print(request.operation.method, request.url, request.body, request.repeat)
order = orders_update.parse(orders_update.OPERATION.unwrap({"data": {"id": 5, "createdAt": 1801123200}}))
print(order)
"""
    assert called(shop.generate(), code) == [
        "PUT /orders/5?dryRun=true {'amount': 1.5, 'mode': 'set'} absolute",
        "Order(id=5, created_at=datetime.datetime(2027, 1, 28, 8, 0, tzinfo=datetime.timezone.utc))",
    ]


def test_a_mark_may_name_several_wire_names(shop: Shop) -> None:
    shop.properties("OrderUpdate")["amount"]["x-adflight-send-as"] = ["amount", "total"]

    printed = called(shop.generate(), "print(orders_update.request(5, amount=2).body)")

    assert printed == ["{'amount': 2, 'total': 2, 'mode': 'set'}"]


def test_wire_and_live_paths_are_filled_in(shop: Shop) -> None:
    shop.operation["x-adflight"] |= {"wire_path": "/o/{orderId}", "live_path": "/live/{orderId}"}

    code = """
request = orders_update.request(5, amount=2)
print(request.url, request.documented_url, request.operation.path)
"""
    assert called(shop.generate(), code) == ["/live/5 /o/5 /o/{orderId}"]


def test_output_is_the_same_every_time(shop: Shop) -> None:
    specification = shop.write()
    folders = [shop.folder / seed for seed in ("1", "2")]
    for folder in folders:
        assert run(specification, "--target", folder, PYTHONHASHSEED=folder.name).returncode == 0

    assert shop.codegen("generate").differences(*folders) == []
    assert (folders[0] / "adflight_api" / "shop" / "api" / "orders" / "orders_update.py").is_file()


def test_a_new_run_removes_what_is_gone(shop: Shop) -> None:
    stale = shop.generate() / "shop" / "models" / "stale.py"
    stale.touch()

    shop.generate()

    assert not stale.exists()


@pytest.mark.parametrize("path", sorted(GENERATED.rglob("*.py")), ids=lambda path: str(path.relative_to(GENERATED)))
def test_generated_files_say_how_they_came_about(path: Path) -> None:
    header = path.read_text(encoding="utf-8").splitlines()[0]

    assert header.startswith("# Generated by `make generate` from openapi/")
    assert "DO NOT EDIT" in header
    source = header.split(" from ")[1].split(". DO NOT")[0]
    assert (ROOT / source).is_file()


def test_there_are_no_synchronous_twins() -> None:
    for path in GENERATED.glob("*/api/*/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert functions == (set() if path.name == "__init__.py" else {"request", "parse"}), path
    assert not list(GENERATED.rglob("errors.py"))
    assert (GENERATED / "py.typed").is_file()


# The drift check


def test_check_finds_what_was_edited_added_or_removed(shop: Shop) -> None:
    arguments = (shop.write(), "--target", shop.folder, "--check")
    package = shop.generate()
    assert run(*arguments).returncode == 0

    (package / "runtime.py").write_text("# mended by hand\n", encoding="utf-8")
    (package / "shop" / "extra.py").touch()
    (package / "shop" / "models" / "order.py").unlink()
    checked = run(*arguments)

    assert checked.returncode == 1
    assert checked.stdout == ""
    assert checked.stderr.split()[-3:] == ["runtime.py", "shop/extra.py", "shop/models/order.py"]
    assert (package / "runtime.py").read_text(encoding="utf-8") == "# mended by hand\n"


def test_check_finds_a_changed_specification(shop: Shop) -> None:
    shop.generate()
    shop.properties("Order")["name"] = {"type": "string", "description": "Name."}

    checked = run(shop.write(), "--target", shop.folder, "--check")

    assert checked.returncode == 1
    assert "shop/models/order.py" in checked.stderr


def test_a_refused_specification_is_reported_without_a_traceback(shop: Shop) -> None:
    shop.operation["x-adflight"]["repeat"] = "once"

    refused = run(shop.write(), "--target", shop.folder)

    assert refused.returncode == 2
    assert refused.stderr.startswith("orders_update: x-adflight.repeat:")
    assert "Traceback" not in refused.stderr


# What is refused


def test_nothing_is_dropped_in_silence(shop: Shop) -> None:
    """openapi-python-client leaves out an operation that it does not understand, and succeeds."""
    shop.properties("Order")["owner"] = {"$ref": "#/components/schemas/Nobody"}

    assert "PUT /orders/{orderId} within orders" in shop.refusal()


def test_an_operation_under_another_name_is_missed(shop: Shop) -> None:
    shop.operation["operationId"] = "orders_updateAll"

    assert shop.refusal() == "dropped by the generator: orders_updateAll"


def media(name: str) -> Change:
    def change(operation: dict[str, Any]) -> None:
        content = operation["requestBody"]["content"]
        content[name] = content.pop("application/json")

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (media("text/plain"), "orders_update: a body must have one of the types application/json"),
        (media("multipart/form-data"), "not multipart/form-data"),
        (lambda op: op["requestBody"]["content"].update({"text/plain": {}}), "not application/json, text/plain"),
        (lambda op: op.update(requestBody={"$ref": "#/components/requestBodies/Order"}), "must be written out"),
        (lambda op: op["responses"].update({"200": {"$ref": "#/components/responses/Order"}}), "must be written out"),
        (lambda op: op["parameters"].pop(0), "orders_update: /orders/{orderId} does not have the path parameters []"),
        (lambda op: op["parameters"][1].update({"in": "header"}), "header parameters belong into a security scheme"),
        (lambda op: op["parameters"][1].update(schema={"type": "array"}), "dryRun: a list"),
        (lambda op: op["x-adflight"].update(live_path="/orders/{id}"), "/orders/{id} does not have"),
        (lambda op: op["x-adflight"].update(envelope="v2"), "orders_update: the answer has no responseObject"),
        (lambda op: op.pop("x-adflight"), "orders_update: x-adflight: 'source' is a required property"),
        (lambda op: op["x-adflight"].update(retry=True), "orders_update: x-adflight: Additional properties"),
        (lambda op: op.pop("requestBody"), "orders_update: there is no body that could hold the field"),
        (lambda op: op["x-adflight"]["repeat"].update(field="kind"), "orders_update: kind decides about repeating"),
        (lambda op: op["x-adflight"].update(paging={"items": "/rows"}), "/rows leads nowhere"),
        (
            lambda op: op["x-adflight"].update(paging={"items": "/id"}),
            "orders_update: x-adflight.paging: items is no list",
        ),
        (
            lambda op: op["x-adflight"].update(
                paging={"items": "/lines", "page": "page", "size": "size", "max_size": 10}
            ),
            "orders_update: x-adflight.paging: no page, size to send",
        ),
        (lambda op: op.pop("summary"), "orders_update: has no summary"),
        (
            lambda op: op.update(operationId="update"),
            "update: needs exactly one tag, and an operationId that starts with it",
        ),
        (lambda op: op.update(tags=["x"], operationId="x_update"), "x_update: the tag x is not declared"),
    ],
)
def test_an_operation_that_cannot_be_expressed_is_refused(shop: Shop, change: Change, problem: str) -> None:
    change(shop.operation)

    assert problem in shop.refusal()


def test_other_methods_and_marks_on_paths_are_refused(shop: Shop) -> None:
    shop.document["paths"]["/orders/{orderId}"] |= {"head": {"operationId": "orders_head"}, "x-adflight": {}}

    refusal = shop.refusal()

    assert "/orders/{orderId}: head is nothing that the generator can express" in refusal
    assert "/orders/{orderId}: x-adflight is nothing that the generator can express" in refusal


def test_an_operation_id_is_used_once(shop: Shop) -> None:
    shop.document["paths"]["/orders"] = {"put": {**shop.operation, "parameters": []}}

    assert shop.refusal() == "orders_update: the operationId is used twice"


@pytest.mark.parametrize(
    ("mark", "value", "problem"),
    [
        ("x-adflight-units", "seconds", "x-adflight-units is not an extension that the generator knows here"),
        ("x-nullable", True, "x-nullable is not an extension that the generator knows here"),
        ("x-adflight", {"repeat": "read"}, "x-adflight is not an extension that the generator knows here"),
        ("x-adflight-unit", "minutes", "x-adflight-unit: 'minutes' is not one of"),
    ],
)
def test_an_unknown_mark_is_refused_and_its_place_named(shop: Shop, mark: str, value: object, problem: str) -> None:
    shop.properties("Order")["createdAt"][mark] = value

    assert shop.refusal().startswith(f"#/components/schemas/Order/properties/createdAt: {problem}")


def test_a_text_that_yaml_cut_at_a_comma_is_refused(shop: Shop) -> None:
    shop.properties("Order")["createdAt"]["in seconds."] = None

    assert shop.refusal().startswith("#/components/schemas/Order/properties/createdAt: 'in seconds.' has no value")


def test_a_field_that_decides_about_repeating_needs_a_default(shop: Shop) -> None:
    del shop.properties("OrderUpdate")["mode"]["default"]

    assert "orders_update: mode decides about repeating, so it needs a default" in shop.refusal()


@pytest.mark.parametrize(
    ("component", "name", "problem"),
    [
        ("Order", "created_at", "An order.: two properties would both be called created_at; set x-adflight-name"),
        ("OrderUpdate", "Amount", "A change.: two properties would both be called amount; set x-adflight-name"),
        ("OrderUpdate", "dryRun", "orders_update: set x-adflight-name, these names are taken: dry_run"),
        ("OrderUpdate", "plain", "orders_update: set x-adflight-name, these names are taken: plain"),
        ("Order", "to_dict", "An order.: models have to_dict already; set x-adflight-name"),
    ],
)
def test_two_things_never_share_a_python_name(shop: Shop, component: str, name: str, problem: str) -> None:
    shop.properties(component)[name] = {"type": "string", "description": "Another."}

    assert shop.refusal() == problem

    shop.properties(component)[name]["x-adflight-name"] = "another"
    assert shop.generate().is_dir()


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, "a nested object needs a component of its own"),
        ({"allOf": [{"type": "object"}]}, "allOf cannot be generated"),
    ],
)
def test_a_schema_that_would_lose_its_type_is_refused(shop: Shop, schema: Any, problem: str) -> None:
    shop.properties("Order")["extra"] = schema

    assert problem in shop.refusal()


def test_a_body_that_is_neither_object_nor_list_is_refused(shop: Shop) -> None:
    shop.operation["requestBody"]["content"]["application/json"]["schema"] = {"type": "string"}
    shop.operation["x-adflight"]["repeat"] = "absolute"

    assert shop.refusal() == "orders_update: a body must be a list, or an object with properties"


def test_a_body_that_is_a_list_needs_a_name(shop: Shop) -> None:
    shop.operation["requestBody"]["content"]["application/json"]["schema"] = {"type": "array", "items": {}}
    shop.operation["x-adflight"]["repeat"] = "absolute"

    assert shop.refusal() == "orders_update: a list needs x-adflight-name, the argument that it is"


def test_a_body_that_is_a_list_is_one_argument(shop: Shop) -> None:
    shop.document["components"]["schemas"]["OrderLine"] = {
        "type": "object",
        "description": "A line.",
        "required": ["day"],
        "properties": {"day": {"type": "string", "x-adflight-unit": "date", "description": "Its day."}},
    }
    items = {"$ref": "#/components/schemas/OrderLine"}
    schema = {"type": "array", "items": items, "x-adflight-name": "order_lines"}
    shop.operation["requestBody"]["content"]["application/json"]["schema"] = schema
    shop.operation["x-adflight"]["repeat"] = "absolute"

    code = """
        from datetime import date
        from adflight_api.shop.api.orders import orders_update
        from adflight_api.shop.models import OrderLine
        print(orders_update.request(7, order_lines=[OrderLine(day=date(2027, 3, 1))]).content.decode())
    """
    assert called(shop.generate(), dedent(code)) == ['[{"day":"2027-03-01"}]']


def test_constant_parameters_are_always_sent_and_unused_ones_never(shop: Shop) -> None:
    shop.operation["x-adflight"]["query"] = {"action": "addUpdate", "type": "a b"}
    shop.operation["parameters"].append(
        {"name": "data", "in": "query", "description": "The body.", "schema": {"type": "string"}}
        | {"x-adflight-unused": True}
    )

    code = """
        import inspect
        from adflight_api.shop.api.orders import Orders, orders_update
        print(orders_update.request(7, amount=1, dry_run=True).url)
        print(list(inspect.signature(Orders.update).parameters))
    """
    assert called(shop.generate(), dedent(code)) == [
        "/orders/7?action=addUpdate&type=a%20b&dryRun=true",
        "['self', 'order_id', 'amount', 'mode', 'dry_run']",
    ]


def test_what_is_required_in_the_query_comes_before_the_body(shop: Shop) -> None:
    shop.operation["parameters"].append(
        {"name": "shopId", "in": "query", "required": True, "description": "Shop id.", "schema": {"type": "integer"}}
    )

    code = "import inspect; print(*inspect.signature(orders_update.request).parameters)"
    assert called(shop.generate(), code) == ["order_id shop_id amount mode dry_run"]


def test_a_list_in_one_text_may_be_of_members_of_an_enum(shop: Shop) -> None:
    shop.document["components"]["schemas"]["State"] = {
        "type": "string",
        "description": "A state.",
        "enum": ["open", "sent"],
        "x-enum-varnames": ["OPEN", "SENT"],
    }
    shop.properties("OrderUpdate")["states"] = {
        "type": "string",
        "x-adflight-list": "comma",
        "x-adflight-items": "State",
        "description": "States.",
    }

    code = """
        from adflight_api.shop.models import State
        print(orders_update.request(7, amount=1, states=[State.OPEN, "lost"]).body["states"])
        print(orders_update.request.__annotations__["states"])
    """
    assert called(shop.generate(), dedent(code)) == ["open,lost", "State | str | Iterable[State | str] | None"]


def test_docstrings_name_members_and_exact_lengths(shop: Shop) -> None:
    shop.document["components"]["schemas"]["State"] = {
        "type": "integer",
        "description": "A state.",
        "enum": [1, 2],
        "x-enum-varnames": ["OPEN", "SENT"],
    }
    shop.properties("OrderUpdate").update(
        state={"$ref": "#/components/schemas/State", "default": 2, "description": "State."},
        currency={"type": "string", "minLength": 3, "maxLength": 3, "description": "Code."},
    )

    text = (shop.generate() / "shop/api/orders/__init__.py").read_text(encoding="utf-8")
    assert "state: State (default State.SENT)." in text
    assert "currency: Code (exactly 3 characters)." in text


def test_a_constant_that_is_a_parameter_too_is_refused(shop: Shop) -> None:
    shop.operation["x-adflight"]["query"] = {"dryRun": "true"}

    assert shop.refusal() == "orders_update: dryRun is constant, and so no parameter"


def test_a_wall_clock_time_goes_out_with_its_offset(shop: Shop) -> None:
    fields = {
        "start": {"type": "string", "x-adflight-unit": "local-minutes", "x-adflight-offset": "zone"},
        "zone": {"type": "integer"},
        "length": {"type": "string", "x-adflight-unit": "hours-minutes"},
        "moments": {"type": "string", "x-adflight-list": "comma", "x-adflight-unit": "milliseconds"},
    }
    shop.properties("OrderUpdate").update(fields)

    code = """
        from datetime import UTC, datetime, timedelta, timezone
        from adflight_api.shop.api.orders.orders_update import request
        noon = datetime(2027, 3, 1, 12, tzinfo=timezone(timedelta(hours=-5)))
        print(request(7, amount=1, start=noon).body)
        print(request(7, amount=1, start=noon, zone=2, length=timedelta(days=1)).body)
        print(request(7, amount=1, zone=2, moments=[datetime.fromtimestamp(1.5, UTC), noon]).body)
    """
    assert called(shop.generate(), dedent(code)) == [
        "{'amount': 1, 'mode': 'set', 'start': '2027-03-01T12:00', 'zone': -5}",
        "{'amount': 1, 'mode': 'set', 'start': '2027-03-01T19:00', 'zone': 2, 'length': '24:00'}",
        "{'amount': 1, 'mode': 'set', 'zone': 2, 'moments': '1500,1803920400000'}",
    ]


def test_a_wall_clock_time_without_a_place_for_its_offset_is_refused(shop: Shop) -> None:
    mark = {"type": "string", "x-adflight-unit": "local-minutes", "x-adflight-offset": "zone", "description": "Start."}
    shop.properties("OrderUpdate")["start"] = mark

    assert shop.refusal() == "orders_update: start needs zone, an optional property"


def test_what_nobody_knows_and_how_it_is_acknowledged_stands_in_the_operation(shop: Shop) -> None:
    shop.operation["x-adflight"].update(configured=False, confidence="low", envelope="acknowledged")
    shop.operation["responses"]["200"]["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Order"}

    code = """
        from adflight_api.shop.api.orders.orders_update import OPERATION
        print(OPERATION.configured, OPERATION.confidence, OPERATION.acknowledged, OPERATION.envelope, OPERATION.media)
    """
    assert called(shop.generate(), dedent(code)) == ["False low True None json"]


def test_refusals_beside_an_acknowledgement_are_no_part_of_what_is_returned(shop: Shop) -> None:
    shop.operation["x-adflight"]["envelope"] = "acknowledged"
    shop.document["components"]["schemas"]["Refusal"] = {
        "type": "object",
        "description": "No.",
        "required": ["status", "message"],
        "properties": {"status": {"const": "error"}, "message": {"type": "string", "description": "Why."}},
    }
    shop.operation["responses"]["200"]["content"]["application/json"]["schema"] = {
        "anyOf": [{"$ref": "#/components/schemas/Order"}, {"$ref": "#/components/schemas/Refusal"}]
    }

    code = """
        from adflight_api.shop.api.orders.orders_update import parse
        print(parse.__annotations__["return"], type(parse({"id": 1})).__name__)
    """
    assert called(shop.generate(), dedent(code)) == ["Order Order"]


def test_what_is_only_sent_takes_what_can_be_sent(shop: Shop) -> None:
    schemas = shop.document["components"]["schemas"]
    schemas["Price"] = {
        "type": "object",
        "description": "A price.",
        "required": ["kind", "net"],
        "properties": {
            "kind": {"type": "string", "const": "NET", "description": "Its kind."},
            "net": {"type": "number", "format": "decimal", "description": "Net."},
            "day": {"$ref": "#/components/schemas/Day"},
        },
    }
    schemas["Day"] = {
        "type": "integer",
        "enum": [1, 2],
        "x-enum-varnames": ["SUNDAY", "MONDAY"],
        "x-adflight-closed": True,
        "description": "A day.",
    }
    schemas["OrderUpdate"]["properties"]["price"] = {"$ref": "#/components/schemas/Price"}
    schemas["Order"]["properties"]["cost"] = {"type": "number", "format": "decimal", "description": "Cost."}

    code = """
        from decimal import Decimal
        from adflight_api.shop.api.orders.orders_update import request
        from adflight_api.shop.models import Day, Order, Price
        print(request(7, amount=1, price=Price(net=Decimal("1.10"), day=Day.MONDAY)).content.decode())
        print([Price.__annotations__[name] for name in ("kind", "net", "day")], Order.__annotations__["cost"])
        print(Order.from_dict({"id": 1, "cost": 0.1}).cost)
    """
    assert called(shop.generate(), dedent(code)) == [
        '{"amount":1,"mode":"set","price":{"kind":"NET","net":1.1,"day":2}}',
        """["Literal['NET']", 'Number', 'Day | Unset'] Decimal | Unset""",
        "0.1",
    ]


def test_component_names_are_class_names(shop: Shop) -> None:
    schemas = shop.document["components"]["schemas"]
    schemas["my_order"] = schemas.pop("Order")
    answer = shop.operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer["properties"]["data"]["$ref"] = "#/components/schemas/my_order"

    assert shop.refusal() == "components and class names differ: ['my_order']"


def test_a_later_version_of_openapi_is_refused(shop: Shop) -> None:
    shop.document["openapi"] = "3.2.0"

    assert "Only OpenAPI versions 3.1.* are supported, got 3.2.0" in shop.refusal()
