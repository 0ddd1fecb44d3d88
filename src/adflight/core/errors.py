"""What adflight raises.

    AdflightError
    ├── ConfigurationError        settings are missing or contradict each other
    ├── InvalidInput              an argument that cannot be sent (also a ValueError)
    │   ├── InvalidFile           a file of flights with all that is wrong in it
    │   └── OverBudget            a plan commits more money than is allowed
    ├── TransportError            no answer came
    │   ├── NotSent               the request never left: nothing can have happened
    │   ├── Timeout               no answer in time: it may have been carried out
    │   └── ConnectionBroken      the connection failed: it may have been carried out
    ├── UnknownOutcome            a request that must not be repeated, and nobody knows whether it was carried out
    ├── APIError                  the service said no
    │   ├── AuthenticationError   401, or a log-in that was refused
    │   ├── PermissionDenied      403
    │   ├── NotFound              404, 410
    │   ├── ValidationFailed      other 4xx
    │   ├── RateLimited           429
    │   └── ServerError           5xx, 408, 499, and answers that cannot be read
    ├── PartialFailure            carried out for some items only
    ├── PlanOutdated              what exists has changed since a plan was made
    ├── PagingError               pages repeat, never end, or do not add up
    ├── OperationNotConfigured    the vendor does not document how to call it, and neither did you
    ├── LaunchFailed              a launch stopped half-way; says what exists
    ├── CampaignNotRunning        a campaign was rejected, deleted or expired while it was waited for
    └── WaitTimeout               a campaign did not change in time (also a TimeoutError)

May be imported from anywhere; imports only the generated runtime, which needs the first two itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from adflight_api.runtime import AdflightError, InvalidInput

if TYPE_CHECKING:
    from adflight.core.answers import RawAnswer
    from adflight.core.problems import Problem
    from adflight.core.redaction import RedactedRequest

__all__ = [
    "APIError",
    "AdflightError",
    "AuthenticationError",
    "CampaignNotRunning",
    "ConfigurationError",
    "ConnectionBroken",
    "InvalidFile",
    "InvalidInput",
    "LaunchFailed",
    "NotFound",
    "NotSent",
    "OperationNotConfigured",
    "OverBudget",
    "PagingError",
    "PartialFailure",
    "PermissionDenied",
    "PlanOutdated",
    "RateLimited",
    "ServerError",
    "Timeout",
    "TransportError",
    "UnknownOutcome",
    "ValidationFailed",
    "WaitTimeout",
]

ErrorT = TypeVar("ErrorT", bound=AdflightError)


def _rebuild(kind: Callable[..., ErrorT], message: str, details: dict[str, Any]) -> ErrorT:
    return kind(message, **details)


class _Detailed(AdflightError):
    """An error with keyword details, which keeps them when it crosses to another process."""

    _details: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        details = {name: getattr(self, name) for name in self._details}
        marked = {"while_logging_in": True} if self.while_logging_in else None
        return _rebuild, (type(self), self.args[0], details), marked


class ConfigurationError(AdflightError):
    """Settings are missing or contradict each other; the message names all of them."""


class InvalidFile(InvalidInput):
    """A file of flights that cannot be used; `problems` has all that is wrong in it, by row."""

    SHOWN: ClassVar[int] = 40
    """Problems that the message shows."""

    def __init__(self, file: str, problems: Sequence[Problem], *, count: int | None = None, detected: str = "") -> None:
        self.problems = tuple(problems)
        self.count = len(self.problems) if count is None else count
        """How many there are: of a file that is wrong all over, `problems` has the first hundred thousand."""
        self.detected = detected
        """What the file was taken for, such as "CSV in UTF-8, separated by commas"; empty when it was for nothing."""
        expected = "a file of flights without problems"
        super().__init__("file", file, expected)
        lines = [str(problem) for problem in self.problems[: self.SHOWN]]
        if self.count > len(lines):
            lines.append(f"and {self.count - len(lines):,} more")
        counted = f"{self.count:,} problem{'' if self.count == 1 else 's'}"
        heading = f"{file}{f' ({detected})' if detected else ''}: {counted}"
        self.args = ("\n  ".join([heading, *lines]),)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_file, (self.value, self.problems, self.count, self.detected)


def _rebuild_file(file: str, problems: Sequence[Problem], count: int, detected: str) -> InvalidFile:
    return InvalidFile(file, problems, count=count, detected=detected)


class OverBudget(InvalidInput):
    """A plan commits more money than the caller allows; nothing was sent."""

    def __init__(self, max_budget: Decimal, committed: Decimal) -> None:
        super().__init__("max_budget", max_budget, f"at least {committed}, which is what the plan commits")
        self.committed = committed
        """In the account's currency."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value, self.committed)


class PlanOutdated(AdflightError):
    """What exists has changed since the plan was made, in a way that it does not explain; nothing was sent."""

    SHOWN: ClassVar[int] = 20
    """Objects that the message shows."""

    def __init__(self, moved: Sequence[str]) -> None:
        self.moved = tuple(moved)
        """What would be done now and was not planned, an object each, in words."""
        shown = [*self.moved[: self.SHOWN]]
        if len(self.moved) > self.SHOWN:
            shown.append(f"and {len(self.moved) - self.SHOWN:,} more")
        super().__init__("\n  ".join(["the plan no longer holds, make a new one:", *shown]))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.moved,)


class TransportError(AdflightError):
    """No answer came. The kinds below say whether the request may have been carried out."""


class NotSent(TransportError):
    """The request never left this machine, so nothing can have happened."""


class Timeout(TransportError):
    """No answer within the time limit.

    A read, or a request that may safely be sent again, may have been carried out. For a create, or another request
    that must not be repeated, this is raised only when a deadline passed before it was sent; afterwards it is
    `UnknownOutcome`.
    """


class ConnectionBroken(TransportError):
    """The connection failed after the request may have been read: it may have been carried out."""


class UnknownOutcome(_Detailed):
    """A request that must not be repeated was sent, and nobody knows whether it was carried out.

    Sending it again could buy twice. Look for what it would have made, from `settled_after` seconds after `sent_at` on:
    until then the service may still be working on it.
    """

    _details: ClassVar[tuple[str, ...]] = (
        "operation",
        "request",
        "sent_at",
        "settled_after",
        "cause",
        "response",
        "absent",
    )

    def __init__(
        self,
        message: str,
        *,
        request: RedactedRequest,
        sent_at: datetime,
        settled_after: float,
        cause: AdflightError | None,
        operation: str = "",
        response: RawAnswer[Any] | None = None,
        absent: bool = False,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        """The operation's public name, tag.method: `campaigns.get`."""
        self.request = request
        """What was sent, without secrets."""
        self.sent_at = sent_at
        """An aware datetime in UTC."""
        self.settled_after = settled_after
        """Seconds after `sent_at` by which the service has either carried it out or never will."""
        self.cause = cause
        """What was seen instead of an answer."""
        self.response = response
        """The answer that could not be trusted, if one came."""
        self.absent = absent
        """Whether looking it up twice, after it was settled, found nothing: evidence, not proof."""


class APIError(_Detailed):
    """The service said no."""

    _details: ClassVar[tuple[str, ...]] = (
        "status",
        "body_code",
        "errors",
        "operation",
        "request_id",
        "request",
        "response",
    )

    def __init__(
        self,
        message: str,
        *,
        status: int,
        body_code: int | None,
        errors: tuple[str, ...],
        operation: str,
        request_id: str | None,
        request: RedactedRequest,
        response: RawAnswer[Any],
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; 200 when the service put the refusal only into the body."""
        self.body_code = body_code
        """The code inside the body, which may differ from the HTTP status."""
        self.errors = errors
        """What the service says is wrong, one text an error."""
        self.operation = operation
        """The operation's public name, tag.method: `campaigns.get`."""
        self.request_id = request_id
        """What the service's support wants to know, if it names requests."""
        self.request = request
        """What was sent, without secrets."""
        self.response = response
        """The whole answer, without secrets."""


class AuthenticationError(APIError):
    """401 although the token was just renewed, or a log-in that was refused."""


class PermissionDenied(APIError):
    """403: these credentials may not do that."""


class NotFound(APIError):
    """404 or 410."""


class ValidationFailed(APIError):
    """Any other 4xx, or an answer that says in its body only that it is none: the request itself is wrong."""


class RateLimited(APIError):
    """429, still, after the account was paused and the request repeated as often as the options allow."""


class ServerError(APIError):
    """5xx, 408, 499, a redirect, or an answer that cannot be read."""

    _details: ClassVar[tuple[str, ...]] = (*APIError._details, "undecodable")

    def __init__(self, message: str, *, undecodable: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.undecodable = undecodable
        """Whether the status says success but the body cannot be read."""


class PartialFailure(_Detailed):
    """Carried out for some items only. With the option `partial="return"` the typed answer is returned instead."""

    _details: ClassVar[tuple[str, ...]] = ("modified", "failed", "answer", "operation", "request", "response")

    def __init__(
        self,
        message: str,
        *,
        modified: Sequence[Any],
        failed: Sequence[Any],
        answer: Any,
        operation: str,
        request: RedactedRequest,
        response: RawAnswer[Any],
    ) -> None:
        super().__init__(message)
        self.modified = modified
        """Typed rows of the items that were changed."""
        self.failed = failed
        """Typed rows of the items that were not, with the service's reasons."""
        self.answer = answer
        """The whole typed answer."""
        self.operation = operation
        self.request = request
        self.response = response


class PagingError(AdflightError):
    """Pages repeat, never end, or do not add up to what the service counts."""


class OperationNotConfigured(AdflightError):
    """Nobody knows how to call `operation`, or too little for a write, and no setting says more. Nothing was sent."""

    def __init__(self, operation: str, message: str) -> None:
        super().__init__(message)
        self.operation = operation

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation, self.args[0])


class LaunchFailed(_Detailed):
    """A launch stopped half-way; `step` is where, `exists` the ids of what exists by step, `cause` what stopped it."""

    _details: ClassVar[tuple[str, ...]] = ("step", "exists", "cause")

    def __init__(self, message: str, *, step: str, exists: Mapping[str, int], cause: Exception | None) -> None:
        super().__init__(message)
        self.step = step
        self.exists = dict(exists)
        self.cause = cause

    @property
    def insertion_order_id(self) -> int:
        """Of an IQM launch, which has always made or found one when it stops half-way."""
        return self.exists["insertion_order"]

    @property
    def campaign_id(self) -> int | None:
        return self.exists.get("campaign")

    @property
    def schedule_id(self) -> int | None:
        """Of an Icareus launch."""
        return self.exists.get("schedule")


class CampaignNotRunning(_Detailed):
    """A campaign was rejected, deleted or expired while it was waited for; `status` says which."""

    _details: ClassVar[tuple[str, ...]] = ("campaign_id", "status")

    def __init__(self, message: str, *, campaign_id: int, status: str) -> None:
        super().__init__(message)
        self.campaign_id = campaign_id
        self.status = status


class WaitTimeout(_Detailed, TimeoutError):
    """A campaign did not get the status that was waited for in time; `status` is the last one seen."""

    _details = ("campaign_id", "status")

    def __init__(self, message: str, *, campaign_id: int, status: str) -> None:
        super().__init__(message)
        self.campaign_id = campaign_id
        self.status = status
