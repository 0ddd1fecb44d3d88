"""Which platform goes with which client; each is imported when it is used. Imports platform and core."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from adflight.core.errors import InvalidInput
from adflight.flights.platform import Platform

if TYPE_CHECKING:
    from adflight.core.client import Client

Account: TypeAlias = "Client[Any] | Platform"
"""A client, or the platform that was made of one."""

PLATFORMS: Final = {
    "adflight.iqm.client.IQM": "adflight.flights.iqm.IQMPlatform",
    "adflight.freewheel.client.FreeWheel": "adflight.flights.freewheel.FreeWheelPlatform",
}
"""By the client's class, which is not imported for it."""


def platform_for(account: Account) -> Platform:
    """The platform of a client's account; a platform is returned as it is.

    Raises `InvalidInput` for what is no client, or one of a vendor whose flights are not supported.
    """
    from adflight.core.client import Client

    if not isinstance(account, Client) and hasattr(account, "columns"):
        return account
    for kind in type(account).__mro__:
        named = PLATFORMS.get(f"{kind.__module__}.{kind.__qualname__}")
        if named is not None:
            module, _, name = named.rpartition(".")
            platform: Platform = getattr(import_module(module), name)(account)
            return platform
    known = " or ".join(name.rpartition(".")[2] for name in PLATFORMS)
    raise InvalidInput("client", type(account).__name__, f"a client of {known}")
