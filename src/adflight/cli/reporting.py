"""`adflight report`: whose journal it is about. Imports the target and `report`; used by `app`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

from adflight.cli import interrupts
from adflight.cli.plan import stopping
from adflight.cli.report import Account, Format, run_report
from adflight.flights.declarations import Declarations
from adflight.flights.platforms import platform_for

if TYPE_CHECKING:
    from adflight.cli.target import Target


@define(kw_only=True)
class ReportCommand:
    """One `adflight report`."""

    target: Target
    declarations: Declarations
    vendor: str | None = None
    number: int | None = None
    format: Format = "table"
    output: Path | None = None
    failed: Path | None = None
    source: Path | None = None

    def run(self) -> None:
        """Writes the report."""
        with stopping(self.target):
            interrupts.run(self._run())

    async def _run(self) -> None:
        async with self.target.open(self.vendor, offline=True) as client:
            platform = platform_for(client)
            account = Account(
                base_url=platform.base_url,
                account=platform.account,
                scope=await platform.scope(),
                vendor=platform.columns.vendor,
                quota=platform.limiter.quota,
                currency=self.target.currency,
                directory=self.target.directory,
            )
            await run_report(
                account,
                run=self.number,
                format=self.format,
                output=self.output,
                failed=self.failed,
                source=self.source,
                declarations=self.declarations,
            )
