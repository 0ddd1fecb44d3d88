from __future__ import annotations

import asyncio
import os
import stat
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adflight import InvalidInput
from adflight.flights.columns import columns_for
from adflight.flights.items import UNSEEN, Change, Leftover
from adflight.flights.planning import moved, plan
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.saved_plan import is_plan, load_plan
from adflight.flights.values import CLEAR
from tests.flights.fake_platform import END, FLIGHT_FIELDS, ORDER_FIELDS, START, FakePlatform, row


async def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    platform = FakePlatform()
    order = platform.add(ORDER, "Spring", io_start_time=START, io_end_time=END, io_timezone_id=29)
    platform.add(CAMPAIGN, "Flight a", order, budget_total=row("a")["budget_total"] / 2)
    file = tmp_path / "monday.plan"
    with await plan([row("a"), row("b", "Summer"), row("c")], platform, label="flights.csv") as planned:
        planned.save(file)
        assert is_plan(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with await load_plan(file, platform) as loaded:
            assert loaded.to_json() == planned.to_json()
            assert list(loaded.flights) == list(planned.flights)
            assert list(loaded.flights.orders()) == list(planned.flights.orders())
            assert loaded.totals == planned.totals
            assert loaded.warnings == planned.warnings
            assert moved(loaded, await loaded.again(None)) == []


@pytest.fixture
async def saved(tmp_path: Path) -> Path:
    """A plan with something of everything."""
    platform = FakePlatform()
    file = tmp_path / "monday.plan"
    spring = platform.add(ORDER, "Spring", **ORDER_FIELDS, io_total_budget=Decimal(1))
    platform.add(CAMPAIGN, "Flight a", spring, **FLIGHT_FIELDS, end_time=END)
    rows = [row("a", end_time=CLEAR, exchanges=(27, 21)), row("b"), {"key": "c", "io_key": "x"}]
    with await plan(rows, platform, label="flights.csv", directory=tmp_path) as planned:
        planned.items[2].changes += (Change("max_bid", UNSEEN, Decimal("2.50")),)
        planned.leftovers = (Leftover(kind=CAMPAIGN, key="x", id=9, name="x", status="running", budget=Decimal(7)),)
        planned.save(file)
    return file


def refused(file: Path, platform: FakePlatform | None = None) -> str:
    with pytest.raises(InvalidInput) as raised:
        asyncio.run(load_plan(file, platform or FakePlatform()))
    return str(raised.value)


async def test_everything_is_kept(saved: Path) -> None:
    with await load_plan(saved, FakePlatform()) as loaded:
        assert [item.verdict.value for item in loaded.items] == ["unchanged", "refused", "change", "create", "refused"]
        changed = loaded.items[2]
        assert changed.changes == (
            Change("end_time", END, CLEAR),
            Change("exchanges", UNSEEN, (27, 21)),
            Change("max_bid", UNSEEN, Decimal("2.50")),
        )
        assert changed.is_adopted
        assert loaded.items[4].reason.startswith("its insertion order 'x' is refused")
        assert loaded.leftovers[0].budget == 7
        assert [warning.column for warning in loaded.warnings] == ["io_total_budget"]
        assert loaded.flights.warnings == ()
        assert [order.flights for order in loaded.flights.orders()] == [2, 1]
        assert loaded.is_loaded
        with pytest.raises(InvalidInput, match="a plan that was made anew from it"):
            list(loaded.writes())


def ended(lines: list[bytes]) -> bytes:
    return orjson.dumps({"end": sha256(b"".join(lines)).hexdigest()}) + b"\n"


def test_there_is_no_secret_in_it(saved: Path) -> None:
    text = saved.read_text()
    assert "ada@example.com" not in text
    assert "https://api.example.com" in text


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"account": "eve@example.com"}, "a plan for this account at https://api.example.com; this one is of another"),
        ({"base_url": "https://other.example.com"}, "this one is for https://api.example.com"),
        ({"columns": evolve(columns_for("iqm"), by_name=list(columns_for("iqm")), vendor="freewheel")}, "is for iqm"),
    ],
)
def test_a_plan_for_something_else_is_refused(saved: Path, how: dict[str, Any], expected: str) -> None:
    platform = FakePlatform()
    for name, value in how.items():
        setattr(platform, name, value)
    assert expected in refused(saved, platform)


def test_one_of_another_version_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b'{"adflight_plan":1', b'{"adflight_plan":2', 1))
    assert "a plan of version 1; this one is of version 2, of another adflight" in refused(saved)


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    for content in (b"", b"key,io_name\na,Spring\n", b"[1]\n", b"{}\n", b"\xff\n"):
        file.write_bytes(content)
        assert "expected a plan that adflight saved" in refused(file)
        assert not is_plan(file)
    assert not is_plan(tmp_path / "none")
    with pytest.raises(OSError, match="none"):
        asyncio.run(load_plan(tmp_path / "none", FakePlatform()))


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_plan_is_refused(saved: Path, data: st.DataObject) -> None:
    whole = saved.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "changed", "doubled", "added"]))
    lines = whole.splitlines(keepends=True)
    damaged = {
        "cut": whole[:place],
        "changed": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        "doubled": b"".join([*lines[:2], *lines[1:]]),
        "added": whole + b"{}\n",
    }[how]
    file = saved.with_name("damaged.plan")
    file.write_bytes(damaged)
    if damaged + b"\n" != whole:
        refused(file)


def test_lines_that_only_claim_to_be_whole_are_refused(saved: Path) -> None:
    lines = saved.read_bytes().splitlines(keepends=True)[:-1]
    others = (
        [*lines, b"[]\n"],
        [*lines[:-1], b'{"more": 1}\n'],
        [lines[0], *lines[2:]],
        lines[:4],
        lines[:1],
        [*lines[:2], *lines[3:]],
    )
    for kept in others:
        saved.write_bytes(b"".join(kept) + ended(kept))
        assert "this one is damaged, or was changed" in refused(saved)


async def test_a_plan_that_cannot_be_written_leaves_nothing_behind(saved: Path, tmp_path: Path) -> None:
    with await plan([row("a")], FakePlatform(), directory=tmp_path) as planned:
        with pytest.raises(OSError):
            planned.save(tmp_path / "none" / "monday.plan")
        planned.items.pop()
        with pytest.raises(RuntimeError):
            planned.save(saved)
    (await load_plan(saved, FakePlatform())).close()
    assert sorted(os.listdir(tmp_path)) == ["monday.plan"]
