"""One request's way through the sandbox.

fault -> quota -> credentials -> validation -> handler, in a transaction -> answer, which a fault may spoil.

Imports all of the sandbox's modules but the application and the server.
"""

from __future__ import annotations

import heapq
import json
import logging
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .answers import Answer, Refused, Reply, html_page, retry_after
from .clock import SandboxClock
from .connections import Connections, Exchange
from .counts import Meter
from .faults import Fault, Faults
from .gateway import Caller
from .specification import Operation
from .validation import Validation
from .world import Call, Handler, World

__all__ = ["Engine"]

_log = logging.getLogger("adflight.sandbox")
_ANSWERING = ("rate_limited", "status", "html")
_DURING = ("delay", "delay_after", "invalid_json", "half_body", "cut_after", "late")


class Engine:
    """Serves requests, one after the other through `serve`."""

    def __init__(
        self,
        world: World,
        handlers: Mapping[str, Handler],
        validation: Validation,
        clock: SandboxClock,
        meter: Meter,
        faults: Faults,
    ) -> None:
        self.world = world
        self.handlers = handlers
        self.validation = validation
        self.clock = clock
        self.meter = meter
        self.faults = faults
        self.crashes: deque[str] = deque(maxlen=100)
        """Errors of the sandbox itself, as tracebacks; they answer 500. None is expected."""
        self.connections = Connections(lambda: self.faults.take([""], ["cut_connect"]) is not None)
        self._late: list[tuple[float, int, Callable[[float], object]]] = []
        self._numbers = count(1)

    def catch_up(self) -> None:
        """Carry out what is due by now."""
        while self._late and self._late[0][0] <= self.clock.now():
            due, _, carry_out = heapq.heappop(self._late)
            carry_out(due)

    def forget_late(self) -> None:
        """Drop what was to be carried out late."""
        self._late.clear()

    async def serve(self, operations: Sequence[Operation], scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request to one of the operations of a path."""
        self.catch_up()
        exchange = Exchange(self.connections, scope["client"], receive)
        if self.faults.take([operation.id for operation in operations], ["cut_before"]):
            await exchange.cut()
            return
        request = Request(scope, receive)
        try:
            content = await request.body()
        except ClientDisconnect:
            return
        operation = _choose(operations, content)
        fault = self.faults.take([operation.id], [*_ANSWERING, *_DURING])
        reply = await self._reply(operation, request, content, fault)
        if reply is None:
            await exchange.cut()
        elif fault is not None and fault.kind == "half_body":
            self.meter.counts.answers[reply.status] += 1
            await exchange.half(reply)
        else:
            self.meter.counts.answers[reply.status] += 1
            headers = {"X-Request-Id": f"sandbox-{next(self._numbers)}", **reply.headers}
            await Response(reply.content, reply.status, headers)(scope, receive, send)

    async def _reply(self, operation: Operation, request: Request, content: bytes, fault: Fault | None) -> Reply | None:
        """The answer, or None when the connection is to be cut."""
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "delay":
            await self.clock.sleep(fault.seconds)
        now = self.clock.now()
        headers = dict(request.headers)
        account = self.world.gateway.account(operation, headers, _login_fields(operation, content))
        self.meter.receive(operation.id, account, now)
        if fault is not None and kind in _ANSWERING and not fault.is_carried_out:
            return self._fault_reply(operation, request, fault, now)
        try:
            caller = self._admit(operation, headers, account, now)
        except Refused as refusal:
            return refusal.reply(operation, request.url.path)

        def carry_out(at: float) -> Reply:
            return self._carry_out(operation, request, headers, content, caller, at)

        if fault is not None and kind == "late":
            heapq.heappush(self._late, (now + fault.seconds, next(self._numbers), carry_out))
            return None
        reply = carry_out(now)
        if fault is None:
            return reply
        if kind == "cut_after":
            return None
        if kind == "delay_after":
            await self.clock.sleep(fault.seconds)
        if kind in _ANSWERING:
            return self._fault_reply(operation, request, fault, now)
        if kind == "invalid_json":
            return Reply(reply.status, reply.content[: len(reply.content) * 2 // 3], reply.headers)
        return reply

    def _admit(self, operation: Operation, headers: Mapping[str, str], account: str, now: float) -> Caller:
        wait = self.meter.wait(account, now)
        if wait > 0:
            extra = retry_after(self.world.options.retry_after, wait, now)
            raise Refused(429, "Too many requests", body={"message": "Too many requests"}, headers=extra)
        return self.world.gateway.admit(operation, headers, now)

    def _carry_out(
        self,
        operation: Operation,
        request: Request,
        headers: Mapping[str, str],
        content: bytes,
        caller: Caller,
        now: float,
    ) -> Reply:
        try:
            arguments = self.validation.arguments(
                operation, request.path_params, request.query_params, headers, content
            )
            handler = self.handlers.get(operation.id)
            if handler is None:
                raise Refused(501, f"The request is valid; the sandbox does not carry out {operation.id}")
            path, query, body = arguments.path, arguments.query, arguments.body
            call = Call(operation, path, query, body, caller, now, self.world, request.url.path)
            with self.world.store.transaction():
                answer = handler(call)
            self.meter.counts.executions[operation.id] += 1
            return (answer if isinstance(answer, Answer) else Answer(answer)).reply(operation)
        except Refused as refusal:
            return refusal.reply(operation, request.url.path)
        except Exception:
            self.crashes.append(traceback.format_exc())
            _log.exception("the sandbox failed at %s", operation.id)
            return Refused(500, "The sandbox failed; its log says why").reply(operation, request.url.path)

    def _fault_reply(self, operation: Operation, request: Request, fault: Fault, now: float) -> Reply:
        if fault.kind == "html":
            return html_page(fault.answer_status)
        extra = retry_after(fault.retry_after, fault.seconds, now)
        if fault.kind == "rate_limited":
            return Reply.of(429, {"message": "Too many requests"}, extra)
        refusal = Refused(fault.answer_status, "A fault of the sandbox, made on demand", headers=extra)
        return refusal.reply(operation, request.url.path)


def _choose(operations: Sequence[Operation], content: bytes) -> Operation:
    """The operation that a body is for, where several share one path."""
    if len(operations) > 1:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        for operation in operations:
            if operation.marks and isinstance(body, dict) and operation.marks <= body.keys():
                return operation
    return next((operation for operation in operations if not operation.marks), operations[0])


def _login_fields(operation: Operation, content: bytes) -> dict[str, str]:
    """The fields of a log-in or refresh that say whose it is."""
    if operation.credentials != "basic":
        return {}
    try:
        if operation.media_type == "application/json":
            body = json.loads(content)
            return {name: value for name, value in body.items() if isinstance(value, str)}
        return dict(parse_qsl(content.decode()))
    except (ValueError, AttributeError, RecursionError):
        return {}
