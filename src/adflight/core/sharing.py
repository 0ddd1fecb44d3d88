"""How one process takes part in counting an account together, and what it does while that fails.

Imports the clock, errors and, once something is counted together, `ledger`; used by `quota`.
"""

from __future__ import annotations

import asyncio
import logging
from math import inf
from typing import TYPE_CHECKING, Final

from adflight.core.clock import Clock, SystemClock
from adflight.core.errors import ConfigurationError

if TYPE_CHECKING:
    from adflight.core.ledger import Ledger, Use
    from adflight.core.quota import Quota

logger: Final = logging.getLogger("adflight")

_REST: Final = 5.0
"""Seconds for which a process counts by itself before it tries a file again that could not be used."""


class Sharing:
    """What a limiter knows of those who count together with it."""

    def __init__(self, quota: Quota | None, account: str, clock: Clock) -> None:
        self._quota = quota
        self._account = account
        self._clock = clock
        self.is_on: Final = (
            quota is not None and quota.shared is not False and (quota.shared is not True or clock == SystemClock())
        )
        """Whether anything is counted together."""
        self._ledger: Ledger | None = None
        self._rests_until = -inf
        self._said = ""
        self._settling: asyncio.Task[None] | None = None

    def enter(self, request_timeout: float) -> str | float | None:
        """An entry for one request; None when this process counts by itself; or the seconds until it is worth asking
        again.

        Raises `ConfigurationError` when a file that the user named cannot be used.
        """
        if not self.is_on or self._is_resting():
            return None
        try:
            found = self._open().enter(request_timeout)
        except ConfigurationError as error:
            if self._quota is None or self._quota.shared is not True:
                raise
            self._rest(error)
            return None
        self._said = ""
        return found

    def leave(self, entry: str | None, *, counted: bool) -> None:
        """The request was answered, or was never sent; one without an entry was not counted together yet."""
        if (ledger := self._ledger) is not None:
            ledger.owe(entry, counted=counted)
            self._settle(ledger)

    def pause(self, seconds: float) -> None:
        """Holds everybody up."""
        if (ledger := self._ledger) is not None:
            ledger.owe_pause(seconds)
            self._settle(ledger)

    def use(self) -> Use | None:
        """None when nobody knows."""
        if self._ledger is None or self._is_resting():
            return None
        from adflight.core.ledger_file import Busy

        try:
            return self._ledger.use()
        except Busy:
            return None
        except ConfigurationError as error:
            self._rest(error)
            return None

    def _open(self) -> Ledger:
        if self._ledger is None:
            quota = self._quota
            assert quota is not None
            try:
                # sqlite3 takes a while to import
                from adflight.core.ledger import Ledger
            except ImportError as error:
                raise ConfigurationError(f"this Python cannot keep a quota in a file: {error}") from None

            path = None if isinstance(quota.shared, bool) else quota.shared
            self._ledger = Ledger(path, self._account, requests=quota.requests, per=quota.per, clock=self._clock)
        return self._ledger

    def _settle(self, ledger: Ledger) -> None:
        # an answer has come, perhaps that of a purchase, and must not be lost to a file, nor wait for one
        if self._is_resting():
            return
        try:
            ledger.settle()
        except ConfigurationError as error:
            self._rest(error)
        if ledger.owes and not self._is_resting():
            self._settle_later(ledger)

    def _settle_later(self, ledger: Ledger) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._settling is None or self._settling.done() or self._settling.get_loop() is not loop:
            self._settling = loop.create_task(self._keep_settling(ledger))

    async def _keep_settling(self, ledger: Ledger) -> None:
        from adflight.core.ledger import BUSY

        try:
            while ledger.owes:
                await self._clock.sleep(BUSY)
                ledger.settle()
        except ConfigurationError as error:
            # it is written with what is written next
            self._rest(error)

    def _is_resting(self) -> bool:
        return self._clock.monotonic() < self._rests_until

    def _rest(self, error: ConfigurationError) -> None:
        """Only from the user's own file: whoever names one relies on it."""
        text = str(error)
        if self._quota is not None and self._quota.shared is True:
            self._rests_until = self._clock.monotonic() + _REST
            text = f"{text}; this process counts its requests by itself"
        # once, however often it is tried again
        if text != self._said:
            self._said = text
            logger.warning("%s", text, extra={"outcome": type(error).__name__})
