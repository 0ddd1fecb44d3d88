from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from adflight.core.errors import ServerError
from adflight.core.options import Watch
from adflight.flights.entries import Done, JournalError
from adflight.flights.events import Sent
from adflight.flights.platform import CAMPAIGN, Phase, Target, Told, Write
from adflight.flights.sending import Sending
from tests.clock import FakeClock
from tests.core.scripted import SHOWN
from tests.flights.fake_platform import FakePlatform
from tests.flights.shelf import opened
from tests.flights.vendor import of_log_in, refusal

WRITE = Write(
    operation="bid_models.manage",
    kind=CAMPAIGN,
    phase=Phase.BESIDE,
    targets=(Target("a", 1, 7, "Spring", {"x": 1}),),
    values={"x": 1},
)


class Seeing(FakePlatform):
    """Finds that nothing has to be sent, or says that it was without telling the watch."""

    told: Told | None = None

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        return self.told


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_was_there_counts_as_applied_where_its_key_is_known(tmp_path: Path, is_known: bool) -> None:
    async with await opened(tmp_path, FakeClock()) as journal:
        if is_known:
            await journal.bind(CAMPAIGN, "a", 7)
        sent: list[object] = []
        sending = Sending(
            WRITE,
            [7],
            5,
            journal=journal,
            platform=Seeing(),
            tell=sent.append,
            is_halted=lambda: False,
        )
        (fate,) = await sending.carry_out()
        assert fate.how == ("done" if is_known else "unknown")
        assert (await journal.applied(CAMPAIGN, ["a"])).get("a", {}) == ({"x": 1} if is_known else {})
        assert sent == []
        assert await journal.open_intents() == []


class LockedOut(FakePlatform):
    """Sends, is told that the token has ended, and gets no other one."""

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        await watch.sending(lambda: SHOWN)
        watch.answered("unauthorized", 401, self.clock.time(), 0.1)
        raise of_log_in(refusal(ServerError, 503, "auth.login"))


async def test_a_write_whose_token_ended_is_not_refused_by_a_log_in_that_fails(tmp_path: Path) -> None:
    async with await opened(tmp_path, FakeClock()) as journal:
        await journal.bind(CAMPAIGN, "a", 7)
        await journal.begin_run("flights.csv")
        sending = Sending(
            WRITE,
            [7],
            5,
            journal=journal,
            platform=LockedOut(),
            tell=lambda sent: None,
            is_halted=lambda: False,
        )
        assert await sending.carry_out() == []
        assert isinstance(sending.fatal, ServerError)
        assert await journal.open_intents() == []
        (told,) = [entry async for entry in journal.history()]
        assert [part.state for part in told.parts] == ["withdrawn"]


async def test_a_platform_that_hides_what_it_sends_is_a_mistake(tmp_path: Path) -> None:
    platform = Seeing()
    platform.told = {"a": Done()}
    async with await opened(tmp_path, FakeClock()) as journal:
        sending = Sending(
            WRITE,
            [7],
            5,
            journal=journal,
            platform=platform,
            tell=lambda sent: None,
            is_halted=lambda: False,
        )
        with pytest.raises(AssertionError, match="without a watch"):
            await sending.carry_out()


class TurnedAway(FakePlatform):
    """Answers 429 first; while it pauses, somebody removes the lock and takes the journal over."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        await watch.sending(lambda: SHOWN)
        watch.answered("rate limited", 429, 0.0, 0.1)
        next(self._directory.rglob("*.lock")).unlink()
        async with await opened(self._directory):
            await watch.sending(lambda: SHOWN)
        raise AssertionError("it was sent again")


async def test_before_it_is_repeated_the_journal_is_asked_again(tmp_path: Path) -> None:
    async with await opened(tmp_path, FakeClock()) as journal:
        await journal.begin_run("spring.csv")
        told: list[Sent] = []
        sending = Sending(
            evolve(WRITE, creates=True, operation="campaigns.create"),
            [],
            5,
            journal=journal,
            platform=TurnedAway(tmp_path),
            tell=told.append,
            is_halted=lambda: False,
        )
        with pytest.raises(JournalError, match="has taken the journal"):
            await sending.carry_out()
        assert len(told) == 1
