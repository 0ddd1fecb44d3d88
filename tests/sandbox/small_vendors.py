"""Two vendors with small specifications of their own: one as FreeWheel is, one as Icareus is.

They have the credentials, quotas and refusals of those, and a few operations each that do little: what is tested with
them are the sandbox's mechanisms.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from adflight.sandbox import Sandbox, SandboxOptions
from adflight.sandbox.answers import Answer, Refused
from adflight.sandbox.freewheel.auth import HANDLERS as AUTH
from adflight.sandbox.freewheel.vendor import FREEWHEEL
from adflight.sandbox.icareus.vendor import ICAREUS
from adflight.sandbox.iqm.vendor import IQM
from adflight.sandbox.store import Row
from adflight.sandbox.world import Call, Handler

JSON, XML = "application/json", "application/xml"


def refer(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def answers(media_type: str | None, schema: Any = None, status: str = "200") -> dict[str, Any]:
    errors: dict[str, Any] = {code: {"description": "Refused.", "content": {XML: {}}} for code in ("400", "422")}
    errors = {code: {**answer, "content": {media_type or XML: {"schema": {}}}} for code, answer in errors.items()}
    denied = {code: {"description": "Denied.", "content": {JSON: {"schema": {}}}} for code in ("401", "403", "429")}
    content = {media_type: {"schema": schema}} if media_type else {}
    return {status: {"description": "Done.", "content": content}, **errors, **denied}


def body(media_type: str, schema: Any, example: Any = None) -> dict[str, Any]:
    examples = {} if example is None else {"examples": {"one": {"value": example}}}
    return {"required": True, "content": {media_type: {"schema": schema, **examples}}}


ORDER_ID = {"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}}
FLAT: dict[str, Any] = {"source": "a test", "repeat": "read", "envelope": "flat"}

ORDERS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "security": [{"bearerAuth": []}],
    "components": {
        "securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Orders": {
                "type": "object",
                "xml": {"name": "orders"},
                "properties": {
                    "total_entries": {"type": "integer", "xml": {"attribute": True}},
                    "order": {"type": "array", "items": refer("Order")},
                },
            },
            "Order": {
                "type": "object",
                "xml": {"name": "order"},
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "integer"},
                    **(
                        parts := {
                            "name": {"type": "string", "minLength": 1, "maxLength": 40},
                            "brand": {"type": ["integer", "null"]},
                            "amount": {"type": ["number", "null"], "format": "decimal", "minimum": 0},
                            "share": {"type": "number"},
                            "urgent": {"type": "boolean"},
                            "period": {"type": ["integer", "string"]},
                            "contact": {"oneOf": [refer("Contact"), {"type": "null"}]},
                            "contacts": {
                                "type": ["array", "null"],
                                "xml": {"wrapped": True},
                                "items": refer("Contact"),
                            },
                            "tag": {"type": "array", "items": {"type": "string"}},
                        }
                    ),
                },
            },
            "NewOrder": {
                "type": "object",
                "xml": {"name": "order"},
                "required": ["name"],
                "properties": parts,
            },
            "Contact": {
                "type": "object",
                "xml": {"name": "person"},
                "properties": {
                    "id": {"type": "integer", "xml": {"attribute": True}},
                    "full_name": {"type": "string", "xml": {"name": "name"}},
                },
            },
        },
    },
    "paths": {
        "/auth/token": {
            "post": {
                "operationId": "auth_token",
                "x-adflight": {**FLAT, "quota": "auth"},
                "security": [],
                "requestBody": body(
                    "application/x-www-form-urlencoded",
                    {"type": "object", "required": ["grant_type", "username", "password"]},
                ),
                "responses": answers(JSON, {"type": "object"}),
            }
        },
        "/auth/token/info": {
            "get": {
                "operationId": "auth_token_info",
                "x-adflight": {**FLAT, "quota": "auth"},
                "responses": answers(JSON, {"type": "object"}),
            }
        },
        "/v3/orders.xml": {
            "get": {
                "operationId": "orders_list",
                "x-adflight": {**FLAT, "live_path": "/services/v3/orders"},
                "responses": answers(XML, refer("Orders")),
            },
            "post": {
                "operationId": "orders_create",
                "x-adflight": {**FLAT, "live_path": "/services/v3/order"},
                "requestBody": body(XML, refer("NewOrder")),
                "responses": answers(XML, refer("Order"), "201"),
            },
        },
        "/v3/orders/{order_id}.xml": {
            "parameters": [ORDER_ID],
            "get": {
                "operationId": "orders_get",
                "x-adflight": {**FLAT, "live_path": "/services/v3/orders/{order_id}"},
                "responses": answers(XML, refer("Order")),
            },
            "delete": {
                "operationId": "orders_delete",
                "x-adflight": {**FLAT, "live_path": "/services/v3/order/{order_id}"},
                "responses": answers(None),
            },
        },
    },
}

CONSTANTS = {"source": "a test", "repeat": "create", "envelope": "acknowledged"}
CAMPAIGN_ID = {"name": "campaignId", "in": "query", "required": True, "schema": {"type": "integer"}}
DATA = {"name": "data", "in": "query", "x-adflight-unused": True, "schema": {"type": "string"}}
NUMBERED = {"type": "object", "properties": {"campaignId": {"type": "integer"}}}


def campaign(required: list[str]) -> dict[str, Any]:
    properties = {"name": {"type": "string"}, "channels": {"type": "array", "items": {"type": "integer"}}}
    return {"type": "object", "required": required, "properties": properties}


ACTIONS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Actions", "version": "1"},
    "security": [{"organizationId": [], "organizationToken": [], "userId": []}],
    "components": {
        "securitySchemes": {
            name: {"type": "apiKey", "in": "query", "name": wire}
            for name, wire in (("organizationId", "organizationId"), ("organizationToken", "token"), ("userId",) * 2)
        }
    },
    "paths": {
        "/api/campaign/save/video/create": {
            "post": {
                "operationId": "campaigns_create_video",
                "x-adflight": {**CONSTANTS, "wire_path": "/api/campaign", "query": {"action": "save", "type": "video"}},
                "parameters": [DATA],
                "requestBody": body(JSON, campaign(["name"]), {"name": "A"}),
                "responses": answers(JSON, NUMBERED),
            }
        },
        "/api/campaign/save/video/update": {
            "post": {
                "operationId": "campaigns_update_video",
                "x-adflight": {**CONSTANTS, "wire_path": "/api/campaign", "query": {"action": "save", "type": "video"}},
                "parameters": [CAMPAIGN_ID, DATA],
                "requestBody": body(JSON, campaign([])),
                "responses": answers(JSON, NUMBERED),
            }
        },
        "/api/campaign/caps": {
            "post": {
                "operationId": "caps_set",
                "x-adflight": {**CONSTANTS, "wire_path": "/api/campaign/v5", "query": {"action": "caps"}},
                "parameters": [CAMPAIGN_ID],
                "requestBody": body(JSON, {"type": "array", "items": campaign([])}),
                "responses": answers(JSON, {}),
            }
        },
        "/api/campaign/active": {
            "get": {
                "operationId": "campaigns_list_active",
                "x-adflight": {**CONSTANTS, "wire_path": "/api/campaign/v5", "query": {"action": "active"}},
                "security": [{"organizationId": []}],
                "responses": answers(JSON, {}),
            }
        },
    },
}


def _find(call: Call, kind: str, number: int) -> Row:
    row = call.store.get(kind, number)
    if row is None or row["owner"] != call.workspace:
        raise Refused(422, f"There is no {kind} <{number}>", field="id")
    return row


def _create_order(call: Call) -> Answer:
    order = {**call.body, "id": call.store.next_id("order"), "owner": call.workspace}
    call.store.put("order", order["id"], order)
    return Answer(_shown(order))


def _list_orders(call: Call) -> Row:
    found = [_shown(row) for row in call.store.all("order") if row["owner"] == call.workspace]
    return {"total_entries": len(found), "order": found}


def _get_order(call: Call) -> Row:
    return _shown(_find(call, "order", call.path["order_id"]))


def _delete_order(call: Call) -> None:
    call.store.delete("order", _find(call, "order", call.path["order_id"])["id"])


def _shown(order: Row) -> Row:
    # from a file, an amount comes back as its text
    amount = order.get("amount")
    shown = {key: value for key, value in order.items() if key != "owner"}
    return shown if amount is None else {**shown, "amount": Decimal(amount)}


def _create_campaign(call: Call) -> Row:
    number = call.store.next_id("campaign", 71001)
    call.store.put("campaign", number, {**call.body, "id": number, "owner": call.workspace})
    return {"campaignId": number}


def _update_campaign(call: Call) -> Row:
    row = _find(call, "campaign", call.query["campaignId"])
    call.store.put("campaign", row["id"], {**row, **call.body})
    return {"campaignId": row["id"]}


def _set_caps(call: Call) -> None:
    row = _find(call, "campaign", call.query["campaignId"])
    call.store.put("campaign", row["id"], {**row, "caps": call.body})


def _list_active(call: Call) -> Answer:
    found = [row for row in call.store.all("campaign") if row["owner"] == call.workspace]
    return Answer({"campaigns": found}, bare=True)


ORDER_HANDLERS: dict[str, Handler] = {
    **AUTH,
    "orders_list": _list_orders,
    "orders_create": _create_order,
    "orders_get": _get_order,
    "orders_delete": _delete_order,
}
ACTION_HANDLERS: dict[str, Handler] = {
    "campaigns_create_video": _create_campaign,
    "campaigns_update_video": _update_campaign,
    "caps_set": _set_caps,
    "campaigns_list_active": _list_active,
}

VENDORS = (
    IQM,
    replace(FREEWHEEL, handlers=ORDER_HANDLERS, kinds=("order",), document=lambda options: ORDERS),
    replace(ICAREUS, handlers=ACTION_HANDLERS, kinds=("campaign",), document=lambda options: ACTIONS),
)


def small(**settings: Any) -> Sandbox:
    """A sandbox of the three, without quotas unless they are given."""
    none = {"quota": None, "freewheel_quota": None, "freewheel_auth_quota": None}
    return Sandbox(options=SandboxOptions(**{**none, **settings}), vendors=VENDORS)
