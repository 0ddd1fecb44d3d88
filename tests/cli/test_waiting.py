from __future__ import annotations

import asyncio

import pytest

from adflight.cli import waiting
from adflight.cli.waiting import saying_why
from adflight.core.quota import Limiter, Quota
from tests.clock import FakeClock

QUOTA = Quota(1, 60.0, "documented")


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.0)


async def said_of(limiter: Limiter, capsys: pytest.CaptureFixture[str]) -> str:
    with saying_why(limiter):
        for _ in range(10):
            await asyncio.sleep(0)
    return capsys.readouterr().err


async def test_what_goes_on_needs_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert await said_of(Limiter(QUOTA, clock=FakeClock()), capsys) == ""
    assert await said_of(Limiter(None, clock=FakeClock()), capsys) == ""


async def test_the_quota_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    limiter = Limiter(QUOTA, clock=FakeClock())
    with await limiter.acquire():
        assert await said_of(limiter, capsys) == "Waiting for the quota: 1 requests in 60 s (documented).\n"


async def test_a_pause_is_said_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    limiter = Limiter(None, clock=FakeClock())
    limiter.pause(40.0, "the service asked for it: HTTP 429")
    assert await said_of(limiter, capsys) == "Waiting for 40 s: the service asked for it: HTTP 429.\n"
