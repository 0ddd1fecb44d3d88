"""XML to plain values and back, as the `xml` annotations of the specification's schemas say.

An object is an element whose properties are attributes (`attribute`) or elements inside it, under the name that `name`
gives. A list is its items one after the other, or within an element of its own (`wrapped`). Null is an empty element;
what is absent, like an empty list, has none. Imports specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple
from xml.parsers import expat

from .specification import Specification

__all__ = ["Codec", "Malformed", "document", "escape", "quote"]

_DEEPEST = 64
_TEXT = "#text"

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")
_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


class Malformed(ValueError):
    """What should be XML is none, or none that is accepted."""


@dataclass
class _Element:
    name: str
    attributes: dict[str, str]
    children: list[_Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        text = "".join(self.pieces)
        # between elements, blanks are layout
        return text if text.strip() or not self.children else ""

    @property
    def is_empty(self) -> bool:
        return not (self.attributes or self.children or self.text)


class _Part(NamedTuple):
    """A property of an object, as it is written."""

    key: str
    schema: Mapping[str, Any]
    element: str
    is_attribute: bool
    wrapper: str | None
    items: Mapping[str, Any] | None
    """What a list consists of; None for what is no list."""


class Codec:
    """Reads and writes XML by the schemas of a specification. A pointer says where a schema stands."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification

    def decode(self, pointer: str, content: bytes) -> Any:
        """The value of a document. What does not fit its schema, or is not in it, is kept as it is: this is no
        validation.

        Raises:
            Malformed: It is no well-formed XML, has a DOCTYPE, is nested too deeply, or has another root element.
        """
        root = _parse(content)
        schema = self._specification.at(pointer)
        names = self._root_names(schema)
        if names and root.name not in names:
            raise Malformed(f"the root element has to be {' or '.join(names)}, not {root.name}")
        value = self._value(schema, root)
        return {} if value is None and self._parts(schema) else value

    def encode(self, pointer: str, value: Any) -> bytes:
        """The document of a value."""
        schema = self._specification.at(pointer)
        name = next(iter(self._root_names(schema)), "root")
        return document(self._written(name, schema, value))

    def _variants(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The schema, or the alternatives that it offers, with references resolved."""
        resolved = self._specification.resolve(schema)
        inner = [part for key in ("oneOf", "anyOf") for part in resolved.get(key, ())]
        return [each for part in inner for each in self._variants(part)] or [resolved]

    def _root_names(self, schema: Mapping[str, Any]) -> list[str]:
        resolved = self._specification.resolve(schema)
        names = [resolved.get("xml", {}).get("name") or schema.get("$ref", "").rpartition("/")[2]]
        for key in ("oneOf", "anyOf"):
            names = [name for part in resolved.get(key, ()) for name in self._root_names(part)] or names
        return [name for name in dict.fromkeys(names) if name]

    def _parts(self, schema: Mapping[str, Any]) -> list[_Part]:
        """The properties of an object, those of all alternatives together; none for what is no object."""
        properties: dict[str, Mapping[str, Any]] = {}
        for variant in self._variants(schema):
            properties |= variant.get("properties", {})
        return [self._part(key, item) for key, item in properties.items()]

    def _part(self, key: str, schema: Mapping[str, Any]) -> _Part:
        variants = self._variants(schema)
        # what the component of an object says of itself is for where it is the root
        is_object = any("properties" in variant for variant in variants)
        marks = (schema if is_object else self._specification.resolve(schema)).get("xml", {})
        name = marks.get("name", key)
        items = next((variant["items"] for variant in variants if "items" in variant), None)
        if items is None:
            return _Part(key, schema, name, marks.get("attribute", False), None, None)
        element = self._specification.resolve(items).get("xml", {}).get("name", name)
        return _Part(key, schema, element, False, name if marks.get("wrapped") else None, items)

    # reading

    def _value(self, schema: Mapping[str, Any], element: _Element) -> Any:
        parts = self._parts(schema)
        if element.is_empty:
            return None
        if not element.attributes and not element.children:
            return element.text if parts else self._scalar(schema, element.text)
        known = {part.element: part for part in parts if part.is_attribute}
        value: dict[str, Any] = {}
        for name, text in element.attributes.items():
            part = known.get(name)
            value[part.key if part else name] = self._scalar(part.schema, text) if part else text
        if element.text:
            value[_TEXT] = element.text
        known = {part.wrapper or part.element: part for part in parts if not part.is_attribute}
        for name, children in _by_name(element.children).items():
            part = known.get(name)
            value[part.key if part else name] = self._field(part, children)
        return value

    def _field(self, part: _Part | None, found: list[_Element]) -> Any:
        if part is None or part.items is None:
            values = [self._value(part.schema if part else {}, each) for each in found]
            return values[0] if len(values) == 1 else values
        if len(found) == 1 and found[0].is_empty:
            return None
        if part.wrapper is None:
            return [self._value(part.items, each) for each in found]
        return [
            self._value(part.items, each) if each.name == part.element else {each.name: self._value({}, each)}
            for wrapper in found
            for each in wrapper.children
        ]

    def _scalar(self, schema: Mapping[str, Any], text: str) -> Any:
        variants = self._variants(schema)
        types = {kind for variant in variants for kind in _types(variant)}
        # where any text is allowed, "004" is no number
        if "integer" in types and _INTEGER.match(text) and ("string" not in types or str(int(text)) == text):
            return int(text)
        if "number" in types and any(variant.get("format") == "decimal" for variant in variants):
            return Decimal(text) if _DECIMAL.match(text) else text
        if "number" in types and _NUMBER.match(text) and isfinite(float(text)):
            return float(text)
        if "boolean" in types and text in ("true", "false"):
            return text == "true"
        return text

    # writing

    def _written(self, name: str, schema: Mapping[str, Any], value: Any) -> str:
        if not isinstance(value, Mapping):
            return _element(name, "", escape(_text(value)))
        parts = self._parts(schema)
        attributes = "".join(
            f' {part.element}="{quote(_text(value[part.key]))}"'
            for part in parts
            if part.is_attribute and value.get(part.key) is not None
        )
        known = {part.key for part in parts} | {_TEXT}
        inside = [escape(_text(value.get(_TEXT)))]
        inside += [self._written_part(part, value[part.key]) for part in parts if part.key in value]
        inside += ["".join(self._untyped(key, value[key])) for key in value if key not in known]
        return _element(name, attributes, "".join(inside))

    def _written_part(self, part: _Part, value: Any) -> str:
        if part.is_attribute or value == []:
            return ""
        if part.items is None:
            return self._written(part.element, part.schema, value)
        if value is None:
            return _element(part.wrapper or part.element, "", "")
        inside = "".join(self._written(part.element, part.items, each) for each in value)
        return _element(part.wrapper, "", inside) if part.wrapper else inside

    def _untyped(self, name: str, value: Any) -> Iterator[str]:
        for each in value if isinstance(value, list) else [value]:
            yield self._written(name, {}, each)


def document(root: str) -> bytes:
    """A document from the text of its root element."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}'.encode()


def _types(schema: Mapping[str, Any]) -> Iterable[str]:
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    values = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return [_TYPES[type(value)] for value in values if type(value) in _TYPES]


def _by_name(children: Iterable[_Element]) -> dict[str, list[_Element]]:
    found: dict[str, list[_Element]] = {}
    for child in children:
        found.setdefault(child.name, []).append(child)
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _element(name: str, attributes: str, inside: str) -> str:
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


def escape(text: str) -> str:
    """A text as it stands between tags. What XML cannot carry is replaced."""
    text = _UNWRITABLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def quote(text: str) -> str:
    """A text as it stands between double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def _parse(content: bytes) -> _Element:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_ = [_Element("", {})]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_) > _DEEPEST:
            raise Malformed(f"elements are nested more than {_DEEPEST} deep")
        element = _Element(name, attributes)
        open_[-1].children.append(element)
        open_.append(element)

    def end(name: str) -> None:
        open_.pop()

    def text(piece: str) -> None:
        open_[-1].pieces.append(piece)

    def refuse(*declaration: object) -> None:
        raise Malformed("a DOCTYPE is not accepted")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise error if isinstance(error, Malformed) else Malformed(f"it is no XML: {error}") from None
    return open_[0].children[0]
