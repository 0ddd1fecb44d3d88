from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from adflight.core.options import Attempted
from adflight.flights.entries import Attempt, SideRequest
from adflight.flights.traffic import Traffic


def attempted(operation: str = "campaigns.get", **more: Any) -> Attempted:
    what = {"number": 1, "outcome": "answered", "status": 200, "sent_at": 1000.25, "elapsed": 0.125}
    return Attempted(**{"operation": operation, **what, "is_watched": False, "is_apart": False, **more})


def test_what_was_sent_is_kept_as_the_journal_writes_it() -> None:
    traffic = Traffic()
    told = [
        attempted("auth.token", is_apart=True),
        attempted(number=3, outcome="rate limited", status=429),
        attempted(outcome="not sent", status=None),
        attempted(outcome="timeout", status=None, sent_at=1060.0, elapsed=30.0),
    ]
    for one in told:
        traffic.add(one)
    assert [*traffic] == [*traffic] == [SideRequest.of(one) for one in told]
    at = datetime.fromtimestamp(1000.25, UTC)
    assert next(iter(traffic)) == SideRequest("auth.token", Attempt(1, at, "answered", 200, 0.125), True)
    # what never left is no request that was sent
    assert traffic.counts == {"auth.token": 1, "campaigns.get": 2}


def test_what_somebody_watches_is_kept_by_them() -> None:
    traffic = Traffic()
    traffic.add(attempted(is_watched=True))
    assert [*traffic] == [] and traffic.counts == {}


def test_what_is_taken_is_taken_once() -> None:
    traffic = Traffic()
    for sent_at in (999.0, 1000.0, 1001.0):
        traffic.add(attempted(sent_at=sent_at))
    taken = traffic.take()
    traffic.add(attempted("campaigns.list"))
    assert [one.attempt.at.timestamp() for one in taken] == [999.0, 1000.0, 1001.0]
    assert [one.operation for one in traffic.take()] == ["campaigns.list"]
    assert [*traffic.take()] == []
    assert traffic.counts == {"campaigns.get": 3, "campaigns.list": 1}


def test_many_take_little() -> None:
    traffic = Traffic()
    for number in range(10_000):
        traffic.add(attempted(sent_at=float(number)))
    assert sys.getsizeof(traffic._rows) < 400_000
