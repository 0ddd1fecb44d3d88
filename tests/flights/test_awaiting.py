from __future__ import annotations

from adflight.flights.awaiting import GATHER, Awaited, Awaiting
from adflight.flights.platform import CAMPAIGN, Phase, Target, Write


def one(due: float) -> Awaited:
    target = Target(f"row {due}", 1, 7, None, {}, 0)
    write = Write(operation="campaigns.update", kind=CAMPAIGN, phase=Phase.RAISE, targets=(target,), values={})
    return Awaited(write, target, 1, due, "no answer")


def test_nothing_is_awaited() -> None:
    awaiting = Awaiting()
    assert awaiting.next_round(0.0, is_idle=True) is None
    assert awaiting.next_round(0.0, is_idle=False) is None
    assert not awaiting and not [*awaiting]


def test_what_is_lost_shares_a_round_once_nothing_can_be_added() -> None:
    awaiting, lost = Awaiting(), [one(90.0), one(95.0), one(90.0 + GATHER + 1)]
    for each in lost:
        awaiting.add(each, is_lost=True)
    gathering = awaiting.next_round(0.0, is_idle=False)
    assert gathering is not None and gathering.is_lost
    assert (gathering.at, gathering.due) == (90.0 + GATHER, lost[:2])
    last = awaiting.next_round(0.0, is_idle=True)
    assert last is not None
    assert (last.at, last.due) == (lost[-1].due, lost)
    awaiting.drop(lost[:2])
    assert [*awaiting] == lost[2:]


def test_what_was_answered_is_read_back_as_soon_as_nothing_else_can_be_done_or_it_is_much() -> None:
    awaiting, lost, answered = Awaiting(), one(90.0), one(5.0)
    awaiting.add(lost, is_lost=True)
    awaiting.add(answered, is_lost=False)
    gathering = awaiting.next_round(5.0, is_idle=False)
    assert gathering is not None and (gathering.at, gathering.due) == (5.0 + GATHER, [answered])
    at_once = awaiting.next_round(5.0, is_idle=True)
    assert at_once is not None and not at_once.is_lost
    assert (at_once.at, at_once.due) == (5.0, [answered])
    many = [one(5.0) for _ in range(499)]
    for each in many:
        awaiting.add(each, is_lost=False)
    full = awaiting.next_round(6.0, is_idle=False)
    assert full is not None and (full.at, len(full.due)) == (6.0, 500)
    assert len(awaiting) == 501
    awaiting.drop([answered, *many])
    assert [*awaiting] == [lost]


def test_what_was_answered_waits_for_what_is_lost_before_it() -> None:
    awaiting, lost, answered = Awaiting(), one(90.0), one(95.0)
    awaiting.add(lost, is_lost=True)
    awaiting.add(answered, is_lost=False)
    first = awaiting.next_round(95.0, is_idle=False)
    assert first is not None and first.is_lost
    assert (first.at, first.due) == (90.0 + GATHER, [lost])
