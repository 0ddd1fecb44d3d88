"""Icareus in the sandbox: what each operation does, by operationId."""

from __future__ import annotations

from ..world import Handler
from . import campaigns, schedules

__all__ = ["HANDLERS", "KINDS"]

KINDS = ("campaign", "schedule", "cap")
"""Kinds of objects in the store."""

HANDLERS: dict[str, Handler] = {**campaigns.HANDLERS, **schedules.HANDLERS}
