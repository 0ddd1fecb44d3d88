"""The rows of a report's page, to be filtered and sorted. Imports the report's rows and words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date
from typing import Final

from adflight.flights.report import Report
from adflight.flights.report_charts import slug
from adflight.flights.report_rows import ReportRow, Request, Status, rank
from adflight.flights.report_text import body_text, moment_text
from adflight.flights.report_words import capital, e, kind_word, plural, when

_BODY: Final = 4000
"""Characters of a body that are shown."""
_HEADINGS: Final = ("Status", "Key", "Kind", "ID", "Sent", "When (UTC)", "What was sent, and what came back")


def rows_section(report: Report, shown: list[ReportRow]) -> Iterator[str]:
    if not shown:
        return
    total = sum(report.counts().values()) + len(report.settled)
    yield '<section class="rows" aria-labelledby="rows-title">\n<h2 id="rows-title">Rows</h2>\n'
    if len(shown) < total:
        yield (
            f"<p>The first {len(shown):,} of {total:,}, those that failed before the others; counts and sums above are "
            f"of all. All rows: <code>adflight report --run {report.run.id} --format csv</code></p>\n"
        )
    yield (
        '<div class="tools"><label class="search">Search<input id="search" type="search" '
        'placeholder="Key, ID, error, operation …" autocomplete="off" spellcheck="false"></label>'
        f'<label>Status<select id="status">{_statuses(shown)}</select></label>'
        f'<label>Kind<select id="kind">{_kinds(shown)}</select></label>'
        '<output id="shown" for="search status kind" aria-live="polite"></output></div>\n'
        '<div class="scroll"><table id="rows" role="table">'
        '<caption class="hidden">What became of each row</caption><thead><tr>'
    )
    for heading in _HEADINGS[:-1]:
        style = ' class="number"' if heading in ("ID", "Sent") else ""
        yield f'<th scope="col"{style}><button type="button">{heading}</button></th>'
    yield f'<th scope="col">{_HEADINGS[-1]}</th></tr></thead><tbody>\n'
    for row in shown:
        yield _line(row, report.run.id, report.run.started.astimezone(UTC).date())
    yield '</tbody></table></div>\n<p class="none" id="none" hidden>No row fits.</p>\n</section>\n'


def _statuses(shown: Iterable[ReportRow]) -> str:
    counts: dict[Status, int] = {}
    for row in shown:
        counts[row.status] = counts.get(row.status, 0) + 1
    failed = sum(count for status, count in counts.items() if status.is_failed)
    options = ['<option value="">All</option>']
    options += [f'<option value="failed">All that failed ({failed:,})</option>'] if failed else []
    options += [
        f'<option value="{slug(status)}">{e(capital(status))} ({counts[status]:,})</option>'
        for status in sorted(counts, key=rank)
    ]
    return "".join(options)


def _kinds(shown: Iterable[ReportRow]) -> str:
    kinds = sorted({row.kind for row in shown})
    options = (f'<option value="{e(kind)}">{e(capital(plural(kind, 2)))}</option>' for kind in kinds)
    return '<option value="">All</option>' + "".join(options)


def _near(row: ReportRow, day: date) -> str:
    """When, without the day if that is the run's."""
    at = row.at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == day else when(at)


def _line(row: ReportRow, run: int, day: date) -> str:
    failed = ' data-failed=""' if row.status.is_failed else ""
    earlier = "" if row.run == run else f' <span class="say">(of run {row.run})</span>'
    error = f'<p class="error">{e(row.error)}</p>' if row.error else ""
    of_file = "" if row.row is None else f' <span class="say">(row {row.row:,})</span>'
    return (
        f'<tr data-status="{slug(row.status)}" data-kind="{e(row.kind)}"{failed}>'
        f'<td class="status {slug(row.status)}" data-sort="{rank(row.status)}">{e(capital(row.status))}</td>'
        f'<th scope="row" class="key"><bdi>{e(row.key)}</bdi>{of_file}{earlier}</th>'
        f'<td class="kind-word">{e(kind_word(row.kind))}</td>'
        f'<td class="number">{"" if row.id is None else row.id}</td>'
        f'<td class="number" data-sort="{row.attempts}">{_times(row)}</td>'
        f'<td class="when" data-sort="{moment_text(row.at)}">{_near(row, day)}</td>'
        f'<td class="what">{error}{_sent(row)}</td></tr>\n'
    )


def _times(row: ReportRow) -> str:
    times = f"{row.attempts}&times;"
    if not row.was_perhaps_sent:
        return times
    return f"{times}, perhaps more" if row.attempts else "perhaps"


def _sent(row: ReportRow) -> str:
    if not row.requests:
        return ""
    operations = ", ".join(dict.fromkeys(request.operation for request in row.requests))
    return f"<details><summary>{e(operations)}</summary>{''.join(map(_details, row.requests))}</details>"


def _details(request: Request) -> str:
    shared = f" · one request for {request.rows:,} rows" if request.rows > 1 else ""
    attempts = "".join(
        f"<li>{when(attempt.at)}: {e(attempt.outcome)}"
        f"{'' if attempt.status is None else f', {attempt.status}'}, {attempt.elapsed:.2f} s</li>"
        for attempt in request.attempts
    )
    body = body_text(request)
    cut = body if len(body) <= _BODY else f"{body[:_BODY]}… ({len(body) - _BODY:,} characters more)"
    return (
        f"<p>{e(request.method)} {e(request.url)}{shared}</p>"
        + (f"<ul>{attempts}</ul>" if attempts else "")
        + (f"<pre>{e(cut)}</pre>" if cut else "")
    )
