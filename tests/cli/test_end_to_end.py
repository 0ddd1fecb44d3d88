"""The installed command, as somebody uses it in a terminal: from an empty file to a report, with an interruption.

What is waited for is what the terminal shows; a sandbox whose minute is a second makes the quota's waits short.
"""

from __future__ import annotations

import csv
import json
import re
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import without_credentials
from tests.pseudo_terminal import CTRL_C, Terminal

ADFLIGHT = Path(sys.executable).with_name("adflight")
AT_SPEED = (sys.executable, Path(__file__).parents[1] / "at_speed.py")
PATIENCE = 240.0
"""Seconds for what takes two or three, on a machine that has much else to do."""

ROWS = 24
"""More than one window of the quota lets through."""


class Desk:
    """A directory with a terminal, and a sandbox in another one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        home = {f"XDG_{name}_HOME": str(directory / name) for name in ("STATE", "CONFIG", "DATA")}
        terminal = {"HOME": str(directory), "COLUMNS": "", "NO_COLOR": "", "FORCE_COLOR": ""}
        self.env = {name: value for name, value in {**without_credentials(), **home, **terminal}.items() if value}
        self.url = ""

    def open(self, *command: str | Path) -> Terminal:
        return Terminal(*command, env=self.env, cwd=self.directory, patience=PATIENCE)

    def adflight(self, *arguments: str | Path, speed: float = 1) -> Terminal:
        """The command; with a speed, on a clock that is so much faster than the machine's."""
        return self.open(*(() if speed == 1 else (*AT_SPEED, str(speed))), ADFLIGHT, *arguments)

    def run(self, *arguments: str | Path, code: int = 0, speed: float = 1) -> str:
        """What a command shows until its end, with nobody at the keys."""
        with self.adflight(*arguments, speed=speed) as terminal:
            assert terminal.finish() == code, terminal.text
            return terminal.text

    def file(self, name: str = "flights.csv", rows: int = ROWS) -> Path:
        """A template, filled in as a spreadsheet does it."""
        path = self.directory / name
        self.run("flights", "template", name)
        example = next(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        with path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, example)
            writer.writeheader()
            for number in range(1, rows + 1):
                names = {"key": f"spring-{number}", "campaign_name": f"Spring, banner {number}"}
                writer.writerow({**example, **names, "is_agreement_checked": "yes"})
        return path

    def bought(self) -> tuple[int, int]:
        """How many insertion orders and campaigns there are."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/state", timeout=PATIENCE) as answer:
            objects = json.load(answer)["objects"]
        return objects["order"], objects["campaign"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def sandbox(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """Runs in a terminal of its own; a test says with which options."""
    with desk.open(ADFLIGHT, "sandbox", "--port", "0", *request.param) as terminal:
        desk.url = terminal.expect(r"IQM_BASE_URL=(\S+)")[1]
        terminal.expect("The sandbox listens")
        yield terminal
        terminal.press(CTRL_C)
        assert terminal.finish() == 0


@pytest.mark.parametrize("sandbox", [("--time-scale", "60")], indirect=True)
def test_from_a_template_to_nothing_to_do(desk: Desk, sandbox: Terminal) -> None:
    file = desk.file()
    assert f"{ROWS} flights in 1 insertion order; no problems" in desk.run("flights", "check", file.name)

    planned = desk.run("plan", file.name, "--sandbox", desk.url)
    assert "+ create   Spring" in planned
    assert planned.count(desk.url) == 2, "where it is, and how to go on"
    assert "24,000.00 USD committed" in planned
    assert "4 more to be created" in " ".join(planned.split()) or "4 to be created" in planned
    assert f"To apply it: adflight apply {file.name} --sandbox {desk.url}" in planned
    assert desk.bought() == (0, 0), "a plan changes nothing"

    with desk.adflight("apply", file.name, "--sandbox", desk.url) as terminal:
        terminal.expect(rf"Apply to iqm account ada@example\.com \(the sandbox at {desk.url}\): commit 24,000\.00 USD")
        terminal.expect(r"\[y/N\] ")
        terminal.press("y\n")
        terminal.expect(rf"(?!0)\d+ of {ROWS} rows")
        terminal.press(CTRL_C)
        terminal.expect(r"Interrupted: \d+ created")
        assert terminal.finish() == 130
        assert "Nothing is bought twice. To go on: adflight apply" in terminal.text
        assert terminal.raw.count("\x1b[?25l") == terminal.raw.count("\x1b[?25h"), "the cursor is back"
    assert 0 < desk.bought()[1] < ROWS

    resumed = desk.run("apply", file.name, "--sandbox", desk.url, "--yes")
    assert re.search(r"Done: .*\d+ created", resumed)
    assert desk.bought() == (1, ROWS)

    reported = desk.run("report", "--sandbox", desk.url)
    assert "spring-24" in reported

    again = desk.run("plan", file.name, "--sandbox", desk.url)
    assert "Nothing to do: everything is as the file says." in again
    assert f"{ROWS} unchanged" in again


LOST = "delay_after:campaigns_create:seconds=600:skip=1"


@pytest.mark.parametrize("sandbox", [("--quota", "0", "--fault", LOST)], indirect=True)
@pytest.mark.parametrize("presses", [1, 3])
def test_an_interrupt_while_something_is_bought(desk: Desk, sandbox: Terminal, presses: int) -> None:
    file = desk.file(rows=3)
    with desk.adflight("apply", file.name, "--sandbox", desk.url, "--yes") as terminal:
        # the second purchase is carried out, and its answer never comes
        terminal.expect(r"2 of 3 rows.*1 in flight")
        for _ in range(presses):
            terminal.press(CTRL_C)
            # one by one, as signals that wait become one
            terminal.expect(r"\^C")
        assert terminal.finish() == 130, terminal.text
        assert "Traceback" not in terminal.text
        assert terminal.raw.count("\x1b[?25l") <= terminal.raw.count("\x1b[?25h"), "the cursor is back"
    assert desk.bought() == (1, 3)

    # what may have been bought is looked for a minute and a half later
    resumed = desk.run("apply", file.name, "--sandbox", desk.url, speed=100)
    assert "1 request without an outcome" in resumed
    assert re.search(r"campaign spring-\d: its answer was lost, and it was found: \d+", resumed)
    assert "3 unchanged" in resumed
    assert desk.bought() == (1, 3)


@pytest.mark.parametrize("sandbox", [("--quota", "0", "--fault", LOST)], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, None])
def test_what_others_end_it_by(desk: Desk, sandbox: Terminal, number: signal.Signals | None) -> None:
    file = desk.file(rows=3)
    with desk.adflight("apply", file.name, "--sandbox", desk.url, "--yes") as terminal:
        terminal.expect(r"2 of 3 rows.*1 in flight")
        if number is None:
            assert terminal.hang_up() == 128 + signal.SIGHUP
        else:
            terminal.send(number)
            terminal.expect(r"Interrupted: 2 created")
            assert terminal.finish() == 128 + number, terminal.text
            assert "Traceback" not in terminal.text
            assert terminal.raw.count("\x1b[?25l") <= terminal.raw.count("\x1b[?25h"), "the cursor is back"
    assert desk.bought() == (1, 3)
    assert "1 request without an outcome" in desk.run("keys", "list", "--sandbox", desk.url)


@pytest.mark.parametrize("sandbox", [("--quota", "0", "--fault", LOST)], indirect=True)
def test_two_terminals(desk: Desk, sandbox: Terminal) -> None:
    file = desk.file(rows=3)
    with desk.adflight("apply", file.name, "--sandbox", desk.url, "--yes") as first:
        first.expect(r"2 of 3 rows.*1 in flight")
        refused = desk.run("apply", file.name, "--sandbox", desk.url, "--yes", code=2)
        assert re.search(r"is held by process \d+ since .* UTC", refused)
        assert "To wait for it: --wait SECONDS." in refused
        # a plan only reads, and says what is going on
        assert "1 request without an outcome" in desk.run("plan", file.name, "--sandbox", desk.url)
        with desk.adflight("apply", file.name, "--sandbox", desk.url, "--wait", "600", speed=100) as second:
            second.expect("waiting for it, 10 min at most")
            first.press(CTRL_C)
            assert first.finish() == 130
            second.expect("its answer was lost, and it was found")
            assert second.finish() == 0
    assert desk.bought() == (1, 3)


def test_nobody_is_made_to_buy(desk: Desk) -> None:
    file = desk.file(rows=2)
    for keys, code, said in ((CTRL_C, 130, "Interrupted: nothing was sent."), ("\x04", 2, "Nothing was sent.")):
        with desk.adflight("apply", file.name, "--sandbox") as terminal:
            terminal.expect(r"commit 2,000\.00 USD and send 3 requests\? \[y/N\] ")
            terminal.press(keys)
            terminal.expect(re.escape(said))
            assert terminal.finish() == code
    assert "campaigns         2 to be created" in desk.run("plan", file.name, "--sandbox")


@pytest.mark.parametrize("size", [(24, 40), (50, 200)])
def test_terminals_of_all_sizes(desk: Desk, size: tuple[int, int]) -> None:
    file = desk.file(rows=2)
    desk.env["NO_COLOR"] = "1"
    command = ADFLIGHT, "plan", file.name, "--sandbox"
    with Terminal(*command, env=desk.env, cwd=desk.directory, patience=PATIENCE, size=size) as terminal:
        assert terminal.finish() == 0
    table = terminal.text.split("To apply it")[0]
    assert max(map(len, table.splitlines())) <= size[1]
    assert table.count("+1,000.00") == 2
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", terminal.raw), "no colors"
