from __future__ import annotations

from tests.codegen import codegen

__all__ = ["codegen"]
