from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adflight.cli.exits import FAILED, NOT_SENT, STOPPED, code_of
from adflight.core.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidInput,
    NotFound,
    NotSent,
    OperationNotConfigured,
    PagingError,
    PermissionDenied,
    RateLimited,
    ServerError,
    Timeout,
    ValidationFailed,
)
from tests.flights.vendor import refusal
from tests.programs import ADFLIGHT, PATIENCE, without_credentials


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), NOT_SENT),
        (InvalidInput("x", 1, "y"), NOT_SENT),
        (OperationNotConfigured("x.y", "x"), NOT_SENT),
        (NotSent("x"), STOPPED),
        (Timeout("x"), STOPPED),
        (refusal(AuthenticationError, 401), STOPPED),
        (refusal(PermissionDenied, 403), STOPPED),
        (refusal(RateLimited, 429), STOPPED),
        (refusal(ServerError, 503), STOPPED),
        (PermissionError("x"), STOPPED),
        (refusal(NotFound, 404), FAILED),
        (refusal(ValidationFailed, 400), FAILED),
        (PagingError("x"), FAILED),
        (KeyError("x"), None),
    ],
    ids=lambda given: type(given).__name__,
)
def test_one_cause_has_one_code(error: Exception, code: int | None) -> None:
    assert code_of(error) == code


def test_it_is_a_module_too() -> None:
    how: dict[str, Any] = {"env": without_credentials(), "capture_output": True, "timeout": PATIENCE}
    done = subprocess.run([sys.executable, "-m", "adflight", "--help"], check=False, **how)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Usage: adflight" in done.stdout


def test_an_interrupt_at_the_very_beginning_is_one() -> None:
    program = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'adflight.cli.pipes':\n"
        "            raise KeyboardInterrupt\n"
        "from adflight.cli import main\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=without_credentials())
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def closed() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        (full, STOPPED, "adflight: standard output cannot be written: No space left on device\n"),
        # whoever reads has enough
        (closed, 0, ""),
    ],
)
def test_what_is_wrong_with_standard_output_is_said_once(output: Callable[[], int], code: int, said: str) -> None:
    stream = output()
    how: dict[str, Any] = {"env": without_credentials(), "stderr": subprocess.PIPE, "timeout": PATIENCE}
    done = subprocess.run([*ADFLIGHT, "flights", "columns"], stdout=stream, check=False, **how)
    os.close(stream)
    assert (done.returncode, done.stderr.decode()) == (code, said)
