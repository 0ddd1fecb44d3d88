"""`-` as a file: standard input, spooled, because what a file is is found out by looking at it more than once.

Imports core's errors and the kinds of columns; used by the commands about flights.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from attrs import evolve

from adflight.core.errors import InvalidFile, InvalidInput
from adflight.core.problems import Problem
from adflight.flights.kinds import A_ZONE

STDIN: Final = "-"
NAME: Final = "standard input"

ZONES: Final = "What time zones IQM has: adflight call iqm master list-timezones --all, with --profile or --sandbox"


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """A file that is there and can be read; standard input, or a pipe, as a temporary one that only its user can read.

    Raises `InvalidInput` for what is no such file. What is told of the temporary one is told of the other.
    """
    with ExitStack() as stack:
        if str(file) == STDIN:
            path = stack.enter_context(_spooled(sys.stdin.buffer, NAME))
        else:
            try:
                # of a pipe, as of <(...) in a shell, what is read once is gone
                with file.open("rb") as opened:
                    path = file if file.is_file() else stack.enter_context(_spooled(opened, file.name))
            except OSError as error:
                missing = isinstance(error, FileNotFoundError)
                expected = "a file that exists" if missing else f"a file ({error.strerror})"
                raise InvalidInput("FILE", str(file), expected) from None
        try:
            yield path
        except InvalidFile as error:
            if any(problem.expected.startswith(A_ZONE) for problem in error.problems):
                error.add_note(ZONES)
            problems, detected = [_in_options(problem) for problem in error.problems], error.detected
            renamed = InvalidFile(name_of(file), problems, count=error.count, detected=detected)
            renamed.__notes__ = getattr(error, "__notes__", [])
            raise renamed from None


def _in_options(problem: Problem) -> Problem:
    """What is declared in Python is an option here."""
    expected = problem.expected.replace("or a zone declared for the file", "or --zone, for all of the file")
    expected = re.sub(r"\b(decimal|thousands)=(['\"])", r"--\1 \2", expected)
    return problem if expected == problem.expected else evolve(problem, expected=expected)


@contextmanager
def _spooled(stream: BinaryIO, name: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="adflight-") as directory:
        path = Path(directory) / name
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        yield path


def name_of(file: Path) -> str:
    """What messages call it."""
    return NAME if str(file) == STDIN else str(file)
