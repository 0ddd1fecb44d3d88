"""An insertion order and its campaign, each created once, with a record from which a launch can be continued.

Imports the plan, the look-ups and core's `adoption`; used by `client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from attrs import define, field

from adflight.core.adoption import Adopted, adopt, create_once
from adflight.core.errors import AdflightError, InvalidInput, LaunchFailed, UnknownOutcome
from adflight.core.session import SETTLING
from adflight.core.steps import Event, History, Record, Steps, check_content, sent
from adflight.iqm.look_up import (
    CAMPAIGN_IDENTITY,
    ORDER_IDENTITY,
    campaigns_named,
    differences,
    insertion_orders_named,
)
from adflight.iqm.plan import NewCampaign, NewInsertionOrder, check_together
from adflight_api.iqm.api.campaigns import campaigns_create
from adflight_api.iqm.api.insertion_orders import insertion_orders_create
from adflight_api.iqm.models import BudgetType, Campaign, CampaignStatus, InsertionOrder, InsertionOrderCampaign
from adflight_api.runtime import Request

if TYPE_CHECKING:
    from adflight.iqm.client import IQM
    from adflight.iqm.waiting import OnPoll

Step: TypeAlias = Literal["insertion_order", "campaign", "read_back"]

RowT = TypeVar("RowT")

ADVICE: Final = 'Look for it by its name. If it is there, use it; if it is not, resume with if_absent="create".'


@define(eq=False, repr=False)
class Launch:
    """An insertion order and a campaign that exist."""

    insertion_order_id: int
    campaign_id: int
    campaign: Campaign
    """As it was read back after it was created."""
    adopted: tuple[Step, ...] = ()
    """Steps whose answer was lost and whose object was found again."""
    _iqm: IQM = field(kw_only=True)

    def __repr__(self) -> str:
        return f"<Launch insertion_order_id={self.insertion_order_id} campaign_id={self.campaign_id}>"

    async def wait_until(
        self,
        status: CampaignStatus | str = CampaignStatus.RUNNING,
        *,
        timeout: float | None = None,
        on_poll: OnPoll | None = None,
    ) -> None:
        """Waits until the campaign has a status; `timeout` in seconds. See `IQM.wait_until`."""
        await self._iqm.wait_until(self.campaign_id, status, timeout=timeout, on_poll=on_poll)


class Launcher:
    """One launch under way."""

    def __init__(
        self, iqm: IQM, *, record: Record | None, resume: Iterable[Event], if_absent: Literal["raise", "create"]
    ) -> None:
        self._iqm = iqm
        self._steps: Final = Steps(iqm.clock, record=record, resume=resume)
        self._if_absent: Final = if_absent
        self._adopted: list[Step] = []

    async def run(self, order: NewInsertionOrder | int, campaign: NewCampaign) -> Launch:
        if not isinstance(campaign, NewCampaign):
            raise InvalidInput("campaign", campaign, "a NewCampaign")
        campaign.check()
        # finds what cannot be sent before an insertion order is made for it
        check_content("campaign.more", campaign.request(0, BudgetType.BUDGET))
        try:
            if isinstance(order, NewInsertionOrder):
                order.check()
                check_together(order.budget_type, order.start, order.end, campaign)
                io_id, budget_type = await self._insertion_order(order), int(order.budget_type)
            else:
                if not isinstance(order, int):
                    raise InvalidInput("insertion_order", order, "a NewInsertionOrder, or the id of one as an int")
                row = await self._existing(order)
                io_id, budget_type = row.io_id, _required(row.io_budget_type_id, "ioBudgetTypeId")
                check_together(budget_type, _moment(row.io_start_time), _moment(row.io_end_time), campaign)
                self._steps.given("insertion_order", io_id)
            request = campaign.request(io_id, budget_type)
            history = self._steps.history("campaign", request)
            campaign_id = await self._campaign(io_id, campaign.name, request, history)
            await self._steps.tell("read_back", "sending", id=campaign_id)
            live = await self._iqm.campaigns.get(campaign_id)
            await self._steps.tell("read_back", "done", id=campaign_id, status=str(live.status))
        except asyncio.CancelledError as error:
            self._steps.leave_word(error)
            raise
        except Exception as error:
            # also what is not ours, such as a full disk under the record: the ids must not be lost with it
            if self._steps.nothing_lost(error, "insertion_order"):
                if isinstance(error, UnknownOutcome):
                    error.add_note(ADVICE)
                raise
            raise self._failure(error) from error
        return Launch(io_id, campaign_id, live, tuple(self._adopted), iqm=self._iqm)

    def _failure(self, error: Exception) -> LaunchFailed:
        io_id, campaign_id = self._steps.exists["insertion_order"], self._steps.exists.get("campaign")
        advice = f"To go on: launch({io_id}, campaign)."
        if campaign_id is not None:
            what = f"campaign {campaign_id} was created, but could not be read back"
            advice = "To go on: wait_until, or resume."
        elif isinstance(error, UnknownOutcome):
            what = "it is not known whether the campaign was created"
            advice = ADVICE
        else:
            what = "the campaign was not created"
        return LaunchFailed(
            f"insertion order {io_id} exists; {what}: {str(error).rstrip('.')}. {advice}",
            step="campaign" if campaign_id is None else "read_back",
            exists=self._steps.exists,
            cause=error,
        )

    async def _existing(self, io_id: int) -> InsertionOrder:
        async for row in self._iqm.insertion_orders.list(io_ids=[io_id]):
            if row.io_id == io_id:
                return row
        raise InvalidInput("insertion_order", io_id, "the id of an insertion order in this workspace")

    async def _insertion_order(self, order: NewInsertionOrder) -> int:
        request = order.request()
        history = self._steps.history("insertion_order", request)
        if history.id is None:
            self._steps.check_order("insertion_order", "campaign")

        async def look_up() -> Mapping[int, InsertionOrder]:
            return await insertion_orders_named(self._iqm, order.name)

        def compare(row: InsertionOrder) -> list[str]:
            return differences(request.body, row.to_dict(), identity=ORDER_IDENTITY)

        async def create() -> int:
            return int((await self._iqm.call(request, insertion_orders_create.parse)).io_id)

        async with self._iqm.turns.of(("insertion order", order.name)):
            return await self._once("insertion_order", request, history, create, look_up, compare)

    async def _campaign(self, io_id: int, name: str, request: Request, history: History) -> int:
        async def look_up() -> Mapping[int, InsertionOrderCampaign]:
            return await campaigns_named(self._iqm, io_id, name)

        async def compare(row: InsertionOrderCampaign) -> list[str]:
            live = await self._iqm.campaigns.get(row.campaign_id)
            return differences(request.body, live.to_dict(), identity=CAMPAIGN_IDENTITY)

        async def create() -> int:
            return int((await self._iqm.call(request, campaigns_create.parse)).campaign_id)

        async with self._iqm.turns.of(("campaign", io_id, name)):
            return await self._once("campaign", request, history, create, look_up, compare)

    async def _once(
        self,
        step: Step,
        request: Request,
        history: History,
        create: Callable[[], Awaitable[int]],
        look_up: Callable[[], Awaitable[Mapping[int, RowT]]],
        compare: Callable[[RowT], Awaitable[list[str]] | list[str]],
    ) -> int:
        """The id of what a step makes: known from the record, adopted, or created now."""
        if history.id is not None:
            self._steps.exists[step] = history.id
            return history.id
        if history.sent is not None:
            found = await self._settle(request, history, look_up, compare)
            if found is not None:
                return await self._made(step, found.id, adopted=True)

        async def record(event: str, details: Mapping[str, Any]) -> None:
            if event == "sending" and history.sent is not None:
                self._check_absent(request, history, details["existing"])
            await self._steps.tell(step, event, **details, **({"sent": sent(request)} if event == "sending" else {}))
            self._steps.sending.add(step)

        try:
            outcome = await create_once(
                create, look_up=look_up, differences=compare, clock=self._iqm.clock, record=record
            )
        except UnknownOutcome:
            raise
        except AdflightError as error:
            # certain: of anything else a create makes an UnknownOutcome
            await self._steps.refused(step, error)
            raise
        if isinstance(outcome, Adopted):
            return await self._made(step, outcome.id, adopted=True)
        return await self._made(step, outcome.answer, adopted=False)

    async def _made(self, step: Step, made: int, *, adopted: bool) -> int:
        if adopted:
            self._adopted.append(step)
        return await self._steps.made(step, made, adopted=adopted)

    async def _settle(
        self,
        request: Request,
        history: History,
        look_up: Callable[[], Awaitable[Mapping[int, RowT]]],
        compare: Callable[[RowT], Awaitable[list[str]] | list[str]],
    ) -> Adopted[RowT] | None:
        """What an earlier attempt made whose outcome its record does not know; None when there is nothing."""
        unknown = self._unknown(
            request,
            history,
            f"{request.operation.id} was sent by an earlier launch, whose record ends before the answer",
        )
        wait = unknown.settled_after
        # of one that the quota may have held up until the record ended, nobody knows when it left; and before one is
        # given up, a wall clock that may have been set since is not believed
        if history.settled_after is not None and self._if_absent == "raise":
            wait -= max((self._steps.now() - unknown.sent_at).total_seconds(), 0.0)
        try:
            return await adopt(
                unknown,
                existing=history.existing,
                look_up=look_up,
                differences=compare,
                clock=self._iqm.clock,
                settle=max(wait, 0.0),
            )
        except UnknownOutcome as error:
            if error.absent and self._if_absent == "create":
                return None
            raise

    def _unknown(self, request: Request, history: History, message: str) -> UnknownOutcome:
        return self._steps.unknown(
            request,
            history,
            message,
            base_url=self._iqm.base_url,
            settled_after=self._iqm.options.timeout + SETTLING,
        )

    def _check_absent(self, request: Request, history: History, existing: Iterable[int]) -> None:
        """What two look-ups did not find may have appeared since; creating now would buy it twice."""
        appeared = sorted({*existing} - {*history.existing})
        if appeared:
            raise self._unknown(
                request,
                history,
                f"{request.operation.id}, sent by an earlier launch, seems to have been carried out only now: "
                f"{', '.join(map(str, appeared))} bears its name. Continue once more from the same record",
            )


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _required(value: Any, name: str) -> int:
    if not isinstance(value, int):
        raise InvalidInput("insertion_order", value, f"an insertion order whose {name} the service tells")
    return value
