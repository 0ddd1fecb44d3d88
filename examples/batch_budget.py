"""Sets the daily budget of many campaigns, and says which were refused and why.

python examples/batch_budget.py 75.00 < campaign_ids.txt

Reads ids from standard input, one a line. Exits with 1 when a campaign kept its old budget.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice

from adflight import IQM, AdflightError, PartialFailure
from adflight.types.iqm import BudgetUpdate

IDS_A_REQUEST = 50  # the quota counts requests, not campaigns


def batches(ids: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(ids, IDS_A_REQUEST)):
        yield batch


async def main(budget: Decimal) -> int:
    changed, failed = 0, 0
    async with IQM.from_env() as iqm:

        async def update(ids: list[int]) -> BudgetUpdate:
            return await iqm.campaigns.update_budget(campaign_ids=ids, daily_budget=budget)

        # reads the file as it goes, so it may be of any length
        async for outcome in iqm.map(update, batches(int(line) for line in sys.stdin if line.strip())):
            if outcome.ok:
                changed += len(outcome.item)
            elif isinstance(outcome.error, PartialFailure):
                changed += len(outcome.error.modified)
                failed += len(outcome.error.failed)
                for row in outcome.error.failed:
                    print(f"{row.id}: {row.error_message}", file=sys.stderr)
            else:
                # setting a value is repeated by adflight while that may help, so this is final
                failed += len(outcome.item)
                print(f"{', '.join(map(str, outcome.item))}: {outcome.error}", file=sys.stderr)
    print(f"{changed} changed, {failed} failed")
    return 1 if failed else 0


def amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"expected an amount such as 75.00, not {text!r}") from None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("budget", type=amount)
    given = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(given.budget)))
    except AdflightError as error:
        sys.exit(f"{type(error).__name__}: {error}")
