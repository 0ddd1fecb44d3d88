from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import cast

import pytest
from attrs import evolve
from rich.console import Console

from adflight.cli import progress
from adflight.cli.progress import FORMS, SHOWN, Form, Tally, counts, line_of, pace
from adflight.core.quota import Limiter, Quota
from adflight.flights.events import Began, Ended, Event, RowDone, RowFailed, Sent, Settled, Settling
from adflight.flights.platform import CAMPAIGN, ORDER
from tests.clock import FakeClock

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
BEGAN = Began(run=1, flights=4, writes=40, committed=Decimal(1000), seconds=120.0)
SENT = Sent(request=1, operation="campaigns.create", kind=CAMPAIGN, keys=("a",), at=NOON)
DONE = RowDone(kind=CAMPAIGN, key="a", row=2, how="created", id=537001)
FAILED = RowFailed(kind=CAMPAIGN, key="b", row=3, error="HTTP 422: no such creative", outcome="refused")
ENDED = Ended(how="failed", reason="", done=1, failed=1, adopted=0, requests={"campaigns.create": 2}, seconds=3.0)


@pytest.fixture
def tally() -> Tally:
    clock = FakeClock()
    return Tally(Limiter(Quota(19, 60.0), clock=clock), clock)


@pytest.fixture
def screen() -> Console:
    return Console(file=StringIO(), width=100, highlight=False, markup=False, emoji=False)


def text_of(screen: Console) -> str:
    return cast(StringIO, screen.file).getvalue()


def test_rows_are_counted_by_what_became_of_them(tally: Tally) -> None:
    bulk = Sent(request=2, operation="campaigns.update_budget", kind=CAMPAIGN, keys=("b", "c", "d"), at=NOON)
    order = Sent(request=3, operation="insertion_orders.create", kind=ORDER, keys=("Spring",), at=NOON)
    for sent in (BEGAN, SENT, bulk, order):
        tally.add(sent)
    assert (tally.rows, tally.in_flight, tally.sent) == (0, 5, 3)
    for event in (
        DONE,
        FAILED,
        RowDone(kind=CAMPAIGN, key="c", row=4, how="changed", id=2),
        RowDone(kind=ORDER, key="Spring", row=2, how="created", id=3),
        Settled(kind=CAMPAIGN, key="d", how="unclear", reason="two of them"),
    ):
        tally.add(event)
    assert (tally.rows, tally.in_flight, tally.failed) == (3, 0, 1), "an insertion order is no row"
    assert str(counts(tally)) == "1 created  1 changed  0 adopted  0 unchanged  1 failed  0 in flight"
    tally.add(SENT)
    tally.add(ENDED)
    assert tally.in_flight == 0


def test_a_failed_order_is_a_failure_but_no_row(tally: Tally) -> None:
    tally.add(evolve(FAILED, kind=ORDER, key="Spring"))
    assert (tally.failed, tally.failures_count, len(tally.failures)) == (0, 1, 1)
    for _ in range(2 * SHOWN):
        tally.add(FAILED)
    assert (tally.failed, len(tally.failures)) == (2 * SHOWN, SHOWN), "memory does not grow with failures"


async def test_the_time_that_is_left_is_the_quotas(tally: Tally) -> None:
    assert tally.seconds_left is None
    tally.add(BEGAN)
    assert tally.seconds_left == 120.0, "19 at once, 19 after one window, 2 after another"
    for _ in range(10):
        with await tally.limiter.acquire():
            tally.add(SENT)
    assert tally.seconds_left == 120.0, "9 are left of this window, and 21 of the next two"
    assert str(pace(tally)) == "10 of 19 requests in 1 min, about 2 min left by it"
    cast(FakeClock, tally.clock)._now += 60.0
    assert tally.seconds_left == 60.0
    assert tally.a_minute == 0
    for _ in range(30):
        tally.add(SENT)
    assert tally.seconds_left == 0.0
    assert "left" not in str(pace(tally))


def test_without_a_quota_nothing_has_to_be_waited_for() -> None:
    clock = FakeClock()
    tally = Tally(Limiter(None, clock=clock), clock)
    tally.add(BEGAN)
    assert tally.seconds_left == 0.0
    assert str(pace(tally)) == "0 requests in the last minute"


def test_a_quota_of_another_time_than_a_minute() -> None:
    clock = FakeClock()
    tally = Tally(Limiter(Quota(19, 1.0), clock=clock), clock)
    tally.add(SENT)
    assert str(pace(tally)) == "0 of 19 requests in 1 s, 1 in the last minute"


async def test_what_holds_everything_up_is_said(tally: Tally) -> None:
    clock = cast(FakeClock, tally.clock)
    tally.limiter.pause(30.0, "the service asked for it (429)")
    tally.add(Settling(open=2, seconds=90.0))
    await clock.advance(20.0)
    said = str(pace(tally)).splitlines()
    assert said[1:] == [
        "paused for 10 s: the service asked for it (429)",
        "2 requests without an outcome: what became of that is found out in 1 min 10 s",
    ]
    tally.add(Settling(open=0, seconds=0.0))
    await clock.advance(20.0)
    assert len(str(pace(tally)).splitlines()) == 1


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (BEGAN, None),
        (SENT, None),
        (ENDED, None),
        (Settling(open=0, seconds=0.0), None),
        (
            Settling(open=1, seconds=105.0),
            "1 request without an outcome: what became of that is found out in 1 min 45 s",
        ),
        (evolve(DONE, how="unchanged"), None),
        (DONE, "a: created campaign 537001"),
        (evolve(DONE, kind=ORDER, how="adopted"), "a: adopted insertion order 537001"),
        (FAILED, "refused: row 3, b: HTTP 422: no such creative"),
        (
            evolve(FAILED, kind=ORDER, outcome="unknown"),
            "unknown: insertion order b (row 3): HTTP 422: no such creative",
        ),
        (
            Settled(kind=CAMPAIGN, key="a", how="adopted", id=7),
            "campaign a: its answer was lost, and it was found: 7",
        ),
        (
            Settled(kind=CAMPAIGN, key="a", how="unclear", reason="two: 7, 8"),
            "campaign a: its answer was lost, and somebody has to look (two: 7, 8)",
        ),
        (Settled(kind=ORDER, key="a", how="absent"), "insertion order a: its answer was lost, and it is not there"),
    ],
)
def test_each_event_in_words(event: Event, said: str | None) -> None:
    line = line_of(event)
    assert (None if line is None else str(line)) == said


def test_words_of_a_service_cannot_play_tricks(tally: Tally) -> None:
    assert str(line_of(evolve(FAILED, key="\x1b[2J", error="a\nb"))) == "refused: row 3, \\x1b[2J: a\\nb"


# forms


async def run(form: Form, screen: Console, tally: Tally, events: list[Event]) -> None:
    with FORMS[form](screen, tally) as shown:
        for event in events:
            shown.show(event)
            await asyncio.sleep(0)


ALL: list[Event] = [BEGAN, SENT, DONE, FAILED, ENDED]


async def test_lines(screen: Console, tally: Tally) -> None:
    await run("lines", screen, tally, ALL)
    assert text_of(screen) == "a: created campaign 537001\nrefused: row 3, b: HTTP 422: no such creative\n"


async def test_lines_say_from_time_to_time_how_far_it_is(
    screen: Console, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    await run("lines", screen, tally, [BEGAN, SENT])
    said = "0 of 4 rows: 0 created  0 changed  0 adopted  0 unchanged  0 failed  1 in flight; 0 of 19 requests in 1 min"
    assert said in text_of(screen)


async def test_lines_do_not_count_rows_before_it_is_known_how_many_there_are(
    screen: Console, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    await run("lines", screen, tally, [Settling(open=1, seconds=90.0), Settling(open=0, seconds=0.0)])
    assert text_of(screen) == "1 request without an outcome: what became of that is found out in 1 min 30 s\n"


async def test_a_lost_reader_is_left_to_the_next_event(
    screen: Console, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(screen, "print", unread)
    with FORMS["lines"](screen, tally) as shown:
        shown.show(BEGAN)
        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(BrokenPipeError):
            shown.show(DONE)
    assert tally.rows == 1


async def test_lines_of_json(screen: Console, tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    await run("json", screen, tally, ALL)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["began", "sent", "rowdone", "rowfailed", "ended"]
    assert lines[0]["committed"] == "1000", "money is no float"
    assert text_of(screen) == ""


async def test_quiet(screen: Console, tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    await run("quiet", screen, tally, ALL)
    assert (text_of(screen), capsys.readouterr().out) == ("", "")
    assert tally.ended is ENDED


async def test_the_display_draws_itself_again(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESHES", 1000)
    screen = Console(file=StringIO(), width=100, force_terminal=True, highlight=False, markup=False)
    with FORMS["display"](screen, tally) as shown:
        assert text_of(screen) == "", "perhaps there is nothing to show"
        for event in (BEGAN, SENT, DONE):
            shown.show(event)
        while "1 of 4 rows" not in text_of(screen):
            await asyncio.sleep(0)
        assert "1 created" in text_of(screen)
        shown.show(Settled(kind=CAMPAIGN, key="z", how="adopted", id=7))
    assert "campaign z" in text_of(screen)
    assert "\x1b[?25h" in text_of(screen)


async def test_the_terminal_is_as_it_was_after_an_error(tally: Tally) -> None:
    screen = Console(file=StringIO(), width=100, force_terminal=True)
    with pytest.raises(KeyboardInterrupt), FORMS["display"](screen, tally) as shown:
        shown.show(BEGAN)
        raise KeyboardInterrupt
    assert text_of(screen).count("\x1b[?25l") == text_of(screen).count("\x1b[?25h") == 1


def test_what_was_settled_is_no_longer_waited_for(tally: Tally) -> None:
    tally.add(Settling(open=2, seconds=0.0))
    assert str(progress.settling(tally)) == "2 requests without an outcome: what became of that is found out now"
    for key, left in (("a", "1 request without"), ("b", "beginning")):
        tally.add(Settled(kind=CAMPAIGN, key=key, how="adopted", id=1))
        assert str(progress.settling(tally)).startswith(left)


async def test_the_display_says_what_it_waits_for_and_what_failed(
    tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REFRESHES", 1000)
    screen = Console(file=StringIO(), width=100, force_terminal=True, highlight=False, markup=False)
    events: list[tuple[Event, str]] = [
        (Settling(open=1, seconds=90.0), "1 request without an outcome"),
        (BEGAN, "0 of 4 rows"),
        (FAILED, "refused: "),
    ]
    with FORMS["display"](screen, tally) as shown:
        for event, said in events:
            shown.show(event)
            while said not in text_of(screen):
                await asyncio.sleep(0)


def test_nothing_at_all(tally: Tally) -> None:
    assert str(progress.outcome(tally)) == "no rows"


def test_orders_count_where_no_row_does(tally: Tally) -> None:
    for how in ("created", "unchanged", "adopted"):
        tally.add(evolve(DONE, kind=ORDER, how=how))
    assert str(progress.outcome(tally)) == "2 insertion orders, no rows"
    tally.add(DONE)
    assert str(progress.outcome(tally)) == "1 created"


def test_what_is_in_doubt_is_not_to_be_corrected(tally: Tally) -> None:
    tally.add(evolve(FAILED, outcome="unknown"))
    assert (tally.to_be_corrected, str(progress.outcome(tally))) == (0, "1 in doubt")
    tally.add(FAILED)
    assert (tally.to_be_corrected, str(progress.outcome(tally))) == (1, "1 failed, 1 in doubt")
