"""The journal of a platform: opened, or checked where somebody else opened it.

Imports the journal and what a platform is; used by whatever needs both.
"""

from __future__ import annotations

from pathlib import Path

from adflight.core.errors import InvalidInput
from adflight.core.redaction import SECRET_NAMES, redact_url
from adflight.flights.entries import JournalHeld
from adflight.flights.journal import Journal
from adflight.flights.platform import Platform


async def open_journal(
    platform: Platform, *, directory: Path | None = None, wait: float | None = 0.0, read_only: bool = False
) -> Journal:
    """Opens the journal of a platform's account and scope. See `Journal.open`; also raises what `scope` raises."""
    scope = await platform.scope()
    try:
        return await Journal.open(
            platform.base_url,
            platform.account,
            scope=scope,
            directory=directory,
            wait=wait,
            read_only=read_only,
            clock=platform.clock,
        )
    except JournalHeld as held:
        # a journal is named after its file, which tells nobody whose it is
        url = redact_url(platform.base_url, SECRET_NAMES)
        held.add_note(f"It is that of {platform.account} at {url}{f', {scope_in_words(scope)}' if scope else ''}.")
        raise


async def check_journal(journal: Journal, platform: Platform) -> None:
    """Raises `InvalidInput` when a journal is of another account, service or scope: its ids mean other objects."""
    scope = await platform.scope()
    if not journal.is_of(platform.base_url, platform.account, scope=scope):
        url = redact_url(platform.base_url, SECRET_NAMES)
        expected = f"that of {platform.account} at {url} {scope_in_words(scope)}"
        raise InvalidInput("journal", journal.path.stem, expected)


def scope_in_words(scope: str) -> str:
    """A scope, for messages."""
    return f"in workspace {scope}" if scope else "in no workspace"
