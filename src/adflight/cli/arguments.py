"""How an argument of an operation is written on a command line, told from the type that the generated method gives it.

Imports nothing of adflight but the vendor's generated models, by name, when a type names one; used by `call`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from importlib import import_module
from typing import Any, Final

import orjson
from attrs import frozen

from adflight_api.runtime import Model


@frozen
class Kind:
    """One way to write an argument."""

    metavar: str
    """What help shows for a value."""
    expected: str
    """What would do, in words; completes "expected"."""
    read: Callable[[str], Any]
    """Raises `ValueError`."""
    filler: Any
    """A value that any operation takes, for fields that are replaced anyway."""
    hint: str = ""
    """What else help says."""


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError(text) from None


def _number(text: str) -> Decimal:
    # as in a file of flights: no exponents, and no NaN
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        raise ValueError(text)
    return Decimal(text)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _span(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _id_or_text(text: str) -> int | str:
    return int(text) if re.fullmatch("-?[0-9]+", text) else text


def _each(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def all_of(text: str) -> list[Any]:
        if text.startswith("["):
            listed = _json(text)
            return list(listed)
        return [read(part.strip()) for part in text.split(",")]

    return all_of


def _texts(text: str) -> Any:
    # an empty one has a meaning of its own: all
    return _each(str)(text) if text else text


FLAG: Final = Kind("", "a flag", lambda text: text == "true", True)
_TEXT: Final = Kind("TEXT", "a text", str, "")
_LIST: Final = Kind("LIST", "a list, separated by commas", _texts, "0", "separated by commas")
_KINDS: Final = {
    "bool": FLAG,
    "int": Kind("INT", "a whole number", int, 0),
    "PathId": Kind("ID", "a whole number", str, 0),
    "Number": Kind("NUMBER", "a number, as in 12.50", _number, 0),
    "str": _TEXT,
    "int | str": Kind("TEXT", "an id or a text", _id_or_text, ""),
    "CommaList": _LIST,
    "datetime": Kind(
        "TIME",
        "a time with its zone, as in 2027-03-01T09:00-05:00",
        _time,
        datetime(2000, 1, 1, tzinfo=UTC),
        "with its zone, as in 2027-03-01T09:00-05:00",
    ),
    "date": Kind("DATE", "a day, as in 2027-03-01", date.fromisoformat, date(2000, 1, 1), "as in 2027-03-01"),
    "timedelta": Kind("HH:MM", "hours and minutes, as in 04:30", _span, timedelta(), "as in 04:30"),
}


def kind_of(annotation: str, vendor: str) -> Kind:
    """How an argument of this type is written; `vendor` says whose models it may name."""
    parts = [part for part in alternatives(annotation) if part != "None"]
    plain = " | ".join(sorted(parts))
    if plain in _KINDS:
        return _KINDS[plain]
    models = import_module(f"adflight_api.{vendor}.models")
    known = [found for name in re.findall(r"[A-Z]\w+", annotation) if (found := getattr(models, name, None))]
    enums = [found for found in known if issubclass(found, Enum)]
    inner = next((match[1] for part in parts if (match := re.fullmatch(r"(?:Sequence|Iterable)\[(.*)\]", part))), None)
    if inner is None:
        return _choice(enums[0]) if enums and len(parts) == 2 else _structure("", [], known)
    if len(parts) > 1 and enums:
        return Kind("LIST", _LIST.expected, _texts, "0", f"{_LIST.hint}: {_members(enums[0])}")
    if enums:
        item = _choice(enums[0])
        return Kind(
            "LIST", f"{_LIST.expected}: {item.expected}", _each(item.read), [], f"{_LIST.hint}: {_members(enums[0])}"
        )
    flat = _KINDS.get(" | ".join(sorted(alternatives(inner))))
    if flat is not None and len(parts) == 1:
        return Kind("LIST", f"{_LIST.expected}: each {flat.expected}", _each(flat.read), [], _LIST.hint)
    return _structure("[", [], known)


def alternatives(annotation: str) -> list[str]:
    """The members of a union, which may themselves hold unions in brackets."""
    parts, depth = [""], 0
    for token in re.split(r"( \| |[\[\]])", annotation):
        depth += (token == "[") - (token == "]")
        if token == " | " and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _structure(opening: str, filler: Any, models: list[Any]) -> Kind:
    fields = "; or ".join(", ".join(wire) for model in models if (wire := list(_wire_names(model))))
    return Kind("JSON", "JSON", _json, filler if opening else {}, f"with {fields}" if fields else "")


def _wire_names(model: Any) -> Iterator[str]:
    if issubclass(model, Model):
        for _, name, _ in model._wire:
            yield name


def _choice(enum: type[Enum]) -> Kind:
    """An open enum: by the name of a member, by its value, or by a value that nobody knew of."""
    by_name = {member.name.lower(): member.value for member in enum}
    numbers = all(isinstance(member.value, int) for member in enum)

    def read(text: str) -> Any:
        value = by_name.get(text.lower().replace("-", "_"), text)
        return int(value) if numbers else value

    first = next(iter(enum)).value
    expected = f"one of {_members(enum)}"
    return Kind("CHOICE", expected, read, first, expected)


def _members(enum: type[Enum]) -> str:
    shown = [f"{member.name.lower()} ({member.value})" for member in enum if isinstance(member.value, int)]
    return ", ".join(shown or [str(member.value) for member in enum])
