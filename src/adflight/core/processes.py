"""Which start of the machine this is, and whether a process is still there, as another process can tell.

Imports nothing of adflight; used by `ledger`. What cannot be told for certain counts as alive: processes of other
containers, all of Windows'.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

_DEAD: Final = ("Z", "X")
"""States of a process that has ended and that its parent has not asked for yet."""


@cache
def boot() -> str:
    """Another text after each start of the machine; empty where the system does not tell."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def this_process() -> str:
    """A text by which `is_dead` knows it; empty where nobody could tell."""
    return _described(os.getpid())


def is_dead(process: str) -> bool:
    """Whether it is certain that a process, named by its own `this_process`, has ended."""
    if not process or sys.platform == "win32":
        return False
    space, pid, started = process.split(" ")
    if space != _space():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's
        return False
    state, found = _state_and_start(pid)
    # its number may be another one's by now
    return state in _DEAD or (bool(started and found) and started != found)


@lru_cache(maxsize=1)
def _described(pid: int) -> str:
    space = _space()
    return f"{space} {pid} {_state_and_start('self')[1]}" if space else ""


def _space() -> str:
    """Within what numbers of processes mean the same; empty where that is not known."""
    if sys.platform == "win32":
        return ""
    if sys.platform != "linux":
        return sys.platform
    with suppress(OSError):
        # a container may have been given the /proc of another one
        if boot() and os.readlink("/proc/self") == str(os.getpid()):
            return f"{boot()}/{os.readlink('/proc/self/ns/pid')}"
    return ""


def _state_and_start(pid: str) -> tuple[str, str]:
    """Empty where the system does not tell."""
    with suppress(OSError, IndexError):
        # the name before it, in parentheses, may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    return "", ""
