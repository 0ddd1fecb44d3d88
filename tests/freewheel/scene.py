"""A client, the sandbox and one time for both, as in `tests.iqm.scene`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, Final

from adflight import FreeWheel
from adflight.freewheel import sandbox_routes
from adflight.sandbox import Sandbox
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, Step, answer
from tests.iqm.scene import WatchedTransport

CREDENTIALS: Final[dict[str, Any]] = {"username": FreeWheelPlatform.USERNAME, "password": FreeWheelPlatform.PASSWORD}
TOKEN: Final[dict[str, Any]] = {
    "access_token": "access-1",
    "token_type": "Bearer",
    "created_at": int(FakeClock.EPOCH),
    "expires_in": 604800,
}


class Scene:
    """Makes clients on a sandbox. They share a clock that leaps as soon as nobody waits for the network."""

    def __init__(self, sandbox: Sandbox, stack: AsyncExitStack) -> None:
        self.sandbox = sandbox
        self.platform = sandbox.freewheel
        self.wire = WatchedTransport()
        self.clock = FakeClock(auto=True, busy=lambda: self.wire.under_way > 0, on_leap=sandbox.advance)
        self._stack = stack

    async def client(self, **settings: Any) -> FreeWheel:
        """A client, closed at the end of the test."""
        given: dict[str, Any] = {
            "base_url": self.platform.url,
            **CREDENTIALS,
            "quota": None,
            "routes": sandbox_routes(),
            "clock": self.clock,
            "transport": self.wire,
        }
        return await self._stack.enter_async_context(FreeWheel(**{**given, **settings}))

    @property
    def executions(self) -> dict[str, int]:
        """How often each operation on insertion orders was carried out, those left out that never were."""
        counted = self.platform.counts.executions
        prefix = "insertion_orders_"
        return {name.removeprefix(prefix): times for name, times in counted.items() if times and prefix in name}


def scripted(*steps: Step, **settings: Any) -> tuple[FreeWheel, ScriptedTransport, FakeClock]:
    """A client that is let in, and whose other answers a test writes."""
    transport, clock = ScriptedTransport(answer(200, TOKEN), *steps), FakeClock(auto=True)
    given: dict[str, Any] = {**CREDENTIALS, "base_url": f"http://{id(transport)}.example.com", "quota": None}
    return FreeWheel(**{**given, **settings}, transport=transport, clock=clock), transport, clock


def xml(text: str, status: int = 200) -> Step:
    """An answer in XML."""
    return answer(status, text.encode(), {"Content-Type": "application/xml"})


ORDER: Final = xml(
    "<insertion_order><id>7</id><name>Spring</name><stage>NOT_BOOKED</stage><schedule/></insertion_order>"
)
