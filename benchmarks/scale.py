"""How much is measured: enough for figures, a quick look, or only enough to see that everything runs."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Scale:
    name: str
    in_flight: tuple[int, ...]
    seconds: float
    """Of one round of one contender."""
    turns: int
    slow_every: int
    """The contenders that are not fast take part in every so many turns."""
    repeats: int
    """How often what takes milliseconds is done; the best counts."""
    imports: int
    report_rows: int
    rows: tuple[int, int]
    """Rows read through the pager, little and much."""
    items: tuple[int, int]
    """Outcomes read from `iqm.map`, little and much."""
    quota: tuple[int, float]
    quota_requests: int
    journal_groups: int
    """Groups of creates that are written down, of each size."""
    flights: tuple[int, ...]
    """Rows of files that are planned and applied."""
    flights_at_quota: tuple[int, float]
    """How many are applied within the quota, and how fast its minute passes."""
    jobs: int
    """The jobs whose requests are counted have the so manieth part of their flights."""
    torture: tuple[tuple[int, int, int, int], ...]
    """See `torture.measure`."""


FULL: Final = Scale(
    name="full",
    in_flight=(1, 10, 100, 500),
    seconds=0.25,
    turns=15,
    slow_every=10,
    repeats=25,
    imports=7,
    report_rows=1000,
    rows=(10_000, 100_000),
    items=(2_000, 20_000),
    quota=(20, 0.5),
    quota_requests=200,
    journal_groups=60,
    flights=(1_000, 10_000, 100_000),
    flights_at_quota=(190, 10.0),
    jobs=1,
    torture=((2_000, 100, 25, 1), (500, 25, 10, 2)),
)

QUICK: Final = Scale(
    name="quick",
    in_flight=(1, 100),
    seconds=0.25,
    turns=7,
    slow_every=6,
    repeats=8,
    imports=3,
    report_rows=1000,
    rows=(3_000, 15_000),
    items=(500, 2_500),
    quota=(20, 0.5),
    quota_requests=100,
    journal_groups=15,
    flights=(200, 1_000),
    flights_at_quota=(60, 20.0),
    jobs=10,
    torture=(),
)

SMOKE: Final = Scale(
    name="smoke",
    in_flight=(2,),
    seconds=0.01,
    turns=1,
    slow_every=1,
    repeats=1,
    imports=1,
    report_rows=10,
    rows=(1_000, 2_000),
    items=(10, 20),
    quota=(5, 0.05),
    quota_requests=10,
    journal_groups=2,
    flights=(20, 40),
    flights_at_quota=(25, 60.0),
    jobs=10,
    torture=(),
)
