from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from adflight.flights.grouping import Grouped, grouped

MONEY = st.sampled_from(["money 1", "money 2", "money 3", None])
ENDS = st.sampled_from(["end 1", "end 2", "end 3", None])


def parts(*names: str | None) -> frozenset[str]:
    return frozenset(name for name in names if name is not None)


def fewest(items: list[frozenset[str]]) -> int:
    """By trying every choice of items that go alone."""
    costs = []
    for choice in product([False, True], repeat=len(items)):
        if all(alone or item for alone, item in zip(choice, items, strict=True)):
            opened = set().union(*(item for alone, item in zip(choice, items, strict=True) if not alone))
            costs.append(sum(choice) + len(opened))
    return min(costs)


def sent(items: list[frozenset[str]], found: Grouped[str]) -> Counter[tuple[int, str]]:
    """How often each part of each item is sent."""
    counted: Counter[tuple[int, str]] = Counter()
    for position in found.alone:
        counted.update((position, part) for part in items[position] or {"the rest"})
    for part, positions in found.together:
        counted.update((position, part) for position in positions)
    return counted


@given(st.lists(st.builds(parts, MONEY, ENDS), max_size=9))
def test_as_few_requests_as_trying_every_choice_finds(items: list[frozenset[str]]) -> None:
    assert grouped(items, 1000).requests == fewest(items)


@given(st.lists(st.frozensets(st.sampled_from("abcde"), max_size=4), max_size=60), st.integers(1, 7))
def test_everything_is_sent_exactly_once_and_never_in_more_requests_than_items(
    items: list[frozenset[str]], most: int
) -> None:
    found = grouped(items, most)
    assert sent(items, found) == Counter(
        (position, part) for position, item in enumerate(items) for part in item or {"the rest"}
    )
    assert found.requests <= len(items)
    assert all(1 <= len(positions) <= most for _, positions in found.together)
    assert grouped(items, most) == found


def test_what_nobody_shares_takes_its_item_out_of_the_groups_that_it_was_in() -> None:
    # without the first item, whose end is its own, the second is the only one with its budget left, and so on
    chain = [parts("m1", "e1"), parts("m1", "e2"), parts("m2", "e2"), parts("m2")]
    assert grouped(chain, 1000) == Grouped((0, 1, 2, 3), ())


def test_five_budgets_on_a_thousand_campaigns_are_five_requests() -> None:
    items = [parts(f"budget {number % 5}") for number in range(1000)]
    found = grouped(items, 1000)
    assert found.requests == 5
    assert [positions[0] for _, positions in found.together] == [0, 1, 2, 3, 4]


def test_two_that_need_two_requests_either_way_go_alone() -> None:
    assert grouped([parts("m1", "e1")] * 2, 1000) == Grouped((0, 1), ())
    assert grouped([parts("m1", "e1")] * 3, 1000).requests == 2


def test_a_group_is_cut_where_a_request_takes_no_more() -> None:
    found = grouped([parts("same")] * 2001, 1000)
    assert [len(positions) for _, positions in found.together] == [1000, 1000, 1]


def test_what_has_no_part_that_can_be_shared_goes_alone() -> None:
    assert grouped([parts(), parts("m"), parts("m"), parts()], 1000) == Grouped((0, 3), (("m", (1, 2)),))


def test_nothing_is_no_request() -> None:
    assert grouped([], 1000).requests == 0
