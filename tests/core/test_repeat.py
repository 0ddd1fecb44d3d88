from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adflight.core.answers import Headers
from adflight.core.repeat import (
    MAX_PAUSE,
    Action,
    Event,
    backoff,
    decide,
    harmless,
    pause_after_429,
    retry_after,
)
from adflight_api.runtime import Repeat

# what the design says, row by row: for harmless requests, and for those that add or buy
RULES: dict[Event, tuple[Action, Action]] = {
    "not sent": ("repeat", "repeat"),
    "timeout": ("repeat", "unknown"),
    "broken": ("repeat", "unknown"),
    "server error": ("repeat", "unknown"),
    "undecodable": ("repeat", "unknown"),
    "unusable": ("raise", "unknown"),
    "unauthorized": ("renew", "renew"),
    "rate limited": ("repeat", "repeat"),
    "refused": ("raise", "raise"),
}


CASES = list(product(get_args(Event), get_args(Repeat)))


def test_every_event_has_a_rule() -> None:
    assert set(RULES) == set(get_args(Event))


@pytest.mark.parametrize(("event", "repeat"), CASES)
def test_rules(event: Event, repeat: Repeat) -> None:
    expected = RULES[event][0 if harmless(repeat) else 1]
    assert decide(repeat, event, attempts_left=3, renewable=True) == expected


@pytest.mark.parametrize(("event", "repeat"), CASES)
def test_the_last_attempt_is_not_repeated_and_not_forgotten(event: Event, repeat: Repeat) -> None:
    action = decide(repeat, event, attempts_left=0, renewable=False)
    expected = RULES[event][0 if harmless(repeat) else 1]
    assert action == ("unknown" if expected == "unknown" else "raise")


def test_a_token_is_renewed_even_after_the_last_attempt() -> None:
    assert decide("create", "unauthorized", attempts_left=0, renewable=True) == "renew"


def test_harmless() -> None:
    assert [harmless(repeat) for repeat in get_args(Repeat)] == [True, True, False, False]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff_is_bounded(attempt: int, random: float) -> None:
    assert 0 <= backoff(attempt, lambda: random) <= min(20.0, 0.5 * 2 ** min(attempt - 1, 20))


def test_backoff_doubles() -> None:
    assert [backoff(attempt, lambda: 1.0) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 20, 20]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_never_near_zero(attempt: int, random: float) -> None:
    assert 2.5 <= pause_after_429(attempt, lambda: random) <= 60.0


NOW = 1_792_324_800.0  # Sun, 18 Oct 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("86400", MAX_PAUSE),
        ("9" * 400, MAX_PAUSE),
        ("Sun, 18 Oct 2026 12:00:30 GMT", 30.0),
        ("Sun, 18 Oct 2026 12:00:30 -0000", 30.0),
        ("Sun, 18 Oct 2026 14:00:30 +0200", 30.0),
        ("Sun, 18 Oct 2026 11:00:00 GMT", 0.0),
        ("Sun, 18 Oct 2099 11:00:00 GMT", MAX_PAUSE),
        ("-5", None),
        ("soon", None),
        ("", None),
        (".", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(Headers({"Retry-After": text}), NOW) == seconds


def test_no_retry_after() -> None:
    assert retry_after(Headers({}), NOW) is None


@given(st.one_of(st.text(), st.from_regex(r"[A-Z][a-z]{2}, \d{1,6} Oct \d{1,9} \d\d:\d\d:\d\d .{0,9}")))
def test_any_retry_after_is_read_or_ignored(text: str) -> None:
    seconds = retry_after(Headers({"Retry-After": text}), NOW)
    assert seconds is None or 0 <= seconds <= MAX_PAUSE
