"""Operations as the templates see them: arguments, where each one goes, what comes back."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from openapi_python_client.strings import pascal_case
from python_types import UNITS, Field, Types
from specification import ENVELOPES, RawOperation, Schema, Specification, SpecificationError

# what the body of a generated `request` function calls by name
CONVERTERS = {
    "comma",
    "comma_milliseconds",
    "newline",
    "path_id",
    "path_text",
    "plain",
    "to_flag",
    "to_number",
    "to_text",
    *UNITS.values(),
}
TAKEN = {"body", "query", "self", "operation", "UNSET", *CONVERTERS}
XML = "application/xml"


class Paging(NamedTuple):
    row: str
    rows: str
    total: str | None
    key: str | None
    settings: dict[str, Any]


class Endpoint(NamedTuple):
    """One operation, ready to be rendered."""

    id: str
    name: str
    tag: str
    operation: RawOperation
    path_fields: list[Field]
    query_fields: list[Field]
    body_fields: list[Field]
    body: Schema | None
    media: str | None
    """Of the body."""
    answer: str
    reading: str | None
    paging: Paging | None
    security: list[str]
    imports: list[str]
    xml: bool
    decoded: str | None
    """The component that an XML answer is read as."""
    encoded: str | None
    """The component that an XML body is written as."""

    @property
    def form(self) -> bool:
        return self.media == "application/x-www-form-urlencoded"

    @property
    def is_list(self) -> bool:
        """Whether the body is a list, which is one argument."""
        return self.body is not None and self.body.get("type") == "array"

    @property
    def clocks(self) -> list[tuple[Field, Field]]:
        """Wall-clock times, each with the field of its UTC offset: written together."""
        by_name = {field.wire: field for field in self.body_fields}
        return [(field, by_name[field.offset]) for field in self.body_fields if field.offset]

    @property
    def written(self) -> list[Field]:
        """Fields of the body that are written one by one."""
        together = {field.wire for pair in self.clocks for field in pair}
        return [field for field in self.body_fields if field.wire not in together]

    @property
    def constants(self) -> dict[str, str]:
        """Query parameters that are always the same."""
        constants: dict[str, str] = self.operation.marks.get("query", {})
        return constants

    @property
    def arguments(self) -> list[Field]:
        """Keyword arguments: those required in the query, which name an object, those in the body, then the rest."""
        named = [*self.query_fields, *self.body_fields]
        required = [field for field in named if field.required and field.default is None]
        return required + [field for field in [*self.body_fields, *self.query_fields] if field not in required]

    @property
    def returns(self) -> str:
        return f"Pager[{self.answer}, {self.paging.row}]" if self.paging else self.answer

    @property
    def envelope(self) -> str | None:
        return ENVELOPES[self.operation.marks["envelope"]]

    @property
    def title(self) -> str:
        return str(self.operation.data["summary"]).rstrip(".")

    @property
    def description(self) -> str:
        return " ".join(str(self.operation.data.get("description", "")).split())

    @property
    def errors(self) -> list[str]:
        """Documented refusals, as the errors that they raise."""
        raised = {
            "401": "AuthenticationError",
            "403": "PermissionDenied",
            "404": "NotFound",
            "408": "ServerError",
            "429": "RateLimited",
        }
        names = []
        for status in self.operation.data["responses"]:
            if status[0] in "45":
                default = "ServerError" if status[0] == "5" else "ValidationFailed"
                names.append(f"{raised.get(status, default)} ({status})")
        return names


class Endpoints:
    """Every operation of a specification."""

    def __init__(self, specification: Specification, types: Types) -> None:
        self._specification = specification
        self._types = types
        self.by_id = {raw.data["operationId"]: self._endpoint(raw) for raw in specification.operations()}

    @property
    def by_tag(self) -> dict[str, list[Endpoint]]:
        tags: dict[str, list[Endpoint]] = {}
        for endpoint in self.by_id.values():
            tags.setdefault(endpoint.tag, []).append(endpoint)
        return tags

    def _endpoint(self, raw: RawOperation) -> Endpoint:
        identifier, tag = raw.data["operationId"], raw.data["tags"][0]
        before, self._types.used = self._types.used, set()
        parameters: dict[str, list[Field]] = {"path": [], "query": []}
        for parameter in raw.parameters:
            if parameter["in"] not in parameters:
                raise SpecificationError(f"{identifier}: {parameter['in']} parameters belong into a security scheme")
            marks = {
                key: value for key, value in parameter.items() if key == "description" or key.startswith("x-adflight")
            }
            schema = {**parameter["schema"], **marks}
            required = parameter.get("required", False)
            parameters[parameter["in"]].append(self._types.field(parameter["name"], schema, required, sent=True))
        order = re.findall(r"{(.*?)}", raw.path)
        parameters["path"].sort(key=lambda field: order.index(field.wire))
        body, media = self._body(raw)
        body_fields = []
        if body is not None and body.get("type") == "array":
            if "x-adflight-name" not in body:
                raise SpecificationError(f"{identifier}: a list needs x-adflight-name, the argument that it is")
            body_fields = [self._types.field(body["x-adflight-name"], body, True, sent=True)]
        elif body is not None:
            if not body.get("properties"):
                raise SpecificationError(f"{identifier}: a body must be a list, or an object with properties")
            repeat = raw.marks["repeat"]
            decides = None if isinstance(repeat, str) else repeat["field"]
            if decides and "default" not in body["properties"].get(decides, {}):
                raise SpecificationError(
                    f"{identifier}: {decides} decides about repeating, so it needs a default that is always sent"
                )
            body_fields = self._types.fields(body, sent=True, decides=decides)
        for field in body_fields:
            if field.offset and field.offset not in [other.wire for other in body_fields if not other.required]:
                raise SpecificationError(f"{identifier}: {field.wire} needs {field.offset}, an optional property")
        content = raw.content
        answer = self._types.annotation(content) if content else "None"
        endpoint = Endpoint(
            id=identifier,
            name=identifier.removeprefix(f"{tag}_"),
            tag=tag,
            operation=raw,
            path_fields=parameters["path"],
            query_fields=parameters["query"],
            body_fields=body_fields,
            body=body,
            media=media,
            answer=answer,
            reading=self._types.reading(content, "answer") if content else None,
            paging=self._paging(raw, content) if content else None,
            security=self._security(raw),
            imports=sorted(self._types.used),
            xml=self._is_xml(raw),
            decoded=self._component(raw, content) if raw.answer_media == XML else None,
            encoded=self._component(raw, raw.data["requestBody"]["content"][XML]["schema"]) if media == XML else None,
        )
        self._types.used |= before
        names = [field.python for field in (*endpoint.path_fields, *endpoint.arguments)]
        taken = sorted({name for name in names if names.count(name) > 1 or name in TAKEN})
        if taken:
            raise SpecificationError(f"{identifier}: set x-adflight-name, these names are taken: {', '.join(taken)}")
        return endpoint

    def _body(self, raw: RawOperation) -> tuple[Schema | None, str | None]:
        if "requestBody" not in raw.data:
            return None, None
        ((media, content),) = raw.data["requestBody"]["content"].items()
        return self._specification.resolve(content["schema"]), media

    def _is_xml(self, raw: RawOperation) -> bool:
        """Whether XML is what to ask for: an operation without content has at least errors that are written in it."""
        answers = [self._specification.answer(answer) for answer in raw.data["responses"].values()]
        return any(XML in part.get("content", {}) for part in (raw.data.get("requestBody", {}), *answers))

    def _component(self, raw: RawOperation, schema: Schema | None) -> str:
        component = self._specification.component(schema or {})
        if component is None:
            raise SpecificationError(f"{raw.data['operationId']}: XML needs a component as its schema")
        return component

    def _security(self, raw: RawOperation) -> list[str]:
        required = raw.data.get("security", self._specification.document.get("security", []))
        return sorted({scheme for alternative in required for scheme in alternative})

    def _paging(self, raw: RawOperation, content: Schema) -> Paging | None:
        marks = dict(raw.marks.get("paging", {}))
        if not marks:
            return None
        rows, schema = self._pointer(content, marks.pop("items"))
        total = self._pointer(content, marks.pop("total"))[0] if "total" in marks else None
        lists = [variant for variant in self._types.variants(schema) if variant.get("type") == "array"]
        if not lists:
            raise SpecificationError(f"{raw.data['operationId']}: x-adflight.paging: items is no list")
        items = lists[0]["items"]
        key = marks.pop("key", None)
        key_name = self._pointer(items, f"/{key}")[0] if key else None
        query = any(parameter["name"] == marks.get("page") for parameter in raw.parameters)
        known = {parameter["name"] for parameter in raw.parameters} if query else self._body_names(raw)
        unknown = sorted({marks[role] for role in ("page", "size", "offset", "sort") if role in marks} - known)
        if unknown:
            raise SpecificationError(f"{raw.data['operationId']}: x-adflight.paging: no {', '.join(unknown)} to send")
        settings = {"location": "query" if query else "body", **marks}
        if "ascending" in marks:
            settings.setdefault("sort", self._sort_parameter(raw))
        return Paging(self._types.annotation(items), rows, total, key_name, settings)

    def _body_names(self, raw: RawOperation) -> set[str]:
        body, _ = self._body(raw)
        return set((body or {}).get("properties", {}))

    def _sort_parameter(self, raw: RawOperation) -> str:
        names = [*self._body_names(raw), *(parameter["name"] for parameter in raw.data["parameters"])]
        return next(str(name) for name in names if name.lower().replace("_", "") == "sortby")

    def _pointer(self, schema: Schema, pointer: str) -> tuple[str, Schema]:
        """A JSON pointer as an attribute path, and the schema that it leads to."""
        path = ""
        for part in pointer.split("/")[1:]:
            schema = self._specification.resolve(schema)
            if part not in schema.get("properties", {}):
                raise SpecificationError(f"x-adflight.paging: {pointer} leads nowhere")
            path += f".{self._types.field(part, schema['properties'][part], True).python}"
            schema = schema["properties"][part]
        return path, schema


def class_name(tag: str) -> str:
    return str(pascal_case(tag))
