"""Launching and managing campaigns on ad platforms, asynchronously.

    from adflight import IQM

    async with IQM.from_env() as iqm:
        print(await iqm.campaigns.get(537599))

`FreeWheel` is used in the same way.
Models are in `adflight.types`, a sandbox in `adflight.sandbox`, fixtures for tests in `adflight.testing`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from adflight.core.options import Hook, Options
from adflight.core.quota import Quota
from adflight.core.routing import Route
from adflight.core.transport import AiohttpTransport, Transport, WireAnswer, WireRequest
from adflight_api.runtime import UNSET, Page, Pager, RawResponse, Unset

if TYPE_CHECKING:
    from adflight.core.httpx_bridge import HttpxTransport
    from adflight.flights.planning import plan
    from adflight.flights.saved_plan import load_plan
    from adflight.freewheel import FreeWheel
    from adflight.icareus import Icareus
    from adflight.iqm import IQM

# nobody needs all of these, and together they would double the time that importing adflight takes
_WHEN_USED = {
    "FreeWheel": "adflight.freewheel",
    "HttpxTransport": "adflight.core.httpx_bridge",
    "IQM": "adflight.iqm",
    "Icareus": "adflight.icareus",
    "load_plan": "adflight.flights.saved_plan",
    "plan": "adflight.flights.planning",
}

__all__ = [
    "APIError",
    "AdflightError",
    "AiohttpTransport",
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
    if name in _WHEN_USED:
        return getattr(import_module(_WHEN_USED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
