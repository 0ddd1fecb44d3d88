"""The sandbox as a server on 127.0.0.1, in the running event loop.

Imports all of the sandbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .application import build, build_files
from .clock import SandboxClock
from .connections import Connections
from .counts import Counts
from .faults import Fault, FaultKind
from .freewheel.vendor import FreeWheelPlatform
from .icareus.vendor import IcareusPlatform
from .iqm.vendor import IQMPlatform
from .options import SandboxOptions
from .store import Store
from .vendor import Platform, Vendor
from .vendors import VENDORS

__all__ = ["Sandbox", "serve"]

_ADDRESS = "127.0.0.1"
_Kind = TypeVar("_Kind", bound=Platform)


class Sandbox:
    """A local server that behaves like the ad platforms. It needs no account and remembers what it is told.

        async with Sandbox() as sandbox:
            sandbox.fault("insertion_orders_create", kind="cut_after")
            ...  # talk to sandbox.url
            assert sandbox.counts.executions["insertion_orders_create"] == 1

    What is here is IQM's, at `url`, unless it says otherwise; `freewheel` and `icareus` have the same for their
    platforms. `port` 0 is any free one. Everything here is for the event loop that the sandbox was started in; other
    processes have the same through routes below `/_sandbox/` (`/freewheel/_sandbox/`, `/icareus/_sandbox/`).
    """

    CLIENT_ID = IQMPlatform.CLIENT_ID
    CLIENT_SECRET = IQMPlatform.CLIENT_SECRET
    EMAIL = IQMPlatform.EMAIL
    PASSWORD = IQMPlatform.PASSWORD
    OW_ID = IQMPlatform.OW_ID

    def __init__(
        self, port: int = 0, options: SandboxOptions | None = None, *, vendors: Sequence[Vendor] = VENDORS
    ) -> None:
        self.options = options or SandboxOptions()
        self.downloads: list[dict[str, Any]] = []
        """What was fetched from the files' origin: name, and which credentials came along."""
        self._port = port
        self._vendors = vendors
        self._parts: _Parts | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken, or a specification or the database cannot be read.
            ValueError: A fault of the options is for no operation of the specifications.
        """
        if self._parts is not None:
            raise RuntimeError("the sandbox is running already")
        parts = _Parts(self.options)
        try:
            parts.open(self.options, self._vendors, self._root, self._file_url)
            api = build(parts.platforms.values(), self, self.advance)
            protocol = parts.connections.protocol()
            parts.servers.append(await _listen(api, protocol, self._port, parts.state))
            files = build_files(parts.store, self.downloads)
            parts.servers.append(await _listen(files, protocol, 0, parts.state))
        except BaseException:
            await parts.close()
            raise
        self._parts = parts

    async def stop(self) -> None:
        """Cut all connections and forget what is not in a file."""
        if self._parts is not None:
            parts, self._parts = self._parts, None
            await parts.close()

    @property
    def url(self) -> str:
        """The base URL of IQM's API."""
        return self.iqm.url

    @property
    def platforms(self) -> Mapping[str, Platform]:
        """The vendors that are served, by name."""
        return self._running.platforms

    @property
    def iqm(self) -> IQMPlatform:
        """IQM."""
        return self._platform(IQMPlatform)

    @property
    def freewheel(self) -> FreeWheelPlatform:
        """FreeWheel."""
        return self._platform(FreeWheelPlatform)

    @property
    def icareus(self) -> IcareusPlatform:
        """Icareus."""
        return self._platform(IcareusPlatform)

    @property
    def files_url(self) -> str:
        """The origin of downloads: another host name and another port."""
        return f"http://localhost:{_port(self._running.servers[1])}"

    def now(self) -> float:
        """The sandbox's time, in epoch seconds."""
        return self._running.clock.now()

    def advance(self, seconds: float) -> float:
        """Put the clock forward for all vendors, carry out what becomes due, and return the new time."""
        self._running.clock.advance(seconds)
        for platform in self.platforms.values():
            platform.engine.catch_up()
        return self.now()

    def fault(self, operation: str = "*", *, kind: FaultKind, times: int | None = 1, **settings: Any) -> None:
        """Set up a fault for requests to an operation; see `Fault` for kinds, settings and other vendors' operations.

        Raises:
            ValueError: There is no such operation, kind or setting.
        """
        self.add_fault(Fault(kind, operation, times, **settings))

    def add_fault(self, fault: Fault) -> None:
        """Set up a fault.

        Raises:
            ValueError: It is for no operation of the specification.
        """
        vendor, fault = fault.addressed(self.platforms)
        self.platforms[vendor].add_fault(fault)

    def clear_faults(self) -> None:
        """Remove all faults of IQM."""
        self.iqm.clear_faults()

    @property
    def counts(self) -> Counts:
        """What was received, carried out and answered since the start or the last reset."""
        return self.iqm.counts

    @property
    def crashes(self) -> list[str]:
        """Errors of the sandbox itself at any vendor, as tracebacks. Each answered 500; none is expected."""
        return [crash for platform in self.platforms.values() for crash in platform.crashes]

    def state(self) -> Mapping[str, Any]:
        """The time, the faults that are set up, the downloads, the crashes and how many objects there are, as JSON."""
        return {**self.iqm.state(), "downloads": self.downloads}

    def reset(self) -> None:
        """Forget all objects, tokens, counts, downloads and late requests of all vendors; set up the faults of the
        options again."""
        for platform in self.platforms.values():
            platform.reset()
        self.downloads.clear()

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Let all access tokens expire now, and the refresh tokens too when asked."""
        self.iqm.expire_tokens(refresh=refresh)

    def set_campaign_status(self, campaign_id: int, status: str) -> None:
        """Put a campaign into a state, as the platform's own people could.

        Raises:
            ValueError: There is no such campaign or no such state.
        """
        self.iqm.set_campaign_status(campaign_id, status)

    def _platform(self, kind: type[_Kind]) -> _Kind:
        for platform in self.platforms.values():
            if isinstance(platform, kind):
                return platform
        raise RuntimeError(f"this sandbox serves no {kind.__name__.removesuffix('Platform')}")

    @property
    def _running(self) -> _Parts:
        if self._parts is None:
            raise RuntimeError("the sandbox is not running: use it in `async with`, or call start()")
        return self._parts

    def _root(self) -> str:
        return f"http://{_ADDRESS}:{_port(self._running.servers[0])}"

    def _file_url(self, name: str) -> str:
        return f"{self.files_url}/files/{name}"


class _Parts:
    """What a running sandbox consists of."""

    def __init__(self, options: SandboxOptions) -> None:
        self.servers: list[asyncio.Server] = []
        self.state = ServerState()
        self.store = Store(options.database)
        # a file goes on where it was left, also when its clock was ahead
        left = (self.store.get("clock", "now") or {"now": 0.0})["now"]
        start = max(time.time(), left) if options.start is None else options.start
        self.clock = SandboxClock(options.time_scale, start)
        self.connections = Connections(self._refuse_next)
        self.platforms: dict[str, Platform] = {}

    def open(
        self,
        options: SandboxOptions,
        vendors: Sequence[Vendor],
        root: Callable[[], str],
        file_url: Callable[[str], str],
    ) -> None:
        """Make the platforms; what is open already is to be closed when that fails."""
        names = [vendor.name for vendor in vendors]
        faults = [fault.addressed(names) for fault in options.faults]
        for vendor in vendors:
            store = self.store.part(vendor.prefix.strip("/"))
            own = [fault for name, fault in faults if name == vendor.name]
            self.platforms[vendor.name] = vendor.open(options, own, store, self.clock, self.connections, root, file_url)

    def _refuse_next(self) -> bool:
        # no vendor is known before the request comes
        engines = [platform.engine for platform in self.platforms.values()]
        return any(engine.faults.take([""], ["cut_connect"]) for engine in engines)

    async def close(self) -> None:
        for server in self.servers:
            server.close()
        await self.connections.close()
        tasks = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        self.store.put("clock", "now", {"now": self.clock.now()})
        self.store.close()


async def _listen(app: ASGIApp, protocol: type[H11Protocol], port: int, state: ServerState) -> asyncio.Server:
    # uvicorn's own server takes signals over and needs a tenth of a second to stop; its protocol is all that is needed
    config = Config(
        app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=120
    )
    config.load()
    loop = asyncio.get_running_loop()

    def connection() -> asyncio.Protocol:
        return protocol(config=config, server_state=state, app_state={}, _loop=loop)

    return await loop.create_server(connection, _ADDRESS, port, backlog=2048)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def serve(
    port: int = 8000, options: SandboxOptions | None = None, ready: Callable[[Sandbox], None] | None = None
) -> None:
    """Run a sandbox until the process is interrupted. `ready` is called once it listens."""

    async def run() -> None:
        async with Sandbox(port, options) as sandbox:
            if ready is not None:
                ready(sandbox)
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())
