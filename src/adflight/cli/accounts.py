"""The commands about accounts, and the one that calls single operations; `app` takes them in.

Imports nothing but cyclopts until one runs, so that help is quick.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

profiles = App(name="profiles", help="List the accounts that adflight login keeps, without their secrets.")


def login(
    name: str,
    /,
    *,
    vendor: Annotated[Literal["iqm", "freewheel", "icareus"], Parameter(help="Whose account it is.")],
    base_url: str | None = None,
    currency: str | None = None,
    ow_id: int | None = None,
    workspace_host: str | None = None,
    quota: str | None = None,
) -> None:
    """Keep an account under a name, for --profile.

    Asks for what opens it, tries that at the vendor, and keeps it if it works, in a file that nobody else can read.
    Where nobody can be asked, it comes from the vendor's environment variables, such as IQM_EMAIL and IQM_PASSWORD.

    Parameters
    ----------
    name
        A name of your own. One that is there is replaced.
    base_url
        Where the service is: needed for Icareus; by default the vendor's own.
    currency
        What the account's amounts are in, such as EUR: no vendor says, and plans should.
    ow_id
        Organization workspace, of IQM; by default the one that the log-in answers with.
    workspace_host
        The same, of IQM.
    quota
        What to keep to instead of the documented quota: requests/seconds, such as 19/60, or off.
    """
    from adflight.cli.profiles import Login

    Login(
        name=name,
        vendor=vendor,
        base_url=base_url,
        currency=currency or "",
        workspace=ow_id,
        workspace_host=workspace_host or "",
        quota=quota or "",
    ).run()


@profiles.default
def profiles_list() -> None:
    """List the accounts that adflight login keeps, without their secrets."""
    from adflight.cli.profiles import show

    show()


@profiles.command(name="remove")
def profiles_remove(name: str, /) -> None:
    """Forget an account. What was launched there stays, and so does its journal.

    Parameters
    ----------
    name
        The profile's.
    """
    from adflight.cli.profiles import forget

    forget(name)


def call(*tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]) -> int | None:
    """Call any operation of a vendor: adflight call VENDOR TAG OPERATION --help.

    The answer is JSON on standard output.
    """
    from adflight.cli.call import run

    return run(tokens)
