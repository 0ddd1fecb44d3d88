from __future__ import annotations

import asyncio
import io
import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rich.console import Console

from adflight import AdflightError, APIError, InvalidInput, LaunchFailed, UnknownOutcome
from adflight.cli import main
from adflight.cli.quickstart import Quickstart, Vendor
from adflight.cli.quickstart.icareus import IcareusPart
from adflight.cli.quickstart.part import Part
from adflight.core.clock import SystemClock
from adflight.core.steps import Event
from adflight.iqm import IQM
from adflight.sandbox import FaultKind, Sandbox, SandboxOptions
from adflight.sandbox.freewheel.vendor import FreeWheelPlatform
from adflight.sandbox.icareus.vendor import IcareusPlatform
from tests.programs import ADFLIGHT, Finished, environment, run, start, without_credentials

LIVE = ("quickstart", "--live", "--creative-id", "676384")
SECRETS = (Sandbox.CLIENT_SECRET, Sandbox.PASSWORD, FreeWheelPlatform.PASSWORD, IcareusPlatform.TOKEN)
DONE = {
    "iqm": r"done in \d+\.\d\d s: insertion order 15001, campaign 537001\n",
    "freewheel": r"done in \d+\.\d\d s: insertion order 7001001\n",
    "icareus": r"done in \d+\.\d\d s: campaign 71001, schedule 81001\n",
}
NO_NETWORK = {
    **without_credentials(),
    "IQM_BASE_URL": "http://127.0.0.1:1",
    "IQM_CLIENT_ID": "id",
    "IQM_CLIENT_SECRET": Sandbox.CLIENT_SECRET,
    "IQM_EMAIL": "ada@example.com",
    "IQM_PASSWORD": Sandbox.PASSWORD,
}


def plain(finished: Finished) -> None:
    """A pipe gets no colours, and nobody a secret or a traceback."""
    both = finished.out + finished.err
    assert "\x1b" not in both
    assert "Traceback" not in both
    for secret in SECRETS:
        assert secret not in both


@pytest.fixture
async def service() -> AsyncIterator[Sandbox]:
    """What stands for the real service."""
    async with Sandbox(options=SandboxOptions()) as sandbox:
        yield sandbox
        assert sandbox.crashes == []


# as a user runs it


async def test_it_shows_each_step_of_each_vendor_in_a_pipe() -> None:
    done = await run(*ADFLIGHT, "quickstart", env=without_credentials())
    plain(done)
    assert (done.code, done.err) == (0, "")
    shown = re.compile(".*?".join(map(re.escape, STEPS)), re.DOTALL)
    assert shown.search(done.out), done.out
    ends = re.findall(r"done in .*\n", done.out)
    assert [bool(re.fullmatch(end, line)) for end, line in zip(DONE.values(), ends, strict=True)] == [True] * 3
    assert re.search(r"\nNext: adflight sandbox.*\n$", done.out)


STEPS = (
    "adflight quickstart on the sandbox at http://127.0.0.1:",
    "IQM: ",
    "1  POST /api/v3/ua/login",
    '"password": "***"',
    "200 OK in ",
    '"access_token": "***"',
    "creating the insertion order",
    "insertion order 15001",
    "creating the campaign",
    "campaign 537001",
    "read back 537001, pending",
    "waiting until the campaign runs",
    "it is running",
    "FreeWheel: ",
    "POST /freewheel/auth/token",
    "password=***",
    "sent     <?xml",
    "<insertion_order><name>Spring</name>",
    "insertion order 7001001, created in 2 requests",
    "insertion order 7001001, updated in 3 requests",
    "insertion order 7001001, unchanged in 2 requests",
    "7001001  Spring sale, NOT_BOOKED",
    "Icareus: ",
    "POST /icareus/api/campaign?action=addUpdateCampaign&type=videoswap&organizationId=***&token=***&userId=***",
    "campaign 71001",
    "schedule 81001",
    "daily caps set",
    "GET /icareus/api/campaign/v5?action=getActiveCampaigns&campaignType=videoswap&organizationId=***",
    "71001  Spring, until 20",
)


@pytest.mark.parametrize("vendor", DONE)
async def test_one_vendor_can_be_shown_alone(vendor: str) -> None:
    done = await run(*ADFLIGHT, "quickstart", "--vendor", vendor, env=without_credentials())
    plain(done)
    assert (done.code, done.err) == (0, "")
    for name, end in DONE.items():
        assert bool(re.search(end, done.out)) is (name == vendor)


async def test_a_vendor_that_nobody_knows_is_bad_input() -> None:
    done = await run(*ADFLIGHT, "quickstart", "--vendor", "bogus", env=without_credentials())
    assert done.code == 2
    assert '"iqm", "freewheel"' in done.out + done.err


@pytest.mark.parametrize("vendor", ["freewheel", "icareus"])
async def test_a_live_run_is_iqms_alone(service: Sandbox, vendor: str) -> None:
    done = await run(*ADFLIGHT, *LIVE, "--vendor", vendor, "--yes", env=environment(service))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"adflight: --vendor='{vendor}': expected iqm with --live: the other vendors are shown on the sandbox\n"
    )
    assert service.counts.requests == 0


def test_colors_are_not_for_who_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    quickstart = Quickstart(vendor=None, live=False, creative_id=None, advertiser_domain="", clean_up=None, yes=False)
    assert quickstart.console.color_system is None


async def test_a_live_run_may_name_iqm(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, *LIVE, "--vendor", "iqm", "--yes", env=environment(service))
    assert (done.code, done.err) == (0, "")


async def test_the_sandbox_has_nothing_to_clean_up() -> None:
    done = await run(*ADFLIGHT, "quickstart", "--clean-up", "7", env=without_credentials())
    assert (done.code, done.out) == (2, "")
    assert done.err == "adflight: --clean-up=7: expected --live too: the sandbox keeps nothing\n"


async def test_a_live_run_needs_credentials() -> None:
    done = await run(*ADFLIGHT, *LIVE, env=without_credentials())
    plain(done)
    assert done.code == 2
    assert done.err == (
        "adflight: environment variables are not set: IQM_CLIENT_ID, IQM_CLIENT_SECRET, IQM_EMAIL, IQM_PASSWORD\n"
    )


async def test_a_live_run_needs_a_creative(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, "quickstart", "--live", env=environment(service))
    assert done.code == 2
    assert "--creative-id=None: expected the id of an approved creative" in done.err
    assert service.counts.requests == 0


async def test_where_nobody_can_be_asked_nothing_is_sent(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, *LIVE, env=environment(service), stdin="yes\n")
    plain(done)
    assert done.code == 2
    for part in ("--yes", "total budget of 1.00", "account's currency", f"ada@example.com at {service.url}"):
        assert part in done.err
    assert service.counts.requests == 0


async def test_a_live_run_goes_far_ahead_with_the_smallest_budget(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, *LIVE, "--yes", env=environment(service))
    plain(done)
    assert (done.code, done.err) == (0, "")
    assert f"adflight quickstart on ada@example.com at {service.url}" in done.out
    assert "Campaign 537001 is pending; a person has to approve it." in done.out
    assert "To delete both: adflight quickstart --live --clean-up 15001" in done.out

    async with IQM(**settings(service)) as iqm:
        campaign = await iqm.campaigns.get(537001)
        assert (campaign.budget_total, campaign.budget_day, campaign.creative_ids) == (1.0, 1.0, "676384")
        assert campaign.start_time.timestamp() > service.now() + 150 * 86400

        cleaned = await run(*ADFLIGHT, "quickstart", "--live", "--clean-up", "15001", "--yes", env=environment(service))
        plain(cleaned)
        assert (cleaned.code, cleaned.err) == (0, "")
        assert "insertion order 15001 and its campaigns are deleted" in cleaned.out
        assert (await iqm.campaigns.get(537001)).status == "deleted"


def settings(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "base_url": sandbox.url,
        "client_id": Sandbox.CLIENT_ID,
        "client_secret": Sandbox.CLIENT_SECRET,
        "email": Sandbox.EMAIL,
        "password": Sandbox.PASSWORD,
        "quota": None,
    }


async def test_cleaning_up_asks_too(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, "quickstart", "--live", "--clean-up", "7", env=environment(service))
    assert done.code == 2
    assert "This deletes insertion order 7 and all its campaigns" in done.err
    assert service.counts.requests == 0


async def test_a_wrong_password_says_what_to_do(service: Sandbox) -> None:
    done = await run(*ADFLIGHT, *LIVE, "--yes", env={**environment(service), "IQM_PASSWORD": "wr0ng-p4ssw0rd"})
    plain(done)
    assert done.code == 3
    assert done.err.startswith("adflight: IQM refused the log-in of ada@example.com: ")
    assert ".." not in done.err
    assert "Check e-mail and password (IQM_EMAIL, IQM_PASSWORD)" in done.err
    assert done.err.count("\n") == 1
    assert "wr0ng-p4ssw0rd" not in done.out + done.err


async def test_a_refusal_after_the_order_says_what_exists(service: Sandbox) -> None:
    service.fault("campaigns_create", kind="status", status=400)
    done = await run(*ADFLIGHT, *LIVE, "--yes", env=environment(service))
    plain(done)
    assert done.code == 1
    assert done.err.startswith("adflight: insertion order 15001 exists; the campaign was not created: ")
    assert "Exists by now at IQM: insertion order 15001\n" in done.out
    assert "To delete it: adflight quickstart --live --clean-up 15001" in done.out
    assert "not known" not in done.out


async def test_an_unknown_option_is_bad_input() -> None:
    done = await run(*ADFLIGHT, "quickstart", "--colour", env=without_credentials())
    assert done.code == 2
    assert "--colour" in done.out + done.err


async def interrupted(after: str, *arguments: str, env: dict[str, str]) -> Finished:
    """What Ctrl-C leaves as soon as a text was shown."""
    process = await start(*ADFLIGHT, *arguments, env=env)
    assert process.stdout is not None
    out = ""
    async with asyncio.timeout(60):
        while after not in out:
            line = await process.stdout.readline()
            assert line, out
            out += line.decode()
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()
    return Finished(process.returncode or 0, out + rest.decode(), err.decode())


async def test_an_interrupt_says_what_exists() -> None:
    done = await interrupted("it is pending", "quickstart", env=without_credentials())
    plain(done)
    assert (done.code, done.err) == (130, "Interrupted.\n")
    assert "Exists by now at IQM: insertion order 15001, campaign 537001\n" in done.out
    assert done.out.endswith("It was only in the embedded sandbox, which ends now.\n")


async def test_an_interrupt_in_mid_create_says_what_to_look_for(service: Sandbox) -> None:
    service.fault("insertion_orders_create", kind="delay_after", seconds=60)
    done = await interrupted("/api/v3/cmp/io/add", *LIVE, "--yes", env=environment(service))
    plain(done)
    assert (done.code, done.err) == (130, "Interrupted.\n")
    assert re.search(
        r"not known whether the insertion order 'adflight quickstart .*' was created: look for it", done.out
    )
    assert "Exists" not in done.out


async def test_no_network_is_a_sentence() -> None:
    done = await run(*ADFLIGHT, "quickstart", "--live", "--clean-up", "7", "--yes", env=NO_NETWORK)
    plain(done)
    assert done.code == 3
    assert re.match(
        r"adflight: no connection to 127\.0\.0\.1:1: .*\nNothing was sent\. "
        r"Is the address right \(IQM_BASE_URL, FREEWHEEL_BASE_URL or ",
        done.err,
    )


# in this process, where everything can be seen


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def quickstart(**settings: Any) -> tuple[Quickstart, io.StringIO]:
    shown = Terminal()
    given: dict[str, Any] = {
        "vendor": None,
        "live": False,
        "creative_id": None,
        "advertiser_domain": "https://brand.example.com",
        "clean_up": None,
        "yes": False,
        "console": Console(file=shown, force_terminal=True, soft_wrap=True, highlight=False, _environ={}),
    }
    return Quickstart(**{**given, **settings}), shown


def text(shown: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, service: Sandbox) -> Sandbox:
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    return service


async def in_thread(run: Any) -> None:
    """Beside the loop that the service runs in."""
    await asyncio.to_thread(run)


def test_it_is_colourful_in_a_terminal() -> None:
    quick, shown = quickstart()
    quick.run()
    assert shown.getvalue().count("\x1b[1;32mdone") == len(DONE)
    for end in DONE.values():
        assert re.search(end, text(shown))
    for secret in SECRETS:
        assert secret not in shown.getvalue()


@pytest.mark.parametrize(("typed", "agrees"), [("yes\n", True), (" YES \n", True), ("no\n", False), ("\n", False)])
async def test_it_asks_before_it_spends(
    live: Sandbox, monkeypatch: pytest.MonkeyPatch, typed: str, agrees: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    quick, shown = quickstart(live=True, creative_id=676384)
    await in_thread(quick.run)
    asked = text(shown).partition("\n\n")[0]
    for part in ("a total budget of 1.00 (in the account's currency)", f"ada@example.com at {live.url}"):
        assert part in asked
    assert live.counts.executions["campaigns_create"] == agrees
    assert ("Nothing was sent." in text(shown)) is not agrees
    if not agrees:
        assert live.counts.requests == 0


async def test_a_lost_answer_is_explained(live: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    live.fault("insertion_orders_create", kind="cut_after")
    skip_time(monkeypatch)
    quick, shown = quickstart(live=True, creative_id=676384, yes=True)
    await in_thread(quick.run)
    assert "the answer was lost; looking for the insertion order in 90 s, when it must be settled" in text(shown)
    assert "insertion order 15001 (found again after its answer was lost)" in text(shown)
    assert live.counts.executions["insertion_orders_create"] == 1


def skip_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(clock: SystemClock, seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(SystemClock, "sleep", sleep)


async def test_an_order_of_which_nothing_is_known_is_named(live: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    live.fault("insertion_orders_create", kind="cut_before")
    skip_time(monkeypatch)
    quick, shown = quickstart(live=True, creative_id=676384, yes=True)
    with pytest.raises(UnknownOutcome):
        await in_thread(quick.run)
    assert "It is not known whether the insertion order 'adflight quickstart" in text(shown)
    assert "Exists by now" not in text(shown)


async def test_a_campaign_of_which_nothing_is_known_is_named(live: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    live.fault("campaigns_create", kind="cut_before")
    skip_time(monkeypatch)
    quick, shown = quickstart(live=True, creative_id=676384, yes=True)
    with pytest.raises(LaunchFailed):
        await in_thread(quick.run)
    assert "It is not known whether the campaign 'adflight quickstart" in text(shown)
    assert "Exists by now at IQM: insertion order 15001" in text(shown)
    assert "To delete it: adflight quickstart --live --clean-up 15001" in text(shown)


async def test_a_page_of_html_is_shown_as_it_is(live: Sandbox) -> None:
    live.fault("insertion_orders_list", kind="html", status=403)
    quick, shown = quickstart(live=True, creative_id=676384, yes=True)
    with pytest.raises(APIError):
        await in_thread(quick.run)
    assert "403 Forbidden in" in text(shown)
    assert "<html" in text(shown).lower()


# what breaks on the sandbox


MADE: dict[Vendor, str] = {
    "iqm": "insertion order 15001, campaign 537001",
    "freewheel": "insertion order 7001001",
    "icareus": "campaign 71001, schedule 81001",
}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), AdflightError("broken")])
@pytest.mark.parametrize("vendor", MADE)
def test_what_ends_it_says_what_exists(monkeypatch: pytest.MonkeyPatch, vendor: Vendor, error: BaseException) -> None:
    def end(self: Part) -> None:
        raise error

    monkeypatch.setattr(Part, "end", end)
    quick, shown = quickstart(vendor=vendor)
    with pytest.raises(type(error)):
        quick.run()
    assert "not known" not in text(shown)
    assert f"Exists by now at {NAMES[vendor]}: {MADE[vendor]}\n" in text(shown)
    assert text(shown).endswith("It was only in the embedded sandbox, which ends now.\n")


NAMES: dict[Vendor, str] = {"iqm": "IQM", "freewheel": "FreeWheel", "icareus": "Icareus"}


@pytest.mark.parametrize("vendor", MADE)
def test_an_interrupt_in_mid_create_is_doubtful_there_too(monkeypatch: pytest.MonkeyPatch, vendor: Vendor) -> None:
    record = Part.record

    def interrupted(self: Part, event: Event) -> None:
        record(self, event)
        raise KeyboardInterrupt

    monkeypatch.setattr(Part, "record", interrupted)
    quick, shown = quickstart(vendor=vendor)
    with pytest.raises(KeyboardInterrupt):
        quick.run()
    assert re.search(r"It is not known whether the (insertion order|campaign) '.*' was created\.\n$", text(shown))


def test_all_that_exists_is_named_by_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: Part, sandbox: Sandbox) -> None:
        raise LaunchFailed("broken", step="campaign", exists={}, cause=AdflightError("refused"))

    monkeypatch.setattr(IcareusPart, "run", fail)
    quick, shown = quickstart()
    with pytest.raises(LaunchFailed):
        quick.run()
    for name in ("iqm", "freewheel"):
        assert f"Exists by now at {NAMES[name]}: {MADE[name]}\n" in text(shown)
    assert text(shown).count("It was only in the embedded sandbox") == 1


@pytest.mark.parametrize(("kind", "said"), [("cut_before", "the answer was lost"), ("status", "campaign: refused")])
def test_a_launch_that_breaks_is_shown(monkeypatch: pytest.MonkeyPatch, kind: FaultKind, said: str) -> None:
    async def broken(self: IcareusPart, sandbox: Sandbox) -> None:
        sandbox.icareus.fault("campaigns_create_video_swap", kind=kind, status=400)
        await run_icareus(self, sandbox)

    run_icareus = IcareusPart.run
    monkeypatch.setattr(IcareusPart, "run", broken)
    quick, shown = quickstart(vendor="icareus")
    with pytest.raises(AdflightError):
        quick.run()
    assert said in text(shown)
    assert ("It is not known whether the campaign 'Spring' was created." in text(shown)) is (kind == "cut_before")


# the command and its exit codes


def test_errors_become_a_message_and_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases: list[tuple[BaseException, int, str]] = [
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (InvalidInput("--port", 7, "more"), 2, "adflight: --port=7: expected more\n"),
        (OSError("no room"), 3, "adflight: no room\n"),
        (
            ModuleNotFoundError("No module named 'starlette'", name="starlette"),
            1,
            "adflight: this command needs starlette, which comes with: pip install 'adflight[all]'\n",
        ),
    ]
    monkeypatch.setattr(sys, "argv", ["adflight", "quickstart"])
    for error, code, message in cases:

        def fail(self: Quickstart, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(Quickstart, "run", fail)
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == code
        assert capsys.readouterr().err == message
