"""Files that are to be written: a place that cannot take one is named, with the option that it was given by.

Imports core's errors; used by the commands that write files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adflight.core.errors import InvalidInput


def check_place(option: str, path: Path) -> None:
    """Complains of a place where no file can be made: before anything takes time."""
    directory = path.parent
    if path.is_dir():
        raise InvalidInput(option, str(path), "the name of a file; this is a directory")
    if not directory.is_dir():
        raise InvalidInput(option, str(path), f"a file in a directory that exists; {directory} does not")
    if not os.access(directory, os.W_OK):
        raise InvalidInput(option, str(path), f"a file in a directory that can be written; {directory} cannot")


@contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """Says of which file it is that it could not be written."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(option, str(path), f"a file that can be written ({error.strerror})") from None
