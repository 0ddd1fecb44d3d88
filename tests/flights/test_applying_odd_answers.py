"""Applies on answers that no document describes: nothing is bought twice by them, and nothing of another's is bound."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest

from adflight import PagingError
from adflight.core.transport import WireAnswer, WireRequest
from adflight.flights.events import RowDone, RowFailed, Settled
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.flights.iqm_scene import CAMPAIGN_ROW
from tests.flights.test_applying_iqm import Desk, adflight_sandbox_options, desk, ended, row  # noqa: F401
from tests.flights.vendor import brief, of


@pytest.fixture
def alter(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Any], None]], None]:  # noqa: F811
    """Has the answers of requests to such URLs altered on their way."""

    def alter(ending: str, change: Callable[[Any], None]) -> None:
        inner: Any = desk.scene.wire._inner
        send = inner.send

        async def altered(request: WireRequest) -> WireAnswer:
            answer: WireAnswer = await send(request)
            if request.url.endswith(ending) and answer.status < 300:
                body = orjson.loads(answer.content)
                change(body)
                answer.content = orjson.dumps(body)
            return answer

        monkeypatch.setattr(inner, "send", altered)

    return alter


async def test_a_campaign_that_does_not_say_where_it_belongs_is_not_bought_again(desk: Desk, alter: Any) -> None:  # noqa: F811
    await desk.apply([row("a1")])
    # without its journal, names have to do
    for file in desk.directory.iterdir():
        file.unlink()

    def hide(body: Any) -> None:
        for campaign in body["data"]["recordsList"]:
            campaign["ioId"] = None

    alter("/io/campaigns/list", hide)
    with pytest.raises(PagingError, match="without its id"):
        await desk.apply([row("a1")])
    assert desk.sandbox.counts.executions["campaigns_create"] == 1


async def test_a_create_that_names_what_was_there_is_looked_for(desk: Desk, alter: Any) -> None:  # noqa: F811
    await desk.apply([row("a1")])
    async with desk.journal() as journal:
        (order,) = (await journal.ids(ORDER)).values()
    values: dict[str, Any] = {**CAMPAIGN_ROW, "exchanges": "", "publisher_ad_category": "", "campaign_name": "Other"}
    other = (await desk.iqm.campaigns.create(io_id=order, **values)).campaign_id
    made: list[int] = []

    def swap(body: Any) -> None:
        made.append(body["responseObject"]["data"])
        body["responseObject"]["data"] = other

    alter("/campaigns/add", swap)
    events = await desk.apply([row("a1"), row("a2")])
    assert brief(events, RowDone) == {"Spring": "unchanged", "a1": "unchanged", "a2": "adopted"}
    assert [(event.how, event.id) for event in of(events, Settled)] == [("adopted", *made)]
    async with desk.journal() as journal:
        assert [(await journal.ids(CAMPAIGN))["a2"]] == made != [other]


async def test_a_bulk_answer_of_another_form_is_read_back_and_keeps_nothing_up(desk: Desk, alter: Any) -> None:  # noqa: F811
    before = [row("a1"), row("a2")]
    await desk.apply(before)

    def one_object(body: Any) -> None:
        body["responseObject"] = {"status": False, "reason": {"id": "1", "errorMessage": "no"}, "modified_data": "none"}

    alter("/update-budget", one_object)
    after = [*(row(key, budget_total=Decimal(2000)) for key in ("a1", "a2")), row("b1", "Summer")]
    events = await desk.apply(after)
    assert (ended(events).how, of(events, RowFailed)) == ("complete", [])
    assert brief(events, RowDone) == {
        "Spring": "unchanged",
        "Summer": "created",
        "a1": "changed",
        "a2": "changed",
        "b1": "created",
    }
    await desk.finish(after)
