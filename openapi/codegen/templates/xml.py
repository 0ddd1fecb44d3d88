"""XML bodies to the dicts that generated models read, and back, by a table compiled from the specification.

XML alone cannot say what is a number, a list of one or nothing at all; the table can. What the table does not know is
kept, untyped. Nothing here does I/O, and no document can make it do any, or grow: document types are refused.
"""

from __future__ import annotations

import pyexpat
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias

from attrs import frozen

from .runtime import InvalidInput

Kind: TypeAlias = str | tuple[str, ...]
"""`string`, `integer`, `number`, `boolean`, `decimal`, `any`, the name of an element of the table, or several of the
first five, which are tried in order."""

DEEPEST: Final = 64
"""How many elements may stand inside each other."""

TEXT: Final = "#text"
"""The key of the text of an element that has attributes or children, too; no element can be called so."""

_SPACE: Final = " \t\r\n"
_DIGITS: Final = 1000


class XmlError(ValueError):
    """A document that cannot be read; says why, and nothing of what stands in it but the name of its root."""


@frozen
class Field:
    """One key of a dict, and how it is written in XML."""

    wire: str
    """The key."""
    element: str
    """The XML name of the element, of every element of the list, or of the attribute."""
    kind: Kind
    attribute: bool = False
    many: bool = False
    """A list: one element after the other, even when there is only one.

    An empty list is not written at all. None is an empty element: the wrapper, or without one the only entry.
    """
    wrapper: str | None = None
    """The XML name of the element around the list, where there is one."""


@frozen
class Element:
    """What one kind of element holds. Elements are written in the order of the fields."""

    name: str
    """The XML name where it is the root of a document; elsewhere the field says the name."""
    fields: tuple[Field, ...]


class Codec:
    """Reads and writes documents whose roots are in the table."""

    def __init__(self, elements: Mapping[str, Element]) -> None:
        self.elements = dict(elements)
        self._shapes = _shapes(self.elements)

    def decode(self, name: str, content: bytes, *, max_size: int | None = None) -> dict[str, Any]:
        """The root element as a dict; `name` says which element of the table it has to be.

        Values that do not fit their kind are kept as texts, empty elements are None, unknown elements and attributes
        are kept under their XML names: texts, dicts, or lists where they are repeated.
        """
        value = _read(content, self.elements[name].name, self._shapes[name], max_size)
        return {TEXT: value} if isinstance(value, str) else value or {}

    def encode(self, name: str, value: Mapping[str, Any]) -> bytes:
        """The document whose root is the element `name` of the table. Keys that the table lacks follow, untyped."""
        element = self.elements[name]
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self._written(element.name, name, value, "", 1)}'.encode()

    def decoder(self, name: str, *, max_size: int | None = None) -> Callable[[bytes], dict[str, Any]]:
        """`decode` for one root, as a function that can be pickled."""
        return _Decoder(self, name, max_size)

    def encoder(self, name: str) -> Callable[[Mapping[str, Any]], bytes]:
        """`encode` for one root, as a function that can be pickled."""
        return _Encoder(self, name)

    def __eq__(self, other: object) -> bool:
        return self.elements == other.elements if isinstance(other, Codec) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.elements))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Codec, (self.elements,))

    def __repr__(self) -> str:
        return f"<Codec of {len(self.elements)} elements>"

    # writing; `where` is the way to a value, for whoever passed a wrong one

    def _written(self, tag: str, name: str, value: object, where: str, depth: int) -> str:
        """An element of the table."""
        if not isinstance(value, Mapping):
            raise InvalidInput(where or tag, value, "an object")
        _check_depth(depth, where)
        attributes: list[str] = []
        content = _own_text(value, where or tag)
        fields = self.elements[name].fields
        for item in fields:
            if item.wire in value:
                here = f"{where}.{item.wire}" if where else item.wire
                if item.attribute:
                    text = _quoted(_text(value[item.wire], item.kind, here), here)
                    attributes.append(f' {item.element}="{text}"')
                else:
                    content += self._field(item, value[item.wire], here, depth + 1)
        known = {item.wire for item in fields} | {TEXT}
        for key in value:
            if key not in known:
                content += _untyped(key, value[key], f"{where}.{key}" if where else str(key), depth + 1)
        return _element(tag, "".join(content), "".join(attributes))

    def _field(self, item: Field, value: object, where: str, depth: int) -> Iterator[str]:
        if not item.many:
            yield self._single(item, value, where, depth)
        elif value is None:
            yield _element(item.wrapper or item.element, "")
        elif not isinstance(value, (list, tuple)):
            raise InvalidInput(where, value, "a list")
        elif value:
            inner = depth if item.wrapper is None else depth + 1
            parts = (self._single(item, entry, f"{where}[{index}]", inner) for index, entry in enumerate(value))
            if item.wrapper is None:
                yield from parts
            else:
                _check_depth(depth, where)
                yield _element(item.wrapper, "".join(parts))

    def _single(self, item: Field, value: object, where: str, depth: int) -> str:
        if value is None:
            return _element(item.element, "")
        if item.kind == "any":
            return "".join(_untyped(item.element, value, where, depth, repeated=not item.many))
        if isinstance(item.kind, str) and item.kind in self.elements:
            return self._written(item.element, item.kind, value, where, depth)
        _check_depth(depth, where)
        return _element(item.element, _escaped(_text(value, item.kind, where), where))


def decode_untyped(content: bytes, *, max_size: int | None = None) -> Any:
    """Any document, as `{name of the root: what is in it}`: texts, dicts, lists where elements are repeated, None."""
    return _read(content, None, _UNTYPED, max_size)


@frozen
class _Decoder:
    codec: Codec
    name: str
    max_size: int | None = None

    def __call__(self, content: bytes) -> dict[str, Any]:
        return self.codec.decode(self.name, content, max_size=self.max_size)


@frozen
class _Encoder:
    codec: Codec
    name: str

    def __call__(self, value: Mapping[str, Any]) -> bytes:
        return self.codec.encode(self.name, value)


# Reading: the table as what a parser asks for


class _Shape(NamedTuple):
    """What may stand in an element, by local XML name."""

    attributes: dict[str, _Slot]
    elements: dict[str, _Slot]
    known: set[str]
    """Keys that no unknown name may take."""
    wraps: str | None = None
    """The key of the list, where the element is only the wrapper around it."""


_Slot: TypeAlias = tuple[str, Callable[[str], Any] | None, bool, _Shape | None]
"""Key, what turns a text into a value, whether it is a list, and the shape of what is inside.

A kind of text has no shape, an element of the table has nothing that turns texts into values, and `any` has both.
"""

_UNTYPED: Final = _Shape({}, {}, set())


def _shapes(elements: Mapping[str, Element]) -> dict[str, _Shape]:
    shapes = {name: _Shape({}, {}, {item.wire for item in element.fields}) for name, element in elements.items()}
    for name, element in elements.items():
        shape = shapes[name]
        for item in element.fields:
            if isinstance(item.kind, str) and item.kind in shapes:
                slot: _Slot = (item.wire, None, item.many, shapes[item.kind])
            else:
                slot = (item.wire, _conversion(item.kind), item.many, _UNTYPED if item.kind == "any" else None)
            if item.attribute:
                shape.attributes[item.element] = slot
            elif item.wrapper is None:
                shape.elements[item.element] = slot
            else:
                wrapped = _Shape({}, {item.element: slot}, {item.wire}, item.wire)
                shape.elements[item.wrapper] = (item.wire, None, True, wrapped)
    return shapes


def _not_blank(text: str) -> str | None:
    return text if text.strip(_SPACE) else None


def _conversion(kind: Kind) -> Callable[[str], Any]:
    """What reads a text that is not empty; it never fails."""
    kinds = (kind,) if isinstance(kind, str) else kind
    if kinds[0] == "string":
        return str
    if kinds == ("any",):
        return _not_blank
    first, *others = (_READERS[each] for each in kinds)

    def convert(text: str) -> Any:
        try:
            return first(text)
        except (ValueError, InvalidOperation):
            pass
        for read in others:
            try:
                return read(text)
            except (ValueError, InvalidOperation):
                continue
        return _not_blank(text)

    return convert


_INTEGER: Final = re.compile(r"[ \t\r\n]*([+-]?[0-9]+)[ \t\r\n]*")
_NUMBER: Final = re.compile(r"[ \t\r\n]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\r\n]*")


def _matched(pattern: re.Pattern[str], text: str) -> str:
    # the constructors alone take more than XML's numbers: underscores, "nan", digits of other scripts
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError
    return match[1]


def _read_integer(text: str) -> int:
    return int(text if text.isascii() and text.isdigit() else _matched(_INTEGER, text))


def _read_number(text: str) -> float:
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(_matched(_NUMBER, text))
    if not isfinite(number):
        raise ValueError
    return number


def _read_decimal(text: str) -> Decimal:
    return Decimal(_matched(_NUMBER, text))


_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def _read_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip(_SPACE).lower()]
    except KeyError:
        raise ValueError from None


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "string": str,
    "integer": _read_integer,
    "number": _read_number,
    "decimal": _read_decimal,
    "boolean": _read_boolean,
}


def _add(value: dict[str, Any], key: str, item: Any) -> None:
    """What the table does not call a list becomes one when it is repeated."""
    if key not in value:
        value[key] = item
    elif isinstance(value[key], list):
        value[key].append(item)
    else:
        value[key] = [value[key], item]


# Reading: one pass of the parser


_ENCODINGS: Final = {"utf-8", "utf-16", "iso-8859-1", "us-ascii"}
"""What expat itself reads; others would go through Python's codecs, which do more than decode."""

_CUT_OFF: Final = {
    pyexpat.errors.codes[name]
    for name in (
        pyexpat.errors.XML_ERROR_NO_ELEMENTS,
        pyexpat.errors.XML_ERROR_UNCLOSED_TOKEN,
        pyexpat.errors.XML_ERROR_PARTIAL_CHAR,
        pyexpat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


def _read(content: bytes, root: str | None, shape: _Shape, max_size: int | None) -> Any:
    """What is in the root element, which has to be called `root`; without one, what is in the document."""
    if max_size is not None and len(content) > max_size:
        raise XmlError(f"the document has {len(content)} bytes, and no more than {max_size} are read")
    _refuse_others(content)
    parser = pyexpat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    value: dict[str, Any] = {}
    handlers = _handlers(value, root, shape)
    # the parser holds the handlers and they must not hold the parser, or every document would wait for the collector
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = handlers
    parser.XmlDeclHandler = _refuse_encoding
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(content, True)
    except pyexpat.ExpatError as error:
        reason = "it is cut off" if error.code in _CUT_OFF else pyexpat.ErrorString(error.code)
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise XmlError(f"the document is no well-formed XML: {reason} ({place})") from None
    return value if root is None else value[root]


def _refuse_others(content: bytes) -> None:
    """What gateways and proxies answer with instead; the parser's own words for it would puzzle."""
    head = content.lstrip()[:64].decode("latin-1").replace("\0", "").lstrip("\xef\xbb\xbf\xfe\xff" + _SPACE).lower()
    if not content.strip():
        raise XmlError("the body is empty, where XML was expected")
    if head.startswith(("{", "[")):
        raise XmlError("the body is no XML: it starts like JSON")
    if re.match(r"<!doctype\s+html|<html[\s>]", head):
        raise XmlError("the body is no XML: it starts like HTML")
    if head and not head.startswith("<"):
        raise XmlError("the body is no XML: it starts like a plain text")


def _refuse_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise XmlError("the document declares an encoding that is none of UTF-8, UTF-16, ISO-8859-1 and US-ASCII")


def _refuse_deeper(tag: str) -> _Slot:
    raise XmlError(f"the document has elements more than {DEEPEST} deep")


def _refuse_document_type(*declaration: object) -> None:
    # entities are declared there: they read files, and grow a thousandfold
    raise XmlError("the document has a DOCTYPE, which is never read")


_Handlers: TypeAlias = tuple[Callable[[str, list[str]], None], Callable[[str], None], Callable[[str], None]]


def _handlers(document: dict[str, Any], root: str | None, root_shape: _Shape) -> _Handlers:
    """What the parser calls at the start of an element, at its end, and with text; fills `document`.

    Most elements are texts, so these take a short way: they are `leaf` while they are open, and nothing else changes.
    """
    parts: list[str] = []  # the text since the last tag
    stack: list[tuple[dict[str, Any], _Shape, _Slot, list[str]]] = []  # what is around the open element
    value, shape = document, _UNTYPED  # of the open element, which is no leaf
    texts: list[str] = []  # its text so far
    slot: _Slot = ("", None, False, _UNTYPED)  # where it belongs
    leaf: _Slot | None = None
    find: Callable[[str], _Slot | None] = shape.elements.get

    def enter(into: _Slot, inner: _Shape) -> None:
        nonlocal value, shape, texts, slot, find
        stack.append((value, shape, slot, texts))
        value, shape, texts, slot = {}, inner, [], into
        find = inner.elements.get if len(stack) < DEEPEST else _refuse_deeper

    def start(tag: str, attributes: list[str]) -> None:
        nonlocal leaf
        if leaf is not None:
            # an element where the table has a text: kept untyped
            enter(leaf, _UNTYPED)
            leaf = None
        if parts:
            if len(parts) > 1 or parts[0].strip(_SPACE):
                texts.extend(parts)
            parts.clear()
        found = find(tag) or (_slot(shape.elements, shape.known, tag) if stack else _root(tag, root, root_shape))
        _, convert, _, inner = found
        if inner is None or (convert is not None and not attributes):
            leaf = found
            return
        enter(found, inner or _UNTYPED)
        for index in range(0, len(attributes), 2):
            name, text = attributes[index], attributes[index + 1]
            # what these say is about XML, not about ads
            if not name.startswith(("xmlns:", "xsi:")) and name != "xmlns":
                key, convert, _, _ = _slot(shape.attributes, shape.known, name)
                _add(value, key, convert(text) if convert is not None and text else None)

    def end(tag: str) -> None:
        nonlocal value, shape, texts, slot, find, leaf
        item: Any = None
        if leaf is not None:
            key, convert, many, _ = leaf
            if parts:
                item = convert("".join(parts))  # type: ignore[misc]
                parts.clear()
            leaf = None
        else:
            if parts:
                texts.extend(parts)
                parts.clear()
            item, (key, _, many, _), closed = _content(value, texts), slot, shape
            value, shape, slot, texts = stack.pop()
            find = shape.elements.get
            if closed.wraps is not None:
                _unwrap(value, closed.wraps, _local(tag), item)
                return
        if many:
            if key not in value:
                # one empty element is how an unset list looks that has no wrapper
                value[key] = None if item is None else [item]
            elif value[key] is None:
                value[key] = [None, item]
            else:
                value[key].append(item)
        elif key in value:
            _add(value, key, item)
        else:
            value[key] = item

    return start, end, parts.append


def _local(name: str) -> str:
    """An XML name without its prefix."""
    return name.rpartition(":")[2] or name


def _slot(slots: dict[str, _Slot], known: set[str], name: str) -> _Slot:
    """Where an element or attribute belongs that has a prefix, or is unknown."""
    name = _local(name)
    return slots.get(name) or (f"/{name}" if name in known else name, _not_blank, False, _UNTYPED)


def _root(tag: str, expected: str | None, shape: _Shape) -> _Slot:
    name = _local(tag)
    if expected is None:
        return (name, _not_blank, False, _UNTYPED)
    if name != expected:
        raise XmlError(f"the root of the document is <{name[:80]}>, where <{expected}> was expected")
    return (name, None, False, shape)


def _content(value: dict[str, Any], texts: list[str]) -> Any:
    """What an element is that is no leaf."""
    text = "".join(texts)
    if not text.strip(_SPACE):
        return value or None
    return {**value, TEXT: text} if value else text


def _unwrap(value: dict[str, Any], key: str, wrapper: str, item: Any) -> None:
    """A list out of its wrapper. What else stands there is kept under a key that no element can have."""
    if isinstance(item, dict):
        entries = (item.pop(key) or [None]) if key in item else None
        for name, other in item.items():
            _add(value, f"{wrapper}/{name}", other)
        item = entries
    if value.get(key) is None:
        value[key] = item
    elif item is not None:
        if not isinstance(value[key], list):
            value[key] = [value[key]]
        value[key] += item if isinstance(item, list) else [item]


# Writing


def _element(tag: str, content: str, attributes: str = "") -> str:
    return f"<{tag}{attributes}>{content}</{tag}>" if content else f"<{tag}{attributes}/>"


def _check_depth(depth: int, where: str) -> None:
    if depth > DEEPEST:
        raise InvalidInput(where, "...", f"at most {DEEPEST} elements inside each other")


_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# without the colon, which would make a prefix
_FIRST: Final = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME: Final = re.compile(f"[{_FIRST}][-.0-9\xb7\u0300-\u036f\u203f\u2040{_FIRST}]*")


def _escaped(text: str, where: str) -> str:
    if _FORBIDDEN.search(text):
        raise InvalidInput(where, text, "a text that XML can carry: no control characters, no lone surrogates")
    # ">" for the sake of "]]>"; a bare carriage return would come back as a line feed
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(text: str, where: str) -> str:
    """An attribute's text; bare line feeds and tabs would come back as spaces."""
    return _escaped(text, where).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def _string_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _boolean_text(value: object) -> str | None:
    return ("false", "true")[value] if isinstance(value, bool) else None


def _integer_text(value: object) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_DIGITS
    return str(value) if fits else None


def _decimal_text(value: object) -> str | None:
    """A number in plain notation, exactly."""
    if isinstance(value, float) and isfinite(value):
        value = Decimal(repr(value))
    if not isinstance(value, Decimal):
        return _integer_text(value)
    exponent = value.as_tuple().exponent
    # an exponent costs nothing until it is written out
    plain = isinstance(exponent, int) and exponent >= -_DIGITS and value.adjusted() <= _DIGITS
    return format(value, "f") if plain else None


def _number_text(value: object) -> str | None:
    return repr(value) if isinstance(value, float) and isfinite(value) else _decimal_text(value)


def _any_text(value: object) -> str | None:
    return value if isinstance(value, str) else _boolean_text(value) or _number_text(value)


_WRITERS: Final[Mapping[str, tuple[Callable[[object], str | None], str]]] = {
    "string": (_string_text, "a text"),
    "integer": (_integer_text, "an integer"),
    "number": (_number_text, "a finite number"),
    "decimal": (_decimal_text, "a finite number"),
    "boolean": (_boolean_text, "True or False"),
    "any": (_any_text, "a text, a finite number, True, False or None"),
}


def _text(value: object, kind: Kind, where: str) -> str:
    """A value in XML's words, not escaped; None is an empty text."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return ""
    writers = [_WRITERS[each] for each in ((kind,) if isinstance(kind, str) else kind)]
    for write, _ in writers:
        text = write(value)
        if text is not None:
            return text
    if isinstance(value, int) and abs(value) >= 10**_DIGITS:
        value = "..."  # Python refuses to show it
    raise InvalidInput(where, value, " or ".join(expected for _, expected in writers))


def _own_text(value: Mapping[str, Any], where: str) -> list[str]:
    return [_escaped(_text(value[TEXT], "string", where), where)] if TEXT in value else []


def _untyped(tag: str, value: object, where: str, depth: int, *, repeated: bool = True) -> Iterator[str]:
    """Elements that the table knows nothing of."""
    if not isinstance(tag, str) or not _NAME.fullmatch(tag):
        raise InvalidInput(where, tag, "a key that can be the name of an element")
    _check_depth(depth, where)
    if isinstance(value, Mapping):
        content = _own_text(value, where)
        for key, entry in value.items():
            if key != TEXT:
                content += _untyped(key, entry, f"{where}.{key}", depth + 1)
        yield _element(tag, "".join(content))
    elif isinstance(value, (list, tuple)):
        if not repeated:
            raise InvalidInput(where, value, "no list inside a list")
        for index, entry in enumerate(value):
            yield from _untyped(tag, entry, f"{where}[{index}]", depth, repeated=False)
    else:
        yield _element(tag, _escaped(_text(value, "any", where), where))
