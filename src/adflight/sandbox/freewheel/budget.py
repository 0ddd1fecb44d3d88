"""Budgets of insertion orders, and moving a part of one to another. Amounts are exact. Imports answers and network."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..answers import Refused
from ..store import Row
from . import network

__all__ = ["EVERGREEN", "accepted", "figures", "money", "transferred"]

EVERGREEN: Row = {"budget_model": "EVERGREEN", "impression": None, "over_delivery_value": None}
"""The budget of an insertion order that was given none."""

_GOALS = {"CURRENCY_TARGET": "currency", "IMPRESSION_TARGET": "impression"}
_GROSS_ECPM = Decimal(10)
_NET = Decimal("0.8")
_CENT = Decimal("0.01")
# what Python's decimals add and subtract exactly, with room to spare
_DIGITS, _PLACES = 15, 8


def accepted(budget: Mapping[str, Any]) -> Row:
    """A budget as it is kept; the over-delivery is the network's unless it is given.

    Raises:
        Refused: 422 for a model with the other one's goal, too.
    """
    model = budget["budget_model"]
    goal = _GOALS[model]
    (other,) = set(_GOALS.values()) - {goal}
    if other in budget:
        raise Refused(422, f"{other} is not valid with {model}", field=other)
    over = budget.get("over_delivery_value")
    return {
        "budget_model": model,
        goal: _exact(budget[goal], goal),
        "over_delivery_value": money(network.OVER_DELIVERY if over is None else over, "over_delivery_value"),
    }


def transferred(source: Row, target: Row, amount: Decimal) -> tuple[Row, Row]:
    """Two insertion orders after a part of the first one's budget went to the second.

    Raises:
        Refused: 422 when the two do not count the same, or the first has too little.
    """
    model = source["budget"]["budget_model"]
    if model not in _GOALS:
        raise Refused(422, "A budget without a goal has nothing to give", field="from_insertion_order_id")
    if target["budget"]["budget_model"] != model:
        raise Refused(422, "The budget models differ", field="from_insertion_order_id")
    if source["currency"] != target["currency"]:
        raise Refused(422, "The currencies differ", field="from_insertion_order_id")
    goal = _GOALS[model]
    _exact(amount, goal, field="amount")
    rest = Decimal(str(source["budget"][goal])) - amount
    if rest < 0:
        raise Refused(422, "The insertion order has less than that", field="amount")
    total = Decimal(str(target["budget"][goal])) + amount
    return _with_goal(source, goal, rest), _with_goal(target, goal, total)


def figures(order: Row) -> Row:
    """What an insertion order costs, in two places."""
    budget = order["budget"]
    if budget["budget_model"] == "CURRENCY_TARGET":
        gross = Decimal(str(budget["currency"]))
    elif budget["budget_model"] == "IMPRESSION_TARGET":
        gross = Decimal(str(budget["impression"])) / 1000 * _GROSS_ECPM
    else:
        return {"ecpm": None, "cost": None}
    return {
        "ecpm": {"gross_ecpm": _GROSS_ECPM.quantize(_CENT), "net_ecpm": (_GROSS_ECPM * _NET).quantize(_CENT)},
        "cost": {"gross_cost": gross.quantize(_CENT), "net_cost": (gross * _NET).quantize(_CENT)},
    }


def money(value: Any, field: str) -> str:
    """An exact decimal as it is kept: as a text, because JSON has none.

    Raises:
        Refused: 422 for what has more digits than sums of such amounts could be exact with.
    """
    amount = Decimal(str(value))
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount.adjusted() >= _DIGITS or exponent < -_PLACES:
        raise Refused(422, f"{field} is no amount below 10^{_DIGITS} with at most {_PLACES} places", field=field)
    return format(amount, "f")


def _with_goal(order: Row, goal: str, amount: Decimal) -> Row:
    return {**order, "budget": {**order["budget"], goal: _exact(amount, goal)}}


def _exact(value: Any, goal: str, field: str | None = None) -> int | str:
    text = money(value, field or goal)
    if goal == "currency":
        return text
    amount = Decimal(text)
    if amount != amount.to_integral_value():
        raise Refused(422, "Impressions are whole numbers", field=field or goal)
    return int(amount)
