from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from attrs import evolve

from adflight.cli import call, calling
from adflight.cli.call import Described
from adflight.cli.target import Target
from adflight.profiles import VENDORS, Profile, save
from adflight.sandbox import Sandbox, SandboxOptions
from tests.programs import ADFLIGHT, PATIENCE, ROOT, Finished, run, without_credentials
from tests.pseudo_terminal import Terminal

NEW_ORDER = {
    "ioName": "Spring",
    "ioStartTime": 1_900_000_000_000,
    "ioEndTime": 1_910_000_000_000,
    "ioTimezoneId": 29,
    "ioBudgetTypeId": 1,
}
COMMON = {"target", "body", "all", "raw", "yes"}


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    """What stands for the real service: a profile is of it."""
    async with Sandbox(options=SandboxOptions(quota=None)) as sandbox:
        credentials = {
            "client_id": Sandbox.CLIENT_ID,
            "client_secret": Sandbox.CLIENT_SECRET,
            "email": Sandbox.EMAIL,
            "password": Sandbox.PASSWORD,
        }
        save(
            Profile(
                name="prod", vendor="iqm", credentials=credentials, base_url=sandbox.url, quota="off", currency="EUR"
            )
        )
        yield sandbox
        assert sandbox.crashes == []


async def adflight(*arguments: str, stdin: str = "", env: Mapping[str, str] = {}) -> Finished:
    done = await run(*ADFLIGHT, "call", *arguments, env={**without_credentials(), "COLUMNS": "200", **env}, stdin=stdin)
    assert "Traceback" not in done.err
    return done


def operations() -> Iterator[Described]:
    for vendor in VENDORS:
        module = import_module(f"adflight_api.{vendor}.client")
        for tag, resource in vars(module.Operations).items():
            if isinstance(resource, property):
                assert resource.fget is not None
                methods = getattr(module, resource.fget.__annotations__["return"])
                for name, method in vars(methods).items():
                    if not name.startswith("_"):
                        yield Described.of(vendor, tag, name, method)


ALL = {f"{each.vendor}.{each.tag}.{each.name}": each for each in operations()}


def module_of(operation: Described) -> ModuleType:
    return import_module(f"adflight_api.{operation.vendor}.api.{operation.tag}.{operation.tag}_{operation.name}")


# every operation


@pytest.mark.parametrize("operation", ALL.values(), ids=ALL)
def test_every_operation_is_described_and_can_be_called(operation: Described) -> None:
    module = module_of(operation)
    arguments = operation.arguments()
    assert operation.summary.endswith(".")
    assert "Repeat class: " in operation.source
    assert operation.is_list == hasattr(module, "PAGING")
    assert not COMMON & {each.name for each in arguments}
    assert all(each.words.endswith((".", ")")) or each.words for each in arguments)
    signature = inspect.signature(operation.command())
    if operation.takes_secrets:
        assert "it cannot be called from here" in operation.help
        return
    assert set(signature.parameters) == {each.name for each in arguments} | COMMON - (
        set() if operation.is_list else {"all"}
    )
    # what a body from a file replaces can be filled in first
    request = module.request(**{each.name: each.kind.filler for each in arguments if each.is_required})
    if request.body is not None:
        assert evolve(request, body={}).repeat in ("read", "absolute", "relative", "create")


def test_what_is_asked_for_is_listed() -> None:
    assert len(ALL) == 80
    assert [name for name, each in ALL.items() if each.takes_secrets] == [
        "iqm.auth.login",
        "iqm.auth.refresh",
        "freewheel.auth.token",
    ]


# help


async def test_help_leads_from_vendors_to_arguments() -> None:
    top, bare = await adflight("--help"), await adflight()
    assert (top.code, top.err) == (0, "")
    assert all(vendor in top.out and vendor in bare.out for vendor in VENDORS)
    tags = await adflight("iqm", "--help")
    assert "insertion-orders" in tags.out
    listed = await adflight("iqm", "campaigns", "--help")
    assert "update-budget" in listed.out
    assert "Set or add to the budgets of several campaigns." in listed.out
    shown = await adflight("iqm", "campaigns", "update_budget", "--help")
    assert shown.code == 0
    text = " ".join(shown.out.replace("│", " ").split())
    for part in (
        "Source: vendor document 000 L246-288. Repeat class: decided by totalBudgetUpdateType.",
        "--campaign-ids LIST Campaigns to change. Separated by commas. Required.",
        "--max-bid NUMBER New highest bid, in the account's currency.",
        "--end-time TIME New end (sent as epoch seconds). With its zone, as in 2027-03-01T09:00-05:00.",
        "--total-budget-update-type What totalBudget does: replace, add, or be CHOICE shared out equally. Decides",
        "(default change). One of change, addition, distribution.",
        "--profile NAME",
        "--sandbox [URL]",
        "--body FILE",
    ):
        assert part in text
    assert "--all " not in text
    assert "--all " in (await adflight("iqm", "campaigns", "list", "--help")).out


HEAVY = ("asyncio", "aiohttp", "httpx", "sqlite3", "starlette", "adflight_api.iqm.models", "adflight.core.client")


@pytest.mark.parametrize("arguments", [["--help"], ["call", "--help"], ["login", "--help"], ["profiles", "--help"]])
async def test_help_imports_little(arguments: list[str]) -> None:
    program = (
        "import sys; before = set(sys.modules);"
        "from adflight.cli.app import app; app(sys.argv[1:], result_action='return_value');"
        "print(*set(sys.modules) - before, file=sys.stderr)"
    )
    done = await run(sys.executable, "-c", program, *arguments, env=without_credentials())
    assert done.code == 0
    imported = set(done.err.split())
    assert not imported & set(HEAVY)
    assert ("rich.markdown" in imported) is (arguments[0] in ("login", "profiles"))
    assert not [name for name in imported if name.startswith(("adflight_api", "adflight.sandbox", "adflight.flights"))]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["iqn"], 'Did you mean "iqm"?'),
        (["iqm", "campaign"], 'Did you mean "campaigns"?'),
        (["iqm", "campaigns", "gett"], 'Did you mean "get"?'),
        (["iqm", "campaigns", "get", "--campain-id", "3"], "Did you mean --campaign-id?"),
        (["iqm", "campaigns", "get", "--sandbox"], "campaigns.get needs --campaign-id; --help says"),
        (["iqm", "campaigns", "rename", "3", "--sandbox"], "campaigns.rename needs --campaign-name"),
        (["iqm", "campaigns", "get", "x", "--sandbox"], "--campaign-id='x': expected a whole number"),
        (["iqm", "campaigns", "get", "3"], "no target: --profile NAME"),
        (["iqm", "campaigns", "get", "3", "--profile", "a", "--sandbox"], "one of them, please"),
        (["iqm", "campaigns", "list", "--sandbox", "--all", "--raw"], "--raw and --all: one of them, please"),
        (
            ["iqm", "campaigns", "update", "3", "--start-time", "2027-01-01", "--sandbox"],
            "expected a time with its zone",
        ),
        (["iqm", "campaigns", "get", "3", "--sandbox", "--body", "-"], "this operation has no body"),
        (["iqm", "campaigns", "update", "--sandbox", "--body", "-"], "campaigns.update needs --campaign-id"),
        (["iqm", "insertion-orders", "create", "--sandbox", "--body", "-"], "--body='-': expected JSON ("),
        (["iqm", "insertion-orders", "create", "--sandbox", "--body", "none.json"], "a file that can be read (No such"),
        (
            ["iqm", "insertion-orders", "create", "--io-name", "x", "--sandbox", "--body", "-"],
            "--io-name='x': expected the whole body in --body, this field included",
        ),
        (
            ["iqm", "campaigns", "update", "3", "--max-bid", "2", "--sandbox", "--body", "-"],
            "--max-bid='2': expected the whole body in --body",
        ),
        (["iqm", "auth", "login", "--email", "a", "--password", "b", "--sandbox"], "which are never arguments"),
        (["freewheel", "auth", "token", "--sandbox"], "adflight login NAME --vendor freewheel keeps an account"),
    ],
)
async def test_bad_input_is_named(arguments: list[str], said: str) -> None:
    done = await adflight(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "body", "expected"),
    [
        # whose repeat class depends on a field of the body
        (["iqm", "campaigns", "update-budget"], "[1]", "a JSON object"),
        (["iqm", "insertion-orders", "create"], "7", "a JSON object"),
        (["freewheel", "insertion-orders", "update", "5"], "null", "a JSON object"),
        (["icareus", "daily-caps", "set", "--campaign-id", "3"], "{}", "a JSON list"),
    ],
)
async def test_a_body_is_what_the_specification_says(arguments: list[str], body: str, expected: str) -> None:
    done = await adflight(*arguments, "--sandbox", "http://127.0.0.1:9", "--yes", "--body", "-", stdin=body)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"adflight: --body='-': expected {expected}\n"


# calls, on the embedded sandbox, which remembers


async def test_what_one_command_makes_another_finds(tmp_path: Path) -> None:
    body = tmp_path / "order.json"
    body.write_bytes(orjson.dumps(NEW_ORDER))
    made = await adflight("iqm", "insertion_orders", "create", "--body", str(body), "--sandbox")
    assert (made.code, made.err) == (0, "")
    order = orjson.loads(made.out)
    assert order["ioName"] == "Spring"
    # written out, arguments make the same
    again = await adflight(
        *("iqm", "insertion-orders", "create", "--io-name", "Summer", "--io-timezone-id", "29"),
        *("--io-start-time", "2030-03-17T17:46:40Z", "--io-end-time", "2030-07-11T11:33:20Z"),
        *("--io-budget-type-id", "budget", "--sandbox"),
    )
    assert (again.code, again.err) == (0, "")
    first, second = order, orjson.loads(again.out)
    assert (second["ioName"], second["ioStartTime"]) == ("Summer", first["ioStartTime"])

    rows = await adflight("iqm", "insertion-orders", "list", "--all", "--sandbox")
    assert (rows.code, rows.err) == (0, "")
    assert [orjson.loads(line)["ioName"] for line in rows.out.splitlines()] == ["Summer", "Spring"]
    page = await adflight("iqm", "insertion-orders", "list", "--no-of-entries", "1", "--sort-by=-ioId", "--sandbox")
    assert len(next(value for value in orjson.loads(page.out).values() if isinstance(value, list))) == 1
    raw = await adflight("iqm", "insertion-orders", "get", str(first["ioId"]), "--raw", "--sandbox")
    assert set(orjson.loads(raw.out)) == {"success", "data"}


async def test_xml_is_json_here_and_itself_when_raw() -> None:
    arguments = ("freewheel", "insertion-orders", "create-in-campaign", "1001", "--body", "-", "--sandbox")
    made = await adflight(*arguments, stdin='{"name": "Spring"}')
    assert made.code == 0, made.err
    order = orjson.loads(made.out)
    assert order["name"] == "Spring"
    raw = await adflight("freewheel", "insertion_orders", "get", str(order["id"]), "--raw", "--sandbox")
    assert raw.out.startswith("<?xml")
    gone = await adflight("freewheel", "insertion_orders", "delete", str(order["id"]), "--sandbox")
    assert (gone.code, gone.out) == (0, "null\n")


async def test_icareus_has_its_path_from_the_arguments() -> None:
    body = '{"name": "Spring", "channels": [56810], "dataSource": 1, "VASTProfileId": 479862, "cpmPrice": 0}'
    made = await adflight("icareus", "campaigns", "create-video-swap", "--body", "-", "--sandbox", stdin=body)
    assert made.code == 0, made.err
    campaign = orjson.loads(made.out)["campaignId"]
    caps = ("icareus", "daily-caps", "set", "--campaign-id", str(campaign), "--sandbox")
    body = '[{"day": "2027-03-01", "cap": 5}]'
    for given, stdin in ((("--caps", body), ""), (("--body", "-"), body)):
        capped = await adflight(*caps, *given, stdin=stdin)
        assert (capped.code, capped.err) == (0, "")
    listed = await adflight("icareus", "campaigns", "list-active", "--all", "--sandbox")
    assert (listed.code, listed.out) == (0, "")


async def test_a_refusal_is_said_and_nothing_printed() -> None:
    done = await adflight("iqm", "campaigns", "get", "17", "--is-spent-required", "--sandbox")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("adflight: campaigns.get: HTTP 400: ")


async def test_who_reads_no_further_is_no_error(adflight_sandbox: Sandbox) -> None:
    platform = adflight_sandbox.iqm
    arguments = ("iqm", "master", "list-timezones", "--all", "--sandbox", platform.url)
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *ADFLIGHT, "call", *arguments, env=without_credentials(), stdout=writing, stderr=asyncio.subprocess.PIPE
    )
    os.close(writing)
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, err) == (0, b"")


# calls on a real account


async def test_a_read_asks_nobody(service: Sandbox) -> None:
    done = await adflight("iqm", "master", "list-creative-types", "--profile", "prod")
    assert (done.code, done.err) == (0, "")
    assert orjson.loads(done.out)["totalRecords"] == 5


async def test_where_nobody_can_be_asked_nothing_is_changed(service: Sandbox) -> None:
    create = ("iqm", "insertion-orders", "create", "--body", "-", "--profile", "prod")
    done = await adflight(*create, stdin=orjson.dumps(NEW_ORDER).decode())
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "adflight: nobody can be asked here, so nothing was sent; to go on without: --yes. profile prod (iqm, "
        f"{Sandbox.EMAIL} at {service.url}), amounts in EUR: insertion_orders.create creates something, and another "
        "one when it is repeated. Go on?\n"
    )
    assert service.counts.requests == 0
    done = await adflight(*create, "--yes", stdin=orjson.dumps(NEW_ORDER).decode())
    assert (done.code, done.err) == (0, "")
    assert service.counts.executions["insertion_orders_create"] == 1


@pytest.mark.parametrize(("typed", "executed"), [("y\n", 1), ("\n", 0)])
async def test_a_terminal_is_asked_before_something_is_changed(service: Sandbox, typed: str, executed: int) -> None:
    arguments = ("call", "iqm", "campaigns", "update-status", "--campaign-ids", "537001", "--status", "paused")

    def talk() -> tuple[int, str]:
        env = without_credentials()
        command = (*ADFLIGHT, *arguments, "--profile", "prod")
        with Terminal(*command, env=env, cwd=ROOT, patience=PATIENCE) as terminal:
            terminal.expect(r"amounts in EUR: campaigns\.update_status sets values\. Go on\? \[y/N\] ")
            terminal.press(typed)
            return terminal.finish(), terminal.text

    code, shown = await asyncio.to_thread(talk)
    assert f"profile prod (iqm, {Sandbox.EMAIL} at {service.url})" in shown
    assert '"campaignIds":"537001"' in shown.replace("\n", "")
    assert ("Nothing was sent." in shown) is (not executed)
    assert (service.counts.requests > 0) is bool(executed)
    # there is no such campaign
    assert code == (1 if executed else 2)


async def test_what_nobody_knows_how_to_call_is_said_for_a_command_line(adflight_sandbox: Sandbox) -> None:
    platform = adflight_sandbox.freewheel
    credentials = {"username": platform.USERNAME, "password": platform.PASSWORD}
    save(Profile(name="net", vendor="freewheel", credentials=credentials, base_url=platform.url, quota="off"))
    done = await adflight("freewheel", "insertion-orders", "get-widget", "5", "--profile", "net")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("adflight: insertion_orders.get_widget: the vendor does not document how it is called")
    assert "routes={" not in done.err


async def test_a_service_that_is_not_there_ends_with_the_code_that_a_plan_has() -> None:
    credentials = dict.fromkeys(("client_id", "client_secret", "email", "password"), "x")
    save(Profile(name="prod", vendor="iqm", credentials=credentials, base_url="http://127.0.0.1:9", quota="off"))
    done = await adflight("iqm", "master", "list-creative-types", "--profile", "prod")
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith("Nothing was sent. Is the service there, and is this its address?\n")
    assert "IQM_" not in done.err


async def test_a_wrong_password_is_the_profiles(service: Sandbox) -> None:
    credentials = {
        "client_id": Sandbox.CLIENT_ID,
        "client_secret": Sandbox.CLIENT_SECRET,
        "email": Sandbox.EMAIL,
        "password": "wr0ng",
    }
    save(Profile(name="prod", vendor="iqm", credentials=credentials, base_url=service.url, quota="off"))
    done = await adflight("iqm", "master", "list-creative-types", "--profile", "prod")
    assert (done.code, done.out) == (3, "")
    assert "Check e-mail and password, and client id and secret." in done.err
    assert done.err.endswith("The credentials are those of profile prod: adflight login keeps others.\n")


async def test_a_profile_of_another_vendor(service: Sandbox) -> None:
    done = await adflight("freewheel", "insertion-orders", "list", "--profile", "prod")
    assert (done.code, done.out) == (2, "")
    assert done.err == "adflight: profile 'prod' is of iqm, not of freewheel\n"


# what a process of its own would not let be seen


def calls(name: str, target: Target, **given: str) -> calling.Call:
    operation = ALL[name]
    return calling.Call(
        operation=operation,
        arguments=operation.arguments(),
        given=given,
        body=None,
        target=target,
        every=False,
        raw=False,
        yes=False,
    )


async def test_whoever_waits_is_told_what_for(
    adflight_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(calling, "PATIENCE", 0.0)
    await asyncio.to_thread(calls("iqm.master.list_creative_types", Target(sandbox=adflight_sandbox.url)).run)
    out, err = capfdbinary.readouterr()
    assert orjson.loads(out)["totalRecords"] == 5
    assert err == f"Waiting for {adflight_sandbox.url}.\n".encode()


async def test_whoever_waits_for_a_quota_is_told_which(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(calling, "PATIENCE", 0.0)
    async with Sandbox() as sandbox:
        await asyncio.to_thread(calls("iqm.master.list_creative_types", Target(sandbox=sandbox.url)).run)
    _, err = capfdbinary.readouterr()
    assert b"; the quota is 19 requests in 60 s (" in err
    assert err.endswith(b"for all that use the account on this machine together.\n")


async def test_what_was_carried_out_in_part_is_printed(tmp_path: Path) -> None:
    updates = ("iqm", "campaigns", "update-budget", "--campaign-ids", "1,2", "--daily-budget", "5", "--sandbox")
    done = await adflight(*updates)
    assert done.code == 1
    answer: dict[str, Any] = orjson.loads(done.out)
    assert answer["status"] is False
    assert len(answer["reason"]) == 2
    assert done.err.startswith("adflight: ")


def test_names_have_two_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def taken(names: list[str]) -> Any:
        return seen.append

    monkeypatch.setattr(call, "app_for", taken)
    call.run(["iqm", "bid_models", "list_bundles", "a_b", "--x_y"])
    assert seen == [["iqm", "bid-models", "list-bundles", "a_b", "--x_y"]]
