"""FreeWheel in the sandbox: what each operation does, by operationId."""

from __future__ import annotations

from ..world import Handler
from . import auth

__all__ = ["HANDLERS", "KINDS"]

KINDS: tuple[str, ...] = ()
"""Kinds of objects in the store, tokens aside."""

HANDLERS: dict[str, Handler] = {**auth.HANDLERS}
