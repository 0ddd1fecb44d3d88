"""Connections of the sandbox's server, within reach of those who have to cut them.

uvicorn gives applications no way to close a connection without an answer, so its protocol is extended to keep the
transports by client address. Imports answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

from starlette.types import Receive
from uvicorn.protocols.http.h11_impl import H11Protocol

from .answers import Reply

__all__ = ["Connections", "Exchange"]

Address: TypeAlias = tuple[str, int]


class Connections:
    """The open connections. `refuse_next` is asked for every new one whether to cut it at once."""

    def __init__(self, refuse_next: Callable[[], bool]) -> None:
        self.refuse_next = refuse_next
        self.transports: dict[Address, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """The class of protocol to serve with."""
        connections = self

        class Connection(H11Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(cast(asyncio.Transport, transport))
                connections.transports[cast(Address, self.client)] = self.transport
                if connections.refuse_next():
                    self.transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                connections.transports.pop(cast(Address, self.client), None)
                super().connection_lost(exc)

        return Connection

    async def close(self) -> None:
        """Cut all connections, those included that are just being made."""
        await asyncio.sleep(0)
        while self.transports:
            for transport in list(self.transports.values()):
                transport.abort()
            await asyncio.sleep(0)


class Exchange:
    """One request's connection: what may be done to it besides answering. The client may have closed it already."""

    def __init__(self, connections: Connections, client: Address, receive: Receive) -> None:
        self._transport = connections.transports.get(client)
        self._receive = receive

    async def cut(self) -> None:
        """Close the connection without an answer."""
        if self._transport is not None:
            self._transport.abort()
        await self._closed()

    async def half(self, reply: Reply) -> None:
        """Send the head and half of the body, then close the connection."""
        head = [f"HTTP/1.1 {reply.status} OK", f"Content-Length: {len(reply.content)}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        if self._transport is not None:
            self._transport.write("\r\n".join([*head, "", ""]).encode() + reply.content[: len(reply.content) // 2])
            self._transport.close()
        await self._closed()

    async def _closed(self) -> None:
        # uvicorn would answer for an application that returns while the connection counts as open
        while (await self._receive())["type"] != "http.disconnect":
            pass
