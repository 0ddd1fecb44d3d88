"""How FreeWheel lets a client in: a token of seven days for a user's name and password.

Imports core's `login`; used by `client`.
"""

from __future__ import annotations

from datetime import datetime

from adflight.core.clock import Clock
from adflight.core.credentials import Token, TokenStore
from adflight.core.errors import ConfigurationError
from adflight.core.login import BearerLogin
from adflight.core.options import Options
from adflight_api.freewheel.api.auth import auth_token
from adflight_api.freewheel.models import AccessToken


class Login(BearerLogin):
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
        super().__init__(store=store, clock=clock, options=options)

    async def log_in(self) -> Token:
        request = auth_token.request(username=self._username, password=self._password)
        return self._token(await self.send(request, auth_token.parse, refused=self._refused))

    def _refused(self, reason: str) -> str:
        return (
            f"FreeWheel refused the log-in of {self._username}: {reason}. Check user name and password "
            "(FREEWHEEL_USERNAME, FREEWHEEL_PASSWORD). Passwords expire after 180 days, or 365 for users of the API "
            "alone, and network and user must be activated for the API."
        )

    def _token(self, answer: AccessToken) -> Token:
        if not isinstance(answer.access_token, str):
            raise ConfigurationError("the log-in succeeded, but its answer holds no access token")
        # the service may hand out a token that it made before; yet its clock may be ahead of ours
        now = self.clock.time()
        made = answer.created_at.timestamp() if isinstance(answer.created_at, datetime) else now
        lasts = answer.expires_in
        ends = min(made, now) + lasts if isinstance(lasts, (int, float)) else None
        return Token(access=answer.access_token, expires_at=ends)
