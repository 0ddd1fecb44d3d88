from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Literal, TypeAlias

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Write
from adflight.flights.scheduling import Schedule

Money: TypeAlias = Literal[-1, 0, 1]


def write(
    *keys: str,
    kind: str = CAMPAIGN,
    phase: Phase = Phase.RAISE,
    row: int = 2,
    creates: bool = False,
    named: str = "",
    money: Money = 0,
) -> Write:
    """A write; a campaign's key begins with that of its insertion order, as in a1."""
    targets = tuple(Target(key, row, None, key[0] if kind == CAMPAIGN else None, {}, money) for key in keys)
    more = {"creates": creates, "named": named}
    return Write(operation="things.do", kind=kind, phase=phase, targets=targets, values={}, **more)  # type: ignore[arg-type]


def order(*keys: str, phase: Phase = Phase.ORDER, row: int = 2, creates: bool = False, named: str = "") -> Write:
    return write(*keys, kind=ORDER, phase=phase, row=row, creates=creates, named=named)


def taken(schedule: Schedule) -> list[str]:
    """The keys of all that may be sent now."""
    keys: list[str] = []
    while (one := schedule.take()) is not None:
        keys.append(" ".join(target.key for target in one.targets))
    return keys


def conclude(schedule: Schedule, what: Write, *, failed: Sequence[str] = ()) -> list[str]:
    """The keys that are complete by it."""
    return [target.key for target in what.targets if schedule.conclude(what, target, is_done=target.key not in failed)]


def withheld(schedule: Schedule) -> list[str]:
    return [one.target.key for one in schedule.withheld()]


def test_the_phases_of_an_order_follow_one_another() -> None:
    first, lower, higher = order("a"), write("a1", phase=Phase.LOWER), write("a2")
    beside, last = write("a3", phase=Phase.BESIDE), order("a", phase=Phase.LOWER_ORDER)
    schedule = Schedule([last, beside, higher, lower, first])
    for step, complete in ((first, []), (lower, ["a1"]), (higher, ["a2"]), (beside, ["a3"]), (last, ["a"])):
        assert not schedule.is_over
        assert schedule.take() is step
        assert schedule.take() is None
        assert conclude(schedule, step) == complete
    assert schedule.is_over
    assert schedule.take() is None


def test_orders_do_not_wait_for_each_other() -> None:
    slow, quick = order("a"), order("b")
    schedule = Schedule([slow, write("a1"), quick, write("b1"), write("c1")])
    assert taken(schedule) == ["a", "b", "c1"]
    conclude(schedule, quick)
    assert taken(schedule) == ["b1"]


def test_the_first_phase_and_row_come_first() -> None:
    schedule = Schedule(
        [write("c1", row=2), write("b1", phase=Phase.LOWER, row=9), order("a", row=7), order("d", row=5)]
    )
    assert taken(schedule) == ["d", "a", "b1", "c1"]


def test_a_failed_order_takes_its_campaigns_along_and_no_others() -> None:
    first, many = order("a", "b"), write("a1", "b1", "c1")
    schedule = Schedule([first, many, write("a2", row=3), order("a", phase=Phase.LOWER_ORDER)])
    assert schedule.take() is first
    conclude(schedule, first, failed=["a"])
    assert taken(schedule) == ["b1 c1"]
    assert withheld(schedule) == ["a1", "a2"]
    assert withheld(schedule) == []
    assert conclude(schedule, write("b1", "c1")) == ["b1", "c1"]
    assert schedule.is_over


def test_an_order_is_lowered_only_when_all_its_campaigns_are_as_planned() -> None:
    many, last = write("a1", "b1"), order("a", "b", phase=Phase.LOWER_ORDER)
    schedule = Schedule([many, last])
    schedule.take()
    conclude(schedule, many, failed=["a1"])
    lowered = schedule.take()
    assert lowered is not None
    assert [target.key for target in lowered.targets] == ["b"]
    assert withheld(schedule) == ["a"]


def lower(*keys: str, row: int = 2, money: Money = -1) -> Write:
    return write(*keys, phase=Phase.LOWER, row=row, money=money)


def higher(*keys: str, row: int = 2) -> Write:
    return write(*keys, row=row, money=1)


def test_what_takes_money_is_withheld_where_some_was_not_given_back() -> None:
    less, more = lower("a1"), higher("a2", "b1")
    made, renamed = write("a3", row=3, creates=True, named="Spring", money=1), write("a4", row=4)
    schedule = Schedule([less, more, made, renamed])
    assert schedule.take() is less
    conclude(schedule, less, failed=["a1"])
    assert taken(schedule) == ["b1", "a4"]
    told = {one.target.key: one.reason for one in schedule.withheld()}
    assert told == dict.fromkeys(
        ["a2", "a3"],
        "it takes more money, and campaign 'a1' of its insertion order 'a' did not give back what was planned",
    )


def test_an_earlier_end_that_fails_holds_nothing_back() -> None:
    ended = lower("a1", money=0)
    schedule = Schedule([ended, higher("a2")])
    schedule.take()
    conclude(schedule, ended, failed=["a1"])
    assert taken(schedule) == ["a2"]


def test_nothing_takes_money_before_it_is_known_that_some_was_given_back() -> None:
    less = lower("a1", "b1")
    schedule = Schedule([less, higher("a2", "b2"), write("a3", row=3)])
    schedule.take()
    first, second = less.targets
    schedule.conclude(less, first, is_done=True)
    # of the second nobody knows yet, and the request with both insertion orders waits for it
    assert taken(schedule) == ["a3"]
    schedule.conclude(less, second, is_done=False)
    assert taken(schedule) == ["a2"]
    assert withheld(schedule) == ["b2"]


def test_money_that_is_known_not_to_be_given_back_holds_back_what_takes_it() -> None:
    schedule = Schedule([lower("a1"), higher("a2"), write("a3", row=3), higher("b1", row=4)])
    schedule.fail(CAMPAIGN, "a1", "a")
    assert taken(schedule) == ["a3", "b1"]
    assert withheld(schedule) == ["a2"]


def test_money_is_not_given_back_by_what_failed_otherwise() -> None:
    ended, less = lower("a1", money=0), lower("a1", row=3)
    schedule = Schedule([ended, less, higher("a2")])
    assert schedule.take() is ended
    conclude(schedule, ended, failed=["a1"])
    assert taken(schedule) == []
    assert withheld(schedule) == ["a2"]


def test_what_failed_once_is_not_sent_again() -> None:
    first, second = write("a1", phase=Phase.LOWER), write("a1", "a2")
    schedule = Schedule([first, second])
    schedule.take()
    conclude(schedule, first, failed=["a1"])
    assert taken(schedule) == ["a2"]
    # it is told of by its failure
    assert withheld(schedule) == []
    assert conclude(schedule, write("a2")) == ["a2"]


def test_an_object_with_several_writes_is_complete_with_the_last() -> None:
    first, second = write("a1", row=2), write("a1", row=3)
    schedule = Schedule([first, second])
    assert taken(schedule) == ["a1", "a1"]
    assert conclude(schedule, second) == []
    assert conclude(schedule, first) == ["a1"]


@pytest.mark.parametrize("failed", [(), ("a1",)])
def test_what_needs_an_object_waits_until_it_is_made(failed: Sequence[str]) -> None:
    made, beside = write("a1", creates=True, named="Spring"), write("a1", phase=Phase.BESIDE)
    schedule = Schedule([beside, made, order("a", phase=Phase.LOWER_ORDER)])
    assert taken(schedule) == ["a1"]
    assert conclude(schedule, made, failed=failed) == []
    if not failed:
        assert schedule.take() is beside
        assert conclude(schedule, beside) == ["a1"]
    assert taken(schedule) == ([] if failed else ["a"])
    assert withheld(schedule) == (["a"] if failed else [])


def test_what_is_known_to_fail_is_not_sent() -> None:
    schedule = Schedule([order("a"), write("a1"), write("b1"), order("b", phase=Phase.LOWER_ORDER), write("c1")])
    schedule.fail(ORDER, "a", None)
    schedule.fail(CAMPAIGN, "b1", "b")
    schedule.fail(CAMPAIGN, "x1", "x")
    schedule.fail(ORDER, "x", None)
    assert taken(schedule) == ["c1"]
    assert withheld(schedule) == ["a1", "b"]
    conclude(schedule, write("c1"))
    assert schedule.is_over


def test_creates_of_one_name_take_turns() -> None:
    twins = [write(f"a{number}", row=number + 1, creates=True, named="Spring") for number in range(1, 4)]
    schedule = Schedule([*twins, write("b1", creates=True, named="Spring"), write("a9", creates=True)])
    assert taken(schedule) == ["a1", "b1", "a9"]
    conclude(schedule, twins[0], failed=["a1"])
    assert taken(schedule) == ["a2"]
    conclude(schedule, twins[1])
    assert taken(schedule) == ["a3"]
    conclude(schedule, twins[2])
    conclude(schedule, write("b1", creates=True, named="Spring"))
    conclude(schedule, write("a9", creates=True))
    assert schedule.is_over


def test_orders_of_one_name_take_turns_wherever_they_are() -> None:
    first, second = (order(key, creates=True, named="Spring") for key in "ab")
    schedule = Schedule([first, second, write("b1")])
    assert taken(schedule) == ["a"]
    conclude(schedule, first, failed=["a"])
    assert taken(schedule) == ["b"]


def test_a_turn_passes_over_what_is_withheld() -> None:
    first = order("a")
    twins = [write("a1", creates=True, named="Spring", row=3), write("a2", creates=True, named="Spring", row=4)]
    schedule = Schedule([first, *twins])
    schedule.take()
    conclude(schedule, first, failed=["a"])
    assert taken(schedule) == []
    assert withheld(schedule) == ["a1", "a2"]
    assert schedule.is_over


# whatever happens

KEYS = [f"{letter}{number}" for letter in "abc" for number in range(3)]


def some_campaigns(keys: list[str], phase: Phase, row: int, named: str, has_money: bool) -> Write:
    if named:
        return write(keys[0], row=row, creates=True, named=named, money=1)
    money: dict[Phase, Money] = {Phase.LOWER: -1, Phase.RAISE: 1}
    return write(*keys, phase=phase, row=row, money=money.get(phase, 0) if has_money else 0)


campaign_writes = st.builds(
    some_campaigns,
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True),
    st.sampled_from([Phase.LOWER, Phase.RAISE, Phase.BESIDE]),
    st.integers(2, 20),
    st.sampled_from(["", "", "", "Spring", "Summer"]),
    st.booleans(),
)
order_writes = st.builds(
    lambda keys, phase, row: order(*keys, phase=phase, row=row),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
    st.sampled_from([Phase.ORDER, Phase.LOWER_ORDER]),
    st.integers(2, 20),
)


@define
class Model:
    """The rules again, for one share after the other."""

    shares: list[tuple[Write, Target]]
    """Those that were neither taken nor withheld, as far as anybody knows."""
    under_way: list[tuple[Write, Target]] = field(factory=list)
    failed: set[tuple[str, str]] = field(factory=set)
    owing: set[str] = field(factory=set)
    """Insertion orders in which a request that was to give money back failed."""
    complete: set[tuple[str, str]] = field(factory=set)

    def take(self, one: Write) -> None:
        if one.creates:
            assert not [
                other
                for other, target in self.under_way
                if other.creates and (other.named, target.parent) == (one.named, one.targets[0].parent)
            ]
        for target in one.targets:
            # a write that was cut down is a copy
            share = next(share for share in self.shares if share[1] is target)
            self.shares.remove(share)
            self.check(one, target)
        self.under_way += [(one, target) for target in one.targets]

    def check(self, one: Write, target: Target) -> None:
        letter = target.key[0]
        assert (one.kind, target.key) not in self.failed
        assert (ORDER, letter) not in self.failed
        earlier = [(w, t) for w, t in self.under_way + self.shares if t.key[0] == letter and w.phase < one.phase]
        for other, share in earlier:
            # only what is never going to be sent does not hold it up
            assert (other, share) not in self.under_way
            assert (other.kind, share.key) in self.failed
        if target.money > 0:
            assert letter not in self.owing
            assert not [share for other, share in earlier if share.money < 0]
        if one.phase == Phase.LOWER_ORDER:
            assert not [key for kind, key in self.failed if kind == CAMPAIGN and key[0] == letter]


@given(
    writes=st.lists(campaign_writes | order_writes, max_size=14),
    chances=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=60, max_size=60),
    failing=st.integers(0, 9),
)
def test_whatever_becomes_of_them_the_order_holds(
    writes: list[Write], chances: list[tuple[int, int]], failing: int
) -> None:
    schedule = Schedule(writes)
    model = Model([(one, target) for one in writes for target in one.targets])
    for which, chance in chances:
        while (one := schedule.take()) is not None:
            for told in schedule.withheld():
                assert (told.write.kind, told.target.key) not in model.failed
                model.failed.add((told.write.kind, told.target.key))
            model.take(one)
        for told in schedule.withheld():
            assert (told.write.kind, told.target.key) not in model.failed
            model.failed.add((told.write.kind, told.target.key))
        if not model.under_way:
            break
        one, target = model.under_way.pop(which % len(model.under_way))
        is_done = chance >= failing
        if not is_done:
            model.failed.add((one.kind, target.key))
            if target.money < 0:
                model.owing.add(target.key[0])
        if schedule.conclude(one, target, is_done=is_done):
            assert (one.kind, target.key) not in model.complete
            model.complete.add((one.kind, target.key))
    # nothing is stuck, and each object is told of, as complete or as failed
    assert schedule.is_over
    assert model.complete.isdisjoint(model.failed)
    assert model.complete | model.failed == {(one.kind, target.key) for one in writes for target in one.targets}


@pytest.mark.parametrize("count", [1_000, 4_000])
def test_memory_grows_by_little_for_each_write(count: int) -> None:
    writes = [write(f"a{number}", row=number) for number in range(count)]
    writes.append(order("a"))
    tracemalloc.start()
    schedule = Schedule(writes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / count < 1_000
    schedule.take()
    conclude(schedule, writes[-1])
    assert len(taken(schedule)) == count
