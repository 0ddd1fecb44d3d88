"""What the tests of the journal share: intents, places and programs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from adflight.core.clock import Clock
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Done, Intent, Part
from adflight.flights.journal import Journal
from tests.clock import FakeClock

URL: Final = "https://api.example.com"
ACCOUNT: Final = "ada@example.com"
KIND: Final = "campaign"
BODY: Final = {"campaignName": "Spring", "budgetTotal": 1000.5}
SENT: Final = RedactedRequest("POST", f"{URL}/api/v2/cmp/campaigns/add", {}, BODY)


async def opened(directory: Path, clock: Clock | None = None, **more: Any) -> Journal:
    return await Journal.open(URL, ACCOUNT, directory=directory, clock=clock or FakeClock(), **more)


def create(key: str = "row 1", existing: tuple[int, ...] = (), **fields: Any) -> Intent:
    part = Part(key, fields, existing, {"name": f"Spring {key}", "insertion_order": 7})
    return Intent("campaigns.create", KIND, (part,), SENT, creates=True, settled_after=90.0)


def change(*keys: str, **fields: Any) -> Intent:
    parts = tuple(Part(key, fields) for key in keys)
    return Intent("campaigns.update_budget", KIND, parts, SENT, settled_after=90.0)


def copied(directory: Path, to: Path) -> Path:
    """A copy of a journal's files at this moment: what a process that is killed now leaves behind.

    SQLite's shared memory is no part of it: that is made anew from the log.
    """
    to.mkdir()
    for file in directory.glob("*.journal*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, to)
    return to


async def launched(journal: Journal, *keys: str) -> None:
    """Keys with the ids 1, 2, ..."""
    await journal.begin_run("digest")
    for number, key in enumerate(keys, 1):
        await journal.record(await journal.intend(create(key, name=key)), {key: Done(number)})
