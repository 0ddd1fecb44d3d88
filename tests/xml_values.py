"""Values that XML 1.0 can carry, for any table of elements, and what they are when they come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from adflight_api import xml

INTEGER = re.compile(r"[ \t\r\n]*[+-]?[0-9]+[ \t\r\n]*")
NUMBER = re.compile(r"[ \t\r\n]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\r\n]*")
READS: Mapping[str, Callable[[str], object]] = {
    "integer": INTEGER.fullmatch,
    "number": NUMBER.fullmatch,
    "decimal": NUMBER.fullmatch,
    "boolean": lambda text: text.strip(" \t\r\n").lower() in ("true", "false", "0", "1"),
}


# Values

CONTROL = "".join(map(chr, range(32)))
CHARACTERS = st.characters(codec="utf-8", exclude_characters=f"{CONTROL}\ufffe\uffff") | st.sampled_from(
    "\t\n\r &<>]'\""
)
TEXTS = st.text(CHARACTERS) | st.sampled_from([" ", "]]>", "\r\n", "&amp;", "<a/>", "007", " 5 ", "True", "1e3", "-"])
# as large as what is written back in full may be
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30) | st.just(
    Decimal("1E-300")
)
SCALARS: Mapping[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "integer": st.integers(),
    "number": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "decimal": DECIMALS,
    "boolean": st.booleans(),
}
UNKNOWN_NAMES = st.from_regex(r"x_[a-zA-Zé0-9_.-]{0,4}", fullmatch=True)
UNTYPED: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.none(),
    lambda inner: st.dictionaries(
        UNKNOWN_NAMES, inner | st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3), max_size=3
    ),
    max_leaves=6,
)


def _scalars(kind: str | tuple[str, ...]) -> st.SearchStrategy[Any]:
    kinds = (kind,) if isinstance(kind, str) else kind
    if "string" not in kinds:
        return st.one_of([SCALARS[each] for each in kinds])
    # a text that reads as another kind comes back as that
    before = kinds[: kinds.index("string")]
    texts = TEXTS.filter(lambda text: not any(READS[each](text) for each in before))
    return st.one_of([*(SCALARS[each] for each in before), texts])


@st.composite
def values(draw: st.DrawFn, elements: Mapping[str, Any], name: str, depth: int = 4, unknown: bool = True) -> Any:
    """A dict for the element `name`, with or without each of its fields, and with keys that it does not know."""
    result: dict[str, Any] = {}
    for field in draw(st.permutations(elements[name].fields)):
        if not draw(st.booleans()):
            continue
        if field.kind == "any":
            single = st.just("text") if field.attribute else UNTYPED
        elif isinstance(field.kind, str) and field.kind in elements:
            single = values(elements, field.kind, depth - 1, unknown) if depth else st.none()
        else:
            single = _scalars(field.kind)
        single = single | st.none()
        result[field.wire] = draw((st.lists(single, max_size=3) | st.none()) if field.many else single)
    if unknown and draw(st.booleans()):
        known = {word for field in elements[name].fields for word in (field.wire, field.element, field.wrapper)}
        result |= draw(st.dictionaries(UNKNOWN_NAMES.filter(lambda key: key not in known), UNTYPED, max_size=2))
    return result


# What comes back


def normal(elements: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A value as it is when it was written and read: an empty text is null, an empty list is absent.

    So is an element without content null, and with it a list without a wrapper whose only entry is null. Untyped
    lists of one are no lists.
    """
    result: dict[str, Any] = {}
    fields = {field.wire: field for field in elements[name].fields}
    for key, entry in value.items():
        field = fields.get(key)
        if entry == []:
            continue
        if field is None or (field.kind == "any" and not field.many):
            result[key] = normal_untyped(entry)
        elif field.many and entry is not None:
            entries = [_normal_single(elements, field, each) for each in entry]
            result[key] = None if entries == [None] and field.wrapper is None else entries
        else:
            result[key] = _normal_single(elements, field, entry)
    return result


def _normal_single(elements: Mapping[str, Any], field: Any, value: Any) -> Any:
    if field.kind == "any":
        return normal_untyped(value)
    if isinstance(value, dict):
        return normal(elements, field.kind, value) or None
    return None if value == "" else value


def normal_untyped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: normal_untyped(entry) for key, entry in value.items() if entry != []} or None
    if isinstance(value, list):
        return [normal_untyped(entry) for entry in value] if len(value) > 1 else normal_untyped(value[0])
    return value if value is None or value.strip(" \t\r\n") else None


def typed(value: Any) -> Any:
    """A value that is only equal to another one when all types are the same, too."""
    if isinstance(value, dict):
        return {key: typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [typed(entry) for entry in value]
    return (type(value), value)


# Tables

UNIONS = [("integer", "string"), ("decimal", "boolean"), ("integer", "boolean", "string"), ("number", "string")]
KINDS: st.SearchStrategy[Any] = st.sampled_from(["string", "integer", "number", "decimal", "boolean", "any", *UNIONS])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """A table of a few elements, which may hold each other and themselves; the root is called `A`."""
    names = ["A", "B", "C"][: draw(st.integers(1, 3))]
    return {name: xml.Element(draw(st.sampled_from([name, "größe"])), draw(_fields(names))) for name in names}


@st.composite
def _fields(draw: st.DrawFn, names: list[str]) -> tuple[Any, ...]:
    fields = []
    for wire in draw(st.lists(st.sampled_from(["id", "list", "naïve", "a-b", "_c", "n.1"]), unique=True)):
        element = draw(st.sampled_from([wire, f"{wire}-x"]))
        shape = draw(st.sampled_from(["single", "attribute", "many", "wrapped"]))
        if shape == "attribute":
            fields.append(xml.Field(wire, element, draw(KINDS), attribute=True))
            continue
        kind = draw(KINDS | st.sampled_from(names))
        wrapper = draw(st.sampled_from([wire, f"{wire}-list"])) if shape == "wrapped" else None
        inner = draw(st.sampled_from([element, "item"])) if wrapper else element
        fields.append(xml.Field(wire, inner, kind, many=shape in ("many", "wrapped"), wrapper=wrapper))
    return tuple(fields)
