"""What a person says of a key: which object it means, or that it means none any more.

    async with await open_journal(platform) as journal:
        binding = await propose_bind(journal, platform, CAMPAIGN, "spring-1", 537001)
        ...                                                         # show it, and ask
        await bind(journal, binding, by="ada")

Imports the journal, settling and the platform's types; used by the command line. Sends nothing but reads. Both steps
take the same open journal, so that no apply comes between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from shlex import quote
from typing import Final

from attrs import field, frozen

from adflight.core.errors import AdflightError, InvalidInput
from adflight.core.problems import shown
from adflight.flights.columns import Columns
from adflight.flights.entries import Absent, Adopted, OpenIntent
from adflight.flights.equality import differing
from adflight.flights.journal import Journal
from adflight.flights.live import Live
from adflight.flights.opening import check_journal
from adflight.flights.platform import CAMPAIGN, ORDER, Platform
from adflight.flights.settling import Found, look_for, until_settled, write_down
from adflight.flights.values import spelled

TITLES: Final[Mapping[str, str]] = {ORDER: "insertion order", CAMPAIGN: "campaign"}

Waiting = Callable[[float], object]
"""Told the seconds until an open request must be settled, before they are waited for."""


class KeyRefused(AdflightError):
    """What was to be said of a key is not so, or not safe, as far as the vendor tells. Nothing was written."""


@frozen(kw_only=True)
class Binding:
    """What it would mean that a key means an object."""

    kind: str
    key: str
    live: Live
    """The object, whole."""
    is_new: bool
    """Whether the journal has never heard of the key."""
    replaced_id: int | None = None
    """What the key means now."""
    replaced: Live | None = None
    """The same; None when it does not exist any more."""
    open: OpenIntent | None = field(default=None, repr=False)
    """The create of the key without an outcome, which it settles."""
    differing: tuple[str, ...] = ()
    """The columns in which the object is not as that create sent it."""
    ignored: tuple[str, ...] = ()
    """Those that it may not have as sent, or does not show: they do not count as applied."""
    was_before: bool = False
    """Whether the object bore the name before that create was sent: then the create has not made it."""
    others: tuple[int, ...] = ()
    """What else bears the name that was sent, is no key's, and was not there before: one may be what it made."""


@frozen(kw_only=True)
class Release:
    """What it would mean that a key means nothing any more."""

    kind: str
    key: str
    id: int | None = None
    """What it means now; None when it has an open create instead."""
    live: Live | None = None
    """The same, unless it does not exist any more."""
    found: Found | None = field(default=None, repr=False)
    """What two looks for what an open create has made said."""

    @property
    def is_live(self) -> bool:
        """Whether the object goes on at the vendor, and may spend."""
        return self.live is not None and not self.live.is_gone


def budget_of(live: Live, columns: Columns) -> Decimal | None:
    """What an object may spend in all, where it shows that."""
    names = (columns.budget, columns.summed[0] if columns.summed else None)
    values = (live.fields.get(name) for name in names if name)
    return next((value for value in values if isinstance(value, Decimal)), None)


# bind


async def propose_bind(
    journal: Journal, platform: Platform, kind: str, key: str, id: int, *, waiting: Waiting = lambda seconds: None
) -> Binding:
    """Reads an object that a key is to mean. An open create of the key is waited for until it must be settled.

    Keys that look the same are the same, as in files.

    Raises:
        InvalidInput: The object does not exist, was deleted, or is another key's; the key means it already; or the
            journal is not the platform's.
        KeyRefused: The key has an open change.
    """
    key = spelled(key)
    _check_kind(platform, kind)
    await check_journal(journal, platform)
    ids = await journal.ids(kind)
    if ids.get(key) == id:
        raise InvalidInput("ID", id, f"another one: {shown(key)} means it already")
    owner = next((other for other, its in ids.items() if its == id), None)
    if owner is not None:
        raise InvalidInput("ID", id, f"a {TITLES[kind]} that is no other key's: it is {shown(owner)}'s")
    open_ = await _open_create(journal, kind, key)
    live = await _read(platform, kind, id)
    if live is None or live.is_gone:
        how = f"deleted ({live.status})" if live else "not there"
        raise InvalidInput("ID", id, f"a {TITLES[kind]} that exists: this one is {how}")
    if open_ is not None:
        return await _settling(journal, platform, open_, live, set(ids.values()), waiting)
    known = ids.get(key)
    return Binding(
        kind=kind,
        key=key,
        live=live,
        is_new=known is None,
        replaced_id=known,
        replaced=None if known is None else await _read(platform, kind, known),
    )


async def _settling(
    journal: Journal, platform: Platform, one: OpenIntent, live: Live, owned: set[int], waiting: Waiting
) -> Binding:
    different = await platform.differences(one, live.id)
    was_before = live.id in one.existing
    # what is new and as it was sent has come; beside any other, it still may
    await _wait(platform, until_settled(one, journal) if different or was_before else one.settle, waiting)
    named = (await platform.namesakes([one])).get(one.key, {})
    not_as_sent = {*differing(platform.columns, live.fields, one.fields), *(one.fields.keys() - live.fields.keys())}
    return Binding(
        kind=one.kind,
        key=one.key,
        live=live,
        is_new=False,
        open=one,
        differing=tuple(different),
        # what shows all that was sent is what was made; of any other, only what it shows is known
        ignored=tuple(sorted(not_as_sent)) if different or was_before else (),
        was_before=was_before,
        others=tuple(sorted({*named} - {*one.existing} - owned - {live.id})),
    )


async def bind(journal: Journal, binding: Binding, *, by: str) -> None:
    """Writes it down; `by` is the person who says so. Raises `InvalidInput` when that is nobody, and `JournalError`."""
    _check_person(by)
    kind, key, id_ = binding.kind, binding.key, binding.live.id
    if binding.open is not None:
        adopted = Adopted(id_, ignored=binding.ignored, by=by)
        await journal.record(binding.open.intent, {key: adopted})
        return
    fields = binding.live.fields if binding.live.is_whole else None
    await journal.bind(kind, key, id_, replacing=binding.replaced_id, by=by, fields=fields)


# release


async def propose_release(
    journal: Journal,
    platform: Platform,
    kind: str,
    key: str,
    *,
    by: str,
    force: bool = False,
    waiting: Waiting = lambda seconds: None,
) -> Release:
    """Reads what a key means, or looks twice for what its open create has made, once that must be settled.

    Keys that look the same are the same, as in files.

    Args:
        by: The person who says that the key means nothing any more.
        force: Also when the object is live: it goes on, and spends, and the next apply may buy another one.

    Raises:
        InvalidInput: The key means nothing, nobody says so, or the journal is not the platform's.
        KeyRefused: The object is live; what a create made may be there; or the key has an open change.
    """
    key = spelled(key)
    _check_kind(platform, kind)
    _check_person(by)
    await check_journal(journal, platform)
    open_ = await _open_create(journal, kind, key)
    if open_ is not None:
        return await _giving_up(journal, platform, open_, by, waiting)
    id_ = (await journal.ids(kind)).get(key)
    if id_ is None:
        raise InvalidInput("KEY", key, f"one that means something: no {TITLES[kind]}, and no open request")
    release_ = Release(kind=kind, key=key, id=id_, live=await _read(platform, kind, id_))
    if release_.live is not None and release_.is_live and not force:
        raise KeyRefused(
            f"{TITLES[kind]} {id_} ({shown(release_.live.name)}) is {release_.live.status}, not deleted. Without the "
            "key it would go on, and the next apply could buy a second one. Delete it at the vendor first; or, if "
            "two are what you want, or it has got another key: --force"
        )
    return release_


async def _giving_up(journal: Journal, platform: Platform, one: OpenIntent, by: str, waiting: Waiting) -> Release:
    await _wait(platform, until_settled(one, journal), waiting)
    ids = {one.kind: await journal.ids(one.kind)}
    (found,) = await look_for([one], ids, platform, give_up=lambda _: by)
    if isinstance(found.outcome, Absent):
        return Release(kind=one.kind, key=one.key, found=found)
    said = found.reason
    if isinstance(found.outcome, Adopted):
        said += f" It is as it was sent: adflight keys bind {quote(one.key)} {found.id} --kind {one.kind}"
    raise KeyRefused(f"{shown(one.key)} is not given up, because it may have been made. {said}")


async def release(journal: Journal, release_: Release, *, by: str) -> None:
    """Writes it down. Raises `JournalError`, and `KeyRefused` when a create cannot be given up."""
    _check_person(by)
    if release_.found is not None:
        settled = await write_down(release_.found, journal)
        if settled.how != "absent":
            raise KeyRefused(settled.reason)
    elif release_.id is not None:
        await journal.release(release_.kind, release_.key, release_.id, by=by)


# both


def _check_kind(platform: Platform, kind: str) -> None:
    if kind == CAMPAIGN and platform.columns.flight_name is None:
        raise InvalidInput("--kind", kind, f"{ORDER}: {platform.columns.vendor}'s flights are insertion orders")


def _check_person(by: str) -> None:
    if not by.strip():
        raise InvalidInput("by", by, "the name of the person who says so")


async def _open_create(journal: Journal, kind: str, key: str) -> OpenIntent | None:
    mine = [one for one in await journal.open_intents() if (one.kind, one.key) == (kind, key)]
    changes = [one.operation for one in mine if not one.creates]
    if changes:
        raise KeyRefused(
            f"{changes[0]} for {shown(key)} has no outcome yet: the next adflight apply reads back what became of it"
        )
    return mine[0] if mine else None


async def _read(platform: Platform, kind: str, id_: int) -> Live | None:
    # alone, so that it comes whole
    return (await platform.read_back(kind, [id_])).get(id_)


async def _wait(platform: Platform, seconds: float, waiting: Waiting) -> None:
    if seconds > 0:
        waiting(seconds)
        await platform.clock.sleep(seconds)
