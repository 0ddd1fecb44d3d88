from __future__ import annotations

import pytest
from cyclopts import CycloptsError

from adflight.cli.app import app
from adflight.cli.misread import words_for


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "--run", "x"], "--run='x': expected a whole number"),
        (["apply", "f.csv", "--wait", "soon"], "--wait='soon': expected a number"),
        (["keys", "bind", "a", "x", "--kind", "campaign"], "ID='x': expected a whole number"),
        (["apply", "f.csv", "--max-budget", "1e3"], "--max-budget: expected an amount of money, such as 5000.00"),
        (["plan", ""], "FILE='': expected the name of a file"),
        (["plan", "f.csv", "htp://foo"], "nothing takes 'htp://foo': it is one too many"),
        (
            ["call", "iqm", "campaigns", "get", "5", "--campaign-id", "6"],
            "nothing takes '5': it is one too many, or an option has given the same already",
        ),
        (["plan", "f.csv", "--refresh", "all"], 'Choose from: "lists", "full".'),
        (["plan", "f.csv", "--bogus"], "Unknown option: --bogus."),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said_in_its_words(arguments: list[str], said: str) -> None:
    with pytest.raises(CycloptsError) as misread:
        app(arguments)
    assert said in words_for(misread.value)
