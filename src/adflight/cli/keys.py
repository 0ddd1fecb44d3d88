"""The commands about keys, of which `app` has the rest; what they run is in `keyring`.

Imports nothing but cyclopts until one runs, so that help is quick.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from adflight.cli.target import NO_TARGET, Target

keys = App(name="keys", help="Show which objects the keys of flights mean, and say it where adflight cannot tell.")

Kind: TypeAlias = Literal["campaign", "insertion_order"]
Vendor: TypeAlias = Literal["iqm", "freewheel"]


@keys.command(name="list")
def keys_list(
    *,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    kind: Kind | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """List keys, ids and since when, and the requests of which nobody knows what became. Nothing is sent.

    Parameters
    ----------
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    kind
        These only.
    json
        For machines.
    """
    from adflight.cli.keyring import KeysCommand

    return KeysCommand(target=target, vendor=vendor).list(kind, as_json=json)


@keys.command(name="bind")
def keys_bind(
    key: str,
    id: int,
    /,
    *,
    kind: Kind,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say which object a key means, under your name in the journal. Nothing is changed at the vendor.

    For a purchase without an outcome it says what that has bought. Reads the object, shows it, and asks.

    Exit codes: 0 done; 1 the journal or the vendor says otherwise; 2 bad input, no target, or no consent; 3 the
    account, the service or the disk did not let it go on; 130 interrupted.

    Parameters
    ----------
    key
        As the file has it; an insertion order's is its name, unless the file gives it another one.
    id
        The vendor's.
    kind
        What the key names.
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    yes
        Do not ask.
    """
    from adflight.cli.keyring import KeysCommand

    return KeysCommand(target=target, vendor=vendor).bind(kind, key, id, yes=yes)


@keys.command(name="release")
def keys_release(
    key: str,
    /,
    *,
    kind: Kind,
    target: Target = NO_TARGET,
    vendor: Vendor | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say that a key means nothing any more, so that the next apply makes a new object.

    Nothing is changed at the vendor. Its object must be deleted. A purchase without an outcome is given up under your
    name, once two looks have found nothing of it. Exit codes: as of adflight keys bind.

    Parameters
    ----------
    key
        As the file has it; an insertion order's is its name, unless the file gives it another one.
    kind
        What the key names.
    vendor
        Whose sandbox; IQM's by default. A profile knows its own.
    force
        Although the object is live: it goes on and spends, and the next apply may buy a second one.
    yes
        Do not ask.
    """
    from adflight.cli.keyring import KeysCommand

    return KeysCommand(target=target, vendor=vendor).release(kind, key, force=force, yes=yes)
