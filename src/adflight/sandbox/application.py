"""The sandbox's routes: the vendors' operations, the administration, and the files on the other origin.

Imports vendor and what it imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .answers import Refused
from .counts import Counts
from .engine import Engine
from .faults import Fault
from .places import Place
from .store import Store
from .vendor import Action, Platform

__all__ = ["Control", "build", "build_files"]

_CREDENTIALS = ("authorization", "x-iaa-ow-id", "x-iaa-host", "cookie")


class Control(Protocol):
    """What the administration can do; a vendor that runs does it, and the sandbox itself."""

    def add_fault(self, fault: Fault) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...
    def expire_tokens(self, *, refresh: bool = False) -> None: ...
    @property
    def counts(self) -> Counts: ...
    def state(self) -> Mapping[str, Any]: ...


class _Endpoint:
    """What is served at one place."""

    def __init__(self, engine: Engine, place: Place) -> None:
        self._engine = engine
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._engine.serve(self._place, scope, receive, send)


class _OtherMethods:
    """What answers to the methods that a place does not have: a refusal as the vendor writes it."""

    def __init__(self, platform: Platform, template: str) -> None:
        self._platform = platform
        self._places = [place for place in platform.places if place.template == template]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = Refused(405, f"{scope['method']} is not allowed here")
        operation = self._places[0].operations[0]
        path = scope["path"].removeprefix(self._platform.vendor.prefix)
        reply = self._platform.vendor.refuse(refusal, operation, path)
        headers = {**reply.headers, "Allow": ", ".join(place.method for place in self._places)}
        await Response(reply.content, reply.status, headers)(scope, receive, send)


def build(platforms: Iterable[Platform], root: Control, advance: Callable[[float], float]) -> Starlette:
    """The vendors' APIs, each with its administration below /_sandbox/; that of the vendor without a prefix is `root`.
    `advance` puts the clock forward."""
    routes: list[Route] = []
    # a prefix before paths that might begin with anything
    for platform in sorted(platforms, key=lambda platform: platform.vendor.prefix, reverse=True):
        prefix = platform.vendor.prefix
        routes += _admin_routes(platform, platform if prefix else root, advance)
        routes += [
            Route(prefix + place.template, _Endpoint(platform.engine, place), methods=[place.method])
            for place in platform.places
        ]
        templates = dict.fromkeys(place.template for place in platform.places)
        routes += [Route(prefix + template, _OtherMethods(platform, template)) for template in templates]
    return Starlette(routes=routes)


def build_files(store: Store, downloads: list[dict[str, Any]]) -> Starlette:
    """The origin that serves stored files; notes in `downloads` what was fetched and which credentials came along."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        sent = [header for header in _CREDENTIALS if header in request.headers]
        downloads.append({"name": name, "credentials": sent})
        row = store.get("file", name)
        if row is None or row["signature"] != request.query_params.get("signature"):
            return Response("no such file", 403, media_type="text/plain")
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(row["content"], media_type=row["media_type"], headers=disposition)

    return Starlette(routes=[Route("/files/{name}", file)])


def _admin_routes(platform: Platform, control: Control, advance: Callable[[float], float]) -> list[Route]:
    def counts(_: Any) -> Mapping[str, Any]:
        return {name: value if isinstance(value, int) else dict(value) for name, value in vars(control.counts).items()}

    def state(_: Any) -> Mapping[str, Any]:
        return control.state()

    def add_fault(body: Any) -> Mapping[str, Any]:
        control.add_fault(Fault(**body))
        return control.state()

    def clear_faults(_: Any) -> Mapping[str, Any]:
        control.clear_faults()
        return control.state()

    def reset(_: Any) -> Mapping[str, Any]:
        control.reset()
        return control.state()

    def put_forward(body: Any) -> Mapping[str, Any]:
        return {"now": advance(float(body["advance"]))}

    def expire(body: Any) -> Mapping[str, Any]:
        control.expire_tokens(refresh=bool((body or {}).get("refresh")))
        return control.state()

    def action(act: Action) -> Callable[[Any], Mapping[str, Any]]:
        def route(body: Any) -> Mapping[str, Any]:
            act(platform.engine.world, body, platform.engine.clock.now())
            return control.state()

        return route

    prefix = platform.vendor.prefix
    return [
        _admin_route(prefix, "counts", "GET", counts),
        _admin_route(prefix, "state", "GET", state),
        _admin_route(prefix, "faults", "POST", add_fault),
        _admin_route(prefix, "faults", "DELETE", clear_faults),
        _admin_route(prefix, "reset", "POST", reset),
        _admin_route(prefix, "clock", "POST", put_forward),
        _admin_route(prefix, "tokens/expire", "POST", expire),
        *(_admin_route(prefix, name, "POST", action(act)) for name, act in platform.vendor.actions.items()),
    ]


def _admin_route(prefix: str, name: str, method: str, act: Callable[[Any], Mapping[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.json() if await request.body() else None
            return JSONResponse(act(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    return Route(f"{prefix}/_sandbox/{name}", endpoint, methods=[method])
