from __future__ import annotations

from pathlib import Path

import pytest

from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Contradiction, Intent, Part, Unsettled
from tests.clock import FakeClock
from tests.flights.shelf import opened

KIND = "campaign"


def change(**fields: object) -> Intent:
    request = RedactedRequest("PUT", "https://api.example.com/x", {}, {})
    return Intent("campaigns.update", KIND, (Part("a", fields),), request, settled_after=90.0)


async def test_what_was_seen_counts_as_applied(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        with pytest.raises(Contradiction):
            await journal.note(KIND, "a", {"x": 1})
        await journal.begin_run("file")
        await journal.bind(KIND, "a", 7, fields={"x": 1, "y": 2})
        # other requests of the same run, for other values, may be under way
        await journal.intend(change(z=3))
        await journal.note(KIND, "a", {"x": [4]})
        assert (await journal.applied(KIND, ["a"]))["a"] == {"x": [4], "y": 2}
        await journal.end_run("interrupted")
        await journal.begin_run("file")
        with pytest.raises(Unsettled):
            await journal.note(KIND, "a", {"x": 5})
        assert (await journal.applied(KIND, ["a"]))["a"] == {"x": [4], "y": 2}
