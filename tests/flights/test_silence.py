from __future__ import annotations

import pytest

from adflight.core.options import CANCELLED, Attempted
from adflight.core.repeat import Event
from adflight.flights.silence import LASTING, SEVERAL, Silence


def ended(outcome: str, at: float, elapsed: float = 0.0, number: int = 1) -> Attempted:
    return Attempted(
        operation="campaigns.create",
        number=number,
        outcome=outcome,
        status=None,
        sent_at=at - elapsed,
        elapsed=elapsed,
        is_watched=True,
        is_apart=False,
    )


def after(*outcomes: str, over: float = LASTING) -> Silence:
    silence = Silence()
    for number, outcome in enumerate(outcomes):
        silence.note(ended(outcome, over * number / max(len(outcomes) - 1, 1)))
    return silence


@pytest.mark.parametrize("outcome", ["not sent", "timeout", "broken"])
def test_several_in_a_row_over_some_time(outcome: str) -> None:
    assert after(*[outcome] * SEVERAL).is_lasting
    assert not after(*[outcome] * (SEVERAL - 1)).is_lasting
    assert not after(*[outcome] * 10 * SEVERAL, over=LASTING - 1).is_lasting, "as when one connection breaks"


@pytest.mark.parametrize("answer", ["answered", "server error", "refused", "rate limited", "unauthorized", "unusable"])
def test_any_answer_ends_it(answer: Event | str) -> None:
    silence = after(*["broken"] * SEVERAL, answer)
    assert (silence.attempts, silence.is_lasting) == (0, False)
    silence.note(ended("broken", 100.0))
    assert silence.attempts == 1


def test_what_was_cut_off_tells_nothing() -> None:
    assert after(*["broken"] * SEVERAL, CANCELLED, over=LASTING * 2).is_lasting
    assert after(CANCELLED).attempts == 0


@pytest.mark.parametrize("first", [1, 3])
def test_one_request_says_nothing_of_the_service_however_often_it_is_sent(first: int) -> None:
    silence = Silence()
    for number in range(first, 20):
        silence.note(ended("timeout", 30.0 * number, number=number))
    assert (silence.is_of_several, silence.is_lasting) == (False, False)
    silence.note(ended("timeout", 700.0, number=1))
    assert (silence.is_of_several, silence.is_lasting) == (True, True)
    silence.note(ended("answered", 700.0))
    for number in range(1, 20):
        silence.note(ended("timeout", 700.0 + number, number=number))
    assert not silence.is_of_several


def test_it_begins_when_the_first_was_given_up() -> None:
    silence = Silence()
    for number in range(SEVERAL):
        silence.note(ended("timeout", 30.0 + number, elapsed=30.0))
    assert not silence.is_lasting, "they were sent at the same time"


def test_it_is_said_in_words() -> None:
    assert str(after("broken").error()) == ("the service cannot be reached any more: the last attempt was not answered")
    assert "the last 1,200 attempts were not answered" in str(after(*["not sent"] * 1200).error())
