from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from adflight.flights.staging import Conflict, Finding, StagedFlight, StagedOrder, Staging

EARLY, LATE = "2027-03-01T00:00:00+00:00", "2027-04-01T00:00:00+00:00"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture
def staging(connection: sqlite3.Connection) -> Staging:
    return Staging(connection)


def test_flights_come_back_with_all_that_is_said_of_their_order(staging: Staging) -> None:
    assert staging.add_to_order(2, "spring", {"start": EARLY}) == []
    assert staging.add_flight(2, "a", "spring", {"bid": "2.5", "end": None}) is None
    assert staging.add_to_order(3, "spring", {"end": LATE}) == []
    assert staging.add_flight(3, "b", "spring", {}) is None
    assert staging.count() == (2, 1)
    order = {"start": EARLY, "end": LATE}
    assert list(staging.flights()) == [
        StagedFlight(2, "a", {"bid": "2.5", "end": None}, "spring", order),
        StagedFlight(3, "b", {}, "spring", order),
    ]
    assert list(staging.orders()) == [StagedOrder(2, "spring", 2, order, {"start": 2, "end": 3})]


def test_a_key_is_there_once(staging: Staging) -> None:
    assert staging.add_flight(2, "a", "spring", {"bid": "1"}) is None
    assert staging.add_flight(5, "a", "autumn", {"bid": "2"}) == 2
    assert staging.count() == (1, 0)


def test_rows_of_an_order_that_differ(staging: Staging) -> None:
    staging.add_to_order(2, "spring", {"start": EARLY, "budget": None})
    staging.add_to_order(3, "spring", {"end": LATE})
    said = {"start": LATE, "end": LATE, "budget": "5"}
    assert staging.add_to_order(4, "spring", said) == [Conflict("start", 2, EARLY), Conflict("budget", 2, None)]
    # the first counts
    assert next(staging.orders()).fields == {"start": EARLY, "end": LATE, "budget": None}


def test_flights_are_held_against_their_orders(staging: Staging) -> None:
    staging.add_to_order(2, "spring", {"from": LATE, "to": EARLY, "type": 1})
    staging.add_to_order(3, "open", {"to": None})
    staging.add_flight(2, "a", "spring", {"start": EARLY, "end": LATE, "kind": 2})
    staging.add_flight(3, "b", "open", {"start": EARLY, "end": LATE, "kind": 2})
    staging.add_flight(4, "c", "spring", {"start": LATE, "end": EARLY, "kind": 1})
    staging.add_flight(5, "d", "spring", {"end": None})
    assert list(staging.flights_that_start_too_early("from", "start")) == [Finding(2, EARLY, 2, LATE)]
    assert list(staging.flights_that_end_too_late("to", "end")) == [Finding(2, LATE, 2, EARLY)]
    assert list(staging.flights_that_disagree("type", "kind")) == [Finding(2, 2, 2, 1)]


def test_namesakes(staging: Staging) -> None:
    for row, (order, name) in enumerate([("x", "A"), ("x", "B"), ("y", "A"), ("x", "A"), ("x", None), ("x", None)], 2):
        staging.add_to_order(row, order, {"name": "Same"})
        staging.add_flight(row, f"key-{row}", order, {} if name is None else {"name": name})
    assert list(staging.flights_of_one_name("name")) == [Finding(5, "A", 2, "A")]
    assert list(staging.orders_of_one_name("name")) == [Finding(4, "Same", 2, "Same")]


def test_it_can_be_forgotten_while_somebody_reads(staging: Staging) -> None:
    for row in range(2, 2003):
        staging.add_to_order(row, f"order-{row}", {})
        staging.add_flight(row, f"key-{row}", f"order-{row}", {})
    assert [flight.row for flight in staging.flights()] == list(range(2, 2003))
    reader = staging.flights()
    next(reader)
    staging.forget()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        staging.count()


def test_a_connection_in_the_middle_of_a_transaction_stays_there(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE journal (entry TEXT)")
    connection.execute("INSERT INTO journal VALUES ('intent')")
    assert connection.in_transaction
    staging = Staging(connection)
    with staging.batch():
        staging.add_flight(2, "a", "spring", {})
    staging.forget()
    assert connection.in_transaction
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_a_batch_that_fails_can_be_followed_by_another(connection: sqlite3.Connection) -> None:
    staging = Staging(connection)
    with pytest.raises(KeyError), staging.batch():
        raise KeyError
    assert not connection.in_transaction
    with staging.batch():
        staging.add_flight(2, "a", "spring", {})
    assert not connection.in_transaction


def test_nothing_is_written_to_the_database(tmp_path: object) -> None:
    path = f"{tmp_path}/journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE journal (entry TEXT)")
    other = sqlite3.connect(path, isolation_level=None)
    # another process has the one lock for writing
    other.execute("BEGIN IMMEDIATE")
    staging = Staging(connection)
    with staging.batch():
        staging.add_flight(2, "a", "spring", {})
    other.execute("COMMIT")
    assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("journal",)]
    other.close()
    connection.close()


def test_a_second_file_takes_the_place_of_the_first(connection: sqlite3.Connection) -> None:
    Staging(connection).add_flight(2, "a", "spring", {})
    assert Staging(connection).count() == (0, 0)
