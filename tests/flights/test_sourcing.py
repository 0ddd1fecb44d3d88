from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight import InvalidFile, InvalidInput
from adflight.flights import sourcing
from adflight.flights.columns import columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.kinds import Zone
from adflight.flights.reading import Flights, read_flights
from adflight.flights.sourcing import read_source
from tests.flights.fake_platform import FakePlatform, row


async def zones_of(rows: list[dict[str, Any]], platform: FakePlatform) -> list[object]:
    with await read_source(rows, platform) as flights:
        return [flight.campaign.get("timezone") for flight in flights]


async def test_the_table_of_zones_is_read_when_a_row_names_one() -> None:
    platform = FakePlatform()
    assert await zones_of([row("a"), row("b", timezone="50")], platform) == [29, 50]
    assert platform.zone_reads == 0
    rows = [row("a"), *(row(key, timezone="Europe/Berlin") for key in "bc")]
    assert await zones_of(rows, platform) == [29, 50, 50]
    assert platform.zone_reads == 1


async def test_a_name_that_the_vendor_does_not_have_is_a_problem_of_its_row() -> None:
    with pytest.raises(InvalidFile) as raised:
        await zones_of([row("a", timezone="America/New_York"), row("b", max_bid="much")], FakePlatform())
    assert [(problem.row, problem.column) for problem in raised.value.problems] == [(1, "timezone"), (2, "max_bid")]
    assert "the vendor has this clock as US/Eastern" in str(raised.value)


async def test_where_the_vendor_has_no_zones_nobody_asks() -> None:
    iqm = columns_for("iqm")
    platform = FakePlatform(evolve(iqm, by_name=[column for column in iqm if not isinstance(column.kind, Zone)]))
    (await read_source([row("a")], platform)).close()
    assert platform.zone_reads == 0


async def test_a_table_that_cannot_be_read_is_raised() -> None:
    class Broken(FakePlatform):
        async def zones(self) -> Mapping[str, int] | None:
            raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        await zones_of([row("a", timezone="US/Eastern")], Broken())


async def test_a_file_is_read_as_declared(tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    file.write_text("key;io_name;budget_total\na;Spring;1.500,50\n")
    with await read_source(file, FakePlatform(), Declarations(decimal=",", thousands=".")) as flights:
        assert [str(flight.campaign["budget_total"]) for flight in flights] == ["1500.5"]


@pytest.mark.parametrize(("name", "expected"), [("nothing.csv", "a file that exists"), ("", "a file \\(")])
async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(InvalidInput, match=f"^source='{tmp_path / name}': expected {expected}"):
        await read_source(tmp_path / name, FakePlatform())


async def test_arguments_that_are_something_else() -> None:
    nothing: Any = None
    with pytest.raises(InvalidInput, match="source=None: expected a file's path, or rows"):
        await read_source(nothing, FakePlatform())
    declared: Any = {"zone": "UTC"}
    with pytest.raises(InvalidInput, match=r"declarations=.*: expected adflight\.flights\.Declarations"):
        await read_source([row("a")], FakePlatform(), declared)


async def test_an_iterable_gives_its_rows_where_it_is_at_home() -> None:
    here = threading.get_ident()
    seen: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(1001):
            seen.append(threading.get_ident())
            yield row(f"row {number}")

    with await read_source(rows(), FakePlatform()) as flights:
        assert len(flights) == 1001
    assert set(seen) == {here}


async def test_what_an_iterable_raises_is_raised() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield row("a")
        raise LookupError("the cursor is gone")

    with pytest.raises(LookupError, match="the cursor is gone"):
        await read_source(rows(), FakePlatform())


async def test_a_cancelled_reading_ends_and_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()
    ended: list[BaseException] = []

    class Slow(FakePlatform):
        async def zones(self) -> Mapping[str, int] | None:
            asked.set()
            await asyncio.Event().wait()
            return None

    def read(*given: Any, **more: Any) -> Flights:
        try:
            return read_flights(*given, **more)
        except BaseException as error:
            ended.append(error)
            raise

    monkeypatch.setattr(sourcing, "read_flights", read)
    reading = asyncio.create_task(read_source([row("a", timezone="US/Eastern")], Slow()))
    await asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    while not ended:
        await asyncio.sleep(0)


async def test_what_is_read_after_a_cancellation_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, closed = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class Closing:
        def close(self) -> None:
            closed.set()

    def read(rows: Iterator[Any], **more: Any) -> Closing:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)
        # nothing more is asked for
        with pytest.raises(Exception):  # noqa: B017
            next(rows)
        return Closing()

    monkeypatch.setattr(sourcing, "read_flights", read)
    reading = asyncio.create_task(read_source([row("a")], FakePlatform()))
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go_on.set()
    await asyncio.wait_for(closed.wait(), 10)
