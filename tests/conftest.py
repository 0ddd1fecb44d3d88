"""How hypothesis tries things: without looking at the clock, and in CI the same things every time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "adflight",
    deadline=None,
    # machines are shared: that drawing values took long says nothing of the code
    suppress_health_check=[HealthCheck.too_slow],
    # a change must not fail for what another one left undiscovered; who works on it tries anew each time
    derandomize="CI" in os.environ,
)
settings.load_profile("adflight")
