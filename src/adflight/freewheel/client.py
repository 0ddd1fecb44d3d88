"""The FreeWheel client: generated operations with credentials, quotas and routes, and insertion orders to ensure.

Imports core and the rest of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self, Unpack

from attrs import evolve

from adflight.core.caller import BoundCaller
from adflight.core.client import Client, Connection, check_credentials, from_environment
from adflight.core.credentials import TokenStore
from adflight.core.quota import Quota, limiter_for
from adflight.core.routing import Catalogue, Route, Routing
from adflight.freewheel.insertion_orders import InsertionOrders
from adflight.freewheel.login import Login
from adflight_api.freewheel.client import Operations, OperationsWithRawResponse

PRODUCTION: Final = "https://api.freewheel.tv"
STAGING: Final = "https://api.stg.freewheel.tv"
HOSTS: Final = {"production": PRODUCTION, "staging": STAGING}
QUOTA: Final = Quota(19, 1.0, "documented 20 a second, less one")
TOKEN_QUOTA: Final = Quota(3, 1.0, "documented 3 token requests a second from one address")
ENVIRONMENT: Final = {"username": "FREEWHEEL_USERNAME", "password": "FREEWHEEL_PASSWORD"}
OPTIONAL: Final = {"base_url": "FREEWHEEL_BASE_URL"}

OPERATIONS: Final = Catalogue("adflight_api.freewheel")
LIVE_PREFIX: Final = "/services/v3"
DOCUMENTED_PREFIX: Final = "/v3"


class Settings(Connection, total=False):
    """What `FreeWheel` takes; see there."""

    username: str
    password: str
    base_url: str
    quota: Quota | None
    routes: Mapping[str, Route] | None
    prefix: str | None
    suffix: str
    allow_low_confidence: bool
    token_store: TokenStore | None


class FreeWheel(Client[OperationsWithRawResponse], Operations):
    """FreeWheel's Insertion Order API V3.

        async with FreeWheel.from_env() as freewheel:
            order = await freewheel.insertion_orders.get(7001001)

    Operations stand under their tags: `freewheel.insertion_orders` and `freewheel.auth`. Of six insertion-order
    operations the vendor tells no more than that they exist; they raise `OperationNotConfigured` until `routes` says
    how they are called. One client serves any number of tasks; it belongs to the event loop in which it is first used,
    until that loop closes.
    """

    def __init__(
        self,
        *,
        username: str,
        password: str,
        base_url: str = "production",
        quota: Quota | None = QUOTA,
        routes: Mapping[str, Route] | None = None,
        prefix: str | None = None,
        suffix: str = "",
        allow_low_confidence: bool = False,
        token_store: TokenStore | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Nothing is sent before the first call.

            FreeWheel(
                username="ada@example.com",
                password=password,
                base_url="staging",
                routes={"insertion_orders.get_widget": Route("GET", "/services/v3/widget/{insertion_order_id}")},
            )

        Args:
            username: Of a user whom the network has activated for the API, with `password`.
            base_url: "production", "staging", or a URL, whose path comes before those of the operations.
            quota: Shared by all clients on this machine with the same user (see `Quota.shared`); None switches counting
                off. The token service is counted by itself, by address, and not at all when this is None.
            routes: How operations are called, by name, where you know better than adflight: see `Route`.
            prefix: What paths begin with instead of "/services/v3", or with `documented_paths` instead of "/v3".
            suffix: What paths end with, such as ".xml".
            allow_low_confidence: Whether `book` and `unbook`, whose calls one weak source knows, may go to a service
                that is not on this machine.
            token_store: Where the token outlives the client; by default nowhere.
            connection: Options, transport, hooks and what else `Connection` lists.

        Raises:
            ConfigurationError: A credential is empty, or base URL, routes, prefix or suffix are none.
        """
        check_credentials(username=username, password=password)
        base_url = HOSTS.get(base_url, base_url)
        usual = DOCUMENTED_PREFIX if connection.get("documented_paths") else LIVE_PREFIX
        moved = prefix is not None or suffix
        login = Login(
            username=username,
            password=password,
            store=token_store,
            clock=connection.get("clock"),
            options=connection.get("options"),
        )
        super().__init__(
            base_url,
            login,
            username.lower(),
            raw_operations=OperationsWithRawResponse,
            quota=quota,
            limiters={"auth": limiter_for(base_url, "(auth)", _token_quota(quota), connection.get("clock"))},
            routing=Routing(
                OPERATIONS,
                prefixes={usual: usual if prefix is None else prefix} if moved else {},
                suffix=suffix,
                routes=routes or {},
                allow_low_confidence=allow_low_confidence,
            ),
            **connection,
        )
        login.bind(self._session)

    @classmethod
    def from_env(cls, **settings: Unpack[Settings]) -> Self:
        """A client with credentials from the environment.

        Reads FREEWHEEL_USERNAME and FREEWHEEL_PASSWORD, and if it is set FREEWHEEL_BASE_URL. `settings` are those of
        the constructor, and win.

        Raises:
            ConfigurationError: Names all variables that are missing.
        """
        return cls(**from_environment(settings, ENVIRONMENT, OPTIONAL))

    @property
    def insertion_orders(self) -> InsertionOrders:
        """Insertion orders."""
        return InsertionOrders(BoundCaller(self._session, self.options), self.turns, self.clock)


def _token_quota(quota: Quota | None) -> Quota | None:
    """The token service is counted where the other one is, and together with the same processes."""
    return None if quota is None else evolve(TOKEN_QUOTA, shared=quota.shared)


def sandbox_routes() -> dict[str, Route]:
    """How the sandbox serves the operations of which nobody knows how to call them. No live service has these paths."""
    return {name: Route(known.method, known.path) for name, known in OPERATIONS.items() if not known.configured}
