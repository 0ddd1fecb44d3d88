from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adflight.cli.unclear import SHOWN, unclear_lines
from adflight.flights.columns import columns_for
from adflight.flights.entries import Run
from adflight.flights.events import Settled
from adflight.flights.platform import CAMPAIGN, ORDER

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
FULL = "campaign {}: its answer was lost, and somebody has to look (two of them)"
TO_SEE = "adflight keys list --profile prod"


class File:
    """The keys of one."""

    def __init__(self, *keys: str) -> None:
        self._keys = [cast(Any, SimpleNamespace(key=key)) for key in keys]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys)

    def orders(self) -> Iterator[Any]:
        return iter([SimpleNamespace(key="Spring")])


def lines(file: File, *open_: tuple[int, int, str], kind: str = CAMPAIGN, vendor: str = "iqm") -> list[str]:
    """What is said when requests are open: each a run, a number and a key."""
    keys = dict.fromkeys(key for _, _, key in open_)
    platform: Any = SimpleNamespace(columns=columns_for(vendor))
    told = unclear_lines(
        [Settled(kind=kind, key=key, how="unclear", reason="two of them") for key in keys],
        cast(Any, file),
        platform,
        open_=[cast(Any, SimpleNamespace(run=run, intent=id_, kind=kind, key=key)) for run, id_, key in open_],
        runs=[Run(run, f"file{run}.csv", NOON, NOON, "interrupted") for run in range(1, 10)],
        to_see=TO_SEE,
    )
    return [str(line) for line in told]


def test_what_the_file_is_about_is_told_in_full() -> None:
    assert lines(File("a", "b"), (1, 1, "a")) == [FULL.format("a")]


def test_of_much_the_first_lines() -> None:
    keys = [f"k{number}" for number in range(SHOWN + 2)]
    told = lines(File(*keys), *((1, number, key) for number, key in enumerate(keys)))
    assert told[:SHOWN] == [FULL.format(key) for key in keys[:SHOWN]]
    assert told[SHOWN:] == ["and 2 more of this file", f"All without an outcome: {TO_SEE}"]


def test_what_it_is_not_about_is_counted_by_run() -> None:
    # one request for many keys is one
    told = lines(File("z"), (1, 1, "a"), (1, 1, "b"), (2, 2, "c"), (2, 3, "d"))
    assert told == [
        "1 request of file1.csv (run 1) has no outcome, and nothing to do with this file",
        "2 requests of file2.csv (run 2) have no outcome, and nothing to do with this file",
        f"All without an outcome: {TO_SEE}",
    ]


def test_of_many_runs_the_first() -> None:
    told = lines(File("z"), *((run, run, f"k{run}") for run in range(1, SHOWN + 3)))
    assert told[SHOWN:] == ["and those of 2 more runs", f"All without an outcome: {TO_SEE}"]


@pytest.mark.parametrize(("vendor", "kind", "key"), [("iqm", ORDER, "Spring"), ("freewheel", ORDER, "a")])
def test_orders_are_the_files_too(vendor: str, kind: str, key: str) -> None:
    (told,) = lines(File("a"), (1, 1, key), kind=kind, vendor=vendor)
    assert told.startswith(f"insertion order {key}: ")
