from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from adflight.sandbox.store import Store


def test_rows_are_kept_replaced_and_removed() -> None:
    store = Store()
    store.put("a", 1, {"x": 1})
    store.put("a", 1, {"x": 2})
    store.put("b", "key", {"y": 1})
    assert (store.get("a", 1), store.get("a", 2), store.get("c", 1)) == ({"x": 2}, None, None)
    assert list(store.all("b")) == [{"y": 1}]
    store.delete("a", 1)
    store.delete("a", 1)
    assert store.get("a", 1) is None
    store.clear()
    assert list(store.all("b")) == []
    store.close()


def test_a_copy_may_be_changed() -> None:
    store = Store()
    store.put("a", 1, {"x": 1})
    row = store.get("a", 1)
    assert row is not None
    row["x"] = 2
    assert store.get("a", 1) == {"x": 1}
    store.close()


def test_parts_have_nothing_to_do_with_one_another(tmp_path: Path) -> None:
    path = str(tmp_path / "sandbox.db")
    store = Store(path)
    part = store.part("b")
    store.put("a", 1, {"x": 1})
    part.put("a", 1, {"x": 2})
    part.put("a", 2, {"x": 3})
    assert (store.next_id("a"), part.next_id("a"), part.next_id("a")) == (1, 1, 2)
    with pytest.raises(ZeroDivisionError), part.transaction():
        part.delete("a", 1)
        raise ZeroDivisionError
    store.close()
    store = Store(path)
    part = store.part("b")
    assert (store.get("a", 1), part.get("a", 1)) == ({"x": 1}, {"x": 2})
    part.clear()
    assert (list(store.all("a")), list(part.all("a"))) == ([{"x": 1}], [])
    assert store.part("").get("a", 1) == {"x": 1}
    store.close()


def test_decimals_are_kept_and_other_objects_are_not(tmp_path: Path) -> None:
    path = str(tmp_path / "sandbox.db")
    store = Store(path)
    store.put("a", 1, {"x": Decimal("1E+2"), "y": Decimal("0.10")})
    with pytest.raises(TypeError, match="object cannot be kept"):
        store.put("a", 2, {"x": object()})
    store.close()
    store = Store(path)
    assert store.get("a", 1) == {"x": "100", "y": "0.10"}
    store.close()


def test_rows_are_found_by_a_field() -> None:
    store = Store()
    part = store.part("b")
    for number in (3, 1, 2):
        store.put("a", number, {"id": number, "of": number % 2})
    part.put("a", 9, {"id": 9, "of": 1})

    def of(value: object) -> list[int]:
        return [row["id"] for row in store.having("a", "of", value)]

    assert (of(1), of(0), of(None), store.having("c", "of", 1)) == ([1, 3], [2], [], [])
    version = store.version("a")
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("a", 1, {"id": 1, "of": 0})
        store.put("a", 4, {"id": 4, "of": 1})
        store.delete("a", 3)
        assert (of(1), of(0)) == ([4], [1, 2])
        raise ZeroDivisionError
    assert (of(1), of(0)) == ([1, 3], [2])
    assert store.version("a") > version
    assert part.version("a") == 1
    store.delete("a", 3)
    store.put("a", 2, {"id": 2})
    assert (of(1), of(0), of(None)) == ([1], [], [2])
    store.clear()
    assert of(1) == []
    assert [row["id"] for row in part.having("a", "of", 1)] == [9]
    store.close()


def test_numbers_are_given_once() -> None:
    store = Store()
    assert [store.next_id("a"), store.next_id("a"), store.next_id("b", 100)] == [1, 2, 100]
    store.close()


def test_a_transaction_is_undone_as_a_whole() -> None:
    store = Store()
    store.put("a", 1, {"x": 1})
    store.put("a", 2, {"x": 2})
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("a", 1, {"x": 10})
        store.delete("a", 2)
        store.put("a", 3, {"x": 3})
        raise ZeroDivisionError
    assert {row["x"] for row in store.all("a")} == {1, 2}
    with store.transaction():
        store.put("a", 3, {"x": 3})
    assert store.get("a", 3) == {"x": 3}
    store.close()


def test_a_file_outlives_its_store(tmp_path: Path) -> None:
    path = str(tmp_path / "sandbox.db")
    store = Store(path)
    with store.transaction():
        store.put("a", 1, {"x": [1, "é"]})
        store.next_id("a")
    store.close()
    again = Store(path)
    assert again.get("a", 1) == {"x": [1, "é"]}
    assert again.next_id("a") == 2
    again.close()


def test_a_file_that_is_no_database_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    path.write_text("no database" * 1000)
    # from Python 3.13 on, a connection that is left open is a warning
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Store(str(path))


async def test_a_sandbox_goes_on_from_its_file(tmp_path: Path) -> None:
    import aiohttp

    from tests.sandbox.api import Api

    options = SandboxOptions(quota=None, database=str(tmp_path / "sandbox.db"))
    async with aiohttp.ClientSession() as session:
        async with Sandbox(options=options) as sandbox:
            api = Api(sandbox, session)
            await api.log_in()
            campaign = await api.create_campaign(await api.create_order())
            moment = sandbox.advance(5000)
        async with Sandbox(options=options) as sandbox:
            api.sandbox = sandbox
            assert (await api.campaign_row(campaign))["id"] == campaign
            assert await api.create_order() == 15002
            assert sandbox.now() >= moment
