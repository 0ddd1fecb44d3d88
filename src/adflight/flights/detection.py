"""What sort of file it is: refused with advice, or CSV or JSON lines in some encoding. Imports encodings, columns and
declarations.

Nothing is taken from a file's name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Final, Literal, TextIO

from attrs import frozen

from adflight.core.problems import Problem
from adflight.flights.columns import Columns
from adflight.flights.declarations import SEPARATORS, Declarations
from adflight.flights.encodings import BrokenEncoding, Encoding, encoding_of

MARK: Final = "\ufeff"
"""The byte-order mark, decoded."""

Kind = Literal["CSV", "JSON lines", "rows"]

_HEAD: Final = 65536
_EXPORT: Final = "save it as CSV in UTF-8"
_MAGIC: Final = (
    (b"%PDF", "a PDF file"),
    (b"\xd0\xcf\x11\xe0", f"an old Excel workbook or another Office file: {_EXPORT}"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"PAR1", f"a Parquet file: {_EXPORT}"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", f"an RTF document: {_EXPORT}"),
    (b'{"adflight_plan"', "a saved plan, which adflight apply takes"),
)
_ZIPPED: Final = (
    (b"xl/", f"an Excel workbook: {_EXPORT}"),
    (b"opendocument.spreadsheet", f"an OpenDocument spreadsheet: {_EXPORT}"),
    (b"Index/", f"a Numbers spreadsheet: {_EXPORT}"),
    (b"word/", "a Word document"),
)
_HINT: Final = re.compile(r"sep=([^\w\s\"]|\t)\r?\n")
"""What Excel reads and takes away."""
_MARKUP: Final = re.compile(r"\s*<(!doctype\s+html|html|head|body|table|\?xml|!--|\w+[\s>])", re.IGNORECASE)


class Unreadable(Exception):
    """A file of which nothing more can be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@frozen
class Detected:
    """What a file was taken for."""

    kind: Kind
    encoding: Encoding | None = None
    separator: str | None = None
    """Of CSV."""
    hint: bool = False
    """Whether the first line, such as `sep=;`, is for a spreadsheet program alone."""

    def __str__(self) -> str:
        said = [self.kind if self.encoding is None else f"{self.kind} in {self.encoding.said}"]
        if self.separator is not None:
            names = {character: f"{name}s" for name, character in SEPARATORS.items()}
            said.append(f"separated by {names.get(self.separator, repr(self.separator))}")
        return ", ".join(said)


def detect(path: Path, columns: Columns, declarations: Declarations) -> Detected:
    """Raises `Unreadable` for what is neither CSV nor JSON lines, and `OSError`."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    _refuse_other_kinds(head)
    try:
        encoding = encoding_of(path, declarations.encoding)
    except BrokenEncoding as broken:
        expected = f"one encoding throughout, best UTF-8; line {broken.line} has {broken.reason}"
        raise Unreadable(_other(expected)) from None
    with opened(path, encoding) as text:
        beginning = _beginning(text)
    if not beginning.strip():
        raise Unreadable(_other("a heading and a row for every flight; this file is empty"))
    if "\0" in beginning:
        raise Unreadable(_other("CSV or JSON lines; this is no text file: it has NUL bytes"))
    if _MARKUP.match(beginning):
        raise Unreadable(_other(f"CSV or JSON lines; this is HTML or XML: {_EXPORT}"))
    start = beginning.lstrip()
    if start.startswith("["):
        raise Unreadable(_other("one JSON object in every line; this is a list: write its items in lines of their own"))
    if re.match(r"\{\s*[\r\n]", start):
        raise Unreadable(_other("one JSON object in every line; here one goes over several lines"))
    if re.match(r'\{\s*["}]', start):
        return Detected("JSON lines", encoding)
    hint = _HINT.match(beginning)
    separator = declarations.separator or (hint[1] if hint else None) or _separator(beginning, columns)
    return Detected("CSV", encoding, separator, hint is not None)


def _other(expected: str) -> Problem:
    return Problem(None, None, None, expected)


def _refuse_other_kinds(head: bytes) -> None:
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise Unreadable(_other(f"CSV or JSON lines; this is {what}"))
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        what = next((what for mark, what in _ZIPPED if mark in head), "a ZIP archive: unpack it first")
        raise Unreadable(_other(f"CSV or JSON lines; this is {what}"))
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise Unreadable(_other("UTF-8 or UTF-16; this is UTF-32"))


@contextmanager
def opened(path: Path, encoding: Encoding) -> Iterator[TextIO]:
    """The text of a file, its line breaks as they are, since cells may have some."""
    with path.open("rb") as file, TextIOWrapper(file, encoding.codec, newline="") as text:
        yield text


def _beginning(text: TextIO) -> str:
    # past empty lines, which some exports begin with
    beginning = text.read(_HEAD).removeprefix(MARK)
    while beginning and not beginning.strip():
        beginning = text.read(_HEAD)
    return beginning


def _separator(beginning: str, columns: Columns) -> str:
    """The one by which the heading falls into the most names that are known, or else into the most.

    Whoever guesses from the cells, as `csv.Sniffer` does, is led astray by commas in texts and in numbers.
    """
    scores: dict[str, tuple[int, int]] = {}
    for separator in SEPARATORS.values():
        try:
            heading = next(csv.reader(StringIO(beginning.lstrip("\r\n"), newline=""), delimiter=separator))
        except csv.Error:
            continue
        names = [name.strip() for name in heading]
        scores[separator] = (sum(name in columns.by_name for name in names), len(names))
    return max(scores, key=lambda separator: scores[separator], default=",")
