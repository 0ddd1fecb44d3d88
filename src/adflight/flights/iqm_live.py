"""IQM's answers as what a plan compares: values by column, typed as those of a file. Pure.

A list's row shows some columns, a campaign that is read by itself most. What an answer leaves out, or carries in a form
that its column does not have, is not shown. Imports the columns, their kinds and the generated models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import Any, Final, TypeAlias

from adflight.core.errors import PagingError
from adflight.flights.columns import Level
from adflight.flights.iqm_columns import COLUMNS
from adflight.flights.iqm_wire import WIRE_NAMES
from adflight.flights.kinds import Amount, Choice, Count, Flag, Kind, Text, Time, Zone
from adflight.flights.lists import Ids, Json, Texts
from adflight.flights.live import Live
from adflight.flights.values import spelled
from adflight_api.iqm.models import (
    Campaign,
    CampaignReportRow,
    CampaignStatus,
    InsertionOrder,
    InsertionOrderCampaign,
    InsertionOrderStatus,
)
from adflight_api.runtime import UNSET

REPORTED: Final[Mapping[str, str]] = {
    "campaign_name": "campaign_name",
    "start_time": "start_time",
    "end_time": "end_time",
    "max_bid": "max_bid",
    "budget_day": "budget_day",
    "budget_total": "budget_total",
    "budget_type_id": "budget_type_id",
    "total_budget_pacing": "budget_pacing",
}
"""The columns that the list of campaigns with their figures shows, and its names of them."""

_LISTED: Final[Mapping[str, str]] = {
    "campaign_name": "name",
    "start_time": "start_time",
    "end_time": "end_time",
    "timezone": "timezone_id",
    "creative_type": "creative_type_id",
    "campaign_type": "campaign_type_id",
}
"""The same of the list of campaigns by insertion order."""

_OF_ORDER: Final = tuple(column.name for column in COLUMNS.at(Level.INSERTION_ORDER))
_OF_CAMPAIGN: Final = tuple(column.name for column in COLUMNS.at(Level.CAMPAIGN) if not column.is_apart)

_NULL_IF_ZERO: Final = ("io_end_time", "end_time", "budget_day")
_NEVER_ZERO: Final = ("budget_type_id", "io_budget_type_id", "start_time", "io_start_time")
"""What is never 0: some answers have it there for what they do not tell."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_BETWEEN: Final = re.compile(r"[,\r\n]+")
_MOST_SHARED: Final = 50_000

_Reader: TypeAlias = Callable[[str, Any], Any]


class Shown(Mapping[str, Any]):
    """Values by column, in a quarter of a dict's memory: there may be a hundred thousand."""

    __slots__ = ("_places", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._places = _places(tuple(values))
        self._values = tuple(values.values())

    def __getitem__(self, name: str) -> Any:
        return self._values[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        return repr(dict(self))


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {intern(name): place for place, name in enumerate(names)}


class Shared:
    """Remembers values, so that a hundred thousand campaigns with fifty budgets have fifty, each read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Any], Any] = {}

    def typed(self, name: str, value: Any) -> Any:
        """See `_typed`; `value` is hashable."""
        if name == "campaign_name":
            return _typed(name, value)
        known = self._known.get((name, value), self)
        if known is self:
            if len(self._known) >= _MOST_SHARED:
                self._known.clear()
            known = self._known[name, value] = _typed(name, value)
        return known


def order(row: InsertionOrder) -> Live:
    """An insertion order. A list's row shows every column."""
    status = row.io_status_id
    return Live(
        row.io_id,
        None,
        _name(row.io_name, f"insertion order {row.io_id}"),
        _order_status(status),
        _fields((name, getattr(row, name)) for name in _OF_ORDER),
        is_gone=status == InsertionOrderStatus.DELETED,
        is_whole=True,
    )


def _order_status(status: Any) -> str:
    if isinstance(status, InsertionOrderStatus):
        return status.name.lower()
    # not every answer tells it; whatever is not deleted can be changed
    return "active" if status is None or status is UNSET else intern(str(status))


def reported(row: CampaignReportRow, shared: Shared) -> Live:
    """A campaign from the list with figures."""
    return _campaign(row.campaign_id, row.io_id, row.campaign_name, row.status, _shown(row, REPORTED), shared.typed)


def listed(row: InsertionOrderCampaign, parent: int) -> Live:
    """A campaign from the list by insertion order."""
    id_ = row.campaign_id or row.id
    shown = dict(_shown(row, _LISTED))
    # that list leaves out the end where there is none
    shown.setdefault("end_time", None)
    return _campaign(id_, parent, row.name, row.status, shown.items())


def whole(campaign: Campaign) -> Live:
    """A campaign that was read by itself."""
    more = campaign.additional_properties
    values = [(name, getattr(campaign, name, more.get(WIRE_NAMES[name], UNSET))) for name in _OF_CAMPAIGN]
    if campaign.status != CampaignStatus.DRAFT:
        # no answer tells it, and only a draft can be without it
        values.append(("is_agreement_checked", True))
    live = _campaign(campaign.id, campaign.io_id, campaign.campaign_name, campaign.status, values)
    live.is_whole = True
    return live


def beside(live: Live, more: Mapping[str, Any]) -> Live:
    """A campaign that shows more columns, which other requests tell."""
    live.fields = Shown({**live.fields, **more})
    return live


def _campaign(
    id_: object,
    parent: object,
    name: object,
    status: object,
    values: Iterable[tuple[str, Any]],
    typed: _Reader | None = None,
) -> Live:
    number = _id(id_, "a campaign")
    word = intern(status.value if isinstance(status, CampaignStatus) else str(status))
    return Live(
        number,
        _id(parent, f"the insertion order of campaign {number}"),
        _name(name, f"campaign {number}"),
        word,
        _fields(values, typed),
        is_gone=word == CampaignStatus.DELETED.value,
        is_draft=word == CampaignStatus.DRAFT.value,
    )


def _id(value: object, what: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int):
        raise PagingError(f"{what} came without its id")
    return value


def _name(name: object, what: str) -> str:
    # without it nobody knows whether it is one that is about to be created
    if not isinstance(name, str):
        raise PagingError(f"{what} came without its name")
    return spelled(name)


def _shown(row: object, attributes: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for column, attribute in attributes.items():
        value = getattr(row, attribute)
        if value is not UNSET:
            yield column, value


def _fields(values: Iterable[tuple[str, Any]], typed: _Reader | None = None) -> Shown:
    read = _typed if typed is None else typed
    fields = {name: read(name, value) for name, value in values if value is not UNSET}
    for name in [name for name, value in fields.items() if value is UNSET]:
        del fields[name]
    if fields.get("total_budget_pacing") is True and "budget_day" in fields:
        # what the service makes of the total itself
        fields["budget_day"] = None
    return Shown(fields)


def _typed(name: str, value: Any) -> Any:
    """A value as its column has it, None for null, or UNSET for one that cannot be read as such."""
    kind = COLUMNS.by_name[name].kind
    if value is None or value == "":
        # the service has one, and does not say which
        return UNSET if name in _NEVER_ZERO or isinstance(kind, (Choice, Flag)) else None
    try:
        typed = _READERS[type(kind)](value)
    except (ArithmeticError, TypeError, ValueError):
        return UNSET
    if typed and typed != _EPOCH:
        return typed
    if name in _NEVER_ZERO:
        return UNSET
    return None if name in _NULL_IF_ZERO or isinstance(kind, (Ids, Texts, Json)) else typed


def _amount(value: Any) -> Decimal:
    # repr has the digits that came
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError(value)
    return number


def _count(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or number != float(value):
        raise ValueError(value)
    return number


def _flag(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError(value)
    return bool(value)


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _ids(value: Any) -> tuple[int | str, ...]:
    return tuple(int(part) if part.isascii() and part.isdecimal() else part for part in _texts(value))


def _texts(value: Any) -> tuple[str, ...]:
    parts = _BETWEEN.split(value) if isinstance(value, str) else [str(part) for part in _several(value)]
    return tuple(part.strip() for part in parts if part.strip())


def _several(value: Any) -> Iterable[Any]:
    return (value,) if isinstance(value, int) else value


def _json(value: Any) -> Any:
    return value


_READERS: Final[Mapping[type[Kind], Callable[[Any], Any]]] = {
    Amount: _amount,
    Choice: _count,
    Count: _count,
    Flag: _flag,
    Ids: _ids,
    Json: _json,
    Text: _text,
    Texts: _texts,
    Time: _time,
    Zone: _count,
}
