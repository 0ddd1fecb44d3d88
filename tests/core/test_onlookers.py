from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adflight.core.errors import APIError, NotSent, UnknownOutcome
from adflight.core.options import Attempted, Hook, Options
from adflight.core.quota import Limiter, Quota
from adflight.core.transport import WireAnswer, WireRequest
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, answer, ok, request, same, session
from tests.core.test_login import opened, token
from tests.core.test_watch import Diary


def brief(told: list[Attempted]) -> list[tuple[int, str, int | None]]:
    return [(one.number, one.outcome, one.status) for one in told]


async def test_an_observer_is_told_what_was_sent_when_and_how_it_ended() -> None:
    clock, told = FakeClock(), list[Attempted]()

    async def slowly(sent: WireRequest) -> WireAnswer:
        await clock.advance(2)
        return ok(5)

    made = session(ScriptedTransport(slowly), clock=clock)
    with made.observed(told.append):
        assert await made.call(request(), same, Options()) == 5
    assert told == [
        Attempted(
            operation="things.do",
            number=1,
            outcome="answered",
            status=200,
            sent_at=FakeClock.EPOCH,
            elapsed=2.0,
            is_watched=False,
            is_apart=False,
        )
    ]
    assert told[0].has_left


async def test_every_attempt_is_told_in_the_words_of_a_watch() -> None:
    told, diary = list[Attempted](), Diary()
    transport = ScriptedTransport(answer(429), answer(503), answer(401), NotSent("refused"), ok(5))
    made = session(transport)
    with made.observed(told.append):
        assert await made.call(request(), same, Options(watch=diary, max_attempts=5)) == 5
    assert brief(told) == [
        (1, "rate limited", 429),
        (2, "server error", 503),
        (3, "unauthorized", 401),
        # of the same attempt, with a renewed token
        (4, "not sent", None),
        (5, "answered", 200),
    ]
    assert [line[:2] for line in diary.lines if isinstance(line, tuple)] == [(one.outcome, one.status) for one in told]
    assert [one.has_left for one in told] == [True, True, True, False, True]
    assert all(one.is_watched for one in told)


async def test_refusals_and_lost_answers_are_told() -> None:
    told: list[Attempted] = []
    made = session(ScriptedTransport(answer(422), answer(503)))
    with made.observed(told.append):
        for error in (APIError, UnknownOutcome):
            with pytest.raises(error):
                await made.call(request("create", {}), same, Options())
    assert brief(told) == [(1, "refused", 422), (1, "server error", 503)]


async def test_log_ins_and_their_repeats_are_told() -> None:
    told: list[Attempted] = []
    made, _, transport, _ = opened(answer(503), token(1), ok(1), ok(2))
    with made.observed(told.append):
        assert [await made.call(request(), same, Options()) for _ in range(2)] == [1, 2]
    assert brief(told) == [(1, "server error", 503), (2, "answered", 200), (1, "answered", 200), (1, "answered", 200)]
    assert len(told) == len(transport.sent)


async def test_what_is_cancelled_on_its_way_may_have_left() -> None:
    clock, told = FakeClock(), list[Attempted]()

    async def never(sent: WireRequest) -> WireAnswer:
        await asyncio.Event().wait()
        raise AssertionError

    made = session(ScriptedTransport(never), clock=clock)
    diary = Diary()
    with made.observed(told.append):
        call = asyncio.create_task(made.call(request(), same, Options(watch=diary)))
        await clock.settle()
        await clock.advance(3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert brief(told) == [(1, "cancelled", None)]
    assert (told[0].sent_at, told[0].elapsed, told[0].has_left) == (FakeClock.EPOCH, 3.0, True)
    assert diary.lines == ["sending"]


async def test_what_is_cancelled_before_it_could_leave_is_not_told() -> None:
    clock, told = FakeClock(), list[Attempted]()
    made = session(ScriptedTransport(), clock=clock, quota=Quota(1, 60.0))
    with made.observed(told.append):
        await made.call(request(), same, Options())
        call = asyncio.create_task(made.call(request(), same, Options()))
        await clock.settle()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert brief(told) == [(1, "answered", 200)]


async def test_what_is_cancelled_while_a_hook_looks_at_its_answer_is_told() -> None:
    told: list[Attempted] = []

    async def slow(response: httpx.Response) -> None:
        await asyncio.Event().wait()

    made = session(ScriptedTransport(ok()), hooks=[Hook(on_response=slow)])
    with made.observed(told.append):
        call = asyncio.create_task(made.call(request(), same, Options()))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert brief(told) == [(1, "cancelled", 200)]


async def test_an_observer_that_fails_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Attempted] = []

    def fail(one: Attempted) -> None:
        raise ZeroDivisionError("oh")

    made = session(ScriptedTransport(answer(503), ok(5)))
    with made.observed(fail), made.observed(told.append):
        assert await made.call(request(), same, Options()) == 5
    assert brief(told) == [(1, "server error", 503), (2, "answered", 200)]
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.message for record in errors] == ["an observer failed; the call goes on"] * 2
    assert errors[0].__dict__["operation"] == "things.do"


async def test_observers_come_and_go_by_themselves() -> None:
    first, second = list[Attempted](), list[Attempted]()
    made = session(ScriptedTransport())

    async def call() -> Any:
        return await made.call(request(), same, Options())

    await call()
    # the same one twice is told twice
    with made.observed(first.append), made.observed(first.append):
        await call()
        with pytest.raises(KeyError), made.observed(second.append):
            await call()
            raise KeyError
        await call()
    await call()
    assert (len(first), len(second)) == (6, 1)


async def test_what_is_counted_apart_says_so() -> None:
    clock, told = FakeClock(), list[Attempted]()
    made = session(ScriptedTransport(), clock=clock, limiters={"api": Limiter(None, clock=clock)})
    with made.observed(told.append):
        await made.call(request(), same, Options())
    assert [one.is_apart for one in told] == [True]
