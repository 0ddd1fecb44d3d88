"""FreeWheel's insertion orders, and what becomes of placements and variants with them."""

from __future__ import annotations

from ..world import Handler
from . import insertion_orders, proposal

__all__ = ["HANDLERS", "KINDS"]

KINDS = ("order", "placement", "variant")
"""Kinds of objects in the store."""

HANDLERS: dict[str, Handler] = {**insertion_orders.HANDLERS, **proposal.HANDLERS}
"""What each operation does, by operationId."""
