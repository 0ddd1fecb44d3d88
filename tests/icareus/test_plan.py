from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from adflight import InvalidInput
from adflight.icareus.plan import caps_request
from adflight.types.icareus import (
    ActiveAdDataSource,
    AdPlatform,
    DailyRepeat,
    DailyRepeatOptions,
    DayPosition,
    MonthlyRepeat,
    MonthlyRepeatOptions,
    NewCampaign,
    NewSchedule,
    RepeatType,
    Weekday,
    WeeklyRepeatOptions,
    YearlyRepeat,
    YearlyRepeatOptions,
)
from tests.icareus.scene import new_campaign, new_schedule

HELSINKI = timezone(timedelta(hours=2))
EVENING = datetime(2027, 3, 1, 18, 30, tzinfo=HELSINKI)


# campaigns


BANNER: dict[str, Any] = {"name": "S", "cpm_price": 0, "banner_visible_time": 15, "banner_interaction_time": 10}
PROFILE: dict[str, Any] = {"name": "S", "cpm_price": 0, "ad_profile_id": 1}


@pytest.mark.parametrize(
    ("campaign", "type_"),
    [
        (NewCampaign.video_swap(name="S", cpm_price=0, vast_profile_id=1), "videoswap"),
        (NewCampaign.active_ad(**BANNER), "activead"),
        (NewCampaign.switch_in(**BANNER), "switchin"),
        (NewCampaign.in_stream_video(**PROFILE), "instreamvideo"),
        (NewCampaign.in_video_overlay(**PROFILE), "invideooverlay"),
    ],
)
def test_a_campaign_is_what_its_operation_would_send(campaign: NewCampaign, type_: str) -> None:
    campaign.check()
    assert campaign.request.query == {"action": "addUpdateCampaign", "type": type_}
    assert campaign.request.body["name"] == "S"


@pytest.mark.parametrize(
    ("fields", "field", "value"),
    [
        ({"name": ""}, "campaign.name", ""),
        ({"name": "  "}, "campaign.name", "  "),
        ({"name": 7}, "campaign.name", 7),
        ({"cpm_price": -0.01}, "campaign.cpm_price", -0.01),
        ({"channels": [1, 2]}, "campaign.channels", [1, 2]),
        ({"channels": iter([1, 2])}, "campaign.channels", [1, 2]),
        ({"device_type_blacklist": [1], "device_type_whitelist": [2]}, "campaign.device_type_whitelist", [2]),
    ],
)
def test_what_the_document_refuses(fields: dict[str, Any], field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_campaign(**fields).check()
    assert (caught.value.field, caught.value.value) == (field, value)


@pytest.mark.parametrize("fields", [{}, {"channels": [1]}, {"device_type_whitelist": [2]}, {"cpm_price": 0}])
def test_what_it_does_not(fields: dict[str, Any]) -> None:
    new_campaign(**fields).check()


def test_only_a_video_swap_campaign_has_one_channel() -> None:
    NewCampaign.active_ad(**BANNER, channels=[56810, 57067]).check()


def test_ad_form_needs_an_address() -> None:
    for switch_in in (NewCampaign.switch_in, NewCampaign.active_ad):
        with pytest.raises(InvalidInput, match=r"campaign\.ad_tag_url=None"):
            switch_in(**BANNER, ad_platform=AdPlatform.AD_FORM).check()
        with pytest.raises(InvalidInput, match=r"campaign\.ad_tag_url=''"):
            switch_in(**BANNER, ad_platform=2, ad_tag_url="").check()
        switch_in(**BANNER, ad_platform=AdPlatform.AD_FORM, ad_tag_url="https://ads.example.com").check()
        switch_in(**BANNER, ad_platform=AdPlatform.ICAREUS_SUITE).check()


def test_numbers_that_json_does_not_have_are_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="cpm_price=nan"):
        new_campaign(cpm_price=float("nan"))


def test_display_times_are_moments() -> None:
    times = [datetime(2019, 11, 28, 13, tzinfo=UTC), datetime(2019, 11, 28, 19, tzinfo=HELSINKI)]
    campaign = NewCampaign.active_ad(**BANNER, display_times=times, data_source=ActiveAdDataSource.CUSTOM_INPUT)
    assert campaign.request.body["displayTimes"] == "1574946000000,1574960400000"
    with pytest.raises(InvalidInput, match="display_times"):
        NewCampaign.active_ad(**BANNER, display_times=[datetime(2019, 11, 28)])


# schedules


def test_a_schedule_tells_its_own_wall_clock() -> None:
    body = new_schedule(start=EVENING, repeat=None).request(71001).body
    assert body == {
        "name": "Evenings",
        "startDate": "2027-03-01T18:30",
        "timeZone": 2,
        "duration": "04:00",
        "repeatType": RepeatType.NEVER,
    }
    assert new_schedule().request(71001).query == {"action": "addUpdateCampaignSchedule", "campaignId": "71001"}


def test_it_may_be_told_in_another_offset() -> None:
    body = new_schedule(start=EVENING, utc_offset=-5).request(1).body
    assert (body["startDate"], body["timeZone"]) == ("2027-03-01T11:30", -5)


@pytest.mark.parametrize(
    ("repeat", "sent"),
    [
        (DailyRepeatOptions(repeat_days=2), {"dailyRepeatOptions": {"repeatDays": 2}, "repeatType": "daily"}),
        (
            DailyRepeatOptions(repeat=DailyRepeat.WORKDAYS),
            {"dailyRepeatOptions": {"repeatType": 1}, "repeatType": "daily"},
        ),
        (
            WeeklyRepeatOptions(repeat_weeks=1, week_days=[Weekday.SUNDAY, Weekday.SATURDAY]),
            {"weeklyRepeatOptions": {"repeatWeeks": 1, "weekDays": [1, 7]}, "repeatType": "weekly"},
        ),
        (
            MonthlyRepeatOptions(
                repeat=MonthlyRepeat.WEEKDAY, repeat_day_position=DayPosition.LAST, weekday=Weekday.FRIDAY
            ),
            {
                "monthlyRepeatOptions": {"repeatType": 1, "repeatDayPosition": -1, "day": 6},
                "repeatType": "monthly",
            },
        ),
        (
            YearlyRepeatOptions(repeat=YearlyRepeat.DATE, day_of_month=24, month=12, repeat_year=1),
            {
                "yearlyRepeatOptions": {"repeatType": 0, "date": 24, "month": 12, "repeatYear": 1},
                "repeatType": "yearly",
            },
        ),
    ],
)
def test_the_options_say_how_it_repeats(repeat: Any, sent: dict[str, Any]) -> None:
    schedule = new_schedule(repeat=repeat)
    schedule.check()
    body = schedule.request(1).body
    assert {name: value for name, value in body.items() if "epeat" in name} == sent


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "schedule.name"),
        ({"name": None}, "schedule.name"),
        ({"repeat": "daily"}, "schedule.repeat"),
        ({"repeat": RepeatType.DAILY}, "schedule.repeat"),
        ({"repeat": WeeklyRepeatOptions()}, "schedule.repeat.week_days"),
        ({"repeat": WeeklyRepeatOptions(week_days=[])}, "schedule.repeat.week_days"),
        ({"duration": timedelta()}, "schedule.duration"),
        ({"duration": timedelta(hours=24, minutes=1)}, "duration"),
        ({"duration": timedelta(seconds=90)}, "duration"),
        ({"duration": "04:00"}, "duration"),
        ({"start": datetime(2027, 3, 1, 18)}, "start_date"),
        ({"start": EVENING.replace(second=1)}, "start_date"),
        ({"start": EVENING.astimezone(timezone(timedelta(hours=5, minutes=30)))}, "start_date"),
        ({"start": EVENING, "end": date(2027, 2, 28)}, "schedule.end"),
        ({"end": datetime(2030, 1, 1, tzinfo=UTC)}, "end_date"),
        ({"end": "2030-01-01"}, "end_date"),
        ({"utc_offset": 5.5}, "utc_offset"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        new_schedule(**fields).check()
    assert caught.value.field == field


def test_the_first_day_is_that_of_the_offset_in_which_it_is_told() -> None:
    late = datetime(2027, 3, 1, 23, tzinfo=UTC)
    new_schedule(start=late, end=date(2027, 3, 1)).check()
    with pytest.raises(InvalidInput, match="a day not before its start, 2027-03-02"):
        new_schedule(start=late, end=date(2027, 3, 1), utc_offset=2).check()


@pytest.mark.parametrize("duration", [timedelta(minutes=1), timedelta(hours=24)])
def test_a_schedule_may_last_all_day(duration: timedelta) -> None:
    schedule = NewSchedule(name="All day", start=EVENING, duration=duration, end=EVENING.date())
    schedule.check()
    assert schedule.request(1).body["duration"] == ("24:00" if duration.days else "00:01")


# caps


def test_caps_are_sent_by_day() -> None:
    request = caps_request({date(2023, 12, 5): 3000, date(2023, 12, 4): 0}, 11111)
    assert request.body == [{"day": "2023-12-04", "cap": 0}, {"day": "2023-12-05", "cap": 3000}]
    assert request.query == {"action": "addUpdateCampaignDailyCaps", "campaignId": "11111"}


@pytest.mark.parametrize(
    ("caps", "named"),
    [
        ({}, r"daily_caps=\{\}"),
        ({date(2023, 12, 4): -1}, r"daily_caps\[2023-12-04\]=-1"),
        ({date(2023, 12, 4): "2000"}, r"daily_caps\[2023-12-04\]='2000'"),
        ({date(2023, 12, 4): 2000.0}, r"daily_caps\[2023-12-04\]=2000.0"),
        ({date(2023, 12, 4): True}, r"daily_caps\[2023-12-04\]=True"),
        ({"2023-12-04": 2000}, "day='2023-12-04'"),
        ({datetime(2023, 12, 4): 2000}, "day=datetime"),
    ],
)
def test_caps_that_make_no_sense(caps: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        caps_request(caps, 1)
