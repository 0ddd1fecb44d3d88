"""A loopback server that costs as little as asyncio allows, in a process of its own, and its handle.

Imports the standard library only: the process runs this file as a script, and reads what to answer from its input.
It knows nothing of HTTP but what the clients here send: no chunked bodies, no pipelining limits, no errors.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

STATS = b"GET /stats"


class Stats(NamedTuple):
    """What a server did so far."""

    requests: int
    refused: int
    """With 429."""
    cpu: float
    """Seconds of the server's process."""


class Server:
    """The handle: starts the process, and ends it by closing its input.

    `answers` are bodies by "METHOD /path". `rows` is a path, the JSON before the rows with `%d` for their total, one
    row with `%d` for its number, and the JSON after them; the total that a request wants stands in its `searchField`.
    `quota` refuses more than so many requests in any so many seconds, counted when they arrive.
    """

    def __init__(
        self,
        answers: dict[str, str],
        *,
        rows: tuple[str, str, str, str] | None = None,
        quota: tuple[int, float] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"answers": answers, "rows": rows, "quota": quota}) + "\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    async def stats(self) -> Stats:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(STATS + b" HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        stats = Stats(*json.loads(await reader.readexactly(size)))
        writer.close()
        await writer.wait_closed()
        return stats


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    # the headers that a service behind a proxy sends
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nCache-Control: no-store\r\n"
        b"Vary: Origin\r\nX-Request-Id: 6f1c\r\nServer: bench\r\n\r\n%b"
    ) % (status, len(body), body)


class _Service:
    def __init__(self, answers: dict[str, str], rows: list[str] | None, quota: list[float] | None) -> None:
        self._answers = {target.encode(): _answer(body.encode()) for target, body in answers.items()}
        self._rows = None if rows is None else [text.encode() for text in rows]
        self._quota = quota
        self._arrived: deque[float] = deque()
        self._requests = 0
        self._refused = 0

    def answer(self, target: bytes, body: bytes) -> bytes:
        if target == STATS:
            return _answer(json.dumps(Stats(self._requests, self._refused, time.process_time())).encode())
        self._requests += 1
        if self._quota is not None and not self._within(*self._quota):
            self._refused += 1
            return _answer(b'{"success": false}', b"429 Too Many Requests")
        if self._rows is not None and target == self._rows[0]:
            return self._page(self._rows, json.loads(body))
        return self._answers[target]

    def _within(self, requests: float, seconds: float) -> bool:
        now = time.monotonic()
        arrived = self._arrived
        while arrived and arrived[0] <= now - seconds:
            arrived.popleft()
        arrived.append(now)
        return len(arrived) <= requests

    def _page(self, rows: list[bytes], wanted: dict[str, Any]) -> bytes:
        _, before, row, after = rows
        total, size = int(wanted["searchField"]), wanted["noOfEntries"]
        first = (wanted["pageNo"] - 1) * size
        page = b",".join([row % number for number in range(first, min(first + size, total))])
        return _answer(before % total + page + after)


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Callable[[bytes, bytes], bytes]) -> None:
        self._answer = answer
        self._rest = b""
        self._write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n") + 4) > 3:
            head = data[:end].lower()
            mark = head.find(b"content-length:")
            length = 0 if mark < 0 else int(head[mark + 15 : head.find(b"\r", mark)])
            if len(data) < end + length:
                break
            target = data[: data.find(b" ", data.find(b" ") + 1)]
            self._write(self._answer(target, data[end : end + length]))
            data = data[end + length :]
        self._rest = data


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    service = _Service(**json.loads(sys.stdin.readline()))
    server = await loop.create_server(lambda: _Connection(service.answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
