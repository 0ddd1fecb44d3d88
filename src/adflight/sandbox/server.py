"""The sandbox as a server on 127.0.0.1, in the running event loop.

Imports all of the sandbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from . import gateway, iqm
from .application import build, build_files
from .clock import SandboxClock
from .counts import Counts, Meter
from .engine import Engine
from .faults import Fault, FaultKind, Faults
from .gateway import Gateway
from .options import SandboxOptions
from .specification import Specification, load
from .store import Store
from .validation import Validation
from .world import World

__all__ = ["Sandbox", "serve"]

_ADDRESS = "127.0.0.1"


class Sandbox:
    """A local server that behaves like IQM's campaign API. It needs no account and remembers what it is told.

        async with Sandbox() as sandbox:
            sandbox.fault("insertion_orders_create", kind="cut_after")
            ...  # talk to sandbox.url
            assert sandbox.counts.executions["insertion_orders_create"] == 1

    `port` 0 is any free one. Everything here is for the event loop that the sandbox was started in; other
    processes have the same through routes below `/_sandbox/`.
    """

    CLIENT_ID = gateway.CLIENT_ID
    CLIENT_SECRET = gateway.CLIENT_SECRET
    EMAIL = gateway.PEOPLE[0].email
    PASSWORD = gateway.PEOPLE[0].password
    OW_ID = gateway.PEOPLE[0].workspaces[0]

    def __init__(self, port: int = 0, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        self.downloads: list[dict[str, Any]] = []
        """What was fetched from the files' origin: name, and which credentials came along."""
        self._port = port
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
            OSError: The port is taken, or the specification or the database cannot be read.
            ValueError: A fault of the options is for no operation of the specification.
        """
        if self._parts is not None:
            raise RuntimeError("the sandbox is running already")
        specification = load(self.options.specification)
        parts = _Parts(self.options, specification, self._file_url)
        try:
            api = build(parts.engine, specification.operations, self)
            protocol = parts.engine.connections.protocol()
            parts.servers.append(await _listen(api, protocol, self._port, parts.state))
            files = build_files(parts.world.store, self.downloads)
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
        """The base URL of the API."""
        return f"http://{_ADDRESS}:{_port(self._running.servers[0])}"

    @property
    def files_url(self) -> str:
        """The origin of downloads: another host name and another port."""
        return f"http://localhost:{_port(self._running.servers[1])}"

    def now(self) -> float:
        """The sandbox's time, in epoch seconds."""
        return self._running.clock.now()

    def advance(self, seconds: float) -> float:
        """Put the clock forward, carry out what becomes due, and return the new time."""
        self._running.clock.advance(seconds)
        self._running.engine.catch_up()
        return self.now()

    def fault(self, operation: str = "*", *, kind: FaultKind, times: int | None = 1, **settings: Any) -> None:
        """Set up a fault for requests to an operation; see `Fault` for kinds and settings.

        Raises:
            ValueError: There is no such operation, kind or setting.
        """
        self.add_fault(Fault(kind, operation, times, **settings))

    def add_fault(self, fault: Fault) -> None:
        """Set up a fault.

        Raises:
            ValueError: It is for no operation of the specification.
        """
        self._running.engine.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._running.engine.faults.clear()

    @property
    def counts(self) -> Counts:
        """What was received, carried out and answered since the start or the last reset."""
        self._running.engine.catch_up()
        return self._running.engine.meter.counts

    @property
    def crashes(self) -> list[str]:
        """Errors of the sandbox itself, as tracebacks. Each answered 500; none is expected."""
        return list(self._running.engine.crashes)

    def state(self) -> Mapping[str, Any]:
        """The time, the faults that are set up, the downloads, the crashes and how many objects there are, as JSON."""
        parts = self._running
        parts.engine.catch_up()
        return {
            "now": parts.clock.now(),
            "faults": [asdict(fault) for fault in parts.engine.faults.pending()],
            "downloads": self.downloads,
            "crashes": self.crashes,
            "objects": {kind: len(parts.world.store.all(kind)) for kind in iqm.KINDS},
        }

    def reset(self) -> None:
        """Forget all objects, tokens, counts, downloads and late requests; set up the faults of the options again."""
        parts = self._running
        parts.world.store.clear()
        parts.engine.forget_late()
        parts.engine.meter.reset()
        parts.engine.crashes.clear()
        self.downloads.clear()
        parts.engine.faults.clear()
        for fault in self.options.faults:
            parts.engine.faults.add(fault)

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Let all access tokens expire now, and the refresh tokens too when asked."""
        self._running.world.gateway.expire(self.now(), refresh=refresh)

    def set_campaign_status(self, campaign_id: int, status: str) -> None:
        """Put a campaign into a state, as the platform's own people could.

        Raises:
            ValueError: There is no such campaign or no such state.
        """
        iqm.set_campaign_status(self._running.world, campaign_id, status, self.now())

    @property
    def _running(self) -> _Parts:
        if self._parts is None:
            raise RuntimeError("the sandbox is not running: use it in `async with`, or call start()")
        return self._parts

    def _file_url(self, name: str) -> str:
        return f"{self.files_url}/files/{name}"


class _Parts:
    """What a running sandbox consists of."""

    def __init__(self, options: SandboxOptions, specification: Specification, file_url: Callable[[str], str]) -> None:
        self.servers: list[asyncio.Server] = []
        self.state = ServerState()
        store = Store(options.database)
        # a file goes on where it was left, also when its clock was ahead
        left = (store.get("clock", "now") or {"now": 0.0})["now"]
        start = max(time.time(), left) if options.start is None else options.start
        self.clock = SandboxClock(options.time_scale, start)
        self.world = World(store, Gateway(store, options.token_lifetime, options.refresh_lifetime), options, file_url)
        limit, window = options.quota or (None, 60.0)
        self.engine = Engine(
            self.world,
            iqm.HANDLERS,
            Validation(specification),
            self.clock,
            Meter(limit, window),
            Faults([operation.id for operation in specification.operations], options.faults, options.seed),
        )

    async def close(self) -> None:
        for server in self.servers:
            server.close()
        await self.engine.connections.close()
        tasks = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        self.world.store.put("clock", "now", {"now": self.clock.now()})
        self.world.store.close()


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
