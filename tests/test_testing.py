"""The pytest plugin, as a user's own tests see it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

USERS_TESTS = """
import aiohttp
import pytest
from datetime import datetime, timezone

from adflight.sandbox import SandboxOptions


@pytest.fixture
def adflight_sandbox_options(request):
    return SandboxOptions(quota=(1, 60.0) if request.node.name == "test_own_options" else None)


@pytest.mark.asyncio
async def test_the_client_talks_to_the_sandbox(adflight_sandbox, iqm):
    start = datetime(2027, 1, 1, tzinfo=timezone.utc)
    order = await iqm.insertion_orders.create(io_name="Spring", io_start_time=start, io_budget_type_id=1)
    assert order.io_name == "Spring"
    assert adflight_sandbox.counts.executions["insertion_orders_create"] == 1


@pytest.mark.asyncio
async def test_another_client_talks_to_its_part_of_it(adflight_sandbox, freewheel):
    ensured = await freewheel.insertion_orders.ensure(campaign_id=501, external_id="17", name="Spring")
    assert ensured.action == "created"
    # the sandbox's own way of calling what no document describes
    assert (await freewheel.insertion_orders.get_widget(ensured.insertion_order.id)).name == "Spring"
    assert adflight_sandbox.freewheel.counts.executions["insertion_orders_create"] == 1


@pytest.mark.asyncio
async def test_each_test_has_its_own(adflight_sandbox):
    assert adflight_sandbox.counts.requests == 0
    assert adflight_sandbox.freewheel.counts.requests == 0
    assert adflight_sandbox.state()["objects"]["order"] == 0


@pytest.mark.asyncio
async def test_own_options(adflight_sandbox):
    async with aiohttp.ClientSession(adflight_sandbox.url) as session:
        statuses = [(await session.get("/api/v2/cmp/campaigns/list")).status for _ in range(2)]
    assert statuses == [401, 429]
"""

DEFAULT_OPTIONS = """
def test_the_default_has_no_quota(adflight_sandbox_options):
    assert adflight_sandbox_options.quota is None
"""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_users_tests_run_in_either_mode(tmp_path: Path, mode: str) -> None:
    (tmp_path / "test_theirs.py").write_text(USERS_TESTS)
    (tmp_path / "test_default.py").write_text(DEFAULT_OPTIONS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nasyncio_mode = {mode}\n")
    # named, not found: whether adflight is installed does not matter here, and no plugin is loaded twice
    plugins = ["-p", "adflight.testing", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    done = run(tmp_path, "-m", "pytest", "-q", *plugins, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "5 passed" in done.stdout, done.stdout + done.stderr


def test_pytest_starts_without_the_extras(tmp_path: Path) -> None:
    """The plugin is loaded by every pytest beside adflight, so it may need neither pytest-asyncio nor the sandbox's."""
    code = (
        "import sys\n"
        "for name in ('pytest_asyncio', 'starlette', 'uvicorn', 'jsonschema_rs'): sys.modules[name] = None\n"
        "import adflight.testing\n"
        "print(type(adflight.testing.iqm).__name__)"
    )
    done = run(tmp_path, "-c", code)
    assert done.stdout.strip() == "FixtureFunctionDefinition", done.stderr
