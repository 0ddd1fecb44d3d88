"""The XML table of a small specification: what is in it, and what is refused instead of being guessed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adflight_api import xml
from tests.xml_values import normal, typed, values

SHOP = dedent(
    """\
    openapi: 3.1.0
    info: {title: Shop, version: '1'}
    tags: [{name: orders, description: Orders}]
    paths:
      /orders:
        post:
          tags: [orders]
          operationId: orders_create
          summary: Create an order
          x-adflight: {source: "000 L1", repeat: create, envelope: flat}
          requestBody:
            required: true
            content:
              application/xml:
                schema: {$ref: '#/components/schemas/NewOrder'}
          responses:
            '201':
              description: The order.
              content:
                application/xml:
                  schema: {$ref: '#/components/schemas/Order'}
            '400':
              description: A refusal.
              content:
                application/xml:
                  schema: {$ref: '#/components/schemas/Problem'}
    components:
      schemas:
        Problem: {type: object, description: Anything., xml: {namespace: 'urn:p'}}
        NewOrder:
          type: object
          description: A new order.
          xml: {name: order}
          required: [name]
          properties:
            name: {type: string, description: Name.}
            cost: {type: number, format: decimal, description: Cost.}
        Order:
          type: object
          description: An order.
          xml: {name: order}
          required: [id]
          properties:
            id: {type: integer, xml: {attribute: true}, description: Id.}
    """
)
DOCUMENT: dict[str, Any] = yaml.safe_load(SHOP)
COMPONENTS: dict[str, Any] = yaml.safe_load(
    """\
    Budget: {type: object, description: A budget., xml: {name: money}, properties: {goal: {type: number}}}
    Euros: {type: object, description: Euros., properties: {kind: {type: string, const: E}, euros: {type: number}}}
    Views: {type: object, description: Views., properties: {kind: {type: string, const: V}, views: {type: integer}}}
    Goal: {description: A goal., xml: {name: goal}, oneOf: [{$ref: '#/components/schemas/Euros'}, {$ref: '#/components/schemas/Views'}]}
    Line: {type: object, description: A line., xml: {name: line}, properties: {lines: {type: array, items: {$ref: '#/components/schemas/Line'}}}}
    State: {type: string, description: A state., enum: [A, B], x-enum-varnames: [A, B]}
    Level: {type: integer, description: A level., enum: [1, 2], x-enum-varnames: [LOW, HIGH]}
    Ratio: {type: number, description: A ratio., xml: {name: quota}}
    Codes: {type: array, description: Codes., xml: {wrapped: true}, items: {type: string, xml: {name: code}}}
    Map: {type: object, description: Whatever., additionalProperties: {type: integer}}
    """  # noqa: E501
)

Change = dict[str, Any]


class Shop:
    """A specification whose order tests give properties, and what is compiled from it."""

    def __init__(self, folder: Path, codegen: Callable[[str], Any]) -> None:
        self.folder = folder
        self.codegen = codegen
        self.error = codegen("specification").SpecificationError
        self.document = deepcopy(DOCUMENT)
        self.schemas: dict[str, Any] = self.document["components"]["schemas"]
        self.schemas.update(deepcopy(COMPONENTS))

    @property
    def operation(self) -> Any:
        return self.document["paths"]["/orders"]["post"]

    def write(self) -> Path:
        path = self.folder / "shop.yaml"
        path.write_text(yaml.safe_dump(self.document, sort_keys=False), encoding="utf-8")
        return path

    def elements(self) -> Any:
        return self.codegen("xml_elements").XmlElements(self.codegen("specification").Specification(self.write()))

    def fields(self, **properties: Any) -> list[tuple[Any, ...]]:
        """The order's fields, without the defaults at their ends."""
        self.schemas["Order"]["properties"] = properties
        fields = []
        for field in self.elements().table["Order"].fields:
            parts = list(field)
            while parts[-1] in (False, None):
                parts.pop()
            fields.append(tuple(parts))
        return fields

    def refusal(self, **properties: Any) -> str:
        if properties:
            self.schemas["Order"]["properties"] = properties
        with pytest.raises(self.error) as caught:
            self.elements()
        return str(caught.value)


@pytest.fixture
def shop(tmp_path: Path, codegen: Callable[[str], Any]) -> Shop:
    return Shop(tmp_path, codegen)


def ref(name: str, **marks: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", **marks}


def test_the_table_has_what_bodies_and_answers_reach(shop: Shop) -> None:
    table = shop.elements().table

    assert list(table) == ["NewOrder", "Order"]
    assert [field.code for element in table.values() for field in element.fields] == [
        "Field('name', 'name', 'string')",
        "Field('cost', 'cost', 'decimal')",
        "Field('id', 'id', 'integer', attribute=True)",
    ]
    assert {element.name for element in table.values()} == {"order"}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer", "x-adflight-unit": "seconds"}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "number", "format": "decimal"}, "decimal"),
        ({"type": "boolean"}, "boolean"),
        ({"type": ["integer", "null"]}, "integer"),
        ({"type": ["number", "null"], "format": "decimal"}, "decimal"),
        ({"type": ["string", "integer", "null"]}, ("integer", "string")),
        ({"oneOf": [ref("State"), {"type": "integer"}]}, ("integer", "string")),
        ({"oneOf": [ref("State"), {"type": "null"}]}, "string"),
        ({"enum": ["A", "B"]}, "string"),
        ({"const": 5}, "integer"),
        ({"enum": ["A", 5]}, "any"),
        (ref("State"), "string"),
        (ref("Level"), "integer"),
        (ref("Map"), "any"),
        ({}, "any"),
        ({"type": "object"}, "any"),
        ({"type": "null"}, "any"),
        (ref("Budget"), "Budget"),
        (ref("Budget", xml={"name": "own"}), "Budget"),
        ({"oneOf": [ref("Budget"), {"type": "null"}]}, "Budget"),
        ({"oneOf": [ref("Euros"), ref("Views")]}, "Euros | Views"),
        ({"anyOf": [ref("Euros"), {"oneOf": [ref("Views"), {"type": "null"}]}]}, "Euros | Views"),
        (ref("Goal"), "Goal"),
    ],
)
def test_kinds(shop: Shop, schema: Change, kind: object) -> None:
    name = schema.get("xml", {}).get("name", "it")

    assert shop.fields(it=schema) == [("it", name, kind)]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"type": "string"}}, ("it", "it", "string", False, True)),
        ({"type": ["array", "null"], "items": {"type": "string"}}, ("it", "it", "string", False, True)),
        ({"type": "array", "xml": {"name": "n"}, "items": {"type": "string"}}, ("it", "n", "string", False, True)),
        ({"type": "array", "items": {"type": "string", "xml": {"name": "n"}}}, ("it", "n", "string", False, True)),
        ({"type": "array", "items": ref("Line")}, ("it", "line", "Line", False, True)),
        ({"type": "array", "items": ref("Line", xml={"name": "own"})}, ("it", "own", "Line", False, True)),
        ({"type": "array", "xml": {"wrapped": True}, "items": ref("Line")}, ("it", "line", "Line", False, True, "it")),
        (
            {"type": "array", "xml": {"wrapped": True, "name": "w"}, "items": {"type": "integer"}},
            ("it", "w", "integer", False, True, "w"),
        ),
        (
            {"type": "array", "items": {"oneOf": [ref("Euros"), ref("Views")]}},
            ("it", "it", "Euros | Views", False, True),
        ),
        (ref("Codes"), ("it", "code", "string", False, True, "it")),
    ],
)
def test_lists(shop: Shop, schema: Change, expected: tuple[Any, ...]) -> None:
    assert shop.fields(it=schema) == [expected]


def test_components_that_are_no_objects_may_name_their_element(shop: Shop) -> None:
    assert shop.fields(it=ref("Ratio"), other=ref("Ratio", xml={"attribute": True})) == [
        ("it", "quota", "number"),
        ("other", "other", "number", True),
    ]


def test_every_name_of_a_property_is_known(shop: Shop) -> None:
    fields = shop.fields(
        start={"type": "integer", "xml": {"name": "begin"}, "x-adflight-alias": ["started", "from"]},
        cost={"type": "number", "x-adflight-send-as": ["cost", "total"]},
    )

    assert fields == [
        ("start", "begin", "integer"),
        ("started", "started", "integer"),
        ("from", "from", "integer"),
        ("cost", "cost", "number"),
        ("total", "total", "number"),
    ]


def test_unions_have_the_fields_of_all_their_members(shop: Shop) -> None:
    shop.fields(it=ref("Goal"))
    elements = shop.elements()

    assert [tuple(field)[:3] for field in elements.table["Goal"].fields] == [
        ("kind", "kind", "string"),
        ("euros", "euros", "number"),
        ("views", "views", "integer"),
    ]
    assert elements.table["Goal"].name == "goal"
    assert elements.name(ref("Goal")) == "Goal"


def test_a_union_may_be_a_root(shop: Shop) -> None:
    answer = shop.operation["responses"]["201"]["content"]["application/xml"]
    answer["schema"] = {"oneOf": [ref("NewOrder"), ref("Order")]}

    elements = shop.elements()

    assert elements.table[elements.name(answer["schema"])].name == "order"
    answer["schema"] = {"oneOf": [ref("NewOrder"), ref("Budget")]}
    assert shop.refusal() == "orders_create: money or order cannot be the root of an XML document; set xml.name"


def test_an_element_may_hold_itself(shop: Shop) -> None:
    shop.fields(it=ref("Line"))

    table = shop.elements().table

    assert [tuple(field) for field in table["Line"].fields] == [("lines", "line", "Line", False, True, None)]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"it": {"type": "string", "xml": {"namespace": "urn:x"}}}, "Order.it: xml: namespace cannot be said of it"),
        ({"it": {"type": "string", "xml": {"wrapped": True}}}, "Order.it: xml: wrapped cannot be said of it"),
        ({"it": {"type": "string", "xml": {"name": "a:b"}}}, "Order: a:b cannot be a name in XML; set xml.name"),
        ({"a b": {"type": "string"}}, "Order: a b cannot be a name in XML; set xml.name"),
        ({"it": ref("Budget", xml={"attribute": True})}, "Order.it: an XML attribute is a text, a number or a boolean"),
        ({"it": {"xml": {"attribute": True}}}, "Order.it: an XML attribute is a text, a number or a boolean"),
        (
            {"it": {"type": "array", "xml": {"attribute": True}, "items": {"type": "string"}}},
            "Order.it: xml: attribute cannot be said of it",
        ),
        (
            {"it": {"type": "array", "items": {"type": "string", "xml": {"prefix": "p"}}}},
            "Order.it: xml: prefix cannot be said of it",
        ),
        ({"it": {"type": "array"}}, "Order.it: a list must say what it consists of"),
        ({"it": {"type": "array", "items": ref("Codes")}}, "Order.it: XML has no list inside a list"),
        (
            {"it": {"oneOf": [ref("Line"), {"type": "array", "items": ref("Line")}]}},
            "Order.it: XML cannot tell a list of one from what is no list",
        ),
        ({"it": {"oneOf": [ref("Line"), {"type": "string"}]}}, "Order.it: XML cannot tell an object from a text"),
        (
            {"it": {"oneOf": [{"type": "string", "xml": {"name": "n"}}, {"type": "null"}]}},
            "Order.it: xml: belongs beside the oneOf, not inside",
        ),
        (
            {"it": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "Order.it: a nested object needs a component of its own",
        ),
        ({"it": {"type": "file"}}, "Order.it: XML has no form for file"),
        ({"it": {"allOf": [ref("Line")]}}, "allOf cannot be generated; write the properties out"),
        (
            {"a": {"type": "string", "xml": {"name": "x"}}, "x": {"type": "string"}},
            "Order: two properties would both be <x> in XML",
        ),
        (
            {
                "a": {"type": "array", "xml": {"wrapped": True, "name": "x"}, "items": ref("Line")},
                "x": {"type": "string"},
            },
            "Order: two properties would both be <x> in XML",
        ),
    ],
)
def test_what_the_table_cannot_say_is_refused(shop: Shop, properties: Change, expected: str) -> None:
    assert shop.refusal(**properties) == f"orders_create: {expected}"


def test_members_of_a_union_must_not_contradict_each_other(shop: Shop) -> None:
    shop.schemas["Views"]["properties"]["kind"] = {"type": "integer"}

    assert shop.refusal(it=ref("Goal")).startswith("orders_create: Views.kind: XML has it in two ways, ")


def test_an_attribute_may_be_called_like_an_element(shop: Shop) -> None:
    fields = shop.fields(a={"type": "string", "xml": {"name": "x", "attribute": True}}, x={"type": "string"})

    assert fields == [("a", "x", "string", True), ("x", "x", "string")]


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        ("Order", {"type": "object"}, "Order: a component that XML carries must have properties"),
        ("Order", {"type": "string"}, "Order: a component that XML carries must have properties"),
        ("any", COMPONENTS["Budget"], "any: a component that XML carries cannot have this name"),
        ("Order", {**COMPONENTS["Budget"], "xml": {"wrapped": True}}, "Order: xml: wrapped cannot be said of it"),
        ("Order", {**COMPONENTS["Budget"], **COMPONENTS["Goal"]}, "oneOf beside properties cannot be generated"),
        (None, {"type": "string"}, "what XML carries must be a component, or a oneOf of components"),
        (
            None,
            {"type": "array", "items": ref("Order")},
            "what XML carries must be a component, or a oneOf of components",
        ),
    ],
)
def test_roots_must_be_objects(shop: Shop, name: str | None, schema: Change, expected: str) -> None:
    answer = shop.operation["responses"]["201"]["content"]["application/xml"]
    if name is None:
        answer["schema"] = schema
    else:
        shop.schemas[name] = schema
        answer["schema"] = ref(name)

    assert shop.refusal() == f"orders_create: {expected}"


# What is generated


def test_the_codec_comes_with_the_table(shop: Shop) -> None:
    shop.schemas["Order"]["properties"]["lines"] = {
        "type": "array",
        "description": "Lines.",
        "xml": {"wrapped": True},
        "items": {"type": "integer", "xml": {"name": "line"}},
    }
    shop.codegen("generate").generate([shop.write()], shop.folder)
    program = """
import pickle
from adflight_api.shop.xml_elements import CODEC
print(CODEC.encode("NewOrder", {"name": "a", "cost": 5}).decode().splitlines()[1])
print(pickle.loads(pickle.dumps(CODEC.decoder("Order")))(b'<order id="7"><lines><line>1</line></lines></order>'))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(shop.folder)},
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "<order><name>a</name><cost>5</cost></order>",
        "{'id': 7, 'lines': [1]}",
    ]


def test_without_xml_there_is_no_codec(shop: Shop) -> None:
    for answer in (shop.operation["requestBody"], *shop.operation["responses"].values()):
        answer["content"] = {"application/json": answer["content"]["application/xml"]}
    shop.codegen("generate").generate([shop.write()], shop.folder)

    assert not list((shop.folder / "adflight_api").rglob("xml*.py"))


@given(st.data())
def test_values_of_a_compiled_table_come_back(codegen: Callable[[str], Any], data: st.DataObject) -> None:
    compiled = _table(codegen)
    name = data.draw(st.sampled_from(sorted(compiled)))
    value = data.draw(values(compiled, name))
    codec = xml.Codec(compiled)

    assert typed(codec.decode(name, codec.encode(name, value))) == typed(normal(compiled, name, value))


def _table(codegen: Callable[[str], Any]) -> dict[str, Any]:
    """Everything that the components above have, as the codec's own classes."""
    document = deepcopy(DOCUMENT)
    specification = codegen("specification").Specification.__new__(codegen("specification").Specification)
    specification.document = document
    specification.schemas = document["components"]["schemas"]
    specification.schemas.update(deepcopy(COMPONENTS))
    specification.schemas["Order"]["properties"] |= {
        name.lower(): ref(name, xml={"name": name.lower()}) for name in COMPONENTS if name not in ("Ratio", "Codes")
    }
    specification.schemas["Order"]["properties"] |= {"ratio": ref("Ratio"), "codes": ref("Codes")}
    table = codegen("xml_elements").XmlElements(specification).table
    return {
        name: xml.Element(element.name, tuple(xml.Field(*field) for field in element.fields))
        for name, element in table.items()
    }
