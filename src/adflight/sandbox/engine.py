"""One request's way through the sandbox.

fault -> quota -> credentials -> validation -> handler, in a transaction -> answer, which a fault may spoil.

There is one engine for each vendor, which knows nothing of vendors. Imports what a request needs on its way.
"""

from __future__ import annotations

import heapq
import logging
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .answers import Answer, Refused, Reply, html_page, retry_after
from .clock import SandboxClock
from .connections import Connections, Exchange
from .counts import Meter
from .faults import Fault, Faults
from .gateway import Caller, Received
from .places import Place
from .specification import Operation
from .validation import Validation
from .world import Call, Handler, World

__all__ = ["Engine"]

_log = logging.getLogger("adflight.sandbox")
_ANSWERING = ("rate_limited", "status", "html")
_DURING = ("delay", "delay_after", "invalid_json", "half_body", "cut_after", "late")


class Engine:
    """Serves one vendor's requests, one after the other through `serve`.

    `prefix` stands before the vendor's paths. `refuse` writes a refusal of an operation, given the path of the request;
    `busy` is the body of the answer to requests above the quota, None for an ordinary refusal.
    """

    def __init__(
        self,
        world: World,
        handlers: Mapping[str, Handler],
        validation: Validation,
        clock: SandboxClock,
        meter: Meter,
        faults: Faults,
        connections: Connections,
        *,
        prefix: str,
        refuse: Callable[[Refused, Operation, str], Reply],
        busy: Any,
    ) -> None:
        self.world = world
        self.handlers = handlers
        self.validation = validation
        self.clock = clock
        self.meter = meter
        self.faults = faults
        self.connections = connections
        self.prefix = prefix
        self.refuse = refuse
        self.busy = busy
        self.crashes: deque[str] = deque(maxlen=100)
        """Errors of the sandbox itself, as tracebacks; they answer 500. None is expected."""
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

    async def serve(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request to one of the operations of a place."""
        self.catch_up()
        exchange = Exchange(self.connections, scope["client"], receive)
        request = Request(scope, receive)
        if self.faults.take([operation.id for operation in place.possible(request.query_params)], ["cut_before"]):
            await exchange.cut()
            return
        try:
            content = await request.body()
        except ClientDisconnect:
            return
        operation = place.choose(request.query_params, content)
        fault = self.faults.take([operation.id], [*_ANSWERING, *_DURING])
        reply = await self._reply(place, operation, request, content, fault)
        if reply is None:
            await exchange.cut()
        elif fault is not None and fault.kind == "half_body":
            self.meter.counts.answers[reply.status] += 1
            await exchange.half(reply)
        else:
            self.meter.counts.answers[reply.status] += 1
            headers = {"X-Request-Id": f"sandbox-{next(self._numbers)}", **reply.headers}
            await Response(reply.content, reply.status, headers)(scope, receive, send)

    async def _reply(
        self, place: Place, operation: Operation, request: Request, content: bytes, fault: Fault | None
    ) -> Reply | None:
        """The answer, or None when the connection is to be cut."""
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "delay":
            await self.clock.sleep(fault.seconds)
        now = self.clock.now()
        path = request.url.path.removeprefix(self.prefix)
        received = Received(dict(request.headers), request.query_params, content)
        account = self.world.gateway.account(operation, received)
        self.meter.receive(operation.id, account, now, operation.quota)
        if fault is not None and kind in _ANSWERING and not fault.is_carried_out:
            return self._fault_reply(operation, path, fault, now)
        try:
            caller = self._admit(operation, received, account, now)
        except Refused as refusal:
            return self.refuse(refusal, operation, path)

        def carry_out(at: float) -> Reply:
            return self._carry_out(place, operation, request.path_params, path, received, caller, at)

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
            return self._fault_reply(operation, path, fault, now)
        if kind == "invalid_json":
            return Reply(reply.status, reply.content[: len(reply.content) * 2 // 3], reply.headers)
        return reply

    def _admit(self, operation: Operation, received: Received, account: str, now: float) -> Caller:
        wait = self.meter.wait(account, now, operation.quota)
        if wait > 0:
            raise self._too_many(retry_after(self.world.options.retry_after, wait, now))
        return self.world.gateway.admit(operation, received, now)

    def _carry_out(
        self,
        place: Place,
        operation: Operation,
        path: Mapping[str, str],
        served: str,
        received: Received,
        caller: Caller,
        now: float,
    ) -> Reply:
        try:
            place.check(operation, received.query)
            arguments = self.validation.arguments(operation, path, received.query, received.headers, received.content)
            handler = self.handlers.get(operation.id)
            if handler is None:
                raise Refused(501, f"The request is valid; the sandbox does not carry out {operation.id}")
            call = Call(operation, arguments.path, arguments.query, arguments.body, caller, now, self.world, served)
            with self.world.store.transaction():
                answer = handler(call)
            self.meter.counts.executions[operation.id] += 1
            return self._write(answer if isinstance(answer, Answer) else Answer(answer), operation)
        except Refused as refusal:
            return self.refuse(refusal, operation, served)
        except Exception:
            self.crashes.append(traceback.format_exc())
            _log.exception("the sandbox failed at %s", operation.id)
            return self.refuse(Refused(500, "The sandbox failed; its log says why"), operation, served)

    def _write(self, answer: Answer, operation: Operation) -> Reply:
        pointer = self.validation.specification.answer_pointer(operation, operation.success)
        if pointer is None:
            return Reply(operation.success, b"")
        if operation.answer_type == "application/xml":
            return Reply.xml(operation.success, self.validation.xml.encode(pointer, answer.content))
        return answer.reply(operation)

    def _fault_reply(self, operation: Operation, path: str, fault: Fault, now: float) -> Reply:
        if fault.kind == "html":
            return html_page(fault.answer_status)
        extra = retry_after(fault.retry_after, fault.seconds, now)
        if fault.kind == "rate_limited":
            return self.refuse(self._too_many(extra), operation, path)
        refusal = Refused(fault.answer_status, "A fault of the sandbox, made on demand", headers=extra)
        return self.refuse(refusal, operation, path)

    def _too_many(self, headers: Mapping[str, str]) -> Refused:
        return Refused(429, "Too many requests", body=self.busy, headers=headers)
