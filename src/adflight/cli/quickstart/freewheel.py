"""FreeWheel's part: an insertion order that is ensured three times, and costs no more requests than it must.

Imports `part` and FreeWheel's client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from adflight.cli.quickstart.part import Part
from adflight.freewheel import FreeWheel

if TYPE_CHECKING:
    from adflight.sandbox import Sandbox

CAMPAIGN: Final = 501
EXTERNAL_ID: Final = "crm-17"


class FreeWheelPart(Part):
    """An insertion order, ensured."""

    title = "FreeWheel"
    steps: ClassVar = {"insertion_order": f"ensuring that campaign {CAMPAIGN} has an insertion order {EXTERNAL_ID}"}
    objects = ("insertion_order",)

    async def run(self, sandbox: Sandbox) -> None:
        platform = sandbox.freewheel
        self.begin("ensure an insertion order, in XML: created, changed, and left alone when it is as it should be")
        async with FreeWheel(
            base_url=platform.url,
            username=platform.USERNAME,
            password=platform.PASSWORD,
            hooks=[self.screen.hook],
        ) as freewheel:
            self.record({"step": "insertion_order", "event": "sending", "sent": {"name": "Spring"}})
            await self._ensure(freewheel, "Spring")
            self.screen.begin("ensuring it under another name")
            await self._ensure(freewheel, "Spring sale")
            self.screen.begin("ensuring it once more, as it is")
            await self._ensure(freewheel, "Spring sale")
            self.screen.begin("listing the insertion orders")
            async for order in freewheel.insertion_orders.list():
                self.screen.good(f"{order.id}  {order.name}, {order.stage}")
        self.end()

    async def _ensure(self, freewheel: FreeWheel, name: str) -> None:
        ensured = await freewheel.insertion_orders.ensure(campaign_id=CAMPAIGN, external_id=EXTERNAL_ID, name=name)
        status = f"{ensured.action} in {ensured.requests} requests"
        self.record({"step": "insertion_order", "event": "done", "id": ensured.insertion_order.id, "status": status})
