"""Exit codes: each means one thing, whichever command ends with it. The README has them as a table.

Imports core's errors once there is one; used by main and by the commands.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from adflight.core.errors import AdflightError

FAILED: Final = 1
"""The vendor said no to some of it, or nobody knows what became of it."""

NOT_SENT: Final = 2
"""Nothing was sent, because of what was asked for."""

STOPPED: Final = 3
"""A service, an account or a disk did not let it go on."""

ENDED_BY: Final = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
"""The signals that end it in good order. The code is then 128 and the signal's number, as shells have it."""

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Why a stream cannot be written. Whoever writes a file names it."""


class Interrupted(KeyboardInterrupt):
    """A signal has ended it."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.code = 128 + number
        """The exit code: 130 after Ctrl-C."""

    @classmethod
    def code_of(cls, interrupt: KeyboardInterrupt) -> int:
        """The exit code; one that Python raised by itself is of Ctrl-C."""
        return interrupt.code if isinstance(interrupt, cls) else cls().code


def leave(error: Exception, code: int, *more: str) -> NoReturn:
    """Says what went wrong, in a line and its notes, and ends with a code."""
    said = f"adflight: {error}"
    if isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM:
        said = f"adflight: standard output cannot be written: {error.strerror}"
        _forget_output()
    print(said, *getattr(error, "__notes__", []), *more, sep="\n", file=sys.stderr)
    raise SystemExit(code) from None


NOT_THERE: Final = "Nothing was sent. Is the service there, and is this its address?"
"""What is said where nothing answers and the address is no variable's."""


def say_whose(error: AdflightError, profile: str | None) -> None:
    """Says of refused credentials that they are a profile's, without the variables, which have no effect then."""
    if profile:
        error.args = (re.sub(r" \([A-Z]+_[A-Z_]+(?:, [A-Z]+_[A-Z_]+)*\)", "", str(error)), *error.args[1:])
        error.add_note(f"The credentials are those of profile {profile}: adflight login keeps others.")


def _forget_output() -> None:
    # the interpreter would try to write the rest when it ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def code_of(error: Exception) -> int | None:
    """The exit code of an error that is raised on purpose; None for one that nobody expects."""
    # help needs none of these
    from adflight.core.errors import (
        AdflightError,
        AuthenticationError,
        ConfigurationError,
        InvalidInput,
        OperationNotConfigured,
        PermissionDenied,
        RateLimited,
        ServerError,
        TransportError,
    )

    if isinstance(error, ConfigurationError | InvalidInput | OperationNotConfigured):
        return NOT_SENT
    if isinstance(error, TransportError | AuthenticationError | PermissionDenied | RateLimited | ServerError | OSError):
        return STOPPED
    return FAILED if isinstance(error, AdflightError) else None
