"""What a journal knows by now, and a plan may not: then the plan is made anew before anything is sent.

Imports the journal and the platform's types; used by `applying`.
"""

from __future__ import annotations

from collections.abc import Iterable

from adflight.flights.items import Item, Verdict
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER


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
