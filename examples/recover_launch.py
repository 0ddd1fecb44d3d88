"""Launches a campaign so that a crash at any moment buys nothing twice: run it again, and it goes on.

python examples/recover_launch.py launch.jsonl 2027-03-01

The record belongs to one launch; the start is an argument because a launch that goes on must send the same.
"""

import argparse
import asyncio
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from adflight import IQM, AdflightError
from adflight.types.iqm import CreativeType, Event, NewCampaign, NewInsertionOrder


def read(path: Path) -> list[Event]:
    events = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(ValueError):  # cut short by the crash: not sent yet, or done and found again by its look-up
            events.append(json.loads(line))
    return events


async def main(path: Path, start: datetime) -> None:
    order = NewInsertionOrder(name="Recovered", start=start, timezone_id=29)
    campaign = NewCampaign(
        name="Recovered",
        start=start,
        timezone_id=29,
        total_budget=1000,
        daily_budget=50,
        max_bid=2.5,
        creative_type=CreativeType.IMAGE,
        creative_ids=[676384],
        advertiser_domain="https://brand.example.com",
        country_id=30100001,
        agreement_checked=True,
    )
    events = read(path)
    with path.open("a") as file:
        file.write("\n")  # ends a line that was cut short

        def record(event: Event) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())  # before the request leaves: a record that may be lost is none
            print(event["step"], event["event"], event.get("id", ""), flush=True)

        async with IQM.from_env() as iqm:
            launch = await iqm.launch(order, campaign, record=record, resume=events)
    print(f"insertion order {launch.insertion_order_id}, campaign {launch.campaign_id}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path)
    parser.add_argument("start", type=datetime.fromisoformat)
    given = parser.parse_args()
    try:
        asyncio.run(main(given.record, given.start.replace(tzinfo=UTC)))
    except AdflightError as error:
        sys.exit(f"{type(error).__name__}: {error}")
