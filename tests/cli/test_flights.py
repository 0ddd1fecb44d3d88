from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from adflight.cli import flights as command
from adflight.flights import columns_for
from adflight.flights.template import documentation, template
from tests.programs import ADFLIGHT, Finished, run, without_credentials

ENVIRONMENT = without_credentials()
COLUMNS = columns_for("iqm")
GERMAN = (
    "key;io_name;campaign_name;start_time;max_bid\n"
    "a;Frühling;Süd;01.03.2027 09:00;2,50\n"
    "b;Frühling;Süd;01.03.2027 09:00;1.002,50\n"
)
DECLARED = ("--zone", "Europe/Berlin", "--decimal", ",", "--thousands", ".", "--date-format", "%d.%m.%Y %H:%M")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flights.csv"


def adflight(*arguments: str | Path, cwd: Path | None = None) -> Finished:
    return asyncio.run(run(*ADFLIGHT, "flights", *arguments, env=ENVIRONMENT, cwd=cwd))


def test_from_a_template_to_a_checked_file(file: Path) -> None:
    made = adflight("template", str(file))
    assert (made.code, made.out) == (0, "")
    assert file.read_text() == template(COLUMNS)
    done = adflight("check", str(file))
    assert (done.code, done.err) == (0, "")
    assert done.out == (f"{file}: CSV in UTF-8, separated by commas\n2 flights in 1 insertion order; no problems\n")
    again = adflight("template", str(file))
    assert (again.code, again.out) == (2, "")
    assert "expected the name of a file that does not exist yet" in again.err


def test_what_cannot_be_declared_is_said_of_the_option(file: Path) -> None:
    done = adflight("check", str(file), "--thousands", ",", "--decimal", ",")
    assert (done.code, done.out) == (2, "")
    assert done.err == "adflight: --thousands=',': expected another mark than that of decimals\n"


def test_a_template_goes_to_standard_output_too() -> None:
    done = adflight("template", "--json-lines", "--all-columns")
    assert (done.code, done.err) == (0, "")
    assert done.out == template(COLUMNS, json_lines=True, all_columns=True)


def test_the_page_about_the_columns() -> None:
    done = adflight("columns", "--vendor", "iqm")
    assert (done.code, done.out, done.err) == (0, documentation(COLUMNS), "")


def test_another_vendors_file(file: Path) -> None:
    freewheel = columns_for("freewheel")
    assert adflight("columns", "--vendor", "freewheel").out == documentation(freewheel)
    assert adflight("template", str(file), "--vendor", "freewheel").code == 0
    assert file.read_text() == template(freewheel)
    done = adflight("check", str(file), "--vendor", "freewheel")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("2 flights in 2 insertion orders; no problems\n")


def test_all_that_is_wrong_is_shown(file: Path) -> None:
    file.write_text(GERMAN, encoding="utf-8-sig")
    done = adflight("check", str(file))
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0] == (f"adflight: {file} (CSV in UTF-8 with a byte-order mark, separated by semicolons): 4 problems")
    assert [line.partition("=")[0] for line in lines[1:]] == [
        "  row 2, start_time",
        "  row 2, max_bid",
        "  row 3, start_time",
        "  row 3, max_bid",
    ]


def test_declarations_make_a_file_readable(file: Path) -> None:
    file.write_text(GERMAN, encoding="windows-1252")
    done = adflight("check", str(file), *DECLARED, "--encoding", "windows-1252")
    assert done.code == 0
    assert done.out == (
        f"{file}: CSV in windows-1252, separated by semicolons\n2 flights in 1 insertion order; no problems\n"
    )
    assert done.err.startswith("warning: row 3, campaign_name='Süd': expected a name of its own: row 2 has the same")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "nothing.csv"), "expected a file that exists"),
        (("check", "."), "expected a file"),
        (("check", "nothing.csv", "--zone", "Mars"), "zone='Mars': expected an IANA name"),
        (("check", "nothing.csv", "--decimal", "x"), "decimal='x'"),
        (("check", "nothing.csv", "--separator", "ab"), "separator='ab'"),
        (("check",), "FILE"),
        (("check", "--bogus"), "there is no option --bogus"),
        (("check", "--bogus", "flights.csv"), "there is no option --bogus"),
        (("check", "flights.csv", "--bogus"), "--bogus"),
        (("template", "--vendor", "acme"), "iqm"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = adflight(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_standard_input() -> None:
    done = asyncio.run(run(*ADFLIGHT, "flights", "check", "-", env=ENVIRONMENT, stdin=template(COLUMNS)))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("standard input: CSV in UTF-8")


def test_many_warnings_are_counted(file: Path) -> None:
    rows = (f"{number},Spring,Same" for number in range(command.SHOWN + 3))
    file.write_text("\n".join(["key,io_name,campaign_name", *rows]))
    done = adflight("check", str(file))
    assert done.code == 0
    assert len(done.err.splitlines()) == command.SHOWN + 1
    assert done.err.endswith("and 2 more warnings\n")


def test_help_reads_no_columns() -> None:
    program = (
        "import sys; from adflight.cli.app import app; app(['--help'], result_action='return_value');"
        "print(*sorted(name for name in sys.modules if name.startswith('adflight.flights')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "flights" in done.stdout
    assert done.stderr.strip() == ""


def test_another_vendors_columns(file: Path) -> None:
    made = adflight("template", str(file), "--vendor", "freewheel")
    assert made.err.endswith(f"adflight flights check {file} --vendor freewheel\n")
    done = adflight("check", str(file))
    assert done.code == 2
    assert done.err.count("expected") == 1
    assert "expected columns of iqm; these are of freewheel: choose --vendor freewheel, or a profile of it" in done.err
    file.write_text(template(COLUMNS))
    assert "these are of iqm: choose --vendor iqm" in adflight("check", str(file), "--vendor", "freewheel").err
