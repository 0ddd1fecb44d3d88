from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.core.errors import InvalidInput
from adflight.flights.database import NoJournal
from adflight.flights.entries import (
    Adopted,
    Attempt,
    Done,
    Entry,
    JournalError,
    Part,
    Refused,
    RowFailure,
    SideRequest,
    Unknown,
    Withdrawn,
)
from adflight.flights.journal import Journal
from adflight.flights.records import Records
from adflight.flights.report import Report, read_report
from adflight.flights.report_rows import ReportRow, Status
from tests.clock import FakeClock
from tests.flights.applied import CAMPAIGN, CAMPAIGNS, EVIL, FORMULA, ORDER, SECRET, applied
from tests.flights.shelf import KIND, URL, change, create, opened

NOW = datetime.fromtimestamp(FakeClock.EPOCH, UTC)


async def rows_of(report: Report) -> dict[tuple[str, str], ReportRow]:
    rows = [row async for row in report.rows()]
    found = {(row.kind, row.key): row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the journal of `applied`."""
    directory = tmp_path_factory.mktemp("applied")
    asyncio.run(applied(directory))
    return directory


async def test_every_row_says_what_became_of_it(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal, clock=FakeClock())
        rows = await rows_of(report)
    assert (report.run.id, report.run.file, report.ended) == (2, "spring.csv", "ended, with rows that failed")
    assert report.seconds is not None and 200 < report.seconds < 300
    assert report.read_at == NOW

    def told(key: str, kind: str = CAMPAIGN) -> tuple[Status, int | None, int, str]:
        row = rows[kind, key]
        return row.status, row.id, row.attempts, row.error

    assert told("row-2") == (Status.CREATED, 1002, 2, "")
    assert told(FORMULA) == (Status.CREATED, 1011, 2, "")
    assert told(EVIL) == (Status.REFUSED, None, 1, "422: creative 17 <b>is not approved</b>")
    assert told("row-23") == (Status.NOT_SENT, None, 0, "not sent: the connection was refused")
    assert told("row-30") == (Status.ADOPTED, 1030, 1, "")
    assert told("row-41") == (Status.UNKNOWN, None, 1, "it may have been carried out: connection reset by peer")
    # given up by a person, and made again: that counts
    assert told("row-52") == (Status.CREATED, 1052, 2, "")
    assert told("row-3") == (
        Status.NOT_DONE,
        1003,
        2,
        "its answer was lost, and it was not carried out: read back: it is PAUSED, not RUNNING",
    )
    assert told("old-1") == (Status.CHANGED, 501, 1, "")
    assert told("old-3") == (Status.REFUSED, 503, 1, "409: the campaign has expired")
    assert told("order-1", ORDER) == (Status.CREATED, 901, 1, "")
    assert told("order-5", ORDER) == (Status.REFUSED, None, 1, "400: endTime must be after startTime")
    # of the run before, whose answer only this one could find
    assert (*told("lost-1"), rows[CAMPAIGN, "lost-1"].run) == (Status.ADOPTED, 504, 1, "", 1)
    assert report.adopted == 2
    assert not any(row.status is Status.SENDING for row in rows.values())


async def test_what_was_sent_is_told_without_secrets(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        row = (await rows_of(report))[CAMPAIGN, "row-12"]
    first, status = row.requests
    assert (first.operation, first.method, first.url) == (
        "campaigns.create",
        "POST",
        f"{URL}/api/v2/cmp/campaigns/add?token=***",
    )
    assert first.body == {"campaignName": "Spring row-12", "budgetTotal": 112.0, "password": "***"}
    assert SECRET not in repr((row, first.body, first.fields))
    assert [(attempt.outcome, attempt.status) for attempt in first.attempts] == [
        ("rate limited", 429),
        ("answered", 200),
    ]
    assert first.fields["budget_total"] == Decimal(112)
    assert (status.operation, status.rows, status.fields) == ("campaigns.update_status", 20, {"status": "RUNNING"})
    assert row.at == status.settled > first.settled > first.at


async def test_counts_are_those_of_the_rows(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        rows = [row async for row in report.rows() if row.run == 2]
        entries = [entry async for entry in journal.history(2)]
    assert report.counts() == Counter(row.status for row in rows)
    assert {kind: sum(counts.values()) for kind, counts in report.statuses.items()} == {
        CAMPAIGN: CAMPAIGNS + 4,
        ORDER: 5,
    }
    operations = {one.name: one for one in report.operations}
    assert sum(one.sendings for one in operations.values()) == len(report.sendings)
    assert report.sendings.writes == sum(len(entry.attempts) for entry in entries) - 1
    assert len(report.sendings) == report.sendings.writes + len(LOOKS)
    create = operations["campaigns.create"]
    assert (create.requests, create.sendings, create.rows) == (CAMPAIGNS + 1, CAMPAIGNS + 2, CAMPAIGNS + 1)
    assert (create.done, create.failed, create.unknown) == (CAMPAIGNS - 3, 3, 1)
    assert (report.operations[0], create.repeats) == (create, 2)
    assert Counter(report.sendings.status)[429] == 3
    assert report.in_words() == (
        "59 of 64 campaigns and 4 of 5 insertion orders went through; 5 failed, 1 may have been carried out"
    )


LOOKS = ["auth.login", "master.list_timezones", *["insertion_orders.list"] * 2, *["campaigns.get"] * 2]
"""What left in the second run without an intent."""


async def test_what_was_sent_without_rows_is_counted_by_itself(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        earlier = await read_report(journal, 1)
    looks = [one for one in report.operations if not one.has_rows]
    assert Counter({one.name: one.sendings for one in looks}) == Counter(LOOKS)
    assert {(one.rows, one.done, one.failed, one.unknown) for one in looks} == {(0, 0, 0, 0)}
    (orders,) = [one for one in looks if one.name == "insertion_orders.list"]
    # its first attempt never left
    assert (orders.requests, orders.repeats, orders.seconds) == (1, 2, 1.0)
    # for the plan, before the run began
    assert min(report.sendings.at) < report.run.started.timestamp()
    assert sum(report.sendings.is_apart) == 1
    assert not [one for one in earlier.operations if not one.has_rows]


async def test_one_operation_may_be_for_rows_and_not(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.attempt(await journal.intend(create("a")), Attempt(1, NOW, "answered", 200))
        journal.add_side_requests([SideRequest("campaigns.create", Attempt(1, NOW, "answered", 200))])
        report = await read_report(journal)
    assert [(one.name, one.has_rows, one.requests) for one in report.operations] == [
        ("campaigns.create", True, 1),
        ("campaigns.create", False, 1),
    ]


async def test_money_is_what_was_sent_against_what_was_applied_before(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        money, before = (await read_report(journal)).money, (await read_report(journal, 1)).money
    left_out = (7, 23, 41)
    assert money.created == sum(100 + number for number in range(1, CAMPAIGNS + 1) if number not in left_out)
    # 1000 to 1500.25, and 101 to 121.50
    assert money.raised == Decimal("520.75")
    assert money.lowered == 200
    assert money.committed == money.created + Decimal("320.75")
    assert money.perhaps == 141
    assert money.refused == 107 + 123 + 152 + 6000
    assert (money.unexplained, money.unexplained_rows) == (Decimal(400), 1)
    # insertion orders are never added on top; what was found later counts where it was sent
    assert (before.created, before.raised, before.perhaps) == (Decimal("6750.50"), Decimal(0), Decimal(0))
    assert before.is_any


async def test_of_earlier_runs_only_what_a_run_bears_on_is_read(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    entry = Records._entry

    def counted(records: Records, intent: Sequence[Any]) -> Entry:
        read.append(intent[1])
        return entry(records, intent)

    monkeypatch.setattr(Records, "_entry", counted)
    async with await opened(directory, read_only=True) as journal:
        await read_report(journal)
        # what it settled
        assert read.count(1) == 1 and set(read) == {1, 2}
        assert await journal.applied_before(2, {CAMPAIGN: "budget_total"}) == {
            (CAMPAIGN, key): Decimal(1000 * number) for number, key in enumerate(("old-1", "old-2", "old-3"), 1)
        }
        assert await journal.applied_before(2, {CAMPAIGN: "nothing"}) == {}


async def test_requests_without_an_outcome_are_listed(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        (unclear,) = (await read_report(journal, 1)).unclear
    assert (unclear.run, unclear.operation, unclear.kind, unclear.key) == (2, "campaigns.create", CAMPAIGN, "row-41")
    assert unclear.creates
    assert unclear.cause == "connection reset by peer"
    assert unclear.look_up == {"name": "Spring row-41"}
    assert unclear.settled_from - unclear.sent_at == timedelta(seconds=90)


async def test_the_first_rows_are_those_that_failed(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        few, all_of_them = await report.first(4), await report.first(1000)
    assert [row.key for row in few] == ["row-41", "order-5", EVIL, "old-3"]
    assert len(all_of_them) == sum(report.counts().values()) + 1
    assert [row.status.is_failed for row in all_of_them] == [True] * 6 + [False] * (len(all_of_them) - 6)
    others = [row.requests[0].number for row in all_of_them[6:]]
    assert others == sorted(others)


async def test_rows_come_in_the_order_of_their_file(tmp_path: Path) -> None:
    rows = {"c": 2, "a": 3, "b": 10}
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        for key in ("b", "a", "c"):
            made = evolve(create(key), parts=(Part(key, row=rows[key]),))
            await journal.record(await journal.intend(made), {key: Done(rows[key])})
        both = evolve(change("a", "b"), parts=(Part("a", row=3), Part("b", row=10)))
        await journal.record(await journal.intend(both), {"a": Done(), "b": Refused("no")})
    async with await opened(tmp_path, read_only=True) as journal:
        report = await read_report(journal)
        assert [(row.key, row.row) for row in await report.first(9)] == [("b", 10), ("c", 2), ("a", 3)]
        assert {row.key: row.row async for row in report.rows()} == rows


async def test_rows_of_one_request_come_as_a_person_counts(tmp_path: Path) -> None:
    keys = ["row 1", "row 2", "row 10", "row 11 b", "row x"]
    async with await opened(tmp_path) as journal:
        for number, key in enumerate(keys, 1):
            await journal.bind(KIND, key, number)
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(change(*sorted(keys), name="x")), {key: Done() for key in keys})
        report = await read_report(journal)
        assert [(row.key, row.id) for row in await report.first(10)] == list(zip(keys, range(1, 6), strict=True))


async def test_a_run_is_chosen_by_its_number(directory: Path) -> None:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal, 1)
        assert (report.run.file, report.ended, report.settled) == ("winter.csv", "stopped before its end", ())
        assert report.in_words() == "4 campaigns and 1 insertion order went through"
        with pytest.raises(InvalidInput, match=r"run=3: expected one of 1, 2"):
            await read_report(journal, 3)


async def test_without_a_run_there_is_nothing_to_report(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        for run in (None, 3):
            with pytest.raises(NoJournal, match=r"^nothing was ever applied to this account$"):
                await read_report(journal, run)
        await journal.begin_run("empty.csv")
        report = await read_report(journal)
        assert report.in_words() == "Nothing was sent yet"
        assert report.ended == "goes on"
        assert report.seconds is None
        await journal.end_run("complete")
        report = await read_report(journal)
        assert (report.in_words(), report.ended, report.statuses) == ("Nothing had to be sent", "complete", {})
        assert not report.money.is_any
        assert [row async for row in report.rows()] == []


async def test_a_run_can_be_read_while_it_goes_on(tmp_path: Path) -> None:
    async with await opened(tmp_path) as writer:
        await writer.begin_run("spring.csv")
        await writer.record(await writer.intend(create("a", budget_total=5)), {"a": Done(1)})
        under_way = await writer.intend(create("b", budget_total=7))
        async with await opened(tmp_path, read_only=True) as journal:
            report = await read_report(journal)
            assert report.ended == "goes on"
            await writer.intend(create("late"))
            await writer.record(await writer.intend(change("a", name="x")), {"a": Done()})
            rows = [row async for row in report.rows()]
        assert [(row.key, row.status) for row in rows] == [("a", Status.CREATED), ("b", Status.SENDING)]
        assert (report.money.created, report.money.perhaps) == (Decimal(5), Decimal(7))
        assert report.unclear == ()
        assert report.in_words() == "1 of 2 campaigns went through; 1 under way"
        assert not Status.SENDING.is_done and not Status.SENDING.is_failed
        await writer.record(under_way, {"b": Done(2)})


@pytest.mark.parametrize("is_only_read", [True, False])
async def test_a_run_whose_process_died(is_only_read: bool, tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin_run("spring.csv")
    await journal.intend(create("a", budget_total=7))
    await journal.aclose()
    # before anybody writes down that it did, and afterwards
    async with await opened(tmp_path, read_only=is_only_read) as journal:
        report = await read_report(journal)
        (row,) = [row async for row in report.rows()]
    assert report.ended == "its process died"
    assert report.note == "Rows that it did not come to are not counted here; the next apply does them."
    assert (row.status, row.error) == (
        Status.UNKNOWN,
        "it may have been carried out: the journal ends before the answer",
    )
    # it may have been sent, which nobody came to write down
    assert (row.attempts, row.was_perhaps_sent, report.operations[0].sent) == (0, True, 1)
    assert [one.key for one in report.unclear] == ["a"]
    assert report.unclear[0].cause == "the journal ends before the answer"


async def test_of_several_requests_the_worst_counts(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("a")), {"a": Done(1)})
        await journal.record(await journal.intend(change("a", x=1)), {"a": Refused("")})
        await journal.record(await journal.intend(change("a", x=2)), {"a": Withdrawn("")})
        await journal.record(await journal.intend(change("a", x=3)), {"a": Done()})
        report = await read_report(journal)
        (row,) = [row async for row in report.rows()]
    assert (row.status, row.error, row.id) == (Status.REFUSED, "refused without a reason; not sent", 1)
    assert report.counts() == {Status.REFUSED: 1}


async def test_budgets_that_were_cleared_or_set_by_nobody_known(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.bind(KIND, "a", 1)
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(change("a", budget_total="<clear>")), {"a": Done()})
        await journal.record(await journal.intend(change("a", budget_total=Decimal(5))), {"a": Done()})
        request = await journal.intend(change("a", budget_total=Decimal(8)))
        await journal.record(request, {"a": Unknown(NOW, 90.0, "reset")})
        report = await read_report(journal)
    assert (report.money.unexplained, report.money.unexplained_rows) == (Decimal(5), 2)
    assert report.money.perhaps == 3
    assert report.money.committed == 0


async def test_where_insertion_orders_are_all_there_is_theirs_is_the_money(tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        made = evolve(create("a", budget_amount=Decimal(7), io_total_budget=Decimal(9)), kind=ORDER)
        await journal.record(await journal.intend(made), {"a": Done(1)})
        changed = evolve(change("a", budget_amount=Decimal(5)), kind=ORDER)
        await journal.record(await journal.intend(changed), {"a": Done()})
        report = await read_report(journal)
    assert (report.money.created, report.money.lowered, report.money.committed) == (Decimal(7), Decimal(2), Decimal(5))


async def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nothing was ever applied"):
        await opened(tmp_path, read_only=True)


async def test_memory_stays_modest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are made only as they are asked for, and nothing of what was sent is kept."""
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        for number in range(1, 31):
            key = f"row {number}"
            request = await journal.intend(create(key, name="n"))
            await journal.attempt(request, Attempt(1, NOW, "answered", 200, 0.5))
            await journal.record(request, {key: Done(number)})
        report = await read_report(journal)
        pages = 0
        history = Journal.history

        def counted(journal: Journal, run: int | None = None) -> object:
            nonlocal pages
            pages += 1
            return history(journal, run)

        monkeypatch.setattr(Journal, "history", counted)
        rows = report.rows()
        assert (await anext(rows)).key == "row 1"
        assert pages == 1


async def test_failures_count_beside_requests(tmp_path: Path) -> None:
    def failure(key: str, outcome: str, error: str) -> RowFailure:
        return RowFailure(kind=KIND, key=key, row=ord(key), outcome=outcome, error=error)

    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("a")), {"a": Refused("400: no")})
        journal.fail_row(failure("a", "failed", "no"))
        lost = await journal.intend(create("b"))
        await journal.record(lost, {"b": Unknown(NOW, 90.0, "reset")})
        journal.fail_row(failure("b", "unknown", "Two looks found nothing."))
        await journal.record(await journal.intend(create("c")), {"c": Done(3)})
        journal.fail_row(failure("c", "withheld", "its order failed"))
        journal.fail_row(failure("e", "refused", "of the plan"))
        journal.fail_row(failure("d", "failed", "nothing makes it so"))
        await journal.end_run("failed")
        report = await read_report(journal)
        told = [(row.key, row.status, row.error, row.row) async for row in report.rows()]
        assert told == [
            ("a", Status.REFUSED, "400: no", 97),
            ("b", Status.UNKNOWN, "Two looks found nothing.", 98),
            ("c", Status.WITHHELD, "its order failed", 99),
            ("d", Status.NOT_SENT, "nothing makes it so", 100),
            ("e", Status.REFUSED, "of the plan", 101),
        ]
        assert report.counts() == Counter(status for _, status, _, _ in told)
        assert report.in_words() == "0 of 5 campaigns went through; 4 failed, 1 may have been carried out"
        assert report.note == ""
        assert [row.key for row in await report.first(9)] == ["b", "a", "e", "d", "c"]


@pytest.mark.parametrize("how", ["interrupted", "stopped"])
async def test_what_a_run_left_to_the_next_one_has_not_failed(how: str, tmp_path: Path) -> None:
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("done")), {"done": Done(1)})
        for key in ("a", "b", "turned away"):
            reason = "interrupted before it was sent"
            await journal.record(await journal.intend(create(key, budget_total=5)), {key: Withdrawn(reason)})
        journal.fail_row(RowFailure(kind=KIND, key="turned away", row=4, outcome="failed", error="no connection"))
        await journal.end_run(how)
        report = await read_report(journal)
        rows = await rows_of(report)
    assert [rows[KIND, key].status for key in ("done", "a", "b")] == [Status.CREATED, Status.LEFT, Status.LEFT]
    assert rows[KIND, "a"].error == "not sent: interrupted before it was sent"
    assert rows[KIND, "turned away"].status is Status.NOT_SENT
    assert report.in_words() == "1 of 4 campaigns went through; 1 failed, 2 left for the next apply"
    assert report.counts() == Counter(row.status for row in rows.values())
    (operation,) = report.operations
    assert (operation.done, operation.failed, operation.unknown) == (1, 0, 0)
    assert (operation.requests, operation.unsent, operation.unsent_rows, operation.sent) == (4, 3, 3, 1)
    assert not Status.LEFT.is_done and not Status.LEFT.is_failed


async def test_what_a_later_run_found_counts(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        await journal.begin_run("spring.csv")
        lost = await journal.intend(create("b"))
        await journal.record(lost, {"b": Unknown(NOW, 90.0, "reset")})
        journal.fail_row(RowFailure(kind=KIND, key="b", row=2, outcome="unknown", error="not found"))
        await journal.end_run("stopped")
        await clock.advance(60)
        await journal.begin_run("spring.csv")
        await journal.record(lost, {"b": Adopted(4)})
        report = await read_report(journal, 1)
        (row,) = [row async for row in report.rows()]
        assert (row.status, row.error, report.counts()) == (Status.ADOPTED, "", {Status.ADOPTED: 1})
        assert report.note.startswith("Rows that it did not come to")


async def test_an_id_of_a_later_run_is_none_of_an_earlier_one(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        await journal.bind(KIND, "old", 3)
        await clock.advance(1)
        await journal.begin_run("spring.csv")
        for row, key in enumerate(("old", "new"), 2):
            journal.fail_row(RowFailure(kind=KIND, key=key, row=row, outcome="refused", error="no"))
        await journal.end_run("failed")
        await clock.advance(1)
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("new")), {"new": Done(4)})
        await journal.end_run("complete")
        rows = await rows_of(await read_report(journal, 1))
    assert [rows[KIND, key].id for key in ("old", "new")] == [3, None]
