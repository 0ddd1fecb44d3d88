"""What a vendor is to the sandbox, and a vendor that runs.

`Vendor` is the description that all differences between vendors have to fit into; the engine knows of no other. Imports
the engine and what it imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from .answers import Refused, Reply
from .clock import SandboxClock
from .connections import Connections
from .counts import Counts, Meter
from .engine import Engine
from .faults import Fault, FaultKind, Faults
from .gateway import Gateway
from .options import SandboxOptions
from .places import Place, places
from .specification import Operation, load
from .store import Store
from .validation import Validation, generated
from .world import Handler, World

__all__ = ["Action", "Platform", "Vendor"]

Action: TypeAlias = Callable[[World, Mapping[str, Any], float], object]
"""Does what a vendor's own people could, given the body of the request for it and the time."""


class Platform:
    """One vendor of a running sandbox. Subclasses add the vendor's credentials as constants."""

    def __init__(self, vendor: Vendor, engine: Engine, places: Sequence[Place], root: Callable[[], str]) -> None:
        self.vendor = vendor
        self.engine = engine
        self.places = places
        self._root = root

    @property
    def url(self) -> str:
        """The base URL of the vendor's API."""
        return f"{self._root()}{self.vendor.prefix}"

    def fault(self, operation: str = "*", *, kind: FaultKind, times: int | None = 1, **settings: Any) -> None:
        """Set up a fault for requests to an operation of this vendor; see `Fault` for kinds and settings.

        Raises:
            ValueError: There is no such operation, kind or setting.
        """
        self.add_fault(Fault(kind, operation, times, **settings))

    def add_fault(self, fault: Fault) -> None:
        """Set up a fault.

        Raises:
            ValueError: It is for no operation of the specification.
        """
        self.engine.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults of this vendor."""
        self.engine.faults.clear()

    @property
    def counts(self) -> Counts:
        """What was received, carried out and answered since the start or the last reset."""
        self.engine.catch_up()
        return self.engine.meter.counts

    @property
    def crashes(self) -> list[str]:
        """Errors of the sandbox itself, as tracebacks. Each answered 500; none is expected."""
        return list(self.engine.crashes)

    def state(self) -> Mapping[str, Any]:
        """The time, the faults that are set up, the crashes, how many objects there are, and the quotas (requests in
        sandbox seconds, of which `time_scale` pass in a real one), as JSON."""
        self.engine.catch_up()
        store = self.engine.world.store
        return {
            "now": self.engine.clock.now(),
            "faults": [asdict(fault) for fault in self.engine.faults.pending()],
            "crashes": self.crashes,
            "objects": {kind: len(store.all(kind)) for kind in self.vendor.kinds},
            "quotas": dict(self.engine.meter.quotas),
            "time_scale": self.engine.clock.scale,
        }

    def reset(self) -> None:
        """Forget all objects, tokens, counts and late requests; set up the faults of the options again."""
        self.engine.world.store.clear()
        self.engine.forget_late()
        self.engine.meter.reset()
        self.engine.crashes.clear()
        self.engine.faults.reset()

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Let all access tokens expire now, and the refresh tokens too when asked."""
        self.engine.world.gateway.expire(self.engine.clock.now(), refresh=refresh)


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A vendor as the sandbox serves it."""

    name: str
    """Also that of its package beside this module and of its specification's in `adflight_api`."""
    prefix: str
    """What stands before its paths: nothing, or a path of one step."""
    platform: type[Platform] = Platform
    handlers: Mapping[str, Handler]
    """What each operation does, by operationId."""
    kinds: tuple[str, ...]
    """Kinds of objects in the store, tokens aside."""
    gateway: Callable[[Store, SandboxOptions], Gateway]
    quotas: Callable[[SandboxOptions], Mapping[str, tuple[int, float] | None]]
    """Requests and seconds by group of operations (`x-adflight.quota`; "api" unless the specification says)."""
    document: Callable[[SandboxOptions], Mapping[str, Any] | str | None] = lambda options: None
    """The OpenAPI document or the path of its JSON, where it is not the generated one."""
    spellings: Callable[[str], Iterable[str]] = lambda path: (path,)
    """All forms in which a path is served, given one of them as the specification has it."""
    refuse: Callable[[Refused, Operation, str], Reply] = Refused.reply
    """Writes a refusal, given the path of the request, where the envelope alone does not say how."""
    busy: Any = None
    """The body of the answer to requests above the quota; an ordinary refusal unless given."""
    environment: Mapping[str, object] = field(default_factory=dict)
    """The variables that the client reads its credentials from, base URL aside."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    """Routes of the administration that only this vendor has."""

    def validation(self, options: SandboxOptions) -> Validation:
        """The vendor's operations, with what their requests have to be.

        Raises:
            OSError: The document cannot be read.
        """
        document = self.document(options)
        return generated(self.name) if document is None else Validation(load(document))

    def open(
        self,
        options: SandboxOptions,
        faults: Iterable[Fault],
        store: Store,
        clock: SandboxClock,
        connections: Connections,
        root: Callable[[], str],
        file_url: Callable[[str], str],
    ) -> Platform:
        """Serve this vendor: `faults` are those from the start, `root` is what its prefix is appended to.

        Raises:
            OSError: The document cannot be read.
            ValueError: A fault is for no operation of the specification.
        """
        validation = self.validation(options)
        operations = validation.specification.operations
        quotas = {group: quota or (None, 60.0) for group, quota in self.quotas(options).items()}
        limit, window = quotas.pop("api", (None, 60.0))
        engine = Engine(
            World(store, self.gateway(store, options), options, file_url),
            self.handlers,
            validation,
            clock,
            Meter(limit, window, quotas),
            Faults([operation.id for operation in operations], faults, options.seed),
            connections,
            prefix=self.prefix,
            refuse=self.refuse,
            busy=self.busy,
        )
        return self.platform(self, engine, places(operations, self.spellings), root)
