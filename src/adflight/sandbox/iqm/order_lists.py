"""Lists of insertion orders and of their campaigns.

Imports campaign, order, listing and figures and what they import.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from operator import itemgetter
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from . import order as orders
from .campaign_lists import pricing
from .figures import delivery, total
from .insertion_orders import members_of
from .listing import found, one_of, one_page, sort_rows, wanted
from .master import TIMEZONES
from .pages import Listed, shared
from .values import ids_of, money

__all__ = ["HANDLERS"]

_LISTED = (
    "ioId",
    "ioName",
    "ioStartTime",
    "ioEndTime",
    "ioTimeZoneId",
    "ioTotalBudget",
    "ioBudgetDistributionMethodId",
    "ioBudgetTypeId",
    "ioStatusId",
    "ioTotalImpressions",
)
_ORDER_COLUMNS: dict[str, Callable[[Row], Any]] = {
    name: itemgetter(name) for name in ("ioId", "ioName", "ioStartTime", "ioEndTime", "ioTotalBudget")
}
_NOT_DELETED = tuple(state for state in campaigns.STATUSES if state != "deleted")

# a row of figures as the vendor sends it: what the sandbox has no figure for stays like this
_EMPTY: dict[str, Any] = {
    **dict.fromkeys(
        [
            "clicks",
            "totalCount",
            "winRate",
            "budgetDay",
            "budgetSpent",
            "budgetTotal",
            "dataCost",
            "mediaBudget",
            "owId",
            "orgId",
            "impressions",
            "industry",
            "mediaSpent",
            "spent",
            "workspaceSpent",
            "platformSpent",
            "customerSpent",
            "platformEarning",
            "workspaceEarning",
            "companySize",
            "workspaceId",
            "bidImpressions",
            "startCount",
            "firstCount",
            "midCount",
            "thirdCount",
            "completeCount",
            "audioVideoActualBids",
            "audioVideoActualImpressions",
            "eCPC",
            "eCPM",
            "eCPI",
            "eCPCV",
            "eCPV",
            "totalAttributedConversion",
            "totalAttributedViewThroughConversion",
            "totalAttributedClickThroughConversion",
            "costPerAttributedConversion",
            "totalAttributedConversionRate",
            "reach",
            "frequency",
            "campaignId",
            "maxBid",
            "startTime",
            "endTime",
            "mappingDataCost",
            "mappingSpent",
            "percentageOfTotalSpent",
            "uowId",
            "audioVideoViewed",
            "ioId",
            "ioTimezone",
            "ioBudgetDistributionMethod",
            "ioStartTime",
            "ioEndTime",
            "ioTotalBudget",
            "ioBudgetTypeId",
            "actualSpent",
            "expectedSpent",
            "remainingDuration",
            "expectedDailySpent",
            "actualDailySpent",
            "ioStatusId",
            "exchangeId",
            "budgetTypeId",
            "dailyImpression",
            "budgetTotalCombined",
            "budgetDayCombined",
            "ioTotalBudgetCombined",
            "CTR",
            "VCR",
            "CVR",
        ],
        0,
    ),
    **dict.fromkeys(
        [
            "logoURL",
            "avatarURL",
            "organizationName",
            "workspaceName",
            "workspaceDomain",
            "workspaceOrganizationName",
            "date",
            "campaignName",
            "campaignType",
            "status",
            "campaignTimezone",
            "creativeType",
            "ioName",
            "ioTotalImpressions",
            "pacingPercentage",
            "campaignDuration",
            "dailyPacingPercentage",
            "creativesCount",
            "exchangeName",
            "targetImpression",
            "campaignPriority",
        ]
    ),
    **dict.fromkeys(("budgetPacing", "isCampaignFromNewPlatform", "isAutoSumIoTotalBudget"), False),
}
# what a row of figures shows as the campaign is kept
_KEPT_COLUMNS: dict[str, str] = {
    "campaignId": "id",
    "campaignName": "campaignName",
    **{name: name for name in ("startTime", "endTime", "maxBid", "budgetDay", "budgetTotal")},
}
# the last three are columns that the vendor sorts by although no row has them
_REPORT_COLUMNS: dict[str, Callable[[Row], Any]] = {
    **{name: itemgetter(name) for name in _EMPTY},
    **dict.fromkeys(("pixalateViewAbility", "prebidCost", "dailyImpressions"), itemgetter("dailyImpression")),
}


def _list(call: Call) -> Row:
    body = call.body
    everywhere = body.get("isAllOWIds") or body.get("isAllOwIds")
    states = body.get("ioStatusIdsList")
    ids = one_of(body.get("ioIdList"))
    seen = orders.visible(call, call.person.workspaces if everywhere else body.get("owIdList"))
    everything = [row for row in seen if row["ioStatusId"] != orders.DELETED or orders.DELETED in (states or ())]
    matching = [
        row
        for row in everything
        if wanted(row["ioId"], ids)
        and wanted(row["ioBudgetTypeId"], body.get("ioBudgetTypeIdsList"))
        and wanted(orders.status_of(row, call.now), states)
        and found(body.get("searchField"), row["ioName"], row["ioId"])
    ]
    sort_by = body.get("sortBy") or "-ioId"
    if "ioTotalBudget" in sort_by:
        matching = [orders.present(call, row, members_of(call, row["ioId"])) for row in matching]
    ordered = _pinned(sort_rows(matching, sort_by, _ORDER_COLUMNS), one_of(body.get("ids")))
    return {
        "totalRecords": len(everything),
        "ioBasicDetailsList": [_listed(call, row) for row in one_page(ordered, body, 20)],
        "filteredRecords": len(matching),
    }


def _listed(call: Call, order: Row) -> Row:
    shown = orders.present(call, order, members_of(call, order["ioId"]))
    return {**{name: shown[name] for name in _LISTED}, "isBudgetAutoSum": shown["isAutoSumIoTotalBudget"]}


def _pinned(rows: list[Row], ids: Collection[int] | None) -> list[Row]:
    """The same rows, with these orders at the top."""
    return sorted(rows, key=lambda row: row["ioId"] not in ids) if ids else rows


def _live(call: Call, states: Collection[str] | None, workspaces: Collection[int] | None) -> list[Row]:
    """Insertion orders that are not deleted, unless deleted ones are asked for."""
    seen = orders.visible(call, workspaces)
    return [order for order in seen if order["ioStatusId"] != orders.DELETED or "deleted" in (states or ())]


def _live_members(call: Call, order_id: int, states: Collection[str] | None) -> list[Row]:
    """The campaigns of an insertion order, of which deleted ones only when asked for."""
    states = states or _NOT_DELETED
    return [row for row in members_of(call, order_id) if campaigns.status_of(row, call.now) in states]


def _list_campaigns(call: Call) -> Row:
    listed = shared(call, partial(_all_campaigns, call))
    return {
        "totalRecords": listed.seen,
        "ioCampaignsList": [_grouped(call, row) for row in one_page(listed.rows, call.body, 20)],
        "filteredRecords": len(listed.rows),
    }


def _all_campaigns(call: Call) -> Listed:
    body = call.body
    everything = _live(call, body.get("status"), body.get("owIds"))
    rows = []
    narrowed = any(body.get(name) for name in ("ids", "status", "creativeTypeIds", "campaignTypeIds"))
    ids, order_ids = one_of(body.get("ids")), one_of(body.get("ioIds"))
    named = ((call.store.get("campaign", number) or {}).get("ioId") for number in ids or ())
    with_named = None if not ids else frozenset(named)
    for order in everything:
        if not wanted(order["ioId"], order_ids) or (with_named is not None and order["ioId"] not in with_named):
            continue
        if not wanted(order["ioBudgetTypeId"], body.get("ioBudgetTypeIds")):
            continue
        of_order = _live_members(call, order["ioId"], body.get("status"))
        matching = [
            member
            for member in of_order
            if wanted(member["id"], ids)
            and wanted(member["creativeType"], body.get("creativeTypeIds"))
            and wanted(member["campaignType"], body.get("campaignTypeIds"))
        ]
        by_name = found(body.get("searchField"), order["ioName"], order["ioId"])
        if not by_name:
            matching = [row for row in matching if found(body["searchField"], row["campaignName"], row["id"])]
        if matching or (by_name and not narrowed):
            rows.append({**orders.present(call, order, of_order), "_order": order, "_members": matching})
    columns: dict[str, Callable[[Row], Any]] = {**_ORDER_COLUMNS, "campaignId": _first_member}
    columns["isRecordTargeted"] = itemgetter("ioId")
    ordered = sort_rows(rows, body.get("sortBy") or "-ioId", columns)
    return Listed(len(everything), _pinned(ordered, one_of(body.get("ioIdsList"))))


def _first_member(row: Row) -> int | None:
    return min((int(member["id"]) for member in row["_members"]), default=None)


def _grouped(call: Call, row: Row) -> Row:
    order, members = row["_order"], row["_members"]
    return {
        "ioId": row["ioId"],
        "ioName": row["ioName"],
        "ioBudgetTypeId": row["ioBudgetTypeId"],
        "ioStatusId": row["ioStatusId"],
        "created": order["_created"],
        "lastModified": order["_modified"],
        "owId": row["owId"],
        "uowId": row["createdByUowId"],
        "campaignCount": len(members),
        "campaigns": [_member(call, member) for member in members],
    }


def _member(call: Call, member: Row) -> Row:
    shown = {
        "id": member["id"],
        "campaignId": member["id"],
        "name": member["campaignName"],
        "creativeTypeId": member["creativeType"],
        "campaignTypeId": member["campaignType"],
        "status": campaigns.status_of(member, call.now),
        "startTime": member["startTime"],
        "createdAt": member["createDate"],
        "modifiedAt": int(member["_modified"] * 1000),
        "owId": member["owId"],
        "timezoneId": member["timezone"],
        "targetedAudienceIds": ids_of(member.get("whiteListedAudienceIds")) or None,
    }
    return {**shown, "endTime": member["endTime"]} if member["endTime"] else shown


def _list_campaign_reports(call: Call) -> Row:
    if not call.body.get("ioIdsList"):
        raise Refused(422, "The list ioIdsList must not be empty", field="ioIdsList")
    listed = shared(call, partial(_all_campaign_reports, call))
    return {
        "totalRecords": listed.seen,
        "filteredRecords": len(listed.rows),
        "recordsTotal": listed.together,
        "recordsList": [
            {name: value for name, value in _report_row(call, row["_order"], row["_member"]).items() if name in _EMPTY}
            for row in one_page(listed.rows, call.body, 20)
        ],
        "totalCount": len(listed.rows),
    }


def _all_campaign_reports(call: Call) -> Listed:
    body = call.body
    states = body.get("campaignStatusList")
    order_ids, ids = one_of(body["ioIdsList"]), one_of(ids_of(body.get("campaignIds")))
    kinds = ids_of(body.get("creativeTypeIds"))
    everything = [
        (order, member)
        for order in _live(call, states, ids_of(body.get("owIds")))
        if wanted(order["ioId"], order_ids)
        for member in _live_members(call, order["ioId"], states)
    ]
    matching = [
        (order, member)
        for order, member in everything
        if wanted(member["id"], ids)
        and wanted(member["budgetTypeId"], body.get("budgetTypeIdList"))
        and wanted(member["creativeType"], kinds)
        and member["timezone"] == body.get("timezoneId", member["timezone"])
        and found(body.get("searchField"), member["campaignName"], member["id"])
    ]
    rows = _sorted_reports(call, matching, body.get("sortBy") or "-campaignId")
    return Listed(len(everything), rows, _together(call, [member for _, member in matching]))


def _sorted_reports(call: Call, matching: list[tuple[Row, Row]], sort_by: str) -> list[Row]:
    """Rows with the orders and campaigns that they are made of."""
    names = {part.lstrip("+-") for part in sort_by.split(",") if part}
    is_kept = names <= _KEPT_COLUMNS.keys()
    rows: list[Row] = []
    for order, member in matching:
        # figures are made only where they decide
        row = {name: member[_KEPT_COLUMNS[name]] for name in names} if is_kept else _report_row(call, order, member)
        rows.append({**row, "_order": order, "_member": member})
    return sort_rows(rows, sort_by, _REPORT_COLUMNS)


def _together(call: Call, members: list[Row]) -> Row:
    figures = total(delivery(call, member) for member in members)
    together = {**_EMPTY, **{name: value for name, value in figures.items() if name in _EMPTY}}
    together["totalCount"] = len(members)
    together["budgetTotal"] = money(sum(member["budgetTotal"] for member in members))
    return together


def _report_row(call: Call, order: Row, member: Row) -> Row:
    shown = orders.present(call, order, (member,))
    measured = delivery(call, member)
    return {
        **_EMPTY,
        **measured,
        "campaignId": member["id"],
        "campaignName": member["campaignName"],
        "campaignType": pricing(member).lower(),
        "campaignTimezone": TIMEZONES.get(member["timezone"]),
        "campaignPriority": member.get("_priority"),
        "status": campaigns.status_of(member, call.now),
        "creativeType": campaigns.CREATIVE_TYPES[member["creativeType"]],
        "creativesCount": len(ids_of(member["creativeIds"])),
        "startTime": member["startTime"],
        "endTime": member["endTime"],
        "maxBid": member["maxBid"],
        "budgetDay": member["budgetDay"],
        "budgetTotal": member["budgetTotal"],
        "budgetDayCombined": member["budgetDay"],
        "budgetTotalCombined": member["budgetTotal"],
        "budgetTypeId": member["budgetTypeId"],
        "budgetPacing": member["totalBudgetPacing"],
        "budgetSpent": measured["spent"],
        "actualSpent": measured["spent"],
        "isCampaignFromNewPlatform": True,
        "owId": member["owId"],
        "uowId": member["uowId"],
        "organizationName": member["organizationName"],
        "ioId": order["ioId"],
        "ioName": order["ioName"],
        "ioTimezone": order["ioTimeZoneId"] or 0,
        "ioStartTime": order["ioStartTime"],
        "ioEndTime": order["ioEndTime"] or 0,
        "ioTotalBudget": shown["ioTotalBudget"] or 0,
        "ioTotalBudgetCombined": shown["ioTotalBudget"] or 0,
        "isAutoSumIoTotalBudget": order["isAutoSumIoTotalBudget"],
        "ioTotalImpressions": order["ioTotalImpressions"],
        "ioStatusId": shown["ioStatusId"],
    }


HANDLERS: dict[str, Handler] = {
    "insertion_orders_list": _list,
    "insertion_orders_list_campaigns": _list_campaigns,
    "insertion_orders_list_campaign_reports": _list_campaign_reports,
}
