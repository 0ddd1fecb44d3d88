"""Launching and managing campaigns on ad platforms, asynchronously.

    from adflight import IQM

    async with IQM.from_env() as iqm:
        print(await iqm.campaigns.get(537599))

`FreeWheel` is used in the same way.
Models are in `adflight.types`, a sandbox in `adflight.sandbox`, fixtures for tests in `adflight.testing`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adflight.core.batch import Done, Failed, Outcome, map_calls
    from adflight.core.clock import Clock
    from adflight.core.credentials import MemoryStore, Token, TokenStore
    from adflight.core.errors import (
        AdflightError,
        APIError,
        AuthenticationError,
        CampaignNotRunning,
        ConfigurationError,
        ConnectionBroken,
        InvalidFile,
        InvalidInput,
        LaunchFailed,
        NotFound,
        NotSent,
        OperationNotConfigured,
        OverBudget,
        PagingError,
        PartialFailure,
        PermissionDenied,
        PlanOutdated,
        RateLimited,
        ServerError,
        Timeout,
        TransportError,
        UnknownOutcome,
        ValidationFailed,
        WaitTimeout,
    )
    from adflight.core.httpx_bridge import HttpxTransport
    from adflight.core.options import Attempted, Hook, Options
    from adflight.core.quota import Quota
    from adflight.core.routing import Route
    from adflight.core.transport import AiohttpTransport, Transport, WireAnswer, WireRequest
    from adflight.flights.planning import plan
    from adflight.flights.saved_plan import load_plan
    from adflight.freewheel import FreeWheel
    from adflight.icareus import Icareus
    from adflight.iqm import IQM
    from adflight_api.runtime import UNSET, Page, Pager, RawResponse, Unset

# nobody needs all of these, the command line's help needs none, and together they take a tenth of a second
_HOMES = {
    "adflight.core.batch": ("Done", "Failed", "Outcome", "map_calls"),
    "adflight.core.clock": ("Clock",),
    "adflight.core.credentials": ("MemoryStore", "Token", "TokenStore"),
    "adflight.core.httpx_bridge": ("HttpxTransport",),
    "adflight.core.options": ("Attempted", "Hook", "Options"),
    "adflight.core.quota": ("Quota",),
    "adflight.core.routing": ("Route",),
    "adflight.core.transport": ("AiohttpTransport", "Transport", "WireAnswer", "WireRequest"),
    "adflight.flights.planning": ("plan",),
    "adflight.flights.saved_plan": ("load_plan",),
    "adflight.freewheel": ("FreeWheel",),
    "adflight.icareus": ("Icareus",),
    "adflight.iqm": ("IQM",),
    "adflight_api.runtime": ("UNSET", "Page", "Pager", "RawResponse", "Unset"),
}
_WHEN_USED = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "APIError",
    "AdflightError",
    "AiohttpTransport",
    "Attempted",
    "AuthenticationError",
    "CampaignNotRunning",
    "Clock",
    "ConfigurationError",
    "ConnectionBroken",
    "Done",
    "Failed",
    "FreeWheel",
    "Hook",
    "HttpxTransport",
    "IQM",
    "Icareus",
    "InvalidFile",
    "InvalidInput",
    "LaunchFailed",
    "MemoryStore",
    "NotFound",
    "NotSent",
    "OperationNotConfigured",
    "Options",
    "Outcome",
    "OverBudget",
    "Page",
    "Pager",
    "PagingError",
    "PartialFailure",
    "PermissionDenied",
    "PlanOutdated",
    "Quota",
    "RateLimited",
    "RawResponse",
    "Route",
    "ServerError",
    "Timeout",
    "Token",
    "TokenStore",
    "Transport",
    "TransportError",
    "UNSET",
    "UnknownOutcome",
    "Unset",
    "ValidationFailed",
    "WaitTimeout",
    "WireAnswer",
    "WireRequest",
    "load_plan",
    "map_calls",
    "plan",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # what has no other home is an error
    value = getattr(import_module(_WHEN_USED.get(name, "adflight.core.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
