"""Waiting for campaigns to change their status, with one poll for all that wait.

Imports the generated client and the errors; used by `client` and `launch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Final, TypeAlias

from adflight.core.clock import Clock
from adflight.core.errors import APIError, CampaignNotRunning, ConfigurationError, NotFound, WaitTimeout
from adflight.core.quota import Quota
from adflight_api.iqm.client import Operations
from adflight_api.iqm.models import CampaignStatus

OnPoll: TypeAlias = Callable[[str], Awaitable[None] | None]
"""Told the status that each poll found."""

ENDED: Final = frozenset(
    {CampaignStatus.REJECTED, CampaignStatus.DELETED, CampaignStatus.EXPIRED, CampaignStatus.COMPLETED}
)
"""Statuses that a campaign does not leave by itself."""

BATCH: Final = 1000
"""Campaigns a request; the service's largest page."""


def pace(quota: Quota | None) -> float:
    """Seconds between polls that leave three quarters of the quota to other calls."""
    return 1.0 if quota is None else max(1.0, 4 * quota.per / quota.requests)


class StatusPoll:
    """Reads the statuses of all campaigns that anybody waits for, a thousand with each request."""

    def __init__(self, operations: Operations, *, clock: Clock, every: float) -> None:
        self._operations = operations
        self._clock = clock
        self._every = every
        self._waiting: dict[int, set[asyncio.Future[str]]] = {}
        self._next = clock.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def status(self, campaign_id: int) -> str:
        """What the next poll finds. Raises what keeps the poll from finding anything."""
        loop = asyncio.get_running_loop()
        if self._task is not None and self._task.get_loop() is not loop:
            if not self._task.get_loop().is_closed():
                raise ConfigurationError(
                    "this client is waiting for campaigns in another event loop, which is still open"
                )
            # who waited there is gone
            self._task = None
            self._waiting.clear()
        future: asyncio.Future[str] = loop.create_future()
        self._waiting.setdefault(campaign_id, set()).add(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            return await future
        finally:
            futures = self._waiting.get(campaign_id, set())
            futures.discard(future)
            if not futures:
                self._waiting.pop(campaign_id, None)

    async def wait_until(
        self, campaign_id: int, status: str, *, timeout: float | None = None, on_poll: OnPoll | None = None
    ) -> None:
        """Polls until the campaign has the status; `timeout` is in seconds.

        Raises:
            CampaignNotRunning: it is rejected, deleted, expired or completed, and that is not what was waited for.
            WaitTimeout: it did not get there in time.
        """
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        found = "unknown"
        while True:
            asked = asyncio.ensure_future(self.status(campaign_id))
            alarm = asyncio.ensure_future(self._alarm(deadline))
            try:
                await asyncio.wait({asked, alarm}, return_when=asyncio.FIRST_COMPLETED)
                if not asked.done():
                    text = f"campaign {campaign_id} was still {found} after {timeout:g} s"
                    raise WaitTimeout(text, campaign_id=campaign_id, status=found)
                found = asked.result()
            finally:
                for task in (asked, alarm):
                    task.cancel()
                await asyncio.gather(asked, alarm, return_exceptions=True)
            told = on_poll(found) if on_poll is not None else None
            if isawaitable(told):
                await told
            if found == status:
                return
            if found in ENDED:
                text = f"campaign {campaign_id} is {found}, so it will not be {status}"
                raise CampaignNotRunning(text, campaign_id=campaign_id, status=found)

    async def aclose(self) -> None:
        """Ends the poll; who waits gets `ConfigurationError`."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for campaign_id in list(self._waiting):
                closed = ConfigurationError(f"the client was closed while campaign {campaign_id} was waited for")
                self._settle(campaign_id, error=closed)
        self._waiting.clear()

    async def _alarm(self, deadline: float | None) -> None:
        if deadline is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.sleep(max(0.0, deadline - self._clock.monotonic()))

    async def _run(self) -> None:
        while self._waiting:
            await self._clock.sleep(max(0.0, self._next - self._clock.monotonic()))
            ids = list(self._waiting)
            try:
                for start in range(0, len(ids), BATCH):
                    await self._read(ids[start : start + BATCH])
            except Exception as error:
                for campaign_id in ids:
                    self._settle(campaign_id, error=error)
            self._next = self._clock.monotonic() + self._every

    def _settle(self, campaign_id: int, *, status: str = "", error: Exception | None = None) -> None:
        for future in self._waiting.pop(campaign_id, set()):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(status)

    async def _read(self, ids: list[int]) -> None:
        missing = set(ids)
        async for order in self._operations.insertion_orders.list_campaigns(campaign_ids=ids):
            for campaign in order.campaigns or ():
                if campaign.campaign_id in missing:
                    missing.discard(campaign.campaign_id)
                    self._settle(campaign.campaign_id, status=str(campaign.status))
        for campaign_id in missing:
            # the list leaves it out, as it does with deleted ones
            try:
                status = str((await self._operations.campaigns.get(campaign_id)).status)
            except NotFound:
                self._settle(campaign_id, status=CampaignStatus.DELETED)
            except APIError as error:
                # this one's misfortune, not that of all the others
                self._settle(campaign_id, error=error)
            else:
                self._settle(campaign_id, status=status)
