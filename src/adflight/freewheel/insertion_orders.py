"""Insertion orders: the generated operations, and one that takes several calls.

Imports core, the generated client, and `ensuring` when it is asked for; used by `client`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adflight.core.adoption import Turns
from adflight.core.caller import BoundCaller
from adflight.core.clock import Clock
from adflight_api.freewheel.api.insertion_orders import InsertionOrders as Operations

if TYPE_CHECKING:
    from adflight.freewheel.ensuring import Ensured
    from adflight_api.freewheel.models import (
        AdditionalContact,
        CurrencyTargetBudget,
        Delivery,
        ImpressionTargetBudget,
        ScheduleSettings,
        UserAssignment,
    )


class InsertionOrders(Operations):
    """Insertion orders."""

    __slots__ = ("_bound", "_clock", "_turns")

    def __init__(self, caller: BoundCaller, turns: Turns, clock: Clock) -> None:
        super().__init__(caller)
        self._bound = caller
        self._turns = turns
        self._clock = clock

    async def ensure(
        self,
        *,
        campaign_id: int,
        external_id: str,
        name: str,
        description: str | None = None,
        client_po: str | None = None,
        primary_sales_person: str | None = None,
        primary_trafficker: str | None = None,
        brand_id: int | None = None,
        currency: str | None = None,
        schedule: ScheduleSettings | None = None,
        budget: CurrencyTargetBudget | ImpressionTargetBudget | None = None,
        delivery: Delivery | None = None,
        assignments: Sequence[UserAssignment] | None = None,
        additional_contacts: Sequence[AdditionalContact] | None = None,
    ) -> Ensured:
        """Makes sure that a campaign has one insertion order with this external id, and that it is as given.

            ensured = await freewheel.insertion_orders.ensure(campaign_id=501, external_id="crm-17", name="Spring")
            print(ensured.action, ensured.insertion_order.id)

        Creates it if it is absent; if it is there, sends what differs, and nothing else. Only what is given is
        compared, and of objects only the parts that are given: a budget without an over-delivery leaves that alone, a
        schedule without an end takes none away. Numbers are compared by value, datetimes as moments, other texts as
        they are, lists in any order. What differs of a schedule, budget or delivery, or of a list, is sent whole. What
        an answer does not show is sent, since that does no harm.

        Never creates twice: one at a time for an external id in this process, and when the answer to the create is
        lost, it waits until that must be settled (the attempt's timeout plus a minute), looks twice and adopts the
        insertion order if it is new, the only one and as given. When it is cancelled meanwhile, the next one waits.
        Another process could still create one at the same time.

        Lists do not show external ids, so this costs one request for every 50 insertion orders of the campaign (at
        least one), one for each of them whose external id its list item does not show, and one to write. A campaign of
        120 takes 124 at most, some 7 seconds of the quota.

        Args:
            campaign_id: Campaign that it belongs to, with an `external_id` that no other one in it bears.

        The other arguments are those of `create`.

        Raises:
            InvalidInput: An argument cannot be sent, two insertion orders bear the external id, or what can only be
                given to a new one (currency, primary_trafficker) differs. Nothing was written.
            UnknownOutcome: It is not known whether it was created.
            APIError, TransportError, PagingError: What the calls raise. Nothing was created.
        """
        from adflight.freewheel.ensuring import Ensuring

        wanted = {
            "campaign_id": campaign_id,
            "external_id": external_id,
            "name": name,
            "description": description,
            "client_po": client_po,
            "primary_sales_person": primary_sales_person,
            "primary_trafficker": primary_trafficker,
            "brand_id": brand_id,
            "currency": currency,
            "schedule": schedule,
            "budget": budget,
            "delivery": delivery,
            "assignments": assignments,
            "additional_contacts": additional_contacts,
        }
        return await Ensuring(self._bound, self._turns, self._clock, wanted).run()
