"""A local server that behaves like the ad platforms: stateful, with their envelopes, quotas, errors and faults.

Imports nothing of the client: it shares only the specifications with it, so that the two can disagree.
"""

from __future__ import annotations

from .counts import Counts
from .faults import Fault, FaultKind
from .options import SandboxOptions
from .server import Sandbox, serve

__all__ = ["Counts", "Fault", "FaultKind", "Sandbox", "SandboxOptions", "serve"]
