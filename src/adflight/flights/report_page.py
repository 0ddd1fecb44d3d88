"""A report as one page of HTML that needs nothing else: no network, no server. Imports the report and its
own parts: `report_figures`, `report_table`, `report_words`.

Everything that comes from a file, a service or a journal is escaped, and a policy in the page lets nothing run or load
but the page's own script and style.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final, TextIO

from adflight.core.quota import Quota
from adflight.flights.report import Report, Unclear
from adflight.flights.report_figures import money_section, operations_section, outcomes_section, requests_section
from adflight.flights.report_rows import ReportRow, Status
from adflight.flights.report_table import rows_section
from adflight.flights.report_text import moment_text
from adflight.flights.report_words import amount_text, capital, counted, duration, e, kind_word, when

ROWS: Final = 1000
"""Rows that a page shows by default: as many as a browser filters and sorts at once."""

_UNCLEAR: Final = 100
"""Requests without an outcome that are listed."""


async def write_page(
    report: Report,
    file: TextIO,
    *,
    quota: Quota | None = None,
    account: str = "",
    currency: str = "",
    rows: int = ROWS,
) -> int:
    """Writes the page; how many rows it shows.

    It has all counts and sums, and of the rows the first `rows`, those that failed before the others. `quota` is what
    the account may send, for its line in the picture; `account` names it, `currency` its money. `file` takes Unicode:
    open it with `encoding="utf-8"`.
    """
    shown = await report.first(rows)
    for part in _page(report, shown, quota, account, currency):
        file.write(part)
    return len(shown)


def _page(report: Report, shown: list[ReportRow], quota: Quota | None, account: str, currency: str) -> Iterator[str]:
    folder = files("adflight.flights")
    style = (folder / "report_page.css").read_text("utf-8")
    script = (folder / "report_page.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    title = f"{report.run.file or 'apply'}: run {report.run.id}"
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{e(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n'
        f"<title>{e(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )
    yield _header(report, account)
    yield _tiles(report, currency)
    yield from _attention(report)
    yield requests_section(report, quota)
    yield f'<div class="pair">\n{outcomes_section(report)}{money_section(report, currency)}</div>\n'
    yield operations_section(report)
    yield from rows_section(report, shown)
    yield _footer(report)
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _header(report: Report, account: str) -> str:
    run = report.run
    named = f"<b><bdi>{e(run.file)}</bdi></b> · " if run.file else ""
    of = f" · <bdi>{e(account)}</bdi>" if account else ""
    took = f", took {duration(report.seconds)}" if report.seconds is not None else ""
    note = f'<p class="ended">{e(report.note)}</p>\n' if report.note else ""
    return (
        f'<header>\n<p class="eyebrow">{named}run {run.id}{of}</p>\n<h1>{e(capital(report.in_words()))}</h1>\n'
        f'<p class="ended"><b>{e(capital(report.ended))}</b> · started {when(run.started)} UTC{took}</p>\n'
        f"{note}</header>\n"
    )


def _tiles(report: Report, currency: str) -> str:
    money, counts = report.money, report.counts()
    failed = sum(count for status, count in counts.items() if status.is_failed)
    sent = len(report.sendings)
    unknown = money.unexplained_rows
    tiles = (
        (
            "Committed",
            amount_text(money.committed, currency),
            f"and {counted(unknown, 'budget')} set, old ones unknown"
            if unknown
            else f"perhaps {money.perhaps:,.2f} more"
            if money.perhaps
            else "budgets created and raised"
            if money.is_any
            else "nothing was about money",
        ),
        ("Requests", f"{sent:,}", _requests_note(report)),
        ("Adopted", f"{report.adopted:,}", "made by requests whose answers were lost, and found"),
        ("Failed or unknown", f"{failed:,}", _worst(counts) or _best(counts)),
    )
    return (
        '<dl class="tiles">\n'
        + "".join(
            f'<div><dt>{name}</dt><dd class="figure">{figure}</dd><dd class="note">{e(note)}</dd></div>\n'
            for name, figure, note in tiles
        )
        + "</dl>\n"
    )


def _requests_note(report: Report) -> str:
    sent, writes = len(report.sendings), report.sendings.writes
    repeats = sum(operation.repeats for operation in report.operations)
    others = f"{sent - writes:,} reads and log-ins" if sent > writes else "no reads or log-ins known"
    of_what = f"{writes:,} for rows, {others}"
    return f"{of_what}; {repeats:,} were repeats" if repeats else of_what


def _worst(counts: Mapping[Status, int]) -> str:
    return ", ".join(f"{counts[status]:,} {status}" for status in Status if status.is_failed and counts.get(status))


def _best(counts: Mapping[Status, int]) -> str:
    return "every row went through" if all(status.is_done for status in counts) else "of the rows that it came to"


def _attention(report: Report) -> Iterator[str]:
    if not report.unclear:
        return
    count = len(report.unclear)
    yield (
        '<section class="attention" aria-labelledby="unclear">\n'
        f'<h2 id="unclear">{counted(count, "request")} of which nobody knows whether '
        f"{'it was' if count == 1 else 'they were'} carried out</h2>\n"
        f"<p>Nothing else is sent for {'its row' if count == 1 else 'their rows'} before that is settled. The next "
        "apply looks by itself for what was made; where it cannot tell, a person has to look at the vendor&rsquo;s own "
        "pages. Create nothing by hand before that.</p>\n"
        '<div class="scroll"><table><thead><tr><th scope="col">Key</th><th scope="col">Kind</th><th scope="col">Sent as'
        '</th><th scope="col">Sent at (UTC)</th><th scope="col">Look from</th><th scope="col">What was seen</th></tr>'
        "</thead><tbody>\n"
    )
    yield from map(_unclear, report.unclear[:_UNCLEAR])
    yield "</tbody></table></div>\n"
    if count > _UNCLEAR:
        yield f"<p>And {count - _UNCLEAR:,} more.</p>\n"
    yield "</section>\n"


def _unclear(one: Unclear) -> str:
    named = one.look_up.get("name")
    name = f" (“<bdi>{e(named)}</bdi>”)" if isinstance(named, str) else ""
    return (
        f'<tr><th scope="row" class="key"><bdi>{e(one.key)}</bdi>{name}</th><td>{e(kind_word(one.kind))}</td>'
        f"<td>{e(one.operation)}, run {one.run}</td>"
        f'<td class="when">{when(one.sent_at)}</td><td class="when">{when(one.settled_from)}</td>'
        f"<td>{e(one.cause)}</td></tr>\n"
    )


def _footer(report: Report) -> str:
    return (
        "<footer>\n<p>From the journal of what adflight applied: requests that change something, with their outcomes, "
        "every row that failed, whether or not anything was sent for it, and when reads and log-ins were sent. Rows "
        "that were right already are not in it, nor is what other programs sent. Credentials are never kept.</p>\n"
        f'<p>Read at <time datetime="{moment_text(report.read_at)}">{when(report.read_at)}</time> UTC. This page is '
        "complete by itself and loads nothing.</p>\n</footer>\n"
    )
