"""Requests against the schemas of the specification itself.

Imports answers, specification and xml.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote

import jsonschema_rs

from .answers import Refused
from .specification import Operation, Parameter, Specification, load
from .xml import Codec, Malformed

__all__ = ["Arguments", "Validation", "generated"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\Z")

# A value of the right kind outside its range is a rule of the service; the rest is a request that cannot be read.
_RULES = {"Minimum", "Maximum", "ExclusiveMinimum", "ExclusiveMaximum", "Enum", "Constant", "MinItems", "MaxItems"}
_RULES |= {"MinLength", "MaxLength", "Pattern", "MultipleOf", "UniqueItems"}


@dataclass(frozen=True)
class Arguments:
    """A request's decoded and valid arguments; documented defaults of parameters are filled in."""

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any


@cache
def generated(vendor: str) -> Validation:
    """Of the specification that comes with adflight. Kept, because many tests start a sandbox each."""
    return Validation(load(vendor=vendor))


class Validation:
    """Validators for all operations of a specification, compiled when first used."""

    def __init__(self, specification: Specification) -> None:
        self.specification = specification
        self.xml = Codec(specification)
        self._registry = jsonschema_rs.Registry([("urn:adflight", dict(specification.document))])
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def arguments(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Arguments:
        """The arguments of a request. `headers` has lower-case names.

        Raises:
            Refused: With 400 for what cannot be read or is missing, with 422 for a value outside its range.
        """
        if operation.answer_type == "application/xml" and "application/xml" not in headers.get("accept", "").lower():
            raise Refused(400, "json is not supported")
        given: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        sources: dict[str, Mapping[str, str]] = {"path": path, "query": query, "header": headers}
        for parameter in operation.parameters:
            name = parameter.name.lower() if parameter.location == "header" else parameter.name
            text = sources[parameter.location].get(name)
            if parameter.holds_body:
                if text is not None and not content:
                    content, headers = text.encode(), {**headers, "content-type": "application/json"}
            elif text is not None:
                value = _decode(text, parameter)
                self._check(operation, parameter.pointer, value, parameter.name)
                given[parameter.location][parameter.name] = value
            elif parameter.required:
                raise Refused(400, f"The parameter {parameter.name} is missing", field=parameter.name)
            elif parameter.default is not None:
                given[parameter.location][parameter.name] = parameter.default
        return Arguments(given["path"], given["query"], self._body(operation, headers, content))

    def answer_errors(self, operation: Operation, status: int, content: bytes) -> list[str]:
        """What an answer in the documented media type has against its schema; nothing when it conforms."""
        if str(status) not in operation.statuses:
            return [f"the status {status} is not documented for {operation.id}"]
        pointer = self.specification.answer_pointer(operation, status)
        if pointer is None:
            return [] if not content else [f"no body is documented for {operation.id} with status {status}"]
        value = self.xml.decode(pointer, content) if "/application~1xml/" in pointer else json.loads(content)
        return [
            f"{operation.id} {status} {_where(error)}: {error.message}"
            for error in self._validator(pointer).iter_errors(value)
        ]

    def _body(self, operation: Operation, headers: Mapping[str, str], content: bytes) -> Any:
        if operation.media_type is None:
            return None
        if not content and not operation.body_required:
            return None
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != operation.media_type:
            raise Refused(400, f"The body must be {operation.media_type}, not {media_type or 'of an unnamed type'}")
        if media_type == "application/xml":
            try:
                body = self.xml.decode(operation.body_pointer, content)
            except Malformed as error:
                raise Refused(400, f"The body cannot be read as XML: {error}") from None
        else:
            body = _decode_body(media_type, content)
        self._check(operation, operation.body_pointer, body, None)
        return body

    def _check(self, operation: Operation, pointer: str, value: Any, field: str | None) -> None:
        error = next(self._validator(pointer).iter_errors(value), None)
        if error is None:
            return
        # all of XML is text: whatever could be read at all, it is a rule that refuses it
        is_rule = type(error.kind).__name__ in _RULES or _is_xml_body(operation, pointer)
        status = 422 if is_rule and "422" in operation.statuses else 400
        field = ".".join(filter(None, [field, _where(error)])) or None
        raise Refused(status, f"{field}: {error.message}" if field else error.message, field=field)

    def _validator(self, pointer: str) -> jsonschema_rs.Draft202012Validator:
        if pointer not in self._validators:
            schema = {"$ref": f"urn:adflight#{quote(pointer)}"}
            self._validators[pointer] = jsonschema_rs.Draft202012Validator(schema, registry=self._registry)
        return self._validators[pointer]


def _is_xml_body(operation: Operation, pointer: str) -> bool:
    return operation.media_type == "application/xml" and pointer == operation.body_pointer


def _where(error: jsonschema_rs.ValidationError) -> str:
    return ".".join(str(step) for step in error.instance_path)


def _decode(text: str, parameter: Parameter) -> Any:
    if "integer" in parameter.types and _INTEGER.match(text):
        return int(text)
    if "number" in parameter.types and _NUMBER.match(text):
        return float(text)
    if "boolean" in parameter.types and text in ("true", "false"):
        return text == "true"
    return text


def _decode_body(media_type: str, content: bytes) -> Any:
    try:
        if media_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=bool(content)))
        body = json.loads(content, parse_constant=_finite, parse_float=_finite)
        if b"\\u" in content:
            json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return body
    except (ValueError, RecursionError):
        raise Refused(400, f"The body cannot be read as {media_type}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number
