"""Faults on demand: what goes wrong, for which operation, how often.

Imports nothing of the sandbox.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["Fault", "FaultKind", "Faults"]

FaultKind: TypeAlias = Literal[
    "delay",  # carried out and answered after `seconds`
    "delay_after",  # carried out at once, answered after `seconds`
    "rate_limited",  # 429, not carried out; see `retry_after`
    "status",  # the error `status`, in the operation's own error body
    "html",  # the error `status` as a proxy's HTML page
    "invalid_json",  # a success whose body breaks off, with the length that it announces
    "half_body",  # a success of which half arrives before the connection closes
    "cut_connect",  # closed as soon as it is opened; has no operation
    "cut_before",  # closed without the body being read; not carried out
    "cut_after",  # carried out, then closed without an answer
    "late",  # closed without an answer; carried out `seconds` afterwards
]

_STATUS = {"status": 500, "html": 502}
_CARRIED_OUT = {"invalid_json", "half_body"}


@dataclass(frozen=True)
class Fault:
    """One fault. It applies to requests whose operation matches `operation`, `times` times, then it is used up."""

    kind: FaultKind
    operation: str = "*"
    """An operationId (`campaigns_get`) or the client's name of the operation (`campaigns.get`), in which * and ? stand
    for any text. One of another vendor than IQM has its name before it (`freewheel.insertion_orders.get`)."""
    times: int | None = 1
    """How many requests it hits; None for all of them."""
    probability: float = 1.0
    """Share of the matching requests that it hits."""
    skip: int = 0
    """How many matching requests pass before the first is hit."""
    status: int | None = None
    """HTTP status of `status` (500 when not given) and `html` (502)."""
    seconds: float = 0.0
    """Sandbox seconds of `delay`, `delay_after`, `late`, and of what `retry_after` tells."""
    retry_after: Literal["seconds", "date"] | None = None
    """How a 429 or a 503 says when to come again; None for not at all."""
    carried_out: bool | None = None
    """Whether the request is carried out all the same, where the kind leaves that open: `status` and `html` (not given:
    no), `invalid_json` and `half_body` (not given: yes)."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"there is no fault {self.kind!r}; the kinds are {', '.join(get_args(FaultKind))}")
        if self.retry_after not in (None, "seconds", "date"):
            raise ValueError(f'retry_after is "seconds", "date" or nothing, not {self.retry_after!r}')

    @property
    def answer_status(self) -> int:
        """The HTTP status that the fault answers with."""
        return self.status or _STATUS.get(self.kind, 200)

    @property
    def is_carried_out(self) -> bool:
        """Whether the request is carried out before the answer goes wrong."""
        return self.kind in _CARRIED_OUT if self.carried_out is None else self.carried_out

    def matches(self, operation: str) -> bool:
        """Whether it is for the operation with this operationId."""
        # no operationId has a dot, so the client's tag.method names the same operation
        return fnmatchcase(operation, self.operation.replace(".", "_"))

    def check(self, operations: Collection[str]) -> None:
        """Refuse what could never hit. `operations` are all operationIds.

        Raises:
            ValueError: `operation` matches none of them, or is given although the kind has none.
        """
        if self.kind == "cut_connect":
            if not self.matches(""):
                raise ValueError("cut_connect has no operation: the connection is cut before a request comes")
        elif not any(map(self.matches, operations)):
            near = get_close_matches(self.operation.replace(".", "_"), operations, cutoff=0)
            raise ValueError(f"there is no operation {self.operation!r}; the nearest are {', '.join(near)}")

    def addressed(self, vendors: Collection[str]) -> tuple[str, Fault]:
        """Which of the vendors it is for, and the fault as that vendor has it: `freewheel.insertion_orders.create` is
        FreeWheel's operation. Without a vendor's name it is for the first one."""
        vendor, dot, operation = str(self.operation).partition(".")
        if dot and vendor in vendors:
            return vendor, replace(self, operation=operation)
        return next(iter(vendors)), self

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault from one line, as on a command line: `kind[:operation][:name=value]...`.

        `cut_after:insertion_orders_create:times=2` cuts the answer to two creations of insertion orders.

        Raises:
            ValueError: The text names no kind of fault, or a setting that faults do not have.
        """
        kind, *rest = text.split(":")
        settings: dict[str, Any] = {"kind": kind}
        known = {item.name for item in fields(cls)}
        for part in rest:
            name, equals, value = part.partition("=")
            if not equals:
                settings["operation"] = part
            elif name not in known:
                raise ValueError(f"a fault has no {name!r}; it has {', '.join(sorted(known))}")
            else:
                settings[name] = _read(name, value)
        return cls(**settings)


def _read(name: str, value: str) -> Any:
    if value.lower() in ("", "none", "all"):
        return None
    if name in ("times", "skip", "status"):
        return int(value)
    if name in ("probability", "seconds"):
        return float(value)
    if name == "carried_out":
        return value.lower() in ("1", "true", "yes")
    return value


class Faults:
    """The faults that are set up, in order; the first that matches a request hits it.

    `operations` are all operationIds; a fault for none of them raises ValueError.
    """

    def __init__(self, operations: Collection[str], faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._operations = operations
        self._random = random.Random(seed)
        self._set_up: list[list[Any]] = []
        self._first = tuple(faults)
        self.reset()

    def add(self, fault: Fault) -> None:
        """Set up one more fault."""
        fault.check(self._operations)
        self._set_up.append([fault, fault.times, fault.skip])

    def clear(self) -> None:
        """Remove all faults."""
        self._set_up.clear()

    def reset(self) -> None:
        """Only those that were there from the start."""
        self.clear()
        for fault in self._first:
            self.add(fault)

    def pending(self) -> list[Fault]:
        """The faults that are not used up."""
        return [fault for fault, _, _ in self._set_up]

    def take(self, operations: Collection[str], kinds: Collection[str]) -> Fault | None:
        """The fault of one of these kinds that hits a request to one of these operations, or None."""
        for entry in self._set_up:
            fault, left, skip = entry
            if fault.kind not in kinds or not any(map(fault.matches, operations)):
                continue
            if skip > 0:
                entry[2] = skip - 1
                continue
            if self._random.random() >= fault.probability:
                continue
            if left is not None:
                entry[1] = left - 1
                if left <= 1:
                    self._set_up.remove(entry)
            assert isinstance(fault, Fault)
            return fault
        return None
