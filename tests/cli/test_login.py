from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from adflight.cli.app import app
from adflight.core.errors import ConfigurationError
from adflight.sandbox import Sandbox
from tests.programs import ADFLIGHT, PATIENCE, ROOT, Finished, environment, run, without_credentials
from tests.pseudo_terminal import CTRL_C, Terminal

WRONG = "wr0ng-p4ssw0rd"


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "adflight" / "profiles.json"


def kept(file: Path) -> dict[str, Any]:
    """The profiles in the file, which is the user's alone."""
    if not file.exists():
        return {}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return dict(orjson.loads(file.read_bytes())["profiles"])


async def adflight(*arguments: str, env: Mapping[str, str]) -> Finished:
    done = await run(*ADFLIGHT, *arguments, env=env)
    both = done.out + done.err
    assert "Traceback" not in both
    for secret in (Sandbox.CLIENT_SECRET, Sandbox.PASSWORD, WRONG):
        assert secret not in both
    return done


async def on_a_terminal(*arguments: str, env: Mapping[str, str], keys: list[tuple[str, str]]) -> tuple[int, str]:
    """Types what belongs to each text, once that is shown. The exit code, and all that was shown."""

    def talk() -> tuple[int, str]:
        with Terminal(*ADFLIGHT, *arguments, env=env, cwd=ROOT, patience=PATIENCE) as terminal:
            for shown, typed in keys:
                terminal.expect(shown)
                terminal.press(typed)
            return terminal.finish(), terminal.text

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
    stored = kept(file)["acme"]
    assert (stored["vendor"], stored["currency"], stored["base_url"]) == ("iqm", "EUR", url)
    assert stored["workspace"] == Sandbox.OW_ID
    # so that who only reads a journal need not log in to know which
    for command, code in ((("keys", "list"), 0), (("report",), 2)):
        assert (await adflight(*command, "--profile", "acme", env={**without_credentials(), **homes})).code == code
    assert adflight_sandbox.counts.requests == 1

    again = await adflight("login", "acme", "--vendor", "iqm", "--ow-id", "200011", "--quota", "5/60", env=env)
    assert "organization workspace 200011.\nReplaced profile acme" in again.err
    assert "log in again with --currency" in again.err
    for vendor in ("freewheel", "icareus"):
        done = await adflight("login", vendor, "--vendor", vendor, env=env)
        assert done.code == 0
    assert "Icareus knows organization" in done.err
    assert done.err.endswith("Next: adflight call icareus TAG OPERATION --profile icareus\n"), "it has no flights"
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
    assert (done.code, done.out) == (3, "")
    platform = adflight_sandbox.platforms[vendor]
    assert done.err.startswith(f"adflight: {title} refused ")
    assert f" at {platform.url}: " in done.err
    assert done.err.endswith(". Nothing was kept.\n")
    assert kept(file) == {}


async def test_the_environment_may_name_a_workspace(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    env = {**environment(adflight_sandbox), **homes, "IQM_OW_ID": "200011", "IQM_WORKSPACE_HOST": "acme.example.com"}
    done = await adflight("login", "acme", "--vendor", "iqm", env=env)
    assert done.code == 0
    profile = kept(file)["acme"]
    assert (profile["workspace"], profile["workspace_host"]) == (200011, "acme.example.com")
    done = await adflight("login", "acme", "--vendor", "iqm", env={**env, "IQM_OW_ID": "mine"})
    assert (done.code, done.err) == (2, "adflight: environment variable IQM_OW_ID: expected a whole number\n")


async def test_a_workspace_of_somebody_elses_keeps_nothing(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    env = {**environment(adflight_sandbox), **homes}
    done = await adflight("login", "acme", "--vendor", "iqm", "--ow-id", "200002", env=env)
    assert (done.code, done.out) == (3, "")
    assert "Not allowed in this workspace" in done.err
    assert done.err.endswith(". Nothing was kept.\n")
    assert kept(file) == {}


async def test_an_icareus_organization_that_nobody_knows(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    env = {**environment(adflight_sandbox), **homes, "ICAREUS_ORGANIZATION_ID": "4242"}
    done = await adflight("login", "suite", "--vendor", "icareus", env=env)
    assert (done.code, done.out) == (3, "")
    assert "Icareus refused 4242 at" in done.err
    assert kept(file) == {}


async def test_a_service_in_trouble_keeps_nothing(adflight_sandbox: Sandbox, homes: dict[str, str], file: Path) -> None:
    adflight_sandbox.fault("auth_login", kind="status", status=520, times=None)
    done = await adflight("login", "acme", "--vendor", "iqm", env={**environment(adflight_sandbox), **homes})
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith("\nNothing was kept.\n")
    assert kept(file) == {}


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
    keys = [
        (f"IQM at {adflight_sandbox.url}", Sandbox.CLIENT_ID + "\n"),
        ("Client secret: ", Sandbox.CLIENT_SECRET + "\n"),
        ("E-mail: ", "\n"),
        ("It is needed.", Sandbox.EMAIL + "\n"),
        ("Password: ", Sandbox.PASSWORD + "\n"),
    ]
    arguments = ("login", "acme", "--vendor", "iqm", "--base-url", adflight_sandbox.url)
    code, shown = await on_a_terminal(*arguments, env={**without_credentials(), **homes}, keys=keys)
    assert code == 0, shown
    assert "Kept profile acme" in shown
    assert Sandbox.PASSWORD not in shown
    assert Sandbox.CLIENT_SECRET not in shown
    assert kept(file)["acme"]["credentials"]["password"] == Sandbox.PASSWORD


async def test_numbers_are_asked_for_until_they_are_some(
    adflight_sandbox: Sandbox, homes: dict[str, str], file: Path
) -> None:
    platform = adflight_sandbox.icareus
    keys = [
        ("Organization id: ", "seven\n"),
        ("A whole number, please.", str(platform.ORGANIZATION_ID) + "\n"),
        ("Organization token: ", platform.TOKEN + "\n"),
        ("User id: ", str(platform.USER_ID) + "\n"),
    ]
    arguments = ("login", "suite", "--vendor", "icareus", "--base-url", platform.url)
    code, shown = await on_a_terminal(*arguments, env={**without_credentials(), **homes}, keys=keys)
    assert code == 0, shown
    assert platform.TOKEN not in shown
    assert "suite" in kept(file)


async def test_a_secret_that_nobody_types(homes: dict[str, str], file: Path) -> None:
    keys = [("User name: ", "ada\n"), ("Password: ", "\x04")]
    env = {**without_credentials(), **homes}
    left, shown = await on_a_terminal("login", "net", "--vendor", "freewheel", env=env, keys=keys)
    assert (left, "Traceback" in shown) == (2, False), shown
    assert "the input ended: nothing was kept" in shown
    assert kept(file) == {}


def test_who_has_no_home_is_told_before_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory")

    monkeypatch.setattr("platformdirs.user_config_path", homeless)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConfigurationError, match=r"no directory to keep profiles in.* set HOME or XDG_CONFIG_HOME"):
        app(["login", "acme", "--vendor", "freewheel"])


@pytest.mark.parametrize(("typed", "code", "said"), [(CTRL_C, 130, "Interrupted."), ("\x04", 2, "nothing was kept")])
async def test_who_leaves_while_being_asked_keeps_nothing(
    homes: dict[str, str], file: Path, typed: str, code: int, said: str
) -> None:
    arguments = ("login", "net", "--vendor", "freewheel")
    left, shown = await on_a_terminal(*arguments, env={**without_credentials(), **homes}, keys=[("User name: ", typed)])
    assert (left, said in shown) == (code, True), shown
    assert "FreeWheel at https://api.freewheel.tv" in shown
    assert kept(file) == {}
