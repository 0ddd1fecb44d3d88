from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, assert_type
from urllib.parse import parse_qs, urlsplit

import pytest

from adflight import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    Icareus,
    Options,
    PermissionDenied,
    Quota,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.types.icareus import (
    ActiveCampaign,
    ActiveCampaigns,
    CampaignCreated,
    CampaignType,
    ContentType,
    Targeting,
    TargetingParam,
    Weekday,
    WeeklyRepeatOptions,
)
from tests.core.scripted import answer
from tests.icareus.scene import (
    START,
    TOKEN,
    Scene,
    done,
    new_campaign,
    new_schedule,
    scripted,
)

VARIABLES = ("ICAREUS_BASE_URL", "ICAREUS_ORGANIZATION_ID", "ICAREUS_TOKEN", "ICAREUS_USER_ID")
CREDENTIALS: Final[dict[str, Any]] = {
    "base_url": "https://suite.example.com",
    "organization_id": 1,
    "token": TOKEN,
    "user_id": 2,
}


# settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_all_missing_variables_are_named_at_once(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Icareus.from_env()
    assert str(caught.value) == f"environment variables are not set: {', '.join(VARIABLES)}"


async def test_a_client_comes_from_the_environment(scene: Scene, environment: pytest.MonkeyPatch) -> None:
    for name, value in scene.platform.vendor.environment.items():
        environment.setenv(name, str(value))
    environment.setenv("ICAREUS_BASE_URL", scene.platform.url)
    async with Icareus.from_env(transport=scene.wire) as icareus:
        assert repr(icareus) == f"<Icareus {scene.platform.url}>"
        await icareus.campaigns.create_in_stream_video(name="Spring", cpm_price=0, ad_profile_id=1)


def test_settings_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ICAREUS_BASE_URL", "https://staging.example.com")
    environment.setenv("ICAREUS_USER_ID", "ada")
    icareus = Icareus.from_env(**CREDENTIALS, options=Options(timeout=3))
    assert (icareus.base_url, icareus.options.timeout) == ("https://suite.example.com", 3)
    without: Any = {name: value for name, value in CREDENTIALS.items() if name != "user_id"}
    with pytest.raises(ConfigurationError, match="ICAREUS_USER_ID: expected a whole number") as caught:
        Icareus.from_env(**without)
    assert TOKEN not in str(caught.value)


def test_empty_credentials_are_named_and_others_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Icareus(**{**CREDENTIALS, "base_url": "", "user_id": 0})
    assert str(caught.value) == "missing: base_url, user_id"
    with pytest.raises(ConfigurationError, match="base_url: expected http"):
        Icareus(**{**CREDENTIALS, "base_url": "suite.example.com"})


def test_there_is_no_quota_unless_it_is_given() -> None:
    assert Icareus(**CREDENTIALS).options == Options()


async def test_a_quota_is_kept_to(scene: Scene) -> None:
    icareus = await scene.client(quota=Quota(2, 60.0))
    for _ in range(5):
        await icareus.campaigns.list_active()
    assert max(scene.platform.counts.busiest.values()) <= 2


# what the wire gets


def sent_query(scene: Scene) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(scene.wire.sent[-1].url).query).items()}


async def test_writes_carry_all_credentials_and_reads_only_the_organization(scene: Scene, icareus: Icareus) -> None:
    platform = scene.platform
    await icareus.campaigns.create_in_stream_video(name="Spring", cpm_price=0, ad_profile_id=1)
    assert sent_query(scene) == {
        "action": "addUpdateCampaign",
        "type": "instreamvideo",
        "organizationId": str(platform.ORGANIZATION_ID),
        "token": platform.TOKEN,
        "userId": str(platform.USER_ID),
    }
    await icareus.campaigns.list_active(content_type=ContentType.LIVE)
    assert sent_query(scene) == {
        "action": "getActiveCampaigns",
        "contentType": "2",
        "organizationId": str(platform.ORGANIZATION_ID),
    }


async def test_a_region_stays_a_text(scene: Scene, icareus: Icareus) -> None:
    targeting = Targeting(params=[TargetingParam(value="004")])
    made = await icareus.campaigns.create_video_swap(name="S", cpm_price=0, vast_profile_id=1, targeting=targeting)
    assert b'{"params":[{"name":"regionId","value":"004"}]}' in (scene.wire.sent[-1].content or b"")
    data: Any = made.data
    assert data["targeting"] == {"params": [{"name": "regionId", "value": "004"}]}
    assert Targeting.from_dict(data["targeting"]) == targeting


async def test_times_are_python_s(scene: Scene, icareus: Icareus) -> None:
    made = await icareus.campaigns.create_in_stream_video(name="Spring", cpm_price=0, ad_profile_id=1)
    evening = datetime(2027, 3, 1, 18, 30, tzinfo=timezone(timedelta(hours=-3)))
    schedule = await icareus.schedules.create(
        campaign_id=made.campaign_id,
        name="All day",
        start_date=evening,
        duration=timedelta(hours=24),
        end_date=date(2027, 12, 24),
        repeat_type="weekly",
        weekly_repeat_options=WeeklyRepeatOptions(week_days=[Weekday.SUNDAY]),
    )
    data: Any = schedule.data
    assert (data["startDate"], data["timeZone"]) == ("2027-03-01T18:30", -3)
    assert (data["duration"], data["endDate"]) == ("24:00", "2027-12-24")
    assert data["weeklyRepeatOptions"] == {"weekDays": [1]}

    moved = await icareus.schedules.update(
        campaign_id=made.campaign_id, schedule_id=schedule.schedule_id, start_date=evening, utc_offset=2
    )
    changed: Any = moved.data
    assert (changed["startDate"], changed["timeZone"], changed["name"]) == ("2027-03-01T23:30", 2, "All day")


async def test_ids_are_numbers_however_the_service_writes_them() -> None:
    icareus, _ = scripted(done(campaignId="71001"), done(id=81001), done(scheduleId="81002", campaignId="71001"))
    made = await icareus.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
    assert_type(made, CampaignCreated)
    assert made.campaign_id == 71001
    when: Any = {"campaign_id": 71001, "name": "S", "start_date": START, "duration": timedelta(hours=1)}
    assert (await icareus.schedules.create(**when)).schedule_id == 81001
    other = await icareus.schedules.create(**when)
    assert (other.schedule_id, other.campaign_id) == (81002, 71001)


async def test_what_never_changes_is_no_argument_of_an_update(icareus: Icareus) -> None:
    # mypy holds the comments to be needed
    with pytest.raises(TypeError, match="ad_platform"):
        await icareus.campaigns.update_active_ad(campaign_id=1, ad_platform=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="data_source"):
        await icareus.campaigns.update_active_ad(campaign_id=1, data_source=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="data_source"):
        await icareus.campaigns.update_video_swap(campaign_id=1, data_source=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="ad_platform"):
        await icareus.campaigns.update_switch_in(campaign_id=1, ad_platform=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="data_source"):
        await icareus.campaigns.update_switch_in(campaign_id=1, data_source=2)  # type: ignore[call-arg]


def test_a_number_is_no_weekday() -> None:
    # nor is a day of Python's own, in which Monday is 0 or 1
    options = WeeklyRepeatOptions(week_days=[datetime(2027, 3, 1).weekday()])  # type: ignore[list-item]
    assert options
    assert [day.value for day in Weekday] == [1, 2, 3, 4, 5, 6, 7]
    assert (Weekday.SUNDAY, Weekday.SATURDAY) == (1, 7)


# active campaigns


async def active(icareus: Icareus) -> dict[CampaignType, int]:
    """A campaign of each of two types that is active now, and one that is not."""
    swap = await icareus.launch(new_campaign(name="Swap"), new_schedule())
    made = await icareus.campaigns.create_switch_in(
        name="Switch", cpm_price=0, banner_visible_time=15, banner_interaction_time=10, channels=[56810]
    )
    await icareus.launch(made.campaign_id, new_schedule())
    await icareus.campaigns.create_in_stream_video(name="Unscheduled", cpm_price=0, ad_profile_id=1)
    return {CampaignType.VIDEO_SWAP: swap.campaign_id, CampaignType.SWITCH_IN: made.campaign_id}


async def test_active_campaigns_are_rows(icareus: Icareus) -> None:
    ids = await active(icareus)
    rows = [row async for row in icareus.campaigns.list_active()]
    assert {row.type_: row.campaign_id for row in rows} == ids
    (switch,) = [row for row in rows if row.type_ is CampaignType.SWITCH_IN]
    assert_type(switch, ActiveCampaign)
    assert (switch.campaign_name, switch.content_type) == ("Switch", ContentType.VOD_AND_LIVE)
    assert switch.end_time == START + timedelta(hours=4)
    assert [channel.id for channel in switch.channels or ()] == [56810]


@pytest.mark.parametrize(
    "types",
    [
        CampaignType.SWITCH_IN,
        [CampaignType.SWITCH_IN],
        (kind for kind in (CampaignType.SWITCH_IN, CampaignType.BANNER)),
        "switchIn",
        "switchin",
        ["SWITCHIN", "inStreamVideo"],
        "switchIn,inStreamVideo",
    ],
)
async def test_types_are_members_or_texts_in_either_spelling(icareus: Icareus, types: Any) -> None:
    ids = await active(icareus)
    rows = [row.campaign_id async for row in icareus.campaigns.list_active(types=types)]
    assert rows == [ids[CampaignType.SWITCH_IN]]


async def test_pages_and_answers_of_a_list(scene: Scene, icareus: Icareus) -> None:
    ids = await active(icareus)
    pager = icareus.campaigns.list_active()
    first = await pager
    assert_type(first, ActiveCampaigns)
    (page,) = [page async for page in pager.pages(strict=True, prefetch=2)]
    assert [row.campaign_id for row in page.rows] == [row.campaign_id for row in first.campaigns] == list(ids.values())
    assert (page.number, page.total) == (1, None)
    assert scene.platform.TOKEN not in f"{pager!r} {page!r} {first!r}"
    raw: Any = await icareus.with_raw_response.campaigns.list_active()
    assert raw.parsed == first


@pytest.mark.parametrize("payload", [{"campaigns": []}, {"status": "ok", "campaigns": []}])
async def test_a_list_of_none(payload: Any) -> None:
    icareus, _ = scripted(answer(200, payload))
    assert [row async for row in icareus.campaigns.list_active()] == []


async def test_a_list_that_is_refused_is_no_empty_one() -> None:
    icareus, _ = scripted(answer(200, {"status": "error", "message": "Invalid Organization Id."}))
    with pytest.raises(ValidationFailed, match=r"Invalid Organization Id\."):
        [row async for row in icareus.campaigns.list_active()]


async def test_an_entry_of_an_unknown_shape_is_kept() -> None:
    row = {"campaignId": 1, "campaignName": "S", "type": "hologram", "endTime": "soon", "depth": 3}
    icareus, _ = scripted(answer(200, {"campaigns": [row]}))
    (found,) = [row async for row in icareus.campaigns.list_active()]
    assert (found.type_, found.end_time, found.additional_properties) == ("hologram", "soon", {"depth": 3})
    assert found.to_dict() == row


# refusals, wherever they stand


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, "error", ValidationFailed),
        (400, "error", ValidationFailed),
        (401, "error", AuthenticationError),
        (403, "error", PermissionDenied),
        (500, "error", UnknownOutcome),
        (503, "error", UnknownOutcome),
        (401, "ok", UnknownOutcome),
        (403, "ok", UnknownOutcome),
        (429, "ok", UnknownOutcome),
        (302, "ok", UnknownOutcome),
        (200, "done", UnknownOutcome),
    ],
)
async def test_the_body_says_whether_it_was_carried_out(status: int, said: str, kind: type[AdflightError]) -> None:
    icareus, transport = scripted(answer(status, {"status": said, "campaignId": 7, "message": "Because."}))
    with pytest.raises(kind, match=r"Because|302|the body says|no status ok or error") as caught:
        await icareus.call(new_campaign().request, lambda value: value)
    assert type(caught.value) is kind
    assert len(transport.sent) == 1


@pytest.mark.parametrize("status", [200, 201, 400, 404, 500])
async def test_what_was_acknowledged_was_carried_out(status: int) -> None:
    icareus, transport = scripted(answer(status, {"status": "ok", "campaignId": 7}))
    made = await icareus.campaigns.create_in_video_overlay(name="S", cpm_price=0, ad_profile_id=1)
    assert (made.campaign_id, len(transport.sent)) == (7, 1)


async def test_wrong_credentials_are_named(scene: Scene) -> None:
    for settings, kind, text in (
        ({"token": "wrong-T0k3n"}, AuthenticationError, "Invalid token"),
        ({"user_id": 1}, PermissionDenied, "Invalid User Id"),
        ({"organization_id": 1}, AuthenticationError, "Invalid organization"),
    ):
        icareus = await scene.client(**settings)
        with pytest.raises(kind, match=text):
            await icareus.launch(new_campaign(), new_schedule())
    # a key that never changes is not tried again
    assert len(scene.wire.sent) == 3


async def test_updates_are_of_the_campaigns_own_type(icareus: Icareus) -> None:
    made = await icareus.campaigns.create_in_stream_video(name="S", cpm_price=0, ad_profile_id=1)
    with pytest.raises(ValidationFailed, match="not of the type invideooverlay"):
        await icareus.campaigns.update_in_video_overlay(campaign_id=made.campaign_id, name="T")


# operations that the specification does not know


async def test_any_action_may_be_called(scene: Scene, icareus: Icareus) -> None:
    body = {"name": "Spring", "adProfileId": 1, "cpmPrice": 0}
    query = {"action": "addUpdateCampaign", "type": "instreamvideo"}
    made = await icareus.request("POST", "/api/campaign", query=query, json=body)
    assert (made["status"], made["campaignId"]) == ("ok", 71001)
    assert sent_query(scene) == {
        **query,
        "organizationId": str(scene.platform.ORGANIZATION_ID),
        "token": scene.platform.TOKEN,
        "userId": str(scene.platform.USER_ID),
    }
    found = await icareus.request("GET", "/api/campaign/v5", query={"action": "getActiveCampaigns"}, repeatable=True)
    assert found == {"campaigns": []}


async def test_its_refusals_are_errors_and_show_no_credentials(scene: Scene, icareus: Icareus) -> None:
    query: dict[str, Any] = {"action": "addUpdateCampaign", "type": "instreamvideo", "campaignId": 9}
    with pytest.raises(ValidationFailed, match=r"There is no campaign 9\.") as caught:
        await icareus.request("POST", "/api/campaign", query=query, json={"name": "Spring"})
    assert caught.value.status == 200
    assert "token=***" in caught.value.request.url
    assert scene.platform.TOKEN not in f"{caught.value} {caught.value.request!r} {caught.value.response!r}"
