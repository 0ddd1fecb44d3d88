"""What a platform sends: the part of one in memory that says so, and what reading takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from adflight.core.client import Client
from adflight.core.options import Attempted
from adflight.flights.platform import Platform
from tests.clock import FakeClock


class Observed:
    """Tells observers what its heir tells it was sent."""

    clock: FakeClock

    def __init__(self) -> None:
        self.observers: list[Callable[[Attempted], object]] = []

    @contextmanager
    def observed(self, observer: Callable[[Attempted], object]) -> Iterator[None]:
        self.observers.append(observer)
        try:
            yield
        finally:
            self.observers.remove(observer)

    def tell(
        self,
        operation: str,
        outcome: str = "answered",
        status: int | None = 200,
        *,
        at: float | None = None,
        is_watched: bool = False,
        number: int = 1,
    ) -> None:
        now = self.clock.time()
        at = now if at is None else at
        for observer in self.observers:
            observer(
                Attempted(
                    operation=operation,
                    number=number,
                    outcome=outcome,
                    status=status,
                    sent_at=at,
                    elapsed=now - at,
                    is_watched=is_watched,
                    is_apart=False,
                )
            )


@contextmanager
def counting(client: Client[Any] | Platform) -> Iterator[Counter[str]]:
    """How many requests leave, by operation; filled within the block."""
    counts: Counter[str] = Counter()

    def count(one: Attempted) -> None:
        counts[one.operation] += one.has_left

    with client.observed(count):
        yield counts
