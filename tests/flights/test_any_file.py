"""Flights read back the same in whatever form they are written; and from no bytes comes any error but `InvalidFile`."""

from __future__ import annotations

import csv
import json
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adflight import InvalidFile, InvalidInput
from adflight.flights import CLEAR, Declarations, Value, columns_for, read_flights
from adflight.flights.kinds import Choice, Kind
from adflight.flights.lists import Ids, Texts
from adflight.flights.times import zone_of

COLUMNS: Final = columns_for("iqm")
BERLIN: Final = ZoneInfo("Europe/Berlin")

ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252")
FORMATS: Final = (
    Declarations(),
    Declarations(decimal=".", thousands=","),
    Declarations(zone="Europe/Berlin", decimal=",", thousands=".", date_format="%d.%m.%Y %H:%M:%S"),
    Declarations(zone="-05:00", decimal=",", thousands=" "),
)

# how long an example takes is for the machine to say
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# letters that Windows-1252 has too
letters = st.sampled_from(string.ascii_letters + string.digits + " .-_:/éüßÑ€,;\t\"'")
words = st.text(letters, min_size=1, max_size=20).filter(lambda text: text == text.strip() and text != "<clear>")
names = words.filter(lambda text: "\t" not in text)
amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("9999999.99"), places=2)
moments = st.datetimes(datetime(2027, 1, 1), datetime(2027, 12, 31)).map(
    # away from the hours that clocks skip and repeat
    lambda moment: moment.replace(hour=12, microsecond=0, tzinfo=UTC)
)
values: Mapping[str, st.SearchStrategy[Value]] = {
    "campaign_name": names,
    "app_url": words,
    "budget_total": amounts,
    "budget_day": st.one_of(amounts, st.just(CLEAR)),
    "start_time": moments,
    "country_id": st.integers(0, 10**12),
    "is_tv_ad": st.booleans(),
    "creative_type": st.sampled_from([0, 11, 13, 14]),
    "timezone": st.one_of(st.integers(1, 500), st.just("US/Eastern")),
    "creative_ids": st.lists(st.integers(0, 10**9), min_size=1, max_size=4).map(tuple),
    "inventory_keywords": st.one_of(st.lists(words, min_size=1, max_size=3).map(tuple), st.just(CLEAR)),
    "scheduling": st.just({"0": [["03:00:00", "05:00:00"]]}),
}
tables = st.lists(st.fixed_dictionaries({}, optional=dict(values)), min_size=1, max_size=6)


def written(name: str, value: Value, said: Declarations) -> str:
    """A value as a cell of a file for which this is said."""
    kind: Kind = COLUMNS.by_name[name].kind
    if value is CLEAR:
        return "<clear>"
    if isinstance(value, Decimal):
        text = f"{value:,f}" if said.thousands else f"{value:f}"
        return text.replace(",", "T").replace(".", said.decimal or ".").replace("T", said.thousands or "")
    if isinstance(value, datetime):
        if said.zone is None:
            return value.astimezone(BERLIN).isoformat()
        return value.astimezone(zone_of(said.zone)).strftime(said.date_format or "%Y-%m-%dT%H:%M:%S")
    if isinstance(kind, Choice):
        return next(name for name, number in kind.members.items() if number == value).replace("_", " ").title()
    if isinstance(kind, Ids | Texts) or isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    # hypothesis wants no fixture that lasts for all of its examples
    with TemporaryDirectory() as directory:
        path = Path(directory) / "flights"
        path.write_bytes(content)
        yield path


@unhurried
@given(tables, st.sampled_from(ENCODINGS), st.sampled_from(",;\t"), st.sampled_from(FORMATS), st.randoms())
def test_a_csv_file_reads_back_equal(
    table: list[dict[str, Any]], encoding: str, separator: str, said: Declarations, shuffling: Any
) -> None:
    heading = ["key", "io_name", *values]
    shuffling.shuffle(heading)
    text = StringIO()
    writer = csv.DictWriter(text, heading, restval="", delimiter=separator)
    writer.writeheader()
    for number, row in enumerate(table):
        cells = {name: written(name, value, said) for name, value in row.items()}
        writer.writerow({"key": f"é{number}", "io_name": "Spring", **cells})
    with file_of(text.getvalue().encode(encoding)) as path, read_flights(path, declarations=said) as flights:
        assert flights.detected.separator == separator
        assert [flight.campaign for flight in flights] == table
        assert [flight.row for flight in flights] == [*range(2, len(table) + 2)]


@unhurried
@given(tables)
def test_json_lines_read_back_equal(table: list[dict[str, Any]]) -> None:
    lines = []
    for number, row in enumerate(table):
        cells = {name: COLUMNS.by_name[name].kind.stage(value) for name, value in row.items() if value is not CLEAR}
        cleared = {name: "<clear>" for name, value in row.items() if value is CLEAR}
        lines.append(json.dumps({"key": str(number), "io_name": "Spring", **cells, **cleared}))
    with file_of("\n".join(lines).encode()) as path, read_flights(path) as flights:
        assert [flight.campaign for flight in flights] == table


@unhurried
@given(tables)
def test_mappings_read_back_equal(table: list[dict[str, Any]]) -> None:
    rows = ({"key": str(number), "io_name": "Spring", **row} for number, row in enumerate(table))
    with read_flights(rows) as flights:
        assert [flight.campaign for flight in flights] == table


def read_or_refused(source: Any, declarations: Declarations | None = None) -> None:
    try:
        flights = read_flights(source, declarations=declarations)
    except InvalidFile as error:
        assert error.count >= len(error.problems) > 0
        assert str(error)
    else:
        with flights:
            assert len(list(flights)) == len(flights) > 0


fragments = st.sampled_from(
    (
        *("key", "io_name", "start_time", "max_bid", "scheduling", ",", ";", "\t", "\n", "\r\n", '"', "1.500", "1,5"),
        *("<clear>", "2027-03-01T09:00Z", "{", "}", "[", "]", ":", '{"key": "a"}', "\0", "ü", "\ud7ff", "\ufeff"),
        *("sep=;\n", "NaN", " "),
    )
)
texts = st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=40).map("".join)


@unhurried
@given(texts, st.sampled_from(["utf-8", "utf-16", "utf-16-be", "latin-1"]))
def test_no_text_does_anything_but_be_read_or_refused(text: str, encoding: str) -> None:
    with file_of(text.encode(encoding, "replace")) as path:
        read_or_refused(path)


@unhurried
@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_be_read_or_refused(content: bytes) -> None:
    with file_of(content) as path:
        read_or_refused(path)


@unhurried
@given(
    st.sampled_from(["key,io_name,max_bid,timezone,creative_ids,scheduling,start_time,creative_type,app_url\n"]),
    st.lists(st.lists(st.text(max_size=12), min_size=9, max_size=9), max_size=4),
    st.sampled_from(FORMATS),
)
def test_no_cell_does_anything_but_be_read_or_refused(heading: str, cells: list[list[str]], said: Declarations) -> None:
    text = StringIO()
    csv.writer(text).writerows(cells)
    with file_of((heading + text.getvalue()).encode("utf-8", "replace")) as path:
        read_or_refused(path, said)


@unhurried
@given(
    st.sampled_from(
        ["utf-7", "utf-8", "utf-8-sig", "utf-16", "utf-32", "iso-2022-jp", "cp037", "idna", "punycode", "hz"]
    ),
    st.one_of(st.binary(max_size=60), texts.map(lambda text: text.encode("utf-8", "replace"))),
)
def test_no_declared_encoding_does_anything_else_either(encoding: str, content: bytes) -> None:
    try:
        said = Declarations(encoding=encoding)
    except InvalidInput:
        return
    with file_of(content) as path:
        read_or_refused(path, said)


objects = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.decimals(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@unhurried
@given(st.lists(st.dictionaries(st.sampled_from([*COLUMNS.by_name, "x"]), objects, max_size=8), max_size=3))
def test_no_mapping_does_anything_but_be_read_or_refused(rows: list[dict[str, Any]]) -> None:
    read_or_refused([{"key": str(number), "io_name": "Spring", **row} for number, row in enumerate(rows)])
