"""Applies of rows that are insertion orders of their own, on the sandbox of FreeWheel."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from adflight import FreeWheel
from adflight.core.transport import WireAnswer, WireRequest
from adflight.flights.events import Ended, Event, RowDone, RowFailed
from adflight.flights.planning import plan
from adflight.flights.platform import ORDER
from tests.flights.vendor import InlineJournal, brief, of
from tests.freewheel.conftest import adflight_sandbox_options, freewheel, scene  # noqa: F401
from tests.freewheel.scene import Scene

CAMPAIGN: Final = 501


def row(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": f"Order {key}", "campaign_id": CAMPAIGN, "client_po": "PO-17", **more}


ROWS: Final = [row("a"), row("b"), row("c")]
LATER: Final = [row("a", client_po="PO-18"), row("b", description="Cafés"), row("c"), row("d")]


class Desk:
    """Somebody who applies files, each time with a journal that was just opened."""

    def __init__(self, client: FreeWheel, scene: Scene, directory: Path) -> None:  # noqa: F811
        self.client = client
        self.scene = scene
        self.directory = directory

    async def apply(self, rows: Sequence[dict[str, Any]], **more: Any) -> list[Event]:
        async with self.journal() as journal:
            with await plan(rows, self.client, journal=journal, label="orders.csv") as made:
                return [event async for event in made.apply(journal=journal, **more)]

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[InlineJournal]:
        where: dict[str, Any] = {"directory": self.directory, "clock": self.scene.clock}
        async with await InlineJournal.open(self.client.base_url, self.client.account, **where) as journal:
            yield journal

    async def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        events = await self.apply(rows, if_absent="create", by="ada")
        assert ended(events).how == "complete", of(events, RowFailed)
        events = await self.apply(rows)
        assert brief(events, RowDone) == dict.fromkeys([row["key"] for row in rows], "unchanged")
        assert self.scene.sandbox.freewheel.counts.executions["insertion_orders_create"] == len(rows)
        async with self.journal() as journal:
            assert {*await journal.ids(ORDER)} == {row["key"] for row in rows}
            assert await journal.open_intents() == []


def ended(events: Sequence[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


@pytest.fixture
def desk(freewheel: FreeWheel, scene: Scene, tmp_path: Path) -> Desk:  # noqa: F811
    return Desk(freewheel, scene, tmp_path)


async def test_rows_are_insertion_orders(desk: Desk) -> None:
    events = await desk.apply(ROWS)
    assert brief(events, RowDone) == {"a": "created", "b": "created", "c": "created"}
    assert (ended(events).how, ended(events).done) == ("complete", 3)
    events = await desk.apply(LATER)
    assert brief(events, RowDone) == {"a": "changed", "b": "changed", "c": "unchanged", "d": "created"}
    assert ended(events).done == 4
    await desk.finish(LATER)


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "late", "status", "rate_limited", "half_body"])
@pytest.mark.parametrize("operation", ["create", "update"])
async def test_whatever_happens_to_answers_it_exists_once(desk: Desk, kind: Any, operation: str) -> None:
    await desk.apply(ROWS)
    desk.scene.sandbox.fault(f"freewheel.insertion_orders.{operation}", kind=kind, times=1, seconds=20.0)
    events = await desk.apply(LATER)
    assert {event.outcome for event in of(events, RowFailed)} <= {"unknown", "failed"}
    await desk.finish(LATER)


async def test_a_create_that_names_what_was_there_is_looked_for(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (other,) = [event.id for event in of(await desk.apply([row("other")]), RowDone)]
    for file in desk.directory.iterdir():
        file.unlink()
    inner: Any = desk.scene.wire._inner
    send = inner.send

    async def swapped(request: WireRequest) -> WireAnswer:
        answer: WireAnswer = await send(request)
        if request.method == "POST" and b"<id>" in answer.content and b"Order a<" in answer.content:
            answer.content = re.sub(rb"<id>\d+</id>", b"<id>%d</id>" % other, answer.content, count=1)
        return answer

    monkeypatch.setattr(inner, "send", swapped)
    events = await desk.apply([row("a")])
    assert brief(events, RowDone) == {"a": "adopted"}
    async with desk.journal() as journal:
        ids = await journal.ids(ORDER)
    assert (await desk.client.insertion_orders.get(ids["a"])).name == "Order a"
