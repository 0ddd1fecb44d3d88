"""What every vendor's platform takes from its client. Imports core."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, Generic, TypeVar

from adflight.core.client import Client
from adflight.core.clock import Clock
from adflight.core.options import Attempted
from adflight.core.quota import Limiter
from adflight.core.session import SETTLING

ClientT = TypeVar("ClientT", bound=Client[Any])


class OfClient(Generic[ClientT]):
    """The part of `flights.platform.Platform` that is the same for all; the client stays the caller's to close."""

    def __init__(self, client: ClientT) -> None:
        self._client: Final = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    @property
    def base_url(self) -> str:
        return self._client.base_url

    @property
    def account(self) -> str:
        return self._client.account

    async def scope(self) -> str:
        """See `Platform.scope`: nothing, unless a vendor's own says otherwise."""
        return ""

    @property
    def clock(self) -> Clock:
        return self._client.clock

    @property
    def limiter(self) -> Limiter:
        return self._client.limiter

    def observed(self, observer: Callable[[Attempted], object]) -> AbstractContextManager[None]:
        return self._client.observed(observer)

    @property
    def settled_after(self) -> float:
        return self._client.options.timeout + SETTLING
