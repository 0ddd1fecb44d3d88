"""The programs in examples/, each in a process of its own, against a sandbox; and what they say when it breaks."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from adflight import IQM
from adflight.flights import columns_for
from adflight.flights.template import template
from adflight.sandbox import Sandbox, SandboxOptions
from adflight.types.iqm import CreativeType, Launch, NewCampaign, NewInsertionOrder
from tests.programs import PATIENCE, ROOT, Finished, environment, run, start

EXAMPLES = ROOT / "examples"
# the wait until an unknown outcome is settled takes a minute and a half
FAST = (sys.executable, "-W", "error", ROOT / "tests" / "at_speed.py", "200")
REAL = (sys.executable, "-W", "error")

Example: TypeAlias = Callable[..., Coroutine[Any, Any, Finished]]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = SandboxOptions(quota=None, freewheel_quota=None, freewheel_auth_quota=None, approval_delay=0.0)
    async with Sandbox(options=options) as sandbox:
        yield sandbox
        assert sandbox.crashes == []


@pytest.fixture
def example(sandbox: Sandbox) -> Example:
    """Runs an example by its name."""

    async def call(name: str, *arguments: str | Path, stdin: str = "", **variables: str) -> Finished:
        return await run(*FAST, EXAMPLES / name, *arguments, env=environment(sandbox) | variables, stdin=stdin)

    return call


async def launched(sandbox: Sandbox, count: int) -> list[Launch]:
    """Campaigns for the examples to work on."""
    start = datetime.now(UTC) + timedelta(days=1)
    order = NewInsertionOrder(name="Seeds", start=start, timezone_id=29)
    async with IQM(
        base_url=sandbox.url,
        client_id=Sandbox.CLIENT_ID,
        client_secret=Sandbox.CLIENT_SECRET,
        email=Sandbox.EMAIL,
        password=Sandbox.PASSWORD,
        quota=None,
    ) as iqm:
        first = await iqm.launch(order, seed("Seed 0", start))
        others = [await iqm.launch(first.insertion_order_id, seed(f"Seed {n}", start)) for n in range(1, count)]
    return [first, *others]


def seed(name: str, start: datetime) -> NewCampaign:
    return NewCampaign(
        name=name,
        start=start,
        timezone_id=29,
        total_budget=100,
        daily_budget=10,
        max_bid=1,
        creative_type=CreativeType.IMAGE,
        creative_ids=[676384],
        advertiser_domain="https://brand.example.com",
        country_id=30100001,
        agreement_checked=True,
    )


def carried_out(sandbox: Sandbox) -> tuple[int, int]:
    """How many insertion orders and campaigns were created."""
    done = sandbox.counts.executions
    return done["insertion_orders_create"], done["campaigns_create"]


def test_each_example_is_short_and_has_a_test() -> None:
    names = sorted(path.name for path in EXAMPLES.glob("*.py"))
    tests = Path(__file__).read_text(encoding="utf-8")
    assert len(names) == 8
    for name in names:
        assert f'"{name}"' in tests
        assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 70


# all of them


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("launch.py", ("Spring sale", "x")),
        ("launch_icareus.py", ("launch.jsonl", "Spring sale", "x", "2027-03-01")),
        ("recover_launch.py", ("launch.jsonl", "soon")),
        ("report_to_csv.py", ("x", "creatives.csv")),
        ("batch_budget.py", ("abc",)),
        ("plan_and_apply.py", ("flights.csv", "abc")),
    ],
)
async def test_what_is_wrong_with_arguments_is_said(example: Example, name: str, wrong: tuple[str, ...]) -> None:
    for arguments in ((), wrong):
        done = await example(name, *arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"usage: {name} ")
        assert "Traceback" not in done.err


# launch.py


async def test_launch(example: Example, sandbox: Sandbox) -> None:
    done = await example("launch.py", "Spring sale", "676384")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"insertion order \d+, campaign \d+\nit is running\n", done.out)
    assert carried_out(sandbox) == (1, 1)


@pytest.mark.parametrize("operation", ["insertion_orders_create", "campaigns_create"])
async def test_launch_buys_once_though_an_answer_is_lost(example: Example, sandbox: Sandbox, operation: str) -> None:
    sandbox.fault(operation, kind="cut_after")
    done = await example("launch.py", "Spring sale", "676384")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("it is running\n")
    assert carried_out(sandbox) == (1, 1)


async def test_launch_says_what_it_does_not_know(example: Example, sandbox: Sandbox) -> None:
    sandbox.fault("campaigns_create", kind="cut_before")
    done = await example("launch.py", "Spring sale", "676384")
    assert (done.code, done.out) == (1, "")
    assert re.match(
        r"LaunchFailed: insertion order \d+ exists; it is not known whether the campaign was created", done.err
    )
    assert carried_out(sandbox) == (1, 0)


async def test_launch_without_variables(example: Example) -> None:
    done = await example("launch.py", "Spring sale", "676384", IQM_EMAIL="", IQM_PASSWORD="")
    assert done == Finished(1, "", "ConfigurationError: environment variables are not set: IQM_EMAIL, IQM_PASSWORD\n")


async def test_launch_with_a_wrong_password(example: Example, sandbox: Sandbox) -> None:
    done = await example("launch.py", "Spring sale", "676384", IQM_PASSWORD="wrong")
    assert (done.code, done.out) == (1, "")
    assert re.match(r"AuthenticationError: .*IQM_PASSWORD", done.err)
    assert carried_out(sandbox) == (0, 0)


async def test_launch_without_a_service(example: Example, unused_tcp_port: int) -> None:
    done = await example("launch.py", "Spring sale", "676384", IQM_BASE_URL=f"http://127.0.0.1:{unused_tcp_port}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("NotSent: ")
    assert len(done.err.splitlines()) == 1


# batch_budget.py


async def test_batch_budget(example: Example, sandbox: Sandbox) -> None:
    ids = [launch.campaign_id for launch in await launched(sandbox, 2)]
    # no campaign has the id 1; together they are more than fit in one request
    lines = [*ids, 1, "", *(1000 + n for n in range(60))]
    done = await example("batch_budget.py", "7.50", stdin="\n".join(map(str, lines)))
    assert (done.code, done.out) == (1, "2 changed, 61 failed\n")
    assert "1: There is no such campaign\n" in done.err
    assert len(done.err.splitlines()) == 61
    assert sandbox.counts.operations["campaigns_update_budget"] == 2


async def test_batch_budget_is_repeated_where_that_is_harmless(example: Example, sandbox: Sandbox) -> None:
    (seeded,) = await launched(sandbox, 1)
    sandbox.fault("campaigns_update_budget", kind="status", status=503)
    done = await example("batch_budget.py", "7.50", stdin=str(seeded.campaign_id))
    assert done == Finished(0, "1 changed, 0 failed\n", "")


async def test_batch_budget_counts_a_whole_batch_that_was_refused(example: Example, sandbox: Sandbox) -> None:
    sandbox.fault("campaigns_update_budget", kind="status", status=403)
    done = await example("batch_budget.py", "7.50", stdin="11\n12")
    assert (done.code, done.out) == (1, "0 changed, 2 failed\n")
    assert done.err.startswith("11, 12: campaigns.update_budget: HTTP 403")


# watch_statuses.py


async def test_watch_statuses(example: Example, sandbox: Sandbox) -> None:
    ids = [launch.campaign_id for launch in await launched(sandbox, 3)]
    before = sandbox.counts.operations["insertion_orders_list_campaigns"]
    done = await example("watch_statuses.py", *map(str, ids))
    assert (done.code, done.err) == (0, "")
    assert sorted(line.split(maxsplit=1)[1] for line in done.out.splitlines()) == [f"{id_}  running" for id_ in ids]
    assert sandbox.counts.operations["insertion_orders_list_campaigns"] - before == 1, "all share one poll"


async def test_watch_statuses_of_campaigns_that_will_not_run(example: Example, sandbox: Sandbox) -> None:
    rejected, paused = (launch.campaign_id for launch in await launched(sandbox, 2))
    sandbox.set_campaign_status(rejected, "rejected")
    sandbox.set_campaign_status(paused, "paused")
    done = await example("watch_statuses.py", str(rejected), str(paused), "--minutes", "8")
    assert done.code == 1
    assert f"campaign {rejected} is rejected, so it will not be running\n" in done.err
    assert f"campaign {paused} was still paused after 480 s\n" in done.err


# report_to_csv.py


async def test_report_to_csv(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    (seeded,) = await launched(sandbox, 1)
    path = tmp_path / "creatives.csv"
    done = await example("report_to_csv.py", str(seeded.campaign_id), path)
    assert done == Finished(0, f"{path}\n", "")
    assert re.fullmatch(r"Creative,Impressions,Clicks,Spent\ncreative 676384,\d+,\d+,[\d.]+\n", path.read_text())
    assert [download["credentials"] for download in sandbox.downloads] == [[]]


async def test_report_to_csv_where_no_file_can_be(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    (seeded,) = await launched(sandbox, 1)
    done = await example("report_to_csv.py", str(seeded.campaign_id), tmp_path / "missing" / "creatives.csv")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("FileNotFoundError: ")


# recover_launch.py


async def test_recover_launch(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "launch.jsonl"
    first = await example("recover_launch.py", path, "2027-03-01")
    assert (first.code, first.err) == (0, "")
    again = await example("recover_launch.py", path, "2027-03-01")
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines()[-1] == first.out.splitlines()[-1]
    assert carried_out(sandbox) == (1, 1)


@pytest.mark.parametrize("step", ["insertion_order", "campaign"])
@pytest.mark.parametrize("tail", ["", '{"step": "campaign", "event": "do'])
async def test_recover_launch_that_was_killed(
    example: Example, sandbox: Sandbox, tmp_path: Path, step: str, tail: str
) -> None:
    """Killed while nobody knows what became of a create; the record may even end in the middle of a line."""
    path = tmp_path / "launch.jsonl"
    sandbox.fault({"insertion_order": "insertion_orders_create"}.get(step, "campaigns_create"), kind="cut_after")
    process = await start(*REAL, EXAMPLES / "recover_launch.py", path, "2027-03-01", env=environment(sandbox))
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while (await process.stdout.readline()).decode().split() != [step, "unknown"]:
                assert process.returncode is None
    finally:
        process.kill()
        await process.communicate()
    with path.open("a") as file:
        file.write(tail)

    done = await example("recover_launch.py", path, "2027-03-01")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"insertion order \d+, campaign \d+\n$", done.out)
    assert carried_out(sandbox) == (1, 1)
    events = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [event["adopted"] for event in events if event["event"] == "done" and event["step"] == step] == [True]


async def test_recover_launch_of_something_else(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "launch.jsonl"
    await example("recover_launch.py", path, "2027-03-01")
    done = await example("recover_launch.py", path, "2027-04-01")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("InvalidInput: resume=['ioStartTime']: expected a launch that sends the same")
    assert carried_out(sandbox) == (1, 1)


# ensure_orders.py


TABLE = """\
campaign_id,external_id,name,start,budget
501,crm-17,Spring,2027-03-01T00:00+00:00,12500.50
501,crm-18,Summer,2027-06-01T00:00+02:00,800
"""


def orders(sandbox: Sandbox) -> int:
    return sandbox.freewheel.counts.executions["insertion_orders_create"]


async def test_ensure_orders(example: Example, sandbox: Sandbox) -> None:
    first = await example("ensure_orders.py", stdin=TABLE)
    assert (first.code, first.err) == (0, "")
    assert re.fullmatch(r"crm-17: created \d+\ncrm-18: created \d+\n[4-6] requests, 0 failed\n", first.out)

    again = await example("ensure_orders.py", stdin=TABLE)
    assert again.out.replace("unchanged", "created").splitlines()[:2] == first.out.splitlines()[:2]
    changed = await example("ensure_orders.py", stdin=TABLE.replace("800", "900").replace("Summer", "Late summer"))
    assert re.fullmatch(
        r"crm-17: unchanged \d+\ncrm-18: updated \d+ name budget\n\d+ requests, 0 failed\n", changed.out
    )
    assert orders(sandbox) == 2


async def test_ensure_orders_buys_once_though_an_answer_is_lost(example: Example, sandbox: Sandbox) -> None:
    sandbox.freewheel.fault("insertion_orders_create", kind="cut_after")
    done = await example("ensure_orders.py", stdin=TABLE)
    assert (done.code, done.err) == (0, "")
    assert sorted(re.findall(r"created|adopted", done.out)) == ["adopted", "created"]
    assert orders(sandbox) == 2


async def test_ensure_orders_says_which_rows_failed(example: Example, sandbox: Sandbox) -> None:
    sandbox.freewheel.fault("insertion_orders_create", kind="cut_before")
    done = await example("ensure_orders.py", stdin=TABLE + "501,crm-19,Autumn,2027-09-01T00:00+00:00,much\n")
    assert done.code == 1
    assert done.out.endswith(" requests, 2 failed\n")
    assert re.search(
        r"crm-1[78]: UnknownOutcome: insertion_orders\.create was sent.* Look for its external id in its campaign",
        done.err,
    )
    assert "crm-19: InvalidOperation: " in done.err
    assert orders(sandbox) == 1


async def test_ensure_orders_with_a_wrong_password(example: Example, sandbox: Sandbox) -> None:
    done = await example("ensure_orders.py", stdin=TABLE, FREEWHEEL_PASSWORD="wrong")
    assert (done.code, done.out) == (1, "0 requests, 2 failed\n")
    assert "FREEWHEEL_PASSWORD" in done.err
    assert orders(sandbox) == 0


# launch_icareus.py


LAUNCH_ICAREUS = ("Spring sale", "479862", "2027-03-01T18:00+02:00")
ICAREUS_STEPS = ("campaigns_create_video_swap", "schedules_create", "daily_caps_set")


def icareus_steps(sandbox: Sandbox) -> list[int]:
    """How often each step of a launch was carried out."""
    return [sandbox.icareus.counts.executions[step] for step in ICAREUS_STEPS]


async def test_launch_icareus(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "launch.jsonl"
    first = await example("launch_icareus.py", path, *LAUNCH_ICAREUS)
    assert (first.code, first.err) == (0, "")
    assert re.fullmatch(r"campaign \d+, schedule \d+, caps for 7 days\n", first.out)
    again = await example("launch_icareus.py", path, *LAUNCH_ICAREUS)
    assert again == first
    assert icareus_steps(sandbox) == [1, 1, 1]
    assert sandbox.icareus.TOKEN not in path.read_text()


@pytest.mark.parametrize("step", range(3))
async def test_launch_icareus_sends_nothing_twice(
    example: Example, sandbox: Sandbox, tmp_path: Path, step: int
) -> None:
    path = tmp_path / "launch.jsonl"
    sandbox.icareus.fault(ICAREUS_STEPS[step], kind="cut_after")
    for _ in range(2):
        done = await example("launch_icareus.py", path, *LAUNCH_ICAREUS)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("LaunchFailed: campaign " if step else "UnknownOutcome: campaigns.create_video_swap")
        assert "in the Icareus Suite" in done.err
        assert icareus_steps(sandbox) == [1] * (step + 1) + [0] * (2 - step)


async def test_launch_icareus_goes_on_after_a_refusal(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "launch.jsonl"
    sandbox.icareus.fault("schedules_create", kind="status", status=400)
    refused = await example("launch_icareus.py", path, *LAUNCH_ICAREUS)
    assert refused.code == 1
    assert refused.err.startswith("LaunchFailed: campaign ")
    done = await example("launch_icareus.py", path, *LAUNCH_ICAREUS)
    assert (done.code, done.err) == (0, "")
    assert icareus_steps(sandbox) == [1, 1, 1]


async def test_launch_icareus_with_a_wrong_token(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    done = await example("launch_icareus.py", tmp_path / "launch.jsonl", *LAUNCH_ICAREUS, ICAREUS_TOKEN="wr0ng-token")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("AuthenticationError: ")
    assert "wr0ng-token" not in done.err
    assert icareus_steps(sandbox) == [0, 0, 0]


# plan_and_apply.py


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    """A template, filled in."""
    path = tmp_path / "flights.csv"
    path.write_text(template(columns_for("iqm")).replace('",,30100001', '",yes,30100001'), encoding="utf-8")
    return path


async def test_plan_and_apply(example: Example, sandbox: Sandbox, flights: Path, tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    first = await example("plan_and_apply.py", flights, "2000", **state)
    assert (first.code, first.err) == (0, "")
    assert re.fullmatch(
        r"commits 2000\.?0* in 3 requests, 0 s\n"
        r"created insertion_order Spring: \d+\n(created campaign spring-banners-\d: \d+\n){2}"
        r"complete: 2 as the file says, 0 not\.\n",
        first.out,
    )
    again = await example("plan_and_apply.py", flights, "0", **state)
    assert (again.code, again.err) == (0, "")
    assert again.out == "commits 0 in 0 requests, 0 s\ncomplete: 2 as the file says, 0 not.\n"
    assert carried_out(sandbox) == (1, 2)


async def test_plan_and_apply_buys_once_though_an_answer_is_lost(
    example: Example, sandbox: Sandbox, flights: Path, tmp_path: Path
) -> None:
    sandbox.fault("campaigns_create", kind="cut_after")
    done = await example("plan_and_apply.py", flights, "2000", XDG_STATE_HOME=str(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert "adopted campaign spring-banners-" in done.out
    assert carried_out(sandbox) == (1, 2)


async def test_plan_and_apply_of_a_file_that_is_not_there(example: Example, tmp_path: Path) -> None:
    done = await example("plan_and_apply.py", "nothing.csv", "2000", XDG_STATE_HOME=str(tmp_path))
    assert done == Finished(1, "", "InvalidInput: source='nothing.csv': expected a file that exists\n")


async def test_plan_and_apply_over_budget(example: Example, sandbox: Sandbox, flights: Path, tmp_path: Path) -> None:
    done = await example("plan_and_apply.py", flights, "1999", XDG_STATE_HOME=str(tmp_path))
    assert done.code == 1
    assert done.err.startswith("OverBudget: max_budget=")
    assert carried_out(sandbox) == (0, 0)


async def test_plan_and_apply_of_what_the_service_refuses(
    example: Example, sandbox: Sandbox, flights: Path, tmp_path: Path
) -> None:
    sandbox.fault("campaigns_create", kind="status", status=422)
    done = await example("plan_and_apply.py", flights, "2000", XDG_STATE_HOME=str(tmp_path))
    assert done.code == 1
    assert re.match(r"row \d, spring-banners-\d: refused: .*422", done.err)
    assert done.out.endswith("failed: 1 as the file says, 1 not.\n")
    assert carried_out(sandbox) == (1, 1)
