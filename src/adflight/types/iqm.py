"""The models and enums of IQM's operations, and what a launch takes and gives. Each is imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adflight_api.iqm.models as _models
from adflight.types.lazy import names_of

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
__getattr__, __dir__ = names_of(_models, _MODULES)
