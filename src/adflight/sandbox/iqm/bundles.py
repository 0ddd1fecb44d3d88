"""Bundles of entities. Imports entities and what it imports."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from . import campaign as campaigns
from .entities import BUNDLE, bundles_of, models_of, subject
from .listing import found
from .values import id_list

__all__ = ["HANDLERS", "changed", "dissolve", "find_bundle", "make_bundle"]

_MOST_BUNDLES = 10


def make_bundle(call: Call, campaign: Row, dimension: int, name: str, entity_ids: list[Any]) -> int:
    """Make a bundle and return its id.

    Raises:
        Refused: 422 when the dimension has ten bundles already, or the bundle has no name or no entities.
    """
    if len(bundles_of(call, campaign, dimension)) >= _MOST_BUNDLES:
        raise Refused(422, f"A dimension has at most {_MOST_BUNDLES} bundles", field="bundleName")
    if not name.strip():
        raise Refused(422, "The name must not be empty", field="bundleName")
    number = call.store.next_id("bundle")
    bundle = {
        "bundleId": number,
        "campaignId": campaign["id"],
        "dimensionId": dimension,
        "bundleName": name,
        "entityIds": id_list(entity_ids, "entityIds"),
    }
    call.store.put("bundle", number, bundle)
    return number


def find_bundle(call: Call, campaign: Row, dimension: int, number: Any) -> Row:
    """A bundle of a campaign's dimension; refused with 422 when there is none."""
    bundle = call.store.get("bundle", number)
    if bundle is None or bundle["campaignId"] != campaign["id"] or bundle["dimensionId"] != dimension:
        raise Refused(422, f"There is no bundle {number}", field="bundleId")
    return bundle


def dissolve(call: Call, campaign: Row, bundle: Row) -> None:
    """Delete a bundle with the bid models that apply to it; its entities stay."""
    for model in models_of(call, campaign, bundle["dimensionId"]):
        if model["entityTypeId"] == BUNDLE and model["entityId"] == bundle["bundleId"]:
            call.store.delete("model", model["id"])
    call.store.delete("bundle", bundle["bundleId"])


def _list(call: Call) -> list[Row]:
    campaign = campaigns.find(call, call.path["campaignId"], 422)
    search = call.query.get("searchField")
    modelled = {model["entityId"] for model in models_of(call, campaign) if model["entityTypeId"] == BUNDLE}
    return [
        {
            **{name: bundle[name] for name in ("bundleId", "bundleName", "dimensionId", "entityIds")},
            "modellingApplied": bundle["bundleId"] in modelled,
        }
        for bundle in bundles_of(call, campaign, call.query.get("dimensionId"))
        if found(search, bundle["bundleName"], bundle["bundleId"])
    ]


def _create(call: Call) -> Row:
    campaign, dimension = subject(call)
    number = make_bundle(call, campaign, dimension, call.body["bundleName"], call.body["entityIds"])
    return {"message": "Bundle created", "id": number}


def _update(call: Call) -> str:
    campaign, dimension = subject(call)
    for change in call.body["bundleDetailList"]:
        bundle = find_bundle(call, campaign, dimension, change["bundleId"])
        call.store.put("bundle", bundle["bundleId"], changed(bundle, change))
    return "Bundles changed"


def changed(bundle: Row, change: Row) -> Row:
    """The bundle with a new name or other entities, where the change has them."""
    new = dict(bundle)
    if "bundleName" in change:
        new["bundleName"] = change["bundleName"]
    if "entityIds" in change:
        new["entityIds"] = id_list(change["entityIds"], "entityIds")
    return new


def _delete(call: Call) -> str:
    campaign, dimension = subject(call)
    for number in id_list(call.body["bundleIds"], "bundleIds"):
        dissolve(call, campaign, find_bundle(call, campaign, dimension, number))
    return "Bundles deleted"


HANDLERS: dict[str, Handler] = {
    "bid_models_list_bundles": _list,
    "bid_models_create_bundle": _create,
    "bid_models_update_bundles": _update,
    "bid_models_delete_bundles": _delete,
}
