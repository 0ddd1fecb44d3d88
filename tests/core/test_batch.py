from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.batch import Done, Failed, Outcome, map_calls
from adflight.core.errors import InvalidInput


async def double(number: int) -> int:
    await asyncio.sleep(0)
    if number % 5 == 3:
        raise ValueError(number)
    return 2 * number


def numbers(end: int, error: BaseException | None = None) -> Iterator[int]:
    yield from range(end)
    if error is not None:
        raise error


async def slow_numbers(end: int, error: BaseException | None = None) -> AsyncGenerator[int, None]:
    for number in range(end):
        await asyncio.sleep(0)
        yield number
    if error is not None:
        raise error


def tasks() -> int:
    return len(asyncio.all_tasks())


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Gate:
    """Calls that wait until they are let through."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.cancelled: list[Any] = []
        self._open: dict[Any, asyncio.Event] = {}

    def let(self, item: Any) -> None:
        self._open.setdefault(item, asyncio.Event()).set()

    async def __call__(self, item: Any) -> Any:
        self.started.append(item)
        try:
            await self._open.setdefault(item, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return item


async def test_outcomes_bear_item_and_index() -> None:
    outcomes = [outcome async for outcome in map_calls(double, [1, 3], ordered=True)]
    first, second = outcomes
    assert first == Done(item=1, index=0, value=2)
    assert first.ok
    assert first.result() == 2
    assert isinstance(second, Failed)
    assert not second.ok
    assert (second.item, second.index) == (3, 1)
    with pytest.raises(ValueError, match="3"):
        second.result()


async def test_ok_tells_a_type_checker_which() -> None:
    values: list[int] = []
    errors: list[Exception] = []
    async for outcome in map_calls(double, range(5)):
        if outcome.ok:
            values.append(outcome.value)
        else:
            errors.append(outcome.error)
    assert (sorted(values), len(errors)) == ([0, 2, 4, 8], 1)


@pytest.mark.parametrize("concurrency", [0, -3])
def test_a_concurrency_below_one_is_refused_at_once(concurrency: int) -> None:
    with pytest.raises(InvalidInput, match="concurrency"):
        map_calls(double, [1], concurrency=concurrency)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("source", [numbers, slow_numbers])
async def test_no_items_no_outcomes(source: Callable[[int], Any], ordered: bool) -> None:
    assert [outcome async for outcome in map_calls(double, source(0), ordered=ordered)] == []
    assert tasks() == 1


@pytest.mark.parametrize("source", [numbers, slow_numbers])
@pytest.mark.parametrize("ordered", [False, True])
@given(end=st.integers(0, 30), concurrency=st.integers(1, 12), delays=st.lists(st.integers(0, 4), min_size=1))
async def test_every_item_is_called_once_within_the_bound(
    source: Callable[[int], Any], ordered: bool, end: int, concurrency: int, delays: list[int]
) -> None:
    running = 0
    most = 0
    called: list[int] = []

    async def call(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        called.append(number)
        await turns(delays[number % len(delays)])
        running -= 1
        return await double(number)

    outcomes = [o async for o in map_calls(call, source(end), concurrency=concurrency, ordered=ordered)]
    assert called == list(range(end))
    assert most <= concurrency
    assert all(outcome.index == outcome.item for outcome in outcomes)
    indexes = [outcome.index for outcome in outcomes]
    assert (indexes if ordered else sorted(indexes)) == list(range(end))
    assert [o.item for o in outcomes if not o.ok] == [i for i in indexes if i % 5 == 3]
    assert tasks() == 1


async def test_calls_run_side_by_side() -> None:
    gate = Gate()
    async with aclosing(map_calls(gate, count(), concurrency=7)) as outcomes:
        first = asyncio.ensure_future(anext(outcomes))
        await turns()
        assert gate.started == list(range(7))
        gate.let(4)
        assert (await first).item == 4


async def test_completion_order_and_input_order() -> None:
    for ordered, expected in ((False, [2, 0, 1]), (True, [0, 1, 2])):
        gate = Gate()
        seen: list[Any] = []

        async def read(gate: Gate = gate, seen: list[Any] = seen, ordered: bool = ordered) -> None:
            async for outcome in map_calls(gate, range(3), ordered=ordered):
                seen.append(outcome.item)

        reader = asyncio.create_task(read())
        for item in (2, 0, 1):
            await turns()
            gate.let(item)
        await reader
        assert seen == expected


@pytest.mark.parametrize("ordered", [False, True])
async def test_an_endless_iterable_is_taken_no_further_than_twice_the_concurrency(ordered: bool) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for number in count():
            taken += 1
            yield number

    read = 0
    async with aclosing(map_calls(double, endless(), concurrency=5, ordered=ordered)) as outcomes:
        async for _ in outcomes:
            read += 1
            await turns()
            assert taken - read <= 10
            if read == 100:
                break
    assert tasks() == 1


async def test_a_slow_first_call_holds_back_a_bounded_number() -> None:
    gate = Gate()
    for item in range(1, 100):
        gate.let(item)
    async with aclosing(map_calls(gate, count(), concurrency=3, ordered=True)) as outcomes:
        first = asyncio.ensure_future(anext(outcomes))
        await turns(30)
        assert gate.started == list(range(6))
        gate.let(0)
        assert (await first).item == 0


async def test_outcomes_that_were_read_are_not_kept() -> None:
    class Item:
        pass

    seen: list[weakref.ref[Item]] = []

    async def fail(item: Item) -> None:
        raise ValueError(item)

    items = (Item() for _ in range(200))
    async for outcome in map_calls(fail, items, concurrency=2):
        seen.append(weakref.ref(outcome.item))
        if len(seen) == 150:
            del outcome
            gc.collect()
            assert sum(reference() is not None for reference in seen) <= 4


# When something else goes wrong


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("source", [numbers, slow_numbers])
async def test_an_error_of_the_items_comes_after_the_outcomes_before_it(
    source: Callable[[int, Exception], Any], ordered: bool
) -> None:
    seen = []
    with pytest.raises(LookupError, match="no more"):
        async for outcome in map_calls(double, source(7, LookupError("no more")), concurrency=3, ordered=ordered):
            seen.append(outcome.index)
    assert sorted(seen) == list(range(7))
    assert tasks() == 1


async def test_items_that_cannot_be_iterated_are_an_error() -> None:
    items: Any = 7
    with pytest.raises(TypeError, match="not iterable"):
        await anext(map_calls(double, items))


async def test_a_call_that_raises_before_it_can_be_awaited_has_failed() -> None:
    def call(number: int) -> Any:
        raise StopIteration(number)

    (outcome,) = [outcome async for outcome in map_calls(call, [1])]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, StopIteration)


class Abort(BaseException):
    """Not an `Exception`, and not one that the event loop handles itself."""


@pytest.mark.parametrize("error", [asyncio.CancelledError, Abort])
async def test_what_is_no_exception_ends_everything(error: type[BaseException]) -> None:
    gate = Gate()

    async def call(number: int) -> int:
        if number == 2:
            raise error
        await gate(number)
        return number

    with pytest.raises(error):
        await anext(map_calls(call, count(), concurrency=4))
    assert sorted(gate.cancelled) == [0, 1, 3]
    assert tasks() == 1


@pytest.mark.parametrize("source", [numbers, slow_numbers])
async def test_items_that_raise_no_exception_end_everything(source: Callable[[int, BaseException], Any]) -> None:
    gate = Gate()
    with pytest.raises(Abort):
        await anext(map_calls(gate, source(2, Abort())))
    assert sorted(gate.cancelled) == gate.started
    assert tasks() == 1


# Leaving


async def test_closing_cancels_the_calls_and_waits_for_them() -> None:
    cleaned: list[int] = []

    async def call(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 0 else 3600)
        finally:
            await turns(3)
            cleaned.append(number)
        return number

    async with aclosing(map_calls(call, count(), concurrency=4)) as outcomes:
        async for _ in outcomes:
            break
    assert sorted(cleaned) == [0, 1, 2, 3, 4]
    assert tasks() == 1


async def test_breaking_out_leaves_no_task_after_a_moment() -> None:
    async for _ in map_calls(double, count()):
        break
    await turns()
    assert tasks() == 1


async def test_closing_before_the_first_item_takes_none() -> None:
    items = numbers(3)
    await map_calls(double, items).aclose()
    assert list(items) == [0, 1, 2]


async def test_cancelling_the_reader_cancels_the_calls() -> None:
    gate = Gate()

    async def read() -> None:
        async for _ in map_calls(gate, count(), concurrency=3):
            pass

    reader = asyncio.create_task(read())
    await turns()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert sorted(gate.cancelled) == [0, 1, 2]
    assert tasks() == 1


async def test_cancelling_twice_still_waits_for_the_calls() -> None:
    cancellations = 0
    finished = False

    async def stubborn(number: int) -> int:
        nonlocal cancellations, finished
        while cancellations < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancellations += 1
        finished = True
        return number

    async def read() -> list[Outcome[int, int]]:
        return [outcome async for outcome in map_calls(stubborn, count(), concurrency=1)]

    reader = asyncio.create_task(read())
    await turns()
    reader.cancel()
    await turns()
    assert not reader.done()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert finished
    assert tasks() == 1


@pytest.mark.parametrize("answer", ["error", "value"])
async def test_a_call_that_answers_its_cancellation_leads_to_no_other_call(answer: str) -> None:
    started: list[int] = []

    async def call(number: int) -> int:
        started.append(number)
        try:
            await asyncio.sleep(0 if number == 0 else 3600)
        except asyncio.CancelledError:
            if answer == "error":
                raise ValueError(number) from None
        return number

    async with aclosing(map_calls(call, count(), concurrency=2)) as outcomes:
        await anext(outcomes)
        await turns()
        before = list(started)
    assert started == before
    assert tasks() == 1


async def test_items_that_answer_the_cancellation_with_an_item_lead_to_no_call() -> None:
    class Stubborn:
        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return 1
            raise StopAsyncIteration

    gate = Gate()
    reader = asyncio.ensure_future(anext(map_calls(gate, Stubborn())))
    await turns()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert gate.started == []
    assert tasks() == 1


async def test_closes_the_iterator_that_it_opened_and_no_other() -> None:
    closed: list[str] = []

    class Source:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __aiter__(self) -> AsyncGenerator[int, None]:
            try:
                for number in count():
                    yield number
            finally:
                closed.append(self.name)

    theirs = aiter(Source("theirs"))
    for items in (Source("ours"), theirs):
        async with aclosing(map_calls(double, items, concurrency=1)) as outcomes:
            async for outcome in outcomes:
                if outcome.index == 2:
                    await turns(2)
                    break
    assert closed == ["ours"]
    await theirs.aclose()
    assert closed == ["ours", "theirs"]
