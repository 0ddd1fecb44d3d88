from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.api import Api


@pytest.fixture
def options() -> SandboxOptions:
    # tokens outlive the days that tests put the clock forward by
    return SandboxOptions(quota=None, token_lifetime=10**9)


@pytest.fixture
async def sandbox(options: SandboxOptions) -> AsyncIterator[Sandbox]:
    async with Sandbox(options=options) as sandbox:
        yield sandbox
        assert sandbox.crashes == []


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def api(sandbox: Sandbox, session: aiohttp.ClientSession) -> Api:
    """A caller who is logged in."""
    api = Api(sandbox, session)
    await api.log_in()
    return api
