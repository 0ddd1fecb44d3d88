"""What the sandbox received, carried out and answered, and the quota that it holds accounts to.

Imports nothing of the sandbox.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

__all__ = ["Counts", "Meter"]


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
    """By account, the most requests in any window, wherever it begins."""


class Meter:
    """Counts requests, and refuses those above the quota.

    `window` is the length of a window in sandbox seconds; `limit` how many requests an account may send in one, or
    None.
    """

    def __init__(self, limit: int | None, window: float) -> None:
        self.limit = limit
        self.window = window
        self.counts = Counts()
        self._received: dict[str, deque[float]] = {}
        self._admitted: dict[str, deque[float]] = {}

    def reset(self) -> None:
        """Start counting anew."""
        self.counts = Counts()
        self._received.clear()
        self._admitted.clear()

    def receive(self, operation: str, account: str, now: float) -> None:
        """Count a request that was read."""
        counts = self.counts
        counts.requests += 1
        counts.operations[operation] += 1
        counts.windows.setdefault(int(now // self.window * self.window), ByOperation())[operation] += 1
        recent = self._recent(self._received, account, now)
        recent.append(now)
        counts.busiest[account] = max(counts.busiest.get(account, 0), len(recent))

    def wait(self, account: str, now: float) -> float:
        """Admit one request and return 0.0, or return the seconds until the account may send another.

        The window slides: a request counts until exactly one window after its arrival. Refused ones do not count.
        """
        if self.limit is None:
            return 0.0
        recent = self._recent(self._admitted, account, now)
        if len(recent) >= self.limit:
            return recent[-self.limit] + self.window - now
        recent.append(now)
        return 0.0

    def _recent(self, arrivals: dict[str, deque[float]], account: str, now: float) -> deque[float]:
        recent = arrivals.setdefault(account, deque())
        while recent and recent[0] <= now - self.window:
            recent.popleft()
        return recent
