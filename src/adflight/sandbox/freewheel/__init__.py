"""FreeWheel in the sandbox: what each operation does, by operationId."""

from __future__ import annotations

from ..world import Handler
from . import auth, insertion_orders, proposal

__all__ = ["HANDLERS", "KINDS"]

KINDS = ("order", "placement", "variant")
"""Kinds of objects in the store, tokens aside."""

HANDLERS: dict[str, Handler] = {**auth.HANDLERS, **insertion_orders.HANDLERS, **proposal.HANDLERS}
