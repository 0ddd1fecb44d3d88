from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adflight.core.errors import ConfigurationError
from adflight.flights import place as place_module
from adflight.flights.entries import JournalError, JournalHeld, JournalUnusable
from adflight.flights.place import Lock, Place
from tests.flights.shelf import ACCOUNT, URL
from tests.programs import ROOT, without_credentials

# where


def test_the_name_tells_the_service_and_hides_the_account(tmp_path: Path) -> None:
    place = Place.of(URL, ACCOUNT, tmp_path)
    assert place.path.parent == place.lock.parent == tmp_path
    assert Place.of(URL, ACCOUNT, Path("journals")).path.parent == Path.cwd() / "journals"
    assert place.path.name.startswith("api.example.com-") and place.path.suffix == ".journal"
    assert place.lock.name.startswith("api.example.com-") and place.lock.suffix == ".lock"
    assert "ada" not in place.path.name + place.lock.name


def test_one_service_has_one_name_however_its_url_is_written(tmp_path: Path) -> None:
    same = {Place.of(url, "ada", tmp_path).path for url in (URL, f"{URL}/", f"{URL}:443", "https://API.example.com")}
    others = {
        Place.of(url, account, tmp_path).path
        for url, account in (
            ("http://api.example.com", "ada"),
            (f"{URL}:8443", "ada"),
            (f"{URL}/v2", "ada"),
            (URL, "bob"),
            ("http://[::1]:8000", "ada"),
        )
    }
    assert len(same) == 1 and len(others) == 5 and not same & others


def test_scopes_have_files_of_their_own_and_the_accounts_lock(tmp_path: Path) -> None:
    places = [Place.of(URL, ACCOUNT, tmp_path, scope=scope) for scope in ("", "1", "2")]
    assert len({place.path for place in places}) == len({place.owner for place in places}) == 3
    assert {place.lock for place in places} == {Place.of(URL, ACCOUNT, tmp_path).lock}
    assert Place.of(URL, "bob", tmp_path).lock != places[0].lock


@pytest.mark.parametrize(
    ("url", "account"), [("api", "ada"), (URL, " "), ("http://api:port", "ada"), ("http://[", "ada")]
)
def test_a_service_and_an_account_are_needed(url: str, account: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a journal needs"):
        Place.of(url, account, tmp_path)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the rules of other platforms are not ours")
def test_it_lies_in_the_users_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "adflight" / "journals").mkdir(parents=True, mode=0o755)
    place = Place.of(URL, ACCOUNT, None)
    place.prepare()
    assert place.path.parent == tmp_path / "adflight" / "journals"
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Place.of(URL, ACCOUNT, None).path.parent == tmp_path / ".local" / "state" / "adflight" / "journals"


def test_a_user_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory")

    monkeypatch.setattr("platformdirs.user_state_path", homeless)
    with pytest.raises(ConfigurationError, match=r"no directory to keep state in.* set HOME"):
        Place.of(URL, ACCOUNT, None)


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Root may write everywhere."""
    if sys.platform == "win32" or os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.usefixtures("ordinary_user")
def test_a_directory_that_cannot_be_used_is_named() -> None:
    for directory in (Path("/dev/null/journals"), Path("/")):
        place = Place.of(URL, ACCOUNT, directory)
        with pytest.raises(JournalUnusable, match=f"cannot be kept in {directory}.*: .* can be written.*XDG_"):
            place.prepare()
            place.create()
        with pytest.raises(JournalError, match=f"cannot be kept in {directory}"):
            Lock(place.path, 0.0)


# who holds it


def test_a_second_lock_is_refused_also_in_one_process(tmp_path: Path) -> None:
    first = Lock(tmp_path / "lock", 1_700_000_000.0)
    with pytest.raises(JournalHeld, match="by this process since 2023-11-14 22:13:20 UTC") as caught:
        Lock(tmp_path / "lock", 0.0)
    assert caught.value.pid == os.getpid() and caught.value.since is not None
    first.release()
    second = Lock(tmp_path / "lock", 0.0)
    # not even when its number went to the second
    first.release()
    with pytest.raises(JournalHeld):
        Lock(tmp_path / "lock", 0.0)
    second.release()


def test_who_holds_a_lock_can_be_asked_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    assert Lock.holder(path) is None and not path.exists()
    lock = Lock(path, 1_700_000_000.0)
    held = Lock.holder(path)
    assert held is not None and held.pid == os.getpid()
    assert held.since is not None and held.since.timestamp() == 1_700_000_000.0
    lock.release()
    before = path.read_bytes()
    assert Lock.holder(path) is None and path.read_bytes() == before
    Lock(path, 0.0).release()
    with pytest.raises(JournalError, match="lock"):
        Lock.holder(path / "lock")

    def fail(opened: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(place_module, "_ask", fail)
    with pytest.raises(JournalError, match="lock: No locks available"):
        Lock.holder(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shared lock")
def test_two_may_ask_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock(path, 0.0)
    with path.open() as asking:
        with pytest.raises(BlockingIOError):
            place_module._ask(asking.fileno())
        lock.release()
        place_module._ask(asking.fileno())
        assert Lock.holder(path) is None


@pytest.mark.parametrize("note", ["", "[]", '{"pid": 1}', '{"pid": "x", "since": 1}'])
def test_a_holder_that_has_not_said_who_it_is(note: str, tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", 0.0)
    (tmp_path / "lock").write_text(note)
    with pytest.raises(JournalHeld, match=r"by (another process|process 1)$") as caught:
        Lock(tmp_path / "lock", 0.0)
    assert caught.value.since is None
    lock.release()


def test_a_lock_that_was_removed_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grab, grabbed = place_module._grab, 0

    def remove_then_grab(opened: int) -> None:
        nonlocal grabbed
        if not grabbed:
            (tmp_path / "lock").unlink()
        grabbed += 1
        grab(opened)

    monkeypatch.setattr(place_module, "_grab", remove_then_grab)
    lock = Lock(tmp_path / "lock", 0.0)
    with pytest.raises(JournalHeld):
        Lock(tmp_path / "lock", 0.0)
    lock.release()


@pytest.mark.parametrize("name", ["_grab", "os.write"])
def test_a_file_system_without_locks_or_room_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No such luck")

    with monkeypatch.context() as patch:
        patch.setattr(f"adflight.flights.place.{name}", fail)
        with pytest.raises(JournalError, match="lock: No such luck"):
            Lock(tmp_path / "lock", 0.0)
    Lock(tmp_path / "lock", 0.0).release()


def test_what_a_forked_child_does_first_is_to_let_go(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", 0.0)
    place_module._let_go()
    Lock(tmp_path / "lock", 0.0).release()
    lock.release()


PARENT = """
import os, sys
from pathlib import Path
from adflight.flights.place import Lock

lock = Lock(Path(sys.argv[1]), 0.0)
if not os.fork():
    # by now it has let go
    print(os.getpid(), flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=without_credentials(), cwd=ROOT) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        child = int(parent.stdout.readline())
        with pytest.raises(JournalHeld, match=f"process {parent.pid} since"):
            Lock(tmp_path / "lock", 0.0)
        parent.kill()
        parent.wait()
        os.kill(child, 0)
        Lock(tmp_path / "lock", 0.0).release()
        # the child ends with the pipe
