from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from adflight import ConfigurationError, InvalidInput, profiles
from adflight.cli import embedded, spelled_out
from adflight.cli.target import NO_TARGET, Target
from adflight.core.download import fetch
from adflight.freewheel import FreeWheel
from adflight.iqm import IQM
from adflight.sandbox import Sandbox, SandboxOptions
from tests.programs import ADFLIGHT, run, without_credentials


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def kept(sandbox: Sandbox, **settings: Any) -> profiles.Profile:
    credentials = {
        "client_id": sandbox.CLIENT_ID,
        "client_secret": sandbox.CLIENT_SECRET,
        "email": sandbox.EMAIL,
        "password": sandbox.PASSWORD,
    }
    profile = profiles.Profile(
        name="prod", vendor="iqm", credentials=credentials, base_url=sandbox.url, currency="EUR", **settings
    )
    profiles.save(profile)
    return profile


# which


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (NO_TARGET, "no target: --profile NAME"),
        (Target(profile="a", sandbox="embedded"), "one of them, please"),
        (Target(profile="a"), "there is no profile 'a', nor any other"),
    ],
)
async def test_without_one_target_nothing_begins(target: Target, said: str) -> None:
    for what in ("words", "currency", "flags", "directory"):
        if what in ("words", "currency") or target.profile is None or target.sandbox is not None:
            with pytest.raises(ConfigurationError, match=said):
                getattr(target, what)
    with pytest.raises(ConfigurationError, match=said):
        async with target.open():
            raise AssertionError


def test_targets_say_what_they_are(adflight_sandbox: Sandbox, homes: Path) -> None:
    kept(adflight_sandbox)
    prod, own, other = Target(profile="prod"), Target(sandbox="embedded"), Target(sandbox="http://127.0.0.1:8321")
    assert prod.words == f"profile prod (iqm, {Sandbox.EMAIL} at {adflight_sandbox.url})"
    assert own.words == "the embedded sandbox"
    assert other.words == "the sandbox at http://127.0.0.1:8321"
    assert [target.currency for target in (prod, own, other)] == ["EUR", "USD", "USD"]
    assert [target.flags for target in (prod, own, other)] == [
        "--profile prod",
        "--sandbox",
        "--sandbox http://127.0.0.1:8321",
    ]
    assert [target.directory for target in (prod, other)] == [None, None]
    assert [target.vendor for target in (prod, own)] == ["iqm", None]
    assert own.directory == homes / "state" / "adflight" / "sandbox"


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        (["plan", "--sandbox"], ["plan", "--sandbox=embedded"]),
        (["plan", "--sandbox", "flights.csv"], ["plan", "--sandbox=embedded", "flights.csv"]),
        (["plan", "--sandbox", "--yes"], ["plan", "--sandbox=embedded", "--yes"]),
        (["plan", "--sandbox", "http://h:1", "f"], ["plan", "--sandbox", "http://h:1", "f"]),
        (["plan", "--sandbox", "localhost:1"], ["plan", "--sandbox", "localhost:1"]),
        (["plan", "--sandbox", "htp://h"], ["plan", "--sandbox", "htp://h"]),
        (["plan", "--sandbox=http://h"], ["plan", "--sandbox=http://h"]),
        (["sandbox"], ["sandbox"]),
    ],
)
def test_a_sandbox_needs_no_url(given: list[str], spelled: list[str]) -> None:
    assert spelled_out(given) == spelled


# a profile's


async def test_a_profile_opens_its_account(adflight_sandbox: Sandbox, homes: Path) -> None:
    kept(adflight_sandbox, quota="19/60")
    async with Target(profile="prod").open("iqm") as client:
        assert isinstance(client, IQM)
        assert await client.master.list_creative_types()
        quota = client.limiter.quota
    assert quota is not None
    assert (quota.requests, quota.per) == (19, 60.0)
    assert (homes / "state" / "adflight" / "quota" / "quota.db").exists()


async def test_a_profile_is_of_one_vendor(adflight_sandbox: Sandbox) -> None:
    kept(adflight_sandbox)
    with pytest.raises(ConfigurationError, match="profile 'prod' is of iqm, not of freewheel"):
        async with Target(profile="prod").open("freewheel"):
            raise AssertionError


# the embedded sandbox's


async def test_the_embedded_sandbox_remembers_under_one_address(homes: Path) -> None:
    target = Target(sandbox="embedded")
    async with target.open() as client:
        assert isinstance(client, IQM)
        made = await client.auth.login(email=Sandbox.EMAIL, password=Sandbox.PASSWORD)
        assert made.ow_id == Sandbox.OW_ID
        assert client.base_url == embedded.ADDRESS
        assert client.limiter.quota is None
    async with target.open("freewheel") as other:
        assert isinstance(other, FreeWheel)
        order = await other.insertion_orders.create_in_campaign(1001, name="Spring")
    async with target.open("freewheel") as again:
        assert isinstance(again, FreeWheel)
        assert again.base_url == f"{embedded.ADDRESS}/freewheel"
        assert (await again.insertion_orders.get(order.id)).name == "Spring"
    database = homes / "state" / "adflight" / "sandbox" / "sandbox.db"
    assert os.name != "posix" or database.stat().st_mode & 0o777 == 0o600


async def test_what_is_not_the_embedded_sandboxes_goes_where_it_says(adflight_sandbox: Sandbox) -> None:
    async with Target(sandbox="embedded").open() as client:
        found = await fetch(
            client._session.transport,
            f"{adflight_sandbox.url}/_sandbox/counts",
            options=client.options,
            clock=client.clock,
        )
    assert b'"requests":0' in found


async def test_the_embedded_sandbox_is_one_processs_at_a_time() -> None:
    target = Target(sandbox="embedded")
    async with target.open():
        with pytest.raises(ConfigurationError, match=f"in use by (this process|process {os.getpid()})"):
            async with target.open():
                raise AssertionError
        # who sends nothing is in nobody's way
        async with target.open(offline=True) as client:
            assert client.base_url == embedded.ADDRESS
    async with target.open():
        pass


# a running sandbox's


async def test_a_running_sandbox_says_what_it_counts() -> None:
    async with Sandbox(options=SandboxOptions(quota=(20, 60.0), time_scale=10)) as sandbox:
        async with Target(sandbox=sandbox.url).open() as client:
            assert isinstance(client, IQM)
            await client.master.list_creative_types()
            quota = client.limiter.quota
        assert quota is not None
        assert (quota.requests, quota.per) == (19, 6.0)
        address = sandbox.freewheel.url
        for url in (sandbox.url, f"{sandbox.url}/", address, address.removeprefix("http://")):
            async with Target(sandbox=url).open("freewheel") as other:
                assert other.base_url == address


async def test_a_running_sandbox_without_quotas(adflight_sandbox: Sandbox) -> None:
    async with Target(sandbox=adflight_sandbox.url).open() as client:
        assert client.limiter.quota is None


async def test_what_is_no_url_is_named() -> None:
    with pytest.raises(InvalidInput, match="--sandbox='htp://foo': expected a URL, such as http://127"):
        async with Target(sandbox="htp://foo").open():
            pass


async def test_what_is_no_sandbox_gets_nothing() -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        with pytest.raises(ConfigurationError, match=f"no sandbox of this version answers at {url}"):
            async with Target(sandbox=url).open():
                raise AssertionError
    assert [request.split(b"\r\n")[0] for request in received] == [b"GET /_sandbox/state HTTP/1.1"]
    assert b"authorization" not in received[0].lower()
    with pytest.raises(ConfigurationError, match=r"nothing answers at http://127\.0\.0\.1:1"):
        async with Target(sandbox="http://127.0.0.1:1").open():
            raise AssertionError
    async with Target(sandbox="http://127.0.0.1:1").open(offline=True) as client:
        assert client.base_url == "http://127.0.0.1:1"


async def test_a_vendor_that_no_sandbox_has() -> None:
    with pytest.raises(ConfigurationError, match=r"there is no vendor .icarus.; did you mean icareus\?"):
        async with Target(sandbox="embedded").open("icarus", offline=True):
            raise AssertionError


async def test_a_state_directory_that_cannot_be_used(homes: Path) -> None:
    (homes / "state").write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot be used: "):
        async with Target(sandbox="embedded").open():
            raise AssertionError
    (homes / "state").unlink()
    (homes / "state" / "adflight").mkdir(parents=True)
    (homes / "state" / "adflight" / "sandbox").write_text("in the way")
    with pytest.raises(ConfigurationError, match="the embedded sandbox cannot be kept in"):
        async with Target(sandbox="embedded").open():
            raise AssertionError


async def test_help_of_a_target_imports_little() -> None:
    program = "import sys; import adflight.cli.target; print(*sys.modules)"
    done = await run(ADFLIGHT[0], "-c", program, env=without_credentials())
    assert done.code == 0
    imported = {name.split(".")[1] for name in done.out.split() if name.startswith("adflight.")}
    assert not imported & {"profiles", "iqm", "freewheel", "icareus", "sandbox", "flights"}
