"""What a caller may set for single calls, and hooks. Imports nothing of core but redaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from attrs import Attribute, field, frozen

from adflight.core.redaction import MASK
from adflight_api.runtime import InvalidInput

if TYPE_CHECKING:
    import httpx

    from adflight.core.redaction import RedactedRequest


def _positive(_: Options, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise InvalidInput(attribute.name, value, "more than 0")


def _known(_: Options, attribute: Attribute[Any], value: str) -> None:
    # one that is neither would pass for the other, and hide what failed
    if value not in ("raise", "return"):
        raise InvalidInput(attribute.name, value, "'raise' or 'return'")


def _texts(_: Options, attribute: Attribute[Any], value: Mapping[str, str]) -> None:
    for name, text in value.items():
        if not f"{name}{text}".isprintable():
            # what a header holds may be a secret, as one that was read from a file, newline and all
            raise InvalidInput(f"{attribute.name}[{name!r}]", MASK, "a text of one line that can be printed")


class Watch(Protocol):
    """Sees one call's attempts from so near that it can write down what may have been sent, and nothing else."""

    async def sending(self, request: Callable[[], RedactedRequest]) -> None:
        """Credentials and the quota's slot are there: the attempt leaves as soon as this returns.

        `request` shows it without secrets. What this raises ends the call; nothing is sent then.
        """
        ...

    def answered(self, outcome: str, status: int | None, sent_at: float, elapsed: float) -> None:
        """What became of the attempt, in a word ("answered", "timeout", "rate limited"); must not raise.

        `status` is the HTTP status if an answer came, `sent_at` epoch seconds, `elapsed` seconds. Not called for an
        attempt that is cancelled.
        """
        ...


CANCELLED: Final = "cancelled"
"""The outcome of an attempt whose caller was cancelled after it may have left; a `Watch` is not told of it."""


@frozen(kw_only=True)
class Attempted:
    """An attempt that ended, as whoever observes a client is told of it (`Client.observed`)."""

    operation: str
    """tag.method, as in `campaigns.create`; of a log-in its operation, too; "download" for a file of another host."""
    number: int
    """Counted from 1 within its call, with the repeats after a token was renewed, which `Options.max_attempts` does not
    count."""
    outcome: str
    """In the words of `Watch.answered`, or `CANCELLED`."""
    status: int | None
    """The HTTP status, if an answer came."""
    sent_at: float
    """Epoch seconds."""
    elapsed: float
    """Seconds."""
    is_watched: bool
    """Whether its call had a `Watch`."""
    is_apart: bool
    """Whether it does not count against the account's quota (`Client.limiter`), but against one of its own or none."""

    @property
    def has_left(self) -> bool:
        """Whether it may have reached the service, which then has counted it."""
        return self.outcome != "not sent"


@frozen(kw_only=True)
class Options:
    """How calls are made. A client has one; `with_options` gives views with another."""

    timeout: float = field(default=30.0, validator=_positive)
    """Seconds for one attempt, from waiting for a connection to the last byte of the answer."""
    connect_timeout: float = field(default=10.0, validator=_positive)
    """Seconds of these for making a connection."""
    deadline: float | None = field(default=None, validator=_positive)
    """Seconds for everything: waiting for the quota, logging in, attempts and the pauses between them."""
    max_attempts: int = field(default=4, validator=_positive)
    """How often a request is sent at most. The repeat after a token was renewed is not counted."""
    headers: Mapping[str, str] = field(factory=dict, validator=_texts, repr=False)
    """Sent with every request; they cannot replace credentials."""
    raw: bool = False
    """Whether calls return the answer as it came, with the typed value in it."""
    partial: Literal["raise", "return"] = field(default="raise", validator=_known)
    """What becomes of an answer that names items that failed."""
    scope: Mapping[str, str] = field(factory=dict, validator=_texts, repr=False)
    """What the vendor's authenticator sends instead of its own values, by name of the security scheme."""
    watch: Watch | None = field(default=None, repr=False)


@frozen
class Hook:
    """Coroutines that see every attempt, log-ins and repeats included, as httpx objects without secrets. What goes to
    another host, as a report's download does, has none of our headers, and they do not see it: `Client.observed` does.

    `on_request` runs when the attempt is about to be sent. Headers that it sets on the request are sent, other changes
    are not; what it raises ends the call. `on_response` runs when an answer came, whatever its status; what it raises
    is logged only, because the answer of a purchase must not be lost to an observer. Neither may use the client that
    called it: it would wait for a place that its own caller holds.
    """

    on_request: Callable[[httpx.Request], Awaitable[None]] | None = None
    on_response: Callable[[httpx.Response], Awaitable[None]] | None = None
