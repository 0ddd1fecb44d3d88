"""Lists and counts of campaigns. Imports campaign, listing, order and figures and what they import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from . import order as orders
from .listing import found, one_page, sort_rows, wanted
from .values import comma, ids_of, money

__all__ = ["HANDLERS", "pricing"]

_DAY = 86400
_MOST_DAYS = 366
_LAST_MOMENT = 253402300799
# as the vendor's sample orders and numbers them
_COUNTED = (
    (0, "running"),
    (1, "pending"),
    (2, "paused"),
    (5, "deleted"),
    (6, "expired"),
    (3, "draft"),
    (7, "rejected"),
)


def pricing(campaign: Mapping[str, Any]) -> str:
    """The pricing word that lists show as the campaign's type."""
    return "CPV" if campaign["creativeType"] == 14 else "CPM"


def _columns(call: Call) -> Mapping[str, Callable[[Row], Any]]:
    return {
        "created": lambda row: row["createDate"],
        "name": lambda row: row["campaignName"],
        "id": lambda row: row["id"],
        "status": lambda row: campaigns.status_of(row, call.now),
        "modifiedDate": lambda row: row["_modified"],
        "start_date": lambda row: row["startTime"],
        "end_date": lambda row: row["endTime"],
        "total_budget": lambda row: row["budgetTotal"],
    }


def _states(call: Call, text: str | None) -> list[str]:
    states = [state.lower() for state in comma(text or "").split(",") if state]
    for state in states:
        if state not in campaigns.STATUSES:
            raise Refused(422, f"There is no state {state[:40]!r}", field="status")
    return states


def _filtered(call: Call, *, workspaces: str, search: str, creative_types: str = "") -> tuple[list[Row], list[Row]]:
    """All campaigns that the caller sees and that are not deleted, and those that match; arguments name parameters."""
    query = call.query
    states = _states(call, query.get("status"))
    seen = campaigns.visible(call, ids_of(query.get(workspaces)))
    kinds = ids_of(query.get(creative_types))
    everything = [row for row in seen if "deleted" in states or campaigns.status_of(row, call.now) != "deleted"]
    matching = [
        row
        for row in everything
        if wanted(campaigns.status_of(row, call.now), states)
        and wanted(row["creativeType"], kinds)
        and found(query.get(search), row["campaignName"], row["id"])
    ]
    return everything, matching


def _list_data(call: Call) -> Row:
    everything, matching = _filtered(call, workspaces="owIds", search="searchField")
    conversion = call.query.get("conversionId")
    if conversion is not None:
        matching = [row for row in matching if conversion in ids_of(row.get("conversionIds"))]
    matching = sort_rows(matching, call.query["sortBy"], _columns(call))
    return {
        "totalRecords": len(everything),
        "data": [_data_row(call, row, conversion) for row in one_page(matching, call.query, 50, entries="limit")],
        "filteredRecords": len(matching),
    }


def _data_row(call: Call, row: Row, conversion: int | None) -> Row:
    shown = {
        "id": row["id"],
        "name": row["campaignName"],
        "creativeTypeId": row["creativeType"],
        "campaignType": pricing(row),
        "status": campaigns.status_of(row, call.now),
        "advertiserId": 0,
        "created": row["createDate"],
        "modifiedDate": int(row["_modified"]),
    }
    return shown if conversion is None else {**shown, "conversionId": conversion}


def _list(call: Call) -> Row:
    query = call.query
    everything, matching = _filtered(
        call, workspaces="ow_ids", search="search_field", creative_types="creative_type_ids"
    )
    sign = "-" if query.get("order") == "desc" else "+"
    matching = sort_rows(matching, sign + query["sort_by"], _columns(call), "sort_by")
    return {
        "statusCode": 200,
        "recordsTotal": len(everything),
        "pageNumber": query["pgno"],
        "pageSize": query["no_of_entries"],
        "draw": 0,
        "recordsFiltered": len(matching),
        "data": [_summary(call, row) for row in one_page(matching, query, 50, page="pgno", entries="no_of_entries")],
    }


def _summary(call: Call, row: Row) -> Row:
    return {
        "id": str(row["id"]),
        "name": row["campaignName"],
        "status": campaigns.status_of(row, call.now),
        "owId": row["owId"],
        "uowId": row["uowId"],
        "userEmail": row["userEmail"],
        "advertiser_email": None,
        "advertiser_id": 0,
        "campaign_type": pricing(row),
        "creative_type": campaigns.CREATIVE_TYPES[row["creativeType"]],
        "dsp_id": 0,
        "start_date": row["startTime"],
        "end_date": row["endTime"],
        "creative_type_id": row["creativeType"],
        "total_budget": row["budgetTotal"],
    }


def _list_groups(call: Call) -> list[Row]:
    """Campaign groups are what insertion orders came from; each order stands for one here."""
    _, matching = _filtered(call, workspaces="owIds", search="", creative_types="creative_type_ids")
    members = campaigns.by_order(matching)
    return [
        {
            "id": order["ioId"],
            "name": order["ioName"],
            "created": order["_created"],
            "uowId": order["createdByUowId"],
            "owId": order["owId"],
            "lastModified": order["_modified"],
            "rootParentId": str(order["owId"]),
            "campaignCount": len(members.get(order["ioId"], ())),
            "campaings": [
                {
                    "id": row["id"],
                    "name": row["campaignName"],
                    "status": campaigns.status_of(row, call.now),
                    "creativeTypeId": row["creativeType"],
                }
                for row in members.get(order["ioId"], ())
            ],
        }
        for order in orders.visible(call, ids_of(call.query.get("owIds")))
        if order["ioStatusId"] != orders.DELETED
    ]


def _count(call: Call) -> list[Row]:
    body = call.body
    everywhere = (body.get("owIds") or "").strip().lower() == "all"
    seen = campaigns.visible(call, call.person.workspaces if everywhere else ids_of(body.get("owIds")))
    order_ids, kinds = ids_of(body.get("ioIds")), ids_of(body.get("campaignTypeIds"))
    expired_after = body.get("campaignExpiredAfterEpoch", 0) / 1000
    counts: Counter[str] = Counter()
    for row in seen:
        status = campaigns.status_of(row, call.now)
        if (
            wanted(row["ioId"], order_ids)
            and wanted(row["campaignType"], kinds)
            and not (status == "expired" and row["endTime"] < expired_after)
            and found(body.get("searchField"), row["campaignName"], row["id"])
        ):
            counts[status] += 1
    rows = [
        {"order": place, "status_key": state, "status_label": state.title(), "status_count": counts[state]}
        for place, state in _COUNTED
    ]
    return [*rows, {"order": 8, "status_key": "all", "status_label": "ALL", "status_count": counts.total()}]


def _budget_info(call: Call) -> Row:
    """An estimate without a campaign: the total is spread evenly over the days."""
    query = call.query
    start, end = query["startTime"], query.get("endTime") or query["startTime"] + 7 * _DAY
    days = max(1, min(_MOST_DAYS, -((start - end) // _DAY)))
    total, daily = query.get("budgetTotal"), query.get("dailyBudget")
    amount = money(daily if daily is not None else (total or 0) / days) or 0
    if not 0 <= start <= _LAST_MOMENT - days * _DAY:
        raise Refused(400, "The start is no moment", field="startTime")
    return {
        "campaignId": 0,
        "budgetTotal": total if total is not None else money(amount * days),
        "actualSpent": 0,
        "dailyBudget": amount,
        "fixedDailyBudget": query.get("fixedDailyBudget", daily is not None),
        "startTime": start,
        "endTime": end,
        "timezone": query["timezone"],
        "graphInfo": [{"date": _day(start + day * _DAY), "amount": amount, "type": "projected"} for day in range(days)],
    }


def _day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}.000+0000"


def _start(call: Call) -> Row:
    """Nobody knows whose start this is; the present is as good as any."""
    return {"start_time": int(call.now)}


HANDLERS: dict[str, Handler] = {
    "campaigns_list_data": _list_data,
    "campaigns_list": _list,
    "campaigns_list_groups": _list_groups,
    "campaigns_count": _count,
    "campaigns_get_budget_info": _budget_info,
    "campaigns_get_start": _start,
}
