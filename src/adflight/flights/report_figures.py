"""The sections of a report's page with pictures and sums. Imports the report, its charts, totals and words."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import orjson

from adflight.core.quota import Quota
from adflight.flights.report import Report
from adflight.flights.report_charts import WINDOW, Use, bar, ordered, outcomes, slug, timeline, use_of
from adflight.flights.report_totals import Operation, Sendings
from adflight.flights.report_words import amount_text, capital, counted, e, plural

_OTHERS: Final = (
    "Requests of other programs on the same account are not in it, although they count against the same quota."
)


def _scope(sendings: Sendings) -> str:
    if sendings.writes == len(sendings):
        return f"Of reads and log-ins the journal has none for this run. {_OTHERS}"
    return f"Reads and log-ins are in it, from those for the plan on. {_OTHERS}"


def requests_section(report: Report, quota: Quota | None) -> str:
    heading = "Requests against the quota" if quota is not None else "Requests over time"
    top = f'<section aria-labelledby="requests">\n<h2 id="requests">{heading}</h2>\n'
    sendings, window = report.sendings, WINDOW if quota is None else quota.per
    if not len(sendings):
        return f"{top}<p>None was sent.</p>\n</section>\n"
    end = report.run.ended.timestamp() if report.run.ended is not None else 0.0
    use = use_of(sendings, window, report.run.started.timestamp(), end)
    limit = None if quota is None else quota.requests
    data = {
        "start": use.start,
        "end": use.end,
        "peaks": use.peaks,
        "writes": use.writes,
        "limit": limit,
        "window": window,
    }
    return (
        f"{top}<p>{e(_pace(use, quota, window))} {_scope(sendings)}</p>\n"
        f'<div class="scroll">{timeline(use, quota)}</div>\n'
        f'<p class="readout"><span id="readout">Times are UTC.</span>{_shades(sendings)}{_troubles(report)}</p>\n'
        f'<script type="application/json" id="use">{orjson.dumps(data).decode()}</script>\n</section>\n'
    )


def _pace(use: Use, quota: Quota | None, window: float) -> str:
    per = f"any {window:g} s"
    if quota is None:
        return f"How many were sent in the last {window:g} s, at each moment; at most {use.peak:,} in {per}."
    over = " That is more than the quota allows." if use.peak > quota.requests else ""
    return (
        f"How many were sent in the last {window:g} s, at each moment: at most {use.peak:,} in {per}, where "
        f"{quota.requests:,} are allowed ({quota.source}).{over}"
    )


def _shades(sendings: Sendings) -> str:
    writes, apart = sendings.writes, sum(sendings.is_apart)
    others = f"{len(sendings) - writes:,} reads and log-ins"
    if apart:
        others += f", {apart:,} of them with a quota of their own and not drawn"
    return (
        f'<span><i class="swatch writes"></i>{writes:,} for rows</span><span><i class="swatch all"></i>{others}</span>'
    )


def _troubles(report: Report) -> str:
    limited = sum(status == 429 for status in report.sendings.status)
    lost = sum(status == 0 or status >= 500 for status in report.sendings.status)
    said = ""
    if limited:
        said += f'<span><i class="swatch refused"></i>{limited:,} answered 429 (too many requests)</span>'
    if lost:
        said += (
            f'<span><i class="swatch unknown"></i>{lost:,} without an answer, or with an error of the service</span>'
        )
    return said or "<span>Every request was answered, none with 429.</span>"


def outcomes_section(report: Report) -> str:
    parts = ['<section aria-labelledby="outcomes">\n<h2 id="outcomes">Outcomes</h2>\n']
    if not report.statuses:
        parts.append("<p>No row needed a request.</p>\n")
    for kind, counts in report.statuses.items():
        total = sum(counts.values())
        legend = "".join(
            f'<li><i class="swatch {slug(status)}"></i><b>{count:,}</b> {e(status)}</li>'
            for status, count in ordered(counts)
        )
        said = f"{plural(kind, 2)}: " + ", ".join(f"{count:,} {status}" for status, count in ordered(counts))
        parts.append(
            f'<p class="kind" data-kind="{e(kind)}">{e(capital(plural(kind, 2)))}<span>{total:,}</span></p>'
            f'{outcomes(counts, said)}<ul class="legend">{legend}</ul>\n'
        )
    if report.settled:
        parts.append(f"<p>It also settled {counted(len(report.settled), 'request')} of earlier runs.</p>\n")
    return "".join([*parts, "</section>\n"])


def money_section(report: Report, currency: str) -> str:
    money = report.money
    top = '<section aria-labelledby="money">\n<h2 id="money">Money</h2>\n'
    if not money.is_any:
        return f"{top}<p>No budget was sent.</p>\n</section>\n"
    amounts = [
        ("Created", "created", money.created),
        ("Raised", "raised", money.raised),
        ("Lowered", "lowered", -money.lowered),
    ]
    optional = [
        ("Outcome unknown", "perhaps", money.perhaps),
        ("Old budget unknown", "unexplained", money.unexplained),
        ("Refused or not sent", "refused", money.refused),
    ]
    most = max(abs(amount) for _, _, amount in (*amounts, *optional))
    lines = [_bar(*one, most, currency) for one in amounts]
    total = f'<td></td><td class="number" id="committed">{amount_text(money.committed, currency)}</td>'
    lines.append(f'<tr class="sum"><th scope="row">Committed</th>{total}</tr>\n')
    lines += [_bar(*one, most, currency) for one in optional if one[2]]
    # where insertion orders are all there is, theirs is the money
    on_top = " An insertion order&rsquo;s budget is never added on top." if "campaign" in report.statuses else ""
    return (
        f"{top}<p>Budgets as sent, changes against what was last applied.{on_top}</p>\n"
        '<table class="money-table"><caption class="hidden">Budgets</caption><tbody>\n'
        f"{''.join(lines)}</tbody></table>\n</section>\n"
    )


def _bar(name: str, style: str, amount: Decimal, most: Decimal, currency: str) -> str:
    said = f"{name}: {amount:,.2f}"
    return (
        f'<tr><th scope="row">{name}</th><td>{bar(abs(amount), most, style, said)}</td>'
        f'<td class="number">{amount_text(amount, currency)}</td></tr>\n'
    )


def operations_section(report: Report) -> str:
    if not report.operations:
        return ""
    lines = "".join(map(_operation, report.operations))
    heads = ("Requests", "Sent", "Rows", "Done", "Failed", "Unknown", "Answer took")
    return (
        '<section aria-labelledby="operations">\n<h2 id="operations">Requests by operation</h2>\n<div class="scroll">'
        '<table><thead><tr><th scope="col">Operation</th>'
        + "".join(f'<th scope="col" class="number">{head}</th>' for head in heads)
        + f"</tr></thead><tbody>\n{lines}</tbody></table></div>\n</section>\n"
    )


def _operation(one: Operation) -> str:
    of_rows = (one.rows, one.done, one.failed, one.unknown)
    cells = [f"{one.requests:,}", f"{one.sendings:,}"]
    cells += [f"{count:,}" if one.has_rows else "&ndash;" for count in of_rows]
    cells.append(_average(one.seconds, one.sendings))
    drawn = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row">{e(one.name)}</th>{drawn}</tr>\n'


def _average(seconds: float, count: int) -> str:
    if not count:
        return "&ndash;"
    average = seconds / count
    return f"{average * 1000:,.0f} ms" if average < 1 else f"{average:,.1f} s"
