"""Has the service write a report on a campaign's creatives, and fetches it to a CSV file.

python examples/report_to_csv.py 537001 creatives.csv
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta

from adflight import IQM, AdflightError
from adflight.types.iqm import Dimension, ReportColumn, ReportDownload, ReportFileType

# heading of the column, and field of a report's rows that fills it
COLUMNS = {"Creative": "name", "Impressions": "impressions", "Clicks": "clicks", "Spent": "spent"}


async def main(campaign_id: int, path: str) -> None:
    end = datetime.now(UTC)
    async with IQM.from_env() as iqm:
        report = await iqm.bid_models.download_report(
            campaign_id,
            Dimension.CREATIVE,
            download=ReportDownload(
                file_type=ReportFileType.CSV,
                columns=[ReportColumn(label=label, value=field) for label, field in COLUMNS.items()],
            ),
            start_date=end - timedelta(days=7),
            end_date=end,
            timezone_id=29,
        )
        # the file is on another host: save_report keeps our credentials from it, and writes all of it or nothing
        print(await iqm.save_report(report.url, path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign_id", type=int)
    parser.add_argument("file")
    given = parser.parse_args()
    try:
        asyncio.run(main(given.campaign_id, given.file))
    except (AdflightError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
