"""`adflight login` and `adflight profiles`: accounts are asked for, tried, and kept.

Imports profiles, and the client of the vendor that is tried.
"""

from __future__ import annotations

import asyncio
import os
import sys
from getpass import getpass

from attrs import evolve, frozen

from adflight.core.credentials import authentication_error
from adflight.core.errors import (
    AdflightError,
    AuthenticationError,
    ConfigurationError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    ValidationFailed,
)
from adflight.flights.columns import VENDORS as WITH_FLIGHTS
from adflight.profiles import VENDORS, Profile, Setting, client_for, load_all, path, remove, save

_TITLES = {"iqm": "IQM", "freewheel": "FreeWheel", "icareus": "Icareus"}
_REFUSALS = (AuthenticationError, PermissionDenied, NotFound, ValidationFailed)


@frozen(kw_only=True)
class Login:
    """One run of `adflight login`."""

    name: str
    vendor: str
    base_url: str | None
    currency: str
    workspace: int | None
    workspace_host: str
    quota: str

    def run(self) -> None:
        """Asks, or takes what the environment holds where nobody can be asked; tries it; keeps it if it works."""
        asks = sys.stdin.isatty()
        workspace, host = self._workspace(asks)
        # all that is wrong by itself is said before anybody types a password
        _ = path()
        draft = Profile(
            name=self.name,
            vendor=self.vendor,
            credentials={setting.name: "0" for setting in VENDORS[self.vendor]},
            base_url=self._address(asks),
            currency=self.currency.upper(),
            workspace=workspace,
            workspace_host=host,
            quota=self.quota,
        )
        if asks:
            _tell(f"{_TITLES[self.vendor]} at {draft.base_url}")
        profile = evolve(draft, credentials=self._asked() if asks else self._found())
        profile = asyncio.run(_try(profile))
        replaced = save(profile)
        _tell(_proved(profile))
        _tell(f"{'Replaced' if replaced else 'Kept'} profile {profile}, in {path()}, which nobody else can read.")
        if profile.vendor not in WITH_FLIGHTS:
            _tell(f"Next: adflight call {profile.vendor} TAG OPERATION --profile {profile.name}")
            return
        if not profile.currency:
            _tell("Plans will name no currency: to have one, log in again with --currency EUR, or whatever it is.")
        _tell(f"Next: adflight plan FILE --profile {profile.name}")

    def _address(self, asks: bool) -> str:
        given = self.base_url or ("" if asks else os.environ.get(f"{self.vendor}_BASE_URL".upper(), ""))
        if self.vendor == "freewheel":
            from adflight.freewheel.client import HOSTS

            return HOSTS.get(given or "production", given)
        if self.vendor == "iqm" and not given:
            from adflight.iqm.client import BASE_URL

            return BASE_URL
        if not given:
            raise InvalidInput("--base-url", self.base_url, "an address: Icareus documents none")
        return given

    def _workspace(self, asks: bool) -> tuple[int | None, str]:
        found = {} if asks or self.vendor != "iqm" else os.environ
        text = found.get("IQM_OW_ID", "")
        if self.workspace is None and text and not text.isdecimal():
            raise ConfigurationError("environment variable IQM_OW_ID: expected a whole number")
        workspace = int(text) if self.workspace is None and text else self.workspace
        return workspace, self.workspace_host or found.get("IQM_WORKSPACE_HOST", "")

    def _asked(self) -> dict[str, str]:
        return {setting.name: _ask(setting) for setting in VENDORS[self.vendor]}

    def _found(self) -> dict[str, str]:
        variables = {setting.name: setting.variable(self.vendor) for setting in VENDORS[self.vendor]}
        found = {name: os.environ.get(variable, "") for name, variable in variables.items()}
        missing = [variables[name] for name, text in found.items() if not text]
        if missing:
            raise ConfigurationError(
                f"nobody can be asked, for this is no terminal, and environment variables are not set: "
                f"{', '.join(missing)}"
            )
        return found


def _ask(setting: Setting) -> str:
    prompt = f"{setting.words}: "
    while True:
        text = _secret(prompt) if setting.is_secret else _line(prompt)
        if text is None:
            raise ConfigurationError("the input ended: nothing was kept")
        if text and not (setting.is_number and not text.isdecimal()):
            return text
        _tell("A whole number, please." if text else "It is needed.")


def _secret(prompt: str) -> str | None:
    try:
        return getpass(prompt)
    except EOFError:
        # the cursor still stands behind the prompt
        _tell("")
        return None


def _line(prompt: str) -> str | None:
    print(prompt, end="", file=sys.stderr, flush=True)
    text = sys.stdin.readline()
    return text.strip() if text else None


async def _try(profile: Profile) -> Profile:
    """Logs in; the profile with the workspace that it opens, so that no command has to log in to know whose journal it
    reads. Raises what the call raises, with words on what was kept: nothing."""
    from adflight.freewheel import FreeWheel
    from adflight.iqm import IQM

    title, secrets = _TITLES[profile.vendor], profile.credentials
    try:
        async with client_for(profile) as client:
            if isinstance(client, IQM):
                token = await client.auth.login(email=secrets["email"], password=secrets["password"])
                if profile.workspace is not None or profile.workspace_host:
                    # a log-in knows nothing of them
                    await client.master.list_creative_types()
                if profile.workspace is None and isinstance(token.ow_id, int):
                    profile = evolve(profile, workspace=token.ow_id)
            elif isinstance(client, FreeWheel):
                await client.auth.token(username=secrets["username"], password=secrets["password"])
            else:
                await client.campaigns.list_active()
            return profile
    except _REFUSALS as error:
        said = f"{title} refused {profile.account} at {profile.base_url}: {error}. Nothing was kept."
        refused = authentication_error(error, said)
    except AdflightError as error:
        error.add_note("Nothing was kept.")
        raise
    raise refused


def _proved(profile: Profile) -> str:
    """What it says of a profile that it was tried."""
    title = _TITLES[profile.vendor]
    if profile.vendor == "icareus":
        return (
            f"{title} knows organization {profile.account}. It wants the token for writes only, so whether that is "
            "right shows with the first of them."
        )
    workspace = "" if profile.workspace is None else f"; organization workspace {profile.workspace}"
    return f"{title} let {profile.account} in{workspace}."


def show() -> None:
    """Prints the profiles, without their secrets."""
    known = load_all()
    if not known:
        _tell("There are no profiles. To make one: adflight login NAME --vendor iqm")
        return
    rows = [("NAME", "VENDOR", "ACCOUNT", "CURRENCY", "ADDRESS")]
    rows += [(each.name, each.vendor, each.account, each.currency or "-", each.base_url) for each in known]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def forget(name: str) -> None:
    """Removes a profile."""
    remove(name)
    _tell(f"Removed profile {name}. Its journal, and what it launched, are as they were.")


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
