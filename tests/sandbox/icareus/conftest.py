from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from adflight.sandbox import Sandbox, SandboxOptions
from tests.sandbox.icareus.api import Api


@pytest.fixture
def options() -> SandboxOptions:
    # a Monday at noon, when the document's example of a schedule begins
    return SandboxOptions(start=datetime(2019, 11, 25, 12, tzinfo=UTC).timestamp())


@pytest.fixture
async def api(sandbox: Sandbox, session: aiohttp.ClientSession) -> Api:
    return Api(sandbox, session)
