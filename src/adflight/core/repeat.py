"""What to do after an attempt that brought no usable answer: repeat it, renew the token, give up, or admit not knowing.

Pure functions; the session acts on what they say. May be imported by the session only; imports nothing that does I/O.

Two questions decide. Is sending it twice harmless? And is it certain that nothing happened? A create may be sent again
only when the second answer is yes: it was never sent, or the service turned it away (401, 429). A 503 is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias

from adflight.core.errors import NotSent, Timeout, TransportError
from adflight_api.runtime import Repeat

Event: TypeAlias = Literal[
    "not sent",
    "timeout",
    "broken",
    "server error",
    "undecodable",
    "unusable",
    "unauthorized",
    "rate limited",
    "refused",
]
"""How an attempt ended.

"server error" is 5xx, 408 and 499. "undecodable" is a success whose body cannot be read: cut off, or a proxy's page.
"unusable" is an answer that would be the same again: a redirect, or JSON of a shape that nobody expects. "refused" is
any other no.
"""

Action: TypeAlias = Literal["repeat", "renew", "unknown", "raise"]
"""What follows; "renew" is a repeat with a new token, "unknown" an `UnknownOutcome`."""

_TRANSIENT: Final = frozenset[Event]({"not sent", "timeout", "broken", "server error", "undecodable", "rate limited"})
# the service, or the lack of a connection, kept it from being carried out
_CERTAIN: Final = frozenset[Event]({"not sent", "rate limited", "unauthorized", "refused"})

MAX_PAUSE: Final = 300.0
"""Seconds; a `Retry-After` beyond this is taken for a mistake."""


def transport_event(failure: TransportError) -> Event:
    """How an attempt ended to which no answer came."""
    if isinstance(failure, NotSent):
        return "not sent"
    return "timeout" if isinstance(failure, Timeout) else "broken"


def decide(repeat: Repeat, event: Event, *, attempts_left: int, renewable: bool) -> Action:
    """What follows `event` for a request of class `repeat`.

    `renewable` says that the attempt carried a token, and that the attempt before it did not fail with 401 as well.
    """
    if event == "unauthorized":
        return "renew" if renewable else "raise"
    if event not in _CERTAIN and not harmless(repeat):
        return "unknown"
    if event in _TRANSIENT and attempts_left > 0:
        return "repeat"
    return "raise"


def harmless(repeat: Repeat) -> bool:
    """Whether sending such a request twice does no more than sending it once."""
    return repeat in ("read", "absolute")


def backoff(attempt: int, random: Callable[[], float], *, base: float = 0.5, cap: float = 20.0) -> float:
    """Seconds to wait after the `attempt`-th attempt (from 1), with full jitter; `random` gives 0 to 1."""
    return random() * min(cap, base * 2.0 ** min(attempt - 1, 30))


def pause_after_429(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to pause the account when the service does not say how long.

    The upper half of a long backoff: the window that was exceeded is counted in seconds or minutes, so no wait near 0.
    """
    longest = min(60.0, 5.0 * 2.0 ** min(attempt - 1, 30))
    return longest * (0.5 + random() / 2)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the service asks us to stay away, at most `MAX_PAUSE`; `now` is epoch seconds.

    None when there is no such header or it cannot be read.
    """
    text = headers.get("Retry-After")
    if text is None:
        return None
    text = text.strip()
    try:
        if text.replace(".", "", 1).isdecimal():
            seconds = float(text)
        else:
            moment = parsedate_to_datetime(text)
            # "-0000" is a date in UTC whose writer does not say so
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_PAUSE)
