"""How FreeWheel lets a client in: a token of seven days for a user's name and password.

Implements `core.credentials.Authenticator` and `core.credentials.TokenSource`; used by `client`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from adflight.core.clock import Clock, SystemClock
from adflight.core.credentials import Credentials, Grant, Token, TokenStore
from adflight.core.errors import AuthenticationError, ConfigurationError, PermissionDenied, ValidationFailed
from adflight.core.options import Options
from adflight.core.session import Session
from adflight_api.freewheel.api.auth import auth_token
from adflight_api.freewheel.models import AccessToken
from adflight_api.runtime import Operation

_OPEN: Final = Grant({})


class Login:
    """The password grant (outside the documents; facts.md). Nothing refreshes a token; another one takes its place."""

    def __init__(
        self,
        *,
        username: str,
        password: str,
        store: TokenStore | None,
        clock: Clock | None,
        options: Options | None,
    ) -> None:
        self._username = username
        self._password = password
        self._clock: Clock = SystemClock() if clock is None else clock
        self._options = Options() if options is None else options
        self._session: Session | None = None
        self._last: tuple[Token, Grant] | None = None
        self.credentials: Final = Credentials(self, store=store, clock=self._clock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def bind(self, session: Session) -> None:
        """Names the session that log-ins go through, so that they count in their quota like any other call."""
        self._session = session

    def current(self, operation: Operation, scope: Mapping[str, str]) -> Grant | None:
        if "bearerAuth" not in operation.security:
            return _OPEN
        token = self.credentials.current()
        if token is None:
            return None
        if self._last is None or self._last[0] is not token:
            self._last = (token, Grant({"Authorization": f"Bearer {token.access}"}, token))
        return self._last[1]

    async def prepare(self, operation: Operation) -> None:
        await self.credentials.token()

    def invalidate(self, grant: Grant) -> None:
        self.credentials.invalidate(grant.token)

    async def aclose(self) -> None:
        await self.credentials.aclose()

    async def log_in(self) -> Token:
        if self._session is None:
            raise ConfigurationError("this log-in belongs to no session yet")
        request = auth_token.request(username=self._username, password=self._password)
        try:
            return self._token(await self._session.call(request, auth_token.parse, self._options))
        except (AuthenticationError, PermissionDenied, ValidationFailed) as error:
            refusal = error
        reason = ("; ".join(refusal.errors) or str(refusal)).rstrip(".")
        raise AuthenticationError(
            f"FreeWheel refused the log-in of {self._username}: {reason}. Check user name and password "
            "(FREEWHEEL_USERNAME, FREEWHEEL_PASSWORD). Passwords expire after 180 days, or 365 for users of the API "
            "alone, and network and user must be activated for the API.",
            status=refusal.status,
            body_code=refusal.body_code,
            errors=refusal.errors,
            operation=refusal.operation,
            request_id=refusal.request_id,
            request=refusal.request,
            response=refusal.response,
        )

    async def refresh(self, token: Token) -> Token:
        """No token of FreeWheel's asks for this; one from a foreign store might."""
        return await self.log_in()

    def _token(self, answer: AccessToken) -> Token:
        if not isinstance(answer.access_token, str):
            raise ConfigurationError("the log-in succeeded, but its answer holds no access token")
        # the service may hand out a token that it made before; yet its clock may be ahead of ours
        now = self._clock.time()
        made = answer.created_at.timestamp() if isinstance(answer.created_at, datetime) else now
        lasts = answer.expires_in
        ends = min(made, now) + lasts if isinstance(lasts, (int, float)) else None
        return Token(access=answer.access_token, expires_at=ends)
