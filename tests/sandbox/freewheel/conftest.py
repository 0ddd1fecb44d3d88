from __future__ import annotations

import aiohttp
import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.freewheel.caller import Caller


@pytest.fixture
def options() -> SandboxOptions:
    return SandboxOptions(freewheel_quota=None, freewheel_auth_quota=None)


@pytest.fixture
async def caller(sandbox: Sandbox, session: aiohttp.ClientSession) -> Caller:
    """Somebody who is logged in."""
    caller = Caller(sandbox, session)
    assert (await caller.log_in()).status == 200
    return caller
