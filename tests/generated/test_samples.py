"""Every documented sample goes through the generated code and comes out as it went in; errors are judged as such."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module, resources
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

from adflight.core import errors
from adflight.core.judge import judge
from adflight.core.redaction import SECRET_NAMES
from adflight_api.iqm import models
from adflight_api.runtime import UNSET, Model, plain
from tests.codegen import SPECIFICATION
from tests.core.scripted import SHOWN, answer

UNITS = {"seconds": timedelta(seconds=1), "milliseconds": timedelta(milliseconds=1)}
SEPARATORS = {"comma": ",", "newline": "\n"}
DOCUMENT = json.loads(resources.files("adflight_api.iqm").joinpath("openapi.json").read_text(encoding="utf-8"))

ERRORS: dict[int, type[errors.APIError]] = {
    401: errors.AuthenticationError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    429: errors.RateLimited,
    500: errors.ServerError,
}
WORDS = ("error", "errorMsg", "error_description", "message", "reason")


class Sample(NamedTuple):
    operation: str
    name: str
    value: Any

    @property
    def module(self) -> ModuleType:
        tag = next(tag for tag in ("auth", "campaigns", "insertion_orders", "bid_models", "master") if self.has(tag))
        return import_module(f"adflight_api.iqm.api.{tag}.{self.operation}")

    def has(self, tag: str) -> bool:
        return self.operation.startswith(f"{tag}_")


def operations() -> Iterator[dict[str, Any]]:
    for item in DOCUMENT["paths"].values():
        yield from (operation for operation in item.values() if "operationId" in operation)


def examples(operation: dict[str, Any], content: dict[str, Any]) -> Iterator[Sample]:
    for media in content.values():
        for name, example in media.get("examples", {}).items():
            yield Sample(operation["operationId"], name, example["value"])


def request_samples() -> list[Sample]:
    bodies = [(operation, operation["requestBody"]) for operation in operations() if "requestBody" in operation]
    return [sample for operation, body in bodies for sample in examples(operation, body["content"])]


def answer_samples() -> list[Sample]:
    return [
        sample
        for operation in operations()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for sample in examples(operation, answer.get("content", {}))
    ]


def error_samples() -> list[tuple[int, Sample]]:
    """Each documented error once, by status and body, with the first operation that has it."""
    found: dict[tuple[str, str], tuple[int, Sample]] = {}
    for operation in operations():
        for status, refusal in operation["responses"].items():
            if status.startswith(("4", "5")):
                if "$ref" in refusal:
                    refusal = DOCUMENT["components"]["responses"][refusal["$ref"].rpartition("/")[2]]
                for sample in examples(operation, refusal["content"]):
                    found.setdefault((status, json.dumps(sample.value)), (int(status), sample))
    return list(found.values())


def words(value: Any) -> Iterator[str]:
    """What an error body says to a reader, wherever it says it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from words(inner)
        elif key in WORDS:
            yield inner


def named(sample: Sample) -> str:
    return f"{sample.operation}-{sample.name}"


def canonical(value: Any) -> str:
    """JSON in which 5 and 5.0 are the same, and 1 and true are not."""

    def plainly(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, dict):
            return {key: plainly(item) for key, item in value.items()}
        return [plainly(item) for item in value] if isinstance(value, list) else value

    return json.dumps(plainly(value), sort_keys=True, indent=1)


class Reader:
    """The specification's view of a sample, beside that of the generated code."""

    def __init__(self, codegen: Callable[[str], Any]) -> None:
        self.specification = codegen("specification").Specification(SPECIFICATION)
        self.types = codegen("python_types").Types(self.specification)
        self.endpoints = codegen("endpoints").Endpoints(self.specification, self.types).by_id

    def expected(self, schema: Any, wire: Any, value: Any, where: str) -> Any:
        """What `value`, which was read from `wire`, must be written as; fails where it was not read as declared."""
        variants = [self.specification.resolve(variant) for variant in self.types.variants(schema)]
        components = {self.specification.component(variant) for variant in self.types.variants(schema)}
        if isinstance(value, Model):
            assert type(value).__name__ in components, where
            return self.expected_object(self.specification.schemas[type(value).__name__], wire, value, where)
        if isinstance(wire, list):
            assert isinstance(value, list), where
            assert len(value) == len(wire), where
            (items,) = (variant["items"] for variant in variants if variant.get("type") == "array")
            return [
                self.expected(items, *pair, f"{where}/{index}")
                for index, pair in enumerate(zip(wire, value, strict=True))
            ]
        if isinstance(wire, dict):
            (free,) = (variant for variant in variants if variant.get("type", "object") == "object")
            assert not free.get("properties"), f"{where}: {wire} was not read as {components}"
            values = free.get("additionalProperties", True)
            return {
                key: self.expected(values if isinstance(values, dict) else {}, *pair, f"{where}/{key}")
                for key, pair in zip(wire, zip(wire.values(), value.values(), strict=True), strict=True)
            }
        if isinstance(wire, str) and any("x-adflight-coerce" in variant for variant in variants):
            assert type(value) is int, where
            return int(wire)
        if not isinstance(wire, bool) and isinstance(wire, int) and any("x-adflight-unit" in item for item in variants):
            assert isinstance(value, datetime), where
        folds = any("x-adflight-fold-case" in variant for variant in variants)
        return wire.lower() if folds and isinstance(wire, str) else wire

    def expected_object(self, schema: Any, wire: Any, value: Model, where: str) -> Any:
        assert value.additional_properties == {}, where
        result = {}
        for field in self.types.fields(schema):
            names = [name for name in (field.wire, *field.aliases) if name in wire]
            read = getattr(value, field.python)
            if names:
                result[field.wire] = self.expected(field.schema, wire[names[0]], read, f"{where}/{field.wire}")
            else:
                assert read is UNSET, f"{where}/{field.wire}"
        return result

    def sent(self, fields: Any, sample: Any) -> Any:
        """What goes out for a sample: each field under all the names that the specification sends it as."""
        wire = dict(sample)
        for field in fields:
            for name in (name for name in field.send_as if name in sample):
                wire.update(dict.fromkeys(field.send_as, sample[name]))
        return wire

    def argument(self, schema: Any, wire: Any) -> Any:
        """A value of a sample as a caller would pass it."""
        for variant in self.types.variants(schema):
            marks = self.specification.resolve(variant)
            if self.types.is_model(variant) and isinstance(wire, dict):
                return getattr(models, self.specification.component(variant)).from_dict(wire)
            if marks.get("type") == "array" and isinstance(wire, list):
                return [self.argument(marks["items"], item) for item in wire]
            if isinstance(marks.get("additionalProperties"), dict) and isinstance(wire, dict):
                return {key: self.argument(marks["additionalProperties"], item) for key, item in wire.items()}
            if "x-adflight-unit" in marks and isinstance(wire, int):
                return datetime(1970, 1, 1, tzinfo=UTC) + wire * UNITS[marks["x-adflight-unit"]]
            if "x-adflight-list" in marks and wire:
                return str(wire).split(SEPARATORS[marks["x-adflight-list"]])
            if "x-adflight-bool" in marks:
                return bool(wire)
        return wire


@pytest.fixture(scope="module")
def reader(codegen: Callable[[str], Any]) -> Reader:
    return Reader(codegen)


@pytest.mark.parametrize("sample", answer_samples(), ids=named)
def test_answers_are_decoded_and_encoded_back(sample: Sample, reader: Reader) -> None:
    content = sample.module.OPERATION.unwrap(sample.value)
    parsed = sample.module.parse(content)

    expected = reader.expected(reader.endpoints[sample.operation].operation.content, content, parsed, "#")

    assert canonical(plain(parsed)) == canonical(expected)


@pytest.mark.parametrize("sample", request_samples(), ids=named)
def test_requests_are_built_from_arguments(sample: Sample, reader: Reader) -> None:
    endpoint = reader.endpoints[sample.operation]
    segments = [1 if field.annotation == "int" else "text" for field in endpoint.path_fields]
    arguments = {}
    for field in endpoint.body_fields:
        names = [name for name in (*field.send_as, *field.aliases) if name in sample.value]
        if names:
            arguments[field.python] = reader.argument(field.schema, sample.value[names[0]])

    request = sample.module.request(*segments, **arguments)

    assert request.content is not None
    sent = dict(parse_qsl(request.content.decode())) if request.form else json.loads(request.content)
    assert canonical(sent) == canonical(reader.sent(endpoint.body_fields, sample.value))


@pytest.mark.parametrize(
    ("status", "sample"),
    [pytest.param(status, sample, id=f"{status}-{named(sample)}") for status, sample in error_samples()],
)
def test_errors_are_told_in_their_own_words(status: int, sample: Sample) -> None:
    came = answer(status, sample.value)
    refusal = judge(sample.module.OPERATION, came).refusal
    assert refusal is not None
    error = refusal.error(sample.module.OPERATION, came, SHOWN, SECRET_NAMES)

    assert type(error) is ERRORS.get(status, errors.ValidationFailed)
    assert (error.status, error.operation.replace(".", "_")) == (status, sample.operation)
    said = list(words(sample.value))
    assert error.errors
    assert all(any(text in told for told in error.errors) for text in said)
    assert all(any(text in told for text in said) for told in error.errors)


def test_no_operation_is_without_samples() -> None:
    requests = {sample.operation for sample in request_samples()}
    answers = {sample.operation for sample in answer_samples()}

    for operation in operations():
        assert ("requestBody" in operation) == (operation["operationId"] in requests), operation["operationId"]
        assert operation["operationId"] in answers
