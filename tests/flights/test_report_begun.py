from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adflight.core.errors import AdflightError
from adflight.flights.entries import Attempt, RowFailure
from adflight.flights.report_begun import Begun
from adflight.flights.report_rows import Request, Status

AT = datetime(2027, 3, 1, tzinfo=UTC)
KIND = "campaign"


def request(number: int, row: int, body: Any) -> Request:
    return Request(
        number=number,
        operation="campaigns.update_budget",
        creates=False,
        method="PUT",
        url="https://api.example.com/campaigns",
        body=body,
        rows=1000,
        row=row,
        at=AT,
        settled=AT,
        status=Status.CHANGED,
        id=None,
        error="",
        fields={"budget_total": row},
        attempts=(Attempt(1, AT, "answered", 200, 0.25),),
    )


@pytest.fixture
def begun() -> Iterator[Begun]:
    begun = Begun()
    yield begun
    begun.close()


def size(begun: Begun) -> int:
    ((pages,),), ((size,),) = begun._do("PRAGMA page_count"), begun._do("PRAGMA page_size")
    return int(pages * size)


def test_what_rows_share_is_kept_once(begun: Begun) -> None:
    bodies = {number: {"campaignIds": [*range(1000)], "budgetTotal": number} for number in (1, 2)}
    for number, body in bodies.items():
        for row in range(1000):
            begun.add(KIND, f"row {row}", request(number, row, body))
    # the ids alone, a thousand times, would be some millions
    assert size(begun) < 1_500_000
    first = begun.take(KIND, "row 7")
    assert first == [request(1, 7, bodies[1]), request(2, 7, bodies[2])]
    assert begun.take(KIND, "row 7") == []
    assert begun.take(KIND, "row 8")[1].body == bodies[2]


def test_without_room_it_is_said_where_room_is_needed(begun: Begun) -> None:
    for row in range(1000):
        begun.fail(RowFailure(kind=KIND, key=f"row {row}", row=row, outcome="refused", error="x" * 100))
    ((pages,),) = begun._do("PRAGMA page_count")
    begun._do(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(AdflightError, match=r"full\): free some on the disk of the temporary directory"):
        begun.add(KIND, "a", request(1, 1, "x" * 100_000))


def test_what_fails_while_it_is_read_is_said_too(begun: Begun) -> None:
    class Broken:
        def execute(self, statement: str) -> Iterator[object]:
            yield (KIND, "a", 1, "refused", "no")
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None: ...

    begun.close()
    begun._database = Broken()  # type: ignore[assignment]
    failures = begun.failures()
    assert next(failures).key == "a"
    with pytest.raises(AdflightError, match="disk I/O error"):
        next(failures)
