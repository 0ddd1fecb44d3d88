"""The stock client: what openapi-python-client makes of the same specification with its own templates and settings."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent
SPECIFICATION = ROOT / "openapi" / "iqm.yaml"


@frozen
class Stock:
    """The parts of it that are compared. They are made while the benchmarks run, so no type checker knows them."""

    client: Any
    """`AuthenticatedClient`."""
    create: Any
    """The coroutine function of the operation that creates an insertion order."""
    new_insertion_order: Any
    """The model of its body."""
    budget_type: Any
    distribution_method: Any
    campaign_reports: Any
    """The model of a page of campaigns with their figures."""


@contextmanager
def stock_client() -> Iterator[Stock]:
    """Generates it into a temporary folder and imports it from there.

    Raises:
        subprocess.CalledProcessError: The generator failed or left something out.
    """
    with tempfile.TemporaryDirectory() as folder:
        generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
        # it calls ruff, which is installed beside this interpreter
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        subprocess.run(
            [*generator, "--path", str(SPECIFICATION), "--output-path", str(Path(folder, "stock_iqm"))],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": path},
        )
        sys.path.insert(0, folder)
        try:
            models = import_module("stock_iqm.models")
            yield Stock(
                client=import_module("stock_iqm").AuthenticatedClient,
                create=import_module("stock_iqm.api.insertion_orders.insertion_orders_create").asyncio,
                new_insertion_order=models.InsertionOrdersCreateRequest,
                budget_type=models.BudgetType,
                distribution_method=models.BudgetDistributionMethod,
                campaign_reports=models.InsertionOrdersListCampaignReportsResponse200,
            )
        finally:
            sys.path.remove(folder)
