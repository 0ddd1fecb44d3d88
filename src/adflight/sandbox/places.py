"""Where operations are served, and which of several on one path a request is for.

Imports specification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .answers import Refused
from .specification import Operation

__all__ = ["Place", "places"]


@dataclass(frozen=True)
class Place:
    """A path template and a method, and the operations that are served there."""

    template: str
    method: str
    operations: tuple[Operation, ...]

    def possible(self, query: Mapping[str, str]) -> list[Operation]:
        """The operations that a request may be for, by the constants in its query, then by the parameters that it
        brings."""
        found = [item for item in self.operations if item.query.items() <= query.items()] or list(self.operations)
        found = [item for item in found if item.needed <= query.keys()] or found
        most = max(len(item.needed) for item in found)
        return [item for item in found if len(item.needed) == most]

    def choose(self, query: Mapping[str, str], content: bytes) -> Operation:
        """The operation that a request is for: of those that its query leaves, by the fields of its body."""
        found = self.possible(query)
        if len(found) > 1:
            body = _object(content)
            for item in found:
                if item.marks and item.marks <= body.keys():
                    return item
        return next((item for item in found if not item.marks), found[0])

    def check(self, operation: Operation, query: Mapping[str, str]) -> None:
        """Ask for the constants that belong to an operation; a path that was made up for it alone does without them.

        Raises:
            Refused: 400 for a request that is for none of the operations here.
        """
        for name, value in operation.query.items():
            given = query.get(name)
            if given != value and (given is not None or self.template != operation.paths[0]):
                raise Refused(400, f"The parameter {name} is {'missing' if given is None else 'unknown'}", field=name)


def places(
    operations: Iterable[Operation], spellings: Callable[[str], Iterable[str]] = lambda path: (path,)
) -> list[Place]:
    """Every place at which operations are served, in the order in which to try them. `spellings` are the forms of a
    path."""
    found: dict[tuple[str, str], list[Operation]] = {}
    for operation in operations:
        for template in dict.fromkeys(form for path in operation.paths for form in spellings(path)):
            found.setdefault((template, operation.method), []).append(operation)
    every = [Place(template, method, tuple(served)) for (template, method), served in found.items()]
    return sorted(every, key=lambda place: _order(place.template))


def _order(template: str) -> list[int]:
    # a step that is spelt out comes before one with a parameter in it, and that before one that is all parameter
    return [0 if "{" not in step else 1 if step.partition("}")[2] else 2 for step in template.split("/")]


def _object(content: bytes) -> Mapping[str, object]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
