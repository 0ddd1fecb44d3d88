from __future__ import annotations

import stat
from pathlib import Path

import pytest

from adflight.core.errors import ConfigurationError
from adflight.core.state_directory import state_directory


def test_it_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_directory() == state_directory() == tmp_path / "state" / "adflight"
    assert stat.S_IMODE(state_directory().stat().st_mode) == 0o700


def test_one_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(ConfigurationError, match="cannot be used: Not a directory"):
        state_directory()


def test_one_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory")

    monkeypatch.setattr("platformdirs.user_state_path", homeless)
    with pytest.raises(ConfigurationError, match=r"nobody knows the user's home: set HOME or XDG_STATE_HOME"):
        state_directory()
