"""A plan in a file of its own, for another day or another machine: whoever applies it makes it anew first.

JSON lines, in this order: a head, the insertion orders, the flights, each with what was planned for it, what is left,
and an end with a digest of all that comes before it. No secrets: of the account there is only a digest, and the scope.
It holds all of the rows, so that the file that they came from may change or vanish.

Imports planning and entries.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Final, NoReturn

import orjson
from attrs import asdict

from adflight.core.errors import InvalidInput
from adflight.core.problems import Problem
from adflight.core.redaction import SECRET_NAMES, redact_url
from adflight.flights.columns import Columns
from adflight.flights.detection import Detected
from adflight.flights.items import UNSEEN, Change, Item, Leftover, Totals, Verdict
from adflight.flights.opening import scope_in_words
from adflight.flights.place import Place
from adflight.flights.planning import Plan
from adflight.flights.platform import CAMPAIGN, ORDER, Platform
from adflight.flights.platforms import Account, platform_for
from adflight.flights.reading import Flights
from adflight.flights.sealing import (
    decode,
    encode,
)
from adflight.flights.staging import Staging

VERSION: Final = 1
"""Of the form; another one is refused."""

MARK: Final = "adflight_plan"
"""The first field of the first line, by which a file shows that it is a plan."""

_LONGEST: Final = 1 << 26
"""Bytes of a line."""


def save(plan: Plan, path: Path) -> None:
    """Writes a plan, for the user alone; a file that is there is replaced once the new one is whole.

    Raises `OSError`.
    """
    partial = path.with_name(f"{path.name}.{token_hex(4)}.part")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            digest = sha256()
            for line in _lines(plan):
                digest.update(line)
                file.write(line)
            file.write(_line({"end": digest.hexdigest()}))
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


async def load_plan(path: str | os.PathLike[str], client: Account) -> Plan:
    """Reads a plan that `Plan.save` wrote. Sends nothing but a log-in, where only that tells the client's workspace.

        with await load_plan("monday.plan", iqm) as planned:
            async for event in planned.apply():
                print(event)

    Before it is applied it is made anew from the same rows, and refused where the live state has moved in a way that
    the journal does not explain.

    Raises:
        InvalidInput: It is no plan, or damaged, or of another account, workspace, service or vendor, or of another
            adflight.
        OSError: It cannot be read.
        AdflightError: What a log-in raises.
    """
    platform = platform_for(client)
    loaded = _load(Path(path), platform)
    try:
        scope = await platform.scope()
        if loaded.scope != scope:
            expected = f"a plan {scope_in_words(scope)}; this one was made {scope_in_words(loaded.scope)}"
            raise InvalidInput("plan", str(path), expected)
    except BaseException:
        loaded.close()
        raise
    return loaded


def is_plan(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a saved plan; one that cannot be read does not."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MARK) + 3).startswith(b'{"' + MARK.encode() + b'"')
    except OSError:
        return False


def _digest(platform: Platform) -> str:
    # one service, however its URL is written; the place itself does not matter
    return Place.of(platform.base_url, platform.account, Path()).owner


# writing


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"


def _lines(plan: Plan) -> Iterator[bytes]:
    columns, flights = plan.flights.columns, plan.flights
    yield _line(
        {
            MARK: VERSION,
            "vendor": columns.vendor,
            "base_url": redact_url(plan.platform.base_url, SECRET_NAMES),
            "account": _digest(plan.platform),
            "scope": plan.scope,
            "label": plan.label,
            "refresh": plan.refresh,
            "created": plan.read_at.isoformat(),
            "open_intents": plan.open_intents,
            "doubts": len(flights.warnings),
            "totals": _kept(asdict(plan.totals)),
            "orders": flights.order_count(),
            "flights": len(flights),
        }
    )
    items = iter(plan.items)
    for order in flights.orders():
        fields = columns.stage(order.fields)
        yield _line({"order": [order.row, order.key, fields], "item": _item(next(items))})
    for flight in flights:
        fields = columns.stage(flight.campaign)
        item = {} if columns.flight_name is None else {"item": _item(next(items))}
        yield _line({"flight": [flight.row, flight.key, flight.order_key, fields], **item})
    for leftover in plan.leftovers:
        yield _line({"leftover": _kept(asdict(leftover))})
    for warning in plan.warnings:
        yield _line({"warning": asdict(warning)})


def _item(item: Item) -> dict[str, Any]:
    changes = [[one.column] if one.old is UNSEEN else [one.column, _kept(one.old)] for one in item.changes]
    told = {
        "verdict": item.verdict.value,
        "name": item.name,
        "id": item.id,
        "changes": changes,
        "is_adopted": item.is_adopted,
        "is_draft": item.is_draft,
        "reason": item.reason,
        "committed": f"{item.committed:f}",
    }
    # what is plain is left out: most items are unchanged
    return {name: value for name, value in told.items() if value not in (None, False, "", "0", [])}


def _kept(value: Any) -> Any:
    """A value in the journal's form, which keeps its type; nothing in it is a secret."""
    return orjson.loads(encode("plan", value, frozenset()))


# reading


def _load(file: Path, platform: Platform) -> Plan:
    with file.open("rb") as opened:
        return _Loading(file, opened, platform).plan()


class _Damaged(Exception):
    """A line that is not as it was written."""


_WRONG: Final = (_Damaged, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, sqlite3.Error)


class _Loading:
    """One file on its way to a plan."""

    def __init__(self, path: Path, file: BinaryIO, platform: Platform) -> None:
        self._path = path
        self._file = file
        self._platform = platform
        self._digest = sha256()

    def plan(self) -> Plan:
        head = self._head()
        connection = sqlite3.connect("", check_same_thread=False)
        try:
            return self._read(head, connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, _WRONG):
                self._refuse("a saved plan that is whole: this one is damaged, or was changed. Make it again")
            raise

    def _head(self) -> Mapping[str, Any]:
        try:
            head = self._line()
        except _Damaged:
            head = {}
        version = head.get(MARK)
        if version is None:
            self._refuse("a plan that adflight saved")
        if version != VERSION:
            self._refuse(f"a plan of version {VERSION}; this one is of version {version}, of another adflight")
        vendor, url = self._platform.columns.vendor, self._platform.base_url
        if head.get("vendor") != vendor:
            self._refuse(f"a plan for {vendor}; this one is for {head.get('vendor')}")
        if head.get("account") != _digest(self._platform):
            ours = redact_url(url, SECRET_NAMES)
            theirs = (
                "this one is of another account"
                if head.get("base_url") == ours
                else (f"this one is for {head.get('base_url')}")
            )
            self._refuse(f"a plan for this account at {ours}; {theirs}")
        return head

    def _refuse(self, expected: str) -> NoReturn:
        raise InvalidInput("plan", str(self._path), expected) from None

    def _line(self) -> dict[str, Any]:
        line = self._file.readline(_LONGEST)
        try:
            value = orjson.loads(line)
        except ValueError:
            raise _Damaged from None
        if not isinstance(value, dict):
            raise _Damaged
        if "end" in value:
            if value["end"] != self._digest.hexdigest() or self._file.read(1):
                raise _Damaged
        else:
            self._digest.update(line)
        return value

    def _read(self, head: Mapping[str, Any], connection: sqlite3.Connection) -> Plan:
        content = _Content(self._platform.columns, Staging(connection))
        with content.staging.batch():
            while "end" not in (line := self._line()):
                content.take(line)
        if content.staging.count() != (head["flights"], head["orders"]):
            raise _Damaged
        # those of the file itself come first
        doubts = tuple(content.warnings[: head["doubts"]])
        return Plan(
            platform=self._platform,
            scope=head["scope"],
            flights=Flights(content.columns, Detected("rows"), doubts, content.staging, connection),
            label=head["label"],
            refresh=head["refresh"],
            items=content.items,
            leftovers=tuple(content.leftovers),
            warnings=tuple(content.warnings),
            totals=Totals(**_restored(head["totals"])),
            open_intents=head["open_intents"],
            read_at=datetime.fromisoformat(head["created"]),
            read_on=self._platform.clock.monotonic(),
            last_run=None,
            snapshot=None,
        )


class _Content:
    """What stands between the head and the end."""

    def __init__(self, columns: Columns, staging: Staging) -> None:
        self.columns: Final = columns
        self.staging: Final = staging
        self.items: Final[list[Item]] = []
        self.leftovers: Final[list[Leftover]] = []
        self.warnings: Final[list[Problem]] = []
        self._first_rows: Final[dict[str, int]] = {}

    def take(self, line: Mapping[str, Any]) -> None:
        """One line."""
        match line:
            case {"order": [row, key, fields]}:
                self._first_rows[key] = row
                self.staging.add_to_order(row, key, fields)
                self._add_item(line, Item(kind=ORDER, key=key, row=row, name="", verdict=Verdict.REFUSED), fields)
            case {"flight": [row, key, order_key, fields]}:
                if self._first_rows[order_key] != row:
                    self.staging.add_to_order(row, order_key, {})
                self.staging.add_flight(row, key, order_key, fields)
                if "item" in line:
                    item = Item(kind=CAMPAIGN, key=key, row=row, name="", verdict=Verdict.REFUSED, parent=order_key)
                    self._add_item(line, item, fields)
            case {"leftover": leftover}:
                self.leftovers.append(Leftover(**_restored(leftover)))
            case {"warning": warning}:
                self.warnings.append(Problem(**warning))
            case _:
                raise _Damaged

    def _add_item(self, line: Mapping[str, Any], item: Item, fields: Mapping[str, Any]) -> None:
        told = line["item"]
        changes = [(name, _restored(old[0]) if old else UNSEEN) for name, *old in told.get("changes", ())]
        new = self.columns.unstage({name: fields[name] for name, _ in changes})
        item.changes = tuple(Change(name, old, new[name]) for name, old in changes)
        item.verdict = Verdict(told["verdict"])
        item.name, item.reason, item.id = told.get("name", ""), told.get("reason", ""), told.get("id")
        item.is_adopted, item.is_draft = told.get("is_adopted", False), told.get("is_draft", False)
        if "committed" in told:
            item.committed = Decimal(told["committed"])
        self.items.append(item)


def _restored(value: Any) -> Any:
    return decode(orjson.dumps(value))
