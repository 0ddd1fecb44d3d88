"""The kinds of columns with several values in a cell: lists, and JSON in the shape that the specification gives it.

Imports kinds and values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import field, frozen

from adflight.flights.kinds import Formats, Kind, text_of, whole_of
from adflight.flights.values import Unfit, Value

_BETWEEN_IDS: Final = re.compile(r"\s*[,;|]\s*|\s+")
_BETWEEN_TEXTS: Final = re.compile(r"[,;|](?:\r\n|\r|\n)?|\r\n|\r|\n")
_DEEPEST: Final = 20
"""How far JSON may be nested."""


@frozen
class Ids(Kind):
    """Whole numbers: a text with commas, semicolons, bars or white space between them, or a JSON list."""

    title = "ids"
    example = "101, 102"

    def read(self, cell: object, formats: Formats) -> Value:
        parts = _parts(cell, _BETWEEN_IDS, "ids such as 101, 102")
        ids = []
        for part in parts:
            # an id has no format: in a list, 1.500 and 1,500 would be anything
            if isinstance(part, str) and not (part.isascii() and part.isdecimal()):
                raise Unfit("ids such as 101, 102: whole numbers without any marks")
            ids.append(whole_of(part, formats))
        if any(number < 0 for number in ids):
            raise Unfit("ids such as 101, 102: none is below 0")
        return tuple(ids)

    def unstage(self, staged: Any) -> Value:
        return tuple(staged)


@frozen
class Texts(Kind):
    """Texts: with commas, semicolons, bars or line breaks between them, or a JSON list where one has such a mark."""

    title = "texts"
    example = "first, second"

    def read(self, cell: object, formats: Formats) -> Value:
        parts = _parts(cell, _BETWEEN_TEXTS, "texts such as first, second")
        return tuple(
            str(part) if type(part) is int else text_of(part, "texts such as first, second").strip() for part in parts
        )

    def unstage(self, staged: Any) -> Value:
        return tuple(staged)


def _parts(cell: object, between: re.Pattern[str], expected: str) -> Sequence[object]:
    if isinstance(cell, str):
        text = cell.strip()
        cell = parsed(text) if text.startswith("[") else [part.strip() for part in between.split(text)]
        if text and not text.startswith("["):
            # one that is too many at the end, as it comes from joining cells
            cell = cell[:-1] if isinstance(cell, list) and cell[-1] == "" else cell
    elif isinstance(cell, int) and not isinstance(cell, bool):
        return [cell]
    if not isinstance(cell, (list, tuple)):
        raise Unfit(expected)
    if not cell or any(isinstance(part, str) and not part.strip() for part in cell):
        raise Unfit(f"{expected}, none of them empty")
    if any(isinstance(part, bool) for part in cell):
        raise Unfit(expected)
    return cell


@frozen
class Json(Kind):
    """JSON of a shape that the specification knows."""

    title = "JSON"
    schema: Mapping[str, Any] = field(hash=False, repr=False)
    """With all references resolved."""

    def read(self, cell: object, formats: Formats) -> Value:
        value = parsed(cell.strip()) if isinstance(cell, str) else without_decimals(cell)
        problem = mismatch(value, self.schema)
        if problem is not None:
            raise Unfit(problem)
        fitting: Value = value
        return fitting


def parsed(text: str) -> Any:
    """The JSON value of a text. Raises `Unfit`."""
    try:
        return without_decimals(json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError):
        raise Unfit("JSON") from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def without_decimals(value: object, depth: int = 0) -> Any:
    """JSON values with the numbers that JSON has: what is in such a column is no money. Raises `Unfit`."""
    if depth > _DEEPEST:
        raise Unfit("JSON that is not nested as deeply")
    if isinstance(value, Mapping):
        return {text_of(key, "JSON"): without_decimals(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_decimals(item, depth + 1) for item in value]
    if isinstance(value, Decimal) and value.is_finite():
        value = float(value)
    if isinstance(value, str):
        return text_of(value, "JSON")
    if value is None or isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) < 2**53):
        return value
    raise Unfit("JSON")


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _range(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least} item{'' if least == 1 else 's'}"
    return f"{least} items" if least == most else f"{least} to {most} items"


def mismatch(value: Any, schema: Mapping[str, Any], place: str = "") -> str | None:
    """What a schema expects of a value instead, and where; None when it fits. Knows what request schemas use."""
    where = f" at {place}" if place else ""
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return f"JSON with {'an' if kind[0] in 'aio' else 'a'} {kind}{where}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing:
            return f"JSON with {' and '.join(missing)}{where}"
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            inner = properties.get(name, others)
            if isinstance(inner, Mapping) and (found := mismatch(item, inner, f"{place}.{name}".lstrip("."))):
                return found
    elif isinstance(value, list):
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if len(value) < least or (most is not None and len(value) > most):
            return f"JSON with {_range(least, most)}{where}"
        for number, item in enumerate(value):
            if found := mismatch(item, schema.get("items", {}), f"{place}[{number}]"):
                return found
    return None
