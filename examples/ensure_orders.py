"""Sees to it that each row of a table is an insertion order of FreeWheel's, once, and says what that took.

python examples/ensure_orders.py < orders.csv

The columns are campaign_id, external_id, name, start (ISO 8601, with an offset) and budget. Running it again does no
harm: what is as it should be is left alone. Exits with 1 when a row failed. Credentials come from FREEWHEEL_*.
"""

import asyncio
import csv
import sys
from datetime import datetime
from decimal import Decimal

from adflight import AdflightError, FreeWheel
from adflight.types.freewheel import CurrencyTargetBudget, Ensured, ScheduleSettings


async def main() -> int:
    failed, requests = 0, 0
    async with FreeWheel.from_env() as freewheel:

        async def ensure(row: dict[str, str]) -> Ensured:
            return await freewheel.insertion_orders.ensure(
                campaign_id=int(row["campaign_id"]),
                external_id=row["external_id"],
                name=row["name"],
                schedule=ScheduleSettings(start_time=datetime.fromisoformat(row["start"]), time_zone="UTC"),
                budget=CurrencyTargetBudget(currency=Decimal(row["budget"])),
            )

        async for outcome in freewheel.map(ensure, csv.DictReader(sys.stdin), ordered=True):
            name = outcome.item["external_id"]
            if outcome.ok:
                ensured = outcome.value
                requests += ensured.requests
                print(f"{name}: {ensured.action} {ensured.insertion_order.id} {' '.join(ensured.changed)}".rstrip())
            else:
                failed += 1
                error = outcome.error
                # an unknown outcome brings along what to do about it
                notes = getattr(error, "__notes__", ())
                print(f"{name}: {type(error).__name__}: {error}", *notes, file=sys.stderr)
    print(f"{requests} requests, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except AdflightError as error:
        sys.exit(f"{type(error).__name__}: {error}")
