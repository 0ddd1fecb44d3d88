"""What a journal knows by now, and a plan may not: then the plan is made anew before anything is sent.

Imports the journal and the platform's types; used by `planning` and `applying`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from adflight.flights.items import Item, Verdict
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER, Platform, Write


async def is_told_otherwise(items: Iterable[Item], open_intents: int, journal: Journal) -> bool:
    """Whether keys mean something else than in a plan, or fewer requests are without an outcome.

    No run has to come between: a person says so (`keys`), or somebody settles without applying anything.
    """
    if len(await journal.open_intents()) != open_intents:
        return True
    ids = {kind: await journal.ids(kind) for kind in (ORDER, CAMPAIGN)}
    return any(
        ids[item.kind].get(item.key) != (None if item.is_adopted else item.id)
        for item in items
        # nothing is sent for it
        if item.verdict is not Verdict.REFUSED
    )


async def given_up(
    items: Iterable[Item], writes: Callable[[], Iterable[Write]], platform: Platform, journal: Journal
) -> set[tuple[str, str]]:
    """Kind and key of what a plan makes that was sent before, and of which a person said that it was not there.

    It may come all the same. It is known by its key or, as that may have been edited since, by its name.
    """
    earlier = {kind: await journal.given_up(kind) for kind in (ORDER, CAMPAIGN)}
    if not any(earlier.values()):
        return set()
    keys = {(kind, key) for kind, creates in earlier.items() for key, _ in creates}
    names = {(kind, _text(look_up)) for kind, creates in earlier.items() for _, look_up in creates if look_up}
    orders = {item.key: item.id for item in items if item.kind == ORDER}
    found: set[tuple[str, str]] = set()
    for write in writes():
        for target in write.targets if write.creates else ():
            look_up = platform.look_up(write, orders.get(target.parent or ""))
            if (write.kind, target.key) in keys or (write.kind, _text(look_up)) in names:
                found.add((write.kind, target.key))
    return found


def _text(look_up: Mapping[str, Any]) -> bytes:
    return orjson.dumps(look_up, option=orjson.OPT_SORT_KEYS)
