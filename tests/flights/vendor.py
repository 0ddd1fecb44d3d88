"""A vendor in memory, a platform and a small planner for it, and a journal that does everything in the event loop, so
that a test that counts the loop's turns counts the same ones each time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from adflight.core.answers import Headers, RawAnswer
from adflight.core.errors import (
    AdflightError,
    APIError,
    ConnectionBroken,
    NotSent,
    ServerError,
    Timeout,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.core.options import Watch
from adflight.core.quota import Limiter, Quota
from adflight.flights.applying import apply
from adflight.flights.columns import Columns, columns_for
from adflight.flights.entries import Done, OpenIntent, Refused
from adflight.flights.events import Event
from adflight.flights.group_commit import GroupCommit, deliver
from adflight.flights.items import Change, Item, Totals, Verdict
from adflight.flights.journal import Journal
from adflight.flights.live import Live, Needs, Snapshot
from adflight.flights.platform import CAMPAIGN, ORDER, Phase, Target, Told, Write
from adflight.flights.traffic import Traffic
from adflight.flights.values import Managed
from tests.clock import FakeClock
from tests.core.scripted import SHOWN
from tests.flights.observed import Observed
from tests.flights.shelf import ACCOUNT, URL

NAME: Final = {ORDER: "io_name", CAMPAIGN: "campaign_name"}
MONEY: Final = {ORDER: "io_total_budget", CAMPAIGN: "budget_total"}
SETTLED_AFTER: Final = 90.0

Carry = Callable[[], Any]


def refusal(
    kind: type[APIError] = ValidationFailed, status: int = 400, operation: str = "campaigns.create"
) -> APIError:
    return kind(
        f"{operation}: HTTP {status}: no",
        status=status,
        body_code=None,
        errors=("no",),
        operation=operation,
        request_id=None,
        request=SHOWN,
        response=RawAnswer(status, Headers({}), b"", None, SHOWN),
    )


def of_log_in(error: AdflightError) -> AdflightError:
    """The error as the session raises it for a call that waited for a token."""
    error.while_logging_in = True
    return error


@define
class Vendor:
    """What exists, and what is still on its way."""

    objects: dict[str, dict[int, Live]] = field(factory=lambda: {ORDER: {}, CAMPAIGN: {}})
    creations: Counter[tuple[str, str]] = field(factory=Counter)
    """How often something was created, by kind and name."""
    on_the_way: dict[int, tuple[str, str, Any]] = field(factory=dict)
    """Requests that have left, and were neither carried out nor lost: how to carry them out."""
    log: list[tuple[str, Any]] = field(factory=list)
    """Operations that were carried out, and of what."""
    last: int = 100
    numbers: int = 0

    def create(self, kind: str, name: str, parent: int | None, fields: Mapping[str, Any]) -> int:
        self.last += 1
        self.objects[kind][self.last] = Live(self.last, parent, name, "pending", {**fields}, is_whole=True)
        self.creations[kind, name] += 1
        return self.last

    def change(self, kind: str, ids: Iterable[int], values: Mapping[str, Any]) -> None:
        for id_ in ids:
            live = self.objects[kind][id_]
            live.fields = {**live.fields, **values}
            live.name = str(live.fields[NAME[kind]])

    def leaves(self, kind: str, creates: bool, details: Any) -> int:
        self.numbers += 1
        self.on_the_way[self.numbers] = (kind, "create" if creates else "change", details)
        return self.numbers

    def arrives(self, number: int) -> Any:
        """Carries out what is on its way."""
        kind, what, details = self.on_the_way.pop(number)
        self.log.append((f"{kind} {what}", details))
        return self.create(kind, *details) if what == "create" else self.change(kind, *details)

    def all_arrives(self) -> None:
        for number in sorted(self.on_the_way):
            self.arrives(number)

    def shape(self) -> Any:
        """What exists, without ids."""
        orders = self.objects[ORDER]
        return (
            sorted((live.name, repr(sorted(live.fields.items()))) for live in orders.values()),
            sorted(
                (orders[live.parent or 0].name, live.name, repr(sorted(live.fields.items())))
                for live in self.objects[CAMPAIGN].values()
            ),
        )


class VendorPlatform(Observed):
    """A `Platform` on a vendor in memory. `faults` says what goes wrong, by operation and how often it was sent."""

    def __init__(
        self, vendor: Vendor | None = None, clock: FakeClock | None = None, quota: Quota | None = None
    ) -> None:
        super().__init__()
        self.vendor = Vendor() if vendor is None else vendor
        self.clock = FakeClock(auto=True) if clock is None else clock
        self.limiter = Limiter(quota, clock=self.clock)
        self.columns: Columns = columns_for("iqm")
        self.base_url, self.account = URL, ACCOUNT
        self.settled_after = SETTLED_AFTER
        self.faults: list[tuple[str, Any]] = []
        """Operation, or the name or key of what it is about, and what happens to the next such request: a word, see
        `_attempt`, or an error that is raised before anything leaves."""
        self.reads: Counter[str] = Counter()
        self.sent: list[tuple[float, Write]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.latency = 0.0
        self.max_attempts = 4
        self.delays: dict[str, float] = {}
        """Seconds for which a key's requests wait before they leave."""
        self.silent: set[str] = set()
        """Keys that answers do not name."""
        self.refuses: dict[str, str] = {}
        """Keys that a bulk answer names as failed, and why."""

    async def scope(self) -> str:
        return ""

    async def zones(self) -> Mapping[str, int] | None:
        return None

    async def read(self, needs: Needs) -> Snapshot:
        raise NotImplementedError

    def full_reads(self, needs: Needs) -> int:
        return 0

    def writes(self, items: Iterable[tuple[Item, Managed]], snapshot: Snapshot) -> Iterator[Write]:
        raise NotImplementedError

    def look_up(self, write: Write, parent: int | None) -> dict[str, Any]:
        return {"name": write.named, "parent": parent}

    # writing

    async def send(self, write: Write, ids: Sequence[int], parent: int | None, watch: Watch) -> Told:
        attempts = 0
        if write.targets[0].key in self.delays:
            await self.clock.sleep(self.delays[write.targets[0].key])
        while True:
            attempts += 1
            slot = await self.limiter.acquire()
            with slot:
                fault = self._fault(write)
                if isinstance(fault, BaseException):
                    slot.give_back()
                    raise fault
                await watch.sending(lambda: SHOWN)
                self.sent.append((self.clock.time(), write))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    told = await self._attempt(fault, write, ids, parent, watch, attempts)
                finally:
                    self.under_way -= 1
            if not isinstance(told, Exception):
                return told
            status = getattr(told, "status", 0)
            may_repeat = status != 400 if not write.creates else isinstance(told, NotSent) or status == 429
            if isinstance(told, UnknownOutcome) or not may_repeat or attempts == self.max_attempts:
                raise told
            await self.clock.sleep(1.0)

    def _fault(self, write: Write) -> Any:
        about = {write.operation, write.named, *(target.key for target in write.targets)}
        found = next((entry for entry in self.faults if entry[0] in about), None)
        if found is None:
            return None
        self.faults.remove(found)
        return found[1]

    async def _attempt(
        self, fault: Any, write: Write, ids: Sequence[int], parent: int | None, watch: Watch, attempt: int
    ) -> Told | Exception:
        """One attempt, or the error of one that failed."""
        at = self.clock.time()

        def tell(outcome: str, status: int | None = None) -> None:
            watch.answered(outcome, status, at, self.clock.time() - at)
            self.tell(write.operation, outcome, status, at=at, is_watched=True, number=attempt)

        if fault == "not sent":
            tell("not sent")
            return NotSent("no connection")
        if fault in ("rate limited", "refused"):
            tell(fault, 429 if fault == "rate limited" else 400)
            return refusal(status=429 if fault == "rate limited" else 400, operation=write.operation)
        details = (write.named, parent, write.values) if write.creates else (tuple(ids), write.values)
        number = self.vendor.leaves(write.kind, write.creates, details)
        await asyncio.sleep(0)
        if self.latency:
            await self.clock.sleep(self.latency)
        made = None
        if fault in ("cut_before", "ignored"):
            del self.vendor.on_the_way[number]
        elif fault != "late":
            made = self.vendor.arrives(number)
        await asyncio.sleep(0)
        if fault == "mistake":
            raise ZeroDivisionError("oh")
        if fault in ("cut_before", "cut_after", "late", "timeout"):
            tell("timeout" if fault == "timeout" else "broken")
            error = Timeout("no answer") if fault == "timeout" else ConnectionBroken("it broke")
            if not write.creates:
                return error
            sent_at = datetime.fromtimestamp(at, UTC)
            return UnknownOutcome(
                "perhaps",
                request=SHOWN,
                sent_at=sent_at,
                settled_after=SETTLED_AFTER,
                cause=error,
                operation=write.operation,
            )
        if fault == "server error":
            tell("server error", 500)
            return refusal(ServerError, 500, write.operation)
        tell("answered", 200)
        return self._told(write, made)

    def _told(self, write: Write, made: Any) -> Told:
        if write.creates:
            return {write.targets[0].key: Done(made, {"status": "pending"})}
        told: dict[str, Done | Refused | None] = {}
        for target in write.targets:
            if target.key in self.refuses:
                told[target.key] = Refused(self.refuses[target.key])
            elif target.key not in self.silent:
                told[target.key] = Done()
        return told

    # reading

    async def _reads(self, what: str) -> None:
        self.reads[what] += 1
        with await self.limiter.acquire():
            await asyncio.sleep(0)
            self.tell(what)
            if isinstance(fault := next((one for one in self.faults if one[0] == what), None), tuple):
                self.faults.remove(fault)
                raise fault[1]

    async def read_back(
        self, kind: str, ids: Sequence[int], apart: Mapping[int, Collection[str]] | None = None
    ) -> Mapping[int, Live]:
        await self._reads("read_back")
        return {id_: deepcopy(self.vendor.objects[kind][id_]) for id_ in ids if id_ in self.vendor.objects[kind]}

    async def namesakes(
        self, intents: Sequence[OpenIntent], *, unfiltered: bool = False
    ) -> Mapping[str, Mapping[int, Live]]:
        await self._reads("namesakes")
        return {
            one.key: {
                id_: deepcopy(live)
                for id_, live in self.vendor.objects[one.kind].items()
                if live.name == one.look_up["name"] and live.parent == one.look_up["parent"]
            }
            for one in intents
        }

    async def differences(self, intent: OpenIntent, id: int) -> list[str]:
        await self._reads("differences")
        live = self.vendor.objects[intent.kind][id]
        return [name for name, value in intent.fields.items() if live.fields.get(name) != value]


# a file, planned


@define
class Wish:
    """A row, or an insertion order, of a file."""

    kind: str
    key: str
    parent: str | None
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.fields[NAME[self.kind]])


def order(key: str, budget: int = 100, **more: Any) -> Wish:
    return Wish(ORDER, key, None, {"io_name": f"Order {key}", "io_total_budget": Decimal(budget), **more})


def campaign(key: str, parent: str, budget: int = 10, **more: Any) -> Wish:
    fields = {"campaign_name": f"Campaign {key}", "budget_total": Decimal(budget), **more}
    return Wish(CAMPAIGN, key, parent, fields)


@define(eq=False)
class VendorPlan:
    """What `apply` needs of a plan, made of wishes as plainly as can be."""

    platform: VendorPlatform
    wishes: list[Wish]
    items: list[Item]
    totals: Totals
    read_at: datetime
    _writes: list[Write]
    label: str = "flights.csv"
    is_loaded: bool = False
    surprises: list[str] = field(factory=list)
    sent: Traffic = field(factory=Traffic)
    read_on: float = 0.0
    last_run: int | None = 0
    open_intents: int = 0
    plans: int = 0
    """How often it was made anew."""

    def writes(self) -> Iterator[Write]:
        return iter(self._writes)

    def adoptions(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        for item, wish in zip(self.items, self.wishes, strict=True):
            if item.is_adopted:
                changed = {change.column for change in item.changes}
                yield item, {name: value for name, value in wish.fields.items() if name not in changed}

    async def again(self, journal: Journal) -> VendorPlan:
        self.plans += 1
        return await planned(self.platform, self.wishes, journal)

    def moved(self, newer: VendorPlan) -> list[str]:
        return self.surprises

    def apply(self, **more: Any) -> Any:
        return apply(self, **more)


async def planned(platform: VendorPlatform, wishes: list[Wish], journal: Journal) -> VendorPlan:
    """The plan for some wishes: what is there under its id, or once under its name, is changed, the rest is made."""
    read_at = datetime.fromtimestamp(platform.clock.time(), UTC)
    known = {kind: await journal.ids(kind) for kind in (ORDER, CAMPAIGN)}
    sent = Traffic()
    with platform.observed(sent.add):
        for _ in range(2):
            platform.tell("lists")
    items: list[Item] = []
    writes: list[Write] = []
    for row, wish in enumerate(wishes, 2):
        parent_id = None if wish.parent is None else _id_of(platform.vendor, wishes, known, wish.parent)
        item = _item(platform.vendor, wish, row, known, parent_id)
        items.append(item)
        writes += _writes_of(wish, item, platform.vendor)
    totals = Totals(
        verdicts={},
        adopted=0,
        drafts=0,
        committed=sum((item.committed for item in items), Decimal(0)),
        released=Decimal(0),
        writes=Counter(write.operation for write in writes),
        reads=dict(sent.counts),
        seconds=0.0,
    )
    runs = await journal.runs()
    last_run = 0 if not runs else runs[-1].id if runs[-1].how else None
    return VendorPlan(
        platform,
        wishes,
        items,
        totals,
        read_at,
        [*_combined(writes)],
        sent=sent,
        read_on=platform.clock.monotonic(),
        last_run=last_run,
        open_intents=len(await journal.open_intents()),
    )


def _id_of(vendor: Vendor, wishes: list[Wish], known: Mapping[str, Mapping[str, int]], key: str) -> int | None:
    wish = next(wish for wish in wishes if wish.kind == ORDER and wish.key == key)
    return _item(vendor, wish, 0, known, None).id


def _item(vendor: Vendor, wish: Wish, row: int, known: Mapping[str, Mapping[str, int]], parent: int | None) -> Item:
    id_ = known[wish.kind].get(wish.key)
    taken = {*known[wish.kind].values()}
    named = [
        live.id
        for live in vendor.objects[wish.kind].values()
        if live.name == wish.name and live.parent == parent and live.id not in taken
    ]
    is_adopted = id_ is None and len(named) == 1 and (wish.kind == ORDER or parent is not None)
    if is_adopted:
        (id_,) = named
    more: dict[str, Any] = {"kind": wish.kind, "key": wish.key, "row": row, "name": wish.name, "parent": wish.parent}
    if id_ is None:
        committed = wish.fields["budget_total"] if wish.kind == CAMPAIGN else Decimal(0)
        return Item(verdict=Verdict.CREATE, committed=committed, **more)
    live = vendor.objects[wish.kind][id_].fields
    changes = tuple(
        Change(name, live.get(name), value) for name, value in wish.fields.items() if live.get(name) != value
    )
    raised = sum((change.new - change.old for change in changes if change.column == "budget_total"), Decimal(0))
    verdict = Verdict.CHANGE if changes else Verdict.UNCHANGED
    return Item(
        verdict=verdict, id=id_, changes=changes, is_adopted=is_adopted, committed=max(raised, Decimal(0)), **more
    )


def _writes_of(wish: Wish, item: Item, vendor: Vendor) -> Iterator[Write]:
    tag = "insertion_orders" if wish.kind == ORDER else "campaigns"
    if item.verdict is Verdict.CREATE:
        target = Target(wish.key, item.row, None, wish.parent, wish.fields, 1 if wish.kind == CAMPAIGN else 0)
        phase = Phase.ORDER if wish.kind == ORDER else Phase.RAISE
        existing = tuple(live.id for live in vendor.objects[wish.kind].values() if live.name == wish.name)
        yield Write(
            operation=f"{tag}.create",
            kind=wish.kind,
            phase=phase,
            targets=(target,),
            values=wish.fields,
            creates=True,
            named=wish.name,
            existing=existing if wish.kind == ORDER or item.parent is None else (),
        )
    for change in item.changes:
        is_lower = change.column == MONEY[wish.kind] and change.new < change.old
        phases = {ORDER: (Phase.ORDER, Phase.LOWER_ORDER), CAMPAIGN: (Phase.RAISE, Phase.LOWER)}
        values = {change.column: change.new}
        is_money = wish.kind == CAMPAIGN and change.column == MONEY[CAMPAIGN]
        target = Target(wish.key, item.row, item.id, wish.parent, values, (-1 if is_lower else 1) if is_money else 0)
        yield Write(
            operation=f"{tag}.update_{change.column}",
            kind=wish.kind,
            phase=phases[wish.kind][is_lower],
            targets=(target,),
            values=values,
        )


def _combined(writes: Iterable[Write]) -> Iterator[Write]:
    groups: dict[Any, list[Write]] = {}
    for write in writes:
        place = id(write) if write.creates else (write.operation, write.phase, repr(write.values))
        groups.setdefault(place, []).append(write)
    for first, *more in groups.values():
        first.targets = (*first.targets, *(target for write in more for target in write.targets))
        yield first


# a journal in one thread


class InlineSteps(GroupCommit):
    """Does steps in the event loop, a turn after they were asked for."""

    async def start(self) -> None:
        self._database = self._open_database()
        self._database.execute("PRAGMA synchronous = OFF")

    def _hand_over(self) -> None:
        if self._asked and not self._closed.done():
            asked, self._asked = self._asked, []
            self._database.transact([one.step for one in asked])
            self._loop.call_soon(deliver, asked)

    def _close(self) -> None:
        if not self._closing:
            self._hand_over()
            self._closing = True
            self._database.close()
            self._let_go()
            self._closed.set_result(None)


class InlineJournal(Journal):
    """A journal whose transactions happen in the event loop."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._steps = InlineSteps(self.path.stem, self._open_database, self._let_go)


@asynccontextmanager
async def journal_in(directory: Path, clock: FakeClock) -> AsyncIterator[InlineJournal]:
    async with await InlineJournal.open(URL, ACCOUNT, directory=directory, clock=clock) as journal:
        yield journal


async def applied(platform: VendorPlatform, wishes: list[Wish], journal: Journal, **more: Any) -> list[Event]:
    """All events of a plan for the wishes and its apply."""
    plan = await planned(platform, wishes, journal)
    return [event async for event in plan.apply(journal=journal, **more)]


def of(events: Iterable[Event], *kinds: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kinds)]


def brief(events: Collection[Event], kind: type[Any]) -> dict[str, str]:
    """Keys of rows that are done or failed, and how."""
    name = "outcome" if kind.__name__ == "RowFailed" else "how"
    return {event.key: getattr(event, name) for event in of(events, kind)}
