"""Whether a plan that was shown still says what a newer one says: what moved unexplained by the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from adflight.core.problems import shown
from adflight.flights.items import UNSEEN, Change, Item, Verdict
from adflight.flights.values import CLEAR

if TYPE_CHECKING:
    from adflight.flights.planning import Plan

_TITLES: Final = {"insertion_order": "insertion order", "campaign": "campaign"}


def moved(old: Plan, new: Plan) -> list[str]:
    """What a newer plan for the same flights says otherwise, each in a sentence: object, column, was, is.

    Less is no difference: what was to be done and has been done since, as the journal knows. Everything else is: a
    value that changed, an object that appeared, one that is gone.
    """
    return [said for one, other in zip(old.items, new.items, strict=True) for said in _moved(one, other)]


def _moved(old: Item, new: Item) -> Iterator[str]:
    what = f"{_TITLES[old.kind]} {shown(old.key)}"
    if new.verdict is Verdict.REFUSED:
        if old.verdict is not Verdict.REFUSED:
            yield f"{what}: was {_planned(old)}, is refused: {new.reason}"
    elif new.is_adopted and not old.is_adopted:
        yield f"{what}: {_was(old)}, is {new.id}, which bears its name"
    elif old.verdict is Verdict.REFUSED:
        if new.verdict is not Verdict.UNCHANGED:
            yield f"{what}: {_was(old)}, is {_planned(new)}"
    elif old.id is not None and old.id != new.id:
        yield f"{what}: was {old.id}, is {'none' if new.id is None else new.id}"
    elif old.verdict is Verdict.CREATE:
        # what was made since is as the file says, or somebody else has been at it
        for change in new.changes:
            if change.old is not UNSEEN:
                yield f"{what}, {change.column}: was to be created, {_difference(change)}"
    else:
        yield from _changed(what, old, new)


def _changed(what: str, old: Item, new: Item) -> Iterator[str]:
    before = {change.column: change for change in old.changes}
    for change in new.changes:
        known = before.get(change.column)
        if known is None:
            yield f"{what}, {change.column}: was as the file says, {_difference(change)}"
        elif UNSEEN not in (known.old, change.old) and known.old != change.old:
            yield f"{what}, {change.column}: was {_value(known.old)}, is {_value(change.old)}"
    if new.is_draft and not old.is_draft:
        yield f"{what}: was no draft, is one that the change would submit"


def _difference(change: Change) -> str:
    return f"is {_value(change.old)}, and the file says {_value(change.new)}"


def _was(old: Item) -> str:
    if old.verdict is Verdict.REFUSED:
        return f"was refused ({old.reason})"
    return "did not exist" if old.id is None else f"was {old.id}"


def _planned(item: Item) -> str:
    done = {Verdict.CREATE: "to be created", Verdict.CHANGE: "to be changed", Verdict.UNCHANGED: "unchanged"}
    return done[item.verdict]


def _value(value: object) -> str:
    if value is UNSEEN:
        return "not known"
    return "null" if value is None or value is CLEAR else shown(value)
