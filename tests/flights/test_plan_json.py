from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from adflight import Quota
from adflight.flights.items import UNSEEN, Change, Leftover
from adflight.flights.plan_json import plain
from adflight.flights.planning import plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.values import CLEAR
from tests.flights.fake_platform import END, FLIGHT_FIELDS, ORDER_FIELDS, START, FakePlatform, row


async def test_a_plan_for_machines_is_json_that_says_everything(tmp_path: Path) -> None:
    platform = FakePlatform(quota=Quota(1, 60.0))
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS)
    there = platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS, end_time=END)
    changed = row("a", budget_total="900.50", end_time=CLEAR, creative_ids=(1, 2))
    rows = [changed, row("b", "Summer", max_bid=None), row("c", "Summer")]
    with await plan(rows, platform, directory=tmp_path, label="flights.csv") as planned:
        planned.items[2].changes += (Change("app_url", UNSEEN, "https://app.example.com"),)
        planned.leftovers = (
            Leftover(kind=CAMPAIGN, key="x", id=9, name="x", status="running", budget=Decimal("10.0")),
        )
        said = planned.to_json()
    assert json.loads(json.dumps(said)) == said
    assert said == {
        "plan": 1,
        "vendor": "iqm",
        "service": platform.base_url,
        "account": platform.account,
        "label": "flights.csv",
        "read_at": "2023-11-14T22:13:20+00:00",
        "refresh": "lists",
        "totals": {
            "insertion_order": {"create": 1, "change": 0, "unchanged": 1, "refused": 0},
            "campaign": {"create": 1, "change": 1, "unchanged": 0, "refused": 1},
            "adopted": 2,
            "drafts": 0,
            "committed": "1000",
            "released": "99.5",
            "writes": {"insertion_orders.create": 1, "campaigns.change": 1, "campaigns.create": 1},
            "reads": {"insertion_orders.list_basic": 1},
            "seconds": 120.0,
            "in_doubt": {},
            "committed_in_doubt": "0",
        },
        "open_intents": 0,
        "items": [
            {
                "kind": "insertion_order",
                "key": "Spring",
                "row": 1,
                "name": "Spring",
                "parent": None,
                "verdict": "unchanged",
                "id": spring,
                "adopted": True,
                "draft": False,
                "reason": "",
                "committed": "0",
                "changes": [],
            },
            {
                "kind": "insertion_order",
                "key": "Summer",
                "row": 2,
                "name": "Summer",
                "parent": None,
                "verdict": "create",
                "id": None,
                "adopted": False,
                "draft": False,
                "reason": "",
                "committed": "0",
                "changes": [],
            },
            {
                "kind": "campaign",
                "key": "a",
                "row": 1,
                "name": "Flight a",
                "parent": "Spring",
                "verdict": "change",
                "id": there,
                "adopted": True,
                "draft": False,
                "reason": "",
                "committed": "-99.5",
                "changes": [
                    {"column": "creative_ids", "old": [676384], "new": [1, 2]},
                    {"column": "budget_total", "old": "1000", "new": "900.5"},
                    {"column": "end_time", "old": END.isoformat(), "new": None},
                    {"column": "app_url", "new": "https://app.example.com"},
                ],
            },
            {
                "kind": "campaign",
                "key": "b",
                "row": 2,
                "name": "Flight b",
                "parent": "Summer",
                "verdict": "refused",
                "id": None,
                "adopted": False,
                "draft": False,
                "reason": "it does not exist yet, and a new one needs max_bid",
                "committed": "0",
                "changes": [],
            },
            {
                "kind": "campaign",
                "key": "c",
                "row": 3,
                "name": "Flight c",
                "parent": "Summer",
                "verdict": "create",
                "id": None,
                "adopted": False,
                "draft": False,
                "reason": "",
                "committed": "1000",
                "changes": [],
            },
        ],
        "leftovers": [
            {"kind": "campaign", "key": "x", "id": 9, "name": "x", "status": "running", "budget": "10.0", "file": ""}
        ],
        "warnings": [],
    }


def test_values_are_plain() -> None:
    assert plain({"a": (Decimal("1E+3"), START), "b": [CLEAR, None, True, 2.5]}) == {
        "a": ["1000", START.isoformat()],
        "b": [None, None, True, 2.5],
    }
