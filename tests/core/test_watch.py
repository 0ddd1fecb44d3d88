from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adflight.core.errors import APIError, NotSent, UnknownOutcome
from adflight.core.options import Options
from adflight.core.quota import Quota
from adflight.core.redaction import MASK, RedactedRequest
from adflight.core.transport import WireAnswer, WireRequest
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, answer, ok, request, same, session


class Diary:
    """A watch that writes everything down."""

    def __init__(self, transport: ScriptedTransport | None = None, error: BaseException | None = None) -> None:
        self.lines: list[object] = []
        self.shown: list[RedactedRequest] = []
        self.sent_before: list[int] = []
        self._transport = transport
        self._error = error

    async def sending(self, request: Callable[[], RedactedRequest]) -> None:
        self.lines.append("sending")
        self.shown.append(request())
        if self._transport is not None:
            self.sent_before.append(len(self._transport.sent))
        if self._error is not None:
            raise self._error

    def answered(self, outcome: str, status: int | None, sent_at: float, elapsed: float) -> None:
        self.lines.append((outcome, status, sent_at, elapsed))


async def test_a_watch_is_told_before_the_attempt_leaves_and_after_its_answer() -> None:
    clock = FakeClock()

    async def slowly(sent: WireRequest) -> WireAnswer:
        await clock.advance(2)
        return ok(5)

    transport = ScriptedTransport(slowly)
    diary = Diary(transport)
    made = session(transport, clock=clock)
    assert await made.call(request("create", {"name": "Spring", "password": "hush"}), same, Options(watch=diary)) == 5
    assert diary.lines == ["sending", ("answered", 200, FakeClock.EPOCH, 2)]
    assert diary.sent_before == [0]
    assert diary.shown[0].body == {"name": "Spring", "password": MASK}


async def test_a_watch_sees_every_attempt() -> None:
    clock = FakeClock(auto=True)
    transport = ScriptedTransport(answer(429), NotSent("refused"), answer(401), ok(5))
    diary = Diary(transport)
    assert await session(transport, clock=clock).call(request("create", {}), same, Options(watch=diary)) == 5
    told = [line[:2] if isinstance(line, tuple) else line for line in diary.lines]
    assert told[:6] == [
        "sending",
        ("rate limited", 429),
        "sending",
        ("not sent", None),
        "sending",
        ("unauthorized", 401),
    ]
    assert told[6:] == ["sending", ("answered", 200)]
    assert diary.sent_before == [0, 1, 2, 3]


async def test_what_a_watch_raises_keeps_the_attempt_from_leaving_and_costs_no_slot() -> None:
    clock = FakeClock()
    transport = ScriptedTransport()
    made = session(transport, clock=clock, quota=Quota(1, 60.0), max_in_flight=1)
    with pytest.raises(OSError, match="the disk is full"):
        await made.call(request("create", {}), same, Options(watch=Diary(error=OSError("the disk is full"))))
    assert transport.sent == [] and made.limiter.state().used == 0
    assert await made.call(request("create", {}), same, Options(watch=Diary())) == 1


async def test_a_cancelled_watch_keeps_the_attempt_from_leaving() -> None:
    clock = FakeClock()
    transport = ScriptedTransport()

    class Slow(Diary):
        async def sending(self, request: Callable[[], RedactedRequest]) -> None:
            await clock.sleep(60)

    made = session(transport, clock=clock, quota=Quota(1, 60.0), max_in_flight=1)
    call = asyncio.create_task(made.call(request("create", {}), same, Options(watch=Slow())))
    await clock.settle()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert transport.sent == [] and made.limiter.state().used == 0


async def test_a_watch_hears_of_refusals_and_of_lost_answers() -> None:
    clock = FakeClock(auto=True)
    refused, lost = Diary(), Diary()
    with pytest.raises(APIError):
        await session(ScriptedTransport(answer(422)), clock=clock).call(
            request("create", {}), same, Options(watch=refused)
        )
    with pytest.raises(UnknownOutcome):
        await session(ScriptedTransport(answer(503)), clock=clock).call(
            request("create", {}), same, Options(watch=lost)
        )
    assert [line[1] for diary in (refused, lost) for line in diary.lines if isinstance(line, tuple)] == [422, 503]
