"""The commands plan and apply, on an account in memory."""

from __future__ import annotations

import asyncio
import getpass
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from cyclopts import CycloptsError

from adflight.cli.app import app
from adflight.cli.apply import ApplyCommand
from adflight.cli.plan import PlanCommand
from adflight.cli.spool import ZONES
from adflight.core.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidFile,
    InvalidInput,
    NotSent,
)
from adflight.flights.declarations import Declarations
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER, Write
from tests.cli.account import HEADING, Account, FakeTarget, row
from tests.flights.vendor import of_log_in, refusal


@pytest.fixture(autouse=True)
def no_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def target(account: Account, tmp_path: Path) -> FakeTarget:
    return FakeTarget(account, tmp_path / "state")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flights.csv"
    path.write_text(HEADING + row("a") + row("b", "500.50"))
    return path


def plan(file: Path, target: FakeTarget, **more: Any) -> int:
    return PlanCommand(file=file, target=cast(Any, target), declarations=Declarations(), **more).run()


def apply(file: Path, target: FakeTarget, **more: Any) -> int:
    return ApplyCommand(file=file, target=cast(Any, target), declarations=Declarations(), **more).run()


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Somebody at a terminal, and what they type."""
    typed: list[str] = []

    class Stdin:
        def readline(self) -> str:
            return typed.pop(0)

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Stdin())
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    yield typed
    assert typed == []


def test_a_plan_changes_nothing(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(file, target) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{file}, CSV in UTF-8, separated by commas\niqm account ada@example.com (profile prod)")
    assert "+ create     a" in out
    assert "1,500.50 USD committed" in out
    assert out.endswith(f"To apply it: adflight apply {file} --profile prod\n")
    assert account.writes_sent == []
    assert not target.directory.exists()


def test_a_plan_for_machines(file: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(file, target, as_json=True) == 0
    done = capsys.readouterr()
    assert done.err == ""
    told = json.loads(done.out)
    assert told["totals"]["committed"] == "1500.5"
    assert (told["profile"], told["currency"]) == ("prod", "USD")


def test_a_plan_of_refused_rows_alone_ends_as_its_apply_would(
    target: FakeTarget, tmp_path: Path, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "flights.csv"
    file.write_text("key,io_name\na,Spring\nb,Spring\n")
    assert plan(file, target) == 1
    assert capsys.readouterr().out.endswith("\nNothing can be applied: 2 rows refused.\n")
    assert plan(file, target, as_json=True) == 1
    assert apply(file, target, yes=True) == 1
    assert account.writes_sent == []


def test_a_saved_plan_is_for_apply(file: Path, target: FakeTarget, tmp_path: Path) -> None:
    saved = tmp_path / "monday.plan"
    assert plan(file, target, save=saved) == 0
    with pytest.raises(InvalidFile, match="this is a saved plan, which adflight apply takes"):
        plan(saved, target)


def test_a_vendor_without_flights(file: Path, target: FakeTarget) -> None:
    target.vendor = "icareus"
    said = "profile 'prod' is of icareus, which has no flights; to call single operations: adflight call icareus"
    for command in (plan, apply):
        with pytest.raises(ConfigurationError, match=said):
            command(file, target)


@pytest.mark.parametrize("name", ["none/monday.plan", "."])
def test_a_place_for_no_plan_is_named_before_anything_is_read(
    name: str, file: Path, target: FakeTarget, tmp_path: Path
) -> None:
    target.account = cast(Any, None)
    with pytest.raises(InvalidInput, match="--save='"):
        plan(file, target, save=tmp_path / name)


def test_it_is_said_where_time_zones_are_listed(target: FakeTarget, tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    file.write_text(HEADING + row("a").replace(",29", ",Nowhere"))
    with pytest.raises(InvalidFile) as refused:
        plan(file, target)
    assert refused.value.__notes__ == [ZONES]


def test_from_a_plan_to_nothing_to_do(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(file, target, yes=True) == 0
    out = capsys.readouterr().out
    assert "a: created campaign " in out
    assert "Done: 2 created; 3 requests in " in out
    assert "All rows: adflight report --profile prod" in out
    assert len(account.live[CAMPAIGN]) == 2
    assert plan(file, target) == 0
    assert capsys.readouterr().out.endswith("Nothing to do: everything is as the file says.\n")
    assert apply(file, target) == 0, "nobody is asked when there is nothing to do"
    assert len(account.writes_sent) == 3


def test_nobody_to_be_asked(file: Path, target: FakeTarget, account: Account) -> None:
    with pytest.raises(ConfigurationError, match=r"--yes\. Apply to .*: commit 1,500\.50 USD and send 3 requests\?"):
        apply(file, target)
    assert account.writes_sent == []


@pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, 3), ("n\n", 2, 0), ("\n", 2, 0), ("", 2, 0)])
def test_the_question_names_account_and_money(
    answer: str,
    code: int,
    sent: int,
    file: Path,
    target: FakeTarget,
    account: Account,
    someone: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    someone.append(answer)
    assert apply(file, target) == code
    out = capsys.readouterr().out
    assert "Apply to iqm account ada@example.com (profile prod): commit 1,500.50 USD and send 3 requests? [y/N]" in out
    assert ("Nothing was sent." in out) == (code == 2)
    assert len(account.writes_sent) == sent


def test_the_question_names_adoptions(
    file: Path, target: FakeTarget, account: Account, someone: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    order = account.add(ORDER, "Spring", io_name="Spring")
    account.add(CAMPAIGN, "Flight a", order, campaign_name="Flight a", budget_total=Decimal(900))
    someone.append("n\n")
    assert apply(file, target) == 2
    out = capsys.readouterr().out
    assert "@ adopt" in out
    assert "take over 2 objects that the journal does not know?" in out


def test_a_budget_that_is_too_small(file: Path, target: FakeTarget, account: Account) -> None:
    with pytest.raises(InvalidInput, match=r"--max-budget='1500'.*no less than what this commits: 1,500\.50 USD"):
        apply(file, target, yes=True, max_budget=Decimal(1500))
    assert account.writes_sent == []
    assert apply(file, target, yes=True, max_budget=Decimal("1500.50")) == 0


@pytest.mark.parametrize("amount", ["NaN", "-5", "inf", "abc", "1e3"])
def test_a_budget_that_is_no_amount(file: Path, amount: str) -> None:
    with pytest.raises(CycloptsError, match="Invalid value for --max-budget: expected an amount of money"):
        app(["apply", str(file), "--profile", "prod", f"--max-budget={amount}"])


def test_a_user_without_a_name_may_say_that_it_is_made_again(
    file: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getuser() -> str:
        raise KeyError("uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", getuser)
    assert apply(file, target, yes=True, if_absent="create") == 0


def test_a_journal_that_cannot_be_kept_has_nothing_sent(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    target.directory.write_text("in the way")
    with pytest.raises(SystemExit) as left:
        apply(file, target, yes=True)
    assert left.value.code == 2
    assert "Name a directory that can be written, as with XDG_STATE_HOME or HOME" in capsys.readouterr().err
    assert account.writes_sent == []


def test_a_plan_is_not_kept_in_the_place_of_a_file_of_flights(file: Path, target: FakeTarget) -> None:
    before = file.read_text()
    with pytest.raises(InvalidInput, match=r"--save.*a file that does not exist yet, or a plan"):
        plan(file, target, save=file)
    assert file.read_text() == before
    kept = file.with_name("kept.plan")
    assert [plan(file, target, save=kept) for _ in range(2)] == [0, 0]


def test_a_bad_file_is_told_of_before_anything_else(file: Path, target: FakeTarget, account: Account) -> None:
    file.write_text(HEADING + row("a", "1.000,50").replace('"', "") + row("a"))
    for command in (plan, apply):
        with pytest.raises(InvalidFile):
            command(file, target)
    assert account.reads == []


def test_rows_that_fail(file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.refuses["b"] = "no such creative"
    assert apply(file, target, yes=True) == 1
    out = capsys.readouterr().out
    assert "refused: row 3, b: no such creative" in out
    assert "Ended: 1 created, 1 failed; 3 requests in " in out
    assert f"To go on: adflight apply {file} --profile prod" in out
    assert f"adflight report --profile prod --failed failed.csv --source {file}" in out


def test_what_the_plan_refuses_is_told_by_it_and_in_a_line(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(HEADING + row("a") + row("b").replace(",11,676384,", ",11,,") + row("c"))
    account.refuses["c"] = "no such creative"
    assert apply(file, target, yes=True) == 1
    out = capsys.readouterr().out
    assert out.count("it does not exist yet, and a new one needs creative_ids") == 2
    assert out.partition("Not as the file says:\n")[2].startswith("refused: row 4, c: no such creative\nEnded: ")


def test_many_rows_that_fail_are_counted(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"k{number}" for number in range(25)]
    file.write_text(HEADING + "".join(map(row, keys)))
    account.refuses = dict.fromkeys(keys, "no")
    assert apply(file, target, yes=True, as_json=False) == 1
    assert "\nand 5 more\n" in capsys.readouterr().out


def test_what_stops_everything(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused() -> None:
        raise refusal(AuthenticationError, 401)

    account.before = lambda write: refused()
    assert apply(file, target, yes=True) == 3
    out = capsys.readouterr().out
    assert "Stopped: campaigns.create: HTTP 401: no" in out
    assert "--if-absent" not in out, "nobody has looked yet"


def test_a_log_in_that_fails_stops_everything(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def send(*_: Any) -> Any:
        raise of_log_in(NotSent("no connection to api.example.com:443"))

    monkeypatch.setattr(account, "send", send)
    assert apply(file, target, yes=True) == 3
    said = capsys.readouterr().out
    assert "Stopped: no token could be had: no connection to api.example.com:443" in said
    assert "failed:" not in said


def test_a_plan_that_cannot_be_made(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def read(needs: Any) -> Any:
        error = refusal(AuthenticationError, 401)
        error.add_note("Is IQM_PASSWORD right?")
        raise error

    monkeypatch.setattr(account, "read", read)
    said = "The credentials are those of profile prod: adflight login keeps others.\n"
    for command, nothing in ((plan, ""), (apply, "Nothing was sent.\n")):
        with pytest.raises(SystemExit) as left:
            command(file, target)
        assert left.value.code == 3
        why = "adflight: campaigns.create: HTTP 401: no\nIs IQM_PASSWORD right?\n"
        assert capsys.readouterr().err == why + nothing + said


def test_events_for_machines(file: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(file, target, yes=True, as_json=True) == 0
    done = capsys.readouterr()
    events = [json.loads(line) for line in done.out.splitlines()]
    assert (events[0]["event"], events[-1]["event"], events[-1]["how"]) == ("began", "ended", "complete")
    assert done.err == ""


def test_quiet(file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply(file, target, yes=True, quiet=True) == 0
    assert capsys.readouterr() == ("", "")
    file.write_text(HEADING + row("c"))
    account.refuses["c"] = "no"
    assert apply(file, target, yes=True, quiet=True) == 1
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.startswith("\nNot as the file says:\nrefused: row 2, c: no\n")


def test_standard_input(
    file: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, more in ((plan, {}), (apply, {"yes": True})):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        assert command(Path("-"), target, **more) == 0
        assert "standard input, CSV in UTF-8" in capsys.readouterr().out


def test_what_is_wrong_with_standard_input(target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"key,io_name\na,Spring\na,Spring\n")))
    with pytest.raises(InvalidFile, match=r"^standard input \(CSV in UTF-8, separated by commas\): 1 problem\n"):
        plan(Path("-"), target)


# labels


def test_files_of_one_name_are_told_apart_by_their_labels(
    target: FakeTarget, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spring, summer = (tmp_path / name / "flights.csv" for name in ("spring", "summer"))
    for file, order in ((spring, "Spring"), (summer, "Summer")):
        file.parent.mkdir()
        file.write_text(HEADING + row(f"{order} 1", order=order))
    assert apply(spring, target, label="spring", yes=True) == 0
    account.clock.jump(60)
    assert apply(summer, target, label="summer", yes=True) == 0
    capsys.readouterr()
    assert plan(summer, target, label="summer", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["leftovers"] == []
    # what is in the file no longer is found by the label that it was applied with, wherever the file lies
    assert plan(summer, target, label="spring", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)["leftovers"]
    assert {one["key"] for one in told} == {"Spring", "Spring 1"}


def test_what_another_file_has_in_the_same_insertion_order_is_not_missing(
    file: Path, target: FakeTarget, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with the rows that failed, which are applied as a file of their own."""
    failed = tmp_path / "failed.csv"
    failed.write_text(HEADING + row("b", "500.50"))
    account.refuses["b"] = "no"
    assert apply(file, target, yes=True) == 1
    account.refuses.clear()
    for command in (plan, apply):
        capsys.readouterr()
        assert command(failed, target, **({"yes": True} if command is apply else {})) == 0
        out = capsys.readouterr().out
        assert "not in the file any more" not in out
        assert "Live in the same insertion orders, of flights.csv; an apply leaves it as it is:" in out
    file.write_text(HEADING + row("b", "500.50"))
    assert plan(file, target) == 0
    out = capsys.readouterr().out
    assert "Still live, but not in the file any more; an apply leaves it as it is:" in out
    assert "same insertion orders" not in out


def test_the_command_that_comes_next_has_the_label(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(file, target, label="this week's") == 0
    said = f"To apply it: adflight apply {file} --profile prod --label 'this week'\"'\"'s'"
    assert said in capsys.readouterr().out
    account.refuses = {"a": "no"}
    assert apply(file, target, label="weekly", yes=True) == 1
    out = capsys.readouterr().out
    assert f"To go on: adflight apply {file} --profile prod --label weekly" in out
    # the journal does not know the file's name
    assert f"adflight report --profile prod --failed failed.csv --source {file}" in out


def test_a_saved_plan_has_a_label_of_its_own(file: Path, target: FakeTarget, tmp_path: Path, account: Account) -> None:
    saved = tmp_path / "monday.plan"
    assert plan(file, target, label="weekly", save=saved) == 0
    with pytest.raises(InvalidInput, match=r"--label='other': expected none: this plan was made for weekly"):
        apply(saved, target, label="other", yes=True)
    assert account.writes_sent == []
    assert apply(saved, target, yes=True) == 0

    async def labels() -> list[str]:
        async with await Journal.open(account.base_url, account.account, directory=target.directory) as journal:
            return [run.file for run in await journal.runs()]

    assert asyncio.run(labels()) == ["weekly"]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_label_is_a_name(command: str, file: Path) -> None:
    with pytest.raises(CycloptsError, match=r"--label\. Expected a name\."):
        app([command, str(file), "--label", ""])


# saved plans


def test_a_saved_plan(
    file: Path, target: FakeTarget, tmp_path: Path, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "monday.plan"
    assert plan(file, target, save=saved) == 0
    assert f"To apply it: adflight apply {saved} --profile prod" in capsys.readouterr().out
    file.write_text(HEADING + row("a", "9999"))
    os.utime(file, (4e9, 4e9))
    assert apply(saved, target, yes=True) == 0
    out = capsys.readouterr().out
    assert "flights.csv was changed since" in out
    assert "1,500.50 USD committed" in out
    assert len(account.live[CAMPAIGN]) == 2


def test_a_saved_plan_that_no_longer_holds(
    file: Path, target: FakeTarget, tmp_path: Path, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "monday.plan"
    assert plan(file, target, save=saved) == 0
    account.add(ORDER, "Spring", io_name="Spring")
    with pytest.raises(SystemExit) as left:
        apply(saved, target, yes=True)
    assert left.value.code == 2
    assert "Spring" in capsys.readouterr().err
    assert account.writes_sent == []


# a full refresh


def test_a_full_refresh_says_what_it_costs(
    file: Path, target: FakeTarget, someone: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    someone.append("n\n")
    assert apply(file, target, yes=True) == 0
    assert plan(file, target, refresh="full") == 2
    out = capsys.readouterr().out
    assert "Reading each object by itself takes 3 requests more. Go on? [y/N]" in out
    assert "Nothing was read.\n" in out
    assert plan(file, target, refresh="full", yes=True) == 0


def test_a_full_refresh_where_nobody_can_be_asked(file: Path, target: FakeTarget) -> None:
    with pytest.raises(ConfigurationError, match="takes 0 requests more"):
        plan(file, target, refresh="full")


# two at once


async def _held(account: Account, target: FakeTarget) -> Journal:
    return await Journal.open(account.base_url, account.account, directory=target.directory)


def test_two_terminals(file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    async def both(**more: Any) -> int:
        async with await _held(account, target):
            return await asyncio.to_thread(apply, file, target, yes=True, **more)

    for more, said in (({}, "To wait for it: --wait SECONDS."), ({"wait": 5.0}, "waiting for it, 5 s at most")):
        with pytest.raises(SystemExit) as left:
            asyncio.run(both(**more))
        done = capsys.readouterr()
        assert left.value.code == 2
        assert "is held by this process since" in done.err
        assert f"It is that of {account.account} at {account.base_url}.\n" in done.err
        assert "Nothing was sent.\n" in done.err
        assert said in done.err + done.out
    assert account.writes_sent == []
    assert apply(file, target, yes=True, wait=5.0) == 0


# interruptions


def test_an_interrupt_in_the_middle(
    file: Path, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    account.before = lambda write: hang() if write.kind == CAMPAIGN else None
    assert apply(file, target, yes=True) == 130
    err = capsys.readouterr().err
    assert "Interrupted: 1 insertion order, no rows\n" in err
    assert "requests left without an answer and may have been carried out: the next apply finds that out first." in err
    assert f"Nothing is bought twice. To go on: adflight apply {file} --profile prod" in err


def test_an_interrupt_at_the_question(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def agreed(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("adflight.cli.apply.can_ask", lambda screen: True)
    monkeypatch.setattr("adflight.cli.apply.agreed", agreed)
    assert apply(file, target) == 130
    assert capsys.readouterr().err == "Interrupted: nothing was sent.\n"
    assert account.writes_sent == []


def test_an_interrupt_just_before_anything_is_sent(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def send(*_: Any) -> Any:
        # no request is written down, and so none leaves
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(account, "send", send)
    assert apply(file, target, yes=True) == 130
    err = capsys.readouterr().err
    assert err.startswith("Interrupted: nothing was sent, 2 left for the next apply\nNothing is bought twice. ")


class Unread(io.StringIO):
    """Standard output that is read until something is in it."""

    def __init__(self, until: str) -> None:
        super().__init__()
        self._until = until

    def write(self, text: str) -> int:
        if self._until in self.getvalue():
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize(("as_json", "until"), [(True, '"rowdone","kind":"campaign"'), (False, "created campaign")])
def test_a_reader_who_leaves_in_the_middle_leaves_nothing_in_doubt(
    as_json: bool,
    until: str,
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """When the first of them is answered, the window is full of others."""
    account.before = lambda write: account.clock.sleep(0.1 * len(account.writes_sent))
    file.write_text(HEADING + "".join(row(f"k{number}") for number in range(30)))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Unread(until))
        assert apply(file, target, yes=True, as_json=as_json) == 3
    said = capsys.readouterr().err
    created = len(account.live[CAMPAIGN])
    assert said.startswith(f"adflight: nobody reads standard output any more, so it ends here: {created} created, ")
    assert f" created, {30 - created} left for the next apply\n" in said
    assert f"Nothing is bought twice. To go on: adflight apply {file} --profile prod" in said
    assert "without an answer" not in said
    assert len(account.writes_sent) == 1 + created < 31, "nothing more is sent"
    assert apply(file, target, yes=True, quiet=True) == 0
    assert len(account.writes_sent) == 31


@pytest.mark.parametrize("until", ["", "USD committed", "Done: "])
def test_a_reader_who_leaves_before_or_after(
    until: str,
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Unread(until))
        assert apply(file, target, yes=True) == 3
    said = capsys.readouterr().err
    assert said.startswith("adflight: nobody reads standard output any more, so it ends here")
    assert (": 2 created\n" in said) == (until == "Done: ")
    assert len(account.writes_sent) == (3 if until == "Done: " else 0)


def test_a_reader_who_leaves_while_it_settles(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        return {intent.key: {} for intent in intents}

    account.before = lambda write: hang() if write.kind == CAMPAIGN else None
    assert apply(file, target, yes=True) == 130
    sent = len(account.writes_sent)
    account.before = lambda write: None
    monkeypatch.setattr(account, "namesakes", namesakes)
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Unread("without an outcome"))
        assert apply(file, target, yes=True) == 3
    assert (
        capsys.readouterr().err
        == "adflight: nobody reads standard output any more, so it ends here: nothing was sent.\n"
    )
    assert len(account.writes_sent) == sent


def test_a_plan_leaves_it_to_main_that_nobody_reads(
    file: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for as_json in (True, False):
        monkeypatch.setattr(sys, "stdout", Unread(""))
        with pytest.raises(BrokenPipeError):
            plan(file, target, as_json=as_json)


def test_a_saved_plan_whose_file_is_gone(
    file: Path, target: FakeTarget, tmp_path: Path, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "monday.plan"
    assert plan(file, target, save=saved) == 0
    file.unlink()
    assert apply(saved, target, yes=True) == 0
    assert "was changed since" not in capsys.readouterr().out
    assert len(account.live[CAMPAIGN]) == 2


def test_no_service(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def read(needs: Any) -> Any:
        raise NotSent("no connection to api.example.com:443")

    monkeypatch.setattr(account, "read", read)
    with pytest.raises(SystemExit) as left:
        plan(file, target)
    assert left.value.code == 3
    said = "Nothing was sent. Is the service there, and is this its address?"
    assert capsys.readouterr().err == f"adflight: no connection to api.example.com:443\n{said}\n"


def test_the_question_names_drafts_and_what_is_refused(
    file: Path, target: FakeTarget, account: Account, someone: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(file, target, yes=True) == 0
    for live in account.live[CAMPAIGN].values():
        live.is_draft = True
    file.write_text(HEADING + row("a", "1100") + row("b", "500.50") + row("c").replace(",11,676384,", ",11,,"))
    someone.append("n\n")
    assert apply(file, target) == 2
    out = capsys.readouterr().out
    assert "commit 1,100.00 USD, send 1 request and submit 1 draft, without 1 that is refused?" in out


def test_further_commands_are_told_with_the_declarations(
    file: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = Declarations(zone="Europe/Berlin", date_format="%d.%m.%Y %H:%M")
    file.write_text(
        HEADING
        + row("a")
        .replace("2027-03-01T09:00-05:00", "01.03.2027 09:00")
        .replace("2027-04-01T00:00-04:00", "01.04.2027 00:00")
    )
    command = PlanCommand(file=file, target=cast(Any, target), declarations=declared, vendor="iqm")
    assert command.run() == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.endswith("--profile prod --vendor iqm --zone Europe/Berlin --date-format '%d.%m.%Y %H:%M'")


def test_what_nobody_can_tell_fails_its_row_and_is_not_asked_about(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The second campaign is cut off, and what bears its name then may as well be somebody else's."""

    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        account.tell("namesakes")
        return {intent.key: {} for intent in intents}

    # a zone by its name is looked up while the file is read
    file.write_text(HEADING + row("a").replace(",29", ",US/Eastern") + row("b", "500.50"))
    account.before = lambda write: hang() if write.kind == CAMPAIGN else None
    assert apply(file, target, yes=True) == 130
    monkeypatch.setattr(account, "namesakes", namesakes)
    capsys.readouterr()
    account.before = lambda write: None
    # nobody is asked about what is not sent, and no budget has to last for it
    assert apply(file, target, max_budget=Decimal(0)) == 1
    out = capsys.readouterr().out
    said = " ".join(out.split())
    assert "in doubt 2 campaigns, 1,500.50 USD: may have been made already" in said
    assert " money 0.00 USD committed requests none open 2 requests" in said
    assert "2 requests without an outcome: what became of that is found out in " in out
    assert "its answer was lost, and somebody has to look" in out
    assert "so does adflight apply --if-absent create" in out
    assert "is bought again with --if-absent create." in out
    assert apply(file, target, yes=True, if_absent="create") == 0
    out = capsys.readouterr().out
    assert "campaign a: its answer was lost, and it is not there" in out
    assert "Done: 2 created" in out
    # what was asked for is not advised
    assert "If it is not there at the next look either, it is bought again." in out and "so does adflight" not in out
    # what was sent before the run began, when nobody had agreed to the plan yet, is its own all the same
    took = ["master.list_timezones", "namesakes", "namesakes", "insertion_orders.list_basic"]
    assert asyncio.run(side_requests(target, account, run=2)) == took, "nobody looks twice without need"
    again = ["namesakes", "namesakes", "insertion_orders.list_basic"]
    assert asyncio.run(side_requests(target, account, run=3)) == [*took, *again]
    assert asyncio.run(side_requests(target, account, run=1)) == [took[0], took[-1]]


def test_what_is_open_of_other_files_is_told_in_short(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    looks: list[int] = []

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        looks.append(len(intents))
        return {intent.key: {} for intent in intents}

    other = file.with_name("other.csv")
    other.write_text(HEADING + "".join(row(f"k{number}") for number in range(10)))
    account.before = lambda write: hang() if write.kind == CAMPAIGN else None
    monkeypatch.setattr(os, "_exit", lambda code: None)
    assert apply(other, target, yes=True) == 130
    account.before = lambda write: None
    monkeypatch.setattr(account, "namesakes", namesakes)
    capsys.readouterr()
    file.write_text(HEADING + row("a", order="Summer"))
    assert apply(file, target, yes=True) == 0
    out = capsys.readouterr().out
    assert "10 requests of other.csv (run 1) have no outcome, and nothing to do with this file\n" in out
    assert "All without an outcome: adflight keys list --profile prod\n" in out
    assert "somebody has to look" not in out
    assert looks == [10, 10], "nobody looks again after consent"
    # what is open elsewhere does not let rows be applied that are refused
    file.write_text("key,io_name\nx,Autumn\n")
    assert plan(file, target) == 1
    assert capsys.readouterr().out.endswith("\nNothing can be applied: 1 row refused.\n")
    file.write_text(HEADING + row("a", order="Summer"))
    # in its own file, the first of them are told in full
    assert apply(other, target, yes=True) == 1
    before_plan = capsys.readouterr().out.partition("committed")[0]
    assert before_plan.count("somebody has to look") == 3
    assert "and 7 more of this file\n" in before_plan
    # machines are told of each
    assert apply(file, target, yes=True, as_json=True) == 0
    assert capsys.readouterr().out.count('"event":"settled"') == 10


def test_after_a_stop_nothing_is_to_be_corrected(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    really_send = account.send

    async def send(write: Write, *more: Any) -> Any:
        if write.kind == CAMPAIGN:
            raise of_log_in(NotSent("no connection to api.example.com:443"))
        return await really_send(write, *more)

    monkeypatch.setattr(account, "send", send)
    assert apply(file, target, yes=True) == 3
    out = capsys.readouterr().out
    assert "Ended: 1 insertion order, no rows, 2 left for the next apply; " in out
    assert "to be corrected" not in out
    assert "To go on: adflight apply" in out


async def side_requests(target: FakeTarget, account: Account, run: int) -> list[str]:
    where: dict[str, Any] = {"directory": target.directory, "read_only": True}
    async with await Journal.open(account.base_url, account.account, **where) as journal:
        return [one.operation async for one in journal.side_requests(run)]


def test_who_says_no_gives_nothing_up(
    file: Path,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    someone: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor does a budget that the plan exceeds: the next apply knows that they may have been bought."""

    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        return {intent.key: {} for intent in intents}

    account.before = lambda write: hang() if write.kind == CAMPAIGN else None
    assert apply(file, target, yes=True) == 130
    monkeypatch.setattr(account, "namesakes", namesakes)
    account.before = lambda write: None
    sent = len(account.writes_sent)
    someone.append("n\n")
    assert apply(file, target, if_absent="create") == 2
    assert "commit 1,500.50 USD and send 2 requests?" in capsys.readouterr().out
    with pytest.raises(InvalidInput, match="--max-budget"):
        apply(file, target, if_absent="create", yes=True, max_budget=Decimal(1))
    assert apply(file, target, yes=True) == 1
    assert len(account.writes_sent) == sent
