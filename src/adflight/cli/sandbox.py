"""`adflight sandbox`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adflight.core.errors import InvalidInput
from adflight.sandbox import Fault, Sandbox, SandboxOptions, serve


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
    serve(port, options, ready=_announce)


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
