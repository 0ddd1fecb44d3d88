"""What an operation's handler is given.

Imports clock, gateway, options, specification and store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .gateway import Caller, Gateway, Person
from .options import SandboxOptions
from .specification import Operation
from .store import Store

__all__ = ["Call", "Handler", "World"]


@dataclass(frozen=True)
class World:
    """What all operations of a vendor share."""

    store: Store
    gateway: Gateway
    options: SandboxOptions
    file_url: Callable[[str], str]
    """The address at which a stored file of that name is served: another origin than the API's."""


@dataclass(frozen=True)
class Call:
    """One valid request of somebody who may send it."""

    operation: Operation
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any
    caller: Caller
    now: float
    """When it is carried out, in epoch seconds of the sandbox."""
    world: World
    served_path: str
    """The path of the request below the vendor's prefix, in the form that the caller uses: documented or live."""

    @property
    def store(self) -> Store:
        return self.world.store

    @property
    def person(self) -> Person:
        """Who calls; only for operations that ask for a token."""
        assert self.caller.person is not None
        return self.caller.person

    @property
    def workspace(self) -> int:
        """The organization workspace that the request names."""
        return self.caller.workspace


Handler: TypeAlias = Callable[[Call], Any]
"""Carries an operation out and returns what its answer holds inside the envelope, or an `Answer`; raises `Refused`."""
