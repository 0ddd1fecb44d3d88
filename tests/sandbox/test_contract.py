"""schemathesis against the sandbox: whatever the specification allows is answered as the specification says."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from importlib import resources
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adflight.sandbox import Sandbox
from tests.sandbox.served import Served

SPECIFICATION = orjson.loads(resources.files("adflight_api.iqm").joinpath("openapi.json").read_bytes())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

BASIC = "Basic " + b64encode(f"{Sandbox.CLIENT_ID}:{Sandbox.CLIENT_SECRET}".encode()).decode()
ANSWERED: dict[str, set[int]] = {}

schema = schemathesis.openapi.from_dict(SPECIFICATION)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as served:
        yield served


def log_in(url: str) -> dict[str, str]:
    body = {"grantType": "password", "email": Sandbox.EMAIL, "password": Sandbox.PASSWORD}
    login = httpx.post(f"{url}/api/v3/ua/login", json=body, headers={"Authorization": BASIC})
    return {"Authorization": f"Bearer {login.json()['data']['access_token']}", "X-IAA-OW-ID": str(Sandbox.OW_ID)}


@pytest.fixture
def bearer(served: Served) -> dict[str, str]:
    """A log-in for each operation, since one of them logs out."""
    return log_in(served.sandbox.url)


@pytest.fixture(scope="module")
def existing(served: Served) -> dict[str, int]:
    """Path parameters that name something: an insertion order, a campaign in it, a dimension."""
    paths = {"ioId": ("/api/v3/cmp/io/add", "budget"), "campaignId": ("/api/v2/cmp/campaigns/add", "")}
    found = {"dimensionId": 1}
    for name, (path, _) in paths.items():
        content = SPECIFICATION["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body = dict(next(iter(content["examples"].values()))["value"])
        if name == "ioId":
            body.pop("ioTotalBudget", None)
        body |= {key: value for key, value in {"ioId": found.get("ioId")}.items() if value}
        for key in body:
            if key.endswith("Time"):
                factor = 1000 if key.startswith("io") else 1
                body[key] = int(served.sandbox.now() + (86400 if "tart" in key else 864000)) * factor
        answer = httpx.post(served.sandbox.url + path, json=body, headers=log_in(served.sandbox.url)).json()
        found[name] = answer["data"]["ioId"] if name == "ioId" else answer["responseObject"]["data"]
    return found


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_operation(
    case: schemathesis.Case[Any], served: Served, bearer: dict[str, str], existing: dict[str, int]
) -> None:
    basic = case.path.startswith(("/api/v3/ua/login", "/api/v3/ua/oauth"))
    headers = {"Authorization": BASIC} if basic else bearer
    for name, value in (case.path_parameters or {}).items():
        if str(value).lstrip("-").isdigit() and int(value) % 3:
            case.path_parameters[name] = existing[name]
    response = case.call_and_validate(base_url=served.sandbox.url, headers=headers, checks=CHECKS)
    assert served.sandbox.crashes == []
    ANSWERED.setdefault(case.operation.label, set()).add(response.status_code)


def test_every_operation_was_let_in() -> None:
    """Refused log-ins would conform as well, and prove nothing."""
    assert [label for label, statuses in ANSWERED.items() if not statuses - {401}] == []
    carried_out = [label for label, statuses in ANSWERED.items() if 200 in statuses]
    assert len(carried_out) > len(ANSWERED) / 2
