"""What a plan comes to: counts, money, requests, and the time that the quota makes them take. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from adflight.core.quota import Quota
from adflight.flights.items import Item, Totals, Verdict
from adflight.flights.platform import Write


def seconds_for(requests: int, quota: Quota | None) -> float:
    """The least that a sliding window makes requests take, from an empty one to the last one's sending.

    `quota.requests` of them may leave at once, and each further group of as many one window later, so that the last of
    n leaves after floor((n - 1) / quota.requests) windows. Without a quota it is 0.
    """
    return 0.0 if quota is None or requests < 1 else (requests - 1) // quota.requests * quota.per


def totals_of(items: Iterable[Item], writes: Iterable[Write], reads: Mapping[str, int], quota: Quota | None) -> Totals:
    """The totals of a plan; reads through all its items, and all its writes, once."""
    verdicts: dict[str, Counter[Verdict]] = {}
    adopted = drafts = 0
    committed = released = Decimal(0)
    for item in items:
        verdicts.setdefault(item.kind, Counter())[item.verdict] += 1
        adopted += item.is_adopted
        drafts += item.is_draft
        if item.committed > 0:
            committed += item.committed
        elif item.committed < 0:
            released -= item.committed
    sent: Counter[str] = Counter()
    looks = 0
    for write in writes:
        sent[write.operation] += 1
        looks += write.looks
    return Totals(
        verdicts={kind: {verdict.value: counts[verdict] for verdict in Verdict} for kind, counts in verdicts.items()},
        adopted=adopted,
        drafts=drafts,
        committed=committed,
        released=released,
        writes=dict(sent),
        reads=dict(reads),
        seconds=seconds_for(sent.total() + looks, quota),
    )
