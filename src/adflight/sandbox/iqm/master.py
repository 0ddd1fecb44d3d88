"""Reference lists. Imports listing and values."""

from __future__ import annotations

from ..store import Row
from ..world import Call, Handler
from .listing import found, wanted
from .values import ids_of

__all__ = ["HANDLERS", "TIMEZONES"]

# the ids that the documents use and whose names are known
TIMEZONES = {29: "US/Eastern", 149: "Africa/Addis_Ababa", 420: "US/Alaska", 421: "US/Arizona", 423: "US/Central"}

_CREATIVE_TYPES = (
    {"id": 0, "name": "all", "order": 0, "displayName": "All", "rtbCreativeTypeId": None},
    {"id": 11, "name": "Image", "order": 100, "displayName": "Image", "rtbCreativeTypeId": 1},
    {"id": 13, "name": "HTML", "order": 100, "displayName": "HTML", "rtbCreativeTypeId": 1},
    {"id": 14, "name": "Video", "order": 100, "displayName": "Video", "rtbCreativeTypeId": 3},
    {"id": 15, "name": "Native", "order": 100, "displayName": "Native", "rtbCreativeTypeId": 4},
    {"id": 17, "name": "Audio", "order": 100, "displayName": "Audio", "rtbCreativeTypeId": 2},
)


def _timezones(call: Call) -> Row:
    return {"data": [{"id": number, "name": name, "label": name} for number, name in TIMEZONES.items()]}


def _creative_types(call: Call) -> Row:
    query = call.query
    rows = [row for row in _CREATIVE_TYPES if row["id"] != 0 or query.get("displayAllType")]
    kinds = ids_of(query.get("creativeTypeIds"))
    matching = [
        row
        for row in rows
        if wanted(row["id"], kinds) and found(query.get("searchField"), str(row["name"]), int(str(row["id"])))
    ]
    return {"totalRecords": len(rows), "creativeTypeList": matching, "filteredRecords": len(matching)}


HANDLERS: dict[str, Handler] = {"master_list_timezones": _timezones, "master_list_creative_types": _creative_types}
