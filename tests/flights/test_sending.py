from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from adflight.core.options import Watch
from adflight.flights.entries import Done
from adflight.flights.platform import CAMPAIGN, Phase, Target, Told, Write
from adflight.flights.sending import Sending
from tests.clock import FakeClock
from tests.flights.fake_platform import FakePlatform
from tests.flights.shelf import opened

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
