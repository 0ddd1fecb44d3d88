"""Says what reading waits for, where nothing else is to be seen. Imports core's quota; used by `plan` and `apply`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from adflight.cli.terminal import duration
from adflight.core.quota import Limiter

PATIENCE: Final = 3.0
"""Seconds after which somebody who waits is told what for."""


@contextmanager
def saying_why(limiter: Limiter) -> Iterator[None]:
    """Says it once, on standard error, if the quota holds up what is done within the block."""
    watching = asyncio.get_running_loop().create_task(_watch(limiter))
    try:
        yield
    finally:
        watching.cancel()


async def _watch(limiter: Limiter) -> None:
    why = ""
    while not why:
        await asyncio.sleep(PATIENCE)
        why = _why(limiter)
    print(f"Waiting {why}.", file=sys.stderr)


def _why(limiter: Limiter) -> str:
    state = limiter.state()
    if state.paused_for:
        return f"for {duration(state.paused_for)}: {state.reason}"
    # who waits for a slot that is counted together does not show here, but that none is left does
    is_full = state.limit is not None and state.used >= state.limit
    return f"for the quota: {limiter.quota}" if state.waiting or is_full else ""
