"""Every sample of every vendor goes through the generated code and comes out as it went in; errors are judged as such.

XML samples are compared as what the vendor's codec reads them as; that nothing is lost there is what test_xml shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from html import unescape
from importlib import import_module, resources
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

from adflight.core import errors
from adflight.core.judge import judge
from adflight.core.redaction import SECRET_NAMES
from adflight.core.transport import WireAnswer
from adflight_api.runtime import UNSET, Model, plain
from tests.codegen import ROOT, VENDORS
from tests.core.scripted import SHOWN

UNITS = {"seconds": timedelta(seconds=1), "milliseconds": timedelta(milliseconds=1)}
SEPARATORS = {"comma": ",", "newline": "\n"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPES: dict[str, tuple[type, ...]] = {
    "date": (date,),
    "hours-minutes": (timedelta,),
    "iso-8601": (datetime, str),
    "local-minutes": (str,),
}
DOCUMENTS = {
    vendor: json.loads(resources.files(f"adflight_api.{vendor}").joinpath("openapi.json").read_text(encoding="utf-8"))
    for vendor in VENDORS
}

# what samples of FreeWheel carry to show that it is kept
UNDESCRIBED = {"external_ref", "one_more", "placement_type", "placements"}

ERRORS: dict[int, type[errors.APIError]] = {
    401: errors.AuthenticationError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    408: errors.ServerError,
    429: errors.RateLimited,
    500: errors.ServerError,
}
WORDS = ("error", "errorMsg", "error_description", "message", "Message", "reason")


class Sample(NamedTuple):
    vendor: str
    tag: str
    operation: str
    media: str
    name: str
    value: Any
    """JSON, or the text of an XML document."""

    @property
    def module(self) -> ModuleType:
        return import_module(f"adflight_api.{self.vendor}.api.{self.tag}.{self.operation}")

    @property
    def models(self) -> ModuleType:
        return import_module(f"adflight_api.{self.vendor}.models")

    @property
    def content(self) -> bytes:
        """The sample as it comes over the wire."""
        return (self.value if self.media == "application/xml" else json.dumps(self.value)).encode()

    def decoded(self, component: str | None) -> Any:
        """What a codec makes of it; `component` says as what XML is read."""
        if component is None:
            return self.value
        return import_module(f"adflight_api.{self.vendor}.xml_elements").CODEC.decode(component, self.content)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for vendor, document in DOCUMENTS.items():
        for item in document["paths"].values():
            yield from ((vendor, operation) for operation in item.values() if "operationId" in operation)


def examples(vendor: str, operation: dict[str, Any], content: dict[str, Any]) -> Iterator[Sample]:
    for media, described in content.items():
        for name, example in described.get("examples", {}).items():
            tag = operation["tags"][0]
            yield Sample(vendor, tag, operation["operationId"], media, name, example["value"])


def request_samples() -> list[Sample]:
    bodies = [(vendor, item, item["requestBody"]) for vendor, item in operations() if "requestBody" in item]
    return [sample for vendor, operation, body in bodies for sample in examples(vendor, operation, body["content"])]


def success_samples() -> Iterator[Sample]:
    for vendor, operation in operations():
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                yield from examples(vendor, operation, response.get("content", {}))


def is_refused(sample: Sample) -> bool:
    """Whether the body says no, although it comes with the status of a success."""
    operation = sample.module.OPERATION
    return bool(operation.acknowledged) and sample.value.get("status") == "error"


def answer_samples() -> list[Sample]:
    return [sample for sample in success_samples() if not is_refused(sample)]


def error_samples() -> list[tuple[int, Sample]]:
    """Each documented error once, by vendor, status and body, with the first operation that has it."""
    found: dict[tuple[str, str, str], tuple[int, Sample]] = {}
    for vendor, operation in operations():
        for status, refusal in operation["responses"].items():
            if status.startswith(("4", "5")):
                if "$ref" in refusal:
                    refusal = DOCUMENTS[vendor]["components"]["responses"][refusal["$ref"].rpartition("/")[2]]
                for sample in examples(vendor, operation, refusal.get("content", {})):
                    found.setdefault((vendor, status, json.dumps(sample.value)), (int(status), sample))
    refused = [(200, sample) for sample in success_samples() if is_refused(sample)]
    return [*found.values(), *refused]


def words(value: Any) -> Iterator[str]:
    """What an error body says to a reader, wherever it says it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from words(inner)
        elif key in WORDS:
            yield inner


def named(sample: Sample) -> str:
    return f"{sample.vendor}-{sample.operation}-{sample.name}"


def canonical(value: Any) -> str:
    """JSON in which 5 and 5.0 are the same, and 1 and true are not."""

    def plainly(value: Any) -> Any:
        if isinstance(value, Decimal):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, dict):
            return {key: plainly(item) for key, item in value.items()}
        return [plainly(item) for item in value] if isinstance(value, list) else value

    return json.dumps(plainly(value), sort_keys=True, indent=1)


class Reader:
    """The specification's view of a sample, beside that of the generated code."""

    def __init__(self, codegen: Callable[[str], Any], vendor: str) -> None:
        self.models = import_module(f"adflight_api.{vendor}.models")
        self.specification = codegen("specification").Specification(ROOT / "openapi" / f"{vendor}.yaml")
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
        units = {variant["x-adflight-unit"] for variant in variants if "x-adflight-unit" in variant}
        if (
            units
            and not isinstance(wire, bool | None | list | dict)
            and not any("x-adflight-list" in item for item in variants)
        ):
            assert isinstance(value, tuple(kind for unit in units for kind in TYPES.get(unit, (datetime,)))), where
        if any(variant.get("format") == "decimal" for variant in variants) and wire is not None:
            assert type(value) is Decimal, where
            return value
        spellings = {
            known.lower(): known
            for variant in variants
            if "x-adflight-fold-case" in variant
            for known in variant.get("enum", ())
        }
        return spellings.get(wire.lower(), wire) if isinstance(wire, str) else wire

    def expected_object(self, schema: Any, wire: Any, value: Model, where: str) -> Any:
        result = dict(value.additional_properties)
        assert result.keys() <= UNDESCRIBED, where
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

    def coerced(self, schema: Any, wire: Any) -> Any:
        """A value of a sample as it goes out: numbers that the sample has as texts are numbers."""
        for variant in self.types.variants(schema):
            marks = self.specification.resolve(variant)
            if "x-adflight-coerce" in marks and isinstance(wire, str):
                return int(wire)
            if isinstance(wire, list) and marks.get("type") == "array":
                return [self.coerced(marks["items"], item) for item in wire]
            if isinstance(wire, dict) and marks.get("properties"):
                return {name: self.coerced(marks["properties"].get(name, {}), item) for name, item in wire.items()}
        return wire

    def arguments(self, endpoint: Any, body: Any) -> dict[str, Any]:
        """What a caller would pass for the body of a sample."""
        if endpoint.is_list:
            (field,) = endpoint.body_fields
            return {field.python: self.argument(field.schema, body)}
        arguments = {}
        for field in endpoint.written:
            names = [name for name in (*field.send_as, *field.aliases) if name in body]
            if names:
                arguments[field.python] = self.argument(field.schema, body[names[0]])
        for clock, offset in endpoint.clocks:
            if clock.wire in body:
                zone = timezone(timedelta(hours=body.get(offset.wire, 0)))
                arguments[clock.python] = datetime.fromisoformat(body[clock.wire]).replace(tzinfo=zone)
                body.setdefault(offset.wire, 0)
        return arguments

    def argument(self, schema: Any, wire: Any) -> Any:
        """A value of a sample as a caller would pass it."""
        for variant in self.types.variants(schema):
            marks = self.specification.resolve(variant)
            if self.types.is_model(variant) and isinstance(wire, dict):
                return getattr(self.models, self.specification.component(variant)).from_dict(wire)
            if marks.get("type") == "array" and isinstance(wire, list):
                return [self.argument(marks["items"], item) for item in wire]
            if isinstance(marks.get("additionalProperties"), dict) and isinstance(wire, dict):
                return {key: self.argument(marks["additionalProperties"], item) for key, item in wire.items()}
            unit = marks.get("x-adflight-unit")
            if "x-adflight-list" in marks and wire:
                entries = str(wire).split(SEPARATORS[marks["x-adflight-list"]])
                return [EPOCH + int(entry) * UNITS[unit] for entry in entries] if unit else entries
            if unit in UNITS and isinstance(wire, int):
                return EPOCH + wire * UNITS[unit]
            if unit == "date":
                return date.fromisoformat(wire)
            if unit == "hours-minutes":
                hours, minutes = wire.split(":")
                return timedelta(hours=int(hours), minutes=int(minutes))
            if "x-adflight-bool" in marks:
                return bool(wire)
        return wire


@pytest.fixture(scope="module")
def readers(codegen: Callable[[str], Any]) -> dict[str, Reader]:
    return {vendor: Reader(codegen, vendor) for vendor in VENDORS}


@pytest.mark.parametrize("sample", answer_samples(), ids=named)
def test_answers_are_decoded_and_encoded_back(sample: Sample, readers: dict[str, Reader]) -> None:
    reader = readers[sample.vendor]
    endpoint = reader.endpoints[sample.operation]
    content = sample.module.OPERATION.unwrap(sample.decoded(endpoint.decoded))
    parsed = sample.module.parse(content)

    expected = reader.expected(endpoint.operation.content, content, parsed, "#")

    assert canonical(plain(parsed)) == canonical(expected)


@pytest.mark.parametrize("sample", request_samples(), ids=named)
def test_requests_are_built_from_arguments(sample: Sample, readers: dict[str, Reader]) -> None:
    reader = readers[sample.vendor]
    endpoint = reader.endpoints[sample.operation]
    body = deepcopy(sample.decoded(endpoint.encoded))
    segments = [1 if field.annotation == "int" else "text" for field in endpoint.path_fields]
    required = {field.python: 1 for field in endpoint.query_fields if field.required}

    request = sample.module.request(*segments, **required, **reader.arguments(endpoint, body))

    assert request.content is not None
    if endpoint.encoded:
        sent = sample._replace(value=request.content.decode()).decoded(endpoint.encoded)
    else:
        sent = dict(parse_qsl(request.content.decode())) if request.form else json.loads(request.content)
    wire = body if endpoint.is_list else reader.sent(endpoint.body_fields, body)
    assert canonical(sent) == canonical(reader.coerced(endpoint.body, wire))


@pytest.mark.parametrize(
    ("status", "sample"),
    [pytest.param(status, sample, id=f"{status}-{named(sample)}") for status, sample in error_samples()],
)
def test_errors_are_told_in_their_own_words(status: int, sample: Sample) -> None:
    came = WireAnswer(status, {}, sample.content)
    refusal = judge(sample.module.OPERATION, came).refusal
    assert refusal is not None
    error = refusal.error(sample.module.OPERATION, came, SHOWN, SECRET_NAMES)

    server = errors.ServerError if status >= 500 else errors.ValidationFailed
    assert type(error) is ERRORS.get(status, server)
    assert (error.status, error.operation.replace(".", "_")) == (status, sample.operation)
    assert error.errors
    if sample.media == "application/json":
        said = list(words(sample.value))
        assert all(any(text in told for told in error.errors) for text in said)
        assert all(any(text in told for text in said) for told in error.errors)
    else:
        # nobody documents the shape of these: what they say has to be in there, wherever it stands
        assert all(unescape(sample.value).find(part) >= 0 for told in error.errors for part in told.split(": "))


def test_no_operation_is_without_samples() -> None:
    requests = {(sample.vendor, sample.operation) for sample in request_samples()}
    answers = {(sample.vendor, sample.operation) for sample in answer_samples()}

    for vendor, operation in operations():
        name = (vendor, operation["operationId"])
        answered = any("content" in answer for status, answer in operation["responses"].items() if status[0] == "2")
        assert ("requestBody" in operation) == (name in requests), name
        assert answered == (name in answers), name
