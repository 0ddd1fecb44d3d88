"""IQM's platform on the sandbox: what exists there, items of a plan, and sending them as an apply would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from adflight import IQM
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Done
from adflight.flights.iqm import IQMPlatform
from adflight.flights.items import Change, Item, Verdict
from adflight.flights.live import Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER, Told, Write
from adflight.sandbox import Sandbox
from tests.clock import FakeClock

START: Final = datetime.fromtimestamp(FakeClock.EPOCH, UTC) + timedelta(days=1)
WEEK: Final = timedelta(days=7)

ORDER_ROW: Final[Mapping[str, Any]] = {
    "io_name": "Spring",
    "io_start_time": START,
    "io_end_time": START + 4 * WEEK,
    "io_timezone_id": 29,
}
CAMPAIGN_ROW: Final[Mapping[str, Any]] = {
    "campaign_name": "Banners",
    "start_time": START,
    "end_time": START + 3 * WEEK,
    "timezone": 29,
    "budget_total": Decimal("1000.00"),
    "budget_day": Decimal("50.00"),
    "max_bid": Decimal("2.50"),
    "creative_type": 11,
    "creative_ids": (676384, 676385),
    "advertiser_domain": "https://brand.example.com",
    "country_id": 30100001,
    "is_agreement_checked": True,
}


class Watched:
    """A `Watch` that keeps what left, and what came of it."""

    def __init__(self) -> None:
        self.requests: list[RedactedRequest] = []
        self.outcomes: list[str] = []

    async def sending(self, request: Callable[[], RedactedRequest]) -> None:
        self.requests.append(request())

    def answered(self, outcome: str, status: int | None, sent_at: float, elapsed: float) -> None:
        self.outcomes.append(outcome)


class Account:
    """An account on the sandbox, with a platform, and short ways to fill it."""

    def __init__(self, iqm: IQM, sandbox: Sandbox) -> None:
        self.iqm = iqm
        self.sandbox = sandbox
        self.platform = IQMPlatform(iqm)

    async def order(self, name: str = "Spring", **more: Any) -> int:
        row = {**ORDER_ROW, "io_name": name, "io_budget_type_id": 1, **more}
        return (await self.iqm.insertion_orders.create(**row)).io_id

    async def campaign(self, order: int, name: str = "Banners", **more: Any) -> int:
        row = {**CAMPAIGN_ROW, "exchanges": "", "publisher_ad_category": "", "campaign_name": name, **more}
        return (await self.iqm.campaigns.create(io_id=order, **row)).campaign_id

    async def delete(self, *campaigns: int) -> None:
        await self.iqm.request(
            "PUT",
            "/api/v2/cmp/campaigns/update-status",
            json={"campaignIds": ",".join(map(str, campaigns)), "status": "deleted"},
        )

    def sent(self) -> Counter[str]:
        """Requests since the last look, by operation; log-ins aside."""
        counted = Counter(
            {name: count for name, count in self.sandbox.counts.operations.items() if "login" not in name}
        )
        self.sandbox.counts.operations.clear()
        return counted

    async def carry_out(
        self, items: Iterable[tuple[Item, Mapping[str, Any]]], snapshot: Snapshot, ids: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        """Sends what makes the items so, in the order of its phases; what the answers say, by key."""
        known = dict(ids or {})
        said: dict[str, Any] = {}
        for write in sorted(self.platform.writes(items, snapshot), key=lambda write: write.phase):
            told = await self.send(write, known)
            said.update(told)
            known.update({key: done.id for key, done in told.items() if isinstance(done, Done) and done.id is not None})
        return said

    async def send(self, write: Write, orders: Mapping[str, int] | None = None, watch: Watched | None = None) -> Told:
        parent = (orders or {}).get(write.targets[0].parent or "")
        ids = [target.id for target in write.targets if target.id is not None]
        told = await self.platform.send(write, ids, parent, watch or Watched())
        assert told is not None
        return told


def created(
    key: str, values: Mapping[str, Any], parent: str | None = None, row: int = 1
) -> tuple[Item, dict[str, Any]]:
    """What a plan says of an object that does not exist, with its values."""
    kind = ORDER if parent is None else CAMPAIGN
    name = values["io_name" if parent is None else "campaign_name"]
    return Item(kind=kind, key=key, row=row, name=name, verdict=Verdict.CREATE, parent=parent), dict(values)


def changed(
    key: str, id_: int, /, *changes: tuple[str, Any, Any], parent: str | None = None, **more: Any
) -> tuple[Item, dict[str, Any]]:
    """The same of one that is to be changed; changes are column, old and new."""
    kind = ORDER if parent is None else CAMPAIGN
    item = Item(
        kind=kind,
        key=key,
        row=1,
        name=key,
        verdict=Verdict.CHANGE,
        id=id_,
        parent=parent,
        changes=tuple(Change(*change) for change in changes),
        **more,
    )
    return item, {column: new for column, _, new in changes}
