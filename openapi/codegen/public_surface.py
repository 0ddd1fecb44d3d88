"""The public Python surface of a source tree, read from its syntax alone, and what breaks users between two of them.

Public is what can be imported from the modules of `ENTRANCES` and from every module below `adflight_api`: the names of
`__all__`, or, without one, what a module itself defines under a name with no leading underscore. A name is followed
through imports to its definition, so that moving a class breaks nobody as long as the old name still finds it.

Annotations are not compared: a changed type of a field shows in the comparison of the specifications.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

SOURCES = ("src", "generated")
ENTRANCES = ("adflight", "adflight.types", "adflight.testing", "adflight.sandbox")
WHOLLY_PUBLIC = "adflight_api"

# what users call without naming it
PROTOCOLS = frozenset(
    (
        *("__call__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__await__", "__iter__", "__next__"),
        *("__aiter__", "__anext__", "__getitem__", "__setitem__", "__len__", "__contains__"),
    )
)
# decorators that write a constructor from annotated fields
FIELD_DECORATORS = frozenset(("define", "frozen", "mutable", "dataclass"))
ATTRIBUTE_DECORATORS = frozenset(("property", "cached_property", "setter", "deleter"))

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Parameter(NamedTuple):
    name: str
    position: int | None
    """None where it can only be given by name."""
    by_name: bool
    required: bool


class Function(NamedTuple):
    parameters: tuple[Parameter, ...]
    coroutine: bool


class Imported(NamedTuple):
    module: str
    name: str


class Class(NamedTuple):
    ancestors: frozenset[str]
    members: dict[str, Function | None]
    """Methods and the constructor, and attributes as None."""


Definition = Class | Function | None
"""None stands for a value, whatever its kind."""


class Surface:
    """The public names of one source tree."""

    def __init__(self, root: Path) -> None:
        self._files = {}
        for source in SOURCES:
            for path in sorted((root / source).rglob("*.py")):
                parts = path.relative_to(root / source).with_suffix("").parts
                self._files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        # per instance: two trees hold modules of the same name
        self._bindings = cache(self._read_bindings)

    def names(self) -> dict[str, Definition]:
        """Every public name with its definition; a module is a name too."""
        found: dict[str, Definition] = {}
        for module in self._files:
            if module in ENTRANCES or self._wholly_public(module):
                found[module] = None
                for name in self._exported(module):
                    found[f"{module}.{name}"] = self._define(module, name)
        return found

    @staticmethod
    def _wholly_public(module: str) -> bool:
        first, *rest = module.split(".")
        return first == WHOLLY_PUBLIC and not any(part.startswith("_") for part in rest)

    def _exported(self, module: str) -> list[str]:
        bindings = self._bindings(module)
        listed = bindings.get("__all__")
        if isinstance(listed, ast.Assign | ast.AnnAssign) and listed.value is not None:
            try:
                return list(ast.literal_eval(listed.value))
            except ValueError:
                pass  # built by code: fall back to what is bound
        own = (name for name, binding in bindings.items() if not isinstance(binding, Imported))
        return [name for name in own if not name.startswith("_")]

    def _read_bindings(self, module: str) -> dict[str, ast.stmt | Imported]:
        path = self._files[module]
        bindings: dict[str, ast.stmt | Imported] = {}
        for node in _statements(ast.parse(path.read_text(encoding="utf-8"), str(path)).body):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bindings[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                bindings.update(dict.fromkeys(_targets(node), node))
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(module, node)
                if origin.split(".")[0] in ("adflight", WHOLLY_PUBLIC):
                    bindings.update({alias.asname or alias.name: Imported(origin, alias.name) for alias in node.names})
        return bindings

    def _origin(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        up = node.level - (self._files[module].stem == "__init__")
        parents = module.split(".")[: -up or None]
        return ".".join([*parents, *([node.module] if node.module else [])])

    def _find(self, module: str, name: str) -> tuple[str, ast.stmt | None]:
        seen = set()
        while module in self._files and (module, name) not in seen:
            seen.add((module, name))
            binding = self._bindings(module).get(name)
            if not isinstance(binding, Imported):
                return module, binding
            module, name = binding
        return module, None

    def _define(self, module: str, name: str) -> Definition:
        home, node = self._find(module, name)
        if isinstance(node, ast.ClassDef):
            return Class(frozenset(self._ancestors(home, node)), self._members(home, node))
        return _function(node, method=False) if isinstance(node, FunctionNode) else None

    def _bases(self, module: str, node: ast.ClassDef) -> Iterator[tuple[str, str, ast.ClassDef | None]]:
        for base in node.bases:
            name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            home, found = self._find(module, name)
            yield name, home, found if isinstance(found, ast.ClassDef) else None

    def _ancestors(self, module: str, node: ast.ClassDef) -> Iterator[str]:
        for name, home, found in self._bases(module, node):
            yield name.rpartition(".")[2]
            if found is not None:
                yield from self._ancestors(home, found)

    def _members(self, module: str, node: ast.ClassDef) -> dict[str, Function | None]:
        members: dict[str, Function | None] = {} if node.bases else {"__init__": Function((), coroutine=False)}
        for _, home, found in reversed([*self._bases(module, node)]):
            if found is not None:
                members.update(self._members(home, found))
        for statement in _statements(node.body):
            if isinstance(statement, FunctionNode):
                attribute = ATTRIBUTE_DECORATORS.intersection(map(_last_name, statement.decorator_list))
                members[statement.name] = None if attribute else _function(statement, method=True)
                if statement.name == "__init__":
                    members.update(dict.fromkeys(_set_on_self(statement)))
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                members.update(dict.fromkeys(_targets(statement)))
        if "__init__" not in {statement.name for statement in node.body if isinstance(statement, FunctionNode)}:
            fields = self._fields(module, node)
            if fields is not None:
                members["__init__"] = Function(tuple(fields.values()), coroutine=False)
        return {
            name: member
            for name, member in members.items()
            if not name.startswith("_") or name in PROTOCOLS or name == "__init__"
        }

    def _fields(self, module: str, node: ast.ClassDef) -> dict[str, Parameter] | None:
        decorator = next((item for item in node.decorator_list if _last_name(item) in FIELD_DECORATORS), None)
        if decorator is None:
            return None
        by_name = _keyword(decorator, "kw_only") is True
        fields: dict[str, Parameter] = {}
        for _, home, found in reversed([*self._bases(module, node)]):
            if found is not None:
                fields.update(self._fields(home, found) or {})
        for statement in node.body:
            if not isinstance(statement, ast.AnnAssign) or "ClassVar" in ast.unparse(statement.annotation):
                continue
            value = statement.value
            described = isinstance(value, ast.Call) and _last_name(value) in ("field", "ib")
            if described and _keyword(value, "init") is False:
                continue
            given = {keyword.arg for keyword in value.keywords} if isinstance(value, ast.Call) and described else set()
            required = not given & {"default", "factory", "default_factory"} if described else value is None
            alone = by_name or (described and _keyword(value, "kw_only") is True)
            position = None if alone else sum(field.position is not None for field in fields.values())
            for name in _targets(statement):
                fields[name] = Parameter(name.lstrip("_"), position, by_name=True, required=required)
        return fields


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements, those under `if TYPE_CHECKING`, `else` and `try` included."""
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])
        else:
            yield node


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _set_on_self(node: FunctionNode) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store) and ast.unparse(inner.value) == "self":
            yield inner.attr


def _last_name(node: ast.expr) -> str:
    """`define` of `attrs.define(kw_only=True)`."""
    return ast.unparse(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


def _keyword(node: ast.expr | None, name: str) -> object:
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return keyword.value.value
    return None


def _function(node: FunctionNode, *, method: bool) -> Function:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    optional_from = len(positional) - len(arguments.defaults)
    bound = method and "staticmethod" not in map(_last_name, node.decorator_list)
    parameters = [
        Parameter(argument.arg, index - bound, index >= len(arguments.posonlyargs), index < optional_from)
        for index, argument in enumerate(positional)
        if index or not bound
    ]
    if arguments.vararg:
        parameters.append(Parameter(f"*{arguments.vararg.arg}", None, by_name=False, required=False))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(Parameter(argument.arg, None, by_name=True, required=default is None))
    if arguments.kwarg:
        parameters.append(Parameter(f"**{arguments.kwarg.arg}", None, by_name=False, required=False))
    return Function(tuple(parameters), isinstance(node, ast.AsyncFunctionDef))


def breaking(old: dict[str, Definition], new: dict[str, Definition]) -> list[str]:
    """One sentence for everything that users of `old` can no longer do with `new`."""
    found: dict[str, None] = {}
    reported: set[str] = set()
    for name, before in old.items():
        owner = name.rpartition(".")[0]
        if name not in new:
            # of a module that is gone, only the module is named
            if owner not in old or owner in new:
                found[f"{name} was removed"] = None
            continue
        sentences = _changes(before, new[name])
        # a model can be imported from two places; one is enough to say so
        key = f"{name.rpartition('.')[2]}: {sentences}"
        if sentences and key not in reported:
            reported.add(key)
            found.update(dict.fromkeys(f"{name}{sentence}" for sentence in sentences))
    return list(found)


def _changes(before: Definition, after: Definition) -> list[str]:
    if isinstance(before, Class) and isinstance(after, Class):
        sentences = [f" no longer derives from {name}" for name in sorted(before.ancestors - after.ancestors)]
        for name, member in before.members.items():
            shown = "" if name == "__init__" else f".{name}"
            if name in after.members:
                sentences += [f"{shown}{sentence}" for sentence in _changes(member, after.members[name])]
            elif shown:
                sentences.append(f"{shown} was removed")
        return sentences
    if isinstance(before, Function) and isinstance(after, Function):
        return list(_changed_parameters(before, after))
    return [" is of another kind"] if type(before) is not type(after) else []


def _changed_parameters(before: Function, after: Function) -> Iterator[str]:
    if before.coroutine != after.coroutine:
        yield " is no longer a coroutine function" if before.coroutine else " became a coroutine function"
    now = {parameter.name: parameter for parameter in after.parameters}
    for was in before.parameters:
        parameter = now.pop(was.name, None)
        if parameter is None:
            yield f": parameter {was.name} was removed"
            continue
        if parameter.required and not was.required:
            yield f": parameter {was.name} became required"
        if was.by_name and not parameter.by_name:
            yield f": parameter {was.name} can no longer be given by name"
        if was.position is not None and parameter.position != was.position:
            where = "can no longer be given by position" if parameter.position is None else "moved"
            yield f": parameter {was.name} {where}"
    for parameter in now.values():
        if parameter.required:
            yield f": required parameter {parameter.name} was added"
