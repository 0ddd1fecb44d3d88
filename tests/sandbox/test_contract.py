"""schemathesis against the sandbox: whatever a specification allows is answered as the specification says."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adflight.sandbox import Sandbox
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from adflight.sandbox.icareus.vendor import IcareusPlatform
from adflight.sandbox.validation import Validation
from adflight.sandbox.vendor import Vendor
from adflight.sandbox.vendors import VENDORS
from tests.sandbox import small_vendors
from tests.sandbox.served import OPTIONS, Served
from tests.sandbox.small_vendors import XML

# 500 is what the vendor answers in places, on purpose; that the sandbox itself failed is what `crashes` tells
CHECKS = [status_code_conformance, content_type_conformance]

BASIC = "Basic " + b64encode(f"{Sandbox.CLIENT_ID}:{Sandbox.CLIENT_SECRET}".encode()).decode()


@pytest.fixture(scope="module")
def registered() -> Iterator[Served]:
    with Served(VENDORS) as served:
        yield served


@pytest.fixture(scope="module")
def small() -> Iterator[Served]:
    with Served(small_vendors.VENDORS) as served:
        yield served


@dataclass
class Access:
    """What lets a request in."""

    headers: Mapping[str, str]
    query: Mapping[str, Any]


@dataclass
class Contract:
    """How a vendor is tried."""

    enter: Callable[[str], Access]
    """Log in at a base URL."""
    prepare: Callable[[Served, str, Access], Mapping[str, int]]
    """Create what parameters can name; by the names of the parameters."""


def enter_iqm(url: str) -> Access:
    body = {"grantType": "password", "email": Sandbox.EMAIL, "password": Sandbox.PASSWORD}
    login = httpx.post(f"{url}/api/v3/ua/login", json=body, headers={"Authorization": BASIC})
    token = login.json()["data"]["access_token"]
    return Access({"Authorization": f"Bearer {token}", "X-IAA-OW-ID": str(Sandbox.OW_ID)}, {})


def prepare_iqm(served: Served, url: str, access: Access) -> Mapping[str, int]:
    paths = {"ioId": "/api/v3/cmp/io/add", "campaignId": "/api/v2/cmp/campaigns/add"}
    document = served.sandbox.iqm.engine.validation.specification.document
    found = {"dimensionId": 1}
    for name, path in paths.items():
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body = dict(next(iter(content["examples"].values()))["value"])
        if name == "ioId":
            body.pop("ioTotalBudget", None)
        body |= {key: value for key, value in {"ioId": found.get("ioId")}.items() if value}
        for key in body:
            if key.endswith("Time"):
                factor = 1000 if key.startswith("io") else 1
                body[key] = int(served.sandbox.now() + (86400 if "tart" in key else 864000)) * factor
        answer = httpx.post(url + path, json=body, headers=access.headers).json()
        found[name] = answer["data"]["ioId"] if name == "ioId" else answer["responseObject"]["data"]
    return found


def enter_freewheel(url: str) -> Access:
    platform = FreeWheelPlatform
    fields = {"grant_type": "password", "username": platform.USERNAME, "password": platform.PASSWORD}
    token = httpx.post(f"{url}/auth/token", data=fields).json()["access_token"]
    return Access({"Authorization": f"Bearer {token}", "Accept": f"{XML}, application/json"}, {})


def prepare_freewheel(served: Served, url: str, access: Access) -> Mapping[str, int]:
    body = "<insertion_order><name>Spring</name><campaign_id>1</campaign_id></insertion_order>"
    return {
        "campaign_id": 1,
        "insertion_order_id": created(f"{url}/services/v3/insertion_order", body, access),
    }


def prepare_small_freewheel(served: Served, url: str, access: Access) -> Mapping[str, int]:
    return {"order_id": created(f"{url}/services/v3/order", "<order><name>Spring</name></order>", access)}


def created(url: str, body: str, access: Access) -> int:
    answer = httpx.post(url, content=body, headers={**access.headers, "Content-Type": XML})
    return int(answer.text.partition("<id>")[2].partition("</id>")[0])


def enter_icareus(url: str) -> Access:
    platform = IcareusPlatform
    query = {"organizationId": platform.ORGANIZATION_ID, "token": platform.TOKEN, "userId": platform.USER_ID}
    return Access({}, query)


def prepare_icareus(served: Served, url: str, access: Access) -> Mapping[str, int]:
    """A campaign of each type; what updates a type is tried with one of it."""
    specification = served.sandbox.icareus.engine.validation.specification
    found = {}
    for operation in specification.operations:
        path, _, verb = operation.paths[0].rpartition("/")
        if verb == "create" and not operation.needed:
            content = specification.at(operation.body_pointer.rpartition("/")[0])
            body = next(iter(content["examples"].values()))["value"]
            answer = httpx.post(f"{url}{path}/create", params=access.query, json=body)
            found[path] = int(answer.json()["campaignId"])
    return found | {"campaignId": next(iter(found.values()))}


CONTRACTS = {
    "iqm": Contract(enter_iqm, prepare_iqm),
    "freewheel": Contract(enter_freewheel, prepare_freewheel),
    "icareus": Contract(enter_icareus, prepare_icareus),
}
SMALL = {
    "freewheel": Contract(enter_freewheel, prepare_small_freewheel),
    "icareus": Contract(enter_icareus, prepare_icareus),
}


ANSWERED: dict[str, dict[str, set[int]]] = {}


def trial(vendor: Vendor, contract: Contract, fixture: str) -> Callable[..., None]:
    """The test of a vendor's operations. `fixture` serves it."""
    specification = vendor.validation(OPTIONS).specification
    operations = {(operation.paths[0], operation.method): operation for operation in specification.operations}
    validation = Validation(specification)
    schema = schemathesis.openapi.from_dict(dict(specification.document))
    answered = ANSWERED.setdefault(f"{fixture} {vendor.name}", {})
    entered: dict[str, tuple[Access, Mapping[str, int]]] = {}

    @schema.parametrize()
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test(case: schemathesis.Case[Any], request: pytest.FixtureRequest) -> None:
        served: Served = request.getfixturevalue(fixture)
        url = served.sandbox.platforms[vendor.name].url
        operation = operations[case.operation.path, case.operation.method.upper()]
        # anew for each operation, since one of them logs out, and others delete
        if operation.id not in entered:
            access = contract.enter(url)
            entered[operation.id] = access, contract.prepare(served, url, access)
        access, existing = entered[operation.id]
        for values in (case.path_parameters or {}, case.query or {}):
            for name, value in values.items():
                if name in existing and str(value).lstrip("-").isdigit() and (int(value) % 3 or values is case.query):
                    values[name] = existing.get(case.path.rpartition("/")[0], existing[name])
        headers = {**access.headers, "Authorization": BASIC} if operation.credentials == "basic" else access.headers
        if operation.keys:
            case.query = {**(case.query or {}), **{key: access.query[key] for key in operation.keys}}
        # what schemathesis makes of XML is untyped, so that answers in it are read by the sandbox's own codec
        checks = CHECKS if operation.answer_type == XML else [*CHECKS, response_schema_conformance]
        response = case.call_and_validate(base_url=url, headers=dict(headers), checks=checks)
        assert served.sandbox.crashes == []
        if response.status_code == 405:
            return  # schemathesis tries methods that are not there, too
        if response.headers.get("content-type", [""])[0] == XML:
            assert validation.answer_errors(operation, response.status_code, response.content) == []
        answered.setdefault(case.operation.label, set()).add(response.status_code)

    made: Callable[..., None] = test
    return made


# schemathesis makes a test of each operation, and wants a function for each document
for vendor in VENDORS:
    globals()[f"test_{vendor.name}"] = trial(vendor, CONTRACTS[vendor.name], "registered")
for vendor in small_vendors.VENDORS[1:]:
    globals()[f"test_small_{vendor.name}"] = trial(vendor, SMALL[vendor.name], "small")


@pytest.mark.parametrize("which", ANSWERED)
def test_every_operation_was_let_in(which: str) -> None:
    """Refused log-ins would conform as well, and prove nothing."""
    answered = ANSWERED[which]
    assert [label for label, statuses in answered.items() if not statuses - {401, 403}] == []
    carried_out = [label for label, statuses in answered.items() if statuses & {200, 201}]
    assert len(carried_out) > len(answered) / 2
