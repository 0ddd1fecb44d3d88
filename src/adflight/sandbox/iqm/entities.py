"""The entities of a campaign's dimensions, bundles of them, and the bid models that apply to them.

Kinds in the store: "bundle" (bundleId, campaignId, dimensionId, bundleName, entityIds) and "model" (id, campaignId or
ioId, dimensionId, entityId, entityTypeId and what is modelled). Imports answers, store, world, campaign and values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call
from . import campaign as campaigns
from .values import ids_of

__all__ = [
    "BUNDLE",
    "DIMENSIONS",
    "ENTITY",
    "LEAVES",
    "MODELLED",
    "OTHER",
    "bundles_of",
    "entities_of",
    "excluded_of",
    "mark",
    "model_of",
    "models_of",
    "subject",
]

ENTITY, BUNDLE, OTHER = 1, 2, 3
MODELLED = ("priority", "bidMultiplier", "spendRatio", "spendRatioTypeId")
"""What a bid model sets."""

DIMENSIONS: dict[int, str] = {
    1: "creative",
    2: "inventory",
    3: "deal",
    4: "exchange seat",
    5: "publisher category",
    6: "device",
    7: "traffic type",
    8: "device type",
    9: "location",
    10: "state",
    11: "city",
    12: "zip code",
    13: "exchange",
}
LEAVES = (1, 3, 4, 5, 7, 8, 10, 11, 12, 13)
"""Dimensions that are not only headings over others."""

_FIELDS: dict[int, tuple[str, ...]] = {
    1: ("creativeIds",),
    3: ("userDealId", "groupDealId"),
    5: ("publisherAdCategory",),
    7: ("trafficType",),
    8: ("deviceType",),
    10: ("stateIds", "whiteListedStateIds"),
    11: ("whiteListedCityIds",),
    12: ("whiteListedZipcodes",),
    13: ("exchanges",),
}
_TRAFFIC = {11: "App", 12: "Web", 13: "OTT", 14: "CTV"}
_EXCHANGES = {1: "iQM", 78: "Magnite", 80: "Equativ", 84: "Vidazoo"}
_SITES = ("news", "weather", "sport", "recipes", "travel")
_FIRST_SITE = 1001662000


def subject(call: Call) -> tuple[Row, int]:
    """The campaign and the dimension that a path names.

    Raises:
        Refused: 422 when there is no such campaign or dimension.
    """
    campaign = campaigns.find(call, call.path["campaignId"], 422)
    return campaign, known_dimension(call.path["dimensionId"])


def known_dimension(number: int) -> int:
    """The dimension, if there is one of this number; refused with 422 otherwise."""
    if number not in DIMENSIONS:
        raise Refused(422, f"There is no dimension {number}", field="dimensionId")
    return number


def entities_of(call: Call, campaign: Row, dimension: int) -> dict[int, str]:
    """The entities of a dimension by id, with their names: those that the campaign, its bundles, its bid models and its
    inclusions and exclusions name; for inventory invented sites."""
    numbers = [number for field in _FIELDS.get(dimension, ()) for number in ids_of(campaign.get(field))]
    if dimension == 3:
        numbers += [int(number) for number in campaign.get("pmpDealIds") or ()]
    if dimension == 13 and not numbers:
        numbers = list(_EXCHANGES)
    if dimension in (2, 4):
        numbers = _sites(campaign["id"])
    numbers += [number for bundle in bundles_of(call, campaign, dimension) for number in bundle["entityIds"]]
    models = models_of(call, campaign, dimension)
    numbers += [model["entityId"] for model in models if model["entityTypeId"] == ENTITY]
    numbers += excluded_of(campaign, dimension) + _marked(campaign, "_included", dimension)
    return {number: _name(dimension, number) for number in dict.fromkeys(numbers)}


def _sites(campaign_id: int) -> list[int]:
    digest = hashlib.sha256(str(campaign_id).encode()).digest()
    return sorted({_FIRST_SITE + byte for byte in digest[:3]})


def _name(dimension: int, number: int) -> str:
    if dimension in (2, 4) and number >= _FIRST_SITE:
        return f"{_SITES[number % len(_SITES)]}-{number % 1000}.example.com"
    if dimension == 7:
        return _TRAFFIC.get(number, f"traffic type {number}")
    if dimension == 13:
        return _EXCHANGES.get(number, f"exchange {number}")
    return f"{DIMENSIONS[dimension]} {number}"


def excluded_of(campaign: Row, dimension: int) -> list[int]:
    """The entities of a dimension that are excluded from bidding."""
    return _marked(campaign, "_excluded", dimension)


def _marked(campaign: Row, mark: str, dimension: int) -> list[int]:
    return list(campaign.get(mark, {}).get(str(dimension), ()))


def mark(campaign: Row, dimension: int, numbers: Iterable[int], *, excluded: bool) -> Row:
    """The campaign with these entities excluded, or included."""
    chosen = set(numbers)
    out = set(excluded_of(campaign, dimension)) - chosen
    within = set(_marked(campaign, "_included", dimension)) - chosen
    (out if excluded else within).update(chosen)
    return {
        **campaign,
        "_excluded": {**campaign.get("_excluded", {}), str(dimension): sorted(out)},
        "_included": {**campaign.get("_included", {}), str(dimension): sorted(within)},
    }


def bundles_of(call: Call, campaign: Row, dimension: int | None = None) -> list[Row]:
    """The bundles of a campaign, or of one of its dimensions."""
    return [
        bundle
        for bundle in call.store.all("bundle")
        if bundle["campaignId"] == campaign["id"] and dimension in (None, bundle["dimensionId"])
    ]


def models_of(call: Call, campaign: Row, dimension: int | None = None) -> list[Row]:
    """The bid models of a campaign, those of its insertion order included, or of one of its dimensions."""
    return [
        model
        for model in call.store.all("model")
        if (model.get("campaignId") == campaign["id"] or model.get("ioId") == campaign["ioId"])
        and "dimensionId" in model
        and dimension in (None, model["dimensionId"])
    ]


def model_of(models: Collection[Row], bundles: Collection[Row], entity: int) -> Row | None:
    """The bid model that applies to an entity: its own, or that of a bundle that it is in."""
    within = {bundle["bundleId"] for bundle in bundles if entity in bundle["entityIds"]}
    for model in models:
        if model["entityTypeId"] == ENTITY and model["entityId"] == entity:
            return _shown(model)
    for model in models:
        if model["entityTypeId"] == BUNDLE and model["entityId"] in within:
            return _shown(model)
    return None


def _shown(model: Row) -> dict[str, Any]:
    return {name: model[name] for name in ("id", *MODELLED) if name in model}
