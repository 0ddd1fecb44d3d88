from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

import httpx
import pytest

from adflight import (
    IQM,
    AdflightError,
    Attempted,
    ConfigurationError,
    ConnectionBroken,
    Hook,
    HttpxTransport,
    InvalidInput,
    NotFound,
    Options,
    PartialFailure,
    PermissionDenied,
    Quota,
    RawResponse,
    UnknownOutcome,
    ValidationFailed,
)
from adflight.iqm import BASE_URL, QUOTA
from adflight.sandbox import Sandbox, SandboxOptions
from adflight.types.iqm import (
    BudgetUpdate,
    Campaign,
    CampaignUpdateFailure,
    Dimension,
    InsertionOrder,
    InsertionOrderList,
    ModifiedCampaign,
    ReportColumn,
    ReportDownload,
    ReportFileType,
)
from adflight_api.iqm.api.campaigns import campaigns_get
from tests import programs
from tests.clock import FakeClock
from tests.core.scripted import ScriptedTransport, answer, ok
from tests.iqm.scene import START, Scene, new_campaign, new_order

VARIABLES = ("IQM_CLIENT_ID", "IQM_CLIENT_SECRET", "IQM_EMAIL", "IQM_PASSWORD")
OPTIONAL = ("IQM_BASE_URL", "IQM_WORKSPACE_HOST", "IQM_OW_ID")
CREDENTIALS: dict[str, Any] = {
    "client_id": "id",
    "client_secret": "s3cr3t",
    "email": "ada@example.com",
    "password": "p4ssw0rd",
}


# settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*VARIABLES, *OPTIONAL):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_all_missing_variables_are_named_at_once(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        IQM.from_env()
    assert str(caught.value) == f"environment variables are not set: {', '.join(VARIABLES)}"

    environment.setenv("IQM_EMAIL", "ada@example.com")
    environment.setenv("IQM_PASSWORD", "")
    with pytest.raises(ConfigurationError) as caught:
        IQM.from_env(client_id="id")
    assert str(caught.value) == "environment variables are not set: IQM_CLIENT_SECRET, IQM_PASSWORD"


async def test_a_client_comes_from_the_environment(scene: Scene, environment: pytest.MonkeyPatch) -> None:
    values: tuple[str, ...] = (Sandbox.CLIENT_ID, Sandbox.CLIENT_SECRET, Sandbox.EMAIL, Sandbox.PASSWORD)
    values += (scene.sandbox.url, "brand.example.com", "200011")
    for name, value in zip((*VARIABLES, *OPTIONAL), values, strict=True):
        environment.setenv(name, value)
    async with IQM.from_env(transport=scene.wire, quota=None) as iqm:
        assert (iqm.base_url, iqm.email) == (scene.sandbox.url, Sandbox.EMAIL)
        assert repr(iqm) == f"<IQM {scene.sandbox.url}>"
        await iqm.campaigns.get_start()
    sent = scene.wire.sent[-1].headers
    assert (sent["X-IAA-OW-ID"], sent["X-IAA-HOST"]) == ("200011", "brand.example.com")


def test_settings_win_over_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("IQM_BASE_URL", "https://staging.example.com")
    environment.setenv("IQM_EMAIL", "somebody@example.com")
    iqm = IQM.from_env(**CREDENTIALS, base_url="https://other.example.com/", options=Options(timeout=3))
    assert (iqm.base_url, iqm.email, iqm.options.timeout) == ("https://other.example.com", "ada@example.com", 3)
    assert IQM.from_env(**CREDENTIALS).base_url == "https://staging.example.com"


def test_a_workspace_id_is_a_number(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("IQM_OW_ID", "ada")
    with pytest.raises(ConfigurationError, match="IQM_OW_ID: expected a whole number"):
        IQM.from_env(**CREDENTIALS)


def test_empty_credentials_are_named_and_others_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        IQM(**{**CREDENTIALS, "email": "", "client_id": ""})
    assert str(caught.value) == "missing: client_id, email"


@pytest.mark.parametrize("base_url", ["api.iqm.com", "ftp://api.iqm.com", "https://", "https://me:secret@api.iqm.com"])
def test_a_base_url_is_one(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        IQM(**CREDENTIALS, base_url=base_url)
    assert "secret" not in str(caught.value)


def test_the_defaults_are_the_documented_ones() -> None:
    iqm = IQM(**CREDENTIALS)
    assert iqm.base_url == BASE_URL == "https://api.iqm.com"
    assert (QUOTA.requests, QUOTA.per) == (19, 60.0)
    assert iqm.options == Options()


def test_an_account_is_a_person_whose_address_has_one_spelling() -> None:
    ada = IQM(**CREDENTIALS)
    same = IQM(**{**CREDENTIALS, "email": "Ada@Example.com", "client_id": "rotated"})
    assert ada.account == same.account == "ada@example.com"
    assert ada.limiter is same.limiter and ada.turns is same.turns
    assert same.email == "Ada@Example.com"


# views


async def test_views_share_token_quota_and_connections(scene: Scene) -> None:
    iqm = await scene.client(quota=Quota(10, 60.0))
    views = [iqm, iqm.with_options(timeout=5), iqm.with_options(ow_id=200011).with_options(max_attempts=1)]
    await asyncio.gather(*(view.campaigns.get_start() for view in views for _ in range(7)))
    counted = scene.sandbox.counts
    assert counted.executions["auth_login"] == 1
    assert max(counted.busiest.values()) <= 10
    assert {sent.timeout for sent in scene.wire.sent} == {30.0, 5.0}
    assert all(view.turns is iqm.turns for view in views)


async def test_two_clients_of_one_account_share_the_quota(scene: Scene) -> None:
    first, second = [await scene.client(quota=Quota(10, 60.0)) for _ in range(2)]
    await asyncio.gather(*(client.campaigns.get_start() for client in (first, second) for _ in range(15)))
    assert max(scene.sandbox.counts.busiest.values()) <= 10


async def test_programs_on_one_machine_share_the_quota(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    program = (
        "import asyncio\n"
        "from adflight import IQM, Options, Quota, Timeout\n"
        "async def main():\n"
        "    async with IQM.from_env(quota=Quota(5, 60.0), options=Options(deadline=3.0)) as iqm:\n"
        "        for number in range(9):\n"
        "            await iqm.campaigns.get_start()\n"
        "            print(number + 1, flush=True)\n"
        "try:\n"
        "    asyncio.run(main())\n"
        "except Timeout as error:\n"
        "    print(error)\n"
    )
    async with Sandbox(options=SandboxOptions(quota=(5, 60.0))) as sandbox:
        env = programs.environment(sandbox)
        first = await programs.run(sys.executable, "-c", program.replace("range(9)", "range(2)"), env=env)
        second = await programs.run(sys.executable, "-c", program, env=env)
        assert (first.out, first.err) == ("1\n2\n", "")
        assert second.out.startswith("1\ncampaigns.get_start: not sent"), "each has logged in"
        assert max(sandbox.counts.busiest.values()) == 5


def test_a_view_does_not_change_its_origin() -> None:
    iqm = IQM(**CREDENTIALS, options=Options(timeout=9))
    view = iqm.with_options(max_attempts=1, ow_id=3, deadline=60)
    assert iqm.options == Options(timeout=9)
    assert view.options == Options(timeout=9, max_attempts=1, deadline=60, scope={"workspaceId": "3"})
    assert type(view) is IQM


def test_an_option_that_does_not_exist_is_an_error() -> None:
    wrong: Any = {"colour": "red", "raw": True}
    with pytest.raises(TypeError, match="colour, raw"):
        IQM(**CREDENTIALS).with_options(**wrong)
    with pytest.raises(ConfigurationError, match="with_raw_response"):
        IQM(**CREDENTIALS, options=Options(raw=True))
    with pytest.raises(InvalidInput, match="timeout=0"):
        IQM(**CREDENTIALS).with_options(timeout=0)


# answers as they came


async def test_raw_answers_carry_the_typed_value(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    raw = await iqm.with_raw_response.campaigns.get(launch.campaign_id)
    assert_type(raw, RawResponse[Campaign])
    assert raw.parsed == launch.campaign
    assert (raw.status, raw.headers["content-type"]) == (200, "application/json")
    assert raw.headers["X-Request-Id"].startswith("sandbox-")
    assert b'"responseObject"' in raw.content
    shown = raw.http_response
    assert isinstance(shown, httpx.Response)
    assert shown.json()["responseObject"]["id"] == launch.campaign_id
    assert shown.request.headers["Authorization"] == "***"


async def test_raw_lists_are_answers_and_their_rows_rows(iqm: IQM) -> None:
    await iqm.launch(new_order(), new_campaign())
    pager = iqm.with_raw_response.insertion_orders.list(search="Spring")
    raw: Any = await pager
    assert isinstance(raw.parsed, InsertionOrderList)
    rows: Any = pager
    assert [row.io_name async for row in rows] == ["Spring"]


async def test_raw_answers_have_the_options_of_their_view(scene: Scene, iqm: IQM) -> None:
    await iqm.with_options(timeout=5, ow_id=200011).with_raw_response.campaigns.get_start()
    assert scene.wire.sent[-1].timeout == 5
    assert scene.wire.sent[-1].headers["X-IAA-OW-ID"] == "200011"


async def test_a_request_of_a_generated_module_may_be_sent(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    campaign = await iqm.call(campaigns_get.request(launch.campaign_id), campaigns_get.parse)
    assert campaign.id == launch.campaign_id


# operations that the specification does not know


async def test_any_path_may_be_called(scene: Scene, iqm: IQM) -> None:
    await iqm.launch(new_order(), new_campaign())
    found = await iqm.request("GET", "/api/v2/cmp/campaigns/list", query={"pgno": 1, "search": None}, repeatable=True)
    assert found["recordsTotal"] == 1
    body = {"ioName": "Summer", "ioStartTime": 1_700_000_000_000, "ioBudgetTypeId": 1}
    made = await iqm.request("POST", "/api/v3/cmp/io/add", json=body)
    assert made["data"]["ioName"] == "Summer"
    assert scene.wire.sent[-1].headers["X-IAA-OW-ID"] == str(Sandbox.OW_ID)


async def test_it_is_a_create_unless_it_is_said_to_be_none(scene: Scene, iqm: IQM) -> None:
    path = "/api/v2/cmp/campaigns/list"
    scene.sandbox.fault("campaigns_list", kind="status", status=502)
    with pytest.raises(UnknownOutcome):
        await iqm.request("GET", path)
    scene.sandbox.fault("campaigns_list", kind="status", status=502)
    assert await iqm.request("GET", path, repeatable=True)


async def test_its_errors_are_the_usual_ones(iqm: IQM) -> None:
    with pytest.raises(NotFound):
        await iqm.request("GET", "/api/v9/nothing")
    with pytest.raises(ValidationFailed, match="ioName"):
        await iqm.request("POST", "/api/v3/cmp/io/add", json={})


@pytest.mark.parametrize("path", ["https://elsewhere.example.com/", "//elsewhere.example.com", "api", "/a?b=1"])
async def test_it_goes_nowhere_else(iqm: IQM, path: str) -> None:
    with pytest.raises(InvalidInput, match="path="):
        await iqm.request("GET", path)


# many calls


async def test_many_calls_are_mapped(scene: Scene, iqm: IQM) -> None:
    first = await iqm.launch(new_order(), new_campaign())
    ids = [first.campaign_id, 4711, *[first.campaign_id] * 50]
    outcomes = [outcome async for outcome in iqm.map(iqm.campaigns.get, ids, concurrency=20, ordered=True)]
    assert [outcome.item for outcome in outcomes] == ids
    for outcome in outcomes:
        if outcome.ok:
            assert_type(outcome.value, Campaign)
            assert outcome.value.campaign_name == "Spring flight"
        else:
            assert isinstance(outcome.error, ValidationFailed)
    assert [outcome.ok for outcome in outcomes[:3]] == [True, False, True]


async def test_calls_may_be_mapped_over_rows_as_they_come(scene: Scene, iqm: IQM) -> None:
    for number in range(30):
        await iqm.insertion_orders.create(io_name=f"Order {number}", io_start_time=START, io_budget_type_id=1)

    async def rename(order: InsertionOrder) -> str:
        await iqm.insertion_orders.update(order.io_id, io_name=f"{order.io_name}!")
        return order.io_name

    rows = iqm.insertion_orders.list(sort_by="+ioId").rows(size=7, prefetch=2)
    renamed = [outcome.result() async for outcome in iqm.map(rename, rows, concurrency=5, ordered=True)]
    assert renamed == [f"Order {number}" for number in range(30)]
    assert {row.io_name[-1] async for row in iqm.insertion_orders.list()} == {"!"}


async def test_mapping_holds_the_quota(scene: Scene) -> None:
    iqm = await scene.client(quota=Quota(10, 60.0))
    outcomes = [outcome async for outcome in iqm.map(lambda _: iqm.campaigns.get_start(), range(45), concurrency=40)]
    assert all(outcome.ok for outcome in outcomes)
    assert max(scene.sandbox.counts.busiest.values()) <= 10
    # four more windows after the first; the log-in takes a slot too
    assert 240 <= scene.clock.monotonic() <= 241


# what the wire wants


async def test_sort_signs_arrive_in_queries_and_bodies(scene: Scene, iqm: IQM) -> None:
    made = [
        (await iqm.insertion_orders.create(io_name=f"Order {number}", io_start_time=START, io_budget_type_id=1)).io_id
        for number in range(3)
    ]
    assert [row.io_id async for row in iqm.insertion_orders.list(sort_by="+ioId")] == made
    assert [row.io_id async for row in iqm.insertion_orders.list(sort_by="-ioId")] == made[::-1]

    campaigns = [(await iqm.launch(made[0], new_campaign(name=f"Flight {n}"))).campaign_id for n in range(3)]
    assert [row.id async for row in iqm.campaigns.list_data(sort_by="+id")] == campaigns
    assert [row.id async for row in iqm.campaigns.list_data(sort_by="-id")] == campaigns[::-1]
    assert any("sortBy=%2Bid" in sent.url for sent in scene.wire.sent)


@pytest.mark.parametrize("kind", [lambda id: id, str, lambda id: [id], lambda id: (str(id) for _ in range(1))])
async def test_ids_are_taken_in_any_form(iqm: IQM, kind: Callable[[int], Any]) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    changed = await iqm.campaigns.update_budget(campaign_ids=kind(launch.campaign_id), total_budget=1500)
    assert (await iqm.campaigns.get(str(launch.campaign_id))).budget_total == 1500
    assert changed.status is True


# partial failures


async def test_what_failed_in_part_is_raised(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    with pytest.raises(PartialFailure) as caught:
        await iqm.campaigns.update_budget(campaign_ids=[launch.campaign_id, 4711], total_budget=1500)
    failure = caught.value
    (modified,), (failed,) = failure.modified, failure.failed
    assert isinstance(modified, ModifiedCampaign)
    assert isinstance(failed, CampaignUpdateFailure)
    assert (modified.campaign_id, modified.total_budget) == (launch.campaign_id, 1500)
    assert (failed.id, failed.error_message) == (4711, "There is no such campaign")
    assert isinstance(failure.answer, BudgetUpdate)
    assert failure.operation == "campaigns.update_budget"
    assert (await iqm.campaigns.get(launch.campaign_id)).budget_total == 1500


async def test_what_failed_in_part_is_returned_on_request(iqm: IQM) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    returning = iqm.with_options(partial="return")
    update = await returning.campaigns.update_budget(campaign_ids=[launch.campaign_id, 4711], total_budget=1500)
    assert update.status is False
    assert [row.id for row in update.reason or ()] == [4711]
    ends = await returning.campaigns.update_end_date(campaign_ids=[4711], end_date=START + timedelta(days=99))
    assert ends.status is False
    with pytest.raises(PartialFailure):
        await iqm.campaigns.update_status(campaign_ids=[4711], status="paused")


# downloads


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def report(file_type: ReportFileType) -> ReportDownload:
    return ReportDownload(file_type=file_type, columns=[ReportColumn(label="Name", value="name")])


async def test_a_report_is_saved_without_credentials_going_along(scene: Scene, tmp_path: Path) -> None:
    hooked: list[str] = []

    async def on_request(request: httpx.Request) -> None:
        hooked.append(str(request.url))

    iqm = await scene.client(workspace_host="brand.example.com", hooks=[Hook(on_request)])
    launch = await iqm.launch(new_order(), new_campaign())
    file = await iqm.bid_models.download_report(
        launch.campaign_id, Dimension.CREATIVE, download=report(ReportFileType.CSV)
    )
    target = tmp_path / "report.csv"
    target.write_text("yesterday's")

    told: list[Attempted] = []
    used = iqm.limiter.state().used
    with iqm.observed(told.append):
        assert await iqm.save_report(file.url, str(target)) == target
    assert [(one.operation, one.status, one.is_apart) for one in told] == [("download", 200, True)]
    assert iqm.limiter.state().used == used

    assert target.read_text().splitlines()[0] == "Name"
    assert files_in(tmp_path) == ["report.csv"]
    (download,) = scene.sandbox.downloads
    assert download["credentials"] == []
    (fetched,) = [sent for sent in scene.wire.sent if sent.url == file.url]
    assert fetched.headers == {"Accept": "*/*"}
    assert scene.sandbox.url not in file.url
    assert file.url not in hooked


async def test_a_download_that_is_refused_leaves_what_was_there(scene: Scene, iqm: IQM, tmp_path: Path) -> None:
    target = tmp_path / "report.csv"
    target.write_text("yesterday's")
    url = f"{scene.sandbox.files_url}/files/report.csv?signature=s1gn4ture"
    with pytest.raises(PermissionDenied) as caught:
        await iqm.save_report(url, target)
    assert "s1gn4ture" not in f"{caught.value} {caught.value.request!r}"
    assert (files_in(tmp_path), target.read_text()) == (["report.csv"], "yesterday's")


async def test_a_file_that_cannot_be_written_leaves_nothing(iqm: IQM, tmp_path: Path, scene: Scene) -> None:
    launch = await iqm.launch(new_order(), new_campaign())
    file = await iqm.bid_models.download_report(
        launch.campaign_id, Dimension.CREATIVE, download=report(ReportFileType.CSV)
    )
    folder = tmp_path / "report.csv"
    folder.mkdir()
    with pytest.raises(OSError, match=r"report\.csv"):
        await iqm.save_report(file.url, folder)
    assert files_in(tmp_path) == ["report.csv"]


@pytest.mark.parametrize("url", ["report.csv", "file:///etc/passwd", "/files/report.csv", "ftp://example.com/x"])
async def test_only_web_addresses_are_fetched(iqm: IQM, tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="url="):
        await iqm.save_report(url, tmp_path / "report.csv")
    assert files_in(tmp_path) == []


# transports


async def test_httpx_may_carry_it(scene: Scene) -> None:
    transport = HttpxTransport(httpx.AsyncClient())
    iqm = await scene.client(transport=transport, clock=None)
    launch = await iqm.launch(new_order(), new_campaign())
    assert scene.executions == {"insertion_orders_create": 1, "campaigns_create": 1}
    assert launch.campaign_id


async def test_closing_closes_the_transport_and_may_be_repeated() -> None:
    transport = ScriptedTransport(ok({"access_token": "a", "owId": 1}), answer(200, {"responseObject": {}}))
    async with IQM(**CREDENTIALS, transport=transport) as iqm:
        await iqm.campaigns.get_start()
    await iqm.aclose()
    assert transport.closed == 2


async def test_a_closed_client_says_so(scene: Scene) -> None:
    iqm = IQM(**scene.settings())
    await iqm.campaigns.get_start()
    await iqm.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await iqm.campaigns.get_start()


# event loops


@pytest.fixture
def elsewhere() -> Iterator[Sandbox]:
    """A sandbox in a thread, which outlives the loops of a test."""
    options = SandboxOptions(quota=None, start=FakeClock.EPOCH, approval_delay=0.0)
    sandbox, ready, done = Sandbox(options=options), threading.Event(), []

    async def serve() -> None:
        async with sandbox:
            done.append((asyncio.get_running_loop(), ended := asyncio.Event()))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10)
    yield sandbox
    loop, ended = done[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join(10)


def settings(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "base_url": sandbox.url,
        "client_id": Sandbox.CLIENT_ID,
        "client_secret": Sandbox.CLIENT_SECRET,
        "email": Sandbox.EMAIL,
        "password": Sandbox.PASSWORD,
        "quota": None,
    }


def test_a_client_works_in_a_second_event_loop(elsewhere: Sandbox) -> None:
    iqm = IQM(**settings(elsewhere))

    async def use(name: str) -> int:
        launch = await iqm.launch(new_order(name=name), new_campaign())
        await launch.wait_until("running", timeout=30)
        return launch.campaign_id

    assert asyncio.run(use("First")) < asyncio.run(use("Second"))

    async def close() -> None:
        await iqm.aclose()

    asyncio.run(close())
    assert elsewhere.counts.executions["auth_login"] == 1


def test_a_client_in_two_loops_at_a_time_says_that_it_cannot(elsewhere: Sandbox) -> None:
    iqm = IQM(**settings(elsewhere))
    with asyncio.Runner() as first:
        first.run(iqm.campaigns.get_start())
        with asyncio.Runner() as second, pytest.raises(ConfigurationError, match="another event loop"):
            second.run(iqm.campaigns.get_start())
        first.run(iqm.aclose())


# a service that is not there


async def test_no_network_is_a_sentence(scene: Scene) -> None:
    iqm = await scene.client(base_url="http://127.0.0.1:1")
    with pytest.raises(AdflightError, match=r"no connection to 127\.0\.0\.1:1") as caught:
        await iqm.launch(new_order(), new_campaign())
    assert caught.value.__context__ is None


async def test_a_server_that_dies_in_mid_launch_leaves_a_sentence(scene: Scene, iqm: IQM) -> None:
    async def die(event: Any) -> None:
        if (event["step"], event["event"]) == ("campaign", "sending"):
            scene.running = False
            await scene.sandbox.stop()

    try:
        # what the connection has told by then decides whether anything of the campaign can have left
        with pytest.raises(
            AdflightError,
            match=r"insertion order 15001 exists; (the campaign was not created: no|it is not known whether)",
        ):
            await iqm.launch(new_order(), new_campaign(), record=die)
    finally:
        # fixtures look at what it counted
        await scene.sandbox.start()


async def test_a_read_that_breaks_for_good_is_a_transport_error(scene: Scene, iqm: IQM) -> None:
    scene.sandbox.fault("campaigns_get_start", kind="cut_before", times=None)
    with pytest.raises(ConnectionBroken):
        await iqm.campaigns.get_start()
