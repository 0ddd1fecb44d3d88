from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adflight.core.errors import InvalidFile
from adflight.core.problems import LONGEST, Problem, shown


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(3, "max_bid", "'x'", "a number"), "row 3, max_bid='x': expected a number"),
        (Problem(3, "key", None, "a name"), "row 3, key: expected a name"),
        (Problem(3, None, "'x;y'", "two cells"), "row 3, 'x;y': expected two cells"),
        (Problem(3, None, None, "two cells"), "row 3: expected two cells"),
        (Problem(None, None, None, "CSV"), "expected CSV"),
    ],
)
def test_a_problem_says_where_what_and_what_instead(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_values_are_shown_in_one_short_line() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert shown(Decimal("1.50")) == "1.50"
    assert shown(datetime(2027, 3, 1, tzinfo=UTC)) == "2027-03-01 00:00:00+00:00"
    assert shown(["a"]) == "['a']"
    for endless in ("x" * 10**6, ["x"] * 10**5):
        assert len(shown(endless)) == LONGEST
        assert shown(endless).endswith("…")


def test_a_file_with_a_problem_says_all_of_it() -> None:
    problem = Problem(3, "max_bid", "'x'", "a number")
    error = InvalidFile("flights.csv", [problem], detected="CSV in UTF-8")
    assert str(error) == "flights.csv (CSV in UTF-8): 1 problem\n  row 3, max_bid='x': expected a number"
    assert (error.problems, error.count, error.detected) == ((problem,), 1, "CSV in UTF-8")
    assert (error.field, error.value) == ("file", "flights.csv")


def test_a_file_with_many_problems_counts_those_that_it_does_not_show() -> None:
    error = InvalidFile("flights.csv", [Problem(row, "key", None, "a name") for row in range(50)], count=1234)
    lines = str(error).splitlines()
    assert lines[0] == "flights.csv: 1,234 problems"
    assert len(lines) == 1 + InvalidFile.SHOWN + 1
    assert lines[-1] == "  and 1,194 more"
    assert len(error.problems) == 50
