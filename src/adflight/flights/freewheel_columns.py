"""The columns for FreeWheel's insertion orders: the arguments of its create operation, as the specification has them.

Schedule and budget are sets there, of which each part has a column here; the other sets are JSON. Here stands only what
the specification cannot know. Imports columns, kinds, lists, schemas and FreeWheel's comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import orjson
from attrs import frozen

from adflight.flights.columns import KEY, Column, Columns, Level, Quarrel
from adflight.flights.kinds import Amount, Count, Formats, Kind, Text, Time, text_of
from adflight.flights.lists import Json
from adflight.flights.schemas import resolved, schemas_of
from adflight.flights.values import Managed, Unfit, Value
from adflight.freewheel.comparison import as_read, same
from adflight_api.freewheel.api.insertion_orders import insertion_orders_create
from adflight_api.freewheel.models import AdditionalContact, Delivery, InsertionOrder, UserAssignment
from adflight_api.runtime import UNSET, InvalidInput, plain

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "schedule": {"start_time": "start_time", "end_time": "end_time", "time_zone": "time_zone"},
    "budget": {
        "currency": "budget_amount",
        "impression": "budget_impressions",
        "over_delivery_value": "budget_over_delivery",
    },
}
"""Arguments that are no columns, but each part of them is: names of columns by those of the parts."""

OMITTED: Final[Mapping[str, str]] = {
    "budget_model": "it follows from which goal is given, money or impressions",
}
"""Parts of them that are no columns, and why."""

MODELS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "delivery": Delivery.from_dict,
    "assignments": lambda users: [UserAssignment.from_dict(user) for user in users],
    "additional_contacts": lambda contacts: [AdditionalContact.from_dict(contact) for contact in contacts],
}
"""What makes an argument of the value of a column with JSON."""

# the schedule is a set that these two are mandatory in
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "start_time": ("time_zone",),
    "end_time": ("start_time", "time_zone"),
    "time_zone": ("start_time",),
}

_DEFAULTS: Final[Mapping[str, str]] = {
    "currency": "the network's",
    "end_time": "none: it is ongoing",
    "budget_over_delivery": "the network's own value",
    "assignments": "you",
}

_SAID: Final[Mapping[str, str]] = {
    "name": "Name of the insertion order, by which it is found in its campaign: give each one of its own.",
    "campaign_id": "FreeWheel's campaign that it belongs to, which has to exist. Cannot be changed later.",
    "primary_sales_person": "Name of the primary sales person. The document says that it can be changed, and remarks "
    '"on create only".',
    "start_time": "When it starts.",
    "end_time": "When it ends.",
    "time_zone": 'Time zone that FreeWheel shows it in, under FreeWheel\'s own name: "UTC", or "(GMT-05:00) America - '
    'New York"; no IANA name.',
    "budget_amount": "What it may spend: its goal in money.",
    "budget_impressions": "What it may deliver: its goal in impressions. Excludes budget_amount.",
    "budget_over_delivery": "By how much the goal may be exceeded. Where it is filled in, changing the goal takes one "
    "request instead of two.",
}

_UNITS: Final[Mapping[str, str]] = {
    "start_time": "ISO 8601 with an offset, to the second",
    "end_time": "ISO 8601 with an offset, to the second",
    "budget_amount": "the insertion order's currency",
    "budget_impressions": "impressions",
    "budget_over_delivery": "per cent",
}

_EXAMPLES: Final[Mapping[str, str]] = {
    "name": "Spring, video",
    "campaign_id": "501",
    "description": "Video, prime time",
    "client_po": "PO-2027-17",
    "external_id": "crm-17",
    "primary_sales_person": "Ada Example",
    "primary_trafficker": "Bob Example",
    "brand_id": "9001",
    "currency": "USD",
    "end_time": "2027-04-01T00:00-04:00",
    "time_zone": "(GMT-05:00) America - New York",
    "budget_amount": "12500.00",
    "budget_impressions": "250000",
    "budget_over_delivery": "1.5",
    "delivery": '{"frequency_cap": [{"value": 3, "type": "IMPRESSION", "period": "DAY"}]}',
    "assignments": '[{"user_id": 4712, "primary_user_role": {"role_id": 12}}]',
    "additional_contacts": '[{"contact_type": "Billing", "name": "Grace Example", "phone": "+1 555 0100", '
    '"email": "grace@example.com"}]',
}

_COMMON: Final = ("name", "campaign_id", "start_time", "end_time", "time_zone", "budget_amount", "budget_over_delivery")


@frozen
class Code(Kind):
    """Three letters that name a currency."""

    title = "currency"
    example = "USD"

    def read(self, cell: object, formats: Formats) -> Value:
        code = text_of(cell, "a text").strip().upper()
        if len(code) != 3 or not (code.isascii() and code.isalpha()):
            raise Unfit("a code of three letters, such as USD")
        return code


@frozen
class Part(Json):
    """JSON that is sent as XML. Its value is what would come back of it."""

    argument: str = ""

    def read(self, cell: object, formats: Formats) -> Value:
        return _written_and_read(self.argument, orjson.dumps(super().read(cell, formats)))


# a file repeats its sets in most of its rows
@lru_cache(maxsize=1024)
def _written_and_read(argument: str, value: bytes) -> Value:
    arguments: dict[str, Any] = {"name": "x", "campaign_id": 1, argument: MODELS[argument](orjson.loads(value))}
    try:
        back = getattr(as_read(insertion_orders_create.request(**arguments)), argument)
    except InvalidInput as error:
        raise Unfit(f"JSON that XML can carry: {error}") from None
    if back in (None, UNSET):
        raise Unfit("JSON with at least one item, because XML has no empty lists")
    read: Value = plain(back)
    return read


def equal(column: Column, old: Any, new: Value) -> bool:
    """Whether a live or applied value is as the file says. Of a set, what the file says of it counts."""
    if isinstance(column.kind, Part):
        return same(_read(column.name, new), _read(column.name, old))
    return bool(old == new)


def _read(argument: str, value: Any) -> Any:
    order = {"id": 0, "name": "", "stage": "", "schedule": None, argument: value}
    return getattr(InsertionOrder.from_dict(order), argument)


def contradictions(order: Managed, campaign: Managed) -> Iterator[Quarrel]:
    """What is wrong, and what doubtful, worded as what was expected. `campaign` is empty: there are none."""
    goals = [name for name in ("budget_amount", "budget_impressions") if name in order]
    if len(goals) > 1:
        yield Quarrel("budget_impressions", "none beside budget_amount: a budget counts either money or impressions")
    if "budget_over_delivery" in order and not goals:
        yield Quarrel("budget_over_delivery", "budget_amount or budget_impressions beside it, which it is a part of")
    contacts = order.get("additional_contacts")
    if isinstance(contacts, list) and sum(contact.get("primary") is True for contact in contacts) > 1:
        yield Quarrel("additional_contacts", "at most one primary contact")
    zone = order.get("time_zone")
    if isinstance(zone, str) and "/" in zone:
        yield Quarrel("time_zone", "FreeWheel's own name of it, such as (GMT-05:00) America - New York", is_doubt=True)


def _kind(name: str, argument: str, schema: Mapping[str, Any]) -> Kind:
    if name == "name":
        return Text(is_name=True)
    if name == "currency":
        return Code()
    if argument in MODELS:
        return Part(schema, argument=argument)
    if "x-adflight-unit" in schema:
        return Time(is_end=name == "end_time")
    if schema["type"] == "number":
        return Amount(least=Decimal(schema["minimum"]), is_budget=name == "budget_amount")
    if schema["type"] == "integer":
        return Count(least=schema.get("minimum", 1))
    return Text()


def _arguments(schemas: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Column, argument and schema, in the order of the specification."""
    create = resolved(schemas["InsertionOrdersCreateRequest"], schemas)
    for argument, schema in create["properties"].items():
        if argument not in PARTS:
            yield argument, argument, schema
            continue
        parts = {name: part for each in schema.get("oneOf", (schema,)) for name, part in each["properties"].items()}
        # the goals before what both have
        for wire, name in PARTS[argument].items():
            yield name, argument, parts[wire]


def _columns() -> Iterator[Column]:
    yield Column(
        name=KEY,
        level=Level.ROW,
        kind=Text(is_name=True),
        description="Your own name of the insertion order, another one in every row. It stays when everything else "
        "changes.",
        required=True,
        changeable=False,
        clearable=False,
        example="spring-video",
        is_common=True,
    )
    schemas = schemas_of("freewheel")
    required = schemas["InsertionOrdersCreateRequest"]["required"]
    changeable = schemas["InsertionOrdersUpdateRequest"]["properties"]
    for name, argument, schema in _arguments(schemas):
        kind = _kind(name, argument, schema)
        yield Column(
            name=name,
            level=Level.INSERTION_ORDER,
            kind=kind,
            description=_SAID.get(name, schema["description"]),
            unit=_UNITS.get(name, ""),
            required=argument in required,
            needs=_NEEDS.get(name, ()),
            changeable=argument in changeable,
            # what an empty element does in a request is known nowhere
            clearable=False,
            default=_DEFAULTS.get(name, ""),
            example=_EXAMPLES.get(name) or kind.example,
            is_common=name in _COMMON,
        )


COLUMNS: Final = Columns(
    vendor="freewheel",
    by_name=_columns(),
    order_key=KEY,
    order_name="name",
    order_place="campaign_id",
    flight_name=None,
    spans={Level.INSERTION_ORDER: ("start_time", "end_time")},
    budget="budget_amount",
    currency="currency",
    uncounted=("budget_impressions",),
    rules=contradictions,
    equal=equal,
)
