"""`adflight keys`: which objects keys mean, and what a person says of it.

Imports the engine's `keys` and the views; used by the commands in `keys`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define
from rich.console import Console

from adflight.cli import interrupts
from adflight.cli.exits import FAILED, NOT_SENT
from adflight.cli.person import person
from adflight.cli.plan import account_of, stopping
from adflight.cli.plan_view import with_currency
from adflight.cli.terminal import agreed, can_ask, console, counted, duration, nobody, plain, value
from adflight.flights.database import NoJournal
from adflight.flights.entries import (
    Known,
    OpenIntent,
)
from adflight.flights.journal import Journal
from adflight.flights.keys import (
    TITLES,
    Binding,
    KeyRefused,
    Release,
    bind,
    budget_of,
    propose_bind,
    propose_release,
    release,
)
from adflight.flights.live import Live
from adflight.flights.opening import open_journal
from adflight.flights.platform import CAMPAIGN, ORDER, Platform
from adflight.flights.platforms import platform_for

if TYPE_CHECKING:
    from adflight.cli.target import Target


@define(kw_only=True)
class KeysCommand:
    """One `adflight keys ...`."""

    target: Target
    vendor: str | None = None

    # list

    def list(self, kind: str | None, *, as_json: bool) -> int:
        """Lists keys and open requests; beside an apply that goes on, too."""
        return self._run(lambda: self._list(kind, as_json=as_json))

    async def _list(self, kind: str | None, *, as_json: bool) -> int:
        kinds = (ORDER, CAMPAIGN) if kind is None else (kind,)
        known: list[Known] = []
        open_: list[OpenIntent] = []
        async with self.target.open(self.vendor, offline=True) as client:
            platform = platform_for(client)
            try:
                async with await open_journal(platform, directory=self.target.directory, read_only=True) as journal:
                    for each in kinds:
                        known += await journal.known(each)
                    open_ = [one for one in await journal.open_intents() if one.kind in kinds]
            except NoJournal:
                pass
        if as_json:
            told = {"keys": [_key_json(one) for one in known], "open": [_open_json(one) for one in open_]}
            sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
            return 0
        # it makes standard output take every name
        console()
        for line in (*_key_lines(known), *_open_lines(open_)):
            print(line)
        return 0

    # bind

    def bind(self, kind: str, key: str, id: int, *, yes: bool) -> int:
        """Says which object a key means."""
        return self._run(lambda: self._bind(kind, key, id, yes=yes))

    async def _bind(self, kind: str, key: str, id: int, *, yes: bool) -> int:
        screen = console()
        async with self._opened() as (platform, journal):
            binding = await propose_bind(journal, platform, kind, key, id, waiting=_waiting(screen))
            for line in (*self._shown(binding.live, kind, platform), *_doubts(binding)):
                screen.print(line, soft_wrap=True)
            question = f"{account_of(platform, self.target)}: is this {TITLES[kind]} what {plain(key)!r} means?"
            if not _agreed(screen, question, yes=yes):
                return NOT_SENT
            await bind(journal, binding, by=person())
        screen.print(
            f"{plain(key)} means {TITLES[kind]} {id}. To see what comes of it: {self._further}", soft_wrap=True
        )
        return 0

    # release

    def release(self, kind: str, key: str, *, force: bool, yes: bool) -> int:
        """Says that a key means nothing any more."""
        return self._run(lambda: self._release(kind, key, force=force, yes=yes))

    async def _release(self, kind: str, key: str, *, force: bool, yes: bool) -> int:
        screen, by = console(), person()
        async with self._opened() as (platform, journal):
            proposed = await propose_release(journal, platform, kind, key, by=by, force=force, waiting=_waiting(screen))
            for line in self._consequences(proposed, platform):
                screen.print(line, soft_wrap=True)
            question = f"{account_of(platform, self.target)}: let the next apply make {plain(key)!r} anew?"
            if not _agreed(screen, question, yes=yes):
                return NOT_SENT
            await release(journal, proposed, by=by)
        said = f"{plain(key)} means no {TITLES[kind]} any more. To see what comes of it: {self._further}"
        screen.print(said, soft_wrap=True)
        return 0

    def _consequences(self, proposed: Release, platform: Platform) -> Iterator[str]:
        if proposed.found is not None:
            yield f"{plain(proposed.found.reason)} {_sent(proposed.found.one)}"
        elif proposed.live is None:
            yield f"{TITLES[proposed.kind]} {proposed.id} does not exist at the vendor"
        else:
            yield from self._shown(proposed.live, proposed.kind, platform)
        if proposed.is_live:
            yield (
                "It is live: it goes on and spends, and nothing will change it any more. The next apply takes over "
                "what bears its name, and buys a second one if nothing does."
            )

    # both

    @property
    def _further(self) -> str:
        vendor = "" if self.vendor is None else f" --vendor {self.vendor}"
        return f"adflight plan FILE {self.target.flags}{vendor}"

    def _run(self, work: Callable[[], Awaitable[int]]) -> int:
        async def run() -> int:
            return await work()

        # complains before anything else when none is named
        _ = self.target.words
        with stopping(self.target):
            try:
                return interrupts.run(run())
            except KeyRefused as refused:
                print(f"adflight: {refused}", file=sys.stderr)
                return FAILED

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Platform, Journal]]:
        async with self.target.open(self.vendor) as client:
            platform = platform_for(client)
            async with await open_journal(platform, directory=self.target.directory) as journal:
                yield platform, journal

    def _shown(self, live: Live, kind: str, platform: Platform) -> Iterator[str]:
        """An object in a line: what it is, its name, status and money."""
        budget = budget_of(live, platform.columns)
        amount = "no budget shown" if budget is None else with_currency(budget, self.target.currency)
        place = "" if live.parent is None else f", in insertion order {live.parent}"
        yield f"{TITLES[kind]} {live.id}: {plain(live.name)}, {plain(live.status)}, {amount}{place}"


def _doubts(binding: Binding) -> Iterator[str]:
    """What speaks against it, or comes of it."""
    kind = TITLES[binding.kind]
    if binding.is_new:
        yield f"The journal does not know {plain(binding.key)!r} yet."
    if binding.replaced_id is not None:
        yield f"Until now it meant {kind} {binding.replaced_id}, {_fate(binding.replaced)}"
    if binding.open is not None:
        yield f"It is taken for what was bought by a request without an outcome. {_sent(binding.open)}"
    if binding.differing:
        yield f"It differs from what was sent in {', '.join(binding.differing)}; the next plan says what comes of it."
    if binding.was_before:
        yield "It bore the name before the request was sent, so that the request has made another one, or none."
    if binding.others:
        ids = ", ".join(map(str, binding.others))
        if len(binding.others) == 1:
            yield f"There is another that bears the name since then: {ids}. It stays as it is, and may spend."
        else:
            yield f"There are others that bear the name since then: {ids}. They stay as they are, and may spend."


def _fate(live: Live | None) -> str:
    if live is None:
        return "which does not exist any more."
    if live.is_gone:
        return "which was deleted."
    return f"which is {plain(live.status)}: it goes on, may spend, and nothing will change it any more."


def _sent(one: OpenIntent) -> str:
    return f"{one.operation} was sent at {one.unknown.sent_at:%Y-%m-%d %H:%M:%S} UTC: {plain(str(one.unknown.cause))}."


def _waiting(screen: Console) -> Callable[[float], None]:
    def say(seconds: float) -> None:
        what = f"Its request may still be carried out; waiting {duration(seconds)} until that is settled"
        screen.print(what, style="dim", soft_wrap=True)

    return say


def _agreed(screen: Console, question: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not can_ask(screen):
        raise nobody(question)
    if agreed(screen, question):
        return True
    screen.print("Nothing was written.")
    return False


# the list


def _key_lines(known: list[Known]) -> Iterator[str]:
    width = max((len(str(one.id)) for one in known), default=0)
    for one in known:
        since = f"{one.since:%Y-%m-%d %H:%M:%S} UTC"
        by = f"  by {plain(one.by)}" if one.by else ""
        yield f"{TITLES[one.kind]:<15}  {one.id:>{width}}  since {since}  {plain(one.key)}{by}"
    yield counted(len(known), "key")


def _open_lines(open_: list[OpenIntent]) -> Iterator[str]:
    for one in open_:
        yield ""
        yield f"{TITLES[one.kind]} {plain(one.key)}: no outcome. {_sent(one)}"
        for name, sent in one.fields.items():
            yield f"    {name} {value(sent)}"
        if one.existing:
            yield f"    its name was borne before by {', '.join(map(str, one.existing))}"
    if open_:
        yield ""
        yield (
            f"{counted(len(open_), 'request')} without an outcome. The next apply looks for what became of that; what "
            "it cannot tell, adflight keys bind and adflight keys release can be told."
        )


def _key_json(one: Known) -> dict[str, Any]:
    return {"kind": one.kind, "key": one.key, "id": one.id, "since": _moment(one.since), "by": one.by or None}


def _open_json(one: OpenIntent) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "key": one.key,
        "operation": one.operation,
        "creates": one.creates,
        "sent_at": _moment(one.unknown.sent_at),
        "settled_in": one.settle,
        "seen": str(one.unknown.cause),
        "existing": [*one.existing],
        "fields": {name: _plain(sent) for name, sent in one.fields.items()},
    }


def _plain(sent: Any) -> Any:
    if isinstance(sent, dict):
        return {str(name): _plain(each) for name, each in sent.items()}
    if isinstance(sent, (list, tuple)):
        return [_plain(each) for each in sent]
    if isinstance(sent, datetime):
        return _moment(sent)
    return sent if sent is None or isinstance(sent, (bool, int, float, str)) else str(sent)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
