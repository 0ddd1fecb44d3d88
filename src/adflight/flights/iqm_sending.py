"""IQM's requests for writes, and what the answers to them say. Pure.

Imports the generated operations, `iqm_wire`, and what a platform is.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

from adflight.flights.entries import Done, Refused
from adflight.flights.iqm_wire import NULLS, WIRE_NAMES
from adflight.flights.iqm_writing import CAMPAIGN_BUDGET, CAMPAIGN_END, ORDER_BUDGET, ORDER_END
from adflight.flights.platform import ORDER, Told, Write
from adflight.flights.values import CLEAR, Managed
from adflight_api.iqm.api.campaigns import (
    campaigns_create,
    campaigns_update,
    campaigns_update_budget,
    campaigns_update_end_date,
)
from adflight_api.iqm.api.insertion_orders import (
    insertion_orders_create,
    insertion_orders_update,
    insertion_orders_update_budget,
    insertion_orders_update_end_date,
)
from adflight_api.iqm.models import (
    BudgetDistributionMethod,
    BudgetType,
    BudgetUpdate,
    BudgetUpdateMode,
    CampaignType,
    CampaignUpdateFailure,
    EndDateUpdate,
    InsertionOrderBudgetUpdateMode,
    ModifiedCampaign,
)
from adflight_api.runtime import Request

_BULK_NAMES: Final[Mapping[str, str]] = {
    "budget_total": "total_budget",
    "budget_day": "daily_budget",
    "max_bid": "max_bid",
    "total_impressions": "total_impressions",
    "max_day_impressions": "daily_impressions",
}
"""What the bulk change of budgets calls the columns."""

_MODIFIED: Final[Mapping[str, str]] = {
    "budget_total": "total_budget",
    "budget_day": "daily_budget",
    "max_bid": "max_bid",
}
"""What its answer shows of them."""

Parse = Callable[[Any], Any]
RowT = TypeVar("RowT")


def request(write: Write, ids: Sequence[int], parent: int | None, budget_type: int | None) -> tuple[Request, Parse]:
    """The request for a write, and what parses its answer.

    `budget_type` is that of the insertion order with the id `parent`. Raises `InvalidInput` for what cannot be sent.
    """
    if write.creates:
        if write.operation == "campaigns.create":
            assert parent is not None, "a campaign is made in an insertion order that exists"
            return _new_campaign(write.values, parent, budget_type), campaigns_create.parse
        return _new_order(write.values), insertion_orders_create.parse
    build = _BULK.get(write.operation)
    if build is not None:
        return build(write.values, ids)
    (id_,) = ids
    given = _given(write.values)
    module = insertion_orders_update if write.kind == ORDER else campaigns_update
    change: Request = module.request(id_, **given)
    for name in _cleared(write.values):
        change.body[WIRE_NAMES[name]] = NULLS[name]
    return change, module.parse


def _given(values: Managed) -> dict[str, Any]:
    """Values as arguments, without those that are to be null."""
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not CLEAR}
    if "country_id" in given:
        given["country_id"] = str(given["country_id"])
    return given


def _cleared(values: Managed) -> list[str]:
    """The columns that are to be null."""
    names = [name for name, value in values.items() if value is CLEAR]
    # pacing takes it away, and excludes that it is named
    return [name for name in names if name != "budget_day" or values.get("total_budget_pacing") is not True]


def _new_order(values: Managed) -> Request:
    """With everything that decides about money, whatever the service's defaults are."""
    given = _given(values)
    return insertion_orders_create.request(
        **{
            "io_budget_type_id": BudgetType.BUDGET,
            "io_budget_distribution_method_id": BudgetDistributionMethod.MANUAL,
            "is_auto_sum_io_total_budget": "io_total_budget" not in given,
            **given,
        }
    )


def _new_campaign(values: Managed, parent: int, budget_type: int | None) -> Request:
    given = _given(values)
    return campaigns_create.request(
        **{
            "exchanges": "",
            "publisher_ad_category": "",
            "total_budget_pacing": False,
            "campaign_type": CampaignType.ADVANCED,
            "budget_type_id": budget_type,
            **given,
            "io_id": parent,
        }
    )


def _campaign_budgets(values: Managed, ids: Sequence[int]) -> tuple[Request, Parse]:
    given: dict[str, Any] = {_BULK_NAMES[name]: value for name, value in values.items()}
    change = campaigns_update_budget.request(
        campaign_ids=ids, total_budget_update_type=BudgetUpdateMode.CHANGE, **given
    )
    return change, campaigns_update_budget.parse


def _campaign_ends(values: Managed, ids: Sequence[int]) -> tuple[Request, Parse]:
    end: Any = values["end_time"]
    return campaigns_update_end_date.request(end_date=end, campaign_ids=ids), campaigns_update_end_date.parse


def _order_budgets(values: Managed, ids: Sequence[int]) -> tuple[Request, Parse]:
    given: dict[str, Any] = {"budget" if name == "io_total_budget" else name: value for name, value in values.items()}
    change = insertion_orders_update_budget.request(
        io_ids=ids, budget_update_type=InsertionOrderBudgetUpdateMode.SET, **given
    )
    return change, insertion_orders_update_budget.parse


def _order_ends(values: Managed, ids: Sequence[int]) -> tuple[Request, Parse]:
    given: dict[str, Any] = dict(values)
    return insertion_orders_update_end_date.request(io_ids=ids, **given), insertion_orders_update_end_date.parse


_BULK: Final[Mapping[str, Callable[[Managed, Sequence[int]], tuple[Request, Parse]]]] = {
    CAMPAIGN_BUDGET: _campaign_budgets,
    CAMPAIGN_END: _campaign_ends,
    ORDER_BUDGET: _order_budgets,
    ORDER_END: _order_ends,
}


# what an answer says


def told(write: Write, ids: Sequence[int], answer: Any, seen: Container[int] = ()) -> Told:
    """What an answer says of each target. `seen` are the ids that were there before: no create has made these."""
    keys = [target.key for target in write.targets]
    match write.operation:
        case "insertion_orders.create":
            made = _made(getattr(answer, "io_id", None), seen)
            return {keys[0]: None if made is None else Done(made)}
        case "campaigns.create":
            made = _made(getattr(answer, "campaign_id", None), seen)
            return {keys[0]: None if made is None else Done(made, {"status": str(answer.status)})}
        case "campaigns.update":
            named = getattr(answer, "campaign_id", None)
            return {keys[0]: Done() if named == ids[0] else None}
        case "insertion_orders.update":
            return {keys[0]: Done()}
        case "campaigns.update_budget" | "campaigns.update_end_date":
            return _row_by_row(write, ids, answer)
    # one message for all of them, and nobody says what becomes of the others when one cannot be changed
    return {keys[0]: Done()} if len(keys) == 1 else dict.fromkeys(keys)


def _made(id_: object, seen: Container[int]) -> int | None:
    if isinstance(id_, str) and id_.isascii() and id_.isdecimal():
        id_ = int(id_)
    return id_ if isinstance(id_, int) and id_ not in seen else None


def _row_by_row(write: Write, ids: Sequence[int], answer: Any) -> Told:
    said: dict[str, Done | Refused | None] = dict.fromkeys(target.key for target in write.targets)
    if not isinstance(answer, (BudgetUpdate, EndDateUpdate)):
        return said
    failed = {row.id: str(row.error_message) for row in _rows(answer.reason, CampaignUpdateFailure, "id")}
    changed = {row.campaign_id: row for row in _rows(answer.modified_data, ModifiedCampaign, "campaign_id")}
    is_plain_yes = len(ids) == 1 and answer.status is True and not answer.reason and not answer.modified_data
    for target, id_ in zip(write.targets, ids, strict=True):
        if id_ in failed and id_ not in changed:
            said[target.key] = Refused(failed[id_])
        elif id_ in changed and id_ not in failed:
            # what it shows may differ from what was sent: then reading it back says more
            said[target.key] = Done() if _agrees(changed[id_], write.values) else None
        elif is_plain_yes:
            said[target.key] = Done()
    return said


def _rows(said: object, model: type[RowT], id_: str) -> list[RowT]:
    """The rows of an answer. What has another form says of nothing what became of it, so that is read back."""
    rows = said if isinstance(said, list) else []
    return [row for row in rows if isinstance(row, model) and isinstance(getattr(row, id_), int)]


def _agrees(row: ModifiedCampaign, values: Managed) -> bool:
    """Whether what an answer shows of a campaign is what was sent; it may show only some of it."""
    shown_and_sent = [(getattr(row, shown_as), values.get(name)) for name, shown_as in _MODIFIED.items()]
    return not any(
        isinstance(shown, (int, float)) and isinstance(sent, (int, Decimal)) and round(Decimal(repr(shown)) - sent, 2)
        for shown, sent in shown_and_sent
    )
