"""The models and enums of FreeWheel's operations, and what ensuring gives. Each is imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import adflight_api.freewheel.models as _models

if TYPE_CHECKING:
    from adflight.freewheel.ensuring import Ensured as Ensured
    from adflight_api.freewheel.models import *

_MODULES = {"Ensured": "ensuring"}

__all__ = (*_models.__all__, *_MODULES)


def __getattr__(name: str) -> Any:
    module = import_module(f"adflight.freewheel.{_MODULES[name]}") if name in _MODULES else _models
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
