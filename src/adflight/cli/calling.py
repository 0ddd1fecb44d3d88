"""One call of `adflight call`: its request is made, confirmed if it changes something, sent, and its answer printed.

Imports core and the target; used by `call`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import evolve, frozen

from adflight.cli.exits import NOT_SENT, NOT_THERE, STOPPED, leave, say_whose
from adflight.core.caller import BoundCaller
from adflight.core.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidInput,
    NotSent,
    OperationNotConfigured,
    PartialFailure,
)
from adflight.core.paging import ListPager
from adflight_api.runtime import Request, plain

if TYPE_CHECKING:
    from adflight.cli.call import Argument, Described
    from adflight.cli.target import Target
    from adflight.profiles import AnyClient

_DOES: Final = {
    "absolute": "sets values",
    "relative": "adds or distributes, and does so again when it is repeated",
    "create": "creates something, and another one when it is repeated",
}
PATIENCE: Final = 3.0
"""Seconds after which somebody who waits is told what for."""

_SHOWN: Final = 2000
"""Characters of a body that are shown before somebody agrees to it."""


@frozen(kw_only=True)
class Call:
    """What was asked for."""

    operation: Described
    arguments: Sequence[Argument]
    given: Mapping[str, str | bool]
    body: str | None
    target: Target
    every: bool
    raw: bool
    yes: bool

    def run(self) -> int:
        """Prints the answer; returns the exit code. Raises what the call raises."""
        if self.every and self.raw:
            raise ConfigurationError("--raw and --all: one of them, please")
        of = self.operation
        module = import_module(f"adflight_api.{of.vendor}.api.{of.tag}.{of.tag}_{of.name}")
        request = self._request(module)
        # named before anybody is asked, and asked before there is an event loop, which would keep Ctrl-C to itself
        _ = self.target.words
        if not (request.repeat == "read" or self.target.is_sandbox or self.yes or _agreed(request, self.target)):
            print("Nothing was sent.", file=sys.stderr)
            return NOT_SENT
        try:
            asyncio.run(self._send(module, request))
        except NotSent as error:
            leave(error, STOPPED, NOT_THERE)
        except AuthenticationError as error:
            say_whose(error, self.target.profile)
            raise
        except OperationNotConfigured as error:
            raise ConfigurationError(
                f"{error.operation}: the vendor does not document how it is called, and nothing is guessed. A command "
                "cannot be told, but the Python client can (`routes`); --sandbox shows what it is meant to do"
            ) from None
        return 0

    # the request

    def _request(self, module: ModuleType) -> Request:
        values = {each.name: self._value(each) for each in self.arguments if each.name in self.given}
        missing = [each for each in self.arguments if each.is_required and each.name not in values]
        if self.body is None:
            self._check(missing)
            return _made(module, values)
        self._check([each for each in missing if each.is_positional])
        return self._with_body(module, values, [each for each in missing if not each.is_positional])

    def _check(self, missing: Sequence[Argument]) -> None:
        if missing:
            *others, last = [each.flag for each in missing]
            named = f"{', '.join(others)} and {last}" if others else last
            raise ConfigurationError(
                f"{self.operation.tag}.{self.operation.name} needs {named}; --help says what all arguments are"
            )

    def _value(self, argument: Argument) -> Any:
        text = self.given[argument.name]
        if isinstance(text, bool):
            return text
        try:
            return argument.kind.read(text)
        except ValueError:
            raise InvalidInput(argument.flag, text, argument.kind.expected) from None

    def _with_body(self, module: ModuleType, values: Mapping[str, Any], missing: Sequence[Argument]) -> Request:
        """A request whose body is taken from a file. Path and query are made of the arguments, as ever."""
        fillers = {each.name: each.kind.filler for each in missing}
        request = _made(module, {**fillers, **values})
        if request.body is None:
            raise InvalidInput("--body", self.body, "nothing: this operation has no body")
        for each in self.arguments:
            if each.name in values and not each.is_positional:
                others = {name: value for name, value in values.items() if name != each.name}
                filler = {each.name: each.kind.filler} if each.is_required else {}
                if _made(module, {**fillers, **others, **filler}).query == request.query:
                    raise InvalidInput(
                        each.flag, self.given[each.name], "the whole body in --body, this field included"
                    )
        return evolve(request, body=self._body(type(request.body)))

    def _body(self, kind: type) -> Any:
        """The body in the file. The specification says what it is, for arguments make the same `kind`."""
        assert self.body is not None
        try:
            content = sys.stdin.buffer.read() if self.body == "-" else Path(self.body).read_bytes()
        except OSError as error:
            raise InvalidInput("--body", self.body, f"a file that can be read ({error.strerror})") from None
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise InvalidInput("--body", self.body, f"JSON ({error})") from None
        if not isinstance(body, kind):
            raise InvalidInput("--body", self.body, "a JSON list" if kind is list else "a JSON object")
        return body

    # the answer

    async def _send(self, module: ModuleType, request: Request) -> None:
        async with self.target.open(self.operation.vendor) as client:
            late = asyncio.get_running_loop().call_later(PATIENCE, _say_why, client)
            try:
                await self._answer(client, module, request)
            finally:
                late.cancel()

    async def _answer(self, client: AnyClient, module: ModuleType, request: Request) -> None:
        if self.every:
            await _print_rows(client, module, request)
        elif self.raw:
            caller = BoundCaller(client._session, evolve(client.options, raw=True))
            answer = await caller.call(request, module.parse)
            sys.stdout.buffer.write(answer.content)
            sys.stdout.buffer.flush()
        else:
            try:
                answer = await client.call(request, module.parse)
            except PartialFailure as error:
                _print(error.answer)
                raise
            _print(answer)


def _made(module: ModuleType, values: Mapping[str, Any]) -> Request:
    try:
        request: Request = module.request(**values)
    except InvalidInput as error:
        raise InvalidInput(f"--{error.field.replace('_', '-')}", error.value, error.expected) from None
    return request


async def _print_rows(client: AnyClient, module: ModuleType, request: Request) -> None:
    pager: ListPager[Any, Any] = ListPager(client.call, request, module.parse, module.PAGING)
    try:
        async for row in pager:
            sys.stdout.buffer.write(orjson.dumps(plain(row), default=str, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # whoever reads has enough; what is left in the buffer has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_why(client: AnyClient) -> None:
    quota = client.limiter.quota
    shared = "" if quota is None else f"; the quota is {quota}, for all that use the account on this machine together"
    print(f"Waiting for {client.base_url}{shared}.", file=sys.stderr)


def _print(answer: Any) -> None:
    # decimals as texts: JSON's numbers are floats to most who read them
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    sys.stdout.buffer.write(orjson.dumps(plain(answer), default=str, option=option))
    sys.stdout.buffer.flush()


def _agreed(request: Request, target: Target) -> bool:
    # rich takes its time, and few calls ask
    from adflight.cli.terminal import agreed, can_ask, console, nobody

    screen = console(to_stderr=True)
    amounts = f"amounts in {target.currency}" if target.currency else "amounts in the account's currency"
    question = f"{target.words}, {amounts}: {request.operation.id} {_DOES[request.repeat]}. Go on?"
    if not can_ask(screen):
        raise nobody(question)
    content = (request.content or b"").decode(errors="replace")
    shown = content if len(content) <= _SHOWN else f"{content[:_SHOWN]}… ({len(content):,} characters)"
    screen.print(f"{request.operation.method} {request.url}\n{shown}", soft_wrap=True)
    return agreed(screen, question)
