"""The vendors that the sandbox serves. One more is one more line here, and a package with its description.

Imports the vendors' packages.
"""

from __future__ import annotations

from .freewheel.vendor import FREEWHEEL
from .icareus.vendor import ICAREUS
from .iqm.vendor import IQM
from .vendor import Vendor

__all__ = ["VENDORS"]

VENDORS: tuple[Vendor, ...] = (IQM, FREEWHEEL, ICAREUS)
"""The first is the one that a fault without a vendor's name is for."""
