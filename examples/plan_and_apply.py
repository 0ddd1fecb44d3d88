"""Makes a file of flights so, each once: run it again, and it goes on where it was, or changes nothing.

python examples/plan_and_apply.py flights.csv 5000

The second argument is the most that it may commit, in the account's currency. adflight flights template flights.csv
writes a file to start from.
"""

import argparse
import asyncio
import sys
from decimal import Decimal, InvalidOperation

from adflight import IQM, AdflightError, plan
from adflight.flights.events import Ended, RowDone, RowFailed


async def main(file: str, most: Decimal) -> int:
    async with IQM.from_env() as iqm:
        with await plan(file, iqm) as planned:
            totals = planned.totals
            print(f"commits {totals.committed} in {sum(totals.writes.values())} requests, {totals.seconds:.0f} s")
            async for event in planned.apply(max_budget=most):
                match event:
                    case RowDone(how="created" | "changed" | "adopted"):
                        print(f"{event.how} {event.kind} {event.key}: {event.id}")
                    case RowFailed():
                        print(f"row {event.row}, {event.key}: {event.outcome}: {event.error}", file=sys.stderr)
                    case Ended():
                        print(f"{event.how}: {event.done} as the file says, {event.failed} not. {event.reason}".strip())
                        return 0 if event.how == "complete" else 1
    return 1


def amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"expected an amount such as 5000, not {text!r}") from None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("most", type=amount)
    given = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(given.file, given.most)))
    except AdflightError as error:
        sys.exit(f"{type(error).__name__}: {error}")
