from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.flights.iqm_writing import writes
from adflight.flights.items import UNSEEN, Item, Verdict
from adflight.flights.live import Live, Snapshot
from adflight.flights.platform import ORDER, Phase, Write
from adflight.flights.values import CLEAR
from tests.flights.iqm_scene import CAMPAIGN_ROW, ORDER_ROW, START, WEEK, changed, created

HOUR = timedelta(hours=1)

OWN_BUDGET: Mapping[str, Any] = {"io_timezone_id": 29, "is_auto_sum_io_total_budget": False, "io_budget_type_id": 1}

Row = tuple[Item, dict[str, Any]]


def planned(
    *rows: Row, orders: Mapping[int, Any] | None = None, flights: Mapping[int, Any] | None = None
) -> list[Write]:
    """The writes for items; live objects are given by their fields."""
    snapshot = Snapshot(
        {id_: Live(id_, None, f"Order {id_}", "active", fields) for id_, fields in (orders or {}).items()},
        {id_: Live(id_, 1, f"Campaign {id_}", "running", fields) for id_, fields in (flights or {}).items()},
    )
    return sorted(writes(rows, snapshot), key=lambda write: (write.phase, write.operation))


def said(*rows: Row, **live: Any) -> list[tuple[str, Phase, list[str], dict[str, Any]]]:
    return [
        (write.operation, write.phase, [target.key for target in write.targets], dict(write.values))
        for write in planned(*rows, **live)
    ]


def flight(key: str, *changes: tuple[str, Any, Any], **more: Any) -> Row:
    return changed(key, 100 + len(key), *changes, parent="o", **more)


def money(key: str, new: object = Decimal(1200)) -> Row:
    return flight(key, ("budget_total", Decimal(1000), new))


# creates


def test_what_does_not_exist_is_created_with_all_that_is_managed_one_by_one() -> None:
    order, campaign = planned(created("o", ORDER_ROW), created("c", CAMPAIGN_ROW, parent="o", row=2))
    assert (order.operation, order.phase, order.creates, order.named) == (
        "insertion_orders.create",
        Phase.ORDER,
        True,
        "Spring",
    )
    assert (campaign.operation, campaign.phase, campaign.creates, campaign.named) == (
        "campaigns.create",
        Phase.RAISE,
        True,
        "Banners",
    )
    assert (order.values, campaign.values) == (ORDER_ROW, CAMPAIGN_ROW)
    (target,) = campaign.targets
    assert (target.key, target.row, target.id, target.parent, target.fields) == ("c", 2, None, "o", CAMPAIGN_ROW)


def test_a_create_names_those_that_bear_its_name_in_its_place() -> None:
    existing = Item(kind=ORDER, key="o", row=1, name="Order 1", verdict=Verdict.UNCHANGED, id=1)
    snapshot = Snapshot(
        {7: Live(7, None, "Spring", "deleted", {}, is_gone=True), 1: Live(1, None, "Order 1", "active", {})},
        {
            12: Live(12, 1, "Banners", "deleted", {}, is_gone=True),
            11: Live(11, 1, "Banners", "running", {}),
            13: Live(13, 2, "Banners", "running", {}),
        },
    )
    rows = [
        created("s", ORDER_ROW),
        (existing, {}),
        created("in it", CAMPAIGN_ROW, parent="o"),
        created("in a new one", CAMPAIGN_ROW, parent="s"),
        created("who knows", CAMPAIGN_ROW, parent="elsewhere"),
    ]
    found = {write.targets[0].key: write.existing for write in writes(rows, snapshot)}
    assert found == {"s": (7,), "in it": (11, 12), "in a new one": (), "who knows": (11, 12, 13)}


def test_what_is_unchanged_or_refused_has_no_write() -> None:
    for verdict in (Verdict.UNCHANGED, Verdict.REFUSED):
        item, managed = flight("c", ("budget_total", 1, 2))
        item.verdict = verdict
        assert planned((item, managed)) == []


# campaigns


def test_equal_money_and_equal_ends_go_out_together() -> None:
    end = ("end_time", START, START + WEEK)
    rows = [flight(key, ("budget_total", 1, 2), ("max_bid", 1, 2), end) for key in ("a", "bb", "ccc")]
    first, second = planned(*rows)
    assert (first.operation, dict(first.values)) == ("campaigns.update_budget", {"budget_total": 2, "max_bid": 2})
    assert (second.operation, dict(second.values)) == ("campaigns.update_end_date", {"end_time": START + WEEK})
    for write in (first, second):
        assert [(target.key, target.id) for target in write.targets] == [("a", 101), ("bb", 102), ("ccc", 103)]
        assert all(target.fields == write.values for target in write.targets)


def test_what_no_bulk_request_carries_takes_all_the_rest_along() -> None:
    bid = ("max_bid", 1, 2)
    assert said(
        flight("a", bid),
        flight("bb", bid),
        flight("ccc", bid, ("campaign_name", "x", "y")),
        flight("dddd", bid, ("end_time", START, CLEAR)),
        flight("eeeee", bid, is_draft=True),
    ) == [
        ("campaigns.update", Phase.RAISE, ["ccc"], {"max_bid": 2, "campaign_name": "y"}),
        ("campaigns.update", Phase.RAISE, ["dddd"], {"max_bid": 2, "end_time": CLEAR}),
        ("campaigns.update", Phase.RAISE, ["eeeee"], {"max_bid": 2}),
        ("campaigns.update_budget", Phase.RAISE, ["a", "bb"], {"max_bid": 2}),
    ]


def test_one_of_a_kind_goes_alone() -> None:
    assert said(money("a"), money("bb", Decimal(1300))) == [
        ("campaigns.update", Phase.RAISE, ["a"], {"budget_total": 1200}),
        ("campaigns.update", Phase.RAISE, ["bb"], {"budget_total": 1300}),
    ]


def test_a_request_changes_a_thousand_at_most() -> None:
    rows = [changed(f"c{number}", number, ("max_bid", 1, 2), parent="o") for number in range(1, 2002)]
    assert [len(write.targets) for write in planned(*rows)] == [1000, 1000, 1]


def test_five_budgets_on_a_thousand_campaigns_are_five_requests() -> None:
    rows = [
        changed(f"c{number}", number, ("budget_total", 1, Decimal(100 + number % 5)), parent="o")
        for number in range(1000)
    ]
    assert len(planned(*rows)) == 5


@pytest.mark.parametrize(
    ("change", "lowers"),
    [
        (("budget_total", 1000, 900), True),
        (("budget_total", 900, 1000), False),
        (("budget_total", UNSEEN, 900), False),
        (("budget_total", None, 900), False),
        (("max_bid", Decimal(2), Decimal(1)), True),
        (("budget_day", None, 50), True),
        (("budget_day", 50, CLEAR), False),
        (("budget_day", 50, 40), True),
        (("budget_day", 50, 60), False),
        (("total_impressions", 1000, 900), True),
        (("max_day_impressions", 1000, 0), False),
        (("max_day_impressions", 1000, CLEAR), False),
        (("end_time", START, START - HOUR), True),
        (("end_time", START, START + HOUR), False),
        (("end_time", None, START), True),
        (("end_time", START, CLEAR), False),
        (("end_time", UNSEEN, START), False),
        (("start_time", START, START + HOUR), False),
        (("max_day_clicks", 10, 5), False),
        (("campaign_name", "a", "b"), False),
    ],
)
def test_a_campaign_that_gives_back_is_changed_before_those_that_take(change: Any, lowers: bool) -> None:
    (write,) = planned(flight("c", change))
    assert write.phase is (Phase.LOWER if lowers else Phase.RAISE)


LESS, MORE = ("budget_total", 1000, 900), ("budget_total", 900, 1000)
FEWER, OFTEN = ("total_impressions", 1000, 900), ("total_impressions", 900, 1000)


@pytest.mark.parametrize(
    ("changes", "phase", "money"),
    [
        ([LESS], Phase.LOWER, -1),
        ([MORE], Phase.RAISE, 1),
        ([LESS, ("max_bid", 1, 2), ("campaign_name", "a", "b")], Phase.LOWER, -1),
        ([MORE, ("end_time", START + HOUR, START)], Phase.RAISE, 1),
        ([LESS, FEWER], Phase.LOWER, -1),
        ([LESS, OFTEN], Phase.RAISE, 1),
        ([LESS, ("total_impressions", 1000, CLEAR)], Phase.RAISE, 1),
        ([("budget_total", UNSEEN, 900)], Phase.RAISE, 1),
        ([("budget_day", 50, 40), ("end_time", START + HOUR, START)], Phase.LOWER, 0),
        ([("budget_day", 50, 40), ("max_bid", 1, 2)], Phase.RAISE, 0),
        ([("campaign_name", "a", "b")], Phase.RAISE, 0),
    ],
)
def test_its_total_says_whether_a_campaign_gives_back_or_takes(changes: Any, phase: Phase, money: int) -> None:
    found = planned(flight("c", *changes))
    assert {(write.phase, write.targets[0].money) for write in found} == {(phase, money)}


def test_a_draft_takes_all_of_its_budget() -> None:
    (write,) = planned(flight("c", LESS, is_draft=True))
    assert (write.phase, write.targets[0].money) == (Phase.RAISE, 1)


def test_what_is_made_takes_money_and_an_insertion_order_none() -> None:
    found = planned(created("o", ORDER_ROW), created("c", CAMPAIGN_ROW, parent="o", row=2))
    assert [write.targets[0].money for write in found] == [0, 1]
    (raised,) = planned(changed("o", 1, ("io_total_budget", 1, 2)))
    assert raised.targets[0].money == 0


def test_of_several_requests_for_a_campaign_the_one_with_its_total_takes_money() -> None:
    rows = [flight(key, MORE, ("end_time", START, START + WEEK)) for key in ("a", "bb", "ccc")]
    found = {write.operation: [target.money for target in write.targets] for write in planned(*rows)}
    assert found == {"campaigns.update_budget": [1, 1, 1], "campaigns.update_end_date": [0, 0, 0]}


AMOUNTS = st.sampled_from([Decimal(1), Decimal(2), Decimal("2.00"), Decimal(3), CLEAR])
MOMENTS = st.sampled_from([START, START + HOUR, START + WEEK, CLEAR])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "budget_total": AMOUNTS,
        "max_bid": AMOUNTS,
        "budget_day": AMOUNTS,
        "end_time": MOMENTS,
        "campaign_name": st.sampled_from(["a", "b"]),
        "max_day_clicks": st.sampled_from([1, 2]),
    },
)
ORDER_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "io_total_budget": AMOUNTS,
        "io_end_time": MOMENTS,
        "io_start_time": st.sampled_from([START, START + HOUR]),
        "io_timezone_id": st.sampled_from([29, 423]),
        "is_auto_sum_io_total_budget": st.booleans(),
        "io_name": st.sampled_from(["a", "b"]),
    },
)


@given(st.lists(CHANGES.filter(bool), max_size=25), st.lists(ORDER_CHANGES.filter(bool), max_size=25), st.data())
def test_every_change_is_sent_once_and_in_no_more_requests_than_objects(
    campaigns: list[dict[str, Any]], orders: list[dict[str, Any]], data: st.DataObject
) -> None:
    def row(key: str, id_: int, changes: dict[str, Any], parent: str | None) -> Row:
        middle = {Decimal: Decimal(2), datetime: START + HOUR}
        olds = [data.draw(st.sampled_from([UNSEEN, None, middle.get(type(new))])) for new in changes.values()]
        triples = [(column, old, new) for (column, new), old in zip(changes.items(), olds, strict=True)]
        return changed(key, id_, *triples, parent=parent)

    rows = [row(f"c{id_}", id_, changes, "o") for id_, changes in enumerate(campaigns, 1)]
    rows += [row(f"o{id_}", id_, changes, None) for id_, changes in enumerate(orders, 1)]
    found = planned(*rows, orders=dict.fromkeys(range(1, len(orders) + 1), OWN_BUDGET))

    sent: dict[str, dict[str, Any]] = {}
    for write in found:
        for target in write.targets:
            known = sent.setdefault(target.key, {})
            assert not known.keys() & target.fields.keys(), "sent twice"
            assert target.fields.items() <= write.values.items()
            known.update(target.fields)
        if len(write.targets) > 1:
            assert CLEAR not in write.values.values()
            assert write.operation not in ("campaigns.update", "insertion_orders.update")
    assert sent == {item.key: managed for item, managed in rows}
    # an insertion order that is raised and lowered is changed twice
    assert len(found) <= len(campaigns) + 2 * len(orders)


# insertion orders


def order(key: str, *changes: tuple[str, Any, Any], id_: int = 1) -> Row:
    return changed(key, id_, *changes)


def test_ends_go_out_together_where_the_zone_is_equal_too() -> None:
    end = ("io_end_time", START, START + WEEK)
    rows = [order(f"o{id_}", end, id_=id_) for id_ in (1, 2, 3, 4, 5)]
    live: dict[int, Any] = {
        1: OWN_BUDGET,
        2: OWN_BUDGET,
        3: {"io_timezone_id": 423},
        4: {"io_timezone_id": None},
        5: {},
    }
    values = {"io_end_time": START + WEEK}
    assert said(*rows, orders=live) == [
        ("insertion_orders.update", Phase.ORDER, ["o3"], values),
        ("insertion_orders.update", Phase.ORDER, ["o4"], values),
        ("insertion_orders.update", Phase.ORDER, ["o5"], values),
        ("insertion_orders.update_end_date", Phase.ORDER, ["o1", "o2"], {**values, "io_timezone_id": 29}),
    ]


def test_a_new_zone_goes_with_the_new_end() -> None:
    end, zone = ("io_end_time", START, START + WEEK), ("io_timezone_id", 423, 29)
    live = {1: {"io_timezone_id": 423}, 2: OWN_BUDGET}
    (write,) = planned(order("o1", end, zone), order("o2", end, id_=2), orders=live)
    assert write.operation == "insertion_orders.update_end_date"
    assert [set(target.fields) for target in write.targets] == [{"io_end_time", "io_timezone_id"}, {"io_end_time"}]


def test_a_zone_alone_is_nothing_that_many_can_be_given() -> None:
    rows = [order(f"o{id_}", ("io_timezone_id", 423, 29), id_=id_) for id_ in (1, 2)]
    assert {write.operation for write in planned(*rows, orders={1: OWN_BUDGET, 2: OWN_BUDGET})} == {
        "insertion_orders.update"
    }


def test_budgets_go_out_together_where_they_are_the_orders_own() -> None:
    rows = [order(f"o{id_}", ("io_total_budget", 1, 2), id_=id_) for id_ in (1, 2, 3, 4)]
    live = {
        1: OWN_BUDGET,
        2: OWN_BUDGET,
        3: {**OWN_BUDGET, "is_auto_sum_io_total_budget": True},
        4: {**OWN_BUDGET, "io_budget_type_id": 2},
    }
    assert [keys for _, _, keys, _ in said(*rows, orders=live)] == [["o3"], ["o4"], ["o1", "o2"]]
    assert planned(*rows, orders=live)[-1].operation == "insertion_orders.update_budget"


def test_impressions_go_out_together_where_they_are_what_counts() -> None:
    rows = [order(f"o{id_}", ("io_total_impressions", 1, 2), id_=id_) for id_ in (1, 2)]
    live = {id_: {**OWN_BUDGET, "io_budget_type_id": 2} for id_ in (1, 2)}
    assert said(*rows, orders=live) == [
        ("insertion_orders.update_budget", Phase.ORDER, ["o1", "o2"], {"io_total_impressions": 2})
    ]
    assert len(planned(*rows, orders={1: OWN_BUDGET, 2: OWN_BUDGET})) == 2


@pytest.mark.parametrize(
    ("change", "lowers"),
    [
        (("io_end_time", START, START - HOUR), True),
        (("io_end_time", START, CLEAR), False),
        (("io_end_time", None, START), True),
        (("io_start_time", START, START + HOUR), True),
        (("io_start_time", START, START - HOUR), False),
        (("io_start_time", UNSEEN, START), False),
        (("io_total_budget", 2, 1), True),
        (("io_total_budget", 1, 2), False),
        (("io_total_budget", None, 2), False),
        (("io_total_impressions", 2, 1), True),
        (("io_name", "b", "a"), False),
    ],
)
def test_an_insertion_order_is_lowered_last(change: Any, lowers: bool) -> None:
    (write,) = planned(order("o", change))
    assert write.phase is (Phase.LOWER_ORDER if lowers else Phase.ORDER)


def test_an_insertion_order_that_is_raised_and_lowered_is_changed_twice() -> None:
    changes = [
        ("io_start_time", START, START + HOUR),
        ("io_end_time", START + WEEK, START + 2 * WEEK),
        ("io_name", "a", "b"),
        ("io_total_budget", 2, 1),
    ]
    assert said(order("o", *changes), orders={1: OWN_BUDGET}) == [
        ("insertion_orders.update", Phase.ORDER, ["o"], {"io_end_time": START + 2 * WEEK, "io_name": "b"}),
        ("insertion_orders.update", Phase.LOWER_ORDER, ["o"], {"io_start_time": START + HOUR, "io_total_budget": 1}),
    ]
    first, last = planned(order("o", *changes), orders={1: OWN_BUDGET})
    assert [first.targets[0].fields, last.targets[0].fields] == [first.values, last.values]


@pytest.mark.parametrize(("old", "phase"), [(2000, Phase.LOWER_ORDER), (500, Phase.ORDER)])
def test_whose_a_budget_is_and_what_it_is_are_said_at_once(old: int, phase: Phase) -> None:
    switched = ("is_auto_sum_io_total_budget", True, False)
    (write,) = planned(order("o", switched, ("io_total_budget", old, 1000)), orders={1: OWN_BUDGET})
    assert (write.phase, dict(write.values)) == (phase, {"is_auto_sum_io_total_budget": False, "io_total_budget": 1000})
    assert write.kind == ORDER
