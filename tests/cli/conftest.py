"""What holds for all tests of commands."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def interrupts_as_before() -> Iterator[None]:
    """A command that was interrupted ends its process, and hears of no Ctrl-C any more."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
