from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.errors import InvalidFile, InvalidInput
from adflight.flights.declarations import Declarations
from adflight.flights.failed_rows import FailedRows, write_failed
from adflight.flights.reading import read_flights

HEADING = "key,io_name,campaign_name,budget_total"


def source_of(directory: Path, text: str, encoding: str = "utf-8") -> Path:
    path = directory / "spring.csv"
    path.write_bytes(text.encode(encoding))
    return path


def failed_of(directory: Path, text: str, *keys: str, encoding: str = "utf-8", **more: object) -> bytes:
    path = directory / "failed.csv"
    write_failed(source_of(directory, text, encoding), keys, path, **more)  # type: ignore[arg-type]
    return path.read_bytes()


def test_rows_are_copied_byte_for_byte(tmp_path: Path) -> None:
    rows = [
        '\ufeff"key"; io_name;campaign_name ;budget_total\r\n',
        "a;Order;Ünï;1\r\n",
        "\r\n",
        '"b";"Or""der";"two; x";"  2,50\r\n"\r\n',
        "c;Order;x;3\r\n",
        "d;Order;last;4",
    ]
    copied = failed_of(tmp_path, "".join(rows), "b", "d")
    assert copied == (rows[0] + rows[3] + rows[5]).encode()
    with read_flights(tmp_path / "failed.csv", declarations=Declarations(decimal=",")) as flights:
        assert str(flights.detected) == "CSV in UTF-8 with a byte-order mark, separated by semicolons"
        assert [(flight.key, flight.campaign["campaign_name"]) for flight in flights] == [
            ("b", "two; x"),
            ("d", "last"),
        ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "windows-1252"])
def test_the_encoding_stays(tmp_path: Path, encoding: str) -> None:
    text = f"{HEADING}\na,Order,Ünï,1\nb,Order,Ö,2\n"
    copied = failed_of(tmp_path, text, "b", encoding=encoding)
    assert copied == f"{HEADING}\nb,Order,Ö,2\n".encode(encoding)
    with read_flights(tmp_path / "failed.csv") as flights:
        assert [flight.campaign["campaign_name"] for flight in flights] == ["Ö"]


def test_a_hint_for_spreadsheets_and_empty_lines_before_the_heading_stay(tmp_path: Path) -> None:
    assert failed_of(tmp_path, f"sep=,\r\n{HEADING}\r\na,O,x,1\r\nb,O,y,2\r\n", "a") == (
        f"sep=,\r\n{HEADING}\r\na,O,x,1\r\n".encode()
    )
    (tmp_path / "failed.csv").unlink()
    assert failed_of(tmp_path, f"\n,,\n{HEADING}\na,O,x,1\n", "a") == f"\n,,\n{HEADING}\na,O,x,1\n".encode()


def test_declarations_count(tmp_path: Path) -> None:
    text = f"{HEADING.replace(',', '|')}\na|O|ż|1\nb|O|y|2\n"
    declared = Declarations(separator="|", encoding="iso-8859-2")
    copied = failed_of(tmp_path, text, "a", encoding="iso-8859-2", declarations=declared)
    assert copied == f"{HEADING.replace(',', '|')}\na|O|ż|1\n".encode("iso-8859-2")


def test_json_lines_stay_json_lines(tmp_path: Path) -> None:
    lines = [
        '{"key": "a", "io_name": "O", "budget_total": 1.10}\n',
        "\n",
        '{ "key":"b" ,"io_name":null, "io_key":"k", "note\\u0041": 1}\n',
        '  {"key": 7, "io_name": "O"}\n',
        "[1]\n",
        '{"key": "c", "io_name": "O"}',
    ]
    assert failed_of(tmp_path, "\ufeff" + "".join(lines), "b", "c") == ("\ufeff" + lines[2] + lines[5]).encode()
    (tmp_path / "failed.csv").unlink()
    assert failed_of(tmp_path, "".join(lines), "a") == lines[0].encode()


def test_all_rows_of_an_order_that_failed(tmp_path: Path) -> None:
    text = "key,io_key,io_name,campaign_name\na,k1,One,x\nb,,Two,y\nc,k1,Other,z\nd,k2,Two,w\n"
    path = tmp_path / "failed.csv"
    assert write_failed(source_of(tmp_path, text), (), path, orders=["k1", "Two"]) == FailedRows(3, ())
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["key", "a", "b", "c"]


def test_where_insertion_orders_are_all_there_is(tmp_path: Path) -> None:
    text = "key,name,campaign_id\na,One,7\nb,Two,7\n"
    copied = failed_of(tmp_path, text, "b", vendor="freewheel")
    assert copied == b"key,name,campaign_id\nb,Two,7\n"


def test_keys_that_look_the_same_are_the_same(tmp_path: Path) -> None:
    decomposed = f"{HEADING}\nu\u0308,O,x,1\n"
    assert failed_of(tmp_path, decomposed, "\u00fc") == decomposed.encode()


def test_keys_that_the_source_does_not_have_are_told(tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    source = source_of(tmp_path, f"{HEADING}\na,O,x,1\n,O,no key,1\n")
    assert write_failed(source, ["z", "b"], path) == FailedRows(0, ("b", "z"))
    # no row, no file
    assert not path.exists()
    assert write_failed(source, ["a", "b"], path) == FailedRows(1, ("b",))


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    source = source_of(tmp_path, f"{HEADING}\na,O,x,1\n")
    with pytest.raises(InvalidInput, match="does not exist yet"):
        write_failed(source, ["a"], source)
    assert source.read_text().endswith("a,O,x,1\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this file is empty"),
        (f'{HEADING}\nb,O,y,1\na,"O,x,1\n', "a sound file"),
        ('{"key": "a"}\n{broken\n', "a sound file"),
    ],
)
def test_a_source_that_was_damaged_since(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidFile, match=said):
        failed_of(tmp_path, text, "b")
    assert not (tmp_path / "failed.csv").exists()


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_failed(tmp_path / "none.csv", ["a"], tmp_path / "failed.csv")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cc", "Cs")), max_size=12)


@given(st.lists(st.tuples(cells, st.booleans()), min_size=1, max_size=12), st.sampled_from([",", ";", "\t"]))
def test_what_is_left_reads_as_before(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, bool]], separator: str
) -> None:
    directory = tmp_path_factory.mktemp("any")

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    lines = [separator.join((f"k{n}", "Order", quoted(f"x{cell}"), "5")) + "\n" for n, (cell, _) in enumerate(rows)]
    source = source_of(directory, HEADING.replace(",", separator) + "\n" + "".join(lines))
    keys = [f"k{number}" for number, (_, fails) in enumerate(rows) if fails]
    path = directory / "failed.csv"
    assert write_failed(source, keys, path) == FailedRows(len(keys), ())
    if keys:
        assert path.read_text("utf-8").splitlines(keepends=True)[0] == HEADING.replace(",", separator) + "\n"
        with path.open(encoding="utf-8", newline="") as file:
            copied = file.read()
        assert copied.endswith("".join(line for line, (_, fails) in zip(lines, rows, strict=True) if fails))


def test_what_is_in_doubt_is_left_out(tmp_path: Path) -> None:
    text = "key,io_key,io_name\na,k1,One\nb,k1,One\nc,k2,Two\nd,k3,Three\n"
    path = tmp_path / "failed.csv"
    written = write_failed(
        source_of(tmp_path, text), ["c", "d"], path, orders=["k1"], in_doubt=["a"], orders_in_doubt=["k2"]
    )
    assert written == FailedRows(2, (), 2)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["key", "b", "d"]
