"""Which encoding a file is in, found out by reading all of it once. Imports nothing of adflight.

Only what can be told apart is detected: byte-order marks, UTF-16 and UTF-8. What is none of these is taken for
Windows-1252, in which spreadsheets of the West save, and said so.
Statistics could tell more encodings apart, and would sometimes be wrong.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

_CHUNK: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte-order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 with a byte-order mark"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 with a byte-order mark"),
)
_SOUND: Final = re.compile(r"[\x80-\ud7ff\ue000-\U0010ffff]")


@frozen
class Encoding:
    """How the bytes of a file become text; a byte-order mark becomes its first character."""

    codec: str
    said: str
    """In words."""
    is_assumed: bool = False
    """Whether nothing speaks for it but that it is no other."""


class BrokenEncoding(Exception):
    """The bytes are not in the encoding; `line` is the first that is not, `reason` says what was found there."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


def encoding_of(path: Path, declared: str | None = None) -> Encoding:
    """The encoding of a file, all of which can be decoded with it. Raises `BrokenEncoding`."""
    if declared is not None:
        encoding = Encoding(declared, declared)
        _check(path, encoding)
        return encoding
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    for mark, codec, said in _MARKS:
        if head.startswith(mark):
            encoding = Encoding(codec, said)
            _check(path, encoding)
            return encoding
    if (unmarked := _utf_16_without_mark(head)) is not None:
        encoding = Encoding(unmarked, "UTF-16 without a byte-order mark")
        _check(path, encoding)
        return encoding
    return _utf_8_or_fallback(path)


def _utf_16_without_mark(head: bytes) -> str | None:
    # the first characters are those of column names, thus ASCII: every second byte is 0
    start = head[:8]
    if len(start) < 4:
        return None
    if not any(start[1::2]) and all(start[::2]):
        return "utf-16-le"
    if not any(start[::2]) and all(start[1::2]):
        return "utf-16-be"
    return None


def _utf_8_or_fallback(path: Path) -> Encoding:
    encoding = Encoding("utf-8", "UTF-8")
    try:
        _check(path, encoding)
    except BrokenEncoding as broken:
        # what is UTF-8 in part is no Windows-1252: such sequences do not come about by chance
        if any(_SOUND.search(text) for text in _decoded(path, "utf-8", "surrogateescape")):
            raise BrokenEncoding(broken.line, f"{broken.reason}, while other lines are in UTF-8") from None
        encoding = Encoding("windows-1252", "Windows-1252, because it is not UTF-8", is_assumed=True)
        _check(path, encoding)
    return encoding


def _check(path: Path, encoding: Encoding) -> None:
    line = 1
    try:
        for text in _decoded(path, encoding.codec, "strict"):
            line += text.count("\n")
    except UnicodeDecodeError as error:
        # the chunk that failed is not counted yet
        line += error.object.count(_line_break(encoding.codec), 0, error.start)
        found = error.object[error.start : error.end][:4].hex(" ").upper()
        raise BrokenEncoding(line, f"bytes that are not {encoding.codec} ({found})") from None
    except UnicodeError as error:
        raise BrokenEncoding(line, f"bytes that are not {encoding.codec} ({error})") from None


def _line_break(codec: str) -> bytes:
    # some codecs begin whatever they encode with a mark
    one, two = "\n".encode(codec), "\n\n".encode(codec)
    return two[len(one) :]


def _decoded(path: Path, codec: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)(errors)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
