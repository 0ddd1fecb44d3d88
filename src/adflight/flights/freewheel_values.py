"""Values of columns as arguments of FreeWheel's operations, and what its answers show, as values of columns. Pure.

A schedule and a budget go out whole, because whatever a request leaves out of them is gone. Imports freewheel_columns
and equality.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from adflight.core.errors import InvalidInput
from adflight.flights import equality
from adflight.flights.freewheel_columns import COLUMNS, MODELS, PARTS
from adflight.flights.live import Fields
from adflight.flights.values import CLEAR, Managed, Value
from adflight_api.freewheel.models import (
    Budget,
    BudgetModel,
    CurrencyTargetBudget,
    ImpressionTargetBudget,
    InsertionOrder,
    Schedule,
    ScheduleSettings,
)
from adflight_api.runtime import UNSET, plain

_GOALS: Final = {"budget_amount": BudgetModel.CURRENCY_TARGET, "budget_impressions": BudgetModel.IMPRESSION_TARGET}
_OF_PARTS: Final = frozenset(name for parts in PARTS.values() for name in parts.values())
_WHOLE: Final = tuple(column.name for column in COLUMNS if column.name not in _OF_PARTS and column.name != "key")


# what answers show


def shown(order: InsertionOrder) -> dict[str, Any]:
    """What an answer shows, by column; null is None."""
    fields = {name: plain(getattr(order, name)) for name in _WHOLE if getattr(order, name) is not UNSET}
    fields.update(_of_schedule(order.schedule))
    fields.update(_of_budget(order.budget))
    return fields


def _of_schedule(schedule: Any) -> Iterator[tuple[str, Any]]:
    if schedule is None:
        yield from ((name, None) for name in PARTS["schedule"].values())
    elif isinstance(schedule, Schedule):
        for part, name in PARTS["schedule"].items():
            value = getattr(schedule, part)
            if isinstance(value, datetime):
                yield name, value.astimezone(UTC).replace(microsecond=0)
            # the wall clock of a zone that only FreeWheel knows is no moment, and shows nothing
            elif value is None or (name == "time_zone" and value is not UNSET):
                yield name, value


def _of_budget(budget: Any) -> Iterator[tuple[str, Any]]:
    if budget is None:
        yield from ((name, None) for name in PARTS["budget"].values())
    elif isinstance(budget, Budget):
        for part, name in PARTS["budget"].items():
            value = getattr(budget, part)
            model = budget.budget_model
            if isinstance(model, BudgetModel) and _GOALS.get(name, model) is not model:
                # the goal of another model than it has
                yield name, None
            elif value is None or isinstance(value, (int, Decimal)):
                yield name, value


def differing(wanted: Mapping[str, Any], live: Fields) -> list[str]:
    """The columns that are shown, and not as they are wanted; nothing is wanted of one that is CLEAR."""
    return equality.differing(COLUMNS, live, {name: value for name, value in wanted.items() if value is not CLEAR})


# what requests say


def with_rest(changed: Managed, managed: Managed, live: Fields) -> dict[str, Value]:
    """Values of a change, with the rest of each set that it touches, as far as it is known; CLEAR: there is none."""
    values = dict(changed)
    for columns in _touched(changed):
        for name in columns:
            if name not in values and name in managed:
                values[name] = managed[name]
            elif name not in values and name in live and name not in _GOALS:
                values[name] = CLEAR if live[name] is None else live[name]
    return values


def is_partial(values: Managed) -> bool:
    """Whether a set is touched of which not all is known."""
    return any(name not in values for columns in _touched(values) for name in columns if name not in _GOALS)


def _touched(values: Managed) -> Iterator[tuple[str, ...]]:
    for parts in PARTS.values():
        columns = tuple(parts.values())
        if any(name in values for name in columns):
            yield columns


def arguments(values: Managed, live: InsertionOrder | None = None) -> dict[str, Any]:
    """Arguments of the create or the update operation; of a set that they touch, `live` tells what they do not.

    Raises:
        InvalidInput: A set lacks what it cannot be without.
    """
    given: dict[str, Any] = {name: value for name, value in values.items() if name in _WHOLE and name not in MODELS}
    given |= {name: make(values[name]) for name, make in MODELS.items() if name in values}
    columns = dict.fromkeys(name for touched in _touched(values) for name in touched)
    if "start_time" in columns:
        given["schedule"] = _schedule(values, None if live is None else live.schedule)
    if "budget_amount" in columns:
        given["budget"] = _budget(values, None if live is None else live.budget)
    return given


def _schedule(values: Managed, live: Schedule | None) -> ScheduleSettings:
    parts: dict[str, Any] = {}
    for part, name in PARTS["schedule"].items():
        value = values.get(name, getattr(live, part, None))
        if value not in (None, UNSET, CLEAR):
            parts[part] = value
    for name in ("start_time", "time_zone"):
        if name not in parts:
            raise InvalidInput(name, None, "one beside the other times: the insertion order has none")
    return ScheduleSettings(**parts)


def _budget(values: Managed, live: Any) -> CurrencyTargetBudget | ImpressionTargetBudget:
    over: Any = values.get("budget_over_delivery", getattr(live, "over_delivery_value", None))
    rest = {} if over in (None, UNSET, CLEAR) else {"over_delivery_value": over}
    amount: Any = values.get("budget_amount")
    impressions: Any = values.get("budget_impressions")
    if amount is not None:
        return CurrencyTargetBudget(currency=amount, **rest)
    if impressions is not None:
        return ImpressionTargetBudget(impression=impressions, **rest)
    raise InvalidInput("budget_over_delivery", over, "a goal beside it, money or impressions")
