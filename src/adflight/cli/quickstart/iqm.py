"""IQM's part: an insertion order and a campaign, launched and watched until it runs; also on the real service.

Imports `part` and IQM's client.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

from adflight.cli.quickstart.part import Part
from adflight.cli.quickstart.screen import Screen
from adflight.core.steps import Event
from adflight.iqm import IQM
from adflight.iqm.launch import Launch
from adflight.iqm.plan import NewCampaign, NewInsertionOrder
from adflight_api.iqm.models import CreativeType

if TYPE_CHECKING:
    from adflight.sandbox import Sandbox

UNITED_STATES: Final = 30100001
US_EASTERN: Final = 29
BUDGET: Final = Decimal("1.00")
SOON: Final = timedelta(days=1)
FAR_AHEAD: Final = timedelta(days=180)


class IQMPart(Part):
    """A launch."""

    title = "IQM"
    steps: ClassVar = {
        "insertion_order": "creating the insertion order",
        "campaign": "creating the campaign",
        "read_back": "reading the campaign back",
    }
    objects = ("insertion_order", "campaign")
    names = ("ioName", "campaignName")

    def __init__(self, screen: Screen, *, creative_id: int | None, advertiser_domain: str) -> None:
        super().__init__(screen)
        self._creative_id = creative_id or 676384
        self._advertiser_domain = advertiser_domain

    async def run(self, sandbox: Sandbox) -> None:
        platform = sandbox.iqm
        self.begin("launch a campaign in an insertion order, and watch it come to life")
        async with IQM(
            base_url=platform.url,
            client_id=platform.CLIENT_ID,
            client_secret=platform.CLIENT_SECRET,
            email=platform.EMAIL,
            password=platform.PASSWORD,
            hooks=[self.screen.hook],
            poll_every=1.0,
        ) as iqm:
            launch = await self._launch(iqm, SOON)
            self.screen.begin("waiting until the campaign runs")
            await launch.wait_until("running", timeout=60, on_poll=lambda status: self.screen.say(f"   it is {status}"))
        self.end()

    async def run_live(self, iqm: IQM) -> None:
        """Shows it on the real service, with the smallest budget and a start far ahead."""
        self.begin("launch a campaign in an insertion order")
        launch = await self._launch(iqm, FAR_AHEAD)
        self.screen.say(f"\nCampaign {launch.campaign_id} is {launch.campaign.status}; a person has to approve it.")
        self.end()
        self.screen.say(f"To delete both: {self.remedy()}")

    def remedy(self) -> str:
        """The command that deletes what was made."""
        return f"adflight quickstart --live --clean-up {self.exists['insertion_order']}"

    def after_unknown(self, event: Event) -> str:
        what = event["step"].replace("_", " ")
        return f"looking for the {what} in {event['settled_after']:.0f} s, when it must be settled"

    async def _launch(self, iqm: IQM, ahead: timedelta) -> Launch:
        now = datetime.now(UTC).replace(microsecond=0)
        start = now + ahead
        name = f"adflight quickstart {now:%Y-%m-%d %H:%M:%S}"
        order = NewInsertionOrder(name=name, start=start, end=start + timedelta(days=30), timezone_id=US_EASTERN)
        campaign = NewCampaign(
            name=name,
            start=start,
            end=start + timedelta(days=29),
            timezone_id=US_EASTERN,
            total_budget=BUDGET,
            daily_budget=BUDGET,
            max_bid=BUDGET,
            creative_type=CreativeType.IMAGE,
            creative_ids=[self._creative_id],
            advertiser_domain=self._advertiser_domain,
            country_id=UNITED_STATES,
            agreement_checked=True,
        )
        return await iqm.launch(order, campaign, record=self.record)
