"""When a value of a file and one that is live, or was applied, count as equal. Pure; imports columns and kinds.

One rule for each kind of column:

- money, and any other number that may have decimals: to two places, half a cent up;
- a time: to the second, whatever its zone;
- a whole number, a choice, the id of a time zone: as a number, whether it comes as one or as a text;
- true or false: also as 1 or 0, as a number or a text;
- a list of ids or of texts: its items, without order, and each once; ids as above;
- JSON: by value, whatever the order of an object's fields, its numbers as numbers (2, 2.0 and `Decimal(2)` are one);
- a text: letter by letter, in Unicode's composed form, spaces around it aside.

Empty is empty, whatever its form: null, an empty text, list or object, and a field that is to be cleared. 0 is a
number: where a vendor means "not set" by it, its platform reads it as null. A budget that the vendor keeps as the sum
of others is not compared at all: see `is_summed`. A vendor with values of other shapes brings an equality of its own
for what is not empty (`Columns.equal`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from adflight.flights.columns import Column, Columns, Equal
from adflight.flights.kinds import Amount, Choice, Count, Flag, Kind, Time, Zone
from adflight.flights.lists import Ids, Json, Texts
from adflight.flights.values import CLEAR, Managed, Value, spelled

CENT: Final = Decimal("0.01")

_TRUE: Final = frozenset(("1", "true"))
_FALSE: Final = frozenset(("0", "false"))


def is_equal(column: Column, old: Any, new: Value, own: Equal | None = None) -> bool:
    """Whether what is live, or was applied, is as the file says. `own` is the vendor's equality: `Columns.equal`."""
    # nearly all are, plainly
    if old == new:
        return True
    was, is_ = _emptied(old), _emptied(new)
    if was is None or is_ is None:
        return was is is_
    if own is not None:
        return own(column, old, new)
    normal = _NORMAL.get(type(column.kind), _text)
    return bool(normal(was) == normal(is_))


def differing(columns: Columns, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The columns in which live fields are not as wanted, by a file or by what a journal keeps.

    What the live object does not show does not differ.
    """
    by_name = columns.by_name
    shown = ((name, value) for name, value in wanted.items() if name in live)
    return [name for name, value in shown if not is_equal(by_name[name], live[name], value, columns.equal)]


def is_summed(columns: Columns, managed: Managed, live: Mapping[str, Any]) -> bool:
    """Whether an insertion order's own budget is the vendor's to say, and therefore not compared.

    So it is while the live order sums its campaigns' budgets by itself, unless the file turns that off.
    """
    if columns.summed is None:
        return False
    _, flag = columns.summed
    return _flag(live.get(flag)) is True and managed.get(flag) is not False


def _emptied(value: Any) -> Any:
    """None for all that is empty."""
    if value is CLEAR or (isinstance(value, str) and value.strip() in ("", CLEAR.value)):
        return None
    return None if isinstance(value, (tuple, list, Mapping)) and not value else value


def _money(value: Any) -> Any:
    number = _number(value)
    try:
        return number.quantize(CENT, ROUND_HALF_UP) if isinstance(number, Decimal) else number
    except ArithmeticError:
        # more digits than money has
        return number


def _number(value: Any) -> Any:
    """A number as a Decimal; what is none stays as it is."""
    try:
        # repr has the digits that the float was written with
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (ArithmeticError, TypeError, ValueError):
        return value
    return number if number.is_finite() else value


def _second(value: Any) -> Any:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    return value.astimezone(UTC).replace(microsecond=0)


def _flag(value: Any) -> Any:
    if isinstance(value, (bool, int)):
        return bool(value) if value in (0, 1) else value
    text = value.strip().lower() if isinstance(value, str) else ""
    return True if text in _TRUE else False if text in _FALSE else value


def _ids(value: Any) -> Any:
    return frozenset(map(_number, _items(value)))


def _texts(value: Any) -> Any:
    return frozenset(str(item).strip() for item in _items(value))


def _items(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, set, frozenset)) else (value,)


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return _number(value) if isinstance(value, float) else value


def _text(value: Any) -> Any:
    return spelled(str(value).strip())


_NORMAL: Final[Mapping[type[Kind], Callable[[Any], Any]]] = {
    Amount: _money,
    Time: _second,
    Count: _number,
    Choice: _number,
    Zone: _number,
    Flag: _flag,
    Ids: _ids,
    Texts: _texts,
    Json: _json,
}
