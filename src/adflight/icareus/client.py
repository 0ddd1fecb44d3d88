"""The Icareus client: generated operations with the organization's credentials, and a launch.

Imports core and the rest of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Final, Self, Unpack

from adflight.core.client import Client, Connection, check_credentials, from_environment
from adflight.core.credentials import Grant, StaticCredentials
from adflight.core.quota import Quota
from adflight_api.icareus.client import Operations, OperationsWithRawResponse

if TYPE_CHECKING:
    from adflight.core.steps import Event, Record
    from adflight.icareus.launch import Launch
    from adflight.icareus.plan import NewCampaign, NewSchedule

ENVIRONMENT: Final = {
    "base_url": "ICAREUS_BASE_URL",
    "organization_id": "ICAREUS_ORGANIZATION_ID",
    "token": "ICAREUS_TOKEN",
    "user_id": "ICAREUS_USER_ID",
}


class Settings(Connection, total=False):
    """What `Icareus` takes; see there."""

    base_url: str
    organization_id: int
    token: str
    user_id: int
    quota: Quota | None


class Icareus(Client[OperationsWithRawResponse], Operations):
    """The Icareus Suite's campaign API.

        async with Icareus.from_env() as icareus:
            async for campaign in icareus.campaigns.list_active():
                print(campaign.campaign_name)

    Operations stand under their tags: `icareus.campaigns`, `icareus.schedules` and `icareus.daily_caps`. One client
    serves any number of tasks; it belongs to the event loop in which it is first used, until that loop closes.
    """

    def __init__(
        self,
        *,
        base_url: str,
        organization_id: int,
        token: str,
        user_id: int,
        quota: Quota | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            base_url: The service; the vendor's document names no host but a release candidate's, so there is no
                default.
            organization_id: The organization's id in the Icareus Suite.
            token: The organization's secret key. The vendor wants it in the query of every write; it is shown nowhere.
            user_id: An affiliate administrator or account administrator.
            quota: None is documented, so none is kept to unless given. Shared by all clients on this machine with the
                same organization (see `Quota.shared`).
            connection: Options, transport, hooks and what else `Connection` lists.

        Raises:
            ConfigurationError: A credential is empty or the base URL is none.
        """
        check_credentials(base_url=base_url, organization_id=organization_id, token=token, user_id=user_id)
        credentials = StaticCredentials(
            {
                "organizationId": Grant({}, query={"organizationId": str(organization_id)}),
                "organizationToken": Grant({}, query={"token": token}),
                "userId": Grant({}, query={"userId": str(user_id)}),
            }
        )
        super().__init__(
            base_url,
            credentials,
            str(organization_id),
            raw_operations=OperationsWithRawResponse,
            quota=quota,
            default_security=("organizationId", "organizationToken", "userId"),
            acknowledged=True,
            **connection,
        )

    @classmethod
    def from_env(cls, **settings: Unpack[Settings]) -> Self:
        """A client with credentials from the environment.

        Reads ICAREUS_BASE_URL, ICAREUS_ORGANIZATION_ID, ICAREUS_TOKEN and ICAREUS_USER_ID. `settings` are those of the
        constructor, and win.

        Raises:
            ConfigurationError: Names all variables that are missing, or one whose value is of the wrong kind.
        """
        return cls(**from_environment(settings, ENVIRONMENT, {}, numbers=["organization_id", "user_id"]))

    async def launch(
        self,
        campaign: NewCampaign | int,
        schedule: NewSchedule | int,
        daily_caps: Mapping[date, int] | None = None,
        *,
        record: Record | None = None,
        resume: Iterable[Event] = (),
    ) -> Launch:
        """Creates a campaign, attaches a schedule and sets daily caps, each sent at most once.

            await icareus.launch(
                NewCampaign.video_swap(name="Spring", cpm_price=0, vast_profile_id=479862),
                NewSchedule(name="Evenings", start=start, duration=timedelta(hours=4), repeat=DailyRepeatOptions()),
                {date(2027, 3, 1): 2000},
            )

        What exists already is given by its id in its place. Nothing can be looked up on Icareus, so a step whose answer
        is lost is never sent again: a person has to look.

        Args:
            daily_caps: Caps by day; None sets none.
            record: Told each step before and after it happens, as a JSON-able mapping without secrets. When it raises,
                nothing more is sent.
            resume: What `record` was told by an earlier launch of the same objects, which ended in its middle. What is
                done is not done again; what was sent without an answer raises `UnknownOutcome`.

        Raises:
            InvalidInput: The document plainly says that it would be refused, or `resume` belongs to another launch.
            UnknownOutcome: It is not known whether the campaign was created.
            LaunchFailed: The campaign exists, and the schedule or the caps failed; carries the ids, and the cause.
            APIError, TransportError: Nothing was created.
        """
        from adflight.icareus.launch import Launcher

        return await Launcher(self, record=record, resume=resume).run(campaign, schedule, daily_caps)
