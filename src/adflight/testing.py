"""A pytest plugin: the sandbox, and clients on it, as fixtures.

It comes with `adflight[testing]` and needs no configuration; pytest finds it by itself. The fixtures are asynchronous:
pytest-asyncio runs them in either of its modes.

    async def test_my_own_code(adflight_sandbox, iqm):
        await my_own_code(iqm)
        assert adflight_sandbox.counts.executions["campaigns_create"] == 1

Define a fixture `adflight_sandbox_options` to set the sandbox up in another way. The sandbox and the client are
imported only when a test asks for them, so that pytest starts as quickly as without this plugin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_asyncio import fixture as async_fixture

    from adflight import IQM, FreeWheel, Icareus
    from adflight.sandbox import Sandbox, SandboxOptions
else:
    try:
        from pytest_asyncio import fixture as async_fixture
    except ImportError:  # other plugins, such as anyio's, run plain asynchronous fixtures
        async_fixture = pytest.fixture

__all__ = ["adflight_sandbox", "adflight_sandbox_options", "freewheel", "icareus", "iqm"]


@pytest.fixture
def adflight_sandbox_options() -> SandboxOptions:
    """How `adflight_sandbox` is set up; without quotas, so that tests need not wait for them."""
    from adflight.sandbox import SandboxOptions

    return SandboxOptions(quota=None, freewheel_quota=None, freewheel_auth_quota=None, icareus_quota=None)


@async_fixture
async def adflight_sandbox(adflight_sandbox_options: SandboxOptions) -> AsyncIterator[Sandbox]:
    """A sandbox of its own for each test, listening on a free port of 127.0.0.1."""
    from adflight.sandbox import Sandbox

    async with Sandbox(options=adflight_sandbox_options) as sandbox:
        yield sandbox


@async_fixture
async def iqm(adflight_sandbox: Sandbox) -> AsyncIterator[IQM]:
    """An IQM client on `adflight_sandbox`, with the sandbox's credentials and without a quota."""
    from adflight import IQM

    async with IQM(
        base_url=adflight_sandbox.url,
        client_id=adflight_sandbox.CLIENT_ID,
        client_secret=adflight_sandbox.CLIENT_SECRET,
        email=adflight_sandbox.EMAIL,
        password=adflight_sandbox.PASSWORD,
        quota=None,
    ) as client:
        yield client


@async_fixture
async def freewheel(adflight_sandbox: Sandbox) -> AsyncIterator[FreeWheel]:
    """A FreeWheel client on `adflight_sandbox`, with the sandbox's credentials and routes and without quotas."""
    from adflight import FreeWheel
    from adflight.freewheel import sandbox_routes

    platform = adflight_sandbox.freewheel
    async with FreeWheel(
        base_url=platform.url,
        username=platform.USERNAME,
        password=platform.PASSWORD,
        quota=None,
        routes=sandbox_routes(),
    ) as client:
        yield client


@async_fixture
async def icareus(adflight_sandbox: Sandbox) -> AsyncIterator[Icareus]:
    """An Icareus client on `adflight_sandbox`, with the sandbox's credentials."""
    from adflight import Icareus

    platform = adflight_sandbox.icareus
    async with Icareus(
        base_url=platform.url,
        organization_id=platform.ORGANIZATION_ID,
        token=platform.TOKEN,
        user_id=platform.USER_ID,
    ) as client:
        yield client
