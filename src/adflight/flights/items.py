"""What a plan says of each insertion order and each flight. Pure; imports values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from attrs import Factory, define, frozen


class Verdict(StrEnum):
    """What is to happen to an object."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """Nothing is sent: `Item.reason` says why."""


class Unseen(Enum):
    """The type of `UNSEEN`: neither the vendor's lists nor the journal tell the old value."""

    UNSEEN = "?"

    def __repr__(self) -> str:
        return "UNSEEN"


UNSEEN: Final = Unseen.UNSEEN

Old: TypeAlias = Any
"""A live value as in `Live.fields`, None for null, or `UNSEEN`."""


@frozen
class Change:
    """A column whose live value differs."""

    column: str
    old: Old
    new: Any
    """As in the file: a `Value`; `CLEAR` for null."""


@define(eq=False, kw_only=True)
class Item:
    """What a plan says of one object."""

    kind: str
    """"insertion_order" or "campaign", as in the journal."""
    key: str
    row: int
    """Of the file; the first that names an insertion order."""
    name: str
    verdict: Verdict
    id: int | None = None
    """The vendor's; None when it does not exist."""
    parent: str | None = None
    """The key of a campaign's insertion order."""
    changes: tuple[Change, ...] = ()
    is_adopted: bool = False
    """Whether it exists under this name, the journal does not know it, and applying takes it over."""
    is_draft: bool = False
    """Whether the change would submit a draft."""
    reason: str = ""
    """Why it is refused; or, of what is to be created, that an earlier request for it has no outcome yet."""
    committed: Decimal = Decimal(0)
    """By how much it raises campaign budgets, in the account's currency; below zero where it lowers them. A draft that
    it submits commits all of its budget."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is to be created, and may have been already, by a request without an outcome."""
        return self.verdict is Verdict.CREATE and bool(self.reason)


@frozen(kw_only=True)
class Leftover:
    """An object that is live, was applied from this file before, and is in it no more; or that another file has in an
    insertion order of this one. Nothing is done to it."""

    kind: str
    key: str
    id: int
    name: str
    status: str
    budget: Decimal | None
    """What it may spend in all, in the account's currency; None where the vendor does not say."""
    file: str = ""
    """The other file from which it was applied last; empty where it was this one."""


@frozen(kw_only=True)
class Totals:
    """What a plan comes to."""

    verdicts: Mapping[str, Mapping[str, int]]
    """Counts by kind and verdict."""
    adopted: int
    drafts: int
    committed: Decimal
    """Sum of all increases of campaign budgets. An insertion order's budget is never added: its campaigns spend it."""
    released: Decimal
    """Sum of all decreases."""
    writes: Mapping[str, int]
    """Requests that applying sends, by operation."""
    reads: Mapping[str, int]
    """Requests that were sent for the plan, by operation: log-ins, the table of time zones and repeats included."""
    seconds: float
    """How long the quota makes the writes take, from an empty window; 0 without a quota."""
    in_doubt: Mapping[str, int] = Factory(dict)
    """Counts by kind, also in `verdicts`, of what may have been created already, and of campaigns in such an insertion
    order. As nothing is sent for these before that is known, money, writes and seconds are without them."""
    committed_in_doubt: Decimal = Decimal(0)
    """What would be committed beside `committed` if they were made after all."""
