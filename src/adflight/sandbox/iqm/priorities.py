"""Bid models and priorities of an insertion order and its campaigns.

Imports bid_model_changes, entities, order and what they import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from . import order as orders
from .bid_model_changes import check_values
from .entities import ENTITY, MODELLED, known_dimension, mark
from .insertion_orders import members_of
from .values import id_list, money

__all__ = ["HANDLERS"]

_DONE = "Priority changed"
_CLOSED = ("deleted", "expired", "rejected")


def _order(call: Call) -> Row:
    return orders.find(call, call.path["ioId"])


def _members(call: Call, order: Row, numbers: Iterable[int]) -> list[Row]:
    """Campaigns of the order that may have a priority; refused with 422 otherwise."""
    within = {member["id"]: member for member in members_of(call, order["ioId"])}
    found = []
    for number in numbers:
        if number not in within:
            raise Refused(422, f"Campaign {number} is not in the insertion order", field="campaignIds")
        if campaigns.status_of(within[number], call.now) in _CLOSED:
            raise Refused(422, "The campaign has a status in which no priority can be given", field="campaignIds")
        found.append(within[number])
    return found


def _set_priority(call: Call, order: Row, members: Iterable[Row], priority: int | None) -> None:
    for member in members:
        campaigns.save(call, {**member, "_priority": priority})
    orders.save(call, {**order, "ioLastPriorityShift": int(call.now * 1000)})


def _add_priority(call: Call) -> str:
    order = _order(call)
    members = _members(call, order, id_list(call.body["campaignIds"], "campaignIds"))
    _set_priority(call, order, members, int(call.body["priority"]))
    return _DONE


def _update_priority(call: Call) -> str:
    order = _order(call)
    members = _members(call, order, id_list(call.body["campaignIds"], "campaignIds"))
    _check_prioritised(members)
    _set_priority(call, order, members, int(call.body["priority"]))
    return _DONE


def _remove_priority(call: Call) -> str:
    order = _order(call)
    members = _members(call, order, id_list(call.query["campaignIds"], "campaignIds"))
    _check_prioritised(members)
    _set_priority(call, order, members, None)
    return _DONE


def _check_prioritised(members: Iterable[Row]) -> None:
    for member in members:
        if not member.get("_priority"):
            raise Refused(422, f"Campaign {member['id']} has no priority", field="campaignIds")


def _manage(call: Call) -> str:
    order = _order(call)
    for request in call.body["bidModelRequests"]:
        if request["action"] == "ADD":
            _add(call, order, request)
        elif request["action"] == "UPDATE":
            _change(call, order, request.get("bidModelData", {}))
        else:
            for number in id_list(request.get("bidModelDataIds"), "bidModelDataIds"):
                _remove(call, order, number)
    if "baseBid" in call.body:
        for member in members_of(call, order["ioId"]):
            campaigns.save(call, {**member, "_baseBid": money(call.body["baseBid"])})
    exclusions = call.body.get("excludeDimensionEntityMappings", [])
    for exclusion in exclusions if isinstance(exclusions, list) else [exclusions]:
        _exclude(call, order, exclusion)
    return _DONE


def _add(call: Call, order: Row, request: Mapping[str, Any]) -> None:
    values = request.get("bidModelData", {})
    check_values(values)
    kept = {name: values[name] for name in MODELLED if name in values}
    if not request.get("dimensionEntityMappings"):
        raise Refused(422, "An added bid model needs a target", field="dimensionEntityMappings")
    for target in request["dimensionEntityMappings"]:
        model: Row = {"id": call.store.next_id("model"), "ioId": order["ioId"], **kept}
        if "campaignId" in target:
            (member,) = _members(call, order, [target["campaignId"]])
            model["targetCampaignId"] = member["id"]
            _set_priority(call, order, [member], kept.get("priority", member.get("_priority")))
        elif "dimensionId" in target and "entityId" in target:
            model["dimensionId"] = known_dimension(target["dimensionId"])
            model |= {"entityId": int(target["entityId"]), "entityTypeId": ENTITY}
        else:
            raise Refused(422, "A target is a campaign, or an entity of a dimension", field="dimensionEntityMappings")
        call.store.put("model", model["id"], model)


def _find(call: Call, order: Row, number: Any) -> Row:
    model = call.store.get("model", number) if number is not None else None
    if model is None or model.get("ioId") != order["ioId"]:
        raise Refused(422, f"There is no bid model {number}", field="id")
    return model


def _change(call: Call, order: Row, values: Mapping[str, Any]) -> None:
    model = _find(call, order, values.get("id"))
    check_values(values)
    call.store.put("model", model["id"], {**model, **{name: values[name] for name in MODELLED if name in values}})
    if "targetCampaignId" in model and "priority" in values:
        _set_priority(call, order, _members(call, order, [model["targetCampaignId"]]), int(values["priority"]))


def _remove(call: Call, order: Row, number: int) -> None:
    model = _find(call, order, number)
    call.store.delete("model", model["id"])
    if "targetCampaignId" in model:
        _set_priority(call, order, _members(call, order, [model["targetCampaignId"]]), None)


def _exclude(call: Call, order: Row, exclusion: Mapping[str, Any]) -> None:
    numbers = id_list(exclusion.get("ids"), "ids")
    dimension = known_dimension(exclusion.get("dimensionId", 0))
    only = exclusion.get("campaignId")
    for member in members_of(call, order["ioId"]):
        if only in (None, member["id"]):
            excluded = bool(exclusion.get("isExcluded", True))
            campaigns.save(call, mark(member, dimension, numbers, excluded=excluded))


HANDLERS: dict[str, Handler] = {
    "bid_models_manage_for_insertion_order": _manage,
    "bid_models_add_priority": _add_priority,
    "bid_models_update_priority": _update_priority,
    "bid_models_remove_priority": _remove_priority,
}
