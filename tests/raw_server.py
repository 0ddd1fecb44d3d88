"""A TCP server whose every byte a test decides: for what no well-behaved server does."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeAlias

from attrs import define


@define
class Received:
    """A request as it arrived."""

    connection: int
    """Counted from 0."""
    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@define
class Exchange:
    """One request and the connection that it came on."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep_open: bool = True

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def close(self) -> None:
        self.keep_open = False


Behaviour: TypeAlias = Callable[[Exchange], Awaitable[None]]


def answering(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> Behaviour:
    """A complete answer; underscores in header names stand for dashes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return sending("\r\n".join([*lines, "", ""]).encode() + body)


def sending(data: bytes) -> Behaviour:
    """Raw bytes; the connection stays open."""

    async def behave(exchange: Exchange) -> None:
        exchange.send(data)

    return behave


def sending_and_closing(data: bytes) -> Behaviour:
    """Raw bytes, and the connection ends."""

    async def behave(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.close()

    return behave


async def resetting(exchange: Exchange) -> None:
    """A TCP reset instead of an answer."""
    connection: socket.socket = exchange.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.close()


def stalling(data: bytes = b"") -> Behaviour:
    """Raw bytes, and then nothing more; returns when the client hangs up."""

    async def behave(exchange: Exchange) -> None:
        exchange.send(data)
        await exchange.reader.read(1)
        exchange.close()

    return behave


cutting = sending_and_closing(b"")


class RawServer:
    """Answers the n-th request with the n-th behaviour, and every further one with the last."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.received: list[Received] = []
        self.connections = 0
        self.open = 0

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns once `condition` holds, which is looked at whenever a request comes or a connection ends."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(condition)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        number = self.connections
        self.connections += 1
        self.open += 1
        try:
            while request := await _read(reader, number):
                behaviour = self._behaviours[min(len(self.received), len(self._behaviours) - 1)]
                self.received.append(request)
                await self._tell()
                exchange = Exchange(request, reader, writer)
                await behaviour(exchange)
                if not exchange.keep_open:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.open -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _read(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(connection, method, target, headers, body)
