from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve

from adflight import ConfigurationError, profiles
from adflight.freewheel import FreeWheel
from adflight.freewheel import client as freewheel
from adflight.icareus import Icareus
from adflight.icareus import client as icareus
from adflight.iqm import IQM
from adflight.iqm import client as iqm
from adflight.profiles import VENDORS, Profile
from adflight.sandbox import Sandbox

SECRET = "hush-hush"
ACME = Profile(
    name="acme",
    vendor="iqm",
    credentials={"client_id": "id", "client_secret": SECRET, "email": "ada@example.com", "password": SECRET},
    base_url="https://api.iqm.com",
    workspace=200001,
    workspace_host="acme.example.com",
    currency="EUR",
    quota="10/60",
)
NET = Profile(
    name="net",
    vendor="freewheel",
    credentials={"username": "bo@example.com", "password": SECRET},
    base_url="https://api.freewheel.tv",
)
SUITE = Profile(
    name="suite",
    vendor="icareus",
    credentials={"organization_id": "77", "token": SECRET, "user_id": "5"},
    base_url="https://suite.example.com/icareus",
)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "config" / "adflight" / "profiles.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# the file


def test_what_is_kept_comes_back(file: Path) -> None:
    assert profiles.load_all() == []
    assert not profiles.save(ACME)
    assert not profiles.save(SUITE)
    assert not profiles.save(NET)
    assert profiles.path() == file
    assert profiles.load("acme") == ACME
    assert profiles.load_all() == [ACME, NET, SUITE]
    assert profiles.save(evolve(ACME, currency=""))
    assert profiles.load("acme").currency == ""
    profiles.remove("net")
    assert [each.name for each in profiles.load_all()] == ["acme", "suite"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_can_read_it_at_any_moment(file: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    replace = Path.replace

    def watched(source: Path, target: Path) -> Path:
        written.append(mode(source))
        return replace(source, target)

    file.parent.mkdir(parents=True)
    monkeypatch.setattr(Path, "replace", watched)
    before = os.umask(umask)
    try:
        profiles.save(ACME)
    finally:
        os.umask(before)
    assert (written, mode(file)) == ([0o600], 0o600)
    assert sorted(each.name for each in file.parent.iterdir()) == ["profiles.json", "profiles.lock"]
    assert profiles.load("acme") == ACME


def test_its_directory_is_made_for_the_user_alone(file: Path) -> None:
    profiles.save(ACME)
    assert mode(file.parent) == 0o700


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir(parents=True)
    file.symlink_to(tmp_path / "elsewhere.json")
    profiles.save(ACME)
    assert file.is_symlink()
    assert mode(tmp_path / "elsewhere.json") == 0o600
    assert profiles.load("acme") == ACME


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o644])
def test_one_that_others_can_read_is_not_used(file: Path, bits: int) -> None:
    profiles.save(ACME)
    file.chmod(bits)
    for use in (lambda: profiles.load("acme"), profiles.load_all, lambda: profiles.save(NET)):
        with pytest.raises(ConfigurationError, match=rf"others can read it \(mode 0{bits:o}\).*chmod 600 {file}"):
            use()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"version": 1, "profiles": {"acme": {"password": "hush-hush",,', r"is damaged at line 1, column \d+"),
        (b"[]", "it holds no profiles"),
        (b'{"version": 1, "profiles": []}', "it holds no profiles"),
        (b'{"version": 2, "profiles": {}}', "another version of adflight: 2"),
    ],
)
def test_a_damaged_file_is_named_and_shows_no_secret(file: Path, content: bytes, said: str) -> None:
    profiles.save(ACME)
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as caught:
        profiles.load("acme")
    assert str(file) in str(caught.value)
    assert SECRET not in str(caught.value)
    # what it carries about might be shown or sent somewhere
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"credentials": SECRET}, "has no credentials"),
        ({"credentials": {"email": 7}}, "is damaged: credentials"),
        ({"colour": "red"}, "is damaged: colour"),
        ({"currency": 7}, "is damaged: currency"),
        ({"workspace": "7"}, "is damaged: workspace"),
        ({"vendor": None}, "is damaged: vendor"),
        ({"is_sandbox": True}, "is damaged: is_sandbox"),
        ({"vendor": "iqn"}, "there is no vendor 'iqn'; did you mean iqm?"),
    ],
)
def test_a_damaged_profile_is_named(file: Path, changes: dict[str, Any], said: str) -> None:
    profiles.save(ACME)
    profiles.save(NET)
    stored = orjson.loads(file.read_bytes())
    stored["profiles"]["acme"] |= changes
    file.write_bytes(orjson.dumps(stored))
    with pytest.raises(ConfigurationError, match="profile 'acme'") as caught:
        profiles.load("acme")
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    # the others are as good as before
    assert profiles.load("net") == NET
    profiles.remove("acme")
    assert profiles.load_all() == [NET]


def test_a_profile_without_an_address(file: Path) -> None:
    profiles.save(ACME)
    stored = orjson.loads(file.read_bytes())
    del stored["profiles"]["acme"]["base_url"]
    file.write_bytes(orjson.dumps(stored))
    with pytest.raises(ConfigurationError, match="is damaged: base_url"):
        profiles.load("acme")


def test_unknown_profiles_have_neighbours() -> None:
    with pytest.raises(ConfigurationError, match=r"no profile 'acne', nor any other\..*adflight login acne"):
        profiles.load("acne")
    profiles.save(ACME)
    profiles.save(NET)
    for use in (profiles.load, profiles.remove):
        with pytest.raises(ConfigurationError, match=r"no profile 'acne'; did you mean acme\?"):
            use("acne")
        with pytest.raises(ConfigurationError, match="no profile 'zzz'; there are acme, net"):
            use("zzz")


def test_a_file_that_cannot_be_used(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        profiles.load("acme")
    file.rmdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError, match="cannot be written: No space left on device"):
            profiles.save(ACME)
    # neither half a file nor a trace of it
    assert [each.name for each in file.parent.iterdir()] == ["profiles.lock"]
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "taken"))
    with pytest.raises(ConfigurationError, match="cannot be written: "):
        profiles.save(ACME)


# what a profile is


def test_no_secret_is_shown() -> None:
    for profile in (ACME, NET, SUITE):
        shown = f"{profile!r} {profile} {profile.account}"
        assert SECRET not in shown
        assert "***" in shown
    assert str(ACME) == "acme (iqm, ada@example.com at https://api.iqm.com)"
    assert [ACME.account, NET.account, SUITE.account] == ["ada@example.com", "bo@example.com", "77"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Profile(
            name="../acme",
            vendor="icareus",
            credentials={"organization_id": "seven", "token": "", "pin": SECRET},
            base_url="suite",
            workspace=1,
            currency="Euro",
            quota="19",
        )
    for part in (
        "expected a name of letters",
        "missing: token, user_id",
        "not a credential of icareus: pin",
        "organization_id: expected a whole number",
        "workspaces are IQM's alone",
        "base_url 'suite': expected a URL",
        "currency 'Euro': expected three capital letters",
        "quota '19': expected requests/seconds",
    ):
        assert part in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("quota", ["0/60", "19/0", "19/-1", "x"])
def test_a_quota_is_one(quota: str) -> None:
    with pytest.raises(ConfigurationError, match="expected requests/seconds, as in 19/60, or off"):
        evolve(ACME, quota=quota)


def test_credentials_are_what_the_clients_read_from_the_environment() -> None:
    for vendor, module in {"iqm": iqm, "freewheel": freewheel, "icareus": icareus}.items():
        variables = {setting.name: setting.variable(vendor) for setting in VENDORS[vendor]}
        required = {name: variable for name, variable in module.ENVIRONMENT.items() if name != "base_url"}
        assert variables == required


# clients


async def test_clients_keep_to_the_profiles_quota() -> None:
    async with profiles.client_for(ACME) as client:
        assert isinstance(client, IQM)
        assert (client.base_url, client.email) == ("https://api.iqm.com", "ada@example.com")
        quota = client.limiter.quota
        assert quota is not None
        assert (quota.requests, quota.per, quota.source, quota.shared) == (10, 60.0, "set by the profile", True)
    async with profiles.client_for(evolve(ACME, quota="")) as client:
        assert client.limiter.quota == iqm.QUOTA
    async with profiles.client_for(evolve(ACME, quota="off")) as client:
        assert client.limiter.quota is None
    async with profiles.client_for(NET) as client:
        assert isinstance(client, FreeWheel)
        assert client.limiter.quota == freewheel.QUOTA
    async with profiles.client_for(SUITE) as client:
        assert isinstance(client, Icareus)
        assert client.limiter.quota is None
    async with profiles.client_for(evolve(SUITE, quota="5/1")) as client:
        assert client.limiter.quota is not None
        assert client.limiter.quota.requests == 5


async def test_freewheels_token_requests_are_counted_with_them(adflight_sandbox: Sandbox, tmp_path: Path) -> None:
    platform = adflight_sandbox.freewheel
    profile = Profile(
        name="net",
        vendor="freewheel",
        credentials={"username": platform.USERNAME, "password": platform.PASSWORD},
        base_url=platform.url,
    )
    async with profiles.client_for(profile) as client:
        assert isinstance(client, FreeWheel)
        await client.insertion_orders.list()
    with closing(sqlite3.connect(tmp_path / "state" / "adflight" / "quota" / "quota.db")) as database:
        counted = database.execute("SELECT count(*) FROM taken GROUP BY account").fetchall()
    assert counted == [(1,), (1,)]
