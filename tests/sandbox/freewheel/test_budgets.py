from __future__ import annotations

import pytest

from tests.sandbox.freewheel.caller import Answer, Caller, currency, impressions


async def transfer(caller: Caller, source: int, target: int, amount: str) -> Answer:
    body = (
        f"<budget_transfer><from_insertion_order_id>{source}</from_insertion_order_id>"
        f"<amount>{amount}</amount></budget_transfer>"
    )
    return await caller.send("PUT", f"/v3/insertion_orders/{target}/transfer_budget.xml", body)


async def test_money_moves_exactly_and_never_below_zero(caller: Caller) -> None:
    source = await caller.create(xml=currency("0.30"))
    target = await caller.create(xml=currency("12345678901234.10"))
    for expected in ("12345678901234.20", "12345678901234.30", "12345678901234.40"):
        answer = await transfer(caller, source, target, "0.1")
        assert (answer.status, answer.text("budget/currency")) == (200, expected)
    assert (await caller.get(source)).text("budget/currency") == "0.00"
    assert (await transfer(caller, source, target, "0.01")).status == 422
    assert (await caller.get(target)).text("budget/currency") == "12345678901234.40"


async def test_impressions_move_in_whole_numbers(caller: Caller) -> None:
    source, target = await caller.create(xml=impressions("10")), await caller.create(xml=impressions("1"))
    assert (await transfer(caller, source, target, "4")).text("budget/impression") == "5"
    assert (await caller.get(source)).text("budget/impression") == "6"
    assert (await transfer(caller, source, target, "0.5")).status == 422


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (currency("5"), impressions("5")),
        (currency("5"), "<currency>EUR</currency>" + currency("5")),
        (currency("5"), ""),
        ("", ""),
    ],
)
async def test_only_between_budgets_that_count_the_same(caller: Caller, source: str, target: str) -> None:
    giving, taking = await caller.create(xml=source), await caller.create(xml=target)
    answer = await transfer(caller, giving, taking, "1")
    assert answer.status == 422
    assert answer.root.tag == "errors"


async def test_only_between_two_that_exist(caller: Caller) -> None:
    order = await caller.create(xml=currency("5"))
    assert (await transfer(caller, order, order, "1")).status == 422
    assert (await transfer(caller, 7, order, "1")).status == 422
    assert (await transfer(caller, order, 7, "1")).status == 404
    assert (await transfer(caller, order, order, "0")).status == 422
