"""What a launch on Icareus is to create, and what can be known to be wrong with it before anything is sent. Pure.

Imports the generated operations and the errors; used by `launch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, ParamSpec, TypeAlias

from attrs import frozen

from adflight.core.errors import InvalidInput
from adflight_api.icareus.api.campaigns import (
    campaigns_create_active_ad,
    campaigns_create_in_stream_video,
    campaigns_create_in_video_overlay,
    campaigns_create_switch_in,
    campaigns_create_video_swap,
)
from adflight_api.icareus.api.daily_caps import daily_caps_set
from adflight_api.icareus.api.schedules import schedules_create
from adflight_api.icareus.models import (
    AdPlatform,
    DailyCap,
    DailyRepeatOptions,
    MonthlyRepeatOptions,
    RepeatType,
    WeeklyRepeatOptions,
    YearlyRepeatOptions,
)
from adflight_api.runtime import Request

P = ParamSpec("P")

Repeat: TypeAlias = DailyRepeatOptions | WeeklyRepeatOptions | MonthlyRepeatOptions | YearlyRepeatOptions

_REPEATS: Final[Mapping[type[Repeat], RepeatType]] = {
    DailyRepeatOptions: RepeatType.DAILY,
    WeeklyRepeatOptions: RepeatType.WEEKLY,
    MonthlyRepeatOptions: RepeatType.MONTHLY,
    YearlyRepeatOptions: RepeatType.YEARLY,
}


def _of(request: Callable[P, Request]) -> Callable[P, NewCampaign]:
    """A constructor with the arguments of a generated operation."""

    def new(*args: P.args, **kwargs: P.kwargs) -> NewCampaign:
        return NewCampaign(request(*args, **kwargs))

    return new


@frozen
class NewCampaign:
    """A campaign to be created; each type's constructor takes the arguments of `icareus.campaigns.create_<type>`.

        NewCampaign.video_swap(name="Spring", cpm_price=0, vast_profile_id=479862)

    Source: document 003, Add/Edit Campaign.
    """

    request: Request

    video_swap = staticmethod(_of(campaigns_create_video_swap.request))
    active_ad = staticmethod(_of(campaigns_create_active_ad.request))
    switch_in = staticmethod(_of(campaigns_create_switch_in.request))
    in_stream_video = staticmethod(_of(campaigns_create_in_stream_video.request))
    in_video_overlay = staticmethod(_of(campaigns_create_in_video_overlay.request))

    def check(self) -> None:
        """Raises `InvalidInput` for what the document says is refused."""
        body = self.request.body
        _check_name("campaign.name", body["name"])
        if body["cpmPrice"] < 0:
            raise InvalidInput("campaign.cpm_price", body["cpmPrice"], "at least 0")
        if "deviceTypeBlacklist" in body and "deviceTypeWhitelist" in body:
            raise InvalidInput(
                "campaign.device_type_whitelist", body["deviceTypeWhitelist"], "either it or device_type_blacklist"
            )
        if body.get("adPlatform") == AdPlatform.AD_FORM and not body.get("adTagUrl"):
            raise InvalidInput(
                "campaign.ad_tag_url", body.get("adTagUrl"), "an address, because ad_platform is AD_FORM"
            )
        channels = body.get("channels", ())
        if self.request.operation is campaigns_create_video_swap.OPERATION and len(channels) > 1:
            raise InvalidInput("campaign.channels", channels, "one channel: a Video Swap campaign has no more")


@frozen(kw_only=True)
class NewSchedule:
    """A schedule to be created and attached to the campaign. Source: document 003, Add/Edit Campaign Schedule."""

    name: str
    start: datetime
    """With a time zone; its wall clock is what repeats. Whole minutes."""
    duration: timedelta
    """Of the schedule, and of each repetition: whole minutes, at most 24 hours."""
    utc_offset: int | None = None
    """Hours from UTC in which the service is told the start; by default those of `start`, which then must be whole."""
    repeat: Repeat | None = None
    """How it repeats; never, unless given."""
    end: date | None = None
    """The last day; the service's default is a year after the start."""

    def request(self, campaign_id: int) -> Request:
        """The create request for a campaign. Raises `InvalidInput` for what cannot be sent."""
        repeat = self.repeat
        return schedules_create.request(
            campaign_id=campaign_id,
            name=self.name,
            start_date=self.start,
            duration=self.duration,
            utc_offset=self.utc_offset,
            repeat_type=RepeatType.NEVER if repeat is None else _REPEATS[type(repeat)],
            daily_repeat_options=repeat if isinstance(repeat, DailyRepeatOptions) else None,
            weekly_repeat_options=repeat if isinstance(repeat, WeeklyRepeatOptions) else None,
            monthly_repeat_options=repeat if isinstance(repeat, MonthlyRepeatOptions) else None,
            yearly_repeat_options=repeat if isinstance(repeat, YearlyRepeatOptions) else None,
            end_date=self.end,
        )

    def check(self) -> None:
        """Raises `InvalidInput` for what the document says is refused, and for an end before the start."""
        _check_name("schedule.name", self.name)
        if self.repeat is not None and type(self.repeat) not in _REPEATS:
            raise InvalidInput("schedule.repeat", self.repeat, "the options of one repeat type")
        request = self.request(0)
        if isinstance(self.repeat, WeeklyRepeatOptions) and not self.repeat.week_days:
            # the documented default is an empty list: active on no day
            raise InvalidInput("schedule.repeat.week_days", self.repeat.week_days, "at least one weekday")
        first = request.body["startDate"][:10]
        if self.end is not None and self.end.isoformat() < first:
            raise InvalidInput("schedule.end", self.end, f"a day not before its start, {first}")
        if not self.duration:
            raise InvalidInput("schedule.duration", self.duration, "more than nothing")


def _check_name(field: str, name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(field, name, "a name")


def caps_request(caps: Mapping[date, int], campaign_id: int) -> Request:
    """The request that sets daily caps. Raises `InvalidInput` for what cannot be sent or makes no sense."""
    for day, cap in caps.items():
        if isinstance(cap, bool) or not isinstance(cap, int) or cap < 0:
            raise InvalidInput(f"daily_caps[{day}]", cap, "a whole number, at least 0")
    if not caps:
        raise InvalidInput("daily_caps", caps, "at least one day")
    rows = [DailyCap(day=day, cap=cap) for day, cap in sorted(caps.items())]
    return daily_caps_set.request(campaign_id=campaign_id, caps=rows)
