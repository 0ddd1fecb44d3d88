"""Standard output and standard error whose reader goes away, as `head` does when it has enough.

Whoever writes there gets a `BrokenPipeError`. Commands that only read leave it to `main`, which ends quietly; an apply
ends in good order, and says how far it is. Imports nothing of adflight; used by `main` and the commands.
"""

from __future__ import annotations

import os
import sys


def discard_unread() -> None:
    """Lets what nobody reads go nowhere: the interpreter would try to write it when it ends, and complain."""
    # a stream that was closed before we began is None
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
