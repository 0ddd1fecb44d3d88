from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adflight.cli import help_pages, help_rendering
from adflight.cli.help_pages import FILE, page_for
from adflight.cli.help_rendering import main
from tests.programs import run, without_credentials


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_the_pages_are_what_the_commands_say_of_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # whoever draws them
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "40", "LC_ALL": "C"}.items():
        monkeypatch.setenv(name, value)
    pages = help_rendering.rendered()
    # drawing them takes its time
    monkeypatch.setattr(help_rendering, "rendered", lambda: pages)
    assert main(["--check"]) == 0
    changed = tmp_path / FILE.name
    changed.write_text("{}\n")
    monkeypatch.setattr(help_rendering, "FILE", changed)
    assert main(["--check"]) == 1
    assert "make generate" in capsys.readouterr().err
    assert main([]) == 0
    assert changed.read_bytes() == FILE.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "adflight COMMAND"),
        (["--help"], "adflight COMMAND"),
        (["plan", "-h"], "adflight plan [OPTIONS] FILE"),
        (["keys", "bind", "--help"], "adflight keys bind"),
        (["call", "--help"], "adflight call COMMAND"),
        (["call", "iqm", "campaigns", "update_budget", "--help"], "adflight call iqm campaigns update-budget"),
    ],
)
def test_who_asks_for_help_gets_its_page(arguments: list[str], said: str) -> None:
    page = page_for(arguments)
    assert page is not None
    assert page.startswith(f"Usage: {said}")
    assert "\x1b" not in page
    assert max(map(len, page.splitlines())) == help_pages.WIDTH


@pytest.mark.parametrize(
    "arguments", [["plan"], ["plan", "flights.csv", "--help"], ["--help", "plan"], ["--version"], ["plam", "--help"]]
)
def test_everything_else_is_the_parsers(arguments: list[str]) -> None:
    assert page_for(arguments) is None


@pytest.mark.parametrize(
    ("name", "value", "is_colored"),
    [("FORCE_COLOR", "1", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False), ("TERM", "vt100", False)],
)
def test_colors_are_for_who_wants_them(
    name: str, value: str, is_colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert ("\x1b[36mplan" in (page_for(["--help"]) or "")) is is_colored


@pytest.mark.parametrize(("columns", "is_there"), [("79", False), ("80", True), ("200", True), ("wide", True)])
def test_a_page_is_as_wide_as_it_is(columns: str, is_there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert (page_for(["--help"]) is not None) is is_there


async def test_no_parser_is_imported_for_it() -> None:
    program = (
        "import sys; from adflight.cli import main; sys.argv[1:] = ['plan', '--help']; main();"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = await run(sys.executable, "-c", program, env=without_credentials())
    assert (done.code, done.out.splitlines()[0]) == (0, "Usage: adflight plan [OPTIONS] FILE")
    assert not {"cyclopts", "rich", "attrs"} & set(done.err.split())
