"""Reading lists page by page, and judging whether what came is the whole list.

Imports the generated runtime and `errors`; used by `session`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from adflight.core.errors import PagingError
from adflight_api.runtime import UNSET, InvalidInput, Page, Paging, Request

AnswerT = TypeVar("AnswerT")
RowT = TypeVar("RowT")
ValueT = TypeVar("ValueT")

Call: TypeAlias = Callable[[Request, Callable[[Any], AnswerT]], Awaitable[AnswerT]]
"""What sends a request and returns its parsed answer."""

MAX_PAGES = 100_000


class ListPager(Generic[AnswerT, RowT]):
    """A list operation that has not been called yet.

        campaigns = iqm.campaigns.list(status=["running"])
        first = await campaigns                          # one answer, with the caller's own paging parameters
        async for campaign in campaigns: ...             # every row
        async for page in campaigns.pages(): ...         # whole pages, with their totals

    Every use starts anew, so one pager may be read many times. Iterating starts at the page or offset that the caller
    gave, or else at the first row, and asks for the caller's page size, or else for the largest documented one.

    It ends when as many rows came as the service counts, or with an empty page. Where the service gives no count, or
    one that the rows disprove, a page that is not full ends it too.

    `page_call` sends the requests of an iteration where `call` returns something else than the parsed answer.
    """

    __slots__ = ("_call", "_max_pages", "_page_call", "_paging", "_parse", "_request")

    def __init__(
        self,
        call: Call[AnswerT],
        request: Request,
        parse: Callable[[Any], AnswerT],
        paging: Paging[AnswerT, RowT],
        *,
        page_call: Call[AnswerT] | None = None,
        max_pages: int = MAX_PAGES,
    ) -> None:
        self._call = call
        self._request = request
        self._parse = parse
        self._paging = paging
        self._page_call = page_call or call
        self._max_pages = max_pages

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._request.operation.id}>"

    def __await__(self) -> Generator[Any, Any, AnswerT]:
        return self._call(self._request, self._parse).__await__()

    def __aiter__(self) -> AsyncGenerator[RowT, None]:
        return self.rows()

    async def rows(
        self, *, strict: bool = False, prefetch: int = 0, size: int | None = None
    ) -> AsyncGenerator[RowT, None]:
        """Every row of every page; arguments and errors are those of `pages`."""
        async with aclosing(self.pages(strict=strict, prefetch=prefetch, size=size)) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    async def pages(
        self, *, strict: bool = False, prefetch: int = 0, size: int | None = None
    ) -> AsyncGenerator[Page[AnswerT, RowT], None]:
        """Page after page; an empty list is one empty page.

        `size` is how many rows to ask for at a time, at most the largest documented page. `prefetch` pages are asked
        for ahead of the reader, never beyond the service's count; leaving the iteration early cancels what is under
        way (at once with `contextlib.aclosing`).

        `strict` fails unless every row that the service counts was seen exactly once. It asks for the order in which
        pages do not shift, unless the caller asked for another, and keeps the keys of all rows in memory. The last page
        is handed out only when everything adds up: until the iteration has ended, nothing is proved.

        Raises `PagingError` when pages repeat, never end or do not add up, `InvalidInput` when it cannot begin, and
        what the calls raise.
        """
        course = Course.plan(self._request, self._paging, strict=strict, size=size)
        reading = Reading(self._request.operation.id, self._paging, course, strict=strict)
        position = course.start
        ahead: deque[asyncio.Task[AnswerT]] = deque()
        try:
            for number in range(course.number, course.number + self._max_pages):
                answer = await (ahead.popleft() if ahead else self._fetch(course, position))
                page = reading.judge(answer, number)
                if not page.rows and number > course.number:
                    return
                following = course.after(position, len(page.rows))
                if reading.ended or following != position + course.step:
                    # beyond the end, or (the service's pages are smaller than we asked for) it would skip rows
                    await _abandon(ahead)
                for distance in range(len(ahead), min(prefetch, reading.pages_left(len(page.rows)))):
                    ahead.append(asyncio.create_task(self._fetch(course, following + distance * course.step)))
                position = following
                yield page
                if reading.ended:
                    return
        finally:
            await _abandon(ahead)
        raise reading.error(f"the list did not end after {self._max_pages} pages")

    async def _fetch(self, course: Course, position: int) -> AnswerT:
        return await self._page_call(course.request_at(position), self._parse)


@frozen
class Course:
    """How a list is walked: which parameter moves, from where, and by how much."""

    request: Request
    """With everything set but the position."""
    paging: Paging[Any, Any]
    moving: str | None
    """The parameter that moves, a page number or an offset; None when there is only one page."""
    by_rows: bool
    """Whether the position counts rows rather than pages."""
    start: int
    number: int
    """Of the first page."""
    size: int | None
    """How many rows are asked for at a time; None when the service decides."""

    @classmethod
    def plan(cls, request: Request, paging: Paging[Any, Any], *, strict: bool, size: int | None) -> Course:
        """Raises `InvalidInput` for a size below 1, a position that is no number, or a strict reading from the middle.

        A page number counts pages of the size that is asked for.
        """
        if size is not None and size < 1:
            raise InvalidInput("size", size, "at least 1")
        given = (request.query if paging.location == "query" else request.body) or {}
        page = _whole(given, paging.page)
        offset = _whole(given, paging.offset)
        # where both are given the service takes the offset, and only one may be sent
        by_rows = paging.offset is not None and (offset is not None or paging.page is None)
        first = 0 if by_rows else 1
        start = (offset if by_rows else page) or first
        if strict and start > first:
            name = paging.offset if by_rows else paging.page
            raise InvalidInput(str(name), start, f"{first}: a strict reading begins at the first row")

        size = size or _whole(given, paging.size)
        if size is None and (by_rows or start <= 1):
            # a later page number counts pages of the service's own size, which asking for another would shift
            size = paging.max_size
        if paging.size is None:
            size = None
        elif size is not None and paging.max_size is not None:
            size = min(size, paging.max_size)

        values: dict[str, str | int | None] = {}
        for name in (paging.page, paging.offset):
            if name is not None:
                values[name] = None
        if paging.size is not None and size is not None:
            values[paging.size] = size
        if strict and paging.sort is not None and paging.ascending is not None and given.get(paging.sort) is None:
            values[paging.sort] = paging.ascending
        return cls(
            request=request.paged(paging, values),
            paging=paging,
            moving=paging.offset if by_rows else paging.page,
            by_rows=by_rows,
            start=start,
            number=1 if by_rows else start,
            size=size,
        )

    @property
    def step(self) -> int:
        """How far apart the positions of two full pages are."""
        return (self.size or 0) if self.by_rows else 1

    def after(self, position: int, rows: int) -> int:
        """The position that follows a page with so many rows."""
        return position + (rows if self.by_rows else 1)

    def skipped(self, rows: int) -> int:
        """How many rows lie before the first page, which has so many rows itself."""
        return self.start if self.by_rows else (self.start - 1) * (self.size or rows)

    def request_at(self, position: int) -> Request:
        return self.request if self.moving is None else self.request.paged(self.paging, {self.moving: position})


@define
class Reading(Generic[AnswerT, RowT]):
    """What is known of a list while its pages come in. Pure: judges answers, sends nothing."""

    operation: str
    paging: Paging[AnswerT, RowT]
    course: Course
    strict: bool = field(kw_only=True)
    ended: bool = field(default=False, init=False)
    """Whether the last judged page was the last page."""
    _seen: int | None = field(default=None, init=False)
    """How many rows lie before the end of the last judged page; None before the first."""
    _total: int | None = field(default=None, init=False)
    _last: Sequence[Any] = field(default=(), init=False)
    _pages: set[int] = field(factory=set, init=False)
    """Hashes of the pages so far, by the keys of their rows: pages may also repeat in turns."""
    _keys: set[Any] = field(factory=set, init=False)

    def judge(self, answer: AnswerT, number: int) -> Page[AnswerT, RowT]:
        """The answer as a page. Raises `PagingError` when it cannot belong to a whole list."""
        first = self._seen is None
        total = _count(_part(self.paging.total, answer)) if self.paging.total is not None else None
        rows = self._rows(answer, total)
        seen = (self.course.skipped(len(rows)) if self._seen is None else self._seen) + len(rows)
        if self.strict:
            self._check_total(total, first=first)
        self._check_keys(rows)
        self._seen, self._total = seen, total
        self.ended = self._is_last(len(rows))
        if self.strict and total is not None and (seen > total or (self.ended and seen < total)):
            raise self.error(f"the service counts {total} rows, and {seen} came")
        return Page(rows=rows, total=total, number=number, answer=answer)

    def pages_left(self, rows: int) -> int:
        """How many pages of so many rows may follow, as far as the service's count tells; else no limit."""
        if self.ended or (self.course.by_rows and self.course.size is None):
            return 0
        if self._total is None or self._seen is None or self._seen > self._total:
            return MAX_PAGES
        return -(-(self._total - self._seen) // rows)

    def error(self, message: str) -> PagingError:
        return PagingError(f"{self.operation}: {message}")

    def _rows(self, answer: AnswerT, total: int | None) -> Sequence[RowT]:
        rows = _part(self.paging.rows, answer)
        if rows is None:
            if total and total > (self._seen or 0):
                raise self.error(f"the answer counts {total} rows and carries none")
            return ()
        if not isinstance(rows, (list, tuple)):
            raise self.error(f"the answer carries {type(rows).__name__} where its rows should be")
        return rows

    def _check_total(self, total: int | None, *, first: bool) -> None:
        if total is None and (self.paging.total is not None or self.course.moving is not None):
            raise self.error("the service does not say how many rows there are, so a strict reading proves nothing")
        if not first and total != self._total:
            raise self.error(f"the list changed while it was read: {self._total} rows, then {total}")

    def _check_keys(self, rows: Sequence[RowT]) -> None:
        keys = list(self._keys_of(rows))
        # rows without a key are told apart by all that they hold
        marks: Sequence[Any] = rows if None in keys else keys
        page = None if None in keys else hash(tuple(keys))
        if rows and (self._last == marks or page in self._pages):
            raise self.error("pages repeat: the service sent the same rows for two positions")
        self._last = marks
        if page is not None:
            self._pages.add(page)
        if self.strict:
            if None in keys:
                raise self.error("a row has no key, so a strict reading cannot tell whether it was seen before")
            self._keys.update(keys)
            if len(self._keys) != (self._seen or 0) + len(rows):
                raise self.error("the list shifted while it was read: a row came twice")

    def _keys_of(self, rows: Sequence[RowT]) -> Iterator[Any]:
        for row in rows:
            yield None if self.paging.key is None else _part(self.paging.key, row)

    def _is_last(self, rows: int) -> bool:
        if rows == 0 or self.course.moving is None:
            return True
        # a count below what already came is no count
        if self._total is not None and self._seen is not None and self._seen <= self._total:
            return self._seen == self._total
        return self.course.size is not None and rows < self.course.size


def _part(read: Callable[[ValueT], Any], value: ValueT) -> Any:
    """A part of a tolerantly parsed answer; None when it, or something on the way to it, was left out."""
    try:
        part = read(value)
    except AttributeError:
        return None
    return None if part is UNSET else part


def _count(value: Any) -> int | None:
    """A number of rows, which some answers carry as text; None for anything else."""
    try:
        count = -1 if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return count if count >= 0 else None


def _whole(given: Any, name: str | None) -> int | None:
    """A paging parameter that the caller gave."""
    value = given.get(name) if name is not None else None
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InvalidInput(str(name), value, "a whole number") from None


async def _abandon(tasks: deque[asyncio.Task[Any]]) -> None:
    """Cancels calls and waits until they are gone, whatever becomes of them."""
    gone = list(tasks)
    tasks.clear()
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
