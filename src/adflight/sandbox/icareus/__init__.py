"""Icareus in the sandbox: what each operation does, by operationId."""

from __future__ import annotations

from ..world import Handler

__all__ = ["HANDLERS", "KINDS"]

KINDS: tuple[str, ...] = ()
"""Kinds of objects in the store."""

HANDLERS: dict[str, Handler] = {}
