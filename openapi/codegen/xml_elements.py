"""What XML looks like: the `xml:` annotations of a specification as the table that `adflight_api.xml.Codec` works by.

Only components that XML bodies and XML answers reach are in it. What the table cannot say is refused here.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from specification import RawOperation, Schema, Specification, SpecificationError

MEDIUM = "application/xml"

# in the order in which they are tried where a type is a union: what fits the fewest texts first
SCALARS = ("integer", "decimal", "number", "boolean", "string")

# letters that every XML parser takes, and no colon: prefixes are not for us to choose
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Field(NamedTuple):
    """As `adflight_api.xml.Field`."""

    wire: str
    element: str
    kind: str | tuple[str, ...]
    attribute: bool = False
    many: bool = False
    wrapper: str | None = None

    @property
    def code(self) -> str:
        """The expression that makes it."""
        arguments = [repr(value) for value in self[:3]]
        optional = {name: getattr(self, name) for name in self._field_defaults}
        arguments += [f"{name}={value!r}" for name, value in optional.items() if value]
        return f"Field({', '.join(arguments)})"


class Element(NamedTuple):
    """As `adflight_api.xml.Element`."""

    name: str
    fields: tuple[Field, ...]


class XmlElements:
    """The table of one specification; empty when nothing in it is XML."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self.table: dict[str, Element] = {}
        for operation in specification.operations():
            for schema in _documents(operation):
                try:
                    _check_root(self.table[self.name(schema)].name)
                except SpecificationError as error:
                    raise SpecificationError(f"{operation.data['operationId']}: {error}") from None

    def name(self, schema: Schema) -> str:
        """The key under which the table has the schema of a body, an answer or a nested object."""
        components = [self._specification.component(variant) for variant in self._variants(schema)]
        if not components or None in components:
            raise SpecificationError("what XML carries must be a component, or a oneOf of components")
        name = self._specification.component(schema) or " | ".join(map(str, components))
        if name not in self.table:
            self._compile(name, [str(component) for component in components])
        return name

    def _compile(self, name: str, components: list[str]) -> None:
        schemas = {component: self._specification.schemas[component] for component in components}
        roots = {str(schema.get("xml", {}).get("name", component)) for component, schema in schemas.items()}
        # what a union does not agree upon is no XML name, and refused if it ever becomes a root
        root = self._specification.schemas.get(name, {}).get("xml", {}).get("name", " or ".join(sorted(roots)))
        self.table[name] = Element(root, ())  # it may hold itself
        fields: dict[str, Field] = {}
        for component, schema in schemas.items():
            _check_marks(component, schema.get("xml", {}), {"name"})
            for wire, item in self._object(component, schema).items():
                for field in self._fields(f"{component}.{wire}", wire, item):
                    known = fields.setdefault(field.wire, field)
                    if known != field:
                        raise SpecificationError(f"{component}.{wire}: XML has it in two ways, {known} and {field}")
        _check_names(name, fields)
        self.table[name] = Element(root, tuple(fields.values()))

    def _object(self, component: str, schema: Schema) -> dict[str, Schema]:
        if component in ("any", *SCALARS):
            raise SpecificationError(f"{component}: a component that XML carries cannot have this name")
        properties: dict[str, Schema] = schema.get("properties", {})
        if not properties:
            raise SpecificationError(f"{component}: a component that XML carries must have properties")
        return properties

    def _fields(self, where: str, wire: str, schema: Schema) -> list[Field]:
        """A property under its own name and under every other one that it is read or sent as."""
        others = [*schema.get("x-adflight-alias", ()), *schema.get("x-adflight-send-as", ())]
        own = self._marks(where, schema).get("name", wire)
        names = {wire: own, **{name: name for name in others if name != wire}}
        return [self._field(where, name, element, schema) for name, element in names.items()]

    def _marks(self, where: str, schema: Schema) -> dict[str, Any]:
        """What is said of a property. What an object's component says of itself is for where it is the root."""
        variants = self._variants(schema)
        objects = any(self._specification.resolve(variant).get("properties") for variant in variants)
        marks: dict[str, Any] = (schema if objects else self._specification.resolve(schema)).get("xml", {})
        if any(variant.get("xml", marks) != marks for variant in variants):
            raise SpecificationError(f"{where}: xml: belongs beside the oneOf, not inside")
        return marks

    def _field(self, where: str, wire: str, element: str, schema: Schema) -> Field:
        marks = self._marks(where, schema)
        variants = self._variants(schema)
        if not any(self._type(variant) == "array" for variant in variants):
            _check_marks(where, marks, {"name", "attribute"})
            field = Field(wire, element, self._kind(where, schema), attribute=marks.get("attribute", False))
            kinds = (field.kind,) if isinstance(field.kind, str) else field.kind
            if field.attribute and not set(kinds) <= set(SCALARS):
                raise SpecificationError(f"{where}: an XML attribute is a text, a number or a boolean")
            return field
        if len(variants) > 1:
            raise SpecificationError(f"{where}: XML cannot tell a list of one from what is no list")
        _check_marks(where, marks, {"name", "wrapped"})
        items = self._items(where, variants[0])
        if any(self._type(variant) == "array" for variant in self._variants(items)):
            raise SpecificationError(f"{where}: XML has no list inside a list")
        inner = self._specification.resolve(items).get("xml", {})
        _check_marks(where, inner, {"name"})
        wrapper = element if marks.get("wrapped", False) else None
        return Field(wire, inner.get("name", element), self._kind(where, items), many=True, wrapper=wrapper)

    def _items(self, where: str, schema: Schema) -> Schema:
        items = self._specification.resolve(schema).get("items")
        if not isinstance(items, dict):
            raise SpecificationError(f"{where}: a list must say what it consists of")
        return items

    def _kind(self, where: str, schema: Schema) -> str | tuple[str, ...]:
        variants = self._variants(schema)
        kinds = {self._scalar(where, variant) for variant in variants}
        if kinds == {None}:
            return self.name(schema)
        if None in kinds:
            raise SpecificationError(f"{where}: XML cannot tell an object from a text")
        if "any" in kinds or not kinds:
            return "any"
        ordered = tuple(kind for kind in SCALARS if kind in kinds)
        return ordered[0] if len(ordered) == 1 else ordered

    def _scalar(self, where: str, schema: Schema) -> str | None:
        """The kind of something that is no object; None for objects."""
        resolved = self._specification.resolve(schema)
        kind = self._type(schema)
        if kind == "number" and resolved.get("format") == "decimal":
            return "decimal"
        if kind in SCALARS:
            return str(kind)
        if kind not in (None, "object"):
            raise SpecificationError(f"{where}: XML has no form for {kind}")
        if not resolved.get("properties"):
            return "any"
        if self._specification.component(schema) is None:
            raise SpecificationError(f"{where}: a nested object needs a component of its own")
        return None

    def _type(self, schema: Schema) -> Any:
        resolved = self._specification.resolve(schema)
        if "type" in resolved or "properties" in resolved:
            return resolved.get("type", "object")
        if "enum" in resolved or "const" in resolved:
            values = resolved.get("enum", [resolved.get("const")])
            types = {_TYPES.get(type(value), "any") for value in values}
            return types.pop() if len(types) == 1 else None
        return None

    def _variants(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, without null: an empty element says that of any of them."""
        resolved = self._specification.resolve(schema)
        if "allOf" in resolved:
            raise SpecificationError("allOf cannot be generated; write the properties out")
        for key in ("oneOf", "anyOf"):
            if key in resolved:
                if "properties" in resolved:
                    raise SpecificationError(f"{key} beside properties cannot be generated")
                return [variant for inner in resolved[key] for variant in self._variants(inner)]
        kinds = resolved.get("type")
        if isinstance(kinds, list):
            return [{**schema, "type": kind} for kind in kinds if kind != "null"]
        return [] if kinds == "null" else [schema]


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _documents(operation: RawOperation) -> list[Schema]:
    """The schemas of the XML that an operation sends and of what it may answer when all is well."""
    contents = [operation.data.get("requestBody", {}).get("content", {})]
    contents += [
        answer.get("content", {}) for status, answer in operation.data["responses"].items() if status.startswith("2")
    ]
    return [content[MEDIUM]["schema"] for content in contents if MEDIUM in content]


def _check_root(root: str) -> None:
    if not NAME.fullmatch(root):
        raise SpecificationError(f"{root} cannot be the root of an XML document; set xml.name")


def _check_marks(where: str, marks: dict[str, Any], allowed: set[str]) -> None:
    unknown = sorted(marks.keys() - allowed)
    if unknown:
        raise SpecificationError(f"{where}: xml: {', '.join(unknown)} cannot be said of it")


def _check_names(name: str, fields: dict[str, Field]) -> None:
    """An element or attribute must mean one thing."""
    attributes = [field.element for field in fields.values() if field.attribute]
    elements = [field.wrapper or field.element for field in fields.values() if not field.attribute]
    for names in (attributes, elements):
        twice = sorted({each for each in names if names.count(each) > 1})
        if twice:
            raise SpecificationError(f"{name}: two properties would both be <{'>, <'.join(twice)}> in XML")
    wrong = [each for field in fields.values() for each in (field.element, field.wrapper) if each is not None]
    wrong = sorted({each for each in wrong if not NAME.fullmatch(each)})
    if wrong:
        raise SpecificationError(f"{name}: {', '.join(wrong)} cannot be a name in XML; set xml.name")
