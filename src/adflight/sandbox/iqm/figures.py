"""Invented figures: the same for the same seed, campaign, entity and time, and consistent with one another.

Imports store, world and values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from ..store import Row
from ..world import Call
from .values import money

__all__ = ["METRICS", "allowance", "delivery", "figures", "total"]

_SUMMED = (
    "impressions",
    "clicks",
    "dataCost",
    "mediaSpent",
    "spent",
    "conversionCount",
    "conversionValue",
    "attributedClickThroughConversions",
    "attributedViewThroughConversions",
    "startCount",
    "firstCount",
    "midCount",
    "thirdCount",
    "completeCount",
    "bidImpressions",
    "audioVideoViewed",
    "prebidCost",
)
_MONEY = ("dataCost", "mediaSpent", "spent", "conversionValue", "prebidCost")


def figures(seed: int, *about: Any, limit: float | None = None) -> Row:
    """The figures of what `about` names; nothing more than `limit` is spent."""
    digest = hashlib.sha256(repr((seed, about)).encode()).digest()
    share = [byte / 255 for byte in digest]
    bids = 500 + int.from_bytes(digest[:2], "big")
    impressions = int(bids * (0.3 + 0.6 * share[2]))
    price = (1 + 9 * share[6]) / 1000
    if limit is not None:
        impressions = min(impressions, int(limit / (price * (1 + 0.1 * share[7]))))
        bids = bids if impressions else 0
    starts = int(impressions * share[3] * 0.5)
    clicks = int(impressions * 0.05 * share[4])
    conversions = int(clicks * 0.2 * share[5])
    media = money(impressions * price) or 0.0
    data = money(media * 0.1 * share[7]) or 0.0
    after_click = int(conversions * share[8])
    return _rates(
        {
            "impressions": impressions,
            "clicks": clicks,
            "dataCost": data,
            "mediaSpent": media,
            "spent": money(media + data),
            "conversionCount": conversions,
            "conversionValue": money(conversions * 20 * share[9]),
            "attributedClickThroughConversions": after_click,
            "attributedViewThroughConversions": conversions - after_click,
            "startCount": starts,
            "firstCount": int(starts * 0.9),
            "midCount": int(starts * 0.7),
            "thirdCount": int(starts * 0.6),
            "completeCount": int(starts * 0.5),
            "bidImpressions": bids,
            "audioVideoViewed": starts,
            "prebidCost": 0,
        }
    )


def total(rows: Iterable[Row]) -> Row:
    """The figures of several rows together."""
    counted = list(rows)
    sums: Row = {name: sum(row[name] for row in counted) for name in _SUMMED}
    return _rates({name: money(value) if name in _MONEY else value for name, value in sums.items()})


def allowance(call: Call, campaign: Row) -> float:
    """What a campaign may have spent by now: its budget once it ran, nothing before."""
    if campaign["status"] in ("draft", "rejected") or call.now < campaign["_approved"]:
        return 0.0
    return max(0.0, float(campaign["budgetTotal"]) - 0.01)


def delivery(call: Call, campaign: Row) -> Row:
    """The figures of a whole campaign."""
    return figures(call.world.options.seed, "campaign", campaign["id"], limit=allowance(call, campaign))


def _rates(row: Row) -> Row:
    impressions, clicks, starts = row["impressions"], row["clicks"], row["startCount"]
    conversions, media, spent = row["conversionCount"], row["mediaSpent"], row["spent"]
    return {
        **row,
        "winRate": _ratio(100 * impressions, row["bidImpressions"]),
        "CTR": _ratio(100 * clicks, impressions),
        "eCPM": _ratio(1000 * media, impressions),
        "eCPC": _ratio(media, clicks),
        "costPerAttributedConversions": _ratio(spent, conversions),
        "attributedConversionsRate": _ratio(100 * conversions, impressions),
        "returnOnAdSpend": _ratio(row["conversionValue"], spent),
        "VCR": _ratio(100 * row["completeCount"], starts),
        "eCPV": _ratio(spent, starts),
        "eCPCV": _ratio(spent, row["completeCount"]),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0


METRICS = tuple(figures(0))
"""The names of all figures."""
