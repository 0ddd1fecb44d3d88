"""The command, in a pipe whose reader has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import without_credentials

ADFLIGHT = Path(sys.executable).with_name("adflight")


def unread(*arguments: str, both: bool = False) -> tuple[int, str]:
    """The exit code, and what is on standard error, unless nobody reads that either."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        error = writing if both else subprocess.PIPE
        done = subprocess.run([ADFLIGHT, *arguments], stdout=writing, stderr=error, env=without_credentials())
    finally:
        os.close(writing)
    return done.returncode, (done.stderr or b"").decode()


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("arguments", [("flights", "columns"), ("flights", "template")])
def test_a_command_that_only_reads_ends_quietly(arguments: tuple[str, ...], both: bool) -> None:
    assert unread(*arguments, both=both) == (0, "")


def test_what_is_wrong_is_said_all_the_same() -> None:
    code, said = unread("flights", "check", "there-is-none.csv")
    assert code == 2
    assert "there-is-none.csv" in said
