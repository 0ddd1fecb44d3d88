"""Log-ins that give a bearer token, which all calls of a session share.

Imports credentials and the session; vendors' log-ins inherit from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from adflight.core.clock import Clock, SystemClock
from adflight.core.credentials import Credentials, Grant, Token, TokenStore, authentication_error
from adflight.core.errors import AuthenticationError, ConfigurationError, PermissionDenied, ValidationFailed
from adflight.core.options import Options
from adflight.core.session import Session
from adflight_api.runtime import Operation, Request

T = TypeVar("T")


class BearerLogin(ABC):
    """Opens operations of the scheme `bearerAuth` with a token, all others with what it was told.

    Implements `Authenticator` and `TokenSource`. A vendor's says how to `log_in`; how to `refresh`, where that can be
    done; and what to `grant`, where a token alone does not open. What they send counts in the quota like any call.
    """

    def __init__(
        self,
        *,
        store: TokenStore | None,
        clock: Clock | None,
        options: Options | None,
        without_token: Grant | None = None,
    ) -> None:
        self.clock: Final[Clock] = SystemClock() if clock is None else clock
        self.credentials: Final = Credentials(self, store=store, clock=self.clock)
        self._options = Options() if options is None else options
        self._without_token = Grant({}) if without_token is None else without_token
        self._session: Session | None = None
        self._last: tuple[Token, Grant] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def bind(self, session: Session) -> None:
        """Names the session that log-ins go through."""
        self._session = session

    # the authenticator

    def current(self, operation: Operation, scope: Mapping[str, str], /) -> Grant | None:
        if "bearerAuth" not in operation.security:
            return self._without_token
        token = self.credentials.current()
        if token is None:
            return None
        if scope:
            return self.grant(token, scope)
        if self._last is None or self._last[0] is not token:
            self._last = (token, self.grant(token, scope))
        return self._last[1]

    async def prepare(self, operation: Operation, /) -> None:
        await self.credentials.token()

    def invalidate(self, grant: Grant, /) -> None:
        self.credentials.invalidate(grant.token)

    async def aclose(self) -> None:
        await self.credentials.aclose()

    def grant(self, token: Token, scope: Mapping[str, str], /) -> Grant:
        """What a token opens the service with; `scope` is `Options.scope`."""
        return Grant({"Authorization": f"Bearer {token.access}"}, token)

    # the source

    @abstractmethod
    async def log_in(self) -> Token: ...

    async def refresh(self, token: Token, /) -> Token:
        """Where no token can be refreshed, a store's may still say that it can."""
        return await self.log_in()

    async def send(
        self, request: Request, parse: Callable[[Any], T], *, refused: Callable[[str], str] | None = None
    ) -> T:
        """The typed answer to a request of the log-in.

        With `refused`, which makes a message of the service's reason, a refusal of any kind is an
        `AuthenticationError`.
        """
        if self._session is None:
            raise ConfigurationError("this log-in belongs to no session yet")
        try:
            return await self._session.call(request, parse, self._options)
        except (AuthenticationError, PermissionDenied, ValidationFailed) as error:
            if refused is None:
                raise
            refusal = error
        reason = ("; ".join(refusal.errors) or str(refusal)).rstrip(".")
        raise authentication_error(refusal, refused(reason))
