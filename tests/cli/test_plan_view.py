from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from adflight.cli import plan_view
from adflight.cli.plan_view import SHOWN, lines_of, show_plan
from adflight.flights.items import Change, Item, Leftover, Verdict
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.cli.plans import FakePlan, flight, of_every_sort, order, plan_of

ACCOUNT = "iqm account ops@example.com (profile prod)"


def shown(plan: FakePlan, *, width: int = 120, currency: str = "USD", color: bool = False) -> str:
    """The plan as a terminal of this width shows it."""
    screen = Console(
        file=StringIO(), width=width, highlight=False, markup=False, emoji=False, force_terminal=color, no_color=False
    )
    show_plan(screen, cast(Any, plan), account=ACCOUNT, name=plan.label, currency=currency)
    return "\n".join(line.rstrip() for line in cast(StringIO, screen.file).getvalue().splitlines())


def test_everything_that_can_happen_is_shown() -> None:
    text = shown(of_every_sort())
    lines = text.splitlines()
    assert lines[0] == "flights.csv"
    assert lines[1].startswith("iqm account ops@example.com (profile prod) at https://api.example.com, read at ")
    assert lines[1].endswith(" with 3 requests")
    assert "~ change   Spring sale         io_end_time: 2027-03-01 12:00 UTC -> 2027-04-01 00:00 UTC" in text
    assert "+ create     spring-banners-1" in text
    assert text.count("+1,000.00") == 1
    assert "budget_total: 1,000.00 -> 1,200.50" in text
    assert "max_bid: ? -> 2.125" in text
    assert "creative_ids: + 676386, 676387" in text
    assert "is a draft, and the change submits it" in text
    assert "row 7: creative_type cannot change" in text
    assert "it was sent before, and what became of it is not known yet" in text
    assert "120 unchanged" in text
    assert "same-1" not in text
    assert "exists as campaign 537003, which the journal does not know" in text
    assert "in 1 more insertion order: 2 unchanged" in text
    assert "12,000.00 USD committed, 50.00 USD given back" in text
    assert "4: 2 campaigns.create, 1 insertion_orders.create, 1 insertion_orders.update" in text
    assert "1 min by the quota, 19 requests in 1 min" in text
    assert "2 requests without an outcome; an apply first finds out" in text
    assert "Still live, but not in the file any more" in text
    assert "campaign 530001  old-1  running  7,500.00" in text
    assert "campaigns with 7,500.00 USD in all" in text
    assert "warning: row 3, campaign_name='Süd'" in text


@pytest.mark.parametrize("width", [20, 40, 60, 89, 90, 120, 300])
def test_it_fits_every_terminal_and_loses_no_figure(width: int) -> None:
    text = shown(of_every_sort(), width=width)
    assert max(map(len, text.splitlines())) <= width
    joined = "".join(text.split())
    for figure in ("+1,000.00", "+200.50", "+10,799.50", "-50.00", "12,000.00", "7,500.00", "autumn-3"):
        assert figure in joined


def test_names_of_operations_stay_whole_on_a_narrow_terminal() -> None:
    assert "insertion_orders.create" in shown(of_every_sort(), width=40)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_in_a_pipe_no_line_is_filled_up_with_blanks(width: int) -> None:
    screen = Console(file=StringIO(), width=width, highlight=False, markup=False)
    show_plan(screen, cast(Any, of_every_sort()), account=ACCOUNT, name="flights.csv", currency="USD")
    lines = cast(StringIO, screen.file).getvalue().split("\n")
    # a sentence that is wrapped keeps the one blank where it is
    assert [line for line in lines if line.endswith("  ")] == []


def test_colors_are_for_terminals() -> None:
    assert "\x1b[" in shown(of_every_sort(), color=True)
    assert "\x1b[" not in shown(of_every_sort())


def test_the_currency_is_named_or_said_to_be_unknown() -> None:
    assert "12,000.00 in the account's currency committed" in shown(of_every_sort(), currency="")


def test_nothing_in_a_file_can_play_tricks_on_a_terminal() -> None:
    evil = "\x1b[2J[bold]x[/bold]\n:smile:"
    items = [
        order(evil, Verdict.CREATE, name=f"{evil}!"),
        flight(evil, evil, Verdict.REFUSED, reason=evil),
        flight("b", evil, Verdict.CHANGE, changes=(Change("campaign_name", evil, evil),)),
    ]
    text = shown(plan_of(items, label=evil, warnings=(evil,)))
    assert "\x1b" not in text
    assert "\\x1b[2J[bold]x[/bold]\\n:smile:" in text


Sort = Callable[[int], Item]
SORTS: dict[str, Sort] = {
    "to be created": lambda n: flight(f"k{n}", "Spring", Verdict.CREATE, committed=Decimal(1)),
    "to be changed": lambda n: flight(f"k{n}", "Spring", Verdict.CHANGE),
    "refused": lambda n: flight(f"k{n}", "Spring", Verdict.REFUSED, reason="no"),
    "to be adopted": lambda n: flight(f"k{n}", "Spring", is_adopted=True, id=n),
}


@pytest.mark.parametrize("said", SORTS)
def test_of_many_the_first_are_shown_and_the_others_counted(said: str) -> None:
    items = [order("Spring"), *(SORTS[said](number) for number in range(3 * SHOWN))]
    lines = list(lines_of(items))
    assert [line.key for line in lines] == ["Spring", *(f"k{number}" for number in range(SHOWN)), ""]
    assert str(lines[-1].what[0]) == f"{2 * SHOWN:,} {said}"


def test_each_sort_has_room_of_its_own_in_a_plan_of_many_orders() -> None:
    items: list[Item] = [order(f"Order {number}", Verdict.CREATE) for number in range(1000)]
    items += [flight(f"k{number}", f"Order {number % 1000}", Verdict.CREATE) for number in range(50_000)]
    items += [flight("last", "Order 999", Verdict.REFUSED, reason="no")]
    text = shown(plan_of(items))
    assert len(text.splitlines()) < 50
    assert "! refused    last" in text, "it is not lost among what is created"
    hidden = 50_000 + 1000 - text.count("+ create") - text.count(" to be created\n")
    assert hidden > 50_000
    assert "in 99" in text


def test_a_vendor_may_have_insertion_orders_only() -> None:
    items = [order(f"k{number}", Verdict.CREATE, name=f"Order {number}") for number in range(SHOWN + 5)]
    text = shown(plan_of(items))
    assert "+ create   k0   Order 0" in text
    assert "in 5 more insertion orders: 5 to be created" in text


def test_flights_of_an_order_that_the_plan_does_not_have() -> None:
    assert [line.key for line in lines_of([flight("a", "Gone", Verdict.REFUSED, reason="no")])] == ["a"]


def test_a_refused_adoption_is_refused() -> None:
    item = flight("a", "Spring", Verdict.REFUSED, is_adopted=True, reason="two of them: 1, 2")
    assert plan_view.line_of(item).sort == Verdict.REFUSED


def test_an_unchanged_plan_says_so_in_a_few_lines() -> None:
    items = [order("Spring"), *(flight(f"k{number}", "Spring", id=number) for number in range(2000))]
    text = shown(plan_of(items))
    assert "campaigns         2,000 unchanged" in text
    assert "requests          none" in text
    assert "quota" not in text
    assert len(text.splitlines()) < 12


def test_many_leftovers_and_warnings_are_counted() -> None:
    leftovers = (
        Leftover(kind=ORDER, key="o", id=1, name="o", status="live", budget=Decimal(1000)),
        *(
            Leftover(kind=CAMPAIGN, key=f"k{n}", id=n, name="x", status="running", budget=Decimal(10))
            for n in range(30)
        ),
    )
    text = shown(plan_of([order("Spring")], leftovers=leftovers, warnings=tuple(f"w{n}" for n in range(25))))
    assert "and 11 more; campaigns with 300.00 USD in all" in text, "an insertion order's money is its campaigns'"
    assert "and 5 more warnings" in text
