"""`adflight quickstart`: what each vendor's client is for, step by step, with what was sent and what came back.

`command` runs the parts, one module a vendor (`iqm`, `freewheel`, `icareus`). Each is a `part`, which knows what it has
made, and shows itself on a `screen`.
"""

from adflight.cli.quickstart.command import Quickstart, Vendor

__all__ = ["Quickstart", "Vendor"]
