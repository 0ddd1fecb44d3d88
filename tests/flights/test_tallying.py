from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.quota import Limiter, Quota
from adflight.flights.comparing import SENT
from adflight.flights.items import Verdict
from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Write
from adflight.flights.tallying import seconds_for, totals_of
from tests.cli.plans import flight, order
from tests.clock import FakeClock


@pytest.mark.parametrize(("requests", "seconds"), [(0, 0), (1, 0), (19, 0), (20, 60), (38, 60), (39, 120)])
def test_the_quota_lets_so_many_leave_a_window(requests: int, seconds: float) -> None:
    assert seconds_for(requests, Quota(19, 60.0)) == seconds


def test_without_a_quota_nothing_waits() -> None:
    assert seconds_for(1000, None) == 0


@given(st.integers(1, 40), st.integers(1, 7), st.sampled_from([0.5, 60.0]))
async def test_the_bound_is_what_the_limiter_needs_when_answers_are_immediate(
    requests: int, slots: int, per: float
) -> None:
    quota = Quota(slots, per)
    clock = FakeClock(auto=True)
    limiter = Limiter(quota, clock=clock)
    for _ in range(requests):
        (await limiter.acquire()).answered()
    assert clock.monotonic() == pytest.approx(seconds_for(requests, quota))


def test_looks_before_a_write_take_their_time_and_are_no_writes() -> None:
    target = Target("a", 1, 7, "Spring", {})
    write = Write(
        operation="bid_models.manage", kind=CAMPAIGN, phase=Phase.BESIDE, targets=(target,), values={}, looks=1
    )
    totals = totals_of((), [write] * 10, {}, Quota(19, 60.0))
    assert totals.writes == {"bid_models.manage": 10}
    assert totals.seconds == 60


def test_what_may_be_there_already_counts_only_where_it_is_made_again() -> None:
    ten = Decimal(10)
    items = [
        order("Spring", id=1),
        order("Lost", Verdict.CREATE, reason=SENT),
        flight("a", "Spring", Verdict.CREATE, committed=ten),
        flight("b", "Spring", Verdict.CREATE, committed=ten * 2, reason=SENT),
        flight("c", "Lost", Verdict.CREATE, committed=ten * 4),
        flight("no", "Lost", Verdict.REFUSED, reason="no"),
    ]
    writes = [
        Write(
            operation="create",
            kind=item.kind,
            phase=Phase.RAISE,
            targets=(Target(item.key, 1, None, item.parent, {}),),
            values={},
        )
        for item in items
        if item.verdict is Verdict.CREATE
    ]
    totals = totals_of(items, writes, {}, Quota(1, 60.0))
    assert (totals.committed, totals.writes, totals.seconds) == (ten, {"create": 1}, 0.0)
    assert (totals.in_doubt, totals.committed_in_doubt) == ({ORDER: 1, CAMPAIGN: 2}, ten * 6)
    totals = totals_of(items, writes, {}, Quota(1, 60.0), is_made_again=True)
    assert (totals.committed, totals.writes, totals.seconds) == (ten * 7, {"create": 4}, 180.0)
    assert not totals.in_doubt and not totals.committed_in_doubt
