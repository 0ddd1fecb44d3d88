"""Finding what a create may have made, and telling whether it is what was sent.

Imports the generated client; used by `launch`. The vendor's search is fuzzy, so names are compared here, and a list
counts only when every row of it was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from adflight.core.errors import PagingError
from adflight_api.iqm.client import Operations
from adflight_api.iqm.models import InsertionOrder, InsertionOrderCampaign
from adflight_api.runtime import UNSET

ORDER_IDENTITY: Final = ("ioName", "ioStartTime", "ioBudgetTypeId")
CAMPAIGN_IDENTITY: Final = ("campaignName", "ioId", "startTime", "budgetTotal", "maxBid", "creativeIds")
"""What an answer has to carry before its object can be taken for the one that was sent."""

CENT: Final = Decimal("0.01")


async def insertion_orders_named(operations: Operations, name: str) -> Mapping[int, InsertionOrder]:
    """The insertion orders of the workspace that bear exactly this name, by id."""
    pager = operations.insertion_orders.list(search=name)
    return {order.io_id: order async for order in pager.rows(strict=True) if order.io_name == name}


async def campaigns_named(operations: Operations, io_id: int, name: str) -> Mapping[int, InsertionOrderCampaign]:
    """The campaigns of an insertion order that bear exactly this name, by id.

    Raises `PagingError` when the answer counts campaigns that it does not carry.
    """
    found: dict[int, InsertionOrderCampaign] = {}
    # not searched by name: it is not known whether the search would look at campaigns or at insertion orders
    async for order in operations.insertion_orders.list_campaigns(io_ids=[io_id]).rows(strict=True):
        campaigns = order.campaigns or []
        if order.io_id == io_id and order.campaign_count != len(campaigns):
            raise PagingError(
                f"insertion order {io_id} counts {order.campaign_count} campaigns, and {len(campaigns)} came with it"
            )
        found.update({campaign.campaign_id: campaign for campaign in campaigns if campaign.name == name})
    return found


def differences(sent: Mapping[str, Any], live: Mapping[str, Any], *, identity: Iterable[str]) -> list[str]:
    """Wire names of the fields of `sent` that an object does not have or has otherwise.

    Money is compared to two places, lists in strings without regard to order, ids without regard to whether they are
    text; empty is empty, whether a text or a null. A field outside `identity` that the vendor does not return says
    nothing.
    """
    return [
        name
        for name, value in sent.items()
        if (name in live or name in identity) and _normal(value) != _normal(live.get(name, UNSET))
    ]


def _normal(value: Any) -> Any:
    if value in (None, "", []):
        return None
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, str) and "," in value:
        value = value.split(",")
    if isinstance(value, list):
        return sorted(str(_normal(part.strip() if isinstance(part, str) else part)) for part in value if part != "")
    return _amount(str(value)) if isinstance(value, (int, float, Decimal, str)) else value


def _amount(text: str) -> Decimal | str:
    """A number to two places; any other text as it is."""
    try:
        number = Decimal(text)
        return number.quantize(CENT, ROUND_HALF_UP) if number.is_finite() else text
    except InvalidOperation:
        return text
