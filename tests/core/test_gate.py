from __future__ import annotations

import asyncio

import pytest

from adflight.core.gate import Gate


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_lets_so_many_in_and_the_others_in_the_order_of_asking() -> None:
    gate = Gate(2)
    inside: list[int] = []

    async def visit(number: int) -> None:
        await gate.enter()
        inside.append(number)

    visitors = [asyncio.create_task(visit(number)) for number in range(5)]
    await settle()
    assert inside == [0, 1]
    assert not gate.enter_nowait()

    gate.leave()
    assert not gate.enter_nowait(), "the place belongs to the one who waited"
    await settle()
    assert inside == [0, 1, 2]
    gate.leave()
    gate.leave()
    await asyncio.gather(*visitors)
    assert inside == [0, 1, 2, 3, 4]
    assert not gate.enter_nowait()
    gate.leave()
    assert gate.enter_nowait()


@pytest.mark.parametrize("handed", [False, True], ids=["while it waits", "in the moment in which it gets its place"])
async def test_who_is_cancelled_takes_no_place(handed: bool) -> None:
    gate = Gate(1)
    assert gate.enter_nowait()
    cancelled, next_one = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await settle()

    if handed:
        gate.leave()
    cancelled.cancel()
    if not handed:
        gate.leave()
    await settle()

    assert cancelled.cancelled()
    assert next_one.done()
    assert not gate.enter_nowait()
    gate.leave()
    assert gate.enter_nowait()
