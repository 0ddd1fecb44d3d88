"""Specifications as the generator sees them: read, checked, and lowered.

openapi-python-client knows nothing of envelopes, coercions or error bodies that raise. So it is handed a lowered copy,
in which an operation answers with what is inside its envelope, and documented errors are absent. The templates read
the rest, units and marks above all, from the specification itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jsonschema import Draft202012Validator

Schema = dict[str, Any]

ENVELOPES = {"v2": "responseObject", "v3": "data", "flat": None, "acknowledged": None}
METHODS = ("get", "put", "post", "delete", "patch")
MEDIA = ("application/json", "application/x-www-form-urlencoded", "application/xml")

# what may stand on a property or parameter; openapi/README.md explains each
FIELD_MARKS: dict[str, Schema] = {
    "x-adflight-unit": {"enum": ["seconds", "milliseconds", "date", "hours-minutes", "local-minutes", "iso-8601"]},
    "x-adflight-offset": {"type": "string"},
    "x-adflight-list": {"enum": ["comma", "newline"]},
    "x-adflight-items": {"type": "string"},
    "x-adflight-coerce": {"enum": ["integer"]},
    "x-adflight-alias": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    "x-adflight-send-as": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    "x-adflight-name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
    "x-adflight-bool": {"const": True},
    "x-adflight-secret": {"const": True},
    "x-adflight-fold-case": {"const": True},
    "x-adflight-closed": {"const": True},
    "x-adflight-unused": {"const": True},
}


class SpecificationError(Exception):
    """A specification that cannot be generated from; says where and why."""


class RawOperation(NamedTuple):
    path: str
    method: str
    data: dict[str, Any]

    @property
    def marks(self) -> dict[str, Any]:
        marks: dict[str, Any] = self.data["x-adflight"]
        return marks

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Those that are sent."""
        return [parameter for parameter in self.data["parameters"] if "x-adflight-unused" not in parameter]

    @property
    def answer(self) -> Schema | None:
        """The schema of the body of the first 2xx answer that has one."""
        for status, response in self.data["responses"].items():
            if status.startswith("2") and "content" in response:
                schema: Schema = next(iter(response["content"].values()))["schema"]
                return schema
        return None

    @property
    def answer_media(self) -> str | None:
        """The media type of that body."""
        for status, response in self.data["responses"].items():
            if status.startswith("2") and "content" in response:
                return str(next(iter(response["content"])))
        return None

    @property
    def content(self) -> Schema | None:
        """The schema inside the envelope of that answer; of an acknowledgement's alternatives, the first."""
        key = ENVELOPES[self.marks["envelope"]]
        if self.answer is None:
            return None
        if self.marks["envelope"] == "acknowledged":
            # the body says whether it is a success, so refusals, which are raised, come with the same HTTP status
            success: Schema = self.answer.get("anyOf", [self.answer])[0]
            return success
        if key is None:
            return self.answer
        try:
            content: Schema = self.answer["properties"][key]
        except KeyError:
            raise SpecificationError(
                f"{self.data['operationId']}: the answer has no {key}, which its envelope needs"
            ) from None
        return content


class Specification:
    """One vendor's specification."""

    def __init__(self, path: Path) -> None:
        self.vendor = path.stem
        self.document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.schemas: dict[str, Schema] = self.document["components"]["schemas"]
        self._check()

    def operations(self) -> Iterator[RawOperation]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = dict(item[method])
                    operation["parameters"] = [*item.get("parameters", []), *operation.get("parameters", [])]
                    yield RawOperation(path, method, operation)

    def resolve(self, schema: Schema) -> Schema:
        """The component that a reference names, with the reference's own marks on top."""
        while "$ref" in schema:
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self.schemas[schema["$ref"].rsplit("/", 1)[1]], **siblings}
        return schema

    def answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The documented answer that a reference names."""
        name: str | None = answer.get("$ref")
        found: dict[str, Any] = self.document["components"]["responses"][name.rsplit("/", 1)[1]] if name else answer
        return found

    def only_sent(self) -> set[str]:
        """Components that stand in bodies, and in no answer."""
        sent: set[str] = set()
        read: set[str] = set()
        for operation in self.operations():
            self._reach(operation.data.get("requestBody", {}), sent)
            self._reach(operation.data["responses"], read)
        return sent - read

    def _reach(self, node: Any, found: set[str]) -> None:
        if isinstance(node, list):
            for item in node:
                self._reach(item, found)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "$ref" and value.startswith("#/components/schemas/"):
                    name = value.rsplit("/", 1)[1]
                    if name not in found:
                        found.add(name)
                        self._reach(self.schemas[name], found)
                elif key not in ("examples", "example"):
                    self._reach(value, found)

    def component(self, schema: Schema) -> str | None:
        """The name of the component that a schema is a reference to."""
        reference: str | None = schema.get("$ref")
        return reference.rsplit("/", 1)[1] if reference else None

    def lowered(self) -> dict[str, Any]:
        document = deepcopy(self.document)
        for name, schema in document["components"]["schemas"].items():
            document["components"]["schemas"][name] = _lower_schema(schema)
        for operation in self.operations():
            lowered = document["paths"][operation.path][operation.method]
            content = operation.content
            response: dict[str, Any] = {"description": operation.data["summary"]}
            if content is not None:
                response["content"] = {"application/json": {"schema": _lower_schema(content)}}
            lowered["responses"] = {"200": response}
            lowered["parameters"] = [_lower_schema(parameter) for parameter in lowered.get("parameters", [])]
        return document

    def _check(self) -> None:
        schema = json.loads(Path(__file__).with_name("extensions.schema.json").read_text(encoding="utf-8"))
        validator = Draft202012Validator(schema)
        problems: list[str] = []
        identifiers: set[str] = set()
        declared = {tag["name"] for tag in self.document.get("tags", [])}
        for path, item in self.document["paths"].items():
            unknown = item.keys() - {*METHODS, "parameters"}
            problems.extend(f"{path}: {key} is nothing that the generator can express" for key in sorted(unknown))
        for operation in self.operations():
            name = operation.data.get("operationId", f"{operation.method.upper()} {operation.path}")
            if name in identifiers:
                problems.append(f"{name}: the operationId is used twice")
            identifiers.add(name)
            problems.extend(f"{name}: {problem}" for problem in _shape(operation))
            for error in validator.iter_errors(operation.data.get("x-adflight", {})):
                problems.append(f"{name}: x-adflight{error.json_path[1:]}: {error.message}")
            tags = operation.data.get("tags", [])
            if len(tags) != 1 or not name.startswith(f"{tags[0]}_"):
                problems.append(f"{name}: needs exactly one tag, and an operationId that starts with it")
            elif tags[0] not in declared:
                problems.append(f"{name}: the tag {tags[0]} is not declared")
        for where, mark, value in _field_marks(self.document, "#"):
            if value is None:
                problems.append(f"{where}: {mark!r} has no value; a text with a comma needs quotes between braces")
            elif mark not in FIELD_MARKS:
                problems.append(f"{where}: {mark} is not an extension that the generator knows here")
            else:
                errors = Draft202012Validator(FIELD_MARKS[mark]).iter_errors(value)
                problems.extend(f"{where}: {mark}: {error.message}" for error in errors)
        if problems:
            raise SpecificationError("\n".join(problems))


def _shape(operation: RawOperation) -> Iterator[str]:
    """What the generator would leave out, or get wrong, without a word."""
    data = operation.data
    yield from (f"has no {key}" for key in ("summary", "responses") if key not in data)
    body = data.get("requestBody", {})
    answers = [answer for status, answer in data.get("responses", {}).items() if str(status).startswith("2")]
    if any("$ref" in part for part in (*data["parameters"], body, *answers)):
        yield "parameters, body and 2xx answers must be written out, not referred to"
        return
    marks = data.get("x-adflight", {})
    names = {parameter["name"] for parameter in data["parameters"] if parameter["in"] == "path"}
    for path in (operation.path, marks.get("live_path"), marks.get("wire_path")):
        if path is not None and set(re.findall(r"{(.*?)}", path)) != names:
            yield f"{path} does not have the path parameters {sorted(names)}"
    for parameter in data["parameters"]:
        if parameter["schema"].get("type") in ("array", "object"):
            yield f"{parameter['name']}: a list in a path or query needs the type string and x-adflight-list"
    constant = marks.get("query", {}).keys() & {parameter["name"] for parameter in data["parameters"]}
    yield from (f"{name} is constant, and so no parameter" for name in sorted(constant))
    media = list(body.get("content", {}))
    if body and (len(media) != 1 or media[0] not in MEDIA):
        yield f"a body must have one of the types {', '.join(MEDIA)}, not {', '.join(media)}"
    if isinstance(marks.get("repeat"), dict) and not body:
        yield "there is no body that could hold the field that decides about repeating"


def _field_marks(node: Any, where: str) -> Iterator[tuple[str, str, Any]]:
    """Extensions below a node, and keys without a value: the rest of a text that YAML cut at a comma."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _field_marks(item, f"{where}/{index}")
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "x-enum-varnames" or (key == "x-adflight" and "operationId" in node):
                continue
            if key.startswith("x-") or (value is None and key not in ("default", "const", "example")):
                yield where, key, value
            elif key not in ("examples", "example"):
                yield from _field_marks(value, f"{where}/{key}")


def _lower_schema(node: Any) -> Any:
    """A schema as the generator should type it: coerced, without defaults, maps and free-form objects as plain JSON."""
    if isinstance(node, list):
        return [_lower_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "object" and not node.get("properties") and not node.get("allOf"):
        return {"description": node.get("description", "")}
    lowered = {
        key: _lower_schema(value) for key, value in node.items() if key not in ("default", "examples", "example")
    }
    if "properties" in node:
        lowered["properties"] = {name: _lower_schema(schema) for name, schema in node["properties"].items()}
    if "x-adflight-coerce" in node:
        lowered["type"] = node["x-adflight-coerce"]
    return lowered
