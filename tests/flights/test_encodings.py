from __future__ import annotations

from pathlib import Path

import pytest

from adflight.flights import encodings
from adflight.flights.encodings import BrokenEncoding, Encoding, encoding_of

TEXT = "key,io_name\nä,Frühling\nb,Mai\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flights.csv"


def broken(file: Path, declared: str | None = None) -> tuple[int, str]:
    with pytest.raises(BrokenEncoding) as caught:
        encoding_of(file, declared)
    return caught.value.line, caught.value.reason


@pytest.mark.parametrize(
    ("written", "codec", "said"),
    [
        ("utf-8", "utf-8", "UTF-8"),
        ("utf-8-sig", "utf-8", "UTF-8 with a byte-order mark"),
        ("utf-16", "utf-16-le", "UTF-16 with a byte-order mark"),
        ("utf-16-le", "utf-16-le", "UTF-16 without a byte-order mark"),
        ("utf-16-be", "utf-16-be", "UTF-16 without a byte-order mark"),
        ("windows-1252", "windows-1252", "Windows-1252, because it is not UTF-8"),
    ],
)
def test_encodings_are_detected(file: Path, written: str, codec: str, said: str) -> None:
    file.write_bytes(TEXT.encode(written))
    assert encoding_of(file) == Encoding(codec, said, is_assumed=written == "windows-1252")


def test_utf_16_of_the_other_order(file: Path) -> None:
    file.write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))
    assert encoding_of(file) == Encoding("utf-16-be", "UTF-16 with a byte-order mark")


def test_what_is_short_is_utf_8(file: Path) -> None:
    for content in (b"", b"a", b"a\0"):
        file.write_bytes(content)
        assert encoding_of(file).codec == "utf-8"


def test_a_declared_encoding_is_taken(file: Path) -> None:
    file.write_bytes(TEXT.encode("utf-8"))
    assert encoding_of(file, "latin-1") == Encoding("latin-1", "latin-1")


def test_what_is_not_in_the_encoding_is_told_with_its_line(file: Path) -> None:
    file.write_bytes(TEXT.encode("latin-1"))
    assert broken(file, "utf-8") == (2, "bytes that are not utf-8 (E4)")
    assert broken(file, "ascii") == (2, "bytes that are not ascii (E4)")
    file.write_bytes(b"\xef\xbb\xbfkey\n\n\xff\n")
    assert broken(file) == (3, "bytes that are not utf-8 (FF)")
    # one of the five bytes that Windows-1252 leaves out
    file.write_bytes(b"key\n\xe4\n\x81\n")
    assert broken(file) == (3, "bytes that are not windows-1252 (81)")


def test_a_file_in_two_encodings_is_in_none(file: Path) -> None:
    file.write_bytes("key\nä\n".encode() + "ö\n".encode("windows-1252"))
    assert broken(file) == (3, "bytes that are not utf-8 (F6), while other lines are in UTF-8")
    file.write_bytes("key\nö\n".encode("windows-1252") + "ä\n".encode())
    assert broken(file)[0] == 2


@pytest.mark.parametrize("written", ["utf-16-le", "utf-16-be"])
def test_half_a_character_at_the_end_is_told(file: Path, written: str) -> None:
    file.write_bytes(TEXT.encode(written)[:-1])
    assert broken(file)[0] == 3


def test_codecs_with_errors_of_their_own(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xfd")
    assert broken(file, "idna")[0] == 1


def test_lines_are_counted_over_all_chunks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_CHUNK", 8)
    file.write_bytes("ä\n".encode() * 10 + b"\xff\n")
    assert broken(file, "utf-8") == (11, "bytes that are not utf-8 (FF)")
    file.write_bytes("ä\n".encode("utf-16-le") * 10 + b"\x00\xdc\n\0")
    assert broken(file, "utf-16-le")[0] == 11
    file.write_bytes("€\n".encode() * 10)
    assert encoding_of(file).codec == "utf-8"
