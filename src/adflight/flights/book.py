"""What may be written to a journal, and what its objects are by now. Synchronous, in one thread.

Every rule is checked before the first row of a step is written, so that a refused step leaves nothing behind.
Imports `entries`, `database` and `tables`; used by `journal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from adflight.core.errors import AdflightError, UnknownOutcome
from adflight.core.redaction import RedactedRequest
from adflight.flights.database import Database
from adflight.flights.entries import (
    Absent,
    Adopted,
    Attempt,
    Contradiction,
    Done,
    Known,
    OpenIntent,
    Outcome,
    Refused,
    RowFailure,
    SideRequest,
    Unsettled,
    Withdrawn,
    moment,
)
from adflight.flights.sealing import (
    Sealed,
    SealedOutcome,
    decode,
    encode,
)


class Book:
    """What an open database may be told. Checks raise `Contradiction` before anything is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # runs up to this one were other processes'
        (self._earlier,) = database.one("SELECT coalesce(max(id), 0) FROM runs")
        self._over: tuple[int, str, float] | None = None
        """The run that was last to be ended, how and when: the disk may have refused that."""

    # runs

    def begin_run(self, file: str, now: float) -> int:
        running = self._run()
        if running is not None:
            if self._over is None or self._over[0] != running:
                raise Contradiction(f"run {running} has not ended")
            self._end(*self._over)
        return self._insert("INSERT INTO runs (file, started) VALUES (?, ?)", (file, now))

    def end_run(self, how: str, now: float) -> None:
        running = self._run()
        if running is None:
            raise Contradiction("no run has begun")
        self._over = running, how, now
        self._end(running, how, now)

    def _end(self, run: int, how: str, now: float) -> None:
        self._database.execute("UPDATE runs SET ended = ?, how = ? WHERE id = ?", (now, how, run))

    def fail_row(self, failure: RowFailure) -> None:
        run = self._run()
        if run is None:
            raise Contradiction(f"{failure.kind} {failure.key!r} failed, and no run has begun")
        self._database.execute(
            "REPLACE INTO failures (run, row, kind, key, outcome, error) VALUES (?, ?, ?, ?, ?, ?)",
            (run, failure.row, failure.kind, failure.key, failure.outcome, failure.error),
        )

    def add_side_requests(self, requests: Iterable[SideRequest]) -> None:
        run = self._run()
        if run is None:
            raise Contradiction("requests were sent, and no run has begun")
        self._database.executemany(
            "INSERT INTO side_requests (run, operation, apart, at, number, outcome, status, elapsed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((run, one.operation, one.is_apart, *_columns(one.attempt)) for one in requests),
        )

    def _run(self) -> int | None:
        row = self._database.one("SELECT id FROM runs WHERE ended IS NULL AND how = '' ORDER BY id DESC LIMIT 1")
        return None if row is None else int(row[0])

    def _insert(self, statement: str, values: Sequence[Any]) -> int:
        return int(self._database.execute(statement, values).lastrowid or 0)

    # intents and outcomes

    def intend(self, sealed: Sealed, now: float) -> int:
        intent, run = sealed.intent, self._run()
        if run is None:
            raise Contradiction(f"{intent.operation}: no run has begun")
        for part in intent.parts:
            self._check_settled(intent.kind, part.key, run, creates=intent.creates)
            known = self.id_of(intent.kind, part.key)
            if intent.creates and known is not None:
                raise Contradiction(f"{intent.kind} {part.key!r} exists already: {known}")
            if not intent.creates and known is None:
                raise Contradiction(f"{intent.operation}: the id of {intent.kind} {part.key!r} is not known")
        for key, _, existing, look_up, _ in sealed.parts if intent.creates else ():
            self._check_absent(intent.kind, key, look_up, decode(existing))
            self._check_name(intent.kind, key, look_up)
        id_ = self._insert(
            "INSERT INTO intents (run, at, operation, kind, creates, method, url, body, settled_after)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run,
                now,
                intent.operation,
                intent.kind,
                intent.creates,
                sealed.method,
                sealed.url,
                sealed.body,
                intent.settled_after,
            ),
        )
        self._database.executemany(
            "INSERT INTO parts (intent, run, kind, creates, at, key, fields, existing, look_up, row)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((id_, run, intent.kind, intent.creates, now, *part) for part in sealed.parts),
        )
        return id_

    def _check_settled(self, kind: str, key: str, run: int, *, creates: bool) -> None:
        open_ = "SELECT intent, creates, run FROM parts WHERE kind = ? AND key = ? AND open = 1"
        for intent, created, began in self._database.execute(open_, (kind, key)).fetchall():
            if created or creates or began != run:
                what = "may have been created" if created else "may have been changed"
                raise Unsettled(
                    f"{kind} {key!r} {what} by request {intent}, whose outcome is not known: settle it first"
                )

    def _check_name(self, kind: str, key: str, look_up: bytes) -> None:
        # a key that was edited meanwhile must not buy once more what may be on its way under the old one
        alike = "SELECT intent, key FROM parts WHERE kind = ? AND open = 1 AND creates = 1 AND look_up = ? AND key <> ?"
        row = None if look_up == b"{}" else self._database.one(alike, (kind, look_up, key))
        if row is not None:
            raise Unsettled(
                f"{kind} {key!r} may have been created by request {row[0]} under the key {row[1]!r}, which has the "
                "same name, and whose outcome is not known: give it that key again, or settle that request first"
            )

    def _check_absent(self, kind: str, key: str, look_up: bytes, existing: Iterable[int]) -> None:
        ever = "SELECT 1 FROM ids WHERE kind = ? AND id = ?"
        # under another key, too: that may have been edited since
        given_up = (
            "SELECT intent, existing FROM parts WHERE kind = ? AND state = 'absent' AND creates = 1"
            " AND (key = ? OR look_up = ?)"
        )
        named = None if look_up == b"{}" else look_up
        for intent, before in self._database.execute(given_up, (kind, key, named)).fetchall():
            # what is or was some key's was not made by it
            new = {*existing}.difference(decode(before))
            appeared = sorted(id_ for id_ in new if self._database.one(ever, (kind, id_)) is None)
            if appeared:
                raise Unsettled(
                    f"request {intent}, given up as absent, seems to have created {kind} {key!r} only now: "
                    f"{', '.join(map(str, appeared))} bears its name. To say that it is this one: "
                    f"adflight keys bind {quote(key)} {appeared[0]} --kind {kind}"
                )

    def withdraw(self, intent: int, reason: str, now: float) -> None:
        """An intent whose caller was cancelled before it could send anything."""
        sealed = SealedOutcome(Withdrawn(reason), "withdrawn", {"reason": reason})
        keys = self._database.execute("SELECT key FROM parts WHERE intent = ?", (intent,)).fetchall()
        self.record(intent, {key: sealed for (key,) in keys}, now)

    def record(self, intent: int, outcomes: Mapping[str, SealedOutcome], now: float) -> None:
        told: dict[int, str] = {}
        for key, sealed in outcomes.items():
            self._check_outcome(intent, key, sealed.outcome)
            id_ = sealed.columns.get("id")
            if id_ is not None and told.setdefault(id_, key) != key:
                raise Contradiction(f"request {intent}: {id_} cannot be both {told[id_]!r} and {key!r}")
        for key, sealed in outcomes.items():
            self._write_outcome(intent, key, sealed, now)

    def _check_outcome(self, intent: int, key: str, outcome: Outcome) -> None:
        row = self._database.one(
            "SELECT kind, run, creates, open, state FROM parts WHERE intent = ? AND key = ?", (intent, key)
        )
        if row is None:
            raise Contradiction(f"request {intent} is not about {key!r}, or does not exist")
        kind, run, creates, open_, state = row
        what = f"request {intent} for {kind} {key!r}"
        awaited = state == "sending" and run > self._earlier
        late = state == "absent" and isinstance(outcome, Adopted)
        if not open_ and not late:
            raise Contradiction(f"{what} is settled already: {state}")
        match outcome:
            case Done(id_):
                if creates and not awaited:
                    raise Contradiction(f"{what}: its answer was lost, so what it created can only be adopted")
                if creates == (id_ is None):
                    raise Contradiction(f"{what}: expected {'the' if creates else 'no'} id of what was created")
            case Adopted() if not creates:
                raise Contradiction(f"{what} created nothing that could be adopted")
            case Refused() | Withdrawn() if not awaited:
                # the answer to another sending says nothing of this one
                raise Contradiction(f"{what}: its own answer was lost, so nothing can refuse it any more")
            case Absent(_, by):
                if awaited:
                    raise Contradiction(f"{what} may still be answered: say first that its outcome is unknown")
                if creates and not by.strip():
                    raise Contradiction(f"{what}: a create is given up by a person, who must be named")
        if late:
            self._check_settled(kind, key, run, creates=True)
        if isinstance(outcome, (Done, Adopted)) and outcome.id is not None:
            self._check_free(kind, key, outcome.id, self.id_of(kind, key))

    def _write_outcome(self, intent: int, key: str, sealed: SealedOutcome, now: float) -> None:
        columns = {**sealed.columns, "state": sealed.state, "open": sealed.state == "unknown", "at": now}
        # of two sendings of one request, the later one counts
        values = ", ".join(
            f"{name} = max(coalesce({name}, 0), ?)" if name in ("sent_at", "settled_after") else f"{name} = ?"
            for name in columns
        )
        kind, fields = self._database.one(
            f"UPDATE parts SET {values} WHERE intent = ? AND key = ? RETURNING kind, fields",
            (*columns.values(), intent, key),
        )
        if sealed.state in ("done", "adopted"):
            if sealed.columns["id"] is not None:
                self._write_id(kind, key, sealed.columns["id"], now, sealed.columns.get("by", ""))
            self._write_applied(kind, key, _without(fields, sealed.outcome), now)

    def attempt(self, intent: int, attempt: Attempt) -> None:
        if self._database.one("SELECT 1 FROM intents WHERE id = ?", (intent,)) is None:
            raise Contradiction(f"there is no request {intent}")
        self._database.execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?)",
            (intent, *_columns(attempt)),
        )

    # ids and what was applied

    def bind(
        self, kind: str, key: str, id_: int, *, replacing: int | None, by: str, now: float, fields: bytes = b"{}"
    ) -> None:
        known = self.id_of(kind, key)
        if known == id_:
            return
        self._check_settled(kind, key, 0, creates=True)
        self._check_free(kind, key, id_, None if known == replacing else known)
        if replacing is not None:
            self.release(kind, key, replacing, by=by, now=now)
        self._write_id(kind, key, id_, now, by)
        if fields != b"{}":
            self._write_applied(kind, key, fields, now)

    def note(self, kind: str, key: str, fields: bytes, now: float) -> None:
        self._check_settled(kind, key, self._run() or 0, creates=False)
        if self.id_of(kind, key) is None:
            raise Contradiction(f"the id of {kind} {key!r} is not known")
        self._write_applied(kind, key, fields, now)

    def release(self, kind: str, key: str, id_: int, *, by: str, now: float) -> None:
        known = self.id_of(kind, key)
        if known != id_ or not by.strip():
            raise Contradiction(f"{kind} {key!r} is {known}; only a person, to be named, parts it from {id_}")
        self._check_settled(kind, key, 0, creates=True)
        self._database.execute(
            "UPDATE ids SET until = ?, by = ? WHERE kind = ? AND key = ? AND until IS NULL", (now, by, kind, key)
        )
        self._database.execute("DELETE FROM applied WHERE kind = ? AND key = ?", (kind, key))

    def id_of(self, kind: str, key: str) -> int | None:
        row = self._database.one("SELECT id FROM ids WHERE kind = ? AND key = ? AND until IS NULL", (kind, key))
        return None if row is None else int(row[0])

    def ids(self, kind: str) -> dict[str, int]:
        rows = self._database.execute("SELECT key, id FROM ids WHERE kind = ? AND until IS NULL ORDER BY key", (kind,))
        return dict(rows.fetchall())

    def given_up(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        rows = self._database.execute(
            "SELECT key, look_up FROM parts WHERE kind = ?1 AND state = 'absent' AND creates = 1 AND NOT EXISTS"
            " (SELECT 1 FROM ids WHERE ids.kind = ?1 AND ids.key = parts.key AND until IS NULL)",
            (kind,),
        )
        return [(key, decode(look_up)) for key, look_up in rows]

    def known(self, kind: str) -> list[Known]:
        rows = self._database.execute(
            "SELECT key, id, since, by FROM ids WHERE kind = ? AND until IS NULL ORDER BY key", (kind,)
        )
        return [Known(kind, key, id_, moment(since), by) for key, id_, since, by in rows]

    def keys_of(self, kind: str, file: str) -> dict[str, int]:
        # one run at a time: what was bound while it went on, it bound; one that died ended when the next one began
        rows = self._database.execute(
            "WITH spans AS (SELECT * FROM (SELECT file, started, ended, coalesce(min(started) OVER"
            " (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 9e999) AS next FROM runs)"
            " WHERE file = ?2) SELECT key, id FROM ids WHERE kind = ?1 AND until IS NULL AND (key IN"
            " (SELECT key FROM parts WHERE kind = ?1 AND run IN (SELECT id FROM runs WHERE file = ?2))"
            " OR EXISTS (SELECT 1 FROM spans WHERE since BETWEEN started AND coalesce(ended, since) AND since < next)"
            # what another file's request has made is that file's, whenever its outcome was found
            " AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.kind = ?1 AND parts.key = ids.key AND parts.id = ids.id"
            " AND creates = 1)) ORDER BY key",
            (kind, file),
        )
        return dict(rows.fetchall())

    def files_of(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        latest = (
            "SELECT file FROM runs WHERE id = (SELECT run FROM parts WHERE kind = ? AND key = ?"
            " AND state IN ('done', 'adopted') ORDER BY intent DESC LIMIT 1)"
        )
        rows = ((key, self._database.one(latest, (kind, key))) for key in keys)
        return {key: row[0] for key, row in rows if row is not None}

    def applied(self, kind: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        one = "SELECT fields FROM applied WHERE kind = ? AND key = ?"
        rows = ((key, self._database.one(one, (kind, key))) for key in keys)
        return {key: decode(row[0]) for key, row in rows if row is not None}

    def _check_free(self, kind: str, key: str, id_: int, known: int | None) -> None:
        if known is not None and known != id_:
            raise Contradiction(f"{kind} {key!r} is {known}, and cannot become {id_} in silence")
        row = self._database.one("SELECT key FROM ids WHERE kind = ? AND id = ? AND until IS NULL", (kind, id_))
        if row is not None and row[0] != key:
            raise Contradiction(f"{kind} {id_} is {row[0]!r} already, and cannot be {key!r} as well")

    def _write_id(self, kind: str, key: str, id_: int, now: float, by: str) -> None:
        self._database.execute(
            "INSERT INTO ids (kind, key, id, since, by) VALUES (?, ?, ?, ?, ?)", (kind, key, id_, now, by)
        )

    def _write_applied(self, kind: str, key: str, fields: bytes, now: float) -> None:
        row = self._database.one("SELECT fields FROM applied WHERE kind = ? AND key = ?", (kind, key))
        if row is not None:
            fields = encode("fields", {**decode(row[0]), **decode(fields)})
        self._database.execute("REPLACE INTO applied VALUES (?, ?, ?, ?)", (kind, key, now, fields))

    # what was written

    def open_intents(self, now: float) -> list[OpenIntent]:
        rows = self._database.execute(
            "SELECT p.*, n.operation, n.method, n.url, n.body, n.at AS intended, n.settled_after AS given"
            " FROM parts p JOIN intents n ON n.id = p.intent WHERE p.open = 1 ORDER BY p.intent, p.key"
        )
        names = [column[0] for column in rows.description]
        return [self._open_intent(dict(zip(names, row, strict=True)), now) for row in rows]

    def _open_intent(self, row: Mapping[str, Any], now: float) -> OpenIntent:
        after, sent_at, cause = row["given"], row["intended"], row["cause"]
        if row["state"] == "unknown":
            after, sent_at = max(after, row["settled_after"]), row["sent_at"]
        # what is under way here may leave only now
        settle = after - max(now - (now if row["sent_at"] is None else row["sent_at"]), 0.0)
        cause = AdflightError(cause or "the journal ends before the answer")
        unknown = UnknownOutcome(
            f"{row['operation']} was sent for {row['kind']} {row['key']!r}, and it is not known whether it was carried "
            f"out: {cause}",
            request=RedactedRequest(row["method"], row["url"], {}, decode(row["body"])),
            sent_at=moment(sent_at),
            settled_after=after,
            cause=cause,
            operation=row["operation"],
        )
        return OpenIntent(
            intent=row["intent"],
            run=row["run"],
            operation=row["operation"],
            kind=row["kind"],
            key=row["key"],
            creates=bool(row["creates"]),
            fields=decode(row["fields"]),
            existing=tuple(decode(row["existing"])),
            look_up=decode(row["look_up"]),
            state=row["state"],
            unknown=unknown,
            settle=max(settle, 0.0),
        )


def _columns(attempt: Attempt) -> tuple[object, ...]:
    return attempt.at.timestamp(), attempt.number, attempt.outcome, attempt.status, attempt.elapsed


def _without(fields: bytes, outcome: Outcome) -> bytes:
    """The fields of a request, but for those that the service did not take."""
    if not isinstance(outcome, (Done, Adopted)) or not outcome.ignored:
        return fields
    return encode("fields", {name: value for name, value in decode(fields).items() if name not in outcome.ignored})
