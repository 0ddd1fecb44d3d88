"""`adflight keys`: as commands on the sandbox, one process after the other; and in this one what they show and ask."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from adflight.cli.keyring import KeysCommand
from adflight.core.errors import AuthenticationError, ConfigurationError, InvalidInput
from adflight.core.redaction import RedactedRequest
from adflight.flights.entries import Intent, Part
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.iqm import IQM
from adflight.sandbox import Sandbox, SandboxOptions
from tests.cli.account import HEADING, Account, FakeTarget, row
from tests.flights.vendor import refusal
from tests.programs import PATIENCE, Finished, environment, run, start

ADFLIGHT = Path(sys.executable).with_name("adflight")
AT_SPEED = (sys.executable, Path(__file__).parents[1] / "at_speed.py", "100")
"""What waits a minute and a half for an outcome waits a second."""

ME = getpass.getuser()


# on the sandbox


class Desk:
    """A file of flights, a sandbox, and somebody who uses the command."""

    def __init__(self, directory: Path, sandbox: Sandbox, iqm: IQM) -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.iqm = iqm
        homes = {f"XDG_{name}_HOME": str(directory / name) for name in ("STATE", "CONFIG", "DATA")}
        self.env = {**environment(sandbox), **homes}
        (directory / "flights.csv").write_text(HEADING + row("a") + row("b"))

    async def adflight(self, *arguments: str | int, code: int = 0) -> Finished:
        words = [*map(str, arguments), "--sandbox", self.sandbox.url]
        done = await run(*AT_SPEED, ADFLIGHT, *words, env=self.env, cwd=self.directory)
        assert done.code == code, done
        assert "Traceback" not in done.err
        assert self.sandbox.crashes == []
        return done

    async def keys(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((await self.adflight("keys", "list", "--kind", "campaign", "--json")).out)
        return told

    async def die_while_buying(self) -> None:
        """The process ends while it waits for what became of its first campaign."""
        command = ADFLIGHT, "apply", "flights.csv", "--sandbox", self.sandbox.url, "--yes"
        process = await start(*command, env=self.env, cwd=self.directory)
        async with asyncio.timeout(PATIENCE):
            while self.sandbox.state()["faults"]:
                await asyncio.sleep(0.01)
        process.kill()
        await process.communicate()

    @property
    def bought(self) -> int:
        return self.sandbox.counts.executions["campaigns_create"]


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with Sandbox(options=SandboxOptions(quota=None, approval_delay=0.0)) as sandbox:
        for name, value in environment(sandbox).items():
            monkeypatch.setenv(name, value)
        async with IQM.from_env(quota=None) as iqm:
            yield Desk(tmp_path, sandbox, iqm)


async def test_an_unclear_create_is_bound_and_then_nothing_is_to_do(desk: Desk) -> None:
    (desk.directory / "flights.csv").write_text(HEADING + row("a"))
    desk.sandbox.fault("campaigns_create", kind="cut_after")
    await desk.die_while_buying()
    (one,) = [campaign async for campaign in desk.iqm.campaigns.list()]
    # somebody has touched it meanwhile, so that it is not as it was sent
    await desk.iqm.campaigns.update_budget(campaign_ids=[one.id], total_budget=1500)
    unclear = await desk.adflight("apply", "flights.csv", "--yes", code=1)
    assert "adflight keys bind" in unclear.out

    told = await desk.keys()
    assert told["keys"] == []
    ((open_),) = told["open"]
    assert (open_["key"], open_["creates"], open_["fields"]["budget_total"]) == ("a", True, "1000")
    assert "campaigns.create was sent at" in (await desk.adflight("keys", "list")).out

    nobody = await desk.adflight("keys", "bind", "a", one.id, "--kind", "campaign", code=2)
    assert "nobody can be asked here" in nobody.err
    bound = await desk.adflight("keys", "bind", "a", one.id, "--kind", "campaign", "--yes")
    assert f"campaign {one.id}: Flight a, running, 1,500.00 USD" in bound.out
    assert "It differs from what was sent in budget_total" in bound.out
    told = await desk.keys()
    assert [(key["key"], key["id"], key["by"]) for key in told["keys"]] == [("a", one.id, ME)]
    assert told["open"] == []

    changed = await desk.adflight("apply", "flights.csv", "--yes")
    assert "1 changed" in changed.out, "its budget, back to what the file says"
    assert "Nothing to do" in (await desk.adflight("plan", "flights.csv")).out
    assert desk.bought == 1


async def test_after_that_an_apply_has_nothing_to_do(desk: Desk) -> None:
    (desk.directory / "flights.csv").write_text(HEADING + row("a"))
    desk.sandbox.fault("campaigns_create", kind="cut_after")
    await desk.die_while_buying()
    (one,) = [campaign async for campaign in desk.iqm.campaigns.list()]
    await desk.iqm.campaigns.update_budget(campaign_ids=[one.id], total_budget=1500)
    await desk.adflight("apply", "flights.csv", "--yes", code=1)
    await desk.iqm.campaigns.update_budget(campaign_ids=[one.id], total_budget=1000)
    await desk.adflight("keys", "bind", "a", one.id, "--kind", "campaign", "--yes")
    before = desk.sandbox.counts.executions.copy()
    await desk.adflight("apply", "flights.csv", "--yes")
    done = desk.sandbox.counts.executions - before
    assert not [name for name in done if "create" in name or "update" in name]
    assert "Nothing to do: everything is as the file says." in (await desk.adflight("plan", "flights.csv")).out
    assert desk.bought == 1


async def test_a_deleted_campaign_is_released_and_made_once(desk: Desk) -> None:
    await desk.adflight("apply", "flights.csv", "--yes")
    ids = {key["key"]: key["id"] for key in (await desk.keys())["keys"]}
    live = await desk.adflight("keys", "release", "a", "--kind", "campaign", "--yes", code=1)
    assert "not deleted" in live.err
    assert "could buy a second one" in live.err

    body = {"campaignIds": str(ids["a"]), "status": "deleted"}
    await desk.iqm.request("PUT", "/api/v2/cmp/campaigns/update-status", json=body)
    refused = await desk.adflight("apply", "flights.csv", "--yes", code=1)
    assert "adflight keys release a --kind campaign" in refused.out.replace("\n", " ")
    bound = await desk.adflight("keys", "bind", "c", ids["a"], "--kind", "campaign", "--yes", code=2)
    assert "it is 'a''s" in bound.err
    assert desk.bought == 2

    released = await desk.adflight("keys", "release", "a", "--kind", "campaign", "--yes")
    assert f"campaign {ids['a']}: Flight a, deleted" in released.out
    await desk.adflight("apply", "flights.csv", "--yes")
    assert desk.bought == 3
    assert "Nothing to do: everything is as the file says." in (await desk.adflight("plan", "flights.csv")).out


async def test_what_was_never_bought_is_given_up_and_bought_once(desk: Desk) -> None:
    (desk.directory / "flights.csv").write_text(HEADING + row("a"))
    desk.sandbox.fault("campaigns_create", kind="cut_before")
    await desk.die_while_buying()
    assert desk.bought == 0
    given_up = await desk.adflight("keys", "release", "a", "--kind", "campaign", "--yes")
    assert "Two look-ups found nothing new that bears its name." in given_up.out
    assert (await desk.keys())["open"] == []
    await desk.adflight("apply", "flights.csv", "--yes")
    assert desk.bought == 1


# what they show and ask


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def target(account: Account, tmp_path: Path) -> FakeTarget:
    return FakeTarget(account, tmp_path / "state")


@pytest.fixture
def keys(target: FakeTarget) -> KeysCommand:
    return KeysCommand(target=cast(Any, target))


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


def in_journal(account: Account, target: FakeTarget, work: Callable[[Journal], Any]) -> Any:
    async def run_it() -> Any:
        where: dict[str, Any] = {"directory": target.directory, "clock": account.clock}
        async with await Journal.open(account.base_url, account.account, **where) as journal:
            return await work(journal)

    return asyncio.run(run_it())


def leave(account: Account, target: FakeTarget, order: int, *existing: int) -> None:
    """An earlier process sent a create for the key a, and died."""

    async def work(journal: Journal) -> None:
        fields = {"campaign_name": "Flight a", "budget_total": Decimal(1000), "creative_ids": (1,), "x": {"y": [None]}}
        fields["start_time"] = datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=-5)))
        part = Part("a", fields, existing, {"name": "Flight a", "insertion_order": order})
        request = RedactedRequest("POST", "https://api.example.com/x", {}, {})
        await journal.begin_run("flights.csv")
        await journal.intend(Intent("campaigns.create", CAMPAIGN, (part,), request, creates=True, settled_after=90.0))

    in_journal(account, target, work)


def test_nothing_was_applied_yet(keys: KeysCommand, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.list(None, as_json=False) == 0
    assert capsys.readouterr().out == "0 keys\n"
    assert not target.directory.exists()


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 2)])
def test_a_binding_is_asked_about(
    answer: str,
    code: int,
    keys: KeysCommand,
    target: FakeTarget,
    account: Account,
    someone: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = account.add(ORDER, "Spring", io_name="Spring")
    old = account.add(CAMPAIGN, "Old", order, campaign_name="Old")
    new = account.add(CAMPAIGN, "New", order, campaign_name="New", budget_total=Decimal(900))
    in_journal(account, target, lambda journal: journal.bind(CAMPAIGN, "a", old))
    someone.append(answer)
    assert keys.bind(CAMPAIGN, "a", new, yes=False) == code
    out = capsys.readouterr().out
    assert f"campaign {new}: New, running, 900.00 USD, in insertion order {order}" in out
    assert f"Until now it meant campaign {old}, which is running: it goes on, may spend" in out
    assert "iqm account ada@example.com (profile prod): is this campaign what 'a' means? [y/N]" in out
    assert ("Nothing was written." in out) == (code == 2)
    assert ("a means campaign" in out) == (code == 0)
    known = in_journal(account, target, lambda journal: journal.ids(CAMPAIGN))
    assert known == {"a": new if code == 0 else old}


@pytest.mark.parametrize(("gone", "fate"), [(True, "which was deleted."), (False, "which does not exist any more.")])
def test_what_a_key_meant_before(
    gone: bool, fate: str, keys: KeysCommand, target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, fresh = (account.add(ORDER, name, io_name=name) for name in ("Old", "New", "Fresh"))
    in_journal(account, target, lambda journal: journal.bind(ORDER, "a", old))
    account.live[ORDER][old].is_gone = True
    if not gone:
        del account.live[ORDER][old]
    assert keys.bind(ORDER, "a", new, yes=True) == 0
    assert f"Until now it meant insertion order {old}, {fate}" in capsys.readouterr().out
    assert keys.bind(ORDER, "b", fresh, yes=True) == 0
    out = capsys.readouterr().out
    assert "The journal does not know 'b' yet." in out
    assert "no budget shown" in out


def test_what_speaks_against_a_binding_is_said(
    keys: KeysCommand,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = account.add(ORDER, "Spring", io_name="Spring")
    old, *others = (account.add(CAMPAIGN, "Flight a", order, campaign_name="Flight a") for _ in range(3))
    leave(account, target, order, old)

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        return {intent.key: dict(account.live[CAMPAIGN]) for intent in intents}

    async def differences(intent: Any, id_: int) -> list[str]:
        return ["budget_total"]

    monkeypatch.setattr(account, "namesakes", namesakes)
    monkeypatch.setattr(account, "differences", differences)
    assert keys.list(CAMPAIGN, as_json=False) == 0
    listed = capsys.readouterr().out
    assert "campaign a: no outcome. campaigns.create was sent at " in listed
    assert "    budget_total 1,000.00" in listed
    assert f"    its name was borne before by {old}" in listed
    assert "1 request without an outcome." in listed
    assert keys.list(CAMPAIGN, as_json=True) == 0
    fields = json.loads(capsys.readouterr().out)["open"][0]["fields"]
    assert (fields["creative_ids"], fields["x"]) == ([1], {"y": [None]})
    assert fields["start_time"] == "2027-03-01T14:00:00Z"

    assert keys.release(CAMPAIGN, "a", force=True, yes=True) == 1
    assert f"Several new objects bear its name: {others[0]}, {others[1]}" in capsys.readouterr().err
    assert keys.bind(CAMPAIGN, "a", old, yes=True) == 0
    out = capsys.readouterr().out
    assert "It bore the name before the request was sent, so that the request has made another one, or none." in out
    assert f"There are others that bear the name since then: {others[0]}, {others[1]}. They stay as they are" in out
    assert keys.list(None, as_json=False) == 0
    assert f"campaign         {old}  since " in capsys.readouterr().out


def test_one_other_that_bears_the_name_is_told_of(
    keys: KeysCommand,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = account.add(ORDER, "Spring", io_name="Spring")
    one, other = (account.add(CAMPAIGN, "Flight a", order, campaign_name="Flight a") for _ in range(2))
    leave(account, target, order)

    async def namesakes(intents: Any, *, unfiltered: bool = False) -> dict[str, Any]:
        return {intent.key: dict(account.live[CAMPAIGN]) for intent in intents}

    async def differences(intent: Any, id_: int) -> list[str]:
        return []

    monkeypatch.setattr(account, "namesakes", namesakes)
    monkeypatch.setattr(account, "differences", differences)
    assert keys.bind(CAMPAIGN, "a", one, yes=True) == 0
    out = capsys.readouterr().out
    assert f"There is another that bears the name since then: {other}. It stays as it is, and may spend." in out
    assert "It differs" not in out


def test_who_releases_a_live_object_is_told_what_that_means(
    keys: KeysCommand, target: FakeTarget, account: Account, someone: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    there = account.add(ORDER, "Spring", io_name="Spring")
    in_journal(account, target, lambda journal: journal.bind(ORDER, "a", there))
    someone.append("n\n")
    assert keys.release(ORDER, "a", force=True, yes=False) == 2
    assert "and buys a second one if nothing does." in capsys.readouterr().out
    someone.append("y\n")
    assert keys.release(ORDER, "a", force=True, yes=False) == 0
    assert "To see what comes of it: adflight plan FILE --profile prod" in capsys.readouterr().out
    with pytest.raises(InvalidInput, match="one that means something: no insertion order"):
        keys.release(ORDER, "a", force=True, yes=True)


def test_what_does_not_exist_is_released(
    target: FakeTarget, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    in_journal(account, target, lambda journal: journal.bind(ORDER, "a", 7))
    keys = KeysCommand(target=cast(Any, target), vendor="iqm")
    with pytest.raises(ConfigurationError, match="nobody can be asked here"):
        keys.release(ORDER, "a", force=False, yes=False)
    assert keys.release(ORDER, "a", force=False, yes=True) == 0
    out = capsys.readouterr().out
    assert "insertion order 7 does not exist at the vendor" in out
    assert out.endswith("adflight plan FILE --profile prod --vendor iqm\n")


def test_a_journal_that_is_in_use_and_a_refused_log_in(
    keys: KeysCommand,
    target: FakeTarget,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def within(journal: Journal) -> Any:
        return asyncio.to_thread(keys.bind, ORDER, "a", 7, yes=True)

    with pytest.raises(SystemExit) as left:
        in_journal(account, target, within)
    assert left.value.code == 2
    assert "is held by this process" in capsys.readouterr().err

    async def read_back(kind: str, ids: Any) -> Any:
        raise refusal(AuthenticationError, 401)

    monkeypatch.setattr(account, "read_back", read_back)
    with pytest.raises(SystemExit) as left:
        keys.bind(ORDER, "a", 7, yes=True)
    assert left.value.code == 3
