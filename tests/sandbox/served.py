"""A sandbox for synchronous callers, such as schemathesis."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from adflight.sandbox import Sandbox, SandboxOptions
from adflight.sandbox.vendor import Vendor
from adflight.sandbox.vendors import VENDORS

OPTIONS = SandboxOptions(quota=None, freewheel_quota=None, freewheel_auth_quota=None)


class Served:
    """A sandbox without quotas, in a thread of its own."""

    def __init__(self, vendors: tuple[Vendor, ...] = VENDORS) -> None:
        self.loop = asyncio.new_event_loop()
        self.sandbox = Sandbox(options=OPTIONS, vendors=vendors)
        self.thread = threading.Thread(target=self.loop.run_forever)

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=30)

    def __enter__(self) -> Served:
        self.thread.start()
        self.run(self.sandbox.start())
        return self

    def __exit__(self, *error: object) -> None:
        self.run(self.sandbox.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=30)
        self.loop.close()
