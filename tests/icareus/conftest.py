from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from adflight import Icareus
from adflight.sandbox import Sandbox, SandboxOptions
from tests.clock import FakeClock
from tests.icareus.scene import Scene


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    return SandboxOptions(start=FakeClock.EPOCH)


@pytest.fixture
async def scene(adflight_sandbox: Sandbox) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        yield Scene(adflight_sandbox, stack)
        assert adflight_sandbox.crashes == []


@pytest.fixture
async def icareus(scene: Scene) -> Icareus:
    return await scene.client()
