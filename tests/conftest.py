"""How hypothesis tries things, without looking at the clock and in CI always the same ones, and what surrounds them."""

from __future__ import annotations

import os
import signal
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
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests, and the programs that they start, are to find, wherever they run."""
    # a script that starts the tests in the background has them ignore interrupts, and their programs, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        # requests of tests are not counted together with those of the developer's own programs
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("TERM", "xterm-256color")
        yield
