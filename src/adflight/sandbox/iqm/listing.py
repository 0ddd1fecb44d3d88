"""Searching, sorting and paging, the same for all lists. Imports answers and store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ..answers import Refused
from ..store import Row

__all__ = ["found", "one_of", "one_page", "sort_rows", "wanted"]

_SHORTEST_WORD = 3


def found(text: str | None, name: str, number: int) -> bool:
    """Whether a search finds an object: case does not matter, and parts of words and single words are enough."""
    if not text or not text.strip():
        return True
    term, name = text.strip().lower(), name.lower()
    if term in name or term in str(number):
        return True
    return any(word in name for word in term.split() if len(word) >= _SHORTEST_WORD)


def sort_rows(
    rows: Iterable[Row], sort_by: str, columns: Mapping[str, Callable[[Row], Any]], field: str = "sortBy"
) -> list[Row]:
    """Rows by several columns, each with + or - in front; without a sign it ascends.

    Raises:
        Refused: 422 for a column that the list does not have. A plus sign that arrived as a blank is such a one.
    """
    ordered = list(rows)
    for part in reversed([part for part in sort_by.split(",") if part]):
        name = part.removeprefix("-") if part.startswith("-") else part.removeprefix("+")
        if name not in columns:
            raise Refused(422, f"The value of {field} is not valid: {part[:60]!r}", field=field)
        ordered.sort(key=partial(_key, columns[name]), reverse=part.startswith("-"))
    return ordered


def _key(column: Callable[[Row], Any], row: Row) -> tuple[int, Any]:
    value = column(row)
    # what is missing sorts below everything
    if value is None:
        return (0, 0)
    return (1, value.lower() if isinstance(value, str) else value)


def one_page(
    rows: Sequence[Row], query: Mapping[str, Any], size: int, *, page: str = "pageNo", entries: str = "noOfEntries"
) -> Sequence[Row]:
    """The rows of one page; `size` is the default. An offset beats the number of the page."""
    length = int(query.get(entries) or size)
    start = query.get("offset")
    first = int(start) if start is not None else (int(query.get(page) or 1) - 1) * length
    return rows[first : first + length]


def one_of(values: Collection[Any] | None) -> Collection[Any] | None:
    """A filter of many values, which finds one of them at once."""
    return values and frozenset(values)


def wanted(value: Any, filter_: Collection[Any] | None) -> bool:
    """Whether a value passes a filter; an empty one lets everything pass."""
    return not filter_ or value in filter_
