from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.core.adoption import adopt
from adflight.core.redaction import MASK, RedactedRequest
from adflight.flights.entries import (
    Absent,
    Adopted,
    Attempt,
    Contradiction,
    Done,
    Intent,
    JournalError,
    JournalHeld,
    Part,
    Refused,
    Unknown,
    Unsettled,
    Withdrawn,
)
from adflight.flights.journal import Journal
from adflight.flights.place import ASKING, Lock, Place
from adflight.flights.place import _ask as ask
from tests.clock import FakeClock
from tests.flights.shelf import ACCOUNT, KIND, SENT, URL, change, copied, create, launched, opened
from tests.programs import ROOT, without_credentials

NOW = datetime.fromtimestamp(FakeClock.EPOCH, UTC)
LOST = Unknown(NOW, 120.0, "connection reset")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def after_a_crash(journal: Journal, directory: Path, clock: FakeClock | None = None) -> Journal:
    """What the next process opens: the files as they are, in another directory."""
    left = copied(directory, directory / "left")
    await journal.aclose()
    return await opened(left, clock)


# what it keeps


async def test_a_create_and_what_became_of_it(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        assert await journal.begin_run("digest") == 1
        request = await journal.intend(create("row 1", (5, 3), budget=Decimal("1.10")))
        assert [one.key for one in await journal.open_intents()] == ["row 1"]
        await journal.attempt(request, Attempt(1, NOW, "rate limited", 429, 0.25))
        await journal.attempt(request, Attempt(2, NOW, "answered Bearer abcdefghijklmnopq", 200, 0.5))
        await journal.record(request, {"row 1": Done(9, {"status": "draft", "token": "x"})})
        await journal.end_run("complete")
    async with await opened(tmp_path) as journal:
        assert await journal.ids(KIND) == {"row 1": 9}
        assert await journal.ids("insertion_order") == {}
        assert await journal.applied(KIND, ["row 1", "row 2"]) == {"row 1": {"budget": Decimal("1.10")}}
        assert await journal.open_intents() == []
        (entry,) = [entry async for entry in journal.history()]
        (run,) = await journal.runs()
    assert (entry.id, entry.run, entry.at, entry.operation, entry.creates) == (
        request,
        1,
        NOW,
        "campaigns.create",
        True,
    )
    assert entry.request == SENT
    (part,) = entry.parts
    assert (part.key, part.state, part.id, part.facts) == ("row 1", "done", 9, {"status": "draft", "token": MASK})
    assert [(attempt.number, attempt.outcome, attempt.status) for attempt in entry.attempts] == [
        (1, "rate limited", 429),
        (2, f"answered Bearer {MASK}", 200),
    ]
    assert (run.file, run.started, run.ended, run.how) == ("digest", NOW, NOW, "complete")


async def test_what_the_service_did_not_take_does_not_count_as_applied(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("a")
        request = await journal.intend(create("row 1", budget=Decimal(5), name="Spring"))
        await journal.record(request, {"row 1": Done(9, ignored=("budget",))})
        assert await journal.applied(KIND, ["row 1"]) == {"row 1": {"name": "Spring"}}
        (entry,) = [entry async for entry in journal.history()]
        assert entry.parts[0].facts == {"ignored": ["budget"]}


async def test_a_bulk_request_is_settled_key_by_key(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a", "b", "c")
        request = await journal.intend(change("a", "b", "c", budget=5))
        await journal.record(request, {"a": Done(), "b": Refused("too small")})
        assert [one.key for one in await journal.open_intents()] == ["c"]
        await journal.record(request, {"c": Unknown(NOW, 90.0, "in neither list")})
        await journal.record(request, {"c": Absent("read back: not changed")})
        applied = await journal.applied(KIND, "abc")
        assert applied == {"a": {"name": "a", "budget": 5}, "b": {"name": "b"}, "c": {"name": "c"}}
        entries = [entry async for entry in journal.history(1)]
        assert [(part.key, part.state, part.reason) for part in entries[-1].parts] == [
            ("a", "done", ""),
            ("b", "refused", "too small"),
            ("c", "absent", "read back: not changed"),
        ]
        assert entries[-1].parts[2].cause == "in neither list"


async def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    async with await opened(tmp_path, secrets=frozenset({"pin"})) as journal:
        await journal.begin_run("digest")
        part = Part("row 1", {"pin": "swordfish"}, (), {"pin": "swordfish"})
        request = RedactedRequest("POST", "https://a.example/?pin=swordfish", {}, {"pin": "swordfish"})
        number = await journal.intend(evolve(create(), parts=(part,), request=request))
        await journal.record(number, {"row 1": Refused('{"pin": "swordfish"}')})
        written = b"".join(contents(tmp_path).values())
        assert b"swordfish" not in written and b"ada@" not in written


# rules


async def test_nothing_is_intended_outside_a_run(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        with pytest.raises(Contradiction, match="no run has begun"):
            await journal.intend(create())
        with pytest.raises(Contradiction, match="no run has begun"):
            await journal.end_run("complete")
        await journal.begin_run("digest")
        with pytest.raises(Contradiction, match="run 1 has not ended"):
            await journal.begin_run("digest")


async def test_another_key_does_not_create_what_may_be_on_its_way_under_its_name(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        lost = await journal.intend(create())
        edited = evolve(create("row 2"), parts=(evolve(create().parts[0], key="row 2"),))
        for state in ("sending", "unknown"):
            with pytest.raises(Unsettled, match=f"by request {lost} under the key 'row 1', which has the same name"):
                await journal.intend(edited)
            if state == "sending":
                await journal.record(lost, {"row 1": LOST})
        await journal.record(lost, {"row 1": Absent("looked for twice", "ada")})
        assert await journal.intend(edited)


async def test_a_key_has_one_open_create(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        request = await journal.intend(create())
        for state in ("sending", "unknown"):
            with pytest.raises(Unsettled, match=f"may have been created by request {request}, whose outcome"):
                await journal.intend(create())
            with pytest.raises(Unsettled):
                await journal.bind(KIND, "row 1", 5)
            if state == "sending":
                await journal.record(request, {"row 1": LOST})
        assert await journal.intend(create("row 2"))
        other = create("row 1")
        assert await journal.intend(
            type(other)(other.operation, "order", other.parts, SENT, creates=True, settled_after=1)
        )


async def test_what_exists_is_not_created_again_and_what_does_not_is_not_changed(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a")
        with pytest.raises(Contradiction, match="campaign 'a' exists already: 1"):
            await journal.intend(create("a"))
        with pytest.raises(Contradiction, match="the id of campaign 'b' is not known"):
            await journal.intend(change("a", "b"))
        assert await journal.open_intents() == []


async def test_a_request_is_settled_once(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        request = await journal.intend(create())
        await journal.record(request, {"row 1": Refused("no")})
        for outcome in (Done(1), Refused("no"), Withdrawn("no"), LOST, Adopted(1), Absent("no", "ada")):
            with pytest.raises(Contradiction, match="is settled already: refused"):
                await journal.record(request, {"row 1": outcome})
        with pytest.raises(Contradiction, match="is not about 'row 2'"):
            await journal.record(request, {"row 2": Done(1)})
        with pytest.raises(Contradiction, match="there is no request 99"):
            await journal.attempt(99, Attempt(1, NOW, "answered"))


async def test_outcomes_fit_their_request(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a", "b")
        request, changing = await journal.intend(create()), await journal.intend(change("a", "b"))
        wrong: list[tuple[int, dict[str, Any], str]] = [
            (request, {"row 1": Done()}, "expected the id"),
            (changing, {"a": Done(1)}, "expected no id"),
            (changing, {"a": Adopted(1)}, "created nothing that could be adopted"),
            (request, {"row 1": Absent("not there", "ada")}, "may still be answered"),
            (request, {"row 1": Done(2)}, "campaign 2 is 'b' already"),
        ]
        for number, outcomes, problem in wrong:
            with pytest.raises(Contradiction, match=problem):
                await journal.record(number, outcomes)
        await journal.record(request, {"row 1": LOST})
        for outcome, problem in (
            (Absent("not there", " "), "given up by a person"),
            (Done(3), "can only be adopted"),
            (Refused("no"), "nothing can refuse it any more"),
            (Withdrawn("no"), "nothing can refuse it any more"),
        ):
            with pytest.raises(Contradiction, match=problem):
                await journal.record(request, {"row 1": outcome})
        # of several outcomes all are written or none
        with pytest.raises(Contradiction):
            await journal.record(changing, {"a": Done(), "c": Done()})
        assert [one.key for one in await journal.open_intents()] == ["row 1", "a", "b"]


async def test_one_answer_cannot_give_two_keys_one_id(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        request = await journal.intend(evolve(create(), parts=(Part("a"), Part("b"))))
        with pytest.raises(Contradiction, match="7 cannot be both 'a' and 'b'"):
            await journal.record(request, {"a": Done(7), "b": Done(7)})
        await journal.record(request, {"a": Done(7), "b": Done(8)})


async def test_a_refusal_settles_only_its_own_sending(tmp_path: Path) -> None:
    """The earlier create stays in mind: first as open, then, given up, against what appears later."""
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        lost = await journal.intend(create(existing=(3,)))
        await journal.record(lost, {"row 1": LOST})
        await journal.record(lost, {"row 1": Absent("two look-ups found nothing", "ada")})
        again = await journal.intend(create(existing=(3,)))
        await journal.record(again, {"row 1": Refused("invalid")})
        with pytest.raises(Unsettled, match=f"request {lost}, given up as absent, seems .* only now: 8"):
            await journal.intend(create(existing=(3, 8)))
        third = await journal.intend(create(existing=(3,)))
        with pytest.raises(Unsettled):
            await journal.record(lost, {"row 1": Adopted(8)})
        await journal.record(third, {"row 1": Withdrawn("the account was revoked")})
        await journal.record(lost, {"row 1": Adopted(8)})
        assert await journal.ids(KIND) == {"row 1": 8}


async def test_what_was_given_up_under_another_key_is_known_by_its_name(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        lost = await journal.intend(create())
        await journal.record(lost, {"row 1": LOST})
        await journal.record(lost, {"row 1": Absent("two look-ups found nothing", "ada")})
        (part,) = create().parts
        assert await journal.given_up(KIND) == [("row 1", part.look_up)]

        def edited(*existing: int, **look_up: Any) -> Intent:
            return evolve(create(), parts=(evolve(part, key="row 2", existing=existing, look_up=look_up),))

        with pytest.raises(Unsettled, match=r"only now: 8 bears its name\. .* adflight keys bind 'row 2' 8"):
            await journal.intend(edited(8, **part.look_up))
        for request in (edited(**part.look_up), edited(8, **{**part.look_up, "name": "Summer"}), edited(8)):
            await journal.record(await journal.intend(request), {"row 2": Withdrawn("the account was revoked")})


async def test_an_update_that_was_not_carried_out_has_created_nothing(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a")
        request = await journal.intend(change("a"))
        await journal.record(request, {"a": LOST})
        await journal.record(request, {"a": Absent("budget is 10, not 20")})
        await journal.release(KIND, "a", 1, by="ada")
        assert await journal.intend(create("a", existing=(8,)))


async def test_values_may_be_set_twice_at_a_time(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a")
        first, second = [await journal.intend(change("a", **{name: 1})) for name in ("bid", "budget")]
        third = await journal.intend(change("a", bid=2))
        for request in (second, first, third):
            await journal.record(request, {"a": Done()})
        assert await journal.applied(KIND, "a") == {"a": {"name": "a", "bid": 2, "budget": 1}}


async def test_ids_do_not_change_in_silence(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await launched(journal, "a")
        await journal.bind(KIND, "a", 1)
        await journal.bind(KIND, "b", 2)
        for key, id_, more, problem in (
            ("a", 3, {}, "'a' is 1, and cannot become 3 in silence"),
            ("a", 3, {"replacing": 2, "by": "ada"}, "'a' is 1, and cannot become 3"),
            ("a", 3, {"replacing": 1}, "only a person"),
            ("a", 2, {"replacing": 1, "by": "ada"}, "campaign 2 is 'b' already"),
            ("c", 3, {"replacing": 1, "by": "ada"}, "'c' is None"),
        ):
            with pytest.raises(Contradiction, match=problem):
                await journal.bind(KIND, key, id_, **more)
        assert await journal.applied(KIND, "a") == {"a": {"name": "a"}}
        await journal.bind(KIND, "a", 3, replacing=1, by="ada")
        assert await journal.ids(KIND) == {"a": 3, "b": 2}
        assert await journal.applied(KIND, "a") == {}
        request = await journal.intend(change("a"))
        with pytest.raises(Unsettled, match="may have been changed by request 2"):
            await journal.release(KIND, "a", 3, by="ada")
        await journal.record(request, {"a": Done()})
        with pytest.raises(Contradiction):
            await journal.release(KIND, "a", 1, by="ada")
        await journal.release(KIND, "a", 3, by="ada")
        assert await journal.ids(KIND) == {"b": 2}
        assert await journal.intend(create("a"))


async def test_what_was_a_keys_does_not_count_as_having_appeared(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("digest")
        lost = await journal.intend(create())
        await journal.record(lost, {"row 1": LOST})
        await journal.record(lost, {"row 1": Absent("two look-ups found nothing", "ada")})
        again = await journal.intend(create())
        await journal.record(again, {"row 1": Done(9)})
        await journal.release(KIND, "row 1", 9, by="ada")
        with pytest.raises(Unsettled, match="only now: 8"):
            await journal.intend(create(existing=(8, 9)))
        assert await journal.intend(create(existing=(9,)))


# crashes


async def test_the_next_run_settles_first(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await launched(journal, "a")
    lost, changing = await journal.intend(create()), await journal.intend(change("a", budget=5))
    journal = await after_a_crash(journal, tmp_path)
    async with journal:
        assert [run.how for run in await journal.runs()] == ["died"]
        assert await journal.begin_run("digest") == 2
        for intent in (create(), change("a")):
            with pytest.raises(Unsettled):
                await journal.intend(intent)
        with pytest.raises(Contradiction, match="can only be adopted"):
            await journal.record(lost, {"row 1": Done(9)})
        with pytest.raises(Contradiction, match="nothing can refuse it"):
            await journal.record(lost, {"row 1": Refused("no")})
        await journal.record(lost, {"row 1": Adopted(9)})
        # setting a value may be read back
        await journal.record(changing, {"a": Done()})
        assert await journal.ids(KIND) == {"a": 1, "row 1": 9}
        assert (await journal.applied(KIND, "a"))["a"]["budget"] == 5
        assert await journal.intend(change("a"))


async def test_what_is_open_is_all_that_adoption_needs(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin_run("digest")
    await journal.intend(create("row 1", (5, 3), budget=Decimal("1.10")))
    clock = FakeClock(auto=True)
    async with await after_a_crash(journal, tmp_path, clock) as journal:
        (one,) = await journal.open_intents()
        assert (one.key, one.kind, one.state, one.creates, one.run) == ("row 1", KIND, "sending", True, 1)
        assert one.existing == (3, 5) and one.fields == {"budget": Decimal("1.10")}
        assert one.look_up == {"name": "Spring row 1", "insertion_order": 7}
        assert one.unknown.operation == one.operation == "campaigns.create"
        assert one.unknown.request == SENT and one.unknown.sent_at == NOW

        async def look_up() -> dict[int, dict[str, Any]]:
            return {3: {}, 5: {}, 9: dict(one.unknown.request.body)}

        found = await adopt(
            one.unknown,
            existing=one.existing,
            look_up=look_up,
            differences=lambda row: [] if row == SENT.body else ["body"],
            clock=clock,
            settle=one.settle,
        )
        await journal.record(one.intent, {one.key: Adopted(found.id)})
    assert clock.slept == [90.0, 15.0]


async def test_how_long_until_it_is_settled(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = await opened(tmp_path, clock)
    await journal.begin_run("digest")
    requests = [await journal.intend(create(key)) for key in ("a", "b", "c")]
    await clock.advance(1000.0)
    # the quota may have held one up for as long as its process lives
    assert [one.settle for one in await journal.open_intents()] == [90.0, 90.0, 90.0]
    sent = datetime.fromtimestamp(clock.time() - 10, UTC)
    await journal.record(requests[0], {"a": Unknown(sent, 120.0, "timeout")})
    # of two that are told, the later counts
    await journal.record(requests[0], {"a": Unknown(NOW, 60.0, "absent")})
    await journal.record(requests[1], {"b": Unknown(datetime.fromtimestamp(clock.time() + 5, UTC), 90.0, "timeout")})
    assert [one.settle for one in await journal.open_intents()] == [110.0, 90.0, 90.0]
    async with await after_a_crash(journal, tmp_path, clock) as journal:
        await clock.advance(30.0)
        first, second, third = await journal.open_intents()
        assert (first.settle, second.settle, third.settle) == (80.0, 65.0, 60.0)
        assert (first.unknown.sent_at, first.unknown.settled_after) == (sent, 120.0)
        assert str(first.unknown.cause) == "absent" and "ends before the answer" in str(third.unknown.cause)
    # what passed since its process was found dead is not waited for again
    async with await opened(tmp_path / "left", clock) as journal:
        assert [one.settle for one in await journal.open_intents()] == [80.0, 65.0, 60.0]
        await clock.advance(1000.0)
    async with await opened(tmp_path / "left", clock, read_only=True) as journal:
        assert {one.settle for one in await journal.open_intents()} == {0.0}


async def test_how_long_nothing_was_sent(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = await opened(tmp_path, clock)
    await journal.begin_run("digest")
    request = await journal.intend(create())
    await clock.advance(20.0)
    assert journal.quiet_for == 20.0
    # it waited for the quota, and left only then
    await journal.record(request, {"row 1": LOST})
    await clock.advance(10.0)
    assert journal.quiet_for == 10.0
    async with await after_a_crash(journal, tmp_path, clock) as journal:
        await clock.advance(30.0)
        # what an earlier process sent left before it was opened, whenever that is written down
        await journal.record(request, {"row 1": LOST})
        assert journal.quiet_for == 30.0
        await journal.begin_run("digest")
        await journal.intend(create("row 2"))
        await journal.record(request, {"row 1": LOST})
        assert journal.quiet_for == 0.0
        await clock.advance(5.0)
        await journal.record(request, {"row 1": LOST})
        assert journal.quiet_for == 5.0


# two at once


async def test_a_journal_is_open_once(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        with pytest.raises(
            JournalHeld, match=r"journal api\.example\.com-\w{16} is held by this process since 2023-11-14"
        ):
            await opened(tmp_path)
        await journal.begin_run("digest")
        async with await opened(tmp_path, read_only=True) as reader:
            assert len(await reader.runs()) == 1
            for asking in (reader.begin_run("digest"), reader.intend(create()), reader.bind(KIND, "a", 1)):
                with pytest.raises(JournalError, match="opened only to be read"):
                    await asking
    async with await opened(tmp_path, read_only=True) as reader:
        assert len(await reader.runs()) == 1


async def test_waiting_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "adflight")
    clock = FakeClock(auto=True)
    async with await opened(tmp_path):
        with pytest.raises(JournalHeld):
            await opened(tmp_path, clock, wait=2.5)
    assert clock.slept == [1.0, 1.0, 0.5]
    assert caplog.text.count("waiting until it is let go") == 1


@contextmanager
def asking(directory: Path) -> Iterator[None]:
    """Somebody looks whether the journal is held."""
    with Place.of(URL, ACCOUNT, directory).lock.open() as file:
        ask(file.fileno())
        yield


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shared lock")
@pytest.mark.parametrize("wait", [0.0, 10.0, None])
async def test_who_only_asks_keeps_nobody_out(wait: float | None, tmp_path: Path) -> None:
    await (await opened(tmp_path)).aclose()
    clock = FakeClock()
    with asking(tmp_path):
        opening = asyncio.create_task(opened(tmp_path, clock, wait=wait))
        await clock.settle()
        assert not opening.done()
    await clock.advance(ASKING)
    await (await opening).aclose()
    assert clock.slept == [ASKING]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shared lock")
async def test_who_asks_for_ever_is_not_waited_for(tmp_path: Path) -> None:
    await (await opened(tmp_path)).aclose()
    clock = FakeClock(auto=True)
    with asking(tmp_path), pytest.raises(JournalHeld):
        await opened(tmp_path, clock)
    assert 0 < sum(clock.slept) < 1


HOLD = """
import asyncio, os, sys
from pathlib import Path
from adflight.flights.journal import Journal
from tests.flights.shelf import opened

async def main():
    async with await opened(Path(sys.argv[1])):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def program(text: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=without_credentials(),
        cwd=ROOT,
    )


async def test_another_process_waits_until_the_first_is_dead(tmp_path: Path) -> None:
    with program(HOLD, tmp_path) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(JournalHeld, match=f"held by process {other.pid} since") as caught:
            await opened(tmp_path)
        assert caught.value.pid == other.pid
        clock = FakeClock()
        waiting = asyncio.create_task(opened(tmp_path, clock, wait=None))
        await clock.advance(5.0)
        assert not waiting.done()
        other.kill()
        other.wait()
        await clock.advance(1.0)
        await (await waiting).aclose()


FORK = """
import asyncio, os, sys
from pathlib import Path
from tests.flights.shelf import opened

async def main():
    async with await opened(Path(sys.argv[1])) as journal:
        await journal.begin_run("digest")
        child = os.fork()
        if not child:
            try:
                await journal.ids("campaign")
            except Exception as error:
                print(error, flush=True)
            await journal.aclose()
            os._exit(0)
        os.waitpid(child, 0)
        print(len(await journal.runs()), flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_forked_child_cannot_use_it_and_does_no_harm(tmp_path: Path) -> None:
    with program(FORK, tmp_path) as parent:
        assert parent.stdout is not None
        assert "belongs to the process that opened it" in parent.stdout.readline()
        assert parent.stdout.readline() == "1\n"


LAUNCH = """
import asyncio, sys
from pathlib import Path
from adflight.flights.entries import Done
from tests.flights.shelf import create, opened

async def launch(journal, key):
    request = await journal.intend(create(key))
    print("sent", key, flush=True)
    await journal.record(request, {key: Done(request)})
    print("done", key, flush=True)

async def main():
    async with await opened(Path(sys.argv[1])) as journal:
        for one in await journal.open_intents():
            print("open", one.key, flush=True)
        run = await journal.begin_run("digest")
        for group in range(1000):
            await asyncio.gather(*(launch(journal, f"{run}-{group}-{number}") for number in range(5)))

asyncio.run(main())
"""


async def test_what_was_said_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    sent: set[str] = set()
    done: set[str] = set()
    for lines in (1, 6, 23, 40, 57):
        with program(LAUNCH, tmp_path) as launching:
            assert launching.stdout is not None
            for _ in range(lines):
                word, key = launching.stdout.readline().split()
                {"sent": sent, "done": done, "open": set()}[word].add(key)
            launching.kill()
            for line in launching.stdout:
                # what it said before it died counts too; its last line may be torn
                with suppress(ValueError, KeyError):
                    word, key = line.split()
                    if line.endswith("\n"):
                        {"sent": sent, "done": done}[word].add(key)
            launching.wait()
        async with await opened(tmp_path) as journal:
            ids, unsettled = await journal.ids(KIND), [one.key for one in await journal.open_intents()]
            assert done <= ids.keys()
            assert sent <= ids.keys() | set(unsettled)
            assert (await journal.runs())[-1].how == "died"
            assert not ids.keys() & set(unsettled) and len(set(ids.values())) == len(ids)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_disk_that_fails_stops_everything_and_leaves_nothing_half(tmp_path: Path) -> None:
    text = """
import asyncio, resource, sys
from pathlib import Path
from adflight.flights.entries import JournalError
from tests.flights.shelf import create, opened

async def main():
    async with await opened(Path(sys.argv[1])) as journal:
        await journal.begin_run("digest")
        await journal.intend(create("a"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        for key in ("b", "c"):
            try:
                await journal.intend(create(key, text="x" * 500_000 * (key == "b")))
            except JournalError as error:
                print(error, flush=True)

asyncio.run(main())
"""
    with program(text, tmp_path) as failing:
        assert failing.stdout is not None
        first, second = failing.stdout.read().splitlines()
    assert "cannot be used: disk I/O error" in first or "is full" in first
    assert "must be opened again" in second or "is full" in first

    async def look() -> list[str]:
        async with await opened(tmp_path) as journal:
            return [one.key for one in await journal.open_intents()]

    assert asyncio.run(look()) == ["a"]


# runs


async def test_a_run_goes_on_only_while_its_process_holds_the_account(tmp_path: Path) -> None:
    clock = FakeClock()
    dead = await opened(tmp_path, clock)
    await dead.begin_run("spring.csv")
    async with await opened(tmp_path, clock, read_only=True) as reader:
        assert [run.how for run in await reader.runs()] == [""]
        await dead.aclose()
        assert [run.how for run in await reader.runs()] == ["died"]
        await clock.advance(60)
        # at another scope of the account, which tells nothing of this one
        async with await opened(tmp_path, clock, scope="7") as other:
            await other.begin_run("spring.csv")
            assert [run.how for run in await reader.runs()] == ["died"]


async def test_a_run_that_ends_while_its_process_is_looked_for_has_not_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await opened(tmp_path) as journal, await opened(tmp_path, read_only=True) as reader:
        await journal.begin_run("spring.csv")

        def end(path: Path) -> None:
            with closing(sqlite3.connect(reader.path)) as other, other:
                other.execute("UPDATE runs SET ended = started, how = 'complete'")
                other.execute("INSERT INTO runs (file, started) VALUES ('next', 0)")

        monkeypatch.setattr(Lock, "holder", end)
        assert [run.how for run in await reader.runs()] == ["complete"]
