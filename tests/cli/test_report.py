from __future__ import annotations

import asyncio
import json
import os
from io import StringIO
from pathlib import Path
from typing import cast

import pytest
from attrs import evolve

from adflight.cli.report import SHOWN, Account, run_report, write_table
from adflight.cli.reporting import ReportCommand
from adflight.cli.target import Target
from adflight.core.errors import InvalidInput
from adflight.flights.declarations import Declarations
from adflight.flights.entries import Done, Outcome, Refused, RowFailure, Unknown, Withdrawn
from adflight.flights.journal import Journal
from adflight.flights.report import read_report
from adflight.flights.report_rows import ReportRow
from tests.cli.account import Account as Customer
from tests.cli.account import FakeTarget
from tests.clock import FakeClock
from tests.flights.applied import EVIL, QUOTA, applied
from tests.flights.shelf import ACCOUNT, URL, create, opened
from tests.flights.test_report import NOW


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("applied")
    asyncio.run(applied(directory))
    return directory


@pytest.fixture
def account(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return Account(base_url=URL, account=ACCOUNT, quota=QUOTA, currency="EUR", directory=directory)


def read(name: str) -> str:
    return Path(name).read_text("utf-8")


def write(name: str, text: str) -> None:
    Path(name).write_text(text, "utf-8")


async def test_the_table_has_counts_and_what_failed(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    await run_report(account)
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == (
        "spring.csv run 2: 59 of 64 campaigns and 4 of 5 insertion orders went through; 5 failed, "
        "1 may have been carried out"
    )
    assert lines[1].startswith("Ended, with rows that failed; started 2023-11-14 23:13:54 UTC, took 4 min ")
    assert lines[2].startswith(
        "Committed 7,779.75 EUR: created 7,459.00, raised 520.75, lowered 200.00; perhaps 141.00"
    )
    assert lines[2].endswith("1 budget set to 400.00 in all, old ones unknown")
    assert "campaigns.create: 60 requests for 60 rows, 2 repeats; 1 more never left" in lines
    # what has no rows does not say for how many it was
    assert "auth.login: 1 request" in lines
    table = lines[lines.index("") + 1 :]
    assert " ".join(table[0].split()) == "Status Row Key Kind ID Sent What was sent, or what went wrong"
    assert table[1].split()[:2] == ["unknown", "row-41"]
    assert EVIL in out
    assert f"{SHOWN} of 70 rows; all of them with --format csv, jsonl" in lines
    assert lines[-1] == (
        "Nobody knows whether campaigns.create for row-41 was carried out (run 2, sent 2023-11-14 23:16:26 UTC): "
        "connection reset by peer. The next apply looks for it."
    )


async def test_a_run_is_chosen(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    await run_report(account, run=1, format="jsonl")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["run"] for row in rows} == {1}
    with pytest.raises(InvalidInput, match="run=9"):
        await run_report(account, run=9)


async def test_csv_says_which_cells_it_changed(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    await run_report(account, format="csv", output=Path("report.csv"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("1 cell would have been taken for a formula, and got an apostrophe in front. ")
    assert "Wrote report.csv: 59 of 64 campaigns" in err
    assert read("report.csv").startswith("run,kind,key,row,status,id,error,")
    with pytest.raises(InvalidInput, match=r"--output='report\.csv': expected the name of a file that does not exist"):
        await run_report(account, output=Path("report.csv"))


async def test_a_run_without_formulas(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    await run_report(account, run=1, format="csv")
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6
    assert err == ""


async def test_a_page_is_named_after_its_run(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    await run_report(account, format="html")
    page = read("adflight-run-2.html")
    assert page.startswith("<!doctype html>")
    assert "quota: 19 in 60 s" in page and ACCOUNT in page and "EUR" in page
    assert capsys.readouterr().err.startswith("Wrote adflight-run-2.html: ")
    with pytest.raises(InvalidInput, match=r"adflight-run-2\.html does"):
        await run_report(account, format="html")


async def test_half_a_report_is_none(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adflight.cli.report.write_json_lines", fails)
    with pytest.raises(InvalidInput, match=r"--output='report\.jsonl': expected a file that can be written \(No space"):
        await run_report(account, format="jsonl", output=Path("report.jsonl"))
    assert not os.listdir()


async def test_failed_rows_can_be_applied_again(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    heading = "key;io_key;io_name;campaign_name"
    keys = [
        *(("old-3", "winter"), ("row-1", "order-1"), ("row-41", "order-1"), ("never", "order-2"), ("bound", "order-5")),
        ("row-23", "order-2"),
    ]
    lines = [f"{key};{order};{order};x" for key, order in keys]
    write("spring.csv", "\n".join([heading, *lines]) + "\n")
    with pytest.raises(InvalidInput, match="--failed"):
        await run_report(account, failed=Path("spring.csv"))
    await run_report(account, failed=Path("failed.csv"))
    failed = read("failed.csv").splitlines()
    # refused, of an order that failed, not sent; what may be there is not to be bought under another name
    assert failed == [heading, lines[0], *lines[4:]]
    err = capsys.readouterr().err
    assert (
        "1 key is in doubt and was left out: it may have been carried out (row-41). Change nothing of that, and apply "
        "spring.csv again, which finds out what became of it.\n"
    ) in err
    assert "row-41: " not in err
    assert "old-3: 409: the campaign has expired\n" in err
    assert "order-5: 400: endTime must be after startTime\n" in err
    assert "Wrote 3 rows to failed.csv. Correct them, and apply that file." in err
    assert "2 keys that failed are not in spring.csv: </script>" in err
    write("other.csv", f"{heading}\nold-3;winter;winter;x\nbound;order-2;order-2;x\n")
    await run_report(account, failed=Path("some.csv"), source=Path("other.csv"))
    # an insertion order is looked for, too
    assert "4 keys that failed are not in other.csv: </script>" in (err := capsys.readouterr().err)
    assert err.rstrip().endswith("order-5, row-23, row-3")


async def test_a_file_without_any_row_that_failed_is_the_wrong_one(account: Account) -> None:
    write("other.csv", "key,io_name\nrow-1,Winter\n")
    with pytest.raises(InvalidInput) as caught:
        await run_report(account, failed=Path("failed.csv"), source=Path("other.csv"))
    assert str(caught.value) == (
        "--source='other.csv': expected a file with what failed: spring.csv, which the run applied, had it "
        f"({EVIL}, old-3, order-5, row-23, row-3), and this one has none of it"
    )
    assert os.listdir() == ["other.csv"]


async def test_what_later_runs_did_needs_no_correction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write("spring.csv", "key,io_name\nbought,x\nagain,x\nnever,x\nspoilt,x\n")
    account = Account(base_url=URL, account=ACCOUNT, directory=tmp_path)
    failure = RowFailure(kind="campaign", key="", row=2, outcome="refused", error="no")
    async with await opened(tmp_path) as journal:

        async def apply(**outcomes: Outcome) -> None:
            await journal.begin_run("spring.csv")
            for key, outcome in outcomes.items():
                await journal.record(await journal.intend(create(key)), {key: outcome})
                if isinstance(outcome, Refused):
                    journal.fail_row(evolve(failure, key=key))
            await journal.end_run("complete")

        no = Refused("no")
        await apply(bought=no, again=no, never=no, spoilt=no)
        await apply(bought=Done(1), again=no)
        await run_report(account, run=1, failed=Path("some.csv"))
        assert read("some.csv") == "key,io_name\nagain,x\nnever,x\nspoilt,x\n"
        assert "1 key that failed is done since, by later runs, and left out: bought\n" in capsys.readouterr().err
        await apply(again=Done(2), never=Done(3), spoilt=Done(4))
        # after a change that went through, a failure that no request tells of
        await journal.begin_run("spring.csv")
        journal.fail_row(evolve(failure, key="spoilt"))
        await journal.end_run("failed")
        await run_report(account, run=1, failed=Path("one.csv"))
        assert read("one.csv") == "key,io_name\nspoilt,x\n"
        await run_report(account, run=2, failed=Path("none.csv"))
    assert capsys.readouterr().err.endswith(
        "1 key that failed is done since, by later runs, and left out: again\n"
        "Nothing else of spring.csv failed, so none.csv was not written.\n"
    )
    assert "none.csv" not in os.listdir()


async def test_what_is_in_doubt_is_not_to_be_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write("spring.csv", "key,io_name\nlost,x\nno,y\nwithheld,z\nrefused,z\n")
    account = Account(base_url=URL, account=ACCOUNT, directory=tmp_path)
    lost = Unknown(NOW, 90.0, "reset")
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("lost")), {"lost": lost})
        await run_report(account, failed=Path("failed.csv"))
        err = capsys.readouterr().err
        assert "1 key is in doubt and was left out: it may have been carried out (lost). " in err
        assert err.endswith("Nothing else of spring.csv failed, so failed.csv was not written.\n")
        # an insertion order in doubt holds back all that is in it
        order = await journal.intend(evolve(create("z"), kind="insertion_order"))
        journal.fail_row(RowFailure(kind="campaign", key="withheld", row=4, outcome="withheld", error="its order"))
        await journal.record(order, {"z": lost})
        await run_report(account, failed=Path("failed.csv"))
        err = capsys.readouterr().err
        assert "2 keys are in doubt and were left out: " in err
        assert err.endswith("1 row that failed belongs to what is in doubt, so failed.csv was not written.\n")
        assert os.listdir().count("failed.csv") == 0
        journal.fail_row(RowFailure(kind="campaign", key="no", row=3, outcome="refused", error="no"))
        journal.fail_row(RowFailure(kind="campaign", key="refused", row=5, outcome="refused", error="no"))
        await journal.end_run("failed")
        # what failed here, and is in doubt since a later run
        await journal.begin_run("spring.csv")
        await journal.record(await journal.intend(create("refused")), {"refused": lost})
        journal.fail_row(RowFailure(kind="campaign", key="lost", row=2, outcome="unknown", error="not found"))
        await journal.end_run("failed")
    await run_report(account, run=1, failed=Path("failed.csv"))
    assert read("failed.csv") == "key,io_name\nno,y\n"
    err = capsys.readouterr().err
    assert "3 keys are in doubt and were left out: they may have been carried out (lost, z, refused). " in err
    assert err.endswith(
        "Wrote 1 row to failed.csv. Correct them, and apply that file.\n"
        "1 row that failed belongs to what is in doubt, and was left out, too.\n"
    )


async def test_failed_rows_need_their_source(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match=r"--source='spring\.csv'"):
        await run_report(account, failed=Path("failed.csv"))
    await run_report(account, run=1, failed=Path("failed.csv"))
    assert "No row of winter.csv failed, so failed.csv was not written." in capsys.readouterr().err


def test_where_nothing_was_applied_there_is_nothing_to_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ReportCommand(
        target=cast(Target, FakeTarget(Customer(), tmp_path)), declarations=Declarations(), vendor="iqm", number=3
    )

    async def make_journal() -> None:
        async with await Journal.open(Customer().base_url, Customer().account, directory=tmp_path):
            pass

    for _ in range(2):
        with pytest.raises(SystemExit) as left:
            command.run()
        assert left.value.code == 2
        assert capsys.readouterr() == ("", "adflight: nothing was ever applied to this account\n")
        # as a plan leaves it
        asyncio.run(make_journal())


async def test_many_failures_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        for number in range(SHOWN + 2):
            lost, refused = f"lost {number}", f"refused {number}"
            request = await journal.intend(create(lost))
            await journal.record(request, {lost: Unknown(NOW, 90.0, "reset")})
            await journal.record(await journal.intend(create(refused)), {refused: Refused("no\x1b[2J")})
    write("spring.csv", "key,io_name\nrefused 1,x\n")
    account = Account(base_url=URL, account=ACCOUNT, directory=tmp_path)
    await run_report(account, failed=Path("failed.csv"))
    out, err = capsys.readouterr()
    assert "and 2 more such requests" in out
    assert "and 2 more; adflight report --format csv has them all" in err
    # whatever a service says, it moves no cursor
    assert "\x1b" not in out + err
    assert len([line for line in err.splitlines() if line.startswith(("lost", "refused"))]) == SHOWN
    kept: list[str] = []

    def where(row: ReportRow) -> str:
        kept.append(row.key)
        return row.key

    monkeypatch.setattr("adflight.cli.report._where", where)
    await run_report(account, failed=Path("again.csv"), format="jsonl", output=Path("rows.jsonl"))
    assert len(kept) == SHOWN, "texts that nobody is shown are not kept"


async def test_a_run_that_goes_on(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await opened(tmp_path, clock) as journal:
        await journal.begin_run("spring.csv")
        file = StringIO()
        await write_table(await read_report(journal), file)
        assert file.getvalue().splitlines() == [
            "spring.csv run 1: Nothing was sent yet",
            "Goes on; started 2023-11-14 22:13:20 UTC",
            "Rows that it has not come to yet are not counted here.",
        ]
        await journal.record(await journal.intend(create("a", budget_total=5)), {"a": Done(1)})
        file = StringIO()
        await write_table(await read_report(journal), file)
        assert "Committed 5.00: created 5.00, raised 0.00, lowered 0.00" in file.getvalue().splitlines()


async def failing(tmp_path: Path) -> Account:
    """An account with a run of which every row failed before anything was sent for it."""
    async with await opened(tmp_path) as journal:
        await journal.bind("campaign", "old", 7)
        await journal.begin_run("spring.csv")
        refused = "max_bid is what was 2.50 and cannot be 3.00 any more, as nothing changes it"
        for kind, key, row, outcome, error in (
            ("campaign", "old", 3, "refused", refused),
            ("campaign", "b", 2, "withheld", "its insertion order 'o' is not as planned"),
        ):
            journal.fail_row(RowFailure(kind=kind, key=key, row=row, outcome=outcome, error=error))
        await journal.end_run("failed")
    return Account(base_url=URL, account=ACCOUNT, directory=tmp_path)


async def test_a_pipe_is_as_wide_as_for_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    await run_report(await failing(tmp_path))
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert table[0].split() == [
        "Status",
        "Row",
        "Key",
        "Kind",
        "ID",
        "Sent",
        "What",
        "was",
        "sent,",
        "or",
        "what",
        "went",
        "wrong",
    ]
    assert 80 < max(map(len, table)) <= 120


async def test_rows_without_requests_are_told_and_legible_where_it_is_narrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await run_report(await failing(tmp_path))
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "spring.csv run 1: 0 of 2 campaigns went through; 2 failed"
    table = [line.rstrip() for line in out.split("\n\n")[1].splitlines()]
    assert table == [
        "Status    Key, and what was sent, or what went wrong",
        "refused   old (row 3), campaign, ID 7, sent 0x",
        "          max_bid is what was 2.50 and cannot be 3.00 any more, as nothing",
        "          changes it",
        "withheld  b (row 2), campaign, sent 0x",
        "          its insertion order 'o' is not as planned",
    ]


async def test_the_failed_rows_are_exactly_those_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write("spring.csv", "key,io_name\nb,x\nold,x\nnew,x\n")
    await run_report(await failing(tmp_path), failed=Path("failed.csv"), format="csv")
    assert read("failed.csv") == "key,io_name\nb,x\nold,x\n"
    out = capsys.readouterr().out.splitlines()
    assert out[1].startswith("1,campaign,b,2,withheld,,")
    assert out[2].startswith("1,campaign,old,3,refused,7,")


async def test_what_was_sent_and_what_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    async with await opened(tmp_path) as journal:
        await journal.begin_run("spring.csv")
        for key in ("a", "b", "c"):
            number = await journal.intend(create(key))
            if key == "a":
                await journal.record(number, {key: Withdrawn("no connection")})
    account = Account(base_url=URL, account=ACCOUNT, directory=tmp_path)
    await run_report(account)
    out = capsys.readouterr().out
    assert "campaigns.create: 2 requests for 2 rows; 1 more never left\n" in out
    assert "unknown  b, campaign, sent perhaps" in out and "a, campaign, sent 0x" in out
    await run_report(account, format="html", output=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8").count(">perhaps</td>") == 2
