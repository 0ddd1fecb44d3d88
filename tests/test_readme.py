"""Everything in README.md is run, or held against what it speaks of.

Every code block has an entry in one of the tables below. A block without one fails, as does an entry without a block.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import logging
import re
import shlex
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import aiohttp
import attrs
import pytest
from attrs import field, frozen

import adflight.testing
from adflight import IQM, FreeWheel, Icareus, Options
from adflight.cli.apply import CODES
from adflight.cli.exits import NOT_SENT, Interrupted
from adflight.cli.plan_view import MARKS
from adflight.core import errors
from adflight.flights import Declarations, columns_for
from adflight.flights.items import Verdict
from adflight.flights.template import template
from adflight.freewheel import QUOTA as FREEWHEEL_QUOTA
from adflight.freewheel import TOKEN_QUOTA
from adflight.freewheel import client as freewheel_client
from adflight.freewheel.client import OPERATIONS
from adflight.freewheel.ensuring import Action
from adflight.icareus import client as icareus_client
from adflight.iqm import BASE_URL, QUOTA
from adflight.iqm import client as iqm_client
from adflight.sandbox import Fault, FaultKind, Sandbox, SandboxOptions
from adflight.types.iqm import NewCampaign, NewInsertionOrder
from tests.at_speed import FastClock
from tests.programs import ADFLIGHT, PATIENCE, ROOT, environment, run, start, without_credentials

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# the blocks, named by their section, language and place


@frozen
class Block:
    name: str
    language: str
    text: str
    line: int
    """Of README.md, where the code begins."""


def read_blocks() -> Iterator[Block]:
    places: Counter[str] = Counter()
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
        headings = re.findall(r"^## (.+)$", README[: match.start()], re.MULTILINE)
        kind = f"{headings[-1] if headings else 'Top'}, {match[1]}"
        places[kind] += 1
        yield Block(f"{kind} {places[kind]}", match[1], match[2], README.count("\n", 0, match.start(2)) + 1)


BLOCKS: Final = {block.name: block for block in read_blocks()}


@frozen
class Case:
    """One run of a piece of Python, and what is to come of it."""

    prints: str
    """A regular expression for all that it prints and logs."""
    faults: tuple[Fault, ...] = ()
    executions: Mapping[str, int] = field(factory=dict)
    """How often operations are carried out by it."""
    runs: int = 1
    status: str = "running"
    """Of the campaigns, before it is run."""
    files: Mapping[str, str] = field(factory=dict)
    """What is in the directory, by name."""
    speed: float = 300
    """Of the client's clock: the page waits until an unknown outcome is settled, and for an hour for a campaign."""


ONCE: Final = {"insertion_orders_create": 1, "campaigns_create": 1}
ENSURED: Final = {"freewheel.insertion_orders_create": 1}
LAUNCHED: Final = {
    f"icareus.{step}": 1 for step in ("campaigns_create_video_swap", "schedules_create", "daily_caps_set")
}

PROGRAM: Final = "A complete program, python 1"

FILLED_IN: Final = template(columns_for("iqm")).replace(",,30100001", ",yes,30100001")
"""With what only its user can say."""

PIECES: Final[Mapping[str, Mapping[str, Case]]] = {
    "Calls, python 1": {"": Case(r"Seed 0 running 50\.0\n")},
    "Credentials, python 1": {
        "": Case(r"running\n", executions={"auth_login": 1}),
        "the second run has the token": Case(r"running\nrunning\n", executions={"auth_login": 1}, runs=2),
    },
    "Credentials, python 2": {"": Case(r"\[\]\n")},
    "Lists, python 1": {"": Case(r"(\d+ Seed \d\n){2}1 2 of 2\n(running\n){2}")},
    "Errors, python 1": {
        "": Case(r"created \d+\n", executions={"insertion_orders_create": 1}),
        "unknown": Case(
            r"look for 'Autumn' 90 s after \d\d:\d\d:\d\d\n",
            (Fault("cut_after", "insertion_orders_create"),),
            executions={"insertion_orders_create": 1},
        ),
    },
    "Errors, python 2": {
        "": Case(r"changed: \[\d+\]\nnot changed: \[\(\d+, '.*exceeds the total budget'\)\]\n"),
    },
    "Errors, python 3": {
        "": Case("", executions=ONCE),
        "refused": Case(
            r"insertion order \d+ exists; the campaign was not created: .*\n",
            (Fault("status", "campaigns_create", status=422),),
            executions=ONCE,
        ),
        "unknown": Case(
            r"insertion order \d+ exists; it is not known whether the campaign was created: .*\n",
            (Fault("cut_before", "campaigns_create"),),
            executions={"insertion_orders_create": 1},
        ),
    },
    "Repeats, quota, deadlines, python 1": {"": Case(r"running\n")},
    "Repeats, quota, deadlines, python 2": {
        "": Case(r"running\n", speed=1),
        "repeated": Case(r"running\n", (Fault("status", "campaigns_get", status=503),), speed=1),
    },
    "Launching, python 1": {
        "": Case(r"running \(\)\n", executions=ONCE),
        "again": Case(r"(running \(\)\n){2}", executions=ONCE, runs=2),
        "adopted": Case(r"running \('campaign',\)\n", (Fault("cut_after", "campaigns_create"),), executions=ONCE),
    },
    "Waiting, python 1": {
        "": Case(r"running\n"),
        "rejected": Case(r"rejected\nit will not run: rejected\n", status="rejected"),
        "too long": Case(r"(paused\n)+not yet: paused\n", status="paused", speed=5000),
    },
    "FreeWheel, python 1": {
        "": Case(r"created \d+ \(\) in \d requests\n", executions=ENSURED),
        "again": Case(
            r"created (\d+) \(\) in \d requests\nunchanged \1 \(\) in \d requests\n", executions=ENSURED, runs=2
        ),
        "adopted": Case(
            r"adopted \d+ \(\) in \d requests\n",
            (Fault("cut_after", "freewheel.insertion_orders_create"),),
            executions=ENSURED,
        ),
    },
    "FreeWheel, python 2": {"": Case(r"insertion_orders\.get_widget: .* routes=.*\nSeed NOT_BOOKED\n")},
    "Icareus, python 1": {
        "": Case(r"campaign \d+ schedule \d+\n", executions=LAUNCHED),
        "unknown": Case(
            r"perhaps there is a campaign: .*Icareus Suite.*\n",
            (Fault("cut_after", "icareus.campaigns_create_video_swap"),),
            executions={"icareus.campaigns_create_video_swap": 1},
        ),
        "half-way": Case(
            r"there is \{'campaign': \d+\} and campaign \d+ exists; it is not known whether the schedule .*\n",
            (Fault("cut_before", "icareus.schedules_create"),),
            executions={"icareus.campaigns_create_video_swap": 1},
        ),
    },
    "Many calls, python 1": {
        "": Case(r"(\d+ running\n){2}"),
        "refused": Case(r"(?s).*campaigns\.get: HTTP 403.*", (Fault("status", "campaigns_get", status=403),)),
    },
    "Flights, python 1": {
        "": Case(
            r"2000\.?0* \{.*'campaigns\.create': 2.*\}\ncomplete 2 0\n",
            files={"flights.csv": FILLED_IN},
            executions={"insertion_orders_create": 1, "campaigns_create": 2},
        ),
        "again": Case(
            r"2000\.?0* \{.*\}\ncomplete 2 0\n0 \{\}\ncomplete 2 0\n",
            files={"flights.csv": FILLED_IN},
            executions={"insertion_orders_create": 1, "campaigns_create": 2},
            runs=2,
        ),
        "refused": Case(
            r"2000\.?0* \{.*\}\n\d spring-banners-\d campaigns\.create: HTTP 422.*\nfailed 1 1\n",
            (Fault("status", "campaigns_create", status=422),),
            files={"flights.csv": FILLED_IN},
            executions={"insertion_orders_create": 1, "campaigns_create": 1},
        ),
    },
    "Checking a file of flights, python 1": {
        "": Case(
            r"2 spring-banners-1 Spring 1000\n3 spring-banners-2 Spring 1000\n",
            files={"flights.csv": template(columns_for("iqm"))},
        ),
        "wrong": Case(
            r"2 max_bid '1\.500' expected a number in a format that is declared; .* 1\.500 .* or 1500 .*\n",
            files={"flights.csv": "key;io_name;max_bid\na;Spring;1.500\n"},
        ),
    },
    "Looking closer, python 1": {"": Case(r"200 application/json \d+ running\n\d+\n")},
    "Looking closer, python 2": {"": Case(r"200\n")},
    "Looking closer, python 3": {"": Case(r"POST /api/v3/ua/login 200\nGET /api/v2/cmp/campaign/\d+ 200\n")},
    "Looking closer, python 4": {
        "": Case(r"\[\('campaigns\.get', 'answered', 200\)\]\n"),
        "repeated": Case(
            r"\[\('campaigns\.get', 'server error', 500\), \('campaigns\.get', 'answered', 200\)\]\n",
            (Fault("status", "campaigns_get", status=500),),
        ),
    },
    "Looking closer, python 5": {
        "": Case(r"DEBUG campaigns\.get, attempt 1: answered after [\d.]+ s\n"),
        "repeated": Case(
            r"INFO campaigns\.get, attempt 1: server error, repeat after .*\n"
            r"DEBUG campaigns\.get, attempt 2: answered .*\n",
            (Fault("status", "campaigns_get", status=500),),
        ),
    },
    "Transports, python 1": {"": Case(r"running\n")},
}

TESTS: Final[Mapping[str, int]] = {
    "Testing your own code, python 1": 2,
    "Testing your own code, python 2": 1,
}
"""How many tests a block has."""

PYTEST_CONFIGURATION: Final = "Testing your own code, toml 1"
ERROR_TREE: Final = "Errors, text 1"

COMMANDS: Final[Mapping[str, str]] = {
    "make": "its targets set up an environment over the network, and run these tests; the Makefile is held against it",
    "pip install": ".ci/wheel installs the wheel in an empty environment; the extras and the file's name are checked",
    "adflight sandbox": "run, on a free port",
    "adflight flights": "run, in an empty directory, one after the other, together with those that follow",
    "adflight plan": "run, with the template filled in",
    "adflight apply": "run",
    "adflight report": "run",
    "adflight keys": "run",
    "adflight login": "run, with the sandbox in the environment, one after the other, with those that follow",
    "adflight profiles": "run",
    "adflight call": "run",
    "adflight quickstart --vendor": "run",
    "adflight quickstart --live": "run, with the sandbox in the place of the real service and --yes",
}
"""How commands are checked."""


def test_every_block_is_known() -> None:
    shell = {name for name, block in BLOCKS.items() if block.language == "sh"}
    known = {PROGRAM, PYTEST_CONFIGURATION, ERROR_TREE, *PIECES, *TESTS, *shell}
    assert set(BLOCKS) == known
    assert README.count("\n```") == 2 * len(BLOCKS)


# the environment that the page describes


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    options = SandboxOptions(quota=None, freewheel_quota=None, freewheel_auth_quota=None, approval_delay=0.0)
    async with Sandbox(options=options) as sandbox:
        yield sandbox
        assert sandbox.crashes == []


@pytest.fixture
def documented_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in environment(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("adflight")
    level = logger.level
    yield caplog
    logger.setLevel(level)


def names_of_the_program() -> dict[str, Any]:
    """What the pieces take from the complete program."""
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(BLOCKS[PROGRAM].text, "README.md", "exec"), names)
    return names


async def two_campaigns(iqm: IQM, order: NewInsertionOrder, campaign: NewCampaign) -> list[int]:
    """The ids that are the reader's own. Of the second, a budget of 75 a day is refused, as the page needs it."""
    first = await iqm.launch(attrs.evolve(order, name="Seeds"), attrs.evolve(campaign, name="Seed 0"))
    small = attrs.evolve(campaign, name="Seed 1", total_budget=60)
    second = await iqm.launch(first.insertion_order_id, small)
    return [first.campaign_id, second.campaign_id]


def write(files: Mapping[str, str]) -> None:
    for name, content in files.items():
        Path(name).write_text(content, encoding="utf-8")


async def an_order(freewheel: FreeWheel) -> int:
    """The id of an insertion order that is the reader's own."""
    seed = await freewheel.insertion_orders.ensure(campaign_id=500, external_id="seed", name="Seed")
    return seed.insertion_order.id


def carried_out(sandbox: Sandbox) -> Counter[str]:
    """How often each operation was; other vendors' than IQM with the vendor's name."""
    counts: Counter[str] = Counter()
    for name, platform in sandbox.platforms.items():
        prefix = "" if name == "iqm" else f"{name}."
        counts.update({f"{prefix}{operation}": n for operation, n in platform.counts.executions.items()})
    return counts


async def test_the_program(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(BLOCKS[PROGRAM].text)
    done = await run(sys.executable, "-W", "error", "program.py", env=environment(sandbox), cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"insertion order \d+ campaign \d+\nrunning\n", done.out)
    assert {name: sandbox.counts.executions[name] for name in ONCE} == ONCE


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in PIECES.items() for case in cases])
async def test_a_piece(
    name: str,
    case: str,
    sandbox: Sandbox,
    documented_environment: None,
    capsys: pytest.CaptureFixture[str],
    logged: pytest.LogCaptureFixture,
) -> None:
    expected = PIECES[name][case]
    block = BLOCKS[name]
    # the blank lines make a traceback point into the page
    code = compile("\n" * (block.line - 1) + block.text, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    clock = FastClock(expected.speed)
    async with (
        IQM.from_env(clock=clock, quota=None) as iqm,
        FreeWheel.from_env(clock=clock, quota=None) as freewheel,
        Icareus.from_env(clock=clock) as icareus,
    ):
        names = names_of_the_program()
        ids = await two_campaigns(iqm, names["order"], names["campaign"])
        for campaign_id in ids:
            sandbox.set_campaign_status(campaign_id, expected.status)
        write(expected.files)
        own = {"campaign_id": ids[0], "campaign_ids": ids, "insertion_order_id": await an_order(freewheel)}
        for fault in expected.faults:
            sandbox.add_fault(fault)
        before = carried_out(sandbox)
        capsys.readouterr()
        for _ in range(expected.runs):
            await eval(code, {**names, **own, "iqm": iqm, "freewheel": freewheel, "icareus": icareus})

    log = "".join(f"{record.levelname} {record.getMessage()}\n" for record in logged.records if record.levelno < 30)
    printed = capsys.readouterr().out + (log if "logging" in block.text else "")
    assert re.fullmatch(expected.prints, printed), printed
    after = carried_out(sandbox)
    watched = {**dict.fromkeys([*ONCE, *ENSURED, *LAUNCHED], 0), **expected.executions}
    assert {operation: after[operation] - before[operation] for operation in watched} == watched
    left = [fault for platform in sandbox.platforms.values() for fault in platform.state()["faults"]]
    assert left == [], "every fault was met"


@pytest.mark.parametrize("name", TESTS)
async def test_a_test(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "pyproject.toml").write_text(BLOCKS[PYTEST_CONFIGURATION].text)
    (tmp_path / "test_page.py").write_text(BLOCKS[name].text)
    # an installed adflight is found by itself
    installed = request.config.pluginmanager.has_plugin("adflight")
    plugin = [] if installed else ["-p", "adflight.testing"]
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", *plugin]
    done = await run(*command, env=without_credentials(), cwd=tmp_path)
    assert done.code == 0, done.out
    assert f"{TESTS[name]} passed" in done.out


# commands


def commands() -> Iterator[str]:
    for block in BLOCKS.values():
        if block.language == "sh":
            yield from (line.split("  #")[0].split(" #")[0].strip() for line in block.text.splitlines())


def commands_of(kind: str) -> list[str]:
    return [command for command in commands() if command.startswith(kind)]


def test_every_command_is_known() -> None:
    unknown = [command for command in commands() if not command.startswith(tuple(COMMANDS))]
    assert unknown == []
    for kind in COMMANDS:
        assert commands_of(kind) != [], f"nothing begins with {kind!r} any more"
    assert PROJECT["scripts"]["adflight"] == "adflight.cli:main"


@pytest.mark.parametrize("command", commands_of("make"))
def test_a_target_is_in_the_makefile(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{command.removeprefix('make ')}: .*## ", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", commands_of("pip install"))
def test_an_installation_names_what_there_is(command: str) -> None:
    (what,) = shlex.split(command)[2:]
    where, extra = what.removesuffix("]").split("[")
    assert extra in PROJECT["optional-dependencies"]
    assert where in (".", f"dist/adflight-{PROJECT['version']}-py3-none-any.whl")
    assert 'pip install -qq "$wheel[' in (ROOT / ".ci" / "wheel").read_text(encoding="utf-8")


LISTING: Final = """
import asyncio
from adflight import IQM, FreeWheel, Icareus

async def main():
    async with IQM.from_env() as iqm, FreeWheel.from_env() as freewheel, Icareus.from_env() as icareus:
        lists = iqm.campaigns.list(), freewheel.insertion_orders.list(), icareus.campaigns.list_active()
        print(*[[row async for row in rows] for rows in lists])

asyncio.run(main())
"""


@pytest.mark.parametrize("command", commands_of("adflight sandbox"))
async def test_a_sandbox_can_be_used_as_it_says(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(re.sub(r" --port \d+", "", command))[1:]
    env = without_credentials()
    process = await start(*ADFLIGHT, *arguments, "--port", "0", env=env, cwd=tmp_path)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            variables: dict[str, str] = {}
            while not variables.keys() >= documented_variables(required=True):
                line = (await process.stdout.readline()).decode()
                assert line, await process.communicate()
                variables |= re.findall(r"^export (\w+)=(.*)$", line)
            done = await run(sys.executable, "-c", LISTING, env={**env, **variables})
            assert (done.code, done.out, done.err) == (0, "[] [] []\n", "")
            process.send_signal(signal.SIGINT)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert ("--database" in command) == (tmp_path / "sandbox.db").exists()


async def test_the_commands_about_flights(tmp_path: Path) -> None:
    env = without_credentials() | {"XDG_STATE_HOME": str(tmp_path / "state")}
    said = {}
    for command in commands():
        if command.startswith(
            ("adflight flights", "adflight plan", "adflight apply", "adflight report", "adflight keys")
        ):
            done = await run(*ADFLIGHT, *shlex.split(command)[1:], env=env, cwd=tmp_path)
            assert done.code == 0, done.err
            said[command] = done.out
            if command == "adflight flights template flights.csv":
                (tmp_path / "flights.csv").write_text(FILLED_IN, encoding="utf-8")
    assert "2,000.00 USD committed" in said["adflight plan flights.csv --sandbox"]
    assert "Done: 2 created" in said["adflight apply flights.csv --sandbox --yes"]
    assert "spring-banners-2" in said["adflight report --sandbox"]
    assert "3 keys" in said["adflight keys list --sandbox"]
    assert "2 flights in 1 insertion order; no problems" in list(said.values())[-1]


async def test_the_commands_about_accounts(sandbox: Sandbox, tmp_path: Path) -> None:
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    said = []
    for command in commands():
        if command.startswith(("adflight login", "adflight profiles", "adflight call")):
            done = await run(*ADFLIGHT, *shlex.split(command)[1:], env=environment(sandbox) | homes, cwd=tmp_path)
            assert done.code == 0, done.err
            said.append(done.out)
    assert f"prod  iqm     {sandbox.EMAIL}  EUR" in said[1]
    assert said[2] == ""
    assert "--campaign-ids" in said[3]


@pytest.mark.parametrize("command", commands_of("adflight quickstart --vendor"))
async def test_the_quickstart_of_one_vendor(command: str) -> None:
    done = await run(*ADFLIGHT, *shlex.split(command)[1:], env=without_credentials())
    assert (done.code, done.err) == (0, "")
    assert done.out.count("done in") == 1


@pytest.mark.parametrize("command", commands_of("adflight quickstart --live"))
async def test_the_live_quickstart(command: str, sandbox: Sandbox) -> None:
    asked = await run(*ADFLIGHT, *shlex.split(command)[1:], env=environment(sandbox))
    assert asked.code == 2, "nobody is there to be asked"
    assert sandbox.counts.requests == 0
    done = await run(*ADFLIGHT, *shlex.split(command)[1:], "--yes", env=environment(sandbox))
    assert done.code == 0, done.err
    assert re.search(r"To delete both: adflight quickstart --live --clean-up \d+$", done.out.strip())
    assert {name: sandbox.counts.executions[name] for name in ONCE} == ONCE


# tables and sentences


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first heading this is."""
    table = README.split(f"\n| {heading} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_error_tree_is_that_of_the_code() -> None:
    assert errors.__doc__ is not None
    tree = [line.removeprefix("    ") for line in errors.__doc__.splitlines() if re.search("AdflightError$|─", line)]
    assert BLOCKS[ERROR_TREE].text.splitlines() == tree


def documented_variables(*, required: bool = False) -> set[str]:
    stated = [(names, meaning) for names, meaning in rows("Variable") if not (required and "optional" in meaning)]
    return {name for names, _ in stated for name in quoted(names)}


def test_the_variables_are_those_that_are_read() -> None:
    read = set()
    for client in (iqm_client, freewheel_client, icareus_client):
        source = inspect.getsource(client)
        read |= set(re.findall(r'"((?:IQM|FREEWHEEL|ICAREUS)_[A-Z_]+)"', source))
    assert documented_variables() == read
    assert f"{BASE_URL}/" in README


def test_the_platforms() -> None:
    quotas = {
        "IQM": (f"{QUOTA.requests} requests in {QUOTA.per:g} seconds",),
        "FreeWheel": (
            f"{FREEWHEEL_QUOTA.requests} requests in {FREEWHEEL_QUOTA.per:g} second",
            f"for tokens {TOKEN_QUOTA.requests}",
        ),
        "Icareus": ("none",),
    }
    total = 0
    for client, does, quota in rows("Client"):
        (name,) = quoted(client)
        count = number_of_operations(name.lower())
        assert does.startswith(f"{count} operations ")
        assert tuple(quota.split("; ")) == quotas.pop(name)
        total += count
    assert quotas == {}
    assert f"with {total} operations" in README


def number_of_operations(vendor: str) -> int:
    document = json.loads((ROOT / "generated" / "adflight_api" / vendor / "openapi.json").read_bytes())
    methods = {"get", "post", "put", "patch", "delete"}
    return sum(len(methods & item.keys()) for item in document["paths"].values())


def test_what_freewheels_operations_need() -> None:
    needed = {need: set(quoted(names)) for names, _, need in rows("Operations of `insertion_orders`")}
    routes, opt_in = needed.values()
    known = {name.removeprefix("insertion_orders."): operation for name, operation in OPERATIONS.items()}
    assert routes == {name for name, operation in known.items() if not operation.configured}
    assert opt_in == {
        name for name, operation in known.items() if operation.confidence == "low" and operation.configured
    }


def test_what_ensuring_may_have_done() -> None:
    assert [name for names, _ in rows("`action`") for name in quoted(names)] == list(get_args(Action))


def test_the_options_and_their_defaults() -> None:
    defaults = attrs.asdict(Options())
    for option, default, _ in rows("Option"):
        value = defaults.pop(*quoted(option))
        shown = "none" if not value else json.dumps(int(value) if isinstance(value, float) else value)
        assert default.strip("`") == shown
    # `with_raw_response`, `ow_id` and `call(watch=...)` are how users set these
    assert set(defaults) == {"raw", "scope", "watch"}


def test_the_marks_of_a_plan() -> None:
    marks = [mark for row in rows("In a plan") for mark in quoted(row[0])]
    assert sorted(marks) == sorted(mark for sort, (mark, _) in MARKS.items() if sort != Verdict.UNCHANGED)


def test_the_exit_codes() -> None:
    codes = [int(code) for code, _ in rows("Exit code")]
    assert codes == [*sorted({0, NOT_SENT, *CODES.values()}), Interrupted().code]


def test_the_declarations() -> None:
    documented = [name for row in rows("Declaration") for name in quoted(row[0])]
    assert documented == [field.name for field in attrs.fields(Declarations)]


def test_the_extras() -> None:
    extras = {name for row in rows("Extra") for name in quoted(row[0])}
    assert extras == set(PROJECT["optional-dependencies"])


def test_the_fixtures() -> None:
    fixtures = {name for row in rows("Fixture") for name in quoted(row[0])}
    assert fixtures == set(adflight.testing.__all__)


def test_the_faults() -> None:
    kinds = [kind for row in rows("Kind") for kind in quoted(row[0])]
    assert sorted(kinds) == sorted(get_args(FaultKind))


async def test_the_routes_of_the_sandbox(sandbox: Sandbox, documented_environment: None) -> None:
    names = names_of_the_program()
    async with IQM.from_env(quota=None) as iqm:
        launch = await iqm.launch(names["order"], names["campaign"])
    async with aiohttp.ClientSession() as session:
        for request, body, _ in rows("Request"):
            method, path = quoted(request)[0].split()
            content = body.strip("`").replace("537001", str(launch.campaign_id))
            async with session.request(method, sandbox.url + path, data=content or None) as answer:
                assert answer.status == 200, await answer.text()


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 5
    sections = {f"#{title.lower().replace(' ', '-')}" for title in re.findall(r"^## (.+)$", README, re.MULTILINE)}
    assert [link for link in links if link not in sections and not (ROOT / link).exists()] == []
