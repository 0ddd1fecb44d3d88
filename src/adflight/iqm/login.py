"""How IQM lets a client in: a log-in that gives a token and a workspace id, and the headers that carry them.

Implements `core.session.Authenticator` and `core.credentials.TokenSource`; used by `client`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from adflight.core.clock import Clock, SystemClock
from adflight.core.credentials import Credentials, Grant, Token, TokenStore
from adflight.core.errors import AuthenticationError, ConfigurationError, PermissionDenied, ValidationFailed
from adflight.core.options import Options
from adflight.core.session import Session
from adflight_api.iqm.api.auth import auth_login, auth_refresh
from adflight_api.iqm.models import AccessToken
from adflight_api.runtime import Operation

WORKSPACE_ID: Final = "workspaceId"
WORKSPACE_HOST: Final = "workspaceHost"


class Login:
    """Basic client id and secret, with e-mail and password (document 001, step 1)."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        email: str,
        password: str,
        workspace_host: str | None,
        ow_id: int | None,
        store: TokenStore | None,
        clock: Clock | None,
        options: Options | None,
    ) -> None:
        self._email = email
        self._password = password
        self._clock: Clock = SystemClock() if clock is None else clock
        self._options = Options() if options is None else options
        self._ow_id = None if ow_id is None else str(ow_id)
        self._host = {"X-IAA-HOST": workspace_host} if workspace_host else {}
        basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._basic = Grant({"Authorization": f"Basic {basic}", **self._host})
        self._session: Session | None = None
        self._last: tuple[Token, Grant] | None = None
        self.credentials: Final = Credentials(self, store=store, clock=self._clock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def bind(self, session: Session) -> None:
        """Names the session that log-ins go through, so that they count in the quota like any other call."""
        self._session = session

    def current(self, operation: Operation, scope: Mapping[str, str]) -> Grant | None:
        if "bearerAuth" not in operation.security:
            return self._basic
        token = self.credentials.current()
        if token is None:
            return None
        if scope:
            return self._grant(token, scope)
        if self._last is None or self._last[0] is not token:
            self._last = (token, self._grant(token, scope))
        return self._last[1]

    async def prepare(self, operation: Operation) -> None:
        await self.credentials.token()

    def invalidate(self, grant: Grant) -> None:
        self.credentials.invalidate(grant.token)

    async def aclose(self) -> None:
        await self.credentials.aclose()

    async def log_in(self) -> Token:
        request = auth_login.request(email=self._email, password=self._password)
        try:
            return self._token(await self._open_session().call(request, auth_login.parse, self._options))
        except (AuthenticationError, PermissionDenied, ValidationFailed) as error:
            refusal = error
        reason = ("; ".join(refusal.errors) or str(refusal)).rstrip(".")
        raise AuthenticationError(
            f"IQM refused the log-in of {self._email}: {reason}. Check e-mail and "
            "password (IQM_EMAIL, IQM_PASSWORD), and client id and secret (IQM_CLIENT_ID, IQM_CLIENT_SECRET).",
            status=refusal.status,
            body_code=refusal.body_code,
            errors=refusal.errors,
            operation=refusal.operation,
            request_id=refusal.request_id,
            request=refusal.request,
            response=refusal.response,
        )

    async def refresh(self, token: Token) -> Token:
        request = auth_refresh.request(refresh_token=token.refresh or "")
        answer = await self._open_session().call(request, _parse_refresh, self._options)
        return self._token(answer)

    def _open_session(self) -> Session:
        if self._session is None:
            raise ConfigurationError("this log-in belongs to no session yet")
        return self._session

    def _token(self, answer: AccessToken) -> Token:
        if not isinstance(answer.access_token, str):
            raise ConfigurationError("the log-in succeeded, but its answer holds no access token")
        lasts = answer.expires_in
        # the answer to a refresh has no owId; Credentials keeps the one from the log-in
        extra = {"owId": answer.ow_id} if isinstance(answer.ow_id, int) else {}
        return Token(
            access=answer.access_token,
            refresh=answer.refresh_token if isinstance(answer.refresh_token, str) else None,
            expires_at=self._clock.time() + lasts if isinstance(lasts, (int, float)) else None,
            extra=extra,
        )

    def _grant(self, token: Token, scope: Mapping[str, str]) -> Grant:
        headers = {"Authorization": f"Bearer {token.access}", **self._host}
        workspace = scope.get(WORKSPACE_ID) or self._ow_id or token.extra.get("owId")
        if workspace is not None:
            headers["X-IAA-OW-ID"] = str(workspace)
        if WORKSPACE_HOST in scope:
            headers["X-IAA-HOST"] = scope[WORKSPACE_HOST]
        return Grant(headers, token)


def _parse_refresh(answer: Any) -> AccessToken:
    # documented flat, and not believed: every other answer of this API is wrapped (Q5)
    if isinstance(answer, dict) and isinstance(answer.get("data"), dict):
        answer = answer["data"]
    return auth_refresh.parse(answer)
