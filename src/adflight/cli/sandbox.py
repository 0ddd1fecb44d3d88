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
from adflight.sandbox.vendors import VENDORS


def run(
    *,
    port: int,
    time_scale: float,
    quota: int,
    freewheel_quota: int,
    approval_delay: float,
    token_lifetime: float,
    database: Path | None,
    faults: Iterable[str],
) -> None:
    """Serves until it is interrupted, and says how to reach it."""
    try:
        planned = tuple(Fault.parse(text) for text in faults)
        for fault in planned:
            vendor, own = fault.addressed([vendor.name for vendor in VENDORS])
            own.check([operation.id for operation in load(vendor=vendor).operations])
    except ValueError as error:
        form = f"kind[:[vendor.]operation][:name=value] ({error})"
        raise InvalidInput("--fault", list(faults), form) from None
    options = SandboxOptions(
        time_scale=time_scale,
        quota=(quota, 60.0) if quota else None,
        freewheel_quota=(freewheel_quota, 1.0) if freewheel_quota else None,
        freewheel_auth_quota=SandboxOptions.freewheel_auth_quota if freewheel_quota else None,
        approval_delay=approval_delay,
        token_lifetime=token_lifetime,
        database=":memory:" if database is None else str(database),
        faults=planned,
    )
    try:
        serve(port, options, ready=announce)
    except sqlite3.Error as error:
        raise InvalidInput("--database", options.database, f"a file that can be kept as a database ({error})") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise InvalidInput("--port", port, "a port that is not taken; 0 finds one") from None


def announce(sandbox: Sandbox) -> None:
    """Print how to reach the vendors, in a form that a shell takes."""
    for platform in sandbox.platforms.values():
        vendor = platform.vendor
        variables = {f"{vendor.name.upper()}_BASE_URL": platform.url, **vendor.environment}
        print(*(f"export {name}={value}" for name, value in variables.items()), "", sep="\n", flush=True)
    print("The sandbox listens; Ctrl-C ends it.", file=sys.stderr, flush=True)
