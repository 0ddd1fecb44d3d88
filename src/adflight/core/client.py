"""What every vendor's client has beside its operations: life, views, single calls and many.

    class Vendor(Client[OperationsWithRawResponse], Operations):
        def __init__(self, *, user: str, key: str, base_url: str = BASE_URL, **connection: Unpack[Connection]) -> None:
            super().__init__(
                base_url,
                StaticCredentials({"apiKey": Grant({"X-Api-Key": key})}),
                user,
                raw_operations=OperationsWithRawResponse,
                quota=QUOTA,
                **connection,
            )

Imports all of core; vendors' clients import it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from types import TracebackType
from typing import Any, Final, Generic, Literal, Self, TypedDict, TypeVar, Unpack

from attrs import evolve

from adflight.core.adoption import Turns, turns_for
from adflight.core.batch import DEFAULT_CONCURRENCY, Outcome, map_calls
from adflight.core.caller import BoundCaller
from adflight.core.clock import Clock, SystemClock
from adflight.core.credentials import Authenticator
from adflight.core.errors import ConfigurationError
from adflight.core.options import Attempted, Hook, Options, Watch
from adflight.core.quota import Limiter, Quota, limiter_for
from adflight.core.routing import Routing
from adflight.core.session import Session
from adflight.core.transport import MAX_RESPONSE_SIZE, AiohttpTransport, Transport
from adflight_api.runtime import Caller, Repeat, Request

T = TypeVar("T")
ItemT = TypeVar("ItemT")
RawT = TypeVar("RawT")


class CallOptions(TypedDict, total=False):
    """What `with_options` takes of every client; see `Options`."""

    timeout: float
    connect_timeout: float
    deadline: float | None
    max_attempts: int
    headers: Mapping[str, str]
    partial: Literal["raise", "return"]


class Connection(TypedDict, total=False):
    """What every client's constructor takes beside credentials, address and quota."""

    options: Options | None
    """Time limits and repeats; see `Options`."""
    transport: Transport | None
    """By default aiohttp; `adflight.HttpxTransport` adapts httpx."""
    hooks: Sequence[Hook]
    """See every attempt, log-ins included, without secrets; see `Hook`."""
    documented_paths: bool
    """Prefer the documents' paths to those that the live service is known to use."""
    max_in_flight: int
    """Requests that wait for an answer at a time."""
    max_body_size: int
    """Bytes of an answer beyond which it is not read."""
    clock: Clock | None
    """For tests."""


class Client(Generic[RawT]):
    """One account at one service. A vendor's client inherits from it and from the vendor's generated `Operations`.

    One client serves any number of tasks; it belongs to the event loop in which it is first used, until that loop
    closes. It does not change after construction.
    """

    _caller: Caller

    def __init__(
        self,
        base_url: str,
        authenticator: Authenticator,
        account: str,
        *,
        raw_operations: Callable[[Caller], RawT],
        quota: Quota | None,
        limiters: Mapping[str, Limiter] | None = None,
        default_security: tuple[str, ...] = ("bearerAuth",),
        acknowledged: bool = False,
        routing: Routing | None = None,
        options: Options | None = None,
        transport: Transport | None = None,
        hooks: Sequence[Hook] = (),
        documented_paths: bool = False,
        max_in_flight: int = 500,
        max_body_size: int = MAX_RESPONSE_SIZE,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            account: Whom the service counts requests of and whose names it keeps apart; all clients of this process
                with the same one share turns, and all on this machine the quota. It is shown nowhere, yet must hold no
                secret.
            raw_operations: The vendor's generated `OperationsWithRawResponse`.
            limiters: Of quota groups that are counted apart: see `limiter_for`.
            default_security: Names of the schemes that open operations which the specification does not know.
            acknowledged: Whether those say by a `status` in the body, "ok" or "error", whether they were carried out.
        """
        self.account: Final = account
        """Whom the service counts requests of: names, with `base_url`, what is kept for the account. No secret."""
        self.options = Options() if options is None else options
        if self.options.raw:
            raise ConfigurationError("options.raw: use `with_raw_response`, whose types say what it returns")
        self.clock: Final[Clock] = SystemClock() if clock is None else clock
        self.turns: Final[Turns] = turns_for(base_url, account)
        """Locks by name, shared by all clients of this process that use the account."""
        self._raw_operations = raw_operations
        self._session: Final = Session(
            base_url,
            transport=AiohttpTransport() if transport is None else transport,
            authenticator=authenticator,
            limiter=limiter_for(base_url, account, quota, self.clock),
            limiters=limiters,
            clock=self.clock,
            hooks=hooks,
            documented_paths=documented_paths,
            routing=routing,
            default_security=default_security,
            acknowledged=acknowledged,
            max_in_flight=max_in_flight,
            max_body_size=max_body_size,
        )
        self._caller = BoundCaller(self._session, self.options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes all connections, those of its views too; harmless when repeated."""
        await self._session.aclose()

    @property
    def base_url(self) -> str:
        return self._session.base_url

    # views

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """The same client with other options for its calls; cheap, and shares everything else.

            await client.with_options(timeout=5).campaigns.get(537599)

        Takes the fields of `Options` that `CallOptions` lists: timeout, connect_timeout, deadline (seconds),
        max_attempts, headers, partial.
        """
        return self._view(options)

    def _view(self, options: CallOptions, scope: Mapping[str, str] | None = None) -> Self:
        """A view with more of a scope, too, which is the authenticator's to understand."""
        unknown = sorted(options.keys() - CallOptions.__annotations__.keys())
        if unknown:
            raise TypeError(f"with_options() takes no {', '.join(unknown)}")
        view = copy(self)
        view.options = evolve(self.options, scope={**self.options.scope, **(scope or {})}, **options)
        view._caller = BoundCaller(self._session, view.options)
        return view

    @property
    def with_raw_response(self) -> RawT:
        """The same operations, each returning the answer as it came beside what it was parsed to."""
        return self._raw_operations(BoundCaller(self._session, evolve(self.options, raw=True)))

    # calls

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        xml: str | None = None,
        media: Literal["json", "xml"] = "json",
        repeatable: bool = False,
    ) -> Any:
        """Calls an operation that the specification does not know, with credentials, quota and error tree.

        Returns the decoded body, envelope and all. With `media="xml"` that is untyped, as `{root: content}`, and a body
        is the document `xml`. `repeatable` says that sending it twice is harmless; otherwise it is treated as a create.
        """
        repeat: Repeat = "read" if repeatable else "create"
        caller = BoundCaller(self._session, self.options)
        return await caller.request(method, path, query=query, json=json, xml=xml, media=media, repeat=repeat)

    async def call(self, request: Request, parse: Callable[[Any], T], *, watch: Watch | None = None) -> T:
        """Sends a request of a generated operation module; `parse` is the module's too. `watch` sees its attempts."""
        if watch is None:
            return await self._caller.call(request, parse)
        return await self._session.call(request, parse, evolve(self.options, watch=watch))

    def observed(self, observer: Callable[[Attempted], object]) -> AbstractContextManager[None]:
        """Tells `observer` of every attempt of this client and its views that ends within the block, log-ins and
        downloads included.

            sent = []
            with client.observed(sent.append):
                await client.campaigns.get(537599)
            print([(one.operation, one.status) for one in sent])

        It must be quick, as every call waits for it; what it raises is logged only.
        """
        return self._session.observed(observer)

    @property
    def limiter(self) -> Limiter:
        """The account's quota, and how much of it is used; shared by all clients that use it."""
        return self._session.limiter

    def map(
        self,
        call: Callable[[ItemT], Awaitable[T]],
        items: Iterable[ItemT] | AsyncIterable[ItemT],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        ordered: bool = False,
    ) -> AsyncGenerator[Outcome[ItemT, T], None]:
        """Makes many calls, `concurrency` at a time; see `adflight.map_calls`.

            async for outcome in client.map(client.campaigns.get, ids, concurrency=20):
                print(outcome.item, outcome.value.status if outcome.ok else outcome.error)

        The quota holds however large `concurrency` is.
        """
        return map_calls(call, items, concurrency=concurrency, ordered=ordered)


def check_credentials(**given: object) -> None:
    """Raises `ConfigurationError`, which names all that are empty and shows none."""
    empty = [name for name, value in given.items() if not value]
    if empty:
        raise ConfigurationError(f"missing: {', '.join(empty)}")


def from_environment(
    settings: Mapping[str, Any],
    required: Mapping[str, str],
    optional: Mapping[str, str],
    *,
    numbers: Collection[str] = (),
) -> dict[str, Any]:
    """A constructor's settings: those that are given, and from the environment what else it needs or may have.

        Vendor(**from_environment(settings, {"user": "VENDOR_USER"}, {"base_url": "VENDOR_BASE_URL"}))

    Args:
        required: Variables by setting.
        optional: The same; those that are not set, or empty, are left out.
        numbers: Settings that are whole numbers.

    Raises:
        ConfigurationError: Names all variables that are missing, or one whose value is of the wrong kind.
    """
    variables = {**required, **optional}
    found = {name: os.environ.get(variable, "") for name, variable in variables.items()}
    given: dict[str, Any] = {name: text for name, text in found.items() if text} | dict(settings)
    missing = [variable for name, variable in required.items() if not given.get(name)]
    if missing:
        raise ConfigurationError(f"environment variables are not set: {', '.join(missing)}")
    for name in numbers:
        text = given.get(name)
        if isinstance(text, str):
            if not text.isdecimal():
                raise ConfigurationError(
                    f"environment variable {({**required, **optional})[name]}: expected a whole number"
                )
            given[name] = int(text)
    return given
