"""What is sent and answered, from the specification's own samples, and the client that sends it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from adflight import IQM, Quota, Transport
from adflight_api.iqm.api.auth import auth_login
from adflight_api.iqm.api.insertion_orders import (
    insertion_orders_create,
    insertion_orders_list,
    insertion_orders_list_campaign_reports,
)
from adflight_api.iqm.models import BudgetDistributionMethod, BudgetType
from adflight_api.runtime import Operation

TOKEN: Final = "3f0c2f5e-8d1b-4a57-9a5e-6c1b0d9e7a11"
OW_ID: Final = 200001

CREATE_PATH: Final = insertion_orders_create.OPERATION.path

_START: Final = datetime(2023, 8, 1, 13, 55, 48, tzinfo=UTC)
_END: Final = datetime(2023, 8, 1, 14, 8, 8, tzinfo=UTC)

# amounts and rates that a running campaign has; in the documents' sample nothing runs yet
_FIGURES: Final = [
    "winRate",
    "budgetSpent",
    "dataCost",
    "mediaSpent",
    "spent",
    "workspaceSpent",
    "platformSpent",
    "customerSpent",
    "eCPC",
    "eCPM",
    "eCPCV",
    "percentageOfTotalSpent",
    "pacingPercentage",
    "actualSpent",
    "expectedSpent",
    "expectedDailySpent",
    "actualDailySpent",
    "CTR",
    "VCR",
]
_COUNTS: Final = [
    "clicks",
    "impressions",
    "bidImpressions",
    "startCount",
    "firstCount",
    "midCount",
    "thirdCount",
    "completeCount",
]


def client(base_url: str, *, quota: Quota | None = None, transport: Transport | None = None) -> IQM:
    """The client that users have, on a server of ours."""
    return IQM(
        client_id="bench",
        client_secret="secret",
        email="ada@example.com",
        password="password",
        base_url=base_url,
        quota=quota,
        transport=transport,
    )


async def create(iqm: IQM, name: str = "Order 1") -> int:
    """Creates the documented insertion order; its id."""
    order = await iqm.insertion_orders.create(
        io_name=name,
        io_start_time=_START,
        io_end_time=_END,
        io_total_budget=1000,
        io_timezone_id=29,
        is_auto_sum_io_total_budget=False,
        io_budget_type_id=BudgetType.BUDGET,
        io_budget_distribution_method_id=BudgetDistributionMethod.MANUAL,
    )
    return order.io_id


def answers() -> dict[str, str]:
    """What the server says to the log-in and to a create."""
    return {
        f"POST {auth_login.OPERATION.path}": json.dumps(_sample(auth_login.OPERATION, "documented")),
        f"POST {CREATE_PATH}": json.dumps(_sample(insertion_orders_create.OPERATION, "quickstart")),
    }


def rows() -> tuple[str, str, str, str]:
    """How the server makes pages of insertion orders; see `server.Server`."""
    row = {**_sample(insertion_orders_create.OPERATION, "quickstart")["data"], "ioId": -1, "owId": OW_ID}
    page = {"success": True, "data": {"totalRecords": 1_000_000, "filteredRecords": -1, "ioBasicDetailsList": []}}
    before, _, after = json.dumps(page).replace("-1", "%d").partition("[]")
    return (
        f"POST {insertion_orders_list.OPERATION.path}",
        f"{before}[",
        json.dumps(row).replace("-1", "%d"),
        f"]{after}",
    )


def campaign_reports(count: int) -> bytes:
    """An answer with so many of the widest rows there are: the documented one, with figures in it."""
    chance = random.Random(0)
    answer = _sample(insertion_orders_list_campaign_reports.OPERATION, "documented")
    row = answer["data"]["recordsList"][0]
    answer["data"]["recordsList"] = [
        {
            **row,
            "campaignId": row["campaignId"] + number,
            "campaignName": f"{row['campaignName']} {number}",
            **{name: round(chance.uniform(0, 5000), 2) for name in _FIGURES},
            **{name: chance.randrange(1_000_000) for name in _COUNTS},
        }
        for number in range(count)
    ]
    return json.dumps(answer).encode()


def _sample(operation: Operation, name: str) -> Any:
    described = _specification()["paths"][operation.path][operation.method.lower()]
    # through JSON, because callers change it
    return json.loads(
        json.dumps(described["responses"]["200"]["content"]["application/json"]["examples"][name]["value"])
    )


@cache
def _specification() -> dict[str, Any]:
    text = resources.files("adflight_api.iqm").joinpath("openapi.json").read_text(encoding="utf-8")
    specification: dict[str, Any] = json.loads(text)
    return specification
