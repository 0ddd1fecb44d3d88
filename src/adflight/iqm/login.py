"""How IQM lets a client in: a log-in that gives a token and a workspace id, and the headers that carry them.

Imports core's `login`; used by `client`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from adflight.core.clock import Clock
from adflight.core.credentials import Grant, Token, TokenStore
from adflight.core.errors import ConfigurationError
from adflight.core.login import BearerLogin
from adflight.core.options import Options
from adflight_api.iqm.api.auth import auth_login, auth_refresh
from adflight_api.iqm.models import AccessToken

WORKSPACE_ID: Final = "workspaceId"
WORKSPACE_HOST: Final = "workspaceHost"


class Login(BearerLogin):
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
        self._ow_id = ow_id
        self._host = {"X-IAA-HOST": workspace_host} if workspace_host else {}
        basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        super().__init__(
            store=store,
            clock=clock,
            options=options,
            without_token=Grant({"Authorization": f"Basic {basic}", **self._host}),
        )

    async def log_in(self) -> Token:
        request = auth_login.request(email=self._email, password=self._password)
        return self._token(await self.send(request, auth_login.parse, refused=self._refused))

    async def refresh(self, token: Token) -> Token:
        return self._token(await self.send(auth_refresh.request(refresh_token=token.refresh or ""), _parse_refresh))

    def grant(self, token: Token, scope: Mapping[str, str]) -> Grant:
        headers = {"Authorization": f"Bearer {token.access}", **self._host}
        workspace = self._named(scope)
        if workspace is None:
            workspace = token.extra.get("owId")
        if workspace is not None:
            headers["X-IAA-OW-ID"] = str(workspace)
        if WORKSPACE_HOST in scope:
            headers["X-IAA-HOST"] = scope[WORKSPACE_HOST]
        return Grant(headers, token)

    async def workspace(self, scope: Mapping[str, str]) -> int | None:
        """The one that `grant` names, which may take a log-in; None where a token comes without.

        What it has answered stays so, whatever later log-ins say: things are kept under it.
        """
        if self._named(scope) is None:
            told = (await self.credentials.token()).extra.get("owId")
            if self._ow_id is None and told is not None:
                self._ow_id = int(told)
        return self._named(scope)

    def _named(self, scope: Mapping[str, str]) -> int | None:
        return int(scope[WORKSPACE_ID]) if WORKSPACE_ID in scope else self._ow_id

    def _refused(self, reason: str) -> str:
        return (
            f"IQM refused the log-in of {self._email}: {reason}. Check e-mail and "
            "password (IQM_EMAIL, IQM_PASSWORD), and client id and secret (IQM_CLIENT_ID, IQM_CLIENT_SECRET)."
        )

    def _token(self, answer: AccessToken) -> Token:
        if not isinstance(answer.access_token, str):
            raise ConfigurationError("the log-in succeeded, but its answer holds no access token")
        lasts = answer.expires_in
        # the answer to a refresh has no owId; Credentials keeps the one from the log-in
        extra = {"owId": answer.ow_id} if isinstance(answer.ow_id, int) else {}
        return Token(
            access=answer.access_token,
            refresh=answer.refresh_token if isinstance(answer.refresh_token, str) else None,
            expires_at=self.clock.time() + lasts if isinstance(lasts, (int, float)) else None,
            extra=extra,
        )


def _parse_refresh(answer: Any) -> AccessToken:
    # documented flat, and not believed: every other answer of this API is wrapped (Q5)
    if isinstance(answer, dict) and isinstance(answer.get("data"), dict):
        answer = answer["data"]
    return auth_refresh.parse(answer)
