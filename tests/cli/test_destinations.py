from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from adflight.cli.destinations import check_place, writing
from adflight.core.errors import InvalidInput


def test_where_a_file_can_be_made_nothing_is_said(tmp_path: Path) -> None:
    check_place("--output", tmp_path / "report.csv")
    check_place("--output", Path("report.csv"))


def test_places_that_take_no_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=f"--output='{tmp_path}': expected the name of a file; this is a directory"):
        check_place("--output", tmp_path)
    with pytest.raises(InvalidInput, match=f"expected a file in a directory that exists; {tmp_path}/none does not"):
        check_place("--output", tmp_path / "none" / "report.csv")
    # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InvalidInput, match=f"expected a file in a directory that can be written; {tmp_path} cannot"):
        check_place("--output", tmp_path / "report.csv")


def test_a_disk_that_is_full_is_told_of_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match=r"--save='a\.plan': expected a file that can be written \(No space left"),
        writing("--save", Path("a.plan")),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
