"""`-` as a file: standard input, spooled, because what a file is is found out by looking at it more than once.

Imports core's errors; used by the commands about flights.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adflight.core.errors import InvalidInput

STDIN = "-"
NAME = "standard input"


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """A file that is there and can be read; standard input as a temporary one, which only its user can read.

    Raises `InvalidInput` for what is no such file.
    """
    if str(file) != STDIN:
        try:
            with file.open("rb"):
                pass
        except OSError as error:
            expected = "a file that exists" if isinstance(error, FileNotFoundError) else f"a file ({error.strerror})"
            raise InvalidInput("FILE", str(file), expected) from None
        yield file
        return
    with TemporaryDirectory(prefix="adflight-") as directory:
        path = Path(directory) / NAME
        with path.open("wb") as spooled:
            shutil.copyfileobj(sys.stdin.buffer, spooled)
        yield path


def name_of(file: Path) -> str:
    """What messages call it."""
    return NAME if str(file) == STDIN else str(file)
