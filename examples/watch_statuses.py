"""Waits until campaigns run, and prints each change of their statuses.

python examples/watch_statuses.py 537001 537002 --minutes 30

Exits with 1 when a campaign was rejected, or did not run in time.
"""

import argparse
import asyncio
import sys
from datetime import datetime

from adflight import IQM, AdflightError, CampaignNotRunning, WaitTimeout


async def watch(iqm: IQM, campaign_id: int, seconds: float) -> bool:
    last = ""

    def show(status: str) -> None:
        nonlocal last
        if status != last:
            last = status
            print(f"{datetime.now():%H:%M:%S}  {campaign_id}  {status}", flush=True)

    try:
        await iqm.wait_until(campaign_id, "running", timeout=seconds, on_poll=show)
    except (CampaignNotRunning, WaitTimeout) as error:
        print(error, file=sys.stderr)
        return False
    return True


async def main(campaign_ids: list[int], minutes: float) -> int:
    async with IQM.from_env() as iqm:
        # one task a campaign, yet one request a poll: all that wait share it, a thousand campaigns at a time
        running = await asyncio.gather(*(watch(iqm, campaign_id, 60 * minutes) for campaign_id in campaign_ids))
    return 0 if all(running) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign_ids", type=int, nargs="+")
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(arguments.campaign_ids, arguments.minutes)))
    except AdflightError as error:
        sys.exit(f"{type(error).__name__}: {error}")
