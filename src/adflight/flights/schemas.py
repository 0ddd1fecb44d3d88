"""The request schemas of a vendor's specification, from which columns are made. Reads the specification's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import orjson


def schemas_of(vendor: str) -> Mapping[str, Any]:
    """The schemas by name, as generation writes them beside the vendor's client."""
    document = orjson.loads((files(f"adflight_api.{vendor}") / "openapi.json").read_bytes())
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    return schemas


def resolved(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """A schema with its references filled in."""
    if isinstance(schema, list):
        return [resolved(item, schemas) for item in schema]
    if not isinstance(schema, dict):
        return schema
    target = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    # what stands beside a reference is said of this use of it
    return {name: resolved(value, schemas) for name, value in {**target, **schema}.items() if name != "$ref"}
