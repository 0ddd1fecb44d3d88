"""An account for the commands: a target on a vendor that is a few dictionaries, and carries out what is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define

from adflight.core.options import Watch
from adflight.core.quota import Limiter, Quota
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Done, Refused
from adflight.flights.platform import Told, Write
from tests.clock import FakeClock
from tests.flights.fake_platform import FakePlatform

HEADING = "key,io_name,io_start_time,io_end_time,io_timezone_id,campaign_name,is_agreement_checked,country_id,"
HEADING += "advertiser_domain,creative_type,creative_ids,max_bid,budget_total,start_time,timezone\n"


def row(key: str, budget: str = "1000", order: str = "Spring") -> str:
    """A line of a file, with all that a new flight needs."""
    time = "2027-03-01T09:00-05:00"
    order_fields = f"{order},{time},2027-04-01T00:00-04:00,29"
    return f"{key},{order_fields},Flight {key},1,30100001,https://b.example.com,11,676384,2.50,{budget},{time},29\n"


class Account(FakePlatform):
    """Carries out what is sent; `before` is told each write first, and may raise."""

    def __init__(self) -> None:
        super().__init__(quota=Quota(19, 60.0))
        self.clock = FakeClock(auto=True)
        self.limiter = Limiter(Quota(19, 60.0), clock=self.clock)
        self.writes_sent: list[str] = []
        self.refuses: dict[str, str] = {}
        self.before: Callable[[Write], Any] = lambda write: None

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told:
        with await self.limiter.acquire():
            await watch.sending(lambda: RedactedRequest("POST", f"{self.base_url}/x", {}, {}))
            self.writes_sent.append(write.operation)
            await self._before(write)
            watch.answered("answered", 200, self.clock.time(), 0.1)
            self.tell(write.operation, is_watched=True)
        (target,) = write.targets
        if target.key in self.refuses:
            return {target.key: Refused(self.refuses[target.key])}
        if write.creates:
            return {target.key: Done(self.add(write.kind, write.named, parent, **write.values))}
        self.set(self.live[write.kind][ids[0]], write.values)
        return {target.key: Done()}

    async def _before(self, write: Write) -> None:
        told = self.before(write)
        if told is not None:
            await told


@define
class FakeTarget:
    """What the commands take of a target."""

    account: Account
    directory: Path
    profile: str | None = "prod"
    vendor: str | None = "iqm"
    words: str = "profile prod (iqm, ada@example.com)"
    currency: str = "USD"
    flags: str = "--profile prod"

    @asynccontextmanager
    async def open(self, vendor: str | None = None, *, offline: bool = False) -> AsyncIterator[Any]:
        yield self.account
