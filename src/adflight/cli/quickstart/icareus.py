"""Icareus' part: a campaign with a schedule and daily caps, launched so that it is active at once.

Imports `part` and Icareus' client.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from adflight.cli.quickstart.part import Part
from adflight.icareus import Icareus
from adflight.icareus.plan import NewCampaign, NewSchedule
from adflight_api.icareus.models import CampaignType, DailyRepeatOptions

if TYPE_CHECKING:
    from adflight.sandbox import Sandbox


class IcareusPart(Part):
    """A launch."""

    title = "Icareus"
    steps: ClassVar = {
        "campaign": "creating the campaign",
        "schedule": "attaching a schedule that covers this moment",
        "daily_caps": "setting daily caps",
    }
    outcomes: ClassVar = {"daily_caps": "daily caps set"}
    objects = ("campaign", "schedule")

    async def run(self, sandbox: Sandbox) -> None:
        platform = sandbox.icareus
        self.begin("launch a Video Swap campaign with a schedule and daily caps, and find it among the active ones")
        start = datetime.now(UTC).replace(second=0, microsecond=0)
        today = start.date()
        async with Icareus(
            base_url=platform.url,
            organization_id=platform.ORGANIZATION_ID,
            token=platform.TOKEN,
            user_id=platform.USER_ID,
            hooks=[self.screen.hook],
        ) as icareus:
            await icareus.launch(
                NewCampaign.video_swap(name="Spring", cpm_price=0, vast_profile_id=479862),
                NewSchedule(
                    name="Every day",
                    start=start,
                    duration=timedelta(hours=4),
                    repeat=DailyRepeatOptions(),
                    end=today + timedelta(days=30),
                ),
                {today + timedelta(days=n): 2000 for n in range(3)},
                record=self.record,
            )
            self.screen.begin("listing the Video Swap campaigns that are active")
            async for campaign in icareus.campaigns.list_active(types=[CampaignType.VIDEO_SWAP]):
                self.screen.good(f"{campaign.campaign_id}  {campaign.campaign_name}, until {campaign.end_time}")
        self.end()
