"""The IQM client: generated operations with credentials, quota and repeats, and the few things that take several calls.

Imports core and the rest of this package.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final, Literal, Self, Unpack

from attrs import evolve

from adflight.core.caller import BoundCaller
from adflight.core.client import CallOptions, Client, Connection, check_credentials, from_environment
from adflight.core.credentials import TokenStore
from adflight.core.errors import InvalidInput
from adflight.core.quota import Quota
from adflight.iqm.login import WORKSPACE_HOST, WORKSPACE_ID, Login
from adflight.iqm.waiting import OnPoll, StatusPoll, pace
from adflight_api.iqm.client import Operations, OperationsWithRawResponse
from adflight_api.iqm.models import CampaignStatus

if TYPE_CHECKING:
    from adflight.core.steps import Event, Record
    from adflight.iqm.launch import Launch
    from adflight.iqm.plan import NewCampaign, NewInsertionOrder

BASE_URL: Final = "https://api.iqm.com"
QUOTA: Final = Quota(19, 60.0, "documented 20 a minute, less one")
ENVIRONMENT: Final = {
    "client_id": "IQM_CLIENT_ID",
    "client_secret": "IQM_CLIENT_SECRET",
    "email": "IQM_EMAIL",
    "password": "IQM_PASSWORD",
}
OPTIONAL: Final = {"base_url": "IQM_BASE_URL", "workspace_host": "IQM_WORKSPACE_HOST", "ow_id": "IQM_OW_ID"}


class Settings(Connection, total=False):
    """What `IQM` takes; see there."""

    client_id: str
    client_secret: str
    email: str
    password: str
    base_url: str
    workspace_host: str | None
    ow_id: int | None
    quota: Quota | None
    token_store: TokenStore | None
    poll_every: float | None


class IQM(Client[OperationsWithRawResponse], Operations):
    """IQM's campaign API.

        async with IQM.from_env() as iqm:
            campaign = await iqm.campaigns.get(537599)

    Operations stand under their tags: `iqm.campaigns`, `iqm.insertion_orders`, `iqm.bid_models`, `iqm.auth` and
    `iqm.master`. One client serves any number of tasks; it belongs to the event loop in which it is first used, until
    that loop closes.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        email: str,
        password: str,
        base_url: str = BASE_URL,
        workspace_host: str | None = None,
        ow_id: int | None = None,
        quota: Quota | None = QUOTA,
        token_store: TokenStore | None = None,
        poll_every: float | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            client_id: Issued by the vendor, with `client_secret`.
            email: Of the account, with `password`.
            base_url: The service; its path, if it has one, comes before those of the operations.
            workspace_host: Sent as X-IAA-HOST with every call when given.
            ow_id: Organization workspace; by default the one that the log-in answers with.
            quota: Shared by all clients on this machine that use the same account (`Quota.shared`); None switches it
                off.
            token_store: Where the token outlives the client; by default nowhere.
            poll_every: Seconds between two polls of `wait_until`; by default a quarter of the quota.
            connection: Options, transport, hooks and what else `Connection` lists.

        Raises:
            ConfigurationError: A credential is empty or the base URL is none.
        """
        given = {"client_id": client_id, "client_secret": client_secret, "email": email, "password": password}
        check_credentials(**given)
        self.email: Final = email
        self._login: Final = Login(
            **given,
            workspace_host=workspace_host,
            ow_id=ow_id,
            store=token_store,
            clock=connection.get("clock"),
            options=connection.get("options"),
        )
        super().__init__(
            base_url,
            self._login,
            # of one person, however it is spelled and whichever keys the vendor has issued
            email.casefold(),
            raw_operations=OperationsWithRawResponse,
            quota=quota,
            default_security=("bearerAuth", WORKSPACE_ID, WORKSPACE_HOST),
            **connection,
        )
        self._login.bind(self._session)
        self._poll_every: Final = pace(quota) if poll_every is None else poll_every
        self._base_options: Final = self.options
        self._polls: Final[dict[frozenset[tuple[str, str]], StatusPoll]] = {}

    @classmethod
    def from_env(cls, **settings: Unpack[Settings]) -> Self:
        """A client with credentials from the environment.

        Reads IQM_CLIENT_ID, IQM_CLIENT_SECRET, IQM_EMAIL and IQM_PASSWORD, and if they are set IQM_BASE_URL,
        IQM_WORKSPACE_HOST and IQM_OW_ID. `settings` are those of the constructor, and win.

        Raises:
            ConfigurationError: Names all variables that are missing, or one whose value is of the wrong kind.
        """
        return cls(**from_environment(settings, ENVIRONMENT, OPTIONAL, numbers=["ow_id"]))

    async def aclose(self) -> None:
        """Closes all connections, those of its views too; harmless when repeated."""
        for poll in self._polls.values():
            await poll.aclose()
        await super().aclose()

    # views

    def with_options(
        self, *, ow_id: int | None = None, workspace_host: str | None = None, **options: Unpack[CallOptions]
    ) -> Self:
        """The same client with other options for its calls; cheap, and shares everything else.

            await iqm.with_options(timeout=5, ow_id=200002).campaigns.get(537599)

        Takes the fields of `Options` that `CallOptions` lists: timeout, connect_timeout, deadline (seconds),
        max_attempts, headers, partial.
        """
        scope: dict[str, str] = {}
        if ow_id is not None:
            scope[WORKSPACE_ID] = str(ow_id)
        if workspace_host is not None:
            scope[WORKSPACE_HOST] = workspace_host
        return self._view(options, scope)

    # calls

    async def workspace(self) -> int | None:
        """The organization workspace that calls of this view go to; None when neither you nor the log-in named one.

        Logs in when that is not known yet. Raises what a log-in raises.
        """
        return await self._login.workspace(self.options.scope)

    async def log_out(self) -> None:
        """Ends the token's life, at the service, here and in the token store; the next call logs in again.

        Source: outside the documents. Raises what any call raises.
        """
        await self.auth.logout()
        await self._login.credentials.forget()

    # flows

    async def launch(
        self,
        insertion_order: NewInsertionOrder | int,
        campaign: NewCampaign,
        *,
        record: Record | None = None,
        resume: Iterable[Event] = (),
        if_absent: Literal["raise", "create"] = "raise",
    ) -> Launch:
        """Creates an insertion order (or takes the id of one) and a campaign in it, each once, and reads it back.

        When an answer is lost, waits until the request must be settled (the attempt's timeout plus a minute), looks the
        object up twice and adopts it if it is new, the only one, and equal to what was sent.

        Args:
            record: Told each step before and after it happens, as a JSON-able mapping without secrets. When it raises,
                nothing more is sent.
            resume: What `record` was told by an earlier launch of the same objects, which ended in its middle. What is
                done is not done again; what was sent without an answer is looked up first.
            if_absent: What to do when such a look-up finds, twice, nothing: raise, or create it; before that, the whole
                time passes once more.

        Raises:
            InvalidInput: The documents plainly say that it would be refused, or `resume` belongs to another launch.
            UnknownOutcome: It is not known whether the insertion order was created.
            LaunchFailed: The insertion order exists and the campaign failed; carries both ids, and the cause.
            APIError, TransportError: Nothing was created.
        """
        from adflight.iqm.launch import Launcher

        return await Launcher(self, record=record, resume=resume, if_absent=if_absent).run(insertion_order, campaign)

    async def wait_until(
        self,
        campaign_id: int,
        status: CampaignStatus | str = CampaignStatus.RUNNING,
        *,
        timeout: float | None = None,
        on_poll: OnPoll | None = None,
    ) -> None:
        """Waits until a campaign has a status. All that wait share one poll, at a pace that leaves room in the quota.

        Source: document 000, campaigns grouped by insertion order, and document 001, step 4.

        Args:
            timeout: Seconds; None waits as long as it takes.
            on_poll: Told the status that each poll found.

        Raises:
            InvalidInput: There is no such status.
            CampaignNotRunning: It is rejected, deleted, expired or completed instead.
            WaitTimeout: It did not get there in time.
        """
        if not isinstance(campaign_id, int):
            raise InvalidInput("campaign_id", campaign_id, "an int")
        if str(status).lower() not in set(CampaignStatus):
            # it would be waited for until the timeout, or for ever
            raise InvalidInput("status", status, f"one of {', '.join(CampaignStatus)}")
        await self._poll().wait_until(campaign_id, str(status).lower(), timeout=timeout, on_poll=on_poll)

    async def save_report(self, url: str, path: str | os.PathLike[str]) -> Path:
        """Fetches a report's download, as `bid_models.download_report` names it, to a file; replaces what is there.

        The file is on another host, which gets none of our credentials. It appears whole or not at all, and may have as
        many bytes as the transport reads of an answer (64 MiB unless told otherwise). Source: document 002. Raises
        `InvalidInput`, `TransportError`, `APIError` or `OSError`.
        """
        content = await self._session.download(url, self.options)
        target = Path(path)
        await asyncio.to_thread(_write, target, content)
        return target

    def _poll(self) -> StatusPoll:
        """The poll of the workspace that this view is for: no other would list its campaigns."""
        scope = frozenset(self.options.scope.items())
        if scope not in self._polls:
            caller = BoundCaller(self._session, evolve(self._base_options, scope=self.options.scope))
            self._polls[scope] = StatusPoll(Operations(caller), clock=self.clock, every=self._poll_every)
        return self._polls[scope]


def _write(target: Path, content: bytes) -> None:
    # a name of its own: two that save to one place must not write into one another's file
    partial = target.with_name(f"{target.name}.{token_hex(4)}.part")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
