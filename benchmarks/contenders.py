"""The clients that are compared, each creating the same insertion order with the same headers, on the same server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import aiohttp
import httpx
import orjson
from attrs import frozen

from adflight.core.httpx_bridge import HttpxTransport
from benchmarks import payloads
from benchmarks.stock import Stock

Call: TypeAlias = Callable[[], Awaitable[Any]]
"""Creates an insertion order and returns its id."""

ADFLIGHT: Final = "adflight"
AIOHTTP: Final = "hand-written aiohttp"
ADFLIGHT_HTTPX: Final = "adflight on httpx"
HTTPX: Final = "hand-written httpx"
STOCK: Final = "stock generated client"

_HEADERS: Final = {
    "Authorization": f"Bearer {payloads.TOKEN}",
    "X-IAA-OW-ID": str(payloads.OW_ID),
    "Accept": "application/json",
    "Content-Type": "application/json",
}
# httpx by default closes connections that were idle for five seconds, and keeps twenty
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)


def _body() -> dict[str, Any]:
    return {
        "ioName": "Order 1",
        "ioStartTime": 1690898148000,
        "ioEndTime": 1690898888000,
        "ioTotalBudget": 1000,
        "ioTimeZoneId": 29,
        "isAutoSumIoTotalBudget": False,
        "ioBudgetTypeId": 1,
        "ioBudgetDistributionMethodId": 1,
    }


@frozen
class Contender:
    """One client; `open` takes the server's URL."""

    name: str
    open: Callable[[str], AbstractAsyncContextManager[Call]]
    fast: bool
    """Whether thousands of requests a second are expected; the others get fewer turns."""


def contenders(stock: Stock) -> list[Contender]:
    return [
        Contender(AIOHTTP, hand_written_aiohttp, fast=True),
        Contender(ADFLIGHT, typed_adflight, fast=True),
        Contender(ADFLIGHT_HTTPX, adflight_on_httpx, fast=False),
        Contender(HTTPX, hand_written_httpx, fast=False),
        Contender(STOCK, lambda base_url: stock_generated(stock, base_url), fast=False),
    ]


@asynccontextmanager
async def typed_adflight(base_url: str) -> AsyncIterator[Call]:
    async with payloads.client(base_url) as iqm:
        yield partial(payloads.create, iqm)


@asynccontextmanager
async def adflight_on_httpx(base_url: str) -> AsyncIterator[Call]:
    transport = HttpxTransport(httpx.AsyncClient(limits=_LIMITS))
    async with payloads.client(base_url, transport=transport) as iqm:
        yield partial(payloads.create, iqm)


@asynccontextmanager
async def hand_written_aiohttp(base_url: str) -> AsyncIterator[Call]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30, connect=10)
    url = f"{base_url}{payloads.CREATE_PATH}"
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=_HEADERS) as session:

        async def create() -> Any:
            async with session.post(url, data=orjson.dumps(_body())) as response:
                response.raise_for_status()
                return orjson.loads(await response.read())["data"]["ioId"]

        yield create


@asynccontextmanager
async def hand_written_httpx(base_url: str) -> AsyncIterator[Call]:
    timeout = httpx.Timeout(30, connect=10)
    async with httpx.AsyncClient(base_url=base_url, headers=_HEADERS, limits=_LIMITS, timeout=timeout) as client:

        async def create() -> Any:
            response = await client.post(payloads.CREATE_PATH, content=orjson.dumps(_body()))
            response.raise_for_status()
            return orjson.loads(response.content)["data"]["ioId"]

        yield create


@asynccontextmanager
async def stock_generated(stock: Stock, base_url: str) -> AsyncIterator[Call]:
    # its own httpx settings stay as they are: those of the users who generate it
    headers = {name: value for name, value in _HEADERS.items() if name.startswith("X-")}
    async with stock.client(base_url=base_url, token=payloads.TOKEN, headers=headers) as client:

        async def create() -> Any:
            body = stock.new_insertion_order(
                io_name="Order 1",
                io_start_time=1690898148000,
                io_end_time=1690898888000,
                io_total_budget=1000,
                io_time_zone_id=29,
                is_auto_sum_io_total_budget=False,
                io_budget_type_id=stock.budget_type(1),
                io_budget_distribution_method_id=stock.distribution_method(1),
            )
            return (await stock.create(client=client, body=body)).data.io_id

        yield create
