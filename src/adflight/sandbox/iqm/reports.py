"""Bid-model reports, on the wire and as files, and the list of dimensions.

Imports bid_models, entities and what they import.
"""

from __future__ import annotations

import csv
import io
import operator
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..answers import Refused
from ..store import Row
from ..world import Call, Handler
from .bid_models import measured
from .entities import bundles_of, entities_of, excluded_of, model_of, models_of, subject
from .figures import METRICS, total
from .listing import found, one_page, sort_rows

__all__ = ["HANDLERS"]

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBERS = (*METRICS, "totalECPM", "totalECPC")
_TRAFFIC = ("app", "web")


def _report(call: Call) -> Row:
    rows, entities = _rows(call)
    together = {**total(rows), "totalCount": 1 if rows else 0}
    answer: Row = {
        "recordsTotal": _with_totals(together),
        "recordsList": list(one_page(rows, call.body, 10)),
        "totalRecords": entities,
        # entities inside bundles are counted one by one, so this may exceed the number of rows
        "filteredRecords": sum(len(_records(row)) for row in rows),
    }
    if call.body.get("skipReporting"):
        answer["recordsTotal"] = {"totalCount": together["totalCount"]}
        answer["recordsList"] = [_without_metrics(row) for row in answer["recordsList"]]
    kind = call.body.get("responseType", "default")
    if kind == "total":
        return {"recordsTotal": answer["recordsTotal"]}
    if kind in ("list", "bundle"):
        del answer["recordsTotal"]
    return answer


def _rows(call: Call) -> tuple[list[Row], int]:
    """The rows that match, sorted, and how many entities there are in all."""
    campaign, dimension = subject(call)
    body = call.body
    bundles = bundles_of(call, campaign, dimension)
    models, excluded = models_of(call, campaign, dimension), excluded_of(campaign, dimension)
    entities = entities_of(call, campaign, dimension)
    rows: list[Row] = []
    for place, (number, name) in enumerate(entities.items()):
        row = {
            "id": number,
            "name": name,
            "isExcluded": int(number in excluded),
            "modelled": model_of(models, bundles, number) is not None,
            "blocked": number in excluded,
            "targeted": number not in excluded,
            **_with_totals(measured(call, campaign, dimension, number, len(entities))),
        }
        if dimension in (2, 4):
            row |= {"inventoryTrafficType": _TRAFFIC[place % 2], "inventoryType": ("App", "Site")[place % 2]}
        rows.append(row)
    matching = [row for row in rows if _searched(body, row) and _filtered(body.get("performanceFilters"), row)]
    wanted_bundles = body.get("bundleIds")
    grouped = [
        _bundle_row(bundle, matching)
        for bundle in bundles
        if not wanted_bundles or bundle["bundleId"] in wanted_bundles
    ]
    listed = [row for row in grouped if row["entityRecordsList"]]
    if body.get("responseType") != "bundle" and not wanted_bundles:
        inside = {number for bundle in bundles for number in bundle["entityIds"]}
        listed += [row for row in matching if row["id"] not in inside]
    columns = {name: operator.itemgetter(name) for name in _NUMBERS}
    named: dict[str, Callable[[Row], Any]] = {
        "id": lambda row: row.get("id", row.get("bundleId")),
        "name": lambda row: row.get("name", row.get("bundleName")),
    }
    return sort_rows(listed, body.get("sortBy") or "-impressions", {**columns, **named}), len(rows)


def _records(row: Row) -> list[Row]:
    """The entities of a row: those of a bundle, or the row itself."""
    return list(row["entityRecordsList"]) if "entityRecordsList" in row else [row]


def _bundle_row(bundle: Row, rows: Sequence[Row]) -> Row:
    members = [row for row in rows if row["id"] in bundle["entityIds"]]
    return {
        "bundleId": bundle["bundleId"],
        "bundleName": bundle["bundleName"],
        "bundleEntityIds": bundle["entityIds"],
        **_with_totals(total(members)),
        "entityRecordsList": members,
    }


def _with_totals(row: Row) -> Row:
    impressions, clicks, spent = row["impressions"], row["clicks"], row["spent"]
    per_thousand, per_click = 1000 * spent / impressions if impressions else 0, spent / clicks if clicks else 0
    return {**row, "totalECPM": per_thousand, "totalECPC": per_click}


def _without_metrics(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name not in _NUMBERS}
    if "entityRecordsList" in kept:
        kept["entityRecordsList"] = [_without_metrics(member) for member in kept["entityRecordsList"]]
    return kept


def _searched(body: Mapping[str, Any], row: Row) -> bool:
    keywords = body.get("searchKeywords") or [None]
    return found(body.get("searchField"), row["name"], row["id"]) and any(
        found(word, row["name"], row["id"]) for word in keywords
    )


def _filtered(filters: Mapping[str, Any] | None, row: Row) -> bool:
    if not filters or not filters["conditions"]:
        return True
    outcomes = []
    for condition in filters["conditions"]:
        if condition["column"] not in _NUMBERS:
            raise Refused(422, f"There is no metric {condition['column'][:60]!r}", field="performanceFilters")
        outcomes.append(_COMPARED[condition["condition"]](row[condition["column"]], condition["value"]))
    return any(outcomes) if filters.get("operation", "AND").upper() == "OR" else all(outcomes)


def _download(call: Call) -> Row:
    wish = call.body["download"]
    if wish["fileType"] != "csv":
        raise Refused(422, "The sandbox writes CSV files only", field="download.fileType")
    rows, _ = _rows(call)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column["label"] for column in wish["columns"]])
    for row in rows:
        for record in _records(row):
            writer.writerow([record.get(column["value"], "") for column in wish["columns"]])
    name = f"report-{call.store.next_id('file')}.csv"
    signature = secrets.token_hex(16)
    content = {"name": name, "signature": signature, "media_type": "text/csv", "content": text.getvalue()}
    call.store.put("file", name, content)
    return {"url": f"{call.world.file_url(name)}?signature={signature}"}


def _leaf(number: int, name: str, label: str, order: int, *, modelled: bool = False) -> Row:
    return {"name": name, "id": number, "label": label, "order": order, "modellingEnabled": modelled}


_TREE: list[Row] = [
    _leaf(1, "creative", "Creative", 1, modelled=True),
    {
        **_leaf(2, "inventory", "Inventory", 2),
        "subdimensions": [
            _leaf(3, "deal_id", "Deal ID", 1),
            _leaf(4, "open_exchange", "Open Exchange", 2),
            _leaf(5, "publisher_category", "Publisher Category", 3),
        ],
    },
    {
        **_leaf(6, "device", "Device", 3),
        "subdimensions": [_leaf(7, "traffic_type", "Traffic Type", 1), _leaf(8, "device_type", "Device Type", 2)],
    },
    {
        **_leaf(9, "location", "Location", 4),
        "subdimensions": [_leaf(10, "state", "State", 1), _leaf(11, "city", "City", 2), _leaf(12, "zip", "Zip", 3)],
    },
    _leaf(13, "exchange", "Exchange", 5),
]


def _list_dimensions(call: Call) -> Row:
    return {"totalRecords": len(_TREE), "filteredRecords": len(_TREE), "dimensions": _TREE}


HANDLERS: dict[str, Handler] = {
    "bid_models_report": _report,
    "bid_models_download_report": _download,
    "bid_models_list_dimensions": _list_dimensions,
}
