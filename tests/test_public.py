"""What users may import, and that all of it is there."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Set
from importlib.resources import files
from typing import Any, Final

import pytest

import adflight
import adflight.freewheel
import adflight.iqm
import adflight.sandbox
import adflight.testing
import adflight.types.freewheel
import adflight.types.iqm
from adflight import IQM, FreeWheel
from adflight.core import errors
from adflight_api.freewheel import client as freewheel_client
from adflight_api.iqm import client as iqm_client
from adflight_api.runtime import Resource

# the operations that documents 000 to 002 name; the report's three modes are one
DOCUMENTED: Final = {
    ("GET", "/api/v2/cmp/campaign/{campaignId}"),
    ("GET", "/api/v2/cmp/campaigns/data"),
    ("GET", "/api/v2/cmp/campaigns/list"),
    ("GET", "/api/v2/cmp/campaign/budgetInfo"),
    ("GET", "/api/v2/cmp/campaigngroup/campaign/list"),
    ("GET", "/api/v2/cmp/campaign/start"),
    ("PATCH", "/api/v3/cmp/campaign/update-name/{campaignId}"),
    ("PUT", "/api/v2/cmp/campaigns/update-end-date"),
    ("PUT", "/api/v2/cmp/campaigns/update_budget"),
    ("PATCH", "/api/v2/cmp/campaign/{campaignId}"),
    ("POST", "/api/v3/cmp/campaigns/count"),
    ("POST", "/api/v3/cmp/io/basic/list"),
    ("POST", "/api/v3/cmp/io/campaign/basic/list"),
    ("POST", "/api/v3/cmp/io/campaigns/list"),
    ("POST", "/api/v3/cmp/io/add"),
    ("POST", "/api/v3/cmp/io/duplicate"),
    ("POST", "/api/v3/cmp/io/delete"),
    ("PATCH", "/api/v3/cmp/io/{ioId}"),
    ("PATCH", "/api/v3/cmp/io/update-end-date"),
    ("PATCH", "/api/v3/cmp/io/update-budget"),
    ("POST", "/api/v3/ua/login"),
    ("POST", "/api/v2/cmp/campaigns/add"),
    ("GET", "/api/v3/bm/campaigns/{campaignId}/bundles"),
    ("POST", "/api/v3/bm/bid-models/dimension/entity"),
    ("GET", "/api/v3/bm/campaign/{campaignId}/dimensions/bid-models/count"),
    ("GET", "/api/v3/bm/campaigns/{campaignId}/dimension/{dimensionId}/spent"),
    ("POST", "/api/v3/bm/campaigns/{campaignId}/bid-models/dimensions/{dimensionId}"),
    ("POST", "/api/v2/cmp/deviceType/includeExclude"),
    ("POST", "/api/v2/cmp/exchange/includeExclude"),
    ("POST", "/api/v2/cmp/trafficsource/includeExclude"),
    ("POST", "/api/v3/bm/campaigns/{campaignId}/include-Exclude/dimensions/{dimensionId}"),
    ("PUT", "/api/v3/bm/campaigns/{campaignId}/bid-models/{dimensionId}"),
    ("POST", "/api/v3/bm/campaigns/{campaignId}/dimensions/{dimensionId}/bundles"),
    ("PATCH", "/api/v3/bm/campaigns/{campaignId}/dimensions/{dimensionId}/bundles"),
    ("DELETE", "/api/v3/bm/campaigns/{campaignId}/dimensions{dimensionId}/bundles"),
    ("PUT", "/api/v3/bm/io/{ioId}/bid-models"),
    ("POST", "/api/v3/bm/io/{ioId}/bid-models"),
    ("DELETE", "/api/v3/bm/io/{ioId}/bid-models"),
    ("PATCH", "/api/v3/bm/io/{ioId}/bid-models"),
    ("POST", "/api/v3/bm/campaigns/{campaignId}/reports/{dimensionId}"),
    ("GET", "/api/v3/bm/static/dimensions"),
}

OUTSIDE: Final = {
    ("POST", "/api/v3/ua/oauth/token"),
    ("POST", "/api/v3/ua/logout"),
    ("PUT", "/api/v2/cmp/campaigns/update-status"),
    ("GET", "/api/v3/cmp/io/{ioId}"),
    ("GET", "/api/v3/master/timezones"),
    ("GET", "/api/v3/crt/master/static/creative-types"),
}

# the actions that document 004 names; it gives none of them a method
FREEWHEEL_DOCUMENTED: Final = {
    *("list", "create", "update", "create_proposed", "update_proposed", "get", "delete"),
    *("get_widget", "list_placements", "list_variants", "transfer_budget", "book", "unbook", "change_proposal_status"),
}
FREEWHEEL_OUTSIDE: Final = {
    *("auth_token", "auth_token_info", "insertion_orders_list_by_campaign", "insertion_orders_create_in_campaign"),
}

METHODS: Final = ("get", "put", "post", "patch", "delete")


class Vendor:
    """A client, and what its specification says."""

    def __init__(self, name: str, client: Any, operations: type, *tags: str, own: Set[str] = frozenset()) -> None:
        self.client = client
        self.operations = operations
        self.tags = tags
        self.own = own
        """Methods that take several operations."""
        specification = json.loads((files(f"adflight_api.{name}") / "openapi.json").read_text())
        self.specified: dict[str, tuple[str, str, dict[str, Any]]] = {
            item[method]["operationId"]: (method.upper(), path, item[method])
            for path, item in specification["paths"].items()
            for method in METHODS
            if method in item
        }


IQM_TAGS: Final = ("auth", "bid_models", "campaigns", "insertion_orders", "master")
IQM_CLIENT: Final = IQM(client_id="id", client_secret="secret", email="ada@example.com", password="password")
FREEWHEEL_CLIENT: Final = FreeWheel(username="ada@example.com", password="password")
VENDORS: Final = {
    "iqm": Vendor("iqm", IQM_CLIENT, iqm_client.Operations, *IQM_TAGS),
    "freewheel": Vendor(
        "freewheel",
        FREEWHEEL_CLIENT,
        freewheel_client.Operations,
        *("auth", "insertion_orders"),
        own={"insertion_orders_ensure"},
    ),
}
SPECIFIED: Final = VENDORS["iqm"].specified


# names


@pytest.mark.parametrize("name", adflight.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(adflight, name)
    if name in ("Outcome", "UNSET"):
        # an alias and a value, documented where they are defined
        return
    doc = inspect.getdoc(value)
    assert doc
    # neither object's, nor what attrs writes
    assert doc != inspect.getdoc(object)
    assert not doc.startswith("Method generated by attrs")


def test_all_that_is_public_is_listed() -> None:
    assert list(adflight.__all__) == sorted(set(adflight.__all__))
    public = {name for name, value in vars(adflight).items() if name[0] != "_" and not inspect.ismodule(value)}
    # HttpxTransport comes when it is asked for
    assert public - {"annotations", "TYPE_CHECKING", "Any"} <= set(adflight.__all__)
    assert set(dir(adflight)) >= public


def test_every_error_is_public() -> None:
    assert set(errors.__all__) <= set(adflight.__all__)
    for name in errors.__all__:
        assert issubclass(getattr(adflight, name), adflight.AdflightError)


def test_what_is_not_there_is_an_attribute_error() -> None:
    name = "Colour"
    for module in (adflight, adflight.types.freewheel, adflight.types.iqm):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


@pytest.mark.parametrize(
    "module",
    [
        *(adflight.freewheel, adflight.iqm, adflight.sandbox, adflight.testing),
        *(adflight.types.freewheel, adflight.types.iqm),
    ],
)
def test_every_name_of_a_public_module_is_there(module: Any) -> None:
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize(
    ("vendor", "own"),
    [
        ("iqm", {"Event", "Launch", "Money", "NewCampaign", "NewInsertionOrder", "PlanWarning", "Record"}),
        ("freewheel", {"Ensured"}),
    ],
)
def test_the_types_are_all_models_and_what_a_vendors_flows_take_and_give(vendor: str, own: set[str]) -> None:
    types = importlib.import_module(f"adflight.types.{vendor}")
    models = importlib.import_module(f"adflight_api.{vendor}.models")
    assert set(types.__all__) == {*models.__all__, *own}
    assert set(dir(types)) == set(types.__all__)
    modules = {module.name for module in pkgutil.iter_modules(models.__path__)}
    assert {type(getattr(models, name)).__name__ for name in models.__all__} <= {"type", "EnumType"}
    assert len(modules) == len(models.__all__)


def test_importing_adflight_is_light() -> None:
    program = "import adflight, sys; print(*sorted({'httpx', 'aiohttp', 'starlette', 'rich'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# operations


def is_outside(operation: dict[str, Any]) -> bool:
    return bool(operation["x-adflight"].get("outside"))


def test_the_documented_operations_are_the_specified_ones() -> None:
    assert len(DOCUMENTED) == 41
    specified = {
        (method, operation["x-adflight"].get("wire_path", path))
        for method, path, operation in SPECIFIED.values()
        if not is_outside(operation)
    }
    assert specified == DOCUMENTED


def test_the_others_are_marked_as_coming_from_outside_the_documents() -> None:
    assert {(method, path) for method, path, operation in SPECIFIED.values() if is_outside(operation)} == OUTSIDE


def test_freewheels_documented_actions_are_the_specified_ones() -> None:
    specified = VENDORS["freewheel"].specified
    assert len(FREEWHEEL_DOCUMENTED) == 14
    assert {name for name, (_, _, operation) in specified.items() if is_outside(operation)} == FREEWHEEL_OUTSIDE
    assert specified.keys() - FREEWHEEL_OUTSIDE == {f"insertion_orders_{name}" for name in FREEWHEEL_DOCUMENTED}


def public_methods(resource: Resource) -> set[str]:
    return {name for name in dir(type(resource)) if name[0] != "_"}


@pytest.mark.parametrize(
    ("vendor", "operation"), [(name, operation) for name, vendor in VENDORS.items() for operation in vendor.specified]
)
def test_every_operation_is_a_documented_method(vendor: str, operation: str) -> None:
    about = VENDORS[vendor]
    tag = next(tag for tag in about.tags if operation.startswith(f"{tag}_"))
    name = operation.removeprefix(f"{tag}_")
    method = getattr(getattr(about.client, tag), name)
    assert callable(getattr(getattr(about.client.with_raw_response, tag), name))
    doc = inspect.getdoc(method) or ""
    _, path, specified = about.specified[operation]
    assert specified["x-adflight"]["source"] in " ".join(doc.split())
    # ids in the path are the only arguments without a name
    parameters = inspect.signature(method).parameters.values()
    positional = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(positional) == path.count("{")


@pytest.mark.parametrize("vendor", VENDORS)
def test_there_are_no_other_methods(vendor: str) -> None:
    about = VENDORS[vendor]
    found = {f"{tag}_{name}" for tag in about.tags for name in public_methods(getattr(about.client, tag))}
    assert found == about.specified.keys() | about.own
    tags = {name for name, value in vars(about.operations).items() if isinstance(value, property)}
    assert tags == set(about.tags)
