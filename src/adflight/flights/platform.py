"""What the engine has to be told by each vendor: how its objects are read, written, and found again.

One module a vendor implements it (`iqm`, `freewheel`). Imports columns, live, items and core.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Any, Final, Literal, Protocol, TypeAlias

from attrs import define, field, frozen

from adflight.core.clock import Clock
from adflight.core.options import Attempted, Watch
from adflight.core.quota import Limiter
from adflight.flights.columns import Columns, Level
from adflight.flights.entries import Done, OpenIntent, Refused
from adflight.flights.items import Item
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.values import Managed

ORDER: Final = "insertion_order"
CAMPAIGN: Final = "campaign"
"""What the journal calls the two kinds of objects."""

KINDS: Final[Mapping[Level, str]] = {Level.INSERTION_ORDER: ORDER, Level.CAMPAIGN: CAMPAIGN}


class Phase(IntEnum):
    """When a write may be sent, so that nothing overspends and nothing is stranded. Within one insertion order only."""

    ORDER = 0
    """Insertion orders are made, and raised: longer, or with more money; whatever neither raises nor lowers, too."""
    LOWER = 1
    """Campaigns that give money of their insertion order back; those that end earlier or spend more slowly, too. While
    one of the former has not given back what was planned, nothing takes more (see `Target.money`): together they would
    come to more than the plan. An earlier end that fails, or a lower bid, leaves the order's sum as it was."""
    RAISE = 2
    """Campaigns that are made or take more, and all other changes of theirs."""
    BESIDE = 3
    """What belongs to campaigns and needs their ids, once they are made and changed."""
    LOWER_ORDER = 4
    """Insertion orders are lowered, once all their campaigns were changed as planned."""


@frozen
class Target:
    """An object that a write is about."""

    key: str
    row: int
    id: int | None
    parent: str | None
    """The key of its insertion order."""
    fields: Managed
    """What counts as applied once it is done."""
    money: Literal[-1, 0, 1] = 0
    """Of a campaign's: 1 where this takes more of its insertion order's money, or may; -1 where it gives some back, and
    then its phase is `Phase.LOWER`; 0 where the order's campaigns come to the same as before."""


@define(eq=False, kw_only=True)
class Write:
    """One request that changes something. Not sent, and not even built before its insertion order's id is known."""

    operation: str
    """tag.method, as in `campaigns.update_budget`."""
    kind: str
    phase: Phase
    targets: tuple[Target, ...]
    """One; or many, which all get the same values."""
    values: Managed
    """What is sent: of a create everything managed, of a change what differs."""
    creates: bool = False
    named: str = ""
    """Of a create: the name by which what it made is found again."""
    place: int | None = None
    """Of a create: where that name is to be its own, by `Columns.order_place`; None: in the account, or its order."""
    existing: tuple[int, ...] = ()
    """Of a create: the ids that bore this name at this place when the plan was made."""
    before: Managed = field(factory=dict)
    """Of columns that are apart: what is live, or was last applied; what is not known is not in it."""
    looks: int = 0
    """Requests that read what is there, just before it is sent."""


Told: TypeAlias = Mapping[str, Done | Refused | None]
"""What an answer says, by key. None: the answer does not say, so it is read back."""


class Platform(Protocol):
    """One account at one vendor, for plans and applies."""

    @property
    def columns(self) -> Columns: ...

    @property
    def base_url(self) -> str: ...

    @property
    def account(self) -> str:
        """In one spelling: names the journal together with `base_url` and `scope`."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def limiter(self) -> Limiter: ...

    def observed(self, observer: Callable[[Attempted], object]) -> AbstractContextManager[None]:
        """Tells of everything that the account's client sends within the block; see `Client.observed`."""
        ...

    @property
    def settled_after(self) -> float:
        """Seconds after a request was sent by which it was carried out or never will be."""
        ...

    async def scope(self) -> str:
        """What within the account has names and objects of its own: IQM's organization workspace, by its id.

        Empty where there is none. Logs in where only that tells; always answers the same.
        """
        ...

    async def zones(self) -> Mapping[str, int] | None:
        """The vendor's ids of time zones by name, read once; None where it needs none."""
        ...

    async def read(self, needs: Needs) -> Snapshot:
        """The live state, with the fewest requests, strictly paged. Raises what the calls raise, and `PagingError`."""
        ...

    def full_reads(self, needs: Needs) -> int:
        """How many requests more `Needs.is_full` costs."""
        ...

    def writes(self, items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
        """The fewest requests that make the items so; each item comes with all that its file manages of it.

        Items that are unchanged or refused have none. Only updates that set values are combined. Writes come in no
        particular order; `Write.phase` says when.
        """
        ...

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told | None:
        """Sends a write, once. `ids` are those of its targets (none for a create), `parent` its insertion order's.

        Returns None when a look just before sending showed that everything is so already, and nothing was sent.

        Raises `UnknownOutcome`, `TransportError` (nothing was carried out), `APIError` (refused as a whole), and
        `InvalidInput`. A bulk answer that names failures is returned, not raised. Rows that it does not name are None.
        """
        ...

    async def read_back(
        self, kind: str, ids: Sequence[int], apart: Mapping[int, Collection[str]] | None = None
    ) -> Mapping[int, Live]:
        """Objects by id as they are now, gone ones too; one that does not exist at all is left out.

        `apart` are columns by id that only requests of their own show; what cannot be read of them is not shown.
        """
        ...

    async def namesakes(
        self, intents: Sequence[OpenIntent], *, unfiltered: bool = False
    ) -> Mapping[str, Mapping[int, Live]]:
        """For creates without an outcome, by key: everything that bears the name now. `OpenIntent.look_up` is
        `look_up(...)` of the write. One look for all of them, with the fewest requests, strictly paged; `unfiltered`
        reads whole lists instead of relying on the vendor's search.

        A key is left out where it cannot be looked for, as in an insertion order that is not shown: that is no absence.
        In one that is shown to be deleted, nothing bears the name.
        """
        ...

    def look_up(self, write: Write, parent: int | None) -> dict[str, Any]:
        """What `namesakes` needs to find a create's object again, JSON-able."""
        ...

    async def differences(self, intent: OpenIntent, id: int) -> list[str]:
        """Reads an object whole, and names the columns in which it differs from what an intent sent."""
        ...
