from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.flights.items import UNSEEN, Change, Item, Verdict
from adflight.flights.moving import moved
from adflight.flights.planning import Plan, plan
from adflight.flights.values import CLEAR
from tests.flights.fake_platform import FakePlatform, row


def item(verdict: Verdict = Verdict.UNCHANGED, *changes: tuple[str, Any, Any], **more: Any) -> Item:
    fields: dict[str, Any] = {"kind": "campaign", "key": "a", "row": 1, "name": "Spring", "parent": "Spring"}
    id_ = {} if verdict is Verdict.CREATE else {"id": 7}
    return Item(**{**fields, **id_, **more}, verdict=verdict, changes=tuple(Change(*change) for change in changes))


UNCHANGED, CREATE = item(), item(Verdict.CREATE)
RAISED = item(Verdict.CHANGE, ("budget_total", Decimal(1), Decimal(2)))
REFUSED = item(Verdict.REFUSED, reason="no")
ADOPTED = item(is_adopted=True)


@pytest.fixture
async def planned() -> Plan:
    with await plan([row("a")], FakePlatform(), directory=Path("/nonexistent")) as planned:
        return planned


def said(planned: Plan, old: Item, new: Item) -> list[str]:
    return moved(evolve(planned, items=[old]), evolve(planned, items=[new]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (UNCHANGED, UNCHANGED),
        (CREATE, CREATE),
        (RAISED, RAISED),
        # done since, as the journal knows
        (CREATE, UNCHANGED),
        (RAISED, UNCHANGED),
        (ADOPTED, UNCHANGED),
        # done in part
        (item(Verdict.CHANGE, ("max_bid", 1, 2), ("budget_total", 1, 2)), item(Verdict.CHANGE, ("max_bid", 1, 2))),
        (CREATE, item(Verdict.CHANGE, ("app_url", UNSEEN, "x"))),
        # nobody can tell any more, or only now
        (RAISED, item(Verdict.CHANGE, ("budget_total", UNSEEN, Decimal(2)))),
        (item(Verdict.CHANGE, ("budget_total", UNSEEN, Decimal(2))), RAISED),
        (REFUSED, REFUSED),
        (REFUSED, UNCHANGED),
        (REFUSED, item(Verdict.REFUSED, reason="another reason")),
        (ADOPTED, ADOPTED),
    ],
)
def test_the_same_or_less_is_no_difference(planned: Plan, old: Item, new: Item) -> None:
    assert said(planned, old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        (UNCHANGED, RAISED, "campaign 'a', budget_total: was as the file says, is 1, and the file says 2"),
        (
            RAISED,
            item(Verdict.CHANGE, ("budget_total", Decimal("1.5"), Decimal(2))),
            "campaign 'a', budget_total: was 1, is 1.5",
        ),
        (
            RAISED,
            item(Verdict.CHANGE, ("end_time", None, "x")),
            "campaign 'a', end_time: was as the file says, is null, and the file says 'x'",
        ),
        (
            UNCHANGED,
            item(Verdict.CHANGE, ("app_url", UNSEEN, CLEAR)),
            "campaign 'a', app_url: was as the file says, is not known, and the file says null",
        ),
        (
            CREATE,
            item(Verdict.CHANGE, ("max_bid", 3, 2)),
            "campaign 'a', max_bid: was to be created, is 3, and the file says 2",
        ),
        (CREATE, ADOPTED, "campaign 'a': did not exist, is 7, which bears its name"),
        (UNCHANGED, item(id=8, is_adopted=True), "campaign 'a': was 7, is 8, which bears its name"),
        (ADOPTED, item(id=8, is_adopted=True), "campaign 'a': was 7, is 8"),
        (UNCHANGED, CREATE, "campaign 'a': was 7, is none"),
        (RAISED, REFUSED, "campaign 'a': was to be changed, is refused: no"),
        (CREATE, REFUSED, "campaign 'a': was to be created, is refused: no"),
        (UNCHANGED, REFUSED, "campaign 'a': was unchanged, is refused: no"),
        (REFUSED, CREATE, "campaign 'a': was refused (no), is to be created"),
        (REFUSED, RAISED, "campaign 'a': was refused (no), is to be changed"),
        (REFUSED, ADOPTED, "campaign 'a': was refused (no), is 7, which bears its name"),
        (
            evolve(RAISED, kind="insertion_order"),
            evolve(RAISED, kind="insertion_order", is_draft=True),
            "insertion order 'a': was no draft, is one that the change would submit",
        ),
    ],
)
def test_everything_else_is_named(planned: Plan, old: Item, new: Item, difference: str) -> None:
    assert said(planned, old, new) == [difference]
