"""Every code block of openapi/README.md is run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import yaml
from pytest_httpx import HTTPXMock

from adflight.sandbox import Sandbox, SandboxOptions
from adflight.sandbox.freewheel.vendor import FREEWHEEL
from adflight.sandbox.iqm.vendor import IQM
from tests.codegen import ROOT, SPECIFICATION, VENDORS

README = (ROOT / "openapi" / "README.md").read_text(encoding="utf-8")
COMMANDS, FRAGMENT, CALL, LOW_LEVEL, XML, CALLER = re.findall(
    r"^```[a-z]*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
)
ADDED = yaml.safe_load(FRAGMENT)
PATH = "/api/v3/cmp/campaigns/537599/notes"


def added(keys: str) -> Any:
    """A part of the operation that the worked example adds."""
    ((_, item),) = ADDED["paths"].items()
    part = item["post"]
    for key in keys.split(" "):
        part = part[key]
    return part


REQUEST = added("requestBody content application/json examples documented value")
ANSWER = added("responses 200 content application/json examples documented value")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, codegen: Callable[[str], Any]) -> Path:
    """The folder of a package that was generated from a copy of the specification, with the worked example in it."""
    folder = tmp_path_factory.mktemp("extended")
    document = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    document["paths"].update(ADDED["paths"])
    document["components"]["schemas"].update(ADDED["components"]["schemas"])
    copy = folder / "iqm.yaml"
    copy.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    codegen("generate").generate([copy], folder)
    # the sandbox serves the other vendors, too; a reader of XML is written for those that speak it
    for name in ["xml.py", *(vendor for vendor in VENDORS if vendor != "iqm")]:
        (folder / "adflight_api" / name).symlink_to(ROOT / "generated" / "adflight_api" / name)
    return folder


def forget_package() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == "adflight_api"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def readme(extended: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names that the README's Python defines; its imports find the extended package, and nothing else does."""
    before = forget_package()
    monkeypatch.syspath_prepend(extended)
    names: dict[str, Any] = {}
    for block in (CALL, LOW_LEVEL, XML, CALLER):
        exec(compile(block, "openapi/README.md", "exec"), names)
    yield names
    forget_package()
    sys.modules.update(before)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url="https://api.example.com", trust_env=False) as client:
        yield client


@pytest.fixture
async def sandbox(extended: Path) -> AsyncIterator[Sandbox]:
    specification = extended / "adflight_api" / "iqm" / "openapi.json"
    async with Sandbox(options=SandboxOptions(specification=str(specification)), vendors=(IQM,)) as sandbox:
        yield sandbox


async def log_in(client: httpx.AsyncClient, sandbox: Sandbox, names: dict[str, Any]) -> None:
    client.base_url = httpx.URL(sandbox.url)
    await names["log_in"](client, sandbox.CLIENT_ID, sandbox.CLIENT_SECRET, sandbox.EMAIL, sandbox.PASSWORD)


def test_the_commands_exist() -> None:
    for line in COMMANDS.splitlines():
        make, _, target = line.partition("#")[0].strip().partition(" ")
        assert make == "make"
        subprocess.run(["make", "--dry-run", *target.split()], cwd=ROOT, check=True, capture_output=True, timeout=60)


def test_every_extension_is_listed(codegen: Callable[[str], Any]) -> None:
    keys = json.loads((ROOT / "openapi" / "codegen" / "extensions.schema.json").read_text(encoding="utf-8"))[
        "properties"
    ]
    listed = [
        *keys,
        *keys["paging"]["properties"],
        *keys["partial"]["properties"],
        *codegen("specification").FIELD_MARKS,
    ]

    assert [name for name in listed if f"`{name}`" not in README] == []


def test_every_mark_that_is_listed_exists(codegen: Callable[[str], Any]) -> None:
    marks = set(re.findall(r"x-adflight-[a-z-]+", README))

    assert marks == set(codegen("specification").FIELD_MARKS)


async def test_the_added_operation_is_called_as_documented(
    readme: dict[str, Any], client: httpx.AsyncClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(method="POST", url=f"https://api.example.com{PATH}", match_json=REQUEST, json=ANSWER)

    note = await readme["add_note"](readme["Campaigns"](readme["Plain"](client)))

    assert type(note) is readme["CampaignNote"]
    assert note.note_id == ANSWER["data"]["noteId"]
    assert note.created_at.timestamp() == ANSWER["data"]["createdAt"]
    assert note.to_dict() == ANSWER["data"]


async def test_the_sandbox_validates_the_added_operation(
    readme: dict[str, Any], client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    await log_in(client, sandbox, readme)

    for body in ({}, {**REQUEST, "noteText": 5}, {**REQUEST, "noteText": "a" * 256}, {**REQUEST, "remindAt": "soon"}):
        refusal = await client.post(PATH, json=body)
        assert 400 <= refusal.status_code < 500, refusal.text
        assert refusal.json()["success"] is False
    assert (await client.post(PATH.replace("537599", "x"), json=REQUEST)).status_code == 400

    with pytest.raises(httpx.HTTPStatusError) as caught:
        await readme["add_note"](readme["Campaigns"](readme["Plain"](client)))
    assert caught.value.response.status_code == 501
    assert "campaigns_add_note" in caught.value.response.text


async def test_the_low_level_client_works_on_its_own(
    readme: dict[str, Any], client: httpx.AsyncClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        method="POST",
        url="https://api.example.com/api/v3/ua/login",
        match_json={"grantType": "password", "email": "ada@example.com", "password": "hush"},
        match_headers={"Authorization": "Basic Y2xpZW50OnNlY3JldA=="},
        json={"success": True, "data": {"access_token": "token", "owId": 200001}},
    )
    httpx_mock.add_response(
        method="GET",
        url="https://api.example.com/api/v2/cmp/campaign/537599",
        match_headers={"Authorization": "Bearer token", "X-IAA-OW-ID": "200001"},
        json={"statusCode": 200, "responseObject": {"id": 537599, "status": "pending"}},
        is_reusable=True,
    )

    await readme["log_in"](client, "client", "secret", "ada@example.com", "hush")
    campaign = await readme["get_campaign"](client, 537599)

    from adflight_api.iqm.client import Operations  # the package that the README's code uses

    assert (campaign.id, campaign.status) == (537599, "pending")
    assert await Operations(readme["Plain"](client)).campaigns.get(537599) == campaign


async def test_the_low_level_client_speaks_xml(readme: dict[str, Any], client: httpx.AsyncClient) -> None:
    from adflight_api.freewheel.api.insertion_orders import insertion_orders_create

    async with Sandbox(vendors=(FREEWHEEL,)) as sandbox:
        platform = sandbox.freewheel
        client.base_url = httpx.URL(platform.url)
        user = platform.USERNAME, platform.PASSWORD
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            await readme["get_insertion_order"](client, *user, 1)
        new = insertion_orders_create.request(name="Spring", campaign_id=501)
        made = insertion_orders_create.parse(await readme["send"](client, new))

        order = await readme["get_insertion_order"](client, *user, made.id)

    assert type(order) is readme["InsertionOrder"]
    assert (order.id, order.name, order.campaign_id) == (made.id, "Spring", 501)


async def test_lists_of_the_low_level_client_are_single_pages(
    readme: dict[str, Any], client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    await log_in(client, sandbox, readme)

    page = await readme["Campaigns"](readme["Plain"](client)).list()

    assert page.data == []
