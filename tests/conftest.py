"""How hypothesis tries things, without looking at the clock and in CI always the same ones, and a home for state."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
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


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """So that requests of tests are not counted together with those of the developer's own programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
