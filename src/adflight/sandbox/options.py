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
    """How many requests an IQM account may send in how many seconds; None switches the quota off."""
    freewheel_quota: tuple[int, float] | None = (20, 1.0)
    """The same for a FreeWheel account."""
    freewheel_auth_quota: tuple[int, float] | None = (3, 1.0)
    """The same for FreeWheel's token requests, which are counted by themselves, by address."""
    icareus_quota: tuple[int, float] | None = None
    """The same for an Icareus organization; its documents name no quota."""
    retry_after: str | None = None
    """What a refusal for the quota tells: None (as the vendor does), "seconds" or "date"."""
    approval_delay: float = 5.0
    """Seconds until a pending campaign runs."""
    token_lifetime: float = 35999.0
    """Seconds until an access token of IQM expires."""
    freewheel_token_lifetime: float = 604800.0
    """Seconds until a token of FreeWheel expires."""
    refresh_lifetime: float | None = None
    """Seconds until a refresh token expires; None for never."""
    seed: int = 0
    """What invented figures and the probabilities of faults are drawn from."""
    database: str = ":memory:"
    """A file that keeps the state from one run to the next, or ":memory:"."""
    faults: tuple[Fault, ...] = field(default=())
    """Faults that are set up from the start: of IQM, unless the operation begins with another vendor's name."""
    specification: dict[str, Any] | str | None = None
    """IQM's OpenAPI document, or the path of its JSON; the one that comes with adflight by default."""
