"""In which order writes may be sent, so that nothing overspends and nothing is stranded. Pure; imports `platform`.

Within an insertion order the phases follow one another; orders never wait for each other, except where one request is
about several. What fails takes along what depends on it, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, TypeAlias

from attrs import define, evolve, field

from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Write

Object: TypeAlias = tuple[str, str]
"""A kind and a key."""

_Name: TypeAlias = tuple[str, str | int | None, str]

_LAST: Final = max(Phase)


@define(eq=False)
class _Waiting:
    """A write, and how many of its insertion orders have not come to its phase."""

    write: Write
    orders: int


@define(eq=False)
class _Order:
    """How far an insertion order is."""

    left: list[int] = field(factory=lambda: [0] * len(Phase))
    """Targets that are not concluded, by phase."""
    phase: int = 0
    """The last one in which writes may be sent: all before it are concluded."""
    waiting: dict[int, list[_Waiting]] = field(factory=dict)
    is_failed: bool = False
    """Whether it is not as planned, so that nothing in it may be sent."""
    is_strained: bool = False
    """Whether one of its campaigns is not as planned."""
    owing: str | None = None
    """The first of its campaigns that did not give back money as planned, so that nothing in it may take more."""


@define(eq=False)
class Withheld:
    """A share of a write that is not sent because of its insertion order."""

    write: Write
    target: Target
    reason: str


class Schedule:
    """The writes of one apply: which may be sent now, and what follows from what became of the others.

        while (write := schedule.take()) is not None:
            ...                                                     # send it
            for target in write.targets:
                schedule.conclude(write, target, is_done=True)

    A step takes a time that does not depend on how many writes there are, but for their order: the lowest phase and the
    first row come first.
    """

    def __init__(self, writes: Iterable[Write]) -> None:
        self._orders: dict[str, _Order] = {}
        self._writes_left: dict[Object, int] = {}
        self._failed: set[Object] = set()
        self._ready: list[tuple[int, int, int, bool, Write]] = []
        self._numbers = count()
        # creates of one name take turns: after a lost answer nobody could tell what they made apart
        self._turns: dict[_Name, deque[Write]] = {}
        self._withheld: list[Withheld] = []
        self.open = 0
        """Shares of writes that are not concluded."""
        later = [write for write in writes if self._count(write)]
        for order in self._orders.values():
            self._go_on(order)
        for write in later:
            self._hold_back(write)
        heapify(self._ready)

    @property
    def is_over(self) -> bool:
        return not self.open

    @property
    def ready(self) -> int:
        """How many may be sent at this moment, those among them that are withheld included."""
        return len(self._ready)

    def take(self) -> Write | None:
        """The next write that may be sent, without what must not be any more; None when none may at this moment."""
        while self._ready:
            *_, has_turn, write = heappop(self._ready)
            if write.creates and not has_turn and not self._takes_turn(write):
                continue
            kept = tuple(target for target in write.targets if not self._drops(write, target))
            if kept:
                return write if len(kept) == len(write.targets) else evolve(write, targets=kept)
        return None

    def conclude(self, write: Write, target: Target, *, is_done: bool) -> bool:
        """What became of a share of a write. Whether its object is as planned now, with all of its writes."""
        what = (write.kind, target.key)
        order = self._orders[order_of(write, target)]
        self._writes_left[what] -= 1
        if not is_done:
            self._fail(write.kind, target.key, target.parent)
            if target.money < 0 and order.owing is None:
                order.owing = target.key
        self.open -= 1
        order.left[write.phase] -= 1
        self._go_on(order)
        if write.creates:
            self._pass_turn(write)
        return not self._writes_left[what] and what not in self._failed

    def fail(self, kind: str, key: str, parent: str | None) -> None:
        """Before anything is taken: an object that is not going to be as planned, so that nothing is sent for it."""
        self._fail(kind, key, parent)

    def withheld(self) -> list[Withheld]:
        """What was withheld since this was asked last, each object once."""
        told, self._withheld = self._withheld, []
        return told

    # from here on, one step each

    def _count(self, write: Write) -> bool:
        """Whether it has to wait for others."""
        for target in write.targets:
            what = (write.kind, target.key)
            self._writes_left[what] = self._writes_left.get(what, 0) + 1
            self._orders.setdefault(order_of(write, target), _Order()).left[write.phase] += 1
            self.open += 1
        if write.phase == 0:
            self._ready.append(self._entry(write, has_turn=False))
        return write.phase > 0

    def _hold_back(self, write: Write) -> None:
        waiting = _Waiting(write, 0)
        for key in {order_of(write, target) for target in write.targets}:
            order = self._orders[key]
            if order.phase < write.phase:
                order.waiting.setdefault(write.phase, []).append(waiting)
                waiting.orders += 1
        if not waiting.orders:
            self._ready.append(self._entry(write, has_turn=False))

    def _go_on(self, order: _Order) -> None:
        while order.phase < _LAST and not order.left[order.phase]:
            order.phase += 1
            for waiting in order.waiting.pop(order.phase, ()):
                waiting.orders -= 1
                if not waiting.orders:
                    self._push(waiting.write, has_turn=False)

    def _entry(self, write: Write, *, has_turn: bool) -> tuple[int, int, int, bool, Write]:
        return write.phase, min(target.row for target in write.targets), next(self._numbers), has_turn, write

    def _push(self, write: Write, *, has_turn: bool) -> None:
        heappush(self._ready, self._entry(write, has_turn=has_turn))

    def _drops(self, write: Write, target: Target) -> bool:
        if (write.kind, target.key) not in self._failed:
            reason = self._stranded(write, target)
            if not reason:
                return False
            self._withheld.append(Withheld(write, target, reason))
        self.conclude(write, target, is_done=False)
        return True

    def _stranded(self, write: Write, target: Target) -> str:
        """Why the state of its insertion order keeps a share from being sent; empty when it does not."""
        order = self._orders[order_of(write, target)]
        if order.is_failed:
            return f"its insertion order {target.parent!r} is not as planned"
        if target.money > 0 and order.owing is not None:
            return (
                f"it takes more money, and campaign {order.owing!r} of its insertion order {target.parent!r} "
                "did not give back what was planned"
            )
        if write.phase == Phase.LOWER_ORDER and order.is_strained:
            return "it is lowered only when all its campaigns are as planned"
        return ""

    def _fail(self, kind: str, key: str, parent: str | None) -> None:
        self._failed.add((kind, key))
        if kind == ORDER and key in self._orders:
            self._orders[key].is_failed = True
        elif kind == CAMPAIGN and parent in self._orders:
            self._orders[parent].is_strained = True

    # turns

    def _takes_turn(self, write: Write) -> bool:
        name = _name(write)
        if name is None:
            return True
        if name in self._turns:
            self._turns[name].append(write)
            return False
        self._turns[name] = deque()
        return True

    def _pass_turn(self, write: Write) -> None:
        name = _name(write)
        if name is None:
            return
        if self._turns[name]:
            self._push(self._turns[name].popleft(), has_turn=True)
        else:
            del self._turns[name]


def order_of(write: Write, target: Target) -> str:
    """The key of the insertion order that a share of a write belongs to."""
    return target.key if write.kind == ORDER or target.parent is None else target.parent


def _name(write: Write) -> _Name | None:
    """Where what a create makes is looked for, and by which name."""
    if not write.named:
        return None
    return write.kind, write.place if write.kind == ORDER else write.targets[0].parent, write.named
