"""The sandbox's routes: the specification's operations, the administration, and the files on the other origin.

Imports the engine and what it imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .counts import Counts
from .engine import Engine
from .faults import Fault
from .specification import Operation
from .store import Store

__all__ = ["Control", "build", "build_files"]

_CREDENTIALS = ("authorization", "x-iaa-ow-id", "x-iaa-host", "cookie")


class Control(Protocol):
    """What the administration can do; the sandbox itself does it."""

    def add_fault(self, fault: Fault) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...
    def advance(self, seconds: float) -> float: ...
    def expire_tokens(self, *, refresh: bool = False) -> None: ...
    def set_campaign_status(self, campaign_id: int, status: str) -> None: ...
    @property
    def counts(self) -> Counts: ...
    def state(self) -> Mapping[str, Any]: ...


class _Endpoint:
    """The operations of one method and path."""

    def __init__(self, engine: Engine, operations: list[Operation]) -> None:
        self._engine = engine
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._engine.serve(self._operations, scope, receive, send)


def build(engine: Engine, operations: Iterable[Operation], control: Control) -> Starlette:
    """The API and its administration, the latter below /_sandbox/."""
    return Starlette(routes=[*_admin_routes(control), *_operation_routes(engine, operations)])


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


def _operation_routes(engine: Engine, operations: Iterable[Operation]) -> list[Route]:
    places: dict[tuple[str, str], list[Operation]] = {}
    for operation in operations:
        for path in operation.paths:
            places.setdefault((path, operation.method), []).append(operation)
    # a path without parameters comes before one whose parameter would match it
    return [
        Route(path, _Endpoint(engine, found), methods=[method])
        for (path, method), found in sorted(places.items(), key=lambda item: "{" in item[0][0])
    ]


def _admin_routes(control: Control) -> list[Route]:
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

    def advance(body: Any) -> Mapping[str, Any]:
        return {"now": control.advance(float(body["advance"]))}

    def expire(body: Any) -> Mapping[str, Any]:
        control.expire_tokens(refresh=bool((body or {}).get("refresh")))
        return control.state()

    def set_status(body: Any) -> Mapping[str, Any]:
        control.set_campaign_status(int(body["id"]), str(body["status"]))
        return control.state()

    return [
        _admin_route("counts", "GET", counts),
        _admin_route("state", "GET", state),
        _admin_route("faults", "POST", add_fault),
        _admin_route("faults", "DELETE", clear_faults),
        _admin_route("reset", "POST", reset),
        _admin_route("clock", "POST", advance),
        _admin_route("tokens/expire", "POST", expire),
        _admin_route("campaigns/status", "POST", set_status),
    ]


def _admin_route(name: str, method: str, act: Callable[[Any], Mapping[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.json() if await request.body() else None
            return JSONResponse(act(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    return Route(f"/_sandbox/{name}", endpoint, methods=[method])
