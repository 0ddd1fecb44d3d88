"""What holds for all tests of commands."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from adflight.cli.exits import ENDED_BY


@pytest.fixture(autouse=True)
def interrupts_as_before() -> Iterator[None]:
    """A command that was interrupted ends its process, and hears of no signal any more."""
    before = {number: signal.getsignal(number) for number in ENDED_BY}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
