"""Having an insertion order as it is wanted, whatever was there before, and never twice.

Imports core, the generated client and `comparison`; used by `insertion_orders`.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from attrs import frozen

from adflight.core.adoption import Turns, adopt
from adflight.core.batch import map_calls
from adflight.core.caller import BoundCaller
from adflight.core.clock import Clock
from adflight.core.errors import InvalidInput, UnknownOutcome
from adflight.core.options import Options
from adflight.core.session import SETTLING, Session
from adflight.freewheel.comparison import Comparison, as_read
from adflight_api.freewheel.api.insertion_orders import InsertionOrders, insertion_orders_create
from adflight_api.freewheel.models import InsertionOrder
from adflight_api.runtime import UNSET, Request

T = TypeVar("T")

Action: TypeAlias = Literal["created", "adopted", "updated", "unchanged"]

CREATE_ONLY: Final = frozenset({"campaign_id", "currency", "primary_trafficker"})
"""What can be given to a new insertion order and not changed later."""

SHOWN_ON_REQUEST: Final = frozenset({"delivery", "assignments", "additional_contacts"})
"""What an insertion order is answered with only when all is to be shown."""

ADVICE: Final = (
    "Look for its external id in its campaign. If it is there, ensure it again to adopt it; "
    "ensure it again to create it only if you are certain that it is not."
)


_UNSETTLED: Final[WeakKeyDictionary[Turns, dict[Hashable, float]]] = WeakKeyDictionary()
"""When creates that were cancelled must be settled, on the monotonic clock, by account and key."""


@frozen
class Ensured:
    """An insertion order that is as it was wanted."""

    insertion_order: InsertionOrder
    """As the last answer had it: of the create, the update or the read."""
    action: Action
    """What it took; "adopted": created now, and found again because the answer was lost."""
    changed: tuple[str, ...] = ()
    """The fields that an update sent: they were different, or not shown."""
    ignored: tuple[str, ...] = ()
    """Those of them that the answer to the update still shows otherwise: the service did not take them as they were."""
    requests: int = 0
    """How many requests it took, log-ins and repeats aside."""


class CountingCaller(BoundCaller):
    """Counts the calls that go through it."""

    __slots__ = ("requests",)

    def __init__(self, session: Session, options: Options) -> None:
        super().__init__(session, options)
        self.requests = 0

    def call(self, request: Request, parse: Callable[[Any], T], /) -> Coroutine[Any, Any, T]:
        self.requests += 1
        return super().call(request, parse)


class Ensuring:
    """One insertion order that is being ensured. `fields` are the arguments of `insertion_orders.create`."""

    def __init__(self, caller: BoundCaller, turns: Turns, clock: Clock, fields: Mapping[str, Any]) -> None:
        self._caller = CountingCaller(caller.session, caller.options)
        self._orders = InsertionOrders(self._caller)
        self._turns = turns
        self._unsettled = _UNSETTLED.setdefault(turns, {})
        self._clock = clock
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self._request = insertion_orders_create.request(**self._fields)
        self._wanted = as_read(self._request)
        self._listed: frozenset[int] = frozenset()
        self._campaign_id: int = fields["campaign_id"]
        self._external_id = self._wanted.external_id
        self._show = "all" if SHOWN_ON_REQUEST & self._fields.keys() else None
        for name, value in self._fields.items():
            if getattr(self._wanted, name) is UNSET:
                raise InvalidInput(name, value, "at least one item, because XML has no empty lists")
        if not (self._external_id or "").strip():
            raise InvalidInput("external_id", fields["external_id"], "a text that is not blank")
        self._key: Hashable = ("insertion order", self._campaign_id, self._external_id)

    async def run(self) -> Ensured:
        async with self._turns.of(self._key):
            found = await self._find()
            if not found and self._key in self._unsettled:
                await self._clock.sleep(self._unsettled[self._key] - self._clock.monotonic())
                found = await self._find()
            self._unsettled.pop(self._key, None)
            if len(found) > 1:
                raise InvalidInput("external_id", self._external_id, self._one_of(found))
            if found:
                return await self._settle(*found.values())
            try:
                return await self._create()
            except CancelledError as error:
                self._leave_word(error)
                raise

    async def _find(self, ignoring: Collection[int] = ()) -> Mapping[int, InsertionOrder]:
        """The insertion orders of the campaign that bear the external id, but for those to be ignored; by id."""
        rows = [row async for row in self._orders.list_by_campaign(self._campaign_id).rows(strict=True)]
        self._listed = frozenset(row.id for row in rows)
        # what a list does not show has to be read
        unread = [row.id for row in rows if row.external_id in (UNSET, self._external_id) and row.id not in ignoring]
        found: dict[int, InsertionOrder] = {}
        async with aclosing(map_calls(self._read, unread)) as outcomes:
            async for outcome in outcomes:
                order = outcome.result()
                if order.external_id == self._external_id:
                    found[order.id] = order
        return found

    async def _read(self, insertion_order_id: int) -> InsertionOrder:
        return await self._orders.get(insertion_order_id, show=self._show)

    def _compared(self, names: Iterable[str], live: InsertionOrder) -> Comparison:
        return Comparison.of(names, self._wanted, live)

    async def _settle(self, live: InsertionOrder) -> Ensured:
        """Changes what differs of an insertion order that is there."""
        fixed = self._compared([name for name in self._fields if name in CREATE_ONLY], live).different
        if fixed:
            raise InvalidInput(fixed[0], self._fields[fixed[0]], self._as_it_is(fixed, live))
        compared = self._compared([name for name in self._fields if name not in CREATE_ONLY], live)
        changed = compared.different + compared.unseen
        if not changed:
            return self._ensured(live, "unchanged")
        # objects and lists go whole: parts of them are mandatory in the document, and it says of none that it may be
        # left out in an update
        updated = await self._orders.update(live.id, **{name: self._fields[name] for name in changed})
        ignored = self._compared(changed, updated).different
        return self._ensured(updated, "updated", changed, ignored)

    async def _create(self) -> Ensured:
        before = self._listed
        try:
            return self._ensured(await self._caller.call(self._request, insertion_orders_create.parse), "created")
        except UnknownOutcome as error:
            unknown = error
        try:
            adopted = await adopt(
                unknown,
                existing=(),  # nothing bore the external id
                look_up=lambda: self._find(ignoring=before),
                differences=lambda live: self._compared(self._fields, live).different,
                clock=self._clock,
            )
        except UnknownOutcome as error:
            error.add_note(ADVICE)
            raise
        return self._ensured(adopted.row, "adopted")

    def _leave_word(self, cancelled: CancelledError) -> None:
        """Tells whoever comes next that a create may yet be carried out."""
        self._unsettled[self._key] = self._clock.monotonic() + self._caller.options.timeout + SETTLING
        cancelled.add_note(
            f"ensure: insertion order {self._external_id} of campaign {self._campaign_id} was being created and may "
            "exist. To ensure it again is safe in this process, which will wait until that must be settled."
        )

    def _ensured(
        self, order: InsertionOrder, action: Action, changed: tuple[str, ...] = (), ignored: tuple[str, ...] = ()
    ) -> Ensured:
        return Ensured(order, action, changed, ignored, self._caller.requests)

    def _one_of(self, found: Iterable[int]) -> str:
        ids = " and ".join(map(str, sorted(found)))
        return f"an id that at most one insertion order of campaign {self._campaign_id} bears; {ids} do"

    def _as_it_is(self, names: Iterable[str], live: InsertionOrder) -> str:
        values = " and ".join(f"{name} {getattr(live, name)!r}" for name in names)
        return f"what insertion order {live.id} was created with: {values}; it cannot be changed"
