from __future__ import annotations

import getpass
import os

import pytest

from adflight.cli.person import person


def test_it_is_the_user() -> None:
    assert person() == getpass.getuser()


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_a_number(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def getuser() -> str:
        raise error("uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", getuser)
    assert person() == f"user {os.getuid()}"
