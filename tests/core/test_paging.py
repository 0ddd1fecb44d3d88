from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.errors import InvalidInput, PagingError
from adflight.core.paging import ListPager
from adflight_api.runtime import UNSET, Operation, Page, Pager, Paging, Request, Unset

OPERATION = Operation(id="rows.list", method="POST", path="/rows", source="-", repeat="read", envelope=None)


@frozen
class Row:
    id: Any


@frozen
class Data:
    rows: Any
    total: Any


@frozen
class Answer:
    data: Data | Unset


Rows: TypeAlias = Paging[Answer, Row]


def paging(**changes: Any) -> Rows:
    settings: dict[str, Any] = {
        "rows": lambda answer: answer.data.rows,
        "total": lambda answer: answer.data.total,
        "key": lambda row: row.id,
        "page": "pageNo",
        "size": "limit",
        "offset": "offset",
        "max_size": 4,
        "sort": "sortBy",
        "ascending": "+id",
    }
    return Paging(**{**settings, **changes})


PAGED = paging()
BY_OFFSET = paging(page=None)
UNCOUNTED = paging(total=None)
UNPAGED = paging(total=None, page=None, size=None, offset=None)


def sent(paging: Rows, request: Request) -> dict[str, Any]:
    return dict((request.query if paging.location == "query" else request.body) or {})


@frozen
class Service:
    """A list that is served by page or offset; what it was asked for is in `requests`."""

    ids: list[Any]
    paging: Rows = PAGED
    default_size: int = 3
    largest: int = 1000
    total: Callable[[int, int], Any] = lambda count, request: count
    """What is reported, from the true count and the number of the request."""
    change: Callable[[list[Any], int], None] = lambda ids, request: None
    """What happens to the list before a request is answered."""
    requests: list[dict[str, Any]] = field(factory=list)

    async def call(self, request: Request, parse: Callable[[Any], Answer]) -> Answer:
        asked = sent(self.paging, request)
        self.requests.append(asked)
        number = len(self.requests)
        await asyncio.sleep(0)
        self.change(self.ids, number)
        size = min(int(asked.get("limit", self.default_size)), self.largest)
        start = int(asked["offset"]) if "offset" in asked else (int(asked.get("pageNo", 1)) - 1) * size
        paged = self.paging.page is not None or self.paging.offset is not None
        rows = self.ids[start : start + size] if paged else self.ids
        return parse(Data([Row(id_) for id_ in rows], self.total(len(self.ids), number)))

    def pager(self, **values: Any) -> ListPager[Answer, Row]:
        request = Request(OPERATION, "/rows", query={name: str(value) for name, value in values.items()})
        if self.paging.location == "body":
            request = Request(OPERATION, "/rows", body=values)
        return ListPager(self.call, request, Answer, self.paging)


def answers(*data: Any, paging: Rows = PAGED, max_pages: int = 50) -> ListPager[Answer, Row]:
    """A pager over answers that are given one after another."""
    coming = iter(data)

    async def call(request: Request, parse: Callable[[Any], Answer]) -> Answer:
        return parse(next(coming))

    return ListPager(call, Request(OPERATION, "/rows"), Answer, paging, max_pages=max_pages)


def rows(*ids: Any) -> list[Row]:
    return [Row(id_) for id_ in ids]


async def ids_of(pager: ListPager[Answer, Row], **how: Any) -> list[Any]:
    return [row.id async for row in pager.rows(**how)]


def tasks() -> int:
    return len(asyncio.all_tasks())


def test_is_a_pager() -> None:
    pager: Pager[Answer, Row] = Service([]).pager()
    assert repr(pager) == "<ListPager of rows.list>"


async def test_awaiting_calls_once_with_the_callers_own_parameters() -> None:
    service = Service([1, 2, 3, 4, 5])
    pager = service.pager(pageNo=2, limit=2, status="running")
    answer = await pager
    assert answer.data == Data(rows(3, 4), 5)
    assert service.requests == [{"pageNo": "2", "limit": "2", "status": "running"}]


async def test_every_row_with_the_largest_documented_pages() -> None:
    service = Service(list(range(10)))
    assert [row.id async for row in service.pager(status="running")] == list(range(10))
    assert service.requests == [{"pageNo": str(n), "limit": "4", "status": "running"} for n in (1, 2, 3)]


async def test_parameters_in_the_body_stay_numbers() -> None:
    service = Service(list(range(5)), paging=paging(location="body"))
    assert await ids_of(service.pager(names=["a"])) == list(range(5))
    assert service.requests == [{"pageNo": n, "limit": 4, "names": ["a"]} for n in (1, 2)]


async def test_an_empty_body_is_filled() -> None:
    service = Service([1], paging=paging(location="body"))
    pager = ListPager(service.call, Request(OPERATION, "/rows"), Answer, service.paging)
    assert await ids_of(pager) == [1]
    assert service.requests == [{"pageNo": 1, "limit": 4}]


async def test_pages_carry_number_total_and_answer() -> None:
    service = Service([1, 2, 3])
    pages = [page async for page in service.pager(limit=2).pages()]
    assert pages == [
        Page(rows(1, 2), 3, 1, Answer(Data(rows(1, 2), 3))),
        Page(rows(3), 3, 2, Answer(Data(rows(3), 3))),
    ]


async def test_an_empty_list_is_one_empty_page() -> None:
    service = Service([])
    assert [(page.number, page.total, list(page.rows)) async for page in service.pager().pages()] == [(1, 0, [])]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("given", "how", "expected"),
    [
        ({"pageNo": 2, "limit": 3}, {}, [("2", "3"), ("3", "3"), ("4", "3")]),
        ({"pageNo": 2}, {}, [("2", None), ("3", None), ("4", None)]),
        ({"pageNo": 2}, {"size": 4}, [("2", "4"), ("3", "4")]),
        ({"pageNo": 1}, {}, [("1", "4"), ("2", "4"), ("3", "4")]),
        ({"limit": 50}, {}, [("1", "4"), ("2", "4"), ("3", "4")]),
        ({"limit": 2}, {"size": 99}, [("1", "4"), ("2", "4"), ("3", "4")]),
    ],
)
async def test_where_iterating_starts(
    given: dict[str, int], how: dict[str, int], expected: list[tuple[str, str | None]]
) -> None:
    service = Service(list(range(10)))
    await ids_of(service.pager(**given), **how)
    assert [(asked["pageNo"], asked.get("limit")) for asked in service.requests] == expected


async def test_the_number_of_a_page_is_the_services() -> None:
    assert [page.number async for page in Service(list(range(10))).pager(pageNo=2).pages()] == [2, 3, 4]


@pytest.mark.parametrize("given", [{"offset": 3}, {"offset": 3, "pageNo": 7}])
async def test_a_given_offset_wins_and_goes_alone(given: dict[str, int]) -> None:
    service = Service(list(range(10)))
    pages = [page async for page in service.pager(**given).pages()]
    assert [row.id for page in pages for row in page.rows] == list(range(3, 10))
    assert [page.number for page in pages] == [1, 2]
    assert service.requests == [{"offset": "3", "limit": "4"}, {"offset": "7", "limit": "4"}]


async def test_an_operation_that_knows_offsets_only() -> None:
    service = Service(list(range(9)), paging=BY_OFFSET)
    assert await ids_of(service.pager()) == list(range(9))
    assert [asked["offset"] for asked in service.requests] == ["0", "4", "8"]


async def test_offsets_follow_the_rows_that_came() -> None:
    service = Service(list(range(9)), paging=paging(page=None, size=None))
    assert await ids_of(service.pager(), prefetch=3) == list(range(9))
    assert service.requests == [{"offset": "0"}, {"offset": "3"}, {"offset": "6"}]


async def test_an_operation_without_pages_is_one_page() -> None:
    service = Service([1, 2, 3, 4, 5, 6], paging=UNPAGED)
    assert await ids_of(service.pager(), prefetch=3) == [1, 2, 3, 4, 5, 6]
    assert await ids_of(service.pager(), strict=True) == [1, 2, 3, 4, 5, 6]
    assert service.requests == [{}, {"sortBy": "+id"}]


@pytest.mark.parametrize("size", [0, -1])
async def test_a_size_below_one_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="size"):
        await ids_of(Service([]).pager(), size=size)


async def test_a_position_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="pageNo='two'"):
        await ids_of(Service([]).pager(pageNo="two"))


@pytest.mark.parametrize("given", [{"pageNo": 2}, {"offset": 1}])
async def test_a_strict_reading_begins_at_the_first_row(given: dict[str, int]) -> None:
    service = Service([1, 2, 3])
    with pytest.raises(InvalidInput, match="first row"):
        await ids_of(service.pager(**given), strict=True)
    assert service.requests == []


@pytest.mark.parametrize(("given", "expected"), [({}, "+id"), ({"sortBy": "-name"}, "-name")])
async def test_a_strict_reading_asks_for_a_stable_order(given: dict[str, str], expected: str) -> None:
    service = Service([1])
    await ids_of(service.pager(**given), strict=True)
    assert service.requests[0]["sortBy"] == expected


async def test_only_a_strict_reading_sorts() -> None:
    service = Service([1])
    await ids_of(service.pager())
    assert "sortBy" not in service.requests[0]


# When it ends


async def test_the_count_saves_the_request_after_a_full_page() -> None:
    service = Service(list(range(8)))
    assert await ids_of(service.pager()) == list(range(8))
    assert len(service.requests) == 2


async def test_without_a_count_a_short_page_ends() -> None:
    service = Service(list(range(6)), paging=UNCOUNTED)
    assert await ids_of(service.pager()) == list(range(6))
    assert len(service.requests) == 2


async def test_without_a_count_an_empty_page_ends_and_is_not_shown() -> None:
    service = Service(list(range(8)), paging=UNCOUNTED)
    assert [len(page.rows) async for page in service.pager().pages()] == [4, 4]
    assert len(service.requests) == 3


async def test_pages_smaller_than_asked_for_lose_no_row() -> None:
    """A service that caps or ignores the size would otherwise show its first page only."""
    for way in (PAGED, BY_OFFSET):
        service = Service(list(range(10)), paging=way, largest=3)
        assert await ids_of(service.pager()) == list(range(10))
        assert len(service.requests) == 4


@pytest.mark.parametrize("total", [None, True, "many", -1, float("inf"), {"sum": 3}, UNSET])
async def test_a_total_that_is_no_count_is_none(total: Any) -> None:
    service = Service(list(range(6)), total=lambda count, request: total)
    assert [page.total async for page in service.pager().pages()] == [None, None]


async def test_a_total_may_be_text() -> None:
    assert [page.total async for page in answers(Data(rows(1), "1")).pages()] == [1]


async def test_a_count_that_the_rows_disprove_is_no_count() -> None:
    service = Service(list(range(9)), total=lambda count, request: 0)
    assert await ids_of(service.pager()) == list(range(9))
    assert len(service.requests) == 3


async def test_a_short_page_far_into_the_list_ends_it_by_the_count() -> None:
    service = Service(list(range(10)))
    assert await ids_of(service.pager(pageNo=3, limit=4)) == [8, 9]
    assert len(service.requests) == 1


@pytest.mark.parametrize("data", [UNSET, Data(UNSET, UNSET), Data(None, 0)])
async def test_rows_that_were_left_out_are_no_rows(data: Any) -> None:
    assert await ids_of(answers(data)) == []


async def test_counted_rows_that_were_left_out_are_an_error() -> None:
    with pytest.raises(PagingError, match=r"rows\.list: the answer counts 3 rows and carries none"):
        await ids_of(answers(Data(UNSET, 3)))


async def test_rows_must_be_a_list() -> None:
    with pytest.raises(PagingError, match="carries str where its rows"):
        await ids_of(answers(Data("sold out", 3)))


# Guards


@pytest.mark.parametrize("way", [PAGED, paging(key=None), paging(total=None)])
async def test_pages_that_repeat_are_an_error(way: Rows) -> None:
    same = Data(rows(1, 2, 3, 4), 12)
    pager = answers(same, same, paging=way)
    seen = []
    with pytest.raises(PagingError, match="pages repeat"):
        async for page in pager.pages():
            seen.append(page.number)
    assert seen == [1]


async def test_pages_that_take_turns_are_an_error() -> None:
    first, second = Data(rows(1, 2, 3, 4), None), Data(rows(5, 6, 7, 8), None)
    with pytest.raises(PagingError, match="pages repeat"):
        await ids_of(answers(first, second, first, second))


async def test_rows_without_ids_are_told_apart_by_what_they_hold() -> None:
    way: Rows = paging(total=None, key=lambda row: UNSET)
    assert await ids_of(answers(Data(rows(1, 2, 3, 4), 0), Data(rows(5), 0), paging=way)) == [1, 2, 3, 4, 5]


async def test_a_list_without_end_is_an_error() -> None:
    endless = (Data(rows(*range(n, n + 4)), None) for n in range(0, 1000, 4))
    pager = answers(*endless, max_pages=7)
    seen = []
    with pytest.raises(PagingError, match="did not end after 7 pages"):
        async for page in pager.pages():
            seen.append(page.number)
    assert seen == [1, 2, 3, 4, 5, 6, 7]


# Strict


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([Data(rows(1), None)], "does not say how many"),
        ([Data(rows(1, 2, 3, 4), 6), Data(rows(5, 6, 7), 7)], "changed while it was read: 6 rows, then 7"),
        ([Data(rows(1, 2, 3, 4), 6), Data(rows(4, 5), 6)], "a row came twice"),
        ([Data(rows(1, 1), 2)], "a row came twice"),
        ([Data(rows(1, None), 2)], "no key"),
        ([Data(rows(1, 2, 3), 2)], "counts 2 rows, and 3 came"),
        ([Data(rows(1, 2, 3, 4), 6), Data(rows(5), 6), Data([], 6)], "counts 6 rows, and 5 came"),
        ([Data([], 6)], "counts 6 rows, and 0 came"),
    ],
)
async def test_strict_fails_unless_every_row_was_seen_once(data: Sequence[Data], message: str) -> None:
    with pytest.raises(PagingError, match=message):
        await ids_of(answers(*data), strict=True)


async def test_strict_proves_before_the_last_page_is_handed_out() -> None:
    seen = []
    with pytest.raises(PagingError):
        async for page in answers(Data(rows(1, 2, 3, 4), 6), Data(rows(4, 5), 6)).pages(strict=True):
            seen.append(page.number)
    assert seen == [1]


async def test_strict_on_one_page_that_counts_more() -> None:
    service = Service([1, 2], paging=paging(page=None, offset=None), total=lambda count, request: 5)
    with pytest.raises(PagingError, match="counts 5 rows, and 2 came"):
        await ids_of(service.pager(), strict=True)
    assert await ids_of(service.pager()) == [1, 2]


# Prefetch


async def test_prefetch_stays_ahead_and_within_the_count() -> None:
    service = Service(list(range(18)))
    asked = []
    async for _ in service.pager().pages(prefetch=2):
        await asyncio.sleep(0)
        asked.append(len(service.requests))
    assert asked == [3, 4, 5, 5, 5]
    assert tasks() == 1


async def test_prefetch_runs_side_by_side() -> None:
    together: list[int] = []
    running = 0
    service = Service(list(range(20)))

    async def call(request: Request, parse: Callable[[Any], Answer]) -> Answer:
        nonlocal running
        running += 1
        together.append(running)
        answer = await service.call(request, parse)
        running -= 1
        return answer

    pager = ListPager(call, Request(OPERATION, "/rows"), Answer, PAGED)
    assert await ids_of(pager, prefetch=3) == list(range(20))
    assert max(together) == 3


async def test_prefetched_pages_that_would_skip_rows_are_asked_for_again() -> None:
    def shrink(ids: list[Any], request: int) -> None:
        if request == 2:
            # this page only: rows left out as if the service had filtered late
            del ids[5]

    service = Service(list(range(10)), paging=BY_OFFSET, change=shrink, largest=4)
    assert await ids_of(service.pager(), prefetch=2) == [0, 1, 2, 3, 4, 6, 7, 8, 9]

    capped = Service(list(range(10)), paging=BY_OFFSET, largest=3)
    assert await ids_of(capped.pager(), prefetch=2) == list(range(10))
    assert tasks() == 1


async def test_nothing_is_asked_for_once_the_last_page_is_known() -> None:
    service = Service(list(range(6)), paging=UNCOUNTED)

    async def call(request: Request, parse: Callable[[Any], Answer]) -> Answer:
        if int(sent(UNCOUNTED, request)["pageNo"]) > 2:
            await asyncio.Event().wait()
        return await service.call(request, parse)

    pager = ListPager(call, Request(OPERATION, "/rows"), Answer, UNCOUNTED)
    assert [tasks() async for _ in pager.pages(prefetch=3)] == [4, 1]


async def test_leaving_early_leaves_no_task() -> None:
    service = Service(list(range(40)))
    async with aclosing(service.pager().rows(prefetch=3)) as found:
        async for row in found:
            assert row.id == 0
            assert tasks() > 1
            break
    assert tasks() == 1


async def test_breaking_out_leaves_no_task_after_a_moment() -> None:
    async for _ in Service(list(range(40))).pager().rows(prefetch=3):
        break
    for _ in range(10):
        await asyncio.sleep(0)
    assert tasks() == 1


async def test_a_failing_page_comes_in_its_turn() -> None:
    def fail(ids: list[Any], request: int) -> None:
        if request >= 3:
            raise ConnectionError(request)

    failing = Service(list(range(20)), change=fail)
    seen = []
    with pytest.raises(ConnectionError, match="3"):
        async for page in failing.pager().pages(prefetch=4):
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append(page.number)
    assert seen == [1, 2]
    assert tasks() == 1


async def test_cancelling_the_reader_cancels_what_is_under_way() -> None:
    cancelled = 0

    async def call(request: Request, parse: Callable[[Any], Answer]) -> Answer:
        nonlocal cancelled
        if sent(PAGED, request)["pageNo"] == "1":
            return parse(Data(rows(1, 2, 3, 4), 100))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise
        raise AssertionError

    reader = asyncio.create_task(ids_of(ListPager(call, Request(OPERATION, "/rows"), Answer, PAGED), prefetch=3))
    for _ in range(5):
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert cancelled == 3
    assert tasks() == 1


async def test_page_call_sends_the_pages() -> None:
    service = Service([1, 2])

    async def raw(request: Request, parse: Callable[[Any], Answer]) -> Any:
        return "raw", await service.call(request, parse)

    pager: ListPager[Any, Row] = ListPager(raw, Request(OPERATION, "/rows"), Answer, PAGED, page_call=service.call)
    assert await ids_of(pager) == [1, 2]
    assert (await pager)[0] == "raw"


# Over many lists


WAYS = st.sampled_from([PAGED, BY_OFFSET, UNCOUNTED, paging(max_size=None), paging(location="body"), paging(size=None)])


@given(
    count=st.integers(0, 40),
    way=WAYS,
    largest=st.integers(1, 6),
    size=st.none() | st.integers(1, 7),
    prefetch=st.integers(0, 4),
    lie=st.sampled_from(["true", "absent", "low", "high"]),
)
async def test_no_row_is_lost_or_doubled(
    count: int, way: Rows, largest: int, size: int | None, prefetch: int, lie: str
) -> None:
    totals = {"true": count, "absent": None, "low": 0, "high": count + 5}
    service = Service(list(range(count)), paging=way, largest=largest, total=lambda *_: totals[lie])
    asked = size if size is not None else way.max_size
    if asked is not None and way.max_size is not None:
        asked = min(asked, way.max_size)
    capped = way.size is not None and asked is not None and asked > largest
    if capped and (way.total is None or lie in ("absent", "low")):
        # nothing tells a capped page from the last one
        return
    assert await ids_of(service.pager(), size=size, prefetch=prefetch) == list(range(count))
    assert tasks() == 1


@given(
    count=st.integers(0, 20),
    way=st.sampled_from([PAGED, BY_OFFSET]),
    largest=st.integers(1, 6),
    prefetch=st.integers(0, 3),
    total=st.none() | st.integers(0, 25),
    changes=st.dictionaries(st.integers(1, 6), st.tuples(st.sampled_from(["insert", "remove"]), st.integers(0, 20))),
)
async def test_a_strict_reading_that_ends_has_seen_every_counted_row_once(
    count: int, way: Rows, largest: int, prefetch: int, total: int | None, changes: dict[int, tuple[str, int]]
) -> None:
    lengths: list[int] = []

    def change(ids: list[Any], request: int) -> None:
        what, place = changes.get(request, ("", 0))
        if what == "insert":
            ids.insert(min(place, len(ids)), 1000 + request)
        elif what == "remove" and place < len(ids):
            del ids[place]
        lengths.append(len(ids))

    service = Service(
        list(range(count)),
        paging=way,
        largest=largest,
        change=change,
        total=lambda count, request: count if total is None else total,
    )
    try:
        seen = await ids_of(service.pager(), strict=True, prefetch=prefetch)
    except PagingError:
        # with nothing that disturbs it, it must not fail
        assert changes or total not in (None, count)
    else:
        assert len(set(seen)) == len(seen) == (lengths[0] if total is None else total)
    assert tasks() == 1
