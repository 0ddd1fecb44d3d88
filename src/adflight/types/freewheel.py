"""The models and enums of FreeWheel's operations, and what ensuring gives. Each is imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adflight_api.freewheel.models as _models
from adflight.types.lazy import names_of

if TYPE_CHECKING:
    from adflight.freewheel.ensuring import Ensured as Ensured
    from adflight_api.freewheel.models import *

_MODULES = {"Ensured": "freewheel.ensuring"}

__all__ = (*_models.__all__, *_MODULES)
__getattr__, __dir__ = names_of(_models, _MODULES)
