"""Launches a Video Swap campaign on Icareus: campaign, schedule and daily caps, each sent at most once.

python examples/launch_icareus.py launch.jsonl "Spring sale" 479862 2027-03-01T18:00+02:00

The arguments are a file for the record, a name, a VAST profile and the start. After a crash, run it again with the
same: what is done is not done again. What may have been done is for a person to look up, and it says so.
Credentials come from the ICAREUS_* variables.
"""

import argparse
import asyncio
import json
import os
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from adflight import AdflightError, Icareus
from adflight.types.icareus import DailyRepeatOptions, Event, NewCampaign, NewSchedule


def read(path: Path) -> list[Event]:
    events = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(ValueError):  # cut short by the crash: not sent yet, or sent and not known
            events.append(json.loads(line))
    return events


async def main(path: Path, name: str, vast_profile_id: int, start: datetime) -> None:
    campaign = NewCampaign.video_swap(name=name, cpm_price=0, vast_profile_id=vast_profile_id)
    schedule = NewSchedule(name=name, start=start, duration=timedelta(hours=4), repeat=DailyRepeatOptions())
    caps = {start.date() + timedelta(days=day): 2000 for day in range(7)}
    events = read(path)
    with path.open("a") as file:
        file.write("\n")  # ends a line that was cut short

        def record(event: Event) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())  # before the request leaves: a record that may be lost is none

        async with Icareus.from_env() as icareus:
            launch = await icareus.launch(campaign, schedule, caps, record=record, resume=events)
    print(f"campaign {launch.campaign_id}, schedule {launch.schedule_id}, caps for {len(launch.daily_caps)} days")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path)
    parser.add_argument("name")
    parser.add_argument("vast_profile_id", type=int)
    parser.add_argument("start", type=datetime.fromisoformat)
    given = parser.parse_args()
    try:
        asyncio.run(main(given.record, given.name, given.vast_profile_id, given.start))
    except AdflightError as error:
        sys.exit("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]))
