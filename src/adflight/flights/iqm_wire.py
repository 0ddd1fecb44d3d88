"""What columns are called on IQM's wire, and what stands there for null. Reads the specification's JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import orjson

_SCHEMAS: Final = ("InsertionOrdersUpdateRequest", "CampaignsUpdateRequest", "CampaignsCreateRequest")

_UNSET_FORMS: Final[Mapping[str, Any]] = {"string": "", "array": [], "object": {}, "integer": 0, "number": 0}
"""What the service itself shows of a campaign for what is not set."""


def _properties() -> Iterator[tuple[str, str, Any]]:
    schemas = orjson.loads((files("adflight_api.iqm") / "openapi.json").read_bytes())["components"]["schemas"]
    for name in _SCHEMAS:
        for wire, schema in schemas[name]["properties"].items():
            argument = schema.get("x-adflight-name") or re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", wire).lower()
            # of an insertion order it shows nulls
            unset = None if name.startswith("Insertion") else _UNSET_FORMS.get(str(schema.get("type")))
            yield argument, wire, unset


_PROPERTIES: Final = tuple(_properties())

WIRE_NAMES: Final[Mapping[str, str]] = {argument: wire for argument, wire, _ in _PROPERTIES}
"""By column."""

COLUMN_NAMES: Final[Mapping[str, str]] = {wire: argument for argument, wire in WIRE_NAMES.items()}
"""The other way round."""

NULLS: Final[Mapping[str, Any]] = {argument: unset for argument, _, unset in _PROPERTIES}
"""What is sent for null, by column. IQM's documents and its answers write what is not set as 0, as an empty text or
list, or as null, each field in its own way; a campaign's fields are nowhere null."""
