from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adflight.core.errors import InvalidInput, NotSent
from adflight.core.steps import Event, History, Steps, check_content, sent
from adflight_api.runtime import Request
from tests.clock import FakeClock
from tests.core.scripted import operation

AT = datetime.fromtimestamp(FakeClock.EPOCH, UTC)
BODY = {"name": "Spring", "price": 1}


def request(body: Any = BODY, query: dict[str, str] | None = None) -> Request:
    return Request(operation("create"), "/things", query=query, body=body)


def steps(*resume: Event, told: list[Event] | None = None) -> Steps:
    return Steps(FakeClock(), record=None if told is None else told.append, resume=resume)


SENDING = {"step": "thing", "event": "sending", "at": AT.isoformat(), "existing": [3], "sent": BODY}
UNKNOWN = {"step": "thing", "event": "unknown", "at": "", "sent_at": "2023-11-15T00:00:00+00:00", "settled_after": 90}
REFUSED = {"step": "thing", "event": "refused", "at": "", "error": "No."}
DONE = {"step": "thing", "event": "done", "at": "", "id": 7}

LATER = datetime(2023, 11, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("events", "history"),
    [
        ([], History()),
        ([{**SENDING, "step": "other"}], History()),
        ([SENDING], History(sent=BODY, existing=(3,), sent_at=AT)),
        ([SENDING, UNKNOWN], History(sent=BODY, existing=(3,), sent_at=LATER, settled_after=90.0)),
        ([SENDING, DONE], History(sent=BODY, existing=(3,), sent_at=AT, id=7)),
        ([SENDING, UNKNOWN, DONE], History(sent=BODY, existing=(3,), sent_at=LATER, settled_after=90.0, id=7)),
        ([DONE], History(id=7)),
        ([SENDING, REFUSED], History()),
        # a refusal says nothing of what was lost before it
        ([SENDING, UNKNOWN, SENDING, REFUSED], History(BODY, (3,), sent_at=LATER, settled_after=90.0)),
        ([SENDING, {"step": "thing", "event": "thinking"}], History(sent=BODY, existing=(3,), sent_at=AT)),
    ],
)
def test_what_a_record_says(events: list[Event], history: History) -> None:
    assert History.of("thing", events) == history
    assert History.of("thing", json.loads(json.dumps(events))) == history


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"step": "thing"},
        {**SENDING, "at": "today"},
        {**SENDING, "existing": 3},
        {**SENDING, "sent": 3},
        {**UNKNOWN, "settled_after": "soon"},
        {**DONE, "id": "none"},
        {**DONE, "id": None},
    ],
)
def test_what_is_no_record(event: Event) -> None:
    with pytest.raises(InvalidInput, match="resume="):
        History.of("thing", [SENDING, event])


def test_a_record_is_of_one_request() -> None:
    assert steps(SENDING, DONE).history("thing", request()).id == 7
    with pytest.raises(InvalidInput, match=r"resume=\['colour', 'name', 'price'\].*sends the same thing"):
        steps(SENDING).history("thing", request({"name": "Summer", "colour": 1}))
    with pytest.raises(InvalidInput, match=r"resume=\['type'\]"):
        steps(SENDING).history("thing", request(query={"type": "other"}))


def test_what_was_sent_is_kept_as_json() -> None:
    assert sent(request({"price": Decimal("1.5"), "name": "Spring"}, {"id": "7"})) == {
        "id": "7",
        "price": 1.5,
        "name": "Spring",
    }
    assert sent(request([{"day": 1}], {"id": "7"})) == {"id": "7", "rows": [{"day": 1}]}
    assert sent(request(None)) == {}


def test_what_json_cannot_carry_is_found_early() -> None:
    check_content("thing", request())
    for value in (object(), "\ud800", 2**70):
        with pytest.raises(InvalidInput, match=r"thing=.*values that JSON can carry") as caught:
            check_content("thing", request({"value": value}))
        assert caught.value.__context__ is None


async def test_a_record_is_told_with_the_time_and_may_be_absent() -> None:
    told: list[Event] = []
    await steps(told=told).tell("thing", "sending", existing=[])
    assert told == [{"step": "thing", "event": "sending", "at": AT.isoformat(), "existing": []}]
    await steps().tell("thing", "sending")


async def test_what_is_made_exists_before_it_is_recorded() -> None:
    seen: list[dict[str, int]] = []
    flow = Steps(FakeClock(), record=lambda event: seen.append(dict(flow.exists)), resume=())
    assert await flow.made("thing", 7) == 7
    assert seen == [{"thing": 7}]


async def test_only_what_was_sent_can_be_refused() -> None:
    told: list[Event] = []
    flow = steps(told=told)
    await flow.refused("thing", NotSent("no connection"))
    assert told == []
    flow.sending.add("thing")
    await flow.refused("thing", NotSent("no connection"))
    assert (told[0]["event"], told[0]["error"], flow.sending) == ("refused", "no connection", set())


def test_steps_come_in_their_order() -> None:
    after = {**DONE, "step": "last_thing"}
    steps(SENDING, DONE).check_order("thing", "last_thing")
    steps({**REFUSED, "step": "last_thing"}).check_order("thing", "last_thing")
    for event in (after, {**SENDING, "step": "last_thing"}):
        with pytest.raises(InvalidInput, match=r"resume='last_thing': .* what became of the first thing before it"):
            steps(event).check_order("first_thing", "thing", "last_thing")


def test_what_an_error_may_not_lose() -> None:
    flow, mistake, failure = steps(), InvalidInput("name", 7, "a name"), NotSent("no connection")
    assert flow.nothing_lost(failure, "first")
    assert flow.nothing_lost(mistake, "first")
    flow.given("first", 1)
    assert not flow.nothing_lost(failure, "first")
    assert flow.nothing_lost(mistake, "first")
    flow.sending.add("first")
    assert not flow.nothing_lost(mistake, "first")


@pytest.mark.parametrize(
    ("given", "made", "sending", "word"),
    [
        ([], [], [], None),
        (["first"], [], [], None),
        (["first"], ["second_thing"], [], "first 1 exists; second thing 2 exists"),
        (["first"], [], ["second_thing"], "first 1 exists; the second thing: sent, outcome unknown"),
        ([], ["first"], ["first", "second_thing"], "first 2 exists; the second thing: sent, outcome unknown"),
        ([], [], ["first"], "the first: sent, outcome unknown"),
    ],
)
async def test_the_word_that_is_left(given: list[str], made: list[str], sending: list[str], word: str | None) -> None:
    flow, error = steps(), ValueError()
    for step in given:
        flow.given(step, 1)
    for step in made:
        await flow.made(step, 2)
    flow.sending.update(sending)
    flow.leave_word(error)
    left = f"launch: {word}. Do not launch again: look for it, or continue with resume=."
    assert getattr(error, "__notes__", []) == ([left] if word else [])


@pytest.mark.parametrize(
    ("history", "sent_at", "settled"),
    [
        (History(), AT, 60.0),
        (History(sent_at=LATER), LATER, 60.0),
        (History(sent_at=LATER, settled_after=90.0), LATER, 90.0),
        (History(sent_at=LATER, settled_after=30.0), LATER, 60.0),
    ],
)
def test_what_is_unknown_of_an_earlier_attempt(history: History, sent_at: datetime, settled: float) -> None:
    error = steps().unknown(
        request({"password": "s3cr3t", "name": "Spring"}, {"id": "7", "token": "s3cr3t"}),
        history,
        "nobody knows",
        base_url="https://api.example.com",
        settled_after=60.0,
    )
    assert (str(error), error.operation, error.sent_at, error.settled_after) == (
        "nobody knows",
        "things.do",
        sent_at,
        settled,
    )
    assert error.request.url == "https://api.example.com/things?id=7&token=***"
    assert error.request.body == {"password": "***", "name": "Spring"}
    assert "ends before the answer" in str(error.cause)


def test_time_is_the_clocks() -> None:
    clock = FakeClock()
    assert Steps(clock, record=None, resume=()).now() == AT
    assert AT + timedelta(0) == datetime.fromtimestamp(clock.time(), UTC)
