"""IQM in the sandbox: what each operation does, by operationId."""

from __future__ import annotations

from ..world import Handler, World
from . import (
    auth,
    bid_model_changes,
    bid_models,
    bundles,
    campaign_changes,
    campaign_lists,
    campaigns,
    insertion_orders,
    master,
    order_lists,
    priorities,
    reports,
)
from .campaign import STATUSES

__all__ = ["HANDLERS", "KINDS", "set_campaign_status"]

KINDS = ("order", "campaign", "bundle", "model", "file")
"""Kinds of objects in the store, tokens aside."""

HANDLERS: dict[str, Handler] = {
    **auth.HANDLERS,
    **campaigns.HANDLERS,
    **campaign_changes.HANDLERS,
    **campaign_lists.HANDLERS,
    **insertion_orders.HANDLERS,
    **order_lists.HANDLERS,
    **bid_models.HANDLERS,
    **bid_model_changes.HANDLERS,
    **bundles.HANDLERS,
    **priorities.HANDLERS,
    **reports.HANDLERS,
    **master.HANDLERS,
}


def set_campaign_status(world: World, campaign_id: int, status: str, now: float) -> None:
    """Put a campaign into a state, whatever the rules of the API say.

    Raises:
        ValueError: There is no such campaign or no such state.
    """
    campaign = world.store.get("campaign", campaign_id)
    if campaign is None:
        raise ValueError(f"there is no campaign {campaign_id}")
    if status not in STATUSES:
        raise ValueError(f"there is no state {status!r}; the states are {', '.join(STATUSES)}")
    world.store.put("campaign", campaign_id, {**campaign, "status": status, "_approved": now, "_modified": now})
