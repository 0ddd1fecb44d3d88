"""The type checker refuses what the document does, so that no test run is needed to find it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from mypy import api

PROLOGUE: Final = """
from decimal import Decimal

from adflight import FreeWheel
from adflight.types.freewheel import (
    BudgetModel,
    CurrencyTargetBudget,
    Delivery,
    Ensured,
    FrequencyCap,
    ImpressionTargetBudget,
    InsertionOrder,
    ScheduleSettings,
    UserAssignment,
)


async def snippet(freewheel: FreeWheel, order: InsertionOrder) -> None:
    orders = freewheel.insertion_orders
"""

ALLOWED: Final = [
    "await orders.create(name='a', campaign_id=1, budget=CurrencyTargetBudget(currency=Decimal('1.5')))",
    "await orders.create(name='a', campaign_id=1, currency='EUR', budget=ImpressionTargetBudget(impression=1))",
    "await orders.update(7, primary_sales_person='Ada', assignments=[UserAssignment(user_id=1)])",
    "await orders.update(7, delivery=Delivery(frequency_cap=[FrequencyCap(value=1, type_='PACKAGE', period=60)]))",
    "ensured: Ensured = await orders.ensure(campaign_id=1, external_id='a', name='b', brand_id=3)",
    "assert order.budget and order.budget.budget_model is BudgetModel.EVERGREEN",
]
REFUSED: Final = {
    "EVERGREEN is only read": "ImpressionTargetBudget(budget_model='EVERGREEN', impression=1)",
    "EVERGREEN is no budget": "await orders.update(7, budget=BudgetModel.EVERGREEN)",
    "money for impressions": "ImpressionTargetBudget(impression=1, currency=5)",
    "impressions for money": "CurrencyTargetBudget(currency=1, impression=5)",
    "a goal is a must": "ImpressionTargetBudget()",
    "a currency is fixed": "await orders.update(7, currency='EUR')",
    "a trafficker is fixed": "await orders.update(7, primary_trafficker='Ada')",
    "a campaign is fixed": "await orders.update(7, campaign_id=1)",
    "an id is the service's": "await orders.create(name='a', campaign_id=1, id=7)",
    "a stage is the service's": "await orders.create(name='a', campaign_id=1, stage='BOOKED')",
    "a campaign is a must": "await orders.create(name='a')",
    "an external id is a must": "await orders.ensure(campaign_id=1, name='a')",
    "an external id is a text": "await orders.ensure(campaign_id=1, external_id=None, name='a')",
    "an id cannot be ensured": "await orders.ensure(campaign_id=1, external_id='a', name='b', id=7)",
    "a budget that was read": "await orders.update(7, budget=order.budget)",
    "a schedule that was read": "assert order.schedule; await orders.update(7, schedule=order.schedule)",
    "users that were read": "assert order.assignments; await orders.update(7, assignments=order.assignments)",
    "an order that was read": "await orders.update(order)",
    "a name of a user is ignored": "UserAssignment(user_id=1, user_full_name='Ada')",
    "a schedule has a zone": "ScheduleSettings(start_time='2026-09-01T00:00')",
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What mypy says of every line; one run for all, since starting is what takes the time."""
    folder = tmp_path_factory.mktemp("snippets")
    script = folder / "snippets.py"
    script.write_text(PROLOGUE + "".join(f"    {line}\n" for line in [*ALLOWED, *REFUSED.values()]))
    configuration = folder / "mypy.ini"
    configuration.write_text("[mypy]\nstrict = True\nfollow_imports = silent\n")
    cache = Path(__file__).parents[2] / ".mypy_cache" / "snippets"
    report, problems, _ = api.run([f"--config-file={configuration}", f"--cache-dir={cache}", str(script)])
    assert problems == ""
    found: dict[int, str] = {}
    for line in report.splitlines():
        place, mark, text = line.partition(": error: ")
        if mark:
            found.setdefault(int(place.rpartition(":")[2]), text)
    return found


def test_what_is_allowed(errors: dict[int, str]) -> None:
    first = PROLOGUE.count("\n") + 1
    assert {line: text for line, text in errors.items() if line < first + len(ALLOWED)} == {}


@pytest.mark.parametrize("place", range(len(REFUSED)), ids=list(REFUSED))
def test_what_is_refused(errors: dict[int, str], place: int) -> None:
    line = PROLOGUE.count("\n") + 1 + len(ALLOWED) + place
    text = errors.get(line, "nothing")
    assert text.startswith(("Argument", "Unexpected keyword", "Missing named argument", "No overload")), text
