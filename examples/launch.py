"""Creates an insertion order and a campaign, and waits until the campaign runs.

python examples/launch.py "Spring sale" 676384

The arguments are a name and the id of an approved creative. Credentials come from the IQM_* variables.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adflight import IQM, AdflightError
from adflight.types.iqm import CreativeType, NewCampaign, NewInsertionOrder

US_EASTERN = 29  # ids are the vendor's; iqm.master.list_timezones() has them all
UNITED_STATES = 30100001


async def main(name: str, creative_id: int) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    order = NewInsertionOrder(name=name, start=start, end=start + timedelta(days=30), timezone_id=US_EASTERN)
    campaign = NewCampaign(
        name=name,
        start=start,
        end=start + timedelta(days=30),
        timezone_id=US_EASTERN,
        total_budget=Decimal("1000"),
        daily_budget=Decimal("50"),
        max_bid=Decimal("2.50"),
        creative_type=CreativeType.IMAGE,
        creative_ids=[creative_id],
        advertiser_domain="https://brand.example.com",
        country_id=UNITED_STATES,
        agreement_checked=True,  # you accept the vendor's terms; adflight never does it for you
    )
    async with IQM.from_env() as iqm:
        launch = await iqm.launch(order, campaign)
        print(f"insertion order {launch.insertion_order_id}, campaign {launch.campaign_id}")
        # on the live service a person approves campaigns, which takes hours: poll for what you have time for
        await launch.wait_until("running", timeout=600, on_poll=lambda status: print(f"it is {status}"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("creative_id", type=int)
    given = parser.parse_args()
    try:
        asyncio.run(main(given.name, given.creative_id))
    except AdflightError as error:
        # every message says what happened and what exists; a traceback would only hide it
        sys.exit(f"{type(error).__name__}: {error}")
