"""How a sandbox is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .faults import Fault

__all__ = ["SandboxOptions"]


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """Settings of a sandbox. All times are in sandbox seconds, which `time_scale` makes shorter than real ones."""

    time_scale: float = 1.0
    """How many sandbox seconds pass in a real one: with 60, a minute's quota passes in a second."""
    start: float | None = None
    """The sandbox's first moment, in epoch seconds; the present by default."""
    quota: tuple[int, float] | None = (20, 60.0)
    """How many requests an account may send in how many seconds; None switches the quota off."""
    retry_after: str | None = None
    """What a refusal for the quota tells: None (as the vendor does), "seconds" or "date"."""
    approval_delay: float = 5.0
    """Seconds until a pending campaign runs."""
    token_lifetime: float = 35999.0
    """Seconds until an access token expires."""
    refresh_lifetime: float | None = None
    """Seconds until a refresh token expires; None for never."""
    seed: int = 0
    """What invented figures and the probabilities of faults are drawn from."""
    database: str = ":memory:"
    """A file that keeps the state from one run to the next, or ":memory:"."""
    faults: tuple[Fault, ...] = field(default=())
    """Faults that are set up from the start."""
    specification: dict[str, Any] | str | None = None
    """The OpenAPI document, or the path of its JSON; the one that comes with adflight by default."""
