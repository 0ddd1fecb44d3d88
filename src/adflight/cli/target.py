"""Whose account a command is about: `--profile NAME`, or `--sandbox` with or without the URL of a running one.

    @app.command
    def plan(file: Path, /, *, target: Target = NO_TARGET) -> None: ...

    async with target.open() as client: ...

Imports nothing but cyclopts until a target is used, because every `--help` imports it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from pathlib import Path

    from adflight.profiles import AnyClient, Profile

EMBEDDED: Final = "embedded"
"""What a bare `--sandbox` is taken for."""

_GROUP: Final = Group("Target", sort_key=0)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Target:
    """An account, or the sandbox. Everything here raises `ConfigurationError` unless exactly one is named."""

    profile: Annotated[
        str | None,
        Parameter(
            group=_GROUP, metavar="NAME", help="The account of a profile: see adflight login and adflight profiles."
        ),
    ] = None
    sandbox: Annotated[
        str | None,
        Parameter(
            group=_GROUP,
            metavar="[URL]",
            help="The sandbox that runs at this URL: see adflight sandbox. Without a URL, one that is started for this "
            "command alone, without quotas, and remembers everything from one command to the next.",
        ),
    ] = None

    @property
    def is_sandbox(self) -> bool:
        return self._chosen[1] != ""

    @property
    def vendor(self) -> str | None:
        """Whose the profile is; a sandbox is everybody's."""
        return None if self.is_sandbox else self._profile.vendor

    @property
    def words(self) -> str:
        """What to call it."""
        name, sandbox = self._chosen
        if name:
            return f"profile {self._profile}"
        return "the embedded sandbox" if sandbox == EMBEDDED else f"the sandbox at {sandbox}"

    @property
    def currency(self) -> str:
        """Of all amounts; empty when nobody said."""
        return "USD" if self.is_sandbox else self._profile.currency

    @property
    def flags(self) -> str:
        """What a further command needs to reach the same."""
        name, sandbox = self._chosen
        if name:
            return f"--profile {name}"
        return "--sandbox" if sandbox == EMBEDDED else f"--sandbox {sandbox}"

    @property
    def directory(self) -> Path | None:
        """Where its journals are: with the embedded sandbox, so that both are forgotten together; None for where all
        others are."""
        if self._chosen[1] != EMBEDDED:
            return None
        from adflight.cli.embedded import home

        return home()

    @asynccontextmanager
    async def open(self, vendor: str | None = None, *, offline: bool = False) -> AsyncIterator[AnyClient]:
        """A client for it. `vendor` says which of a sandbox's; IQM unless told.

        `offline` starts nothing, for who wants to know the account and nothing of it. Raises `ConfigurationError` when
        the profile is another vendor's or no sandbox answers.
        """
        from adflight.core.errors import ConfigurationError
        from adflight.profiles import client_for

        if not self.is_sandbox:
            profile = self._profile
            if vendor is not None and vendor != profile.vendor:
                raise ConfigurationError(f"profile {profile.name!r} is of {profile.vendor}, not of {vendor}")
            async with client_for(profile) as client:
                yield client
            return
        from adflight.cli import embedded

        sandbox = self._chosen[1]
        opened = embedded.embedded if sandbox == EMBEDDED else embedded.running
        async with opened(sandbox, vendor or "iqm", offline=offline) as client:
            yield client

    @cached_property
    def _profile(self) -> Profile:
        from adflight.profiles import load

        return load(self._chosen[0])

    @cached_property
    def _chosen(self) -> tuple[str, str]:
        """The profile or the sandbox, and an empty text."""
        from adflight.core.errors import ConfigurationError

        if self.profile and self.sandbox:
            raise ConfigurationError("--profile and --sandbox: one of them, please")
        if not self.profile and not self.sandbox:
            raise ConfigurationError(
                "no target: --profile NAME for an account (adflight profiles lists them, adflight login makes one), "
                "or --sandbox"
            )
        return self.profile or "", self.sandbox or ""


NO_TARGET: Final = Target()
"""The default of commands, which cyclopts wants to have."""
