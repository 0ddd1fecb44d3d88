"""How a schema reads in Python: its annotation, how it is read from the wire, how it is written to it.

Works on the specification's own schemas, because the marks that decide (units, lists, coercions) are not part of what
openapi-python-client parses; names of classes, modules and identifiers are the generator's.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from openapi_python_client.strings import PythonIdentifier, snake_case
from specification import Schema, Specification, SpecificationError

PRIMITIVES = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "null": "None"}
EPOCHS = ("seconds", "milliseconds")
UNITS = {
    "seconds": "to_seconds",
    "milliseconds": "to_milliseconds",
    "date": "to_date",
    "hours-minutes": "to_hours_minutes",
    "local-minutes": "to_local_minutes",
    "iso-8601": "to_iso_8601",
}
UNIT_TYPES = {"date": "date", "hours-minutes": "timedelta", "iso-8601": "datetime | str"}


class Field(NamedTuple):
    """One property of a model, or one argument of an operation."""

    wire: str
    python: str
    schema: Schema
    required: bool
    nullable: bool
    annotation: str
    reading: str | None
    """The expression that reads the attribute as it came, or None where the wire's value is Python's."""
    writing: str | None
    """The runtime function `(name, value)` that writes it, or None."""
    aliases: tuple[str, ...]
    send_as: tuple[str, ...]
    secret: bool
    description: str
    default: str | None
    """What goes out when the caller says nothing; only for fields that are always sent."""
    offset: str | None
    """The wire name of the property that carries the UTC offset of this wall-clock time."""


class Types:
    """The Python side of one specification; collects which components are in use."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self.used: set[str] = set()

    @cached_property
    def only_sent(self) -> set[str]:
        """Components that are arguments, and never part of an answer."""
        return self._specification.only_sent()

    # what kind of thing a schema is

    def variants(self, schema: Schema) -> list[Schema]:
        """The alternatives of a union, or the schema alone."""
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return [variant for inner in schema[key] for variant in self.variants(inner)]
        if "$ref" not in schema and isinstance(schema.get("type"), list) and "x-adflight-coerce" not in schema:
            return [{"type": kind} if kind == "null" else {**schema, "type": kind} for kind in schema["type"]]
        return [schema]

    def is_model(self, schema: Schema) -> bool:
        return self._specification.component(schema) is not None and bool(
            self._specification.resolve(schema).get("properties")
        )

    def is_enum(self, schema: Schema) -> bool:
        return self._specification.component(schema) is not None and "enum" in self._specification.resolve(schema)

    def _alias(self, schema: Schema) -> Schema:
        """A reference to a component that is neither model nor enum stands for that component's own schema."""
        return self._specification.resolve(schema) if "$ref" in schema else schema

    # annotations

    def annotation(self, schema: Schema, *, sent: bool = False) -> str:
        """The type of a value that was read, or of one that is to be sent."""
        kinds = dict.fromkeys(self._annotation(variant, sent) for variant in self.variants(schema))
        if "Any" in kinds:
            return "Any"
        parts = dict.fromkeys(part for kind in kinds for part in ([kind] if "[" in kind else kind.split(" | ")))
        if "None" in parts:
            del parts["None"]
            parts["None"] = None
        return " | ".join(parts)

    def _annotation(self, schema: Schema, sent: bool) -> str:
        component = self._specification.component(schema)
        if component and self.is_enum(schema):
            self.used.add(component)
            marks = self._specification.resolve(schema)
            return component if "x-adflight-closed" in marks else f"{component} | {PRIMITIVES[marks['type']]}"
        if component and self.is_model(schema):
            self.used.add(component)
            return component
        schema = self._alias(schema)
        if "allOf" in schema:
            raise SpecificationError(f"allOf cannot be generated; write the properties out: {schema['allOf']}")
        if len(self.variants(schema)) > 1:
            return self.annotation(schema, sent=sent)
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "x-adflight-list" in schema and sent:
            if "x-adflight-items" not in schema:
                return "Iterable[datetime]" if "x-adflight-unit" in schema else "CommaList"
            item = self.annotation({"$ref": f"#/components/schemas/{schema['x-adflight-items']}"}, sent=True)
            return f"{item} | Iterable[{item}]"
        if "x-adflight-unit" in schema and "x-adflight-list" not in schema:
            return UNIT_TYPES.get(schema["x-adflight-unit"], "datetime")
        if "x-adflight-bool" in schema and sent:
            return "bool"
        if "x-adflight-coerce" in schema:
            return "int"
        kind = schema.get("type")
        if kind == "array":
            item = self.annotation(schema.get("items", {}), sent=sent)
            return f"Sequence[{item}]" if sent else f"list[{item}]"
        if kind == "object":
            return self._map_annotation(schema, sent)
        if kind == "number" and sent:
            return "Number"
        if kind == "number" and schema.get("format") == "decimal":
            return "Decimal"
        return PRIMITIVES.get(str(kind), "Any")

    def _map_annotation(self, schema: Schema, sent: bool) -> str:
        if schema.get("properties"):
            raise SpecificationError(f"a nested object needs a component of its own: {sorted(schema['properties'])}")
        values = schema.get("additionalProperties", True)
        key = "int" if _numeric_keys(schema) else "str"
        value = self.annotation(values, sent=sent) if isinstance(values, dict) and values else "Any"
        return f"Mapping[{key}, {value}]" if sent else f"dict[{key}, {value}]"

    # reading

    def reading(self, schema: Schema, value: str) -> str | None:
        """The expression that turns the wire's `value` into Python's, or None where they are the same."""
        variants = [variant for variant in self.variants(schema) if variant.get("type") != "null"]
        readings = [(variant, self._reading(variant, value)) for variant in variants]
        needed = [(variant, expression) for variant, expression in readings if expression]
        if not needed:
            return None
        if len(needed) == 1:
            variant, expression = needed[0]
            return self._guarded(variant, str(expression), value, others=len(variants) > 1, otherwise=value)
        # the last model of a union is tried without its discriminating fields, so that a lenient answer still decodes
        result = value
        for position, (variant, expression) in enumerate(reversed(needed)):
            result = self._guarded(variant, str(expression), value, others=position > 0, otherwise=result)
        return result

    def _guarded(self, variant: Schema, expression: str, value: str, *, others: bool, otherwise: str) -> str:
        if self.is_model(variant):
            tests = [f"type({value}) is dict"]
            if others:
                required = self._specification.resolve(variant).get("required", [])
                tests += [f'"{name}" in {value}' for name in required[:1]]
            return f"({expression} if {' and '.join(tests)} else {otherwise})"
        if self._alias(variant).get("type") == "array":
            return f"({expression} if type({value}) is list else {otherwise})"
        if self._alias(variant).get("type") == "object":
            return f"({expression} if type({value}) is dict else {otherwise})"
        return expression

    def _reading(self, schema: Schema, value: str) -> str | None:
        component = self._specification.component(schema)
        if component and self.is_enum(schema):
            return f"read_{snake_case(component)}({value})"
        if component and self.is_model(schema):
            return f"{component}.from_dict({value})"
        schema = self._alias(schema)
        if len(self.variants(schema)) > 1:
            return self.reading(schema, value)
        if "x-adflight-unit" in schema and "x-adflight-list" not in schema:
            # whose wall clock a local time shows stands beside it, so it is read as the text that it is
            unit = schema["x-adflight-unit"].replace("-", "_")
            return None if unit == "local_minutes" else f"from_{unit}({value})"
        if schema.get("format") == "decimal":
            return f"to_decimal({value})"
        if "x-adflight-coerce" in schema:
            return f"to_integer({value})"
        if schema.get("type") == "array":
            item = self.reading(schema.get("items", {}), "item" if value != "item" else "inner")
            name = "item" if value != "item" else "inner"
            return f"[{item} for {name} in {value}]" if item else None
        if schema.get("type") == "object":
            values = schema.get("additionalProperties", True)
            item = self.reading(values, "item") if isinstance(values, dict) else None
            key = "to_integer(key)" if _numeric_keys(schema) else "key"
            return f"{{{key}: {item or 'item'} for key, item in {value}.items()}}" if item or key != "key" else None
        return None

    # writing

    def writing(self, schema: Schema) -> str | None:
        """The runtime function that turns an argument into a wire value, where its Python type does not say how."""
        for variant in self.variants(schema):
            resolved = self._alias(variant)
            if "x-adflight-list" in resolved:
                unit = resolved.get("x-adflight-unit")
                return f"{resolved['x-adflight-list']}_{unit}" if unit else str(resolved["x-adflight-list"])
            if "x-adflight-unit" in resolved:
                return UNITS[resolved["x-adflight-unit"]]
            if "x-adflight-bool" in resolved:
                return "to_flag"
            if resolved.get("type") == "number":
                return "to_number"
        return None

    # fields

    def fields(self, schema: Schema, *, sent: bool = False, decides: str | None = None) -> list[Field]:
        """The properties of an object schema; `decides` names the one that says what repeating would do."""
        required = schema.get("required", [])
        fields = [
            self.field(name, item, name in required, sent=sent, decides=decides)
            for name, item in schema["properties"].items()
        ]
        _check_names(fields, str(schema.get("description")))
        return fields

    def field(
        self, name: str, schema: Schema, required: bool, *, sent: bool = False, decides: str | None = None
    ) -> Field:
        marks = self._specification.resolve(schema)
        identifier = marks.get("x-adflight-name") or str(PythonIdentifier(name, "field_"))
        reading = self.reading(schema, f"self.{identifier}")
        return Field(
            wire=name,
            python=identifier,
            schema=schema,
            required=required,
            nullable=any(variant.get("type") == "null" for variant in self.variants(schema)),
            annotation=self.annotation(schema, sent=sent),
            reading=reading,
            writing=self.writing(schema),
            aliases=tuple(schema.get("x-adflight-alias", ())),
            send_as=tuple(schema.get("x-adflight-send-as", (name,))),
            secret="x-adflight-secret" in marks,
            description=" ".join(str(schema.get("description") or marks.get("description") or "").split()),
            default=self.default(schema)
            if "const" in schema or ("default" in schema and (required or name == decides))
            else None,
            offset=schema.get("x-adflight-offset"),
        )

    def default(self, schema: Schema) -> str:
        """The value that a field has unless given, as Python."""
        if "const" in schema:
            return repr(schema["const"])
        if not self.is_enum(schema):
            return repr(schema["default"])
        marks = self._specification.resolve(schema)
        names = dict(zip(marks["enum"], marks["x-enum-varnames"], strict=True))
        return f"{self._specification.component(schema)}.{names[schema['default']]}"


def _numeric_keys(schema: Schema) -> bool:
    return "pattern" in schema.get("propertyNames", {})


def _check_names(fields: list[Field], where: str) -> None:
    names = [field.python for field in fields]
    reserved = sorted({"additional_properties", "from_dict", "to_dict"}.intersection(names))
    if reserved:
        raise SpecificationError(f"{where}: models have {', '.join(reserved)} already; set x-adflight-name")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecificationError(
            f"{where}: two properties would both be called {', '.join(twice)}; set x-adflight-name"
        )
