"""The models and enums of Icareus' operations, and what a launch takes and gives. Each is imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adflight_api.icareus.models as _models
from adflight.types.lazy import names_of

if TYPE_CHECKING:
    from adflight.core.steps import Event as Event
    from adflight.core.steps import Record as Record
    from adflight.icareus.launch import Launch as Launch
    from adflight.icareus.plan import NewCampaign as NewCampaign
    from adflight.icareus.plan import NewSchedule as NewSchedule
    from adflight.icareus.plan import Repeat as Repeat
    from adflight_api.icareus.models import *

_MODULES = {
    "Event": "core.steps",
    "Record": "core.steps",
    "Launch": "icareus.launch",
    "NewCampaign": "icareus.plan",
    "NewSchedule": "icareus.plan",
    "Repeat": "icareus.plan",
}

__all__ = (*_models.__all__, *_MODULES)
__getattr__, __dir__ = names_of(_models, _MODULES)
