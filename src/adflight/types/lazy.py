"""How the modules beside this one give their names: a vendor's models and a few of our own, each when it is first used.

Imports nothing but what it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def names_of(models: ModuleType, own: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's `__getattr__` and `__dir__`; `own` says in which modules of adflight names are that are no models."""

    def getattribute(name: str) -> Any:
        return getattr(import_module(f"adflight.{own[name]}") if name in own else models, name)

    def directory() -> list[str]:
        return sorted((*models.__all__, *own))

    return getattribute, directory
