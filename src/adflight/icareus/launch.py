"""A campaign, its schedule and its daily caps, each sent at most once, with a record from which a launch goes on.

Nothing can be looked up on Icareus: only active campaigns are listed, and a new one has no schedule. So a step whose
outcome is unknown is a person's to settle. Imports the plan and core's `steps`; used by `client`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from attrs import frozen

from adflight.core.errors import AdflightError, InvalidInput, LaunchFailed, UnknownOutcome
from adflight.core.session import SETTLING
from adflight.core.steps import Event, Record, Steps, check_content, sent
from adflight.icareus.plan import NewCampaign, NewSchedule, caps_request
from adflight_api.icareus.api.schedules import schedules_create
from adflight_api.icareus.models import CampaignCreated
from adflight_api.runtime import Request

if TYPE_CHECKING:
    from adflight.icareus.client import Icareus

Step: TypeAlias = Literal["campaign", "schedule", "daily_caps"]

STEPS: Final[tuple[Step, ...]] = get_args(Step)

# how a person settles what nobody knows; `campaign` is its id
ADVICE: Final[Mapping[Step, str]] = {
    "campaign": "look for it in the Icareus Suite. If it is there: launch(<its id>, schedule, daily_caps); "
    "if it is not, launch again; both without resume=.",
    "schedule": "look at campaign {campaign} in the Icareus Suite. If it has the schedule: launch({campaign}, "
    "<its id>, daily_caps); if it has none: launch({campaign}, schedule, daily_caps); both without resume=.",
    "daily_caps": "look at campaign {campaign} in the Icareus Suite, and set what is missing with daily_caps.set.",
}

# what did or did not become of a step, in words
OUTCOME: Final[Mapping[Step, tuple[str, str]]] = {
    "campaign": ("the campaign was", "created"),
    "schedule": ("the schedule was", "created"),
    "daily_caps": ("the daily caps were", "set"),
}


@frozen
class Launch:
    """A campaign with a schedule that exist."""

    campaign_id: int
    schedule_id: int
    daily_caps: tuple[date, ...] = ()
    """Days whose caps were set."""


class Launcher:
    """One launch under way."""

    def __init__(self, icareus: Icareus, *, record: Record | None, resume: Iterable[Event]) -> None:
        self._icareus = icareus
        self._steps: Final = Steps(icareus.clock, record=record, resume=resume)

    async def run(
        self, campaign: NewCampaign | int, schedule: NewSchedule | int, daily_caps: Mapping[date, int] | None
    ) -> Launch:
        _check(campaign, schedule, daily_caps)
        step: Step = "campaign"
        try:
            if isinstance(campaign, NewCampaign):
                campaign_id = await self._once(step, campaign.request, _campaign_id)
            else:
                campaign_id = self._steps.given(step, campaign)
            step = "schedule"
            if isinstance(schedule, NewSchedule):
                schedule_id = await self._once(step, schedule.request(campaign_id), _schedule_id)
            else:
                schedule_id = self._steps.given(step, schedule)
            step = "daily_caps"
            if daily_caps is not None:
                await self._once(step, caps_request(daily_caps, campaign_id), lambda _: campaign_id)
        except InvalidInput:
            raise
        except asyncio.CancelledError as error:
            self._steps.leave_word(error)
            raise
        except Exception as error:
            # also what is not ours, such as a full disk under the record: the ids must not be lost with it
            if isinstance(error, UnknownOutcome):
                error.add_note(self._advice(step, error))
            if "campaign" not in self._steps.exists:
                raise
            raise self._failure(step, error) from error
        return Launch(campaign_id, schedule_id, tuple(sorted(daily_caps or ())))

    async def _once(self, step: Step, request: Request, id_of: Callable[[Any], int]) -> int:
        """The id of what a step makes: known from the record, or made now."""
        history = self._steps.history(step, request)
        if history.id is not None:
            self._steps.exists[step] = history.id
            return history.id
        if history.sent is not None:
            raise self._steps.unknown(
                request,
                history,
                f"{request.operation.id} was sent by an earlier launch, whose record ends before the answer",
                base_url=self._icareus.base_url,
                settled_after=self._icareus.options.timeout + SETTLING,
            )
        self._steps.check_order(step, *STEPS[STEPS.index(step) + 1 :])
        await self._steps.tell(step, "sending", existing=[], sent=sent(request))
        self._steps.sending.add(step)
        try:
            made = await self._icareus.call(request, id_of)
        except UnknownOutcome as error:
            # without it the record says the same: sent, and no outcome
            with suppress(Exception):
                await self._steps.tell(
                    step, "unknown", sent_at=error.sent_at.isoformat(), settled_after=error.settled_after
                )
            raise
        except AdflightError as error:
            # certain: of anything else a create makes an UnknownOutcome
            await self._steps.refused(step, error)
            raise
        return await self._steps.made(step, made)

    def _failure(self, step: Step, error: Exception) -> LaunchFailed:
        # caps have no id of their own
        exists = {name: id_ for name, id_ in self._steps.exists.items() if name != "daily_caps"}
        standing = " and ".join(f"{name} {id_}" for name, id_ in exists.items())
        subject, verb = OUTCOME[step]
        advice = f"To go on: launch({exists['campaign']}, {exists.get('schedule', 'schedule')}, daily_caps)."
        if step in self._steps.exists:
            what = f"{subject} {verb}, which could not be recorded"
            advice = "Nothing is left to do." if step == "daily_caps" else advice
        elif isinstance(error, UnknownOutcome):
            what, advice = f"it is not known whether {subject} {verb}", self._advice(step, error)
        else:
            what = f"{subject} not {verb}"
        return LaunchFailed(
            f"{standing} {'exists' if len(exists) == 1 else 'exist'}; {what}: {str(error).rstrip('.')}. {advice}",
            step=step,
            exists=exists,
            cause=error,
        )

    def _advice(self, step: Step, error: UnknownOutcome) -> str:
        settled = error.sent_at + timedelta(seconds=error.settled_after)
        advice = ADVICE[step].format(campaign=self._steps.exists.get("campaign"))
        return f"After {settled:%H:%M:%S} UTC, when it has happened or never will, {advice}"


def _check(campaign: object, schedule: object, daily_caps: Mapping[date, int] | None) -> None:
    """Everything is checked before the first request: a campaign without a schedule would be left standing."""
    for name, value, kind in (("campaign", campaign, NewCampaign), ("schedule", schedule, NewSchedule)):
        if isinstance(value, bool) or not isinstance(value, kind | int):
            raise InvalidInput(name, value, f"a {kind.__name__}, or the id of one that exists, as an int")
    if isinstance(campaign, NewCampaign):
        if not isinstance(schedule, NewSchedule):
            raise InvalidInput("schedule", schedule, "a NewSchedule: a campaign that is new has no schedule yet")
        campaign.check()
        check_content("campaign", campaign.request)
    if isinstance(schedule, NewSchedule):
        schedule.check()
        check_content("schedule", schedule.request(0))
    if daily_caps is not None:
        caps_request(daily_caps, 0)


def _campaign_id(answer: Any) -> int:
    return _id(CampaignCreated.from_dict(answer).campaign_id)


def _schedule_id(answer: Any) -> int:
    return _id(schedules_create.parse(answer).schedule_id)


def _id(value: object) -> int:
    # the session turns this into an UnknownOutcome: something was created, and nobody knows under which id
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("the answer holds no id that is a whole number")
    return value
