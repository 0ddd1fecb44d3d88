"""The generator for tests: its modules are no package, they find each other in their own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SPECIFICATION = ROOT / "openapi" / "iqm.yaml"
VENDORS = sorted(path.parent.name for path in (ROOT / "generated" / "adflight_api").glob("*/openapi.json"))


@pytest.fixture(scope="session")
def codegen() -> Iterator[Callable[[str], Any]]:
    """Imports a module of `openapi/codegen/`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "openapi" / "codegen")
        yield import_module
