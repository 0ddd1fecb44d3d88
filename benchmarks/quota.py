"""How close a batch comes to the time that the quota allows at best, on a server that counts every request."""

from __future__ import annotations

import asyncio
import time

from adflight import Quota
from adflight.core.quota import Limiter
from benchmarks import payloads
from benchmarks.report import Section, at_most, ratio
from benchmarks.scale import Scale
from benchmarks.server import Server


async def measure(scale: Scale) -> Section:
    requests, per = scale.quota
    count = scale.quota_requests
    # the last window need not pass, only begin
    bound = (-(-count // requests) - 1) * per

    with Server(payloads.answers(), quota=scale.quota) as server:
        async with payloads.client(server.url, quota=Quota(requests, per)) as iqm:

            async def create(_: int) -> int:
                return await payloads.create(iqm)

            # log in first, and let that request leave the window
            await create(0)
            await asyncio.sleep(per * 1.1)
            start = time.perf_counter()
            async for outcome in iqm.map(create, range(count), concurrency=2 * requests):
                outcome.result()
            took = time.perf_counter() - start
        stats = await server.stats()
    return Section(
        title="Quota",
        header=("requests", "quota", "bound s", "took s", "x bound", "429"),
        rows=[
            (
                str(count),
                f"{requests} in {per:g} s",
                f"{bound:.2f}",
                f"{took:.3f}",
                ratio(took / bound),
                str(stats.refused),
            )
        ],
        goals=[at_most("wall time, x the quota's bound", took / bound, 1.02), at_most("answers 429", stats.refused, 0)],
        notes=[
            "The server counts each request when it arrives, in any window of that length, refused ones included.",
            f"Counting costs a request {await _cost(shared=True) * 1e6:.0f} us together with all processes of the "
            f"machine, as by default, and {await _cost(shared=False) * 1e6:.0f} us in one process only.",
        ],
    )


async def _cost(*, shared: bool, requests: int = 1000) -> float:
    """Seconds."""
    limiter = Limiter(Quota(1000, 0.01, shared=shared), account="a benchmark's own")
    start = time.process_time()
    for _ in range(requests):
        with await limiter.acquire():
            pass
    return (time.process_time() - start) / requests
