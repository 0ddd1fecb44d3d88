from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from adflight import IQM, InvalidFile, InvalidInput
from adflight.flights import (
    CLEAR,
    Column,
    Columns,
    Declarations,
    Flight,
    Flights,
    Level,
    Managed,
    columns,
    columns_for,
    read_flights,
    reading,
)
from adflight.flights.kinds import Text, Time
from adflight.flights.template import documentation, template
from adflight.sandbox import Sandbox
from adflight_api.iqm.api.campaigns import campaigns_create
from adflight_api.iqm.api.insertion_orders import insertion_orders_create

FIRST: Mapping[str, object] = {
    "key": "a",
    "io_name": "Spring",
    "io_start_time": "2027-03-01T00:00Z",
    "io_end_time": "2027-06-01T00:00Z",
    "campaign_name": "A",
    "start_time": "2027-03-02T00:00Z",
    "end_time": "2027-05-01T00:00Z",
    "budget_total": "1000.00",
}
SECOND: Mapping[str, object] = {"key": "b", "io_name": "Spring", "campaign_name": "B"}


def problems(*rows: Mapping[str, object], **options: Any) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read_flights(rows, **options)
    assert caught.value.count == len(caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def warnings(*rows: Mapping[str, object]) -> list[str]:
    with read_flights(rows) as flights:
        return [str(warning) for warning in flights.warnings]


def csv_file(directory: Path, text: str, encoding: str = "utf-8") -> Path:
    path = directory / "flights.csv"
    path.write_text(text, encoding=encoding)
    return path


# what is read


def test_rows_become_typed_flights() -> None:
    start = datetime(2027, 3, 2, tzinfo=UTC)
    rows = [
        {**FIRST, "creative_ids": [1, 2], "budget_day": "<clear>", "max_bid": "", "exchanges": CLEAR, "os": None},
        {**SECOND, "start_time": date(2027, 3, 2), "max_bid": Decimal("2.50"), "creative_type": "image"},
    ]
    order: Managed = {
        "io_name": "Spring",
        "io_start_time": start - timedelta(days=1),
        "io_end_time": datetime(2027, 6, 1, tzinfo=UTC),
    }
    with read_flights(rows, declarations=Declarations(zone="UTC")) as flights:
        assert len(flights) == 2
        assert list(flights) == [
            Flight(
                key="a",
                row=1,
                order_key="Spring",
                insertion_order=order,
                campaign={
                    "campaign_name": "A",
                    "start_time": start,
                    "end_time": datetime(2027, 5, 1, tzinfo=UTC),
                    "budget_total": Decimal(1000),
                    "creative_ids": (1, 2),
                    "budget_day": CLEAR,
                    "exchanges": CLEAR,
                },
            ),
            Flight(
                key="b",
                row=2,
                order_key="Spring",
                insertion_order=order,
                campaign={"campaign_name": "B", "start_time": start, "max_bid": Decimal("2.5"), "creative_type": 11},
            ),
        ]
        (spring,) = flights.orders()
        assert (spring.key, spring.row, spring.flights, spring.fields) == ("Spring", 1, 2, order)
        assert str(flights.detected) == "rows"


def test_a_spreadsheets_export(tmp_path: Path) -> None:
    text = (
        "key;io_name;campaign_name;start_time;end_time;budget_total;max_bid\n"
        "a;Frühling;Süd;01.03.2027 09:00;01.05.2027 00:00;1.000,00;2,50\n"
    )
    german = Declarations(zone="Europe/Berlin", decimal=",", thousands=".", date_format="%d.%m.%Y %H:%M")
    for encoding, said in (
        ("utf-8-sig", "UTF-8 with a byte-order mark"),
        ("utf-16", "UTF-16 with a byte-order mark"),
        ("windows-1252", "Windows-1252, because it is not UTF-8"),
    ):
        with read_flights(csv_file(tmp_path, text, encoding), declarations=german) as flights:
            assert str(flights.detected) == f"CSV in {said}, separated by semicolons"
            (flight,) = flights
            assert flight.row == 2
            assert flight.order_key == "Frühling"
            assert flight.campaign["start_time"] == datetime(2027, 3, 1, 8, tzinfo=UTC)
            assert flight.campaign["budget_total"] == Decimal(1000)
            # what is only assumed is said
            assert len(flights.warnings) == (encoding == "windows-1252")
    declared = evolve(german, encoding="windows-1252")
    with read_flights(str(csv_file(tmp_path, text, "windows-1252")), declarations=declared) as flights:
        assert flights.warnings == ()


def test_an_order_has_a_key_of_its_own_when_it_is_to_be_renamed() -> None:
    with read_flights(
        [{"key": "a", "io_key": "spring", "io_name": "Spring"}, {"key": "b", "io_key": "spring"}]
    ) as flights:
        assert [flight.order_key for flight in flights] == ["spring", "spring"]
        assert [flight.insertion_order for flight in flights] == [{"io_name": "Spring"}] * 2


def test_time_zones_by_the_vendors_table() -> None:
    row = {**FIRST, "timezone": "US/Eastern"}
    with read_flights([row]) as flights:
        assert next(iter(flights)).campaign["timezone"] == "US/Eastern"
    with read_flights([row], zones={"US/Eastern": 29}) as flights:
        assert next(iter(flights)).campaign["timezone"] == 29
    assert "the nearest are" in problems(row, zones={"US/Easter": 29})[0]


async def test_flights_are_what_the_create_operations_take(iqm: IQM, adflight_sandbox: Sandbox, tmp_path: Path) -> None:
    zones = {zone.name: zone.id for zone in (await iqm.master.list_timezones()).data}
    path = tmp_path / "flights.csv"
    path.write_text(template(columns_for("iqm")))
    with read_flights(path, zones=zones) as flights:
        for order in flights.orders():
            fields: dict[str, Any] = dict(order.fields)
            request = insertion_orders_create.request(io_budget_type_id=1, **fields)
            created = await iqm.call(request, insertion_orders_create.parse)
        for flight in flights:
            fields = dict(flight.campaign)
            campaign_request = campaigns_create.request(io_id=created.io_id, is_agreement_checked=True, **fields)
            await iqm.call(campaign_request, campaigns_create.parse)
    assert adflight_sandbox.counts.executions["campaigns_create"] == 2


# what is wrong


def test_every_problem_of_every_row_is_told_at_once() -> None:
    assert problems(
        {"key": "a", "max_bid": "1,5", "budget_total": "0"},
        {**FIRST, "key": " ", "end_time": "2027-03-01T00:00Z"},
        {**SECOND, "key": "a"},
        {**SECOND, "key": "a", "colour": "red"},
    ) == [
        "row 1, max_bid='1,5': expected a number in a format that is declared; this may be 1.5 (declare decimal=',')",
        "row 1, budget_total='0': expected more than 0",
        "row 1, io_name: expected the insertion order that the flight belongs to",
        "row 2, end_time='2027-03-01T00:00Z': expected a time after start_time, '2027-03-02T00:00Z'",
        "row 2, key: expected a name of your own for this flight, another one in every row",
        "row 4, 'colour': expected the name of a column",
        "row 4, key='a': expected a key of its own; row 3 has the same",
    ]


def test_keys_that_look_the_same_are_the_same() -> None:
    assert problems({**SECOND, "key": "caf\u00e9"}, {**SECOND, "key": "cafe\u0301"}) == [
        "row 2, key='café': expected a key of its own; row 1 has the same"
    ]


def test_rows_of_one_order_must_not_contradict_each_other() -> None:
    earlier = "2027-02-01T01:00+01:00"
    assert problems(FIRST, {**SECOND, "io_start_time": earlier, "io_end_time": "<clear>"}) == [
        f"row 2, io_start_time='{earlier}': "
        "expected what row 1 says of the same insertion order: '2027-03-01T00:00:00+00:00'",
        "row 2, io_end_time='<clear>': "
        "expected what row 1 says of the same insertion order: '2027-06-01T00:00:00+00:00'",
    ]
    assert problems({**FIRST, "io_end_time": "<clear>"}, {**SECOND, "io_end_time": "2027-06-01T00:00Z"}) == [
        "row 2, io_end_time='2027-06-01T00:00Z': expected what row 1 says of the same insertion order: cleared"
    ]


def test_the_same_said_in_another_way_is_no_contradiction() -> None:
    row = {**SECOND, "io_start_time": "2027-03-01T01:00+01:00", "io_total_budget": "5000"}
    with read_flights([{**FIRST, "io_total_budget": "5000.00"}, row]) as flights:
        assert len(flights) == 2


def test_an_order_ends_after_it_starts_whichever_rows_say_so() -> None:
    assert problems(
        {"key": "a", "io_name": "Spring", "io_end_time": "2027-03-01T00:00Z"},
        {"key": "b", "io_name": "Spring", "io_start_time": "2027-03-01T00:00Z"},
    ) == [
        "row 1, io_end_time='2027-03-01T00:00:00+00:00': "
        "expected a time after io_start_time, 2027-03-01T00:00:00+00:00 in row 2"
    ]


def test_what_the_vendor_refuses_is_told() -> None:
    paced = {**FIRST, "total_budget_pacing": "yes", "budget_day": "50"}
    assert problems(paced) == [
        "row 1, budget_day='50': expected none, because total_budget_pacing spreads the total budget"
    ]
    assert problems({**FIRST, "io_total_budget": "5"}, {**SECOND, "is_auto_sum_io_total_budget": "true"}) == [
        "row 1, io_total_budget='5': "
        "expected none, while is_auto_sum_io_total_budget keeps it equal to its campaigns' sum"
    ]
    assert problems({**FIRST, "budget_type_id": "IMPRESSION"}, {**SECOND, "io_budget_type_id": "BUDGET"}) == [
        "row 1, budget_type_id=2: expected 1, like io_budget_type_id in row 2"
    ]
    assert problems({**FIRST, "key": "<clear>"}) == ["row 1, key='<clear>': expected a value: this one cannot be null"]


def test_a_file_without_flights() -> None:
    assert problems() == ["expected at least one flight; there is none"]


def test_a_heading_alone_and_other_files(tmp_path: Path) -> None:
    for text, said in (
        (
            "key,io_name\n",
            "(CSV in UTF-8, separated by commas): 1 problem\n  expected at least one flight; there is none",
        ),
        ("", ": 1 problem\n  expected a heading and a row for every flight; this file is empty"),
        ("io_name\nx\n", "row 1, key: expected this column, with a name of its own for every flight"),
        ('key,io_name\na,x\na,x\n"', "row 3, key='a': expected a key of its own; row 2 has the same"),
    ):
        path = csv_file(tmp_path, text)
        with pytest.raises(InvalidFile) as caught:
            read_flights(path)
        assert str(caught.value).startswith(str(path))
        assert said in str(caught.value)
        assert caught.value.value == str(path)


def test_without_the_column_of_keys_the_heading_alone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile) as caught:
        read_flights(csv_file(tmp_path, "io_name,campaign_name\nx,A\nx,B\n"))
    assert caught.value.count == 1


def test_a_file_that_is_wrong_all_over_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT", 5)
    with pytest.raises(InvalidFile) as caught:
        read_flights({**SECOND, "key": f"{number}", "max_bid": "x"} for number in range(20))
    assert (len(caught.value.problems), caught.value.count) == (5, 20)


def test_problems_cross_batches() -> None:
    assert problems(*({**SECOND, "key": str(number % 1500)} for number in range(1501))) == [
        "row 1501, key='0': expected a key of its own; row 1 has the same"
    ]


def test_a_vendor_without_flights() -> None:
    with pytest.raises(InvalidInput, match="vendor='acme'"):
        read_flights([], vendor="acme")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_flights(tmp_path / "nothing.csv")


# what is doubtful


def test_a_campaign_outside_its_order_is_a_warning() -> None:
    assert warnings({**FIRST, "start_time": "2027-02-01T00:00Z", "end_time": "2027-07-01T00:00Z"}) == [
        "row 1, start_time='2027-02-01T00:00:00+00:00': "
        "expected a time in the insertion order, which starts 2027-03-01T00:00:00+00:00 (row 1)",
        "row 1, end_time='2027-07-01T00:00:00+00:00': "
        "expected a time in the insertion order, which ends 2027-06-01T00:00:00+00:00 (row 1)",
    ]


def test_names_that_are_there_twice_are_warnings() -> None:
    said = "has the same, and after a lost answer none could be found"
    assert warnings(
        FIRST,
        {**SECOND, "campaign_name": "A"},
        {"key": "c", "io_name": "Other", "campaign_name": "A"},
        {"key": "d", "io_key": "x", "io_name": "Other"},
    ) == [
        f"row 2, campaign_name='A': expected a name of its own: row 1 {said}",
        f"row 4, io_name='Other': expected a name of its own: row 3 {said}",
    ]


def test_other_doubts_are_warnings() -> None:
    assert warnings({**FIRST, "creative_type": "99", "advertiser_domain": "brand.example.com"}) == [
        "row 1, creative_type='99': expected one of ALL (0), IMAGE (11), HTML (13), VIDEO (14), NATIVE (15), "
        "TICKER_BANNER (16), AUDIO (17), GOTV (18); it is sent as it is",
        "row 1, advertiser_domain='brand.example.com': expected its protocol too, such as https://brand.example.com",
    ]


# other vendors


def test_a_vendor_may_have_insertion_orders_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("acme_columns")
    name = Text(is_name=True)
    level = Level.INSERTION_ORDER
    module.__dict__["COLUMNS"] = Columns(
        vendor="acme",
        by_name=[
            Column(name="key", level=Level.ROW, kind=name, description="Key.", example="a", is_common=True),
            Column(name="io_key", level=Level.ROW, kind=name, description="Key."),
            Column(name="name", level=level, kind=name, description="Name.", example="Spring", is_common=True),
            Column(name="starts", level=level, kind=Time(), description="Start."),
            Column(name="ends", level=level, kind=Time(is_end=True), description="End."),
        ],
        order_key="io_key",
        order_name="name",
        flight_name=None,
        spans={level: ("starts", "ends")},
    )
    monkeypatch.setitem(sys.modules, "acme_columns", module)
    monkeypatch.setitem(columns.VENDORS, "acme", "acme_columns")
    with read_flights([{"key": "a", "name": "Spring"}, {"key": "b", "name": "Autumn"}], vendor="acme") as flights:
        assert [(flight.insertion_order, flight.campaign) for flight in flights] == [
            ({"name": "Spring"}, {}),
            ({"name": "Autumn"}, {}),
        ]
        assert flights.warnings == ()
    assert problems({"key": "a", "name": "x", "starts": "2027-03-01Z", "ends": "2027-03-01T00:00Z"}, vendor="acme")
    assert "Of the campaign" not in documentation(columns_for("acme"))
    assert template(columns_for("acme")) == "key,name\na-1,Spring 1\na-2,Spring 2\n"


# where it is staged


def test_the_rows_can_be_staged_in_a_database_of_the_callers() -> None:
    connection = sqlite3.connect(":memory:")
    with read_flights([FIRST], connection=connection) as flights:
        assert connection.execute("SELECT key FROM temp.staged_flight").fetchall() == [("a",)]
        assert len(flights) == 1
    assert connection.execute("SELECT name FROM temp.sqlite_schema").fetchall() == []
    with pytest.raises(InvalidFile):
        read_flights([], connection=connection)
    assert connection.execute("SELECT name FROM temp.sqlite_schema").fetchall() == []
    connection.close()


def test_flights_can_be_read_many_times_and_left_in_the_middle() -> None:
    flights = read_flights([FIRST, SECOND])
    kept = iter(flights)
    assert next(kept).key == "a"
    assert [flight.key for flight in flights] == [flight.key for flight in flights] == ["a", "b"]
    flights.close()
    with pytest.raises(sqlite3.ProgrammingError):
        len(flights)


def test_whatever_the_source_raises_is_raised(tmp_path: Path) -> None:
    def rows() -> Any:
        yield FIRST
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_flights(rows())


def test_flights_are_typed() -> None:
    with read_flights([FIRST]) as flights:
        assert isinstance(flights, Flights)
