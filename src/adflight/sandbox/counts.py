"""What the sandbox received, carried out and answered, and the quota that it holds accounts to.

Imports nothing of the sandbox.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Counts", "Meter", "Quota"]


class ByOperation(Counter[str]):
    """Numbers by operationId (`campaigns_get`); the client's name of an operation (`campaigns.get`) finds them too."""

    def __missing__(self, name: str) -> int:
        return self[name.replace(".", "_")] if "." in name else 0


@dataclass
class Counts:
    """What happened since the start or the last reset. What is counted by operation has operationIds as keys."""

    requests: int = 0
    """Requests that were received."""
    operations: ByOperation = field(default_factory=ByOperation)
    """Requests received, by operation."""
    executions: ByOperation = field(default_factory=ByOperation)
    """How often each operation was carried out: once for each time that it had its effect."""
    answers: Counter[int] = field(default_factory=Counter)
    """Answers sent, by HTTP status."""
    windows: dict[int, ByOperation] = field(default_factory=dict)
    """Requests received, by the epoch second in which their window began, then by operation. Windows follow one
    another."""
    busiest: dict[str, int] = field(default_factory=dict)
    """By account, the most requests of one quota in any window, wherever it begins."""


Quota: TypeAlias = tuple[int | None, float]
"""How many requests an account may send, None for any number, in a window of how many sandbox seconds."""


class Meter:
    """Counts requests, and refuses those above the quota.

    `limit` and `window` are for the group of operations that is called "api", `others` for further ones: each group is
    counted by itself. A group without a quota of its own has none.
    """

    def __init__(self, limit: int | None, window: float, others: Mapping[str, Quota] | None = None) -> None:
        self.window = window
        self.counts = Counts()
        self._quotas: dict[str, Quota] = {**(others or {}), "api": (limit, window)}
        self._received: dict[tuple[str, str], deque[float]] = {}
        self._admitted: dict[tuple[str, str], deque[float]] = {}

    @property
    def quotas(self) -> Mapping[str, Quota]:
        """By group of operations."""
        return self._quotas

    def reset(self) -> None:
        """Start counting anew."""
        self.counts = Counts()
        self._received.clear()
        self._admitted.clear()

    def receive(self, operation: str, account: str, now: float, group: str = "api") -> None:
        """Count a request that was read."""
        counts = self.counts
        counts.requests += 1
        counts.operations[operation] += 1
        counts.windows.setdefault(int(now // self.window * self.window), ByOperation())[operation] += 1
        recent = self._recent(self._received, account, now, group)
        recent.append(now)
        counts.busiest[account] = max(counts.busiest.get(account, 0), len(recent))

    def wait(self, account: str, now: float, group: str = "api") -> float:
        """Admit one request and return 0.0, or return the seconds until the account may send another.

        The window slides: a request counts until exactly one window after its arrival. Refused ones do not count.
        """
        limit, window = self._quota(group)
        if limit is None:
            return 0.0
        recent = self._recent(self._admitted, account, now, group)
        if len(recent) >= limit:
            return recent[-limit] + window - now
        recent.append(now)
        return 0.0

    def _quota(self, group: str) -> Quota:
        return self._quotas.get(group, (None, self.window))

    def _recent(
        self, arrivals: dict[tuple[str, str], deque[float]], account: str, now: float, group: str
    ) -> deque[float]:
        _, window = self._quota(group)
        recent = arrivals.setdefault((group, account), deque())
        while recent and recent[0] <= now - window:
            recent.popleft()
        return recent
