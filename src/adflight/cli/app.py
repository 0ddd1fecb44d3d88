"""The commands and their arguments. Each imports what it runs when it runs, so that help is quick."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter, Token, validators

from adflight.cli.accounts import call, login, profiles
from adflight.cli.declared import Declared
from adflight.cli.keys import keys
from adflight.cli.target import NO_TARGET, Target

# interrupts are main's, and what cannot be understood: it says what they mean
app = App(
    name="adflight",
    help="Launch and manage campaigns on ad platforms.",
    suppress_keyboard_interrupt=False,
    print_error=False,
    exit_on_error=False,
)

Vendor: TypeAlias = Literal["iqm", "freewheel"]
"""Whose flights can be planned."""

_POSITIVE = validators.Number(gt=0)
_NOT_NEGATIVE = validators.Number(gte=0)


def _amount(type_: object, tokens: Sequence[Token]) -> Decimal:
    # as in a file of flights: no exponents, and no NaN
    if not re.fullmatch(r"\+?[0-9]+(\.[0-9]+)?", tokens[0].value):
        raise ValueError("expected an amount of money, such as 5000.00")
    return Decimal(tokens[0].value)


def _some_name(type_: object, value: object) -> None:
    # as a shell makes of a variable that is not set: what is in the file no longer would never be found
    if value == "":
        raise ValueError("Expected a name.")


def _no_option(type_: object, tokens: Sequence[Token]) -> Path:
    """A file's name. To let - through, which is standard input, all that begins like it comes here."""
    name = tokens[0].value
    if not name:
        raise ValueError("FILE='': expected the name of a file")
    if name != "-" and name.startswith("-"):
        raise ValueError(f"there is no option {name}")
    return Path(name)


File = Annotated[Path, Parameter(allow_leading_hyphen=True, converter=_no_option)]
Label: TypeAlias = Annotated[str | None, Parameter(validator=_some_name)]


@app.command
def quickstart(
    *,
    vendor: Literal["iqm", "freewheel", "icareus"] | None = None,
    live: bool = False,
    creative_id: int | None = None,
    advertiser_domain: str = "https://brand.example.com",
    clean_up: Annotated[int | None, Parameter(help="Delete this insertion order and its campaigns, then stop.")] = None,
    yes: Annotated[bool, Parameter(help="Do not ask.", negative="")] = False,
) -> None:
    """Show what each vendor's client does, with all that is sent and received.

    Runs against a sandbox that it starts itself, on this machine, with nothing to set up. With --live it runs against
    IQM, with the credentials of the environment (IQM_CLIENT_ID, IQM_CLIENT_SECRET, IQM_EMAIL, IQM_PASSWORD), the
    smallest budget and a start far ahead, and asks first.

    Parameters
    ----------
    vendor
        Show this one alone.
    live
        Use the real service, and real money; IQM's only.
    creative_id
        An approved creative of IQM's account; needed with --live.
    advertiser_domain
        The advertiser's address, protocol included, for IQM.
    """
    from adflight.cli.quickstart import Quickstart

    Quickstart(
        vendor=vendor,
        live=live,
        creative_id=creative_id,
        advertiser_domain=advertiser_domain,
        clean_up=clean_up,
        yes=yes,
    ).run()


@app.command
def sandbox(
    *,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8321,
    time_scale: Annotated[float, Parameter(validator=_POSITIVE)] = 1.0,
    quota: Annotated[int, Parameter(validator=_NOT_NEGATIVE)] = 20,
    freewheel_quota: Annotated[int, Parameter(validator=_NOT_NEGATIVE)] = 20,
    approval_delay: Annotated[float, Parameter(validator=_NOT_NEGATIVE)] = 5.0,
    token_lifetime: Annotated[float, Parameter(validator=_POSITIVE)] = 35999.0,
    database: Path | None = None,
    fault: Annotated[list[str] | None, Parameter(negative="")] = None,
) -> None:
    """Run the sandbox until Ctrl-C.

    Parameters
    ----------
    port
        Where to listen on 127.0.0.1; 0 for any free port.
    time_scale
        Sandbox seconds in a real second: with 60, a minute's quota passes in a second.
    quota
        Requests a minute to IQM; 0 for no limit.
    freewheel_quota
        Requests a second to FreeWheel; 0 for no limit.
    approval_delay
        Sandbox seconds until a pending campaign runs.
    token_lifetime
        Sandbox seconds until an access token of IQM expires.
    database
        A file that keeps the state; in memory by default.
    fault
        A fault from the start, such as cut_after:insertion_orders_create:times=2; operations of other vendors than IQM
        with the vendor's name, as in cut_after:freewheel.insertion_orders.create. May be given several times.
    """
    from adflight.cli.sandbox import run

    run(
        port=port,
        time_scale=time_scale,
        quota=quota,
        freewheel_quota=freewheel_quota,
        approval_delay=approval_delay,
        token_lifetime=token_lifetime,
        database=database,
        faults=fault or [],
    )


app.command(login)
app.command(profiles)
# its help is that of what it calls
app.command(call, help_flags=[], version_flags=[])


flights = App(name="flights", help="Start and check a file of flights; nothing is sent.")
app.command(flights)


@flights.command(name="template")
def flights_template(
    file: Path | None = None,
    /,
    *,
    vendor: Vendor = "iqm",
    json_lines: Annotated[bool, Parameter(negative="")] = False,
    all_columns: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a file of flights to start from, CSV unless told otherwise.

    Parameters
    ----------
    file
        A file that does not exist yet; standard output by default.
    vendor
        Whose columns it has.
    json_lines
        One JSON object in every line.
    all_columns
        Every column, not only those that most flights need.
    """
    from adflight.cli.flights import write_template

    write_template(file, vendor=vendor, json_lines=json_lines, all_columns=all_columns)


@flights.command(name="columns")
def flights_columns(*, vendor: Vendor = "iqm") -> None:
    """Print a page about every column, in Markdown.

    Parameters
    ----------
    vendor
        Whose columns.
    """
    from adflight.cli.flights import print_columns

    print_columns(vendor)


@flights.command(name="check")
def flights_check(file: File, /, *, vendor: Vendor = "iqm", written: Declared | None = None) -> None:
    """Check a file of flights, CSV or JSON lines, and show all that is wrong in it.

    Encoding and separator are detected, and said. Formats of numbers and times are never guessed: declare those that
    are not 1234.56 and 2027-03-01T09:00-05:00.

    Parameters
    ----------
    file
        The file; - for standard input.
    vendor
        Whose columns it has.
    """
    from adflight.cli.flights import check

    check(file, vendor=vendor, declarations=(written or Declared()).declarations())


@app.command
def plan(
    file: File,
    /,
    *,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    written: Declared | None = None,
    label: Label = None,
    refresh: Literal["lists", "full"] = "lists",
    json: Annotated[bool, Parameter(negative="")] = False,
    save: Path | None = None,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show what applying a file of flights would do, cost and take. Nothing is changed.

    The whole file is checked before anything is sent. Exit codes: 0 the plan is shown; 1 it is shown, but nothing in it
    can be applied, because rows are refused; 2 bad input, or no target, and nothing was sent; 3 the account, the
    service or the disk did not let it go on.

    Parameters
    ----------
    file
        CSV or JSON lines, as adflight flights template starts one; - for standard input.
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    label
        Under which name the journal keeps what the file is about, so that what is in it no longer is found; by default
        the file's, without its directory. Files that share one, and have nothing to do with each other, need their own.
    refresh
        lists compares with what lists show; full reads each object by itself, after it has said what that costs.
    json
        The plan as JSON, for machines.
    save
        A file to keep the plan in; adflight apply takes it, and refuses it once something has changed.
    yes
        Do not ask before a full refresh.
    """
    from adflight.cli.plan import PlanCommand

    return PlanCommand(
        file=file,
        target=target,
        vendor=vendor,
        declarations=(written or Declared()).declarations(),
        label=label,
        refresh=refresh,
        as_json=json,
        save=save,
        yes=yes,
    ).run()


@app.command
def apply(
    file: File,
    /,
    *,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    written: Declared | None = None,
    label: Label = None,
    yes: Annotated[bool, Parameter(negative="")] = False,
    max_budget: Annotated[Decimal | None, Parameter(converter=_amount)] = None,
    if_absent: Literal["raise", "create"] = "raise",
    wait: Annotated[float, Parameter(validator=_NOT_NEGATIVE)] = 0.0,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make it so: create and change what a file of flights says, each purchase once.

    Shows the plan and asks first. After an interruption or a crash the same command goes on, and buys nothing twice.
    Exit codes: 0 all applied; 1 some rows failed; 2 bad input, no target, or no consent, and nothing was sent; 3
    stopped, as by a refused log-in; 130 interrupted.

    Parameters
    ----------
    file
        CSV or JSON lines, or a plan that adflight plan --save kept; - for standard input.
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    label
        Under which name the journal keeps what the file is about, as for adflight plan. A saved plan has its own.
    yes
        Do not ask.
    max_budget
        The most that may be committed, in the account's currency; otherwise nothing is sent.
    if_absent
        What becomes of a purchase whose answer was lost, and that two looks do not find: report it, or create it again.
    wait
        Seconds to wait while another process works on the account.
    json
        Each event as a line of JSON, for machines.
    quiet
        Say only what failed.
    """
    from adflight.cli.apply import ApplyCommand

    return ApplyCommand(
        file=file,
        target=target,
        vendor=vendor,
        declarations=(written or Declared()).declarations(),
        label=label,
        yes=yes,
        max_budget=max_budget,
        if_absent=if_absent,
        wait=wait,
        as_json=json,
        quiet=quiet,
    ).run()


@app.command
def report(
    *,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    run: int | None = None,
    format: Literal["table", "csv", "jsonl", "html"] = "table",
    output: Path | None = None,
    failed: Path | None = None,
    source: Path | None = None,
    written: Declared | None = None,
) -> None:
    """Show what became of an apply, row by row: ids, requests, money and errors. Nothing is sent.

    Parameters
    ----------
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    run
        Which apply, by its number; the latest by default.
    format
        A table; CSV or JSON lines with every row; or a page for a browser, with the requests against the quota.
    output
        A file that does not exist yet; standard output by default.
    failed
        A file for the rows that failed, and that no later apply did, to be corrected and applied.
    source
        The file that was applied, for --failed; by default the one of that name in this directory.
    """
    from adflight.cli.reporting import ReportCommand

    ReportCommand(
        target=target,
        vendor=vendor,
        number=run,
        format=format,
        output=output,
        failed=failed,
        source=source,
        declarations=(written or Declared()).declarations(),
    ).run()


app.command(keys)

# the list of commands has nothing to mark up, and a quarter of its time would go into importing what marks up
app.help_format = "plaintext"
for _name in app:
    if not _name.startswith("-"):
        app[_name].help_format = "markdown"
