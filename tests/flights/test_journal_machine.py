"""Whatever happens to a journal, in whatever order, it knows what a model knows, and a vendor is never asked to create
something twice. Crashes reopen the files as they were at that moment.
"""

from __future__ import annotations

import asyncio
import tempfile
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adflight.flights.entries import (
    Absent,
    Adopted,
    Contradiction,
    Done,
    Outcome,
    Refused,
    Unknown,
    Withdrawn,
)
from adflight.flights.journal import Journal
from tests.clock import FakeClock
from tests.flights.shelf import KIND, change, copied, create, opened

KEYS: Final = ("a", "b", "c")
LOST: Final = Unknown(datetime.fromtimestamp(FakeClock.EPOCH, UTC), 90.0, "connection reset")

keys = st.sampled_from(KEYS)
some_keys = st.lists(keys, min_size=1, unique=True)
mostly = st.sampled_from([True, True, True, False])
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Done(),
        Done(1),
        Done(2),
        Refused("no"),
        Withdrawn("no"),
        LOST,
        Adopted(1),
        Adopted(2),
        Absent("no"),
        Absent("", "ada"),
    ]
)
Moment = Literal["before", "after"]
kills: st.SearchStrategy[Moment | None] = st.sampled_from([None, "before", "after"])


@define
class Share:
    """A part, as the model knows it."""

    run: int
    creates: bool
    existing: frozenset[int]
    fields: dict[str, Any]
    state: str = "sending"

    @property
    def open(self) -> bool:
        return self.state in ("sending", "unknown")


@define
class Model:
    """The rules again, as plainly as can be."""

    runs: list[str] = field(factory=list)
    earlier: int = 0
    requests: int = 0
    shares: dict[tuple[int, str], Share] = field(factory=dict)
    ids: dict[str, int] = field(factory=dict)
    applied: dict[str, dict[str, Any]] = field(factory=dict)
    explained: set[int] = field(factory=set)
    """Ids that ever were a key's."""

    @property
    def run(self) -> int | None:
        return len(self.runs) if self.runs and not self.runs[-1] else None

    def of(self, key: str) -> list[Share]:
        return [share for (_, other), share in self.shares.items() if other == key]

    def unsettled(self, key: str) -> bool:
        return any(share.open for share in self.of(key))

    def intend(
        self, wanted: list[str], *, creates: bool, existing: dict[str, set[int]], fields: dict[str, Any]
    ) -> bool:
        run = self.run
        if run is None:
            return False
        for key in wanted:
            if any(share.open and (share.creates or creates or share.run < run) for share in self.of(key)):
                return False
            if creates == (key in self.ids):
                return False
            given_up = [share for share in self.of(key) if share.state == "absent" and share.creates]
            if creates and any(existing[key] - share.existing - self.explained for share in given_up):
                return False
        self.requests += 1
        for key in wanted:
            before = frozenset(existing[key]) if creates else frozenset()
            self.shares[self.requests, key] = Share(run, creates, before, fields)
        return True

    def record(self, request: int, key: str, outcome: Outcome) -> bool:
        share = self.shares[request, key]
        if not self._fits(key, share, outcome):
            return False
        share.state = type(outcome).__name__.lower()
        if isinstance(outcome, (Done, Adopted)):
            if outcome.id is not None:
                self.ids[key] = outcome.id
                self.explained.add(outcome.id)
            self.applied[key] = {**self.applied.get(key, {}), **share.fields}
        return True

    def _fits(self, key: str, share: Share, outcome: Outcome) -> bool:
        awaited = share.state == "sending" and share.run > self.earlier
        late = share.state == "absent" and isinstance(outcome, Adopted) and not self.unsettled(key)
        if not share.open and not late:
            return False
        match outcome:
            case Done(id_):
                if share.creates != (id_ is not None) or (share.creates and not awaited):
                    return False
            case Adopted(id_):
                if not share.creates:
                    return False
            case Refused() | Withdrawn():
                return awaited
            case Absent(_, by):
                return not awaited and bool(by or not share.creates)
            case Unknown():
                return True
        return id_ is None or (self.ids.get(key, id_) == id_ and self.free(id_, key))

    def free(self, id_: int, key: str) -> bool:
        return all(other == key or taken != id_ for other, taken in self.ids.items())

    def crash(self) -> None:
        if self.run is not None:
            self.runs[-1] = "died"
        self.earlier = len(self.runs)


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = tempfile.TemporaryDirectory()
        self.places = 0
        self.directory = self.place()
        self.directory.mkdir()
        self.journal: Journal = self.wait(opened(self.directory))
        self.model = Model()
        self.vendor: dict[str, set[int]] = {key: set() for key in KEYS}
        self.made = 100
        self.excused = 0
        """How often a person allowed that something may be made again."""
        self.on_the_way: set[int] = set()
        """Creates that were sent, and may be carried out at any time."""

    def teardown(self) -> None:
        self.wait(self.journal.aclose())
        self.loop.close()
        self.home.cleanup()

    def wait(self, what: Any) -> Any:
        return self.loop.run_until_complete(what)

    def place(self) -> Path:
        self.places += 1
        return Path(self.home.name) / str(self.places)

    def told(self, what: Any, expected: bool) -> Any:
        """What a call returns; it must be refused unless the model allows it."""
        try:
            result = self.wait(what)
        except Contradiction:
            assert not expected
            return None
        assert expected
        return result

    def record(self, request: int, key: str, outcome: Outcome) -> None:
        expected = self.model.record(request, key, outcome)
        self.told(self.journal.record(request, {key: outcome}), expected)

    # runs

    @initialize()
    def start(self) -> None:
        self.begin()
        self.bind("c", 3, None, "")

    @rule()
    def begin(self) -> None:
        expected = self.model.run is None
        if expected:
            self.model.runs.append("")
        assert self.told(self.journal.begin_run("digest"), expected) == (self.model.run if expected else None)

    @rule(again=mostly)
    def end(self, again: bool) -> None:
        expected = self.model.run is not None
        if expected:
            self.model.runs[-1] = "complete"
        self.told(self.journal.end_run("complete"), expected)
        if again:
            self.begin()

    # what apply does

    @rule(key=keys, number=st.integers(0, 3))
    def launch(self, key: str, number: int) -> None:
        fields = {"budget": number}
        expected = self.model.intend([key], creates=True, existing=self.vendor, fields=fields)
        request = self.told(self.journal.intend(create(key, tuple(self.vendor[key]), **fields)), expected)
        if expected:
            assert request == self.model.requests
            self.on_the_way.add(request)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), carried=st.booleans(), answered=st.sampled_from(["yes", "no", "lost", "never sent"]))
    def answer(self, data: st.DataObject, carried: bool, answered: str) -> None:
        request = data.draw(st.sampled_from(sorted(self.on_the_way)))
        ((key, share),) = [(key, share) for (one, key), share in self.model.shares.items() if one == request]
        if share.state != "sending" or share.run <= self.model.earlier:
            answered = "no"
        if answered == "never sent":
            self.on_the_way.discard(request)
            self.record(request, key, Withdrawn("no connection"))
        elif carried:
            self.on_the_way.discard(request)
            self.made += 1
            self.vendor[key].add(self.made)
            if answered == "yes":
                self.record(request, key, Done(self.made))
        elif answered == "yes":
            self.on_the_way.discard(request)
            self.record(request, key, Refused("invalid"))
        if answered == "lost":
            self.record(request, key, LOST)

    @rule(wanted=some_keys, number=st.integers(0, 3), lost=st.booleans())
    def change(self, wanted: list[str], number: int, lost: bool) -> None:
        fields = {f"field {number}": number}
        expected = self.model.intend(wanted, creates=False, existing={}, fields=fields)
        request = self.told(self.journal.intend(change(*wanted, **fields)), expected)
        if expected:
            # the first may be in neither list of the answer
            told: dict[str, Outcome] = {key: Done() for key in wanted[lost:]}
            for key, outcome in told.items():
                assert self.model.record(request, key, outcome)
            self.wait(self.journal.record(request, told))

    @precondition(lambda self: any(share.open for share in self.model.shares.values()))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.wait(self.journal.open_intents())))
        if not one.creates:
            self.record(one.intent, one.key, Done())
            return
        appeared = self.vendor[one.key].difference(one.existing)
        if len(appeared) == 1:
            self.record(one.intent, one.key, Adopted(min(appeared)))
        elif not appeared:
            if self.model.shares[one.intent, one.key].state == "sending":
                self.record(one.intent, one.key, LOST)
            self.record(one.intent, one.key, Absent("two look-ups found nothing", "ada"))
            self.excused += 1

    # what it must not do, or only when a person says so

    @precondition(lambda self: self.model.shares)
    @rule(data=st.data(), outcome=outcomes)
    def claim(self, data: st.DataObject, outcome: Outcome) -> None:
        request, key = data.draw(st.sampled_from(sorted(self.model.shares)))
        if not deepcopy(self.model).record(request, key, outcome):
            self.record(request, key, outcome)

    @rule(key=keys, id_=st.integers(1, 3), replacing=st.none() | st.integers(1, 3), by=st.sampled_from(["", "ada"]))
    def bind(self, key: str, id_: int, replacing: int | None, by: str) -> None:
        known = self.model.ids.get(key)
        expected = known == id_ or (
            not self.model.unsettled(key)
            and self.model.free(id_, key)
            and known == replacing
            and (replacing is None or bool(by))
        )
        self.told(self.journal.bind(KIND, key, id_, replacing=replacing, by=by), expected)
        if expected and known != id_:
            self.model.ids[key] = id_
            self.model.explained.add(id_)
            if replacing is not None:
                self.model.applied.pop(key, None)

    @rule(key=keys, data=st.data(), by=st.sampled_from(["", "ada"]))
    def release(self, key: str, data: st.DataObject, by: str) -> None:
        known = self.model.ids.get(key)
        id_ = data.draw(st.sampled_from([known or 1, 2]))
        expected = known == id_ and bool(by) and not self.model.unsettled(key)
        self.told(self.journal.release(KIND, key, id_, by=by), expected)
        if expected:
            del self.model.ids[key]
            self.model.applied.pop(key, None)
            self.excused += 1

    # crashes

    @rule(again=mostly)
    def close(self, again: bool) -> None:
        self.reopen(self.directory, again)

    @rule(again=mostly)
    def crash(self, again: bool) -> None:
        self.reopen(copied(self.directory, self.place()), again)

    def reopen(self, left: Path, again: bool) -> None:
        """The process was killed and left these files; the next one may begin a run at once."""
        self.wait(self.journal.aclose())
        self.model.crash()
        self.directory = left
        self.journal = self.wait(opened(left))
        if again:
            self.begin()

    @rule(
        wanted=st.lists(keys, min_size=1, max_size=5),
        cancel=st.sets(st.integers(0, 4)),
        kill=kills,
        again=mostly,
    )
    def group(self, wanted: list[str], cancel: set[int], kill: Moment | None, again: bool) -> None:
        """Several at once, of which some are cancelled; or a kill before or after their commit."""
        if kill is not None:
            # a cancellation may or may not get into the same commit
            cancel = set()
        before = deepcopy(self.model)
        expected = [
            self.model.requests
            if self.model.intend([key], creates=True, existing=self.vendor, fields={"number": number})
            else None
            for number, key in enumerate(wanted)
        ]
        database = self.journal._book._database
        commit, left = database._commit, self.place()

        def killed() -> None:
            database._commit = commit  # type: ignore[method-assign]
            if kill == "after":
                commit()
            copied(self.directory, left)
            if kill == "before":
                commit()

        if kill is not None:
            database._commit = killed  # type: ignore[method-assign]

        async def launch_all() -> list[Any]:
            intents = [create(key, tuple(self.vendor[key]), number=number) for number, key in enumerate(wanted)]
            tasks = [asyncio.create_task(self.journal.intend(intent)) for intent in intents]
            await asyncio.sleep(0)
            for number in cancel & {*range(len(tasks))}:
                tasks[number].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self.journal.runs()
            return results

        results = self.wait(launch_all())
        for number, (key, request, result) in enumerate(zip(wanted, expected, results, strict=True)):
            if number in cancel:
                assert isinstance(result, asyncio.CancelledError)
            elif request is None:
                assert isinstance(result, Contradiction)
            else:
                assert result == request
            if kill is None and request is not None:
                if number in cancel:
                    assert self.model.record(request, key, Withdrawn("cancelled"))
                else:
                    self.on_the_way.add(request)
        if kill is not None:
            # nobody was told, so nothing was sent
            if kill == "before":
                self.model = before
            self.reopen(left, again)

    # what always holds

    @invariant()
    def it_knows_what_the_model_knows(self) -> None:
        found = {(one.intent, one.key): one.state for one in self.wait(self.journal.open_intents())}
        assert found == {place: share.state for place, share in self.model.shares.items() if share.open}
        assert self.wait(self.journal.ids(KIND)) == self.model.ids
        assert self.wait(self.journal.applied(KIND, KEYS)) == self.model.applied
        assert [run.how for run in self.wait(self.journal.runs())] == self.model.runs

    @invariant()
    def nothing_is_bought_twice(self) -> None:
        assert sum(max(len(objects) - 1, 0) for objects in self.vendor.values()) <= self.excused
        for key in KEYS:
            assert sum(share.open and share.creates for share in self.model.of(key)) <= 1


JournalMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_journal = JournalMachine.TestCase
