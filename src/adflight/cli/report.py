"""`adflight report`: what became of an apply, on the terminal, in a file, or as a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

from attrs import frozen
from rich.table import Table
from rich.text import Text

from adflight.cli.destinations import check_place, writing
from adflight.cli.terminal import PIPE_WIDTH, Screen, colors, show_padded
from adflight.core.clock import Clock
from adflight.core.errors import InvalidInput
from adflight.core.quota import Quota
from adflight.flights.columns import columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.failed_rows import write_failed
from adflight.flights.journal import Journal
from adflight.flights.platform import CAMPAIGN, ORDER
from adflight.flights.report import Report, read_report
from adflight.flights.report_page import write_page
from adflight.flights.report_rows import ReportRow, Status
from adflight.flights.report_text import write_csv, write_json_lines
from adflight.flights.report_totals import Operation
from adflight.flights.report_words import capital, counted, duration, kind_word

Format: TypeAlias = Literal["table", "csv", "jsonl", "html"]

SHOWN: Final = 30
"""Rows that the table shows."""

NAMED: Final = 5
"""Keys that a sentence names."""

WIDE: Final = 120
"""Letters in a line from which on all that is said of a row stands side by side."""

_STYLES: Final = {
    Status.UNKNOWN: "bold yellow",
    Status.REFUSED: "red",
    Status.NOT_SENT: "red",
    Status.NOT_DONE: "red",
    Status.ABSENT: "red",
    Status.WITHHELD: "yellow",
    Status.LEFT: "cyan",
    Status.SENDING: "cyan",
    Status.ADOPTED: "magenta",
    Status.CREATED: "green",
    Status.CHANGED: "green",
}


@frozen(kw_only=True)
class Account:
    """Whose journal is read."""

    base_url: str
    account: str
    """As its client spells it."""
    scope: str = ""
    """What of the account; see `Platform.scope`."""
    vendor: str = "iqm"
    quota: Quota | None = None
    """For the line in the page's picture."""
    currency: str = ""
    directory: Path | None = None
    """Of the journals; the user's by default."""


async def run_report(
    account: Account,
    *,
    run: int | None = None,
    format: Format = "table",
    output: Path | None = None,
    failed: Path | None = None,
    source: Path | None = None,
    declarations: Declarations | None = None,
    clock: Clock | None = None,
) -> None:
    """Tells what became of a run, by default of the latest.

    What is asked for goes to `output`, else to standard output, everything else to standard error; a page without
    `output` goes to a file that is named after the run. `failed` takes the rows of `source` that failed, by default of
    the file that the run names, in the present directory, less those that later runs did; `declarations` say how that
    is written.

    Raises:
        InvalidInput: There is no such run, a file to be written exists, or the source cannot be found or has none of
            the rows that failed.
        JournalError: The journal cannot be read, or there is none.
    """
    for option, path in (("--output", output), ("--failed", failed)):
        if path is not None:
            check_place(option, path)
            if path.exists():
                raise InvalidInput(option, str(path), "the name of a file that does not exist yet")
    async with await Journal.open(
        account.base_url,
        account.account,
        scope=account.scope,
        directory=account.directory,
        read_only=True,
        clock=clock,
    ) as journal:
        report = await read_report(journal, run, clock=clock)
        if format == "html" and output is None:
            output = _page_name(report)
        with _opened(output) as file:
            await _write(report, file, format, account)
        if output is not None:
            print(f"Wrote {output}: {report.in_words()}", file=sys.stderr)
        if failed is not None:
            with writing("--failed", failed):
                await _write_failed(report, failed, source, account.vendor, declarations)


def _page_name(report: Report) -> Path:
    path = Path(f"adflight-run-{report.run.id}.html")
    if path.exists():
        raise InvalidInput("--output", None, f"the name of a file that does not exist yet; {path} does")
    return path


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with writing("--output", output), output.open("x", encoding="utf-8", newline="") as file:
        try:
            yield file
        except BaseException:
            # half a report is none
            output.unlink()
            raise


async def _write(report: Report, file: TextIO, format: Format, account: Account) -> None:
    match format:
        case "table":
            await write_table(report, file, currency=account.currency)
        case "csv":
            harmless = await write_csv(report.rows(), file)
            if harmless:
                said = (
                    f"{counted(harmless, 'cell')} would have been taken for a formula, and got an apostrophe in front"
                )
                print(f"{said}. JSON lines have every text as it is.", file=sys.stderr)
        case "jsonl":
            await write_json_lines(report.rows(), file)
        case "html":
            await write_page(report, file, quota=account.quota, account=account.account, currency=account.currency)


# the table


async def write_table(report: Report, file: TextIO, *, currency: str = "", rows: int = SHOWN) -> None:
    """Writes the counts, and of the rows the first: those that failed before the others."""
    # a terminal wraps lines better than we would, and a pipe not at all
    console = Screen(file=file, highlight=False, markup=False, soft_wrap=True, color_system=colors())
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    run, money = report.run, report.money
    took = "" if report.seconds is None else f", took {duration(report.seconds)}"
    console.print(Text(f"{_plain(run.file)} run {run.id}: {report.in_words()}", style="bold"))
    console.print(f"{capital(report.ended)}; started {run.started:%Y-%m-%d %H:%M:%S} UTC{took}")
    if report.note:
        console.print(report.note)
    if money.is_any:
        console.print(_money(report, currency))
    for one in report.operations:
        about = f" for {counted(one.rows - one.unsent_rows, 'row')}" if one.has_rows else ""
        console.print(f"{one.name}: {counted(one.sent, 'request')}{about}{_repeats(one)}{_unsent(one)}")
    shown = await report.first(rows)
    total = sum(report.counts().values()) + len(report.settled)
    if shown:
        console.print()
        show_padded(console, _table(shown, console.width))
    if len(shown) < total:
        console.print(f"{len(shown):,} of {total:,} rows; all of them with --format csv, jsonl")
    for unclear in report.unclear[:rows]:
        console.print(
            Text(
                f"Nobody knows whether {unclear.operation} for {_plain(unclear.key)} was carried out "
                f"(run {unclear.run}, sent {unclear.sent_at:%Y-%m-%d %H:%M:%S} UTC): "
                f"{_plain(unclear.cause)}. The next apply looks for it.",
                style="yellow",
            )
        )
    if len(report.unclear) > rows:
        console.print(f"and {len(report.unclear) - rows:,} more such requests")


def _repeats(one: Operation) -> str:
    repeats = one.repeats if one.has_rows else one.sendings - one.sent
    return f", {counted(repeats, 'repeat')}" if repeats else ""


def _unsent(one: Operation) -> str:
    return f"; {one.requests - one.sent:,} more never left" if one.requests > one.sent else ""


def _money(report: Report, currency: str) -> str:
    money = report.money
    unit = f" {currency}" if currency else ""
    said = f"Committed {money.committed:,.2f}{unit}: created {money.created:,.2f}, raised {money.raised:,.2f}, "
    said += f"lowered {money.lowered:,.2f}"
    if money.perhaps:
        said += f"; perhaps {money.perhaps:,.2f} more, by requests without an outcome"
    if money.unexplained_rows:
        said += (
            f"; {counted(money.unexplained_rows, 'budget')} set to {money.unexplained:,.2f} in all, old ones unknown"
        )
    return said


def _table(shown: list[ReportRow], width: int) -> Table:
    return _wide_table(shown) if width >= WIDE else _narrow_table(shown)


def _wide_table(shown: list[ReportRow]) -> Table:
    table = _bare_table()
    for name in ("Status", "Row", "Key", "Kind", "ID", "Sent", "What was sent, or what went wrong"):
        table.add_column(name, justify="right" if name in ("Row", "ID", "Sent") else "left", overflow="fold")
    for row in shown:
        table.add_row(
            Text(row.status, style=_STYLES[row.status]),
            "" if row.row is None else str(row.row),
            Text(_plain(row.key)),
            kind_word(row.kind),
            "" if row.id is None else str(row.id),
            _times(row),
            Text(_said(row)),
        )
    return table


def _narrow_table(shown: list[ReportRow]) -> Table:
    """What it is in one line, and below it what was sent or went wrong: side by side, each would be a few letters
    wide."""
    table = _bare_table()
    table.add_column("Status", no_wrap=True)
    table.add_column("Key, and what was sent, or what went wrong", overflow="fold")
    for row in shown:
        facts = [kind_word(row.kind), *([] if row.id is None else [f"ID {row.id}"]), f"sent {_times(row)}"]
        what = Text.assemble((_where(row), "bold"), f", {', '.join(facts)}\n{_said(row)}")
        table.add_row(Text(row.status, style=_STYLES[row.status]), what)
    return table


def _times(row: ReportRow) -> str:
    if not row.was_perhaps_sent:
        return f"{row.attempts}x"
    return f"{row.attempts}x, perhaps more" if row.attempts else "perhaps"


def _bare_table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _where(row: ReportRow) -> str:
    return _plain(row.key) if row.row is None else f"{_plain(row.key)} (row {row.row})"


def _said(row: ReportRow) -> str:
    return _plain(row.error) or ", ".join(dict.fromkeys(request.operation for request in row.requests))


def _plain(text: str) -> str:
    """A text that moves no cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


# the rows that failed


async def _write_failed(
    report: Report,
    path: Path,
    source: Path | None,
    vendor: str,
    declarations: Declarations | None,
) -> None:
    errors: list[str] = []
    done: list[str] = []
    failed: dict[str, set[str]] = {ORDER: set(), CAMPAIGN: set()}
    in_doubt: dict[str, set[str]] = {ORDER: set(), CAMPAIGN: set()}
    for one in report.unclear:
        in_doubt[one.kind].add(one.key)
    doubted: list[str] = []
    done_since = await report.done_since()
    async for row in report.rows():
        # what became of earlier runs' rows in this one, their own reports say
        if not row.status.is_failed or row.run != report.run.id:
            continue
        if (row.kind, row.key) in done_since:
            done.append(row.key)
        elif row.status is Status.UNKNOWN or row.key in in_doubt[row.kind]:
            in_doubt[row.kind].add(row.key)
            doubted.append(row.key)
        else:
            failed[row.kind].add(row.key)
            # a hundred thousand rows may have failed, each with a text of its own
            if len(errors) < SHOWN:
                errors.append(f"{_where(row)}: {row.error}")
    if done:
        print(_that_failed(done, "done since, by later runs, and left out"), file=sys.stderr)
    if doubted:
        print(_left_in_doubt(doubted, source or Path(report.run.file)), file=sys.stderr)
    if not errors:
        whether = "Nothing else" if done or doubted else "No row"
        print(f"{whether} of {_plain(report.run.file)} failed, so {path} was not written.", file=sys.stderr)
        return
    source = Path(report.run.file) if source is None else source
    if not source.is_file():
        raise InvalidInput("--source", str(source), "the file that was applied, whose rows are to be written")
    flights = CAMPAIGN if columns_for(vendor).flight_name is not None else ORDER
    written = write_failed(
        source,
        failed[flights],
        path,
        orders=failed[ORDER] if flights != ORDER else (),
        in_doubt=in_doubt[flights],
        orders_in_doubt=in_doubt[ORDER] if flights != ORDER else (),
        vendor=vendor,
        declarations=declarations,
    )
    if not written.rows and written.left_out:
        print(f"{_of_what_is_in_doubt(written.left_out)}, so {path} was not written.", file=sys.stderr)
        return
    if not written.rows:
        raise InvalidInput(
            "--source",
            str(source),
            f"a file with what failed: {_plain(report.run.file)}, which the run applied, had it "
            f"({_some(written.missing)}), and this one has none of it",
        )
    for error in errors:
        print(_plain(error), file=sys.stderr)
    more = sum(map(len, failed.values())) - len(errors)
    if more:
        print(f"and {more:,} more; adflight report --format csv has them all", file=sys.stderr)
    print(f"Wrote {counted(written.rows, 'row')} to {path}. Correct them, and apply that file.", file=sys.stderr)
    if written.left_out:
        were = "was" if written.left_out == 1 else "were"
        print(f"{_of_what_is_in_doubt(written.left_out)}, and {were} left out, too.", file=sys.stderr)
    if written.missing:
        print(_that_failed(written.missing, f"not in {source}"), file=sys.stderr)


def _left_in_doubt(keys: Sequence[str], source: Path) -> str:
    are = "is in doubt and was left out: it" if len(keys) == 1 else "are in doubt and were left out: they"
    advice = f"Change nothing of that, and apply {source} again, which finds out what became of it."
    return f"{counted(len(keys), 'key')} {are} may have been carried out ({_some(keys)}). {_plain(advice)}"


def _of_what_is_in_doubt(rows: int) -> str:
    return f"{counted(rows, 'row')} that failed belong{'s' if rows == 1 else ''} to what is in doubt"


def _that_failed(keys: Sequence[str], what: str) -> str:
    return f"{counted(len(keys), 'key')} that failed {'is' if len(keys) == 1 else 'are'} {what}: {_some(keys)}"


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    return _plain(", ".join(keys[:NAMED])) + more
