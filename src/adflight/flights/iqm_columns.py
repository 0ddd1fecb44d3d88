"""The columns for IQM's flights: the arguments of its create operations, as the specification describes them.

Here stands only what the specification cannot know: what a flight needs, which ids have names, what is a name. Imports
columns, kinds, lists, schemas and iqm_rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from adflight.flights.columns import KEY, Column, Columns, Level
from adflight.flights.equality import is_equal
from adflight.flights.iqm_bid_models import DIMENSIONS, BidModels, is_as_wanted
from adflight.flights.iqm_rules import contradictions
from adflight.flights.kinds import Amount, Choice, Count, Flag, Kind, Text, Time, Zone
from adflight.flights.lists import Ids, Json, Texts
from adflight.flights.schemas import resolved, schemas_of
from adflight.flights.values import Value

OMITTED: Final[Mapping[str, str]] = {
    "io_id": "the campaign belongs to the insertion order that its row names",
    "io_status_id": "the service sets it; orders are never deleted here",
}
"""Arguments of the create operations that are no columns, and why."""

_REQUESTS: Final = {
    Level.INSERTION_ORDER: ("InsertionOrdersCreateRequest", "InsertionOrdersUpdateRequest"),
    Level.CAMPAIGN: ("CampaignsCreateRequest", "CampaignsUpdateRequest"),
}

_NAMES: Final = ("io_name", "campaign_name")
_ZONES: Final = ("io_timezone_id", "timezone")
_ABOVE_ZERO: Final = ("budget_total", "budget_day", "max_bid")
_TEXTS: Final = ("os_version", "user_deal_id", "group_deal_id")
"""Lists whose items need not be numbers; those of postal codes and those with line breaks on the wire are more."""

# the documents call the order's time zone required, and the launch knows what to send in the place of these four
_ALSO_REQUIRED: Final = ("io_timezone_id",)
_NOT_REQUIRED: Final = ("io_budget_type_id", "exchanges", "publisher_ad_category")

_FIXED: Final = ("io_budget_type_id", "io_budget_distribution_method_id", "budget_type_id")
"""What the vendor's own schema of updates leaves out, or what has to stay like it."""

_DEFAULTS: Final[Mapping[str, str]] = {
    "io_budget_type_id": "BUDGET",
    "io_budget_distribution_method_id": "MANUAL",
    "is_auto_sum_io_total_budget": "true, or false when io_total_budget is given",
    "exchanges": "all",
    "publisher_ad_category": "all",
    "total_budget_pacing": "false",
    "budget_type_id": "that of the insertion order",
    "campaign_type": "ADVANCED",
}

_SAID: Final[Mapping[str, str]] = {
    "io_name": "Name of the insertion order. Rows with the same one share the order, unless io_key says otherwise.",
    "io_start_time": "When the insertion order starts.",
    "io_end_time": "When the insertion order ends; without one it is open.",
    "io_total_budget": "Budget of the insertion order itself; without one it is the sum over its campaigns.",
    "io_timezone_id": "Time zone of the insertion order.",
    "io_budget_type_id": "What the insertion order's budget counts; its campaigns have to agree.",
    "is_auto_sum_io_total_budget": "Whether the insertion order's budget is kept equal to the sum over its campaigns.",
    "io_budget_distribution_method_id": "How the insertion order's budget reaches its campaigns.",
    "is_agreement_checked": "That you accept the vendor's terms for this campaign; only you can say so.",
    "creative_ids": "Creatives, approved and running.",
    "exchanges": "Exchanges to buy on; cleared for all.",
    "publisher_ad_category": "Ad categories of publishers; cleared for all.",
    "start_time": "When the campaign starts.",
    "end_time": "When the campaign ends. Needed when total_budget_pacing is true.",
    "timezone": "Time zone of the campaign.",
    "budget_day": "Budget a day. Excluded by total_budget_pacing, expected without it.",
    "budget_type_id": "What the budgets count; must be that of the insertion order.",
}

_CIRCLE: Final = '[{"type": "circle", "unit": "mile", "radius": 2, "latitude": 39.7, "longitude": -105}]'

_EXAMPLES: Final[Mapping[str, str]] = {
    "io_name": "Spring",
    "io_end_time": "2027-04-01T00:00-04:00",
    "io_total_budget": "5000.00",
    "io_total_impressions": "250000",
    "campaign_name": "Spring, banners",
    "end_time": "2027-03-31T00:00-04:00",
    "advertiser_domain": "https://brand.example.com",
    "country_id": "30100001",
    "creative_type": "IMAGE",
    "creative_ids": "676384",
    "budget_total": "1000.00",
    "budget_day": "50.00",
    "max_bid": "2.50",
    "min_bid": "1.00",
    "exchanges": "27, 21",
    "publisher_ad_category": "112",
    "manufacturer": "451, 155",
    "os": "11, 14",
    "traffic_type": "11, 12",
    "state_ids": "30200031, 30200032",
    "white_listed_state_ids": "30200031, 30200032",
    "white_listed_zipcodes": "02134, 10001",
    "black_listed_zipcodes": "02134, 10001",
    "black_listed_site_domain": "news.example.com, brand.example.com",
    "white_listed_ip": "192.0.2.1, 192.0.2.2",
    "black_listed_ip": "192.0.2.1, 192.0.2.2",
    "inventory_keywords": "Clothing, Education",
    "inventory_urls": "https://news.example.com, https://brand.example.com",
    "conversion_type": "install",
    "conversion_type_id": "1",
    "app_url": "https://app.example.com",
    "advertiser_type": "political",
    "frequency_capping": '{"1": {"frequencyCapValue": 5, "frequencyCapDuration": 6}}',
    "scheduling": '{"0": [["03:00:00", "05:00:00"]]}',
    "white_listed_geo_radius_details": _CIRCLE,
    "black_listed_geo_radius_details": _CIRCLE,
    "creative_advance_targeting": '{"placementType": [20600001]}',
    "creatives_placement_mapping": '{"676384": 20600001}',
    "campaign_estimator_meta_data": '{"reachMeta": {}, "landScapeMeta": {}, "sliderMeta": {}}',
}

_COMMON: Final = (
    *(
        "io_name",
        "io_start_time",
        "io_end_time",
        "io_timezone_id",
        "campaign_name",
        "start_time",
        "end_time",
        "timezone",
    ),
    *("budget_total", "budget_day", "max_bid", "creative_type", "creative_ids", "advertiser_domain", "country_id"),
    "is_agreement_checked",
)


_BID_MODELS: Final = (
    "Bid models of dimension {dimension} ({named}): exactly these entities are to have one. What an entry does not "
    "name stays. The entry for all others (entityTypeId 3) is needed, and cannot change once it is made; bundles are "
    "not managed."
)
_BID_MODEL: Final = (
    '[{"entityId": 101, "entityTypeId": 1, "bidMultiplier": 1.5, "priority": 2}, '
    '{"entityId": -1, "entityTypeId": 3, "bidMultiplier": 1, "priority": 1}]'
)


def _argument(wire: str, schema: Mapping[str, Any]) -> str:
    named: str | None = schema.get("x-adflight-name")
    return named or re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", wire).lower()


def _kind(name: str, schema: Mapping[str, Any]) -> Kind:
    kind = schema["type"]
    if name in _NAMES:
        return Text(is_name=True)
    if name in _ZONES:
        return Zone()
    if "x-adflight-unit" in schema:
        return Time(is_end=name.endswith("end_time"))
    if "enum" in schema:
        return Choice(dict(zip(schema["x-enum-varnames"], schema["enum"], strict=True)))
    if "x-adflight-list" in schema:
        is_text = schema["x-adflight-list"] == "newline" or name in _TEXTS or name.endswith("zipcodes")
        return Texts() if is_text else Ids()
    if kind == "boolean":
        return Flag(only_true=name == "is_agreement_checked")
    if kind == "number":
        return Amount(above_zero=name in _ABOVE_ZERO, least=Decimal(0), is_budget="budget" in name)
    if kind == "integer" or (isinstance(kind, list) and "integer" in kind):
        return Count(least=0)
    if kind == "array" and schema["items"]["type"] in ("integer", "string"):
        return Ids() if schema["items"]["type"] == "integer" else Texts()
    return Json(schema) if kind in ("array", "object") else Text()


def _unit(name: str, kind: Kind) -> str:
    if isinstance(kind, Amount):
        return "the account's currency"
    if isinstance(kind, Time):
        return "ISO 8601 with an offset, to the second"
    counted = ("impressions", "clicks", "conversions")
    return next((word for word in counted if name.endswith(word) and isinstance(kind, Count)), "")


def _columns() -> Iterator[Column]:
    yield Column(
        name=KEY,
        level=Level.ROW,
        kind=Text(is_name=True),
        description="Your own name of the flight, another one in every row. It stays when everything else changes.",
        required=True,
        changeable=False,
        clearable=False,
        example="spring-banners",
        is_common=True,
    )
    yield Column(
        name="io_key",
        level=Level.ROW,
        kind=Text(is_name=True),
        description="Your own name of the insertion order; needed only to give it another io_name later.",
        changeable=False,
        clearable=False,
        default="io_name",
        example="spring",
    )
    schemas = schemas_of("iqm")
    for level, (create, update) in _REQUESTS.items():
        yield from _of_level(level, schemas[create], schemas[update], schemas)
    kind = BidModels(resolved(schemas["BidModelAdditions"]["properties"]["bidModelEntityDetails"], schemas))
    for name, dimension in DIMENSIONS.items():
        yield Column(
            name=name,
            level=Level.CAMPAIGN,
            kind=kind,
            description=_BID_MODELS.format(
                dimension=dimension, named=name.removeprefix("bid_models_").replace("_", " ")
            ),
            clearable=False,
            example=_BID_MODEL,
            is_apart=True,
        )


def _of_level(
    level: Level, create: Mapping[str, Any], update: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[Column]:
    names = {wire: _argument(wire, schema) for wire, schema in create["properties"].items()}
    for wire, name in names.items():
        if name in OMITTED:
            continue
        schema = resolved(create["properties"][wire], schemas)
        kind = _kind(name, schema)
        required = name in _ALSO_REQUIRED or (wire in create["required"] and name not in _NOT_REQUIRED)
        yield Column(
            name=name,
            level=level,
            kind=kind,
            description=_SAID.get(name) or _in_columns(schema["description"], names),
            unit=_unit(name, kind),
            required=required,
            changeable=wire in update["properties"] and name not in _FIXED,
            clearable=not required and not isinstance(kind, Flag | Choice),
            default=_DEFAULTS.get(name, ""),
            example=_EXAMPLES.get(name) or (next(iter(kind.members)) if isinstance(kind, Choice) else kind.example),
            is_common=name in _COMMON,
        )


def _in_columns(description: str, names: Mapping[str, str]) -> str:
    """The specification's words, with its names of fields as those of columns."""
    # of those that are words of the language too, such as os, none is taken for a name
    named = {wire: name for wire, name in names.items() if not wire.islower()}
    said = re.sub(r"\w+", lambda word: named.get(word[0], word[0]), description)
    return said.replace(", in the account's currency", "")


def _equal(column: Column, old: Any, new: Value) -> bool:
    return is_as_wanted(old, new) if column.is_apart else is_equal(column, old, new)


COLUMNS: Final = Columns(
    vendor="iqm",
    by_name=_columns(),
    order_key="io_key",
    order_name="io_name",
    flight_name="campaign_name",
    spans={Level.INSERTION_ORDER: ("io_start_time", "io_end_time"), Level.CAMPAIGN: ("start_time", "end_time")},
    uncounted=("io_total_impressions", "total_impressions"),
    over=("expired", "completed"),
    agreeing=("io_budget_type_id", "budget_type_id"),
    budget="budget_total",
    summed=("io_total_budget", "is_auto_sum_io_total_budget"),
    rules=contradictions,
    equal=_equal,
)
