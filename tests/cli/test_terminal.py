from __future__ import annotations

import io
import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adflight.cli import spool
from adflight.cli.exits import ENDED_BY
from adflight.cli.terminal import PIPE_WIDTH, agreed, can_ask, console, counted, duration, money, plain, value
from adflight.core.errors import InvalidFile, InvalidInput
from adflight.core.problems import Problem
from adflight.flights.items import UNSEEN
from adflight.flights.values import CLEAR


@pytest.mark.parametrize(
    ("given", "said"),
    [("0", "0.00"), ("1234567.5", "1,234,567.50"), ("2.125", "2.125"), ("1E+3", "1,000.00"), ("-3", "-3.00")],
)
def test_money(given: str, said: str) -> None:
    assert money(Decimal(given)) == said


def test_signed_money() -> None:
    assert [money(Decimal(n), signed=True) for n in (5, -5)] == ["+5.00", "-5.00"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (UNSEEN, "?"),
        (None, "nothing"),
        (CLEAR, "nothing"),
        (True, "yes"),
        (False, "no"),
        (Decimal("1.5"), "1.50"),
        (29, "29"),
        (datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=-5))), "2027-03-01 14:00 UTC"),
        (datetime(2027, 3, 1, 9, 0, 5, tzinfo=UTC), "2027-03-01 09:00:05 UTC"),
        ((1, 2), "1, 2"),
        ({"a": [1]}, '{"a": [1]}'),
        ("a\tb", "a\\tb"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_values(given: Any, said: str) -> None:
    assert value(given) == said


def test_long_lists_are_counted() -> None:
    text = value(tuple(range(100000, 101000)))
    assert len(text) == 60
    assert text.endswith("… (1,000)")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "no time"),
        (0.2, "under a second"),
        (59.4, "59 s"),
        (60, "1 min"),
        (105, "1 min 45 s"),
        (3599.9, "1 h"),
        (6333, "1 h 46 min"),
        (36000, "10 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_counted() -> None:
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]


def test_plain() -> None:
    assert plain("Süd 日本") == "Süd 日本"
    assert plain("a\x1b]0;x\x07\u202eb") == "a\\x1b]0;x\\x07\\u202eb"


@pytest.mark.parametrize(
    ("variables", "is_plain"),
    [({}, False), ({"NO_COLOR": "1"}, True), ({"NO_COLOR": ""}, False), ({"TERM": "dumb"}, True)],
)
def test_who_wants_no_color_gets_no_style(
    variables: dict[str, str], is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, text in {"FORCE_COLOR": "1", "TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, text)
    screen = console()
    with screen.capture() as captured:
        screen.print("bold", style="bold green")
    assert (captured.get() == "bold\n") is is_plain


def test_a_pipe_has_a_width_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.delenv("COLUMNS", raising=False)
    made = console()
    assert made.width == PIPE_WIDTH
    made.print("Süd [bold]x[/bold]")
    sys.stdout.flush()
    assert written.getvalue() == b"S\\xfcd [bold]x[/bold]\n"
    monkeypatch.setenv("COLUMNS", "50")
    assert console().width == 50


@pytest.mark.parametrize(
    ("typed", "expected"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(
    typed: str, expected: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert agreed(console(), "Go on?") is expected
    assert capsys.readouterr().out == "Go on? [y/N] "
    assert not can_ask(console())


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], object]]:
    """Types into the terminal that is standard input."""
    master, slave = os.openpty()
    with open(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield partial(os.write, master)
    os.close(master)


def when_it_waits(press: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Does something, once, when a question begins to wait."""
    select, presses = selectors.DefaultSelector.select, [press]

    def pressed(selector: selectors.DefaultSelector) -> Any:
        if presses:
            presses.pop()()
        return select(selector)

    monkeypatch.setattr(selectors.DefaultSelector, "select", pressed)


def test_a_signal_that_ends_nothing_is_no_answer(
    typing: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        came.append(number)
        when_it_waits(lambda: typing(b"y\n"), monkeypatch)

    before = signal.signal(signal.SIGUSR1, on_signal)
    try:
        when_it_waits(lambda: os.kill(os.getpid(), signal.SIGUSR1), monkeypatch)
        assert agreed(console(), "Go on?")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert came == [signal.SIGUSR1]


@pytest.mark.parametrize("number", ENDED_BY)
@pytest.mark.usefixtures("typing")
def test_an_interrupt_ends_a_question_at_once(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    when_it_waits(lambda: os.kill(os.getpid(), number), monkeypatch)
    taken: list[int] = []
    before = signal.signal(number, lambda number, frame: taken.append(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            agreed(console(), "Go on?")
        os.kill(os.getpid(), number)
        assert taken == [number], "the loop has its handler back"
    finally:
        signal.signal(number, before)


# standard input as a file


def test_standard_input_is_spooled_for_its_user_only(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "key;io_name\n\xe4;b\n".encode("utf-16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with spool.readable(Path("-")) as path:
        assert path.read_bytes() == content
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()
    assert spool.name_of(Path("-")) == "standard input"


def test_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    with pytest.raises(InvalidInput, match="expected a file that exists"), spool.readable(file):
        pass
    with pytest.raises(InvalidInput, match="expected a file "), spool.readable(tmp_path):
        pass
    file.touch()
    with spool.readable(file) as path:
        assert path == file
    assert spool.name_of(file) == str(file)


def test_what_is_to_be_declared_is_said_in_options(tmp_path: Path) -> None:
    file = tmp_path / "flights.csv"
    file.touch()
    needed = "this may be 1500.25 (declare decimal=',' and thousands=\"'\")"
    problems = [
        Problem(2, "max_bid", "'x'", needed),
        Problem(2, "start_time", "'y'", "a time with its zone, or a zone declared for the file"),
    ]
    with pytest.raises(InvalidFile) as raised, spool.readable(file):
        raise InvalidFile(str(file), problems)
    assert [problem.expected for problem in raised.value.problems] == [
        "this may be 1500.25 (declare --decimal ',' and --thousands \"'\")",
        "a time with its zone, or --zone, for all of the file",
    ]
    assert "--decimal ','" in str(raised.value)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"key,io_name\n" + b"a,b\n" * 50_000
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    with spool.readable(pipe) as path:
        writer.join()
        assert path.read_bytes() == content == path.read_bytes()
    assert not path.exists()
