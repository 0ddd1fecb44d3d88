"""A plan for machines. Pure; imports the contract's types.

    {
      "plan": 1,                                    the version: within one, fields are only added
      "vendor": "iqm", "label": "flights.csv",
      "read_at": "2026-11-24T22:28:34+00:00",
      "refresh": "lists",
      "totals": {
        "insertion_order": {"create": 1, "change": 0, "unchanged": 9, "refused": 0},
        "campaign": {"create": 20, "change": 1, "unchanged": 179, "refused": 0},
        "adopted": 0, "drafts": 0,
        "committed": "21000.00", "released": "0",   money is text, in the account's currency
        "writes": {"campaigns.create": 20, ...}, "reads": {...},
        "seconds": 60.0,                            what the quota makes of the writes, from an empty window
        "in_doubt": {"campaign": 1},                may have been created already, so that money and writes are without
        "committed_in_doubt": "1000.00"             what that would commit
      },
      "open_intents": 0,
      "items": [                                    all that are not unchanged
        {"kind": "campaign", "key": "a", "row": 2, "name": "Spring", "parent": "spring", "verdict": "change",
         "id": 537599, "adopted": false, "draft": false, "reason": "", "committed": "10.00",
         "changes": [{"column": "budget_total", "old": "990.00", "new": "1000.00"}]}
      ],
      "leftovers": [{"kind", "key", "id", "name", "status", "budget", "file"}],
      "warnings": [{"row", "column", "value", "expected"}]
    }

Times are ISO 8601, lists are lists, null is null; what is not known is missing: a change without `old` is one whose old
value neither the vendor's lists nor the journal tell. Adopted items are in it even when nothing of them changes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from adflight.core.redaction import SECRET_NAMES, redact_url
from adflight.flights.items import UNSEEN, Change, Item, Totals, Verdict
from adflight.flights.values import CLEAR

if TYPE_CHECKING:
    from adflight.flights.planning import Plan

VERSION: Final = 1


def plan_json(plan: Plan) -> dict[str, Any]:
    """The whole plan."""
    return {
        "plan": VERSION,
        "vendor": plan.flights.columns.vendor,
        "service": redact_url(plan.platform.base_url, SECRET_NAMES),
        "account": plan.platform.account,
        "label": plan.label,
        "read_at": plan.read_at.isoformat(),
        "refresh": plan.refresh,
        "totals": totals_json(plan.totals),
        "open_intents": plan.open_intents,
        "items": [item_json(item) for item in plan.items if item.verdict is not Verdict.UNCHANGED or item.is_adopted],
        "leftovers": [plain(asdict(leftover)) for leftover in plan.leftovers],
        "warnings": [asdict(warning) for warning in plan.warnings],
    }


def totals_json(totals: Totals) -> dict[str, Any]:
    """The totals, with the counts by kind beside them."""
    rest: dict[str, Any] = plain(asdict(totals))
    return {**rest.pop("verdicts"), **rest}


def item_json(item: Item) -> dict[str, Any]:
    """One item."""
    return {
        "kind": item.kind,
        "key": item.key,
        "row": item.row,
        "name": item.name,
        "parent": item.parent,
        "verdict": item.verdict.value,
        "id": item.id,
        "adopted": item.is_adopted,
        "draft": item.is_draft,
        "reason": item.reason,
        "committed": f"{item.committed:f}",
        "changes": [_change(change) for change in item.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    old = {} if change.old is UNSEEN else {"old": plain(change.old)}
    return {"column": change.column, **old, "new": plain(change.new)}


def plain(value: Any) -> Any:
    """A value as JSON."""
    if value is CLEAR:
        return None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else value
