from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from adflight.core.errors import InvalidInput
from adflight.core.options import Options


@pytest.mark.parametrize("name", ["timeout", "connect_timeout", "deadline", "max_attempts"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_times_and_counts_are_positive(name: str, value: float) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(InvalidInput, match=name):
        Options(**settings)


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-B: 2"}, {"X\n": "1"}, {"X-A": "\x00"}])
def test_headers_cannot_smuggle_others(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="one line"):
        Options(headers=headers)
    with pytest.raises(InvalidInput, match="scope"):
        evolve(Options(), scope=headers)


@pytest.mark.parametrize("name", ["headers", "scope"])
def test_what_is_sent_with_every_request_is_shown_nowhere(name: str) -> None:
    kept: dict[str, Any] = {name: {"X-Api-Key": "sk-live-abc"}}
    # as read from a file
    refused: dict[str, Any] = {name: {"X-Api-Key": "sk-live-abc\n"}}
    with pytest.raises(InvalidInput, match=r"X-Api-Key.*one line") as raised:
        Options(**refused)
    for shown in (repr(Options(**kept)), str(raised.value), repr(raised.value), repr(vars(raised.value))):
        assert "sk-live" not in shown


def test_what_becomes_of_partial_answers_is_one_of_two() -> None:
    wrong: Any = "retrun"
    with pytest.raises(InvalidInput, match=r"partial='retrun': expected 'raise' or 'return'"):
        Options(partial=wrong)


def test_options_do_not_change() -> None:
    options: Any = Options()
    with pytest.raises(FrozenInstanceError):
        options.timeout = 1
    assert evolve(options, deadline=5.0) == Options(deadline=5.0)
