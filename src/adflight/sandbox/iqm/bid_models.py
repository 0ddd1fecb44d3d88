"""Reading bid models, and including and excluding entities. Imports entities, figures, listing and what they import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from .entities import (
    LEAVES,
    bundles_of,
    entities_of,
    excluded_of,
    known_dimension,
    mark,
    model_of,
    models_of,
    subject,
)
from .figures import METRICS, allowance, figures, total
from .listing import found, one_page, sort_rows
from .values import comma, id_list, money

__all__ = ["HANDLERS", "measured"]

_STATISTICS = ("totalCount", "modelledCount", "modelledIds")
_IMAGE = "https://cdn.example.com/creative.gif"
_PERFORMANCE_CHECK = 3600


def measured(call: Call, campaign: Row, dimension: int, entity: int, share: int) -> Row:
    """The figures of one of `share` entities, for the time that the request asks for."""
    period = (call.body or {}).get("startDate"), (call.body or {}).get("endDate")
    limit = allowance(call, campaign) / max(1, share)
    return figures(call.world.options.seed, campaign["id"], dimension, entity, *period, limit=limit)


def _list(call: Call) -> Row:
    campaign, dimension = subject(call)
    body = call.body
    entities = entities_of(call, campaign, dimension)
    models, bundles = models_of(call, campaign, dimension), bundles_of(call, campaign, dimension)
    excluded = excluded_of(campaign, dimension)
    rows = []
    for number, name in entities.items():
        row = {
            "id": number,
            "name": name,
            "isExcluded": int(number in excluded),
            "modelled": False,
            "targeted": number not in excluded,
            **measured(call, campaign, dimension, number, len(entities)),
        }
        model = model_of(models, bundles, number)
        if model is not None:
            row |= {"bidModelData": model, "modelled": True}
        if dimension == 1:
            row |= _creative(campaign)
        rows.append(row)
    together = total(rows)
    for row in rows:
        row["spentDistribution"] = 100 * row["spent"] / together["spent"] if together["spent"] else 0
    matching = [row for row in rows if found(body.get("searchField"), row["name"], row["id"])]
    columns: dict[str, Callable[[Row], Any]] = {
        **{name: _column(name) for name in (*METRICS, "id", "name", "isExcluded", "modelled", "targeted")},
        **{name: _model_column(name) for name in ("priority", "bidMultiplier", "spendRatio")},
    }
    ordered = sort_rows(matching, body.get("sortBy") or "+priority", columns)
    skip = body.get("skipReporting", False)
    return {
        "total": {"totalCount": len(rows)} if skip else {"totalCount": len(rows), **together},
        "data": [_without_metrics(row) if skip else row for row in one_page(ordered, body, 10)],
        "totalRecords": len(rows),
        "filteredRecords": len(matching),
        "campaignBidDetails": {
            "baseBid": campaign.get("_baseBid", campaign["maxBid"]),
            "maxBid": campaign["maxBid"],
            "currentPriority": campaign.get("_priority") or 1,
            "nextPerformanceCheck": int(call.now + _PERFORMANCE_CHECK) * 1000,
        },
    }


def _column(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _model_column(name: str) -> Callable[[Row], Any]:
    return lambda row: row.get("bidModelData", {}).get(name)


def _without_metrics(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in METRICS and name != "spentDistribution"}


def _creative(campaign: Row) -> Row:
    return {
        "creativeStatus": "Running",
        "creativeThumbnailSource": _IMAGE,
        "creativeCardSource": _IMAGE,
        "creativeType": campaigns.CREATIVE_TYPES[campaign["creativeType"]],
    }


def _find_modelled_entities(call: Call) -> Row:
    body = call.body
    dimension = known_dimension(body["dimensionId"])
    entities = [int(number) for number in body["entityIds"]]
    where: dict[int, list[int]] = {number: [] for number in entities}
    for campaign in campaigns.visible(call):
        if campaign["status"] == "deleted":
            continue
        models, bundles = models_of(call, campaign, dimension), bundles_of(call, campaign, dimension)
        for number in where:
            if models and model_of(models, bundles, number) is not None:
                where[number].append(campaign["id"])
    answer: Row = {"modelledEntityIds": [number for number, found_in in where.items() if found_in]}
    if body.get("includeCampaignInfo"):
        answer["modelledCampaignDetails"] = [
            {"entityId": number, "campaignIds": found_in} for number, found_in in where.items()
        ]
    return answer


def _statistics(call: Call) -> Row:
    campaign = campaigns.find(call, call.path["campaignId"], 422)
    attributes = [name for name in comma(call.query.get("attributes", "")).split(",") if name]
    for name in attributes:
        if name not in _STATISTICS:
            raise Refused(422, f"There is no attribute {name[:40]!r}", field="attributes")
    counted = {}
    for dimension in LEAVES:
        entities = entities_of(call, campaign, dimension)
        models, bundles = models_of(call, campaign, dimension), bundles_of(call, campaign, dimension)
        modelled = [number for number in entities if model_of(models, bundles, number)]
        facts = {"totalCount": len(entities), "modelledCount": len(modelled), "modelledIds": modelled or None}
        counted[str(dimension)] = {name: value for name, value in facts.items() if name in (attributes or _STATISTICS)}
    return counted


def _spend(call: Call) -> Row:
    campaign, dimension = subject(call)
    entities = entities_of(call, campaign, dimension)
    spent = {
        str(number): money(measured(call, campaign, dimension, number, len(entities))["spent"]) for number in entities
    }
    return {"entityWiseSpent": spent}


def _include_exclude(dimension: int, label: str) -> Handler:
    def handler(call: Call) -> Row:
        body = call.body
        campaign = campaigns.find(call, body["campaignId"], 400)
        excluded = bool(body["isExcluded"])
        campaigns.save(call, mark(campaign, dimension, id_list(body["ids"], "ids", 400), excluded=excluded))
        return {"message": f"{label} {'blocked' if excluded else 'allowed'}"}

    return handler


def _include_exclude_entities(call: Call) -> str:
    campaign, dimension = subject(call)
    excluded = bool(call.body["isExcluded"])
    campaigns.save(call, mark(campaign, dimension, id_list(call.body["ids"], "ids"), excluded=excluded))
    return "Entities blocked" if excluded else "Entities targeted"


HANDLERS: dict[str, Handler] = {
    "bid_models_list": _list,
    "bid_models_find_modelled_entities": _find_modelled_entities,
    "bid_models_get_dimension_statistics": _statistics,
    "bid_models_get_spend": _spend,
    "bid_models_include_exclude_device_types": _include_exclude(8, "Device types"),
    "bid_models_include_exclude_exchanges": _include_exclude(13, "Exchanges"),
    "bid_models_include_exclude_traffic_sources": _include_exclude(7, "Traffic sources"),
    "bid_models_include_exclude_entities": _include_exclude_entities,
}
