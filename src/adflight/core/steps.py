"""Flows of several requests: what is recorded of each step, and what such a record says when the flow goes on.

Imports errors, the clock and redaction; used by the clients' launches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, Final, TypeAlias

import orjson
from attrs import evolve, frozen

from adflight.core.clock import Clock
from adflight.core.errors import AdflightError, InvalidInput, UnknownOutcome
from adflight.core.redaction import redact_request
from adflight_api.runtime import Request

Event: TypeAlias = Mapping[str, Any]
"""A line of a launch's record, JSON-able: `step`, `event` (sending, unknown, refused, done), `at` (ISO 8601), more."""

Record: TypeAlias = Callable[[Event], Awaitable[None] | None]


@frozen
class History:
    """What the record of earlier attempts says about one step."""

    sent: Mapping[str, Any] | None = None
    existing: tuple[int, ...] = ()
    id: int | None = None
    sent_at: datetime | None = None
    settled_after: float | None = None
    """Seconds after `sent_at`; None when the record ends before that was known."""

    @classmethod
    def of(cls, step: str, events: Iterable[Event]) -> History:
        """Raises `InvalidInput` for events that no launch has recorded."""
        history = before = cls()
        try:
            for event in [event for event in events if event["step"] == step]:
                if event["event"] == "sending":
                    before, sent_at = history, datetime.fromisoformat(event["at"])
                    history = cls(sent=dict(event["sent"]), existing=tuple(event["existing"]), sent_at=sent_at)
                elif event["event"] == "unknown":
                    sent_at = datetime.fromisoformat(event["sent_at"])
                    history = evolve(history, sent_at=sent_at, settled_after=float(event["settled_after"]))
                elif event["event"] == "refused":
                    # says nothing of an earlier one whose answer was lost
                    history = before
                elif event["event"] == "done":
                    history = evolve(history, id=int(event["id"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("resume", repr(error), "the events that an earlier launch recorded") from None
        return history


class Steps:
    """The steps of one flow under way."""

    def __init__(self, clock: Clock, *, record: Record | None, resume: Iterable[Event]) -> None:
        self._clock: Final = clock
        self._record = record
        self.resume: Final = list(resume)
        self.exists: Final[dict[str, int]] = {}
        """What has been made, or was there before: ids by step."""
        self._given: Final[set[str]] = set()
        self.sending: Final[set[str]] = set()
        """Steps that were sent and may have made something."""

    def history(self, step: str, request: Request) -> History:
        """What the record says about a step. Raises `InvalidInput` when it sent something else."""
        history = History.of(step, self.resume)
        now = sent(request)
        if history.sent is not None and history.sent != now:
            changed = sorted(name for name in {*now, *history.sent} if now.get(name) != history.sent.get(name))
            raise InvalidInput("resume", changed, f"a launch that sends the same {step} as the recorded one")
        return history

    def check_order(self, step: str, *later: str) -> None:
        """Raises `InvalidInput` for a record that knows of `later` steps, and not of this one, which is not done.

        Such a record is not whole. What follows would be found wrong only after this step had been sent once more.
        """
        for name in later:
            if History.of(name, self.resume) != History():
                raise InvalidInput("resume", name, f"a record that says what became of the {_words(step)} before it")

    def given(self, step: str, id_: int) -> int:
        """Notes what there was before the flow."""
        self.exists[step] = id_
        self._given.add(step)
        return id_

    async def tell(self, step: str, event: str, **details: Any) -> None:
        """Records what happens; whatever `record` raises stops the flow."""
        if self._record is not None:
            told = self._record({"step": step, "event": event, "at": self.now().isoformat(), **details})
            if isawaitable(told):
                await told

    async def refused(self, step: str, error: AdflightError) -> None:
        """Records that a step was not carried out, which is certain."""
        if step in self.sending:
            self.sending.discard(step)
            # what the service said must not be lost because it could not be written down as well
            with suppress(Exception):
                await self.tell(step, "refused", error=str(error))

    async def made(self, step: str, id_: int, *, adopted: bool = False) -> int:
        """Notes and records what a step has made."""
        self.exists[step] = id_
        await self.tell(step, "done", id=id_, adopted=adopted)
        return id_

    def leave_word(self, error: BaseException) -> None:
        """Says on a cancellation, which carries nothing else, what it leaves behind."""
        standing = [f"{_words(step)} {id_} exists" for step, id_ in self.exists.items()]
        standing += [f"the {_words(step)}: sent, outcome unknown" for step in self.sending - self.exists.keys()]
        if self.sending or self.exists.keys() - self._given:
            error.add_note(
                f"launch: {'; '.join(standing)}. Do not launch again: look for it, or continue with resume=."
            )

    def unknown(
        self, request: Request, history: History, message: str, *, base_url: str, settled_after: float
    ) -> UnknownOutcome:
        """The error for a step that was sent by an earlier launch, and whose outcome its record does not know."""
        return UnknownOutcome(
            message,
            request=redact_request(request.operation.method, base_url + request.url, {}, request.body),
            sent_at=history.sent_at or self.now(),
            settled_after=max(settled_after, history.settled_after or 0.0),
            cause=AdflightError("the record of the earlier launch ends before the answer"),
            operation=request.operation.id,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def check_content(name: str, request: Request) -> None:
    """Raises `InvalidInput` for what JSON cannot carry, before anything is made that would be left without it."""
    try:
        _ = request.content
    except TypeError as error:
        problem = str(error)
    else:
        return
    raise InvalidInput(name, problem, "values that JSON can carry")


def sent(request: Request) -> dict[str, Any]:
    """Body and query as a record keeps them: what JSON makes of them. A list stands under the name `rows`."""
    body = orjson.loads(request.content or b"{}")
    fields: dict[str, Any] = body if isinstance(body, dict) else {"rows": body}
    return {**(request.query or {}), **fields}


def _words(step: str) -> str:
    return step.replace("_", " ")
