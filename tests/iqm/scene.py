"""A client, the sandbox and one time for both: what the sandbox calls a minute passes when the client's clock leaps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adflight import IQM, NotSent
from adflight.core.transport import AiohttpTransport, WireAnswer, WireRequest
from adflight.sandbox import Sandbox
from adflight.types.iqm import CreativeType, NewCampaign, NewInsertionOrder
from tests.clock import FakeClock

START: Final = datetime.fromtimestamp(FakeClock.EPOCH, UTC) + timedelta(days=1)
SECRETS: Final = (Sandbox.CLIENT_SECRET, Sandbox.PASSWORD)


class WatchedTransport:
    """The default transport; keeps what it sent, and knows whether an answer is on its way."""

    certified: Final = True

    def __init__(self) -> None:
        self._inner = AiohttpTransport()
        self.sent: list[WireRequest] = []
        self.under_way = 0
        self.unreachable: list[str] = []
        """Parts of URLs that cannot be reached, each once."""

    async def send(self, request: WireRequest) -> WireAnswer:
        for part in self.unreachable:
            if part in request.url:
                self.unreachable.remove(part)
                raise NotSent("no connection to the service")
        self.sent.append(request)
        self.under_way += 1
        try:
            return await self._inner.send(request)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        await self._inner.aclose()

    def headers(self, path: str) -> list[Mapping[str, str]]:
        """The headers of all requests to a path."""
        return [request.headers for request in self.sent if path in request.url]


class Scene:
    """Makes clients on a sandbox. They share a clock that leaps as soon as nobody waits for the network."""

    def __init__(self, sandbox: Sandbox, stack: AsyncExitStack) -> None:
        self.sandbox = sandbox
        self.wire = WatchedTransport()
        self.clock = FakeClock(auto=True, busy=lambda: self.wire.under_way > 0, on_leap=self._leap)
        self.running = True
        """Whether there is a sandbox to take along when the clock leaps."""
        self._stack = stack

    def _leap(self, seconds: float) -> None:
        if self.running:
            self.sandbox.advance(seconds)

    async def client(self, **settings: Any) -> IQM:
        """A client, closed at the end of the test."""
        return await self._stack.enter_async_context(IQM(**self.settings(**settings)))

    def settings(self, **settings: Any) -> dict[str, Any]:
        given = {
            "base_url": self.sandbox.url,
            "client_id": Sandbox.CLIENT_ID,
            "client_secret": Sandbox.CLIENT_SECRET,
            "email": Sandbox.EMAIL,
            "password": Sandbox.PASSWORD,
            "quota": None,
            "clock": self.clock,
            "transport": self.wire,
        }
        return {**given, **settings}

    @property
    def executions(self) -> dict[str, int]:
        """How often the creates were carried out."""
        counted = self.sandbox.counts.executions
        return {name: counted[name] for name in ("insertion_orders_create", "campaigns_create")}


def new_order(**changes: Any) -> NewInsertionOrder:
    fields: dict[str, Any] = {
        "name": "Spring",
        "start": START,
        "end": START + timedelta(days=30),
        "timezone_id": 29,
    }
    return NewInsertionOrder(**{**fields, **changes})


def new_campaign(**changes: Any) -> NewCampaign:
    fields: dict[str, Any] = {
        "name": "Spring flight",
        "start": START,
        "end": START + timedelta(days=29),
        "timezone_id": 29,
        "total_budget": 1000,
        "daily_budget": 50,
        "max_bid": 10,
        "creative_type": CreativeType.IMAGE,
        "creative_ids": [676384, 676385],
        "advertiser_domain": "https://brand.example.com",
        "country_id": 30100001,
        "agreement_checked": True,
    }
    return NewCampaign(**{**fields, **changes})
