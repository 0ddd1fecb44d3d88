from __future__ import annotations

from adflight.flights.events import Settling, as_json


def test_seconds_are_no_finer_than_clocks() -> None:
    assert as_json(Settling(open=1, seconds=89.99999712345)) == {"event": "settling", "open": 1, "seconds": 90.0}
