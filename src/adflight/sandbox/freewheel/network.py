"""What a network of the sandbox is made of: campaigns, advertisers, users, roles, currencies, workflow steps.

None of it can be changed, and none of it is stored. Imports nothing of the sandbox.
"""

from __future__ import annotations

from decimal import Decimal

__all__ = [
    "CURRENCIES",
    "OVER_DELIVERY",
    "ROLES",
    "USERS",
    "WORKFLOW_STEPS",
    "advertiser_of",
    "has_campaign",
]

CURRENCIES = ("USD", "EUR", "GBP")
"""The currencies that the network supports; the first is its own."""

OVER_DELIVERY = Decimal(1)
"""By how many per cent a goal may be exceeded, where an insertion order does not say it."""

ROLES = {11: "Sales Person", 12: "Trafficker", 13: "Account Manager"}

USERS = {4711: "Ada Example", 4712: "Bob Example", 4713: "Grace Example"}
"""People to whom insertion orders can be assigned."""

WORKFLOW_STEPS = {
    step: {"workflow_step_id": number, "workflow_step_name": name, "workflow_step_type": step}
    for number, (step, name) in enumerate(
        [("PROPOSAL", "Proposal"), ("NORMAL", "Trafficking"), ("LOST_DEAL", "Lost")], start=1
    )
}
"""The steps by their types. The network has sales proposals."""

_CAMPAIGNS = range(1, 100_000)


def has_campaign(campaign_id: int) -> bool:
    """Whether there is such a campaign: all from 1 to 99999 exist by themselves."""
    return campaign_id in _CAMPAIGNS


def advertiser_of(campaign_id: int) -> int:
    """Whose campaign it is: ten advertisers, 3001 to 3010, have them in turn."""
    return 3001 + (campaign_id - 1) % 10
