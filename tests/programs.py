"""Programs, run as a user runs them: in a process of their own, with the sandbox in the environment."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adflight.sandbox import Sandbox
from adflight.sandbox.vendors import VENDORS

ROOT: Final = Path(__file__).parents[1]
ADFLIGHT: Final = (sys.executable, "-c", "from adflight.cli import main; main()")
"""The command, which is not on everybody's path while adflight is being changed."""

PATIENCE: Final = 60.0
"""Seconds that a program may take."""


@dataclass(frozen=True)
class Finished:
    """What a program left behind."""

    code: int
    out: str
    err: str


def without_credentials() -> dict[str, str]:
    """The environment of the tests, without what would lead a program to a real account."""
    vendors = tuple(f"{vendor.name.upper()}_" for vendor in VENDORS)
    return {name: value for name, value in os.environ.items() if not name.startswith(vendors)}


def environment(sandbox: Sandbox) -> dict[str, str]:
    """The environment that the documents describe, pointing at a sandbox."""
    return {
        **without_credentials(),
        "IQM_BASE_URL": sandbox.url,
        "IQM_CLIENT_ID": Sandbox.CLIENT_ID,
        "IQM_CLIENT_SECRET": Sandbox.CLIENT_SECRET,
        "IQM_EMAIL": Sandbox.EMAIL,
        "IQM_PASSWORD": Sandbox.PASSWORD,
        "FREEWHEEL_BASE_URL": sandbox.freewheel.url,
        "FREEWHEEL_USERNAME": sandbox.freewheel.USERNAME,
        "FREEWHEEL_PASSWORD": sandbox.freewheel.PASSWORD,
        "ICAREUS_BASE_URL": sandbox.icareus.url,
        "ICAREUS_ORGANIZATION_ID": str(sandbox.icareus.ORGANIZATION_ID),
        "ICAREUS_TOKEN": sandbox.icareus.TOKEN,
        "ICAREUS_USER_ID": str(sandbox.icareus.USER_ID),
    }


async def start(*command: str | Path, env: Mapping[str, str], cwd: Path | None = None) -> asyncio.subprocess.Process:
    """Starts a program; whoever starts it ends it."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe)


async def run(*command: str | Path, env: Mapping[str, str], cwd: Path | None = None, stdin: str = "") -> Finished:
    """Runs a program to its end. Raises `TimeoutError`, and ends it, when it takes too long."""
    process = await start(*command, env=env, cwd=cwd)
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())
