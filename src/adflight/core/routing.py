"""Where a request goes: the call that the specification knows best, or the one that the user knows better.

    Routing(
        Catalogue("adflight_api.freewheel"),
        prefixes={"/services/v3": "/v3"},
        suffix=".xml",
        routes={"insertion_orders.book": Route("PUT", "/v3/insertion_orders/{insertion_order_id}/book.xml")},
    )

Where nobody knows a call, nothing is guessed towards a service: it raises until there is a route for it. Imports
errors and the generated runtime; the session and vendors' clients import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from ipaddress import ip_address
from pkgutil import iter_modules
from typing import Final
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from adflight.core.errors import ConfigurationError, OperationNotConfigured
from adflight_api.runtime import Operation, Request

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


@frozen
class Route:
    """How an operation is called: `path` is a template over its path parameters, by the names that they have there."""

    method: str
    path: str


class Catalogue(Mapping[str, Operation]):
    """The operations of a generated package by the names that users know: `insertion_orders.book`. Loads what is asked.

    Args:
        package: Such as `adflight_api.freewheel`.
    """

    def __init__(self, package: str) -> None:
        self._package: Final = package

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._package}>"

    def __getitem__(self, name: str) -> Operation:
        operation: Operation = import_module(self._modules[name]).OPERATION
        return operation

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    @cached_property
    def _modules(self) -> dict[str, str]:
        tags = import_module(f"{self._package}.api")
        return {
            f"{tag.name}.{module.name.removeprefix(f'{tag.name}_')}": f"{tags.__name__}.{tag.name}.{module.name}"
            for tag in iter_modules(tags.__path__)
            for module in iter_modules([f"{path}/{tag.name}" for path in tags.__path__])
        }


@frozen(kw_only=True)
class Routing:
    """What a user knows better than the specification.

    Raises `ConfigurationError`, which names everything that is wrong.
    """

    operations: Mapping[str, Operation] = field(kw_only=False, repr=False)
    """The operations that it is for, by name; calls of others go where they say."""
    prefixes: Mapping[str, str] = field(factory=dict)
    """What paths begin with, and what they are to begin with instead."""
    suffix: str = ""
    """What the paths under `prefixes` end with; a prefix may stand for itself."""
    routes: Mapping[str, Route] = field(factory=dict)
    """By name of the operation. They are taken as they are, without prefix and suffix."""
    allow_low_confidence: bool = False
    """Whether writes may go to a live service whose call is known from one weak source only."""

    def __attrs_post_init__(self) -> None:
        problems = [
            f"prefixes[{old!r}]: expected two paths, such as '/services/v3', without a slash at the end"
            for old, new in self.prefixes.items()
            if not (_is_prefix(old) and _is_prefix(new))
        ]
        if self.suffix and not _is_path(f"/a{self.suffix}"):
            problems.append(f"suffix={self.suffix!r}: expected the end of a path, such as '.xml'")
        if self.suffix and not self.prefixes:
            problems.append("suffix: expected prefixes too, because they say which paths get it")
        problems += [text for name, route in self.routes.items() for text in self._problems(name, route)]
        if problems:
            raise ConfigurationError("; ".join(problems))

    def _problems(self, name: str, route: Route) -> Iterator[str]:
        where = f"routes[{name!r}]"
        if name not in self.operations:
            yield f"{where}: no such operation; expected one of {', '.join(sorted(self.operations))}"
            return
        if not (route.method.isascii() and route.method.isalpha()):
            yield f"{where}: method {route.method!r}: expected a word, such as PUT"
        if not _is_path(_PLACEHOLDER.sub("x", route.path)):
            yield f"{where}: path {route.path!r}: expected an encoded path that begins with one slash, without a query"
        expected, given = _placeholders(self.operations[name].path), _placeholders(route.path)
        if sorted(given) != sorted(expected):
            names = " and ".join(f"{{{each}}}" for each in expected) or "no placeholders"
            yield f"{where}: path {route.path!r}: expected {names}, each once"


class Router:
    """Finds method and URL of requests to one service."""

    def __init__(self, base_url: str, routing: Routing | None = None, *, documented_paths: bool = False) -> None:
        self._documented_paths = documented_paths
        self._allows_low = _is_this_machine(base_url)
        self._routing = routing
        self._routes: Mapping[str, Route] = {}
        if routing is not None:
            self._allows_low = self._allows_low or routing.allow_low_confidence
            self._routes = routing.routes

    def find(self, request: Request) -> tuple[str, str]:
        """The method, and the URL below the base URL.

        Raises:
            OperationNotConfigured: nobody knows how to call it, or too little for a write.
        """
        operation = request.operation
        if self._routes and operation.id in self._routes:
            route = self._routes[operation.id]
            path = _PLACEHOLDER.sub(lambda placeholder: request.segments[placeholder[1]], route.path)
            return route.method.upper(), evolve(request, live_path=path).url
        if not operation.configured:
            raise OperationNotConfigured(operation.id, _unknown(operation))
        if operation.confidence == "low" and not self._allows_low and request.repeat != "read":
            raise OperationNotConfigured(operation.id, _uncertain(operation))
        if self._routing is not None and self._routing.prefixes and operation.id in self._routing.operations:
            path = request.path if self._documented_paths else request.live_path or request.path
            return operation.method, evolve(request, live_path=_moved(path, self._routing)).url
        return operation.method, request.documented_url if self._documented_paths else request.url


def _moved(path: str, routing: Routing) -> str:
    for old, new in routing.prefixes.items():
        if path.startswith(f"{old}/"):
            return f"{new}{path.removeprefix(old).removesuffix(routing.suffix)}{routing.suffix}"
    return path


def _unknown(operation: Operation) -> str:
    return (
        f"{operation.id}: the vendor does not document how to call it, and nothing is guessed. "
        f"If you know, say so: routes={_example(operation)}"
    )


def _uncertain(operation: Operation) -> str:
    call = f"{operation.method} {operation.live_path or operation.path}"
    return (
        f"{operation.id}: that it is called by {call} is known from one weak source only, and it changes something. "
        "To send it so, set allow_low_confidence=True; "
        f"if you know better: routes={_example(operation)}"
    )


def _example(operation: Operation) -> str:
    path = "".join(f"/{{{name}}}" for name in _placeholders(operation.path))
    return f'{{"{operation.id}": Route("PUT", "/...{path}/...")}}'


def _placeholders(template: str) -> list[str]:
    return _PLACEHOLDER.findall(template)


def _is_prefix(path: str) -> bool:
    return not path or (_is_path(path) and not path.endswith("/"))


def _is_path(path: str) -> bool:
    # anything else could carry credentials to another host, or another operation's name
    return (
        path.startswith("/")
        and not path.startswith("//")
        and path.isascii()
        and path.isprintable()
        and not set(path) & set("?#\\ {}")
        and not {".", ".."} & set(path.split("/"))
    )


def _is_this_machine(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
