"""Docstrings and imports of generated modules."""

from __future__ import annotations

import re
import textwrap

from endpoints import Endpoint
from openapi_python_client.strings import snake_case
from python_types import EPOCHS, Field, Types
from specification import Schema

WIDTH = 112

FORMS = {
    "date": "yyyy-MM-dd",
    "hours-minutes": "HH:mm, at most 24:00",
    "local-minutes": "yyyy-MM-dd'T'HH:mm with its UTC offset in whole hours",
    "iso-8601": "ISO 8601, or a wall clock as text",
}


def fold(text: str, indent: int) -> str:
    """Text as lines of a docstring, all but the first indented."""
    text = " ".join(text.replace("\\", "\\\\").replace('"""', "'''").split())
    return (
        f"\n{' ' * indent}".join(textwrap.wrap(text, WIDTH - indent, break_long_words=False, break_on_hyphens=False))
        or "."
    )


def limits(types: Types, schema: Schema) -> list[str]:
    """What the document says of a value's range and default."""
    facts = []
    for variant in types.variants(schema):
        low, high = variant.get("minimum"), variant.get("maximum")
        if low is not None and high is not None:
            facts.append(f"{low} to {high}")
        elif low is not None or high is not None:
            facts.append(f"at least {low}" if high is None else f"at most {high}")
        if "maxLength" in variant:
            longest = variant["maxLength"]
            facts.append(f"{'exactly' if variant.get('minLength') == longest else 'at most'} {longest} characters")
    if "default" in schema:
        facts.append(f"default {types.default(schema)}")
    return facts


def documented(types: Types, field: Field) -> str:
    """A field in words, with its unit, range and default."""
    facts = limits(types, field.schema)
    unit = field.schema.get("x-adflight-unit")
    if unit:
        facts.append(f"sent as epoch {unit}" if unit in EPOCHS else f"sent as {FORMS[unit]}")
    description = re.sub(r",? in epoch (milli)?seconds", "", field.description) if unit else field.description
    text = description.rstrip(".") or field.wire
    return f"{text} ({'; '.join(facts)})." if facts else f"{text}."


def docstring(types: Types, endpoint: Endpoint) -> str:
    """The docstring of a public method: what it does, takes, returns and raises, and where that is said."""
    blocks = [fold(endpoint.title + ".", 8)]
    if endpoint.description:
        blocks.append(fold(endpoint.description, 8))
    fields = [*endpoint.path_fields, *endpoint.arguments]
    if fields:
        lines = [fold(f"{field.python}: {documented(types, field)}", 16) for field in fields]
        blocks.append("Args:\n" + "\n".join(f"            {line}" for line in lines))
    if endpoint.paging:
        returned = f"A pager: `await` gives the first {endpoint.answer}, `async for` every {endpoint.paging.row}."
        blocks.append(f"Returns:\n            {fold(returned, 12)}")
    marks = endpoint.operation.marks
    unknown = ["UnknownOutcome"] if marks["repeat"] not in ("read", "absolute") else []
    if "configured" in marks:
        unknown.append("OperationNotConfigured until the client is given a route to it")
    elif marks.get("confidence") == "low":
        unknown.append("OperationNotConfigured unless the client allows calls that are not well known")
    errors = ", ".join([*endpoint.errors, *unknown])
    blocks.append(f"Raises:\n            {fold(errors + '; TransportError.', 12)}")
    repeats = marks["repeat"]
    kind = repeats if isinstance(repeats, str) else f"decided by {repeats['field']}"
    blocks.append(fold(f"Source: {_source(endpoint)}. Repeat class: {kind}.", 8))
    return "\n\n        ".join(blocks)


def _source(endpoint: Endpoint) -> str:
    source = str(endpoint.operation.marks["source"])
    return source if endpoint.operation.marks.get("outside") else f"vendor document {source}"


def import_of(component: str, prefix: str) -> str:
    return f"from {prefix}models.{snake_case(component)} import {component}"


def model_imports(types: Types, name: str, schema: Schema) -> list[str]:
    """What a model's module imports from other models."""
    before, types.used = types.used, set()
    fields = types.fields(schema)
    used, types.used = types.used, before | types.used
    readers = {match for field in fields for match in re.findall(r"read_(\w+)\(", field.reading or "")}
    lines = []
    for component in sorted(used - {name}):
        module = str(snake_case(component))
        names = component if module not in readers else f"{component}, read_{module}"
        lines.append(f"from .{module} import {names}")
    return lines


def eager_imports(endpoints: list[Endpoint]) -> list[str]:
    """Classes that stand in a signature as a default value, and so are needed when the module is imported."""
    fields = [field for endpoint in endpoints for field in endpoint.arguments]
    return sorted({field.default.split(".")[0] for field in fields if field.default and field.default[0].isupper()})


def lazy_imports(endpoints: list[Endpoint]) -> list[str]:
    """Classes that stand only in annotations."""
    return sorted({name for endpoint in endpoints for name in endpoint.imports} - set(eager_imports(endpoints)))


SHARED = {
    "collections.abc": ("Iterable", "Mapping", "Sequence"),
    "datetime": ("date", "datetime", "timedelta"),
    "decimal": ("Decimal",),
    "typing": ("TYPE_CHECKING", "Any", "Literal"),
    "....runtime": ("UNSET", "CommaList", "Number", "Pager", "PathId", "Resource", "Unset", "with_raw_response"),
}


def import_lines(body: str, endpoints: list[Endpoint]) -> str:
    """The imports of a tag's package. Only used ones are written: ruff does not remove others from an `__init__`."""
    code = re.sub(r'""".*?"""', "", body, flags=re.DOTALL)
    lazy = [name for name in lazy_imports(endpoints) if re.search(rf"\b{name}\b", code)]
    code += "TYPE_CHECKING" if lazy else ""
    lines = ["import builtins"] if "builtins." in code else []
    for module, names in SHARED.items():
        used = [name for name in names if re.search(rf"\b{name}\b", code)]
        if used:
            lines.append(f"from {module} import {', '.join(used)}")
    lines += [import_of(name, "...") for name in eager_imports(endpoints)]
    if lazy:
        lines += ["", "if TYPE_CHECKING:", *(f"    {import_of(name, '...')}" for name in lazy)]
    return "\n".join(lines)


def shadowed(text: str, endpoints: list[Endpoint]) -> str:
    """Annotations in a class whose method is called `list` must say which list they mean."""
    for endpoint in endpoints:
        if endpoint.name in ("list", "dict", "set", "type"):
            text = re.sub(rf"\b{endpoint.name}\[", f"builtins.{endpoint.name}[", text)
    return text


def filled(path: str, endpoint: Endpoint) -> str:
    """A path template as the expression that fills it in."""
    for field in endpoint.path_fields:
        path = path.replace(f"{{{field.wire}}}", f"{{{field.python}_segment}}")
    return f'f"{path}"' if "{" in path else f'"{path}"'
