"""How a plan looks: what happens to each insertion order and each flight, and what all of it comes to.

Imports terminal and the plan's types; used by `plan` and `apply`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, field, frozen
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from adflight.cli.terminal import counted, duration, money, plain, show_padded, value
from adflight.flights.items import Change, Item, Leftover, Totals, Verdict
from adflight.flights.platform import CAMPAIGN, ORDER

if TYPE_CHECKING:
    from adflight.flights.planning import Plan

SHOWN: Final = 20
"""How many of each sort are shown."""

NARROW: Final = 90
"""Columns below which everything stands on lines of its own."""

SLIM: Final = 60
"""Columns below which the name of an operation does not fit beside what it is about."""

FILES: Final = 3
"""Names of other files that are told."""

FEW: Final = 4
"""Members of a list that are shown as they are."""

WIDE: Final = 140
"""Columns beyond which nothing is spread any further."""

ADOPT: Final = "adopt"

MARKS: Final = {
    Verdict.CREATE: ("+ create", "green"),
    Verdict.CHANGE: ("~ change", "yellow"),
    Verdict.UNCHANGED: ("= same", "dim"),
    Verdict.REFUSED: ("! refused", "bold red"),
    ADOPT: ("@ adopt", "bold cyan"),
}
"""What stands before an object, by sort, and in which style."""

MORE: Final = {
    Verdict.REFUSED: "refused",
    ADOPT: "to be adopted",
    Verdict.CREATE: "to be created",
    Verdict.CHANGE: "to be changed",
    Verdict.UNCHANGED: "unchanged",
}
"""What is said of those that are only counted, the most important first."""

WORDS: Final = {ORDER: "insertion order", CAMPAIGN: "campaign"}


def sort_of(item: Item) -> str:
    """Its verdict, except that an adoption is a sort of its own: somebody has to agree to it."""
    return ADOPT if item.is_adopted and item.verdict is not Verdict.REFUSED else item.verdict


@frozen
class Line:
    """One object, or a count of those that are not shown one by one."""

    sort: str | None
    key: str = ""
    what: tuple[Text, ...] = ()
    amount: Decimal = Decimal(0)
    depth: int = 0


# which objects are shown


@define
class _Room:
    """How many of each sort may still be shown."""

    left: dict[str, int] = Factory(lambda: dict.fromkeys(MORE, SHOWN))

    def take(self, sort: str) -> bool:
        if sort == Verdict.UNCHANGED or not self.left[sort]:
            return False
        self.left[sort] -= 1
        return True


@define
class _Order:
    """An insertion order with what is to be said of its flights."""

    item: Item | None
    noted: list[Item] = field(factory=list)
    same: int = 0

    def lines(self, room: _Room) -> tuple[list[Line], Counter[str]]:
        """What is shown of it, if anything, and how many objects of each sort are not."""
        hidden: Counter[str] = Counter({Verdict.UNCHANGED: self.same} if self.same else {})
        is_shown = self.item is not None and room.take(sort_of(self.item))
        children = []
        for flight in self.noted:
            if room.take(sort_of(flight)):
                children.append(line_of(flight, depth=1))
            else:
                hidden[sort_of(flight)] += 1
        if not is_shown and not children:
            if self.item is not None:
                hidden[sort_of(self.item)] += 1
            return [], hidden
        heading = [] if self.item is None else [line_of(self.item)]
        rest = [Line(None, what=(_more(hidden),), depth=1)] if hidden else []
        return [*heading, *children, *rest], Counter()


def lines_of(items: Iterable[Item]) -> Iterator[Line]:
    """The plan line by line: insertion orders with their flights beneath, each sort's first ones, and counts."""
    orders: dict[str | None, _Order] = {}
    for item in items:
        order = orders.setdefault(item.key if item.kind == ORDER else item.parent, _Order(None))
        if item.kind == ORDER:
            order.item = item
        elif sort_of(item) == Verdict.UNCHANGED:
            order.same += 1
        else:
            order.noted.append(item)
    room = _Room()
    hidden: Counter[str] = Counter()
    others = 0
    for order in orders.values():
        lines, more = order.lines(room)
        yield from lines
        if more:
            hidden += more
            others += 1
    if hidden and (others < len(orders) or set(hidden) != {Verdict.UNCHANGED}):
        where = f"in {counted(others, 'more insertion order')}: " if len(orders) > others else ""
        yield Line(None, what=(Text(where).append(_more(hidden)),))


def _more(hidden: Counter[str]) -> Text:
    said = [f"{hidden[sort]:,} {word}" for sort, word in MORE.items() if hidden[sort]]
    return Text(", ".join(said), style="dim")


def line_of(item: Item, *, depth: int = 0) -> Line:
    """What is said of one object."""
    what: list[Text] = []
    sort = sort_of(item)
    if item.name != item.key:
        what.append(Text(plain(item.name), style="bold" if item.kind == ORDER else ""))
    if sort == ADOPT:
        what.append(Text(f"exists as {WORDS[item.kind]} {item.id}, which the journal does not know", style="cyan"))
    if item.is_draft:
        what.append(Text("is a draft, and the change submits it", style="magenta"))
    if item.verdict is Verdict.REFUSED:
        what.append(Text(f"row {item.row}: {plain(item.reason)}", style="red"))
    else:
        if item.reason:
            what.append(Text(plain(item.reason), style="yellow"))
        what.extend(_change(change) for change in item.changes)
    return Line(sort, item.key, tuple(what), item.committed, depth)


def _change(change: Change) -> Text:
    column = (f"{change.column}: ", "dim")
    if isinstance(change.old, tuple) and isinstance(change.new, tuple) and len(change.old + change.new) > FEW:
        # of long lists, only what differs can be taken in
        more = tuple(sorted({*change.new} - {*change.old}, key=str))
        less = tuple(sorted({*change.old} - {*change.new}, key=str))
        parts = (("+", more, "green"), ("-", less, "red"))
        said = [Text(f"{sign} {value(ids)}", style) for sign, ids, style in parts if ids]
        return Text.assemble(column, Text("; ").join(said))
    return Text.assemble(column, value(change.old), (" -> ", "dim"), (value(change.new), "yellow"))


# how they are shown


def show_lines(screen: Console, lines: Iterable[Line]) -> None:
    """As one table; on a narrow terminal, what is said of an object stands beneath it."""
    if screen.width < NARROW:
        for line in lines:
            _show_narrow(screen, line)
        return
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.width = min(screen.width, WIDE)
    table.add_column(no_wrap=True, min_width=max(len(mark) for mark, _ in MARKS.values()))
    table.add_column(overflow="fold", max_width=max(screen.width // 3, 24))
    table.add_column(overflow="fold", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    depth = 0
    for line in lines:
        if line.depth < depth:
            table.add_row()
        depth = line.depth
        table.add_row(_mark(line), _key(line), Text("\n").join(line.what), _amount(line))
    show_padded(screen, table)


def _show_narrow(screen: Console, line: Line) -> None:
    head = [text for text in (_mark(line), _key(line), _amount(line)) if text]
    if head:
        screen.print(Text("  ").join(head), overflow="fold")
    for text in line.what:
        show_padded(screen, Padding(text, (0, 0, 0, 4 + 2 * line.depth)))


def _mark(line: Line) -> Text:
    return Text() if line.sort is None else Text(*MARKS[line.sort])


def _key(line: Line) -> Text:
    if not line.key:
        return Text()
    return Text("  " * line.depth + plain(line.key), style="" if line.depth else "bold")


def _amount(line: Line) -> Text:
    if not line.amount:
        return Text()
    return Text(money(line.amount, signed=True), style="bold" if line.amount > 0 else "green")


# the whole plan


def show_plan(screen: Console, plan: Plan, *, account: str, name: str, currency: str) -> None:
    """Shows all of a plan, in a page or two however large it is. `name` is that of what was read."""
    detected = "" if plan.flights.detected.encoding is None else f", {plan.flights.detected}"
    screen.print(Text.assemble((plain(name), "bold"), (detected, "dim")))
    reads = sum(plan.totals.reads.values())
    read = (
        f" at {plan.platform.base_url}, read at {plan.read_at.astimezone():%H:%M:%S} with {counted(reads, 'request')}"
    )
    screen.print(Text.assemble(plain(account), (read, "dim")))
    screen.print()
    lines = list(lines_of(plan.items))
    if lines:
        show_lines(screen, lines)
        screen.print()
    show_totals(screen, plan, currency=currency)
    show_leftovers(screen, plan.leftovers, currency=currency)
    show_warnings(screen, [str(warning) for warning in plan.warnings])


def show_totals(screen: Console, plan: Plan, *, currency: str) -> None:
    """What the plan comes to: objects, money, requests and time."""
    totals = list(_totals(plan, currency))
    if screen.width < SLIM:
        for name, said in totals:
            screen.print(name, style="dim")
            show_padded(screen, Padding(said, (0, 0, 0, 2)))
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in totals:
        table.add_row(name, said)
    show_padded(screen, table)


def _totals(plan: Plan, currency: str) -> Iterator[tuple[str, Text]]:
    totals = plan.totals
    for kind, counts in totals.verdicts.items():
        said = Text(", ").join(
            Text(f"{counts[verdict]:,} {MORE[verdict]}", style=MARKS[verdict][1])
            for verdict in Verdict
            if counts.get(verdict)
        )
        if said:
            yield f"{WORDS.get(kind, kind)}s", said
    if totals.adopted:
        yield "adoptions", Text(f"{totals.adopted:,}, to be confirmed", style=MARKS[ADOPT][1])
    if totals.drafts:
        yield "drafts", Text(f"{totals.drafts:,} would be submitted", style="magenta")
    if totals.in_doubt:
        yield "in doubt", Text(_in_doubt(totals, currency), style="yellow")
    yield "money", _committed(totals, currency)
    yield "requests", Text(_by_operation(totals))
    quota = plan.platform.limiter.quota
    if totals.writes and quota is not None:
        time = duration(totals.seconds) if totals.seconds else "at once"
        yield "time", Text(f"{time} by the quota, {quota.requests:,} requests in {duration(quota.per)}")
    if plan.open_intents:
        open_ = (
            f"{counted(plan.open_intents, 'request')} without an outcome; an apply first finds out what became of it"
        )
        yield "open", Text(open_, style="yellow")


def _committed(totals: Totals, currency: str) -> Text:
    text = Text.assemble((with_currency(totals.committed, currency), "bold"), " committed")
    if totals.released:
        text.append(f", {with_currency(abs(totals.released), currency)} given back")
    return text


def _in_doubt(totals: Totals, currency: str) -> str:
    said = " and ".join(counted(totals.in_doubt[kind], WORDS.get(kind, kind)) for kind in sorted(totals.in_doubt))
    worth = f", {with_currency(totals.committed_in_doubt, currency)}" if totals.committed_in_doubt else ""
    return f"{said}{worth}: may have been made already, or wait for what may have been; not in the money and requests"


def _by_operation(totals: Totals) -> str:
    if not totals.writes:
        return "none"
    by = ", ".join(
        f"{count:,} {operation}" for operation, count in sorted(totals.writes.items(), key=lambda one: -one[1])
    )
    return f"{sum(totals.writes.values()):,}: {by}"


def with_currency(amount: Decimal, currency: str) -> str:
    """Money with the account's currency, where it is known."""
    return f"{money(amount)} {currency}" if currency else f"{money(amount)} in the account's currency"


def show_leftovers(screen: Console, leftovers: Iterable[Leftover], *, currency: str) -> None:
    """What is live and no longer in the file, with its money."""
    every = list(leftovers)
    others = sorted({one.file for one in every} - {""})
    named = ", ".join(map(plain, others[:FILES])) + (" and others" if others[FILES:] else "")
    gone, elsewhere = "Still live, but not in the file any more", f"Live in the same insertion orders, of {named}"
    _show_leftovers(screen, gone, [one for one in every if not one.file], currency=currency)
    _show_leftovers(screen, elsewhere, [one for one in every if one.file], currency=currency)


def _show_leftovers(screen: Console, what: str, left: list[Leftover], *, currency: str) -> None:
    if not left:
        return
    screen.print()
    screen.print(f"{what}; an apply leaves it as it is:", style="bold")
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    table.add_column(justify="right")
    for one in left[:SHOWN]:
        budget = Text("?") if one.budget is None else Text(money(one.budget))
        table.add_row(
            f"{WORDS.get(one.kind, one.kind)} {one.id}", plain(one.key or one.name), plain(one.status), budget
        )
    show_padded(screen, Padding(table, (0, 0, 0, 2), expand=False))
    known = sum((one.budget for one in left if one.budget is not None and one.kind != ORDER), Decimal(0))
    more = f"  and {len(left) - SHOWN:,} more; " if len(left) > SHOWN else "  "
    if any(one.kind != ORDER for one in left):
        screen.print(f"{more}campaigns with {with_currency(known, currency)} in all", style="dim")
    elif len(left) > SHOWN:
        screen.print(f"  and {len(left) - SHOWN:,} more", style="dim")


def show_warnings(screen: Console, warnings: list[str]) -> None:
    """The first of them."""
    if warnings:
        screen.print()
    for warning in warnings[:SHOWN]:
        screen.print(Text.assemble(("warning: ", "yellow"), plain(warning)))
    if len(warnings) > SHOWN:
        screen.print(f"and {len(warnings) - SHOWN:,} more warnings", style="dim")
