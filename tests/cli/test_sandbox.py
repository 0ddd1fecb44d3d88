from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adflight import IQM, UnknownOutcome
from adflight.cli.sandbox import announce
from adflight.sandbox import Sandbox
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from adflight.sandbox.icareus.vendor import IcareusPlatform
from tests.iqm.scene import START
from tests.programs import ADFLIGHT, run, start, without_credentials
from tests.sandbox.small_vendors import small

ENVIRONMENT = without_credentials()


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[dict[str, str]]:
    """The variables that a sandbox announces, while it runs; then Ctrl-C ends it without a word."""
    process = await start(*ADFLIGHT, "sandbox", *arguments, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode() for _ in range(5)]
        yield dict(re.findall(r"^export (\w+)=(.*)$", "".join(lines), re.MULTILINE))
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            _, err = await process.communicate()
        assert (process.returncode, err.decode()) == (0, "The sandbox listens; Ctrl-C ends it.\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def client(variables: dict[str, str]) -> IQM:
    return IQM(
        base_url=variables["IQM_BASE_URL"],
        client_id=variables["IQM_CLIENT_ID"],
        client_secret=variables["IQM_CLIENT_SECRET"],
        email=variables["IQM_EMAIL"],
        password=variables["IQM_PASSWORD"],
        quota=None,
    )


async def test_it_announces_itself_and_serves(tmp_path: Path) -> None:
    database = str(tmp_path / "sandbox.db")
    async with running("--port", "0", "--quota", "0", "--database", database) as variables:
        assert sorted(variables) == [
            "IQM_BASE_URL",
            "IQM_CLIENT_ID",
            "IQM_CLIENT_SECRET",
            "IQM_EMAIL",
            "IQM_PASSWORD",
        ]
        async with client(variables) as iqm:
            order = await iqm.insertion_orders.create(io_name="Spring", io_start_time=START, io_budget_type_id=1)

    # what is in a file is there the next time
    async with running("--port", "0", "--database", database) as variables, client(variables) as iqm:
        assert (await iqm.insertion_orders.get(order.io_id)).io_name == "Spring"


async def test_faults_are_set_up_from_the_start() -> None:
    faults = ("--fault", "cut_before:iqm.insertion_orders_create", "--fault", "status:campaigns.get_start:status=503")
    async with running("--port", "0", *faults) as variables, client(variables) as iqm:
        with pytest.raises(UnknownOutcome):
            await iqm.insertion_orders.create(io_name="Spring", io_start_time=START, io_budget_type_id=1)
        raw = await iqm.with_options(max_attempts=2).with_raw_response.campaigns.get_start()
        assert raw.headers["X-Request-Id"] != "sandbox-1"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--fault", "bogus"), "there is no fault 'bogus'"),
        (("--fault", "cut_after:*:colour=red"), "a fault has no 'colour'"),
        (("--fault", "cut_after:*:times=x"), "invalid literal"),
        (("--fault", "cut_after:freewheel.insertion_orders.creat"), "insertion_orders_create"),
        (("--fault", "cut_after:nope"), "there is no operation 'nope'; the nearest are "),
        (("--fault", "cut_after:campaigns.creat"), "campaigns_create"),
        (("--time-scale", "0"), "--time-scale"),
        (("--quota", "-1"), "--quota"),
        (("--freewheel-quota", "-1"), "--freewheel-quota"),
        (("--approval-delay", "-1"), "--approval-delay"),
        (("--token-lifetime", "0"), "--token-lifetime"),
        (("--port", "65536"), "--port"),
    ],
)
async def test_bad_settings_are_named(arguments: tuple[str, ...], named: str) -> None:
    done = await run(*ADFLIGHT, "sandbox", "--port", "0", *arguments, env=ENVIRONMENT)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = await run(*ADFLIGHT, "sandbox", "--port", port, env=ENVIRONMENT)
    assert (done.code, done.err) == (2, f"adflight: --port={port}: expected a port that is not taken; 0 finds one\n")


async def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    done = await run(*ADFLIGHT, "sandbox", "--port", "0", "--database", str(tmp_path), env=ENVIRONMENT)
    assert done.code == 2
    assert re.match(r"adflight: --database='.*': expected a file", done.err)
    assert "Traceback" not in done.err


async def test_every_vendor_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    async with small() as sandbox:
        announce(sandbox)
    variables = dict(re.findall(r"^export (\w+)=(.*)$", capsys.readouterr().out, re.MULTILINE))
    assert variables.pop("IQM_BASE_URL") == variables.pop("FREEWHEEL_BASE_URL").removesuffix("/freewheel")
    assert variables.pop("ICAREUS_BASE_URL").endswith("/icareus")
    assert {name: value for name, value in variables.items() if not name.startswith("IQM_")} == {
        "FREEWHEEL_USERNAME": FreeWheelPlatform.USERNAME,
        "FREEWHEEL_PASSWORD": FreeWheelPlatform.PASSWORD,
        "ICAREUS_ORGANIZATION_ID": str(IcareusPlatform.ORGANIZATION_ID),
        "ICAREUS_TOKEN": IcareusPlatform.TOKEN,
        "ICAREUS_USER_ID": str(IcareusPlatform.USER_ID),
    }


def test_the_announced_credentials_are_the_sandboxes() -> None:
    assert (Sandbox.EMAIL, Sandbox.CLIENT_ID) == ("ada@example.com", "sandbox-client")
