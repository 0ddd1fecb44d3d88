"""The commands and their arguments. Each imports what it runs when it runs, so that help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter, validators

# interrupts are main's: it says what they mean
app = App(name="adflight", help="Launch and manage campaigns on ad platforms.", suppress_keyboard_interrupt=False)

Vendor: TypeAlias = Literal["iqm", "freewheel"]
"""Whose flights can be planned."""

_POSITIVE = validators.Number(gt=0)
_NOT_NEGATIVE = validators.Number(gte=0)


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
def flights_check(
    file: Path,
    /,
    *,
    vendor: Vendor = "iqm",
    zone: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
) -> None:
    """Check a file of flights, CSV or JSON lines, and show all that is wrong in it.

    Encoding and separator are detected, and said. Formats of numbers and times are never guessed: declare those that
    are not 1234.56 and 2027-03-01T09:00-05:00.

    Parameters
    ----------
    file
        The file.
    vendor
        Whose columns it has.
    zone
        Of times that name none: an IANA name such as Europe/Berlin, or an offset such as +02:00.
    decimal
        The decimal mark, "." or ",".
    thousands
        What stands between groups of three digits: ".", ",", " " or "'".
    date_format
        Of all times, as Python's strptime takes it: "%d.%m.%Y %H:%M".
    encoding
        Any that Python knows.
    separator
        comma, semicolon, tab or any other character.
    """
    from adflight.cli.flights import check
    from adflight.flights.declarations import Declarations

    declarations = Declarations(
        zone=zone,
        decimal=decimal,
        thousands=thousands,
        date_format=date_format,
        encoding=encoding,
        separator=separator,
    )
    check(file, vendor=vendor, declarations=declarations)
