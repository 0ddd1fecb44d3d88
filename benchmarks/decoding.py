"""From bytes to models, beside what reading the JSON takes alone."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import orjson

from adflight_api.iqm.api.insertion_orders import insertion_orders_list_campaign_reports as operation
from benchmarks import payloads
from benchmarks.report import Section, at_most, ratio
from benchmarks.scale import Scale
from benchmarks.stock import Stock


def measure(stock: Stock, scale: Scale) -> Section:
    content = payloads.campaign_reports(scale.report_rows)

    def ours() -> Any:
        return operation.parse(operation.OPERATION.unwrap(orjson.loads(content)))

    ways: dict[str, Callable[[], Any]] = {
        "orjson.loads alone": lambda: orjson.loads(content),
        "adflight: bytes to models": ours,
        "stock models, from orjson.loads": lambda: stock.campaign_reports.from_dict(orjson.loads(content)),
        "stock models, from json.loads as they do": lambda: stock.campaign_reports.from_dict(json.loads(content)),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(scale.repeats):
        for name, way in ways.items():
            gc.collect()
            start = time.perf_counter()
            result = way()
            best[name] = min(best[name], time.perf_counter() - start)
            del result
    alone = best["orjson.loads alone"]
    fields = len(orjson.loads(content)["data"]["recordsList"][0])
    return Section(
        title="Decoding",
        header=("way", "ms", "x orjson.loads alone"),
        rows=[(name, f"{seconds * 1e3:.2f}", ratio(seconds / alone)) for name, seconds in best.items()],
        goals=[at_most("bytes to models, x orjson.loads alone", best["adflight: bytes to models"] / alone, 2.5)],
        notes=[
            f"{scale.report_rows:,} rows of {fields} fields, {len(content) / 1e6:.1f} MB; best of {scale.repeats}, "
            "with the garbage collector on."
        ],
    )
