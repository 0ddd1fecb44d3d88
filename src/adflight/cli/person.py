"""Who sits at the keys, for the journal. Imports nothing of adflight."""

from __future__ import annotations

import getpass
import os


def person() -> str:
    """The user's name, or the number, as in a container whose user has no name."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
