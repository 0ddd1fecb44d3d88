from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from adflight.flights.report import read_report
from adflight.flights.report_rows import ReportRow
from adflight.flights.report_text import COLUMNS, SHOWN, as_json, json_text, moment_text, write_csv, write_json_lines
from tests.flights.applied import EVIL, FORMULA, applied
from tests.flights.shelf import opened


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("applied")
    asyncio.run(applied(directory))
    return directory


async def several(*rows: ReportRow) -> AsyncIterator[ReportRow]:
    for row in rows:
        yield row


async def a_row(directory: Path, key: str) -> ReportRow:
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        return next(row for row in [row async for row in report.rows()] if row.key == key)


async def test_csv_has_a_heading_and_a_line_for_every_row(directory: Path) -> None:
    file = StringIO(newline="")
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        rows = [row async for row in report.rows()]
        harmless = await write_csv(report.rows(), file)
    assert file.getvalue().startswith("run,kind,key,row,status,id,error,")
    lines = list(csv.DictReader(StringIO(file.getvalue(), newline="")))
    assert [(line["kind"], line["key"].removeprefix("'"), line["status"]) for line in lines] == [
        (row.kind, row.key, row.status) for row in rows
    ]
    by_key = {line["key"]: line for line in lines}
    assert tuple(by_key["row-12"]) == COLUMNS
    # the last request was a bulk one, whose answer the journal has once
    assert {name: by_key["row-24"][name] for name in COLUMNS if name not in ("at", "sent_at")} == {
        "run": "2",
        "kind": "campaign",
        "key": "row-24",
        "row": "",
        "status": "created",
        "id": "1024",
        "error": "",
        "requests": "1",
        "attempts": "1",
        "operation": "campaigns.create",
        "method": "POST",
        "url": "https://api.example.com/api/v2/cmp/campaigns/add?token=***",
        "http_status": "200",
        "body": '{"campaignName":"Spring row-24","budgetTotal":124.0,"password":"***"}',
    }
    assert by_key["row-41"]["http_status"] == ""
    assert by_key[EVIL]["error"] == "422: creative 17 <b>is not approved</b>"
    assert harmless == 1
    assert f"'{FORMULA}" in by_key


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
async def test_no_cell_is_a_formula(directory: Path, cell: str) -> None:
    row = evolve(await a_row(directory, "row-24"), key=cell, error=f"{cell}: refused")
    file = StringIO(newline="")
    assert await write_csv(several(row), file) == 2
    (line,) = csv.DictReader(StringIO(file.getvalue(), newline=""))
    assert (line["key"], line["error"]) == (f"'{cell}", f"'{cell}: refused")


async def test_json_lines_have_all_requests_with_all_attempts(directory: Path) -> None:
    file = StringIO()
    async with await opened(directory, read_only=True) as journal:
        report = await read_report(journal)
        await write_json_lines(report.rows(), file)
    rows = {row["key"]: row for row in map(json.loads, file.getvalue().splitlines())}
    assert len(rows) == sum(report.counts().values()) + 1
    row = rows["row-12"]
    assert (row["status"], row["id"], row["error"], row["attempts"]) == ("created", 1012, None, 3)
    create, status = row["requests"]
    assert create["operation"] == "campaigns.create"
    assert create["body"] == {"campaignName": "Spring row-12", "budgetTotal": 112.0, "password": "***"}
    assert create["fields"] == {"campaign_name": "Spring row-12", "budget_total": "112", "max_bid": "2.50"}
    assert [(one["outcome"], one["status"]) for one in create["attempts"]] == [("rate limited", 429), ("answered", 200)]
    assert (status["rows"], status["body"]["campaignIds"]) == (20, [*range(1, SHOWN + 1), "and 2 more"])
    assert rows[FORMULA]["key"] == FORMULA
    assert rows["row-23"]["error"] == "not sent: the connection was refused"


async def test_values_of_every_kind_become_json(directory: Path) -> None:
    row = await a_row(directory, "row-24")
    at = datetime(2027, 3, 1, 9, tzinfo=UTC)
    fields: dict[str, Any] = {"start": at, "day": date(2027, 3, 1), "budget": Decimal("1.10"), "ids": [1, 2]}
    request = evolve(row.requests[0], fields=fields, body=None)
    (told,) = as_json(evolve(row, requests=(request,)))["requests"]
    assert json.loads(json_text(told))["fields"] == {
        "start": "2027-03-01T09:00:00.000Z",
        "day": "2027-03-01",
        "budget": "1.10",
        "ids": [1, 2],
    }
    file = StringIO(newline="")
    await write_csv(several(evolve(row, requests=(evolve(request, attempts=()),))), file)
    (line,) = csv.DictReader(StringIO(file.getvalue(), newline=""))
    assert (line["body"], line["http_status"]) == ("", "")


def test_moments_are_in_utc_to_the_millisecond() -> None:
    assert moment_text(datetime.fromisoformat("2027-03-01T09:00:00.1234+02:00")) == "2027-03-01T07:00:00.123Z"
