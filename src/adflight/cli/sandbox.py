"""`adflight sandbox`."""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path

from adflight.core.errors import InvalidInput
from adflight.sandbox import Fault, Sandbox, SandboxOptions, serve
from adflight.sandbox.specification import load


def run(
    *,
    port: int,
    time_scale: float,
    quota: int,
    approval_delay: float,
    token_lifetime: float,
    database: Path | None,
    faults: Iterable[str],
) -> None:
    """Serves until it is interrupted, and says how to reach it."""
    try:
        planned = tuple(Fault.parse(text) for text in faults)
        operations = [operation.id for operation in load().operations] if planned else []
        for fault in planned:
            fault.check(operations)
    except ValueError as error:
        raise InvalidInput("--fault", list(faults), f"kind[:operation][:name=value] ({error})") from None
    options = SandboxOptions(
        time_scale=time_scale,
        quota=(quota, 60.0) if quota else None,
        approval_delay=approval_delay,
        token_lifetime=token_lifetime,
        database=":memory:" if database is None else str(database),
        faults=planned,
    )
    try:
        serve(port, options, ready=_announce)
    except sqlite3.Error as error:
        raise InvalidInput("--database", options.database, f"a file that can be kept as a database ({error})") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise InvalidInput("--port", port, "a port that is not taken; 0 finds one") from None


def _announce(sandbox: Sandbox) -> None:
    print(
        f"export IQM_BASE_URL={sandbox.url}",
        f"export IQM_CLIENT_ID={Sandbox.CLIENT_ID}",
        f"export IQM_CLIENT_SECRET={Sandbox.CLIENT_SECRET}",
        f"export IQM_EMAIL={Sandbox.EMAIL}",
        f"export IQM_PASSWORD={Sandbox.PASSWORD}",
        "",
        sep="\n",
        flush=True,
    )
    print("The sandbox listens; Ctrl-C ends it.", file=sys.stderr, flush=True)
