"""A report as CSV and as JSON lines, row by row, however many there are. Imports `report_rows`."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

from adflight.flights.entries import Attempt
from adflight.flights.report_rows import ReportRow, Request

SHOWN: Final = 20
"""Items of a list that are shown of a request that many rows share."""

COLUMNS: Final = (
    "run",
    "kind",
    "key",
    "row",
    "status",
    "id",
    "error",
    "at",
    "requests",
    "attempts",
    "operation",
    "method",
    "url",
    "sent_at",
    "http_status",
    "body",
)
"""Of the CSV. The last six are the last request's, and empty where there was none."""

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


async def write_csv(rows: AsyncIterable[ReportRow], file: TextIO) -> int:
    """Writes a heading and a line for every row; how many cells were made harmless.

    A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and runs it: such cells get an
    apostrophe in front, which most of them do not show. JSON lines have every text as it is. `file` has to be opened
    with `newline=""`.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    harmless = 0
    async for row in rows:
        cells = [harmless_cell(cell) for cell in _cells(row)]
        harmless += sum(was_changed for _, was_changed in cells)
        writer.writerow([cell for cell, _ in cells])
    return harmless


def harmless_cell(value: object) -> tuple[object, bool]:
    """A cell that no spreadsheet takes for a formula, and whether it had to be changed for that."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULAS):
        return f"'{value}", True
    return value, False


def _cells(row: ReportRow) -> list[object]:
    return [
        row.run,
        row.kind,
        row.key,
        row.row,
        str(row.status),
        row.id,
        row.error,
        moment_text(row.at),
        len(row.requests),
        row.attempts,
        *(_last_cells(row.requests[-1]) if row.requests else [""] * 6),
    ]


def _last_cells(last: Request) -> list[object]:
    status = last.attempts[-1].status if last.attempts else None
    return [last.operation, last.method, last.url, moment_text(last.at), status, body_text(last)]


async def write_json_lines(rows: AsyncIterable[ReportRow], file: TextIO) -> None:
    """Writes a JSON object for every row, with all of its requests and their attempts."""
    async for row in rows:
        file.write(json_text(as_json(row)) + "\n")


def as_json(row: ReportRow) -> dict[str, Any]:
    """A row as values that JSON knows, but for Decimals and datetimes, which become texts."""
    return {
        "run": row.run,
        "kind": row.kind,
        "key": row.key,
        "row": row.row,
        "status": str(row.status),
        "id": row.id,
        "error": row.error or None,
        "at": moment_text(row.at),
        "attempts": row.attempts,
        "requests": [_request(request) for request in row.requests],
    }


def _request(request: Request) -> dict[str, Any]:
    return {
        "number": request.number,
        "operation": request.operation,
        "method": request.method,
        "url": request.url,
        "body": sent_body(request),
        "fields": request.fields,
        "rows": request.rows,
        "at": moment_text(request.at),
        "status": str(request.status),
        "error": request.error or None,
        "attempts": [_attempt(attempt) for attempt in request.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": moment_text(attempt.at),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "seconds": round(attempt.elapsed, 3),
    }


def sent_body(request: Request) -> Any:
    """The body as it was sent. Of one that many rows share, the lists are cut short: each row repeats it."""
    return request.body if request.rows == 1 else _short(request.body)


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _short(item) for name, item in value.items()}
    if isinstance(value, list):
        kept = [_short(item) for item in value[:SHOWN]]
        return kept if len(value) <= SHOWN else [*kept, f"and {len(value) - SHOWN:,} more"]
    return value


def body_text(request: Request) -> str:
    """The body in one line; empty when there was none."""
    return "" if request.body is None else json_text(sent_body(request))


def json_text(value: Any) -> str:
    """JSON in one line."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _plain(value: object) -> str:
    return moment_text(value) if isinstance(value, datetime) else str(value)


def moment_text(at: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
