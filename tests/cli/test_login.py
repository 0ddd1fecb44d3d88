from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from adflight.sandbox import Sandbox
from tests.cli.terminal import CONTROL_C, CONTROL_D, Terminal
from tests.programs import ADFLIGHT, Finished, environment, run, without_credentials

WRONG = "wr0ng-p4ssw0rd"


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "adflight" / "profiles.json"


async def adflight(*arguments: str, env: Mapping[str, str]) -> Finished:
    done = await run(*ADFLIGHT, *arguments, env=env)
    both = done.out + done.err
    assert "Traceback" not in both
    for secret in (Sandbox.CLIENT_SECRET, Sandbox.PASSWORD, WRONG):
        assert secret not in both
    return done


async def on_a_terminal(*arguments: str, env: Mapping[str, str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    def talk() -> tuple[int, str]:
        with Terminal(*arguments, env=env) as terminal:
            terminal.answer(*answers)
            return terminal.end(), terminal.shown

    return await asyncio.to_thread(talk)


# without a terminal


async def test_from_the_environment_to_a_profile_and_back(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    env = {**environment(adflight_sandbox), **homes}
    done = await adflight("login", "acme", "--vendor", "iqm", "--currency", "eur", env=env)
    assert (done.code, done.out) == (0, "")
    url = adflight_sandbox.url
    assert done.err == (
        f"IQM let {Sandbox.EMAIL} in; organization workspace {Sandbox.OW_ID}.\n"
        f"Kept profile acme (iqm, {Sandbox.EMAIL} at {url}), in {file}, which nobody else can read.\n"
        "Next: adflight plan FILE --profile acme\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stored = orjson.loads(file.read_bytes())["profiles"]["acme"]
    assert (stored["vendor"], stored["currency"], stored["base_url"]) == ("iqm", "EUR", url)
    assert adflight_sandbox.counts.requests == 1

    again = await adflight("login", "acme", "--vendor", "iqm", "--ow-id", "200002", "--quota", "5/60", env=env)
    assert "organization workspace 200002.\nReplaced profile acme" in again.err
    assert "log in again with --currency" in again.err
    for vendor in ("freewheel", "icareus"):
        done = await adflight("login", vendor, "--vendor", vendor, env=env)
        assert done.code == 0
    assert "Icareus knows organization" in done.err
    assert "It wants the token for writes only" in done.err

    # nothing of the environment is needed any more
    bare = {**without_credentials(), **homes}
    listed = await adflight("profiles", env=bare)
    assert (listed.code, listed.err) == (0, "")
    lines = [line.split() for line in listed.out.splitlines()]
    assert lines == [
        ["NAME", "VENDOR", "ACCOUNT", "CURRENCY", "ADDRESS"],
        ["acme", "iqm", Sandbox.EMAIL, "-", url],
        ["freewheel", "freewheel", adflight_sandbox.freewheel.USERNAME, "-", adflight_sandbox.freewheel.url],
        ["icareus", "icareus", str(adflight_sandbox.icareus.ORGANIZATION_ID), "-", adflight_sandbox.icareus.url],
    ]
    called = await adflight("call", "iqm", "master", "list-creative-types", "--profile", "acme", env=bare)
    assert called.code == 0
    assert orjson.loads(called.out)["totalRecords"] == 5

    removed = await adflight("profiles", "remove", "freewheel", env=bare)
    assert (removed.code, removed.out) == (0, "")
    assert removed.err.startswith("Removed profile freewheel.")
    gone = await adflight("profiles", "remove", "freewheel", env=bare)
    assert (gone.code, gone.out) == (2, "")
    assert gone.err == "adflight: there is no profile 'freewheel'; there are acme, icareus\n"


async def test_no_profiles_are_none(homes: dict[str, str]) -> None:
    done = await adflight("profiles", env={**without_credentials(), **homes})
    assert (done.code, done.out) == (0, "")
    assert done.err == "There are no profiles. To make one: adflight login NAME --vendor iqm\n"


@pytest.mark.parametrize(
    ("vendor", "variable", "title"), [("iqm", "IQM_PASSWORD", "IQM"), ("freewheel", "FREEWHEEL_PASSWORD", "FreeWheel")]
)
async def test_a_wrong_password_keeps_nothing(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path, vendor: str, variable: str, title: str
) -> None:
    env = {**environment(adflight_sandbox), **homes, variable: WRONG}
    done = await adflight("login", "acme", "--vendor", vendor, env=env)
    assert (done.code, done.out) == (1, "")
    platform = adflight_sandbox.platforms[vendor]
    assert done.err.startswith(f"adflight: {title} refused ")
    assert f" at {platform.url}: " in done.err
    assert done.err.endswith(". Nothing was kept.\n")
    assert not file.exists()


async def test_an_icareus_organization_that_nobody_knows(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    env = {**environment(adflight_sandbox), **homes, "ICAREUS_ORGANIZATION_ID": "4242"}
    done = await adflight("login", "suite", "--vendor", "icareus", env=env)
    assert (done.code, done.out) == (1, "")
    assert "Icareus refused 4242 at" in done.err
    assert not file.exists()


async def test_a_service_in_trouble_keeps_nothing(adflight_sandbox: Sandbox, homes: dict[str, str], file: Path) -> None:
    adflight_sandbox.fault("auth_login", kind="status", status=520, times=None)
    done = await adflight("login", "acme", "--vendor", "iqm", env={**environment(adflight_sandbox), **homes})
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("\nNothing was kept.\n")
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acme", "--vendor", "iqm"], "environment variables are not set: IQM_CLIENT_ID, IQM_CLIENT_SECRET, IQM_EMAIL"),
        (["acme", "--vendor", "icareus"], "--base-url=None: expected an address: Icareus documents none"),
        (["a/b", "--vendor", "iqm"], "expected a name of letters"),
        (["acme", "--vendor", "iqm", "--currency", "euros"], "currency 'EUROS': expected three capital letters"),
        (["acme", "--vendor", "freewheel", "--ow-id", "3"], "workspaces are IQM's alone"),
        (["acme", "--vendor", "iqm", "--quota", "many"], "quota 'many': expected requests/seconds"),
        (["acme", "--vendor", "iqm", "--base-url", "api.iqm.com"], "base_url 'api.iqm.com': expected a URL"),
        (["acme", "--vendor", "iqm", "--password", "x"], "--password"),
        (["acme"], "--vendor"),
    ],
)
async def test_bad_input_is_named_before_anything_is_sent(
    homes: dict[str, str], arguments: list[str], said: str
) -> None:
    done = await adflight("login", *arguments, env={**without_credentials(), **homes})
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.replace("│", "").split())


# on a terminal


async def test_a_terminal_is_asked_and_never_shows_a_secret(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    answers = [
        (f"IQM at {adflight_sandbox.url}", Sandbox.CLIENT_ID),
        ("Client secret: ", Sandbox.CLIENT_SECRET),
        ("E-mail: ", ""),
        ("It is needed.", Sandbox.EMAIL),
        ("Password: ", Sandbox.PASSWORD),
    ]
    arguments = ("login", "acme", "--vendor", "iqm", "--base-url", adflight_sandbox.url)
    code, shown = await on_a_terminal(*arguments, env={**without_credentials(), **homes}, answers=answers)
    assert code == 0, shown
    assert "Kept profile acme" in shown
    assert Sandbox.PASSWORD not in shown
    assert Sandbox.CLIENT_SECRET not in shown
    assert orjson.loads(file.read_bytes())["profiles"]["acme"]["credentials"]["password"] == Sandbox.PASSWORD


async def test_numbers_are_asked_for_until_they_are_some(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    platform = adflight_sandbox.icareus
    answers = [
        ("Organization id: ", "seven"),
        ("A whole number, please.", str(platform.ORGANIZATION_ID)),
        ("Organization token: ", platform.TOKEN),
        ("User id: ", str(platform.USER_ID)),
    ]
    arguments = ("login", "suite", "--vendor", "icareus", "--base-url", platform.url)
    code, shown = await on_a_terminal(*arguments, env={**without_credentials(), **homes}, answers=answers)
    assert code == 0, shown
    assert platform.TOKEN not in shown
    assert file.exists()


@pytest.mark.parametrize(
    ("typed", "code", "said"), [(CONTROL_C, 130, "Interrupted."), (CONTROL_D, 2, "nothing was kept")]
)
async def test_who_leaves_while_being_asked_keeps_nothing(
    homes: dict[str, str], file: Path, typed: str, code: int, said: str
) -> None:
    def leave() -> tuple[int, str]:
        with Terminal("login", "net", "--vendor", "freewheel", env={**without_credentials(), **homes}) as terminal:
            terminal.press("User name: ", typed)
            return terminal.end(), terminal.shown

    left, shown = await asyncio.to_thread(leave)
    assert (left, said in shown) == (code, True), shown
    assert "FreeWheel at https://api.freewheel.tv" in shown
    assert not file.exists()
