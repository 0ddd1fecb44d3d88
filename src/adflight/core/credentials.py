"""What opens a service: one token for all callers, and only one of them fetches a new one.

The session asks an `Authenticator`, which a vendor implements on top of `Credentials`. Imports errors and the clock.

A token has three ages. Young, it is served. Inside the advisory window at the end of its life it is still served while
one task renews it, so that nobody waits. Inside the mandatory window, or after the service refused it, all wait for
that task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from math import inf
from typing import Any, Final, Protocol

from attrs import evolve, field, frozen

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import (
    AdflightError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    UnknownOutcome,
    ValidationFailed,
)
from adflight_api.runtime import Operation

logger: Final = logging.getLogger("adflight")

# the service would say the same again
_REFUSALS: Final = (AuthenticationError, PermissionDenied, NotFound, ValidationFailed)

# seconds; after a renewal ahead of time has failed, the token that still works is left alone for so long
_RETRY_AHEAD: Final = 30.0


@frozen
class Token:
    """What a log-in gives; its `repr` holds no secret."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Epoch seconds; None when the service does not say."""
    extra: Mapping[str, Any] = field(factory=dict)
    """What came with it and is no secret, such as an organisation's id; survives a refresh that does not repeat it."""


class TokenStore(Protocol):
    """Where a token outlives the client; several processes may share one."""

    async def load(self) -> Token | None: ...

    async def save(self, token: Token | None, /) -> None: ...


class MemoryStore:
    """Keeps the token as long as the object lives."""

    def __init__(self, token: Token | None = None) -> None:
        self._token = token

    async def load(self) -> Token | None:
        return self._token

    async def save(self, token: Token | None, /) -> None:
        self._token = token


class TokenSource(Protocol):
    """How a vendor gives out tokens."""

    async def log_in(self) -> Token: ...

    async def refresh(self, token: Token, /) -> Token:
        """A new token for one that has a refresh token."""
        ...


@frozen(eq=False)
class Grant:
    """What opens the service for one attempt."""

    headers: Mapping[str, str] = field(repr=False)
    token: Any = field(default=None, repr=False)
    """What to invalidate after a 401; None when no new token would help."""
    query: Mapping[str, str] = field(factory=dict, repr=False)
    """Query parameters that open it; no URL that anybody sees shows their values."""


class Authenticator(Protocol):
    """How a vendor opens its service. Its log-in is a call of the same session, and never waits for a token itself."""

    def current(self, operation: Operation, scope: Mapping[str, str], /) -> Grant | None:
        """What `operation` needs (see `Operation.security`), without waiting.

        None when a token must be fetched first. `scope` is `Options.scope`.
        """
        ...

    async def prepare(self, operation: Operation, /) -> None:
        """Fetches what `current` lacks."""
        ...

    def invalidate(self, grant: Grant, /) -> None:
        """Says that the service refused `grant.token`."""
        ...

    async def aclose(self) -> None:
        """Stops what runs in the background."""
        ...


class StaticCredentials:
    """Opens with what never changes, such as a key, by name of the security scheme; implements `Authenticator`.

        StaticCredentials({"organizationToken": Grant({}, query={"token": token})})

    Schemes that it has no grant for are left out. There is nothing to renew: a 401 is raised at once.
    """

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._grants = dict(grants)
        self._joined: dict[tuple[str, ...], Grant] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def current(self, operation: Operation, scope: Mapping[str, str], /) -> Grant:
        security = operation.security
        if security not in self._joined:
            grants = [self._grants[scheme] for scheme in security if scheme in self._grants]
            self._joined[security] = Grant(
                {name: text for grant in grants for name, text in grant.headers.items()},
                query={name: text for grant in grants for name, text in grant.query.items()},
            )
        return self._joined[security]

    async def prepare(self, operation: Operation, /) -> None:
        """There is nothing to fetch."""

    def invalidate(self, grant: Grant, /) -> None:
        """There is nothing to renew."""

    async def aclose(self) -> None:
        """Nothing runs in the background."""


class Credentials:
    """One token, shared by all callers.

    `advisory` and `mandatory` are the two windows at the end of a token's life, in seconds; short lives shrink them.
    """

    def __init__(
        self,
        source: TokenSource,
        *,
        store: TokenStore | None = None,
        clock: Clock | None = None,
        advisory: float = 300.0,
        mandatory: float = 30.0,
    ) -> None:
        self._source = source
        self._store: TokenStore = MemoryStore() if store is None else store
        self._clock: Clock = SystemClock() if clock is None else clock
        self._advisory = advisory
        self._mandatory = mandatory
        self._token: Token | None = None
        self._renew_at = inf
        self._wait_at = -inf
        self._task: asyncio.Task[Token] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def current(self) -> Token | None:
        """The token, if it may be used without waiting; near its end this starts a renewal in the background."""
        token = self._token
        if token is None:
            return None
        now = self._clock.time()
        if now >= self._wait_at:
            return None
        if now >= self._renew_at:
            self._renew_at = now + _RETRY_AHEAD
            self._renewal()
        return token

    async def token(self) -> Token:
        """A token that may be used now.

        Raises:
            AuthenticationError: the log-in was refused. Every caller that waited gets this, and the next one tries
                again.
            AdflightError: whatever else kept a new token from coming; `while_logging_in` tells it from an error of the
                call that waited.
        """
        return self.current() or await self._renewed()

    def invalidate(self, token: Token) -> None:
        """Says that the service refused `token`. Nothing happens when another one has taken its place already."""
        if self._token is not None and self._token.access == token.access:
            self._wait_at = -inf

    async def forget(self) -> None:
        """Drops the token, here and in the store: after a log-out, or for another user."""
        # a renewal under way would bring one back
        await self.aclose()
        self._token = None
        await self._store.save(None)

    async def aclose(self) -> None:
        """Stops a renewal that is under way; who waits for it gets `ConfigurationError`."""
        task, self._task = self._task, None
        if task is not None and self._loop is asyncio.get_running_loop():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renewed(self) -> Token:
        task = self._renewal()
        # not the task itself: a caller that is cancelled must not take the renewal away from the others
        await asyncio.wait([task])
        if task.cancelled():
            raise ConfigurationError("the client was closed while it logged in")
        try:
            return task.result()
        except AdflightError as error:
            error.while_logging_in = True
            raise

    def _renewal(self) -> asyncio.Task[Token]:
        loop = asyncio.get_running_loop()
        # a task of an earlier loop died with it
        if self._task is None or self._loop is not loop:
            self._loop = loop
            self._task = loop.create_task(self._renew())
            self._task.add_done_callback(self._finished)
        return self._task

    def _finished(self, task: asyncio.Task[Token]) -> None:
        if self._task is task:
            self._task = None
        error = None if task.cancelled() else task.exception()
        # whoever waits gets it; a renewal ahead of time has nobody else to tell
        if error is not None and self._clock.time() < self._wait_at:
            logger.warning("the token was not renewed early: %s", error, extra={"outcome": type(error).__name__})

    async def _renew(self) -> Token:
        old = self._token
        stored = await self._store.load()
        if stored is not None and (old is None or stored.access != old.access):
            # from an earlier run, or another process was quicker
            if self._accept(stored):
                return stored
            old = stored
        new = await self._fetch(old)
        self._accept(new, fresh=True)
        await self._store.save(new)
        return new

    async def _fetch(self, old: Token | None) -> Token:
        if old is not None and old.refresh is not None:
            try:
                new = await self._source.refresh(old)
            except (*_REFUSALS, UnknownOutcome) as error:
                logger.info("refresh failed, logging in: %s", error, extra={"outcome": type(error).__name__})
            else:
                return evolve(new, refresh=new.refresh or old.refresh, extra={**old.extra, **new.extra})
        try:
            return await self._source.log_in()
        except (PermissionDenied, NotFound, ValidationFailed) as error:
            refused = authentication_error(error, f"the log-in was refused: {error}")
        raise refused

    def _accept(self, token: Token, *, fresh: bool = False) -> bool:
        """Takes a token into use; False when it is too old for that."""
        now = self._clock.time()
        life = inf if token.expires_at is None else token.expires_at - now
        if life <= 0:
            if not fresh:
                return False
            # a service that dates its tokens back cannot be believed; its 401 will tell when they end
            life = inf
        self._token = token
        self._wait_at = now + life - min(self._mandatory, life / 20)
        self._renew_at = now + life - min(self._advisory, life / 5)
        return True


def authentication_error(error: APIError, message: str) -> AuthenticationError:
    """The same refusal as an error of its own kind: services refuse a log-in with all kinds of 4xx."""
    return AuthenticationError(
        message,
        status=error.status,
        body_code=error.body_code,
        errors=error.errors,
        operation=error.operation,
        request_id=error.request_id,
        request=error.request,
        response=error.response,
    )
