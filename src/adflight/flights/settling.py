"""What became of requests without an outcome: looked for once they must be settled, adopted, read back, or left open.

    async with await open_journal(platform) as journal:
        async for event in settle(journal, platform):
            ...

Imports the journal, the platform's types, equality and core's `adoption`; used by `dispatching`, `applying` and
`keys`, and before a plan is made. Nothing is created here. What was found is written down before it is told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal, TypeAlias, TypeVar

from attrs import evolve, frozen

from adflight.core.adoption import SECOND_LOOK, Finding
from adflight.core.errors import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    InvalidInput,
    PermissionDenied,
)
from adflight.core.problems import shown
from adflight.flights.entries import (
    Absent,
    Adopted,
    Contradiction,
    Done,
    JournalError,
    OpenIntent,
    Refused,
    Unknown,
)
from adflight.flights.equality import differing as deviating
from adflight.flights.equality import is_summed
from adflight.flights.events import Settled, Settling
from adflight.flights.journal import Journal
from adflight.flights.live import Live
from adflight.flights.opening import check_journal
from adflight.flights.platform import Platform
from adflight.flights.values import CLEAR

T = TypeVar("T")

Share: TypeAlias = tuple[int, str]
"""A request's number in the journal, and a key."""

IfAbsent: TypeAlias = Literal["raise", "create"]
"""What becomes of a create that two looks did not find: it is reported, or it may be made again."""

ADVICE: Final = (
    "Look at the vendor for what bears its name, and say which it is with adflight keys bind; the next apply looks "
    "again, too, and takes over what is as sent."
)
ABSENT: Final = (
    "Look for it at the vendor. If it is not there, adflight keys release lets it be made again; so does "
    'adflight apply --if-absent create, or in Python if_absent="create" with your name in `by`.'
)

_AT_ONCE: Final = 500


def nobody(one: OpenIntent) -> str:
    """Gives nothing up."""
    return ""


async def settle(
    journal: Journal,
    platform: Platform,
    *,
    if_absent: IfAbsent = "raise",
    by: str = "",
    whose: Callable[[OpenIntent], bool] = lambda one: True,
) -> AsyncGenerator[Settling | Settled]:
    """Settles all requests of earlier runs that have no outcome; sends none but reads.

    Waits until the last of them must be settled (see `until_settled`), looks twice for what creates have made, reads
    back what updates have set, writes down what it found, and tells it. What it cannot tell stays open: `Settled.how`
    is "unclear" then.

    Args:
        if_absent: "create" gives up creates whose objects are not there, so that they may be made again.
        by: The name of the person who says so. Without it, nothing is given up.
        whose: Of which creates that was said; of all by default.

    Raises:
        InvalidInput: The journal is of another account or scope.
        JournalError: The journal cannot be written.
        AuthenticationError, PermissionDenied, ConfigurationError: Nothing can be read at all.
    """
    await check_journal(journal, platform)
    open_ = await journal.open_intents()
    if not open_:
        return

    def give_up(one: OpenIntent) -> str:
        return by.strip() if if_absent == "create" and one.creates and whose(one) else ""

    # a create that is not found stays open unless it is given up, so that an early look does no harm
    seconds = max(until_settled(one, journal) if give_up(one) or not one.creates else one.settle for one in open_)
    looks = SECOND_LOOK if any(one.creates for one in open_) else 0.0
    yield Settling(open=len(open_), seconds=seconds + looks)
    await platform.clock.sleep(seconds)
    for _, event in await conclude(open_, journal, platform, give_up=give_up):
        yield event


async def belonging_to(label: str, keys: Collection[tuple[str, str]], journal: Journal) -> Callable[[OpenIntent], bool]:
    """Tells the requests of a file from others': by the kind and key of what is in it, or because it sent them."""
    runs = {run.id for run in await journal.runs() if label and run.file == label}
    return lambda one: (one.kind, one.key) in keys or one.run in runs


def until_settled(one: OpenIntent, journal: Journal) -> float:
    """Seconds until what is not there will not come any more, whatever was done to the wall clock.

    How long ago a request was sent is that clock's word, and it may have been set since. So the time has to pass once
    more, by the monotonic clock, while the journal is open and nothing is sent.
    """
    return max(one.settle, one.unknown.settled_after - journal.quiet_for)


async def conclude(
    due: Sequence[OpenIntent],
    journal: Journal,
    platform: Platform,
    *,
    give_up: Callable[[OpenIntent], str] = nobody,
    answered: Collection[Share] = (),
) -> list[tuple[OpenIntent, Settled]]:
    """Finds out and writes down what became of requests that must be settled by now, all with the same looks.

    `give_up` names the person who gives up a create whose object is not there, if anybody does. Of updates that are
    `answered`, while the answer did not say what became of them, nothing else is possible than that they were carried
    out, or refused.
    """
    kinds = sorted({one.kind for one in due})
    ids = {kind: await journal.ids(kind) for kind in kinds}
    found: list[Found] = []
    for kind in kinds:
        updates = [one for one in due if one.kind == kind and not one.creates]
        found += await _read_back(updates, ids[kind], platform, answered)
    creates = [one for one in due if one.creates]
    found += await look_for(creates, ids, platform, give_up=give_up)
    events = await together(write_down(one, journal) for one in found)
    return [(one.one, event) for one, event in zip(found, events, strict=True)]


async def together(steps: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What many steps return that write to the journal, in as few transactions as they fit in; none is left behind."""
    results: list[T] = []
    steps = iter(steps)
    while some := [*islice(steps, _AT_ONCE)]:
        told = await asyncio.gather(*some, return_exceptions=True)
        for result in told:
            if isinstance(result, BaseException):
                raise result
            results.append(result)
    return results


def ends_everything(error: AdflightError, operation: str = "") -> bool:
    """Whether an error is the account's, or the journal's, so that nothing more can be sent at all.

    So is any that kept a token from coming: each row would only try to log in again, at the quota's expense. A
    permission that is missing for `operation` itself says nothing of others.
    """
    if error.while_logging_in:
        return True
    if isinstance(error, PermissionDenied):
        return error.operation != operation
    if isinstance(error, JournalError):
        return not isinstance(error, Contradiction)
    return isinstance(error, (AuthenticationError, ConfigurationError))


@frozen
class Found:
    """What is known of an open intent now."""

    one: OpenIntent
    outcome: Adopted | Absent | Done | Refused | None = None
    """None: it stays open."""
    id: int | None = None
    reason: str = ""


# updates


async def _read_back(
    updates: Sequence[OpenIntent], ids: Mapping[str, int], platform: Platform, answered: Collection[Share]
) -> list[Found]:
    if not updates:
        return []
    wanted = sorted({ids[one.key] for one in updates if one.key in ids})
    apart: dict[int, set[str]] = {}
    for one in updates:
        if one.key in ids and (columns := platform.columns.apart(one.fields)):
            apart.setdefault(ids[one.key], set()).update(columns)
    try:
        live = await platform.read_back(updates[0].kind, wanted, apart)
    except AdflightError as error:
        if ends_everything(error):
            raise
        return [Found(one, reason=f"Reading it back failed: {error}") for one in updates]
    return [
        _compared(one, ids.get(one.key), live, platform, is_answered=(one.intent, one.key) in answered)
        for one in updates
    ]


def _compared(
    one: OpenIntent, id_: int | None, live: Mapping[int, Live], platform: Platform, *, is_answered: bool
) -> Found:
    found = None if id_ is None else live.get(id_)
    if found is not None:
        differing = not_as_sent(found, one.fields, platform)
    else:
        differing = "its id was taken from it" if id_ is None else f"{one.kind} {id_} does not exist any more"
    if not differing:
        return Found(one, Done(), id_)
    return Found(one, Refused(differing) if is_answered else Absent(differing), id_, differing)


def not_as_sent(live: Live, fields: Mapping[str, Any], platform: Platform) -> str:
    """In words, where an object differs from what was sent; empty when it shows all of it."""
    columns = platform.columns
    differing = {*deviating(columns, live.fields, fields)}
    if columns.summed is not None and is_summed(columns, fields, live.fields):
        differing.discard(columns.summed[0])
    return "; ".join(
        f"{name} is {_word(live.fields[name])}, not {_word(wanted)}" if name in live.fields else f"{name} is not shown"
        for name, wanted in fields.items()
        if name in differing or name not in live.fields
    )


def _word(value: Any) -> str:
    return "null" if value in (None, CLEAR, CLEAR.value) else shown(value)


# creates


async def look_for(
    creates: Sequence[OpenIntent],
    ids: Mapping[str, Mapping[str, int]],
    platform: Platform,
    *,
    give_up: Callable[[OpenIntent], str],
) -> list[Found]:
    """Looks twice for what creates have made, that must be settled by now. Writes nothing down.

    `ids` are those of all keys by kind; `give_up` is as for `conclude`.
    """
    if not creates:
        return []
    try:
        first = await _look(creates, platform)
        await platform.clock.sleep(SECOND_LOOK)
        # a search that misses a name must not let it be bought again
        second = await _look(creates, platform, unfiltered=any(map(give_up, creates)))
    except AdflightError as error:
        if ends_everything(error):
            raise
        return [Found(one, reason=f"Looking for it failed: {error}") for one in creates]
    owners = {kind: {id_: key for key, id_ in known.items()} for kind, known in ids.items()}
    findings = [
        (one, _finding(one, first.get((one.kind, one.key)), second.get((one.kind, one.key)), owners[one.kind]))
        for one in creates
    ]
    claims: defaultdict[tuple[str, int], list[OpenIntent]] = defaultdict(list)
    for one, finding in findings:
        if finding.candidate is not None:
            claims[one.kind, finding.candidate].append(one)
    return [await _judged(one, finding, claims, platform, by=give_up(one)) for one, finding in findings]


async def _look(
    creates: Sequence[OpenIntent], platform: Platform, *, unfiltered: bool = False
) -> dict[tuple[str, str], Mapping[int, Live]]:
    """What bears their names now, by kind and key: keys are unique within a kind only."""
    seen: dict[tuple[str, str], Mapping[int, Live]] = {}
    for kind in sorted({one.kind for one in creates}):
        named = await platform.namesakes([one for one in creates if one.kind == kind], unfiltered=unfiltered)
        seen.update({(kind, key): live for key, live in named.items()})
    return seen


def _finding(
    one: OpenIntent,
    first: Mapping[int, Live] | None,
    second: Mapping[int, Live] | None,
    owners: Mapping[int, str],
) -> Finding:
    if first is None or second is None:
        return Finding("It was not looked for.")
    # what is another key's was not made by this request
    others = {id_ for id_ in {*first, *second} if owners.get(id_, one.key) != one.key}
    known = {*one.existing, *others}
    # what was deleted is taken over by nobody, and yet it may be what was made: whoever gives it up is told
    gone = {id_ for look in (first, second) for id_, live in look.items() if live.is_gone}
    finding = Finding.of(known, first.keys() - gone, second.keys() - gone)
    if new := sorted(gone - known):
        return evolve(finding, text=f"{finding.text} Deleted by now, and of its name: {', '.join(map(str, new))}.")
    return finding


async def _judged(
    one: OpenIntent,
    finding: Finding,
    claims: Mapping[tuple[str, int], Sequence[OpenIntent]],
    platform: Platform,
    *,
    by: str,
) -> Found:
    id_ = finding.candidate
    if id_ is None:
        if finding.absent and by:
            return Found(one, Absent(finding.text, by), reason=finding.text)
        return Found(one, reason=f"{finding.text} {ABSENT if finding.absent else ADVICE}")
    claimants = claims[one.kind, id_]
    if len(claimants) > 1:
        others = ", ".join(repr(other.key) for other in claimants if other is not one)
        return Found(one, reason=f"{finding.text} It may as well be what was made for {others}. {ADVICE}")
    try:
        differing = await platform.differences(one, id_)
    except AdflightError as error:
        if ends_everything(error):
            raise
        return Found(one, reason=f"{finding.text} It could not be compared with what was sent: {error}. {ADVICE}")
    if differing:
        return Found(one, reason=f"{finding.text} It differs from what was sent in {', '.join(differing)}. {ADVICE}")
    return Found(one, Adopted(id_), id_, finding.text)


# the journal


async def write_down(found: Found, journal: Journal) -> Settled:
    """Writes down what was found, and says what it was."""
    one = found.one
    if found.outcome is None:
        return Settled(kind=one.kind, key=one.key, how="unclear", reason=found.reason)
    if isinstance(found.outcome, Absent) and one.state == "sending":
        # only what nobody waits for any more can be given up
        lost = Unknown(one.unknown.sent_at, one.unknown.settled_after, str(one.unknown.cause))
        await journal.record(one.intent, {one.key: lost})
    try:
        await journal.record(one.intent, {one.key: found.outcome})
    except (Contradiction, InvalidInput) as error:
        return Settled(kind=one.kind, key=one.key, how="unclear", reason=f"{found.reason} {error}. {ADVICE}".strip())
    match found.outcome:
        case Adopted(id_):
            return Settled(kind=one.kind, key=one.key, how="adopted", id=id_)
        case Absent(reason) | Refused(reason):
            return Settled(kind=one.kind, key=one.key, how="absent", id=found.id, reason=reason)
    return Settled(kind=one.kind, key=one.key, how="done", id=found.id)
