from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from adflight.core.problems import Problem
from adflight.flights import Declarations, columns_for, rows
from adflight.flights.detection import Detected, Unreadable, detect
from adflight.flights.rows import Row, rows_of_file, rows_of_iterable

COLUMNS = columns_for("iqm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flights.csv"


def read(file: Path, text: str) -> tuple[list[Row], list[str]]:
    """The rows, and all that was told."""
    file.write_text(text, encoding="utf-8", newline="")
    told: list[Problem] = []
    found: list[Row] = []
    try:
        found.extend(rows_of_file(file, detect(file, COLUMNS, Declarations()), COLUMNS, told.append))
    except Unreadable as unreadable:
        told.append(unreadable.problem)
    return found, [str(problem) for problem in told]


def test_rows_are_counted_as_a_spreadsheet_does(file: Path) -> None:
    text = 'key,io_name\r\na,"two\r\nlines"\r\n\r\nb,x\r\n,\r\nc,y\r\n'
    assert read(file, text) == (
        [
            (2, {"key": "a", "io_name": "two\r\nlines"}),
            (4, {"key": "b", "io_name": "x"}),
            (6, {"key": "c", "io_name": "y"}),
        ],
        [],
    )


def test_a_hint_for_spreadsheets_is_no_row(file: Path) -> None:
    assert read(file, "sep=;\nkey;io_name\na;x\n") == ([(2, {"key": "a", "io_name": "x"})], [])


def test_old_line_breaks(file: Path) -> None:
    assert read(file, "key;io_name\ra;x\r") == ([(2, {"key": "a", "io_name": "x"})], [])


def test_empty_columns_at_the_end_are_none(file: Path) -> None:
    assert read(file, "key,io_name,,\na,x,,\nb,y\n") == (
        [(2, {"key": "a", "io_name": "x"}), (3, {"key": "b", "io_name": "y"})],
        [],
    )


def test_ragged_rows_are_told_and_left_out(file: Path) -> None:
    assert read(file, "key,io_name\na,x,z\nb\nc,y\n") == (
        [(4, {"key": "c", "io_name": "y"})],
        [
            "row 2: expected 2 cells like the heading, not 3",
            "row 3: expected 2 cells like the heading, only 1 are there",
        ],
    )


def test_headings_are_checked(file: Path) -> None:
    found, told = read(file, "Key,io_name,io_name,colour,budget-total,,max_bid\na,x,y,red,5,z,2\n")
    assert found == [(2, {"io_name": "x", "max_bid": "2"})]
    assert told == [
        "row 1, 'Key': expected the name of a column; the nearest is key",
        "row 1, io_name: expected one column of this name, not 2",
        "row 1, 'colour': expected the name of a column",
        "row 1, 'budget-total': expected the name of a column; the nearest is budget_total",
        "row 1, key: expected this column, with a name of its own for every flight",
    ]


def test_a_file_without_a_heading_is_not_read(file: Path) -> None:
    found, told = read(file, "a,Spring,2027\nb,Spring,2027\n")
    assert found == []
    assert len(told) == 1
    assert told[0].startswith("row 1, 'a,Spring,2027': expected a heading with the names of columns: key, io_name, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('key,io_name\na,x\nb,"y\n', "row 3: expected a closing quotation mark; one in or after this row is open"),
        ('key,io_name\na,"x"y\n', 'row 2: expected quotation marks around whole cells, and "" for one inside of them'),
        (f'key,io_name\na,"{"x" * 200_000}"\n', "row 2: expected cells of at most 131,072 characters; is there a quot"),
        (f"key,io_name\n{'x' * 70_000}\0\n", "expected text; line 2 has NUL bytes, the file is damaged"),
        (f"key,io_name\n{'x,' * 2**20}", "expected lines of less than 1,048,576 characters; line 2 has more"),
    ],
)
def test_where_nothing_more_can_be_read(file: Path, text: str, said: str) -> None:
    _, told = read(file, text)
    assert len(told) == 1
    assert told[0].startswith(said)


def test_json_lines(file: Path) -> None:
    text = '{"key": "a", "max_bid": 2.10}\n\n{"key": "b", "creative_ids": [1, 2]}'
    assert read(file, text) == (
        [(1, {"key": "a", "max_bid": Decimal("2.10")}), (3, {"key": "b", "creative_ids": [1, 2]})],
        [],
    )


def test_bad_json_lines_are_told_and_left_out(file: Path) -> None:
    lines = [
        '{"key": "a", "colour": "red"}',
        "{'key': 'b'}",
        '{"key": "c", "key": "d"}',
        "5",
        '{"key": NaN}',
        '{"key": "e", "colour": "blue"}',
        '{"key": ' + "[" * 100_000,
        '{"key": ' + "1" * 5_000 + "}",
    ]
    found, told = read(file, "\n".join(lines))
    assert found == [(1, {"key": "a"}), (6, {"key": "e"})]
    assert [line[:60] for line in told] == [
        "row 1, 'colour': expected the name of a column",
        "row 2, \"{'key': 'b'}\": expected a JSON object in one line",
        "row 3, 'key': expected one field of this name",
        "row 4, 5: expected a JSON object",
        "row 5, NaN: expected a number; JSON has none of this name",
        told[5][:60],
        told[6][:60],
    ]
    assert told[5].startswith("row 7, ")
    assert told[6].startswith("row 8, ")


def test_iterables() -> None:
    told: list[Problem] = []
    given: Iterable[object] = [{"key": "a"}, "b", {"key": "c", "colour": 1, 5: 6}, {"colour": 2}]
    found = list(rows_of_iterable(given, COLUMNS, told.append))  # type: ignore[arg-type]
    assert found == [(1, {"key": "a"}), (3, {"key": "c"}), (4, {})]
    assert [str(problem) for problem in told] == [
        "row 2, 'b': expected a mapping from columns to values",
        "row 3, 'colour': expected the name of a column",
        "row 3, '5': expected the name of a column",
    ]


def test_unknown_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_UNKNOWN", 3)
    told: list[Problem] = []
    assert list(rows_of_iterable(({f"x{number}": 1} for number in range(9)), COLUMNS, told.append))
    assert len(told) == 3


def test_a_file_that_changes_while_it_is_read(file: Path) -> None:
    file.write_text("key,io_name\na,x\n")
    found = detect(file, COLUMNS, Declarations())
    file.write_bytes(b"key,io_name\n\xff,x\n")
    with pytest.raises(Unreadable, match="a file that stays as it is while it is read"):
        list(rows_of_file(file, found, COLUMNS, print))
    file.write_bytes(b"\n")
    with pytest.raises(Unreadable, match="this file is empty"):
        list(rows_of_file(file, found, COLUMNS, print))


def test_what_is_no_file_has_no_lines(file: Path) -> None:
    with pytest.raises(ValueError, match="rows is no file"):
        list(rows_of_file(file, Detected("rows"), COLUMNS, print))
