"""The OpenAPI document as the sandbox uses it: its operations, and where each is served.

Imports nothing of the sandbox, and nothing of adflight but the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

__all__ = ["Operation", "Parameter", "Specification", "load"]

Envelope = Literal["v2", "v3", "flat", "acknowledged"]
Credentials = Literal["none", "basic", "bearer", "query"]

_JSON = "application/json"
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Parameter:
    """A path, query or header parameter."""

    name: str
    location: str
    required: bool
    types: frozenset[str]
    """JSON types that its schema allows; empty for any."""
    default: Any
    pointer: str
    """Where its schema stands in the document."""
    holds_body: bool = False
    """Whether it may carry the text of the body in the body's place."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    paths: tuple[str, ...]
    """Every path template under which it is served: as documented, as the live service is known to have it, and for a
    pseudo path the real one."""
    envelope: Envelope
    credentials: Credentials
    keys: frozenset[str]
    """Names of the credentials that travel in the query."""
    parameters: tuple[Parameter, ...]
    media_type: str | None
    """Of the body; None when there is none."""
    body_pointer: str
    body_required: bool
    marks: frozenset[str]
    """Fields of the body that tell a request to it from one to another operation on the same path; empty for none."""
    query: Mapping[str, str]
    """Constants in the query that tell a request to it from one to another operation on the same path."""
    statuses: frozenset[str]
    """The documented ones."""
    success: int
    """The HTTP status of its successes."""
    answer_type: str
    """The media type of its answers."""
    single_errors: frozenset[str]
    """Statuses whose documented errorObjects are one object, not a list."""
    quota: str = "api"
    """The group of operations that are counted together."""

    @property
    def needed(self) -> frozenset[str]:
        """Parameters of the query without which a request cannot be one to it."""
        return frozenset(item.name for item in self.parameters if item.location == "query" and item.required)


class Specification:
    """The operations of an OpenAPI document. `document` is the whole of it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.operations: tuple[Operation, ...] = tuple(self._operations())

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a possible reference within the document stands for; siblings of the reference win."""
        while "$ref" in schema:
            target = self.at(schema["$ref"].removeprefix("#"))
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema

    def at(self, pointer: str) -> Mapping[str, Any]:
        """The object of the document at which a JSON pointer points."""
        target: Any = self.document
        for step in pointer.removeprefix("/").split("/"):
            target = target[int(step) if isinstance(target, list) else step.replace("~1", "/").replace("~0", "~")]
        assert isinstance(target, Mapping)
        return target

    def answer_pointer(self, operation: Operation, status: int) -> str | None:
        """Where the schema of an answer stands, or None when that status is documented without one."""
        path, item = self._places[operation.id]
        pointer = f"/paths/{_escape(path)}/{operation.method.lower()}/responses/{status}"
        answer = item["responses"].get(str(status), {})
        if "$ref" in answer:
            pointer = answer["$ref"].removeprefix("#")
            answer = self.resolve(answer)
        media_type = next(iter(answer.get("content", {})), None)
        return f"{pointer}/content/{_escape(media_type)}/schema" if media_type else None

    def _operations(self) -> Iterator[Operation]:
        self._places: dict[str, tuple[str, Mapping[str, Any]]] = {}
        shared = self._required_by_path()
        for path, item in self.document["paths"].items():
            for method in _METHODS:
                if method in item:
                    self._places[item[method]["operationId"]] = (path, item[method])
                    yield self._operation(path, item, method, shared)

    def _operation(
        self, path: str, item: Mapping[str, Any], method: str, shared: Mapping[tuple[str, str], frozenset[str]]
    ) -> Operation:
        description = item[method]
        marks = description.get("x-adflight", {})
        real = marks.get("wire_path")
        body = self.resolve(description.get("requestBody", {}))
        media_type = next(iter(body.get("content", {})), None)
        place = f"/paths/{_escape(path)}/{method}"
        security = description.get("security", self.document.get("security", []))
        answers = {status: self.resolve(answer) for status, answer in description["responses"].items()}
        return Operation(
            id=description["operationId"],
            method=method.upper(),
            paths=tuple(template for template in (path, marks.get("live_path"), real) if template),
            envelope=marks.get("envelope", "v3"),
            credentials=self._credentials(security),
            keys=frozenset(scheme["name"] for scheme in self._schemes(security) if scheme.get("in") == "query"),
            parameters=tuple(
                self._parameter(parameter, f"{where}/parameters/{index}")
                for where, holder in ((f"/paths/{_escape(path)}", item), (place, description))
                for index, parameter in enumerate(holder.get("parameters", ()))
            ),
            media_type=media_type,
            body_pointer=f"{place}/requestBody/content/{_escape(media_type)}/schema" if media_type else "",
            body_required=bool(body.get("required")),
            marks=self._required(description) - shared.get((real, method), frozenset()) if real else frozenset(),
            query=marks.get("query", {}),
            statuses=frozenset(answers),
            success=min((int(status) for status in answers if status.startswith("2")), default=200),
            answer_type=next(
                (name for _, answer in sorted(answers.items()) for name in answer.get("content", ())), _JSON
            ),
            single_errors=frozenset(status for status, answer in answers.items() if _has_single_error(answer)),
            quota=marks.get("quota", "api"),
        )

    def _parameter(self, parameter: Mapping[str, Any], pointer: str) -> Parameter:
        if "$ref" in parameter:
            pointer = parameter["$ref"].removeprefix("#")
            parameter = self.resolve(parameter)
        schema = self.resolve(parameter["schema"])
        types = schema.get("type", ())
        return Parameter(
            name=parameter["name"],
            location=parameter["in"],
            required=bool(parameter.get("required")),
            types=frozenset([types] if isinstance(types, str) else types),
            default=schema.get("default"),
            pointer=f"{pointer}/schema",
            holds_body=bool(parameter.get("x-adflight-unused")) and parameter["name"] == "data",
        )

    def _credentials(self, security: list[Mapping[str, Any]]) -> Credentials:
        schemes = self._schemes(security)
        for scheme in schemes:
            if scheme["type"] == "http":
                return "basic" if scheme["scheme"] == "basic" else "bearer"
        return "query" if schemes else "none"

    def _schemes(self, security: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        known = self.document.get("components", {}).get("securitySchemes", {})
        return [self.resolve(known[name]) for name in sorted({name for one in security for name in one})]

    def _required(self, description: Mapping[str, Any]) -> frozenset[str]:
        content = self.resolve(description.get("requestBody", {})).get("content", {})
        return frozenset(
            name for media in content.values() for name in self.resolve(media["schema"]).get("required", ())
        )

    def _required_by_path(self) -> dict[tuple[str, str], frozenset[str]]:
        return {
            (path, method): self._required(description)
            for path, item in self.document["paths"].items()
            for method, description in item.items()
            if isinstance(description, dict)
        }


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _has_single_error(answer: Mapping[str, Any]) -> bool:
    examples = answer.get("content", {}).get("application/json", {}).get("examples", {})
    values = [example["value"] for example in examples.values()]
    return any(isinstance(value, dict) and isinstance(value.get("errorObjects"), dict) for value in values)


def load(source: Mapping[str, Any] | str | Path | None = None, vendor: str = "iqm") -> Specification:
    """Read an OpenAPI document: a path to its JSON, the decoded document itself, or by default the one of the vendor
    that comes with adflight.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(source, Mapping):
        return Specification(source)
    if source is None:
        text = resources.files(f"adflight_api.{vendor}").joinpath("openapi.json").read_text(encoding="utf-8")
    else:
        text = Path(source).read_text(encoding="utf-8")
    return Specification(json.loads(text))
