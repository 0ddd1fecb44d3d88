"""Every body that the specification shows is carried out, by the documented and by the live path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

import pytest

from tests.sandbox.freewheel.caller import Caller, currency

DOCUMENT = json.loads(resources.files("adflight_api.freewheel").joinpath("openapi.json").read_text(encoding="utf-8"))


class Sample(NamedTuple):
    method: str
    path: str
    xml: str
    status: int


def samples() -> Iterator[Any]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/xml", {})
            success = next(int(status) for status in operation["responses"] if status.startswith("2"))
            for name, example in content.get("examples", {}).items():
                for place in filter(None, (path, operation["x-adflight"].get("live_path"))):
                    sample = Sample(method.upper(), place, example["value"], success)
                    yield pytest.param(sample, id=f"{operation['operationId']}-{name}-{place}")


@pytest.mark.parametrize("sample", list(samples()))
async def test_samples_are_carried_out(caller: Caller, sample: Sample) -> None:
    order = await caller.create(xml=currency("10000"))
    if "proposed" in sample.path or "proposal" in sample.path:
        body = "<insertion_order><name>Winter</name><campaign_id>501</campaign_id></insertion_order>"
        order = int((await caller.send("POST", "/v3/proposed_insertion_orders.xml", body)).text("id") or 0)
    giving = await caller.create(xml=currency("10000"))
    path = sample.path.format(insertion_order_id=order, campaign_id=501)
    answer = await caller.send(sample.method, path, sample.xml.replace("7001002", str(giving)))
    assert answer.status == sample.status, answer.content
