"""Clients on a sandbox: on one that runs for this command alone and keeps its state, or on one that runs elsewhere.

The embedded one has the same address in every process, whatever its port, because a journal belongs to an address.
Imports the sandbox when one is opened, the client's transport, and profiles; used by `target`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import evolve

from adflight.core.clock import SystemClock
from adflight.core.download import fetch
from adflight.core.errors import APIError, ConfigurationError, InvalidInput, NotSent, TransportError
from adflight.core.options import Options
from adflight.core.state_directory import state_directory
from adflight.core.transport import AiohttpTransport, Transport, WireAnswer, WireRequest
from adflight.profiles import VENDORS, AnyClient, Profile, client_for, nearest

ADDRESS: Final = "http://sandbox.localhost"
"""What the embedded sandbox is called, in journals, too. Nothing listens there."""


def home() -> Path:
    """Where the embedded sandbox keeps its state, and its journals. Who deletes it starts anew."""
    return state_directory() / "sandbox"


@asynccontextmanager
async def embedded(_: str, vendor: str, *, offline: bool = False) -> AsyncIterator[AnyClient]:
    """A client on a sandbox that ends with it. `offline` starts none, so that no request gets anywhere.

    It has real time and no quotas: who tries something out should not have to wait.

    Raises:
        ConfigurationError: Another process runs it: each keeps its rows in memory.
    """
    if offline:
        async with client_for(_sandboxed(ADDRESS, vendor, "off")) as client:
            yield client
        return
    from adflight.sandbox import Sandbox, SandboxOptions

    with _held(home()) as directory:
        database = directory / "sandbox.db"
        # SQLite gives the same mode to the files beside it
        database.touch(0o600)
        database.chmod(0o600)
        options = SandboxOptions(quota=None, freewheel_quota=None, freewheel_auth_quota=None, database=str(database))
        async with Sandbox(options=options) as sandbox:
            origin = sandbox.url.removesuffix("/")
            async with client_for(_sandboxed(ADDRESS, vendor, "off"), transport=_Rerouted(origin)) as client:
                yield client


@asynccontextmanager
async def running(url: str, vendor: str, *, offline: bool = False) -> AsyncIterator[AnyClient]:
    """A client on a sandbox that runs at a URL; it keeps to the quota that the sandbox says it has.

    Raises:
        ConfigurationError: There is none.
    """
    if "://" in url and not url.startswith(("http://", "https://")):
        raise InvalidInput("--sandbox", url, "a URL, such as http://127.0.0.1:8321")
    transport = AiohttpTransport()
    url = url if "://" in url else f"http://{url}"
    profile = _sandboxed(url.rstrip("/"), vendor, "off")
    if not offline:
        try:
            profile = evolve(profile, quota=await _quota(transport, profile.base_url))
        except BaseException:
            await transport.aclose()
            raise
    async with client_for(profile, transport=transport) as client:
        yield client


def _sandboxed(root: str, vendor: str, quota: str) -> Profile:
    """The sandbox's own account, which its documents tell everybody."""
    from adflight.sandbox.iqm.vendor import IQMPlatform
    from adflight.sandbox.vendors import VENDORS as SERVED

    if vendor not in VENDORS:
        raise ConfigurationError(f"there is no vendor {vendor!r}{nearest(vendor, VENDORS)}")
    served = next(each for each in SERVED if each.name == vendor)
    base_url = root if served.prefix and root.endswith(served.prefix) else root + served.prefix
    prefix = f"{vendor}_".upper()
    credentials = {name.removeprefix(prefix).lower(): str(value) for name, value in served.environment.items()}
    return Profile(
        name="sandbox",
        vendor=vendor,
        credentials=credentials,
        base_url=base_url,
        # so that who sends nothing knows whose journal it is
        workspace=IQMPlatform.OW_ID if vendor == "iqm" else None,
        quota=quota,
        is_sandbox=True,
    )


async def _quota(transport: Transport, base_url: str) -> str:
    """What the sandbox counts, less one as ever, in real seconds. Only a sandbox answers this, so that nothing is sent
    to what is none."""
    options = Options(timeout=10, max_attempts=2)
    try:
        answer = await fetch(transport, f"{base_url}/_sandbox/state", options=options, clock=SystemClock())
        state: dict[str, Any] = orjson.loads(answer)
        requests, seconds = state["quotas"]["api"]
        scale = state["time_scale"]
    except NotSent:
        raise ConfigurationError(
            f"nothing answers at {base_url}. To start a sandbox: adflight sandbox; --sandbox without a URL needs none"
        ) from None
    except (TransportError, APIError, InvalidInput, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"no sandbox of this version answers at {base_url}. To start one: adflight sandbox; "
            "--sandbox without a URL needs none"
        ) from None
    return "off" if requests is None else f"{max(requests - 1, 1)}/{seconds / scale:.6f}"


@contextmanager
def _held(directory: Path) -> Iterator[Path]:
    from adflight.flights.entries import JournalError, JournalHeld
    from adflight.flights.place import Lock

    try:
        directory.mkdir(0o700, exist_ok=True)
        lock = Lock(directory / "sandbox.lock", time.time())
    except JournalHeld as error:
        who = "another process" if error.pid is None else f"process {error.pid}"
        raise ConfigurationError(
            f"the embedded sandbox is in use by {who}. For several at a time: adflight sandbox, and its URL after "
            "--sandbox"
        ) from None
    except (JournalError, OSError) as error:
        raise ConfigurationError(f"the embedded sandbox cannot be kept in {directory}: {error}") from None
    try:
        yield directory
    finally:
        lock.release()


class _Rerouted:
    """Takes what is for the embedded sandbox to where it listens."""

    certified: Final = True

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._transport = AiohttpTransport()

    async def send(self, request: WireRequest) -> WireAnswer:
        if request.url.startswith(f"{ADDRESS}/"):
            request = evolve(request, url=self._origin + request.url.removeprefix(ADDRESS))
        return await self._transport.send(request)

    async def aclose(self) -> None:
        await self._transport.aclose()
