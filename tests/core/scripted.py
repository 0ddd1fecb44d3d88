"""A transport that answers from a script, and what a session needs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from adflight.core.answers import Headers
from adflight.core.credentials import Grant
from adflight.core.options import Hook
from adflight.core.quota import Limiter, Quota
from adflight.core.redaction import RedactedRequest
from adflight.core.session import Session
from adflight.core.transport import WireAnswer, WireRequest
from adflight_api.runtime import Operation, Partial, Repeat, RepeatByField, Request
from tests.clock import FakeClock

BEARER: Final = "bearerAuth"
BASIC: Final = "basicAuth"
SECRET: Final = "s3cr3t-T0k3n-0123456789"

SHOWN: Final = RedactedRequest("POST", "https://api.example.com/things", {}, None)

Step = WireAnswer | BaseException | Callable[[WireRequest], Awaitable[WireAnswer]]


def answer(status: int = 200, payload: Any = None, headers: Mapping[str, str] | None = None) -> WireAnswer:
    """An answer; a payload that is neither bytes nor None is sent as JSON."""
    content = b"" if payload is None else payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return WireAnswer(status, Headers(headers or {}), content)


def ok(data: Any = 1) -> WireAnswer:
    return answer(200, {"success": True, "data": data})


def operation(
    repeat: Repeat | RepeatByField = "read",
    *,
    method: str = "POST",
    envelope: str | None = "data",
    security: tuple[str, ...] = (BEARER,),
    partial: Partial | None = None,
) -> Operation:
    return Operation(
        id="things.do",
        method=method,
        path="/things",
        source="test",
        repeat=repeat,
        envelope=envelope,
        security=security,
        partial=partial,
    )


def request(repeat: Repeat = "read", body: Any = None) -> Request:
    return Request(operation(repeat), "/things", body=body)


def same(value: Any) -> Any:
    """A parser that leaves things as they are."""
    return value


class ScriptedTransport:
    """Answers with one step of its script after the other; the last one goes on for ever. Records what was sent."""

    def __init__(self, *steps: Step, certified: bool = True) -> None:
        self.certified = certified
        self.steps = list(steps) or [ok()]
        self.sent: list[WireRequest] = []
        self.under_way = self.most_under_way = 0
        self.closed = 0

    async def send(self, request: WireRequest) -> WireAnswer:
        self.sent.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if isinstance(step, BaseException):
                raise step
            return step if isinstance(step, WireAnswer) else await step(request)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        self.closed += 1


class FixedAuthenticator:
    """Opens with a token that only ever is renewed when it was invalidated."""

    def __init__(self) -> None:
        self.number = 1
        self.valid = True
        self.prepared = self.closed = 0

    def current(self, operation: Operation, scope: Mapping[str, str], /) -> Grant | None:
        if BEARER not in operation.security:
            return Grant({"Authorization": f"Basic {SECRET}"})
        token = f"{SECRET}-{self.number}"
        headers = {"Authorization": f"Bearer {token}", "X-Workspace": scope.get("workspaceId", "7")}
        return Grant(headers, token) if self.valid else None

    async def prepare(self, operation: Operation, /) -> None:
        self.prepared += 1
        await asyncio.sleep(0)
        if not self.valid:
            self.valid = True
            self.number += 1

    def invalidate(self, grant: Grant, /) -> None:
        if grant.token == f"{SECRET}-{self.number}":
            self.valid = False

    async def aclose(self) -> None:
        self.closed += 1


def session(
    transport: ScriptedTransport,
    *,
    clock: FakeClock | None = None,
    authenticator: Any = None,
    quota: Quota | None = None,
    hooks: Iterable[Hook] = (),
    **settings: Any,
) -> Session:
    """A session whose backoffs take half of their longest time."""
    clock = FakeClock(auto=True) if clock is None else clock
    return Session(
        "https://api.example.com/base/",
        transport=transport,
        authenticator=authenticator or FixedAuthenticator(),
        limiter=Limiter(quota, clock=clock),
        clock=clock,
        hooks=tuple(hooks),
        random=lambda: 0.5,
        **settings,
    )
