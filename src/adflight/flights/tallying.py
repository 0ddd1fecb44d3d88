"""What a plan comes to: counts, money, requests, and the time that the quota makes them take. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from adflight.core.quota import Quota
from adflight.flights.items import Item, Totals, Verdict
from adflight.flights.platform import ORDER, Write


def seconds_for(requests: int, quota: Quota | None) -> float:
    """The least that a sliding window makes requests take, from an empty one to the last one's sending.

    `quota.requests` of them may leave at once, and each further group of as many one window later, so that the last of
    n leaves after floor((n - 1) / quota.requests) windows. Without a quota it is 0.
    """
    return 0.0 if quota is None or requests < 1 else (requests - 1) // quota.requests * quota.per


def totals_of(
    items: Iterable[Item],
    writes: Iterable[Write],
    reads: Mapping[str, int],
    quota: Quota | None,
    *,
    is_made_again: bool = False,
) -> Totals:
    """The totals of a plan; reads through all its items, insertion orders first, and all its writes, once.

    With `is_made_again`, what is in doubt counts as what is sure to be sent: it is made again if it is not there.
    """
    verdicts: dict[str, Counter[Verdict]] = {}
    adopted = drafts = 0
    committed = released = committed_in_doubt = Decimal(0)
    in_doubt: dict[str, set[str]] = {}
    for item in items:
        verdicts.setdefault(item.kind, Counter())[item.verdict] += 1
        adopted += item.is_adopted
        drafts += item.is_draft
        if not is_made_again and (item.is_in_doubt or _waits(item, in_doubt)):
            in_doubt.setdefault(item.kind, set()).add(item.key)
            committed_in_doubt += max(item.committed, Decimal(0))
        elif item.committed > 0:
            committed += item.committed
        elif item.committed < 0:
            released -= item.committed
    sent: Counter[str] = Counter()
    looks = 0
    for write in writes:
        doubtful = in_doubt.get(write.kind)
        if doubtful and all(target.key in doubtful for target in write.targets):
            continue
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
        in_doubt={kind: len(keys) for kind, keys in in_doubt.items()},
        committed_in_doubt=committed_in_doubt,
    )


def _waits(item: Item, in_doubt: Mapping[str, Collection[str]]) -> bool:
    """Whether it is to be made in an insertion order that may be there, and whose id nobody knows."""
    return item.verdict is Verdict.CREATE and item.parent in in_doubt.get(ORDER, ())
