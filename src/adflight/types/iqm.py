"""The models and enums of IQM's operations, and what a launch takes and gives. Each is imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import adflight_api.iqm.models as _models

if TYPE_CHECKING:
    from adflight.core.steps import Event as Event
    from adflight.core.steps import Record as Record
    from adflight.iqm.launch import Launch as Launch
    from adflight.iqm.plan import Money as Money
    from adflight.iqm.plan import NewCampaign as NewCampaign
    from adflight.iqm.plan import NewInsertionOrder as NewInsertionOrder
    from adflight.iqm.plan import PlanWarning as PlanWarning
    from adflight_api.iqm.models import *

_MODULES = {
    "Event": "core.steps",
    "Record": "core.steps",
    "Launch": "iqm.launch",
    "Money": "iqm.plan",
    "NewCampaign": "iqm.plan",
    "NewInsertionOrder": "iqm.plan",
    "PlanWarning": "iqm.plan",
}

__all__ = (*_models.__all__, *_MODULES)


def __getattr__(name: str) -> Any:
    module = import_module(f"adflight.{_MODULES[name]}") if name in _MODULES else _models
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
