"""A client, the sandbox and one time for both, as in `tests.iqm.scene`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from adflight import Icareus
from adflight.sandbox import Sandbox
from adflight.types.icareus import DailyRepeatOptions, NewCampaign, NewSchedule
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, Step, answer
from tests.iqm.scene import WatchedTransport

NOW: Final = datetime.fromtimestamp(FakeClock.EPOCH, UTC)
START: Final = NOW.replace(second=0, microsecond=0) - timedelta(hours=1)
TODAY: Final = START.date()
CAPS: Final[dict[date, int]] = {TODAY: 20_000, TODAY + timedelta(days=1): 3000}

# such as a service would have to encode, and could spell in several ways
TOKEN: Final = "s3cr3t/T0k3n+*&=é 0123456789"

NOTHING: Final[dict[str, int]] = {}
CAMPAIGN: Final = {"campaigns_create_video_swap": 1}
ATTACHED: Final = {**CAMPAIGN, "schedules_create": 1}
CAPPED: Final = {**ATTACHED, "daily_caps_set": 1}


class Scene:
    """Makes clients on a sandbox. They share a clock that leaps as soon as nobody waits for the network."""

    def __init__(self, sandbox: Sandbox, stack: AsyncExitStack) -> None:
        self.sandbox = sandbox
        self.platform = sandbox.icareus
        self.wire = WatchedTransport()
        self.clock = FakeClock(auto=True, busy=lambda: self.wire.under_way > 0, on_leap=sandbox.advance)
        self._stack = stack

    async def client(self, **settings: Any) -> Icareus:
        """A client, closed at the end of the test."""
        given: dict[str, Any] = {
            "base_url": self.platform.url,
            "organization_id": self.platform.ORGANIZATION_ID,
            "token": self.platform.TOKEN,
            "user_id": self.platform.USER_ID,
            "clock": self.clock,
            "transport": self.wire,
        }
        return await self._stack.enter_async_context(Icareus(**{**given, **settings}))

    @property
    def executions(self) -> dict[str, int]:
        """How often each operation that writes was carried out, those left out that never were."""
        counted = self.platform.counts.executions
        return {name: times for name, times in counted.items() if times and "list" not in name}


def scripted(*steps: Step, **settings: Any) -> tuple[Icareus, ScriptedTransport]:
    """A client whose answers a test writes."""
    transport = ScriptedTransport(*steps)
    given: dict[str, Any] = {"organization_id": 1, "token": TOKEN, "user_id": 2, "clock": FakeClock(auto=True)}
    given["base_url"] = f"http://{id(transport)}.example.com"
    return Icareus(**{**given, **settings}, transport=transport), transport


def done(**fields: Any) -> Step:
    return answer(200, {"status": "ok", **fields})


def new_campaign(**changes: Any) -> NewCampaign:
    fields: dict[str, Any] = {"name": "Spring", "cpm_price": 12.5, "vast_profile_id": 479862}
    return NewCampaign.video_swap(**{**fields, **changes})


def new_schedule(**changes: Any) -> NewSchedule:
    fields: dict[str, Any] = {
        "name": "Evenings",
        "start": START,
        "duration": timedelta(hours=4),
        "repeat": DailyRepeatOptions(),
    }
    return NewSchedule(**{**fields, **changes})
