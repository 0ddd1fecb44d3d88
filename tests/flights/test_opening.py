from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from adflight import InvalidInput, plan
from adflight.flights.entries import JournalHeld
from adflight.flights.journal import Journal
from adflight.flights.keys import propose_bind, propose_release
from adflight.flights.opening import check_journal, open_journal
from adflight.flights.planning import full_refresh_cost
from adflight.flights.platform import CAMPAIGN
from adflight.flights.settling import settle
from tests.flights.fake_platform import FakePlatform, row


class InWorkspace(FakePlatform):
    """An account that has workspaces; each is a platform."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope

    async def scope(self) -> str:
        return self._scope


async def test_a_journal_is_of_one_workspace_and_the_lock_of_the_account(tmp_path: Path) -> None:
    one, other = InWorkspace("1"), InWorkspace("2")
    async with await open_journal(one, directory=tmp_path) as journal:
        await journal.bind(CAMPAIGN, "a", 7)
        with pytest.raises(JournalHeld, match="held by this process"):
            await open_journal(other, directory=tmp_path)
    async with await open_journal(other, directory=tmp_path) as theirs:
        assert await theirs.ids(CAMPAIGN) == {}
        # who only reads waits for nobody
        async with await open_journal(one, directory=tmp_path, read_only=True) as journal:
            assert await journal.ids(CAMPAIGN) == {"a": 7}
    names = os.listdir(tmp_path)
    assert [sum(name.endswith(suffix) for name in names) for suffix in (".journal", ".lock")] == [2, 1]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"_scope": "2"}, "that of ada@example.com at https://api.example.com in workspace 2"),
        ({"_scope": ""}, "that of ada@example.com at https://api.example.com in no workspace"),
        ({"account": "eve@example.com"}, "that of eve@example.com at https://api.example.com in workspace 1"),
        (
            {"base_url": "https://other.example.com"},
            "that of ada@example.com at https://other.example.com in workspace",
        ),
    ],
)
async def test_anothers_journal_is_refused(tmp_path: Path, how: dict[str, str], expected: str) -> None:
    platform = InWorkspace("1")
    async with await open_journal(platform, directory=tmp_path) as journal:
        await check_journal(journal, platform)
        for name, value in how.items():
            setattr(platform, name, value)
        with pytest.raises(InvalidInput, match=f"journal='{journal.path.stem}': expected {expected}"):
            await check_journal(journal, platform)


async def _apply(platform: FakePlatform, journal: Journal, directory: Path) -> None:
    with await plan([row("a")], platform, directory=directory) as made:
        platform.reads.clear()
        async for _ in made.apply(journal=journal):
            pass


async def _settle(platform: FakePlatform, journal: Journal, _: Path) -> None:
    async for _event in settle(journal, platform):
        pass


USES: dict[str, Callable[[FakePlatform, Journal, Path], Awaitable[Any]]] = {
    "plan": lambda platform, journal, _: plan([row("a")], platform, journal=journal),
    "full refresh": lambda platform, journal, _: full_refresh_cost([row("a")], platform, journal=journal),
    "apply": _apply,
    "settle": _settle,
    "bind": lambda platform, journal, _: propose_bind(journal, platform, CAMPAIGN, "a", 7),
    "release": lambda platform, journal, _: propose_release(journal, platform, CAMPAIGN, "a", by="ada"),
}


@pytest.mark.parametrize("use", USES)
async def test_whatever_takes_a_journal_refuses_anothers_before_it_reads(tmp_path: Path, use: str) -> None:
    async with await open_journal(InWorkspace("1"), directory=tmp_path) as journal:
        platform = InWorkspace("2")
        with pytest.raises(InvalidInput, match=r"journal=.*: expected that of ada@example\.com .* in workspace 2"):
            await USES[use](platform, journal, tmp_path)
        assert (platform.reads, platform.zone_reads) == ([], 0)
        assert await journal.runs() == []
