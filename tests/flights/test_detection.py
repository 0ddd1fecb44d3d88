from __future__ import annotations

import csv
import gzip
import zipfile
from pathlib import Path

import pytest

from adflight.flights import Declarations, columns_for
from adflight.flights.detection import Detected, Unreadable, detect
from adflight.flights.saved_plan import MARK as SAVED_PLAN

COLUMNS = columns_for("iqm")
HEADING = "key,io_name,campaign_name\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    # the name says nothing
    return tmp_path / "flights.xlsx"


def detected(file: Path, content: str | bytes, declarations: Declarations | None = None) -> Detected:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect(file, COLUMNS, declarations or Declarations())


def refusal(file: Path, content: str | bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        detected(file, content)
    assert caught.value.problem.row is None
    return caught.value.problem.expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADING, "CSV in UTF-8, separated by commas"),
        (HEADING.replace(",", ";"), "CSV in UTF-8, separated by semicolons"),
        (HEADING.replace(",", "\t").encode("utf-16"), "CSV in UTF-16 with a byte-order mark, separated by tabs"),
        (HEADING.replace(",", ";").encode("utf-8-sig"), "CSV in UTF-8 with a byte-order mark, separated by semicolons"),
        ("key\n", "CSV in UTF-8, separated by commas"),
        ('"key";"io_name"\n', "CSV in UTF-8, separated by semicolons"),
        ('"a, b, c, d";key;io_name\n1,5;2,5;3,5\n', "CSV in UTF-8, separated by semicolons"),
        ("\r\n\r\nkey;io_name\n", "CSV in UTF-8, separated by semicolons"),
        ("a;b\n", "CSV in UTF-8, separated by semicolons"),
        ("sep=|\nkey|io_name\n", "CSV in UTF-8, separated by '|'"),
        ("sep=\t\r\nkey\tio_name\n", "CSV in UTF-8, separated by tabs"),
        ('"key', "CSV in UTF-8, separated by commas"),
        (f'"{"x" * 200_000}', "CSV in UTF-8, separated by commas"),
        (" " * 70_000 + '\n{"key": "a"}', "JSON lines in UTF-8"),
        ("{}", "JSON lines in UTF-8"),
        ('{"key": "a"}\n'.encode("utf-16"), "JSON lines in UTF-16 with a byte-order mark"),
    ],
)
def test_what_it_is_is_found_in_the_content(file: Path, content: str | bytes, said: str) -> None:
    assert str(detected(file, content)) == said


def test_what_is_declared_is_not_detected(file: Path) -> None:
    declarations = Declarations(encoding="latin-1", separator="|")
    found = detected(file, HEADING, declarations)
    assert str(found) == "CSV in latin-1, separated by '|'"
    assert str(detected(file, "{}", declarations)) == "JSON lines in latin-1"
    assert str(Detected("rows")) == "rows"


def zipped(*names: str, content: bytes = b"") -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "this is an Excel workbook: save it as CSV in UTF-8"),
        (
            zipped("mimetype", content=b"application/vnd.oasis.opendocument.spreadsheet"),
            "this is an OpenDocument spreadsheet: save it as CSV in UTF-8",
        ),
        (zipped("Index/Document.iwa"), "this is a Numbers spreadsheet: save it as CSV in UTF-8"),
        (zipped("word/document.xml"), "this is a Word document"),
        (zipped("flights.csv"), "this is a ZIP archive: unpack it first"),
        (zipped(), "this is a ZIP archive: unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel workbook or another Office file: save it as CSV"),
        (gzip.compress(HEADING.encode()), "this is compressed with gzip: unpack it first"),
        (b"%PDF-1.7", "this is a PDF file"),
        (f'{{"{SAVED_PLAN}":1}}', "this is a saved plan, which adflight apply takes"),
        (b"PAR1", "this is a Parquet file"),
        (b"\x89PNG\r\n", "this is a picture"),
        ("<!DOCTYPE html><html>", "this is HTML or XML"),
        ("\n <table><tr>", "this is HTML or XML"),
        ("<?xml version='1.0'?>", "this is HTML or XML"),
        ('[{"key": "a"}]', "this is a list: write its items in lines of their own"),
        ('{\n  "key": "a"\n}', "here one goes over several lines"),
        ("", "this file is empty"),
        ("\n \n", "this file is empty"),
        ("\ufeff", "this file is empty"),
        ("key,io_\0name\n", "this is no text file: it has NUL bytes"),
        (HEADING.encode("utf-32"), "UTF-8 or UTF-16; this is UTF-32"),
        ("ä\n".encode() + b"\xe4", "line 2 has bytes that are not utf-8 (E4), while other lines are in UTF-8"),
    ],
)
def test_files_of_other_kinds_are_refused_with_advice(file: Path, content: str | bytes, said: str) -> None:
    assert said in refusal(file, content)


def test_a_heading_that_no_reader_takes(file: Path) -> None:
    limit = csv.field_size_limit(5)
    try:
        assert detected(file, HEADING).separator == ","
    finally:
        csv.field_size_limit(limit)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        detect(file, COLUMNS, Declarations())
