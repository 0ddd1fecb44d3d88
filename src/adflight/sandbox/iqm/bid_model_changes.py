"""Adding, changing and removing bid models of a campaign's dimension.

Imports bundles, entities and what they import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from .bundles import changed, dissolve, find_bundle, make_bundle
from .entities import BUNDLE, MODELLED, OTHER, mark, models_of, subject
from .values import money

__all__ = ["HANDLERS", "check_values"]

_DAY = 86400
_LEAST_DAYS = 3
_LEAST_DAILY_BUDGET = 100
_STRICT = 2


def check_values(values: Mapping[str, Any], *, least_ratio: float = 0) -> None:
    """Refuse a spend ratio without its type, or the other way round, or one that is too small."""
    if ("spendRatio" in values) != ("spendRatioTypeId" in values):
        raise Refused(422, "A spend ratio and its type go together", field="spendRatioTypeId")
    if values.get("spendRatio", least_ratio) < least_ratio:
        raise Refused(422, f"A new spend ratio is at least {least_ratio}", field="spendRatio")


def _manage(call: Call) -> str:
    campaign, dimension = subject(call)
    if campaign["status"] == "deleted":
        raise Refused(422, "A deleted campaign cannot be changed", field="campaignId")
    actions = call.body.get("actionWiseBidModelEntities", {})
    # what is removed makes room for what is added: a dissolved bundle's entities may be modelled in the same request
    _remove(call, campaign, dimension, actions.get("DELETE", {}))
    for change in actions.get("UPDATE", {}).get("bidModelEntityDetails", ()):
        _change(call, campaign, dimension, change)
    _add(call, campaign, dimension, actions.get("ADD", {}).get("bidModelEntityDetails", ()))
    _check_ratios(models_of(call, campaign, dimension))
    marks = call.body.get("inclusionExclusionEntityMap", {})
    for name, excluded in (("INCLUDE", False), ("EXCLUDE", True)):
        campaign = mark(campaign, dimension, [int(number) for number in marks.get(name, ())], excluded=excluded)
    if "baseBid" in call.body:
        campaign["_baseBid"] = money(call.body["baseBid"])
    campaigns.save(call, campaign)
    return "Bid models changed"


def _remove(call: Call, campaign: Row, dimension: int, removal: Mapping[str, Any]) -> None:
    own = {model["id"] for model in models_of(call, campaign, dimension) if "campaignId" in model}
    for number in removal.get("bidModelDataId", ()):
        if number not in own:
            raise Refused(422, f"There is no bid model {number}", field="bidModelDataId")
        call.store.delete("model", number)
        own.discard(number)
    for number in removal.get("bundleIds", ()):
        dissolve(call, campaign, find_bundle(call, campaign, dimension, number))
    gone = removal.get("deleteDimensionId")
    for model in models_of(call, campaign, gone) if gone is not None else ():
        call.store.delete("model", model["id"])


def _change(call: Call, campaign: Row, dimension: int, change: Mapping[str, Any]) -> None:
    own = {model["id"]: model for model in models_of(call, campaign, dimension) if "campaignId" in model}
    model = own.get(change["bidModelDataId"])
    if model is None:
        raise Refused(422, f"There is no bid model {change['bidModelDataId']}", field="bidModelDataId")
    check_values(change)
    _check_campaign(campaign, change)
    if model["entityTypeId"] == BUNDLE:
        bundle = find_bundle(call, campaign, dimension, change.get("bundleId", model["entityId"]))
        call.store.put("bundle", bundle["bundleId"], changed(bundle, dict(change)))
    elif "bundleName" in change or "entityIds" in change:
        raise Refused(422, f"Bid model {model['id']} is not that of a bundle", field="bundleName")
    call.store.put("model", model["id"], {**model, **_values(change)})


def _add(call: Call, campaign: Row, dimension: int, additions: Any) -> None:
    if not additions:
        return
    present = {(model["entityTypeId"], model["entityId"]) for model in models_of(call, campaign, dimension)}
    kinds = {addition["entityTypeId"] for addition in additions} | {kind for kind, _ in present}
    if OTHER not in kinds:
        raise Refused(422, "An entry of type other is missing: entityId -1, entityTypeId 3", field="entityTypeId")
    for addition in additions:
        check_values(addition, least_ratio=1)
        _check_campaign(campaign, addition)
        kind, entity = int(addition["entityTypeId"]), int(addition["entityId"])
        if kind == BUNDLE and entity < 0:
            name, members = addition.get("bundleName", ""), addition.get("entityIds", [])
            entity = make_bundle(call, campaign, dimension, name, members)
        elif kind == BUNDLE:
            find_bundle(call, campaign, dimension, entity)
        elif kind == OTHER and entity != -1:
            raise Refused(422, "An entry of type other has the entity id -1", field="entityId")
        if (kind, entity) in present:
            raise Refused(422, f"The entity {entity} has a bid model already", field="entityId")
        present.add((kind, entity))
        number = call.store.next_id("model")
        place = {"id": number, "campaignId": campaign["id"], "dimensionId": dimension}
        model = {**place, "entityId": entity, "entityTypeId": kind, **_values(addition)}
        call.store.put("model", number, model)


def _values(given: Mapping[str, Any]) -> Row:
    return {name: given[name] for name in MODELLED if name in given}


def _check_campaign(campaign: Row, values: Mapping[str, Any]) -> None:
    """The criteria for multipliers and priorities: three days, and a hundred dollars a day."""
    if "priority" not in values and "bidMultiplier" not in values:
        return
    length = campaign["endTime"] - campaign["startTime"] if campaign["endTime"] else None
    if length is not None and length < _LEAST_DAYS * _DAY:
        raise Refused(422, "The campaign is shorter than three days", field="priority")
    daily = campaign["budgetDay"] or (campaign["budgetTotal"] * _DAY / length if length else _LEAST_DAILY_BUDGET)
    if daily < _LEAST_DAILY_BUDGET:
        raise Refused(422, "The campaign's budget a day is below 100 dollars", field="priority")


def _check_ratios(models: list[Row]) -> None:
    """Strict ratios of a dimension make 100 percent, and flexible ones need a priority."""
    strict = [model["spendRatio"] for model in models if model.get("spendRatioTypeId") == _STRICT]
    if strict and abs(sum(strict) - 100) > 0.01:
        raise Refused(422, f"Strict spend ratios make 100 percent together, not {sum(strict):g}", field="spendRatio")
    for model in models:
        if model.get("spendRatioTypeId") == 1 and "priority" not in model:
            raise Refused(422, "A flexible spend ratio needs a priority", field="priority")


HANDLERS: dict[str, Handler] = {"bid_models_manage": _manage}
